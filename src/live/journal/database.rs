//! The journal of a control server as an embedded database: one transaction per record, durable when
//! it returns. The file is locked while it is open, so there is one control server per folder.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    StorageError, TableDefinition,
};

use super::newest::{self, NewestFile, NewestRecord};
use super::{Journal, JournalError};

/// Name of the file in the folder of the state.
const FILE: &str = "control.redb";

/// Folder in which a journal is restored before it takes its place. It stays until a server has begun a
/// term with that journal.
const RESTORING: &str = "restoring";

/// The records by number.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

/// A journal in a file.
pub struct DatabaseJournal {
    file: PathBuf,
    database: Database,
    next: u64,
    newest: NewestFile,
}

/// A journal that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Examined {
    /// A control server has it open.
    InUse,
    /// It can be read; what its records say is for their reader to judge.
    Records(Vec<Vec<u8>>),
}

impl DatabaseJournal {
    /// Opens the journal of a folder, or creates it if the folder has none.
    ///
    /// # Errors
    /// Another control server has it open, or the file is damaged.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        let file = folder.join(FILE);
        let is_new = !file.exists();
        if is_new {
            // The journal holds manifests, which others need not read.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|error| failed(&file, &error))?;
        }
        let database = if is_new {
            Database::create(&file)
        } else {
            open_checked(&file)
        };
        let database = database.map_err(|error| unopened(&file, &error))?;
        if is_new {
            let owner_alone = std::fs::Permissions::from_mode(0o600);
            let set = std::fs::set_permissions(&file, owner_alone);
            set.map_err(|error| failed(&file, &error))?;
        }
        Self::of(file, database)
    }

    /// Examines the journal of a folder, page by page and record by record.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn examine(folder: &Path) -> Result<Examined, JournalError> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Err(JournalError {
                file,
                what: "there is no journal".to_owned(),
                fix: "give the folder of a control server's state",
            });
        }
        match open_checked(&file) {
            Ok(database) => Ok(Examined::Records(Self::of(file, database)?.records()?)),
            Err(DatabaseError::DatabaseAlreadyOpen) => Ok(Examined::InUse),
            Err(error) => Err(unopened(&file, &error)),
        }
    }

    fn of(file: PathBuf, database: Database) -> Result<Self, JournalError> {
        let next = prepare(&database).map_err(|error| failed(&file, &error))?;
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        if let Some(known) = NewestFile::read(folder) {
            let found = record(&database, known.number).map_err(|error| failed(&file, &error))?;
            let found = found.map(|found| NewestRecord::of(known.number, &found));
            if found.as_ref() != Some(&known) {
                let lost = format!(
                    "record {} was acknowledged, and the file has {}",
                    known.number,
                    match found {
                        None => "lost it",
                        Some(_) => "another in its place",
                    }
                );
                return Err(damaged(&file, &lost));
            }
        }
        let newest = NewestFile::open(folder).map_err(|error| failed(&file, &error))?;
        Ok(Self {
            file,
            database,
            next,
            newest,
        })
    }

    /// Puts records into the place of a journal that is damaged or gone; a damaged file stays under
    /// another name, which is returned. `is_whole` judges records that can be read.
    ///
    /// # Errors
    /// The journal of the folder is whole or in use, or the folder can't be written.
    pub fn restore(
        folder: &Path,
        records: &[&[u8]],
        is_whole: impl Fn(&[Vec<u8>]) -> bool,
    ) -> Result<(Self, Option<PathBuf>), JournalError> {
        let file = folder.join(FILE);
        let is_there = file.exists();
        if is_there {
            let found = match open_checked(&file) {
                Ok(database) => Self::of(file.clone(), database).and_then(|own| own.records()),
                Err(error) if is_damage(&error) => Err(damaged(&file, &error)),
                Err(error) => return Err(unopened(&file, &error)),
            };
            if found.is_ok_and(|records| is_whole(&records)) {
                return Err(JournalError {
                    file,
                    what: "the state is whole".to_owned(),
                    fix: "start without `--restore`, or move the file away first",
                });
            }
        }
        let fresh = folder.join(RESTORING);
        let _ = std::fs::remove_dir_all(&fresh);
        let mut journal = Self::open(&fresh)?;
        journal.replace(records)?;
        drop(journal);
        let aside = is_there.then(|| free_name(&file));
        // Whenever this is interrupted, there is the damaged file or the restored one.
        if let Some(aside) = &aside {
            let kept = std::fs::hard_link(&file, aside);
            kept.map_err(|error| failed(aside, &error))?;
        }
        // What it says is of the journal that goes.
        let silenced = std::fs::remove_file(folder.join(newest::FILE));
        silenced.or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(failed(&file, &error)),
        })?;
        let moved = std::fs::rename(fresh.join(FILE), &file);
        let synced = moved.and_then(|()| OpenOptions::new().read(true).open(folder)?.sync_all());
        synced.map_err(|error| failed(&file, &error))?;
        Ok((Self::open(folder)?, aside))
    }

    /// Whether a journal was restored whose server has not begun a term yet.
    pub fn awaits_term(folder: &Path) -> bool {
        folder.join(RESTORING).exists()
    }

    /// The server of a restored journal has begun its term.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn began_term(folder: &Path) -> Result<(), JournalError> {
        let mark = folder.join(RESTORING);
        let removed = std::fs::remove_dir_all(&mark);
        removed.map_err(|error| failed(&mark, &error))
    }
}

