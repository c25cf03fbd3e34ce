//! Tables written as Parquet files: flat columns of text and whole numbers, a page per column in each group
//! of rows, packed with zstd. Memory holds a group of rows. Source: the format's specification
//! (`parquet-format`), version 1 of pages.

use std::io::{self, Write};

use flate2::Crc;

use super::MARK;
use super::fields::{Fields, push_varint};

/// The most rows of a group.
const GROUP_ROWS: usize = 1 << 16;
/// The values of a group, in bytes, from which it is written.
const GROUP_BYTES: usize = 1 << 26;
/// Level 3 is zstd's own default.
const LEVEL: i32 = 3;

/// Numbers of the format: physical types, encodings, the packing, and a page of data.
const INT64: i32 = 2;
const BYTE_ARRAY: i32 = 6;
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const ZSTD: i32 = 6;
const DATA_PAGE: i32 = 0;
const UTF8: i32 = 0;

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers of 64 bits.
    Integer,
    /// UTF-8 text.
    Text,
}

/// The values of a column in the group of rows that is gathered.
struct Gathered {
    name: &'static str,
    kind: Kind,
    /// The values that are there, one after the other.
    values: Vec<u8>,
    /// Whether each row has a value.
    present: Vec<bool>,
}

/// The bytes of a column of a group, as the footer states them.
struct Stored {
    place: usize,
    packed: usize,
    unpacked: usize,
}

/// A group of rows that is written.
struct Group {
    rows: usize,
    columns: Vec<Stored>,
}

/// A file that is being written.
pub struct ParquetFile<'out> {
    out: &'out mut dyn Write,
    /// Bytes written.
    place: usize,
    columns: Vec<Gathered>,
    groups: Vec<Group>,
    rows: usize,
}

