//! One scheduling cycle of a pod: from the nodes to a node, or to the reasons why there is none and
//! what room can be made (spec: kubernetes.md 1.4).

use super::fast::{Answer, Fast};
use super::labels::{Labels, Work};
use super::message::message;
use super::queue::PluginMask;
use super::{
    Attempt, AttemptContext, Cache, Candidate, KubeProfile, NodeInfo, PodInfo, Ranking, Search,
    Status, TieBreak,
};
use crate::pipeline::evaluate::Form;
use model::Text;
use model::dra::ClaimKey;

/// Outcome of a cycle.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The pod goes to the node in this slot of the cache.
    Placed(usize),
    /// It goes nowhere.
    Failed(Failure),
}

/// A cycle without a node.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// The plugins that rejected the pod; none is an error.
    pub rejected_by: PluginMask,
    /// The whole message.
    pub message: Text,
    /// Change of the pod's nominated node.
    pub nomination: Nomination,
    /// A claim that has its devices no longer.
    pub deallocated: Option<ClaimKey>,
}

/// Change of a pod's nominated node.
#[derive(Clone, Debug, Default)]
pub enum Nomination {
    /// It stays.
    Keep,
    /// The pod awaits a place nowhere any more.
    #[default]
    Clear,
    /// The pod awaits the place that these evictions make.
    Make(Candidate),
}

/// The scheduler-wide state of cycles.
#[derive(Clone, Debug)]
pub struct Round {
    /// Beginning of the search among the nodes.
    pub start: usize,
    /// Tie-breaking rule among equally good nodes.
    pub ties: TieBreak,
    /// Cached answers of the fast form; `None` uses the plain form.
    fast: Option<Box<Fast>>,
    labels: Labels,
}

impl Round {
    /// Begins at the first node.
    pub fn new(ties: TieBreak, form: Form) -> Self {
        Self {
            start: 0,
            ties,
            fast: (form == Form::Incremental).then(Box::default),
            labels: Labels::default(),
        }
    }

    /// Round with a bound in bytes for what the fast form keeps.
    pub fn with_budget(ties: TieBreak, bytes: usize) -> Self {
        Self {
            fast: Some(Box::new(Fast::with_budget(bytes))),
            ..Self::new(ties, Form::Plain)
        }
    }

    /// Labels its work.
    pub fn attach(&mut self, labels: Labels) {
        if let Some(fast) = &mut self.fast {
            fast.labels = labels.clone();
        }
        self.labels = labels;
    }

    /// Number of decisions that the fast form took.
    pub fn taken_fast(&self) -> u64 {
        self.fast.as_ref().map_or(0, |fast| fast.taken())
    }

    /// Takes in the cluster as it is, without a decision. Who is about to take nodes out for a while
    /// does this first: the fast form then keeps its answers until they are back, and otherwise begins
    /// again with each of them.
    pub fn look(&mut self, cache: &Cache) {
        if let Some(fast) = &mut self.fast {
            fast.follow(cache);
        }
    }

    /// Has pods that find no node, and may evict nobody, be told why from now on or not: whoever only counts
    /// them saves most of the work about each.
    pub fn tell_why(&mut self, tells: bool) {
        if let Some(fast) = &mut self.fast {
            fast.is_terse = !tells;
        }
    }

    /// Decides on a pod.
    pub fn decide(&mut self, profile: &KubeProfile, cache: &Cache, pod: &PodInfo) -> Outcome {
        let extenders = profile.extenders();
        let is_extended = extenders.is_some_and(|(_, own)| own.concerns(pod));
        let fast = self.fast.as_mut().filter(|_| !is_extended);
        let answer = fast.map(|fast| {
            fast.decide(
                profile,
                AttemptContext { cache, pod },
                self.start,
                &mut self.ties,
            )
        });
        match answer {
            Some(Answer::Placed(choice)) if let Some(slot) = cache.slot_at(choice.place) => {
                self.start = (self.start + choice.looked_at) % cache.node_count();
                Outcome::Placed(slot)
            }
            Some(Answer::Failed(failure)) => {
                // Every node was looked at.
                self.start %= cache.node_count();
                Outcome::Failed(failure)
            }
            _ => self.decide_plainly(profile, cache, pod),
        }
    }

