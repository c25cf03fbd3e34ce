//! The elements of a plot: a list of marks in pixels, painted by role. The SVG and the PNG of a
//! plot are written from the same list.

use crate::format;
use metrics::Direction;

/// Longer names are cut in plots; the table has them whole.
const NAME_LENGTH_MAX: usize = 24;

/// Medium that a plot is drawn for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// The report and the screen: 940 pixels wide, color, light and dark.
    #[default]
    Screen,
    /// A column of a paper: 3.3 inches wide, text of 7 points, shades of grey and dashes.
    Paper,
}

impl Style {
    /// Width in pixels of 1/96 inch.
    pub const fn width(self) -> f64 {
        match self {
            Self::Screen => 940.0,
            Self::Paper => 316.8,
        }
    }

    /// Size of text in pixels.
    pub(super) const fn text(self) -> f64 {
        match self {
            Self::Screen => 13.0,
            Self::Paper => 28.0 / 3.0,
        }
    }

    /// Width of the lines of series.
    pub(super) const fn line(self) -> f64 {
        match self {
            Self::Screen => 2.0,
            Self::Paper => 1.2,
        }
    }

    /// A length given for the screen.
    pub(super) fn scaled(self, length: f64) -> f64 {
        length * self.text() / Self::Screen.text()
    }
}

/// Meaning of a mark, which decides its color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// Text and axes.
    Ink,
    /// Lesser text, frames.
    Quiet,
    /// Grid lines, and what is absent.
    Grid,
    /// The n-th series.
    Series(usize),
    /// A share in percent, as in heat maps.
    Heat(u8),
}

/// Part of a text that stands at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Weight of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Normal,
    Bold,
}

/// Turn of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Across,
    /// From bottom to top.
    Up,
}

/// A text; it is centered on the height of its position.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) content: String,
    pub(super) size: f64,
    pub(super) paint: Paint,
    pub(super) anchor: Anchor,
    pub(super) weight: Weight,
    pub(super) turn: Turn,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// One mark.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// A line; that of a series has the series' dashes.
    Line {
        points: Vec<(f64, f64)>,
        paint: Paint,
        width: f64,
        dashed: bool,
    },
    /// A filled rectangle.
    Fill { area: Area, paint: Paint },
    /// Text.
    Text(Text),
    /// A raster of shares in percent, in rows of equal length; nothing where there is none.
    Raster {
        area: Area,
        rows: Vec<Vec<Option<u8>>>,
    },
}

/// Marks on a page of a size in pixels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    pub(super) style: Style,
    pub(super) height: f64,
    pub(super) marks: Vec<Mark>,
}

