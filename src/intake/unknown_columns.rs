//! Columns and keys that a format does not know: they are told, so that nothing of a trace is lost unseen.

use serde_json::Value;

use crate::TraceError;
use crate::columns::ColumnDoc;
use crate::json::Element;
use crate::ledger::{Action, Journal};
use crate::table::Table;

/// The note about columns that are not known; `None` if all are. A column without a name is the index that exports of
/// data frames have, or what stands behind a separator at the end of each line.
pub fn unused<'n>(
    names: impl Iterator<Item = &'n str>,
    is_known: impl Fn(&str) -> bool,
) -> Option<String> {
    let unknown = names.filter(|name| !name.is_empty() && !is_known(name));
    let unknown: Vec<String> = unknown.map(|name| format!("`{name}`")).collect();
    match &*unknown {
        [] => None,
        [one] => Some(format!("column {one}, not used")),
        several => Some(format!("columns {}, not used", several.join(", "))),
    }
}

/// Notes those columns of a table of which a format's columns have no name.
pub fn note_columns(
    journal: &mut Journal,
    table: &Table,
    columns: &[ColumnDoc],
) -> Result<(), TraceError> {
    let names = table.columns().iter().map(|name| &**name);
    let unused = unused(names, |name| has(columns, name));
    unused.map_or(Ok(()), |unused| journal.dirt(&unused, Action::Keep, 1))
}

/// Notes those keys of an object of which a format's columns have no name.
pub fn note_keys(
    journal: &mut Journal,
    element: &Element,
    columns: &[ColumnDoc],
) -> Result<(), TraceError> {
    for key in element.keys().filter(|key| !has(columns, key)) {
        note_key(journal, element.line, key)?;
    }
    Ok(())
}

/// Notes those members of the object at a key of an element, or of the element itself, that are not among these.
pub fn note_members(
    journal: &mut Journal,
    element: &Element,
    of: &str,
    known: &[&str],
) -> Result<(), TraceError> {
    let object = match of {
        "" => Some(&element.value),
        key => element.value.get(key),
    };
    let members = object.and_then(Value::as_object).into_iter().flatten();
    for (name, _) in members.filter(|(name, _)| !known.contains(&&***name)) {
        let dot = if of.is_empty() { "" } else { "." };
        note_key(journal, element.line, &format!("{of}{dot}{name}"))?;
    }
    Ok(())
}

/// Notes keys that are not known.
pub fn note_unknown(journal: &mut Journal, line: u64, keys: &[String]) -> Result<(), TraceError> {
    let mut keys = keys.iter();
    keys.try_for_each(|key| note_key(journal, line, key))
}

/// The most keys that are told each by itself: a dictionary by names of its own has as many as it likes.
const MOST_KEYS: usize = 32;

/// Notes a key that is not known.
pub fn note_key(journal: &mut Journal, line: u64, key: &str) -> Result<(), TraceError> {
    const BEGINNING: &str = "key `";
    let shown: String = key.chars().take(MOST_CHARACTERS).collect();
    let kind = format!("{BEGINNING}{shown}`, not used");
    let entries = || journal.ledger.entries().iter();
    let told = || entries().filter(|own| own.kind.starts_with(BEGINNING));
    let is_told = entries().any(|own| *own.kind == *kind);
    let kind = if is_told || told().count() < MOST_KEYS {
        &*kind
    } else {
        "another key, not used"
    };
    journal.dirt(kind, Action::Keep, line)
}

/// The most characters of a key that are told.
const MOST_CHARACTERS: usize = 60;

fn has(columns: &[ColumnDoc], name: &str) -> bool {
    columns.iter().any(|own| *own.name == *name)
}
