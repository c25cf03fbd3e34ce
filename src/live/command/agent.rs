//! `windtunnel live agent`: a node daemon with the runtime of processes, or that of a Docker engine.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Args, ValueEnum};

use live::access::location;
use live::client::Client;
use live::daemon::{Daemon, Reserves};
use live::runtime::clock::{boot_ns, wall_ns};
use live::runtime::docker::{DockerConfig, DockerRuntime, SOCKET};
use live::runtime::host::{capacity, labels};
use live::runtime::process::{Config, Enforcement, ProcessRuntime};
use live::runtime::{Account, Runtime};
use live::security::certs::{self, LIFE_DAYS};
use live::security::credentials::Credentials;
use live::security::identity::{Identity, Role};
use live::security::secrets::machine;
use live::security::tls;
use live::wire::Registration;
use live::wire::declaration::{Amount, Declaration, Label};

use units::SortedMap;

use super::ServerArguments;
use super::control::bytes;
use cli::{Exit, Failure, Global, interrupt, terminal};

pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live agent --node n0 --folder /var/lib/windtunnel-n0 --state /var/lib/windtunnel
  windtunnel live agent --node n1 --folder /var/lib/windtunnel-n1 --state ./n1.certs

On the machine of the control server `--state` is the folder of its state. Elsewhere it is a folder that
`windtunnel live certs agent/n1` made.

Each container runs its `command` as a process of this host, under a shim that outlives the agent: an
agent that was killed or stopped finds its containers when it starts again. With `--runtime docker` each
container is one of its image, which a Docker engine of this host runs.";

/// Arguments of `live agent`.
#[derive(Clone, Debug, Args)]
pub(super) struct AgentArguments {
    /// Name of the node
    #[arg(long, value_name = "NAME")]
    node: String,
    /// Folder for the state of containers; of one agent alone
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Runtime of the containers
    #[arg(long, value_enum, default_value_t = RuntimeName::Process)]
    runtime: RuntimeName,
    /// User of this host that processes run as, where the agent is root's [default: nobody]
    #[arg(long, value_name = "USER", conflicts_with = "allow_root_pods")]
    run_as: Option<String>,
    /// Let processes run as root, where the agent is root's: who may apply pods has all that this host has
    #[arg(long)]
    allow_root_pods: bool,
    /// Attitude to limits that this host can't keep
    #[arg(long, value_enum, default_value_t = LimitsName::BestEffort)]
    limits: LimitsName,
    /// Socket of the Docker engine
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    docker_socket: PathBuf,
    /// Processor time to offer, such as `2` or `500m` [default: that of the host]
    #[arg(long, value_name = "QUANTITY")]
    cpu: Option<String>,
    /// Memory to offer, such as `4Gi` [default: that of the host]
    #[arg(long, value_name = "QUANTITY")]
    memory: Option<String>,
    /// Address at which other hosts reach the pods of this node [default: the one that the control server
    /// sees]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// Number of pods to offer
    #[arg(long, value_name = "N", default_value_t = 110)]
    pods: u32,
    /// Label of the node, such as `topology.kubernetes.io/zone=a`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
    /// Further resource to offer, such as `nvidia.com/gpu=2`; may be repeated
    #[arg(long, value_name = "NAME=QUANTITY", value_parser = pair)]
    resource: Vec<(String, String)>,
    /// Most processes of a container [default: as many as the host has]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..))]
    max_processes: Option<u64>,
    /// Space on the disk of the folder below which the node takes no new pods [default: a tenth of the
    /// disk, at most 1Gi]
    #[arg(long, value_name = "SIZE")]
    disk_reserve: Option<String>,
    /// Number of processes that the host can still start below which the node takes no new pods [default:
    /// a twentieth of its limit]
    #[arg(long, value_name = "N")]
    process_reserve: Option<u64>,
    #[command(flatten)]
    server: ServerArguments,
}

/// Runtime of an agent's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RuntimeName {
    /// Processes of this host.
    Process,
    /// Containers of a Docker engine.
    Docker,
}

/// Attitude of an agent to limits that its host can't keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LimitsName {
    /// Containers run without such limits.
    BestEffort,
    /// Containers with such limits are not started.
    Strict,
}

/// User that processes run as by default.
const NOBODY: &str = "nobody";

/// Folder of the agent's credentials, in that of its containers.
const CREDENTIALS: &str = ".credentials";

/// Number of problems that are kept in mind.
const SAID_MAX: usize = 32;

/// Time after which a problem that lasts is noted again, in nanoseconds.
const REPEAT_NS: i64 = 60_000_000_000;

