//! The control server over HTTP on the loopback interface: a daemon and a user, and clients that break
//! the rules.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use units::Instant;

use super::bench::{Machine, deployment, header, plane, registration};
use crate::access::{ADMIN_FILE, Access, NODE_FILE, Secrets};
use crate::client::{Client, ClientError};
use crate::control::Control;
use crate::driver::view::{NodeRow, PodRow};
use crate::journal::DatabaseJournal;
use crate::node::NodeCore;
use crate::record::Log;
use crate::security::gate::Gate;
use crate::security::secrets::secret;
use crate::serve::{Limits, Notes, ServeError, Server};
use crate::wire::NodeAnswer;
use crate::wire::request::{Outcome, Request};

/// A server in a thread, over a folder that is removed at the end.
pub(super) struct Running {
    pub(super) folder: PathBuf,
    pub(super) address: SocketAddr,
    /// Notes about what was refused.
    pub(super) notes: Arc<Mutex<Vec<String>>>,
    /// Seconds for which certificates are good; `None` over plain text.
    life_s: Option<i64>,
    is_interrupted: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    /// A server over plain text.
    fn new(name: &str) -> Self {
        Self::with_life(name, None)
    }

    /// A server whose certificates are good for a number of seconds.
    pub(super) fn secured(name: &str, life_s: i64) -> Self {
        Self::with_life(name, Some(life_s))
    }

    fn with_life(name: &str, life_s: Option<i64>) -> Self {
        let folder = format!("windtunnel-server-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = std::fs::remove_dir_all(&folder);
        let mut own = Self {
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            notes: Arc::default(),
            life_s,
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
            header: Duration::from_millis(300),
            watch: Duration::from_millis(300),
            handshake: Duration::from_secs(2),
            handshakes: 16,
            ..Limits::default()
        };
        let access = match self.life_s {
            None => Access::Plain(Secrets::of_folder(&self.folder).expect("secrets")),
            Some(life_s) => {
                std::fs::create_dir_all(&self.folder).expect("a folder");
                let gate = Gate::of_folder(&self.folder, life_s).expect("an authority");
                gate.keep_local(&self.folder).expect("credentials");
                Access::Mutual(gate)
            }
        };
        let journal = DatabaseJournal::open(&self.folder).expect("a journal");
        let mut control = Control::open(header(), plane(), journal).expect("a state");
        control.begin(control.driver().now()).expect("a term");
        let server = Server::listen(address, access, limits).expect("an address");
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

    fn client(&self, file: &str) -> Client {
        let secret = secret(&self.folder.join(file)).expect("a secret");
        Client::plain(self.address, &secret)
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
    let node = running.client(NODE_FILE);
    let mut now = Instant::ZERO;
    exchange(&node, &mut core, &mut machine, now);
    let session = core.update(true).expect("a session").session;
    exchange(&node, &mut core, &mut machine, now);
    let received = core.update(true).expect("a session").received;
    // Nothing waits, so the server answers when its patience is over.
    let path = format!("/v1/nodes/n0/commands?session={session}&after={received}");
    let quiet: NodeAnswer = node.get(&path).expect("an answer");
    assert_eq!(quiet, NodeAnswer::Quiet);
    let admin = running.client(ADMIN_FILE);
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
    let (node, admin) = (running.client(NODE_FILE), running.client(ADMIN_FILE));
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

#[test]
fn clients_that_break_the_rules_are_refused_and_others_are_served() {
    let mut running = Running::new("attacks");
    let (admin, node) = (running.client(ADMIN_FILE), running.client(NODE_FILE));
    let status = |outcome: Result<serde_json::Value, ClientError>| match outcome {
        Err(ClientError::Refused { status, .. }) => status,
        other => panic!("expected a refusal, found {other:?}"),
    };
    let stranger = Client::plain(running.address, "guess");
    assert_eq!(status(stranger.get("/v1/pods")), 401);
    assert_eq!(status(node.get("/v1/pods")), 403);
    assert_eq!(status(node.post("/v1/requests", &"x")), 403);
    let other = registration("n1", 1);
    assert_eq!(status(node.post("/v1/nodes/n0/register", &other)), 403);
    assert_eq!(status(admin.get("/v1/../../etc/passwd")), 404);
    assert_eq!(status(admin.post("/v1/requests", &"no request")), 400);
    let long = Request::Cordon {
        node: "n".repeat(2 << 20),
    };
    let too_long: Result<Outcome, _> = admin.post("/v1/requests", &long);
    assert!(matches!(too_long, Err(ClientError::TooLong { .. })));
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let apply = Request::Apply {
        file: "deep.yaml".to_owned(),
        text: nested,
    };
    let outcome: Outcome = admin.post("/v1/requests", &apply).expect("an outcome");
    assert_eq!((outcome.done.len(), outcome.refused.len()), (0, 1));
    // Half a request, and a client that says nothing.
    for half in ["GET /v1/pods HTTP/1.1\r\nhost: x\r\n", ""] {
        let mut slow = TcpStream::connect(running.address).expect("a connection");
        slow.write_all(half.as_bytes()).expect("half a request");
        slow.set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a time limit");
        let mut rest = Vec::new();
        let read = slow.read_to_end(&mut rest);
        assert!(read.is_ok(), "the server closes the connection: {read:?}");
    }
    let pods: Vec<PodRow> = admin.get("/v1/pods").expect("pods");
    assert!(pods.is_empty());
    running.stop();
}

#[test]
fn plain_text_stays_on_its_own_machine() {
    let open = SocketAddr::from(([0, 0, 0, 0], 0));
    let folder = std::env::temp_dir().join(format!("windtunnel-open-{}", std::process::id()));
    let secrets = Secrets::of_folder(&folder).expect("secrets");
    let refused = Server::listen(open, Access::Plain(secrets), Limits::default()).err();
    let _ = std::fs::remove_dir_all(&folder);
    assert!(matches!(refused, Some(ServeError::NotLoopback(_))));
}
