//! Tables of an `SQLite` database, row by row in the order of their keys. A cell is the text that a table
//! of text would have; nothing stands for NULL. Indexes, views and tables without row numbers are not
//! read. A database on disk is read page by page, and one that is compressed is unpacked to a temporary file, so that
//! it may be larger than memory. Source: the documentation of `SQLite`, "Database File Format".

mod pages;
mod record;

use std::sync::Arc;

use crate::{Input, TraceError, read_error};
use pages::Pages;
use record::{Cell, cells, varint};

/// The bytes with which a database begins.
const MARK: &[u8] = b"SQLite format 3\0";
/// The length of the header of the first page.
const HEADER: usize = 100;
/// The deepest tree of pages.
const DEEPEST: u32 = 20;
/// Kinds of pages of tables.
const LEAF: u8 = 13;
const INTERIOR: u8 = 5;

/// Whether a file that begins with these bytes is a database.
pub fn is_sqlite(first: &[u8]) -> bool {
    first.starts_with(MARK)
}

/// A database.
pub struct Sqlite {
    name: Arc<str>,
    pages: Pages,
    page: usize,
    /// The bytes of a page that hold something.
    usable: usize,
}

/// A table of a database.
struct Table {
    root: u32,
    columns: Vec<String>,
    /// The column that is another name of the row's number.
    key: Option<usize>,
}

/// A function that takes a row with its number.
type TakeRow<'t> = dyn FnMut(i64, &[Cell<'_>]) -> Result<(), TraceError> + 't;

const DAMAGED: &str = "is damaged or cut off; copy the file again";

impl Sqlite {
    /// Opens a database.
    ///
    /// # Errors
    /// The file can't be read, or is damaged.
    pub fn open(input: &Input) -> Result<Self, TraceError> {
        let wrong = |error| read_error(&input.name, &error);
        let pages = Pages::open(input)?;
        let refuse = |reason: &str| TraceError::Format {
            file: input.name.to_string(),
            reason: reason.to_owned(),
        };
        for ending in ["-wal", "-journal"] {
            if input.has_beside(ending) {
                let name = &input.name;
                return Err(refuse(&format!(
                    "`{name}{ending}` beside it holds changes that are not in the file; copy the database \
                     with `sqlite3 {name} '.backup copy.db'`, which takes them in, and read the copy"
                )));
            }
        }
        let mark = pages.read(0, MARK.len()).map_err(wrong)?;
        if mark.as_deref() != Some(MARK) {
            return Err(refuse(
                "is no database of SQLite, nor a ZIP archive that holds one; copy or download it again",
            ));
        }
        let header = pages.read(0, HEADER).map_err(wrong)?;
        let header = header.ok_or_else(|| refuse("the header of SQLite is cut off"))?;
        let page = match usize::from(header[16]) << 8 | usize::from(header[17]) {
            1 => 1 << 16,
            size => size,
        };
        let usable = page.checked_sub(usize::from(header[20]));
        let usable =
            usable.filter(|usable| page.is_power_of_two() && page >= 512 && *usable >= 480);
        let usable =
            usable.ok_or_else(|| refuse("the header of SQLite states no size of a page"))?;
        if header[56..60] != [0, 0, 0, 1] {
            let reason = "texts are not in UTF-8; copy the database with `.dump` of sqlite3";
            return Err(refuse(reason));
        }
        if header[18] > 2 || header[19] > 2 {
            return Err(refuse(
                "is of a newer version of SQLite's format than is read",
            ));
        }
        Ok(Self {
            name: input.name.clone(),
            pages,
            page,
            usable,
        })
    }

