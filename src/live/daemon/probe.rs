//! Probes of containers as manifests state them: a command in the container, an HTTP request, or a
//! connection. Each is made in a thread of its own, and its result is an event for the node's agent, which
//! alone decides when to probe and what results mean.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use model::workload::probe::ProbeKind;
use serde_json::Value;

use crate::runtime::clock::boot_ns;
use crate::runtime::{AttemptId, Exec, Runtime};
use crate::wire::service::PodPort;

/// Bytes of the stack of a probe's thread.
const STACK: usize = 256 << 10;

/// Longest beginning of an HTTP answer that is read, in bytes.
const HEAD_MAX: usize = 256;

/// Seconds until a probe without an answer has failed, unless the manifest states others.
const TIMEOUT_S: u64 = 1;

/// Address of containers on a node that does not know its own.
const LOOPBACK: &str = "127.0.0.1";

/// Probes in the making.
pub(super) struct Probes {
    results: (Sender<Probed>, Receiver<Probed>),
}

/// A probe to make.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) attempt: AttemptId,
    pub(super) pod: u32,
    /// Number of the container, init containers first.
    pub(super) container: u16,
    pub(super) kind: ProbeKind,
}

/// Result of a probe.
pub(super) struct Probed {
    pub(super) wanted: Wanted,
    /// The reason of a failure.
    pub(super) result: Result<(), String>,
}

/// Action that a probe is.
enum Action {
    Exec(Exec),
    Http(Request),
    Connect(Place),
}

/// Place that a probe connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
}

/// HTTP request of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    place: Place,
    path: String,
    /// Names and values of further headers.
    headers: Vec<(String, String)>,
}

/// A container as its manifest states it, on its node.
pub(super) struct Subject<'a> {
    /// The pod as an object of the Kubernetes API.
    pub(super) manifest: &'a Value,
    /// The container in it.
    pub(super) container: &'a Value,
    /// Address of the node.
    pub(super) address: Option<&'a str>,
}

impl Probes {
    pub(super) fn new() -> Self {
        Self { results: channel() }
    }

    /// The results that have come.
    pub(super) fn results(&self) -> Vec<Probed> {
        self.results.1.try_iter().collect()
    }

    /// Makes a probe; its result comes later.
    pub(super) fn make<R: Runtime>(&self, runtime: &R, wanted: Wanted, subject: &Subject<'_>) {
        let probe = subject.container.get(field(wanted.kind));
        let timeout = probe.and_then(|probe| probe.get("timeoutSeconds")?.as_u64());
        let timeout = Duration::from_secs(timeout.unwrap_or(TIMEOUT_S).max(1));
        let action = probe
            .ok_or_else(|| "the manifest has no such probe".to_owned())
            .and_then(|probe| action(runtime, &wanted, subject, probe));
        let results = self.results.0.clone();
        let refused = (results.clone(), wanted.clone());
        let work = move || {
            let result = action.and_then(|action| action.carry_out(timeout));
            // An agent that has ended meanwhile probes again when it is back.
            let _ = results.send(Probed { wanted, result });
        };
        let thread = std::thread::Builder::new().stack_size(STACK);
        if let Err(error) = thread.name("probe".to_owned()).spawn(work) {
            let (results, wanted) = refused;
            let result = Err(format!("the probe can't be made: {error}"));
            let _ = results.send(Probed { wanted, result });
        }
    }
}

/// Field of a container that states a probe.
const fn field(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Startup => "startupProbe",
        ProbeKind::Liveness => "livenessProbe",
        ProbeKind::Readiness => "readinessProbe",
    }
}