/// Opens a file whose pages have the sums that stand beside them.
fn open_checked(file: &Path) -> Result<Database, DatabaseError> {
    let mut builder = Database::builder();
    builder.set_check_integrity_on_open(true).open(file)
}

/// Whether a file can't be opened for what it holds.
fn is_damage(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::DatabaseAlreadyOpen => false,
        DatabaseError::Storage(StorageError::Io(error)) => {
            matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof
            )
        }
        _ => true,
    }
}

/// A name beside a damaged file that no file has.
fn free_name(file: &Path) -> PathBuf {
    let named = |number: u32| file.with_extension(format!("redb.damaged-{number}"));
    let free = (1..u32::MAX).find(|&number| !named(number).exists());
    named(free.unwrap_or(u32::MAX))
}

/// A record by its number.
fn record(database: &Database, number: u64) -> Result<Option<Vec<u8>>, redb::Error> {
    let table = database.begin_read()?.open_table(LOG)?;
    Ok(table.get(number)?.map(|bytes| bytes.value().to_vec()))
}

/// Creates the table if it is not there; returns the number of records.
fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_write()?;
    let records = transaction.open_table(LOG)?.len()?;
    transaction.commit()?;
    Ok(records)
}

impl Journal for DatabaseJournal {
    fn records(&self) -> Result<Vec<Vec<u8>>, JournalError> {
        let read = || -> Result<Vec<(u64, Vec<u8>)>, redb::Error> {
            let table = self.database.begin_read()?.open_table(LOG)?;
            let mut records = Vec::new();
            for entry in table.iter()? {
                let (number, bytes) = entry?;
                records.push((number.value(), bytes.value().to_vec()));
            }
            Ok(records)
        };
        let records = read().map_err(|error| failed(&self.file, &error))?;
        let mut whole = Vec::with_capacity(records.len());
        for (place, (number, record)) in records.into_iter().enumerate() {
            if number != place as u64 {
                return Err(damaged(&self.file, &format!("record {place} is missing")));
            }
            whole.push(record);
        }
        Ok(whole)
    }

    fn append(&mut self, record: &[u8]) -> Result<(), JournalError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            transaction.open_table(LOG)?.insert(self.next, record)?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| failed(&self.file, &error))?;
        let told = self.newest.write(&NewestRecord::of(self.next, record));
        told.map_err(|error| failed(&self.file, &error))?;
        self.next += 1;
        Ok(())
    }

    fn replace(&mut self, records: &[&[u8]]) -> Result<(), JournalError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            transaction.delete_table(LOG)?;
            let mut table = transaction.open_table(LOG)?;
            for (number, &record) in (0..).zip(records) {
                table.insert(number, record)?;
            }
            drop(table);
            transaction.commit()?;
            Ok(())
        };
        // Numbers begin anew.
        let silenced = self.newest.clear();
        silenced.map_err(|error| failed(&self.file, &error))?;
        write().map_err(|error| failed(&self.file, &error))?;
        self.next = records.len() as u64;
        if let Some(last) = records.last() {
            let told = self.newest.write(&NewestRecord::of(self.next - 1, last));
            told.map_err(|error| failed(&self.file, &error))?;
        }
        Ok(())
    }
}

fn unopened(file: &Path, error: &DatabaseError) -> JournalError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => JournalError {
            file: file.to_owned(),
            what: "another control server has this state open".to_owned(),
            fix: "stop it, or choose another folder with `--state`",
        },
        other if is_damage(other) => damaged(file, other),
        other => failed(file, other),
    }
}

fn damaged(file: &Path, why: &dyn std::fmt::Display) -> JournalError {
    JournalError {
        file: file.to_owned(),
        what: format!("the file is damaged ({why})"),
        fix: "restore it from a record with `--restore FILE`, or from a copy; nothing was started",
    }
}

