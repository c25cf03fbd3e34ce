//! The pages of a column: unpacked, with the levels that say where a value is absent or part of a
//! list, and with values in one of the encodings.

use std::io::Read;

use flate2::Crc;
use flate2::read::MultiGzDecoder;

use super::encoding::{Physical, Values, differences, hybrid, width_of};
use super::meaning::Meaning;
use super::snappy;
use super::stored::Stored;
use super::thrift::{self, Struct};
use crate::budget::{PAGE_BYTES, PAGE_HEADER_BYTES, PAGE_VALUES};
use units::plural;

/// A column of the schema.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    /// The name, with those of what it is nested in before it and dots between.
    pub(super) name: String,
    /// The physical type.
    pub(super) physical: Physical,
    /// What its numbers stand for.
    pub(super) meaning: Meaning,
    /// The level of definition of a value that is there.
    pub(super) defined: u32,
    /// The level of repetition of a value within its innermost list; 0 of a column without lists.
    pub(super) repeated: u32,
    /// The name of a member of the structures in a list, which the column is then.
    pub(super) member: Option<String>,
    /// The level of definition of an element of a list that is there, with a value or without.
    pub(super) listed: u32,
}

/// The pages of a column in a group of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Chunk {
    /// The number of the compression.
    pub(super) codec: i64,
    /// The number of values, absent ones included.
    pub(super) values: usize,
    /// The place of the first page.
    pub(super) start: usize,
    /// The length of all pages in bytes.
    pub(super) length: usize,
}

/// A fault, and the byte at which the page begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    /// The byte, counted from 0.
    pub(super) at: usize,
    /// The reason.
    pub(super) reason: String,
}

/// The cells of a column in a group of rows.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    /// The values that are there.
    pub(super) values: Values,
    /// Whether each cell has a value, or each element of the lists of a member; `None` if all have.
    pub(super) present: Option<Vec<bool>>,
    /// The number of values of each row's list, of a member that of elements; `None` of a column without lists.
    pub(super) lists: Option<Vec<usize>>,
}

/// Reads a column's pages in a group of rows, and nothing else of a file.
pub(super) fn cells(stored: &Stored, leaf: &Leaf, chunk: &Chunk) -> Result<Cells, Wrong> {
    let damaged = |at: usize| Wrong {
        at,
        reason: "the page is damaged; copy the file again".to_owned(),
    };
    let physical = leaf.physical;
    if physical == Physical::Int96 {
        return Err(Wrong {
            at: chunk.start,
            reason: "times of 96 bits are not read; write them as whole numbers".to_owned(),
        });
    }
    let end = chunk.start.checked_add(chunk.length);
    end.filter(|&end| end <= stored.length())
        .ok_or_else(|| damaged(chunk.start))?;
    let bytes = stored.range(chunk.start, chunk.length);
    let bytes = bytes.map_err(|error| Wrong {
        at: chunk.start,
        reason: error.to_string(),
    })?;
    let mut column = Reading {
        leaf,
        physical,
        dictionary: None,
        cells: Cells {
            values: Values::none(physical),
            present: (leaf.defined > 0 && leaf.repeated == 0 || leaf.member.is_some())
                .then(Vec::new),
            lists: (leaf.repeated > 0).then(Vec::new),
        },
    };
    let (mut at, mut read, end) = (0, 0, bytes.len());
    while read < chunk.values {
        let begin = chunk.start + at;
        let header = bytes
            .get(at..end.min(at.saturating_add(PAGE_HEADER_BYTES)))
            .and_then(thrift::read);
        let (header, length) = header.ok_or_else(|| damaged(begin))?;
        at += length;
        let sizes = header.count(2).zip(header.count(3));
        let (unpacked, packed) = sizes.ok_or_else(|| damaged(begin))?;
        let next = at.checked_add(packed).filter(|&next| next <= end);
        let next = next.ok_or_else(|| damaged(begin))?;
        if unpacked > PAGE_BYTES {
            return Err(Wrong {
                at: begin,
                reason: format!(
                    "a page has {}; {PAGE_BYTES} are the most that are read",
                    plural::count(unpacked, "byte")
                ),
            });
        }
        if let Some(stated) = header.integer(4) {
            check(stated, &bytes[at..next]).map_err(|reason| Wrong { at: begin, reason })?;
        }
        let page = Page {
            header: &header,
            bytes: &bytes[at..next],
            unpacked,
            codec: chunk.codec,
        };
        let more = column.add(&page);
        read += more.map_err(|reason| Wrong { at: begin, reason })?;
        at = next;
    }
    Ok(column.cells)
}

