//! `windtunnel live load`: a control server of its own under the load of many agents.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Args;

use live::access::location;
use live::load::{Bearer, Load, Measured, Spread};
use units::plural;

use super::super::{Exit, Failure, Global, output, terminal};
use super::access::seconds;
use super::show::aligned;

/// Longest time for a control server to start.
const START: Duration = Duration::from_secs(20);

pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live load experiment.yaml --folder /tmp/load
  windtunnel live load experiment.yaml --folder /tmp/load --agents 5 --pods 50 --calm 5s

A control server of the experiment's system is started for it, as a program of its own. The agents are
the real ones, with their connections, heartbeats and reports over TLS; their containers are no
processes, so what is measured is the control server.";

/// Arguments of `live load`.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct LoadArguments {
    /// Experiment whose system runs
    #[arg(value_name = "EXPERIMENT")]
    experiment: PathBuf,
    /// Folder for the state of the control server and of the agents; it must not exist
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Number of agents
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    agents: u32,
    /// Number of pods
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pods: u32,
    /// Number of decisions that are measured
    #[arg(long, value_name = "N", default_value_t = 300)]
    decisions: u32,
    /// Time for which nothing but heartbeats passes
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    calm: String,
    /// Longest time for all pods to be ready
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    patience: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The control server, which ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn load(global: &Global, arguments: &LoadArguments) -> Result<Exit, Failure> {
    let folder = std::path::absolute(&arguments.folder).map_err(Failure::input)?;
    if folder.exists() {
        return Err(Failure::input(format!(
            "{}: the folder exists; name one that does not",
            folder.display()
        )));
    }
    let time = |option: &str, text: &str| {
        let seconds = seconds(option, text, 1)?;
        Ok::<Duration, Failure>(Duration::from_secs(u64::try_from(seconds).unwrap_or(1)))
    };
    let load = Load {
        agents: arguments.agents,
        pods: arguments.pods,
        decisions: arguments.decisions,
        quiet: time("--calm", &arguments.calm)?,
        patience: time("--patience", &arguments.patience)?,
    };
    let state = folder.join("state");
    let server = start(&arguments.experiment, &state)?;
    let bearer = Bearer {
        pid: server.0.id(),
        state,
    };
    let tells = |what: &str| {
        if !global.quiet {
            terminal::complain(&format!("load: {what}"));
        }
    };
    let measured = load.put_on(&bearer, &folder.join("agents"), &tells);
    let measured = measured.map_err(Failure::incomplete)?;
    drop(server);
    let text = if arguments.json {
        let text = serde_json::to_string_pretty(&measured).map_err(Failure::incomplete)?;
        format!("{text}\n")
    } else {
        aligned(&table(&measured))
    };
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Starts a control server and waits until it can be asked.
fn start(experiment: &Path, state: &Path) -> Result<Server, Failure> {
    let program = std::env::current_exe().map_err(Failure::incomplete)?;
    let mut command = Command::new(program);
    command.args(["-q", "live", "control"]).arg(experiment);
    command.arg("--state").arg(state);
    command.args(["--listen", "127.0.0.1:0"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut server = Server(command.spawn().map_err(Failure::incomplete)?);
    let pause = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    while location(state).is_err() {
        let ended = server.0.try_wait().map_err(Failure::incomplete)?;
        if ended.is_some() || waited > START {
            return Err(Failure::incomplete("the control server did not start"));
        }
        std::thread::park_timeout(pause);
        waited += pause;
    }
    Ok(server)
}

fn table(measured: &Measured) -> Vec<Vec<String>> {
    let spread = |spread: Spread| {
        format!(
            "p50 {:.1} ms, p99 {:.1} ms of {}",
            spread.p50, spread.p99, spread.samples
        )
    };
    let rows = [
        ("agents", measured.agents.to_string()),
        ("pods", measured.pods.to_string()),
        (
            "all agents registered",
            format!("{:.1} s", measured.joining_s),
        ),
        (
            "all pods ready",
            format!(
                "{:.1} s, {:.1} s of processor",
                measured.ready_s, measured.ready_cpu_s
            ),
        ),
        ("decision and its record", spread(measured.decision_ms)),
        ("heartbeat", spread(measured.heartbeat_ms)),
        (
            "heartbeats alone",
            format!(
                "{:.1} % of a processor, {:.2} ms a heartbeat",
                measured.quiet_cpu_percent, measured.heartbeat_cpu_ms
            ),
        ),
        ("memory at most", format!("{:.0} MiB", measured.memory_mib)),
        (
            "log",
            format!(
                "{}, {:.0} a pod; {} more by heartbeats",
                plural::count(measured.log_bytes, "byte"),
                measured.log_bytes_a_pod,
                plural::count(measured.quiet_log_bytes, "byte")
            ),
        ),
        (
            "file of the journal",
            plural::count(measured.file_bytes, "byte"),
        ),
    ];
    let rows = rows.into_iter();
    rows.map(|(what, value)| vec![what.to_owned(), value])
        .collect()
}
