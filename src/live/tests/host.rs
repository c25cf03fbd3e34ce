//! A runtime in memory.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use units::SortedMap;

use crate::runtime::{
    AttemptId, Change, Counters, Ending, Happening, Listed, LogPart, LogPosition, Order, Outcome,
    Phase, Runtime, StartError, Started, Usage,
};

/// Containers of a host; they outlive their daemon.
#[derive(Clone, Default)]
pub(super) struct Host(Arc<Mutex<World>>);

#[derive(Default)]
pub(super) struct World {
    pub(super) attempts: SortedMap<AttemptId, Attempt>,
    /// How often each attempt was started.
    pub(super) starts: SortedMap<String, u32>,
    pub(super) pending: Vec<Happening>,
    cpu_ns: u64,
}

#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) command: Vec<String>,
    pub(super) ending: Option<Ending>,
}

fn ending(outcome: Outcome) -> Ending {
    Ending {
        outcome,
        ended_ns: None,
        counters: Counters::default(),
        stop: None,
    }
}

impl Host {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no panic")
    }

    /// An attempt ends by itself.
    pub(super) fn exit(&self, attempt: &AttemptId, code: i32) {
        self.end(attempt, Outcome::Code(code));
    }

    fn end(&self, attempt: &AttemptId, outcome: Outcome) {
        let mut world = self.world();
        let Some(known) = world.attempts.get_mut(attempt) else {
            return;
        };
        if known.ending.is_none() {
            let ending = ending(outcome);
            known.ending = Some(ending.clone());
            world.pending.push(Happening {
                attempt: attempt.clone(),
                change: Change::Ended(ending),
            });
        }
    }

    /// Attempts that run.
    pub(super) fn running(&self) -> Vec<AttemptId> {
        let world = self.world();
        let running = world
            .attempts
            .iter()
            .filter(|(_, own)| own.ending.is_none());
        running.map(|(id, _)| id.clone()).collect()
    }
}

impl Runtime for Host {
    fn start(&mut self, order: &Order) -> Result<Started, StartError> {
        let mut world = self.world();
        if world.attempts.contains_key(&order.attempt) {
            return Ok(Started::Before);
        }
        *world.starts.entry(order.attempt.to_string()).or_insert(0) += 1;
        let attempt = Attempt {
            command: order.command.clone(),
            ending: None,
        };
        world.attempts.insert(order.attempt.clone(), attempt);
        let change = Change::Running {
            started_ns: 0,
            is_adopted: false,
        };
        let attempt = order.attempt.clone();
        world.pending.push(Happening { attempt, change });
        Ok(Started::Now)
    }

    fn stop(&mut self, attempt: &AttemptId, _grace: Duration, _reason: &str) {
        self.end(attempt, Outcome::Signal(15));
    }

    fn poll(&mut self, timeout: Duration) -> Vec<Happening> {
        std::thread::park_timeout(timeout.min(Duration::from_millis(5)));
        let mut world = self.world();
        // A busy container: what it used grows with every look.
        world.cpu_ns += 1_000_000;
        std::mem::take(&mut world.pending)
    }

    fn list(&self) -> Vec<Listed> {
        let world = self.world();
        let listed = world.attempts.iter().map(|(attempt, own)| Listed {
            attempt: attempt.clone(),
            phase: match own.ending {
                Some(_) => Phase::Ended,
                None => Phase::Running,
            },
            workload: None,
            shim: None,
            ending: own.ending.clone(),
        });
        listed.collect()
    }

    fn acknowledge(&mut self, attempt: &AttemptId) {
        self.world().attempts.remove(attempt);
    }

    fn log(
        &self,
        attempt: &AttemptId,
        _from: Option<&LogPosition>,
        _most_bytes: usize,
    ) -> io::Result<LogPart> {
        let world = self.world();
        let own = world.attempts.get(attempt).ok_or(io::ErrorKind::NotFound)?;
        let records = format!("T stdout F ran {}\n", own.command.join(" "));
        Ok(LogPart {
            records: records.into_bytes(),
            next: None,
            is_gap: false,
        })
    }

    fn usage(&self, attempt: &AttemptId) -> Option<Usage> {
        let world = self.world();
        let own = world.attempts.get(attempt)?;
        own.ending.is_none().then_some(Usage {
            cpu_ns: world.cpu_ns,
            memory_bytes: 5 << 20,
            process_count: 1,
            refused_processes: 0,
        })
    }
}
