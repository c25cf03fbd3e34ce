//! Making room by evicting pods of lower priority (spec: kubernetes.md 1.13). Simulations run on
//! copies of a node and of the attempt's questions.

use std::cmp::Reverse;
use std::sync::Arc;

use super::message::{counted_text, node_text};
use super::{Attempt, Code, NodeInfo, PodInfo, PostFilter, Rejection, Status};
use model::objects::DisruptionBudget;
use model::{Change, Text};
use units::SortedSet;

const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// A node that can take the pod once its victims are gone.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The node.
    pub node: Text,
    /// Pods to evict, from most to least important.
    pub victims: Vec<Arc<PodInfo>>,
    /// Number of victims that exceed a budget.
    pub violations: usize,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        let same = |(one, two): (&Arc<PodInfo>, &Arc<PodInfo>)| one.is(two);
        self.node == other.node
            && self.violations == other.violations
            && self.victims.len() == other.victims.len()
            && self.victims.iter().zip(&other.victims).all(same)
    }
}

impl Eq for Candidate {}

/// Findings of a preemption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preemption {
    /// Nodes where evictions help.
    pub candidates: Vec<Candidate>,
    /// Nodes that were tried in vain.
    pub rejected: Vec<(Text, Status)>,
    /// Whether the pod was eligible to preempt at all.
    pub was_eligible: bool,
    /// Positions of the candidates that are equally good under the five rules.
    pub best: Vec<usize>,
}

/// Bounds on the number of nodes that preemption tries.
#[derive(Clone, Copy, Debug)]
pub struct Breadth {
    /// The least part of the potential nodes, in percent.
    pub percent: i64,
    /// The least number.
    pub least: i64,
}

/// Tries to make room for the pod of an attempt that no node answered.
pub fn preempt(attempt: &Attempt<'_>, verdicts: &[(Text, Status)], breadth: Breadth) -> PostFilter {
    if let Err(why) = is_eligible(attempt, verdicts) {
        return PostFilter::Nothing(why.to_owned(), Preemption::default());
    }
    let mut potential = potential_nodes(attempt, verdicts);
    let count = potential.len() as i64;
    if !potential.is_empty() {
        let offset = attempt.preemption_draw % potential.len() as u64;
        potential.rotate_left(offset as usize);
    }
    let wanted = (count * breadth.percent / 100)
        .max(breadth.least)
        .min(count);
    let wanted = usize::try_from(wanted).unwrap_or(0);
    let mut found = Preemption {
        was_eligible: true,
        ..Preemption::default()
    };
    let mut violating = Vec::new();
    for node in potential {
        if !found.candidates.is_empty() && found.candidates.len() + violating.len() >= wanted {
            break;
        }
        match try_node(attempt, node) {
            Ok(candidate) if candidate.violations == 0 => found.candidates.push(candidate),
            Ok(candidate) => violating.push(candidate),
            Err(status) => found.rejected.push((node.name().clone(), status)),
        }
    }
    found.candidates.truncate(wanted);
    violating.truncate(wanted);
    found.candidates.append(&mut violating);
    if let Some((_, extenders)) = attempt.profile.extenders()
        && !found.candidates.is_empty()
    {
        match extenders.preempt(attempt.ctx, std::mem::take(&mut found.candidates)) {
            Err(words) => return PostFilter::Failed(words),
            Ok(left) if left.is_empty() => {
                let words = "no candidate node for preemption".to_owned();
                return PostFilter::Nothing(words, found);
            }
            Ok(left) => found.candidates = left,
        }
    }
    if !found.candidates.is_empty() {
        found.best = best(&found.candidates);
        return PostFilter::Nominate(found);
    }
    let failed = found
        .rejected
        .iter()
        .find(|(_, status)| status.code == Code::Error);
    if let Some((_, status)) = failed {
        return PostFilter::Failed(status.text());
    }
    let others = Rejection::unresolvable(NOT_HELPFUL).of("");
    let statuses = found.rejected.iter().map(|(_, status)| status);
    let text = node_text(attempt.ctx.cache.node_count(), statuses, Some(&others));
    PostFilter::Nothing(text, found)
}

/// Result of [`preempt`] for the case that no node has a pod of lower priority and `open` nodes are
/// potential ones: eviction fails on each. `None` for a nominated pod.
pub fn preempt_nobody(attempt: &Attempt<'_>, open: usize) -> Option<PostFilter> {
    let pod = attempt.ctx.pod;
    if pod.nominated_node().is_some() {
        return None;
    }
    if let Err(why) = is_eligible(attempt, &[]) {
        return Some(PostFilter::Nothing(why.to_owned(), Preemption::default()));
    }
    let (tried, others) = (no_victims(), Rejection::unresolvable(NOT_HELPFUL).of(""));
    let nodes = attempt.ctx.cache.node_count();
    let text = counted_text(nodes, [(&tried, open)], Some(&others));
    let found = Preemption {
        was_eligible: true,
        ..Preemption::default()
    };
    Some(PostFilter::Nothing(text, found))
}

fn no_victims() -> Status {
    Rejection::unresolvable(NO_VICTIMS).of("")
}

