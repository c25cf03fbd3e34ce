//! Hashes of tables with their names left out: two tables of equal hashes ask for the same, whatever
//! their rows are called.

use crate::error::TraceError;
use crate::format::FormatEntry;
use crate::input::Input;
use crate::table::{Column, Table};

/// The hash over the columns of a table that its format reads, but for those of names
/// ([`FormatEntry::names`]). `None` for formats without such columns.
///
/// # Errors
/// The file can't be read, or is no table.
pub fn hash(format: &FormatEntry, input: &Input) -> Result<Option<String>, TraceError> {
    if format.names.is_empty() {
        return Ok(None);
    }
    let mut table = Table::open(input)?;
    let read = format.columns.iter().map(|column| column.name);
    let read = read.filter(|name| !format.names.contains(name));
    let columns: Vec<Column> = read.filter_map(|name| table.column(name)).collect();
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        // The length keeps neighbors apart.
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for name in format.columns.iter().map(|column| column.name) {
        let is_there = table.column(name).is_some() && !format.names.contains(&name);
        add(if is_there { name.as_bytes() } else { &[] });
    }
    while let Some(row) = table.next_row()? {
        match row {
            Ok(row) => columns.iter().for_each(|column| add(row.bytes(column))),
            Err(bad) => add(bad.value.as_bytes()),
        }
    }
    Ok(Some(hasher.finalize().to_hex().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::csv;

    #[test]
    fn names_and_unread_columns_make_no_difference() {
        let hash = |text: &str| {
            let input = Input::bytes("jobs.csv", text.as_bytes().to_vec());
            super::hash(&csv::ENTRY, &input)
                .expect("a table")
                .expect("a table of names")
        };
        let plain = hash("submit,name,cpu\n0,a,1\n1,b,2\n");
        for (text, is_same) in [
            ("submit,name,cpu\n0,x,1\n1,y,2\n", true),
            ("cpu,submit,color\n1,0,red\n2,1,blue\n", true),
            ("submit,name,cpu\n0,a,1\n1,b,3\n", false),
            ("submit,name,cpu\n0,a,1\n", false),
            ("submit,name,cpu,priority\n0,a,1,5\n1,b,2,5\n", false),
        ] {
            assert_eq!(hash(text) == plain, is_same, "{text}");
        }
    }
}
