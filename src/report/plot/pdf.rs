//! A scene as PDF, for papers: one page of the size of the plot, lines and areas as vectors, text as
//! text in the font of the program, embedded. Equal plots give equal bytes: the file holds no date
//! and no name of a machine.

use pdf_writer::types::{
    CidFontType, FontFlags, LineJoinStyle, SystemInfo, TextRenderingMode, UnicodeCmap,
};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use ttf_parser::GlyphId;

use super::colors::{self, Rgb};
use super::font::{self, FACE};
use super::png::compressed;
use super::scene::{Area, Mark, Paint, Scene, Style, Text};
use units::SortedMap;

/// Points per pixel: 72 to the inch against 96.
const POINTS: f64 = 0.75;

/// Objects of the file, by number from 1.
const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE: Ref = Ref::new(3);
const CONTENT: Ref = Ref::new(4);
const FONT: Ref = Ref::new(5);
const DESCENDANT: Ref = Ref::new(6);
const DESCRIPTOR: Ref = Ref::new(7);
const FONT_FILE: Ref = Ref::new(8);
const TO_UNICODE: Ref = Ref::new(9);
const INFORMATION: Ref = Ref::new(10);

const FONT_NAME: Name<'_> = Name(b"DejaVuSans");
const SYSTEM: SystemInfo<'_> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};

/// The PDF of a scene.
pub(super) fn write(title: &str, scene: &Scene) -> Vec<u8> {
    let mut page = Page {
        content: Content::new(),
        style: scene.style,
        height: scene.height,
        used: SortedMap::new(),
    };
    let whole = Area {
        width: scene.width(),
        height: scene.height,
        ..Area::default()
    };
    page.fill(whole, colors::PAPER[0]);
    for mark in &scene.marks {
        page.draw(mark);
    }
    page.file(title, scene.width())
}

struct Page {
    content: Content,
    style: Style,
    height: f64,
    /// Characters by the glyphs that show them.
    used: SortedMap<u16, char>,
}

impl Page {
    fn draw(&mut self, mark: &Mark) {
        match mark {
            Mark::Line {
                points,
                paint,
                width,
            } => self.line(points, *paint, *width),
            Mark::Fill { area, paint } => self.fill(*area, self.color(*paint)),
            Mark::Text(text) => self.text(text),
            Mark::Raster { area, rows } => self.cells(*area, rows),
        }
    }

    fn color(&self, paint: Paint) -> Rgb {
        colors::rgb(paint, self.style)[0]
    }

    /// A position in points: PDF counts upwards from the bottom.
    fn at(&self, x: f64, y: f64) -> [f32; 2] {
        [points(x), points(self.height - y)]
    }

    fn line(&mut self, line: &[(f64, f64)], paint: Paint, width: f64) {
        let dashes = colors::dashes(paint).iter();
        let dashes = dashes.map(|length| points(length * width));
        let [red, green, blue] = channels(self.color(paint));
        self.content.set_stroke_rgb(red, green, blue);
        self.content.set_line_width(points(width));
        self.content.set_line_join(LineJoinStyle::RoundJoin);
        self.content.set_dash_pattern(dashes, 0.0);
        for (index, &(x, y)) in line.iter().enumerate() {
            let [x, y] = self.at(x, y);
            if index == 0 {
                self.content.move_to(x, y);
            } else {
                self.content.line_to(x, y);
            }
        }
        self.content.stroke();
    }

    fn fill(&mut self, area: Area, color: Rgb) {
        let [x, y] = self.at(area.x, area.y + area.height);
        let [red, green, blue] = channels(color);
        self.content.set_fill_rgb(red, green, blue);
        (self.content).rect(x, y, points(area.width), points(area.height));
        self.content.fill_nonzero();
    }

    fn cells(&mut self, area: Area, rows: &[Vec<Option<u8>>]) {
        let height = area.height / rows.len().max(1) as f64;
        for (y, row) in rows.iter().enumerate() {
            let width = area.width / row.len().max(1) as f64;
            for (x, cell) in row.iter().enumerate() {
                let Some(percent) = cell else { continue };
                let cell = Area {
                    x: area.x + x as f64 * width,
                    y: area.y + y as f64 * height,
                    width,
                    height,
                };
                self.fill(cell, colors::heat(*percent));
            }
        }
    }

    fn text(&mut self, text: &Text) {
        let mut glyphs = Vec::new();
        for (letter, glyph, _) in font::glyphs(&text.content) {
            self.used.entry(glyph.0).or_insert(letter);
            glyphs.extend(glyph.0.to_be_bytes());
        }
        let [x, y] = self.at(text.start(), text.y + text.size * 0.35);
        let [red, green, blue] = channels(self.color(text.paint));
        self.content.begin_text().set_fill_rgb(red, green, blue);
        if text.is_bold {
            // Bold letters are drawn with an outline.
            self.content.set_stroke_rgb(red, green, blue);
            self.content.set_line_width(points(text.size * 0.045));
            self.content.set_dash_pattern([], 0.0);
            (self.content).set_text_rendering_mode(TextRenderingMode::FillStroke);
        } else {
            (self.content).set_text_rendering_mode(TextRenderingMode::Fill);
        }
        self.content.set_font(Name(b"F"), points(text.size));
        self.content.set_text_matrix([1.0, 0.0, 0.0, 1.0, x, y]);
        self.content.show(Str(&glyphs)).end_text();
    }

