//! Attacks on a control server over TLS: each is refused and noted, and others are served meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::{Value, json};
use units::Instant;

use super::bench::{Machine, deployment, registration};
use super::server::{Running, exchange};
use crate::client::{Client, ClientError};
use crate::driver::view::{NodeRow, PodRow};
use crate::node::NodeCore;
use crate::runtime::clock::boot_ns;
use crate::security::certs::{self, USER};
use crate::security::credentials::Credentials;
use crate::security::identity::{Identity, Role};
use crate::security::tls;
use crate::wire::request::{Outcome, Request};

impl Running {
    pub(super) fn config(&self, folder: &Path, file: &str) -> Arc<ClientConfig> {
        let credentials = Credentials::read(folder, file).expect("credentials");
        assert!(self.folder.exists());
        tls::client(&credentials).expect("a configuration")
    }

    pub(super) fn admin(&self) -> Client {
        Client::secured(self.address, self.config(&self.folder, USER))
    }

    pub(super) fn party_folder(&self, name: &str) -> PathBuf {
        self.folder.join("parties").join(name)
    }

    /// A party with a certificate of its own.
    pub(super) fn joined(&self, role: Role, name: &str) -> Client {
        let folder = self.party_folder(name);
        let identity = Identity::new(role, name).expect("a name");
        certs::party(&self.folder, &folder, &identity, 1).expect("a certificate");
        let file = match role {
            Role::Agent => certs::AGENT,
            _ => USER,
        };
        Client::secured(self.address, self.config(&folder, file))
    }

    fn notes(&self) -> String {
        self.notes.lock().expect("no panic").join("\n")
    }

    /// Waits until the notes have `words`: the server notes a refusal beside the answer, so that a client
    /// may have learnt of it first.
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing tells a test of a note but the notes"
    )]
    fn noted(&self, words: &str) {
        for _ in 0..2000 {
            if self.notes().contains(words) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no note has '{words}': {}", self.notes());
    }

    /// A connection over TLS on which a test writes whatever it likes.
    fn raw(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let config = self.config(&self.folder, USER);
        let name = tls::server_name().expect("a name");
        let connection = ClientConnection::new(config, name).expect("a client");
        let stream = TcpStream::connect(self.address).expect("a connection");
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).expect("a time limit");
        StreamOwned::new(connection, stream)
    }
}

