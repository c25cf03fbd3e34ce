//! `windtunnel live record`: the log of a control server, or what is seen of a Kubernetes cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;

use cli::{Exit, Failure, Global, interrupt, terminal};
use lab::folder::{Existing, write_file};
use live::control::Control;
use live::driver::Plane;
use live::journal::FileJournal;
use live::kube::engine::{KubeNotice, KubeOptions, schedule};
use live::record::Header;
use live::runtime::clock::{boot_ns, wall_ns};
use units::plural;

use super::kube::ClusterArguments;
use super::{ServerArguments, failed};

pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live record --out run.log
  windtunnel live record --kubeconfig ~/.kube/config --for 1h --out hour.log
  windtunnel live predict hour.log experiment.yaml

Of a cluster, nodes, pods and what schedulers look at beside them are watched and nothing is written, until the time
is over or Ctrl-C is pressed. `live predict` has the scheduler of an experiment decide on the same pods.";

/// Arguments of `live record`.
#[derive(Clone, Debug, Args)]
pub(super) struct RecordArguments {
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    cluster: ClusterArguments,
    /// Time for which a cluster is watched [default: until Ctrl-C]
    #[arg(long = "for", value_name = "DURATION")]
    time: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

impl RecordArguments {
    /// Whether a cluster is watched.
    pub(super) const fn is_of_cluster(&self) -> bool {
        self.cluster.is_named()
    }
}

pub(super) fn record(global: &Global, arguments: &RecordArguments) -> Result<Exit, Failure> {
    if arguments.is_of_cluster() {
        return watch(global, arguments);
    }
    if arguments.time.is_some() {
        return Err(Failure::input(
            "--for: the log of a control server is written as it is; name a cluster with `--kubeconfig` to \
             watch it",
        ));
    }
    let client = arguments.server.client()?;
    let log = client.fetch("/v1/log").map_err(failed)?;
    write_file(&arguments.out, &log, Existing::Refuse).map_err(Failure::incomplete)?;
    Ok(Exit::Done)
}

/// Watches a cluster.
fn watch(global: &Global, arguments: &RecordArguments) -> Result<Exit, Failure> {
    let time = arguments.time.as_deref().map(time).transpose()?;
    let access = Arc::new(arguments.cluster.access()?);
    let journal = FileJournal::create(&arguments.out).map_err(Failure::input)?;
    let header = Header::of_cluster(wall_ns());
    let plane = Plane::watching(header.zero_unix_secs());
    let control = Control::open(header, plane, journal).map_err(Failure::incomplete)?;
    let options = KubeOptions {
        scheduler: String::new(),
        instance: String::new(),
        binds: false,
        lease: (String::new(), String::new()),
        lease_duration: Duration::from_secs(1),
    };
    let interrupted = interrupt::flag();
    let began_ns = boot_ns();
    let is_over = || {
        interrupted.load(Ordering::Relaxed)
            || time.is_some_and(|time| boot_ns() - began_ns >= nanos(time))
    };
    let mut told = |told: KubeNotice| match told {
        KubeNotice::Ready {
            nodes,
            placed,
            waiting,
        } if !global.is_quiet() => terminal::complain(&format!(
            "watches {}, {} on them, {waiting} without a node",
            plural::count(nodes, "node"),
            plural::count(placed, "pod")
        )),
        KubeNotice::Note(note) => terminal::complain(&format!("note: {note}")),
        _ => {}
    };
    schedule(&access, control, &options, &mut told, &is_over).map_err(Failure::incomplete)?;
    if interrupted.load(Ordering::Relaxed) {
        // The record so far is whole.
        return Ok(interrupt::exit());
    }
    Ok(Exit::Done)
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn time(written: &str) -> Result<Duration, Failure> {
    let read: Option<units::Duration> = written.parse().ok();
    let nanos = read.and_then(|own| u64::try_from(own.as_nanos()).ok());
    let nanos = nanos.filter(|&nanos| nanos > 0);
    nanos
        .map(Duration::from_nanos)
        .ok_or_else(|| Failure::input(format!("--for: `{written}`: expected a time such as `1h`")))
}
