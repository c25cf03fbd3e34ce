//! The beginning of a round: the jobs that have their turn keep their devices or are granted some, and the
//! others are taken off.

use cluster::Store;
use control::Outbox;
use model::{EndReason, Event, EvictionCause, Pod, PodChange};
use units::{Instant, NodeId, SortedMap, SortedSet};

use super::job_turns::{JobTurn, by_priority, fastest_first};
use super::jobs::Form;
use super::plan::{Claim, Place, Plan};
use super::{Reservation, SharingPlanner};
use crate::batch::room::admits;

/// Jobs that run on after the beginning of a round.
struct RetainedJobs {
    /// Jobs that keep their devices.
    keeps: SortedSet<u64>,
    /// Jobs that move to others.
    moved: SortedSet<u64>,
}

/// Places that a job is granted for a turn.
struct Grant {
    turn: JobTurn,
    places: Vec<Place>,
}

impl SharingPlanner {
    /// Turns of a round in order: a job has the first of its own for which there is room.
    fn turns(&self, now: Instant, order: &[u64], store: &Store) -> Vec<JobTurn> {
        let Some(columns) = &self.columns else {
            return order.iter().copied().map(JobTurn::anywhere).collect();
        };
        let jobs = self.jobs.unlike(now);
        let shares = self.rule.shares(&jobs, &columns.devices(store), now);
        let turns = shares.map(|shares| by_priority(&jobs, &shares, self.round));
        let turn = |number, column| JobTurn {
            number,
            column: Some(column),
        };
        let mut turns: Vec<JobTurn> = turns
            .unwrap_or_default()
            .into_iter()
            .map(|(number, column)| turn(number, column))
            .collect();
        // What is left goes to jobs by the order alone; none that runs moves for it.
        for &number in order {
            match (self.jobs.column(number), self.jobs.speeds(number)) {
                (Some(column), _) => turns.push(turn(number, column)),
                (None, Some(speeds)) => {
                    let fastest = fastest_first(&speeds);
                    turns.extend(fastest.into_iter().map(|column| turn(number, column)));
                }
                (None, None) => turns.push(JobTurn::anywhere(number)),
            }
        }
        turns
    }

    /// The claim of a job for a turn: where it runs, or elsewhere for a turn on another model.
    fn claim(&self, turn: JobTurn, store: &Store) -> Option<Claim> {
        let mut claim = self.jobs.claim(turn.number, store)?;
        if turn.column.is_some() && turn.column != self.jobs.column(turn.number) {
            claim.places = None;
        }
        Some(claim)
    }

    pub(super) fn is_on(&self, node: NodeId, column: Option<usize>) -> bool {
        let of_node = self.columns.as_ref().and_then(|columns| columns.of(node));
        column.is_none() || of_node == column
    }

    /// Preempts the jobs whose time slice is over: those that run where a job before them in
    /// the order finds its place, and those scheduled on another model.
    pub(super) fn suspend(&mut self, now: Instant, order: &[u64], store: &Store, out: &mut Outbox) {
        let mut plan = Plan::of(store, self.jobs.running(store).values());
        if self.grows {
            self.mark_spare(&mut plan, store);
        }
        self.granted.clear();
        let turns = self.turns(now, order, store);
        let mut keeps = self.offer(&mut plan, &turns, store);
        let mut moved = SortedSet::new();
        if self.gathers {
            moved = self.gather(&mut plan, order, &mut keeps, store);
        }
        if self.packs {
            self.pack(&mut plan, order, &mut keeps, store);
        }
        if self.grows {
            self.shrink(&mut plan, order, &mut keeps, store);
            self.grow(now, &mut plan, order, &mut keeps, store);
        }
        let stay = RetainedJobs { keeps, moved };
        self.take_off(now, order, &stay, store, out);
    }

