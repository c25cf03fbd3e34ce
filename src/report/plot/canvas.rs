//! What all plots share: size, fonts, colors that everyone can tell apart, labels that do not
//! overlap, and the finishing of the SVG.
//!
//! Drawing is done in quarter pixels, since the library rounds to whole units. Colors are drawn as
//! marks of their role; finishing gives each mark a class, so that a style sheet inside the SVG can
//! exchange them in the dark, and gives each series its dashes.

use std::fmt::Write as _;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, RGBColor, TextStyle};

use crate::report::format;
use crate::report::plot::{DrawError, Drawing, PlotEntry};

/// Units of drawing per pixel at the natural size.
pub(super) const SCALE: i32 = 4;

/// Text size in pixels.
pub(super) const TEXT_SIZE: i32 = 13;

/// Distance of direct labels in pixels.
pub(super) const LABEL_GAP: i32 = 18;

/// Longer names are cut in plots; the table has them whole.
pub(super) const NAME_LENGTH_MAX: usize = 24;

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(0x1c, 0x1e, 0x21);
/// Lesser text.
pub(super) const QUIET: RGBColor = RGBColor(0x5a, 0x60, 0x68);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xdf, 0xe2, 0xe6);
/// Behind everything.
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// Role, color in light (the one drawn with), color in the dark.
const ROLES: [(&str, RGBColor, &str); 4] = [
    ("ink", INK, "#e8eaed"),
    ("quiet", QUIET, "#a9b0b8"),
    ("grid", GRID, "#343a42"),
    ("paper", PAPER, "#16191d"),
];

/// The colors of the series, light and dark: those of Okabe and Ito, which people with any color
/// vision tell apart, with the light ones darkened until they have a contrast of 3:1 to white.
const SERIES: [(RGBColor, &str); 8] = [
    (RGBColor(0x00, 0x72, 0xb2), "#5bb8f0"),
    (RGBColor(0xd5, 0x5e, 0x00), "#ff9048"),
    (RGBColor(0x00, 0x80, 0x5d), "#2fc999"),
    (RGBColor(0xb0, 0x4c, 0x88), "#e79bcb"),
    (RGBColor(0x9a, 0x6f, 0x00), "#eebb3a"),
    (RGBColor(0x4a, 0x4f, 0x57), "#d5d9de"),
    (RGBColor(0x60, 0x45, 0xa8), "#b5a1f2"),
    (RGBColor(0x1f, 0x8f, 0xc4), "#9fd8f7"),
];

/// Dashes in pixels, so that a series is known without its color; more series than dashes and
/// colors repeat the one before the other.
const DASHES: [&[i32]; 7] = [
    &[],
    &[7, 3],
    &[2, 2],
    &[9, 3, 2, 3],
    &[4, 2],
    &[12, 3],
    &[9, 3, 2, 3, 2, 3],
];

/// A drawing surface in quarter pixels.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws into a new SVG of the given size in pixels.
pub(super) fn draw(
    (width, height): (i32, i32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawError>,
) -> Result<String, DrawError> {
    let mut svg = String::new();
    {
        let size = ((width * SCALE) as u32, (height * SCALE) as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&PAPER)?;
        draw(&area)?;
        area.present()?;
    }
    Ok(svg)
}

/// The color that stands for series `index`. The last bits tell a repeated color from its first
/// use.
pub(super) fn series_color(index: usize) -> RGBColor {
    let RGBColor(red, green, blue) = SERIES[index % SERIES.len()].0;
    RGBColor(red, green, blue ^ (index / SERIES.len() % 16) as u8)
}

/// Text of the given size in pixels.
pub(super) fn text(size: i32, color: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    // Finishing undoes the factor that the library divides by.
    let size = f64::from(size * SCALE) * 1.24;
    let mut style = TextStyle::from((FontFamily::Name("Helvetica, Arial, sans-serif"), size));
    style.color = color.to_backend_color();
    style.pos(Pos::new(horizontal, VPos::Center))
}

/// The same in bold.
pub(super) fn bold(size: i32, color: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    let mut style = text(size, color, horizontal);
    style.font = style.font.style(FontStyle::Bold);
    style
}

/// A name as it stands in a plot.
pub(super) fn name(name: &str) -> String {
    format::shortened(&format::clean(name), NAME_LENGTH_MAX)
}

/// Width in pixels that suffices for `text`: six tenths of its size per character is what wide
/// fonts take on average.
pub(super) fn text_width(text: &str, size: i32) -> i32 {
    (text.chars().count() as i32 * size * 6 + 9) / 10
}

/// Moves labels apart to `gap` at least, in their order from top to bottom, within `top..=bottom`
/// where they fit. Gives the position of each.
pub(super) fn spread(wanted: &[i32], gap: i32, top: i32, bottom: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&index| (wanted[index], index));
    let mut placed = wanted.to_vec();
    let mut least = top;
    for &index in &order {
        placed[index] = placed[index].max(least);
        least = placed[index] + gap;
    }
    let mut most = bottom;
    for &index in order.iter().rev() {
        placed[index] = placed[index].min(most);
        most = placed[index] - gap;
    }
    placed
}

/// The least round number that is not below `value`: where an axis ends.
pub(super) fn rounded_up(value: f64) -> f64 {
    if !(value > 0.0 && value < 1e300) {
        return 1.0;
    }
    let mut power = 1.0;
    while power < value {
        power *= 10.0;
    }
    while power / 10.0 >= value {
        power /= 10.0;
    }
    [0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8]
        .into_iter()
        .map(|step| step * power)
        .find(|&step| step >= value)
        .unwrap_or(power)
}

