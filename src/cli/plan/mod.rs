//! `windtunnel plan`: what binds in a cluster, what a loss leaves waiting, which nodes can go, how few
//! or how cheap nodes are enough, and when the cluster is full.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use lab::around::Around;
use lab::folder::{Existing, refuse_files, write_file};
use lab::plan::request::{HORIZON, Inquiry, Request, STEPS, lists, refuse_none};
use lab::plan::watch::Work;
use lab::plan::{Minimize, Order, Plan};
use lab::shell::quoted;
use lab::snapshot::NamedCluster;
use report::plan::{FILES, PlanFile, PlanReport};

use super::snapshot::{SchedulerArguments, described, ignored, tell};
use super::{Exit, Failure, Global, interrupt, output, terminal};
use cluster::{CLUSTER_FILES, write_cluster};
use onlooker::{printed, watched};

mod answer;
mod cluster;
mod onlooker;
mod scenario;
mod verify;

const EXAMPLES: &str = "Examples:
  kubectl get nodes,pods,pv,pvc,sc,pdb,priorityclass,ns,svc,quota,limits,deploy,rs,sts,ds,job,cronjob,hpa \\
    -A -o json > dump.json
  windtunnel plan dump.json
  windtunnel plan dump.json --minimize nodes
  windtunnel plan dump.json --minimize cost --types prices.csv --only 'm5.*,c5.*' --survive node
  windtunnel plan dump.json --grow 5%/month --horizon 12mo
  windtunnel plan dump.json --survive zone --check
  windtunnel plan dump.json --headroom 20=web.yaml --overcommit cpu=1.5 --requests p95.csv
  windtunnel plan dump.json --minimize nodes --out plan/ && windtunnel run plan/cluster.yaml
  windtunnel plan --verify plan/plan.json dump.json

A plan places every pod that has to run by the Kubernetes scheduler itself: by falling priority, then
in the order of the dump, without preemption. Pods that wait today stay out and are listed, unless
`--strict` is given. Nodes that are bought carry their daemons and static pods first; the allocatable
amounts of a type are the least of its ready nodes in the dump, else those of the list.";

