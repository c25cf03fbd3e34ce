//! `DynamicResources`, as it behaves for pods without claims on devices: it has a say only in the
//! text of failed attempts, and keeps preemption from being tried after a plugin before it refused
//! the pod (spec: kubernetes.md 1.4, 1.20).

use std::sync::Arc;

use model::{Change, Changes, Text};
use scheduler::kube::keep::{KeptFilter, KeptScore};
use scheduler::kube::{
    Attempt, AttemptContext, FastPlugin, KubePlugin, KubePoints, NodeInfo, PostFilter,
    PreFilterResult, Preemption, Reach, Scores, Status,
};

use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "DynamicResources",
    point: Point::KubePlugin,
    summary: "Stands for claims on devices, which pods have none of; its words end failed attempts.",
    source: "kubernetes.md 1.20",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preEnqueue", "preFilter", "filter", "postFilter"],
        weight: Some(0),
        build: |_, changes| Arc::new(DynamicResources::new(changes)),
    }),
};

/// Claims on devices; pods have none.
pub struct DynamicResources {
    /// Whether it takes part at all (spec: kubernetes-releases.md A2).
    is_on: bool,
    /// Whether it gives every node 0 points instead of none (A24).
    scores: bool,
}

impl DynamicResources {
    /// Plugin with the switches of a release.
    pub const fn new(changes: Changes) -> Self {
        let is_on = changes.has(Change::DynamicResourceAllocation);
        Self {
            is_on,
            scores: is_on && changes.has(Change::DynamicResourcesScore),
        }
    }
}

const NAME: &str = "DynamicResources";

impl KubePlugin for DynamicResources {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> KubePoints {
        if !self.is_on {
            return KubePoints::default();
        }
        let always = KubePoints::PRE_ENQUEUE
            .and(KubePoints::PRE_FILTER)
            .and(KubePoints::FILTER)
            .and(KubePoints::POST_FILTER);
        if self.scores {
            always.and(KubePoints::SCORE)
        } else {
            always
        }
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn pre_filter<'a>(&'a self, _: AttemptContext<'a>) -> PreFilterResult<'a> {
        PreFilterResult::Skip
    }

    fn scores(&self, _: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        Some(Scores::plain(vec![0; feasible.len()]))
    }

    fn post_filter(&self, attempt: &Attempt<'_>, _: &[(Text, Status)]) -> PostFilter {
        if attempt.asked.contains(&NAME) {
            let text = "no new claims to deallocate".to_owned();
            PostFilter::Nothing(text, Preemption::default())
        } else {
            PostFilter::Failed("not found".to_owned())
        }
    }
}

impl FastPlugin for DynamicResources {
    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn kept_filter(&self, _: AttemptContext<'_>) -> KeptFilter {
        KeptFilter::Open
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> KeptScore {
        KeptScore::Nothing
    }

    fn post_filter_of_nobody(&self, attempt: &Attempt<'_>, _: usize) -> Option<PostFilter> {
        Some(self.post_filter(attempt, &[]))
    }
}
