//! A first line with the names of columns, which copies of tables have that are published without one.

use crate::columns::ColumnDoc;
use crate::{Input, TraceError};

/// The note about such a line.
pub const NOTE: &str = "line with the names of columns, not read";

/// As many names of the format's columns tell that a line has names: those of a copy may be other words for the rest.
const TOLD_BY: usize = 2;

/// Whether a table without a header begins with the names of its columns: fields that are no numbers, of which some are
/// called as the format calls them.
///
/// # Errors
/// The table can't be read, or a column of the format has another place.
pub(crate) fn begins_with_names(
    part: &Input,
    columns: &[ColumnDoc],
    separator: u8,
) -> Result<bool, TraceError> {
    let first = part.first_bytes()?;
    let Some(names) = names(&first, separator).filter(|names| names.len() == columns.len()) else {
        return Ok(false);
    };
    let own: Vec<String> = { columns.iter() }
        .map(|column| plain(column.name))
        .collect();
    let places = names
        .iter()
        .map(|name| own.iter().position(|own| own == name));
    let places: Vec<Option<usize>> = places.collect();
    if places.iter().flatten().count() < TOLD_BY {
        return Ok(false);
    }
    let mut moved = (0..)
        .zip(&places)
        .filter_map(|(at, place)| Some((at, (*place)?)));
    if let Some((at, place)) = moved.find(|&(at, place)| at != place) {
        let columns: Vec<&str> = columns.iter().map(|column| column.name).collect();
        return Err(TraceError::Format {
            file: part.name.to_string(),
            reason: format!(
                "the first line has `{}` as column {}, where the format has `{}`; the columns are, in this order: {}",
                columns[place],
                at + 1,
                columns[at],
                columns.join(", ")
            ),
        });
    }
    Ok(true)
}

/// The fields of the first line as plain names, if none is a number.
fn names(first: &[u8], separator: u8) -> Option<Vec<String>> {
    let mut lines = first.split(|&byte| byte == b'\n');
    let line = lines.find(|line| !line.trim_ascii().is_empty() && line.first() != Some(&b'#'))?;
    let line = str::from_utf8(line).ok()?;
    let mut fields = line.split(char::from(separator)).map(str::trim);
    let names = fields.clone().map(plain);
    let has_number = fields.any(|field| field.parse::<f64>().is_ok());
    (!has_number).then(|| names.collect())
}

/// A name by its letters and digits alone, all of them small: `machine id`, `machine_id` and `machineID` are one.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|char| char.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}