/// Compares the check sum of a page, that of its bytes behind the header as they are stored, with the one it states.
fn check(stated: i64, bytes: &[u8]) -> Result<(), String> {
    let mut sum = Crc::new();
    sum.update(bytes);
    // The sum is stated as a signed number of 32 bits.
    if stated as u32 == sum.sum() {
        return Ok(());
    }
    Err(
        "the bytes of the page don't agree with its check sum: some of them changed; download or copy the file \
         again, or have it written again"
            .to_owned(),
    )
}

/// A page as it is stored.
struct Page<'p> {
    header: &'p Struct<'p>,
    bytes: &'p [u8],
    unpacked: usize,
    codec: i64,
}

/// A column being read.
struct Reading<'l> {
    leaf: &'l Leaf,
    physical: Physical,
    dictionary: Option<Values>,
    cells: Cells,
}

impl Page<'_> {
    /// The bytes behind a first part that is never packed.
    fn unpack(&self, from: usize) -> Result<Vec<u8>, String> {
        let damaged = || "the packed bytes are damaged; copy the file again".to_owned();
        let packed = self.bytes.get(from..).ok_or_else(damaged)?;
        let length = self.unpacked.checked_sub(from).ok_or_else(damaged)?;
        if packed.is_empty() && length == 0 {
            return Ok(Vec::new());
        }
        let whole = |reader: &mut dyn Read| {
            let mut out = Vec::new();
            let read = reader.take(length as u64 + 1).read_to_end(&mut out);
            read.ok().map(|_| out)
        };
        let out = match self.codec {
            0 => Some(packed.to_vec()),
            1 => snappy::unpack(packed, length),
            2 => whole(&mut MultiGzDecoder::new(packed)),
            6 => zstd::Decoder::new(packed)
                .ok()
                .and_then(|mut reader| whole(&mut reader)),
            other => {
                let names = ["", "", "", "LZO", "Brotli", "LZ4", "", "LZ4"];
                let name = usize::try_from(other)
                    .ok()
                    .and_then(|place| names.get(place));
                let name = name.copied().unwrap_or("an unknown method");
                return Err(format!(
                    "is packed with {name}, which is not read; write the file with Snappy, gzip or zstd"
                ));
            }
        };
        out.filter(|out| out.len() == length).ok_or_else(damaged)
    }
}

