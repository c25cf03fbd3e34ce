//! The load that a control server bears: agents with all their messages over TLS, and pods on them that
//! are no processes. The server is a program of its own, so that what it uses can be told from what the
//! agents use.

mod agents;
pub(crate) mod idle;
pub mod side;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use units::plural;

use crate::access::location;
use crate::client::{Client, ClientError};
use crate::driver::view::PodRow;
use crate::runtime::clock::boot_ns;
use crate::runtime::procfs;
use crate::security::certs::USER;
use crate::security::credentials::Credentials;
use crate::security::{SecurityError, tls};
use crate::wire::request::{Outcome, Request};
use agents::{Agents, Probe};

/// Pods of one workload at most.
const WORKLOAD_PODS: u32 = 1000;

/// Clock ticks of a second in `/proc`.
const TICKS: f64 = 100.0;

/// Workload of which one more pod is asked for, to see how long a decision takes.
const PROBED: &str = "Deployment/default/probed";

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    /// Number of agents.
    pub agents: u32,
    /// Number of pods.
    pub pods: u32,
    /// Number of decisions that are measured.
    pub decisions: u32,
    /// Time for which nothing but heartbeats passes.
    pub quiet: Duration,
    /// Longest time for all pods to be ready.
    pub patience: Duration,
}

/// Measurements of a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Number of agents.
    pub agents: u32,
    /// Number of pods.
    pub pods: u32,
    /// Seconds that the whole load lasted.
    pub lasted_s: f64,
    /// Seconds until all agents had registered.
    pub joining_s: f64,
    /// Seconds from the first request until all pods were ready.
    pub ready_s: f64,
    /// Processor time of the server until then, in seconds.
    pub ready_cpu_s: f64,
    /// Milliseconds from a request for one more pod to its answer, by which it is decided and durable.
    pub decision_ms: Spread,
    /// Milliseconds from a heartbeat to its answer.
    pub heartbeat_ms: Spread,
    /// Processor time of the server for a heartbeat of the quiet time, all else included, in
    /// milliseconds.
    pub heartbeat_cpu_ms: f64,
    /// Processors that the server used in the quiet time, in percent of one.
    pub quiet_cpu_percent: f64,
    /// Greatest memory of the server, in MiB.
    pub memory_mib: f64,
    /// Length of the log, in bytes.
    pub log_bytes: usize,
    /// Length of the log for each pod, in bytes.
    pub log_bytes_a_pod: f64,
    /// Length of the quiet time, in seconds.
    pub quiet_s: f64,
    /// Growth of the log in the quiet time, in bytes.
    pub quiet_log_bytes: usize,
    /// Length of the file of the journal, in bytes.
    pub file_bytes: u64,
}

/// A load that was borne.
#[derive(Clone, Debug, PartialEq)]
pub struct Borne {
    /// Measurements of the load.
    pub measured: Measured,
    /// The log of the control server.
    pub log: Vec<u8>,
}

/// Times of several samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Median.
    pub p50: f64,
    /// Time that one in a hundred exceeds.
    pub p99: f64,
    /// Number of samples.
    pub samples: usize,
}

/// Reason a load could not be put on.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The server is not reached, or refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The credentials of the server's user can't be read.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// A file can't be read or a thread can't be started.
    #[error("{what}: {source}")]
    System {
        /// Attempt that failed.
        what: String,
        /// Reason.
        source: std::io::Error,
    },
    /// Something took too long.
    #[error("not within {limit_s} s: {what}")]
    Late {
        /// Event that was waited for.
        what: &'static str,
        /// The limit, in seconds.
        limit_s: u64,
    },
    /// The server refused a request.
    #[error("the server refused: {0}")]
    Refused(String),
}

/// The server that bears a load.
pub struct Bearer {
    /// Identifier of the bearer's process.
    pub pid: u32,
    /// Folder of its state.
    pub state: PathBuf,
}

