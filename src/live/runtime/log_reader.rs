//! Reader of a container's log while the shim writes and rotates it. A place in the log is a file and an
//! offset. The file is known by the time of its first record, which no two files share: rotation changes
//! its name, and a new file may have the inode of one that was removed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::log::{LOG, TIME_BYTES};

/// Place in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Time of the file's first record.
    first: String,
    /// Bytes of the file before the place.
    offset: u64,
}

impl LogPosition {
    /// A place in a log that is one file, by the time of its first record.
    pub(super) fn new(first: &str, offset: usize) -> Self {
        Self {
            first: first.to_owned(),
            offset: offset as u64,
        }
    }

    /// Whether the place is in a file with this first record.
    pub(super) fn is_in(&self, first: &str) -> bool {
        self.first == first
    }

    /// Bytes before the place.
    pub(super) fn offset(&self) -> usize {
        usize::try_from(self.offset).unwrap_or(usize::MAX)
    }
}

/// Part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// Whole records, a line each.
    pub records: Vec<u8>,
    /// Place after them; absent of a log without files.
    pub next: Option<LogPosition>,
    /// Records between the place asked for and this part are gone, as their file is.
    pub is_gap: bool,
}

/// An open file of a log.
struct Opened {
    file: File,
    first: String,
}

/// Reads the log in the folder of an attempt from a place on, or from its beginning.
pub fn read_log(
    folder: &Path,
    from: Option<&LogPosition>,
    most_bytes: usize,
) -> io::Result<LogPart> {
    let mut files = open(folder)?;
    let known = from.and_then(|from| files.iter().position(|file| file.first == from.first));
    let is_gap = from.is_some() && known.is_none();
    files.drain(..known.unwrap_or(0));
    let mut records = Vec::new();
    let mut next = from.filter(|_| known.is_some()).cloned();
    for Opened { mut file, first } in files {
        let here = next.as_ref().filter(|next| next.first == first);
        let offset = here.map_or(0, |here| here.offset);
        let room = most_bytes.saturating_sub(records.len());
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(room as u64).read_to_end(&mut bytes)?;
        let is_cut = bytes.len() == room;
        // The end of a record may not be written, or lie beyond the room.
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        bytes.truncate(whole);
        records.append(&mut bytes);
        next = Some(LogPosition {
            first,
            offset: offset + whole as u64,
        });
        if is_cut {
            break;
        }
    }
    Ok(LogPart {
        records,
        next,
        is_gap,
    })
}

/// Opens the files of a log, the oldest first. A file that is renamed meanwhile is met twice and kept
/// once.
fn open(folder: &Path) -> io::Result<Vec<Opened>> {
    let mut files: Vec<Opened> = Vec::new();
    for number in 0_u32.. {
        let path = match number {
            0 => folder.join(LOG),
            number => folder.join(format!("{LOG}.{number}")),
        };
        let file = match File::open(path) {
            Ok(file) => file,
            // Between a renaming and the next record there is no current file.
            Err(error) if error.kind() == io::ErrorKind::NotFound && number == 0 => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        let mut first = String::new();
        (&file).take(TIME_BYTES).read_to_string(&mut first)?;
        let is_new = files.iter().all(|other| other.first != first);
        if first.len() as u64 == TIME_BYTES && is_new {
            files.push(Opened { file, first });
        }
    }
    files.reverse();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::LogLimits;
    use super::super::log::{LogWriter, Stream};
    use super::*;

    #[test]
    fn a_reader_that_follows_misses_and_repeats_nothing() {
        let folder = std::env::temp_dir().join(format!("wt-log-reader-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let limits = LogLimits {
            file_bytes: 500,
            file_count: 3,
        };
        let mut log = LogWriter::new(&folder, limits);
        let empty = read_log(&folder, None, 1_000).expect("a folder");
        assert_eq!(
            (empty.records.len(), empty.next, empty.is_gap),
            (0, None, false)
        );
        let mut place: Option<LogPosition> = None;
        let mut lines = Vec::new();
        for number in 0..60 {
            log.take(Stream::Out, format!("line {number}\nopen").as_bytes());
            log.take(Stream::Out, b" end\n");
            // Room for one and a half records at a time.
            while let Ok(part) = read_log(&folder, place.as_ref(), 90) {
                place = part.next;
                assert!(!part.is_gap);
                let text = String::from_utf8(part.records).expect("text");
                lines.extend(text.lines().map(|line| line[40..].to_owned()));
                if text.is_empty() {
                    break;
                }
            }
        }
        let expected: Vec<String> = (0..60)
            .flat_map(|number| [format!("line {number}"), "open end".to_owned()])
            .collect();
        assert_eq!(lines, expected);
        for _ in 0..60 {
            log.take(Stream::Out, b"unread\n");
        }
        let part = read_log(&folder, place.as_ref(), 10_000).expect("a log");
        assert!(part.is_gap && part.records.ends_with(b"unread\n"));
        fs::remove_dir_all(&folder).expect("a folder to remove");
    }
}
