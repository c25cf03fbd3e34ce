//! Manifests of Kueue's objects, `kueue.x-k8s.io/v1beta2` (spec: batch-on-kubernetes.md 1.1).

mod admission_checks;
mod objects;
mod raw;
mod topology_requests;
mod workload;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::affinity::{optional_selector, taint, toleration};
use super::field::{Path, Problem, Texts, quantity, required};
use super::raw::AmountText;
use model::queueing::{
    BorrowingPreemption, ClusterQueue, Cohort, FlavorFungibility, FlavorPreference, FlavorQuotas,
    FlavorSearch, PreemptionPolicy, QueueCheck, QueuePreemption, QueueQuota, QueueingStrategy,
    ResourceFlavor, ResourceGroup, StopPolicy, Topology,
};
use model::{Text, Toleration};
use units::Quantity;

pub(super) use objects::add;
pub(super) use raw::{Object, part};
pub(super) use topology_requests::wishes;
pub(crate) use workload::pod_of;
pub use workload::workload;

/// An object as its manifest states it.
pub(super) fn object<T: Default + DeserializeOwned>(
    value: &Value,
) -> Result<raw::Object<T>, Problem> {
    raw::Object::deserialize_from(value).map_err(Problem)
}

/// A text of an error, as readers outside of this crate get it.
pub(super) fn worded<T>(read: Result<T, Problem>) -> Result<T, String> {
    read.map_err(|Problem(words)| words)
}

/// A resource flavor.
///
/// # Errors
/// A field breaks a rule; the text names it.
pub fn resource_flavor(value: &Value) -> Result<ResourceFlavor, String> {
    worded(read_flavor(value))
}

fn read_flavor(value: &Value) -> Result<ResourceFlavor, Problem> {
    let raw: raw::Object<raw::Flavor> = object(value)?;
    let mut texts = Texts::default();
    let path = Path::root("spec");
    let mut taints = Vec::new();
    for (index, own) in raw.spec.node_taints.iter().enumerate() {
        let path = path.field("nodeTaints");
        taints.push(taint(own, &path.index(index), &mut texts)?);
    }
    Ok(ResourceFlavor {
        name: raw.name()?,
        node_labels: texts.labels(&raw.spec.node_labels, &path.field("nodeLabels"))?,
        node_taints: taints,
        tolerations: tolerations(&raw.spec.tolerations, &path, &mut texts)?,
        topology: optional(raw.spec.topology_name),
    })
}

