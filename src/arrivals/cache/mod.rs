//! A cache of decoded traces: what a reader made of a compressed file, so that the next
//! run neither decompresses nor parses it. It is made the first time a file is read to its end and
//! used as long as the file's content, the reading options and the program are the same; the name
//! carries the content's hash, so a changed file is never mistaken for the old one. Whatever is
//! wrong with a cache, it is ignored, and made anew. Results don't depend on it.
//!
//! It pays where the hash of the stored bytes costs less than decoding them: for compressed files
//! from [`CACHE_FROM_BYTES`] on. Plain text is parsed about as fast as it is hashed.

mod block;
mod file;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::classes::Broken;
use crate::read_options::ReadOptions;
use crate::stream::{Arrival, ArrivalSource, Classes};
pub use block::BLOCK_ARRIVALS;
use block::Block;
use file::{CacheReader, CacheWriter};
use intake::ledger::{Action, Ledger};
use intake::{Input, TraceError};
use model::Text;

/// Files smaller than this are read before a cache pays.
pub const CACHE_FROM_BYTES: u64 = 1 << 20;

/// Folder that caches are kept in, and the program that keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheFolder {
    /// The folder; it is made when the first cache is.
    pub path: PathBuf,
    /// The program, as exactly as it is known: what another build wrote is not read.
    pub program: String,
}

static FOLDER: OnceLock<CacheFolder> = OnceLock::new();

/// Keeps caches in a folder from now on; nothing is kept before. The first folder stays.
pub fn keep_in(folder: CacheFolder) {
    let _ = FOLDER.set(folder);
}

/// A source of a file that is worth a cache, read from its cache if there is one and into it if
/// there is none; any other source as it is.
pub(super) fn cached(
    source: Box<dyn ArrivalSource>,
    input: &Input,
    options: &ReadOptions,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    match FOLDER.get() {
        // What is read of a file that is cut off is not what its hash stands for.
        Some(folder)
            if !input.is_cut_off()
                && input.stored_bytes()? >= CACHE_FROM_BYTES
                && input.is_compressed()? =>
        {
            cached_in(source, input, options, folder)
        }
        _ => Ok(source),
    }
}

/// A source that is read from its cache in a folder if there is one, and into it if there is none.
///
/// # Errors
/// The file can't be read.
pub fn cached_in(
    source: Box<dyn ArrivalSource>,
    input: &Input,
    options: &ReadOptions,
    folder: &CacheFolder,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    Ok(Box::new(Cached::new(source, input, options, folder)?))
}

/// Location of a file's cache.
#[derive(Clone, Debug)]
struct Place {
    path: PathBuf,
    /// Header of the cache.
    header: Vec<u8>,
    /// Name of the file in messages.
    file: Arc<str>,
}

/// A source that is cached.
struct Cached {
    /// The reader of the file; untouched as long as the cache is read.
    plain: Box<dyn ArrivalSource>,
    place: Place,
    state: State,
    delivered: u64,
    classes: Classes,
    tenants: Vec<Text>,
    ledger: Ledger,
}

enum State {
    Untouched,
    Reading(Box<Reading>),
    Recording(Box<CacheWriter>),
    Plain,
}

/// A cache being read.
struct Reading {
    cache: CacheReader,
    arrivals: std::vec::IntoIter<Arrival>,
    /// Arrivals taken of the block, and how the ledger stood before which.
    taken: usize,
    marks: std::iter::Peekable<std::vec::IntoIter<(usize, Vec<u64>)>>,
    dirt: Vec<(Text, Action, u64)>,
}

impl Cached {
    fn new(
        plain: Box<dyn ArrivalSource>,
        input: &Input,
        options: &ReadOptions,
        folder: &CacheFolder,
    ) -> Result<Self, TraceError> {
        let content = input.blake3()?;
        // The tenants' and classes' names differ by format; its reader is told by the options and
        // by what it found in the first bytes, so the content tells it as well.
        let read = blake3::hash(format!("{options:?}").as_bytes()).to_hex();
        let name = format!("{}-{}.trace", &content[..32], &read.as_str()[..16]);
        let header = format!("{}\n{content}\n{options:?}\n", folder.program);
        Ok(Self::at(
            plain,
            Place {
                path: folder.path.join(name),
                header: header.into_bytes(),
                file: input.name.clone(),
            },
        ))
    }

    fn at(plain: Box<dyn ArrivalSource>, place: Place) -> Self {
        Self {
            place,
            state: State::Untouched,
            delivered: 0,
            classes: plain.classes().clone(),
            tenants: plain.tenants().to_vec(),
            ledger: plain.ledger().clone(),
            plain,
        }
    }

    /// Finds out whether there is a cache, or whether one can be made.
    fn begin(&mut self) -> State {
        if let Ok(cache) = CacheReader::open(&self.place.path, &self.place.header) {
            self.classes = Classes::default();
            self.tenants.clear();
            return State::Reading(Box::new(Reading {
                cache,
                arrivals: Vec::new().into_iter(),
                taken: 0,
                marks: Vec::new().into_iter().peekable(),
                dirt: Vec::new(),
            }));
        }
        match CacheWriter::create(&self.place.path, &self.place.header) {
            Ok(writer) => State::Recording(Box::new(writer)),
            // Nobody needs a cache.
            Err(_) => State::Plain,
        }
    }

