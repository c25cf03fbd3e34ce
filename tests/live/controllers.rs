//! Three control servers over an etcd: the leader is killed, stands still, and is cut off from etcd; etcd
//! loses its majority. Whatever was acknowledged stays, and nothing runs twice.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::{fs, thread};

use live::runtime::clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::agent::PROGRAM;
use crate::sweep::{end_all, run_folder};
use crate::table::Test;
use crate::wait::{millis, seconds, wait_calmly, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "24",
        name: "leader of three killed, paused, cut off; one leads",
        needs: &["pidfd", "etcd"],
        run: leaders,
    },
    Test {
        fault: "25",
        name: "etcd without a majority: work runs on, recovery",
        needs: &["pidfd", "etcd"],
        run: majority,
    },
];

const NODES: [&str; 2] = ["n0", "n1"];

const EXPERIMENT: &str = "\
windtunnel: v1
name: leaders
cluster: {nodes: [{count: 1, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 10}}}]}
workload: [{manifests: web.yaml}]
system: {name: kubernetes, controllers: {}}
models: {nodeLife: observed}
";

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: none
        command: [sleep, \"1000\"]
        resources: {requests: {cpu: 10m, memory: 8Mi}}
";

/// Whether etcd is installed.
pub(crate) fn has_etcd() -> bool {
    let version = Command::new("etcd").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// A port below those that the system gives to connections, one of which may be made before the server listens.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(64);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (first.wrapping_add(step) % 12_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A way to etcd that can be cut: from then on nothing passes, and nobody is told.
struct Relay {
    port: u16,
    is_cut: Arc<AtomicBool>,
}

impl Relay {
    fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_cut);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                let ends = [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))];
                for (from, to) in ends {
                    let flag = Arc::clone(&flag);
                    thread::spawn(move || {
                        if let (Ok(from), Ok(to)) = (from, to) {
                            pass(from, to, &flag);
                        }
                    });
                }
            }
        });
        Self { port, is_cut }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        while is_cut.load(Ordering::Relaxed) {
            thread::sleep(millis(20));
        }
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            let _ = to.shutdown(std::net::Shutdown::Write);
            return;
        }
    }
}

/// Three control servers, two agents, and an etcd.
struct Cluster {
    folder: PathBuf,
    members: Vec<Member>,
    /// Ways of the control servers to the first member of etcd.
    relays: Vec<Relay>,
    ports: Vec<u16>,
    controls: Vec<Option<Child>>,
    agents: Vec<Child>,
}

/// A member of etcd.
struct Member {
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Cluster {
    fn new(name: &str, members: usize, controls: usize) -> Self {
        let folder = run_folder().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("leaders.yaml"), EXPERIMENT).expect("a file");
        fs::write(folder.join("web.yaml"), DEPLOYMENT).expect("a file");
        let mut cluster = Self {
            members: members_of(&folder, members),
            folder,
            relays: Vec::new(),
            ports: (0..controls).map(|_| free_port()).collect(),
            controls: (0..controls).map(|_| None).collect(),
            agents: Vec::new(),
        };
        for number in 0..members {
            cluster.start_member(number);
        }
        let first = cluster.members[0].port;
        cluster.relays = (0..controls).map(|_| Relay::to(first)).collect();
        // The first to start is the first to lead.
        cluster.start_control(0);
        wait_until("a leader", seconds(9), || {
            cluster
                .try_run(&["get", "nodes", "--state", "c0"])
                .is_some()
        });
        for number in 1..controls {
            cluster.start_control(number);
        }
        for node in NODES {
            let folder = cluster.host(node).join("state");
            let folder = folder.to_str().expect("a plain path");
            let arguments = [
                "agent",
                "--allow-root-pods",
                "--node",
                node,
                "--folder",
                folder,
                "--state",
                "c0",
            ];
            let agent = cluster.spawn(&arguments, &format!("notes-{node}"));
            cluster.agents.push(agent);
        }
        wait_until("the nodes", seconds(8), || {
            cluster.json(&["get", "nodes"]).len() == NODES.len()
        });
        cluster.run(&["apply", "web.yaml", "--state", "c0"]);
        cluster.settles(3);
        cluster
    }

    fn host(&self, node: &str) -> PathBuf {
        let test = self.folder.file_name().unwrap_or_default();
        run_folder().join(format!("host-{}-{node}", test.to_string_lossy()))
    }