/// Arguments of `plan`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and none excludes another"
)]
pub(super) struct PlanArguments {
    /// Cluster: files of `kubectl get -o json|yaml`, folders of them, a snapshot scenario, or `-`
    #[arg(required_unless_present_any = ["clusters", "verify"], value_name = "SNAPSHOT")]
    pub(super) paths: Vec<PathBuf>,
    /// Dump of a cluster whose name is put before those of its namespaces, nodes and volumes, so that several clusters
    /// count as one; may be repeated
    #[arg(long = "as", value_name = "NAME=FILE", value_parser = NamedCluster::parse)]
    clusters: Vec<NamedCluster>,
    /// Make the number of nodes or their price small: drains existing nodes, or buys others with
    /// `--types`
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(super) minimize: Option<What>,
    /// Buy nodes of the types of this price list (CSV or JSON), from nothing
    #[arg(long, value_name = "FILE")]
    types: Option<PathBuf>,
    /// Price list of the existing nodes' types (CSV or JSON); nothing is bought
    #[arg(long, value_name = "FILE", conflicts_with = "types")]
    prices: Option<PathBuf>,
    /// Label of pods, or of their namespaces, that names the team which the bill is split by
    #[arg(long, value_name = "KEY")]
    team_label: Option<String>,
    /// Only types of these names, in which `*` stands for any text; may be repeated
    #[arg(
        long,
        value_name = "PATTERN",
        value_delimiter = ',',
        requires = "types"
    )]
    only: Vec<String>,
    /// Keep the existing nodes and buy beside them
    #[arg(long, requires = "types")]
    keep: bool,
    /// Count the pods that wait today among those that have to run; exit 10 where a bound is not
    /// reached
    #[arg(long)]
    pub(super) strict: bool,
    /// Every pod finds a node after the loss of any node, of any N nodes whichever they are, any zone, or any value of a
    /// label: `node`, `node:2`, `zone`, a label; may be repeated
    #[arg(long, value_name = "DOMAIN")]
    survive: Vec<String>,
    /// Share of cpu and memory that stays free in every zone on the nodes that pods can use, such as `10%`, or a number of pods of a
    /// file for which there has to be room, such as `20=web.yaml`; may be repeated
    #[arg(long, value_name = "SHARE|N=FILE")]
    headroom: Vec<String>,
    /// Factor by which nodes offer more of a resource than they have, such as `cpu=1.5`; may be
    /// repeated
    #[arg(long, value_name = "RESOURCE=FACTOR", value_delimiter = ',')]
    overcommit: Vec<String>,
    /// Give pods the requests of a file: a table with `namespace`, `pod` or `workload`, `cpu` and
    /// `memory`, objects of vertical autoscalers, or an answer of Prometheus, of which the 95th percentile of
    /// cpu and the most memory count; `cpu=FILE` and `memory=FILE` say what a file is about, `FILE+15%` adds
    /// that margin; may be repeated
    #[arg(long, value_name = "FILE")]
    requests: Vec<String>,
    /// Reserve for the system on nodes of types that the dump lacks: `eks`, `gke`, `aks`, `none`, or amounts such as
    /// `cpu=80m,memory=1Gi`; without it the formulas of the cloud where the dump's nodes keep something
    #[arg(long, value_name = "CLOUD|AMOUNTS", requires = "types")]
    reserved: Option<String>,
    /// Let pods displace others of lower priority after a loss, on bought nodes and in growth
    #[arg(long)]
    preemption: bool,
    /// Growth of workloads: `5%/month`, `1%/week`, `5/month`, or of some alone: `shop/*=10%`; may be repeated
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    grow: Vec<String>,
    /// How far to look ahead, such as `12mo`, `52w` or `2y`
    #[arg(long, value_name = "TIME", default_value = HORIZON, requires = "grow")]
    horizon: String,
    /// Goal of a scenario, such as `pending_time.p99<=30s`; replaces its `objectives`; may be repeated
    #[arg(long, value_name = "METRIC<=BOUND")]
    pub(super) goal: Vec<String>,
    /// Number of seeds under which the goals of a scenario have to hold
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(super) seeds: u64,
    /// Further orders of the pods to try, seeded
    #[arg(long, value_name = "N", default_value_t = 0)]
    orders: u64,
    /// Order in which pods are placed, higher priorities first
    #[arg(long, value_enum, value_name = "ORDER", default_value_t = PodOrder::Dump)]
    order: PodOrder,
    /// Number of decisions of the scheduler that the search may take
    #[arg(long, value_name = "N", default_value_t = STEPS)]
    steps: u64,
    #[command(flatten)]
    scheduler: SchedulerArguments,
    /// Exit 100 if a goal is not met
    #[arg(long)]
    check: bool,
    /// Output format of the answer
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    pub(super) format: PlanFormat,
    /// Folder for `plan.json`, `plan.md`, `report.html`, the tables, the proof and the cluster of the
    /// plan as a scenario that runs
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace existing files
    #[arg(long, requires = "out")]
    force: bool,
    /// Read the `plan.json` of an `--out` folder a second time against the dump that it was made of, without the
    /// scheduler and the search: its hash, every move, the node of each pod, room, rules, and the proof;
    /// exit 100 if something does not add up
    #[arg(
        long,
        value_name = "PLAN",
        conflicts_with_all = ["minimize", "types", "prices", "survive", "headroom", "grow", "requests", "out"]
    )]
    verify: Option<PathBuf>,
}

/// Quantity to make small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// Number of nodes.
    Nodes,
    /// Price of nodes; needs `--types`.
    Cost,
}

/// Order in which pods are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PodOrder {
    /// In the order of the dump.
    Dump,
    /// The largest first.
    Large,
}

impl From<PodOrder> for Order {
    fn from(own: PodOrder) -> Self {
        match own {
            PodOrder::Dump => Self::Dump,
            PodOrder::Large => Self::Large,
        }
    }
}

/// Output format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// Sentences and tables for the terminal.
    Table,
    /// JSON, one object.
    Json,
    /// CSV of the losses.
    Csv,
    /// Markdown, for pull requests.
    Markdown,
}

pub(super) fn run(global: &Global, arguments: &PlanArguments) -> Result<Exit, Failure> {
    if let Some(file) = &arguments.verify {
        return verify::run(global, file, arguments);
    }
    match scenario::run(global, arguments)? {
        Some(exit) => Ok(exit),
        None => answer(global, arguments),
    }
}