fn action<R: Runtime>(
    runtime: &R,
    wanted: &Wanted,
    subject: &Subject<'_>,
    probe: &Value,
) -> Result<Action, String> {
    let text = |value: &Value, field: &str| Some(value.get(field)?.as_str()?.to_owned());
    let place = |stated: &Value| {
        let own = subject.address.unwrap_or(LOOPBACK).to_owned();
        Ok::<Place, String>(Place {
            host: text(stated, "host").unwrap_or(own),
            port: port(wanted.pod, subject, stated.get("port"))?,
        })
    };
    if let Some(exec) = probe.get("exec") {
        let words = exec.get("command").and_then(Value::as_array);
        let words = words.into_iter().flatten().filter_map(Value::as_str);
        let words: Vec<String> = words.map(str::to_owned).collect();
        return runtime.exec(&wanted.attempt, &words).map(Action::Exec);
    }
    if let Some(http) = probe.get("httpGet") {
        let headers = http.get("httpHeaders").and_then(Value::as_array);
        let headers = headers.into_iter().flatten();
        let headers = headers.filter_map(|one| Some((text(one, "name")?, text(one, "value")?)));
        return Ok(Action::Http(Request {
            place: place(http)?,
            path: text(http, "path").unwrap_or_else(|| "/".to_owned()),
            headers: headers.collect(),
        }));
    }
    let connect = probe.get("tcpSocket");
    let connect = connect.ok_or("expected `exec`, `httpGet` or `tcpSocket`")?;
    place(connect).map(Action::Connect)
}

/// The port of the host at which a container listens, by the number or the name in its manifest.
fn port(pod: u32, subject: &Subject<'_>, stated: Option<&Value>) -> Result<u16, String> {
    let known = PodPort::of(pod, subject.manifest);
    let own = match stated {
        Some(Value::String(name)) => {
            let mut known = known.iter();
            let own = known.find(|port| port.name.as_deref() == Some(name));
            own.map(|port| port.host)
        }
        Some(Value::Number(number)) => {
            let number = number
                .as_u64()
                .and_then(|number| u16::try_from(number).ok());
            let mut known = known.iter();
            let own = known.find(|port| Some(port.container) == number);
            own.map_or(number, |port| Some(port.host))
        }
        _ => None,
    };
    own.ok_or_else(|| "its port is none of the container's".to_owned())
}

impl Action {
    fn carry_out(self, timeout: Duration) -> Result<(), String> {
        match self {
            Self::Exec(run) => run(timeout),
            Self::Connect(place) => place.connect(timeout).map(drop),
            Self::Http(request) => request.ask(timeout),
        }
    }
}

impl Place {
    fn connect(&self, timeout: Duration) -> Result<TcpStream, String> {
        let failed = |error: io::Error| format!("{}:{}: {error}", self.host, self.port);
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let found: Option<SocketAddr> = found.map_err(failed)?.next();
        let address = found.ok_or_else(|| format!("{}: the host is not known", self.host))?;
        TcpStream::connect_timeout(&address, timeout).map_err(failed)
    }
}

