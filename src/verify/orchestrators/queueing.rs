//! Cases of Kueue's quotas and preemption in one resource (spec: orchestrators-b.md 7.6).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use ::kueue::names::FlavorResource;
use ::kueue::{Mode, PendingWorkload, Settings, Snapshot, nominate};
use model::queueing::{
    Admission, ClusterQueue, Cohort, Condition, FlavorFungibility, FlavorQuotas, PodSet,
    PodSetAdmission, PreemptionPolicy, QueuePreemption, QueueQuota, QueuedWorkload,
    QueueingObjects, QueueingStrategy, ResourceFlavor, ResourceGroup, StopPolicy,
};
use model::{LabelSelector, PodSpec, ResourceList};
use units::{Duration, Instant, Quantity, SortedMap};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    match kind {
        "kueue" => Some(available),
        "kueue-preempt" => Some(victims),
        _ => None,
    }
}

/// The one resource of these cases, which is counted in whole units.
const RESOURCE: &str = "example.com/units";
const FLAVOR: &str = "only";
const COHORT: &str = "all";
const POD_SET: &str = "main";

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Quota {
    #[serde(default)]
    nominal: i64,
    borrowing_limit: Option<i64>,
    lending_limit: Option<i64>,
    weight: Option<f64>,
}

impl Quota {
    fn groups(&self) -> Vec<ResourceGroup> {
        let quota = QueueQuota {
            resource: RESOURCE.into(),
            nominal: Quantity::from_units(self.nominal),
            borrowing_limit: self.borrowing_limit.map(Quantity::from_units),
            lending_limit: self.lending_limit.map(Quantity::from_units),
        };
        vec![ResourceGroup {
            covered: vec![RESOURCE.into()],
            flavors: vec![FlavorQuotas {
                flavor: FLAVOR.into(),
                resources: vec![quota],
            }],
        }]
    }

    fn weight(&self) -> Result<Quantity, Trouble> {
        let text = self.weight.unwrap_or(1.0).to_string();
        let weight = text.parse::<Quantity>();
        weight.map_err(|error| Trouble::Malformed(error.to_string()))
    }

    fn queue(
        &self,
        name: &str,
        cohort: &str,
        preemption: QueuePreemption,
    ) -> Result<ClusterQueue, Trouble> {
        Ok(ClusterQueue {
            name: name.into(),
            cohort: Some(cohort.into()),
            strategy: QueueingStrategy::BestEffortFifo,
            namespaces: Some(LabelSelector::default()),
            groups: self.groups(),
            fungibility: FlavorFungibility::default(),
            preemption,
            checks: Vec::new(),
            stop: StopPolicy::None,
            weight: self.weight()?,
        })
    }
}

fn flavors() -> Vec<ResourceFlavor> {
    vec![ResourceFlavor {
        name: FLAVOR.into(),
        ..ResourceFlavor::default()
    }]
}

/// The resource of the flavor.
fn pair(snapshot: &mut Snapshot) -> FlavorResource {
    let flavor = snapshot.names.flavor(FLAVOR);
    let resource = snapshot.names.resource(RESOURCE);
    snapshot.pair(flavor, resource)
}

#[derive(Deserialize)]
struct Trees {
    tree: SortedMap<String, Vec<String>>,
    quota: SortedMap<String, Quota>,
}

/// A share as cases write it; that of a queue without weight has no number.
fn stated(share: f64) -> Value {
    if share.is_infinite() {
        return Value::from("inf");
    }
    Value::from(share)
}

/// What queues of a tree may still use, and their shares.
fn available(case: &Case) -> Result<Value, Trouble> {
    let Trees { tree, quota } = read(&case.nodes)?;
    let scenarios: SortedMap<String, SortedMap<String, i64>> = read(&case.existing)?;
    let parent = |name: &str| {
        let mut cohorts = tree.iter();
        let found = cohorts.find(|(_, children)| children.iter().any(|child| child == name));
        found.map(|(cohort, _)| cohort.as_str())
    };
    let mut objects = QueueingObjects {
        flavors: flavors(),
        ..QueueingObjects::default()
    };
    for name in tree.keys() {
        let own = quota.get(name);
        objects.cohorts.push(Cohort {
            name: name.as_str().into(),
            parent: parent(name).map(Into::into),
            groups: own.map(Quota::groups).unwrap_or_default(),
            weight: own.map_or(Ok(Quantity::from_units(1)), Quota::weight)?,
        });
    }
    let queues = quota.iter().filter(|(name, _)| !tree.contains_key(*name));
    for (name, own) in queues {
        let cohort = parent(name).unwrap_or_default();
        let queue = own.queue(name, cohort, QueuePreemption::default())?;
        objects.queues.push(queue);
    }
    let snapshot = Snapshot::new(Settings::default(), &objects);
    let (mut left, mut shares) = (Map::new(), Map::new());
    for (scenario, usage) in &scenarios {
        let mut snapshot = snapshot.clone();
        let pair = pair(&mut snapshot);
        for (name, amount) in usage {
            let queue = snapshot.queue_named(name);
            let queue = queue.ok_or_else(|| Trouble::Malformed(format!("no queue `{name}`")))?;
            snapshot.tree.add(queue, pair, *amount);
        }
        let queues = snapshot
            .queues()
            .map(|(id, own)| (own.spec.name.to_string(), id));
        let (of, share): (Map<_, _>, Map<_, _>) = queues
            .map(|(name, id)| {
                let share = snapshot.share(id).precise();
                (
                    (name.clone(), Value::from(snapshot.available(id, pair))),
                    (name, stated(share)),
                )
            })
            .unzip();
        left.insert(scenario.clone(), of.into());
        shares.insert(scenario.clone(), share.into());
    }
    if case.expected.get("share").is_some() {
        return Ok(json!({"available": left, "share": shares}));
    }
    Ok(json!({ "available": left }))
}

