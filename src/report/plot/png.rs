//! A scene as PNG, for slides and programs that take no SVG. Text is drawn from the outlines of a
//! font inside the program, so that the same plot gives the same bytes on every machine.

use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint as Ground, Path, PathBuilder, Pixmap, Rect, Stroke,
    StrokeDash, Transform,
};
use ttf_parser::OutlineBuilder;

use super::colors::{self, Rgb};
use super::font::{self, FACE};
use super::scene::{Area, Mark, Paint, Scene, Style, Text};

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// Dots per pixel of the scene and per metre: twice the screen, or 600 to the inch.
const fn resolution(style: Style) -> (f64, u32) {
    match style {
        Style::Screen => (2.0, 7_559),
        Style::Paper => (6.25, 23_622),
    }
}

/// The PNG of a scene; `None` where it is larger than an image can be.
pub(super) fn write(scene: &Scene) -> Option<Vec<u8>> {
    let (scale, dots_per_metre) = resolution(scene.style);
    let size = |pixels: f64| (pixels * scale).ceil() as u32;
    let mut image = Pixmap::new(size(scene.width()), size(scene.height))?;
    image.fill(color(colors::PAPER[0]));
    let mut canvas = Canvas {
        image,
        scale: scale as f32,
        style: scene.style,
    };
    for mark in &scene.marks {
        canvas.draw(mark);
    }
    let pixels: Vec<u8> = (canvas.image.pixels().iter())
        .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()])
        .collect();
    let width = canvas.image.width();
    let lines = pixels.chunks(width as usize * 3);
    let header = Header {
        width,
        height: canvas.image.height(),
        depth: 8,
        kind: 2,
    };
    Some(encode(&header, None, Some(dots_per_metre), lines))
}

/// A raster of shares in percent, one dot each; what is absent is transparent.
pub(super) fn raster(rows: &[Vec<Option<u8>>]) -> Vec<u8> {
    let lines: Vec<Vec<u8>> = (rows.iter())
        .map(|row| {
            (row.iter())
                .map(|cell| cell.map_or(101, |percent| percent.min(100)))
                .collect()
        })
        .collect();
    let header = Header {
        width: rows.first().map_or(0, Vec::len) as u32,
        height: rows.len() as u32,
        depth: 8,
        kind: 3,
    };
    let palette: Vec<u8> = (0..=100).flat_map(colors::heat).chain([0xff; 3]).collect();
    encode(
        &header,
        Some(&palette),
        None,
        lines.iter().map(Vec::as_slice),
    )
}

struct Header {
    width: u32,
    height: u32,
    depth: u8,
    /// 2 for red, green, blue; 3 for a palette.
    kind: u8,
}

fn encode<'a>(
    header: &Header,
    palette: Option<&[u8]>,
    dots_per_metre: Option<u32>,
    lines: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let mut png = SIGNATURE.to_vec();
    let mut head = Vec::new();
    head.extend(header.width.to_be_bytes());
    head.extend(header.height.to_be_bytes());
    head.extend([header.depth, header.kind, 0, 0, 0]);
    chunk(&mut png, *b"IHDR", &head);
    if let Some(dots) = dots_per_metre {
        let mut physical = [dots.to_be_bytes(), dots.to_be_bytes()].concat();
        physical.push(1);
        chunk(&mut png, *b"pHYs", &physical);
    }
    if let Some(palette) = palette {
        chunk(&mut png, *b"PLTE", palette);
        // Only the last entry is transparent.
        let mut alpha = vec![0xff; palette.len() / 3];
        if let Some(last) = alpha.last_mut() {
            *last = 0;
        }
        chunk(&mut png, *b"tRNS", &alpha);
    }
    let data = compressed(lines.flat_map(|line| [&[0], line]));
    chunk(&mut png, *b"IDAT", &data);
    chunk(&mut png, *b"IEND", &[]);
    png
}

/// Parts of data, compressed as a whole.
pub(super) fn compressed<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    let mut parts = parts.into_iter();
    let written = parts.try_for_each(|part| encoder.write_all(part));
    let data = written.and_then(|()| encoder.finish());
    data.expect("invariant: a vector takes every byte")
}

fn chunk(png: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    let mut check = Crc::new();
    check.update(&name);
    check.update(data);
    png.extend(name);
    png.extend(data);
    png.extend(check.sum().to_be_bytes());
}

struct Canvas {
    image: Pixmap,
    scale: f32,
    style: Style,
}