impl Spread {
    /// The spread of times in nanoseconds.
    fn of(mut samples: Vec<i64>) -> Self {
        samples.sort_unstable();
        let at = |percent: usize| {
            let place = (samples.len() * percent).div_ceil(100).saturating_sub(1);
            samples.get(place).map_or(0.0, |&nanos| millis(nanos))
        };
        Self {
            p50: at(50),
            p99: at(99),
            samples: samples.len(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "times of a test are short")]
fn millis(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

fn seconds_since(begun_ns: i64) -> f64 {
    millis(boot_ns() - begun_ns) / 1e3
}

impl Bearer {
    fn client(&self) -> Result<Client, LoadError> {
        let place = location(&self.state).map_err(|source| LoadError::System {
            what: self.state.display().to_string(),
            source,
        })?;
        let credentials = Credentials::read(&self.state, USER)?;
        Ok(Client::secured(place, tls::client(&credentials)?))
    }

    /// Processor time so far, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "times of a test are short")]
    fn cpu_s(&self) -> f64 {
        procfs::stat(self.pid).map_or(0.0, |stat| stat.cpu_ticks as f64 / TICKS)
    }

    /// Greatest memory so far, in MiB.
    fn memory_mib(&self) -> f64 {
        let path = PathBuf::from(format!("/proc/{}/status", self.pid));
        let status = crate::security::read_text(&path).unwrap_or_default();
        let mut lines = status.lines();
        let peak = lines.find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1024.0
    }

    fn file_bytes(&self) -> u64 {
        let file = self.state.join("control.redb");
        std::fs::metadata(file).map_or(0, |metadata| metadata.len())
    }
}

impl Load {
    /// Puts the load on a server. The agents keep their files in `folder`, and `tells` gets what is
    /// being done.
    ///
    /// # Errors
    /// The server is not reached, refuses, or takes too long.
    pub fn put_on(
        &self,
        bearer: &Bearer,
        folder: &Path,
        tells: &dyn Fn(&str),
    ) -> Result<Borne, LoadError> {
        let client = bearer.client()?;
        let begun = boot_ns();
        let first = begun;
        tells(&format!("{} to join", plural::count(self.agents, "agent")));
        let agents = Agents::joined(&client, &bearer.state, folder, self.agents)?;
        self.wait("all agents registered", || {
            let nodes: Vec<serde_json::Value> = client.get("/v1/nodes")?;
            Ok(nodes.len() >= self.agents as usize)
        })?;
        let joining_s = seconds_since(begun);
        tells(&format!("asks for {}", plural::count(self.pods, "pod")));
        let (begun, cpu) = (boot_ns(), bearer.cpu_s());
        let mut left = self.pods;
        while left > 0 {
            let pods = left.min(WORKLOAD_PODS);
            left -= pods;
            ask(&client, &apply(&format!("load-{left}"), pods))?;
        }
        ask(&client, &apply("probed", 0))?;
        self.wait("all pods ready", || {
            let pods: Vec<PodRow> = client.get("/v1/pods")?;
            let ready = pods.iter().filter(|pod| pod.ready).count();
            Ok(ready >= self.pods as usize)
        })?;
        let (ready_s, ready_cpu_s) = (seconds_since(begun), bearer.cpu_s() - cpu);
        let log_bytes = client.fetch("/v1/log")?.len();
        tells("decisions are measured");
        let decision_ms = self.decisions(&client)?;
        tells("heartbeats alone");
        let quiet_log = client.fetch("/v1/log")?.len();
        let (begun, cpu) = (boot_ns(), bearer.cpu_s());
        let mut probe = Probe::joined(&client, &bearer.state, folder)?;
        let heartbeats = probe.beat_for(self.quiet)?;
        let passed_s = seconds_since(begun);
        let cpu_s = bearer.cpu_s() - cpu;
        let beats = f64::from(self.agents) * passed_s / agents::HEARTBEAT_S;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand samples")]
        let beats = beats + heartbeats.len() as f64;
        let log = client.fetch("/v1/log")?;
        let lasted_s = seconds_since(first);
        drop(agents);
        #[expect(clippy::cast_precision_loss, reason = "lengths below 2^52")]
        let log_bytes_a_pod = log_bytes as f64 / f64::from(self.pods.max(1));
        let measured = Measured {
            agents: self.agents,
            pods: self.pods,
            lasted_s,
            joining_s,
            ready_s,
            ready_cpu_s,
            decision_ms,
            heartbeat_ms: Spread::of(heartbeats),
            heartbeat_cpu_ms: cpu_s * 1e3 / beats.max(1.0),
            quiet_cpu_percent: cpu_s * 100.0 / passed_s.max(1e-3),
            memory_mib: bearer.memory_mib(),
            log_bytes,
            log_bytes_a_pod,
            quiet_s: passed_s,
            quiet_log_bytes: log.len().saturating_sub(quiet_log),
            file_bytes: bearer.file_bytes(),
        };
        Ok(Borne { measured, log })
    }

    /// Asks for one more pod, again and again.
    fn decisions(&self, client: &Client) -> Result<Spread, LoadError> {
        let mut samples = Vec::new();
        for replicas in 1..=self.decisions {
            let object = PROBED.to_owned();
            let replicas = i32::try_from(replicas).unwrap_or(i32::MAX);
            samples.push(ask(client, &Request::Scale { object, replicas })?);
        }
        Ok(Spread::of(samples))
    }

    fn wait(
        &self,
        what: &'static str,
        mut holds: impl FnMut() -> Result<bool, LoadError>,
    ) -> Result<(), LoadError> {
        let begun = boot_ns();
        let limit_s = self.patience.as_secs();
        while !holds()? {
            if seconds_since(begun) > self.patience.as_secs_f64() {
                return Err(LoadError::Late { what, limit_s });
            }
            std::thread::park_timeout(Duration::from_millis(500));
        }
        Ok(())
    }
}

/// Asks for something, and again if the server has taken as many requests as it takes in a second. Returns
/// the nanoseconds until the answer.
fn ask(client: &Client, request: &Request) -> Result<i64, LoadError> {
    loop {
        let begun = boot_ns();
        let outcome: Outcome = match client.post("/v1/requests", request) {
            Err(ClientError::Refused { status: 429, .. }) => {
                std::thread::park_timeout(Duration::from_millis(250));
                continue;
            }
            outcome => outcome?,
        };
        return match outcome.refused.into_iter().next() {
            None => Ok(boot_ns() - begun),
            Some(why) => Err(LoadError::Refused(why)),
        };
    }
}

fn apply(name: &str, replicas: u32) -> Request {
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: \
         {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: main\n        \
         image: none\n        command: [sleep, \"100000\"]\n        resources: {{requests: {{cpu: \
         10m, memory: 16Mi}}}}\n"
    );
    Request::Apply {
        file: format!("{name}.yaml"),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_median_and_the_time_that_one_in_a_hundred_exceeds() {
        let samples = (1..=200).rev().map(|millis| millis * 1_000_000).collect();
        let spread = Spread::of(samples);
        assert!((spread.p50 - 100.0).abs() < 1e-9, "{spread:?}");
        assert!((spread.p99 - 198.0).abs() < 1e-9, "{spread:?}");
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
