//! `windtunnel live load`: a control server of its own under the load of many agents.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use live::access::location;
use live::load::side::{Run, Side};
use live::load::{Bearer, Borne, Load, Measured, Spread};
use live::record::Log;
use live::runtime::clock::boot_ns;
use live::story::{Fitted, Story};
use units::{Instant, plural};

use super::table::aligned;
use cli::{Exit, Failure, Global, output, terminal};
use live::simulated::chosen::chosen;
use live::simulated::story::{Folder, Told};

/// Longest time for a control server to start.
const START: Duration = Duration::from_secs(20);

pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live load experiment.yaml --folder /tmp/load
  windtunnel live load experiment.yaml --folder /tmp/load --agents 5 --pods 50 --calm 5s
  windtunnel live load experiment.yaml --folder /tmp/load --simulate 24h

A control server of the experiment's system is started for it, as a program of its own. The agents are
the real ones, with their connections, heartbeats and reports over TLS; their containers are no
processes, so what is measured is the control server.";

/// Arguments of `live load`.
#[derive(Clone, Debug, Args)]
pub(super) struct LoadArguments {
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
    /// Simulate the same load for this long as well, and show both side by side
    #[arg(long, value_name = "DURATION")]
    simulate: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Figures that the command prints.
#[derive(Serialize)]
struct Printed {
    #[serde(flatten)]
    measured: Measured,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<Compared>,
}

/// The load on real hosts and in the simulator.
#[derive(Serialize)]
struct Compared {
    real: Taken,
    simulated: Taken,
    /// Decisions of the simulated scheduler.
    decisions: u64,
    /// Length of the log of the real control server after the simulated time, at the rate of heartbeats
    /// alone and without snapshots.
    #[serde(rename = "logBytesThen")]
    log_bytes_then: u64,
}

/// A side and the time that it took.
#[derive(Serialize)]
struct Taken {
    #[serde(flatten)]
    side: Side,
    /// Real time that passed, in seconds.
    #[serde(rename = "tookS")]
    took_s: f64,
}

/// The control server, which ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A duration in seconds, at least one.
fn seconds(option: &str, text: &str) -> Result<i64, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::input(format!("{option}: `{text}`: {why}; expected such as `24h`"))
    };
    let duration: units::Duration = text.parse().map_err(|error| wrong(&error))?;
    let seconds = duration.as_nanos() / 1_000_000_000;
    if seconds < 1 {
        return Err(wrong(&"expected at least 1s"));
    }
    Ok(seconds)
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
        let seconds = seconds(option, text)?;
        Ok::<Duration, Failure>(Duration::from_secs(u64::try_from(seconds).unwrap_or(1)))
    };
    let load = Load {
        agents: arguments.agents,
        pods: arguments.pods,
        decisions: arguments.decisions,
        quiet: time("--calm", &arguments.calm)?,
        patience: time("--patience", &arguments.patience)?,
    };
    let simulate = arguments.simulate.as_deref();
    let simulate = simulate
        .map(|text| seconds("--simulate", text))
        .transpose()?;
    let state = folder.join("state");
    let server = start(&arguments.experiment, &state)?;
    let bearer = Bearer {
        pid: server.0.id(),
        state,
    };
    let tells = |what: &str| {
        if !global.is_quiet() {
            terminal::complain(&format!("load: {what}"));
        }
    };
    let borne = load.put_on(&bearer, &folder.join("agents"), &tells);
    let borne = borne.map_err(Failure::incomplete)?;
    drop(server);
    let compared = simulate.map(|time_s| {
        tells("the same load is simulated");
        compare(global, arguments, &load, &borne, Instant::from_secs(time_s))
    });
    let printed = Printed {
        compared: compared.transpose()?,
        measured: borne.measured,
    };
    let text = if arguments.json {
        let text = serde_json::to_string_pretty(&printed).map_err(Failure::incomplete)?;
        format!("{text}\n")
    } else {
        let both = printed.compared.as_ref().map(both);
        let both = both.map_or(String::new(), |both| format!("\n{}", aligned(&both)));
        format!("{}{both}", aligned(&table(&printed.measured)))
    };
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Simulates what the record of a load tells, until `end` at least.
fn compare(
    global: &Global,
    arguments: &LoadArguments,
    load: &Load,
    borne: &Borne,
    end: Instant,
) -> Result<Compared, Failure> {
    let chosen = chosen(global, &arguments.experiment, None, &[])?;
    let log = Log::read(&borne.log).map_err(Failure::incomplete)?;
    let story = Story::of(&log, chosen.plane(&log.header)?).map_err(Failure::incomplete)?;
    let lasted_s = borne.measured.lasted_s;
    let run = Run {
        events: &story.events,
        changes: story.changes,
    };
    let real = Taken {
        side: Side::of(load, &story, lasted_s, run),
        took_s: lasted_s,
    };
    let mut told = Told {
        story,
        document: chosen.document,
    };
    told.story.end = end.max(told.story.end);
    let begun = boot_ns();
    let folder = Folder::create(Some(&arguments.folder.join("simulated")))?;
    let simulated = told.simulate(global, &folder.folder, &Fitted::default())?;
    folder.finish()?;
    let took = units::Duration::from_nanos(boot_ns() - begun);
    let time_s = simulated.end.at.since(Instant::ZERO).as_secs_f64();
    let run = Run {
        events: &simulated.events,
        changes: simulated.end.changes,
    };
    let left_s = (time_s - lasted_s).max(0.0);
    let measured = &borne.measured;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "lengths below 2^52"
    )]
    let grown = (measured.quiet_log_bytes as f64 / measured.quiet_s.max(1e-3) * left_s) as u64;
    Ok(Compared {
        simulated: Taken {
            side: Side::of(load, &told.story, time_s, run),
            took_s: took.as_secs_f64(),
        },
        real,
        decisions: simulated.end.decisions,
        log_bytes_then: borne.log.len() as u64 + grown,
    })
}

