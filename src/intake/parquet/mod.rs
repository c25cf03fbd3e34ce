//! Tables in Parquet files. Only the columns that are asked for are read from the file and unpacked, one
//! group of rows at a time. A cell is the text that a table of text would have: numbers in decimal, lists in brackets,
//! nothing where no value is. Columns inside others have both names with a dot between. The structures of a list are
//! one cell, as JSON writes them. Source: the format's specification (`parquet-format`), versions 1 and 2.

mod arrow;
mod cursor;
mod encoding;
mod fields;
mod meaning;
mod page;
mod snappy;
mod stored;
mod thrift;
mod write;

use std::io;
use std::sync::Arc;

use crate::budget::{COLUMNS, FOOTER_BYTES, GROUP_ROWS};
use crate::ledger::BadRow;
use crate::{Input, TraceError, read_error};
use cursor::Cursor;
use encoding::Physical;
pub use meaning::TimeForm;
use meaning::{Meaning, meaning};
use page::{Chunk, Leaf, Wrong, cells};
use stored::Stored;
use thrift::{Struct, Value};
use units::plural;
pub use write::{Kind, ParquetFile};

/// The bytes at both ends of a file.
const MARK: &[u8] = b"PAR1";
/// The deepest nesting of columns.
const DEEPEST: u32 = 8;

/// Whether a file that begins with these bytes is one of Parquet.
pub fn is_parquet(first: &[u8]) -> bool {
    first.starts_with(MARK)
}

/// A table.
#[derive(Debug)]
pub struct Parquet {
    name: Arc<str>,
    stored: Stored,
    leaves: Vec<Leaf>,
    groups: Vec<Group>,
}

/// The form of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The separator between cells.
    pub separator: char,
    /// The form of times.
    pub times: TimeForm,
    /// The form of lists.
    pub lists: ListForm,
}

/// The form of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// As `[1, 2]`.
    Brackets,
    /// As `1|2`.
    Bars,
}

/// A group of rows.
#[derive(Clone, Debug)]
struct Group {
    rows: usize,
    /// Pages by column.
    chunks: Vec<Chunk>,
}

impl Parquet {
    /// Opens a file and reads its footer.
    ///
    /// # Errors
    /// The file can't be read, is compressed and longer than is held as a whole, or is damaged.
    pub fn open(input: &Input) -> Result<Self, TraceError> {
        let failed = |error: io::Error| read_error(&input.name, &error);
        let stored = Stored::open(input)?;
        let wrong = |reason: String| TraceError::Format {
            file: input.name.to_string(),
            reason,
        };
        let length = stored.length();
        let tail = stored
            .range(length.saturating_sub(8), 8.min(length))
            .map_err(failed)?;
        let tail = tail.last_chunk::<8>();
        let tail = tail.filter(|tail| tail.ends_with(MARK) && length >= MARK.len() + 8);
        let Some(&[a, b, c, d, ..]) = tail else {
            return Err(wrong(format!(
                "ends after {} without the footer of Parquet: the file is truncated; download or \
                 copy it again",
                plural::count(length, "byte")
            )));
        };
        let footer = u32::from_le_bytes([a, b, c, d]) as usize;
        let from = (length - 8).checked_sub(footer);
        let at = from.ok_or_else(|| {
            wrong(format!(
                "the footer, of {}, is longer than the file; copy it again",
                plural::count(footer, "byte")
            ))
        })?;
        if footer > FOOTER_BYTES {
            return Err(wrong(format!(
                "the footer has {}; {FOOTER_BYTES} are the most that are read",
                plural::count(footer, "byte")
            )));
        }
        let footer = stored.range(at, footer).map_err(failed)?;
        let read = thrift::read(&footer);
        let read = read.and_then(|(footer, _)| understand(&footer));
        let Some((leaves, groups)) = read else {
            return Err(wrong(format!(
                "byte {at}: the footer of Parquet is damaged; download or copy the file again"
            )));
        };
        drop(footer);
        Ok(Self {
            name: input.name.clone(),
            stored,
            leaves,
            groups,
        })
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.leaves.iter().map(|leaf| leaf.name.as_str())
    }

    /// The rows, of which the cells are those of the columns at these places, a separator between
    /// them. A column that is not there is empty.
    pub fn rows(self, places: Vec<Option<usize>>, form: Form) -> Rows {
        Rows {
            file: self,
            places,
            form,
            group: 0,
            row: 0,
            in_group: 0,
            line: 0,
            columns: Vec::new(),
            text: String::new(),
            ends: Vec::new(),
            wrong: None,
        }
    }

    /// Number of rows.
    fn row_count(&self) -> u64 {
        self.groups.iter().map(|group| group.rows as u64).sum()
    }

