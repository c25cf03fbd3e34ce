//! The control server over HTTPS on the loopback interface.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use units::Instant;

use super::bench::{Machine, deployment, header, plane, registration};
use crate::client::Client;
use crate::control::Control;
use crate::driver::view::{NodeRow, PodRow};
use crate::journal::DatabaseJournal;
use crate::node::NodeCore;
use crate::record::Log;
use crate::security::certs;
use crate::security::identity::Role;
use crate::serve::{Limits, Notes, ServeError, Server};
use crate::wire::NodeAnswer;
use crate::wire::request::{Outcome, Request};

/// A server in a thread, over a folder that is removed at the end.
pub(super) struct Running {
    pub(super) folder: PathBuf,
    pub(super) address: SocketAddr,
    /// Notes about what was refused.
    pub(super) notes: Arc<Mutex<Vec<String>>>,
    is_interrupted: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    pub(super) fn new(name: &str) -> Self {
        let folder = format!("windtunnel-server-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = std::fs::remove_dir_all(&folder);
        let mut own = Self {
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            notes: Arc::default(),
            is_interrupted: Arc::new(AtomicBool::new(false)),
            thread: None,
        };
        own.start();
        own
    }

    pub(super) fn start(&mut self) {
        self.start_at(SocketAddr::from(([127, 0, 0, 1], 0)));
    }

    /// Starts the server at the address that it had.
    pub(super) fn start_again(&mut self) {
        self.start_at(self.address);
    }

    fn start_at(&mut self, address: SocketAddr) {
        let limits = Limits {
            watch: Duration::from_millis(300),
            handshake: Duration::from_secs(2),
            handshakes: 16,
            ..Limits::default()
        };
        certs::prepare(&self.folder).expect("certificates");
        let journal = DatabaseJournal::open(&self.folder).expect("a journal");
        let mut control = Control::open(header(), plane(), journal).expect("a state");
        control.begin(control.driver().now()).expect("a term");
        let server = Server::listen(address, &self.folder, limits).expect("an address");
        self.address = server.address();
        self.is_interrupted.store(false, Ordering::Relaxed);
        let flag = Arc::clone(&self.is_interrupted);
        let (folder, kept) = (self.folder.clone(), Arc::clone(&self.notes));
        let notes: Notes = Arc::new(move |note| {
            kept.lock().expect("no panic").push(note.to_owned());
        });
        self.thread = Some(std::thread::spawn(move || {
            server.serve(control, &folder, notes, &|| flag.load(Ordering::Relaxed))
        }));
    }

    pub(super) fn stop(&mut self) {
        self.is_interrupted.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("a running server");
        let served = thread.join().expect("no panic");
        served.expect("an orderly end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_interrupted.store(true, Ordering::Relaxed);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A daemon: one message of each kind.
pub(super) fn exchange(client: &Client, core: &mut NodeCore, machine: &mut Machine, now: Instant) {
    let answer: NodeAnswer = match (core.registration(), core.update(true)) {
        (Some(message), _) => client.post("/v1/nodes/n0/register", message),
        (None, Some(message)) => client.post("/v1/nodes/n0/reports", &message),
        (None, None) => return,
    }
    .expect("an answer");
    let orders = core.answered(now, answer).expect("a known system");
    machine.work(core, now, orders);
}

#[test]
fn a_server_takes_a_daemon_and_a_user_over_its_own_restart() {
    let mut running = Running::new("restart");
    let (mut core, mut machine) = (NodeCore::new(registration("n0", 1), 0), Machine::default());
    let node = running.joined(Role::Agent, "n0");
    let mut now = Instant::ZERO;
    exchange(&node, &mut core, &mut machine, now);
    let session = core.update(true).expect("a session").session;
    exchange(&node, &mut core, &mut machine, now);
    let received = core.update(true).expect("a session").received;
    // Nothing waits, so the server answers when its patience is over.
    let path = format!("/v1/nodes/n0/commands?session={session}&after={received}");
    let quiet: NodeAnswer = node.get(&path).expect("an answer");
    assert_eq!(quiet, NodeAnswer::Quiet);
    let admin = running.admin();
    let request = Request::Apply {
        file: "web.yaml".to_owned(),
        text: deployment(3),
    };
    let outcome: Outcome = admin.post("/v1/requests", &request).expect("an outcome");
    assert_eq!(outcome.done, ["apply Deployment/default/web"]);
    let commands: NodeAnswer = node.get(&path).expect("commands");
    let orders = core.answered(now, commands).expect("a known system");
    machine.work(&mut core, now, orders);
    assert_eq!(machine.running.len(), 3);
    running.stop();
    running.start();
    let (node, admin) = (running.joined(Role::Agent, "n0"), running.admin());
    for _ in 0..3 {
        now = now.saturating_add(units::Duration::from_secs(1));
        exchange(&node, &mut core, &mut machine, now);
    }
    let pods: Vec<PodRow> = admin.get("/v1/pods").expect("pods");
    assert_eq!(pods.iter().filter(|pod| pod.ready).count(), 3, "{pods:?}");
    assert!(machine.starts.values().all(|&starts| starts == 1));
    let nodes: Vec<NodeRow> = admin.get("/v1/nodes").expect("nodes");
    assert!(nodes[0].ready && nodes[0].pods == 3);
    let log = Log::read(&admin.fetch("/v1/log").expect("a log")).expect("a whole log");
    let replayed = log.replay(plane()).expect("the same run");
    let mut expected = replayed.pod_rows();
    for row in &mut expected {
        row.created_ns = log
            .header
            .wall_ns(units::Instant::from_nanos(row.created_ns));
    }
    assert_eq!(expected, pods);
    running.stop();
}
