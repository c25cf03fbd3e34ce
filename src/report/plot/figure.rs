//! Layout of a plot from top to bottom: its title, headings, planes with axes that plotters draws,
//! legends and notes.

use std::cell::RefCell;
use std::convert::Infallible;
use std::iter;
use std::rc::Rc;

use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition, SeriesLabelPosition};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{DynElement, EmptyElement, IntoDynElement, PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle};
use plotters_backend::BackendCoord;

use super::axis::Axis;
use super::scene::{self, Area, Mark, Paint, Scene, Style, units};
use super::{Drawn, Table};
use metrics::Direction;

/// A plane with its axes.
pub(super) type Chart = ChartContext<'static, Scene, Cartesian2d<Axis, Axis>>;

/// A piece of a series beside its name.
pub(super) type Swatch = Box<dyn Fn(BackendCoord) -> DynElement<'static, Scene, BackendCoord>>;

/// Room for the words of an axis below a plane, and with the axis' label.
const TICK_ROOM: f64 = 26.0;
const LABEL_ROOM: f64 = 40.0;
/// Distance from the end of a plane's axis to the next part.
const GAP: f64 = 12.0;
/// Length of a piece of a series in a legend.
const SWATCH: f64 = 36.0;
/// Height of a line of a legend, in sizes of its text.
const LINE: f64 = 1.25;
/// Height of the heading of a plane in a grid.
const HEAD: f64 = 26.0;

/// Lines across a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mesh {
    None,
    /// At the ticks of the upright axis.
    Rows,
    /// At the ticks of the axis below.
    Columns,
}

/// A plot that is being drawn.
pub(super) struct Figure {
    pub(super) style: Style,
    /// Height that is taken.
    pub(super) top: f64,
    scene: Rc<RefCell<Scene>>,
    root: DrawingArea<Scene, Shift>,
}

/// The result of drawing, which takes every mark.
pub(super) fn sure<T>(drawn: Result<T, DrawingAreaErrorKind<Infallible>>) -> T {
    drawn.expect("invariant: a scene takes every mark")
}

impl Figure {
    /// A plot with its title, where it has room for one: a paper has captions.
    pub(super) fn new(style: Style, title: &str) -> Self {
        let scene = Rc::new(RefCell::new(Scene {
            style,
            ..Scene::default()
        }));
        let mut figure = Self {
            style,
            top: 4.0,
            root: DrawingArea::from(&scene),
            scene,
        };
        if style == Style::Screen {
            figure.top = 40.0;
            figure.words((12.0, 22.0), title, &text_style(17.0, Paint::Ink, true));
        }
        figure
    }

    /// A note below a plot that was drawn.
    pub(super) fn note_below(scene: &mut Scene, text: &str) {
        let style = scene.style;
        let mut figure = Self::new(style, "");
        figure.top = scene.height;
        *figure.scene.borrow_mut() = std::mem::take(scene);
        figure.note(text);
        figure.top += style.scaled(6.0);
        *scene = figure.finish(String::new(), Table::default()).scene;
    }

    /// The better direction of the whole plot, beside its title. A paper says it in its caption.
    pub(super) fn better(&self, words: &str) {
        if self.style == Style::Screen {
            let at = (self.style.width() - 12.0, 22.0);
            self.text(at, words, Paint::Quiet, HPos::Right);
        }
    }

    /// The plot, with its description in words and the data behind it.
    pub(super) fn finish(self, description: String, table: Table) -> Drawn {
        let scene = Scene {
            height: self.top,
            ..self.scene.take()
        };
        Drawn {
            scene,
            description,
            table,
        }
    }

    fn words(&self, at: (f64, f64), words: &str, style: &TextStyle<'_>) {
        let at = (units(at.0), units(at.1));
        sure(self.root.draw_text(words, style, at));
    }

    /// Text of the usual size.
    pub(super) fn text(&self, at: (f64, f64), words: &str, paint: Paint, anchor: HPos) {
        let style = text_style(self.style.text(), paint, false);
        self.words(at, words, &style.pos(Pos::new(anchor, VPos::Center)));
    }

    /// Text of the usual size in bold, from its beginning.
    pub(super) fn heading(&self, at: (f64, f64), words: &str) {
        self.words(at, words, &text_style(self.style.text(), Paint::Ink, true));
    }

    /// A line of a width.
    pub(super) fn line(&self, points: &[(f64, f64)], paint: Paint, width: f64) {
        let points = points.iter().map(|&(x, y)| (units(x), units(y)));
        let points: Vec<BackendCoord> = points.collect();
        let line = PathElement::new(points, stroke(paint, width));
        sure(self.root.draw(&line));
    }

