//! `DefaultPreemption`: evicts pods of lower priority (spec: kubernetes.md 1.13).

use std::sync::Arc;

use model::Text;
use scheduler::kube::preemption::{Breadth, preempt, preempt_nobody};
use scheduler::kube::{Attempt, FastPlugin, KubePlugin, KubePoints, PostFilter, Status};

/// Makes room by evictions.
pub struct DefaultPreemption {
    breadth: Breadth,
}

impl DefaultPreemption {
    /// Tries this many nodes.
    pub fn new(breadth: Breadth) -> Self {
        Self { breadth }
    }
}

impl KubePlugin for DefaultPreemption {
    fn name(&self) -> &'static str {
        "DefaultPreemption"
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_ENQUEUE.and(KubePoints::POST_FILTER)
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn post_filter(&self, attempt: &Attempt<'_>, verdicts: &[(Text, Status)]) -> PostFilter {
        told(preempt(attempt, verdicts, self.breadth))
    }
}

impl FastPlugin for DefaultPreemption {
    fn post_filter_of_nobody(&self, attempt: &Attempt<'_>, open: usize) -> Option<PostFilter> {
        preempt_nobody(attempt, open).map(told)
    }
}

fn told(outcome: PostFilter) -> PostFilter {
    match outcome {
        PostFilter::Nothing(text, found) => {
            PostFilter::Nothing(format!("preemption: {text}"), found)
        }
        PostFilter::Failed(text) => PostFilter::Failed(format!("preemption: {text}")),
        success @ PostFilter::Nominate(_) => success,
    }
}
