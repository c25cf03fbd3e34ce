//! Daemons over a runtime in memory, with a control server over TLS: containers are started once,
//! adopted, reported, measured and read.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::bench::{deployment, registration};
use super::host::{Attempt, Host};
use super::server::Running;
use crate::client::{Client, ClientError};
use crate::daemon::Daemon;
use crate::driver::events::EventRow;
use crate::driver::view::PodRow;
use crate::node::NodeError;
use crate::runtime::AttemptId;
use crate::runtime::clock::boot_ns;
use crate::security::identity::Role;
use crate::wire::request::{Outcome as UserOutcome, Request};

/// Longest time for anything to come about.
const PATIENCE_NS: i64 = 8_000_000_000;

/// A daemon in a thread.
struct Working {
    is_interrupted: Arc<AtomicBool>,
    problems: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<Result<(), NodeError>>>,
}

impl Working {
    fn start(client: Client, folder: &Path, host: &Host, process: u32) -> Self {
        let is_interrupted = Arc::new(AtomicBool::new(false));
        let problems: Arc<Mutex<Vec<String>>> = Arc::default();
        let (flag, kept) = (Arc::clone(&is_interrupted), Arc::clone(&problems));
        let (folder, host) = (folder.to_owned(), host.clone());
        let thread = std::thread::spawn(move || {
            let message = registration("n0", process);
            let daemon = Daemon::new(message, "test", &folder, host, client);
            let daemon = daemon.with_heartbeat(units::Duration::from_millis(200));
            daemon.run(&|| flag.load(Ordering::Relaxed), &|problem| {
                kept.lock().expect("no panic").push(problem.to_owned());
            })
        });
        Self {
            is_interrupted,
            problems,
            thread: Some(thread),
        }
    }

    fn stop(&mut self) -> Result<(), NodeError> {
        self.is_interrupted.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("a running daemon");
        thread.join().expect("no panic")
    }

    fn problems(&self) -> String {
        self.problems.lock().expect("no panic").join("\n")
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.is_interrupted.store(true, Ordering::Relaxed);
    }
}

/// A server with one node.
struct Cluster {
    server: Running,
    agent: Client,
    folder: PathBuf,
    host: Host,
    daemon: Working,
}

impl Cluster {
    fn new(name: &str) -> Self {
        let server = Running::new(name);
        let agent = server.joined(Role::Agent, "n0");
        let folder = server.folder.join("node");
        std::fs::create_dir_all(&folder).expect("a folder");
        let host = Host::default();
        let daemon = Working::start(agent.clone(), &folder, &host, 1);
        Self {
            server,
            agent,
            folder,
            host,
            daemon,
        }
    }

    fn apply(&self, text: &str) {
        let request = Request::Apply {
            file: "web.yaml".to_owned(),
            text: text.to_owned(),
        };
        let outcome: UserOutcome = self
            .server
            .admin()
            .post("/v1/requests", &request)
            .expect("an outcome");
        assert_eq!(outcome.refused, Vec::<String>::new());
    }

    fn delete(&self, object: &str) {
        let request = Request::Delete {
            object: object.to_owned(),
        };
        let outcome = self.server.admin().post("/v1/requests", &request);
        let _: UserOutcome = outcome.expect("an outcome");
    }

    fn pods(&self) -> Vec<PodRow> {
        self.server.admin().get("/v1/pods").expect("pods")
    }

    fn restart_daemon(&mut self, process: u32) {
        self.daemon.stop().expect("an orderly end");
        self.daemon = Working::start(self.agent.clone(), &self.folder, &self.host, process);
    }

