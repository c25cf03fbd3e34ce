//! A runtime whose containers are no processes: they start at once and end when they are told to.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use units::SortedMap;

use crate::runtime::clock::wall_ns;
use crate::runtime::{
    AttemptId, Change, Counters, Ending, Happening, Listed, LogPart, LogPosition, Order, Outcome,
    Phase, Runtime, StartError, Started, Usage,
};

/// The runtime.
#[derive(Default)]
pub(crate) struct Idle {
    attempts: SortedMap<AttemptId, Option<Ending>>,
    happenings: VecDeque<Happening>,
}

impl Runtime for Idle {
    fn start(&mut self, order: &Order) -> Result<Started, StartError> {
        let attempt = &order.attempt;
        if self.attempts.contains_key(attempt) {
            return Ok(Started::Before);
        }
        self.attempts.insert(attempt.clone(), None);
        self.happenings.push_back(Happening {
            attempt: attempt.clone(),
            change: Change::Running {
                started_ns: wall_ns(),
                is_adopted: false,
            },
        });
        Ok(Started::Now)
    }

    fn stop(&mut self, attempt: &AttemptId, _grace: Duration, _reason: &str) {
        let Some(known) = self.attempts.get_mut(attempt) else {
            return;
        };
        if known.is_some() {
            return;
        }
        let ending = Ending {
            outcome: Outcome::Signal(15),
            ended_ns: Some(wall_ns()),
            counters: Counters::default(),
            stop: None,
        };
        *known = Some(ending.clone());
        self.happenings.push_back(Happening {
            attempt: attempt.clone(),
            change: Change::Ended(ending),
        });
    }

    fn poll(&mut self, timeout: Duration) -> Vec<Happening> {
        if self.happenings.is_empty() {
            std::thread::park_timeout(timeout);
        }
        self.happenings.drain(..).collect()
    }

    fn list(&self) -> Vec<Listed> {
        let listed = |(attempt, ending): (&AttemptId, &Option<Ending>)| Listed {
            attempt: attempt.clone(),
            phase: ending.as_ref().map_or(Phase::Running, |_| Phase::Ended),
            workload: None,
            shim: None,
            ending: ending.clone(),
        };
        self.attempts.iter().map(listed).collect()
    }

    fn acknowledge(&mut self, attempt: &AttemptId) {
        self.attempts.remove(attempt);
    }

    fn log(
        &self,
        _attempt: &AttemptId,
        _from: Option<&LogPosition>,
        _most_bytes: usize,
    ) -> io::Result<LogPart> {
        Ok(LogPart {
            records: Vec::new(),
            next: None,
            is_gap: false,
        })
    }

    fn usage(&self, attempt: &AttemptId) -> Option<Usage> {
        self.attempts.get(attempt).map(|_| Usage {
            cpu_ns: 0,
            memory_bytes: 1 << 20,
            process_count: 1,
            refused_processes: 0,
        })
    }
}
