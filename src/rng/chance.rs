//! Whether chance had a say in a run: a run tells whether anything drew from a stream of its seed.
//! Two equal runs tell nothing of that, as rare events may happen in neither.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bits that the parts of a run leave alone where they derive a seed of their own: cells put their
/// number above them.
const OF_RUN: u64 = (1 << 48) - 1;
/// Parts of a run that add their number to its seed.
const PARTS_MAX: u64 = 256;

thread_local! {
    static RUN: RefCell<Option<(u64, Arc<AtomicBool>)>> = const { RefCell::new(None) };
}

/// Watch over the streams that a run opens on this thread, until it is dropped.
#[derive(Debug)]
pub struct ChanceWatch(Arc<AtomicBool>);

impl ChanceWatch {
    /// Watches the run with a seed.
    pub fn of_run(seed: u64) -> Self {
        let drawn = Arc::new(AtomicBool::new(false));
        RUN.set(Some((seed, Arc::clone(&drawn))));
        Self(drawn)
    }

    /// Whether anything was drawn under the seed.
    pub fn has_drawn(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for ChanceWatch {
    fn drop(&mut self) {
        RUN.set(None);
    }
}

/// Mark to be left by the first draw of a stream; on whatever thread that is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark(Option<Arc<AtomicBool>>);

impl Mark {
    /// The mark of the streams with a seed, if it is that of the run or derived from it.
    pub(crate) fn of(seed: u64) -> Self {
        let of_run = |(run, drawn): &(u64, Arc<AtomicBool>)| {
            ((seed.wrapping_sub(*run) & OF_RUN) < PARTS_MAX).then(|| Arc::clone(drawn))
        };
        Self(RUN.with_borrow(|run| run.as_ref().and_then(of_run)))
    }

    /// The mark of one of several streams; none once something was drawn.
    pub(crate) fn of_one(&self) -> Self {
        let open = |drawn: &&Arc<AtomicBool>| !drawn.load(Ordering::Relaxed);
        Self(self.0.as_ref().filter(open).map(Arc::clone))
    }

    /// Leaves the mark.
    #[inline]
    pub(crate) fn leave(&mut self) {
        if let Some(drawn) = self.0.take() {
            drawn.store(true, Ordering::Relaxed);
        }
    }
}

/// Streams that give the same numbers are equal, whoever watches them.
impl PartialEq for Mark {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Mark {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GoRand, Stream};

    #[test]
    fn a_run_tells_whether_its_seed_was_drawn_from() {
        let drawn = |draw: &dyn Fn()| {
            let watch = ChanceWatch::of_run(42);
            draw();
            watch.has_drawn()
        };
        assert!(!drawn(&|| {
            Stream::new(42, "opened", 0);
        }));
        assert!(!drawn(&|| {
            Stream::new(3, "fixed", 0).next_u64();
        }));
        for seed in [42, 0x2a ^ (1 << 48), 43] {
            assert!(drawn(&|| {
                Stream::new(seed, "drawn", 0).next_u64();
            }));
        }
        assert!(drawn(&|| {
            GoRand::new(42);
        }));
        // A trace may be read on a thread of its own.
        assert!(drawn(&|| {
            let mut stream = Stream::new(42, "read ahead", 0);
            let other = std::thread::spawn(move || stream.next_u64());
            other.join().expect("a number");
        }));
    }
}
