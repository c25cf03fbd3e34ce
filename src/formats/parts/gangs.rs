//! Members of gangs that stand anywhere in a trace, brought together: a sort by the gang, in memory up to a number
//! of rows and on disk beyond it. The members of a gang then stand in the order of the trace and are all submitted
//! when the first of them was, as [`arrivals::Links::gang`] wants it.

use crate::prelude::*;
use arrivals::memory::{MemorySource, Recorded};
use arrivals::spill::{FixedSort, Flat, Held, Order};

/// Members that are held in memory; beyond them, they are sorted on disk. They are sorted twice, by their gangs and by
/// submission, so both hold fewer than others do.
pub(crate) const MOST_HELD: usize = 1 << 15;

/// Members of gangs up to now, in the order of the trace.
pub(crate) struct Gangs {
    held: Held,
    /// The note about a member that is submitted with an earlier one.
    moved: &'static str,
}

impl Gangs {
    /// No members yet; a member that is submitted with an earlier one is noted so.
    pub(crate) const fn new(moved: &'static str) -> Self {
        Self::holding(MOST_HELD, moved)
    }

    const fn holding(most_held: usize, moved: &'static str) -> Self {
        Self {
            held: Held::new(Order::Gang, most_held),
            moved,
        }
    }

    /// Adds a member of a gang.
    pub(crate) fn push(&mut self, member: &Flat<'_>) {
        let gang = member.links.as_ref().and_then(|links| links.gang);
        debug_assert!(gang.is_some(), "a member of a gang");
        self.held.push(member);
    }

    /// Takes one gang after the other, in no order that means anything.
    ///
    /// # Errors
    /// A member is submitted later than another and the policy is strict, or a temporary file can't be read.
    pub(crate) fn finish(
        self,
        journal: &mut Journal,
        mut take: impl FnMut(&mut [Arrival]),
    ) -> Result<(), TraceError> {
        let mut members: Box<dyn ArrivalSource> =
            match self.held.finish(Recorded::default, Duration::ZERO) {
                Ok(records) => Box::new(MemorySource::new(Recorded {
                    arrivals: records.into_arrivals(),
                    ..Recorded::default()
                })),
                Err(merged) => merged,
            };
        let mut moved = FixedSort::<1>::default();
        let mut gang: Vec<Arrival> = Vec::new();
        loop {
            let next = members.next()?;
            let own = gang.first().map(|first| (first.part, first.gang()));
            let is_mate = next.as_ref().map(|next| (next.part, next.gang())) == own;
            if !is_mate && !gang.is_empty() {
                submit_together(&mut gang, &mut moved);
                take(&mut gang);
                gang.clear();
            }
            match next {
                Some(next) => gang.push(next),
                None => break,
            }
        }
        let mut moved = moved.sorted();
        while let Some([place]) = moved.next()? {
            journal.dirt_at(self.moved, Action::Repair, Origin::of_number(place))?;
        }
        Ok(())
    }
}

/// Has all members submitted with the first one in time; notes the places of the others.
fn submit_together(gang: &mut [Arrival], moved: &mut FixedSort<1>) {
    let Some(first) = gang.iter().map(|own| own.submit).min() else {
        return;
    };
    for member in gang.iter_mut().filter(|own| own.submit > first) {
        member.submit = first;
        moved.push([member.origin.number()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use intake::ledger::RowPolicy;
    use proptest::prelude::*;
    use units::SortedMap;

    fn member(line: u32, gang: u64, submit: i64) -> Arrival {
        let mut arrival = Arrival {
            origin: Origin::line(u64::from(line)),
            ..Arrival::new(Instant::from_secs(submit), PodName::Job(u64::from(line)))
        };
        arrival.join(PodName::Job(gang));
        arrival
    }

    proptest! {
        #[test]
        fn members_come_together_wherever_they_are_sorted(
            rows in prop::collection::vec((0_u64..9, 0_i64..5), 0..60),
            most_held in 1_usize..20,
        ) {
            let mut gangs = Gangs::holding(most_held, "moved");
            let mut plain: SortedMap<u64, Vec<Arrival>> = SortedMap::new();
            for (line, &(gang, submit)) in (1..).zip(&rows) {
                let own = member(line, gang, submit);
                gangs.push(&(&own).into());
                plain.entry(gang).or_default().push(own);
            }
            let mut journal = Journal::new("t".into(), RowPolicy::default());
            let mut found = SortedMap::new();
            let done = gangs.finish(&mut journal, |gang| {
                let PodName::Job(number) = *gang[0].gang().expect("a gang") else {
                    unreachable!("gangs have numbers here");
                };
                assert!(found.insert(number, gang.to_vec()).is_none(), "whole at once");
            });
            done.expect("readable");
            let mut moved = Vec::new();
            for gang in plain.values_mut() {
                let first = gang.iter().map(|own| own.submit).min().expect("a member");
                for own in gang {
                    moved.extend((own.submit > first).then_some(own.origin.line));
                    own.submit = first;
                }
            }
            prop_assert_eq!(found, plain);
            let entries = journal.ledger.entries().first();
            let told = entries.map(|own| (own.count, own.line));
            let first = moved.iter().min().map(|&line| u64::from(line));
            prop_assert_eq!(told, first.map(|line| (moved.len() as u64, line)));
        }
    }
}
