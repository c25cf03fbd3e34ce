//! Runs decide in the fast form: it is held to what the plain one, in whose words decisions are
//! recorded, found to be best.

use serde_json::{Value, json};

use super::Differences;
use scheduler::kube::cycle::{Outcome, Round};
use scheduler::kube::{Cache, KubeProfile, PodInfo, TieBreak};
use scheduler::pipeline::evaluate::Form;

/// The fast form through the decisions of a case.
pub(super) struct Fast(Round);

/// What the plain form found.
pub(super) struct Expected<'a> {
    /// Where the search begins, and where the next one does if that is recorded.
    pub(super) starts: (usize, Option<usize>),
    /// The names of the best nodes; none is a pod that finds no place.
    pub(super) best: Vec<&'a str>,
}

impl Fast {
    pub(super) fn new() -> Self {
        Self(Round::new(TieBreak::First, Form::Incremental))
    }

    /// Decides, and tells how that differs.
    pub(super) fn check(
        &mut self,
        profile: &KubeProfile,
        cache: &Cache,
        pod: &PodInfo,
        expected: &Expected<'_>,
        differences: &mut Differences,
    ) {
        let Expected { starts, best } = expected;
        self.0.start = starts.0;
        let place = match self.0.decide(profile, cache, pod) {
            Outcome::Placed(slot) => cache.node_in(slot),
            Outcome::Failed(_) => None,
        };
        let decided = place.map(|node| &**node.name());
        let is_right = decided.map_or(best.is_empty(), |node| best.contains(&node));
        if !is_right {
            let (recorded, decided) = (json!(best), json!(decided));
            differences.field("fast form: node", Some(&recorded), &decided);
        }
        if let Some(next) = starts.1 {
            let (recorded, decided): (Value, Value) = (next.into(), self.0.start.into());
            differences.field("fast form: next start", Some(&recorded), &decided);
        }
    }
}
