//! The master around the allocator: what becomes of agents, tasks and frameworks when contact is
//! lost, and when the master itself is (spec: orchestrators-b.md section 1.7; mesos
//! `src/master/master.cpp`, `docs/high-availability-framework-guide.md`).

use crate::parts::lease::Candidates;
use units::{Duration, Instant};

/// Time for which a session with `ZooKeeper` lasts without a beat (`zk_session_timeout`).
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that agents have to register again with a new master (`agent_reregister_timeout`).
pub const REREGISTER_TIMEOUT: Duration = Duration::from_secs(600);

/// The state of a task, as its framework is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Launched, not started.
    Staging,
    /// It runs.
    Running,
    /// The task's agent can't be reached; it may come back.
    Unreachable,
    /// It is lost; for frameworks that know of partitions it may come back.
    Lost,
    /// It was killed.
    Killed,
}

/// Declared traits of a framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameworkTraits {
    /// `true` if the framework knows of partitions.
    pub is_partition_aware: bool,
    /// `true` if the framework's tasks outlive a restart of their agent.
    pub is_checkpointing: bool,
    /// Time for which the framework's tasks outlive its absence.
    pub failover_timeout: Duration,
}

/// State of a task after the connection to its agent breaks: unchanged, unless its framework does
/// not checkpoint.
pub fn on_agent_disconnect(framework: &FrameworkTraits, state: TaskState) -> TaskState {
    if framework.is_checkpointing {
        state
    } else {
        TaskState::Lost
    }
}

/// State of a task after its agent is marked unreachable. The task keeps running.
pub fn on_agent_unreachable(framework: &FrameworkTraits) -> TaskState {
    if framework.is_partition_aware {
        TaskState::Unreachable
    } else {
        TaskState::Lost
    }
}

/// Reason an agent was given up before it came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It did not answer pings.
    MissedPings,
    /// It did not register with a new master in time.
    MasterFailover,
}

/// State of a task after its agent re-registers: it keeps running, or is killed if it was reported
/// lost to its framework.
pub fn on_agent_return(framework: &FrameworkTraits, removal: Removal) -> TaskState {
    if framework.is_partition_aware || removal == Removal::MasterFailover {
        TaskState::Running
    } else {
        TaskState::Killed
    }
}

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