    /// The cells of a column in the group of rows of a number, counted from 0.
    fn column(
        &self,
        number: usize,
        place: Option<usize>,
        form: Form,
    ) -> Result<Option<Cursor>, TraceError> {
        let Some(place) = place else {
            return Ok(None);
        };
        let group = &self.groups[number];
        let (leaf, chunk) = (&self.leaves[place], &group.chunks[place]);
        if let Meaning::Unread(reason) = leaf.meaning {
            return Err(TraceError::Format {
                file: self.name.to_string(),
                reason: format!("column `{}`: {reason}", leaf.name),
            });
        }
        let refuse = |Wrong { at, reason }| TraceError::Format {
            file: self.name.to_string(),
            reason: format!(
                "byte {at}: row group {}, column `{}`: {reason}",
                number + 1,
                leaf.name
            ),
        };
        let cells = cells(&self.stored, leaf, chunk).map_err(refuse)?;
        let rows = match &cells.lists {
            Some(lists) => lists.len(),
            None => chunk.values,
        };
        if rows != group.rows {
            let rows = plural::count(rows, "row");
            let reason = format!("{rows} where its group has {}", group.rows);
            let at = chunk.start;
            return Err(refuse(Wrong { at, reason }));
        }
        let mut cursor = Cursor::new(cells, leaf, form);
        // The other members of the structures of a list stand behind the first.
        let next = self.leaves.get(place + 1);
        let is_alike = |next: &&Leaf| next.member.is_some() && next.name == leaf.name;
        if leaf.member.is_some() && next.is_some_and(|next| is_alike(&next)) {
            cursor.others = self.column(number, Some(place + 1), form)?.map(Box::new);
        }
        Ok(Some(cursor))
    }
}

/// The rows of a file, one after the other.
pub struct Rows {
    file: Parquet,
    /// The places of the columns that are read.
    places: Vec<Option<usize>>,
    form: Form,
    /// The group that is read next.
    group: usize,
    /// The next row of the present group, and how many it has.
    row: usize,
    in_group: usize,
    line: u64,
    columns: Vec<Option<Cursor>>,
    text: String,
    ends: Vec<usize>,
    /// The place of the first cell of the row that is no text.
    wrong: Option<usize>,
}

impl Rows {
    /// Goes on to the next row; `false` behind the last.
    pub fn advance(&mut self) -> Result<bool, TraceError> {
        while self.row == self.in_group {
            let Some(group) = self.file.groups.get(self.group) else {
                return Ok(false);
            };
            // The memory of the group before is free for this one.
            self.columns.clear();
            for place in &self.places {
                let column = self.file.column(self.group, *place, self.form)?;
                self.columns.push(column);
            }
            (self.row, self.in_group) = (0, group.rows);
            self.group += 1;
        }
        self.text.clear();
        self.ends.clear();
        self.wrong = None;
        for (place, column) in self.columns.iter_mut().enumerate() {
            if !self.ends.is_empty() {
                self.text.push(self.form.separator);
            }
            if let Some(column) = column
                && !column.write(self.row, &mut self.text)
            {
                self.wrong.get_or_insert(place);
            }
            self.ends.push(self.text.len());
        }
        self.row += 1;
        self.line += 1;
        Ok(true)
    }

    /// A complaint about the row, if a cell of it holds bytes that are no text.
    pub fn bad(&self) -> Option<BadRow> {
        let place = self.wrong?;
        let leaf = &self.file.leaves[self.places[place]?];
        let from = place.checked_sub(1).map_or(0, |before| {
            self.ends[before] + self.form.separator.len_utf8()
        });
        Some(BadRow {
            line: self.line,
            column: leaf.name.clone(),
            value: self.text[from..self.ends[place]].to_owned(),
            rule: "must be a text in UTF-8; write the column as texts or numbers".to_owned(),
        })
    }

    /// The number of the row, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The cells of the row, with a separator between them.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where each cell ends.
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// Rows read so far, and all of them.
    pub fn progress(&self) -> (u64, u64) {
        (self.line, self.file.row_count())
    }

    /// Reads only the columns whose places pass a test; before the first row.
    pub fn read_only(&mut self, is_read: impl Fn(usize) -> bool) {
        let places = 0..self.places.len();
        self.places = places
            .map(|place| is_read(place).then_some(place))
            .collect();
    }
}

/// The line of a header with the columns of a file, by which formats are recognized.
///
/// # Errors
/// The file can't be read, or is damaged.
pub fn header(input: &Input) -> Result<Vec<u8>, TraceError> {
    let file = Parquet::open(input)?;
    let columns: Vec<&str> = file.columns().collect();
    Ok(format!("{}\n", columns.join(",")).into_bytes())
}

