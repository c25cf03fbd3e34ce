//! Records as files that are whole or absent: written under a temporary name, flushed, renamed, and the
//! folder flushed. A record is one line of JSON.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A record as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored<T> {
    /// There is no such file.
    Missing,
    /// The file cannot be read: truncated, garbled, or of an unknown format.
    Torn,
    /// The record.
    Whole(T),
}

impl<T> Stored<T> {
    /// The record, if it is whole.
    pub fn whole(self) -> Option<T> {
        match self {
            Self::Whole(record) => Some(record),
            Self::Missing | Self::Torn => None,
        }
    }
}

/// Largest record that is read, bytes. An order holds a command and an environment, which the system
/// limits to 2 MiB.
const MOST_BYTES: u64 = 8 << 20;

/// Writes a record; afterwards it is on the disk.
pub fn write<T: Serialize>(folder: &Path, name: &str, record: &T) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(record).map_err(io::Error::other)?;
    bytes.push(b'\n');
    let temporary = folder.join(format!(".{name}.new"));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        // On a full disk the beginning of a record would take away more space.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    fs::rename(&temporary, folder.join(name))?;
    sync(folder)
}

/// Flushes a folder: names in it are on the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Reads a record.
pub fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Stored<T> {
    let path = folder.join(name);
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Stored::Missing,
        Ok(metadata) if metadata.is_file() && metadata.len() <= MOST_BYTES => {}
        _ => return Stored::Torn,
    }
    let Ok(bytes) = fs::read(&path) else {
        return Stored::Torn;
    };
    serde_json::from_slice(&bytes).map_or(Stored::Torn, Stored::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_whole_missing_or_torn() {
        let folder = std::env::temp_dir().join(format!("wt-files-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        assert_eq!(read::<Vec<u8>>(&folder, "list"), Stored::Missing);
        write(&folder, "list", &vec![1_u8, 2]).expect("a writable folder");
        assert_eq!(read(&folder, "list"), Stored::Whole(vec![1_u8, 2]));
        for bytes in [&b""[..], b"[1,", b"\0\0\0\0", b"{\"a\":1}"] {
            fs::write(folder.join("list"), bytes).expect("a writable file");
            assert_eq!(read::<Vec<u8>>(&folder, "list"), Stored::Torn, "{bytes:?}");
        }
        fs::remove_dir_all(&folder).expect("a folder to remove");
    }
}
