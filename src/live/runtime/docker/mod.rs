//! Runtime of containers by a Docker engine, over its API. The engine keeps the containers, labels say whose
//! they are, and so an agent that starts again finds them, ended or not. While the engine is away nothing
//! is said of them, as they run on.

mod api;
mod container;
mod exec;
mod launch;
mod usage;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};
use units::SortedMap;

use super::{
    AttemptId, Change, Exec, Happening, Listed, LogPart, LogPosition, OpenError, Order, Outcome,
    Phase, Runtime, StartError, Started, StopRecord, Usage, clock, own_folder,
};
use api::{ApiError, Engine, escaped};
use container::Container;
use launch::{Launched, Stage, launch};
use usage::usage_of;

/// Socket of the engine unless another one is named.
pub const SOCKET: &str = "/var/run/docker.sock";

/// Label with the node and the folder of a container's agent.
const OWNER: &str = "dev.windtunnel.owner";

/// Label with the attempt that a container is.
const ATTEMPT: &str = "dev.windtunnel.attempt";

/// Nanoseconds between two looks at the engine.
const LOOK_NS: i64 = 200_000_000;

/// Time between two looks at what threads say.
const PAUSE: Duration = Duration::from_millis(10);

/// Nanoseconds after which an engine that does not answer makes the node not ready.
const AWAY_NS: i64 = 1_000_000_000;

/// Configuration of the runtime.
#[derive(Clone, Debug)]
pub struct DockerConfig {
    /// Folder of the agent; of one alone.
    pub folder: PathBuf,
    /// Name of the node.
    pub node: String,
    /// Socket of the engine.
    pub socket: PathBuf,
}

/// Runtime of an engine's containers.
pub struct DockerRuntime {
    config: DockerConfig,
    /// Value of the label of the agent's containers.
    owner: String,
    engine: Engine,
    containers: SortedMap<AttemptId, Container>,
    pending: Vec<Happening>,
    launched: (Sender<Launched>, Receiver<Launched>),
    looked_ns: i64,
    /// Instant since which the engine does not answer.
    away_since_ns: Option<i64>,
    /// `true` once the engine's containers were listed.
    has_adopted: bool,
    /// Held as long as this agent lives.
    _lock: File,
}

impl DockerRuntime {
    /// Opens the folder; the containers of earlier agents are adopted as soon as the engine answers.
    ///
    /// # Errors
    /// Another agent has the folder, or it can't be made.
    pub fn open(config: DockerConfig) -> Result<Self, OpenError> {
        let lock = own_folder::taken(&config.folder, &config.node)?;
        let owner = format!("{} {}", config.node, config.folder.display());
        let mut runtime = Self {
            engine: Engine::new(&config.socket),
            config,
            owner,
            containers: SortedMap::new(),
            pending: Vec::new(),
            launched: channel(),
            looked_ns: 0,
            away_since_ns: None,
            has_adopted: false,
            _lock: lock,
        };
        runtime.look();
        Ok(runtime)
    }

    /// Looks at the engine's containers, if it is time.
    fn look(&mut self) {
        let now_ns = clock::boot_ns();
        while let Ok(launched) = self.launched.1.try_recv() {
            self.take_launched(launched);
        }
        for container in self.containers.values_mut() {
            container.force(&self.engine, now_ns);
        }
        if now_ns - self.looked_ns < LOOK_NS {
            return;
        }
        self.looked_ns = now_ns;
        match self.listed() {
            Ok(rows) => {
                self.away_since_ns = None;
                self.compare(&rows);
                self.has_adopted = true;
            }
            Err(_) => {
                self.away_since_ns.get_or_insert(now_ns);
            }
        }
    }

    /// The agent's containers as the engine lists them.
    fn listed(&self) -> Result<Vec<Value>, ApiError> {
        let filters = json!({"label": [format!("{OWNER}={}", self.owner)]});
        let filters = escaped(&filters.to_string());
        let rows = self
            .engine
            .get(&format!("/containers/json?all=1&filters={filters}"))?;
        Ok(rows.as_array().cloned().unwrap_or_default())
    }

