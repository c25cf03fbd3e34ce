//! Tables as commands print them for people: columns of blanks, each of which begins under its word in the first line.

use serde_json::{Map, Value};

use crate::readers::prelude::*;

/// Whether a text begins with a line that has all of these words.
pub(super) fn has_words(first: &[u8], words: &[&str]) -> bool {
    let line = first.split(|&byte| byte == b'\n').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let found: Vec<&str> = line.split_whitespace().collect();
    words.iter().all(|word| found.contains(word))
}

/// The words of a header with the places of their first characters; blanks stand within words, two or more between them.
fn columns(header: &str) -> Vec<(String, usize)> {
    let mut columns: Vec<(String, usize)> = Vec::new();
    let mut blanks = 2;
    for (place, letter) in header.chars().enumerate() {
        if letter.is_whitespace() {
            blanks += 1;
            continue;
        }
        match columns.last_mut().filter(|_| blanks < 2) {
            Some((word, _)) => {
                word.push_str(if blanks > 0 { " " } else { "" });
                word.extend(letter.to_lowercase());
            }
            None => columns.push((letter.to_string(), place)),
        }
        blanks = 0;
    }
    columns
}

/// Takes each row as an object whose members are the columns, as in `Name` for `NAME`.
///
/// # Errors
/// The text can't be read, or taking a row stops the reading.
pub(super) fn each_row(
    part: &Input,
    journal: &mut Journal,
    mut take: impl FnMut(&mut Journal, &Element) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    let mut lines = part.lines()?;
    let mut header = Vec::new();
    let mut last = 0;
    while let Some((number, text)) = lines.next_line()? {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let text = String::from_utf8_lossy(text);
        if header.is_empty() {
            header = columns(&text);
            continue;
        }
        last = number;
        heed(journal, |journal| {
            let row = row(number, &header, &text)?;
            take(journal, &Element::of_line(number, Value::Object(row)))
        })?;
    }
    journal.end(lines.open_end().filter(|&line| line == last))
}

/// The fields of a row by the names of their columns.
fn row(line: u64, columns: &[(String, usize)], text: &str) -> Result<Map<String, Value>, BadRow> {
    let letters: Vec<char> = text.chars().collect();
    let mut fields = Map::new();
    for (number, (name, from)) in columns.iter().enumerate() {
        let until = columns.get(number + 1).map_or(letters.len(), |next| next.1);
        let own = letters.get(*from..until.clamp(*from, letters.len().max(*from)));
        let own: String = own.unwrap_or_default().iter().collect();
        let before = from.checked_sub(1).and_then(|before| letters.get(before));
        if before.is_some_and(|letter| !letter.is_whitespace()) {
            return Err(BadRow {
                line,
                column: name.clone(),
                value: text.chars().take(80).collect(),
                rule: format!(
                    "must begin in column {} of the line, under its word in the header; print the table again, or as \
                     JSON (`--format json`)",
                    from + 1
                ),
            });
        }
        fields.insert(name.clone(), own.trim().into());
    }
    Ok(fields)
}
