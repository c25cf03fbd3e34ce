//! Sorted runs one behind the other in a temporary file.

use std::io;

use intake::TemporaryFile;

/// Bytes that a run is read ahead at most.
pub(super) const AHEAD: usize = 64 << 10;

/// Bytes that a run is read ahead at least.
pub(super) const LEAST_AHEAD: usize = 1 << 10;

/// Bytes that all runs together are read ahead, so that memory does not grow with their number.
pub(super) const ALL_AHEAD: usize = 2 << 20;

/// A part of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) from: u64,
    pub(super) until: u64,
}

/// A temporary file of runs.
#[derive(Debug)]
pub(super) struct Runs {
    pub(super) file: TemporaryFile,
    pub(super) all: Vec<Run>,
}

impl Runs {
    /// An empty file for records of a kind.
    pub(super) fn new(records: &str) -> io::Result<Self> {
        Ok(Self {
            file: TemporaryFile::new(records)?,
            all: Vec::new(),
        })
    }

    /// Adds a run in pieces; it is a part of the last one if it goes on with that.
    pub(super) fn add<B: AsRef<[u8]>>(
        &mut self,
        goes_on: bool,
        pieces: impl IntoIterator<Item = B>,
    ) -> io::Result<()> {
        let from = self.all.last().map_or(0, |run| run.until);
        let mut until = from;
        for piece in pieces {
            let piece = piece.as_ref();
            self.file.write(piece, until)?;
            until += piece.len() as u64;
        }
        match self.all.last_mut().filter(|_| goes_on) {
            Some(run) => run.until = until,
            None => self.all.push(Run { from, until }),
        }
        Ok(())
    }

    /// Bytes that each run is read ahead.
    pub(super) fn ahead_of_each(&self) -> usize {
        ahead_of_each(self.all.len())
    }
}

/// Bytes that each of a number of runs is read ahead.
pub(super) fn ahead_of_each(runs: usize) -> usize {
    (ALL_AHEAD / runs.max(1)).clamp(LEAST_AHEAD, AHEAD)
}