    /// Decides on a pod by asking every plugin about every node.
    fn decide_plainly(&mut self, profile: &KubeProfile, cache: &Cache, pod: &PodInfo) -> Outcome {
        let labels = self.labels.clone();
        let begin = || Attempt::begin(profile, cache, pod);
        let mut attempt = labels.within(Work::PreFilter, begin);
        let count = cache.node_count();
        if count == 0 || attempt.refusal.is_some() {
            return Outcome::Failed(self.fail(&mut attempt, &[]));
        }
        let mut nominated = None;
        if let Some(name) = pod.nominated_node()
            && let Some(node) = cache.node(name)
        {
            match attempt.verdict(node) {
                None if is_left(&attempt, node) => return Outcome::Placed(node.slot),
                None => {}
                Some(status) => nominated = Some((name.clone(), status)),
            }
        }
        if let Some(words) = attempt.panic() {
            return Outcome::Failed(Failure {
                message: words.into(),
                nomination: Nomination::Keep,
                ..Failure::default()
            });
        }
        let wanted = profile.wanted(attempt.candidate_count());
        let search = || attempt.search(self.start, wanted);
        let mut search = labels.within(Work::Filter, search);
        // The node that the pod awaits a place on was looked at, too, if it was not met again.
        if let Some((name, status)) = nominated
            && !search.feasible.contains(&name)
            && !search.rejected.iter().any(|(known, _)| *known == name)
        {
            search.rejected.push((name, status));
        }
        let looked_at = search.feasible.len() + search.rejected.len();
        self.start = (self.start + looked_at) % count;
        if let Some(message) = search.failure() {
            return Outcome::Failed(Failure {
                message: message.into(),
                ..Failure::default()
            });
        }
        let mut extender = None;
        if let Some((index, extenders)) = profile.extenders() {
            match extenders.filter(attempt.ctx, &mut search) {
                Ok(has_rejected) => extender = has_rejected.then_some(index),
                Err(words) => {
                    return Outcome::Failed(Failure {
                        message: words.into(),
                        ..Failure::default()
                    });
                }
            }
        }
        match search.feasible.as_slice() {
            [] => {
                let mut failure = self.fail(&mut attempt, &search.rejected);
                if let Some(index) = extender {
                    failure.rejected_by.insert(index);
                }
                Outcome::Failed(failure)
            }
            [only] => place(cache, only),
            _ => self.choose(&attempt, &search),
        }
    }

    fn choose(&mut self, attempt: &Attempt<'_>, search: &Search) -> Outcome {
        let rank = || attempt.rank(&search.feasible);
        let mut ranking: Ranking = self.labels.within(Work::Score, rank);
        if let Some((_, extenders)) = attempt.profile.extenders() {
            extenders.add_points(attempt.ctx, &search.feasible, &mut ranking.totals);
        }
        match self.ties.pick(search, &ranking) {
            Some(position) => place(attempt.ctx.cache, &search.feasible[position]),
            None => Outcome::Failed(Failure::default()),
        }
    }

    fn fail(&mut self, attempt: &mut Attempt<'_>, rejected: &[(Text, Status)]) -> Failure {
        if attempt.ctx.cache.node_count() == 0 {
            return Failure {
                message: message(attempt, rejected, "").into(),
                ..Failure::default()
            };
        }
        attempt.preemption_draw = self.ties.draw_preemption();
        let make_room = || attempt.make_room(rejected);
        let mut aftermath = self.labels.within(Work::PostFilter, make_room);
        let found = &mut aftermath.preemption;
        let nomination = if aftermath.is_success {
            let picked = found.best[self.ties.pick_preemption(found.best.len())];
            Nomination::Make(found.candidates.swap_remove(picked))
        } else if found.was_eligible && !aftermath.is_error {
            Nomination::Clear
        } else {
            Nomination::Keep
        };
        Failure {
            rejected_by: rejectors(attempt, rejected),
            message: message(attempt, rejected, &aftermath.text).into(),
            nomination,
            deallocated: aftermath.deallocated,
        }
    }
}

/// Whether extenders leave the node that a pod awaits a place on. One that fails there is no obstacle
/// elsewhere.
fn is_left(attempt: &Attempt<'_>, node: &NodeInfo) -> bool {
    let Some((_, extenders)) = attempt.profile.extenders() else {
        return true;
    };
    let mut search = Search {
        feasible: vec![node.name().clone()],
        places: vec![0],
        rejected: Vec::new(),
    };
    extenders.filter(attempt.ctx, &mut search).is_ok() && !search.feasible.is_empty()
}

/// The pod goes to the node of a name.
fn place(cache: &Cache, node: &str) -> Outcome {
    let slot = cache.slot_of(node);
    slot.map_or_else(|| Outcome::Failed(Failure::default()), Outcome::Placed)
}

/// The plugins that rejected the pod on some node, or on all of them.
fn rejectors(attempt: &Attempt<'_>, rejected: &[(Text, Status)]) -> PluginMask {
    let mut mask: PluginMask = attempt.limiting.iter().copied().collect();
    let plugins = &attempt.profile.plugins;
    let mut last = "";
    let statuses = rejected.iter().map(|(_, status)| status);
    for status in attempt.refusal.iter().chain(statuses) {
        if status.plugin != last {
            last = status.plugin;
            if let Some(index) = plugins.iter().position(|plugin| plugin.name() == last) {
                mask.insert(index);
            }
        }
    }
    mask
}
