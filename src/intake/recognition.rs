//! Recognition of a table by the signs that its columns declare.

use crate::columns::{ColumnDoc, Confidence, FieldTest, header_has, row_has};
use crate::rows::Layout;

impl Layout {
    /// The confidence that a text is a table of the layout: its header has the columns with a sign, or all where none has
    /// one; or the fields of its first rows pass the tests of their columns.
    pub fn confidence(&self, first: &[u8]) -> Confidence {
        let signs = (0..).zip(self.columns);
        let signs = signs.filter_map(|(place, column)| Some((place, column.sign?)));
        let signs: Vec<FieldTest> = signs.collect();
        if !self.header {
            return row_has(first, self.separator, self.columns.len(), &signs);
        }
        let is_sign = |column: &&ColumnDoc| signs.is_empty() || column.sign.is_some();
        let names = self.columns.iter().filter(is_sign);
        let names: Vec<&str> = names.map(|column| column.name).collect();
        header_has(first, &names)
    }
}

impl Confidence {
    /// Returns `Certain` if it is so, else `No`.
    pub fn certain_if(is_so: bool) -> Self {
        if is_so { Self::Certain } else { Self::No }
    }
}
