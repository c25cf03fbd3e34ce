//! Specs one after the other in a temporary file that has no name, so that it is gone with the program. Where no such file
//! can be written, they are in memory, in as few bytes.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::code::Code;
use crate::class_cache::ByClass;
use crate::spill::ByteLog;
use intake::TraceError;
use model::PodSpec;
use units::SortedMap;

/// Bytes that are read at once where specs are read one after the other.
const AT_ONCE: usize = 64 << 10;

/// The number of specs that were asked for last and are in memory, too.
const RECENT: usize = 1 << 12;

/// Specs that are shared by all copies of the classes of a source.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Stored>);

impl Log {
    /// Adds a spec at a place; returns `false`, and adds nothing, if the place holds another spec.
    pub(super) fn push(&self, place: usize, spec: &Arc<PodSpec>) -> bool {
        let mut stored = self.stored();
        if place < stored.ends.len() {
            return stored.get(place).is_ok_and(|known| known == *spec);
        }
        stored.push(spec);
        true
    }

    /// The spec at a place.
    pub(super) fn get(&self, place: usize) -> Result<Arc<PodSpec>, TraceError> {
        self.stored().get(place)
    }

    /// Has these specs, which are the first, in memory.
    pub(super) fn hold(&self, first: &[Arc<PodSpec>]) {
        let mut stored = self.stored();
        if stored.held.len() < first.len() {
            stored.held = first.to_vec();
        }
    }

    /// The first specs, to go on with others.
    pub(super) fn copy(&self, count: usize) -> Self {
        let mut copy = Stored::default();
        let mut stored = self.stored();
        for place in 0..count {
            match stored.get(place) {
                Ok(spec) => copy.push(&spec),
                // What is read of the copy fails as well.
                Err(error) => {
                    copy.failed.get_or_insert(error);
                    copy.push(&Arc::default());
                }
            }
        }
        Self(Mutex::new(copy))
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Specs and where they are.
#[derive(Debug)]
struct Stored {
    log: ByteLog,
    /// The byte after each spec.
    ends: Vec<u64>,
    code: Code,
    /// Specs that bytes can't say.
    unsaid: SortedMap<u32, Arc<PodSpec>>,
    recent: ByClass<Arc<PodSpec>>,
    /// The first specs, if a run needs all of them.
    held: Vec<Arc<PodSpec>>,
    /// Bytes of the file that were read at once, and the place of the first.
    ahead: Vec<u8>,
    ahead_from: u64,
    /// The place of the spec that was read last.
    last: usize,
    /// The first failure, which all that is read from then on is.
    failed: Option<TraceError>,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            log: ByteLog::new("classes"),
            ends: Vec::new(),
            code: Code::default(),
            unsaid: SortedMap::new(),
            recent: ByClass::of(RECENT),
            held: Vec::new(),
            ahead: Vec::new(),
            ahead_from: 0,
            last: 0,
            failed: None,
        }
    }
}

impl Stored {
    fn push(&mut self, spec: &Arc<PodSpec>) {
        let (place, mut bytes) = (self.ends.len() as u32, Vec::new());
        let is_said = self.code.put(&mut bytes, spec).is_some()
            && self.code.take(&bytes).as_ref() == Ok(&**spec);
        if is_said {
            self.log.push(|all| all.append(&mut bytes));
        } else {
            self.unsaid.insert(place, Arc::clone(spec));
        }
        self.ends.push(self.log.end());
        self.recent.put(place, Arc::clone(spec));
    }

    fn get(&mut self, place: usize) -> Result<Arc<PodSpec>, TraceError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if let Some(spec) = self.held.get(place) {
            return Ok(Arc::clone(spec));
        }
        let class = place as u32;
        if let Some(spec) = self.recent.get(class).or(self.unsaid.get(&class)) {
            return Ok(Arc::clone(spec));
        }
        match self.read(place) {
            Ok(spec) => {
                self.recent.put(class, Arc::clone(&spec));
                Ok(spec)
            }
            Err(error) => {
                let error = self.told(&error);
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    fn read(&mut self, place: usize) -> io::Result<Arc<PodSpec>> {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        let own = start..self.ends[place];
        // More is read at once where the next ones will be asked for.
        let is_next = std::mem::replace(&mut self.last, place) + 1 == place;
        let known = self.ahead_from..self.ahead_from + self.ahead.len() as u64;
        if !(known.contains(&own.start) && own.end <= known.end) {
            let more = if is_next { AT_ONCE } else { 0 };
            self.ahead = self.log.get(own.clone(), more)?.into_owned();
            self.ahead_from = own.start;
        }
        let [from, until] = [own.start, own.end].map(|at| (at - self.ahead_from) as usize);
        let spec = self.code.take(&self.ahead[from..until]);
        let spec = spec.map_err(|_| io::Error::other("it holds other bytes than were written"))?;
        Ok(Arc::new(spec))
    }

    /// The error about the temporary file, with its remedy.
    fn told(&self, error: &io::Error) -> TraceError {
        TraceError::Io {
            file: self.log.path(),
            reason: format!(
                "what pods ask for can't be read back from this temporary file ({error}); set TMPDIR to a \
                 folder of another disk"
            ),
        }
    }
}

#[cfg(test)]
impl Log {
    /// Has the file lose its bytes, or none be written from now on.
    pub(super) fn break_file(&self, is_lost: bool) {
        let mut stored = self.stored();
        stored.recent = ByClass::of(RECENT);
        stored.log.break_file(is_lost);
    }

    /// Has everything be in the file.
    pub(super) fn flush(&self) {
        let mut stored = self.stored();
        stored.recent = ByClass::of(RECENT);
        stored.log.write().expect("a temporary folder");
    }
}
