//! A host of a test: a folder, a node's name, and an agent that is started and killed. Every wait has a
//! deadline; only processes whose identity was recorded are ended.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use live::runtime::{AttemptId, Identity, Order, write_record};
use serde_json::Value;

use crate::agent::Stop;
use crate::sweep;
use crate::wait::{identity, kill, seconds, wait_for, wait_until};
use crate::workload::{RUN, TRACK};

/// Host of a test.
pub(crate) struct Host {
    pub(crate) folder: PathBuf,
    pub(crate) node: String,
    environment: Vec<(String, String)>,
    /// Network namespace of the agent; that of the test by default.
    namespace: Option<PathBuf>,
    agent: Option<Child>,
}

/// Hosts of this run so far: each has a name of its own.
static HOSTS: AtomicU32 = AtomicU32::new(0);

impl Host {
    /// Host whose agent does not run yet.
    pub(crate) fn new() -> Self {
        let number = HOSTS.fetch_add(1, Ordering::Relaxed);
        let folder = sweep::run_folder().join(format!("host-{number}"));
        for name in ["start", "stop", "state"] {
            fs::create_dir_all(folder.join(name)).expect("a folder");
        }
        Self {
            folder,
            node: format!("{}-{number}", sweep::run_name()),
            environment: Vec::new(),
            namespace: None,
            agent: None,
        }
    }

    /// Host whose agent runs.
    pub(crate) fn started() -> Self {
        let mut host = Self::new();
        host.start_agent();
        host
    }

    /// Has the agent run in a network namespace, from its next start on.
    pub(crate) fn enter(&mut self, namespace: PathBuf) {
        self.namespace = Some(namespace);
    }

    /// Sets a variable of the agent, from its next start on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Removes the variables of the agent.
    pub(crate) fn reset(&mut self) {
        self.environment.clear();
    }

    /// Starts the agent and waits until it serves.
    pub(crate) fn start_agent(&mut self) {
        let starts = self.agent_starts();
        self.spawn_agent();
        wait_until("the agent serves", seconds(5), || {
            self.agent_starts() > starts
        });
    }

