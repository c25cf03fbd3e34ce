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
use crate::joining::{JoinError, Renewal, join};
use crate::node::NodeCore;
use crate::runtime::clock::boot_ns;
use crate::security::credentials::Credentials;
use crate::security::gate::{ADMIN, TokenRow, TokenWish};
use crate::security::identity::Role;
use crate::security::tls;
use crate::security::token::Token;
use crate::wire::request::{Outcome, Request};

/// Seconds of a certificate's life where it does not matter.
const LONG_S: i64 = 3600;

impl Running {
    pub(super) fn config(&self, folder: &Path, file: &str) -> Arc<ClientConfig> {
        let credentials = Credentials::read(folder, file).expect("credentials");
        assert!(self.folder.exists());
        tls::client(&credentials).expect("a configuration")
    }

    pub(super) fn admin(&self) -> Client {
        Client::secured(self.address, self.config(&self.folder, ADMIN))
    }

    pub(super) fn token(&self, role: Role, name: Option<&str>, uses: u32, valid_s: i64) -> Token {
        let wish = TokenWish {
            role,
            name: name.map(str::to_owned),
            uses,
            valid_s,
        };
        let text: String = self.admin().post("/v1/tokens", &wish).expect("a token");
        text.parse().expect("a token")
    }

    pub(super) fn party_folder(&self, name: &str) -> PathBuf {
        self.folder.join("parties").join(name)
    }

    /// A party joins by a token of its own.
    pub(super) fn joined(&self, role: Role, name: &str) -> Client {
        let token = self.token(role, None, 1, LONG_S);
        let folder = self.party_folder(name);
        join(self.address, &token, name, &folder, "own").expect("credentials");
        Client::secured(self.address, self.config(&folder, "own"))
    }

    fn notes(&self) -> String {
        self.notes.lock().expect("no panic").join("\n")
    }

