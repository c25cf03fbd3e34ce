//! Arrivals of which those of equal names get numbers behind them: the second `a` is `a-2`, the third `a-3`, in the order in
//! which they are delivered. Before the first is delivered it is known which names come again, by short hashes of all of
//! them, which are sorted, on disk where there are many. Only those names are counted while the arrivals are delivered; where
//! too many of them come again, the arrivals with numbers are listed beforehand, on disk as well.

use std::hash::BuildHasher as _;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use crate::prelude::*;
use arrivals::spill::{FixedSort, FixedSorted, key_of};
use arrivals::stream::Classes;

/// The most names that are counted while arrivals are delivered.
const MOST_COUNTED: usize = 1 << 17;

/// The hashes of names up to now.
pub(crate) struct Names {
    hashes: FixedSort<1>,
    most_counted: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            hashes: FixedSort::default(),
            most_counted: MOST_COUNTED,
        }
    }
}

impl Names {
    /// No names yet; a number of them is held in memory, and as many are counted.
    #[cfg(test)]
    pub(crate) const fn holding(most_held: usize) -> Self {
        Self {
            hashes: FixedSort::holding(most_held),
            most_counted: most_held,
        }
    }

    /// Adds a name.
    pub(crate) fn push(&mut self, name: FlatName<'_>) {
        self.hashes.push([hash_of(name)]);
    }

    /// The hashes that are there more than once; `None` if they are too many.
    fn again(self) -> Result<Option<Hashes>, TraceError> {
        let mut sorted = self.hashes.sorted();
        let (mut again, mut last) = (Hashes::default(), None);
        while let Some(hash) = sorted.next()? {
            if last.replace(hash) == Some(hash) {
                again.insert(hash[0]);
                if again.len() > self.most_counted {
                    return Ok(None);
                }
            }
        }
        Ok(Some(again))
    }
}

/// Hashes of names, which may be those of others as well.
type Hashes = IndexSet<u64, FxBuildHasher>;

/// A hash of a name: those of tasks that follow each other do so as well, and are sorted at once.
fn hash_of(name: FlatName<'_>) -> u64 {
    match name {
        FlatName::Text(text) => FxBuildHasher.hash_one(text),
        FlatName::Job(job) => job,
        FlatName::Member(job, member) => job.rotate_left(20) ^ u64::from(member),
    }
}

/// Arrivals with the numbers of their names. Those without a member are left out, but are counted.
pub(crate) struct Numbered {
    inner: Box<dyn ArrivalSource>,
    /// Writes the name of a number.
    name: fn(&PodName, u32) -> PodName,
    numbers: Numbers,
}

/// The source of the numbers of arrivals.
#[derive(Clone, Debug)]
enum Numbers {
    Counted(Counted),
    Listed(Listed),
}

/// The numbers up to now of the names that come again.
#[derive(Clone, Debug)]
struct Counted {
    again: Arc<Hashes>,
    counts: IndexMap<PodName, u32, FxBuildHasher>,
}

/// The places of arrivals whose number is not 1, each with that number.
#[derive(Clone, Debug)]
struct Listed {
    sorted: FixedSorted<2>,
    next: Option<[u64; 2]>,
    place: u64,
}

impl Numbered {
    /// The arrivals of a source, whose names these are; `name` writes the name of a number.
    pub(crate) fn of(
        inner: Box<dyn ArrivalSource>,
        names: Names,
        name: fn(&PodName, u32) -> PodName,
    ) -> Result<Self, TraceError> {
        let numbers = match names.again()? {
            Some(again) => Numbers::Counted(Counted {
                again: Arc::new(again),
                counts: IndexMap::default(),
            }),
            None => Numbers::Listed(Listed::of(&mut *inner.fork()?)?),
        };
        Ok(Self {
            inner,
            name,
            numbers,
        })
    }
}

impl Counted {
    #[inline]
    fn number(&mut self, name: &PodName) -> u32 {
        if self.again.is_empty() || !self.again.contains(&hash_of(name.into())) {
            return 1;
        }
        let number = self.counts.entry(name.clone()).or_default();
        *number += 1;
        *number
    }
}

