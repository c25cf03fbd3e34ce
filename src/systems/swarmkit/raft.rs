//! The managers' agreement: quorum, elections, and which members may be removed
//! (spec: orchestrators-a.md section 2.8; swarmkit `manager/state/raft/raft.go`).

use crate::parts::quorum::quorum;
use rng::Stream;
use units::{Duration, Instant};

/// A tick.
pub const TICK: Duration = Duration::from_secs(1);
/// Ticks without a leader's heartbeat from which an election may start; each draws one from here to
/// twice as many.
pub const ELECTION_TICKS: u64 = 10;

/// Error of the removal of a member on which the quorum depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "removing this manager would leave {reachable} reachable managers, but {needed} are \
    required"
)]
pub struct QuorumLoss {
    /// Number of members that would be left to be reached.
    pub reachable: usize,
    /// Number of members needed.
    pub needed: usize,
}

/// The managers, by position.
#[derive(Clone, Debug)]
pub struct Managers {
    is_reachable: Vec<bool>,
    leader: Option<usize>,
    election: Option<Instant>,
    term: u64,
    rng: Stream,
}

impl Managers {
    /// Managers, all reachable; the first one leads.
    pub fn new(members: usize, seed: u64) -> Self {
        Self {
            is_reachable: vec![true; members],
            leader: (members > 0).then_some(0),
            election: None,
            term: 1,
            rng: Stream::new(seed, "swarmkit.election", 0),
        }
    }

    /// Number of members that have to agree.
    pub fn quorum(&self) -> usize {
        quorum(self.is_reachable.len())
    }

    /// Number of members that can be reached.
    pub fn reachable(&self) -> usize {
        self.is_reachable.iter().filter(|&&up| up).count()
    }

    /// Whether anything is accepted: there is a leader and a majority follows it. Otherwise tasks
    /// run on, and nothing is placed, replaced or updated.
    pub fn accepts(&self) -> bool {
        self.leader.is_some() && self.reachable() >= self.quorum()
    }

    /// The leader.
    pub fn leader(&self) -> Option<usize> {
        self.leader
    }

    /// The number of elections so far, and one.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// A manager is lost or returns. When an election ends, if one is needed and can be won.
    pub fn set_reachable(
        &mut self,
        now: Instant,
        manager: usize,
        is_reachable: bool,
    ) -> Option<Instant> {
        if let Some(state) = self.is_reachable.get_mut(manager) {
            *state = is_reachable;
        }
        if self.reachable() < self.quorum() {
            self.leader = None;
            self.election = None;
            return None;
        }
        let has_leader = self.leader.is_some_and(|leader| self.is_reachable[leader]);
        if has_leader {
            return None;
        }
        self.leader = None;
        if self.election.is_none() {
            let ticks = ELECTION_TICKS + self.rng.below(ELECTION_TICKS);
            let wait = TICK.checked_mul(ticks as i64).unwrap_or(Duration::MAX);
            self.election = Some(now.saturating_add(wait));
        }
        self.election
    }

    /// An election is due: the first reachable manager leads. Whether it does.
    pub fn elect(&mut self, now: Instant) -> bool {
        let is_due = self.election.is_some_and(|due| due <= now);
        if !is_due || self.reachable() < self.quorum() {
            return false;
        }
        self.election = None;
        self.leader = self.is_reachable.iter().position(|&up| up);
        self.term += 1;
        true
    }

    /// Removes a member.
    ///
    /// # Errors
    /// The reachable rest would be no majority of the rest.
    pub fn remove(&mut self, manager: usize) -> Result<(), QuorumLoss> {
        let was_reachable = self.is_reachable.get(manager).copied().unwrap_or(false);
        let reachable = self.reachable() - usize::from(was_reachable);
        let needed = quorum(self.is_reachable.len().saturating_sub(1));
        if reachable < needed {
            return Err(QuorumLoss { reachable, needed });
        }
        if manager < self.is_reachable.len() {
            self.is_reachable.remove(manager);
            self.leader = match self.leader {
                Some(leader) if leader > manager => Some(leader - 1),
                Some(leader) if leader == manager => self.is_reachable.iter().position(|&up| up),
                other => other,
            };
        }
        Ok(())
    }
}
