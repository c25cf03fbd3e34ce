//! A server with a folder of its own, and requests to it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest time for something to come true; nothing is asserted about how long it took.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with experiments and results, which goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// An empty folder.
    pub(crate) fn new(name: &str) -> Self {
        let own = format!("windtunnel-serve-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(own);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("root/results")).expect("a folder");
        fs::create_dir_all(path.join("bin")).expect("a folder");
        Self(path)
    }

    /// The root that is shown.
    pub(crate) fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// Writes a file below the root.
    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Writes a log below the results, compressed.
    pub(crate) fn log(&self, result: &str, lines: &str) {
        let folder = self.root().join("results").join(result);
        fs::create_dir_all(&folder).expect("a folder");
        let file = File::create(folder.join("events.jsonl.zst")).expect("a file");
        zstd::stream::copy_encode(lines.as_bytes(), file, 1).expect("it is compressed");
    }

    /// A copy of the server beside a stand-in for the program.
    pub(crate) fn server(&self, stand_in: &str) -> PathBuf {
        let server = self.0.join("bin/windtunnel-serve");
        fs::copy(env!("CARGO_BIN_EXE_windtunnel-serve"), &server).expect("a copy");
        for name in ["windtunnel", "windtunnel-live"] {
            let program = self.0.join("bin").join(name);
            fs::write(&program, stand_in).expect("a script");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it may run");
        }
        server
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that runs.
pub(crate) struct Site {
    /// The process.
    pub(crate) child: Child,
    /// Address of the page, as it was printed.
    pub(crate) address: String,
    /// Port of the server.
    pub(crate) port: u16,
    /// The token.
    pub(crate) token: String,
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status of the answer.
    pub(crate) status: u16,
    /// Headers, in lower case.
    pub(crate) head: String,
    /// Body as text.
    pub(crate) body: String,
}

impl Answer {
    /// Body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Site {
    /// Starts a server over a folder.
    pub(crate) fn start(server: &Path, root: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(server)
            .args(["--root", "."])
            .args(more)
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line.trim().to_owned();
        let rest = address.strip_prefix("http://127.0.0.1:").expect("loopback");
        let (port, token) = rest.split_once("/?token=").expect("a token");
        Self {
            port: port.parse().expect("a port"),
            token: token.to_owned(),
            address,
            child,
        }
    }

    /// Sends a request as it stands.
    pub(crate) fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|own| own.parse().ok());
        Answer {
            status: status.unwrap_or(0),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    /// A request with headers; the host is the server's, unless one is given.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|own| own.starts_with("Host:")) {
            text.extend(["Host: 127.0.0.1:", &self.port.to_string(), "\r\n"]);
        }
        for header in headers {
            text.extend([*header, "\r\n"]);
        }
        if !body.is_empty() {
            let length = body.len().to_string();
            text.extend([
                "Content-Type: application/json\r\nContent-Length: ",
                &length,
                "\r\n",
            ]);
        }
        self.send(&format!("{text}\r\n{body}"))
    }

    /// The cookie of a visitor.
    pub(crate) fn cookie(&self) -> String {
        format!("Cookie: other=1; windtunnel-{}={}", self.port, self.token)
    }

    /// Asks as the page does.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[&self.cookie()], "")
    }

    /// Tells as the page does.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let origin = format!("Origin: http://127.0.0.1:{}", self.port);
        let headers = [self.cookie(), origin];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        self.request("POST", path, &headers, &body.to_string())
    }

    /// Asks until an answer is as wanted, and gives it back.
    pub(crate) fn until(&self, path: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let answer = self.get(path);
            let own = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
            if is_wanted(&own) {
                return own;
            }
            assert!(begun.elapsed() < PATIENCE, "{path}: {answer:?}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until the process has ended.
    pub(crate) fn ended(&mut self) {
        let begun = Instant::now();
        while self.child.try_wait().expect("a state").is_none() {
            assert!(begun.elapsed() < PATIENCE, "the server ends");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Interrupts the server, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &id]).status();
        assert!(told.is_ok_and(|status| status.success()));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A log of two nodes and three pods.
pub(crate) const LOG: &str = r#"{"time_ns":0,"variant":"v","kind":"joined","object":"Node/a","what":"zone z","amounts":{"cpu":"4","memory":"8Gi"}}
{"time_ns":0,"variant":"v","kind":"joined","object":"Node/b","what":"","amounts":{"cpu":"2"}}
{"time_ns":0,"variant":"v","kind":"created","object":"Deployment/d/web","what":""}
{"time_ns":1000000000,"variant":"v","kind":"created","object":"ReplicaSet/d/web-1","what":"","owner":"Deployment/d/web"}
{"time_ns":1000000000,"variant":"v","kind":"created","object":"Pod/d/web-1-x","what":"","amounts":{"cpu":"1"},"owner":"ReplicaSet/d/web-1"}
{"time_ns":1000000000,"variant":"v","kind":"created","object":"Pod/d/big","what":"","amounts":{"cpu":"16"}}
{"time_ns":2000000000,"variant":"v","kind":"bound","object":"Pod/d/web-1-x","what":"to a"}
{"time_ns":2000000000,"variant":"v","kind":"unschedulable","object":"Pod/d/big","what":""}
{"time_ns":3000000000,"variant":"v","kind":"running","object":"Pod/d/web-1-x","what":""}
{"time_ns":4000000000,"variant":"v","kind":"down","object":"Node/b","what":""}
{"time_ns":5000000000,"variant":"v","kind":"ended","object":"Pod/d/web-1-x","what":"Completed"}
"#;

/// A summary that is enough for a list.
pub(crate) const SUMMARY: &str =
    r#"{"name": "x", "variants": [{"name": "v", "endNs": 9000000000}]}"#;
