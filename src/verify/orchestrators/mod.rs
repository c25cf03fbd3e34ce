//! Recorded decisions of Swarm, `SwarmKit`, Fleet, Nova, ECS, Compose, `OpenShift`, Mesos and its frameworks: a case a line, of the
//! kind that its field `system` names (spec: orchestrators-a.md section 14, orchestrators-b.md
//! section 12). One file holds many kinds; each is a family of its own in what is reported, and a
//! kind that can't be judged is counted by its name.
//!
//! Every judge reads a case, drives the state machines of [`systems`] with it, and hands
//! back what they decided in the words of the case; what was expected is compared field by field.
//! Where runs decide in a fast form of what a plain form defines, both are asked, and a case passes
//! only if both give the recorded answer.

pub(crate) mod batch;
mod bench;
mod bins;
mod borg;
mod chronos;
mod compaction;
mod compare;
mod compose;
mod dcos;
mod door;
mod ecs;
mod energy;
mod failures;
mod features;
mod fleet;
mod flow;
mod functions;
mod gang;
mod gpu;
mod machines;
mod marathon;
mod mesos;
mod network;
mod nova;
mod omega;
mod openshift;
mod packing;
mod platform;
mod queueing;
mod sampling;
mod slurm;
mod sparrow;
mod swarm;
mod swarmkit;
mod tetris;
mod timeline;
mod volcano;

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cases::lines_of;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};
use crate::door::Door;
use intake::Input;

/// Decisions of other cluster managers.
pub const FAMILY: Family = Family {
    name: "orchestrators",
    summary: "decisions of Swarm, SwarmKit, Fleet, Mesos and its frameworks, one family per kind",
    claims,
    kinds: KINDS,
    judge: Judge::Several(judge),
    door: Door::Judge(door::judge),
};

/// A recorded case.
#[derive(Clone, Debug, Deserialize)]
struct Case {
    system: String,
    #[serde(rename = "case")]
    name: String,
    #[serde(default)]
    nodes: Value,
    #[serde(default)]
    existing: Value,
    #[serde(default, alias = "requests")]
    request: Value,
    expected: Value,
    /// Folders in which the traces that a case names are found.
    #[serde(skip)]
    traces: Vec<PathBuf>,
}

/// Driver of the machines of a kind: it returns their decisions, or the reason the case can't be
/// judged.
type Decide = fn(&Case) -> Result<Value, Trouble>;

/// Questions about the cases of a kind.
enum Forms {
    /// There is one form.
    One(Decide),
    /// The plain form is the definition; runs decide in the fast one.
    Both { plain: Decide, fast: Decide },
}

impl Forms {
    /// The forms, each with what its disagreements begin with.
    fn named(&self) -> Vec<(&'static str, Decide)> {
        match *self {
            Self::One(decide) => vec![("", decide)],
            Self::Both { plain, fast } => vec![("plain form: ", plain), ("fast form: ", fast)],
        }
    }
}

/// Reason nothing was decided.
#[derive(Clone, Debug)]
enum Trouble {
    /// This program can't judge such a case.
    Unsupported(String),
    /// The case is not what its kind says.
    Malformed(String),
}

