//! The master around the allocator: what becomes of agents, tasks and frameworks when contact is
//! lost, and when the master itself is (spec: orchestrators-b.md section 1.7; mesos
//! `src/master/master.cpp`, `docs/high-availability-framework-guide.md`).

use crate::parts::lease::Candidates;
use units::{Duration, Instant};

/// Time for which a session with `ZooKeeper` lasts without a beat (`zk_session_timeout`).
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that agents have to register again with a new master (`agent_reregister_timeout`).
pub const REREGISTER_TIMEOUT: Duration = Duration::from_secs(600);

/// The masters, by position: one leads while it holds a session, and agents and frameworks register
/// again with the next one.
#[derive(Clone, Debug)]
pub struct Masters {
    sessions: Candidates,
    leads_since: Option<(usize, Instant)>,
}

impl Masters {
    /// Masters, all up.
    pub fn new(count: usize) -> Self {
        Self {
            sessions: Candidates::new(count, SESSION_TIMEOUT),
            leads_since: None,
        }
    }

    /// A beat of all sessions: the leader renews, or the first one that is up takes over. When the
    /// next beat is due.
    pub fn beat(&mut self, now: Instant) -> Instant {
        let next = self.sessions.campaign(now);
        let leader = self.sessions.leader(now);
        let was = self.leads_since.map(|(leader, _)| leader);
        if let Some(leader) = leader.filter(|&leader| was != Some(leader)) {
            self.leads_since = Some((leader, now));
        }
        next
    }

    /// A master fails or returns.
    pub fn set_up(&mut self, master: usize, is_up: bool) {
        self.sessions.set_up(master, is_up);
    }

    /// The leading master: it is up, holds a session, and a majority of masters keeps the registry.
    pub fn leader(&self, now: Instant) -> Option<usize> {
        let leader = self.sessions.leader(now);
        leader.filter(|_| self.sessions.has_quorum())
    }

    /// The current or last leader.
    pub fn leader_or_last(&self) -> Option<usize> {
        self.leads_since.map(|(leader, _)| leader)
    }

    /// Instant until which agents may register again with the leader before they are given up.
    pub fn reregister_until(&self) -> Option<Instant> {
        let (_, since) = self.leads_since?;
        Some(since.saturating_add(REREGISTER_TIMEOUT))
    }
}
