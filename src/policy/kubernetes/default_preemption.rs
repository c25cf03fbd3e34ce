//! `DefaultPreemption`: evicts pods of lower priority (spec: kubernetes.md 1.13).

use std::sync::Arc;

use model::Text;
use scheduler::kube::preemption::{Breadth, preempt, preempt_nobody};
use scheduler::kube::{Attempt, FastPlugin, KubePlugin, KubePoints, PostFilter, Status};

use crate::{Constructor, Entry, Kind, KubeConstructor, Parameter, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "DefaultPreemption",
    point: Point::KubePlugin,
    summary: "Evicts pods of lower priority where that makes room for the pod.",
    source: "kubernetes.md 1.13",
    parameters: &[
        Parameter {
            name: "minCandidateNodesPercentage",
            kind: Kind::Integer {
                default: 10,
                min: 0,
                max: 100,
            },
            doc: "Least share of the nodes on which evictions are tried, in percent.",
        },
        Parameter {
            name: "minCandidateNodesAbsolute",
            kind: Kind::Integer {
                default: 100,
                min: 0,
                max: 2_147_483_647,
            },
            doc: "Least number of nodes on which evictions are tried.",
        },
    ],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preEnqueue", "postFilter"],
        weight: Some(0),
        build: |arguments, _| {
            Arc::new(DefaultPreemption::new(Breadth {
                percent: arguments.min_candidate_percentage,
                least: arguments.min_candidates,
            }))
        },
    }),
};

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
        other @ (PostFilter::Nominate(_) | PostFilter::Deallocate(..)) => other,
    }
}