impl<'out> ParquetFile<'out> {
    /// Begins a file of these columns.
    pub fn begin(
        columns: impl IntoIterator<Item = (&'static str, Kind)>,
        out: &'out mut dyn Write,
    ) -> io::Result<Self> {
        out.write_all(MARK)?;
        let columns = columns.into_iter().map(|(name, kind)| Gathered {
            name,
            kind,
            values: Vec::new(),
            present: Vec::new(),
        });
        Ok(Self {
            out,
            place: MARK.len(),
            columns: columns.collect(),
            groups: Vec::new(),
            rows: 0,
        })
    }

    /// Sets a whole number of the present row.
    pub fn integer(&mut self, column: usize, value: Option<i64>) {
        let column = &mut self.columns[column];
        column.present.push(value.is_some());
        if let Some(value) = value {
            column.values.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// Sets a text of the present row; an empty one is absent.
    pub fn text(&mut self, column: usize, text: &str) {
        let column = &mut self.columns[column];
        column.present.push(!text.is_empty());
        if !text.is_empty() {
            column.values.extend((text.len() as u32).to_le_bytes());
            column.values.extend_from_slice(text.as_bytes());
        }
    }

    /// Ends the present row, of which every column is set.
    pub fn end_row(&mut self) -> io::Result<()> {
        self.rows += 1;
        let bytes = || self.columns.iter().map(|column| column.values.len());
        if self.rows >= GROUP_ROWS || bytes().sum::<usize>() >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes the last group of rows and the footer.
    pub fn finish(mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group()?;
        }
        let footer = self.footer().end();
        self.out.write_all(&footer)?;
        self.out.write_all(&(footer.len() as u32).to_le_bytes())?;
        self.out.write_all(MARK)
    }

    fn write_group(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            let page = column.page();
            let packed = zstd::bulk::compress(&page, LEVEL)?;
            let mut sum = Crc::new();
            sum.update(&packed);
            let header = Fields::default()
                .half(1, DATA_PAGE)
                .half(2, page.len() as i32)
                .half(3, packed.len() as i32)
                .half(4, sum.sum() as i32)
                .inner(
                    5,
                    Fields::default()
                        .half(1, rows as i32)
                        .half(2, PLAIN)
                        .half(3, RLE)
                        .half(4, RLE),
                )
                .end();
            self.out.write_all(&header)?;
            self.out.write_all(&packed)?;
            columns.push(Stored {
                place: self.place,
                packed: header.len() + packed.len(),
                unpacked: header.len() + page.len(),
            });
            self.place += header.len() + packed.len();
        }
        self.groups.push(Group { rows, columns });
        Ok(())
    }

    fn footer(&self) -> Fields {
        let root = Fields::default()
            .text(4, "schema")
            .half(5, self.columns.len() as i32);
        let columns = self.columns.iter().map(Gathered::schema);
        let groups = self.groups.iter().map(|group| self.group(group));
        Fields::default()
            .half(1, 1)
            .inners(2, [root].into_iter().chain(columns).collect())
            .word(3, self.groups.iter().map(|group| group.rows).sum())
            .inners(4, groups.collect())
            .text(6, concat!("windtunnel version ", env!("CARGO_PKG_VERSION")))
    }

    fn group(&self, group: &Group) -> Fields {
        let columns = self.columns.iter().zip(&group.columns);
        let chunks = columns.map(|(column, stored)| {
            let about = Fields::default()
                .half(1, column.physical())
                .halves(2, &[PLAIN, RLE])
                .one_text(3, column.name)
                .half(4, ZSTD)
                .word(5, group.rows)
                .word(6, stored.unpacked)
                .word(7, stored.packed)
                .word(9, stored.place);
            Fields::default().word(2, stored.place).inner(3, about)
        });
        let bytes = group.columns.iter().map(|stored| stored.unpacked).sum();
        Fields::default()
            .inners(1, chunks.collect())
            .word(2, bytes)
            .word(3, group.rows)
    }
}

impl Gathered {
    fn physical(&self) -> i32 {
        match self.kind {
            Kind::Integer => INT64,
            Kind::Text => BYTE_ARRAY,
        }
    }

    /// The element of the schema: every value may be absent.
    fn schema(&self) -> Fields {
        let element = Fields::default()
            .half(1, self.physical())
            .half(3, 1)
            .text(4, self.name);
        match self.kind {
            Kind::Integer => element,
            Kind::Text => element
                .half(6, UTF8)
                .inner(10, Fields::default().inner(1, Fields::default())),
        }
    }

    /// The levels and values of the rows gathered, which are taken out.
    fn page(&mut self) -> Vec<u8> {
        let levels = levels(&self.present);
        let mut page = Vec::with_capacity(4 + levels.len() + self.values.len());
        page.extend_from_slice(&(levels.len() as u32).to_le_bytes());
        page.extend_from_slice(&levels);
        page.append(&mut self.values);
        self.present.clear();
        page
    }
}

/// Levels of one bit: a run where all are equal, else packed bits.
fn levels(present: &[bool]) -> Vec<u8> {
    let mut levels = Vec::new();
    let first = present.first().copied().unwrap_or_default();
    if present.iter().all(|own| *own == first) {
        push_varint(&mut levels, (present.len() as u64) << 1);
        levels.push(u8::from(first));
        return levels;
    }
    push_varint(&mut levels, (present.len().div_ceil(8) as u64) << 1 | 1);
    for eight in present.chunks(8) {
        let bits = (0..).zip(eight);
        levels.push(bits.fold(0, |byte, (bit, own)| byte | u8::from(*own) << bit));
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::super::{Form, ListForm, Parquet, TimeForm};
    use super::*;
    use crate::Input;
    use proptest::prelude::*;

    /// The rows of a file, as a table of text has them.
    fn read(bytes: Vec<u8>) -> Vec<String> {
        let file = Parquet::open(&Input::bytes("t.parquet", bytes)).expect("a file");
        let places: Vec<Option<usize>> = (0..file.columns().count()).map(Some).collect();
        let form = Form {
            separator: '|',
            times: TimeForm::Seconds,
            lists: ListForm::Bars,
        };
        let mut rows = file.rows(places, form);
        let mut found = Vec::new();
        while rows.advance().expect("good pages") {
            found.push(rows.text().to_owned());
        }
        found
    }

    proptest! {
        #[test]
        fn rows_are_read_as_they_were_written(
            rows in prop::collection::vec((prop::option::of(any::<i64>()), "[a-zä ]{0,9}"), 0..70),
        ) {
            let mut bytes = Vec::new();
            let columns = [("a", Kind::Integer), ("b", Kind::Text)];
            let mut file = ParquetFile::begin(columns, &mut bytes).expect("memory");
            for (number, text) in &rows {
                file.integer(0, *number);
                file.text(1, text);
                file.end_row().expect("memory");
            }
            file.finish().expect("memory");
            let number = |own: Option<i64>| own.map(|own| own.to_string()).unwrap_or_default();
            let expected: Vec<String> =
                rows.iter().map(|(own, text)| format!("{}|{text}", number(*own))).collect();
            prop_assert_eq!(read(bytes), expected);
        }
    }

    #[test]
    fn a_byte_that_changed_in_a_page_is_told() {
        let mut bytes = Vec::new();
        let columns = [("a", Kind::Integer), ("b", Kind::Text)];
        let mut file = ParquetFile::begin(columns, &mut bytes).expect("memory");
        file.integer(0, Some(7));
        file.text(1, "some text that is packed");
        file.end_row().expect("memory");
        file.finish().expect("memory");
        let place = { bytes.windows(4) }.position(|own| own == b"some");
        bytes[place.expect("zstd keeps short texts as they are")] = b'S';
        let file = Parquet::open(&Input::bytes("t.parquet", bytes)).expect("a footer");
        let form = Form {
            separator: '|',
            times: TimeForm::Seconds,
            lists: ListForm::Bars,
        };
        let error = { file.rows(vec![Some(0), Some(1)], form) }.advance();
        let error = error.expect_err("another text").to_string();
        assert!(
            error.contains("row group 1, column `b`: the bytes of the page don't agree"),
            "{error}"
        );
    }

    #[test]
    fn groups_of_rows_follow_each_other() {
        let mut bytes = Vec::new();
        let mut file = ParquetFile::begin([("a", Kind::Integer)], &mut bytes).expect("memory");
        for row in 0..2 * GROUP_ROWS as i64 + 3 {
            file.integer(0, (row % 5 > 0).then_some(row));
            file.end_row().expect("memory");
        }
        file.finish().expect("memory");
        let found = read(bytes);
        assert_eq!(found.len(), 2 * GROUP_ROWS + 3);
        assert_eq!(&found[GROUP_ROWS - 2..=GROUP_ROWS], ["65534", "", "65536"]);
    }
}
