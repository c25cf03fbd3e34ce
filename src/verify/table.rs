//! Comma-separated vector files, read whole with their header.

use std::path::Path;

use intake::Input;

/// A table of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The file, as messages name it.
    pub name: String,
    /// Column names.
    pub header: Vec<String>,
    /// Rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads a table, plain or compressed.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let input = Input::path(path)
            .open()
            .map_err(|error| error.to_string())?;
        let mut reader = csv::ReaderBuilder::new().from_reader(input);
        let wrong = |error: csv::Error| format!("{name}: {error}");
        let header = reader
            .headers()
            .map_err(wrong)?
            .iter()
            .map(str::to_owned)
            .collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            rows.push(record.map_err(wrong)?.iter().map(str::to_owned).collect());
        }
        Ok(Self { name, header, rows })
    }

    /// The position of a column.
    pub fn column(&self, name: &str) -> Result<usize, String> {
        self.header
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| match self.header.as_slice() {
                [] => format!(
                    "{}: the file is empty; expected columns, `{name}` among them",
                    self.name
                ),
                header => format!(
                    "{}: the header has no column `{name}`; it has: {}",
                    self.name,
                    header.join(", ")
                ),
            })
    }
}
