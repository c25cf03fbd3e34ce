//! Items of a list in YAML as `kubectl` prints it, one at a time: a list of any length is never held as a whole.

use serde_json::Value;

use crate::json::Element;
use crate::ledger::{BadRow, Journal};
use crate::rows::{Refused, heed};
use crate::{Input, TraceError};

/// The lines of an item up to now.
#[derive(Default)]
struct Item {
    /// The first line, counted from 1.
    line: u64,
    /// The lines without the indentation of the list.
    text: String,
}

/// Takes each item of the lists `items`, or each document where there is no such list.
///
/// # Errors
/// The text can't be read, or taking an item stops the reading.
pub fn each_item(
    input: &Input,
    journal: &mut Journal,
    mut take: impl FnMut(&mut Journal, &Element) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    let mut lines = input.lines()?;
    let mut item = Item::default();
    // Spaces before the dashes of the list that is read; none before its first one.
    let mut list: Option<Option<usize>> = None;
    let mut is_behind_list = false;
    while let Some((number, text)) = lines.next_line()? {
        let text = String::from_utf8_lossy(text);
        let text = text.trim_end();
        let indent = text.len() - text.trim_start().len();
        if text == "---" || text == "..." {
            item.end(journal, &mut take)?;
            (list, is_behind_list) = (None, false);
        } else if text == "items:" {
            item = Item::default();
            list = Some(None);
        } else if let Some(known) = list {
            let is_next =
                text.trim_start().starts_with("- ") && known.is_none_or(|own| own == indent);
            if is_next {
                item.end(journal, &mut take)?;
                list = Some(Some(indent));
                item.add(number, &text.replacen("- ", "  ", 1), indent + 2);
            } else if text.is_empty() || known.is_some_and(|own| indent > own) {
                item.add(number, text, known.unwrap_or_default() + 2);
            } else {
                item.end(journal, &mut take)?;
                (list, is_behind_list) = (None, true);
            }
        } else if !is_behind_list && !text.starts_with('#') {
            item.add(number, text, 0);
        }
    }
    item.end(journal, &mut take)
}

impl Item {
    fn add(&mut self, number: u64, text: &str, indent: usize) {
        if self.text.is_empty() {
            self.line = number;
        }
        self.text.push_str(text.get(indent..).unwrap_or_default());
        self.text.push('\n');
    }

    /// Takes the item, if there is one.
    fn end(
        &mut self,
        journal: &mut Journal,
        take: &mut impl FnMut(&mut Journal, &Element) -> Result<(), Refused>,
    ) -> Result<(), TraceError> {
        let Self { line, text } = std::mem::take(self);
        if text.trim().is_empty() {
            return Ok(());
        }
        heed(journal, |journal| {
            let options = serde_saphyr::options! { with_snippet: false };
            let value: Value =
                serde_saphyr::from_str_with_options(&text, options).map_err(|error| BadRow {
                    line,
                    column: "record".to_owned(),
                    value: text.chars().take(80).collect(),
                    rule: format!("must be YAML: {error}"),
                })?;
            take(journal, &Element::of_line(line, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::RowPolicy;

    fn items(text: &str) -> (Vec<(u64, String)>, u64) {
        let input = Input::bytes("t.yaml", text.as_bytes());
        let mut journal = Journal::new("t.yaml".into(), RowPolicy::REPORT);
        let mut seen = Vec::new();
        let read = each_item(&input, &mut journal, |_, item| {
            seen.push((item.line, item.value.to_string()));
            Ok(())
        });
        assert_eq!(read, Ok(()));
        (seen, journal.ledger.bad_row_count())
    }

    #[test]
    fn items_of_lists_and_documents_are_taken_one_at_a_time() {
        let list = "apiVersion: v1\nitems:\n- a: 1\n  b:\n  - x\n  - |\n    y\n\n    items:\n- a: 2\nkind: List\nmetadata:\n  \
                    resourceVersion: \"\"\n";
        let expected = [
            (3, r#"{"a":1,"b":["x","y\n\nitems:\n"]}"#),
            (10, r#"{"a":2}"#),
        ];
        let expected = expected.map(|(line, own)| (line, own.to_owned()));
        assert_eq!(items(list), (expected.to_vec(), 0));
        let indented = "items:\r\n  - a: 1\r\n    b: 2\r\n  - a: 2\r\n---\r\nitems:\r\n- a: 3\r\n";
        let expected = [
            (2, r#"{"a":1,"b":2}"#),
            (4, r#"{"a":2}"#),
            (7, r#"{"a":3}"#),
        ];
        let expected = expected.map(|(line, own)| (line, own.to_owned()));
        assert_eq!(items(indented), (expected.to_vec(), 0));
        let documents = "# first\na: 1\n---\na: 2\n...\n---\n";
        let expected = [(2, r#"{"a":1}"#), (4, r#"{"a":2}"#)];
        let expected = expected.map(|(line, own)| (line, own.to_owned()));
        assert_eq!(items(documents), (expected.to_vec(), 0));
        assert_eq!(items("items:\n- a: [\n- a: 2\n").1, 1);
        assert_eq!(items("items: []\nkind: List\n").0.len(), 1);
    }
}