    /// The file around the page.
    fn file(self, title: &str, width: f64) -> Vec<u8> {
        let mut pdf = Pdf::new();
        pdf.catalog(CATALOG).pages(PAGES);
        pdf.pages(PAGES).kids([PAGE]).count(1);
        let mut page = pdf.page(PAGE);
        page.parent(PAGES).contents(CONTENT);
        page.media_box(Rect::new(0.0, 0.0, points(width), points(self.height)));
        page.resources().fonts().pair(Name(b"F"), FONT);
        page.finish();
        let content = compressed([self.content.finish().as_slice()]);
        pdf.stream(CONTENT, &content).filter(Filter::FlateDecode);
        font_objects(&mut pdf, &self.used);
        let mut information = pdf.document_info(INFORMATION);
        information
            .title(TextStr(title))
            .producer(TextStr("windtunnel"));
        information.finish();
        pdf.finish()
    }
}

fn font_objects(pdf: &mut Pdf, used: &SortedMap<u16, char>) {
    let mut font = pdf.type0_font(FONT);
    font.base_font(FONT_NAME)
        .encoding_predefined(Name(b"Identity-H"));
    font.descendant_font(DESCENDANT).to_unicode(TO_UNICODE);
    font.finish();
    let mut descendant = pdf.cid_font(DESCENDANT);
    descendant.subtype(CidFontType::Type2).base_font(FONT_NAME);
    descendant.system_info(SYSTEM).font_descriptor(DESCRIPTOR);
    descendant
        .cid_to_gid_map_predefined(Name(b"Identity"))
        .default_width(600.0);
    let mut widths = descendant.widths();
    for &glyph in used.keys() {
        let advance = FACE.glyph_hor_advance(GlyphId(glyph)).unwrap_or(0);
        widths.consecutive(glyph, [thousandths(i32::from(advance))]);
    }
    widths.finish();
    descendant.finish();
    let bounds = FACE.global_bounding_box();
    let bounds = [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max];
    let [left, bottom, right, top] = bounds.map(|length| thousandths(i32::from(length)));
    let ascent = thousandths(i32::from(FACE.ascender()));
    let mut descriptor = pdf.font_descriptor(DESCRIPTOR);
    descriptor.name(FONT_NAME).flags(FontFlags::SYMBOLIC);
    descriptor
        .bbox(Rect::new(left, bottom, right, top))
        .italic_angle(0.0);
    descriptor.ascent(ascent).cap_height(ascent).stem_v(80.0);
    descriptor.descent(thousandths(i32::from(FACE.descender())));
    descriptor.font_file2(FONT_FILE);
    descriptor.finish();
    let file = compressed([font::FILE]);
    let mut stream = pdf.stream(FONT_FILE, &file);
    stream.pair(Name(b"Length1"), font::FILE.len() as i32);
    stream.filter(Filter::FlateDecode);
    stream.finish();
    // The characters of the glyphs, so that the text can be searched and copied.
    let mut map = UnicodeCmap::new(Name(b"windtunnel"), SYSTEM);
    for (&glyph, &letter) in used {
        map.pair(glyph, letter);
    }
    let map = compressed([map.finish().as_slice()]);
    pdf.cmap(TO_UNICODE, &map).filter(Filter::FlateDecode);
}

/// Length in the thousandths of the font's size that PDF counts in.
fn thousandths(length: i32) -> f32 {
    (length * 1_000 / i32::from(FACE.units_per_em())) as f32
}

/// A length in points with at most three decimals: a thousandth of a point is not seen.
fn points(pixels: f64) -> f32 {
    ((pixels * POINTS * 1_000.0).round() / 1_000.0) as f32
}

fn channels(color: Rgb) -> [f32; 3] {
    color.map(|channel| (f32::from(channel) / 255.0 * 1_000.0).round() / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Table;
    use crate::plot::figure::Figure;

    #[test]
    fn a_file_has_every_object_at_its_place() {
        let mut figure = Figure::new(Style::Paper, "");
        figure.heading((12.0, 20.0), "GPUs, % → ü");
        figure.line(&[(0.0, 0.0), (50.0, 40.0)], Paint::Dashes(1), 1.0);
        figure.top = 96.0;
        let scene = figure.finish(String::new(), Table::default()).scene;
        let file = write("A title", &scene);
        assert_eq!(file, write("A title", &scene));
        let text = String::from_utf8_lossy(&file);
        assert!(text.starts_with("%PDF-1.7\n") && text.ends_with("%%EOF"));
        // A width of 3.3 inches is 237.6 points.
        assert!(text.contains("/MediaBox [0 0 237.6 72]"));
        let find = |from: usize, what: &[u8]| file[from..].starts_with(what);
        let tail = text.rsplit("startxref\n").next().unwrap_or_default();
        let start: usize = tail.lines().next().unwrap_or_default().parse().unwrap();
        assert!(find(start, b"xref\n0 11\n"));
        let table = String::from_utf8_lossy(&file[start..]).into_owned();
        for (number, line) in table.lines().skip(3).take(10).enumerate() {
            let offset: usize = line[..10].parse().unwrap();
            let head = format!("{} 0 obj\n", number + 1);
            assert!(find(offset, head.as_bytes()), "{line}");
        }
    }
}
