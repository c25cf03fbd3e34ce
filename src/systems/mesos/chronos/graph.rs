//! Jobs that run when others have finished (spec: orchestrators-b.md section 3; chronos
//! `JobGraph.scala`).

use thiserror::Error;

use model::Text;
use units::{SortedMap, SortedSet};

/// Jobs that wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("jobs wait for each other: {}; remove one of these dependencies", cycle.join(" → "))]
pub struct CycleError {
    /// The jobs of the cycle, the first one also last.
    pub cycle: Vec<String>,
}

/// The dependencies, and how often each parent finished since its child last ran.
#[derive(Clone, Debug, Default)]
pub struct JobGraph {
    parents: SortedMap<Text, SortedMap<Text, u64>>,
    children: SortedMap<Text, SortedSet<Text>>,
    soft_errors: SortedSet<Text>,
}

impl JobGraph {
    /// Dependencies by child. The failures of `soft_errors` count as if they had finished.
    ///
    /// # Errors
    /// Jobs wait for each other.
    pub fn new(
        parents: impl IntoIterator<Item = (Text, Vec<Text>)>,
        soft_errors: impl IntoIterator<Item = Text>,
    ) -> Result<Self, CycleError> {
        let mut graph = Self {
            soft_errors: soft_errors.into_iter().collect(),
            ..Self::default()
        };
        for (child, parents) in parents {
            for parent in parents {
                let children = graph.children.entry(parent.clone()).or_default();
                children.insert(child.clone());
                let counts = graph.parents.entry(child.clone()).or_default();
                counts.insert(parent, 0);
            }
        }
        match graph.cycle() {
            None => Ok(graph),
            Some(cycle) => Err(CycleError { cycle }),
        }
    }

    /// Number of times that parents finished since their child last ran, by child and parent.
    pub fn counts(&self) -> &SortedMap<Text, SortedMap<Text, u64>> {
        &self.parents
    }

    /// Goes on from counts, as far as they are about its own dependencies.
    pub fn set_counts(&mut self, counts: &SortedMap<Text, SortedMap<Text, u64>>) {
        for (child, parents) in &mut self.parents {
            let Some(known) = counts.get(child) else {
                continue;
            };
            for (parent, count) in parents {
                *count = known.get(parent).copied().unwrap_or(*count);
            }
        }
    }

    /// A job finished: the jobs that are queued now, by name.
    pub fn finished(&mut self, job: &str) -> Vec<Text> {
        let children = self.children.get(job).cloned().unwrap_or_default();
        let mut queued = Vec::new();
        for child in children {
            let Some(counts) = self.parents.get_mut(&child) else {
                continue;
            };
            if counts.len() == 1 {
                queued.push(child);
                continue;
            }
            let least_after = |counts: &SortedMap<Text, u64>| counts.values().min().copied();
            let Some(count) = counts.get_mut(job) else {
                continue;
            };
            *count += 1;
            let count = *count;
            if least_after(counts) == Some(count) {
                queued.push(child);
            }
        }
        queued
    }

    /// A job failed: its children are queued only if its errors are soft.
    pub fn failed(&mut self, job: &str) -> Vec<Text> {
        if self.soft_errors.contains(job) {
            self.finished(job)
        } else {
            Vec::new()
        }
    }

    /// A job runs: what its parents have finished is used up.
    pub fn running(&mut self, job: &str) {
        if let Some(counts) = self.parents.get_mut(job) {
            for count in counts.values_mut() {
                *count = 0;
            }
        }
    }

    /// The first cycle, by name.
    fn cycle(&self) -> Option<Vec<String>> {
        let mut is_done = SortedSet::new();
        for start in self.parents.keys() {
            let mut path = vec![start];
            // Walks up, a path at a time; jobs from which nothing is left to walk are done.
            while let Some(&job) = path.last() {
                let mut open = self.parents.get(job).into_iter().flat_map(SortedMap::keys);
                let Some(parent) = open.find(|&parent| !is_done.contains(parent)) else {
                    is_done.insert(job.clone());
                    path.pop();
                    continue;
                };
                if let Some(at) = path.iter().position(|&known| known == parent) {
                    let upward = path[at..].iter().rev();
                    let mut cycle: Vec<String> = upward.map(ToString::to_string).collect();
                    cycle.extend(cycle.first().cloned());
                    return Some(cycle);
                }
                path.push(parent);
            }
        }
        None
    }
}
