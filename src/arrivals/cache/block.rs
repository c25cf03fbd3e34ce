//! A stretch of arrivals as it is stored: their records, as those that are sorted on disk have them, with the classes,
//! tenants and kinds of dirt met first in it, and how the ledger stood where it changed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::classes::{Broken, Code, Taken, put, put_text};
use crate::spill::Sequence;
use crate::stream::{Arrival, ArrivalSource};
use intake::ledger::{Action, Ledger};
use model::{PodSpec, Text};

/// Arrivals of a block.
pub const BLOCK_ARRIVALS: usize = 16_384;

/// A block being filled, and what those before it hold.
#[derive(Debug, Default)]
pub(super) struct Filling {
    pub(super) arrivals: usize,
    records: Sequence,
    index: Index,
    specs: Vec<u8>,
    code: Code,
    stored: Stored,
}

/// How much of a source is stored.
#[derive(Debug, Default)]
struct Stored {
    rests: usize,
    classes: usize,
    tenants: usize,
    dirt: usize,
    /// The total of the ledger.
    total: Option<u64>,
}

/// Index of a block: what the records refer to and its arrivals are the first to use.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Index {
    /// The parts that specs have in common.
    rests: Vec<Arc<PodSpec>>,
    tenants: Vec<Text>,
    /// Kinds of dirt with what was done, by its place among [`ACTIONS`], and the first line.
    dirt: Vec<(Text, usize, u64)>,
    /// Numbers of the block's arrivals, with the counts of each kind after them.
    marks: Vec<(usize, Vec<u64>)>,
}

const ACTIONS: [Action; 4] = [Action::Drop, Action::Repair, Action::Keep, Action::Waive];

impl Filling {
    /// Adds an arrival.
    pub(super) fn push(&mut self, arrival: &Arrival) {
        self.records.push(arrival);
        self.arrivals += 1;
    }

    /// Adds what a source has met since; `None` if it can't be stored.
    pub(super) fn note(&mut self, source: &dyn ArrivalSource) -> Option<()> {
        let ledger: &Ledger = source.ledger();
        // Bad rows are told word for word, with the file's name in them.
        if !ledger.bad_rows().is_empty() {
            return None;
        }
        for class in source.classes().since(self.stored.classes) {
            let (class, mut spec) = (class.ok()?, Vec::new());
            self.code.put(&mut spec, &class)?;
            // What was left out would be missing when it is read back.
            let read = self.code.take(&spec);
            read.ok().filter(|read| *read == *class)?;
            put(&mut self.specs, spec.len() as u64);
            self.specs.append(&mut spec);
        }
        self.stored.classes = source.classes().len();
        let tenants = source.tenants().iter().skip(self.stored.tenants);
        self.index.tenants.extend(tenants.cloned());
        self.stored.tenants = source.tenants().len();
        if self.stored.total != Some(ledger.total()) {
            self.stored.total = Some(ledger.total());
            let entries = ledger.entries();
            self.index
                .dirt
                .extend({ entries.iter() }.skip(self.stored.dirt).map(|own| {
                    let action = ACTIONS.iter().position(|action| *action == own.action);
                    (own.kind.clone(), action.unwrap_or_default(), own.line)
                }));
            self.stored.dirt = entries.len();
            let counts = entries.iter().map(|entry| entry.count);
            self.index.marks.push((self.arrivals, counts.collect()));
        }
        Some(())
    }

    /// The block's bytes; what follows begins anew.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        let mut index = std::mem::take(&mut self.index);
        index.rests = self.code.rests(self.stored.rests);
        self.stored.rests += index.rests.len();
        let mut out = Vec::new();
        put(&mut out, std::mem::take(&mut self.arrivals) as u64);
        put_text(&mut out, &serde_json::to_string(&index).ok()?);
        put(&mut out, self.specs.len() as u64);
        out.append(&mut self.specs);
        out.extend(self.records.take());
        Some(out)
    }
}

/// Content of a block.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) classes: Vec<Arc<PodSpec>>,
    pub(super) tenants: Vec<Text>,
    /// Kinds of dirt with what was done and the first line.
    pub(super) dirt: Vec<(Text, Action, u64)>,
    /// Numbers of the block's arrivals, with the counts of each kind after them.
    pub(super) marks: Vec<(usize, Vec<u64>)>,
}

/// Reads a block; `code` has what specs share with those of blocks before.
pub(super) fn read(bytes: &[u8], code: &mut Code) -> Result<Block, Broken> {
    let mut bytes = Taken(bytes);
    let count = bytes.count()?;
    let index: Index = serde_json::from_str(bytes.text()?).map_err(|_| Broken)?;
    code.add_rests(index.rests);
    let specs = bytes.count()?;
    let mut specs = Taken(bytes.bytes(specs)?);
    let mut classes = Vec::new();
    while !specs.0.is_empty() {
        let length = specs.count()?;
        classes.push(Arc::new(code.take(specs.bytes(length)?)?));
    }
    let arrivals = Sequence::arrivals(bytes.0, count);
    let dirt = index.dirt.into_iter().map(|(kind, action, line)| {
        let action = ACTIONS.get(action).ok_or(Broken)?;
        Ok((kind, *action, line))
    });
    Ok(Block {
        arrivals: arrivals.ok_or(Broken)?,
        classes,
        tenants: index.tenants,
        dirt: dirt.collect::<Result<_, _>>()?,
        marks: index.marks,
    })
}
