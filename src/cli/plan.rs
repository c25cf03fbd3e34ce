//! `windtunnel plan`: what binds in a cluster, what a loss leaves waiting, which nodes can go, how few
//! or how cheap nodes are enough, and when the cluster is full.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use lab::folder::{Existing, write_file};
use lab::plan::buy::Search;
use lab::plan::{Minimize, Plan, Questions, plan, without_preemption};
use lab::shell::quoted;
use lab::snapshot::Snapshot;
use report::plan::PlanReport;
use scenario::schema::Reserved;
use trace::Input;
use world::offers::{Offers, offers};

use super::plan_words::{Headroom, growth, headroom, horizon, survive};
use super::snapshot::{SchedulerArguments, failed, tell};
use super::{Exit, Failure, Global, output, terminal};

const EXAMPLES: &str = "Examples:
  kubectl get nodes,pods,pv,pvc,sc,pdb,priorityclass,ns,svc,quota,limits,deploy,rs,sts,ds,job,cronjob,hpa \\
    -A -o json > dump.json
  windtunnel plan dump.json
  windtunnel plan dump.json --minimize nodes
  windtunnel plan dump.json --minimize cost --types prices.csv --only 'm5.*,c5.*' --survive node
  windtunnel plan dump.json --grow 5%/month --horizon 12mo
  windtunnel plan dump.json --survive zone --check

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
    #[arg(required = true, value_name = "SNAPSHOT")]
    paths: Vec<PathBuf>,
    /// Make the number of nodes or their price small: drains existing nodes, or buys others with
    /// `--types`
    #[arg(long, value_enum, value_name = "WHAT")]
    minimize: Option<What>,
    /// Buy nodes of the types of this price list (CSV or JSON), from nothing
    #[arg(long, value_name = "FILE")]
    types: Option<PathBuf>,
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
    strict: bool,
    /// Every pod finds a node after the loss of any node, any N nodes, any zone, or any value of a
    /// label: `node`, `node:2`, `zone`, a label; may be repeated
    #[arg(long, value_name = "DOMAIN")]
    survive: Vec<String>,
    /// Share of cpu and memory that stays free in every zone, such as `10%`
    #[arg(long, value_name = "SHARE")]
    headroom: Option<String>,
    /// Growth of workloads: `5%/month`, `5/month`, or of some alone: `shop/*=10%`; may be repeated
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    grow: Vec<String>,
    /// How far to look ahead, in months or years
    #[arg(long, value_name = "TIME", default_value = "12mo", requires = "grow")]
    horizon: String,
    /// Further orders of the pods to try, seeded
    #[arg(long, value_name = "N", default_value_t = 0)]
    orders: u64,
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
    format: PlanFormat,
    /// Folder for `plan.json`, `plan.md` and the tables
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace existing files
    #[arg(long, requires = "out")]
    force: bool,
}

/// Quantity to make small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Number of nodes.
    Nodes,
    /// Price of nodes; needs `--types`.
    Cost,
}

/// Output format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
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
    let (questions, currency) = questions(arguments)?;
    let profiles = arguments.scheduler.profiles(global)?;
    let profiles = without_preemption(&profiles);
    let snapshot = Snapshot::read_with_daemons(
        &arguments.paths,
        &terminal::traces_dirs(global),
        arguments.scheduler.changes(),
    );
    let mut snapshot = snapshot.map_err(|error| failed(&error))?;
    tell(global, &snapshot.warnings);
    let summary = snapshot.summary();
    let answers = plan(&mut snapshot, &profiles, &questions).map_err(|error| failed(&error))?;
    let command = command();
    let report = PlanReport {
        snapshot: &summary,
        command: &command,
        currency: &currency,
        plan: &answers,
        assumptions: assumptions(arguments, &questions),
        warnings: &snapshot.warnings,
    };
    if let Some(folder) = &arguments.out {
        let existing = if arguments.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        for file in report.files() {
            write_file(&folder.join(file.name), file.text.as_bytes(), existing).map_err(
                |error| match error.exit_code() {
                    2 => Failure::input(error),
                    _ => Failure::incomplete(error),
                },
            )?;
        }
    }
    let text = match arguments.format {
        PlanFormat::Table => report.table(),
        PlanFormat::Json => format!("{:#}\n", report.json()),
        PlanFormat::Csv => report.losses_csv(),
        PlanFormat::Markdown => report.markdown(),
    };
    output::print(text.as_bytes())?;
    Ok(exit(arguments, &answers))
}

/// The exit code of answers.
fn exit(arguments: &PlanArguments, plan: &Plan) -> Exit {
    let is_hopeless = (plan.buy.as_ref()).is_some_and(|buy| buy.purchase.reached.is_none());
    if is_hopeless || (arguments.check && !plan.meets_goals) {
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
        Some(path) => offers(&Input::path(path), &arguments.only, &Reserved::default())
            .map_err(Failure::input)?,
    };
    if arguments.minimize == Some(What::Cost) && offers.offers.is_empty() {
        return Err(Failure::input(
            "--minimize cost: the dump states no prices; give a price list with `--types FILE.csv`, \
             or ask for `--minimize nodes`",
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
    let free_ppm = match arguments.headroom.as_deref().map(headroom) {
        None => 0,
        Some(Ok(Headroom::Share(ppm))) => ppm,
        Some(Err(why)) => return Err(Failure::input(why)),
    };
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
        grow: grows,
        horizon: horizon(&arguments.horizon).map_err(Failure::input)?,
        search: Search {
            steps: arguments.steps,
            orders: arguments.orders,
        },
    };
    Ok((questions, offers.currency))
}

fn assumptions(arguments: &PlanArguments, questions: &Questions) -> Vec<String> {
    let mut lines = vec![
        "pods are placed by falling priority, then in the order of the dump; preemption is off"
            .to_owned(),
        "cordoned and unready nodes keep their state; nodes of the control plane stay".to_owned(),
    ];
    if questions.minimize.is_some() {
        lines.push("every zone of today keeps a node".to_owned());
    }
    if arguments.types.is_some() {
        lines.push(
            "bought nodes carry their daemons and static pods; allocatable amounts are the least \
             of ready nodes of the type in the dump, else those of the list (`--types`)"
                .to_owned(),
        );
        lines.push("zones are filled in turn".to_owned());
    }
    lines
}

/// The command line that was given.
fn command() -> String {
    let words: Vec<String> = std::env::args().skip(1).map(|word| quoted(&word)).collect();
    format!("windtunnel {}", words.join(" "))
}