    /// A rectangle.
    pub(super) fn fill(&self, area: Area, paint: Paint) {
        let corner = (units(area.x), units(area.y));
        let other = (units(area.x + area.width), units(area.y + area.height));
        let rectangle = Rectangle::new([corner, other], paint.filled());
        sure(self.root.draw(&rectangle));
    }

    /// A raster of shares in percent.
    pub(super) fn raster(&self, area: Area, rows: Vec<Vec<Option<u8>>>) {
        let marks = &mut self.scene.borrow_mut().marks;
        marks.push(Mark::Raster { area, rows });
    }

    /// The heading of a panel, with the better direction of what it shows at its right end; only an
    /// arrow where there is no room for words.
    pub(super) fn panel_heading(&mut self, heading: &str, better: Option<Direction>) {
        let (style, y) = (self.style, self.top + self.style.scaled(14.0));
        let margin = style.scaled(12.0);
        let (arrow, words) = match better {
            Some(Direction::Higher) => ("↑", "↑ higher is better"),
            Some(Direction::Lower) => ("↓", "↓ lower is better"),
            Some(Direction::None) => ("", "neither direction is better"),
            None => ("", ""),
        };
        self.heading((margin, y), heading);
        // Bold letters are wider by a tenth.
        let room = style.width() - style.text_width(heading) * 1.1 - 3.0 * margin;
        let fits = style.text_width(words) <= room;
        let words = if fits { words } else { arrow };
        let end = (style.width() - margin, y);
        self.text(end, words, Paint::Quiet, HPos::Right);
        self.top += style.scaled(32.0);
    }