impl Listed {
    /// The numbers of the arrivals of a source.
    fn of(source: &mut dyn ArrivalSource) -> Result<Self, TraceError> {
        let (mut by_name, mut place) = (FixedSort::default(), 0);
        while let Some(arrival) = source.next()? {
            let [first, second] = match &arrival.name {
                PodName::Text(text) => key_of(text.as_bytes()),
                PodName::Job(job) => [*job, u64::MAX],
                PodName::Member(job, member) => [*job, (*member).into()],
            };
            by_name.push([first, second, place]);
            place += 1;
        }
        let (mut sorted, mut numbers) = (by_name.sorted(), FixedSort::default());
        let (mut last, mut number) = (None, 0);
        while let Some([first, second, place]) = sorted.next()? {
            let is_again = last.replace([first, second]) == Some([first, second]);
            number = if is_again { number + 1 } else { 1 };
            if is_again {
                numbers.push([place, number]);
            }
        }
        let mut sorted = numbers.sorted();
        Ok(Self {
            next: sorted.next()?,
            sorted,
            place: 0,
        })
    }

    /// The number of the next arrival.
    fn number(&mut self) -> Result<u32, TraceError> {
        let place = self.place;
        self.place += 1;
        let Some([_, number]) = self.next.filter(|next| next[0] == place) else {
            return Ok(1);
        };
        self.next = self.sorted.next()?;
        Ok(number as u32)
    }
}

impl ArrivalSource for Numbered {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        while let Some(mut arrival) = self.inner.next()? {
            let number = match &mut self.numbers {
                Numbers::Counted(counted) => counted.number(&arrival.name),
                Numbers::Listed(listed) => listed.number()?,
            };
            if arrival.members > 0 {
                arrival.name = (self.name)(&arrival.name, number);
                return Ok(Some(arrival));
            }
        }
        Ok(None)
    }

    fn classes(&self) -> &Classes {
        self.inner.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            name: self.name,
            numbers: self.numbers.clone(),
        }))
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use arrivals::memory::{MemorySource, Recorded};

    fn arrival(name: &PodName, members: u32) -> Arrival {
        Arrival {
            members,
            ..Arrival::new(Instant::ZERO, name.clone())
        }
    }

    fn rest(source: &mut dyn ArrivalSource) -> Vec<PodName> {
        let recorded = Recorded::collect(source).expect("readable");
        { recorded.arrivals.into_iter() }
            .map(|own| own.name)
            .collect()
    }

    proptest! {
        #[test]
        fn equal_names_are_numbered_by_their_places(
            // Members of two jobs have one hash.
            names in prop::collection::vec(
                (prop_oneof![
                    "[ab]{1,2}".prop_map(PodName::from),
                    (0..3_u64).prop_map(PodName::Job),
                    (0..2_u64, prop_oneof![0..3_u32, Just(1 << 20)])
                        .prop_map(|(job, member)| PodName::Member(job, member)),
                ], any::<bool>()),
                0..40),
            most_held in 1_usize..50,
            forked_at in 0_usize..40,
        ) {
            let arrivals = { names.iter() }.map(|(name, is_in)| arrival(name, u32::from(*is_in)));
            let inner = MemorySource::new(Recorded {
                arrivals: arrivals.collect(),
                ..Recorded::default()
            });
            let mut all = Names::holding(most_held);
            for (name, _) in &names {
                all.push(name.into());
            }
            let name: fn(&PodName, u32) -> PodName = |name, number| format!("{name}#{number}").into();
            let kinds = |own: &PodName| std::mem::discriminant(own);
            let expected: Vec<PodName> = { names.iter().enumerate() }
                .filter(|(_, (_, is_in))| *is_in)
                .map(|(place, (own, _))| {
                    let until = names[..=place].iter();
                    let is_own = |other: &&(PodName, bool)| other.0 == *own && kinds(&other.0) == kinds(own);
                    name(own, until.filter(is_own).count() as u32)
                })
                .collect();
            let mut source = Numbered::of(Box::new(inner), all, name).expect("a temporary file");
            let mut whole = source.fork().expect("in memory");
            prop_assert_eq!(&rest(&mut *whole), &expected);
            let first: Vec<PodName> = { (0..forked_at).map_while(|_| source.next().expect("readable")) }
                .map(|own| own.name)
                .collect();
            let mut others = source.fork().expect("in memory");
            prop_assert_eq!([first, rest(&mut *others)].concat(), expected.clone());
            prop_assert_eq!(rest(&mut source), rest_of(&expected, forked_at));
        }
    }

    fn rest_of(all: &[PodName], from: usize) -> Vec<PodName> {
        all[from.min(all.len())..].to_vec()
    }
}
