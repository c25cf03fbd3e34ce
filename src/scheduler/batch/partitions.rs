//! Partitions of a batch system: queues of their own limits over some of the nodes, which may overlap.
//! A job names its partition by a label of its pods; which nodes that is, its node affinity says.

use cluster::Store;
use model::{PARTITION_LABEL, Text};
use units::{ClassId, Duration};

use super::job::{JobFacts, PartitionNumber};

/// Limits of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Name of the partition.
    pub name: Text,
    /// Longest time that a job in it may request.
    pub most: Duration,
    /// `false` if none of its jobs starts.
    pub is_up: bool,
}

/// All partitions; without any, every job is in the same one, which has no limits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partitions {
    all: Vec<Partition>,
    /// The partition of each class that was asked about.
    of_classes: Vec<Option<PartitionNumber>>,
}

impl Partitions {
    /// Partitions in an order that numbers them.
    pub(crate) fn new(all: Vec<Partition>) -> Self {
        Self {
            all,
            of_classes: Vec::new(),
        }
    }

    /// Number of partitions, at least 1.
    pub(crate) fn count(&self) -> usize {
        self.all.len().max(1)
    }

    /// The partition of pods of a class; the first one if they name none.
    pub(crate) fn of(&mut self, store: &Store, class: ClassId) -> PartitionNumber {
        if self.all.len() < 2 {
            return PartitionNumber::default();
        }
        if self.of_classes.len() <= class.index() {
            self.of_classes.resize(class.index() + 1, None);
        }
        let all = &self.all;
        *self.of_classes[class.index()].get_or_insert_with(|| {
            let named = store.class(class).spec.labels.get(PARTITION_LABEL);
            let place = named.and_then(|name| all.iter().position(|own| own.name == *name));
            PartitionNumber(place.unwrap_or(0) as u16)
        })
    }

    /// Whether a job may start in its partition at all.
    pub(crate) fn admit(&self, job: &JobFacts) -> bool {
        let own = self.all.get(usize::from(job.partition.0));
        own.is_none_or(|own| own.is_up && job.requested <= own.most)
    }
}
