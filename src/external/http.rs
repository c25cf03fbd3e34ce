//! Servers on this machine that are asked over HTTP, such as extenders of kube-scheduler.
//!
//! A call is a `POST` of HTTP/1.0, to which no server answers in chunks or keeps the connection for more:
//! all that is needed of a client are a head, a body and a deadline. Nothing beyond the loopback is asked.

#![expect(
    clippy::disallowed_types,
    reason = "a call has a deadline in real time; no decision depends on how long it took"
)]

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use control::exchange::question::Post;
use control::{Answer, Exchange, ExchangeError, Question};
use serde_json::{Value, json};

use super::ANSWER_MAX;

/// Port of HTTP.
const PORT: u16 = 80;

/// Servers that questions name by their URLs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Servers;

/// An address on this machine, and the path there.
struct Address<'a> {
    authority: &'a str,
    hosts: Vec<IpAddr>,
    port: u16,
    path: &'a str,
}

impl<'a> Address<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?;
        let split = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(split);
        let has_port = authority.rfind(':') > authority.rfind(']');
        let (host, port) = match authority.rsplit_once(':').filter(|_| has_port) {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, PORT),
        };
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        let hosts = match plain {
            "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            other => vec![other.parse().ok()?],
        };
        let is_sound = !path.contains(|own: char| own.is_control() || own == ' ');
        (is_sound && hosts.iter().all(IpAddr::is_loopback)).then_some(Self {
            authority,
            hosts,
            port,
            path: if path.is_empty() { "/" } else { path },
        })
    }
}

/// Whether a URL is one of HTTP on this machine.
pub fn is_on_this_machine(url: &str) -> bool {
    Address::of(url).is_some()
}

impl Exchange for Servers {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        let Question::Post(call) = question else {
            let name = question.name();
            return Err(ExchangeError(format!("servers aren't asked `{name}`")));
        };
        let answer = match post(call) {
            Ok((200, body)) => match serde_json::from_slice::<Value>(&body) {
                Ok(body) => json!({"status": 200, "body": body}),
                Err(error) => json!({"error": format!("the answer is no JSON: {error}")}),
            },
            Ok((status, _)) => json!({"status": status}),
            Err(why) => json!({"error": why}),
        };
        Ok(Answer::Text(answer.to_string()))
    }

    fn name(&self) -> String {
        "the extenders".to_owned()
    }

    fn again(&self) -> Box<dyn Exchange> {
        Box::new(*self)
    }
}

/// Posts a body; the status and the body of the answer, or why there is none.
fn post(call: &Post) -> Result<(u16, Vec<u8>), String> {
    let Some(address) = Address::of(&call.url) else {
        return Err(
            "expected an address of this machine, such as http://127.0.0.1:8888".to_owned(),
        );
    };
    let deadline = Instant::now() + Duration::from_nanos(call.timeout_nanos);
    let mut stream = connect(&address, deadline)?;
    let body = call.body.to_string();
    let (path, authority, length) = (address.path, address.authority, body.len());
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let told = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => LATE.to_owned(),
        _ => error.to_string(),
    };
    let limit = Some(left(deadline)?);
    stream.set_write_timeout(limit).map_err(told)?;
    // In one piece: a second one would wait for the acknowledgement of the first.
    stream.write_all((head + &body).as_bytes()).map_err(told)?;
    let mut answer = Vec::new();
    let mut part = [0; 1 << 14];
    loop {
        stream
            .set_read_timeout(Some(left(deadline)?))
            .map_err(told)?;
        let read = stream.read(&mut part).map_err(told)?;
        answer.extend_from_slice(&part[..read]);
        if answer.len() as u64 > ANSWER_MAX {
            return Err("gave an answer of more than 64 MiB".to_owned());
        }
        if let Some(whole) = whole(&answer, read == 0)? {
            return Ok(whole);
        }
    }
}

const LATE: &str = "gave no whole answer in its time";

/// The time that is left.
fn left(deadline: Instant) -> Result<Duration, String> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(LATE.to_owned());
    }
    Ok(left)
}

