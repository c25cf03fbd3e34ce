//! Creations of pods whose names the server chose, and the pods that they are of. The first pod whose name begins as the
//! creation says, and of which no creation is recorded, is that of the earliest creation that is left.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::acts::{Act, Place, instant_of, number_of_spec, spec_of, word_of};
use super::{Deed, Records, sort};
use crate::readers::prelude::*;
use arrivals::spill::{FixedSort, FixedSorted};

/// The length of what the server adds to a name that it makes.
const ADDED: usize = 5;

/// A creation of a pod whose name is not known up to now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Creation {
    pub(super) at: Instant,
    pub(super) number: u64,
    pub(super) place: Place,
    pub(super) spec: Option<u32>,
}

impl Creation {
    const WORDS: usize = 4;

    fn words(&self) -> [u64; Self::WORDS] {
        let spec = number_of_spec(self.spec);
        [
            word_of(self.at),
            self.number,
            self.place.word(),
            spec.into(),
        ]
    }

    fn of_words([at, number, place, spec]: [u64; Self::WORDS]) -> Self {
        Self {
            at: instant_of(at),
            number,
            place: Place::of_word(place),
            spec: spec_of(spec as u32),
        }
    }
}

/// Records that create pods without a name or may be about one of those, by what the name begins with and by time.
pub(super) struct Unnamed<'r> {
    records: &'r Records,
    /// The place of the beginning, the record's time, its number and its place; of a creation then its spec, and of others the
    /// pod, and whether more records may be the first about it.
    events: FixedSort<6>,
    /// The pod whose records came last, and whether one of them says what is known of it.
    last: Option<(u64, bool)>,
}

/// What stands for a creation where else a pod stands.
const CREATION: u64 = u64::MAX;

/// The pods of creations, by pod.
pub(super) struct Named {
    sorted: FixedSorted<6>,
    next: Option<[u64; 6]>,
}

/// The creation that a record names the pod of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    /// The number of the record.
    pub(super) number: u64,
    pub(super) creation: Creation,
}

/// A creation whose pod no record names, and the first creation with that beginning.
pub(super) struct Leftover {
    pub(super) pod: u64,
    pub(super) first: Creation,
    pub(super) creation: Creation,
}

impl<'r> Unnamed<'r> {
    pub(super) fn new(records: &'r Records) -> Self {
        Self {
            records,
            events: sort(records.most_held),
            last: None,
        }
    }

    /// Takes the next record of those that are sorted by pod and by time.
    pub(super) fn take(&mut self, act: &Act) -> Result<(), TraceError> {
        let place = act.place.word();
        if let Deed::CreateUnnamed(spec) = act.deed {
            let spec = u64::from(number_of_spec(spec));
            let words = [act.pod, word_of(act.at), act.number, place, CREATION, spec];
            self.events.push(words);
            return Ok(());
        }
        let (pod, is_known) = self.last.unwrap_or((act.pod, false));
        if pod == act.pod && is_known {
            return Ok(());
        }
        // An end alone tells nothing of a pod whose creation is not recorded, so that a later record may be the first about
        // another of its name.
        let tells = !matches!(act.deed, Deed::Over(_) | Deed::Delete(_));
        self.last = Some((act.pod, tells));
        if matches!(act.deed, Deed::Create(_)) {
            return Ok(());
        }
        let [namespace, name, uid] = self.records.names.get(act.pod)?;
        let begins = name.len().checked_sub(ADDED);
        let Some(begins) = begins.and_then(|length| name.get(..length)) else {
            return Ok(());
        };
        if let Some(beginning) = self.records.place_of([&namespace, begins, &uid])? {
            let (at, goes_on) = (word_of(act.at), u64::from(!tells));
            self.events
                .push([beginning, at, act.number, place, act.pod, goes_on]);
        }
        Ok(())
    }

    /// Finds the pods of creations; the creations without one are taken.
    pub(super) fn named(self, mut leave: impl FnMut(Leftover)) -> Result<Named, TraceError> {
        let mut named = sort(self.records.most_held);
        let mut events = self.events.sorted();
        let mut waiting = Waiting::default();
        while let Some([beginning, at, number, place, pod, more]) = events.next()? {
            if waiting.beginning != Some(beginning) {
                waiting.end(&mut leave);
                waiting.beginning = Some(beginning);
            }
            if pod == CREATION {
                let creation = Creation::of_words([at, number, place, more]);
                waiting.first.get_or_insert(creation);
                waiting.creations.push_back(creation);
                continue;
            }
            if waiting.named.contains(&pod) {
                continue;
            }
            if let Some(creation) = waiting.creations.pop_front() {
                if more == 1 {
                    waiting.named.insert(pod);
                }
                let [at, own, place, spec] = creation.words();
                named.push([pod, number, at, own, place, spec]);
            }
        }
        waiting.end(&mut leave);
        let mut sorted = named.sorted();
        let next = sorted.next()?;
        Ok(Named { sorted, next })
    }
}

/// Creations with one beginning that are of no pod up to now.
#[derive(Default)]
struct Waiting {
    beginning: Option<u64>,
    first: Option<Creation>,
    creations: VecDeque<Creation>,
    /// The pods that are found to be of one, and that later records may be about as well.
    named: FxHashSet<u64>,
}

impl Waiting {
    fn end(&mut self, leave: &mut impl FnMut(Leftover)) {
        let own = std::mem::take(self);
        let Some((pod, first)) = own.beginning.zip(own.first) else {
            return;
        };
        for creation in own.creations {
            leave(Leftover {
                pod,
                first,
                creation,
            });
        }
    }
}

impl Named {
    /// The creation of a pod that one of its records names; pods are asked for in their order.
    pub(super) fn of(&mut self, pod: u64) -> Result<Option<Match>, TraceError> {
        while let Some([own, number, at, creation, place, spec]) = self.next {
            if own > pod {
                break;
            }
            self.next = self.sorted.next()?;
            if own == pod {
                let creation = Creation::of_words([at, creation, place, spec]);
                return Ok(Some(Match { number, creation }));
            }
        }
        Ok(None)
    }
}
