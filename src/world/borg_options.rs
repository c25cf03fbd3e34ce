//! Options of Borg, from the experiment file to what its master is made from.

use std::sync::Arc;

use control::operation::Operation;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{Labels, Node, PodSpec, Text, Tier};
use policy::borg::Rule;
use scenario::Scenario;
use scenario::schema::{
    Borg, BorgAllocs, BorgReclamation, BorgScore, BorgWishes, PriorityTier, Stop,
};
use systems::borg::BorgOptions;
use systems::borg::options::{AllocSet, Quota, Reclamation, Wishes};
use systems::parts::permit::Rate;
use systems::parts::reservation::ReservationOptions;
use units::{Duration, Instant, Quantity, SortedMap};

use super::{BuildError, Workload};

/// Notes about wishes that nothing can fulfil more than anything else, so that the score is as without them.
pub(super) fn borg_notes(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    workload: &Workload,
    declared: &[(Instant, Operation)],
) -> Vec<String> {
    let written = scenario.system.borg.as_ref();
    let wishes = written.and_then(|own| own.wishes.as_ref());
    let is_run = scenario.system.name == systems::borg::ENTRY.name;
    let Some(wishes) = wishes.filter(|_| is_run) else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    let mut note = |field: &str, why: String| {
        notes.push(format!("system.borg.wishes.{field} has no effect: {why}"));
    };
    let label = wishes.spread_label.as_str();
    if wishes.spread > 0.0 {
        let mut domains = nodes.iter().map(|node| node.labels.get(label));
        let first = domains.next();
        if first.is_some() && domains.all(|domain| Some(domain) == first) {
            let why = format!(
                "all machines are in one failure domain, as no two differ in the label `{label}`; write another \
                 `spreadLabel`, or leave it out"
            );
            note("spread", why);
        }
    }
    let has_image = |spec: &PodSpec| {
        let mut all = spec.init_containers.iter().chain(&spec.containers);
        all.any(|own| !own.image.is_empty())
    };
    let of_objects = declared.iter().filter_map(|(_, own)| match own {
        Operation::Create(object) | Operation::Apply(object) => object.template(),
        Operation::ApplyPod(pod) => Some(&*pod.spec),
        _ => None,
    });
    let of_pods = workload.classes.iter().map(|own| &*own.spec);
    if wishes.packages > 0.0 && !of_objects.chain(of_pods).any(has_image) {
        let why = "no task has an image; write images into pods, or leave it out";
        note("packages", why.to_owned());
    }
    notes
}

/// Refuses alloc sets of which no machine can ever take an alloc.
pub(super) fn check_on_nodes(options: &BorgOptions, nodes: &[Arc<Node>]) -> Result<(), BuildError> {
    for (number, own) in options.allocs.iter().enumerate() {
        let wrong = |what: &str| {
            let place = format!("system.borg.allocs[{number}]");
            Err(BuildError::Experiment(format!("{place}: {what}")))
        };
        let mut able = nodes.iter().filter(|node| selects(own, node)).peekable();
        if able.peek().is_none() {
            return wrong(&format!(
                "no machine has the labels under `nodes`, so the allocs of `{}` find no place; write labels of some \
                 machines, or leave `nodes` out",
                own.name
            ));
        }
        if !able.any(|node| has_room(own, node)) {
            return wrong(&format!(
                "an alloc of `{}` is larger than every machine that may take it; expected less `cpu`, `memory`, \
                 `ephemeralStorage` or `tasks`",
                own.name
            ));
        }
    }
    Ok(())
}

/// Whether a machine has the labels that an alloc set asks for.
fn selects(own: &AllocSet, node: &Node) -> bool {
    let mut asked = own.nodes.iter();
    asked.all(|(name, value)| node.labels.get(name) == Some(value))
}

/// Whether an alloc fits on a machine that is empty.
fn has_room(own: &AllocSet, node: &Node) -> bool {
    let units = |name| node.allocatable.get(name).units_ceil().unwrap_or(i64::MAX);
    let milli = node.allocatable.get(CPU).milli_floor().unwrap_or(i64::MAX);
    own.cpu_milli <= milli
        && own.memory_bytes <= units(MEMORY)
        && own.storage_bytes <= units(EPHEMERAL_STORAGE)
        && own.tasks <= units(PODS)
}

