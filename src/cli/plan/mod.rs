//! `windtunnel plan`: what binds in a cluster, what a loss leaves waiting, which nodes can go, how few
//! or how cheap nodes are enough, and when the cluster is full.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use intake::Input;
use lab::folder::{Existing, write_file};
use lab::plan::adjust::{Resized, overcommit, resize};
use lab::plan::buy::Search;
use lab::plan::goal::Room;
use lab::plan::growth::{Grow, Rate};
use lab::plan::planned::Changed;
use lab::plan::usage::Usage;
use lab::plan::watch::Work;
use lab::plan::{Minimize, Order, Plan, Questions, plan};
use lab::shell::quoted;
use lab::snapshot::{Gathered, NamedCluster, Snapshot, SnapshotOptions};
use model::Node;
use report::plan::{PlanFile, PlanReport};
use units::SortedMap;
use world::offers::{Offers, offers};

use super::snapshot::{SchedulerArguments, described, ignored, tell};
use super::{Exit, Failure, Global, interrupt, output, terminal};
use assumptions::{assumptions, kept, lists, without_spot};
use cluster::write_cluster;
use onlooker::{printed, watched};
use prices::{Prices, prices};
use words::{Headroom, growth, headroom, horizon, survive};

mod answer;
mod assumptions;
mod cluster;
mod onlooker;
mod prices;
mod scenario;
mod verify;
mod words;

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
    /// `memory`, or an answer of Prometheus, of which the 95th percentile counts; `cpu=FILE` and
    /// `memory=FILE` say what a file is about; may be repeated
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
    #[arg(long, value_name = "TIME", default_value = "12mo", requires = "grow")]
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
    #[arg(long, value_name = "N", default_value_t = 2_000_000)]
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
    let (mut questions, mut currency) = questions(arguments)?;
    let traces = global.traces_dirs();
    let ignored = ignored(global)?;
    let options = SnapshotOptions {
        traces_dirs: &traces,
        release: arguments.scheduler.release,
        ignored: &ignored,
        clusters: &arguments.clusters,
    };
    let mut gathered = Snapshot::gather(&arguments.paths, &options)?;
    let profiles = arguments.scheduler.profiles(global, gathered.release)?;
    let listed = listed(arguments, &gathered.nodes)?;
    if currency.is_empty() {
        currency = listed.currency;
    }
    questions.prices = listed.of;
    tell(global, &listed.notes);
    let kept = kept(arguments, &gathered.nodes, &mut questions.offers)?;
    let without_spot = without_spot(&gathered.nodes, &questions.offers);
    let factors = words::overcommit(&arguments.overcommit).map_err(Failure::input)?;
    let nodes = gathered.nodes.iter().map(AsRef::as_ref);
    let offered = questions.offers.iter().map(|offer| &offer.node);
    let checked = factors.check(nodes.chain(offered));
    checked.map_err(Failure::input)?;
    overcommit(&mut gathered, &factors);
    let resized = resized(arguments, &mut gathered)?;
    let mut snapshot = Snapshot::new(gathered)?;
    for offer in &mut questions.offers {
        offer.node = factors.apply(&offer.node);
    }
    questions.room = room(arguments, &mut snapshot)?;
    tell(global, &snapshot.warnings);
    let summary = described(&snapshot);
    let answers = watched(global, &questions.work, || {
        plan(&mut snapshot, &profiles, &questions)
    })?;
    refuse_none(arguments, &answers, &summary)?;
    let mut assumptions = assumptions(arguments, snapshot.release, &questions, &resized);
    assumptions.extend(kept);
    assumptions.extend(without_spot);
    assumptions.extend(listed.notes);
    let command = command();
    let report = PlanReport {
        snapshot: &summary,
        command: &command,
        currency: &currency,
        inputs: &snapshot.inputs,
        lists: lists(arguments),
        plan: &answers,
        assumptions,
        warnings: &snapshot.warnings,
    };
    if let Some(path) = &arguments.out {
        let changed = Changed {
            factors: &factors,
            resized: &resized.specs,
        };
        let existing = Existing::forced(arguments.force);
        let folder = PlanFolder { path, existing };
        for file in report.files().map_err(Failure::incomplete)? {
            folder.write(&file)?;
        }
        write_cluster(arguments, &snapshot, &answers.planned, changed, &folder)?;
    }
    output::print(printed(arguments, &report).as_bytes())?;
    Ok(exit(arguments, &answers, &questions.work))
}

/// Prices of the nodes of today. What is bought has a price in any case.
fn listed(arguments: &PlanArguments, nodes: &[Arc<Node>]) -> Result<Prices, Failure> {
    match (&arguments.prices, &arguments.types) {
        (Some(path), _) => prices(path, nodes),
        (None, Some(path)) => Ok(prices(path, nodes).unwrap_or_default()),
        (None, None) => Ok(Prices::default()),
    }
}

/// Name of the first file.
fn first_file(arguments: &PlanArguments) -> String {
    let paths = arguments.paths.iter();
    let clusters = arguments.clusters.iter().map(|own| &own.path);
    let first = paths.chain(clusters).next();
    first.map_or_else(String::new, |path| path.display().to_string())
}

