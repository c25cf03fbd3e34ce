//! Pods of which nothing more is told, in the order in which they came. They are sorted on disk where there are many, so that
//! those of owners that are gone take no memory.

use crate::readers::prelude::*;
use arrivals::intern::ClassTable;
use arrivals::spill::{FixedSort, FixedSorted, NONE, TextLog};

/// Words of a pod: its number, the place of its names, its class, its times, and the line of its event.
const WORDS: usize = 7;

/// A pod of the trace.
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) tenant: String,
    pub(super) spec: Arc<PodSpec>,
    pub(super) from: i64,
    pub(super) to: Option<i64>,
    pub(super) start: Option<i64>,
    /// The line or number of its event.
    pub(super) line: u64,
}

/// The pods of which nothing more is told up to now.
#[derive(Default)]
pub(super) struct Past {
    pods: FixedSort<WORDS>,
    names: TextLog<2>,
    specs: ClassTable,
}

impl Past {
    /// No pods yet, a number of which are held in memory.
    #[cfg(test)]
    pub(super) fn holding(most_held: usize) -> Self {
        Self {
            pods: FixedSort::holding(most_held),
            specs: ClassTable::holding(most_held),
            ..Self::default()
        }
    }

    /// Adds the pod with a number.
    pub(super) fn push(&mut self, number: u64, pod: &Pod) {
        let time = |at: Option<i64>| at.unwrap_or(NONE) as u64;
        self.pods.push([
            number,
            self.names.push([&pod.name, &pod.tenant]),
            self.specs.class_of_shared(&pod.spec).into(),
            pod.from as u64,
            time(pod.to),
            time(pod.start),
            pod.line,
        ]);
    }

    /// The pods by their numbers, with a second as the zero of time.
    pub(super) fn demands(self, zero: i64) -> Demands {
        Demands {
            pods: self.pods.sorted(),
            names: self.names,
            specs: self.specs,
            zero,
        }
    }
}

/// Pods as demands in the order of their numbers, which are read once.
pub(super) struct Demands {
    pods: FixedSorted<WORDS>,
    names: TextLog<2>,
    specs: ClassTable,
    zero: i64,
}

impl Demands {
    /// Returns the next demand with the line of its event.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Demand)>, TraceError> {
        let Some([_, names, class, from, to, start, line]) = self.pods.next()? else {
            return Ok(None);
        };
        let [name, tenant] = self.names.get(names)?;
        let spec = self.specs.classes().get(class as u32)?;
        let time = |word: u64| Some(word as i64).filter(|own| *own != NONE);
        let (from, to, start) = (from as i64, time(to), time(start));
        let at = |second: i64| Instant::from_secs((second - self.zero).max(0));
        let began = start.unwrap_or(from);
        let demand = Demand {
            submit: at(from),
            name: PodName::Text(name.into()),
            tenant: tenant.into(),
            spec: PodSpec::clone(&spec),
            run_time: to.map(|to| Duration::from_secs((to - began).max(0))),
            historic_start: start.map(at),
            ..Demand::default()
        };
        Ok(Some((line, demand)))
    }
}