    /// The next arrival of the cache.
    fn read(&mut self) -> Result<Option<Arrival>, Broken> {
        let State::Reading(reading) = &mut self.state else {
            return Err(Broken);
        };
        loop {
            while let Some((_, counts)) = reading.marks.next_if(|(at, _)| *at <= reading.taken) {
                let set = (self.ledger).set_counts(&self.place.file, &reading.dirt, &counts);
                set.ok_or(Broken)?;
            }
            if let Some(arrival) = reading.arrivals.next() {
                let is_known = (arrival.class as usize) < self.classes.len()
                    && (arrival.tenant as usize) < self.tenants.len().max(1);
                if !is_known {
                    return Err(Broken);
                }
                reading.taken += 1;
                return Ok(Some(arrival));
            }
            let Some(block) = reading.cache.next_block()? else {
                return Ok(None);
            };
            let Block {
                arrivals,
                classes,
                mut tenants,
                mut dirt,
                marks,
            } = block;
            for spec in classes {
                self.classes.push(spec);
            }
            self.tenants.append(&mut tenants);
            reading.dirt.append(&mut dirt);
            reading.arrivals = arrivals.into_iter();
            reading.marks = marks.into_iter().peekable();
            reading.taken = 0;
        }
    }

    /// The cache turned out to be broken: it is taken away, and the file is read up to here.
    fn give_up(&mut self) -> Result<(), TraceError> {
        let _ = std::fs::remove_file(&self.place.path);
        self.state = State::Plain;
        for _ in 0..self.delivered {
            self.plain.next()?;
        }
        Ok(())
    }

    /// The next arrival of the file, which goes into the cache that is being made.
    fn record(&mut self) -> Result<Option<Arrival>, TraceError> {
        let next = self.plain.next();
        let State::Recording(writer) = &mut self.state else {
            return next;
        };
        let taken = match &next {
            Ok(Some(arrival)) => writer.push(arrival, &*self.plain),
            Ok(None) => writer.finish(&*self.plain),
            Err(_) => None,
        };
        if taken.is_none() || !matches!(next, Ok(Some(_))) {
            self.state = State::Plain;
        }
        next
    }

    fn is_read_from_cache(&self) -> bool {
        matches!(self.state, State::Reading(_) | State::Untouched)
    }
}

impl ArrivalSource for Cached {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        if matches!(self.state, State::Untouched) {
            self.state = self.begin();
        }
        if matches!(self.state, State::Reading(_)) {
            match self.read() {
                Ok(arrival) => {
                    self.delivered += u64::from(arrival.is_some());
                    return Ok(arrival);
                }
                Err(Broken) => self.give_up()?,
            }
        }
        self.record()
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.plain)
    }

    fn classes(&self) -> &Classes {
        if self.is_read_from_cache() {
            &self.classes
        } else {
            self.plain.classes()
        }
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let plain = self.plain.fork()?;
        if !self.is_read_from_cache() {
            return Ok(plain);
        }
        let mut fork = Self::at(plain, self.place.clone());
        for _ in 0..self.delivered {
            fork.next()?;
        }
        Ok(Box::new(fork))
    }

    fn ledger(&self) -> &Ledger {
        if self.is_read_from_cache() {
            &self.ledger
        } else {
            self.plain.ledger()
        }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        match &self.state {
            State::Reading(reading) => Some(reading.cache.progress()),
            _ => self.plain.progress(),
        }
    }

    fn tenants(&self) -> &[Text] {
        if self.is_read_from_cache() {
            &self.tenants
        } else {
            self.plain.tenants()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::Code;
    use crate::links::Links;
    use model::PodName;
    use units::{Duration, Instant};

    #[test]
    fn links_of_every_kind_are_kept() {
        let mut plain = Vec::new();
        for (number, links) in (0..8).map(|kinds: u32| (kinds, kinds & 1 > 0)) {
            let name = |word: &str| PodName::Text(format!("{word}-{number}").into());
            let mut own = Links::of(links.then(|| name("task")), Vec::new());
            if number & 2 > 0 {
                let own = own.get_or_insert_default();
                own.after = vec![name("before"), PodName::Job(7)];
                own.delay = Duration::from_secs(3);
            }
            if number & 4 > 0 {
                own.get_or_insert_default().gang = Some(name("gang"));
            }
            plain.push(Arrival {
                links: own,
                ..Arrival::new(Instant::ZERO, name("pod"))
            });
        }
        let mut filling = block::Filling::default();
        for arrival in &plain {
            filling.push(arrival);
        }
        let bytes = filling.take().expect("nothing but arrivals");
        let block = block::read(&bytes, &mut Code::default()).expect("whole");
        assert_eq!(block.arrivals, plain);
        for end in 0..bytes.len() {
            let cut = block::read(&bytes[..end], &mut Code::default());
            assert_eq!(cut.map(drop), Err(Broken), "{end}");
        }
    }
}