impl Reading<'_> {
    /// Adds a page; returns how many cells it has.
    fn add(&mut self, page: &Page<'_>) -> Result<usize, String> {
        match page.header.integer(1) {
            Some(0) => self.add_first(page),
            Some(2) => self.add_dictionary(page).map(|()| 0),
            Some(3) => self.add_second(page),
            // Pages of an index.
            _ => Ok(0),
        }
    }

    fn add_dictionary(&mut self, page: &Page<'_>) -> Result<(), String> {
        let count = count(page.header.inner(7))?;
        let bytes = page.unpack(0)?;
        let mut values = Values::none(self.physical);
        let added = values.add_plain(self.physical, &bytes, count);
        added.ok_or("the dictionary is damaged; copy the file again")?;
        self.dictionary = Some(values);
        Ok(())
    }

    /// A page of the first version: levels and values are packed together.
    fn add_first(&mut self, page: &Page<'_>) -> Result<usize, String> {
        let header = page.header.inner(5);
        let count = count(header)?;
        let bytes = page.unpack(0)?;
        let mut at = 0;
        let repetition = levels(&bytes, &mut at, self.leaf.repeated, count);
        let definition = levels(&bytes, &mut at, self.leaf.defined, count);
        let both = repetition.zip(definition);
        let (repetition, definition) = both.ok_or("the levels are damaged; copy the file again")?;
        let encoding = header.and_then(|header| header.integer(2));
        self.add_values(&bytes[at..], encoding, count, &repetition, &definition)?;
        Ok(count)
    }

    /// A page of the second version: levels stand before what is packed.
    fn add_second(&mut self, page: &Page<'_>) -> Result<usize, String> {
        let damaged = || "the levels are damaged; copy the file again".to_owned();
        let header = page.header.inner(8);
        let count = count(header)?;
        let lengths = header.and_then(|header| header.count(6).zip(header.count(5)));
        let (repetition, definition) = lengths.ok_or_else(damaged)?;
        let middle = page.bytes.split_at_checked(repetition);
        let (first, rest) = middle.ok_or_else(damaged)?;
        let second = rest.get(..definition).ok_or_else(damaged)?;
        let from = repetition + definition;
        let is_packed = header.and_then(|header| header.bool(7)) != Some(false);
        let bytes = if is_packed {
            page.unpack(from)?
        } else {
            page.bytes[from..].to_vec()
        };
        let first = hybrid(first, width_of(self.leaf.repeated), count);
        let second = hybrid(second, width_of(self.leaf.defined), count);
        let (first, second) = first.zip(second).ok_or_else(damaged)?;
        let encoding = header.and_then(|header| header.integer(4));
        self.add_values(&bytes, encoding, count, &first, &second)?;
        Ok(count)
    }

    fn add_values(
        &mut self,
        bytes: &[u8],
        encoding: Option<i64>,
        count: usize,
        repetition: &[u32],
        definition: &[u32],
    ) -> Result<(), String> {
        let defined = self.leaf.defined;
        let is_there = |level: &&u32| **level == defined;
        let there = definition.iter().filter(is_there).count();
        debug_assert_eq!((repetition.len(), definition.len()), (count, count));
        let damaged =
            || "the values are damaged, or longer than 1 GiB in a group of rows".to_owned();
        let (values, physical) = (&mut self.cells.values, self.physical);
        let added = match (encoding, &self.dictionary) {
            (Some(0), _) => values.add_plain(physical, bytes, there),
            (Some(2 | 8), None) => return Err("the dictionary is not there".to_owned()),
            (Some(2 | 8), Some(dictionary)) => match bytes.split_first() {
                Some((&width, rest)) => hybrid(rest, u32::from(width), there)
                    .and_then(|places| values.add_places(dictionary, &places)),
                None => (there == 0).then_some(()),
            },
            (Some(3), _) if physical == Physical::Boolean => bytes
                .get(4..)
                .and_then(|rest| hybrid(rest, 1, there))
                .and_then(|found| values.add_integers(found.into_iter().map(i64::from))),
            (Some(5), _) => differences(bytes, there).and_then(|found| values.add_integers(found)),
            (other, _) => {
                let other = other.unwrap_or(-1);
                return Err(format!(
                    "the encoding {other} is not read; write the file with plain values or dictionaries"
                ));
            }
        };
        added.ok_or_else(damaged)?;
        // An element counts where a value is, and a structure where any of its members may be.
        let listed = if self.leaf.member.is_some() {
            self.leaf.listed
        } else {
            defined
        };
        if let Some(present) = &mut self.cells.present {
            let levels = definition.iter();
            let levels = levels.filter(|&&level| self.leaf.repeated == 0 || level >= listed);
            present.extend(levels.map(|&level| level == defined));
        }
        if let Some(lists) = &mut self.cells.lists {
            for (repetition, definition) in repetition.iter().zip(definition) {
                if *repetition == 0 {
                    lists.push(0);
                }
                let last = lists.last_mut().ok_or_else(damaged)?;
                *last += usize::from(*definition >= listed);
            }
        }
        Ok(())
    }
}

/// The number of cells that a page states.
fn count(header: Option<&Struct<'_>>) -> Result<usize, String> {
    let count = header.and_then(|header| header.count(1));
    let count = count.ok_or("the page doesn't state how many values it has")?;
    if count > PAGE_VALUES {
        return Err(format!(
            "a page has {}; {PAGE_VALUES} are the most that are read",
            plural::count(count, "value")
        ));
    }
    Ok(count)
}

/// The levels of a page of the first version: their length, then runs. `at` moves behind them.
fn levels(bytes: &[u8], at: &mut usize, most: u32, count: usize) -> Option<Vec<u32>> {
    if most == 0 {
        return Some(vec![0; count]);
    }
    let (length, _) = bytes.get(*at..)?.split_first_chunk::<4>()?;
    let from = *at + 4;
    let end = from.checked_add(u32::from_le_bytes(*length) as usize)?;
    *at = end;
    hybrid(bytes.get(from..end)?, width_of(most), count)
}