/// Both sides, a line for each figure.
fn both(compared: &Compared) -> Vec<Vec<String>> {
    let Compared {
        real, simulated, ..
    } = compared;
    let span = |seconds: f64| format!("{seconds:.1} s");
    let start = |side: &Side| {
        let start = side.start_ms;
        format!("p50 {:.1} ms, p99 {:.1} ms", start.p50, start.p99)
    };
    let ready = |side: &Side| side.ready_s.map_or("never".to_owned(), span);
    #[expect(clippy::cast_precision_loss, reason = "a number of decisions")]
    let decision_ms = simulated.took_s * 1e3 / compared.decisions.max(1) as f64;
    let row =
        |what: &str, of: &dyn Fn(&Taken) -> String| vec![what.to_owned(), of(real), of(simulated)];
    vec![
        vec![String::new(), "real".to_owned(), "simulated".to_owned()],
        row("time of the cluster", &|taken| span(taken.side.time_s)),
        row("time that it took", &|taken| span(taken.took_s)),
        row("heartbeats", &|taken| taken.side.heartbeats.to_string()),
        row("bindings", &|taken| taken.side.bindings.to_string()),
        vec![
            "a decision, all else included".to_owned(),
            "as above".to_owned(),
            format!("{decision_ms:.3} ms"),
        ],
        row("all pods ready", &|taken| ready(&taken.side)),
        row("binding to running", &|taken| start(&taken.side)),
        row("nodes found lost", &|taken| {
            taken.side.lost_nodes.to_string()
        }),
        row("orders to end", &|taken| {
            taken.side.ordered_ends.to_string()
        }),
        row("changes of the store", &|taken| {
            taken.side.changes.to_string()
        }),
        vec![
            "log after the simulated time".to_owned(),
            plural::count(compared.log_bytes_then, "byte"),
            "none".to_owned(),
        ],
    ]
}

/// Starts a control server and waits until it can be asked.
fn start(experiment: &Path, state: &Path) -> Result<Server, Failure> {
    let program = std::env::current_exe().map_err(Failure::incomplete)?;
    let mut command = Command::new(program);
    command.args(["-q", "control"]).arg(experiment);
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