fn tolerations(
    raw: &[super::raw::Toleration],
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Vec<Toleration>, Problem> {
    let path = path.field("tolerations");
    let mut list = Vec::new();
    for (index, own) in raw.iter().enumerate() {
        let path = path.index(index);
        let Some(read) = toleration(own, &path, texts)? else {
            let found = own.operator.as_deref().unwrap_or_default();
            return Err(path.field("operator").problem("`Exists` or `Equal`", found));
        };
        list.push(read);
    }
    Ok(list)
}

/// A topology.
///
/// # Errors
/// A field breaks a rule; the text names it.
pub fn topology(value: &Value) -> Result<Topology, String> {
    worded(read_topology(value))
}

fn read_topology(value: &Value) -> Result<Topology, Problem> {
    let raw: raw::Object<raw::Topology> = object(value)?;
    let path = Path::root("spec");
    let path = path.field("levels");
    if raw.spec.levels.is_empty() {
        return Err(path.missing("at least one level"));
    }
    let mut levels: Vec<Text> = Vec::new();
    for (index, level) in raw.spec.levels.iter().enumerate() {
        let path = path.index(index);
        let path = path.field("nodeLabel");
        let label = required(level.node_label.as_ref(), &path, "the key of a label")?;
        if levels.iter().any(|known| **known == *label) {
            return Err(path.problem("each level once", label));
        }
        levels.push(label.into());
    }
    Ok(Topology {
        name: raw.name()?,
        levels,
    })
}

/// A cohort.
///
/// # Errors
/// A field breaks a rule; the text names it.
pub fn cohort(value: &Value) -> Result<Cohort, String> {
    worded(read_cohort(value))
}

fn read_cohort(value: &Value) -> Result<Cohort, Problem> {
    let raw: raw::Object<raw::Cohort> = object(value)?;
    let path = Path::root("spec");
    Ok(Cohort {
        name: raw.name()?,
        parent: optional(raw.spec.parent_name),
        groups: groups(&raw.spec.resource_groups, &path)?,
        weight: weight(raw.spec.fair_sharing.as_ref(), &path)?,
    })
}

/// A queue of the cluster.
///
/// # Errors
/// A field breaks a rule; the text names it.
pub fn cluster_queue(value: &Value) -> Result<ClusterQueue, String> {
    worded(read_cluster_queue(value))
}

fn read_cluster_queue(value: &Value) -> Result<ClusterQueue, Problem> {
    let raw: raw::Object<raw::ClusterQueue> = object(value)?;
    let mut texts = Texts::default();
    let path = Path::root("spec");
    let spec = &raw.spec;
    let cohort = optional(spec.cohort_name.clone());
    let groups = groups(&spec.resource_groups, &path)?;
    let strategy = match spec.queueing_strategy.as_deref() {
        None | Some("" | "BestEffortFIFO") => QueueingStrategy::BestEffortFifo,
        Some("StrictFIFO") => QueueingStrategy::StrictFifo,
        Some(other) => {
            let expected = "`BestEffortFIFO` or `StrictFIFO`";
            return Err(path.field("queueingStrategy").problem(expected, other));
        }
    };
    let selector = path.field("namespaceSelector");
    let plain = spec.admission_checks.iter().map(|name| QueueCheck {
        name: name.as_str().into(),
        flavors: Vec::new(),
    });
    let checks = spec.admission_checks_strategy.admission_checks.iter();
    Ok(ClusterQueue {
        name: raw.name()?,
        strategy,
        namespaces: optional_selector(spec.namespace_selector.as_ref(), &selector, &mut texts)?,
        groups,
        fungibility: fungibility(&spec.flavor_fungibility, &path)?,
        preemption: preemption(&spec.preemption, &path)?,
        checks: checks
            .map(|check| QueueCheck {
                name: check.name.as_str().into(),
                flavors: check
                    .on_flavors
                    .iter()
                    .map(|on_flavor| on_flavor.as_str().into())
                    .collect(),
            })
            .chain(plain)
            .collect(),
        stop: stop(spec.stop_policy.as_deref(), &path)?,
        weight: weight(spec.fair_sharing.as_ref(), &path)?,
        cohort,
    })
}

fn optional(text: Option<String>) -> Option<Text> {
    text.filter(|text| !text.is_empty()).map(Into::into)
}

fn stop(text: Option<&str>, path: &Path<'_>) -> Result<StopPolicy, Problem> {
    match text {
        None | Some("" | "None") => Ok(StopPolicy::None),
        Some("Hold") => Ok(StopPolicy::Hold),
        Some("HoldAndDrain") => Ok(StopPolicy::HoldAndDrain),
        Some(other) => {
            let expected = "`None`, `Hold` or `HoldAndDrain`";
            Err(path.field("stopPolicy").problem(expected, other))
        }
    }
}

fn weight(raw: Option<&raw::FairSharing>, path: &Path<'_>) -> Result<Quantity, Problem> {
    let path = path.field("fairSharing");
    let text = raw.and_then(|raw| raw.weight.as_ref());
    let text = text.map_or("1", |AmountText(text)| text);
    quantity(text, &path.field("weight"))
}

fn search(
    text: Option<&str>,
    default: FlavorSearch,
    path: &Path<'_>,
) -> Result<FlavorSearch, Problem> {
    match text {
        None | Some("") => Ok(default),
        Some("MayStopSearch" | "Borrow" | "Preempt") => Ok(FlavorSearch::MayStopSearch),
        Some("TryNextFlavor") => Ok(FlavorSearch::TryNextFlavor),
        Some(other) => Err(path.problem("`MayStopSearch` or `TryNextFlavor`", other)),
    }
}

fn fungibility(raw: &raw::Fungibility, path: &Path<'_>) -> Result<FlavorFungibility, Problem> {
    let path = path.field("flavorFungibility");
    let defaults = FlavorFungibility::default();
    let borrow = path.field("whenCanBorrow");
    let preempt = path.field("whenCanPreempt");
    let preference = match raw.preference.as_deref() {
        None | Some("" | "BorrowingOverPreemption") => FlavorPreference::BorrowingOverPreemption,
        Some("PreemptionOverBorrowing") => FlavorPreference::PreemptionOverBorrowing,
        Some(other) => {
            let expected = "`BorrowingOverPreemption` or `PreemptionOverBorrowing`";
            return Err(path.field("preference").problem(expected, other));
        }
    };
    Ok(FlavorFungibility {
        when_can_borrow: search(
            raw.when_can_borrow.as_deref(),
            defaults.when_can_borrow,
            &borrow,
        )?,
        when_can_preempt: search(
            raw.when_can_preempt.as_deref(),
            defaults.when_can_preempt,
            &preempt,
        )?,
        preference,
    })
}

/// A policy of preemption, one of those that the field takes.
fn policy(
    text: Option<&str>,
    allowed: &[(&str, PreemptionPolicy)],
    path: &Path<'_>,
) -> Result<PreemptionPolicy, Problem> {
    let text = text.filter(|text| !text.is_empty()).unwrap_or("Never");
    if let Some((_, policy)) = allowed.iter().find(|(name, _)| *name == text) {
        return Ok(*policy);
    }
    let names = allowed.iter().map(|(name, _)| format!("`{name}`"));
    let names: Vec<String> = names.collect();
    Err(path.problem(&format!("one of {}", names.join(", ")), text))
}

fn preemption(raw: &raw::Preemption, path: &Path<'_>) -> Result<QueuePreemption, Problem> {
    const NEVER: (&str, PreemptionPolicy) = ("Never", PreemptionPolicy::Never);
    const LOWER: (&str, PreemptionPolicy) = ("LowerPriority", PreemptionPolicy::LowerPriority);
    const NEWER: (&str, PreemptionPolicy) = (
        "LowerOrNewerEqualPriority",
        PreemptionPolicy::LowerOrNewerEqualPriority,
    );
    const ANY: (&str, PreemptionPolicy) = ("Any", PreemptionPolicy::Any);
    let path = path.field("preemption");
    let within = path.field("withinClusterQueue");
    let reclaim_path = path.field("reclaimWithinCohort");
    let borrow = path.field("borrowWithinCohort");
    let reclaim = policy(
        raw.reclaim_within_cohort.as_deref(),
        &[NEVER, LOWER, ANY],
        &reclaim_path,
    )?;
    let stated = raw.borrow_within_cohort.as_ref();
    let borrowing = policy(
        stated.and_then(|stated| stated.policy.as_deref()),
        &[NEVER, LOWER],
        &borrow.field("policy"),
    )?;
    let borrows = borrowing != PreemptionPolicy::Never;
    if borrows && reclaim == PreemptionPolicy::Never {
        let expected = "`Never`, as `reclaimWithinCohort` is `Never`";
        return Err(borrow.field("policy").problem(expected, "LowerPriority"));
    }
    let max_priority = stated.and_then(|stated| stated.max_priority_threshold);
    Ok(QueuePreemption {
        within_queue: policy(
            raw.within_cluster_queue.as_deref(),
            &[NEVER, LOWER, NEWER],
            &within,
        )?,
        reclaim,
        borrowing: borrows.then_some(BorrowingPreemption { max_priority }),
    })
}

fn groups(raw: &[raw::Group], path: &Path<'_>) -> Result<Vec<ResourceGroup>, Problem> {
    let path = path.field("resourceGroups");
    let mut groups = Vec::new();
    let mut covered: Vec<&str> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (index, group) in raw.iter().enumerate() {
        let path = path.index(index);
        for name in &group.covered_resources {
            if covered.contains(&name.as_str()) {
                let expected = "each resource in one group";
                return Err(path.field("coveredResources").problem(expected, name));
            }
            covered.push(name);
        }
        let list = path.field("flavors");
        let mut flavors = Vec::new();
        for (index, flavor) in group.flavors.iter().enumerate() {
            let path = list.index(index);
            if seen.contains(&flavor.name.as_str()) {
                let expected = "each flavor once";
                return Err(path.field("name").problem(expected, &flavor.name));
            }
            seen.push(&flavor.name);
            flavors.push(flavor_quotas(flavor, &group.covered_resources, &path)?);
        }
        groups.push(ResourceGroup {
            covered: group
                .covered_resources
                .iter()
                .map(|resource| resource.as_str().into())
                .collect(),
            flavors,
        });
    }
    Ok(groups)
}

fn flavor_quotas(
    raw: &raw::FlavorQuotas,
    covered: &[String],
    path: &Path<'_>,
) -> Result<FlavorQuotas, Problem> {
    let list = path.field("resources");
    let mut resources = Vec::new();
    for (index, quota) in raw.resources.iter().enumerate() {
        let path = list.index(index);
        if covered.get(index).is_none_or(|name| *name != quota.name) {
            let expected = "the covered resources in their order";
            return Err(path.field("name").problem(expected, &quota.name));
        }
        let amount = |text: Option<&AmountText>, field| {
            let read = |AmountText(text): &AmountText| quantity(text, &path.field(field));
            text.map(read).transpose()
        };
        resources.push(QueueQuota {
            resource: quota.name.as_str().into(),
            nominal: amount(quota.nominal_quota.as_ref(), "nominalQuota")?.unwrap_or_default(),
            borrowing_limit: amount(quota.borrowing_limit.as_ref(), "borrowingLimit")?,
            lending_limit: amount(quota.lending_limit.as_ref(), "lendingLimit")?,
        });
    }
    if resources.len() < covered.len() {
        return Err(list.missing(&format!("a quota of {}", covered[resources.len()])));
    }
    Ok(FlavorQuotas {
        flavor: raw.name.as_str().into(),
        resources,
    })
}