impl Scene {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            height: 0.0,
            marks: Vec::new(),
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.style.width()
    }

    /// A line without dashes.
    pub(super) fn line(&mut self, points: Vec<(f64, f64)>, paint: Paint, width: f64) {
        self.marks.push(Mark::Line {
            points,
            paint,
            width,
            dashed: false,
        });
    }

    /// The line of a series, with its dashes; a plain one in ink if it belongs to none.
    pub(super) fn series(&mut self, points: Vec<(f64, f64)>, index: Option<usize>) {
        self.marks.push(Mark::Line {
            points,
            paint: paint(index),
            width: self.style.line(),
            dashed: true,
        });
    }

    pub(super) fn fill(&mut self, area: Area, paint: Paint) {
        self.marks.push(Mark::Fill { area, paint });
    }

    /// Text of the usual size.
    pub(super) fn text(&mut self, at: (f64, f64), text: &str, paint: Paint, anchor: Anchor) {
        self.marks.push(Mark::Text(Text {
            x: at.0,
            y: at.1,
            content: text.to_owned(),
            size: self.style.text(),
            paint,
            anchor,
            weight: Weight::Normal,
            turn: Turn::Across,
        }));
    }

    /// Text of the usual size in bold, from its beginning.
    pub(super) fn heading(&mut self, at: (f64, f64), text: &str) {
        self.text(at, text, Paint::Ink, Anchor::Start);
        if let Some(Mark::Text(text)) = self.marks.last_mut() {
            text.weight = Weight::Bold;
        }
    }

    /// The better direction of the whole plot, beside its title. A paper says it in its caption.
    pub(super) fn better(&mut self, words: &str) {
        if self.style == Style::Screen && !words.is_empty() {
            let at = (self.width() - 12.0, 22.0);
            self.text(at, words, Paint::Quiet, Anchor::End);
        }
    }

    /// The heading of a panel, with the better direction of what it shows at its right end; only an
    /// arrow where there is no room for words.
    pub(super) fn panel_heading(
        &mut self,
        y: f64,
        heading: &str,
        better: impl Into<Option<Direction>>,
    ) {
        let margin = self.style.scaled(12.0);
        let (arrow, words) = match better.into() {
            Some(Direction::Higher) => ("↑", "↑ higher is better"),
            Some(Direction::Lower) => ("↓", "↓ lower is better"),
            Some(Direction::None) => ("", "neither direction is better"),
            None => ("", ""),
        };
        self.heading((margin, y), heading);
        // Bold letters are wider by a tenth.
        let taken = text_width(heading, self.style.text()) * 1.1 + 3.0 * margin;
        let room = self.width() - taken;
        let fits = text_width(words, self.style.text()) <= room;
        let words = if fits { words } else { arrow };
        if !words.is_empty() {
            let at = (self.width() - margin, y);
            self.text(at, words, Paint::Quiet, Anchor::End);
        }
    }

    /// A note below everything that was drawn so far, in as many lines as it needs.
    pub(super) fn note(&mut self, text: &str) {
        let margin = self.style.scaled(12.0);
        let room = self.width() - 2.0 * margin;
        let mut line = String::new();
        for word in text.split(' ') {
            let longer = text_width(&line, self.style.text())
                + text_width(word, self.style.text())
                + self.style.text();
            if !line.is_empty() && longer > room {
                self.note_line(&line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.note_line(&line);
    }

    fn note_line(&mut self, line: &str) {
        let at = (
            self.style.scaled(12.0),
            self.height + self.style.scaled(8.0),
        );
        self.text(at, line, Paint::Quiet, Anchor::Start);
        self.height += self.style.scaled(17.0);
    }

    /// The plot's title, where it has room for one: a paper has captions. Gives the height taken.
    pub(super) fn title(&mut self, text: &str) -> f64 {
        if self.style == Style::Paper {
            return 4.0;
        }
        self.heading((12.0, 22.0), text);
        if let Some(Mark::Text(text)) = self.marks.last_mut() {
            text.size = 17.0;
        }
        40.0
    }
}

/// The paint of a series; ink for a line that is none.
pub(super) fn paint(index: Option<usize>) -> Paint {
    index.map_or(Paint::Ink, Paint::Series)
}

/// A name as it stands in a plot.
pub(super) fn name(name: &str) -> String {
    format::shortened(&format::clean(name), NAME_LENGTH_MAX)
}

/// Width in pixels that suffices for `text`: six tenths of its size per character is what wide
/// fonts take on average.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.6
}

/// Moves labels apart to `gap` at least, in their order from top to bottom, within `top..=bottom`
/// where they fit. Gives the position of each.
pub(super) fn spread(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]).then(a.cmp(&b)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_moved_apart_and_stay_inside() {
        let check = |wanted: &[f64], expected: &[f64]| {
            assert_eq!(spread(wanted, 10.0, 0.0, 100.0), expected, "{wanted:?}");
        };
        check(&[], &[]);
        check(&[50.0], &[50.0]);
        check(&[50.0, 50.0, 50.0], &[50.0, 60.0, 70.0]);
        check(&[52.0, 50.0], &[60.0, 50.0]);
        check(&[100.0, 98.0, 20.0], &[100.0, 90.0, 20.0]);
        check(&[-5.0, 0.0], &[0.0, 10.0]);
    }
}