    /// A connection over TLS on which a test writes whatever it likes.
    fn raw(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let config = self.config(&self.folder, ADMIN);
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
    let mut running = Running::secured("roles", LONG_S);
    let agent = running.joined(Role::Agent, "n0");
    let (submitter, viewer) = (
        running.joined(Role::Submitter, "ada"),
        running.joined(Role::Viewer, "bob"),
    );
    let (mut core, mut machine) = (NodeCore::new(registration("n0", 1), 0), Machine::default());
    let mut now = Instant::ZERO;
    exchange(&agent, &mut core, &mut machine, now);
    let outcome: Outcome = submitter
        .post("/v1/requests", &apply(&deployment(2)))
        .expect("an outcome");
    assert_eq!(outcome.done, ["apply Deployment/default/web"]);
    running.stop();
    running.start();
    let at = |name: &str| {
        let config = running.config(&running.party_folder(name), "own");
        Client::secured(running.address, config)
    };
    let (agent, submitter, viewer_now) = (at("n0"), at("ada"), at("bob"));
    drop(viewer);
    for _ in 0..3 {
        now = now.saturating_add(units::Duration::from_secs(1));
        exchange(&agent, &mut core, &mut machine, now);
    }
    let pods: Vec<PodRow> = viewer_now.get("/v1/pods").expect("pods");
    assert_eq!(pods.iter().filter(|pod| pod.ready).count(), 2, "{pods:?}");
    let cordon = Request::Cordon {
        node: "n0".to_owned(),
    };
    let delete = Request::Delete {
        object: "Node/n0".to_owned(),
    };
    for request in [&cordon, &delete] {
        assert_eq!(status(submitter.post("/v1/requests", request)), 403);
        assert_eq!(status(viewer_now.post("/v1/requests", request)), 403);
        assert_eq!(status(agent.post("/v1/requests", request)), 403);
    }
    assert_eq!(
        status(viewer_now.post("/v1/requests", &apply(&deployment(9)))),
        403
    );
    for client in [&submitter, &viewer_now, &agent] {
        for path in ["/v1/log", "/v1/tokens"] {
            assert_eq!(status(client.get(path)), 403);
        }
        let wish = json!({"role": "admin", "name": null, "uses": 1, "validS": 60});
        assert_eq!(status(client.post("/v1/tokens", &wish)), 403);
        assert_eq!(
            status(client.post("/v1/revoke", &json!({"party": "admin/local"}))),
            403
        );
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
    let mut running = Running::secured("own-node", LONG_S);
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
    assert!(
        running.notes().contains("other-node: agent/n0"),
        "{}",
        running.notes()
    );
    let nodes: Vec<NodeRow> = running.admin().get("/v1/nodes").expect("nodes");
    assert!(nodes.is_empty(), "{nodes:?}");
    // The name of a node is taken as long as its certificate is good.
    let token = running.token(Role::Agent, None, 1, LONG_S);
    let thief = running.party_folder("thief");
    let taken = join(running.address, &token, "n0", &thief, "own").err();
    let taken = taken.expect("a refusal").to_string();
    assert!(taken.contains("status 409"), "{taken}");
    running.stop();
}

#[test]
fn strangers_and_parties_of_other_authorities_are_refused() {
    let mut running = Running::secured("strangers", LONG_S);
    let mut foreign = Running::secured("foreign", LONG_S);
    let pin = running.token(Role::Viewer, None, 1, LONG_S).pin;
    let stranger = Client::secured(running.address, tls::joining(&pin).expect("a way"));
    for path in ["/v1/pods", "/v1/log", "/v1/tokens", "/v1/no-such-path"] {
        assert_eq!(status(stranger.get(path)), 401, "{path}");
    }
    let message = registration("n0", 1);
    assert_eq!(
        status(stranger.post("/v1/nodes/n0/register", &message)),
        401
    );
    assert_eq!(stranger.get::<String>("/healthz").expect("an answer"), "ok");
    // The client knows that the server is another one.
    let own = running.config(&running.folder, ADMIN);
    let lost = Client::secured(foreign.address, own).get::<Value>("/v1/pods");
    assert!(
        matches!(lost, Err(ClientError::Untrusted { .. })),
        "{lost:?}"
    );
    // The server knows that the certificate is of another authority.
    let forged = running.party_folder("forged");
    std::fs::create_dir_all(&forged).expect("a folder");
    for (from, file) in [
        (&foreign, "admin.key"),
        (&foreign, "admin.crt"),
        (&running, "ca.crt"),
    ] {
        std::fs::copy(from.folder.join(file), forged.join(file)).expect("a copy");
    }
    let forger = Client::secured(running.address, running.config(&forged, ADMIN));
    let refused = forger.get::<Value>("/v1/pods");
    assert!(
        matches!(refused, Err(ClientError::Untrusted { .. })),
        "{refused:?}"
    );
    // A token for one server is of no use at another, which does not learn its secret.
    let token = running.token(Role::Viewer, None, 1, LONG_S);
    let folder = running.party_folder("misled");
    let misled = join(foreign.address, &token, "eve", &folder, "own").err();
    let is_untrusted =
        |error: &JoinError| matches!(error, JoinError::Client(ClientError::Untrusted { .. }));
    assert!(misled.as_ref().is_some_and(is_untrusted), "{misled:?}");
    assert!(!foreign.notes().contains("/v1/join"), "{}", foreign.notes());
    join(running.address, &token, "eve", &folder, "own").expect("the token is still good");
    let notes = running.notes();
    assert!(
        notes.contains("no-certificate: stranger at 127.0.0.1"),
        "{notes}"
    );
    assert!(notes.contains("handshake"), "{notes}");
    running.stop();
    foreign.stop();
}

#[test]
fn tokens_are_good_once_in_time_and_for_their_name() {
    let mut running = Running::secured("tokens", LONG_S);
    let attempt = |token: &Token, name: &str| {
        let folder = running.party_folder(&format!("{name}-{}", token.id));
        let joined = join(running.address, token, name, &folder, "own");
        joined.map(drop).map_err(|error| error.to_string())
    };
    let once = running.token(Role::Agent, None, 1, LONG_S);
    attempt(&once, "n0").expect("credentials");
    let replayed = attempt(&once, "n1").expect_err("a refusal");
    let expired = attempt(&running.token(Role::Agent, None, 1, 0), "n1").expect_err("a refusal");
    let other = running.token(Role::Agent, Some("n2"), 1, LONG_S);
    let misnamed = attempt(&other, "n1").expect_err("a refusal");
    let drawn = Token::draw(&once.pin).expect("a token");
    let guessed = attempt(&drawn, "n1").expect_err("a refusal");
    let text = other.reveal().replace(other.secret(), drawn.secret());
    let wrong = attempt(&text.parse().expect("a token"), "n2").expect_err("a refusal");
    for refusal in [&expired, &misnamed, &guessed, &wrong] {
        assert_eq!(refusal, &replayed);
    }
    assert!(replayed.contains("not valid"), "{replayed}");
    attempt(&other, "n2").expect("credentials");
    // An answer that was lost is given again to the same key, also when the token is used up.
    attempt(&once, "n0").expect("credentials");
    let open = running.token(Role::Viewer, None, 3, LONG_S);
    let rows: Vec<TokenRow> = running.admin().get("/v1/tokens").expect("tokens");
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].id.as_str(), rows[0].uses), (open.id.as_str(), 3));
    let gone: bool = running
        .admin()
        .post("/v1/tokens/delete", &json!({"id": open.id}))
        .expect("an answer");
    assert!(gone);
    assert_eq!(attempt(&open, "ada").expect_err("a refusal"), replayed);
    let outside = attempt(&running.token(Role::Agent, None, 1, LONG_S), "../n3");
    assert!(outside.expect_err("a refusal").contains("status 400"));
    // Nothing that is written or said holds a secret.
    let stored =
        crate::security::secrets::secret(&running.folder.join("access.json")).expect("a roster");
    let log = running.admin().fetch("/v1/log").expect("a log");
    let said = format!(
        "{}{stored}{}",
        running.notes(),
        String::from_utf8_lossy(&log)
    );
    for token in [&once, &other, &drawn, &open] {
        assert!(!said.contains(token.secret()));
    }
    running.stop();
}