    /// Compares what is known with what the engine lists.
    fn compare(&mut self, rows: &[Value]) {
        let mut seen: SortedMap<AttemptId, &Value> = SortedMap::new();
        for row in rows {
            let label = row.get("Labels").and_then(|labels| labels.get(ATTEMPT));
            let attempt = label.and_then(Value::as_str);
            if let Some(Ok(attempt)) = attempt.map(str::parse) {
                seen.insert(attempt, row);
            }
        }
        for (attempt, row) in &seen {
            let text = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default();
            let (id, state) = (text("Id"), text("State"));
            if !self.containers.contains_key(attempt) {
                if state == "created" {
                    // An agent was killed before it was started: the order comes again.
                    let _ = self.engine.delete(&format!("/containers/{id}?force=1"));
                    continue;
                }
                self.containers
                    .insert(attempt.clone(), Container::adopted());
            }
            let Some(container) = self.containers.get_mut(attempt) else {
                continue;
            };
            let changes = container.look(&self.engine, id, state);
            self.pending
                .extend(changes.into_iter().map(|change| Happening {
                    attempt: attempt.clone(),
                    change,
                }));
        }
        for (attempt, container) in &mut self.containers {
            if container.has_vanished(seen.contains_key(attempt)) {
                let change = container.end(Outcome::Unknown, None);
                let attempt = attempt.clone();
                self.pending
                    .extend(change.map(|change| Happening { attempt, change }));
            }
        }
        self.containers
            .retain(|_, container| !container.is_forgotten());
    }

    fn take_launched(&mut self, launched: Launched) {
        let Launched { attempt, stage } = launched;
        let Some(container) = self.containers.get_mut(&attempt) else {
            return;
        };
        let change = match stage {
            Stage::Pull(pull) => Some(Change::Pull(pull)),
            Stage::Over(Ok(id)) => {
                container.launched(id);
                None
            }
            Stage::Over(Err(message)) => {
                let errno = None;
                container.end(
                    Outcome::StartError { errno, message },
                    Some(clock::wall_ns()),
                )
            }
        };
        self.pending
            .extend(change.map(|change| Happening { attempt, change }));
    }

    /// `true` while the engine has not answered for long.
    fn is_away(&self) -> bool {
        let since = self.away_since_ns;
        since.is_some_and(|since_ns| clock::boot_ns() - since_ns >= AWAY_NS)
    }
}

impl Runtime for DockerRuntime {
    fn start(&mut self, order: &Order) -> Result<Started, StartError> {
        if self.containers.contains_key(&order.attempt) {
            return Ok(Started::Before);
        }
        let failed = |source| StartError::Failed {
            action: "can't start a container",
            path: self.config.socket.clone(),
            source,
        };
        if !self.has_adopted || self.away_since_ns.is_some() {
            return Err(failed(io::Error::other("the engine does not answer")));
        }
        if order
            .image
            .as_ref()
            .is_none_or(|image| image.name.is_empty())
        {
            return Err(failed(io::Error::other("the container has no `image`")));
        }
        launch(&self.engine, order, &self.owner, &self.launched.0).map_err(failed)?;
        let container = Container::starting();
        self.containers.insert(order.attempt.clone(), container);
        Ok(Started::Now)
    }

    fn stop(&mut self, attempt: &AttemptId, grace: Duration, reason: &str) {
        let grace_ns = i64::try_from(grace.as_nanos()).unwrap_or(i64::MAX);
        let force_at_ns = clock::boot_ns().saturating_add(grace_ns);
        if let Some(container) = self.containers.get_mut(attempt) {
            let order = StopRecord::new(reason.to_owned(), force_at_ns);
            container.stop(&self.engine, order);
        }
    }

    fn poll(&mut self, timeout: Duration) -> Vec<Happening> {
        let timeout_ns = i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX);
        let until_ns = clock::boot_ns().saturating_add(timeout_ns);
        loop {
            self.look();
            if !self.pending.is_empty() || clock::boot_ns() >= until_ns {
                return std::mem::take(&mut self.pending);
            }
            std::thread::park_timeout(PAUSE);
        }
    }

    fn list(&self) -> Vec<Listed> {
        let known = self.containers.iter();
        known.map(|(id, container)| container.listed(id)).collect()
    }

    fn acknowledge(&mut self, attempt: &AttemptId) {
        if let Some(container) = self.containers.get_mut(attempt)
            && container.phase() == Phase::Ended
        {
            container.forget(&self.engine);
            if container.is_forgotten() {
                self.containers.remove(attempt);
            }
        }
    }

    fn log(
        &self,
        attempt: &AttemptId,
        from: Option<&LogPosition>,
        most_bytes: usize,
    ) -> io::Result<LogPart> {
        let container = self.containers.get(attempt);
        let log = container.map(|container| container.log(&self.engine));
        let records = log.transpose().map_err(io::Error::other)?;
        Ok(container::part(
            &records.unwrap_or_default(),
            from,
            most_bytes,
        ))
    }

    fn exec(&self, attempt: &AttemptId, command: &[String]) -> Result<Exec, String> {
        let container = attempt.to_string();
        let (engine, command) = (self.engine.clone(), command.to_vec());
        Ok(Box::new(move |timeout| {
            exec::run(&engine, &container, &command, timeout)
        }))
    }

    fn usage(&self, attempt: &AttemptId) -> Option<Usage> {
        usage_of(self.containers.get(attempt)?.process()?)
    }

    fn is_ready(&self) -> bool {
        !self.is_away()
    }
}