    /// Takes each row of a table, counted from 1: the text of these columns, a separator between them, and
    /// where each ends. A column that is not there is empty; its place is returned.
    ///
    /// # Errors
    /// There is no such table, a page is damaged, or taking a row fails.
    pub fn each_row(
        &self,
        table: &str,
        columns: &[&str],
        separator: char,
        mut take: impl FnMut(u64, &str, &[usize], &[bool]) -> Result<(), TraceError>,
    ) -> Result<(), TraceError> {
        let found = self.table(table)?;
        let places = columns.iter().map(|name| {
            let own = found.columns.iter();
            { own }.position(|column| column.eq_ignore_ascii_case(name))
        });
        let places: Vec<Option<usize>> = places.collect();
        let are_there: Vec<bool> = places.iter().map(Option::is_some).collect();
        let (mut text, mut ends, mut line) = (String::new(), Vec::new(), 0);
        self.walk(found.root, &mut |key, record| {
            line += 1;
            text.clear();
            ends.clear();
            for place in &places {
                if !ends.is_empty() {
                    text.push(separator);
                }
                match place.map(|place| (found.key == Some(place), record.get(place))) {
                    Some((true, _)) => Cell::Integer(key).write(&mut text),
                    Some((false, Some(cell))) => cell.write(&mut text),
                    _ => {}
                }
                ends.push(text.len());
            }
            take(line, &text, &ends, &are_there)
        })
    }

    /// The table of a name.
    fn table(&self, name: &str) -> Result<Table, TraceError> {
        let (mut found, mut names) = (None, Vec::new());
        self.walk(1, &mut |_, record| {
            let [kind, own, _, root, sql] = [0, 1, 2, 3, 4].map(|place| record.get(place));
            let (Some(Cell::Text("table")), Some(Cell::Text(own))) = (kind, own) else {
                return Ok(());
            };
            names.push(format!("`{own}`"));
            if own.eq_ignore_ascii_case(name)
                && let (Some(Cell::Integer(root)), Some(Cell::Text(sql))) = (root, sql)
            {
                found = u32::try_from(*root)
                    .ok()
                    .and_then(|root| declared(sql, root));
            }
            Ok(())
        })?;
        found.ok_or_else(|| TraceError::Format {
            file: self.name.to_string(),
            reason: format!(
                "the database has no table `{name}` with row numbers; it has: {}",
                names.join(", ")
            ),
        })
    }

    /// Takes each row of the tree of pages below one, with its number.
    fn walk(&self, root: u32, take: &mut TakeRow<'_>) -> Result<(), TraceError> {
        let mut left = self.pages.length / self.page as u64 + 1;
        let mut pages = vec![(root, 0)];
        while let Some((number, depth)) = pages.pop() {
            let refuse = |reason: &str| TraceError::Format {
                file: self.name.to_string(),
                reason: format!("page {number} {reason}"),
            };
            let damaged = || refuse(DAMAGED);
            left = left
                .checked_sub(1)
                .ok_or_else(|| refuse("is part of a circle of pages"))?;
            let page = &*self.page(number)?.ok_or_else(damaged)?;
            let from = if number == 1 { HEADER } else { 0 };
            let kind = *page.get(from).ok_or_else(damaged)?;
            let count = big(page, from + 3, 2).ok_or_else(damaged)?;
            let is_leaf = match kind {
                LEAF => true,
                INTERIOR if depth < DEEPEST => false,
                _ => return Err(refuse("is none of a table's; the file is damaged")),
            };
            let cells_from = from + if is_leaf { 8 } else { 12 };
            let places = (0..count).map(|place| big(page, cells_from + 2 * place, 2));
            let places = places.collect::<Option<Vec<usize>>>().ok_or_else(damaged)?;
            if is_leaf {
                for place in places {
                    let (key, payload) = self.payload(page, place)?.ok_or_else(damaged)?;
                    let record = cells(&payload).ok_or_else(damaged)?;
                    take(key, &record)?;
                }
                continue;
            }
            let last = big(page, from + 8, 4);
            let children = places.into_iter().map(|place| big(page, place, 4));
            let children = children.chain([last]).collect::<Option<Vec<usize>>>();
            // The first child is taken first.
            for child in children.ok_or_else(damaged)?.into_iter().rev() {
                pages.push((u32::try_from(child).map_err(|_| damaged())?, depth + 1));
            }
        }
        Ok(())
    }