fn status(outcome: Result<Value, ClientError>) -> u16 {
    match outcome {
        Err(ClientError::Refused { status, .. }) => status,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

fn apply(text: &str) -> Request {
    Request::Apply {
        file: "web.yaml".to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn parties_do_what_their_roles_allow_over_a_restart_of_the_server() {
    let mut running = Running::new("roles");
    let agent = running.joined(Role::Agent, "n0");
    let submitter = running.joined(Role::Submitter, "ada");
    let (mut core, mut machine) = (NodeCore::new(registration("n0", 1), 0), Machine::default());
    let mut now = Instant::ZERO;
    exchange(&agent, &mut core, &mut machine, now);
    let outcome: Outcome = submitter
        .post("/v1/requests", &apply(&deployment(2)))
        .expect("an outcome");
    assert_eq!(outcome.done, ["apply Deployment/default/web"]);
    running.stop();
    running.start();
    let agent = running.joined(Role::Agent, "n0");
    let (submitter, viewer) = (
        running.joined(Role::Submitter, "ada"),
        running.joined(Role::Viewer, "bob"),
    );
    for _ in 0..3 {
        now = now.saturating_add(units::Duration::from_secs(1));
        exchange(&agent, &mut core, &mut machine, now);
    }
    let pods: Vec<PodRow> = viewer.get("/v1/pods").expect("pods");
    assert_eq!(pods.iter().filter(|pod| pod.ready).count(), 2, "{pods:?}");
    let cordon = Request::Cordon {
        node: "n0".to_owned(),
    };
    let delete = Request::Delete {
        object: "Node/n0".to_owned(),
    };
    for request in [&cordon, &delete] {
        assert_eq!(status(submitter.post("/v1/requests", request)), 403);
        assert_eq!(status(viewer.post("/v1/requests", request)), 403);
        assert_eq!(status(agent.post("/v1/requests", request)), 403);
    }
    assert_eq!(
        status(viewer.post("/v1/requests", &apply(&deployment(9)))),
        403
    );
    for client in [&submitter, &viewer, &agent] {
        assert_eq!(status(client.get("/v1/log")), 403);
    }
    assert_eq!(status(agent.get("/v1/pods")), 403);
    assert_eq!(
        status(running.admin().post("/v1/nodes/n0/register", &cordon)),
        403
    );
    running.stop();
}

#[test]
fn an_agent_speaks_for_its_own_node_alone() {
    let mut running = Running::new("own-node");
    let agent = running.joined(Role::Agent, "n0");
    let other = registration("n1", 1);
    assert_eq!(status(agent.post("/v1/nodes/n1/register", &other)), 403);
    assert_eq!(status(agent.post("/v1/nodes/n0/register", &other)), 403);
    let update = json!({"node": "n1", "process": "x", "session": 1, "received": 0, "ready": true,
        "reports": []});
    assert_eq!(status(agent.post("/v1/nodes/n0/reports", &update)), 403);
    assert_eq!(status(agent.post("/v1/nodes/n1/reports", &update)), 403);
    assert_eq!(
        status(agent.get("/v1/nodes/n1/commands?session=1&after=0")),
        403
    );
    running.noted("other-node: agent/n0");
    let nodes: Vec<NodeRow> = running.admin().get("/v1/nodes").expect("nodes");
    assert!(nodes.is_empty(), "{nodes:?}");
    running.stop();
}

#[test]
fn strangers_and_parties_of_other_authorities_are_refused() {
    let mut running = Running::new("strangers");
    let mut foreign = Running::new("foreign");
    // The client knows that the server is another one.
    let own = running.config(&running.folder, USER);
    let lost = Client::secured(foreign.address, own).get::<Value>("/v1/pods");
    assert!(
        matches!(lost, Err(ClientError::Untrusted { .. })),
        "{lost:?}"
    );
    // The server knows that the certificate is of another authority.
    let forged = running.party_folder("forged");
    std::fs::create_dir_all(&forged).expect("a folder");
    for (from, file) in [
        (&foreign, "user.key"),
        (&foreign, "user.crt"),
        (&running, "ca.crt"),
    ] {
        std::fs::copy(from.folder.join(file), forged.join(file)).expect("a copy");
    }
    let forger = Client::secured(running.address, running.config(&forged, USER));
    let refused = forger.get::<Value>("/v1/pods");
    assert!(
        matches!(refused, Err(ClientError::Untrusted { .. })),
        "{refused:?}"
    );
    running.noted("handshake");
    running.stop();
    foreign.stop();
}

#[test]
fn frames_that_are_too_long_cut_off_or_slow_keep_nobody_waiting() {
    let mut running = Running::new("frames");
    let admin = running.admin();
    let answer = |head: &str| {
        let mut raw = running.raw();
        // A server that has seen enough closes the connection before it has read all.
        let _ = raw.write_all(head.as_bytes()).and_then(|()| raw.flush());
        let mut answer = Vec::new();
        let _ = raw.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let long = "POST /v1/requests HTTP/1.1\r\nhost: x\r\ncontent-length: 104857600\r\n\r\n{";
    assert!(answer(long).starts_with("HTTP/1.1 413"), "{}", answer(long));
    let headers = "a: b\r\n".repeat(1000);
    let many = format!("GET /v1/pods HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    assert!(
        answer(&many).starts_with("HTTP/1.1 431"),
        "{}",
        answer(&many)
    );
    let wide = |bytes| {
        format!(
            "GET /v1/pods HTTP/1.1\r\nhost: {}\r\n\r\n",
            "x".repeat(bytes)
        )
    };
    assert!(!answer(&wide(1 << 20)).starts_with("HTTP/1.1 200"));
    let once = answer(&wide(100_000));
    assert!(once.starts_with("HTTP/1.1 431"), "{once}");
    for path in [
        "/v1/../../etc/passwd",
        "/v1/nodes/..%2f..%2fetc/commands",
        "//",
        "/v1/pods/",
    ] {
        let tricky = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = answer(&tricky);
        assert!(answer.starts_with("HTTP/1.1 40"), "{path}: {answer}");
    }
    // Half a body, and the end of the connection.
    let mut raw = running.raw();
    let half = "POST /v1/requests HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"req";
    raw.write_all(half.as_bytes()).expect("half a request");
    raw.sock.shutdown(Shutdown::Both).expect("the end");
    // What is no TLS, a record of TLS that is cut off, and connections that say nothing.
    let mut silent = Vec::new();
    for first in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[22, 3, 1, 2, 0, 1], &[]] {
        for _ in 0..40 {
            let mut stream = TcpStream::connect(running.address).expect("a connection");
            let _ = stream.write_all(first);
            silent.push(stream);
        }
        let began = boot_ns();
        let pods: Vec<PodRow> = admin.get("/v1/pods").expect("pods");
        assert!(pods.is_empty());
        let taken = boot_ns() - began;
        // Far below the sum of the waits for those that say nothing.
        assert!(taken < 5_000_000_000, "{taken} ns");
    }
    for mut stream in silent {
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).expect("a time limit");
        let mut rest = Vec::new();
        let closed = stream.read_to_end(&mut rest);
        let is_open = closed.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!is_open, "the server closes the connection");
    }
    for code in ["too-long", "headers", "handshake", "crowded"] {
        running.noted(code);
    }
    running.stop();
}

#[test]
fn a_manifest_of_a_hundred_megabytes_of_labels_is_refused() {
    let mut running = Running::new("labels");
    let admin = running.admin();
    let labels = "      some.long/label: value\n".repeat(100 << 10);
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n{labels}");
    let refused: Result<Outcome, _> = admin.post("/v1/requests", &apply(&text));
    assert!(
        matches!(refused, Err(ClientError::TooLong { .. })),
        "{refused:?}"
    );
    // A client that does not look sends all of it.
    let mut raw = running.raw();
    let head = format!(
        "POST /v1/requests HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        100 << 20
    );
    raw.write_all(head.as_bytes()).expect("a header");
    let part = vec![b'x'; 64 << 10];
    let sent = (0..1600)
        .take_while(|_| raw.write_all(&part).is_ok())
        .count();
    assert!(sent < 200, "{sent} parts were taken in");
    let most = "a: b\n    ".repeat(100_000);
    let wide = format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n    {most}");
    let outcome: Outcome = admin
        .post("/v1/requests", &apply(&wide))
        .expect("an outcome");
    assert_eq!((outcome.done.len(), outcome.refused.len()), (0, 1));
    let pods: Vec<PodRow> = admin.get("/v1/pods").expect("pods");
    assert!(pods.is_empty());
    running.noted("too-long: admin/local");
    running.stop();
}

#[test]
fn values_of_secrets_are_in_no_record() {
    let mut running = Running::new("secrets");
    let admin = running.admin();
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: PLANTED}\n---\n";
    let text = format!("{secret}{}", deployment(1));
    let outcome: Outcome = admin
        .post("/v1/requests", &apply(&text))
        .expect("an outcome");
    assert_eq!(outcome.refused, Vec::<String>::new());
    let log = admin.fetch("/v1/log").expect("a log");
    assert!(!String::from_utf8_lossy(&log).contains("PLANTED"));
    assert!(String::from_utf8_lossy(&log).contains("Secret"));
    running.stop();
}
