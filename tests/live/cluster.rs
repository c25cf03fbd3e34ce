//! A cluster of programs: a control server and agents over TLS, on this machine or each on a host of its
//! own, and the audit of what they ran.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use live::client::{Client, ClientError};
use live::driver::events::EventRow;
use live::driver::view::{NodeRow, PodRow};
use live::runtime::AttemptId;
use live::security::certs::{SERVER_NAME, USER};
use live::security::credentials::Credentials;
use live::security::tls;
use live::wire::request::{Outcome, Request};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;
use units::{SortedMap, SortedSet};

use crate::agent::PROGRAM;
use crate::fabric::Fabric;
use crate::sweep::{end_all, run_folder};
use crate::wait::{seconds, wait_calmly};
use crate::watch;
pub(crate) use crate::web::Web;

/// Experiment whose system runs.
pub(crate) const EXPERIMENT: &str = "\
windtunnel: v1
name: walk
cluster: {nodes: [{count: 1, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 10}}}]}
workload: [{manifests: web.yaml}]
system: {name: kubernetes, controllers: {}}
models: {nodeLife: observed}
";

/// Number of the host of the control server, in a fabric.
const CONTROL: u8 = 1;

/// Size and kind of a cluster.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) node_count: u8,
    /// Seconds of the cluster's time in a real second.
    pub(crate) pace: u32,
    /// Every party has a host of its own.
    pub(crate) is_networked: bool,
}

/// A cluster of programs; it ends with the test.
pub(crate) struct Cluster {
    pub(crate) folder: PathBuf,
    pub(crate) fabric: Option<Fabric>,
    shape: Shape,
    control: Option<Child>,
    agents: SortedMap<u8, Child>,
    address: SocketAddr,
    /// Further arguments of the control server.
    pub(crate) arguments: Vec<String>,
    /// Variables of the programs, from their next start on.
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// A process of a pod that lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) node: u8,
    /// Number of the pod.
    pub(crate) pod: u32,
    pub(crate) pid: u32,
}

impl Cluster {
    /// A cluster whose control server and agents run.
    pub(crate) fn new(shape: Shape) -> Self {
        let mut cluster = Self::without_agents(shape);
        for node in 0..cluster.shape.node_count {
            cluster.start_agent(node);
        }
        cluster.await_nodes();
        cluster
    }

    /// A cluster whose control server runs.
    pub(crate) fn without_agents(shape: Shape) -> Self {
        Self::with(shape, EXPERIMENT, &[])
    }