#[derive(Deserialize)]
struct Running {
    id: String,
    cq: String,
    cpu: i64,
    prio: i32,
    admitted: i64,
}

#[derive(Deserialize)]
struct Waiting {
    cq: String,
    cpu: i64,
    prio: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tried {
    reclaim_within_cohort: String,
    within_cluster_queue: String,
    workloads: Vec<Waiting>,
}

fn policy(name: &str) -> Result<PreemptionPolicy, Trouble> {
    match name {
        "Never" => Ok(PreemptionPolicy::Never),
        "LowerPriority" => Ok(PreemptionPolicy::LowerPriority),
        "LowerOrNewerEqualPriority" => Ok(PreemptionPolicy::LowerOrNewerEqualPriority),
        "Any" => Ok(PreemptionPolicy::Any),
        other => Err(Trouble::Malformed(format!("no policy `{other}`"))),
    }
}

fn workload(name: &str, units: i64, priority: i32) -> QueuedWorkload {
    let requests = ResourceList::from_pairs([(RESOURCE, Quantity::from_units(units))]);
    QueuedWorkload {
        namespace: "default".into(),
        name: name.into(),
        uid: name.into(),
        queue: "".into(),
        priority,
        created: Instant::ZERO,
        active: true,
        pod_sets: vec![PodSet {
            name: POD_SET.into(),
            count: 1,
            min_count: None,
            spec: Arc::new(PodSpec::with_requests(requests)),
            topology: None,
        }],
        max_execution: None,
        admission: None,
        conditions: Vec::new(),
        reclaimable: SortedMap::default(),
    }
}

/// The workloads that have to make room for each of some others.
fn victims(case: &Case) -> Result<Value, Trouble> {
    let quotas: SortedMap<String, Quota> = read(&case.nodes)?;
    let running: Vec<Running> = read(&case.existing)?;
    let tried: Tried = read(&case.request)?;
    let preemption = QueuePreemption {
        within_queue: policy(&tried.within_cluster_queue)?,
        reclaim: policy(&tried.reclaim_within_cohort)?,
        borrowing: None,
    };
    let mut objects = QueueingObjects {
        flavors: flavors(),
        ..QueueingObjects::default()
    };
    for (name, own) in &quotas {
        objects.queues.push(own.queue(name, COHORT, preemption)?);
    }
    let mut snapshot = Snapshot::new(Settings::default(), &objects);
    for own in running {
        let since = Instant::ZERO.saturating_add(Duration::from_secs(own.admitted));
        let usage = [(RESOURCE.into(), Quantity::from_units(own.cpu))];
        let held = QueuedWorkload {
            admission: Some(Admission {
                cluster_queue: own.cq.as_str().into(),
                pod_sets: vec![PodSetAdmission {
                    name: POD_SET.into(),
                    count: 1,
                    flavors: [(RESOURCE.into(), FLAVOR.into())].into(),
                    usage: usage.into(),
                    topology: None,
                }],
            }),
            conditions: vec![Condition {
                kind: "QuotaReserved".into(),
                holds: true,
                reason: "QuotaReserved".into(),
                since,
            }],
            ..workload(&own.id, own.cpu, own.prio)
        };
        let held = snapshot.hold(Arc::new(held), since);
        held.ok_or_else(|| Trouble::Malformed(format!("no queue `{}`", own.cq)))?;
    }
    let mut all = Vec::new();
    for own in tried.workloads {
        let queue = snapshot.queue_named(&own.cq);
        let queue = queue.ok_or_else(|| Trouble::Malformed(format!("no queue `{}`", own.cq)))?;
        let pending = workload("newcomer", own.cpu, own.prio);
        let pending = PendingWorkload::new(Arc::new(pending), queue, &mut snapshot.names);
        let pending = pending.map_err(|error| Trouble::Malformed(error.to_string()))?;
        let nomination = nominate(&mut snapshot, &pending);
        let names = nomination.targets.iter();
        let names = names.map(|own| snapshot.holding(own.holding).workload.name.to_string());
        let names: Vec<String> = names.collect();
        all.push(match nomination.assignment.mode() {
            Mode::Fit => json!([]),
            Mode::Preempt if !names.is_empty() => json!(names),
            Mode::Preempt | Mode::NoFit => Value::Null,
        });
    }
    Ok(json!({ "victims": all }))
}
