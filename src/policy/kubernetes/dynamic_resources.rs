//! `DynamicResources`, as it behaves for pods without claims on devices: it has a say only in the
//! text of failed attempts, and keeps preemption from being tried after a plugin before it refused
//! the pod (spec: kubernetes.md 1.4, 1.20).

use std::sync::Arc;

use model::Text;
use scheduler::kube::keep::KeptFilter;
use scheduler::kube::{
    Attempt, AttemptContext, FastPlugin, KubePlugin, KubePoints, PostFilter, PreFilterResult,
    Preemption, Reach, Status,
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
        build: |_, _| Arc::new(DynamicResources),
    }),
};

/// Claims on devices; pods have none.
pub struct DynamicResources;

const NAME: &str = "DynamicResources";

impl KubePlugin for DynamicResources {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_ENQUEUE
            .and(KubePoints::PRE_FILTER)
            .and(KubePoints::FILTER)
            .and(KubePoints::POST_FILTER)
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn pre_filter<'a>(&'a self, _: AttemptContext<'a>) -> PreFilterResult<'a> {
        PreFilterResult::Skip
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

    fn post_filter_of_nobody(&self, attempt: &Attempt<'_>, _: usize) -> Option<PostFilter> {
        Some(self.post_filter(attempt, &[]))
    }
}