    /// A cluster whose control server runs an experiment, with further arguments.
    pub(crate) fn with(shape: Shape, experiment: &str, arguments: &[&str]) -> Self {
        let folder = run_folder().join(shape.name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("walk.yaml"), experiment).expect("a file");
        let fabric = shape
            .is_networked
            .then(|| Fabric::new(shape.node_count + CONTROL));
        let address = match &fabric {
            Some(_) => SocketAddr::from((Fabric::address(CONTROL), 7320)),
            None => SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let mut cluster = Self {
            folder,
            fabric,
            shape,
            control: None,
            agents: SortedMap::new(),
            address,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            environment: Vec::new(),
        };
        fs::write(cluster.folder.join("web.yaml"), cluster.text(Web::of(1))).expect("a file");
        cluster.start_control();
        cluster
    }

    /// Waits until every node is ready.
    pub(crate) fn await_nodes(&self) {
        wait_calmly("every node is ready", seconds(9), || {
            let nodes = self.nodes();
            let ready = nodes.iter().filter(|node| node.ready).count();
            let is_whole = ready == usize::from(self.shape.node_count);
            (!is_whole).then_some(nodes)
        });
    }

    /// Number of a node's host in the fabric.
    pub(crate) const fn number(node: u8) -> u8 {
        node + CONTROL + 1
    }

    /// The network of the cluster.
    pub(crate) fn network(&self) -> &Fabric {
        self.fabric.as_ref().expect("a fabric")
    }

    /// Folder of a host, where a later run finds it if this one is killed.
    pub(crate) fn host(&self, node: u8) -> PathBuf {
        run_folder().join(format!("host-{}-n{node}", self.shape.name))
    }

    /// Address of the control server.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts the control server and waits until it answers.
    pub(crate) fn start_control(&mut self) {
        self.spawn_control();
        self.await_control();
    }

    /// Waits until the control server answers.
    pub(crate) fn await_control(&mut self) {
        wait_calmly("the control server answers", seconds(9), || {
            let control = self.control.as_mut().expect("a control server");
            let ended = control.try_wait().expect("a status");
            assert!(ended.is_none(), "{ended:?}:\n{}", notes(&self.folder));
            self.try_get::<Vec<NodeRow>>("/v1/nodes").err()
        });
        let place = live::access::location(&self.state()).expect("an address");
        self.address = place;
    }

    /// Starts the control server without waiting.
    pub(crate) fn spawn_control(&mut self) {
        assert!(self.control.is_none(), "a control server runs");
        let (address, pace) = (self.address.to_string(), self.shape.pace.to_string());
        let mut command = self.command(CONTROL, &["control", "walk.yaml", "--state", "state"]);
        command.args(["--listen", &address, "--pace", &pace]);
        command.args(&self.arguments);
        self.control = Some(self.in_background(command));
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub(crate) fn kill_control(&mut self) {
        let mut control = self.control.take().expect("a control server");
        control.kill().expect("a process of this test");
        control.wait().expect("a process of this test");
    }

    /// Waits until the control server has ended by itself.
    pub(crate) fn await_control_end(&mut self) {
        let mut control = self.control.take().expect("a control server");
        wait_calmly("the control server ends", seconds(5), || {
            let ended = control.try_wait().expect("a status");
            ended.is_none().then_some("it runs")
        });
    }

    /// Process id of the control server.
    pub(crate) fn control_pid(&self) -> u32 {
        self.control.as_ref().expect("a control server").id()
    }

    /// Process id of an agent.
    pub(crate) fn agent_pid(&self, node: u8) -> u32 {
        self.agents.get(&node).expect("an agent").id()
    }

    pub(crate) fn start_agent(&mut self, node: u8) {
        self.start_agent_of(Path::new(PROGRAM), node, &[]);
    }

    /// Starts an agent with a program of one's own and further arguments.
    pub(crate) fn start_agent_of(&mut self, program: &Path, node: u8, more: &[&str]) {
        let folder = self.host(node).join("state");
        let name = format!("n{node}");
        let mut command = self.program(program, Self::number(node));
        command.args(["-q", "agent", "--node", &name, "--state", "state"]);
        // Workloads of these tests write into folders of the tests.
        if !more
            .iter()
            .any(|word| ["--run-as", "docker"].contains(word))
        {
            command.arg("--allow-root-pods");
        }
        command.arg("--folder").arg(folder).args(more);
        let agent = self.in_background(command);
        self.agents.insert(node, agent);
    }

    pub(crate) fn kill_agent(&mut self, node: u8) {
        let mut agent = self.agents.remove(&node).expect("an agent");
        agent.kill().expect("a process of this test");
        agent.wait().expect("a process of this test");
    }

    /// Orders an agent to end and waits for it; returns whether it ended by itself.
    pub(crate) fn end_agent(&mut self, node: u8) {
        let mut agent = self.agents.remove(&node).expect("an agent");
        let pid = i32::try_from(agent.id()).ok();
        let pid = pid.and_then(rustix::process::Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a process");
        wait_calmly("the agent ends", seconds(5), || {
            let ended = agent.try_wait().expect("a status");
            ended.is_none().then_some("it runs")
        });
    }

    /// The program on a host, or in the network of the test.
    fn program(&self, program: &Path, host: u8) -> Command {
        let mut command = match &self.fabric {
            None => Command::new(program),
            Some(fabric) => {
                let mut command = Command::new("nsenter");
                let path = fabric.path(host);
                command.arg(format!("--net={}", path.display()));
                command.arg(program);
                command
            }
        };
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn command(&self, host: u8, words: &[&str]) -> Command {
        let mut command = self.program(Path::new(PROGRAM), host);
        command.args(["-q"]).args(words);
        command
    }

    fn in_background(&self, mut command: Command) -> Child {
        let notes = fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.join("notes"));
        command.stdout(Stdio::null());
        command.stderr(notes.expect("a file"));
        command.spawn().expect("the program")
    }

    /// `kubectl` with the access of a folder.
    pub(crate) fn kubectl_of(&self, folder: &str, words: &[&str]) -> Output {
        let mut command = self.program(Path::new("kubectl"), CONTROL);
        command.args(["--kubeconfig", &format!("{folder}/kubeconfig")]);
        // What it knows of servers is kept in the folder of the test.
        command.args(["--cache-dir", "cache"]).args(words);
        watch::output(command)
    }

    /// What `kubectl` prints with the access of the server's own user.
    #[track_caller]
    pub(crate) fn kubectl(&self, words: &[&str]) -> String {
        let output = self.kubectl_of("state", words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        format!("{}{said}", String::from_utf8_lossy(&output.stdout))
    }

    /// The log of a pod, as far as there is one.
    pub(crate) fn log(&self, pod: &str) -> Result<String, String> {
        let client = self.client()?;
        let path = format!("/api/v1/namespaces/default/pods/{pod}/log");
        let log = self.within(|| client.fetch(&path));
        let log = log.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    /// Wants a number of pods of the deployment.
    #[track_caller]
    pub(crate) fn scale(&self, replicas: i32) {
        let object = "Deployment/default/web".to_owned();
        let outcome = self.ask(&Request::Scale { object, replicas });
        assert_eq!(outcome.refused, Vec::<String>::new());
    }

    /// Starts a user's command without waiting.
    pub(crate) fn spawn(&self, words: &[&str]) -> Child {
        self.in_background(self.command(CONTROL, words))
    }

    /// Runs a user's command to its end, which must come.
    pub(crate) fn output(&self, words: &[&str]) -> Output {
        watch::output(self.command(CONTROL, words))
    }

    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let output = self.output(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Does something in the network of the control server.
    pub(crate) fn within<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        match &self.fabric {
            None => action(),
            Some(fabric) => fabric.within(CONTROL, action),
        }
    }

    fn client(&self) -> Result<Client, String> {
        self.client_of(Path::new("state"))
    }

    /// A client with the access of a folder, beside the experiment's file unless absolute.
    pub(crate) fn client_of(&self, folder: &Path) -> Result<Client, String> {
        let (address, config) = self.access(folder)?;
        Ok(Client::secured(address, config))
    }

    fn access(&self, folder: &Path) -> Result<(SocketAddr, Arc<ClientConfig>), String> {
        let folder = self.folder.join(folder);
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let address = live::access::location(&folder).map_err(|error| words(&error))?;
        let credentials = Credentials::read(&folder, USER).map_err(|error| words(&error))?;
        let config = tls::client(&credentials).map_err(|error| words(&error))?;
        Ok((address, config))
    }

    /// A connection of the server's own user on which a test writes whatever it likes.
    pub(crate) fn raw(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let (address, config) = self.access(Path::new("state")).expect("access");
        let name = ServerName::try_from(SERVER_NAME).expect("a name");
        let connection = ClientConnection::new(config, name).expect("a client");
        StreamOwned::new(
            connection,
            TcpStream::connect(address).expect("a connection"),
        )
    }

    pub(crate) fn try_get<T>(&self, path: &str) -> Result<T, String>
    where
        T: serde::de::DeserializeOwned + Send,
    {
        let client = self.client()?;
        let answer = self.within(|| client.get(path));
        answer.map_err(|error: ClientError| error.to_string())
    }

    fn get<T: serde::de::DeserializeOwned + Send>(&self, path: &str) -> Vec<T> {
        self.try_get(path).unwrap_or_default()
    }

    pub(crate) fn pods(&self) -> Vec<PodRow> {
        self.get("/v1/pods")
    }

    pub(crate) fn nodes(&self) -> Vec<NodeRow> {
        self.get("/v1/nodes")
    }

    /// Events with a reason, oldest first.
    pub(crate) fn events(&self, reason: &str) -> Vec<EventRow> {
        let mut events: Vec<EventRow> = self.get("/v1/events?after=0");
        events.retain(|event| event.reason == reason);
        events
    }

    fn text(&self, web: Web) -> String {
        web.text(&self.folder.join("track"))
    }

    /// Applies a deployment; returns the answer of a server that gave one.
    pub(crate) fn try_apply(&self, web: Web) -> Result<Outcome, String> {
        let text = self.text(web);
        // Beside the experiment, too: it names the file.
        fs::write(self.folder.join("web.yaml"), &text).expect("a file");
        self.try_ask(&Request::Apply {
            file: "web.yaml".to_owned(),
            text,
        })
    }

    fn try_ask(&self, request: &Request) -> Result<Outcome, String> {
        let client = self.client()?;
        let answer = self.within(|| client.post("/v1/requests", request));
        answer.map_err(|error| error.to_string())
    }

    /// A request that is made when this is called, whatever becomes of the server.
    pub(crate) fn later(&self, request: Request) -> impl FnOnce() + Send + 'static {
        let client = self.client().expect("a client");
        move || drop(client.post::<Outcome>("/v1/requests", &request))
    }

    /// Asks for a change.
    #[track_caller]
    pub(crate) fn ask(&self, request: &Request) -> Outcome {
        self.try_ask(request).expect("an answer")
    }

    #[track_caller]
    pub(crate) fn apply(&self, web: Web) {
        let outcome = self.try_apply(web).expect("an answer");
        assert_eq!(outcome.refused, Vec::<String>::new());
    }

    /// Processes of pods that live, over all nodes.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let mut found = Vec::new();
        for node in 0..self.shape.node_count {
            let Ok(entries) = fs::read_dir(self.host(node).join("state")) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let Ok(attempt) = name.parse::<AttemptId>() else {
                    continue;
                };
                let number = attempt.pod().rsplit('.').next();
                let pod = number.and_then(|number| number.parse().ok());
                if let (Some(pod), Some(pid)) = (pod, workload(&entry.path())) {
                    found.push(Process { node, pod, pid });
                }
            }
        }
        found.sort();
        found
    }

    /// Waits until a number of pods are ready, each lives where it is believed to be, and nothing else
    /// does.
    #[track_caller]
    pub(crate) fn agrees(&self, wanted: u32) {
        wait_calmly("cluster and hosts agree", seconds(9), || {
            let mut pods = self.pods();
            let processes = self.processes();
            let believed: SortedSet<(String, u32)> = pods
                .iter()
                .filter(|pod| pod.ready && !pod.terminating)
                .map(|pod| (pod.node.clone().unwrap_or_default(), pod.pod))
                .collect();
            let found: SortedSet<(String, u32)> = processes
                .iter()
                .map(|process| (format!("n{}", process.node), process.pod))
                .collect();
            let is_whole = believed.len() == wanted as usize && pods.len() == wanted as usize;
            pods.retain(|pod| !pod.ready || pod.terminating);
            let agree = is_whole && believed == found && processes.len() == found.len();
            (!agree).then_some((believed, found, pods))
        });
    }

    /// The audit: every attempt was started once, on one host, and the record replays to the same
    /// commands.
    #[track_caller]
    pub(crate) fn audit(&self) {
        let text = fs::read_to_string(self.folder.join("track")).unwrap_or_default();
        let mut starts: SortedMap<&str, Vec<&str>> = SortedMap::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if words[3] == "start" {
                starts.entry(words[0]).or_default().push(line);
            }
        }
        starts.retain(|_, lines| lines.len() != 1);
        assert!(starts.is_empty(), "started more than once: {starts:#?}");
        let log = self.folder.join("run.log");
        let _ = fs::remove_file(&log);
        self.run(&["record", "--out", "run.log", "--state", "state"]);
        let replayed = self.run(&["replay", "run.log", "walk.yaml"]);
        assert!(
            replayed.contains("replayed to the same commands"),
            "{replayed}"
        );
    }
}

/// Process id of the workload in the folder of an attempt.
fn workload(folder: &Path) -> Option<u32> {
    let text = fs::read_to_string(folder.join("state")).ok()?;
    let start = text.find('{')?;
    let state: Value = serde_json::from_str(text[start..].trim_end()).ok()?;
    let pid = state.pointer("/workload/pid").and_then(Value::as_u64)?;
    let pid = u32::try_from(pid).ok()?;
    let stat = live::runtime::procfs::stat(pid).ok()?;
    stat.is_alive().then_some(pid)
}

/// The last notes of the programs, for failures.
fn notes(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("notes")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(50)..].join("\n")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("notes of `{}`:\n{}", self.shape.name, notes(&self.folder));
            if let Ok(events) = self.try_get::<Vec<EventRow>>("/v1/events?after=0") {
                let shown = events.iter().rev().take(60).rev();
                for event in shown {
                    let at_ms = event.at_ns / 1_000_000 % 1_000_000;
                    eprintln!(
                        "{at_ms:>6} {} {} {}",
                        event.reason, event.object, event.message
                    );
                }
            }
        }
        let agents = std::mem::take(&mut self.agents);
        for mut child in agents.into_values().chain(self.control.take()) {
            let _ = child.kill();
            let _ = child.wait();
        }
        for node in 0..self.shape.node_count {
            end_all(&self.host(node), &format!("n{node}"));
        }
    }
}
