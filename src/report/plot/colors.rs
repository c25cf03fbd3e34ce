//! Colors that everyone can tell apart, and dashes for those who can't or print in grey.

use super::scene::{Paint, Style};

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// Behind everything: light and dark.
pub(super) const PAPER: [Rgb; 2] = [[0xff, 0xff, 0xff], [0x16, 0x19, 0x1d]];
const INK: [Rgb; 2] = [[0x1c, 0x1e, 0x21], [0xe8, 0xea, 0xed]];
const QUIET: [Rgb; 2] = [[0x5a, 0x60, 0x68], [0xa9, 0xb0, 0xb8]];
const GRID: [Rgb; 2] = [[0xdf, 0xe2, 0xe6], [0x34, 0x3a, 0x42]];

/// The colors of the series, light and dark: those of Okabe and Ito, which people with any color
/// vision tell apart, with the light ones darkened until they have a contrast of 3:1 to white.
pub(super) const SERIES: [[Rgb; 2]; 8] = [
    [[0x00, 0x72, 0xb2], [0x5b, 0xb8, 0xf0]],
    [[0xd5, 0x5e, 0x00], [0xff, 0x90, 0x48]],
    [[0x00, 0x80, 0x5d], [0x2f, 0xc9, 0x99]],
    [[0xb0, 0x4c, 0x88], [0xe7, 0x9b, 0xcb]],
    [[0x9a, 0x6f, 0x00], [0xee, 0xbb, 0x3a]],
    [[0x4a, 0x4f, 0x57], [0xd5, 0xd9, 0xde]],
    [[0x60, 0x45, 0xa8], [0xb5, 0xa1, 0xf2]],
    [[0x1f, 0x8f, 0xc4], [0x9f, 0xd8, 0xf7]],
];

/// The greys of the series in a paper.
const GREYS: [Rgb; 4] = [[0x00; 3], [0x5c; 3], [0x94; 3], [0x38; 3]];

/// Dashes, in widths of the line, so that a series is known without its color; more series than
/// dashes and colors repeat the one before the other.
const DASHES: [&[f64]; 7] = [
    &[],
    &[3.5, 1.5],
    &[1.0, 1.0],
    &[4.5, 1.5, 1.0, 1.5],
    &[2.0, 1.0],
    &[6.0, 1.5],
    &[4.5, 1.5, 1.0, 1.5, 1.0, 1.5],
];

/// From nothing to everything: ever darker, so that it reads in grey too.
const HEAT: [Rgb; 5] = [
    [0xfd, 0xf3, 0xc8],
    [0xe2, 0xc2, 0x65],
    [0x8d, 0x9b, 0x7c],
    [0x3d, 0x63, 0x84],
    [0x06, 0x22, 0x52],
];

/// The color of a paint on light and on dark ground.
pub(super) fn rgb(paint: Paint, style: Style) -> [Rgb; 2] {
    match (paint, style) {
        (Paint::Ink, Style::Paper) => [[0; 3]; 2],
        (Paint::Ink, Style::Screen) => INK,
        (Paint::Quiet, _) => QUIET,
        (Paint::Grid, _) => GRID,
        (Paint::Series(index) | Paint::Dashes(index), Style::Screen) => {
            SERIES[index % SERIES.len()]
        }
        (Paint::Series(index) | Paint::Dashes(index), Style::Paper) => {
            [GREYS[index % GREYS.len()]; 2]
        }
        (Paint::Own { color, .. }, _) => [color; 2],
    }
}

/// The class by which a style sheet finds a paint.
pub(super) fn class(paint: Paint) -> String {
    match paint {
        Paint::Ink => "ink".to_owned(),
        Paint::Quiet => "quiet".to_owned(),
        Paint::Grid => "grid".to_owned(),
        Paint::Series(index) | Paint::Dashes(index) => format!("series-{}", index % SERIES.len()),
        Paint::Own { .. } => "own".to_owned(),
    }
}

/// The dashes of a line, in its widths.
pub(super) fn dashes(paint: Paint) -> &'static [f64] {
    match paint {
        Paint::Own {
            series,
            has_dashes: true,
            ..
        } => dashes(Paint::Dashes(series)),
        Paint::Dashes(index) => DASHES[(index + index / SERIES.len()) % DASHES.len()],
        _ => &[],
    }
}

/// The color of a share in percent.
pub(super) fn heat(percent: u8) -> Rgb {
    let position = usize::from(percent.min(100)) * (HEAT.len() - 1);
    let (below, part) = (position / 100, (position % 100) as i32);
    let above = (below + 1).min(HEAT.len() - 1);
    let mut color = HEAT[below];
    for (channel, target) in color.iter_mut().zip(HEAT[above]) {
        let mixed = i32::from(*channel) * (100 - part) + i32::from(target) * part;
        *channel = (mixed / 100) as u8;
    }
    color
}

/// Number of colors of series; a series beyond it has the color of another and other dashes.
pub(crate) const SERIES_COLORS: usize = SERIES.len();

/// The colors of the series as variables of a style sheet, light and dark: `--series-0` ….
pub fn series_variables() -> String {
    let variables = |ground: usize| {
        let all = SERIES.iter().enumerate();
        let all = all.map(|(index, color)| format!("--series-{index}: {};", hex(color[ground])));
        all.collect::<Vec<_>>().join(" ")
    };
    format!(
        ":root {{ {} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {} }} }}",
        variables(0),
        variables(1)
    )
}

/// Color as in a style sheet.
pub(super) fn hex([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_many_series_look_alike() {
        let looks: units::SortedSet<(usize, usize)> = (0..56)
            .map(|index| (index % SERIES.len(), (index + index / SERIES.len()) % 7))
            .collect();
        assert_eq!(looks.len(), 56);
        let greys: units::SortedSet<(usize, usize)> = (0..8)
            .map(|index| (index % GREYS.len(), (index + index / SERIES.len()) % 7))
            .collect();
        assert_eq!(greys.len(), 8);
    }

    #[test]
    fn more_heat_is_darker() {
        let light = |percent: u8| {
            let [red, green, blue] = heat(percent).map(u32::from);
            red * 299 + green * 587 + blue * 114
        };
        assert!((1..=100).all(|percent| light(percent) <= light(percent - 1)));
        assert!(light(0) > 2 * light(100));
    }
}
