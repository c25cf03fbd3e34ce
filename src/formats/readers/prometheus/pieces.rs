//! Pods of which there are more than memory holds: what is known of each up to then, as records that are sorted on disk by
//! name, so that the pods of one name at a time are in memory. Their names are there, too, and are found by their hashes.

use super::pods::{Life, Pod};
use crate::readers::prelude::*;
use arrivals::spill::{FixedSort, FixedSorted, NONE, TextLog};

/// Words of a record: the hash of a namespace and a name, the place of a pod's names, the number of the record, its kind, and
/// what it says.
const WORDS: usize = 12;

/// Words of what a record says.
const SAID: usize = WORDS - 5;

/// The kind of a record of a pod's life, with which all that is known of it begins.
const LIFE: u64 = 0;
/// The kind of a record of a request or a limit.
const AMOUNT: u64 = 1;
/// The kind of a record of a number under which samples of a pod's use are held.
const NUMBER: u64 = 2;

/// The note about a pod without a `uid` that is counted as another.
const NO_UID: &str = "pod without a `uid`; counted as the one of its name that is there then";

/// A sort that holds a number of records, or as many as is usual.
fn sort<const WORDS: usize>(most_held: Option<usize>) -> FixedSort<WORDS> {
    most_held.map_or_else(FixedSort::default, FixedSort::holding)
}

/// Records about pods, in any order.
#[derive(Default)]
struct Records {
    sort: FixedSort<WORDS>,
    count: u64,
    /// Containers and resources of requests and limits.
    asked: TextLog<2>,
}

impl Records {
    fn holding(most_held: Option<usize>) -> Self {
        Self {
            sort: sort(most_held),
            ..Self::default()
        }
    }

    /// Adds the pod whose names are at a place, to be sorted by a key first.
    fn push(&mut self, key: [u64; 2], place: u64, pod: &Pod) {
        let life = &pod.life;
        let time = |at: Option<i64>| at.unwrap_or(NONE) as u64;
        let outcome = { Outcome::ALL.iter() }.position(|own| Some(*own) == life.outcome);
        let mut said = vec![(
            LIFE,
            [
                pod.origin.number(),
                pod.first as u64,
                pod.last as u64,
                time(life.created),
                time(life.start),
                time(life.end),
                outcome.map_or(u64::MAX, |own| own as u64),
            ],
        )];
        for (which, stated) in (0..).zip(&pod.stated) {
            for ((container, resource), &(at, amount)) in stated {
                let text = self.asked.push([container, resource]);
                said.push((AMOUNT, [text, at as u64, amount.to_bits(), which, 0, 0, 0]));
            }
        }
        let numbers = pod.numbers.iter();
        said.extend(numbers.map(|&number| (NUMBER, [number as u64, 0, 0, 0, 0, 0, 0])));
        for (kind, said) in said {
            let mut record = [0; WORDS];
            record[..5].copy_from_slice(&[key[0], key[1], place, self.count, kind]);
            record[5..].copy_from_slice(&said);
            self.sort.push(record);
            self.count += 1;
        }
    }

    /// The pods, by their keys and by the places of their names.
    fn sorted(self) -> Sorted {
        Sorted {
            records: self.sort.sorted(),
            next: None,
            asked: self.asked,
        }
    }
}

/// Pods in order, which are read once.
struct Sorted {
    records: FixedSorted<WORDS>,
    next: Option<[u64; WORDS]>,
    asked: TextLog<2>,
}

impl Sorted {
    /// Returns the next pod with its key and the place of its names.
    fn next(&mut self) -> Result<Option<([u64; 2], u64, Pod)>, TraceError> {
        let mut found: Option<([u64; 2], u64, Pod)> = None;
        loop {
            let record = match self.next.take() {
                Some(record) => Some(record),
                None => self.records.next()?,
            };
            let Some(record) = record else {
                return Ok(found);
            };
            let [first, second, place, _, kind, said @ ..] = record;
            let key = [first, second];
            let (_, _, pod) = match &mut found {
                None => found.insert((key, place, Pod::of_words(said))),
                Some((own, own_place, _)) if (*own, *own_place) != (key, place) => {
                    self.next = Some(record);
                    return Ok(found);
                }
                Some(own) => own,
            };
            match kind {
                LIFE => pod.extend(&Pod::of_words(said)),
                AMOUNT => {
                    let [container, resource] = self.asked.get(said[0])?;
                    let (at, amount) = (said[1] as i64, f64::from_bits(said[2]));
                    pod.state(said[3] as usize, (container, resource), at, amount);
                }
                _ => pod.numbers.push(said[0] as usize),
            }
        }
    }
}