    /// Offers turns in order: a job keeps its devices or is granted others. Returns the jobs that keep
    /// theirs.
    // The plan starts as if nothing ran, and every running job is a holder until its turn comes: a job may
    // take what a holder has, but only if that makes it fit as a whole. Example: a node with four devices,
    // of which `a` has 0 and 1, `b` 2 and 3, while `c` waits for three.
    //
    //     order c, a, b: c takes the devices of the last holder, b, and one of a's. At their turns, a finds
    //         one of its devices gone and one left, b none: both are taken off, though a device stays idle.
    //     order a, c, b: a keeps 0 and 1 and is a holder no more. c would need a third device even if b gave
    //         way, so `grant` fails and puts b back among the holders: b keeps 2 and 3 at its turn.
    //
    // Had c evicted b at once, the second order would have stopped b for nothing.
    fn offer(&mut self, plan: &mut Plan, turns: &[JobTurn], store: &Store) -> SortedSet<u64> {
        let ranks = self.hold(plan, turns, store);
        let mut settled = SortedSet::new();
        let mut keeps = SortedSet::new();
        let mut grants = Vec::new();
        let mut any_again = false;
        for &turn in turns {
            if settled.contains(&turn.number) {
                continue;
            }
            let Some(claim) = self.claim(turn, store) else {
                continue;
            };
            let runs_here = claim.places.is_some();
            let rank = ranks.get(&turn.number).copied();
            if let Some(rank) = rank.filter(|_| runs_here) {
                plan.holders.remove(rank);
            }
            // A job without devices is never taken off, and waits for other room alone.
            if claim.need.devices == 0 || (runs_here && self.keeps(plan, turn, &claim)) {
                settled.insert(turn.number);
                if runs_here {
                    keeps.insert(turn.number);
                }
                continue;
            }
            let Some(claim) = self.jobs.anew(turn.number, store) else {
                continue;
            };
            let places = plan.grant(&claim, |node| {
                self.is_on(node, turn.column) && self.admits(store, turn.number, node)
            });
            if let Some(places) = places {
                settled.insert(turn.number);
                if let Some(rank) = rank {
                    plan.holders.remove(rank);
                }
                any_again |= runs_here;
                grants.push(Grant { turn, places });
            }
        }
        // A job that was taken off would wait behind others for what it was granted.
        for Grant { turn, places } in grants {
            if any_again || self.promises(turn) {
                self.promise(turn.number, &places, Form::Whole);
            }
        }
        keeps
    }

    /// Whether a job keeps its places, for a turn on their model.
    fn keeps(&self, plan: &mut Plan, turn: JobTurn, claim: &Claim) -> bool {
        let found = plan.grant(claim, |node| self.is_on(node, turn.column));
        found.is_some()
    }

    /// Notes the jobs that run as those that may give way: with their first turn where they run. Returns
    /// their places in the order, by job.
    fn hold(&self, plan: &mut Plan, turns: &[JobTurn], store: &Store) -> SortedMap<u64, u32> {
        let mut ranks = SortedMap::new();
        for (rank, turn) in (0_u32..).zip(turns) {
            if ranks.contains_key(&turn.number) {
                continue;
            }
            let claim = self.claim(*turn, store);
            let own = claim.filter(|own| own.places.is_some() && own.need.devices > 0);
            if let Some(claim) = own {
                plan.holders.insert(rank, claim);
                ranks.insert(turn.number, rank);
            }
        }
        ranks
    }

    /// Whether a job is granted certain places for a turn.
    const fn promises(&self, turn: JobTurn) -> bool {
        turn.column.is_some() || self.gathers || self.packs || self.grows
    }

    /// Takes jobs off their devices that do not keep them; of those that move, the destination is noted.
    fn take_off(
        &mut self,
        now: Instant,
        order: &[u64],
        stay: &RetainedJobs,
        store: &Store,
        out: &mut Outbox,
    ) {
        for &number in order.iter().filter(|number| !stay.keeps.contains(number)) {
            let places = self
                .granted
                .get(&number)
                .filter(|_| stay.moved.contains(&number));
            let mut to = places.into_iter().flat_map(|place| &place.places);
            for pod in self.jobs.suspend(now, number) {
                let from = store.pods().get(pod).and_then(Pod::node);
                if let Some(Place { node: to, .. }) = to.next().filter(|own| from != Some(own.node))
                {
                    let change = PodChange::Moving { to: *to };
                    out.write(store, Event::PodChanged { pod, change });
                }
                let reason = EndReason::Evicted(EvictionCause::Preemption);
                out.write(store, Event::PodEnded { pod, reason });
            }
        }
    }

    pub(super) fn admits(&self, store: &Store, number: u64, node: NodeId) -> bool {
        let class = self.jobs.class(number);
        class.is_some_and(|class| admits(store, store.class(class), node))
    }

    /// Grants a job these places, after those that were granted before.
    pub(super) fn promise(&mut self, number: u64, places: &[Place], form: Form) {
        let promise = Reservation {
            rank: self.granted.len(),
            places: places.to_vec(),
            form,
        };
        self.granted.insert(number, promise);
    }
}
