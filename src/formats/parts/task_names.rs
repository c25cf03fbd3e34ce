//! Arrivals that wait only for tasks that their trace has: an edge to any other is left out, and told.
//! A trace is read to its end before that is known, so the tasks and those that are waited for are kept as keys,
//! which are sorted on disk where there are many; what stays in memory are those that the trace does not have.

use crate::prelude::*;
use arrivals::links::Links;
use arrivals::name_key::NameKey;
use arrivals::spill::{FixedSort, FlatLinks};
use arrivals::stream::Classes;
use intake::ledger::Ledger;

/// Tasks of a trace, and those that others wait for and that did not stand shortly above.
#[derive(Debug)]
pub(crate) struct KnownTasks {
    /// The stems of names, and a bit for each digit behind one.
    known: FixedSort<3>,
    /// The stems of names, and their digits.
    wanted: FixedSort<3>,
    /// The stem of the last task, and the digits of it and of those before it.
    last: Option<Stem>,
    last_wanted: Option<NameKey>,
    /// The stems of tasks that were added lately, each at a place by its bits.
    lately: Vec<Stem>,
}

/// The stem of names, and a bit for each digit behind it.
#[derive(Clone, Copy, Debug, Default)]
struct Stem {
    stem: [u64; 2],
    digits: u64,
}

impl Stem {
    fn has(&self, key: NameKey) -> bool {
        self.stem == key.stem && self.digits >> key.digit & 1 == 1
    }
}

/// The bits of the number of stems that are remembered: so few that they stay in the caches.
const LATELY_BITS: u32 = 10;

impl Default for KnownTasks {
    fn default() -> Self {
        Self {
            known: FixedSort::default(),
            wanted: FixedSort::default(),
            last: None,
            last_wanted: None,
            lately: vec![Stem::default(); 1 << LATELY_BITS],
        }
    }
}

/// The key of the name of a task.
fn key(name: FlatName<'_>) -> NameKey {
    match name {
        FlatName::Text(text) => NameKey::of(text),
        other => NameKey::of(PodName::from(other).to_string().as_bytes()),
    }
}

/// The place of a stem among those that are remembered.
const fn place(stem: [u64; 2]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (stem[0].wrapping_mul(ODD).rotate_left(23) ^ stem[1]).wrapping_mul(ODD);
    (mixed >> (u64::BITS - LATELY_BITS)) as usize
}

impl KnownTasks {
    /// Adds a task by the name that others wait for.
    pub(crate) fn add(&mut self, name: FlatName<'_>) {
        let key = key(name);
        if self.last.is_some_and(|last| last.has(key)) {
            return;
        }
        let digit = 1 << key.digit;
        match &mut self.last {
            Some(last) if last.stem == key.stem => last.digits |= digit,
            last => {
                let own = Stem {
                    stem: key.stem,
                    digits: digit,
                };
                if let Some(Stem { stem, digits }) = last.replace(own) {
                    self.known.push([stem[0], stem[1], digits]);
                }
            }
        }
        let lately = &mut self.lately[place(key.stem)];
        if lately.stem != key.stem {
            *lately = Stem {
                stem: key.stem,
                digits: 0,
            };
        }
        lately.digits |= digit;
    }

    /// Adds the task of which links make their arrival a part.
    pub(crate) fn add_task(&mut self, links: Option<&Links>) {
        if let Some(name) = links.and_then(|own| own.part_of.as_ref()) {
            self.add(name.into());
        }
    }

    /// Adds the tasks that links make an arrival wait for.
    pub(crate) fn want(&mut self, links: Option<&FlatLinks<'_>>) {
        let Some(links) = links else {
            return;
        };
        links.after.each(|other| {
            let key = key(other);
            // Most stand shortly above, and the parts of a task wait for those that it waits for.
            let is_known = self.lately[place(key.stem)].has(key);
            if !is_known && self.last_wanted.replace(key) != Some(key) {
                let [first, second] = key.stem;
                self.wanted.push([first, second, key.digit.into()]);
            }
        });
    }

    /// The arrivals of a trace that has been read, without the edges to tasks that it does not have.
    ///
    /// # Errors
    /// The temporary file of the keys can't be read.
    pub(crate) fn only(
        self,
        inner: Box<dyn ArrivalSource>,
        file: &Arc<str>,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let unknown = self.unknown()?;
        if unknown.is_empty() {
            return Ok(inner);
        }
        Ok(Box::new(OnlyKnown {
            ledger: inner.ledger().clone(),
            inner,
            unknown: unknown.into(),
            file: file.clone(),
        }))
    }

    /// The keys of the tasks that are waited for and not there, in their order.
    fn unknown(mut self) -> Result<Vec<NameKey>, TraceError> {
        if let Some(Stem { stem, digits }) = self.last {
            self.known.push([stem[0], stem[1], digits]);
        }
        let mut unknown: Vec<NameKey> = Vec::new();
        let (mut known, mut wanted) = (self.known.sorted(), self.wanted.sorted());
        let mut next = known.next()?;
        let mut met = Stem::default();
        while let Some([first, second, digit]) = wanted.next()? {
            let own = NameKey {
                stem: [first, second],
                digit: digit as u8,
            };
            while let Some([first, second, digits]) = next
                && [first, second] <= own.stem
            {
                if met.stem != [first, second] {
                    met = Stem {
                        stem: [first, second],
                        digits: 0,
                    };
                }
                met.digits |= digits;
                next = known.next()?;
            }
            if !met.has(own) && unknown.last() != Some(&own) {
                unknown.push(own);
            }
        }
        Ok(unknown)
    }
}

struct OnlyKnown {
    inner: Box<dyn ArrivalSource>,
    unknown: Arc<[NameKey]>,
    file: Arc<str>,
    ledger: Ledger,
}

impl ArrivalSource for OnlyKnown {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(mut arrival) = self.inner.next()? else {
            return Ok(None);
        };
        let unknown = &self.unknown;
        let is_known = |name: &PodName| unknown.binary_search(&key(name.into())).is_err();
        if arrival.wait_only_for(is_known) {
            let kind = "waits for a task that is not in the trace; not waited for";
            let (file, line) = arrival.origin.place(self.inner.files(), &self.file);
            self.ledger.note(kind, Action::Repair, &file, line);
        }
        Ok(Some(arrival))
    }

    fn classes(&self) -> &Classes {
        self.inner.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            unknown: Arc::clone(&self.unknown),
            file: self.file.clone(),
            ledger: self.ledger.clone(),
        }))
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn unknown_tasks_are_those_of_lists(
            steps in prop::collection::vec(("[ab]{0,2}", 0_u32..25, any::<bool>()), 0..60),
            most_held in 1_usize..20,
        ) {
            let mut tasks = KnownTasks {
                known: FixedSort::holding(most_held),
                wanted: FixedSort::holding(most_held),
                ..KnownTasks::default()
            };
            let (mut known, mut wanted) = (Vec::new(), Vec::new());
            for (name, number, is_known) in &steps {
                let name = if *number < 22 { format!("{name}{number}") } else { name.clone() };
                let flat = FlatName::Text(name.as_bytes());
                if *is_known {
                    tasks.add(flat);
                    known.push(name);
                } else {
                    tasks.want(FlatLinks::after(&[flat]).as_ref());
                    wanted.push(name);
                }
            }
            let mut expected: Vec<NameKey> = { wanted.iter() }
                .filter(|own| !known.contains(own))
                .map(|own| NameKey::of(own.as_bytes()))
                .collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(tasks.unknown(), Ok(expected));
        }
    }
}