    fn start_member(&mut self, number: usize) {
        let member = &mut self.members[number];
        let mut command = Command::new("etcd");
        command.args(&member.arguments).current_dir(&self.folder);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        member.child = Some(quiet.spawn().expect("etcd"));
    }

    fn kill_member(&mut self, number: usize) {
        let child = self.members[number].child.take();
        let mut child = child.expect("a member that runs");
        child.kill().expect("a process of this test");
        child.wait().expect("a process of this test");
    }

    fn start_control(&mut self, number: usize) {
        let listen = format!("127.0.0.1:{}", self.ports[number]);
        let all: Vec<String> = self
            .ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        let relay = self.relays[number].port;
        let others = self.members.iter().skip(1).map(|member| member.port);
        let ports: Vec<u16> = std::iter::once(relay).chain(others).collect();
        let etcd: Vec<String> = ports
            .iter()
            .map(|port| format!("http://127.0.0.1:{port}"))
            .collect();
        let state = format!("c{number}");
        let child = self.spawn(
            &[
                "control",
                "leaders.yaml",
                "--state",
                &state,
                "--listen",
                &listen,
                "--store",
                "etcd",
                "--etcd",
                &etcd.join(","),
                "--lease",
                "2s",
                "--servers",
                &all.join(","),
            ],
            &format!("notes-{state}"),
        );
        self.controls[number] = Some(child);
    }

    fn notes(&self, number: usize) -> String {
        fs::read_to_string(self.folder.join(format!("notes-c{number}"))).unwrap_or_default()
    }

    fn signal(&self, number: usize, signal: Signal) {
        let child = self.controls[number].as_ref().expect("a control server");
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), signal).expect("a process of this test");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(&self.folder);
        command.args(arguments);
        command
    }

    fn spawn(&self, arguments: &[&str], notes: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let notes = fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.join(notes));
        command.stderr(notes.expect("a file"));
        command.spawn().expect("the program")
    }

    /// The output of a command; `None` if it failed.
    fn try_run(&self, arguments: &[&str]) -> Option<String> {
        let output = self.command(arguments).output().expect("the program");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the program");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {words}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let all = [arguments, &["-o", "json", "--state", "c0"]].concat();
        let text = self.try_run(&all).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Has the number of replicas set; returns whether that was acknowledged.
    fn scale(&self, replicas: usize) -> bool {
        let replicas = replicas.to_string();
        let object = "Deployment/default/web";
        let arguments = ["scale", object, "--replicas", &replicas, "--state", "c0"];
        self.try_run(&arguments).is_some()
    }

    /// Waits until a number of pods is ready, each with one process. An agent whose connections lead to a
    /// leader that stands still learns of the next one by its heartbeat, after 10 s, and 3 s without an answer.
    fn settles(&self, replicas: usize) {
        wait_calmly(&format!("{replicas} ready pods"), seconds(20), || {
            let pods = self.json(&["get", "pods"]);
            let is_ready = |pod: &&Value| pod["ready"] == true;
            let ready = pods.iter().filter(is_ready).count();
            let workloads = self.workloads();
            let is_settled = pods.len() == replicas && ready == replicas && workloads == replicas;
            (!is_settled).then_some((workloads, pods))
        });
    }

    /// Number of workloads that run, over all nodes.
    fn workloads(&self) -> usize {
        let nodes = NODES.map(|node| fs::read_dir(self.host(node).join("state")));
        let attempts = nodes.into_iter().flatten().flatten().flatten();
        attempts
            .filter(|entry| is_alive(&entry.path().join("state")))
            .count()
    }

    /// Strikes the leader; returns its number. What was acknowledged right before is there under the next
    /// leader.
    fn strikes(
        &mut self,
        what: &str,
        replicas: usize,
        strike: impl FnOnce(&mut Self, usize),
    ) -> usize {
        wait_until("an acknowledged request", seconds(9), || {
            self.scale(replicas)
        });
        let (leader, term) = self.leader();
        let begun = clock::boot_ns();
        strike(self, leader);
        wait_until("another leader", seconds(9), || self.leader().1 > term);
        let elected = (clock::boot_ns() - begun) / 1_000_000;
        wait_until("an acknowledged request", seconds(5), || {
            self.scale(replicas)
        });
        let served = (clock::boot_ns() - begun) / 1_000_000;
        println!(
            "     leader {what}: the next one leads after {elected} ms and answers after {served} ms"
        );
        self.settles(replicas);
        leader
    }

    /// Number of the control server that began the last term, and the term.
    fn leader(&self) -> (usize, u64) {
        let term = |number: usize| {
            let notes = self.notes(number);
            let terms = notes.split(", term ").skip(1);
            let terms = terms.filter_map(|rest| rest.split(',').next()?.parse::<u64>().ok());
            terms.max().unwrap_or(0)
        };
        let terms = (0..self.controls.len()).map(|number| (number, term(number)));
        terms
            .max_by_key(|&(_, term)| term)
            .expect("a control server")
    }
}

