//! Parts of the program that read pods, each with an experiment in which it acts on them and the
//! answer that every twin must give.

use super::acts::{
    aged, amounts, awaited, billed, bound_at, budgeted, consolidated, crowded, cut_off, drained,
    evicted, evicted_and_living, grown, limited, living, measured, nodes_and_bindings, preempted,
    preempting, provisioned, queued, rebalanced, recommended, recommended_cores, repelled,
    rolled_out, scaled_down, scaled_up, shares, shrunk, tainted, too_large,
};
use super::experiment::{Answer, Experiment, node_names};
use super::pods::{Owner, Shape, Source, Workload};

/// A form of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) shape: Shape,
    pub(super) owner: Owner,
    pub(super) source: Source,
}

impl Form {
    /// `count` pods named `app`.
    pub(super) fn workload(self, count: usize) -> Workload {
        Workload::new("app", self.shape, self.owner, count)
    }

    /// `count` pods named `app`, each of which runs on one of so many nodes if they come from a dump.
    pub(super) fn spread(self, count: usize, over: usize) -> Workload {
        let mut workload = self.workload(count);
        workload.nodes = node_names(over);
        workload
    }
}

/// A reader of pods.
pub(super) struct Consumer {
    pub(super) name: &'static str,
    /// Owners that it treats alike; the first is the base.
    pub(super) owners: &'static [Owner],
    /// Sources beside manifests that come to the same.
    pub(super) sources: &'static [Source],
    /// Shapes whose answer differs in the original, too.
    pub(super) unlike: &'static [Shape],
    pub(super) experiment: fn(Form) -> Experiment,
    pub(super) read: fn(&Answer) -> String,
    /// The right answer.
    pub(super) right: &'static str,
}

const DUMP_AND_APPLIED: &[Source] = &[Source::Dump, Source::Applied];
const APPLIED: &[Source] = &[Source::Applied];

pub(super) const ALL: &[Consumer] = &[
    Consumer {
        name: "horizontal autoscaler, down",
        owners: &Owner::SETS,
        sources: DUMP_AND_APPLIED,
        // Utilization is of what containers request.
        unlike: &[Shape::Overhead],
        experiment: scaled_down,
        read: living,
        right: "2 living",
    },
    Consumer {
        name: "horizontal autoscaler, up",
        owners: &Owner::SETS,
        sources: DUMP_AND_APPLIED,
        unlike: &[Shape::Overhead],
        experiment: scaled_up,
        read: living,
        right: "20 living",
    },
    Consumer {
        name: "vertical autoscaler",
        owners: &Owner::SETS,
        sources: DUMP_AND_APPLIED,
        // Init containers are not sized, sidecars among them (kubernetes/autoscaler#7229).
        unlike: &[Shape::Sidecar, Shape::InitAndSidecar],
        experiment: recommended,
        read: recommended_cores,
        right: "0.4",
    },
    Consumer {
        name: "cluster autoscaler, up",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Applied, Source::Rows],
        unlike: &[],
        experiment: grown,
        read: nodes_and_bindings,
        right: "2 joined, 12 bound",
    },
    Consumer {
        name: "cluster autoscaler, down",
        owners: &Owner::CONTROLLERS,
        sources: APPLIED,
        // Pods with local storage stay.
        unlike: &[Shape::Volumes],
        experiment: shrunk,
        read: |answer| format!("{} left", answer.counts.left),
        right: "2 left",
    },
    Consumer {
        name: "provisioner, up",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Applied, Source::Rows],
        unlike: &[Shape::Extended],
        experiment: provisioned,
        read: nodes_and_bindings,
        right: "1 joined, 12 bound",
    },
    Consumer {
        name: "provisioner, down",
        owners: &Owner::CONTROLLERS,
        sources: APPLIED,
        unlike: &[Shape::Extended],
        experiment: consolidated,
        read: |answer| format!("{} left", answer.counts.left),
        right: "1 left",
    },
    Consumer {
        name: "descheduler, age",
        owners: &Owner::CONTROLLERS,
        sources: APPLIED,
        // Pods with local storage stay.
        unlike: &[Shape::Volumes],
        experiment: aged,
        read: evicted,
        right: "4 evicted",
    },
    Consumer {
        name: "descheduler, low utilization",
        owners: &Owner::CONTROLLERS,
        sources: DUMP_AND_APPLIED,
        // Pods with local storage stay.
        unlike: &[Shape::Volumes],
        experiment: rebalanced,
        read: evicted,
        right: "4 evicted",
    },
    Consumer {
        name: "drain",
        owners: &Owner::CONTROLLERS,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: drained,
        read: evicted_and_living,
        right: "1 evicted, 4 living",
    },
    Consumer {
        name: "disruption budget",
        owners: &Owner::SETS,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: budgeted,
        read: evicted_and_living,
        right: "1 evicted, 4 living",
    },
    Consumer {
        name: "quota",
        owners: &Owner::ALL,
        sources: APPLIED,
        unlike: &[],
        experiment: limited,
        read: living,
        right: "3 living",
    },
    Consumer {
        name: "limit range",
        owners: &Owner::ALL,
        sources: APPLIED,
        unlike: &[],
        experiment: too_large,
        read: living,
        right: "0 living",
    },
    Consumer {
        name: "preemption, victims",
        owners: &Owner::ALL,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: preempted,
        read: |answer| {
            let cause = windtunnel::model::EvictionCause::Preemption;
            let count = answer.counts.evictions.get(&cause).copied();
            format!("{} preempted", count.unwrap_or(0))
        },
        right: "2 preempted",
    },
    Consumer {
        name: "preemption, preemptor",
        owners: &Owner::ALL,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: preempting,
        read: |answer| format!("{} bound", answer.counts.bound),
        right: "2 bound",
    },
    Consumer {
        name: "taint",
        owners: &Owner::CONTROLLERS,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: tainted,
        read: evicted_and_living,
        right: "1 evicted, 4 living",
    },
    Consumer {
        name: "node outage",
        owners: &[Owner::Deployment, Owner::ReplicaSet, Owner::Job],
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: cut_off,
        read: evicted,
        right: "1 evicted",
    },
    Consumer {
        name: "allocation and usage",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Rows],
        unlike: &[],
        experiment: measured,
        read: amounts,
        right: "0.250 0.062 0.125",
    },
    Consumer {
        name: "cost",
        owners: &Owner::ALL,
        sources: &[Source::Rows],
        unlike: &[],
        experiment: billed,
        read: shares,
        right: "d 0.74 0.74",
    },
    Consumer {
        name: "Kueue",
        owners: &[Owner::Job],
        sources: &[],
        unlike: &[],
        experiment: queued,
        read: |answer| format!("{} bound", answer.counts.bound),
        right: "4 bound",
    },
    Consumer {
        name: "roll-out",
        owners: &[Owner::Deployment, Owner::StatefulSet],
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: rolled_out,
        read: living,
        right: "4 living",
    },
    Consumer {
        name: "hint of a wanted pod",
        owners: &Owner::ALL,
        sources: APPLIED,
        unlike: &[],
        experiment: awaited,
        read: bound_at,
        right: "2 at 20 s",
    },
    Consumer {
        name: "hint of an unwanted pod",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Applied, Source::Rows],
        unlike: &[],
        experiment: repelled,
        read: bound_at,
        right: "1 at 20 s",
    },
    Consumer {
        name: "hint of room",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Applied, Source::Rows],
        unlike: &[],
        experiment: crowded,
        read: bound_at,
        right: "2 at 20 s",
    },
];
