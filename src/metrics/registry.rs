//! All metrics, in written order. To add one: a file with its `ENTRY`, and its line here.

use super::collector::Collector;
use super::recorder::Setup;
use super::{
    allocation, bounded_slowdown, capacity, first_wait, fragmentation, job_census, makespan,
    pending_time, pod_census, queue_length, throughput, turnaround,
};

/// Every family of metrics.
pub const REGISTRY: &[MetricEntry] = &[
    capacity::ENTRY,
    allocation::ENTRY,
    fragmentation::ENTRY,
    pod_census::ENTRY,
    job_census::ENTRY,
    first_wait::ENTRY,
    pending_time::ENTRY,
    bounded_slowdown::ENTRY,
    turnaround::ENTRY,
    makespan::ENTRY,
    queue_length::ENTRY,
    throughput::ENTRY,
];

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither is.
    None,
}

/// One value of a family; its id is `SUBJECT.NAME`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistic {
    /// Its name within the family.
    pub name: &'static str,
    /// Its unit: `ratio`, `s`, `cores`, `bytes`, `gpus`, `pods`, `jobs`, `nodes`, `1/h`; empty
    /// where it has none.
    pub unit: &'static str,
    /// Which way is better.
    pub direction: Direction,
    /// Relative change below which a difference is taken for noise by default; 0 takes none.
    pub threshold: f64,
}

impl Statistic {
    /// A time in seconds; differences below 2 % are noise.
    pub const fn seconds(name: &'static str) -> Self {
        Self {
            name,
            unit: "s",
            direction: Direction::Lower,
            threshold: 0.02,
        }
    }

    /// A ratio, 1 being all; differences below 1 % are noise.
    pub const fn ratio(name: &'static str, direction: Direction) -> Self {
        Self {
            name,
            unit: "ratio",
            direction,
            threshold: 0.01,
        }
    }

    /// A count or amount; every difference counts.
    pub const fn amount(name: &'static str, unit: &'static str, direction: Direction) -> Self {
        Self {
            name,
            unit,
            direction,
            threshold: 0.0,
        }
    }

    /// The same with another threshold for noise.
    pub const fn noise(self, threshold: f64) -> Self {
        Self { threshold, ..self }
    }
}

/// A family of metrics as data: what `compare`, gates and the manual read.
#[derive(Clone, Copy, Debug)]
pub struct MetricEntry {
    /// First part of its ids.
    pub subject: &'static str,
    /// One sentence on what it tells.
    pub summary: &'static str,
    /// Its values, in the order they are handed back.
    pub statistics: &'static [Statistic],
    /// Formula.
    pub formula: &'static str,
    /// What its ratios and means are taken over.
    pub denominators: &'static str,
    /// Which jobs, pods or nodes are in it.
    pub census: &'static str,
    /// What is done about those not seen to their end.
    pub censoring: &'static str,
    /// Where it is defined.
    pub source: &'static str,
    /// Makes its collector.
    pub construct: fn(&Setup) -> Box<dyn Collector>,
}

impl MetricEntry {
    /// Its ids with their statistics, in order.
    pub fn ids(&self) -> impl Iterator<Item = (String, &'static Statistic)> {
        let subject = self.subject;
        self.statistics
            .iter()
            .map(move |statistic| (format!("{subject}.{}", statistic.name), statistic))
    }
}

/// The family and statistic of an id.
pub fn find(id: &str) -> Option<(&'static MetricEntry, &'static Statistic)> {
    REGISTRY.iter().find_map(|entry| {
        let name = id.strip_prefix(entry.subject)?.strip_prefix('.')?;
        let statistic = entry.statistics.iter().find(|known| known.name == name)?;
        Some((entry, statistic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_entry_is_told_in_full_and_every_id_is_its_own() {
        let mut ids = BTreeSet::new();
        for entry in REGISTRY {
            for text in [
                entry.subject,
                entry.summary,
                entry.formula,
                entry.denominators,
                entry.census,
                entry.censoring,
                entry.source,
            ] {
                assert!(!text.is_empty(), "{}", entry.subject);
            }
            for (id, statistic) in entry.ids() {
                assert!(!statistic.unit.is_empty(), "{id}");
                let grammar = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                let plain = id.chars().all(|c| grammar(c) || c == '_' || c == '.');
                assert!(plain, "{id}");
                let found = find(&id).expect("a listed id is found");
                assert_eq!((found.0.subject, found.1), (entry.subject, statistic));
                assert!(ids.insert(id.clone()), "{id} twice");
            }
        }
        assert!(find("pending_time.p17").is_none());
        assert!(find("pending_time").is_none());
    }

    #[test]
    fn collectors_hand_back_the_listed_ids_in_order() {
        let store = crate::cluster::Store::new();
        let state = crate::metrics::ClusterState::default();
        let setup = Setup::default();
        let end = crate::metrics::RunEnd {
            at: setup.measured_from,
            measured_from: setup.measured_from,
            state: &state,
            store: &store,
        };
        for entry in REGISTRY {
            let found: Vec<String> = (entry.construct)(&setup)
                .finish(&end)
                .into_iter()
                .map(|value| value.id)
                .collect();
            let listed: Vec<String> = entry.ids().map(|(id, _)| id).collect();
            assert_eq!(found, listed);
        }
    }
}
