//! Expectations of schedules: the rows of the tables beside them, in the words of those tables.

use std::path::{Path, PathBuf};

use intake::Input;

/// The page that a folder's `README.md` refers to for more expected values.
const REFERENCE: &str = "../../spec/metrics.md";

/// A row of a table: what it is about, and what it expects of each schedule it has a column for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Label of the expectation.
    pub label: String,
    /// Names of schedules, in lower case (`fifo`, or `fifo ÷ easy` for a ratio), with their cells.
    pub cells: Vec<(String, String)>,
}

/// Everything that the texts of a folder say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Rows of all tables.
    pub rows: Vec<Row>,
    /// Cores of the machine, where the text says `of N cores`.
    pub cores: Option<i64>,
}

impl Expected {
    /// Expectations of a folder's `README.md` and of the page that it refers to; empty without one.
    pub fn of_folder(folder: &Path) -> Result<Self, String> {
        let mut expected = Self::default();
        let Some(text) = read(&folder.join("README.md"))? else {
            return Ok(expected);
        };
        expected.take(&text);
        if text.contains(REFERENCE)
            && let Some(more) = read(&folder.join(REFERENCE))?
        {
            expected.take(&more);
        }
        Ok(expected)
    }

    fn take(&mut self, text: &str) {
        self.cores = self.cores.or_else(|| cores(text));
        let mut header: Vec<String> = Vec::new();
        for line in text.lines() {
            let cells = cells(line);
            let Some((label, values)) = cells.split_first() else {
                header.clear();
                continue;
            };
            if header.is_empty() {
                header = values.iter().map(|name| name.to_lowercase()).collect();
                continue;
            }
            let is_ruler = cells
                .iter()
                .all(|cell| cell.chars().all(|c| "-: ".contains(c)));
            if is_ruler {
                continue;
            }
            let cells = header.iter().cloned().zip(values.iter().cloned());
            self.rows.push(Row {
                label: label.to_lowercase(),
                cells: cells.collect(),
            });
        }
    }
}

/// The text of a file; `None` if there is none.
fn read(path: &PathBuf) -> Result<Option<String>, String> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = Input::path(path).read_to_string();
    text.map(Some).map_err(|error| error.to_string())
}

/// The cells of a line of a table; none if it is not one.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let Some(inner) = line
        .strip_prefix('|')
        .and_then(|line| line.strip_suffix('|'))
    else {
        return Vec::new();
    };
    inner
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// `… of 1,024 cores`.
fn cores(text: &str) -> Option<i64> {
    let before = &text[..text.find(" cores")?];
    let (rest, number) = before.rsplit_once(' ')?;
    rest.ends_with(" of").then_some(())?;
    number.replace(',', "").parse().ok()
}

/// A number as printed, which stands for all values that round to it.
#[derive(Clone, Copy, Debug)]
pub struct Printed {
    /// The number itself.
    pub value: f64,
    /// Half of the last digit.
    pub half: f64,
}

/// The numbers in a cell.
pub fn numbers(cell: &str) -> Vec<Printed> {
    let mut numbers = Vec::new();
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
    for word in cell.split(|c| !is_part(c)) {
        let plain = word.trim_matches(['.', ',']).replace(',', "");
        let Ok(value) = plain.parse::<f64>() else {
            continue;
        };
        let decimals = plain.split_once('.').map_or(0, |(_, digits)| digits.len());
        let half = (0..decimals).fold(0.5, |half, _| half / 10.0);
        numbers.push(Printed { value, half });
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_with_their_columns() {
        let mut expected = Expected::default();
        expected.take(
            "jobs (1–128 of 1,024 cores)\n| | FIFO | EASY |\n| --- | --- | --- |\n\
             | Mean wait (s) | 16282.5 | 2,043 |\n\nwords\n| Other | easy |\n|:--|--:|\n| a | – |\n",
        );
        assert_eq!(expected.cores, Some(1_024));
        let row = |label: &str, cells: &[(&str, &str)]| Row {
            label: label.to_owned(),
            cells: cells
                .iter()
                .map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned()))
                .collect(),
        };
        let rows = [
            row("mean wait (s)", &[("fifo", "16282.5"), ("easy", "2,043")]),
            row("a", &[("easy", "–")]),
        ];
        assert_eq!(expected.rows, rows);
    }

    #[test]
    fn numbers_know_their_last_digit() {
        for (cell, expected) in [
            ("–", &[][..]),
            ("16,282 s", &[(16_282.0, 0.5)]),
            ("0.8822; 0.9496", &[(0.8822, 0.000_05), (0.9496, 0.000_05)]),
            ("8,060 / 7,393 s", &[(8_060.0, 0.5), (7_393.0, 0.5)]),
            (
                "10000 of 20000 (= m/2: x)",
                &[(10_000.0, 0.5), (20_000.0, 0.5), (2.0, 0.5)],
            ),
        ] {
            let found = numbers(cell);
            assert_eq!(found.len(), expected.len(), "{cell}");
            for (found, expected) in found.iter().zip(expected) {
                let near =
                    (found.value - expected.0).abs() + (found.half - expected.1).abs() < 1e-9;
                assert!(near, "{cell}: {found:?}");
            }
        }
    }
}
