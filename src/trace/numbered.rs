//! Arrivals that come in no order, of which those of equal names get numbers behind them: the second `a` is `a-2`, the
//! third `a-3`, by their places in the trace. They are sorted by name, on disk where there are many, so that no name has to be
//! remembered.

use std::mem;

use super::error::TraceError;
use super::memory::Recorded;
use super::spill::{Held, MOST_HELD, Order};
use super::stream::{Arrival, ArrivalSource};
use model::PodName;
use units::Duration;

/// Arrivals up to now.
pub(crate) struct Numbered {
    held: Held,
}

impl Default for Numbered {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl Numbered {
    /// No arrivals yet; a number of them is held in memory.
    pub(crate) fn holding(most_held: usize) -> Self {
        Self {
            held: Held::new(Order::Name, most_held),
        }
    }

    /// Adds an arrival.
    pub(crate) fn push(&mut self, arrival: &Arrival) {
        self.held.push(&arrival.into());
    }

    /// Delivers the arrivals by name, with their numbers; `name` writes the name of a number.
    pub(crate) fn deliver(
        self,
        name: impl Fn(&PodName, u32) -> PodName,
        mut take: impl FnMut(Arrival),
    ) -> Result<(), TraceError> {
        let mut last: Option<(PodName, u32)> = None;
        let mut number = |mut arrival: Arrival| {
            let number = match &last {
                Some((known, number)) if *known == arrival.name => number + 1,
                _ => 1,
            };
            // A name without a text, as one with an empty text counts those who share it.
            let own = mem::replace(&mut arrival.name, PodName::Job(0));
            arrival.name = name(&own, number);
            last = Some((own, number));
            take(arrival);
        };
        let mut sorted = match self.held.finish(Recorded::default, Duration::ZERO) {
            Err(merged) => merged,
            Ok(records) => {
                records.into_arrivals().into_iter().for_each(number);
                return Ok(());
            }
        };
        while let Some(arrival) = sorted.next()? {
            number(arrival);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::origin::Origin;
    use units::Instant;

    fn arrival(name: &str, line: usize) -> Arrival {
        Arrival {
            submit: Instant::ZERO,
            name: name.into(),
            class: 0,
            members: 1,
            tenant: 0,
            run_time: None,
            time_limit: None,
            historic_start: None,
            links: None,
            part: 0,
            origin: Origin::line(line as u64),
        }
    }

    fn numbered(names: &[String], most_held: usize) -> Vec<(u32, String)> {
        let mut all = Numbered::holding(most_held);
        // They come in no order.
        for (line, name) in names.iter().enumerate().rev() {
            all.push(&arrival(name, line));
        }
        let mut found = Vec::new();
        let name = |name: &PodName, number: u32| format!("{name}#{number}").into();
        let taken = all.deliver(name, |own| {
            found.push((own.origin.line, own.name.to_string()));
        });
        taken.expect("a temporary file");
        found.sort();
        found
    }

    proptest! {
        #[test]
        fn equal_names_are_numbered_by_their_places(
            names in prop::collection::vec("[ab]{1,2}", 0..40),
            most_held in 1_usize..50,
        ) {
            let expected: Vec<(u32, String)> = { names.iter().enumerate() }
                .map(|(line, name)| {
                    let number = names[..=line].iter().filter(|own| *own == name).count();
                    (line as u32, format!("{name}#{number}"))
                })
                .collect();
            prop_assert_eq!(numbered(&names, most_held), expected);
        }
    }
}
