//! The journal of a control server in etcd. A log is a generation of keys; a short log is written
//! beside the long one and takes its place with one write.

use std::path::PathBuf;

use super::EtcdError;
use super::election::{Entry, Office, Term, VALUE_MAX};
use crate::journal::{Journal, JournalError};

/// Key that names the present generation.
const PRESENT: &str = "present";

/// A journal that a leader writes.
pub struct EtcdJournal {
    office: Office,
    generation: u64,
    next: u64,
    records: Vec<Vec<u8>>,
}

impl EtcdJournal {
    /// Opens the journal as a leader.
    ///
    /// # Errors
    /// etcd does not answer, another leads by now, or the log is damaged.
    pub fn open(term: &Term) -> Result<Self, JournalError> {
        let office = term.office.clone();
        let read = || -> Result<Self, EtcdError> {
            let present = office.keys.list(PRESENT)?;
            let present = present.first().map(|entry| text(&entry.value));
            let generation = present.and_then(|text| text.parse().ok()).unwrap_or(0);
            let records = records(&office, generation)?;
            Ok(Self {
                office: office.clone(),
                generation,
                next: records.len() as u64,
                records,
            })
        };
        read().map_err(|error| failed(&error))
    }

    /// Writes a record: its first part last, as this makes it one.
    fn write(&self, generation: u64, number: u64, record: &[u8]) -> Result<(), EtcdError> {
        let key = format!("{}{number:016}", folder(generation));
        let mut parts = record.chunks(VALUE_MAX);
        let first = parts.next().unwrap_or_default();
        let rest: Vec<&[u8]> = parts.collect();
        for (part, value) in (1..).zip(&rest) {
            let part: u32 = part;
            self.office.set(&Entry {
                key: format!("{key}.{part:06}"),
                value: value.to_vec(),
            })?;
        }
        let mut value = format!("{}\n", rest.len()).into_bytes();
        value.extend_from_slice(first);
        self.office.create(&[Entry { key, value }])
    }
}

/// Beginning of the keys of a generation.
fn folder(generation: u64) -> String {
    format!("log/{generation:016}/")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The records of a generation. Parts of one that was not completed are passed over.
fn records(office: &Office, generation: u64) -> Result<Vec<Vec<u8>>, EtcdError> {
    let damaged = |key: &str| EtcdError::Refused(format!("the log is damaged at `{key}`"));
    let entries = office.keys.list(&folder(generation))?;
    let mut entries = entries.into_iter().peekable();
    let mut records: Vec<Vec<u8>> = Vec::new();
    while let Some(entry) = entries.next() {
        if entry.key.contains('.') {
            continue;
        }
        let number = records.len();
        let line = entry.value.iter().position(|&byte| byte == b'\n');
        let parts = line.and_then(|line| text(&entry.value[..line]).parse::<usize>().ok());
        let (Some(line), Some(parts)) = (line, parts) else {
            return Err(damaged(&entry.key));
        };
        if entry.key != format!("{}{number:016}", folder(generation)) {
            return Err(damaged(&entry.key));
        }
        let mut record = entry.value[line + 1..].to_vec();
        for _ in 0..parts {
            let part = entries.next_if(|next| next.key.starts_with(&entry.key));
            record.extend(part.ok_or_else(|| damaged(&entry.key))?.value);
        }
        records.push(record);
    }
    Ok(records)
}

fn failed(error: &EtcdError) -> JournalError {
    JournalError {
        file: PathBuf::from("etcd"),
        what: error.to_string(),
        fix: match error {
            EtcdError::Fenced => "nothing was lost: the leader continues from the same log",
            _ => "the control server continues once etcd answers",
        },
    }
}

impl Journal for EtcdJournal {
    fn records(&self) -> Result<Vec<Vec<u8>>, JournalError> {
        if self.next == self.records.len() as u64 {
            return Ok(self.records.clone());
        }
        records(&self.office, self.generation).map_err(|error| failed(&error))
    }

    fn append(&mut self, record: &[u8]) -> Result<(), JournalError> {
        let written = self.write(self.generation, self.next, record);
        written.map_err(|error| failed(&error))?;
        self.next += 1;
        // They were read to be opened; from now on they are read when somebody asks.
        self.records = Vec::new();
        Ok(())
    }

    fn replace(&mut self, records: &[&[u8]]) -> Result<(), JournalError> {
        let next = self.generation + 1;
        let write = || -> Result<(), EtcdError> {
            // A leader that died here before may have left a part.
            self.office.remove(&folder(next))?;
            for (number, record) in (0..).zip(records) {
                self.write(next, number, record)?;
            }
            self.office.set(&Entry {
                key: PRESENT.to_owned(),
                value: next.to_string().into_bytes(),
            })
        };
        write().map_err(|error| failed(&error))?;
        let old = std::mem::replace(&mut self.generation, next);
        self.next = records.len() as u64;
        self.records = Vec::new();
        // What stays of the old log takes up room until the next time.
        let _ = self.office.remove(&folder(old));
        Ok(())
    }
}
