//! `windtunnel live agent`: a node daemon with the process runtime.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;

use live::access::{NODE_FILE, address, cluster, secret};
use live::client::Client;
use live::daemon::Daemon;
use live::runtime::clock::wall_ns;
use live::runtime::host::capacity;
use live::runtime::process::{Config, Enforcement, ProcessRuntime};
use live::wire::Registration;
use live::wire::declaration::{Amount, Declaration};

use super::super::{Exit, Failure, Global, interrupt, terminal};
use super::ServerArguments;

pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live agent --node n0 --folder /var/lib/windtunnel-n0 --state /var/lib/windtunnel

Each container runs its `command` as a process of this host, under a shim that outlives the agent: an
agent that was killed or stopped finds its containers when it starts again. Images are not used.";

/// Arguments of `live agent`.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct AgentArguments {
    /// Name of the node
    #[arg(long, value_name = "NAME")]
    node: String,
    /// Folder for the state of containers; of one agent alone
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Processor time to offer, such as `2` or `500m` [default: that of the host]
    #[arg(long, value_name = "QUANTITY")]
    cpu: Option<String>,
    /// Memory to offer, such as `4Gi` [default: that of the host]
    #[arg(long, value_name = "QUANTITY")]
    memory: Option<String>,
    /// Number of pods to offer
    #[arg(long, value_name = "N", default_value_t = 110)]
    pods: u32,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn run(global: &Global, arguments: &AgentArguments) -> Result<Exit, Failure> {
    let state = &arguments.server.state;
    let unread = |error: std::io::Error| {
        Failure::input(format!(
            "{}: no control server was started with this state ({error}); give its folder with \
             `--state`",
            state.display()
        ))
    };
    let address = address(state).map_err(unread)?;
    let secret = secret(&state.join(NODE_FILE)).map_err(unread)?;
    let program = std::env::current_exe().map_err(Failure::incomplete)?;
    // Shims work in folders of their own.
    let folder = std::path::absolute(&arguments.folder).map_err(Failure::input)?;
    let runtime = ProcessRuntime::open(Config {
        folder: folder.clone(),
        node: arguments.node.clone(),
        shim: vec![program.into(), "live".into(), "shim".into()],
        enforcement: Enforcement::BestEffort,
        cgroup_root: None,
    });
    let runtime = runtime.map_err(Failure::input)?;
    let client = Client::new(address, &secret);
    let registration = registration(arguments, &folder);
    let daemon = Daemon::new(registration, &cluster(&secret), runtime, client);
    if !global.quiet {
        let node = &arguments.node;
        terminal::complain(&format!("node `{node}` of the control server at {address}"));
    }
    let interrupted = interrupt::flag();
    let is_interrupted = || interrupted.load(Ordering::Relaxed);
    let complain = |problem: &str| terminal::complain(&format!("note: {problem}"));
    let ended = daemon.run(&is_interrupted, &complain);
    ended.map_err(Failure::input)?;
    Ok(interrupt::exit())
}

/// The registration of this host.
fn registration(arguments: &AgentArguments, folder: &Path) -> Registration {
    let host = capacity();
    let amount = |resource: &str, quantity: String| Amount {
        resource: resource.to_owned(),
        quantity,
    };
    let cpu = arguments.cpu.clone();
    let memory = arguments.memory.clone();
    let node = &arguments.node;
    Registration {
        node: node.clone(),
        // The folder stands for the machine: its containers are the node's.
        machine: cluster(&folder.display().to_string()),
        process: format!("{node}-{}-{}", wall_ns(), std::process::id()),
        declaration: Declaration {
            labels: Vec::new(),
            allocatable: vec![
                amount("cpu", cpu.unwrap_or(format!("{}m", host.cpu_milli))),
                amount("memory", memory.unwrap_or(host.memory_bytes.to_string())),
                amount("pods", arguments.pods.to_string()),
            ],
        },
    }
}