    /// Starts the agent without waiting.
    pub(crate) fn spawn_agent(&mut self) {
        assert!(self.agent.is_none(), "an agent runs");
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.folder.join("agent.err"))
            .expect("a log");
        let child = self.agent_command().stderr(log).spawn();
        self.agent = Some(child.expect("an agent"));
    }

    /// Runs another agent with the folder of the first one, to its end.
    pub(crate) fn second_agent(&self) -> Output {
        self.agent_command().output().expect("an agent")
    }

    fn agent_command(&self) -> Command {
        let this = std::env::current_exe().expect("this program");
        let mut command = match &self.namespace {
            None => Command::new(this),
            // `ip netns exec` would hide the cgroups; this becomes the agent itself.
            Some(path) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net={}", path.display())).arg(this);
                command
            }
        };
        command
            .arg("agent")
            .arg(&self.folder)
            .arg(&self.node)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(RUN, sweep::run_name())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Kills the agent, as a crash would.
    pub(crate) fn kill_agent(&mut self) {
        let mut child = self.agent.take().expect("an agent");
        child.kill().expect("a process of this test");
        child.wait().expect("a status");
    }

    /// Waits until the agent has ended by itself.
    pub(crate) fn await_agent_end(&mut self) {
        let mut child = self.agent.take().expect("an agent");
        wait_until("the agent ends by itself", seconds(5), || {
            child.try_wait().expect("a status").is_some()
        });
    }

    /// Number of files that the agent has open.
    pub(crate) fn open_files(&self) -> usize {
        let pid = self.agent.as_ref().expect("an agent").id();
        fs::read_dir(format!("/proc/{pid}/fd"))
            .expect("an agent")
            .count()
    }

    fn agent_starts(&self) -> usize {
        let events = self.events();
        events
            .iter()
            .filter(|event| event["what"].get("agent").is_some())
            .count()
    }

    /// Order of this program as a workload.
    pub(crate) fn order(&self, pod: &str, workload: &str) -> Order {
        self.attempt(pod, 0, workload)
    }

    /// Order of an attempt of this program as a workload.
    pub(crate) fn attempt(&self, pod: &str, number: u32, workload: &str) -> Order {
        let attempt = AttemptId::new(pod, "main", number).expect("plain names");
        let this = std::env::current_exe().expect("this program");
        let mut command = vec![this.display().to_string(), "workload".to_owned()];
        command.extend(workload.split(' ').map(str::to_owned));
        let mut order = Order::new(attempt, command);
        let track = self.track().display().to_string();
        order.environment.insert(TRACK.to_owned(), track);
        order.environment.insert(RUN.to_owned(), sweep::run_name());
        order
    }

    /// Shared file of this host's workloads.
    pub(crate) fn track(&self) -> PathBuf {
        self.folder.join("track")
    }

    /// Orders a start.
    pub(crate) fn start(&self, order: &Order) -> AttemptId {
        let folder = self.folder.join("start");
        write_record(&folder, &order.attempt.to_string(), order).expect("an order");
        order.attempt.clone()
    }

    /// Orders a start of a workload and waits until it runs; returns its identity as well.
    pub(crate) fn run(&self, order: &Order) -> Running {
        let attempt = self.start(order);
        self.await_running(&attempt)
    }

    /// Waits until an attempt runs.
    pub(crate) fn await_running(&self, attempt: &AttemptId) -> Running {
        let listed = wait_for(&format!("{attempt} runs"), seconds(5), || {
            let listed = self.listed(attempt)?;
            (listed["phase"] == "Running" && listed["workload"].is_u64()).then_some(listed)
        });
        let pid = |name: &str| u32::try_from(listed[name].as_u64().expect("a pid")).expect("a pid");
        Running {
            attempt: attempt.clone(),
            workload: identity(pid("workload")),
            shim: identity(pid("shim")),
        }
    }

    /// Orders an end.
    pub(crate) fn stop(&self, attempt: &AttemptId, grace: Duration) {
        let stop = Stop {
            attempt: attempt.clone(),
            grace_ms: u64::try_from(grace.as_millis()).expect("a short time"),
            reason: "test".to_owned(),
        };
        write_record(&self.folder.join("stop"), &attempt.to_string(), &stop).expect("an order");
    }

    /// Waits for the end of an attempt; returns the report.
    pub(crate) fn await_end(&self, attempt: &AttemptId) -> Value {
        let mut found = wait_for(&format!("{attempt} ends"), seconds(8), || {
            self.reports(attempt, "ended").pop()
        });
        // An agent that is killed in between reports again, as it must.
        wait_until("the end is acknowledged", seconds(3), || {
            !self.state(attempt).exists()
        });
        found["what"].take()
    }

    /// Orders an end and waits for it.
    pub(crate) fn end(&self, attempt: &AttemptId) -> Value {
        self.stop(attempt, seconds(2));
        self.await_end(attempt)
    }

    /// Waits for a report of a kind about an attempt.
    pub(crate) fn await_report(&self, attempt: &AttemptId, kind: &str) -> Value {
        wait_for(&format!("{attempt}: {kind}"), seconds(5), || {
            self.reports(attempt, kind).pop()
        })
    }

    /// Reports of a kind about an attempt.
    pub(crate) fn reports(&self, attempt: &AttemptId, kind: &str) -> Vec<Value> {
        let name = attempt.to_string();
        let mut events = self.events();
        events
            .retain(|event| event["attempt"] == name.as_str() && event["what"].get(kind).is_some());
        events
    }

    /// Every event that the agents of this host reported.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.join("events")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect()
    }

    /// An attempt as the agent lists it.
    pub(crate) fn listed(&self, attempt: &AttemptId) -> Option<Value> {
        let text = fs::read_to_string(self.folder.join("list")).ok()?;
        let list: Vec<Value> = serde_json::from_str(&text).ok()?;
        let name = attempt.to_string();
        list.into_iter()
            .find(|listed| listed["attempt"] == name.as_str())
    }

    /// Folder of an attempt.
    pub(crate) fn state(&self, attempt: &AttemptId) -> PathBuf {
        self.folder.join("state").join(attempt.to_string())
    }

    /// The last lines of the agents' log, for failures.
    pub(crate) fn log(folder: &Path) -> String {
        let text = fs::read_to_string(folder.join("agent.err")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(50)..].join("\n")
    }
}

/// An attempt that runs.
pub(crate) struct Running {
    pub(crate) attempt: AttemptId,
    pub(crate) workload: Identity,
    pub(crate) shim: Identity,
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut child) = self.agent.take() {
            let agent = Identity::of(child.id()).ok().flatten();
            if let Some(agent) = agent {
                kill(&agent);
            }
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("log of {}:\n{}", self.node, Self::log(&self.folder));
        }
        sweep::end_all(&self.folder, &self.node);
    }
}
