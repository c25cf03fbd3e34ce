//! The agents of a load: each is a daemon with all its connections, over containers that are no
//! processes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::LoadError;
use super::idle::Idle;
use crate::client::{Client, Line};
use crate::daemon::Daemon;
use crate::node::NodeCore;
use crate::runtime::clock::boot_ns;
use crate::runtime::host::labels;
use crate::security::credentials::Credentials;
use crate::security::identity::{Identity, Role};
use crate::security::{SecurityError, certs, tls};
use crate::wire::declaration::Declaration;
use crate::wire::{NodeAnswer, Registration};

/// Seconds between two heartbeats of an agent.
pub(super) const HEARTBEAT_S: f64 = 10.0;

/// Time between two heartbeats of the probe.
const PROBE: Duration = Duration::from_millis(50);

/// Bytes of a thread's stack: a daemon needs little of it.
const STACK: usize = 512 << 10;

/// Agents that run until this is dropped.
pub(super) struct Agents {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Agents {
    pub(super) fn joined(
        admin: &Client,
        state: &Path,
        folder: &Path,
        count: u32,
    ) -> Result<Self, LoadError> {
        let mut agents = Self {
            is_over: Arc::default(),
            threads: Vec::new(),
        };
        for number in 0..count {
            let name = format!("node-{number:05}");
            let folder = folder.join(&name);
            let credentials = credentials(state, &name, &folder)?;
            let cluster = credentials.cluster();
            let client = Client::secured(admin.address(), tls::client(&credentials)?);
            let registration = registration(&name, "110");
            let is_over = Arc::clone(&agents.is_over);
            let work = move || {
                let daemon = Daemon::new(registration, &cluster, &folder, Idle::default(), client);
                // A server that is busy is asked again; what is refused shows in what is missing.
                let _ = daemon.run(&|| is_over.load(Ordering::Relaxed), &|_| {});
            };
            let thread = std::thread::Builder::new().stack_size(STACK).name(name);
            let thread = thread.spawn(work).map_err(|source| LoadError::System {
                what: "a thread of an agent".to_owned(),
                source,
            })?;
            agents.threads.push(thread);
        }
        Ok(agents)
    }
}

/// An agent without pods whose heartbeats are timed.
pub(super) struct Probe {
    line: Line,
    core: NodeCore,
}

impl Probe {
    pub(super) fn joined(admin: &Client, state: &Path, folder: &Path) -> Result<Self, LoadError> {
        let name = "probe";
        let folder = folder.join(name);
        let credentials = credentials(state, name, &folder)?;
        let client = Client::secured(admin.address(), tls::client(&credentials)?);
        Ok(Self {
            line: Line::prompt(client),
            core: NodeCore::new(registration(name, "0"), 0),
        })
    }

    /// Sends heartbeats for a time; returns how long each took, in nanoseconds.
    pub(super) fn beat_for(&mut self, time: Duration) -> Result<Vec<i64>, LoadError> {
        let mut samples = Vec::new();
        let end = boot_ns() + i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        while boot_ns() < end {
            let begun = boot_ns();
            let answer: NodeAnswer = match (self.core.registration(), self.core.update(true)) {
                (Some(message), _) => self.line.post("/v1/nodes/probe/register", message)?,
                (None, Some(message)) => {
                    let answer = self.line.post("/v1/nodes/probe/reports", &message)?;
                    samples.push(boot_ns() - begun);
                    answer
                }
                (None, None) => break,
            };
            // It has no pods, so there is nothing to obey.
            drop(
                self.core
                    .answered(units::Instant::from_nanos(begun), answer),
            );
            std::thread::park_timeout(PROBE);
        }
        Ok(samples)
    }
}

fn credentials(state: &Path, name: &str, folder: &Path) -> Result<Credentials, SecurityError> {
    let identity = Identity {
        role: Role::Agent,
        name: name.to_owned(),
    };
    certs::party(state, folder, &identity, certs::LIFE_DAYS)?;
    Credentials::read(folder, certs::AGENT)
}

fn registration(name: &str, pods: &str) -> Registration {
    Registration {
        node: name.to_owned(),
        machine: format!("machine-{name}"),
        process: format!("{name}-1"),
        declaration: Declaration::of(&[("cpu", "64"), ("memory", "256Gi"), ("pods", pods)])
            .labelled(labels(name)),
        address: None,
        term: None,
        pressures: Vec::new(),
    }
}