/// Refuses a question to a cluster without pods.
fn refuse_none(arguments: &PlanArguments, answers: &Plan, summary: &str) -> Result<(), Failure> {
    let is_joined = arguments.minimize.is_some() || arguments.types.is_some();
    if answers.pods > 0 || !(answers.waiting.is_empty() || is_joined) {
        return Ok(());
    }
    if !answers.waiting.is_empty() {
        return Err(Failure::input(format!(
            "{}: no pod has to run, so that no node is needed ({summary}): those that wait find no node \
             and stay out; count them with `--strict`",
            first_file(arguments)
        )));
    }
    Err(Failure::input(format!(
        "{}: no pod that has to run ({summary}); add those of `kubectl get pods -A -o json`",
        first_file(arguments)
    )))
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

/// Gives the pods of a cluster the requests of files.
fn resized(arguments: &PlanArguments, gathered: &mut Gathered) -> Result<Resized, Failure> {
    if arguments.requests.is_empty() {
        return Ok(Resized::default());
    }
    let mut usage = Usage::default();
    for word in &arguments.requests {
        let file = words::usage(word);
        usage.read(&Input::path(&file.path), file.about)?;
    }
    let resized = resize(gathered, &usage);
    if resized.specs.is_empty() {
        let pods = gathered.pods.iter().find(|pod| !pod.phase.is_final());
        let one = pods.map_or(String::new(), |pod| {
            format!(", such as `{}/{}`", pod.namespace(), pod.name)
        });
        return Err(Failure::input(format!(
            "--requests: {} names no pod or workload of the cluster; expected names of its \
             pods{one}",
            arguments.requests.join(", ")
        )));
    }
    Ok(resized)
}

/// The further pods for which there has to be room.
fn room(arguments: &PlanArguments, snapshot: &mut Snapshot) -> Result<Vec<Room>, Failure> {
    let mut room = Vec::new();
    for word in &arguments.headroom {
        let Headroom::Pods { count, file } = headroom(word).map_err(Failure::input)? else {
            continue;
        };
        let (pod, _) = snapshot.read_pod(&file)?;
        snapshot.name_namespace(pod.namespace());
        let mut info = snapshot.new_pod_info(&pod);
        if let Ok(info) = &mut info {
            info.set_node_name(None);
        }
        let info = info.map_err(|error| Failure::input(format!("{}: {error}", file.display())))?;
        room.push(Room {
            count,
            pod: Arc::new(info),
        });
    }
    Ok(room)
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

fn questions(arguments: &PlanArguments) -> Result<(Questions, String), Failure> {
    let offers = match &arguments.types {
        None => Offers {
            offers: Vec::new(),
            currency: String::new(),
        },
        Some(path) => offers(&Input::path(path), &arguments.only).map_err(Failure::input)?,
    };
    if arguments.minimize == Some(What::Cost)
        && offers.offers.is_empty()
        && arguments.prices.is_none()
    {
        return Err(Failure::input(
            "--minimize cost: the dump states no prices; give a price list with `--types FILE.csv` \
             to buy of it, or with `--prices FILE.csv` to drain, or ask for `--minimize nodes`",
        ));
    }
    let mut domains = Vec::new();
    for word in &arguments.survive {
        domains.push(survive(word).map_err(Failure::input)?);
    }
    let mut grows = Vec::new();
    for word in &arguments.grow {
        grows.push(growth(word).map_err(Failure::input)?);
    }
    let shrinks = |own: &Grow| match own.rate {
        Rate::Share(more) | Rate::Pods(more) => more < 0,
    };
    let is_joined = arguments.minimize.is_some() || arguments.types.is_some();
    if is_joined && grows.iter().any(shrinks) {
        return Err(Failure::input(
            "--grow: nodes that are enough for a workload that shrinks are more than are needed in \
             the end; leave `--minimize` and `--types` out, or the workload",
        ));
    }
    let mut free_ppm = 0;
    for word in &arguments.headroom {
        if let Headroom::Share(ppm) = headroom(word).map_err(Failure::input)? {
            free_ppm = free_ppm.max(ppm);
        }
    }
    let minimize = match arguments.minimize {
        Some(What::Nodes) => Some(Minimize::Nodes),
        Some(What::Cost) => Some(Minimize::Cost),
        None => None,
    };
    let questions = Questions {
        minimize,
        offers: offers.offers,
        keeps: arguments.keep,
        is_strict: arguments.strict,
        survive: domains,
        free_ppm,
        prices: SortedMap::new(),
        room: Vec::new(),
        preempts: arguments.preemption,
        grow: grows,
        horizon: horizon(&arguments.horizon).map_err(Failure::input)?,
        order: arguments.order.into(),
        search: Search {
            steps: arguments.steps,
            orders: arguments.orders,
        },
        work: Arc::new(Work::until(interrupt::flag())),
    };
    Ok((questions, offers.currency))
}

/// The command line that was given.
pub(super) fn command() -> String {
    let words: Vec<String> = std::env::args().skip(1).map(|word| quoted(&word)).collect();
    format!("windtunnel {}", words.join(" "))
}