fn connect(address: &Address<'_>, deadline: Instant) -> Result<TcpStream, String> {
    let mut why = String::new();
    for host in &address.hosts {
        let socket = SocketAddr::new(*host, address.port);
        match TcpStream::connect_timeout(&socket, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// The status and the body of an answer, if it is whole.
fn whole(answer: &[u8], is_end: bool) -> Result<Option<(u16, Vec<u8>)>, String> {
    const BREAK: &[u8] = b"\r\n\r\n";
    let head_end = answer.windows(BREAK.len()).position(|own| own == BREAK);
    let Some(head_end) = head_end else {
        return if is_end {
            Err("ended before its answer".to_owned())
        } else {
            Ok(None)
        };
    };
    let head = String::from_utf8_lossy(&answer[..head_end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().filter(|line| line.starts_with("HTTP/1."));
    let status = status.and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let Some(status) = status else {
        return Err("gave an answer that is not HTTP".to_owned());
    };
    let body = &answer[head_end + BREAK.len()..];
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: Option<usize> = length.and_then(|(_, length)| length.trim().parse().ok());
    match length {
        Some(length) if body.len() >= length => Ok(Some((status, body[..length].to_vec()))),
        Some(_) if is_end => Err("ended in the middle of an answer".to_owned()),
        None if is_end => Ok(Some((status, body.to_vec()))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answer of the client to a server that says `answer`.
    fn asked(answer: &'static str, timeout: Duration) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a call");
            let (mut call, mut piece) = (Vec::new(), [0; 4096]);
            // All of it: what is left unread when the connection ends would reset it.
            while !call.ends_with(b"{\"Pod\":1}") {
                let read = stream.read(&mut piece).expect("a call");
                call.extend_from_slice(&piece[..read]);
            }
            stream.write_all(answer.as_bytes()).expect("it is read");
            if answer.is_empty() {
                // Until the caller gives up.
                let _ = stream.read(&mut piece);
            }
            String::from_utf8_lossy(&call).into_owned()
        });
        let question = Question::Post(Post {
            url: format!("http://127.0.0.1:{port}/a/filter"),
            timeout_nanos: timeout.as_nanos() as u64,
            body: json!({"Pod": 1}),
        });
        let answer = Servers.ask(&question).expect("always an answer");
        let answer = answer.text(&question).into_owned();
        let call = server.join().expect("it ends");
        assert!(call.starts_with("POST /a/filter HTTP/1.0\r\n"), "{call}");
        answer
    }

    #[test]
    fn a_server_answers_or_its_failure_is_the_answer() {
        let long = Duration::from_mins(10);
        for (answer, expected) in [
            (
                "HTTP/1.1 200 OK\r\n\r\n{\"a\": 1}\n",
                r#"{"status":200,"body":{"a":1}}"#,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]more",
                r#"{"status":200,"body":[]}"#,
            ),
            (
                "HTTP/1.0 500 Oops\r\nContent-Length: 0\r\n\r\n",
                r#"{"status":500}"#,
            ),
            (
                "HTTP/1.1 200 OK\r\n\r\nNaN",
                r#"{"error":"the answer is no JSON"#,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
                r#"{"error":"ended in the middle"#,
            ),
            (
                "SSH-2.0\r\n\r\n",
                r#"{"error":"gave an answer that is not HTTP"}"#,
            ),
        ] {
            let answer = asked(answer, long);
            assert!(answer.starts_with(expected), "{answer}");
        }
        let late = asked("", Duration::from_millis(20));
        assert_eq!(late, r#"{"error":"gave no whole answer in its time"}"#);
    }

    #[test]
    fn only_this_machine_is_asked() {
        for (url, is_here) in [
            ("http://127.0.0.1:8888", true),
            ("http://localhost/x", true),
            ("http://[::1]:80/x", true),
            ("https://127.0.0.1", false),
            ("http://10.0.0.1:80", false),
            ("http://127.0.0.1.example.org", false),
            ("http://127.0.0.1:80@example.org/", false),
            ("http://localhost:99999", false),
            ("http://127.0.0.1/a b", false),
        ] {
            assert_eq!(is_on_this_machine(url), is_here, "{url}");
        }
    }
}