/// Time between two looks for a control server that is starting.
const STARTING_LOOK: Duration = Duration::from_millis(100);

/// Number of these looks.
const STARTING_LOOKS: u32 = 300;

pub(super) fn run(global: &Global, arguments: &AgentArguments) -> Result<Exit, Failure> {
    let program = std::env::current_exe().map_err(Failure::incomplete)?;
    // Shims work in folders of their own.
    let folder = std::path::absolute(&arguments.folder).map_err(Failure::input)?;
    let node = arguments.node.clone();
    match arguments.runtime {
        RuntimeName::Process => {
            let account = account(arguments)?;
            let runtime = ProcessRuntime::open(Config {
                account,
                folder: folder.clone(),
                node,
                shim: vec![program.into(), "shim".into()],
                enforcement: match arguments.limits {
                    LimitsName::BestEffort => Enforcement::BestEffort,
                    LimitsName::Strict => Enforcement::Strict,
                },
                cgroup_root: None,
            });
            serve(global, arguments, &folder, runtime.map_err(Failure::input)?)
        }
        RuntimeName::Docker => {
            if arguments.run_as.is_some() || arguments.allow_root_pods {
                return Err(Failure::input(
                    "--run-as, --allow-root-pods: containers of an engine have the users of their images; \
                     leave it out with `--runtime docker`",
                ));
            }
            if arguments.limits == LimitsName::Strict {
                return Err(Failure::input(
                    "--limits strict: an engine keeps limits by its own rules; leave it out with \
                     `--runtime docker`",
                ));
            }
            let runtime = DockerRuntime::open(DockerConfig {
                folder: folder.clone(),
                node,
                socket: arguments.docker_socket.clone(),
            });
            serve(global, arguments, &folder, runtime.map_err(Failure::input)?)
        }
    }
}

/// The user that processes run as; `None` for that of the agent.
fn account(arguments: &AgentArguments) -> Result<Option<Account>, Failure> {
    if !rustix::process::geteuid().is_root() {
        return match &arguments.run_as {
            None => Ok(None),
            Some(user) => Err(Failure::input(format!(
                "--run-as: only an agent of root's can start processes of `{user}`; leave it out"
            ))),
        };
    }
    if arguments.allow_root_pods {
        return Ok(None);
    }
    let user = arguments.run_as.as_deref().unwrap_or(NOBODY);
    let account = Account::named(user);
    let account = account.map_err(|error| {
        Failure::input(format!(
            "--run-as: {error}; name a user that has no rights on this host"
        ))
    })?;
    if account.is_root() {
        return Err(Failure::input(
            "--run-as: processes of root's may do anything; give `--allow-root-pods` if that is wanted",
        ));
    }
    Ok(Some(account))
}

/// Runs a node over a runtime.
fn serve<R: Runtime>(
    global: &Global,
    arguments: &AgentArguments,
    folder: &Path,
    runtime: R,
) -> Result<Exit, Failure> {
    let (address, credentials) = server(arguments, &folder.join(CREDENTIALS))?;
    let client = Client::secured(address, tls::client(&credentials).map_err(Failure::input)?);
    let registration = registration(arguments, folder, address, runtime.labels())?;
    let cluster = credentials.cluster();
    let mut daemon = Daemon::new(registration, &cluster, folder, runtime, client);
    daemon = daemon.limiting_processes(arguments.max_processes);
    let disk = arguments.disk_reserve.as_deref();
    daemon = daemon.reserving(Reserves {
        disk_bytes: disk.map(|size| bytes("--disk-reserve", size)).transpose()?,
        processes: arguments.process_reserve,
    });
    if !global.is_quiet() {
        let node = &arguments.node;
        terminal::complain(&format!("node `{node}` of the control server at {address}"));
    }
    let interrupted = interrupt::flag();
    let is_interrupted = || interrupted.load(Ordering::Relaxed);
    let said = RefCell::new(Said::default());
    let complain = |problem: &str| {
        if said.borrow_mut().is_news(problem, boot_ns()) {
            terminal::complain(&format!("note: {problem}"));
        }
    };
    let ended = daemon.run(&is_interrupted, &complain);
    ended.map_err(Failure::input)?;
    Ok(interrupt::exit())
}

/// Problems that were noted, with the instants of that: one that lasts is noted once a minute.
#[derive(Debug, Default)]
struct Said(SortedMap<String, i64>);

