//! Goals kept while nodes go, or come. Each change is tried against the losses that were fatal before, the last
//! of them first, which refuses most of what can't be; all losses are tried from time to time, and
//! whatever was done since the last time that all were borne can be taken back.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::bench::Bench;
use super::demand::Demand;
use super::goal::Goal;
use super::loss::{Domain, Loss, Survive, Unplaced, lose};
use model::Text;
use scheduler::kube::KubeProfile;
use units::SortedSet;

/// Losses that each change is tried against at once, at most.
const MOST_REMEMBERED: usize = 16;

/// Work of a search, as an onlooker sees it, who may end the search.
#[derive(Debug, Default)]
pub struct Work {
    /// Decisions of the scheduler so far.
    taken: AtomicU64,
    /// Number of nodes of the best answer so far; 0 before there is one.
    best: AtomicU64,
    /// Cost of the best answer so far.
    cost: AtomicI64,
    /// Flag that ends a search, such as that of Ctrl-C.
    stop: Option<Arc<AtomicBool>>,
}

impl Work {
    /// Work that ends once a flag is set.
    pub fn until(stop: Arc<AtomicBool>) -> Self {
        Self {
            stop: Some(stop),
            ..Self::default()
        }
    }

    /// Decisions of the scheduler so far.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Number of nodes of the best answer so far; 0 before there is one.
    pub fn best(&self) -> u64 {
        self.best.load(Ordering::Relaxed)
    }

    /// Whether the onlooker ended the search.
    pub fn is_stopped(&self) -> bool {
        self.stop
            .as_ref()
            .is_some_and(|own| own.load(Ordering::Relaxed))
    }

    /// Counts decisions of the scheduler.
    pub(super) fn count(&self, decisions: u64) {
        self.taken.fetch_add(decisions, Ordering::Relaxed);
    }

    /// Notes an answer of a number of nodes, if it costs less than those before.
    pub(super) fn note_best(&self, nodes: u64, cost: i64) {
        let known = self.cost.load(Ordering::Relaxed);
        if self.best() == 0 || cost < known {
            self.cost.store(cost, Ordering::Relaxed);
            self.best.store(nodes, Ordering::Relaxed);
        }
    }
}

/// A fatal loss with the place of its sort.
pub(super) type Fatal = (usize, Domain);

/// A goal that is watched while nodes go.
pub(super) struct Watch<'w> {
    pub(super) demand: &'w Demand,
    pub(super) goal: &'w Goal,
    /// Profiles that decide where pods of lost nodes go.
    profiles: &'w [KubeProfile],
    work: &'w Work,
    /// Decisions that may be taken.
    steps: u64,
    pub(super) taken: u64,
    /// Losses that were fatal, the last first.
    pub(super) fatal: Vec<Fatal>,
    /// Whether a share or room was short once.
    was_short: bool,
}

impl<'w> Watch<'w> {
    pub(super) fn new(
        demand: &'w Demand,
        goal: &'w Goal,
        profiles: &'w [KubeProfile],
        work: &'w Work,
        steps: u64,
    ) -> Self {
        Self {
            demand,
            goal,
            profiles,
            work,
            steps,
            taken: 0,
            fatal: Vec::new(),
            was_short: false,
        }
    }

    /// Counts decisions of the scheduler.
    pub(super) fn count(&mut self, decisions: u64) {
        self.taken += decisions;
        self.work.count(decisions);
    }

    /// Notes that the nodes of a cluster are enough.
    pub(super) fn note_best(&self, bench: &Bench<'_>) {
        let nodes = bench.cache().node_count();
        self.work.note_best(nodes as u64, nodes as i64);
    }

    /// The node whose loss was fatal last.
    pub(super) fn hardest(&self) -> Option<&Text> {
        let (_, domain) = self.fatal.first()?;
        domain.nodes.first().filter(|_| domain.nodes.len() == 1)
    }

