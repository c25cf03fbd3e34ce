//! The tasks that an edit leaves out, which nothing waits for any more.

use crate::links::TaskNames;
use crate::stream::Arrival;
use units::SortedMap;

/// Tasks that a cut leaves out of a workload: those that are kept wait for them no more.
#[derive(Clone, Debug, Default)]
pub struct CutTasks {
    cut: SortedMap<u16, TaskNames>,
    kept: SortedMap<u16, TaskNames>,
}

impl CutTasks {
    /// Notes an arrival that is left out.
    pub fn leave_out(&mut self, arrival: &Arrival) {
        let own = self.cut.entry(arrival.part).or_default();
        own.insert(arrival.task());
    }

    /// Takes the tasks that were left out from what a kept arrival waits for.
    pub fn keep(&mut self, arrival: &mut Arrival) {
        if self.cut.is_empty() {
            return;
        }
        let part = arrival.part;
        if let Some(cut) = self.cut.get(&part)
            && cut.contains(arrival.task())
        {
            let task = arrival.task().clone();
            self.kept.entry(part).or_default().insert(&task);
        }
        let (cut, kept) = (self.cut.get(&part), self.kept.get(&part));
        arrival.wait_only_for(|task| {
            let is_cut = cut.is_some_and(|names| names.contains(task));
            !is_cut || kept.is_some_and(|names| names.contains(task))
        });
    }
}
