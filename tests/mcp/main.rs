//! The server of the Model Context Protocol as a client meets it: lines of JSON on its standard input
//! and output. The program that it runs is a stand-in that says its words, or the real one where it
//! stands beside the server.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests make folders, start programs and say what they skip"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let own = format!("windtunnel-mcp-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(own);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("files")).expect("a folder");
        Self(path)
    }

    /// A copy of the server beside a stand-in for the program.
    fn server(&self, stand_in: &str) -> PathBuf {
        let server = self.0.join("windtunnel-mcp");
        fs::copy(env!("CARGO_BIN_EXE_windtunnel-mcp"), &server).expect("a copy");
        let program = self.0.join("windtunnel");
        fs::write(&program, stand_in).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it may run");
        server
    }

    fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.files().join(name), text).expect("a file");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A client that has greeted the server.
struct Client {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    calls: u64,
}

impl Client {
    fn start(server: &Path, root: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(server)
            .args(["--root", &root.display().to_string()])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut client = Self {
            child,
            input,
            output,
            calls: 0,
        };
        let greeting = json!({
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let told = client.ask("initialize", &greeting);
        assert_eq!(told["result"]["serverInfo"]["name"], "windtunnel", "{told}");
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.input, "{message}").expect("the server reads");
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters}));
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).expect("an answer");
            let read: Value = serde_json::from_str(&line).expect("a line of JSON");
            if read["id"] == id {
                return read;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.ask("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// Text of a call and whether it is a result.
    fn answer(&mut self, tool: &str, arguments: &Value) -> (String, bool) {
        let told = self.call(tool, arguments);
        let text = told["result"]["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("{tool}: {told}"));
        (text.to_owned(), told["result"]["isError"] == false)
    }

    /// The message of a call that is refused.
    fn refusal(&mut self, tool: &str, arguments: &Value) -> String {
        let told = self.call(tool, arguments);
        let text = told["error"]["message"].as_str();
        text.unwrap_or_else(|| panic!("{told}")).to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ECHO: &str = "#!/bin/sh\nfor word in \"$@\"; do echo \"[$word]\"; done\necho noted >&2\n";

#[test]
fn parameters_become_words() {
    let scratch = Scratch::new("words");
    let server = scratch.server(ECHO);
    scratch.file("dump.yaml", "");
    scratch.file("pod.yaml", "");
    let mut client = Client::start(&server, &scratch.files(), &[]);
    let listed = client.ask("tools/list", &json!({}));
    let tools = listed["result"]["tools"].as_array().expect("tools");
    assert!(tools.len() >= 10, "{listed}");
    for tool in tools {
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
    }
    let asked = json!({"dumps": ["dump.yaml"], "pod": "pod.yaml", "lose": ["n1", "n2"]});
    let words = "[place]\n[dump.yaml]\n[pod.yaml]\n[--lose=n1]\n[--lose=n2]\n\nnoted\n";
    assert_eq!(client.answer("place", &asked), (words.to_owned(), true));
}

#[test]
fn what_is_no_question_is_refused() {
    let scratch = Scratch::new("refused");
    let server = scratch.server(ECHO);
    scratch.file("dump.yaml", "");
    symlink("/etc/passwd", scratch.files().join("link")).expect("a link");
    let mut client = Client::start(&server, &scratch.files(), &[]);
    let dump = "dump.yaml";
    for (asked, part) in [
        (
            json!({"dumps": ["../windtunnel"], "job": dump}),
            "leads out of",
        ),
        (
            json!({"dumps": ["/etc/passwd"], "job": dump}),
            "leads out of",
        ),
        (json!({"dumps": ["link"], "job": dump}), "leads out of"),
        (
            json!({"dumps": ["--allow-external"], "job": dump}),
            "without `-` in front",
        ),
        (json!({"dumps": [], "job": dump}), "expected 1 to"),
        (json!({"dumps": [dump]}), "`job` is missing"),
        (json!({"dumps": [dump], "job": "gone.yaml"}), "gone.yaml"),
        (json!({"dumps": [dump], "job": 1.5}), "1.5"),
        (
            json!({"dumps": [dump], "job": dump, "external": "x"}),
            "has no parameter",
        ),
        (
            json!({"dumps": vec![dump; 65], "job": dump}),
            "expected 1 to 64",
        ),
    ] {
        let told = client.refusal("queue", &asked);
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = client.refusal("format-disk", &json!({}));
    assert!(
        told.contains("there is no tool `format-disk`; there are place, "),
        "{told}"
    );
    // The server goes on.
    assert!(
        client
            .answer("schema", &json!({}))
            .0
            .starts_with("[schema]")
    );
}

#[test]
fn answers_are_bounded_in_size_and_time() {
    let scratch = Scratch::new("bounds");
    let script = "#!/bin/sh\nif [ $# -gt 1 ]; then exec sleep 60; fi\n\
        i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i + 1)); done; exit 2\n";
    let server = scratch.server(script);
    let limits = ["--size-limit", "2048", "--time-limit", "5"];
    let mut client = Client::start(&server, &scratch.0, &limits);
    let (text, is_done) = client.answer("schema", &json!({}));
    assert!(
        text.len() < 2_200 && text.contains("cut at 2048 of 33000 B"),
        "{text}"
    );
    assert!(!is_done);
    let (text, is_done) = client.answer("systems", &json!({"name": "kubernetes"}));
    assert!(text.contains("ended after 5 s") && !is_done, "{text}");
}

const NODES: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n\
    status: {allocatable: {cpu: '4', memory: 16Gi, pods: '110'}}\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n\
    spec: {containers: [{name: c, image: i, resources: {requests: {cpu: '1'}}}]}\n";
const EXPERIMENT: &str = "windtunnel: v1\nname: small\nworkload: [{manifests: pod.yaml}]\n\
    cluster: {nodes: [{manifests: nodes.yaml}]}\nstop: {at: 1m}\n\
    variants: {one: {}, two: {system: {name: pipeline, scheduler: {profile: most-allocated}}}}\n";

/// Every word of the tools is one that the program knows.
#[test]
fn the_program_understands_its_words() {
    let server = PathBuf::from(env!("CARGO_BIN_EXE_windtunnel-mcp"));
    if !server.with_file_name("windtunnel").is_file() {
        println!("skipped: needs the program beside the server");
        return;
    }
    let scratch = Scratch::new("program");
    scratch.file("nodes.yaml", NODES);
    scratch.file("pod.yaml", POD);
    scratch.file("experiment.yaml", EXPERIMENT);
    let mut client = Client::start(&server, &scratch.files(), &[]);
    let dumps = json!(["nodes.yaml"]);
    for (tool, asked, part) in [
        ("place", json!({"dumps": dumps, "pod": "pod.yaml"}), "4"),
        ("explain", json!({"of": dumps, "pod": "pod.yaml"}), "n1"),
        (
            "run",
            json!({"experiment": "experiment.yaml", "seed": "7"}),
            "seed 7",
        ),
        ("summary", json!({"runs": ["results/small"]}), "two"),
        (
            "compare",
            json!({"experiment": "experiment.yaml", "seeds": "2", "set": ["stop.at=2m"]}),
            "two",
        ),
        ("systems", json!({"name": "kubernetes"}), "kubernetes"),
        ("schema", json!({}), "\"$schema\""),
    ] {
        let (text, is_done) = client.answer(tool, &asked);
        assert!(is_done && text.contains(part), "{tool}: {text}");
    }
    let asked = json!({
        "dumps": ["nodes.yaml", "pod.yaml"], "survive": "node", "headroom": "10%",
        "minimize": "nodes",
    });
    let (text, _) = client.answer("plan", &asked);
    assert!(!text.contains("unexpected argument"), "{text}");
    let asked = json!({"run": "results/small", "kind": "bound", "from": "0s", "to": "1m"});
    let (text, _) = client.answer("events", &asked);
    assert!(text.contains("run it again with --events"), "{text}");
}
