//! The first line in which tables of text differ.

use std::path::Path;

use super::{FieldChange, Object};
use units::line::brief;
use world::inputs;

/// Tables up to this size are read.
const TABLE_BYTES_MAX: u64 = 4 << 20;

/// Names the first line that differs, in the place of hashes, of a table of text that both sides have at hand.
pub(crate) fn name_line(change: &mut FieldChange, base: &[Object]) {
    let is_table = change.object.kind == "file" && change.base.is_some() && change.head.is_some();
    let other = base.iter().find(|own| is_table && own.key == change.object);
    let Some((were, are)) = other.and_then(|own| Some((text(&own.file)?, text(&change.file)?)))
    else {
        return;
    };
    let (mut were, mut are) = (were.lines(), are.lines());
    for number in 1.. {
        let (was, is) = (were.next(), are.next());
        if was.is_none() && is.is_none() {
            return;
        }
        if was != is {
            change.field = format!("line {number}");
            (change.base, change.head) = (was.map(brief), is.map(brief));
            change.line = Some(if is.is_some() { number } else { number - 1 }.max(1));
            return;
        }
    }
}

fn text(file: &str) -> Option<String> {
    let input = inputs::open(Path::new(file));
    let is_small = input
        .stored_bytes()
        .is_ok_and(|bytes| bytes <= TABLE_BYTES_MAX);
    is_small.then(|| input.read_to_string().ok())?
}
