//! A scene as PDF, for papers: one page of the size of the plot, lines and areas as vectors, text as
//! text in the font of the program, embedded. Equal plots give equal bytes: the file holds no date
//! and no name of a machine.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use ttf_parser::GlyphId;

use super::colors::{self, Rgb};
use super::font::{self, FACE};
use super::scene::{Area, Mark, Paint, Scene, Style, Text};
use units::SortedMap;

/// Points per pixel: 72 to the inch against 96.
const POINTS: f64 = 0.75;

/// Objects of the file, by number from 1.
const CATALOG: usize = 1;
const PAGES: usize = 2;
const PAGE: usize = 3;
const CONTENT: usize = 4;
const FONT_OBJECT: usize = 5;
const DESCENDANT: usize = 6;
const DESCRIPTOR: usize = 7;
const FONT_FILE: usize = 8;
const TO_UNICODE: usize = 9;
const INFORMATION: usize = 10;

/// The PDF of a scene.
pub(super) fn write(title: &str, scene: &Scene) -> Vec<u8> {
    let mut page = Page {
        content: String::new(),
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
    let size = [scene.width(), scene.height].map(|length| number(length * POINTS));
    page.file(title, &size)
}

struct Page {
    content: String,
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

    /// Adds an operation to the content of the page.
    fn add(&mut self, operation: std::fmt::Arguments<'_>) {
        let written = self.content.write_fmt(operation);
        written.expect("invariant: a text takes everything");
        self.content.push('\n');
    }

    /// A position in points: PDF counts upwards from the bottom.
    fn at(&self, x: f64, y: f64) -> String {
        let (x, y) = (x * POINTS, (self.height - y) * POINTS);
        format!("{} {}", number(x), number(y))
    }

    fn line(&mut self, points: &[(f64, f64)], paint: Paint, width: f64) {
        let dashes: Vec<String> = (colors::dashes(paint).iter())
            .map(|length| number(length * width * POINTS))
            .collect();
        let (color, width) = (channels(self.color(paint)), number(width * POINTS));
        let dashes = dashes.join(" ");
        self.add(format_args!("{color} RG {width} w 1 j [{dashes}] 0 d"));
        for (index, (x, y)) in points.iter().enumerate() {
            let operator = if index == 0 { "m" } else { "l" };
            let at = self.at(*x, *y);
            self.add(format_args!("{at} {operator}"));
        }
        self.add(format_args!("S"));
    }

    fn fill(&mut self, area: Area, color: Rgb) {
        let at = self.at(area.x, area.y + area.height);
        let (width, height) = (number(area.width * POINTS), number(area.height * POINTS));
        let color = channels(color);
        self.add(format_args!("{color} rg {at} {width} {height} re f"));
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
        let mut glyphs = String::new();
        for (letter, glyph, _) in font::glyphs(&text.content) {
            self.used.entry(glyph.0).or_insert(letter);
            let _ = write!(glyphs, "{:04x}", glyph.0);
        }
        let at = self.at(text.start(), text.y + text.size * 0.35);
        let (color, size) = (channels(self.color(text.paint)), number(text.size * POINTS));
        // Bold letters are drawn with an outline.
        let weight = if text.is_bold {
            let width = number(text.size * 0.045 * POINTS);
            format!("{color} RG {width} w [] 0 d 2 Tr")
        } else {
            "0 Tr".to_owned()
        };
        self.add(format_args!(
            "BT {color} rg {weight} /F {size} Tf 1 0 0 1 {at} Tm <{glyphs}> Tj ET"
        ));
    }

    /// The file around the page.
    fn file(&self, title: &str, size: &[String; 2]) -> Vec<u8> {
        let [width, height] = size;
        let page = format!(
            "<< /Type /Page /Parent {PAGES} 0 R /MediaBox [0 0 {width} {height}] /Contents \
             {CONTENT} 0 R /Resources << /Font << /F {FONT_OBJECT} 0 R >> >> >>"
        );
        let font = format!(
            "<< /Type /Font /Subtype /Type0 /BaseFont /DejaVuSans /Encoding /Identity-H \
             /DescendantFonts [{DESCENDANT} 0 R] /ToUnicode {TO_UNICODE} 0 R >>"
        );
        let information = format!("<< /Title <feff{}> /Producer (windtunnel) >>", utf16(title));
        let objects: [(usize, Vec<u8>); 10] = [
            (
                CATALOG,
                plain(&format!("<< /Type /Catalog /Pages {PAGES} 0 R >>")),
            ),
            (
                PAGES,
                plain(&format!("<< /Type /Pages /Kids [{PAGE} 0 R] /Count 1 >>")),
            ),
            (PAGE, plain(&page)),
            (CONTENT, stream("", self.content.as_bytes())),
            (FONT_OBJECT, plain(&font)),
            (DESCENDANT, plain(&self.descendant())),
            (DESCRIPTOR, plain(&self.descriptor())),
            (
                FONT_FILE,
                stream(&format!("/Length1 {} ", font::FILE.len()), font::FILE),
            ),
            (TO_UNICODE, stream("", self.to_unicode().as_bytes())),
            (INFORMATION, plain(&information)),
        ];
        let mut file = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
        for (number, object) in &objects {
            let _ = writeln!(table, "{:010} 00000 n ", file.len());
            file.extend(format!("{number} 0 obj\n").bytes());
            file.extend(object);
            file.extend(b"\nendobj\n");
        }
        let start = file.len();
        let trailer = format!(
            "trailer\n<< /Size {} /Root {CATALOG} 0 R /Info {INFORMATION} 0 R >>\nstartxref\n\
             {start}\n%%EOF\n",
            objects.len() + 1
        );
        file.extend(table.bytes().chain(trailer.bytes()));
        file
    }

    fn descendant(&self) -> String {
        let widths = self.used.keys().map(|&glyph| {
            let advance = FACE.glyph_hor_advance(GlyphId(glyph)).unwrap_or(0);
            format!("{glyph} [{}]", thousandths(i32::from(advance)))
        });
        let widths = widths.collect::<Vec<_>>().join(" ");
        format!(
            "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /DejaVuSans /CIDSystemInfo << \
             /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor {DESCRIPTOR} \
             0 R /CIDToGIDMap /Identity /DW 600 /W [{widths}] >>"
        )
    }

    fn descriptor(&self) -> String {
        let bounds = FACE.global_bounding_box();
        let bounds = [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max];
        let bounds = bounds.map(|length| thousandths(i32::from(length)).to_string());
        let ascent = thousandths(i32::from(FACE.ascender()));
        let descent = thousandths(i32::from(FACE.descender()));
        format!(
            "<< /Type /FontDescriptor /FontName /DejaVuSans /Flags 4 /FontBBox [{}] /ItalicAngle 0 \
             /Ascent {ascent} /Descent {descent} /CapHeight {ascent} /StemV 80 /FontFile2 \
             {FONT_FILE} 0 R >>",
            bounds.join(" ")
        )
    }

    /// The characters of the glyphs, so that the text can be searched and copied.
    fn to_unicode(&self) -> String {
        const ROWS_MAX: usize = 100;
        let mut map = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName \
                       /windtunnel def /CMapType 2 def 1 begincodespacerange <0000> <ffff> \
                       endcodespacerange\n"
            .to_owned();
        let used: Vec<(&u16, &char)> = self.used.iter().collect();
        for rows in used.chunks(ROWS_MAX) {
            let _ = writeln!(map, "{} beginbfchar", rows.len());
            for (glyph, letter) in rows {
                let _ = writeln!(map, "<{glyph:04x}> <{}>", utf16(&letter.to_string()));
            }
            map.push_str("endbfchar\n");
        }
        map.push_str("endcmap CMapName currentdict /CMap defineresource pop end end\n");
        map
    }
}

/// Length in the thousandths of the font's size that PDF counts in.
fn thousandths(length: i32) -> i32 {
    length * 1_000 / i32::from(FACE.units_per_em())
}

fn plain(object: &str) -> Vec<u8> {
    object.as_bytes().to_vec()
}

/// A compressed stream with entries of its dictionary.
fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    let written = encoder.write_all(data);
    written.expect("invariant: a vector takes every byte");
    let data = encoder.finish();
    let data = data.expect("invariant: a vector takes every byte");
    let head = format!(
        "<< {entries}/Length {} /Filter /FlateDecode >>\nstream\n",
        data.len()
    );
    let mut object = head.into_bytes();
    object.extend(data);
    object.extend(b"\nendstream");
    object
}

fn utf16(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| format!("{unit:04x}"));
    units.collect()
}

fn channels(color: Rgb) -> String {
    let parts = color.map(|channel| number(f64::from(channel) / 255.0));
    parts.join(" ")
}

/// At most three decimals: a thousandth of a point is not seen.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
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
        assert!(text.starts_with("%PDF-1.7\n") && text.ends_with("%%EOF\n"));
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