    /// A note below everything that was drawn so far, in as many lines as it needs.
    pub(super) fn note(&mut self, text: &str) {
        let (style, margin) = (self.style, self.style.scaled(12.0));
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ') {
            let longer = lines.last().map(|line| format!("{line} {word}"));
            let room = style.width() - 2.0 * margin;
            match longer.filter(|line| style.text_width(line) <= room) {
                Some(longer) => _ = lines.splice(lines.len() - 1.., [longer]),
                None => lines.push(word.to_owned()),
            }
        }
        for line in lines {
            let at = (margin, self.top + style.scaled(8.0));
            self.text(at, &line, Paint::Quiet, HPos::Left);
            self.top += style.scaled(17.0);
        }
    }

    /// A plane with its axes, whose ticks and labels stand beside and below it.
    pub(super) fn chart(&self, plane: Area, x: &Axis, y: &Axis, mesh: Mesh) -> Chart {
        let style = self.style;
        let x = x.thinned(plane.width, style);
        let beside = if y.ticks.is_empty() { 0.0 } else { 10.0 };
        let below = style.scaled(x.room(TICK_ROOM, LABEL_ROOM));
        let area = self.part(Area {
            x: plane.x - beside,
            y: plane.y,
            width: plane.width + beside,
            height: plane.height + below,
        });
        let mut builder = ChartBuilder::on(&area);
        builder.y_label_area_size(units(beside));
        builder.x_label_area_size(units(below));
        let label = x.label.clone();
        let mut chart = sure(builder.build_cartesian_2d(x, y.clone()));
        let mut axes = chart.configure_mesh();
        let thin = style.scaled(1.0);
        axes.axis_style(stroke(Paint::Quiet, thin));
        axes.bold_line_style(stroke(Paint::Grid, thin));
        axes.label_style(text_style(style.text(), Paint::Quiet, false));
        let below = LabelAreaPosition::Bottom;
        axes.set_tick_mark_size(below, units(style.scaled(4.0)));
        let beside = LabelAreaPosition::Left;
        axes.set_tick_mark_size(beside, units(style.scaled(3.0)));
        if mesh != Mesh::Columns {
            axes.disable_x_mesh();
        }
        if mesh != Mesh::Rows {
            axes.disable_y_mesh();
        }
        if !label.is_empty() {
            axes.x_desc(label);
        }
        sure(axes.draw());
        chart
    }

    /// Small planes of the room to their left and the height given, `across` in a row on a screen and
    /// one on paper, each below its name and a remark at the right end.
    pub(super) fn grid(
        &mut self,
        names: &[(String, String)],
        across: usize,
        size: (f64, f64),
        x: impl Fn(usize) -> Axis,
        draw: impl Fn(&Self, usize, Area, &Axis),
    ) {
        let (style, (left, height)) = (self.style, size);
        let across = style.either(across.min(names.len()), 1).max(1);
        let margin = style.scaled(12.0);
        let between = style.scaled(26.0);
        let column = (style.width() - 2.0 * margin + between) / across as f64;
        for (row, pair) in names.chunks(across).enumerate() {
            let mut room = 0.0_f64;
            for (place, (name, remark)) in pair.iter().enumerate() {
                let index = row * across + place;
                let plane = Area {
                    x: margin + place as f64 * column + left,
                    y: self.top + style.scaled(HEAD),
                    width: column - between - left,
                    height,
                };
                let above = plane.y - style.scaled(12.0);
                let end = (plane.x + plane.width, above);
                self.heading((plane.x - left, above), name);
                self.text(end, remark, Paint::Quiet, HPos::Right);
                let x = x(index);
                room = room.max(x.room(TICK_ROOM, LABEL_ROOM));
                draw(self, index, plane, &x);
            }
            self.top += style.scaled(HEAD + room + GAP) + height;
        }
    }

    /// Moves on to what follows a plane with this axis below it.
    pub(super) fn below(&mut self, plane: Area, x: &Axis) {
        let room = x.room(TICK_ROOM, LABEL_ROOM) + GAP;
        self.top = plane.y + plane.height + self.style.scaled(room);
    }

    /// The width of names in a legend with a piece of each series.
    pub(super) fn legend_width(&self, entries: &[(String, Swatch)]) -> f64 {
        let widths = entries.iter().map(|own| self.style.text_width(&own.0));
        widths.fold(0.0, f64::max) + self.style.scaled(SWATCH + 18.0)
    }

    /// The names of series with a piece of each, one below the other.
    pub(super) fn legend_at(&self, at: (f64, f64), entries: Vec<(String, Swatch)>) {
        let area = self.part(Area {
            x: at.0,
            y: at.1,
            width: self.legend_width(&entries),
            height: LINE * self.style.text() * entries.len() as f64,
        });
        let unit = Axis::bare(0.0, 1.0);
        let mut chart = sure(ChartBuilder::on(&area).build_cartesian_2d(unit.clone(), unit));
        for (name, swatch) in entries {
            let nothing = iter::empty::<PathElement<(f64, f64)>>();
            sure(chart.draw_series(nothing)).label(name).legend(swatch);
        }
        let mut labels = chart.configure_series_labels();
        labels.position(SeriesLabelPosition::Coordinate(0, 0));
        labels.margin(0);
        labels.legend_area_size(units(self.style.scaled(SWATCH)));
        let words = text_style(self.style.text(), Paint::Ink, false);
        labels.label_font(words.pos(Pos::default()));
        sure(labels.draw());
    }

    /// A legend of as many columns as fit.
    pub(super) fn legend(&mut self, mut entries: Vec<(String, Swatch)>) {
        let style = self.style;
        let mut left = style.scaled(12.0);
        let fits = |rows: &usize| {
            let columns = entries
                .chunks(*rows)
                .map(|column| self.legend_width(column));
            columns.sum::<f64>() <= style.width() - left
        };
        let rows = (1..entries.len()).find(fits).unwrap_or(entries.len());
        while !entries.is_empty() {
            let rest = entries.split_off(rows.min(entries.len()));
            let width = self.legend_width(&entries);
            self.legend_at((left, self.top), entries);
            left += width;
            entries = rest;
        }
        self.top += LINE * style.text() * rows as f64 + style.scaled(6.0);
    }

    /// A part of the page.
    fn part(&self, area: Area) -> DrawingArea<Scene, Shift> {
        let size = (units(area.width), units(area.height));
        let root = self.root.clone();
        root.shrink((units(area.x), units(area.y)), size)
    }
}

/// A line of a width in pixels.
pub(super) fn stroke(paint: Paint, width: f64) -> ShapeStyle {
    paint.stroke_width(units(width) as u32)
}

fn text_style(size: f64, paint: Paint, is_bold: bool) -> TextStyle<'static> {
    let weight = if is_bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let font = FontDesc::new(FontFamily::SansSerif, f64::from(units(size)), weight);
    TextStyle {
        font,
        color: paint.to_backend_color(),
        pos: Pos::new(HPos::Left, VPos::Center),
    }
}

/// A square of a size in pixels around a place.
pub(super) fn square<C: Clone + 'static>(
    at: C,
    size: f64,
    paint: Paint,
) -> DynElement<'static, Scene, C> {
    let reach = units(size / 2.0);
    let square = Rectangle::new([(-reach, -reach), (reach, reach)], paint.filled());
    (EmptyElement::at(at) + square).into_dyn()
}

/// The place of values on the page, in pixels.
pub(super) fn place(chart: &Chart, at: (f64, f64)) -> (f64, f64) {
    let (x, y) = chart.backend_coord(&at);
    (scene::pixels(x), scene::pixels(y))
}