fn failed(file: &Path, why: &dyn std::fmt::Display) -> JournalError {
    JournalError {
        file: file.to_owned(),
        what: why.to_string(),
        fix: "see that the folder exists, is writable and has room",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is removed at the end of a test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = format!("windtunnel-journal-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(folder);
            let _ = std::fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn records_outlive_the_opening_and_a_second_opener_is_refused() {
        let folder = Folder::new("reopen");
        let mut journal = DatabaseJournal::open(&folder.0).expect("a new journal");
        journal.append(b"one").expect("room");
        journal.append(b"two").expect("room");
        let second = DatabaseJournal::open(&folder.0).err().expect("a refusal");
        assert!(
            second.to_string().contains("another control server"),
            "{second}"
        );
        let examine = || DatabaseJournal::examine(&folder.0).expect("a journal");
        assert_eq!(examine(), Examined::InUse);
        drop(journal);
        let two = vec![b"one".to_vec(), b"two".to_vec()];
        assert_eq!(examine(), Examined::Records(two));
        let none = DatabaseJournal::examine(&folder.0.join("none"));
        let none = none.expect_err("no journal").to_string();
        assert!(none.contains("there is no journal"), "{none}");
        let mut journal = DatabaseJournal::open(&folder.0).expect("the journal");
        journal.append(b"three").expect("room");
        let records = journal.records().expect("records");
        assert_eq!(
            records,
            [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]
        );
    }

    #[test]
    fn records_are_replaced_in_one_go_and_the_file_stays_small() {
        let folder = Folder::new("replace");
        let mut journal = DatabaseJournal::open(&folder.0).expect("a new journal");
        let record = vec![b'r'; 64 * 1024];
        let mut sizes = Vec::new();
        for _ in 0..4 {
            for _ in 0..16 {
                journal.append(&record).expect("room");
            }
            journal.replace(&[b"head", b"state"]).expect("room");
            let file = std::fs::metadata(folder.0.join(FILE)).expect("a file");
            sizes.push(file.len());
        }
        assert_eq!(sizes[1], sizes[3], "{sizes:?}");
        journal.append(b"next").expect("room");
        drop(journal);
        let journal = DatabaseJournal::open(&folder.0).expect("the journal");
        let records = journal.records().expect("records");
        assert_eq!(
            records,
            [b"head".to_vec(), b"state".to_vec(), b"next".to_vec()]
        );
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test damages a file")]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let folder = Folder::new("damage");
        drop(DatabaseJournal::open(&folder.0).expect("a new journal"));
        let file = folder.0.join(FILE);
        let whole = std::fs::read(&file).expect("a readable file");
        let mut garbled = whole.clone();
        garbled[..64].fill(0x5a);
        for damaged in [Vec::new(), whole[..whole.len() / 3].to_vec(), garbled] {
            std::fs::write(&file, &damaged).expect("a writable file");
            let refused = DatabaseJournal::open(&folder.0).err().expect("a refusal");
            let words = refused.to_string();
            assert!(
                words.contains("control.redb: the file is damaged"),
                "{words}"
            );
            assert_eq!(std::fs::read(&file).expect("a readable file"), damaged);
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test damages a file")]
    fn damage_within_pages_is_found() {
        let folder = Folder::new("pages");
        let mut journal = DatabaseJournal::open(&folder.0).expect("a new journal");
        for number in 0..200_u32 {
            journal
                .append(&number.to_le_bytes().repeat(64))
                .expect("room");
        }
        drop(journal);
        let file = folder.0.join(FILE);
        let whole = std::fs::read(&file).expect("a readable file");
        let mut flipped = whole.clone();
        let record = 150_u32.to_le_bytes().repeat(64);
        let at = whole.windows(record.len()).position(|own| own == record);
        flipped[at.expect("a record in the file") + 100] ^= 1;
        std::fs::write(&file, &flipped).expect("a writable file");
        let refused = DatabaseJournal::open(&folder.0).err().expect("a refusal");
        let words = refused.to_string();
        assert!(words.contains("the file is damaged"), "{words}");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test damages a file")]
    fn a_journal_is_restored_where_it_is_damaged_or_gone() {
        let folder = Folder::new("restore");
        let records: [&[u8]; 2] = [b"head", b"step"];
        let is_whole = |found: &[Vec<u8>]| found.iter().all(|record| record != b"bad");
        let (journal, aside) = DatabaseJournal::restore(&folder.0, &records, is_whole)
            .expect("a folder without a journal");
        assert_eq!(aside, None);
        let held = DatabaseJournal::restore(&folder.0, &records, is_whole);
        let words = held.err().expect("a refusal").to_string();
        assert!(words.contains("another control server"), "{words}");
        drop(journal);
        let whole = DatabaseJournal::restore(&folder.0, &records, is_whole);
        let words = whole.err().expect("a refusal").to_string();
        assert!(words.contains("the state is whole"), "{words}");
        // A record that its reader refuses, then a file that can't be opened.
        let mut journal = DatabaseJournal::open(&folder.0).expect("the journal");
        journal.append(b"bad").expect("room");
        drop(journal);
        for number in 1..=2 {
            let (journal, aside) =
                DatabaseJournal::restore(&folder.0, &records, is_whole).expect("a damaged journal");
            let name = format!("control.redb.damaged-{number}");
            assert_eq!(aside, Some(folder.0.join(name)));
            assert_eq!(
                journal.records().expect("records"),
                [b"head".to_vec(), b"step".to_vec()]
            );
            drop(journal);
            std::fs::write(folder.0.join(FILE), b"nothing").expect("a writable file");
        }
    }
}
