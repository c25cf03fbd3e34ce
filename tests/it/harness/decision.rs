//! A whole decision: all that an attempt says, in a form that can be compared.

use windtunnel::model::Text;
use windtunnel::scheduler::kube::attempt::PostFilterOutcome;
use windtunnel::scheduler::kube::message::message;
use windtunnel::scheduler::kube::{Attempt, Cache, KubeProfile, PodInfo, Search, Status};
use windtunnel::units::{SortedMap, SortedSet};

/// What a pod asks of a scheduler.
pub(crate) struct Question<'a> {
    pub(crate) profile: &'a KubeProfile,
    pub(crate) pod: &'a PodInfo,
    /// Where the search starts in the scheduler's order.
    pub(crate) start: usize,
    /// How many feasible nodes are enough.
    pub(crate) wanted: usize,
}

/// Raw and normalised points and the weight, by plugin.
pub(crate) type Points = SortedMap<&'static str, (i64, i64, i64)>;

/// All that an attempt says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decision {
    pub(crate) gate: Option<Status>,
    pub(crate) refusal: Option<Status>,
    pub(crate) outside: Option<Status>,
    /// The nodes looked at, in order, with their verdicts.
    pub(crate) verdicts: Vec<(Text, Option<Status>)>,
    pub(crate) points: SortedMap<Text, Points>,
    pub(crate) totals: SortedMap<Text, i64>,
    pub(crate) best: Vec<Text>,
    pub(crate) message: String,
    /// The look at preemption; candidates and nodes tried in vain are in order of their names.
    pub(crate) aftermath: PostFilterOutcome,
    /// The nodes that are equally good for a preemption.
    pub(crate) nominated: SortedSet<Text>,
}

/// The decision of the plain form on a cache.
pub(crate) fn decide(cache: &Cache, question: &Question<'_>) -> Decision {
    let mut decision = Decision::default();
    let Question { profile, pod, .. } = *question;
    if let Err(status) = Attempt::gate(profile, pod, &cache.objects) {
        decision.gate = Some(status);
        return decision;
    }
    let attempt = Attempt::begin(profile, cache, pod);
    decision.refusal.clone_from(&attempt.refusal);
    decision.outside.clone_from(&attempt.outside);
    let search = match &attempt.refusal {
        Some(_) => Search::default(),
        None => attempt.search(question.start, question.wanted),
    };
    finish(&attempt, search, &mut decision);
    decision
}

/// Fills in what follows the search.
pub(crate) fn finish(attempt: &Attempt<'_>, search: Search, decision: &mut Decision) {
    if search.feasible.is_empty() {
        decision.aftermath = attempt.make_room(&search.rejected);
        decision.message = message(attempt, &search.rejected, &decision.aftermath.text);
        let found = &mut decision.aftermath.preemption;
        let best = found.best.drain(..);
        decision.nominated = best
            .map(|place| found.candidates[place].node.clone())
            .collect();
        found
            .candidates
            .sort_by(|one, other| one.node.cmp(&other.node));
        found.rejected.sort_by(|one, other| one.0.cmp(&other.0));
    } else {
        let ranking = attempt.rank(&search.feasible);
        for (place, node) in search.feasible.iter().enumerate() {
            let plugins = ranking.plugins.iter().map(|(plugin, weight, scores)| {
                let points = (scores.raw[place], scores.normalized[place], *weight);
                (*plugin, points)
            });
            decision.points.insert(node.clone(), plugins.collect());
            decision.totals.insert(node.clone(), ranking.totals[place]);
        }
        let best = ranking.best().into_iter();
        decision.best = best.map(|place| search.feasible[place].clone()).collect();
    }
    let feasible = search.feasible.into_iter().map(|node| (node, None));
    let rejected = search.rejected.into_iter();
    decision.verdicts = feasible
        .chain(rejected.map(|(node, status)| (node, Some(status))))
        .collect();
}