#[test]
fn certificates_are_renewed_in_time_expire_and_are_revoked() {
    let mut running = Running::secured("renewal", 6);
    let agent = running.joined(Role::Agent, "n0");
    let idle = running.joined(Role::Viewer, "idle");
    let folder = running.party_folder("n0");
    let credentials = Credentials::read(&folder, "own").expect("credentials");
    let mut renewal = Renewal::new(&folder, "own", credentials);
    let path = "/v1/nodes/n0/commands?session=1&after=0";
    let until = boot_ns() + 9_500_000_000;
    let mut renewed = 0;
    while boot_ns() < until {
        renewed += u32::from(renewal.keep(&agent).expect("a renewal"));
        agent.get::<Value>(path).expect("an answer");
        std::thread::park_timeout(Duration::from_millis(100));
    }
    assert!(renewed >= 2, "renewed {renewed} times");
    let expired = idle.get::<Value>("/v1/pods");
    assert!(
        matches!(expired, Err(ClientError::Untrusted { .. })),
        "{expired:?}"
    );
    running.stop();
    // The server renews the credentials of its own user, too.
    running.start();
    let config = running.config(&folder, "own");
    let agent = Client::secured(running.address, config);
    agent.get::<Value>(path).expect("an answer");
    let gone: bool = running
        .admin()
        .post("/v1/revoke", &json!({"party": "agent/n0"}))
        .expect("an answer");
    assert!(gone);
    assert_eq!(status(agent.get(path)), 403);
    let request = Credentials::request(&folder, "own").expect("a request");
    assert_eq!(
        status(agent.post("/v1/renew", &json!({"request": request}))),
        403
    );
    assert!(
        running.notes().contains("revoked: agent/n0"),
        "{}",
        running.notes()
    );
    running.stop();
}

#[test]
fn frames_that_are_too_long_cut_off_or_slow_keep_nobody_waiting() {
    let mut running = Running::secured("frames", LONG_S);
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
            "GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n",
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
    let notes = running.notes();
    for code in ["too-long", "headers", "handshake", "crowded"] {
        assert!(notes.contains(code), "{code}: {notes}");
    }
    running.stop();
}

#[test]
fn a_manifest_of_a_hundred_megabytes_of_labels_is_refused() {
    let mut running = Running::secured("labels", LONG_S);
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
    assert!(
        running.notes().contains("too-long: admin/local"),
        "{}",
        running.notes()
    );
    running.stop();
}

#[test]
fn values_of_secrets_are_in_no_record() {
    let mut running = Running::secured("secrets", LONG_S);
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