    fn logs(&self, pod: &str, query: &str) -> Result<String, ClientError> {
        let path = format!("/api/v1/namespaces/default/pods/{pod}/log?{query}");
        let log = self.server.admin().fetch(&path)?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    fn end(mut self) {
        self.daemon.stop().expect("an orderly end");
        self.server.stop();
    }
}

/// Waits until something holds.
fn wait(what: &str, holds: impl Fn() -> bool) {
    let until = boot_ns() + PATIENCE_NS;
    while !holds() {
        assert!(boot_ns() < until, "{what} did not come about");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn ready(pods: &[PodRow]) -> usize {
    pods.iter().filter(|pod| pod.ready).count()
}

#[test]
fn a_daemon_that_is_started_again_adopts_what_runs() {
    let mut cluster = Cluster::new("daemon-adopt");
    cluster.apply(&deployment(3));
    wait("three ready pods", || ready(&cluster.pods()) == 3);
    let before = cluster.host.running();
    cluster.restart_daemon(2);
    wait("a new session", || {
        let events: Vec<EventRow> = cluster
            .server
            .admin()
            .get("/v1/events?after=0")
            .expect("events");
        events.iter().any(|event| event.object == "Node/n0")
    });
    // One that ends while no daemon looks is reported by the next one, and replaced by the agent.
    cluster.daemon.stop().expect("an orderly end");
    cluster.host.exit(&before[0], 3);
    cluster.host.world().pending.clear();
    cluster.daemon = Working::start(cluster.agent.clone(), &cluster.folder, &cluster.host, 3);
    wait("a restart", || {
        let pods = cluster.pods();
        ready(&pods) == 3 && pods.iter().map(|pod| pod.restarts).sum::<u32>() == 1
    });
    let world = cluster.host.world();
    assert!(world.starts.values().all(|&starts| starts == 1));
    assert_eq!(world.starts.len(), 4);
    drop(world);
    cluster.end();
}

#[test]
fn what_is_deleted_is_stopped_and_what_nobody_knows_as_well() {
    let cluster = Cluster::new("daemon-surplus");
    let surplus = AttemptId::new("test.900", "old", 0).expect("an attempt");
    cluster.host.world().attempts.insert(
        surplus.clone(),
        Attempt {
            command: Vec::new(),
            ending: None,
        },
    );
    cluster.apply(&deployment(2));
    wait("two ready pods", || ready(&cluster.pods()) == 2);
    wait("the end of the surplus", || {
        !cluster.host.running().contains(&surplus)
    });
    cluster.delete("Deployment/default/web");
    wait("an empty host", || cluster.host.running().is_empty());
    wait("an empty cluster", || cluster.pods().is_empty());
    cluster.end();
}

#[test]
fn a_container_that_waits_to_be_started_again_keeps_its_log_and_its_number() {
    let mut cluster = Cluster::new("daemon-back-off");
    cluster.apply(&deployment(1));
    wait("a ready pod", || ready(&cluster.pods()) == 1);
    let name = cluster.pods()[0].name.clone();
    let restarts = |cluster: &Cluster| cluster.pods()[0].restarts;
    for restart in 0..2 {
        wait("the pod's container", || cluster.host.running().len() == 1);
        cluster.host.exit(&cluster.host.running()[0], 3);
        wait("its end", || {
            restarts(&cluster) > restart || ready(&cluster.pods()) == 0
        });
    }
    // The second end is followed by a back-off.
    for query in ["", "previous=true"] {
        let text = cluster.logs(&name, query).expect("a log");
        assert_eq!(text, "ran sleep 100000\n");
    }
    let before = exits(&cluster);
    cluster.restart_daemon(2);
    wait("the third attempt", || {
        let numbers: Vec<u32> = cluster
            .host
            .running()
            .iter()
            .map(AttemptId::number)
            .collect();
        numbers == [2]
    });
    wait("the last two attempts alone", || {
        let world = cluster.host.world();
        world.attempts.keys().map(AttemptId::number).eq([1, 2])
    });
    assert_eq!(exits(&cluster), before, "an end is reported once");
    cluster.end();
}

#[test]
fn a_pod_that_ended_has_its_log_until_it_leaves_the_list() {
    let mut cluster = Cluster::new("daemon-ended");
    cluster.apply(
        "{apiVersion: v1, kind: Pod, metadata: {name: once}, spec: {restartPolicy: Never, containers: \
         [{name: web, image: none, command: [work], resources: {requests: {cpu: 10m}}}]}}",
    );
    wait("a container", || cluster.host.running().len() == 1);
    cluster.host.exit(&cluster.host.running()[0], 0);
    let has_ended = |cluster: &Cluster| cluster.pods().iter().any(|pod| pod.phase == "succeeded");
    wait("its end", || has_ended(&cluster));
    for process in [2, 3] {
        // The thread of a daemon that was stopped may take a question yet.
        wait("its log", || {
            let text = cluster.logs("once", "");
            text.is_ok_and(|text| text == "ran work\n")
        });
        wait("the refusal of a log from before a restart", || {
            let refused = cluster
                .logs("once", "previous=true")
                .expect_err("no restart");
            refused.to_string().contains("started again")
        });
        cluster.restart_daemon(process);
    }
    cluster.delete("Pod/default/once");
    // A new daemon asks at once which pods have left the list.
    cluster.restart_daemon(4);
    wait("an empty host", || cluster.host.world().attempts.is_empty());
    assert!(cluster.logs("once", "").is_err());
    cluster.end();
}

/// Number of ends of containers that users were shown.
fn exits(cluster: &Cluster) -> usize {
    let events = cluster.server.admin().get("/v1/events?after=0");
    let events: Vec<EventRow> = events.expect("events");
    events
        .iter()
        .filter(|event| event.reason == "Exited")
        .count()
}

#[test]
fn a_daemon_that_is_started_again_stops_what_was_deleted_meanwhile() {
    let mut cluster = Cluster::new("daemon-deleted");
    cluster.apply(&deployment(2));
    wait("two ready pods", || ready(&cluster.pods()) == 2);
    cluster.daemon.stop().expect("an orderly end");
    cluster.delete("Deployment/default/web");
    wait("pods that end", || {
        let pods = cluster.pods();
        pods.len() == 2 && pods.iter().all(|pod| pod.terminating)
    });
    cluster.daemon = Working::start(cluster.agent.clone(), &cluster.folder, &cluster.host, 2);
    wait("an empty cluster", || cluster.pods().is_empty());
    assert_eq!(cluster.host.running(), Vec::new());
    cluster.end();
}

#[test]
fn logs_usage_and_events_reach_users() {
    let cluster = Cluster::new("daemon-logs");
    cluster.apply(&deployment(1));
    wait("a ready pod", || ready(&cluster.pods()) == 1);
    let name = cluster.pods()[0].name.clone();
    let timed = cluster.logs(&name, "timestamps=true&container=web&tailLines=1");
    assert_eq!(timed.expect("a log"), "T ran sleep 100000\n");
    let refused = |pod: &str, query: &str| match cluster.logs(pod, query) {
        Err(ClientError::Refused { status, why }) => (status, why),
        other => panic!("expected a refusal, found {other:?}"),
    };
    for trick in [
        "..%2F..%2Fetc%2Fpasswd",
        "web%2F..%2Fweb",
        "web_0",
        "web%00",
    ] {
        let (status, why) = refused(&name, &format!("container={trick}"));
        assert_eq!(status, 409, "{trick}: {why}");
        assert!(why.contains("those of the pod are web"), "{why}");
        assert_eq!(refused(trick, "").0, 404, "{trick}");
    }
    wait("measured usage", || {
        let of = |kind: &str| -> Value {
            let path = format!("/apis/metrics.k8s.io/v1beta1/{kind}");
            cluster.server.admin().get(&path).expect("usage")
        };
        let (pods, nodes) = (of("pods"), of("nodes"));
        let used = &pods["items"][0];
        used["metadata"]["name"] == *name
            && used["containers"][0]["usage"]["cpu"] != "0m"
            && nodes["items"][0]["usage"]["memory"] == "5120Ki"
    });
    let events: Vec<EventRow> = cluster
        .server
        .admin()
        .get("/v1/events?after=0")
        .expect("events");
    let reasons: Vec<&str> = events.iter().map(|event| event.reason.as_str()).collect();
    for reason in ["Registered", "Scheduled", "Started"] {
        assert!(reasons.contains(&reason), "{reason}: {reasons:?}");
    }
    let last = events.last().expect("an event").number;
    let path = format!("/v1/events?after={last}");
    let later: Vec<EventRow> = cluster.server.admin().get(&path).expect("events");
    assert!(later.iter().all(|event| event.number > last));
    // Usage is no part of the record as long as nothing reads it.
    let log = cluster.server.admin().fetch("/v1/log").expect("a log");
    assert!(!String::from_utf8_lossy(&log).contains("cpuMilli"));
    cluster.end();
}

#[test]
fn a_server_that_a_daemon_has_seen_in_a_later_term_opens_one_above() {
    let mut cluster = Cluster::new("daemon-term");
    cluster.apply(&deployment(1));
    wait("a ready pod", || ready(&cluster.pods()) == 1);
    cluster.daemon.stop().expect("an orderly end");
    let file = cluster.folder.join(".term");
    let seen = crate::security::secrets::secret(&file).expect("a term");
    assert_eq!(seen, "test 1");
    crate::security::write_text(&file, "test 7\n").expect("a later term");
    let host = Host::default();
    cluster.daemon = Working::start(cluster.agent.clone(), &cluster.folder, &host, 2);
    // Its state was put back from a copy; it goes on above what was seen.
    wait("a term above", || {
        crate::security::secrets::secret(&file).is_ok_and(|seen| seen == "test 8")
    });
    wait("a started pod", || host.running().len() == 1);
    // The terms of another control server say nothing.
    cluster.daemon.stop().expect("an orderly end");
    crate::security::write_text(&file, "other 7\n").expect("a term of another server");
    cluster.daemon = Working::start(cluster.agent.clone(), &cluster.folder, &host, 3);
    wait("a started pod", || host.running().len() == 1);
    cluster.end();
}

#[test]
fn a_daemon_goes_on_after_the_server_was_away() {
    let mut cluster = Cluster::new("daemon-away");
    cluster.apply(&deployment(2));
    wait("two ready pods", || ready(&cluster.pods()) == 2);
    let before = cluster.host.running();
    cluster.server.stop();
    cluster.host.exit(&before[0], 1);
    wait("a note", || {
        cluster
            .daemon
            .problems()
            .contains("is `windtunnel live control` running")
    });
    cluster.server.start_again();
    wait("two ready pods again", || {
        let pods = cluster.pods();
        ready(&pods) == 2 && pods.iter().map(|pod| pod.restarts).sum::<u32>() == 1
    });
    assert!(
        cluster
            .host
            .world()
            .starts
            .values()
            .all(|&starts| starts == 1)
    );
    cluster.end();
}
