//! Observation of agents by the master: pings, misses in a row, removals at a limited rate (spec:
//! orchestrators-b.md section 1.7; mesos `src/master/master.cpp`, `SlaveObserver`).

use std::collections::VecDeque;

use crate::parts::permit::{Permits, Rate, RateError};
use model::Text;
use units::{Duration, Instant};

/// Options for the observation of agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObserverOptions {
    /// Between two pings, and how long an answer is waited for (`agent_ping_timeout`).
    pub ping_period: Duration,
    /// Number of misses in a row after which an agent is unreachable (`max_agent_ping_timeouts`).
    pub max_missed: u32,
    /// Greatest rate at which agents are removed (`agent_removal_rate_limit`).
    pub removal_limit: Option<Rate>,
}

impl Default for ObserverOptions {
    fn default() -> Self {
        Self {
            ping_period: Duration::from_secs(15),
            max_missed: 5,
            removal_limit: None,
        }
    }
}

/// A rate of removals; `none` has no limit.
///
/// # Errors
/// It is no rate; the message begins with its field.
pub fn removal_limit(stated: &str) -> Result<Option<Rate>, String> {
    if stated == "none" {
        return Ok(None);
    }
    let rate = stated.parse().map(Some);
    rate.map_err(|why: RateError| format!("agentRemovalRateLimit: {why}, or `none` for no limit"))
}

/// Observes one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observer {
    options: ObserverOptions,
    has_answered: bool,
    missed: u32,
    /// Instant from which the agent is to be removed.
    due_since: Option<Instant>,
}

impl Observer {
    /// An agent registers, and is pinged at once.
    pub fn new(options: ObserverOptions) -> Self {
        Self {
            options,
            has_answered: false,
            missed: 0,
            due_since: None,
        }
    }

    /// The agent answers: misses begin anew. Whether a removal that waits is to be cancelled: an
    /// answer at the very instant at which the removal fell due comes too late.
    pub fn answered(&mut self, now: Instant) -> bool {
        self.has_answered = true;
        self.missed = 0;
        self.due_since.take_if(|due| now > *due).is_some()
    }

    /// The time for an answer is over; the next ping goes out. Whether the agent is to be removed.
    pub fn timed_out(&mut self, now: Instant) -> bool {
        if !std::mem::take(&mut self.has_answered) {
            self.missed += 1;
        }
        let is_due = self.missed >= self.options.max_missed && self.due_since.is_none();
        if is_due {
            self.due_since = Some(now);
        }
        is_due
    }

    /// Instant at which the time for an answer to a ping of now is over.
    pub fn deadline(&self, now: Instant) -> Instant {
        now.saturating_add(self.options.ping_period)
    }
}

/// Removals in the order in which they fell due.
#[derive(Clone, Debug)]
pub struct Removals {
    queue: VecDeque<Text>,
    permits: Permits,
}

impl Removals {
    /// No removals, at this rate.
    pub fn new(limit: Option<Rate>) -> Self {
        Self {
            queue: VecDeque::new(),
            permits: Permits::new(limit),
        }
    }

    /// An agent is to be removed.
    pub fn push(&mut self, agent: Text) {
        self.queue.push_back(agent);
    }

    /// An agent has answered; its removal is dropped and costs no permit.
    pub fn cancel(&mut self, agent: &str) {
        self.queue.retain(|waiting| &**waiting != agent);
    }

    /// The agents that are removed now.
    pub fn take(&mut self, now: Instant) -> Vec<Text> {
        let mut removed = Vec::new();
        while !self.queue.is_empty() && self.permits.take(now) {
            removed.extend(self.queue.pop_front());
        }
        removed
    }

    /// Instant at which the next agent is removed, if one waits.
    pub fn wakes(&self, now: Instant) -> Option<Instant> {
        (!self.queue.is_empty()).then(|| self.permits.free_at(now))
    }
}
