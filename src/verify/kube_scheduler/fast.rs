//! Runs decide in the fast form: it is held to what the plain one, in whose words decisions are
//! recorded, found to be best. Recordings name all nodes that tie for the best. Which of them random
//! ties take is held to the plain form with the same seed.

use serde_json::{Value, json};

use super::Differences;
use scheduler::kube::cycle::{Outcome, Round};
use scheduler::kube::{AttemptContext, KubeProfile, TieBreak};
use scheduler::pipeline::evaluate::Form;

/// The seed of random ties.
const SEED: u64 = 1;

/// The fast form through the decisions of a case, under both rules for ties.
pub(super) struct Fast {
    first: Round,
    random: Round,
    /// The plain form with the same random ties.
    plain: Round,
}

/// Findings of the plain form.
pub(super) struct Expected<'a> {
    /// The place at which the search begins.
    pub(super) start: usize,
    /// The place at which the next search begins, if that is recorded.
    pub(super) next_start: Option<usize>,
    /// The names of the best nodes; none is a pod that finds no place.
    pub(super) best: Vec<&'a str>,
}

impl Fast {
    pub(super) fn new() -> Self {
        let random = || TieBreak::random(SEED, 0);
        Self {
            first: Round::new(TieBreak::First, Form::Incremental),
            random: Round::new(random(), Form::Incremental),
            plain: Round::new(random(), Form::Plain),
        }
    }

    /// Decides, and records how that differs from what is expected.
    pub(super) fn check(
        &mut self,
        profile: &KubeProfile,
        ctx: AttemptContext<'_>,
        expected: &Expected<'_>,
        differences: &mut Differences,
    ) {
        let best = &expected.best;
        self.first.start = expected.start;
        let first = node(&mut self.first, profile, ctx);
        if !first.map_or(best.is_empty(), |node| best.contains(&node)) {
            let (recorded, decided) = (json!(best), json!(first));
            differences.field("fast form: node", Some(&recorded), &decided);
        }
        if let Some(next) = expected.next_start {
            let (recorded, decided): (Value, Value) = (next.into(), self.first.start.into());
            differences.field("fast form: next start", Some(&recorded), &decided);
        }
        self.check_random_ties(profile, ctx, expected.start, differences);
    }

    /// Decides by both forms with random ties, and records how they differ.
    pub(super) fn check_random_ties(
        &mut self,
        profile: &KubeProfile,
        ctx: AttemptContext<'_>,
        start: usize,
        differences: &mut Differences,
    ) {
        (self.plain.start, self.random.start) = (start, start);
        let plain = json!(node(&mut self.plain, profile, ctx));
        let fast = json!(node(&mut self.random, profile, ctx));
        differences.field("fast form: node by random ties", Some(&plain), &fast);
    }
}

/// The node that a round decides on.
fn node<'a>(round: &mut Round, profile: &KubeProfile, ctx: AttemptContext<'a>) -> Option<&'a str> {
    match round.decide(profile, ctx.cache, ctx.pod) {
        Outcome::Placed(slot) => ctx.cache.node_in(slot).map(|node| &**node.name()),
        Outcome::Failed(_) => None,
    }
}