/// Answers questions to a dump.
fn answer(global: &Global, arguments: &PlanArguments) -> Result<Exit, Failure> {
    if let Some(folder) = &arguments.out {
        let names = FILES.into_iter().chain(CLUSTER_FILES);
        refuse_files(folder, names, Existing::forced(arguments.force))?;
    }
    let request = request(arguments);
    let (traces, ignored) = (global.traces_dirs(), ignored(global)?);
    let work = Arc::new(Work::until(interrupt::shared()));
    let mut asked = Inquiry::read(
        &request,
        &work,
        &mut Around {
            traces_dirs: &traces,
            ignored: &ignored,
            tell: &mut |warnings| tell(global, warnings),
        },
    )?;
    let summary = described(&asked.snapshot);
    let answers = watched(global, &work, || asked.plan())?;
    let is_unanswered = answers
        .buy
        .as_ref()
        .is_some_and(|buy| buy.purchase.reached.is_none());
    if work.is_stopped() && is_unanswered {
        let message = "interrupted before any number of nodes was seen to be enough";
        return Err(Failure::new(interrupt::exit(), message));
    }
    refuse_none(&request, &answers, &summary)?;
    let command = command();
    let report = PlanReport {
        snapshot: &summary,
        command: &command,
        currency: &asked.currency,
        inputs: &asked.snapshot.inputs,
        lists: lists(&request),
        taken_unix_secs: asked.snapshot.declared.taken_unix_secs,
        questions: &asked.questions,
        plan: &answers,
        assumptions: asked.assumptions.clone(),
        warnings: &asked.snapshot.warnings,
    };
    if let Some(path) = &arguments.out {
        let existing = Existing::forced(arguments.force);
        let folder = PlanFolder { path, existing };
        for file in report.files().map_err(Failure::incomplete)? {
            folder.write(&file)?;
        }
        let changed = asked.changed();
        write_cluster(
            arguments,
            &asked.snapshot,
            &answers.planned,
            changed,
            &folder,
        )?;
    }
    output::print(printed(arguments, &report).as_bytes())?;
    Ok(exit(arguments, &answers, &work))
}

/// The question in the words of the options.
fn request(arguments: &PlanArguments) -> Request {
    let minimize = arguments.minimize.map(|what| match what {
        What::Nodes => Minimize::Nodes,
        What::Cost => Minimize::Cost,
    });
    Request {
        paths: arguments.paths.clone(),
        clusters: arguments.clusters.clone(),
        minimize,
        types: arguments.types.clone(),
        prices: arguments.prices.clone(),
        only: arguments.only.clone(),
        keep: arguments.keep,
        strict: arguments.strict,
        survive: arguments.survive.clone(),
        headroom: arguments.headroom.clone(),
        overcommit: arguments.overcommit.clone(),
        requests: arguments.requests.clone(),
        reserved: arguments.reserved.clone(),
        preemption: arguments.preemption,
        grow: arguments.grow.clone(),
        horizon: arguments.horizon.clone(),
        team_label: arguments.team_label.clone(),
        orders: arguments.orders,
        order: arguments.order.into(),
        steps: arguments.steps,
        config: arguments.scheduler.config.clone(),
        release: arguments.scheduler.release,
    }
}

/// Folder of the files of a plan.
struct PlanFolder<'a> {
    path: &'a Path,
    existing: Existing,
}

impl PlanFolder<'_> {
    fn write(&self, file: &PlanFile) -> Result<(), Failure> {
        let path = self.path.join(file.name);
        Ok(write_file(&path, &file.bytes, self.existing)?)
    }
}

/// The exit code of answers.
fn exit(arguments: &PlanArguments, plan: &Plan, work: &Work) -> Exit {
    if work.is_stopped() {
        terminal::complain("interrupted: the plan is the best answer so far");
        return interrupt::exit();
    }
    let is_hopeless = (plan.buy.as_ref()).is_some_and(|buy| buy.purchase.reached.is_none());
    if is_hopeless || (arguments.check && plan.missed.is_some()) {
        return Exit::GateFailed;
    }
    let of_drain = plan.drain.as_ref().map(|own| own.reached > own.bound);
    let of_purchase = plan.buy.as_ref().and_then(|own| {
        let reached = own.purchase.reached.as_ref()?;
        Some(reached.price > own.purchase.bound)
    });
    if arguments.strict && of_drain.or(of_purchase) == Some(true) {
        return Exit::Inconclusive;
    }
    Exit::Done
}

/// The command line that was given.
pub(super) fn command() -> String {
    let words: Vec<String> = std::env::args().skip(1).map(|word| quoted(&word)).collect();
    format!("windtunnel {}", words.join(" "))
}
