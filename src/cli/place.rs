//! `windtunnel place`: the number of further copies of a pod that fit in a cluster.

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use lab::around::Around;
use lab::place::request::{Request, RequestError, answer};
use lab::place::selection::Selector;
use lab::place::{MOST, Preemption};
use report::place::with_answer;

use super::snapshot::{SchedulerArguments, ignored, tell};
use super::table_format::{self, TableFormat};
use super::{Exit, Failure, Global};

const EXAMPLES: &str = "Examples:
  kubectl get nodes,pods,pv,pvc,sc,pdb,priorityclass,quota,limits,deploy,rs,sts,svc -A -o json > dump.json
  windtunnel place dump.json web.yaml
  windtunnel place nodes.json pods.json web.yaml --replicas 50
  windtunnel place cluster-dump/ web.yaml --format json
  windtunnel place dump.json web.yaml --without-node worker-3
  windtunnel place dump.json --mix 3=web.yaml --mix 1=db.yaml
  windtunnel place dump.json --lose worker-3
  windtunnel place dump.json --lose each
  windtunnel place dump.json --lose zone=a --lose 'spot-*' --preemption
  windtunnel place dump.json --lose each=zone --format csv

The Kubernetes scheduler places the replicas one by one and scores every node; of equally good
nodes, it takes the first by name. The owner and the policies of the pod come from its file, as
does its priority, unless the file names one of the PriorityClass objects. Pending pods of the
dump are ignored.

`--mix` places rounds of several pods; a round counts if all its pods find a node.

`--lose` takes no pod: it places the pods of the lost nodes that a controller recreates, by
descending priority, then in the order of the dump. It takes a node, a pattern of names, a label
with a pattern of its value (`zone` is short for the label of zones), and `each` or `each=LABEL`,
which lose every node or every value of a label in turn. Others that are given beside these are
lost in every turn.";

/// Arguments of `place`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "windtunnel place [OPTIONS] <SNAPSHOT>... <POD.yaml>\n       \
                      windtunnel place [OPTIONS] --mix <N=POD.yaml>... <SNAPSHOT>...\n       \
                      windtunnel place [OPTIONS] --lose <NODES>... <SNAPSHOT>..."
)]
pub(super) struct PlaceArguments {
    /// Cluster: files of `kubectl get -o json|yaml`, folders of them (such as `kubectl cluster-info
    /// dump` writes), a snapshot scenario, or `-`; last, a file with the pod
    #[arg(required = true, value_name = "SNAPSHOT|POD.yaml")]
    paths: Vec<PathBuf>,
    /// Stop after this many replicas, or rounds of a mix [default: when no more fit, or at 1000000]
    #[arg(long, value_name = "N", conflicts_with = "lose")]
    replicas: Option<u64>,
    /// What if this node were gone with its pods; may be repeated
    #[arg(long, value_name = "NODE")]
    without_node: Vec<String>,
    /// Pod of a mix with its number in each round, such as `3=web.yaml`; may be repeated
    #[arg(long, value_name = "N=POD.yaml", conflicts_with = "lose")]
    mix: Vec<MixPart>,
    /// Find new nodes for the pods of these lost nodes: NODE, PATTERN, LABEL=PATTERN, zone=NAME, each
    /// or each=LABEL; several are lost at once
    #[arg(long, value_name = "NODES")]
    lose: Vec<Selector>,
    /// Let pods evict others of lower priority, which then look for new nodes
    #[arg(long)]
    preemption: bool,
    #[command(flatten)]
    scheduler: SchedulerArguments,
    /// Output format of the answer
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    format: TableFormat,
}

/// Pod of a mix, from a file.
#[derive(Clone, Debug)]
struct MixPart {
    each: u64,
    file: PathBuf,
}

impl FromStr for MixPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no part of a mix; expected `N=POD.yaml`, such as `3=web.yaml`");
        let (number, file) = text.split_once('=').ok_or_else(wrong)?;
        let each: u64 = number.trim().parse().map_err(|_| wrong())?;
        if each == 0 || each > MOST || file.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            each,
            file: file.into(),
        })
    }
}

impl PlaceArguments {
    fn preemption(&self) -> Preemption {
        if self.preemption {
            Preemption::On
        } else {
            Preemption::Off
        }
    }
}

pub(super) fn run(global: &Global, arguments: &PlaceArguments) -> Result<Exit, Failure> {
    let mix = arguments.mix.iter();
    let request = Request {
        paths: arguments.paths.clone(),
        replicas: arguments.replicas,
        without_nodes: arguments.without_node.clone(),
        mix: mix.map(|part| (part.each, part.file.clone())).collect(),
        lose: arguments.lose.clone(),
        preemption: arguments.preemption(),
        config: arguments.scheduler.config.clone(),
        release: arguments.scheduler.release,
    };
    let (traces, ignored) = (global.traces_dirs(), ignored(global)?);
    let answer = answer(
        &request,
        &mut Around {
            traces_dirs: &traces,
            ignored: &ignored,
            tell: &mut |warnings| tell(global, warnings),
        },
    );
    let answer = answer.map_err(|error| match error {
        RequestError::Snapshot(error) => error.into(),
        error @ RequestError::Place(_) => Failure::incomplete(error),
    })?;
    // The command ends with it: to give its pods back one by one is a tenth of the whole work.
    let answer = ManuallyDrop::new(answer);
    with_answer(&answer, |report| {
        table_format::print(report, arguments.format)
    })?;
    Ok(Exit::Done)
}