impl From<serde_json::Error> for Trouble {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// The kinds that are judged.
const KINDS: &[&str] = &[
    "swarm-classic",
    "swarmkit",
    "fleet",
    "nova",
    "ecs",
    "compose",
    "openshift",
    "docker-machine",
    "feature-deploy",
    "feature-storage",
    "mesos-sorter",
    "mesos-random-sorter",
    "mesos-allocator",
    "mesos-agent",
    "drf-tasks",
    "marathon-constraint",
    "marathon-group-by",
    "marathon-group-by-fill",
    "marathon-backoff",
    "marathon-upgrade",
    "marathon-upgrade-steps",
    "marathon-scale-down",
    "marathon-unreachable",
    "chronos-skip",
    "chronos-timeline",
    "chronos-dependency",
    "dcos-autoscale",
    "batch-fcfs",
    "batch-sjf",
    "batch-easy",
    "batch-conservative",
    "gang",
    "kueue",
    "kueue-preempt",
    "volcano-proportion",
    "volcano-binpack",
    "yunikorn-queue",
    "sparrow",
    "sparrow-zero-wait",
    "supermarket",
    "omega",
    "omega-decision-time",
    "tetris",
    "tetris-fill",
    "quincy",
    "min-cost-flow",
    "octopus",
    "tarcil",
    "graphene-bound",
    "borg-score",
    "borg-preemption",
    "borg-reservation",
    "borg-p90",
    "borg-metrics",
    "borg-compaction",
    "bin-packing",
    "vector-packing",
    "tiresias",
    "slurm-priority",
    "slurm-fs",
    "slurm-fairtree",
    "slurm-decay",
    "fgd-F",
    "fgd",
    "gpu-packing-score",
    "fgd-replay",
    "weibull",
    "lognormal",
    "availability",
    "spot",
    "late-speculation",
    "image-pull",
    "max-min",
    "max-min-finish",
    "cpu-share",
    "cpu-weight",
    "oom-adj",
    "checkpoint",
    "ettr",
    "power",
    "power-formula",
    "power-energy",
    "feature-scale",
    "feature-lb",
    "feature-alert",
    "feature-metrics",
    "feature-serverless",
    "feature-recovery",
];

/// The judge of a kind.
fn forms(kind: &str) -> Option<Forms> {
    let decide: Decide = match kind {
        "swarm-classic" => return Some(swarm::FORMS),
        "swarmkit" => swarmkit::decide,
        "fleet" => return Some(fleet::FORMS),
        "nova" => return Some(nova::FORMS),
        "ecs" => return Some(ecs::FORMS),
        "compose" => compose::decide,
        "openshift" => openshift::decide,
        kind if kind.starts_with("mesos-") => return mesos::forms(kind),
        "drf-tasks" => mesos::drf_tasks,
        kind if kind.starts_with("marathon-") => return marathon::decide(kind).map(Forms::One),
        kind if kind.starts_with("chronos-") => return chronos::decide(kind).map(Forms::One),
        "dcos-autoscale" => dcos::autoscale,
        kind if kind.starts_with("batch-") => return batch::forms(kind),
        "gang" => return gang::forms(kind),
        "quincy" | "min-cost-flow" | "octopus" => return flow::forms(kind),
        "weibull" | "lognormal" | "availability" | "spot" | "late-speculation" => {
            return failures::decide(kind).map(Forms::One);
        }
        kind => {
            let own = network::decide(kind).or_else(|| machines::decide(kind));
            let own = own.or_else(|| energy::decide(kind));
            let own = own.or_else(|| packing::decide(kind));
            let own = own.or_else(|| slurm::decide(kind));
            let own = own.or_else(|| sparrow::decide(kind));
            let own = own.or_else(|| tetris::decide(kind));
            let own = own.or_else(|| omega::decide(kind));
            let own = own.or_else(|| sampling::decide(kind));
            let own = own
                .or_else(|| borg::decide(kind))
                .or_else(|| bins::decide(kind))
                .or_else(|| compaction::decide(kind))
                .or_else(|| gpu::decide(kind))
                .or_else(|| queueing::decide(kind))
                .or_else(|| volcano::decide(kind));
            let own = own.or_else(|| platform::decide(kind));
            return own.or_else(|| features::decide(kind)).map(Forms::One);
        }
    };
    Some(Forms::One(decide))
}

/// Reads a part of a case.
fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Trouble> {
    Ok(T::deserialize(value)?)
}

/// Whether the first line of a file is a case.
fn claims(path: &Path) -> bool {
    let name = file_name(path);
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let ending = Path::new(plain).extension();
    if ending.is_none_or(|ending| ending != "jsonl") {
        return false;
    }
    let first = Input::path(path).lines().and_then(|mut lines| {
        let line = lines.next_line()?;
        Ok(line.is_some_and(|(_, line)| serde_json::from_slice::<Case>(line).is_ok()))
    });
    first.unwrap_or(false)
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    let mut reports: IndexMap<String, FamilyReport> = IndexMap::new();
    let mut unknown: IndexMap<String, u64> = IndexMap::new();
    for file in files {
        for (place, line) in lines_of(file)? {
            let mut case: Case =
                serde_json::from_str(&line).map_err(|error| format!("{place}: {error}"))?;
            if !options.wants(&case.name) || !options.wants_row(FAMILY.name, &case.system) {
                continue;
            }
            case.traces.clone_from(&options.traces);
            let Some(forms) = forms(&case.system) else {
                *unknown.entry(case.system).or_default() += 1;
                continue;
            };
            let report = reports
                .entry(case.system.clone())
                .or_insert_with_key(|kind| FamilyReport::new(kind));
            judge_case(&case, &forms, report);
        }
    }
    for (kind, cases) in unknown {
        let mut report = FamilyReport::new(&kind);
        report.leave_out(cases, || {
            format!("verify has no judge for cases of `{kind}`")
        });
        reports.insert(kind, report);
    }
    Ok(reports.into_values().collect())
}

/// A case passes if every form gives the recorded answer.
fn judge_case(case: &Case, forms: &Forms, report: &mut FamilyReport) {
    let name = &case.name;
    let mut wrong = Vec::new();
    for (form, decide) in forms.named() {
        match decide(case) {
            Ok(decided) => {
                if let Err(words) = compare::expected(&case.expected, &decided) {
                    wrong.push(format!("{form}{words}"));
                }
            }
            Err(Trouble::Unsupported(why)) => {
                return report.leave_out(1, || format!("{name}: {form}{why}"));
            }
            Err(Trouble::Malformed(why)) => wrong.push(format!("{form}can't be read: {why}")),
        }
    }
    report.case(if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{name}: {}", wrong.join("; ")))
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Kinds of the shared vectors that take no trace.
    const SHARED: &[&str] = &[
        "batch-*",
        "slurm-*",
        "gang",
        "kueue*",
        "volcano-*",
        "yunikorn-queue",
        "borg-score",
        "borg-preemption",
        "borg-reservation",
        "borg-p90",
        "borg-metrics",
        "sparrow*",
        "supermarket",
        "tetris*",
        "omega*",
        "quincy",
        "min-cost-flow",
        "octopus",
        "tarcil",
        "graphene-bound",
        "fgd",
        "gpu-packing-score",
        "bin-packing",
        "vector-packing",
        "tiresias",
    ];

    #[test]
    fn shared_cases_of_datacenter_schedulers_agree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
        let file = folder.join("orchestrators-b.jsonl");
        if !file.exists() {
            println!("skipped: needs ../shared/vectors/orchestrators-b.jsonl");
            return;
        }
        for kind in SHARED {
            let options = VerifyOptions {
                families: vec![(*kind).to_owned()],
                ..VerifyOptions::default()
            };
            let reports = judge(std::slice::from_ref(&file), &options).expect("cases");
            for report in reports
                .iter()
                .filter(|report| report.family != "fgd-replay")
            {
                let wrong = report.failed + report.unsupported;
                assert!(wrong == 0 && report.passed > 0, "{report:#?}");
            }
        }
    }

    #[test]
    fn a_case_fails_by_each_form_and_counts_once() {
        let case = |chosen: &str| -> Case {
            let case = json!({
                "system": "fleet", "case": "tie", "nodes": [{"id": "A"}, {"id": "B"}],
                "existing": [], "request": {"unit": "web.service"}, "expected": {"chosen": chosen},
            });
            serde_json::from_value(case).expect("a case")
        };
        let mut report = FamilyReport::new("fleet");
        judge_case(&case("A"), &fleet::FORMS, &mut report);
        assert_eq!((report.passed, report.failed), (1, 0));
        judge_case(&case("B"), &fleet::FORMS, &mut report);
        assert_eq!((report.passed, report.failed), (1, 1));
        let told = &report.disagreements[0];
        assert!(
            told.contains("plain form: ") && told.contains("fast form: "),
            "{told}"
        );
    }
}