/// The options of an experiment's `system.borg`.
pub(super) fn borg_options(written: &Borg, stop: &Stop) -> Result<BorgOptions, BuildError> {
    let mut quotas = Vec::new();
    for (number, own) in written.quota.iter().enumerate() {
        let wrong =
            |what: &str| BuildError::Experiment(format!("system.borg.quota[{number}].{what}"));
        let tier = tier(own.tier);
        if quotas.iter().any(|quota: &Quota| quota.tier == tier) {
            let name = tier.name();
            return Err(wrong(&format!(
                "tier: there is a quota of the tier `{name}` already; expected one for each tier"
            )));
        }
        let amount = |asked: Option<Quantity>, field: &str, whole: fn(Quantity) -> Option<i64>| {
            let Some(asked) = asked else {
                return Ok(None);
            };
            let too_large = || {
                wrong(&format!(
                    "{field}: {asked} is more than can be counted; leave it out for a user without a bound"
                ))
            };
            whole(asked).map(Some).ok_or_else(too_large)
        };
        quotas.push(Quota {
            tier,
            cpu_milli: amount(own.cpu, "cpu", |own| own.milli_ceil().ok())?,
            memory_bytes: amount(own.memory, "memory", |own| own.units_ceil().ok())?,
            storage_bytes: amount(own.ephemeral_storage, "ephemeralStorage", |own| {
                own.units_ceil().ok()
            })?,
        });
    }
    let base = f64::from(written.base);
    Ok(BorgOptions {
        score: match written.score {
            BorgScore::Stranded => Rule::Stranded,
            BorgScore::Epvm => Rule::Epvm { base },
            BorgScore::BestFit => Rule::BestFit,
            BorgScore::WorstFit => Rule::WorstFit,
        },
        wishes: written.wishes.as_ref().map(wishes).unwrap_or_default(),
        allocs: allocs(&written.allocs)?,
        candidates: written.candidates,
        quotas,
        reclamation: { written.reclamation }
            .map(|own| reclamation(own, stop))
            .transpose()?,
        unreachable_after: written.unreachable_after,
        reschedule: (written.reschedule > 0).then(|| Rate {
            spacing: Duration::from_nanos(1_000_000_000 / i64::from(written.reschedule)),
        }),
        restart_delay: written.restart_delay,
        update_disruptions: written.update_disruptions,
    })
}

fn wishes(written: &BorgWishes) -> Wishes {
    Wishes {
        soft: written.soft,
        packages: written.packages,
        spread: written.spread,
        spread_label: written.spread_label.as_str().into(),
    }
}

/// Alloc sets, each of which says which tasks run in it.
fn allocs(written: &[BorgAllocs]) -> Result<Vec<AllocSet>, BuildError> {
    let labels = |all: &SortedMap<String, String>| -> Labels {
        let pairs = all.iter();
        pairs
            .map(|(name, value)| (Text::from(name.as_str()), Text::from(value.as_str())))
            .collect()
    };
    let mut sets: Vec<AllocSet> = Vec::new();
    for (number, own) in written.iter().enumerate() {
        let wrong = |field: &str, what: &str| {
            let place = format!("system.borg.allocs[{number}]{field}");
            Err(BuildError::Experiment(format!("{place}: {what}")))
        };
        let name = &own.name;
        if sets.iter().any(|other| *other.name == **name) {
            let what =
                format!("there is an alloc set `{name}` already; expected a name of its own");
            return wrong(".name", &what);
        }
        if own.namespace.is_none() && own.labels.is_empty() {
            let what = format!(
                "all tasks would run in the alloc set `{name}`; write the `namespace` or the `labels` of those that do"
            );
            return wrong("", &what);
        }
        let (cpu, memory) = (own.cpu.milli_ceil(), own.memory.units_ceil());
        let storage = own.ephemeral_storage.map_or(Ok(0), Quantity::units_ceil);
        let (Ok(cpu_milli), Ok(memory_bytes), Ok(storage_bytes)) = (cpu, memory, storage) else {
            return wrong(
                "",
                "`cpu`, `memory` or `ephemeralStorage` is more than can be counted",
            );
        };
        if cpu_milli <= 0 || memory_bytes <= 0 || storage_bytes < 0 {
            return wrong(
                "",
                "expected `cpu` and `memory` above 0, such as `cpu: 4, memory: 16Gi`",
            );
        }
        sets.push(AllocSet {
            name: name.as_str().into(),
            count: own.count,
            cpu_milli,
            memory_bytes,
            storage_bytes,
            tasks: i64::from(own.tasks),
            priority: own.priority,
            namespace: own.namespace.as_deref().map(Text::from),
            labels: labels(&own.labels),
            nodes: labels(&own.nodes),
        });
    }
    Ok(sets)
}

fn reclamation(written: BorgReclamation, stop: &Stop) -> Result<Reclamation, BuildError> {
    let seconds = |span: Duration| span.as_nanos() as f64 / 1e9;
    let wrong = |field: &str, expected: &str| {
        let place = format!("system.borg.reclamation.{field}");
        Err(BuildError::Experiment(format!(
            "{place}: expected {expected}"
        )))
    };
    if written.warm_up < Duration::ZERO {
        return wrong("warmUp", "a duration of 0s or more, such as 5m");
    }
    if written.decay < written.interval {
        return wrong("decay", "the interval or more, such as 1h");
    }
    Ok(Reclamation {
        interval: written.interval,
        reservation: ReservationOptions {
            warm_up: seconds(written.warm_up),
            window: seconds(written.window),
            margin: written.margin,
            decay: 1.0 / seconds(written.decay),
        },
        goes_on: stop.at.is_some() && stop.when.is_none(),
    })
}

const fn tier(written: PriorityTier) -> Tier {
    match written {
        PriorityTier::Free => Tier::Free,
        PriorityTier::Batch => Tier::Batch,
        PriorityTier::Mid => Tier::Mid,
        PriorityTier::Production => Tier::Production,
        PriorityTier::Monitoring => Tier::Monitoring,
    }
}