/// Whether the workload of an attempt runs.
fn is_alive(state: &std::path::Path) -> bool {
    let read = || {
        let text = fs::read_to_string(state).ok()?;
        let state: Value = serde_json::from_str(text[text.find('{')?..].trim_end()).ok()?;
        let pid = state.pointer("/workload/pid").and_then(Value::as_u64)?;
        let pid = u32::try_from(pid).ok()?;
        live::runtime::procfs::stat(pid)
            .ok()
            .map(|stat| stat.is_alive())
    };
    read().unwrap_or(false)
}

fn members_of(folder: &std::path::Path, count: usize) -> Vec<Member> {
    let ports: Vec<(u16, u16)> = (0..count).map(|_| (free_port(), free_port())).collect();
    let peer =
        |(number, &(_, peer)): (usize, &(u16, u16))| format!("e{number}=http://127.0.0.1:{peer}");
    let all: Vec<String> = ports.iter().enumerate().map(peer).collect();
    let member = |(number, &(port, peer)): (usize, &(u16, u16))| {
        let own = format!("http://127.0.0.1:{port}");
        let peer = format!("http://127.0.0.1:{peer}");
        let data = folder.join(format!("e{number}"));
        let arguments = [
            ["--name", &format!("e{number}")],
            ["--data-dir", data.to_str().expect("a plain path")],
            ["--listen-client-urls", &own],
            ["--advertise-client-urls", &own],
            ["--listen-peer-urls", &peer],
            ["--initial-advertise-peer-urls", &peer],
            ["--initial-cluster", &all.join(",")],
        ];
        Member {
            port,
            arguments: arguments
                .as_flattened()
                .iter()
                .map(|&one| one.to_owned())
                .collect(),
            child: None,
        }
    };
    ports.iter().enumerate().map(member).collect()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let controls = self.controls.iter_mut().flatten();
        let members = self.members.iter_mut().filter_map(|one| one.child.as_mut());
        for child in self.agents.iter_mut().chain(controls).chain(members) {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            for number in 0..self.controls.len() {
                println!("control server {number}:\n{}", self.notes(number));
            }
        }
        for node in NODES {
            end_all(&self.host(node), node);
        }
    }
}

fn leaders() {
    let mut cluster = Cluster::new("leaders", 1, 3);
    let killed = cluster.strikes("killed", 4, |cluster, leader| {
        let control = cluster.controls[leader].take();
        let mut control = control.expect("a control server");
        control.kill().expect("a process of this test");
        control.wait().expect("a process of this test");
    });
    cluster.start_control(killed);
    let paused = cluster.strikes("paused", 2, |cluster, leader| {
        cluster.signal(leader, Signal::STOP);
    });
    cluster.signal(paused, Signal::CONT);
    wait_until("the paused one steps down", seconds(5), || {
        cluster.notes(paused).contains("steps down")
    });
    let cut = cluster.strikes("cut off", 5, |cluster, leader| {
        cluster.relays[leader].is_cut.store(true, Ordering::Relaxed);
    });
    wait_until("the one that is cut off steps down", seconds(5), || {
        cluster.notes(cut).contains("steps down")
    });
    cluster.relays[cut].is_cut.store(false, Ordering::Relaxed);
    cluster.run(&["record", "--out", "run.log", "--state", "c0"]);
    let replayed = cluster.run(&["replay", "run.log", "leaders.yaml"]);
    assert!(replayed.contains("to the same commands"), "{replayed}");
}

fn majority() {
    let mut cluster = Cluster::new("majority", 3, 1);
    cluster.kill_member(2);
    wait_until("two of three are enough", seconds(9), || cluster.scale(4));
    cluster.settles(4);
    cluster.kill_member(1);
    assert!(
        !cluster.scale(1),
        "nothing is acknowledged without a majority"
    );
    assert_eq!(cluster.workloads(), 4, "work runs on");
    cluster.start_member(1);
    cluster.start_member(2);
    wait_until("an acknowledged request", seconds(9), || cluster.scale(5));
    cluster.settles(5);
}
