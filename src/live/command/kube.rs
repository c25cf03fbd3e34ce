//! `windtunnel live kube`: the scheduler of an experiment on a Kubernetes cluster that is there.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use cli::{Exit, Failure, Global, interrupt, output, terminal};
use live::control::Control;
use live::journal::FileJournal;
use live::kube::engine::{KubeNotice, KubeOptions, KubeSummary, schedule};
use live::kube::kubeconfig::Access;
use live::kube::role;
use live::runtime::clock::wall_ns;
use live::runtime::timestamp;
use live::simulated::chosen::chosen;
use live::wire::wish::Wish;
use units::plural;

pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live kube experiment.yaml --kubeconfig ~/.kube/config
  windtunnel live kube experiment.yaml --kubeconfig config --scheduler-name windtunnel --bind
  windtunnel live kube experiment.yaml --print-role | kubectl apply -f -

The system of the experiment decides as it does in the simulator; nodes, pods and controllers are those of the
cluster. Without `--bind` nothing is written: decisions are printed, and compared with those of the cluster's own
scheduler, whose pods are chosen by `--scheduler-name default-scheduler`.";

/// Whether nobody reads the decisions any more.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Greatest length of an instance's name, which events bear.
const INSTANCE_MAX: usize = 128;

/// Arguments of `live kube`.
#[derive(Clone, Debug, Args)]
pub(super) struct KubeArguments {
    /// Experiment whose scheduler decides
    #[arg(value_name = "EXPERIMENT")]
    experiment: PathBuf,
    /// Variant of the experiment [default: the first]
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Override a field, such as `system.scheduler.profile=first-fit`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    cluster: ClusterArguments,
    /// Name by which pods choose this scheduler (`spec.schedulerName`)
    #[arg(long, value_name = "NAME", default_value = "windtunnel")]
    scheduler_name: String,
    /// Write the decisions: bindings, evictions, conditions and events
    #[arg(long)]
    bind: bool,
    /// Lease that one of several instances holds [default: kube-system/SCHEDULER-NAME]
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "bind")]
    lease: Option<String>,
    /// Time for which the lease is good after it was renewed
    #[arg(
        long,
        value_name = "DURATION",
        requires = "bind",
        default_value = "15s"
    )]
    lease_duration: String,
    /// Name of this instance [default: the host's name and the process]
    #[arg(long, value_name = "NAME", requires = "bind")]
    instance: Option<String>,
    /// File for the log of what was seen, which `live replay` reads
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print decisions as lines of JSON
    #[arg(long)]
    json: bool,
    /// Print the role that is needed, as objects to apply, and end
    #[arg(long)]
    print_role: bool,
}