/// The columns and groups of a footer; `None` if it is damaged.
fn understand(footer: &Struct<'_>) -> Option<(Vec<Leaf>, Vec<Group>)> {
    let mut elements = footer.list(2)?.iter();
    let root = elements.next()?.as_struct()?;
    let mut leaves = Vec::new();
    let top = Nesting::default();
    add_leaves(&mut elements, root.count(5)?, &top, &mut leaves)?;
    if elements.next().is_some() || leaves.len() > COLUMNS {
        return None;
    }
    find_members(&mut leaves);
    for (name, unit) in arrow::spans(footer) {
        let is_own = |leaf: &&mut Leaf| leaf.name == name && leaf.physical == Physical::Int64;
        let own = leaves.iter_mut().find(is_own);
        if let Some(leaf) = own.filter(|leaf| leaf.meaning == Meaning::Plain) {
            leaf.meaning = Meaning::Time(unit);
        }
    }
    let groups = footer.list(4)?.iter();
    let groups = groups.map(|group| understand_group(group, leaves.len()));
    let groups = groups.collect::<Option<Vec<_>>>()?;
    Some((leaves, groups))
}

/// The nesting of a column.
#[derive(Clone, Default)]
struct Nesting {
    name: String,
    defined: u32,
    repeated: u32,
    /// The level of definition of an element of the innermost list.
    listed: u32,
    depth: u32,
}

/// Adds the columns of the next elements of a schema.
fn add_leaves<'f>(
    elements: &mut impl Iterator<Item = &'f Value<'f>>,
    count: usize,
    outer: &Nesting,
    leaves: &mut Vec<Leaf>,
) -> Option<()> {
    if outer.depth > DEEPEST {
        return None;
    }
    for _ in 0..count {
        let element = elements.next()?.as_struct()?;
        let mut own = outer.clone();
        own.depth += 1;
        // Columns inside a list are called as the list is: those names are the writer's.
        if outer.repeated == 0 && element.integer(3) != Some(2) {
            let dot = if own.name.is_empty() { "" } else { "." };
            own.name = format!("{}{dot}{}", own.name, element.text(4)?);
        } else if own.name.is_empty() {
            element.text(4)?.clone_into(&mut own.name);
        }
        match element.integer(3) {
            Some(1) => own.defined += 1,
            Some(2) => {
                own.defined += 1;
                own.repeated += 1;
                own.listed = own.defined;
            }
            _ => {}
        }
        match element.count(5).filter(|&children| children > 0) {
            Some(children) => add_leaves(elements, children, &own, leaves)?,
            None => leaves.push(Leaf {
                name: own.name,
                physical: physical(element)?,
                meaning: meaning(element, physical(element)?),
                defined: own.defined,
                repeated: own.repeated,
                member: element.text(4).map(str::to_owned),
                listed: own.listed,
            }),
        }
    }
    Some(())
}

/// Leaves members of structures to the columns that are some: those of one list, which have one name.
fn find_members(leaves: &mut [Leaf]) {
    for place in 0..leaves.len() {
        let (own, name) = (&leaves[place], &leaves[place].name);
        let is_like = |other: &Leaf| other.repeated == 1 && other.name == *name;
        let before = place.checked_sub(1).and_then(|before| leaves.get(before));
        let has_others = before.is_some_and(is_like) || leaves.get(place + 1).is_some_and(is_like);
        if own.repeated != 1 || !has_others {
            leaves[place].member = None;
        }
    }
}

/// The physical type of an element.
fn physical(element: &Struct<'_>) -> Option<Physical> {
    Some(match element.integer(1)? {
        0 => Physical::Boolean,
        1 => Physical::Int32,
        2 => Physical::Int64,
        3 => Physical::Int96,
        4 => Physical::Float,
        5 => Physical::Double,
        6 => Physical::ByteArray,
        7 => Physical::FixedBytes(element.count(2)?),
        _ => return None,
    })
}

fn understand_group(group: &Value<'_>, columns: usize) -> Option<Group> {
    let group = group.as_struct()?;
    let chunks = group.list(1)?.iter().map(|chunk| {
        let chunk = chunk.as_struct()?.inner(3)?;
        let data = chunk.count(9)?;
        let dictionary = chunk.count(11).filter(|&at| at > 0);
        Some(Chunk {
            codec: chunk.integer(4)?,
            values: chunk.count(5).filter(|&values| values <= GROUP_ROWS)?,
            start: dictionary.map_or(data, |at| at.min(data)),
            length: chunk.count(7)?,
        })
    });
    let chunks = chunks.collect::<Option<Vec<_>>>()?;
    let rows = group.count(3).filter(|&rows| rows <= GROUP_ROWS)?;
    (chunks.len() == columns).then_some(Group { rows, chunks })
}

#[cfg(test)]
mod tests;