impl Said {
    fn is_news(&mut self, problem: &str, now_ns: i64) -> bool {
        self.0.retain(|_, at_ns| now_ns - *at_ns < REPEAT_NS);
        if self.0.len() >= SAID_MAX {
            self.0.clear();
        }
        self.0
            .insert(problem.to_owned(), now_ns)
            .is_none_or(|at_ns| {
                // The first instant counts.
                self.0.insert(problem.to_owned(), at_ns);
                false
            })
    }
}

/// The control server, and the credentials for it: made where the folder of its state has the key of the
/// authority, and else those of the folder.
fn server(arguments: &AgentArguments, folder: &Path) -> Result<(SocketAddr, Credentials), Failure> {
    let state = &arguments.server.state;
    let address = awaited(state).map_err(|error| {
        Failure::input(format!(
            "{}: no control server was started with this state ({error}); give its folder with `--state`, \
             or one that `windtunnel live certs` made",
            state.display()
        ))
    })?;
    let mut place = state.as_path();
    if certs::has_authority(state) {
        let identity = Identity::new(Role::Agent, &arguments.node).ok_or_else(|| {
            Failure::input("--node: expected a name of 1 to 253 letters, digits, `-`, `.` or `_`")
        })?;
        certs::party(state, folder, &identity, LIFE_DAYS).map_err(Failure::input)?;
        place = folder;
    }
    let credentials = Credentials::read(place, certs::AGENT).map_err(Failure::input)?;
    Ok((address, credentials))
}

/// The place of the control server; one that is starting is waited for.
fn awaited(state: &Path) -> std::io::Result<SocketAddr> {
    let interrupted = interrupt::flag();
    for look in 0..STARTING_LOOKS {
        let found = location(state);
        if found.is_ok() || interrupted.load(Ordering::Relaxed) {
            return found;
        }
        if look == STARTING_LOOKS / 10 {
            terminal::complain(&format!(
                "note: waits for a control server with the state {}",
                state.display()
            ));
        }
        std::thread::park_timeout(STARTING_LOOK);
    }
    location(state)
}

/// The registration of this host.
fn registration(
    arguments: &AgentArguments,
    folder: &Path,
    server: SocketAddr,
    of_runtime: Vec<(&'static str, String)>,
) -> Result<Registration, Failure> {
    let host = capacity();
    let cpu = arguments.cpu.clone();
    let cpu = cpu.unwrap_or(format!("{}m", host.cpu_milli));
    let memory = arguments.memory.clone();
    let memory = memory.unwrap_or(host.memory_bytes.to_string());
    let all = [
        format!("{}m", host.cpu_milli),
        host.memory_bytes.to_string(),
    ];
    let pods = arguments.pods.to_string();
    let node = &arguments.node;
    let declared = Declaration::of(&[("cpu", &cpu), ("memory", &memory), ("pods", &pods)]);
    let declared = declared.within(&[("cpu", &all[0]), ("memory", &all[1]), ("pods", &pods)]);
    let mut declaration = declared.labelled(labels(node).into_iter().chain(of_runtime));
    let own = arguments.label.iter().cloned();
    let own = own.map(|(key, value)| Label { key, value });
    declaration.labels.extend(own);
    let further = arguments.resource.iter().cloned();
    for (resource, quantity) in further {
        let amount = Amount { resource, quantity };
        declaration.capacity.push(amount.clone());
        declaration.allocatable.push(amount);
    }
    Ok(Registration {
        node: node.clone(),
        // The folder stands for the machine: its containers are the node's.
        machine: machine(folder).map_err(Failure::incomplete)?,
        process: format!("{node}-{}-{}", wall_ns(), std::process::id()),
        declaration,
        address: arguments
            .address
            .or_else(|| own_address(server))
            .map(|own| own.to_string()),
        term: None,
        pressures: Vec::new(),
    })
}

/// Key and value of a text.
fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or("expected a name, `=` and a value")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Address of this host as the control server sees it.
fn own_address(server: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    // Nothing is sent: the system says by which address it would be.
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(server).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_that_lasts_is_noted_once_a_minute() {
        let mut said = Said::default();
        assert!(said.is_news("refused", 0));
        assert!(!said.is_news("refused", REPEAT_NS - 1));
        assert!(said.is_news("refused", REPEAT_NS));
        // Two that take turns.
        assert!(said.is_news("timed out", REPEAT_NS + 1));
        for after in 2..10 {
            assert!(!said.is_news("refused", REPEAT_NS + after));
            assert!(!said.is_news("timed out", REPEAT_NS + after));
        }
        for number in 0..100 {
            assert!(said.is_news(&format!("problem {number}"), REPEAT_NS + 10));
        }
        assert!(said.0.len() <= SAID_MAX);
    }
}
