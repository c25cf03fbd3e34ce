//! Strikes of which some begin others that overlap: put in order of time.

use super::{Change, Strike};
use units::{Instant, SortedMap};

/// Strikes that belong together, by when the first comes; those that follow begin no earlier.
pub(super) struct Batch {
    pub(super) begins: Instant,
    pub(super) strikes: Vec<Strike>,
}

/// The strikes of batches in order of time.
pub(super) fn merged(mut source: impl FnMut() -> Option<Batch>) -> impl Iterator<Item = Strike> {
    let mut pending: SortedMap<(Instant, u64), Change> = SortedMap::new();
    let (mut number, mut begun, mut is_over) = (0_u64, Instant::ZERO, false);
    std::iter::from_fn(move || {
        loop {
            let first = pending.first_key_value().map(|(&(at, _), _)| at);
            // What is yet to come begins no earlier than what has come.
            if first.is_some_and(|at| is_over || at <= begun) {
                let ((at, _), change) = pending.pop_first()?;
                return (at < Instant::MAX).then_some(Strike { at, change });
            }
            if is_over {
                return None;
            }
            match source() {
                Some(batch) => {
                    begun = batch.begins;
                    for strike in batch.strikes {
                        pending.insert((strike.at, number), strike.change);
                        number += 1;
                    }
                }
                None => is_over = true,
            }
        }
    })
}
