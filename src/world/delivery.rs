//! Automatic deployment of a scenario: plans of repositories, and the pushes of its files.

use std::sync::Arc;

use control::delivery::{
    BuildPods, BuildPolicy, Deliveries, DeliveryOptions, Detection, Overlap, Plan, Refusal, Stage,
    TagFilter,
};
use control::operation::Operation;
use intake::table::Table;
use model::{Push, Text, VersionFault};
use scenario::Scenario;
use scenario::schema::{self, BuildOrder, DeliveryOverlap};
use systems::functions::{Function, provides};
use systems::mapping::object_refusal;
use systems::openshift::section::{
    OpenShift, OpenShiftDeploymentConfig, OpenShiftTrigger, requests,
};
use units::{Duration, Instant, SortedMap};

use super::price_list::at;
use super::runs_workloads::{has_controllers, how_to_have_controllers, runs_workloads};
use super::{BuildError, FileSource};

/// Time until the registry's call reports a push, where nothing is stated (spec: orchestrators-a.md 9.1).
const WEBHOOK: Duration = Duration::from_secs(1);

/// Longest time that the pod of a build of `OpenShift` may run (`setupActiveDeadline`).
const BUILD_DEADLINE: Duration = Duration::from_secs(604_800);

/// The component that deploys what is pushed; `None` if nothing is watched.
///
/// # Errors
/// The system has no workloads whose images could be watched.
pub fn delivery(scenario: &Scenario) -> Result<Option<Deliveries>, BuildError> {
    if scenario.delivery.is_empty() {
        return Ok(None);
    }
    let system = &scenario.system.name;
    if !runs_workloads(scenario) {
        let fix = how_to_have_controllers(system);
        return Err(BuildError::Experiment(format!(
            "delivery: the system `{system}` runs pods alone, and no workload whose image could be \
             replaced; {fix}"
        )));
    }
    let mut in_pods = scenario.delivery.iter();
    let in_pods = in_pods.position(|own| own.build_pods.is_some());
    if let Some(number) = in_pods.filter(|_| !has_controllers(system)) {
        return Err(BuildError::Experiment(format!(
            "delivery[{number}].buildPods: the system `{system}` runs no pods beside its workloads; \
             leave it out, or choose a system with `controllers`"
        )));
    }
    let is_openshift = scenario.system.name == "openshift";
    let plans = scenario
        .delivery
        .iter()
        .map(|own| Arc::new(plan(own, scenario.seed)));
    Ok(Some(Deliveries::new(&DeliveryOptions {
        plans: plans.collect(),
        rolls_out: provides(system, Function::Deployment),
        refusal: refusal(system),
        follows_status: is_openshift,
        build_deadline: is_openshift.then_some(BUILD_DEADLINE),
        tags: tags(scenario),
    })))
}

/// Whether a system does not run a workload, by its kind or by what its template asks for.
fn refusal(system: &str) -> Refusal {
    let table = systems::registry::find(system).map_or(&[][..], |entry| entry.capabilities);
    Refusal(Arc::new(move |object| {
        object_refusal(table, object).is_some()
    }))
}

/// Tags that deployment configurations follow; one that no image triggers follows none.
fn tags(scenario: &Scenario) -> SortedMap<Text, TagFilter> {
    let configs = scenario.system.own::<OpenShift>().deployment_configs;
    let follows = |own: &OpenShiftDeploymentConfig| match &own.image_tag {
        _ if !own.begins_with(OpenShiftTrigger::ImageChange) => TagFilter::None,
        Some(tag) => TagFilter::Tag(tag.as_str().into()),
        None => TagFilter::Every,
    };
    (configs.iter())
        .map(|(name, own)| (name.as_str().into(), follows(own)))
        .collect()
}

/// What a scenario's system does not deploy, in words; `None` if it deploys all or nothing is watched.
pub(super) fn undelivered(scenario: &Scenario) -> Option<String> {
    let system = &scenario.system.name;
    let is_lost = !scenario.delivery.is_empty() && !provides(system, Function::Deployment);
    is_lost.then(|| {
        format!(
            "delivery: the system `{system}` replaces no running pods: pushes are counted in \
             `deliveries.undelivered`, and change nothing"
        )
    })
}

