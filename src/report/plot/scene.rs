//! The elements of a plot: a list of marks in pixels, painted by role. The SVG, the PNG and the PDF
//! of a plot are written from the same list. For plotters it is a canvas like any other.

use super::colors::Rgb;
use std::convert::Infallible;

use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle,
};

use super::font;
use crate::format;

/// Longer names are cut in plots; the table has them whole.
const NAME_LENGTH_MAX: usize = 24;

/// Units to a pixel, as plotters counts in whole numbers: a hundredth of a pixel is not seen.
const UNITS: f64 = 100.0;

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

    /// Width of a text.
    pub(super) fn text_width(self, text: &str) -> f64 {
        font::width(text, self.text())
    }

    /// One of two numbers.
    pub(super) const fn either<T: Copy>(self, screen: T, paper: T) -> T {
        match self {
            Self::Screen => screen,
            Self::Paper => paper,
        }
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
    /// The n-th series as a line, which has dashes of its own.
    Dashes(usize),
    /// A series in a color of the reader's choice.
    Own {
        /// The series.
        series: usize,
        /// True of a line.
        has_dashes: bool,
        /// The color, on any ground.
        color: Rgb,
    },
}

impl Color for Paint {
    /// The role itself in place of a color: what is written of a scene has the colors of its own ground.
    fn to_backend_color(&self) -> BackendColor {
        let (role, number) = match *self {
            Self::Ink => (0, 0),
            Self::Quiet => (1, 0),
            Self::Grid => (2, 0),
            Self::Series(index) => (3, index),
            Self::Dashes(index) => (4, index),
            Self::Own {
                series, has_dashes, ..
            } => (if has_dashes { 4 } else { 3 }, series),
        };
        let [high, low] = (number as u16).to_be_bytes();
        BackendColor {
            alpha: 1.0,
            rgb: (role, high, low),
        }
    }
}

impl From<BackendColor> for Paint {
    fn from(color: BackendColor) -> Self {
        let (role, high, low) = color.rgb;
        let number = usize::from(u16::from_be_bytes([high, low]));
        match role {
            0 => Self::Ink,
            1 => Self::Quiet,
            2 => Self::Grid,
            3 => Self::Series(number),
            _ => Self::Dashes(number),
        }
    }
}

/// Part of a text that stands at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
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
    pub(super) is_bold: bool,
}

impl Text {
    /// The place where it begins.
    pub(super) fn start(&self) -> f64 {
        let width = font::width(&self.content, self.size);
        match self.anchor {
            Anchor::Start => self.x,
            Anchor::Middle => self.x - width / 2.0,
            Anchor::End => self.x - width,
        }
    }
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// The rectangle between two corners.
    pub(super) fn between(one: BackendCoord, other: BackendCoord) -> Self {
        let ((left, right), (top, bottom)) = ((one.0, other.0), (one.1, other.1));
        Self {
            x: pixels(left.min(right)),
            y: pixels(top.min(bottom)),
            width: pixels((right - left).abs()),
            height: pixels((bottom - top).abs()),
        }
    }
}

/// One mark.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// A line.
    Line {
        points: Vec<(f64, f64)>,
        paint: Paint,
        width: f64,
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
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scene {
    pub(super) style: Style,
    pub(super) height: f64,
    pub(super) marks: Vec<Mark>,
}

impl Scene {
    /// Gives a series a color.
    pub(super) fn recolor(&mut self, series: usize, color: Rgb) {
        for mark in &mut self.marks {
            let paint = match mark {
                Mark::Line { paint, .. } | Mark::Fill { paint, .. } => paint,
                Mark::Text(text) => &mut text.paint,
                Mark::Raster { .. } => continue,
            };
            let has_dashes = *paint == Paint::Dashes(series);
            if has_dashes || *paint == Paint::Series(series) {
                *paint = Paint::Own {
                    series,
                    has_dashes,
                    color,
                };
            }
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.style.width()
    }
}

/// Outcome of drawing on a scene, which takes every mark.
type Outcome<T = ()> = Result<T, DrawingErrorKind<Infallible>>;

impl DrawingBackend for Scene {
    type ErrorType = Infallible;

    /// The width, and more height than any plot takes: it ends where its last part does.
    fn get_size(&self) -> (u32, u32) {
        (units(self.width()) as u32, i32::MAX as u32)
    }

    fn ensure_prepared(&mut self) -> Outcome {
        Ok(())
    }

    fn present(&mut self) -> Outcome {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Outcome {
        self.draw_rect(point, (point.0 + 1, point.1 + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Outcome {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Outcome {
        let points = path.into_iter().map(|(x, y)| (pixels(x), pixels(y)));
        let mut points: Vec<(f64, f64)> = points.collect();
        points.dedup();
        if points.len() > 1 && style.color().alpha > 0.0 {
            self.marks.push(Mark::Line {
                points,
                paint: style.color().into(),
                width: f64::from(style.stroke_width()) / UNITS,
            });
        }
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Outcome {
        if fill && style.color().alpha > 0.0 {
            self.marks.push(Mark::Fill {
                area: Area::between(upper_left, bottom_right),
                paint: style.color().into(),
            });
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        at: BackendCoord,
    ) -> Outcome {
        if text.is_empty() {
            return Ok(());
        }
        let size = style.size() / UNITS;
        // Letters are nearly eight tenths of their size high.
        let half = size * 0.4;
        let anchor = style.anchor();
        self.marks.push(Mark::Text(Text {
            x: pixels(at.0),
            y: pixels(at.1)
                + match anchor.v_pos {
                    VPos::Top => half,
                    VPos::Center => 0.0,
                    VPos::Bottom => -half,
                },
            content: text.to_owned(),
            size,
            paint: style.color().into(),
            anchor: match anchor.h_pos {
                HPos::Left => Anchor::Start,
                HPos::Center => Anchor::Middle,
                HPos::Right => Anchor::End,
            },
            is_bold: matches!(style.style(), FontStyle::Bold),
        }));
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Outcome<(u32, u32)> {
        let width = font::width(text, style.size());
        Ok((width.ceil() as u32, style.size().ceil() as u32))
    }
}

/// The paint of a series' line; ink for a line that is none's.
pub(super) fn paint(index: Option<usize>) -> Paint {
    index.map_or(Paint::Ink, Paint::Dashes)
}

/// A length in pixels as plotters counts it.
pub(super) fn units(pixels: f64) -> i32 {
    (pixels * UNITS).round() as i32
}

/// A length as plotters counts it, in pixels.
pub(super) fn pixels(units: i32) -> f64 {
    f64::from(units) / UNITS
}

/// A name as it stands in a plot.
pub(super) fn name(name: &str) -> String {
    format::shortened(&format::clean(name), NAME_LENGTH_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_pass_through_plotters() {
        let all = [Paint::Ink, Paint::Quiet, Paint::Grid];
        let series = [Paint::Series(0), Paint::Series(300), Paint::Dashes(7)];
        for paint in all.into_iter().chain(series) {
            assert_eq!(Paint::from(paint.to_backend_color()), paint);
        }
    }
}