impl Canvas {
    fn draw(&mut self, mark: &Mark) {
        match mark {
            Mark::Line {
                points,
                paint,
                width,
            } => self.line(points, *paint, *width),
            Mark::Fill { area, paint } => {
                let color = colors::rgb(*paint, self.style)[0];
                self.fill(*area, color, true);
            }
            Mark::Text(text) => self.text(text),
            Mark::Raster { area, rows } => self.cells(*area, rows),
        }
    }

    fn at(&self, x: f64, y: f64) -> (f32, f32) {
        (x as f32 * self.scale, y as f32 * self.scale)
    }

    fn line(&mut self, points: &[(f64, f64)], paint: Paint, width: f64) {
        let mut path = PathBuilder::new();
        for (index, &point) in points.iter().enumerate() {
            let (x, y) = self.at(point.0, point.1);
            if index == 0 {
                path.move_to(x, y);
            } else {
                path.line_to(x, y);
            }
        }
        let Some(path) = path.finish() else { return };
        let width = width as f32 * self.scale;
        let dashes = colors::dashes(paint).iter();
        let dashes: Vec<f32> = dashes.map(|length| *length as f32 * width).collect();
        let stroke = Stroke {
            width,
            line_cap: LineCap::Butt,
            line_join: LineJoin::Round,
            dash: StrokeDash::new(dashes, 0.0),
            ..Stroke::default()
        };
        let ground = ground(colors::rgb(paint, self.style)[0], true);
        self.image
            .stroke_path(&path, &ground, &stroke, Transform::identity(), None);
    }

    fn fill(&mut self, area: Area, color: Rgb, smooth: bool) {
        let (left, top) = self.at(area.x, area.y);
        let (right, bottom) = self.at(area.x + area.width, area.y + area.height);
        if let Some(area) = Rect::from_ltrb(left, top, right, bottom) {
            let ground = ground(color, smooth);
            self.image
                .fill_rect(area, &ground, Transform::identity(), None);
        }
    }

    /// Cells end on whole dots, so that no seams show.
    fn cells(&mut self, area: Area, rows: &[Vec<Option<u8>>]) {
        let scale = f64::from(self.scale);
        let whole = |value: f64| (value * scale).round() / scale;
        let height = area.height / rows.len().max(1) as f64;
        for (y, row) in rows.iter().enumerate() {
            let width = area.width / row.len().max(1) as f64;
            for (x, cell) in row.iter().enumerate() {
                let Some(percent) = cell else { continue };
                let left = whole(area.x + x as f64 * width);
                let top = whole(area.y + y as f64 * height);
                let cell = Area {
                    x: left,
                    y: top,
                    width: whole(area.x + (x + 1) as f64 * width) - left,
                    height: whole(area.y + (y + 1) as f64 * height) - top,
                };
                self.fill(cell, colors::heat(*percent), false);
            }
        }
    }

    fn text(&mut self, text: &Text) {
        let em = f32::from(FACE.units_per_em());
        let size = text.size as f32 * self.scale / em;
        let mut outlines = Outlines::default();
        for (_, glyph, advance) in font::glyphs(&text.content) {
            FACE.outline_glyph(glyph, &mut outlines);
            outlines.x += advance as f32 * em;
        }
        let Some(path) = outlines.path.finish() else {
            return;
        };
        let (x, y) = self.at(text.start(), text.y + text.size * 0.35);
        let place = Transform::from_row(size, 0.0, 0.0, -size, x, y);
        let Some(path) = path.transform(place) else {
            return;
        };
        self.glyphs(&path, text);
    }

    fn glyphs(&mut self, path: &Path, text: &Text) {
        let ground = ground(colors::rgb(text.paint, self.style)[0], true);
        let identity = Transform::identity();
        self.image
            .fill_path(path, &ground, FillRule::Winding, identity, None);
        if text.is_bold {
            let stroke = Stroke {
                width: text.size as f32 * self.scale * 0.045,
                line_join: LineJoin::Round,
                ..Stroke::default()
            };
            self.image
                .stroke_path(path, &ground, &stroke, identity, None);
        }
    }
}

fn color([red, green, blue]: Rgb) -> Color {
    Color::from_rgba8(red, green, blue, 0xff)
}

fn ground(rgb: Rgb, smooth: bool) -> Ground<'static> {
    let mut ground = Ground {
        anti_alias: smooth,
        ..Ground::default()
    };
    ground.set_color(color(rgb));
    ground
}

/// Outlines of letters side by side, in the font's units.
#[derive(Default)]
struct Outlines {
    path: PathBuilder,
    x: f32,
}

impl OutlineBuilder for Outlines {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x + x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x + x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.path.quad_to(self.x + x1, y1, self.x + x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.path
            .cubic_to(self.x + x1, y1, self.x + x2, y2, self.x + x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