fn is_eligible(attempt: &Attempt<'_>, verdicts: &[(Text, Status)]) -> Result<(), &'static str> {
    let pod = attempt.ctx.pod;
    if !pod.spec().preempts {
        return Err("not eligible due to preemptionPolicy=Never.");
    }
    let Some(nominated) = pod.nominated_node() else {
        return Ok(());
    };
    let verdict = verdicts.iter().find(|(name, _)| name == nominated);
    let code = verdict.map_or(Code::UnschedulableAndUnresolvable, |(_, status)| {
        status.code
    });
    if code == Code::UnschedulableAndUnresolvable {
        return Ok(());
    }
    let node = attempt.ctx.cache.node(nominated);
    let mut pods = node.iter().flat_map(|node| &node.pods);
    let is_leaving = |other: &Arc<PodInfo>| {
        other.priority() < pod.priority() && other.is_terminating && other.is_preempted
    };
    if pods.any(is_leaving) {
        return Err("not eligible due to a terminating pod on the nominated node.");
    }
    Ok(())
}

/// The nodes where evictions may help, in the scheduler's order.
fn potential_nodes<'c>(attempt: &Attempt<'c>, verdicts: &[(Text, Status)]) -> Vec<&'c NodeInfo> {
    let open: SortedSet<&Text> = verdicts
        .iter()
        .filter(|(_, status)| status.code == Code::Unschedulable)
        .map(|(name, _)| name)
        .collect();
    let may_help = |node: &&NodeInfo| match &attempt.refusal {
        Some(refusal) => refusal.code == Code::Unschedulable,
        None => open.contains(node.name()),
    };
    attempt.ctx.cache.nodes().filter(may_help).collect()
}

fn try_node(attempt: &Attempt<'_>, node: &NodeInfo) -> Result<Candidate, Status> {
    let priority = attempt.ctx.pod.priority();
    let mut victims: Vec<Arc<PodInfo>> = node
        .pods
        .iter()
        .filter(|other| other.priority() < priority)
        .cloned()
        .collect();
    if victims.is_empty() {
        return Err(no_victims());
    }
    let mut questions = attempt.questions();
    let mut copy = node.clone();
    for victim in &victims {
        attempt.remove_pod(&mut questions, &mut copy, victim);
    }
    if let Some(status) = attempt.verdict_in(&questions, &copy) {
        return Err(status);
    }
    victims.sort_by_key(|victim| victim.importance());
    let (violating, others) = split_by_budget(victims, &attempt.ctx.cache.objects.budgets);
    let mut candidate = Candidate {
        node: node.name().clone(),
        victims: Vec::new(),
        violations: 0,
    };
    let violating_count = violating.len();
    for (place, pod) in violating.into_iter().chain(others).enumerate() {
        attempt.add_pod(&mut questions, &mut copy, &pod);
        if attempt.verdict_in(&questions, &copy).is_some() {
            attempt.remove_pod(&mut questions, &mut copy, &pod);
            candidate.violations += usize::from(place < violating_count);
            candidate.victims.push(pod);
        }
    }
    if candidate.victims.is_empty() {
        let mut status = Rejection::unresolvable(format!(
            "expected at least one victim pod on node {:?}",
            &*candidate.node
        ));
        status.code = Code::Error;
        return Err(status.of(""));
    }
    if attempt.profile.changes.has(Change::VictimsSortedAgain) {
        candidate.victims.sort_by_key(|victim| victim.importance());
    }
    Ok(candidate)
}

/// The pods whose eviction would exceed a budget, and the others; both in the given order.
fn split_by_budget(
    pods: Vec<Arc<PodInfo>>,
    budgets: &[DisruptionBudget],
) -> (Vec<Arc<PodInfo>>, Vec<Arc<PodInfo>>) {
    let mut allowed: Vec<i64> = budgets.iter().map(|budget| budget.allowed).collect();
    pods.into_iter().partition(|pod| {
        let spec = pod.spec();
        let mut exceeds = false;
        for (budget, left) in budgets.iter().zip(&mut allowed) {
            let is_covered = budget.namespace == spec.namespace
                && !spec.labels.is_empty()
                && budget.selector.as_ref().is_some_and(|selector| {
                    !selector.requirements.is_empty() && selector.matches(&spec.labels)
                });
            if is_covered && !budget.disrupted.contains(&pod.name.text()) {
                *left -= 1;
                exceeds |= *left < 0;
            }
        }
        exceeds
    })
}

/// The positions of the best candidates under the five rules.
fn best(candidates: &[Candidate]) -> Vec<usize> {
    let key = |candidate: &Candidate| {
        let victims = &candidate.victims;
        // The first victim has the highest priority where victims are sorted.
        let first = victims.first().map_or(i32::MIN, |victim| victim.priority());
        let highest = victims.iter().map(|victim| victim.priority()).max();
        let sum: i128 = victims
            .iter()
            .map(|victim| i128::from(victim.priority()) + (1_i128 << 31))
            .sum();
        let earliest = victims
            .iter()
            .filter(|victim| Some(victim.priority()) == highest)
            .map(|victim| victim.importance().1)
            .min();
        let count = victims.len();
        (candidate.violations, first, sum, count, Reverse(earliest))
    };
    let Some(least) = candidates.iter().map(key).min() else {
        return Vec::new();
    };
    let places = 0..candidates.len();
    places
        .filter(|&place| key(&candidates[place]) == least)
        .collect()
}