    /// The page of a number, which counts from 1; `None` if the file does not have it.
    fn page(&self, number: u32) -> Result<Option<Vec<u8>>, TraceError> {
        let Some(before) = number.checked_sub(1) else {
            return Ok(None);
        };
        let page = self
            .pages
            .read(u64::from(before) * self.page as u64, self.page);
        page.map_err(|error| read_error(&self.name, &error))
    }

    /// The row number and the record of a cell of a leaf, with the pages that it continues in; `None` if it is damaged.
    fn payload(&self, page: &[u8], at: usize) -> Result<Option<(i64, Vec<u8>)>, TraceError> {
        let Some(Cut {
            key,
            length,
            mut payload,
            mut next,
        }) = self.cut(page, at)
        else {
            return Ok(None);
        };
        while payload.len() < length {
            let number = u32::try_from(next).unwrap_or_default();
            let Some(page) = self.page(number)? else {
                return Ok(None);
            };
            let more = (length - payload.len()).min(self.usable - 4);
            let (Some(bytes), Some(behind)) = (page.get(4..4 + more), big(&page, 0, 4)) else {
                return Ok(None);
            };
            payload.extend_from_slice(bytes);
            next = behind;
        }
        Ok(Some((key, payload)))
    }

    /// The part of a record that stands in its cell.
    fn cut(&self, page: &[u8], mut at: usize) -> Option<Cut> {
        let length = usize::try_from(varint(page, &mut at)?).ok()?;
        let key = varint(page, &mut at)? as i64;
        let most = self.usable - 35;
        let (local, next) = if length <= most {
            (length, 0)
        } else if length as u64 > self.pages.length {
            return None;
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let local = least + (length - least) % (self.usable - 4);
            let local = if local <= most { local } else { least };
            (local, big(page, at + local, 4)?)
        };
        Some(Cut {
            key,
            length,
            payload: page.get(at..at.checked_add(local)?)?.to_vec(),
            next,
        })
    }
}

/// The beginning of a record.
struct Cut {
    key: i64,
    /// The length of the record.
    length: usize,
    payload: Vec<u8>,
    /// The page that it continues in, if it is longer.
    next: usize,
}

/// The number in some bytes at a place, the highest first.
fn big(bytes: &[u8], at: usize, count: usize) -> Option<usize> {
    let taken = bytes.get(at..at.checked_add(count)?)?.iter();
    Some(taken.fold(0, |number, &byte| number << 8 | usize::from(byte)))
}

/// The columns that the command declares which made a table; `None` of one without row numbers.
fn declared(sql: &str, root: u32) -> Option<Table> {
    let (_, inner) = sql.split_once('(')?;
    let (inner, behind) = inner.rsplit_once(')')?;
    if behind.to_ascii_lowercase().contains("without") {
        return None;
    }
    let (mut columns, mut key) = (Vec::new(), None);
    let mut depth = 0;
    let parts = inner.split(|char: char| {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        char == ',' && depth == 0
    });
    for part in parts {
        let part = part.trim();
        let name: String = match part.chars().next()? {
            quote @ ('"' | '`') => part[1..].split(quote).next()?.to_owned(),
            '[' => part[1..].split(']').next()?.to_owned(),
            _ => { part.split(|char: char| char.is_whitespace() || char == '(') }
                .next()?
                .to_owned(),
        };
        let upper = part.to_ascii_uppercase();
        let words = ["PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"];
        if words.contains(&name.to_ascii_uppercase().as_str()) {
            continue;
        }
        let words: Vec<&str> = upper.split_whitespace().collect();
        if words.get(1..4) == Some(&["INTEGER", "PRIMARY", "KEY"]) {
            key = Some(columns.len());
        }
        columns.push(name);
    }
    Some(Table { root, columns, key })
}

#[cfg(test)]
mod tests;