/// Turns what the library drew into the document that is written: natural size, title,
/// description, classes, dashes, colors for the dark.
pub(super) fn finish(entry: &PlotEntry, drawing: &Drawing) -> String {
    let mut svg = classified(&drawing.svg);
    let Some(end) = svg.find('>') else { return svg };
    let head = head(entry, drawing);
    svg.replace_range(..=end, &head);
    svg
}

fn head(entry: &PlotEntry, drawing: &Drawing) -> String {
    let size = |attribute: &str| -> i32 {
        let value = drawing
            .svg
            .split_once(&format!(" {attribute}=\""))
            .map(|(_, rest)| rest);
        value
            .and_then(|rest| rest.split_once('"')?.0.parse().ok())
            .unwrap_or(0)
    };
    let (width, height) = (size("width"), size("height"));
    let mut head = String::new();
    let _ = write!(
        head,
        "<svg class=\"windtunnel-plot\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" \
         xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
         aria-labelledby=\"plot-{name}-title plot-{name}-description\">\n\
         <title id=\"plot-{name}-title\">{}</title>\n\
         <desc id=\"plot-{name}-description\">{}</desc>\n{}",
        width / SCALE,
        height / SCALE,
        escaped(entry.title),
        escaped(&drawing.description),
        style_sheet(),
        name = entry.name,
    );
    head
}

fn style_sheet() -> String {
    let mut sheet = "<style>\n@media screen and (prefers-color-scheme: dark) {\n".to_owned();
    let mut rule = |class: &str, color: &str| {
        let _ = writeln!(
            sheet,
            ".windtunnel-plot .stroke-{class} {{ stroke: {color} }}"
        );
        let _ = writeln!(sheet, ".windtunnel-plot .fill-{class} {{ fill: {color} }}");
    };
    for (role, _, dark) in ROLES {
        rule(role, dark);
    }
    for (index, (_, dark)) in SERIES.iter().enumerate() {
        rule(&format!("series-{index}"), dark);
    }
    sheet.push_str("}\n</style>\n");
    sheet
}

/// Gives every element the class of its color, and every line of a series its dashes.
fn classified(svg: &str) -> String {
    let hex = |RGBColor(red, green, blue): RGBColor| format!("#{red:02X}{green:02X}{blue:02X}");
    let mut svg = svg.to_owned();
    for (role, color, _) in ROLES {
        let color = hex(color);
        for paint in ["fill", "stroke"] {
            let plain = format!(" {paint}=\"{color}\"");
            svg = svg.replace(&plain, &format!("{plain} class=\"{paint}-{role}\""));
        }
    }
    for index in 0..SERIES.len() * 16 {
        let drawn = hex(series_color(index));
        let (color_index, shown) = (
            index % SERIES.len(),
            hex(series_color(index % SERIES.len())),
        );
        let dashes: Vec<String> = DASHES[(index + index / SERIES.len()) % DASHES.len()]
            .iter()
            .map(|length| (length * SCALE).to_string())
            .collect();
        let dashes = match dashes.as_slice() {
            [] => String::new(),
            dashes => format!(" stroke-dasharray=\"{}\"", dashes.join(" ")),
        };
        // Only lines of a series' full width are dashed: leaders are thinner.
        let width = format!(" stroke-width=\"{SERIES_WIDTH}\"");
        let class = format!("class=\"stroke-series-{color_index}\"");
        svg = svg.replace(
            &format!(" stroke=\"{drawn}\"{width}"),
            &format!(" stroke=\"{shown}\" {class}{dashes}{width}"),
        );
        svg = svg.replace(
            &format!(" stroke=\"{drawn}\" stroke-width"),
            &format!(" stroke=\"{shown}\" {class} stroke-width"),
        );
        svg = svg.replace(
            &format!(" fill=\"{drawn}\""),
            &format!(" fill=\"{shown}\" class=\"fill-series-{color_index}\""),
        );
    }
    svg
}

/// Width of a series' line: two pixels.
pub(super) const SERIES_WIDTH: u32 = 2 * SCALE as u32;

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_moved_apart_and_stay_inside() {
        let check = |wanted: &[i32], expected: &[i32]| {
            assert_eq!(spread(wanted, 10, 0, 100), expected, "{wanted:?}");
        };
        check(&[], &[]);
        check(&[50], &[50]);
        check(&[50, 50, 50], &[50, 60, 70]);
        check(&[52, 50], &[60, 50]);
        check(&[100, 98, 20], &[100, 90, 20]);
        check(&[-5, 0], &[0, 10]);
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let check = |value: f64, expected: f64| {
            assert!(
                (rounded_up(value) - expected).abs() < 1e-9 * expected,
                "{value}"
            );
        };
        check(0.0, 1.0);
        check(f64::NAN, 1.0);
        check(1.0, 1.0);
        check(15.2, 20.0);
        check(10.2, 15.0);
        check(93.1, 100.0);
        check(0.031, 0.04);
        check(1e9, 1e9);
    }

    #[test]
    fn no_two_of_many_series_look_alike() {
        let looks: std::collections::BTreeSet<(usize, usize)> = (0..56)
            .map(|index| {
                (
                    index % SERIES.len(),
                    (index + index / SERIES.len()) % DASHES.len(),
                )
            })
            .collect();
        assert_eq!(looks.len(), 56);
    }
}
