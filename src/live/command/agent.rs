//! `windtunnel live agent`: a node daemon with the runtime of processes, or that of a Docker engine.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Args, ValueEnum};

use live::access::{Location, NODE_FILE, announce, location};
use live::client::Client;
use live::daemon::{Daemon, Reserves};
use live::joining::{Renewal, join};
use live::runtime::clock::{boot_ns, wall_ns};
use live::runtime::docker::{DockerConfig, DockerRuntime, SOCKET};
use live::runtime::host::{capacity, labels};
use live::runtime::process::{Config, Enforcement, ProcessRuntime};
use live::runtime::{Account, Runtime};
use live::security::credentials::Credentials;
use live::security::gate::{TokenWish, now_s};
use live::security::identity::Role;
use live::security::secrets::{cluster, machine, secret};
use live::security::tls;
use live::security::token::Token;
use live::wire::Registration;
use live::wire::declaration::Declaration;

use units::SortedMap;

use super::ServerArguments;
use super::access::read_token;
use super::control::bytes;
use cli::{Exit, Failure, Global, interrupt, terminal};

pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live agent --node n0 --folder /var/lib/windtunnel-n0 --state /var/lib/windtunnel
  windtunnel live agent --node n1 --folder /var/lib/windtunnel-n1 --server 10.0.0.1:7320 --token-file n1.token

On the machine of the control server `--state` is enough. Elsewhere an agent joins with a token, made
by `windtunnel live token create --role agent`; from then on it has a certificate, which it renews, and
needs `--node` and `--folder` alone.

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
    /// Address of a control server on another machine
    #[arg(
        long = "server",
        value_name = "ADDRESS",
        requires = "token_file",
        conflicts_with = "state"
    )]
    server_address: Option<SocketAddr>,
    /// File with a join token; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
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

/// Name of the files of its credentials.
const AGENT: &str = "agent";

/// Number of problems that are kept in mind.
const SAID_MAX: usize = 32;

/// Time after which a problem that lasts is noted again, in nanoseconds.
const REPEAT_NS: i64 = 60_000_000_000;

/// Seconds for which the token is valid that an agent of this machine gets.
const OWN_TOKEN_S: i64 = 60;

/// Time between two looks for a control server that is starting.
const STARTING_LOOK: Duration = Duration::from_millis(100);

/// Number of these looks.
const STARTING_LOOKS: u32 = 300;

/// The control server of an agent.
struct Server {
    client: Client,
    renewal: Option<Renewal>,
    /// Name that tells its containers from those of other control servers.
    cluster: String,
}

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
    let server = server(arguments, &folder.join(CREDENTIALS))?;
    let address = server.client.address();
    let registration = registration(arguments, folder, address, runtime.labels())?;
    let mut daemon = Daemon::new(
        registration,
        &server.cluster,
        folder,
        runtime,
        server.client,
    );
    if let Some(renewal) = server.renewal {
        daemon = daemon.renewing(renewal);
    }
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

/// The control server, and the credentials for it: those of the folder, else new ones.
fn server(arguments: &AgentArguments, folder: &Path) -> Result<Server, Failure> {
    let state = &arguments.server.state;
    let known = location(folder).ok();
    let location = match (arguments.server_address, known) {
        (Some(address), _) => Location {
            address,
            is_plain: false,
        },
        // A server of this machine may have another address than it had.
        (None, known) => awaited(state, known.is_none()).or_else(|error| {
            known.ok_or_else(|| {
                Failure::input(format!(
                    "{}: no control server was started with this state ({error}); give its folder \
                     with `--state`, or `--server` and `--token-file`",
                    state.display()
                ))
            })
        })?,
    };
    let address = location.address;
    if location.is_plain {
        let secret = secret(&state.join(NODE_FILE)).map_err(Failure::input)?;
        return Ok(Server {
            client: Client::plain(address, &secret).remembering(folder),
            renewal: None,
            cluster: cluster(&secret),
        });
    }
    let credentials = match Credentials::read(folder, AGENT) {
        Ok(known) if !known.has_expired(now_s()) => known,
        _ => {
            let token = match &arguments.token_file {
                Some(file) => read_token(file)?,
                None => own_token(arguments)?,
            };
            let joined = join(address, &token, &arguments.node, folder, AGENT);
            joined.map_err(Failure::input)?
        }
    };
    announce(folder, location).map_err(Failure::input)?;
    let cluster = credentials.cluster().map_err(Failure::input)?;
    let config = tls::client(&credentials).map_err(Failure::input)?;
    Ok(Server {
        client: Client::secured(address, config).remembering(folder),
        renewal: Some(Renewal::new(folder, AGENT, credentials)),
        cluster,
    })
}

/// The place of this machine's control server; one that is starting is waited for if nothing else says
/// where it is.
fn awaited(state: &Path, waits: bool) -> std::io::Result<Location> {
    let interrupted = interrupt::flag();
    for look in 0..STARTING_LOOKS {
        let found = location(state);
        if found.is_ok() || !waits || interrupted.load(Ordering::Relaxed) {
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

/// A token for this agent alone, from the control server of this machine.
fn own_token(arguments: &AgentArguments) -> Result<Token, Failure> {
    let wish = TokenWish {
        role: Role::Agent,
        name: Some(arguments.node.clone()),
        uses: 1,
        valid_s: OWN_TOKEN_S,
    };
    let client = arguments.server.client()?;
    let token: String = client
        .post("/v1/tokens", &wish)
        .map_err(Failure::incomplete)?;
    token.parse().map_err(Failure::incomplete)
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
    Ok(Registration {
        node: node.clone(),
        // The folder stands for the machine: its containers are the node's.
        machine: machine(folder).map_err(Failure::incomplete)?,
        process: format!("{node}-{}-{}", wall_ns(), std::process::id()),
        declaration: Declaration::of(&[("cpu", &cpu), ("memory", &memory), ("pods", &pods)])
            .within(&[("cpu", &all[0]), ("memory", &all[1]), ("pods", &pods)])
            .labelled(labels(node).into_iter().chain(of_runtime)),
        address: arguments
            .address
            .or_else(|| own_address(server))
            .map(|own| own.to_string()),
        term: None,
        pressures: Vec::new(),
    })
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