/// The cluster that a command looks at.
#[derive(Clone, Debug, Args)]
pub(super) struct ClusterArguments {
    /// File that says where the cluster is and who asks [default: the account of the pod that this runs in, or
    /// else `KUBECONFIG` or `~/.kube/config`]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of that file [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

pub(super) fn run(global: &Global, arguments: &KubeArguments) -> Result<Exit, Failure> {
    let name = &arguments.scheduler_name;
    if name.is_empty() {
        return Err(Failure::input(
            "--scheduler-name: expected a name, found none",
        ));
    }
    let lease = lease(arguments)?;
    if arguments.print_role {
        let text = role::manifest(name, &lease.0, arguments.bind);
        output::print(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let variant = arguments.variant.as_deref();
    let chosen = chosen(global, &arguments.experiment, variant, &arguments.sets)?;
    let header = chosen.header(wall_ns()).mirroring(name);
    let plane = chosen.plane(&header)?;
    let access = Arc::new(arguments.cluster.access()?);
    let journal = match &arguments.record {
        None => FileJournal::nowhere(),
        Some(path) => FileJournal::create(path).map_err(Failure::input)?,
    };
    let control = Control::open(header, plane, journal).map_err(Failure::incomplete)?;
    let options = KubeOptions {
        scheduler: name.clone(),
        instance: named_instance(arguments)?,
        binds: arguments.bind,
        lease,
        lease_duration: lease_duration(arguments)?,
    };
    let interrupted = interrupt::flag();
    let is_interrupted = || interrupted.load(Ordering::Relaxed) || CLOSED.load(Ordering::Relaxed);
    if !global.is_quiet() {
        let how = if arguments.bind {
            "binds"
        } else {
            "would bind"
        };
        let address = &access.address;
        terminal::complain(&format!(
            "`{}` {how} the pods of `{name}` at {}:{}",
            chosen.name(),
            address.host,
            address.port
        ));
    }
    let mut told = |told: KubeNotice| tell(global, arguments, &told);
    let summary = schedule(&access, control, &options, &mut told, &is_interrupted);
    let summary = summary.map_err(Failure::incomplete)?;
    if !global.is_quiet() {
        terminal::complain(&summary_text(&summary, arguments.bind));
    }
    if interrupted.load(Ordering::Relaxed) {
        return Ok(interrupt::exit());
    }
    Ok(Exit::Done)
}

/// Namespace and name of the lease.
fn lease(arguments: &KubeArguments) -> Result<(String, String), Failure> {
    let Some(written) = &arguments.lease else {
        return Ok(("kube-system".to_owned(), arguments.scheduler_name.clone()));
    };
    let parts = written
        .split_once('/')
        .filter(|(_, name)| !name.contains('/'));
    let parts = parts.filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
    let (namespace, name) = parts.ok_or_else(|| {
        Failure::input(format!(
            "--lease: `{written}`: expected NAMESPACE/NAME such as `kube-system/windtunnel`"
        ))
    })?;
    Ok((namespace.to_owned(), name.to_owned()))
}

fn lease_duration(arguments: &KubeArguments) -> Result<Duration, Failure> {
    let written = &arguments.lease_duration;
    let read: Option<units::Duration> = written.parse().ok();
    let secs = read.map(|own| own.as_nanos() / 1_000_000_000);
    let secs = secs.and_then(|secs| u64::try_from(secs).ok());
    let secs = secs.filter(|secs| (1..=3_600).contains(secs));
    secs.map(Duration::from_secs).ok_or_else(|| {
        Failure::input(format!(
            "--lease-duration: `{written}`: expected 1s to 1h, such as `15s`"
        ))
    })
}

impl ClusterArguments {
    /// Whether a file was named.
    pub(super) const fn is_named(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some()
    }

    /// Access to the cluster, as the command line or the environment says.
    pub(super) fn access(&self) -> Result<Access, Failure> {
        let context = self.context.as_deref();
        if let Some(file) = &self.kubeconfig {
            return Access::of_file(file, context).map_err(Failure::input);
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|own| !own.is_empty());
        if let (Some(host), Some(port), None) = (
            variable("KUBERNETES_SERVICE_HOST"),
            variable("KUBERNETES_SERVICE_PORT"),
            context,
        ) {
            return Access::of_pod(&host, &port).map_err(Failure::input);
        }
        let home = || Some(PathBuf::from(variable("HOME")?).join(".kube/config"));
        let listed = variable("KUBECONFIG");
        let listed: Vec<PathBuf> = listed.iter().flat_map(std::env::split_paths).collect();
        let there: Vec<&PathBuf> = listed.iter().filter(|file| file.exists()).collect();
        if there.len() > 1 {
            return Err(Failure::input(
                "KUBECONFIG: files are not merged; name one with `--kubeconfig`",
            ));
        }
        let named = there.first().copied().or(listed.first()).cloned();
        let file = named.or_else(home);
        let file =
            file.ok_or_else(|| Failure::input("--kubeconfig: name the file of the cluster"))?;
        Access::of_file(&file, context).map_err(Failure::input)
    }
}

/// The name of this instance.
fn named_instance(arguments: &KubeArguments) -> Result<String, Failure> {
    let Some(name) = &arguments.instance else {
        return Ok(instance());
    };
    if name.is_empty() || name.len() > INSTANCE_MAX {
        return Err(Failure::input(format!(
            "--instance: expected a name of 1 to {INSTANCE_MAX} bytes that no other instance has, found {}",
            name.len()
        )));
    }
    Ok(name.clone())
}

/// A name of this instance that no other one has.
fn instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{}_{}", host.trim(), std::process::id(), wall_ns())
}

/// Prints what happened.
fn tell(global: &Global, arguments: &KubeArguments, told: &KubeNotice) {
    match told {
        KubeNotice::Note(note) => terminal::complain(&format!("note: {note}")),
        KubeNotice::Refused { place, why } => {
            terminal::complain(&format!("note: {place} is tried again: {why}"));
        }
        KubeNotice::Ready {
            nodes,
            placed,
            waiting,
        } if !global.is_quiet() => terminal::complain(&format!(
            "{}, {} on them, {} without a node",
            plural::count(*nodes, "node"),
            plural::count(*placed, "pod"),
            waiting
        )),
        KubeNotice::Ready { .. } => {}
        KubeNotice::Decided(wish) => {
            let at = timestamp(wall_ns());
            let line = if arguments.json {
                format!("{}\n", as_json(&at, wish))
            } else {
                format!("{at}  {}\n", words(wish, arguments.bind))
            };
            let mut out = std::io::stdout().lock();
            let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
            // Nobody reads any more.
            CLOSED.fetch_or(written.is_err(), Ordering::Relaxed);
        }
    }
}

fn words(wish: &Wish, binds: bool) -> String {
    let would = if binds { "" } else { "would " };
    match wish {
        Wish::Bind { pod, node } => format!("{would}bind {} to {node}", pod.place()),
        Wish::Evict { pod } => format!("{would}evict {}", pod.place()),
        Wish::Unschedulable { pod, message } => format!("no node for {}: {message}", pod.place()),
        Wish::Seen { pod, given, node } if given == node => {
            format!("{} is on {node}, as decided", pod.place())
        }
        Wish::Seen { pod, given, node } => {
            format!("{} is on {node}, and {given} was decided", pod.place())
        }
    }
}

fn as_json(at: &str, wish: &Wish) -> Value {
    let pod = wish.pod();
    let mut line = json!({
        "at": at,
        "namespace": pod.namespace,
        "pod": pod.name,
        "uid": pod.uid,
    });
    let (kind, fields) = match wish {
        Wish::Bind { node, .. } => ("bind", json!({"node": node})),
        Wish::Evict { .. } => ("evict", json!({})),
        Wish::Unschedulable { message, .. } => ("unschedulable", json!({"message": message})),
        Wish::Seen { given, node, .. } => ("seen", json!({"node": node, "decided": given})),
    };
    line["decision"] = json!(kind);
    for (field, value) in fields.as_object().into_iter().flatten() {
        line[field] = value.clone();
    }
    line
}

fn summary_text(summary: &KubeSummary, binds: bool) -> String {
    let quantile = |times: &[u64], share: usize| {
        let place = (times.len() * share).div_ceil(100).max(1) - 1;
        times.get(place).map_or(0.0, |&own| own as f64 / 1e6)
    };
    let times = |what: &str, times: &[u64]| {
        if times.is_empty() {
            return String::new();
        }
        format!(
            "; {what} p50 {:.1} ms, p99 {:.1} ms",
            quantile(times, 50),
            quantile(times, 99)
        )
    };
    let decided = times("from a pod's sight to its decision", &summary.decision_ns);
    if binds {
        let answered = times("from there to the answer", &summary.answer_ns);
        return format!(
            "{} decided, {} written, {} refused, {} evicted, {} without a node{decided}{answered}",
            summary.bound, summary.written, summary.refused, summary.evicted, summary.unschedulable
        );
    }
    let seen = summary.agreed + summary.differed;
    format!(
        "{} decided; of {seen} that were then bound, {} are on the node that was decided{decided}",
        summary.bound, summary.agreed
    )
}
