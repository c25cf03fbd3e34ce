//! Font of the program. Plots measure their text by it and draw it from its outlines, so that they
//! are the same on every machine.

use std::sync::LazyLock;

use ttf_parser::{Face, GlyphId};

/// The file of the font.
pub(super) const FILE: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");

/// The font, read.
pub(super) static FACE: LazyLock<Face<'static>> = LazyLock::new(|| {
    let face = Face::parse(FILE, 0);
    face.expect("invariant: the font of the program is whole")
});

/// The letters of a text with their glyphs and widths, in parts of the size of the text.
pub(super) fn glyphs(text: &str) -> impl Iterator<Item = (char, GlyphId, f64)> + '_ {
    let em = f64::from(FACE.units_per_em());
    text.chars().map(move |letter| {
        let known = FACE.glyph_index(letter);
        let glyph = known.or_else(|| FACE.glyph_index('\u{fffd}'));
        let glyph = glyph.unwrap_or_default();
        let advance = FACE.glyph_hor_advance(glyph).unwrap_or(0);
        (letter, glyph, f64::from(advance) / em)
    })
}

/// Width of a text of a size.
pub(super) fn width(text: &str, size: f64) -> f64 {
    glyphs(text).map(|(.., advance)| advance).sum::<f64>() * size
}
