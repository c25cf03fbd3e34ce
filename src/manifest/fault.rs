//! Fault that a parser found, with the place in the text shown.

/// Length of the shown part of a line, in characters.
const SHOWN: usize = 80;

/// A parser's complaint.
pub(super) struct Fault {
    pub(super) message: String,
    /// Line and column in the text, from 1; 0 if the parser knows none.
    pub(super) line: u64,
    pub(super) column: u64,
}

impl From<&serde_json::Error> for Fault {
    fn from(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line() as u64, error.column() as u64);
        let message = error.to_string();
        let place = format!(" at line {line} column {column}");
        Self {
            message: message.strip_suffix(&place).unwrap_or(&message).to_owned(),
            line,
            column,
        }
    }
}

impl Fault {
    /// The complaint, its place and what stands there; `lines_before` precede `text` in the file.
    pub(super) fn in_text(&self, text: &str, lines_before: u64) -> String {
        self.in_text_after(text, lines_before, 0)
    }

    /// As [`Fault::in_text`], where `before` columns of the first line precede `text`.
    pub(super) fn in_text_after(&self, text: &str, lines_before: u64, before: u64) -> String {
        let message = shortened(&self.message);
        if self.line == 0 {
            return message;
        }
        let line = text.lines().nth(self.line as usize - 1).unwrap_or_default();
        let number = self.line + lines_before;
        let shown = around(line, self.column as usize);
        let column = self.column + if self.line == 1 { before } else { 0 };
        format!("{message} at line {number} column {column}, in `{shown}`")
    }
}

/// A complaint that quotes a whole file as one text is cut in the middle.
fn shortened(message: &str) -> String {
    const MOST: usize = 4 * SHOWN;
    if message.chars().count() <= MOST {
        return message.to_owned();
    }
    let beginning: String = message.chars().take(SHOWN).collect();
    let rest = message.chars().count() - 2 * SHOWN;
    let end: String = message.chars().skip(SHOWN + rest).collect();
    format!("{beginning} … {end}")
}

/// The part of a line around a column.
fn around(line: &str, column: usize) -> String {
    let line = line.trim_end();
    if line.len() <= SHOWN {
        return line.trim_start().to_owned();
    }
    let shown = line.chars().skip(column.saturating_sub(SHOWN / 2));
    shown.take(SHOWN).collect()
}