impl Pod {
    /// The pod of the record with which what is known of it begins.
    fn of_words(said: [u64; SAID]) -> Self {
        let [origin, first, last, created, start, end, outcome] = said;
        let time = |word: u64| Some(word as i64).filter(|own| *own != NONE);
        Self {
            life: Life {
                created: time(created),
                start: time(start),
                end: time(end),
                outcome: Outcome::ALL.get(outcome as usize).copied(),
            },
            ..Self::new(Origin::of_number(origin), (first as i64, last as i64))
        }
    }
}

/// The facts about pods up to now, about each in one piece or several.
#[derive(Default)]
pub(super) struct Pieces {
    records: Records,
    places: Places,
    names: TextLog<3>,
    most_held: Option<usize>,
}

impl Pieces {
    /// No pods yet, of which no more than a number of records are in memory.
    #[cfg(test)]
    pub(super) fn holding(most_held: usize) -> Self {
        Self {
            records: Records::holding(Some(most_held)),
            places: Places::holding(most_held),
            names: TextLog::default(),
            most_held: Some(most_held),
        }
    }

    /// Adds what is known of the pod of a namespace, a name and a `uid`.
    pub(super) fn push(&mut self, names: [&str; 3], pod: &Pod) -> Result<(), TraceError> {
        let hash = Places::key(names);
        let place = if let Some(place) = self.places.get(hash)? {
            place
        } else {
            let place = self.names.push(names);
            self.places.put(hash, place)?;
            place
        };
        self.records
            .push(Places::key([names[0], names[1]]), place, pod);
        Ok(())
    }

    /// The pods in the order in which they were met. Series without a `uid` are of the only pod of their namespace and name
    /// that is there then.
    pub(super) fn united(self, journal: &mut Journal) -> Result<United, TraceError> {
        let mut all = Records::holding(self.most_held);
        let mut notes: FixedSort<2> = sort(self.most_held);
        let mut pods = self.records.sorted();
        let mut namesakes: Vec<(u64, Pod)> = Vec::new();
        let mut last = None;
        loop {
            let next = pods.next()?;
            let key = next.as_ref().map(|(key, ..)| *key);
            if last != key {
                unite(&mut namesakes, &self.names, &mut notes)?;
                for (place, pod) in namesakes.drain(..) {
                    all.push([0, 0], place, &pod);
                }
            }
            last = key;
            let Some((_, place, pod)) = next else {
                break;
            };
            namesakes.push((place, pod));
        }
        let mut notes = notes.sorted();
        while let Some([_, origin]) = notes.next()? {
            journal.dirt_at(NO_UID, Action::Repair, Origin::of_number(origin))?;
        }
        Ok(United {
            pods: all.sorted(),
            names: self.names,
        })
    }
}

/// Gives each pod of a name that states no `uid` to the only other one that is there then, and notes it.
fn unite(
    namesakes: &mut Vec<(u64, Pod)>,
    names: &TextLog<3>,
    notes: &mut FixedSort<2>,
) -> Result<(), TraceError> {
    // Those without one are a single pod, as those of one `uid` are.
    let mut nameless = None;
    if namesakes.len() > 1 {
        for (number, (place, _)) in namesakes.iter().enumerate() {
            let [.., uid] = names.get(*place)?;
            if uid.is_empty() {
                nameless = Some(number);
            }
        }
    }
    let Some(number) = nameless else {
        return Ok(());
    };
    let (_, pod) = &namesakes[number];
    let is_there = |own: &Pod| own.first <= pod.last && pod.first <= own.last;
    let mut owners = { namesakes.iter().enumerate() }
        .filter(|(other, (_, own))| *other != number && is_there(own));
    let (Some((owner, _)), None) = (owners.next(), owners.next()) else {
        return Ok(());
    };
    let place = namesakes[number].0;
    let pod = std::mem::replace(&mut namesakes[number].1, Pod::new(Origin::NONE, (0, 0)));
    notes.push([place, pod.origin.number()]);
    namesakes[owner].1.take(pod);
    namesakes.remove(number);
    Ok(())
}

/// Pods in the order in which they were met, which are read once.
pub(super) struct United {
    pods: Sorted,
    names: TextLog<3>,
}

impl United {
    /// Returns the next pod with its namespace, its name and its `uid`.
    pub(super) fn next(&mut self) -> Result<Option<([String; 3], Pod)>, TraceError> {
        let Some((_, place, pod)) = self.pods.next()? else {
            return Ok(None);
        };
        Ok(Some((self.names.get(place)?, pod)))
    }
}