fn plan(own: &schema::Delivery, seed: u64) -> Plan {
    let stages = own.stages.iter().map(|stage| Stage {
        name: stage.name.as_str().into(),
        takes: stage.takes.clone(),
        failure: stage.failure,
    });
    Plan {
        repository: own.image.as_str().into(),
        detection: own.poll.map_or_else(
            || Detection::Webhook(own.webhook.unwrap_or(WEBHOOK)),
            Detection::Poll,
        ),
        stages: stages.collect(),
        builds: match own.builds {
            BuildOrder::Serial => BuildPolicy::Serial,
            BuildOrder::SerialLatestOnly => BuildPolicy::SerialLatestOnly,
            BuildOrder::Parallel => BuildPolicy::Parallel,
        },
        pods: own.build_pods.as_ref().map(|pods| BuildPods {
            namespace: pods.namespace.as_str().into(),
            image: pods.image.as_str().into(),
            requests: requests(pods.requests),
        }),
        overlap: match own.overlap {
            DeliveryOverlap::Cancel => Overlap::Cancel,
            DeliveryOverlap::Queue => Overlap::Queue,
            DeliveryOverlap::LatestWins => Overlap::LatestWins,
        },
        deadline: own.deadline,
        rolls_back: own.auto_rollback,
        seed,
    }
}

/// A push as an operation states it.
pub(super) fn push(own: &schema::Push) -> Push {
    Push {
        image: own.image.as_str().into(),
        digest: own.digest.as_deref().map(Into::into),
        is_source: own.source,
        fault: own.fault.map(|fault| match fault {
            schema::VersionFault::Crash => VersionFault::Crash,
            schema::VersionFault::Unready => VersionFault::Unready,
        }),
    }
}

/// Refuses pushes that state one image in two ways.
///
/// # Errors
/// A digest is pushed with a fault and without, or with two.
pub(super) fn check_digests(operations: &[(Instant, Operation)]) -> Result<(), BuildError> {
    let mut faults: SortedMap<Text, Option<VersionFault>> = SortedMap::new();
    for (at, operation) in operations {
        let Operation::Push(push) = operation else {
            continue;
        };
        if push.digest.is_none() {
            continue;
        }
        let known = *faults.entry(push.resolved()).or_insert(push.fault);
        if known != push.fault {
            return Err(BuildError::Experiment(format!(
                "the push of `{}` at {}: {}, and an earlier push of the digest: {}; a digest names one \
                 content, so state the same fault with each push of it, or another digest",
                push.resolved(),
                at.since(Instant::ZERO),
                fault_in_words(push.fault),
                fault_in_words(known),
            )));
        }
    }
    Ok(())
}

const fn fault_in_words(fault: Option<VersionFault>) -> &'static str {
    match fault {
        None => "no fault",
        Some(VersionFault::Crash) => "fault `crash`",
        Some(VersionFault::Unready) => "fault `unready`",
    }
}

/// The pushes of a scenario's files.
///
/// # Errors
/// A file can't be read, or is of another repository.
pub(super) fn pushes(
    scenario: &Scenario,
    files: &FileSource<'_>,
) -> Result<Vec<(Instant, Operation)>, BuildError> {
    let mut operations = Vec::new();
    for own in &scenario.delivery {
        let Some(list) = &own.pushes else {
            continue;
        };
        let mut table = Table::open(&files.open(list))?;
        let seconds = table.required_column("seconds")?;
        let image = table.required_column("image")?;
        let [digest, source, fault] = ["digest", "source", "fault"].map(|name| table.column(name));
        while let Some(row) = table.next_row()? {
            let row = row.map_err(|bad| at(list, bad.line, &bad.column, &bad.rule))?;
            let wrong = |column: &str, rule: String| at(list, row.line, column, &rule);
            let time = row.text(&seconds);
            let after = time.parse::<f64>().ok();
            let after = after.and_then(Duration::checked_from_secs_f64);
            let after = after.filter(|own| *own >= Duration::ZERO);
            let after = after.ok_or_else(|| {
                wrong(
                    "seconds",
                    format!("`{time}` is not a number of seconds from 0 on"),
                )
            })?;
            let named = row.text(&image);
            let repository = model::delivery::repository(named);
            if repository != own.image {
                let rule = format!("`{named}` is no image of `{}`, which is watched", own.image);
                return Err(wrong("image", rule));
            }
            let optional = |column| Some(row.optional_text(column)).filter(|own| !own.is_empty());
            let push = Push {
                image: named.into(),
                digest: optional(digest.as_ref()).map(Into::into),
                is_source: match optional(source.as_ref()) {
                    None | Some("false") => false,
                    Some("true") => true,
                    Some(other) => {
                        let rule = format!("`{other}` is neither `true` nor `false`");
                        return Err(wrong("source", rule));
                    }
                },
                fault: match optional(fault.as_ref()) {
                    None => None,
                    Some("crash") => Some(VersionFault::Crash),
                    Some("unready") => Some(VersionFault::Unready),
                    Some(other) => {
                        let rule = format!("`{other}` is neither `crash` nor `unready`");
                        return Err(wrong("fault", rule));
                    }
                },
            };
            operations.push((Instant::ZERO.saturating_add(after), Operation::Push(push)));
        }
    }
    Ok(operations)
}