    /// Whether the search has to end: after all its steps, or at the onlooker's wish.
    pub(super) fn is_over(&self) -> bool {
        self.taken > self.steps || self.is_stopped()
    }

    /// Whether the onlooker ended the search.
    pub(super) fn is_stopped(&self) -> bool {
        self.work.is_stopped()
    }

    /// Whether the goal is missed after one of the losses that were fatal before.
    pub(super) fn breach(&mut self, bench: &mut Bench<'w>) -> Option<Unplaced> {
        if self.was_short
            && let Some(short) = self.goal.short(bench, self.demand)
        {
            return Some(short);
        }
        for place in 0..self.fatal.len() {
            let (sort, domain) = self.fatal[place].clone();
            if let Some(loss) = self.fatal_loss(bench, sort, &domain) {
                self.fatal[..=place].rotate_right(1);
                return missed(loss);
            }
        }
        None
    }

    /// Whether the goal is missed: after any loss, the one that was fatal last before the others.
    pub(super) fn missed(&mut self, bench: &mut Bench<'w>) -> Option<Unplaced> {
        if let Some(short) = self.goal.short(bench, self.demand) {
            self.was_short = true;
            return Some(short);
        }
        if let Some(missed) = self.breach(bench) {
            return Some(missed);
        }
        for (sort, survive) in self.goal.survive.iter().enumerate() {
            for domain in hardest_first(survive, bench) {
                if let Some(loss) = self.fatal_loss(bench, sort, &domain) {
                    self.fatal.insert(0, (sort, domain));
                    self.fatal.truncate(MOST_REMEMBERED);
                    return missed(loss);
                }
            }
        }
        None
    }

    /// The fatal losses, each with its nodes; once there is one, of no more losses than take about as many
    /// decisions as there are pods.
    pub(super) fn fatal_losses(&mut self, bench: &mut Bench<'w>) -> Vec<(Vec<Text>, Loss)> {
        let most = self.taken + self.demand.pods.len() as u64;
        let mut fatal = Vec::new();
        for (sort, survive) in self.goal.survive.iter().enumerate() {
            for domain in hardest_first(survive, bench) {
                if self.taken > most && !fatal.is_empty() {
                    break;
                }
                let loss = self.fatal_loss(bench, sort, &domain);
                fatal.extend(loss.map(|own| (domain.nodes, own)));
            }
        }
        fatal
    }

    /// A loss, if it leaves pods waiting.
    fn fatal_loss(&mut self, bench: &mut Bench<'w>, sort: usize, domain: &Domain) -> Option<Loss> {
        let nodes = domain.nodes.iter();
        let there = Domain {
            name: domain.name.clone(),
            nodes: nodes
                .filter(|name| bench.cache().node(name).is_some())
                .cloned()
                .collect(),
        };
        let whole = matches!(self.goal.survive[sort], Survive::Node(_));
        if there.nodes.is_empty() || whole && there.nodes.len() < domain.nodes.len() {
            return None;
        }
        let none = SortedSet::new();
        let aside = self.goal.aside.get(sort).unwrap_or(&none);
        let own = bench.decide_by(self.profiles);
        let loss = lose(bench, self.demand, &there, aside);
        bench.decide_by(own);
        self.count(loss.requeued);
        (loss.waiting > 0).then_some(loss)
    }
}

/// The first pod that a loss leaves waiting.
fn missed(loss: Loss) -> Option<Unplaced> {
    Some(loss.first?.after(&loss.domain))
}

/// Losses of a sort, those of most pods first: they are hardest to bear.
fn hardest_first(survive: &Survive, bench: &Bench<'_>) -> Vec<Domain> {
    let mut domains = survive.domains(bench);
    domains.sort_by_cached_key(|own| {
        let nodes = own.nodes.iter().filter_map(|name| bench.cache().node(name));
        Reverse(nodes.map(|node| node.pods.len()).sum::<usize>())
    });
    domains
}
