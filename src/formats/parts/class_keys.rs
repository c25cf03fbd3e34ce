//! Classes by the text of the columns that make them: a row whose text was seen before is of the
//! class found then, so that specs are made once a class and not once a row. The same holds for
//! whatever else is made of columns of which rows have the same text.

use intake::table::{Adjacent, Column, Piece, Row};
use intake::text_numbers::Texts;

/// The most texts that are remembered.
const MOST: usize = 1 << 16;

/// The columns that a table's classes depend on, and the classes of texts seen there, or what else is made of them.
#[derive(Debug)]
pub(crate) struct ClassKeys<T = u32> {
    known: Texts,
    /// Their classes.
    classes: Vec<T>,
    key: Key,
}

/// Extraction of the key text from a row.
#[derive(Debug)]
struct Key {
    columns: Vec<Column>,
    adjacent: Option<Adjacent>,
    joined: Vec<u8>,
}

impl Key {
    /// The text as it stands where the columns are side by side, else field by field; a line has no
    /// line break, so that no two rows of different fields have one text.
    #[inline(always)]
    fn of<'row>(&'row mut self, row: &Row<'row>) -> Piece<'row> {
        if let Some(text) = self.adjacent.and_then(|columns| row.between(columns)) {
            return text;
        }
        self.joined.clear();
        for column in &self.columns {
            self.joined.push(b'\n');
            self.joined.extend_from_slice(row.bytes(column));
        }
        Piece::of(&self.joined, 0, self.joined.len())
    }
}

impl<T: Copy> ClassKeys<T> {
    /// Creates an empty table. The columns must include all that a spec depends on.
    pub(crate) fn new<'c>(columns: impl IntoIterator<Item = &'c Column>) -> Self {
        let columns: Vec<Column> = columns.into_iter().cloned().collect();
        Self {
            known: Texts::default(),
            classes: Vec::new(),
            key: Key {
                adjacent: Adjacent::of(&columns),
                columns,
                joined: Vec::new(),
            },
        }
    }

    /// The class of a row, if its text was learnt.
    #[inline(always)]
    pub(crate) fn find(&mut self, row: &Row<'_>) -> Option<T> {
        let text = self.known.find(self.key.of(row))?;
        Some(self.classes[text as usize])
    }

    /// Keeps the class of a row that has none yet.
    pub(crate) fn learn(&mut self, row: &Row<'_>, class: T) {
        if self.classes.len() == MOST {
            // Where rows hardly share a text, as many texts would be remembered as there are rows.
            self.known = Texts::default();
            self.classes.clear();
        }
        self.known.add(self.key.of(row));
        self.classes.push(class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use intake::table::Table;

    fn check(columns: &[&str], rows: &str, expected: &[u32]) {
        let text = format!("a,b,c\n{rows}");
        let mut table = Table::open(&Input::bytes("t", text.into_bytes())).expect("a table");
        let columns: Vec<Column> = columns
            .iter()
            .map(|name| table.required_column(name).expect("is there"))
            .collect();
        let mut keys = ClassKeys::new(&columns);
        let mut classes = 0;
        let mut found = Vec::new();
        while let Some(row) = table.next_row().expect("readable") {
            let row = row.expect("of right length");
            let class = keys.find(&row).unwrap_or_else(|| {
                classes += 1;
                keys.learn(&row, classes);
                classes
            });
            found.push(class);
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn rows_of_equal_text_are_of_one_class() {
        check(&["a", "b"], "1,2,3\n1,2,4\n12,,5\n1,2,6\n", &[1, 1, 2, 1]);
        check(&["c", "a"], "1,2,3\n1,9,3\n1,2,4\n", &[1, 1, 2]);
        check(&[], "1,2,3\n4,5,6\n", &[1, 1]);
        // Without their quotes these would be the same text.
        check(&["a", "b"], "\"x,y\",z,1\nx,\"y,z\",1\n", &[1, 2]);
    }
}