impl Request {
    fn ask(&self, timeout: Duration) -> Result<(), String> {
        let until_ns = boot_ns() + i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX / 2);
        let stream = self.place.connect(timeout)?;
        let status = self.status(&stream, until_ns);
        match status.map_err(|error| format!("{}: {error}", self.path))? {
            200..400 => Ok(()),
            status => Err(format!("{}: status {status}", self.path)),
        }
    }

    /// Sends the request and reads the status of its answer.
    fn status(&self, mut stream: &TcpStream, until_ns: i64) -> io::Result<u16> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
        let left = || {
            let left = u64::try_from(until_ns - boot_ns()).unwrap_or(0);
            (left > 0)
                .then(|| Duration::from_nanos(left))
                .ok_or_else(late)
        };
        let Place { host, port } = &self.place;
        let own = |name: &str| {
            let mut stated = self.headers.iter();
            stated.any(|(stated, _)| stated.eq_ignore_ascii_case(name))
        };
        let mut head = format!("GET {} HTTP/1.1\r\nconnection: close\r\n", self.path);
        if !own("host") {
            let _ = write!(head, "host: {host}:{port}\r\n");
        }
        if !own("user-agent") {
            head.push_str("user-agent: windtunnel-probe\r\naccept: */*\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        stream.set_write_timeout(Some(left()?))?;
        stream.write_all(head.as_bytes())?;
        let mut answer = Vec::new();
        let mut part = [0; HEAD_MAX];
        while !answer.contains(&b'\n') && answer.len() < HEAD_MAX {
            stream.set_read_timeout(Some(left()?))?;
            let read = stream.read(&mut part).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => late(),
                _ => error,
            })?;
            if read == 0 {
                break;
            }
            answer.extend_from_slice(&part[..read]);
        }
        let text = String::from_utf8_lossy(&answer);
        let status = text.strip_prefix("HTTP/1.").and_then(|rest| {
            let mut words = rest.split_whitespace();
            words.nth(1)?.parse().ok()
        });
        status.ok_or_else(|| io::Error::other("the answer is not HTTP"))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;
    use crate::load::idle::Idle;

    fn result(subject: &Subject<'_>) -> Result<(), String> {
        let probes = Probes::new();
        let wanted = Wanted {
            attempt: AttemptId::new("pod", "web", 0).expect("a name"),
            pod: 3,
            container: 0,
            kind: ProbeKind::Readiness,
        };
        probes.make(&Idle::default(), wanted, subject);
        let wait = Duration::from_secs(20);
        let probed = probes.results.1.recv_timeout(wait).expect("a result");
        probed.result
    }

    fn probed(probe: &Value) -> Result<(), String> {
        let container = json!({"name": "web", "readinessProbe": probe});
        let manifest = json!({"spec": {"containers": [&container]}});
        result(&Subject {
            manifest: &manifest,
            container: &container,
            address: None,
        })
    }

    /// A server that answers one request; its port.
    fn answering(answer: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept()?;
            let mut head = [0; 1024];
            let _ = stream.read(&mut head)?;
            stream.write_all(answer.as_bytes())
        });
        port
    }

    #[test]
    fn requests_succeed_by_their_status() {
        for (answer, is_success) in [
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.0 302 Found\r\n\r\n", true),
            ("HTTP/1.1 404 Not Found\r\n\r\n", false),
            ("HTTP/1.1 503 Busy\r\n\r\n", false),
            ("SSH-2.0\r\n", false),
        ] {
            let port = answering(answer);
            let result = probed(&json!({"httpGet": {"port": port, "path": "/healthz"}}));
            assert_eq!(result.is_ok(), is_success, "{answer}: {result:?}");
        }
    }

    #[test]
    fn a_server_that_says_nothing_fails_by_the_time_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let why = probed(&json!({"httpGet": {"port": port}, "timeoutSeconds": 1}));
        assert_eq!(why, Err("/: no answer in time".to_owned()));
        // A connection is all that is asked for here.
        assert_eq!(probed(&json!({"tcpSocket": {"port": port}})), Ok(()));
        drop(listener);
        let why = probed(&json!({"tcpSocket": {"port": port}}));
        assert!(why.is_err_and(|why| why.contains("refused")));
    }

    #[test]
    fn ports_are_those_of_the_host_and_what_is_missing_is_said() {
        let container = json!({"name": "web", "ports": [{"containerPort": 80, "name": "http"}]});
        let manifest = json!({"spec": {"containers": [&container]}});
        let subject = Subject {
            manifest: &manifest,
            container: &container,
            address: None,
        };
        let host = PodPort::of(3, &manifest)[0].host;
        assert_eq!(port(3, &subject, Some(&json!("http"))), Ok(host));
        assert_eq!(port(3, &subject, Some(&json!(80))), Ok(host));
        assert_eq!(port(3, &subject, Some(&json!(81))), Ok(81));
        assert!(port(3, &subject, Some(&json!("grpc"))).is_err());
        assert!(result(&subject).is_err());
        let why = probed(&json!({"exec": {"command": ["true"]}}));
        assert!(why.is_err_and(|why| why.contains("runs no commands")));
    }
}
