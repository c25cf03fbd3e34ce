//! Amounts of a resource that count as used in scores (spec: kubernetes.md 1.6).

use model::Text;
use scheduler::kube::cacheable::NodeRow;
use scheduler::kube::pod_info::is_scalar;
use scheduler::kube::{Amounts, NodeInfo, PodInfo};

/// A resource as the scheduler keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kubernetes) enum Resource {
    Cpu,
    Memory,
    Storage,
    /// Any other, by name.
    Other(Text),
}

impl Resource {
    /// The resource of a name.
    pub(in crate::kubernetes) fn of(name: &Text) -> Self {
        match &**name {
            "cpu" => Self::Cpu,
            "memory" => Self::Memory,
            "ephemeral-storage" => Self::Storage,
            _ => Self::Other(name.clone()),
        }
    }

    fn is_scalar(&self) -> bool {
        matches!(self, Self::Other(name) if is_scalar(name))
    }
}

/// Scale on which cpu and memory of pods are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kubernetes) enum Scale {
    /// With defaults for containers that don't mention them.
    NonZero,
    /// The plain request.
    Plain,
}

/// One resource of a node as it would be with the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kubernetes) struct ResourceCount {
    /// Asked for by the pods there.
    pub(in crate::kubernetes) used: i64,
    /// Asked for by the pod.
    pub(in crate::kubernetes) asked: i64,
    /// Allocatable amount of the node, not 0.
    pub(in crate::kubernetes) offered: i64,
}

impl ResourceCount {
    /// A resource by name; `None` if the node offers none of it, or if it is a scalar one that the
    /// pod doesn't ask for.
    pub(in crate::kubernetes) fn of(
        resource: &Resource,
        scale: Scale,
        pod: &PodInfo,
        node: &NodeInfo,
    ) -> Option<Self> {
        let own = asked(resource, scale, pod);
        if own == 0 && resource.is_scalar() {
            return None;
        }
        let (cpu_milli, memory) = match scale {
            Scale::NonZero => (node.non_zero.cpu_milli, node.non_zero.memory),
            Scale::Plain => (node.requested.cpu_milli, node.requested.memory),
        };
        let offers = &node.allocatable;
        let (used, offered) = match resource {
            Resource::Cpu => (cpu_milli, offers.cpu_milli),
            Resource::Memory => (memory, offers.memory),
            Resource::Storage => (node.requested.storage, offers.storage),
            Resource::Other(name) => (node.requested.scalar(name), offers.scalar(name)),
        };
        (offered != 0).then_some(Self {
            used,
            asked: own,
            offered,
        })
    }

    /// Asked for by the pods there and the pod.
    pub(in crate::kubernetes) fn requested(&self) -> i64 {
        self.used + self.asked
    }
}

/// A resource that rows have, as the pod asks for it.
#[derive(Clone, Copy, Debug)]
pub(in crate::kubernetes) struct RowResource {
    asked: i64,
    scale: Scale,
    of: RowColumn,
}

#[derive(Clone, Copy, Debug)]
enum RowColumn {
    Cpu,
    Memory,
    Storage,
}

impl RowResource {
    /// `None` if rows don't have it.
    pub(in crate::kubernetes) fn of(
        resource: &Resource,
        scale: Scale,
        pod: &PodInfo,
    ) -> Option<Self> {
        Some(Self {
            asked: asked(resource, scale, pod),
            scale,
            of: match resource {
                Resource::Cpu => RowColumn::Cpu,
                Resource::Memory => RowColumn::Memory,
                Resource::Storage => RowColumn::Storage,
                Resource::Other(_) => return None,
            },
        })
    }

    /// Counts the pod like [`ResourceCount::of`].
    pub(in crate::kubernetes) fn counted(&self, row: &NodeRow) -> Option<ResourceCount> {
        let amount = match self.of {
            RowColumn::Cpu => &row.cpu,
            RowColumn::Memory => &row.memory,
            RowColumn::Storage => &row.storage,
        };
        let used = match self.scale {
            Scale::NonZero => amount.non_zero,
            Scale::Plain => amount.used,
        };
        (amount.offered != 0).then_some(ResourceCount {
            used,
            asked: self.asked,
            offered: amount.offered,
        })
    }
}

/// Share of a resource: the amount requested with the pod, and the amount offered.
#[derive(Clone, Copy, Debug)]
pub(in crate::kubernetes) struct Share {
    pub(in crate::kubernetes) requested: i64,
    pub(in crate::kubernetes) offered: i64,
}

/// Cpu and memory of rows, which is what most profiles count.
#[derive(Clone, Copy, Debug)]
pub(in crate::kubernetes) struct CpuAndMemory {
    asked: [i64; 2],
}

impl CpuAndMemory {
    /// `None` if other resources are counted, or in another order.
    pub(in crate::kubernetes) fn of<'r>(
        resources: impl IntoIterator<Item = &'r Resource>,
        scale: Scale,
        pod: &PodInfo,
    ) -> Option<Self> {
        let both = [Resource::Cpu, Resource::Memory];
        let asked = both.each_ref().map(|own| asked(own, scale, pod));
        resources.into_iter().eq(&both).then_some(Self { asked })
    }

    /// `None` if one of them is not offered at all.
    #[inline]
    pub(in crate::kubernetes) fn of_row(&self, row: &NodeRow, scale: Scale) -> Option<[Share; 2]> {
        let [cpu, memory] = self.asked;
        let used = match scale {
            Scale::NonZero => (row.cpu.non_zero, row.memory.non_zero),
            Scale::Plain => (row.cpu.used, row.memory.used),
        };
        let share = |requested, offered| Share { requested, offered };
        let both = [
            share(used.0 + cpu, row.cpu.offered),
            share(used.1 + memory, row.memory.offered),
        ];
        both.iter().all(|own| own.offered != 0).then_some(both)
    }
}

/// The pod's request of a resource.
pub(in crate::kubernetes) fn asked(resource: &Resource, scale: Scale, pod: &PodInfo) -> i64 {
    let amounts: &Amounts = match scale {
        Scale::NonZero => &pod.class.scored,
        Scale::Plain => &pod.class.requests,
    };
    match resource {
        Resource::Cpu => amounts.cpu_milli,
        Resource::Memory => amounts.memory,
        Resource::Storage => amounts.storage,
        Resource::Other(name) => amounts.scalar(name),
    }
}
