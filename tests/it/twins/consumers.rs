//! Parts of the program that read pods, each with an experiment in which it acts on them and the
//! answer that every twin must give.

use serde_json::{Value, json};
use windtunnel::metrics::CostTable;
use windtunnel::metrics::autoscalers::AutoscalerRow;
use windtunnel::units::SortedMap;

use super::experiment::{Answer, Experiment, group, node_names, nodes};
use super::pods::{Owner, Shape, Source, Workload};

/// A form of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) shape: Shape,
    pub(super) owner: Owner,
    pub(super) source: Source,
}

impl Form {
    /// `count` pods named `app`.
    fn workload(self, count: usize) -> Workload {
        Workload::new("app", self.shape, self.owner, count)
    }

    /// `count` pods named `app`, each of which runs on one of so many nodes if they come from a dump.
    fn spread(self, count: usize, over: usize) -> Workload {
        let mut workload = self.workload(count);
        workload.nodes = node_names(over);
        workload
    }
}

/// A reader of pods.
pub(super) struct Consumer {
    pub(super) name: &'static str,
    /// Owners that it treats alike; the first is the base.
    pub(super) owners: &'static [Owner],
    /// Sources beside manifests that come to the same.
    pub(super) sources: &'static [Source],
    /// Shapes whose answer differs in the original, too.
    pub(super) unlike: &'static [Shape],
    pub(super) experiment: fn(Form) -> Experiment,
    pub(super) read: fn(&Answer) -> String,
    /// The right answer.
    pub(super) right: &'static str,
}

const DUMP_AND_APPLIED: &[Source] = &[Source::Dump, Source::Applied];
const APPLIED: &[Source] = &[Source::Applied];

/// A horizontal autoscaler that aims at half of what is requested.
fn half(owner: Owner) -> Vec<Value> {
    let target = json!({"type": "Utilization", "averageUtilization": 50});
    let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
    vec![json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "half", "namespace": "d"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": owner.kind(), "name": "app"},
            "minReplicas": 1, "maxReplicas": 20, "metrics": [metric],
        },
    })]
}

fn used(mut workload: Workload, curve: &'static str) -> Workload {
    workload.usage = Some(curve);
    workload
}

fn with_fields(mut workload: Workload, fields: Value) -> Workload {
    workload.fields = fields;
    workload
}

fn scaled_down(form: Form) -> Experiment {
    let workload = used(form.spread(4, 4), "310m");
    Experiment::new(workload, form.source, nodes(4, 4)).with(half(form.owner))
}

fn scaled_up(form: Form) -> Experiment {
    let workload = used(form.spread(2, 4), "900m");
    Experiment::new(workload, form.source, nodes(4, 16)).with(half(form.owner))
}

fn recommended(form: Form) -> Experiment {
    let autoscaler = json!({
        "apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler",
        "metadata": {"name": "sizes", "namespace": "d"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": form.owner.kind(), "name": "app"},
            "updatePolicy": {"updateMode": "Off"},
        },
    });
    let workload = used(form.spread(4, 4), "310m");
    Experiment::new(workload, form.source, nodes(4, 4))
        .with(vec![autoscaler])
        .set("/stop/at", json!("2h"))
}

fn recommended_cores(answer: &Answer) -> String {
    let rows = answer.outcome.metrics.tables.rows::<AutoscalerRow>();
    let sizes = rows.iter().flat_map(|row| &row.recommended);
    let milli: i64 = sizes.map(|(_, used)| used.cpu_milli).sum();
    // Shares of containers are rounded apart from each other.
    format!("{:.1}", milli as f64 / 1000.0)
}

fn grown(form: Form) -> Experiment {
    Experiment::new(form.workload(12), form.source, nodes(1, 4))
        .set("/system/autoscaling", json!({"cluster": {}}))
        .set("/cluster/provider", group(0))
}

fn shrunk(form: Form) -> Experiment {
    let pool = json!({"matchExpressions": [{"key": "pool", "operator": "Exists"}]});
    let term = json!([{"weight": 100, "preference": pool}]);
    let affinity =
        json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": term}});
    let workload = with_fields(form.workload(2), json!({"affinity": affinity}));
    Experiment::new(workload, form.source, nodes(1, 8))
        .set("/system/autoscaling", json!({"cluster": {}}))
        .set("/cluster/provider", group(2))
}

fn provisioned(form: Form) -> Experiment {
    let provisioner = json!({
        "instanceTypes": ["m5.*"], "consolidation": "WhenEmptyOrUnderutilized",
        "consolidateAfter": "0s", "budget": "100%",
    });
    Experiment::new(form.workload(12), form.source, nodes(1, 4))
        .set("/system/autoscaling", json!({"provisioner": provisioner}))
        .set("/cluster/provider", json!({"boot": "constant(60s)"}))
}

fn consolidated(form: Form) -> Experiment {
    let provisioner = json!({
        "instanceTypes": ["m5.*"], "consolidation": "WhenEmptyOrUnderutilized",
        "consolidateAfter": "0s", "budget": "100%",
    });
    let filler = Workload::new("fill", Shape::Plain, Owner::Deployment, 7);
    Experiment::new(form.workload(1), form.source, nodes(1, 1))
        .with(filler.manifests())
        .operation(json!({"at": "10m", "delete": "Deployment/d/fill"}))
        .set("/system/autoscaling", json!({"provisioner": provisioner}))
        .set("/cluster/provider", json!({"boot": "constant(60s)"}))
}

fn aged(form: Form) -> Experiment {
    let strategies = json!({"PodLifeTime": {"maxPodLifeTime": "10m"}});
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4))
        .set(
            "/system/descheduling",
            json!({"interval": "5m", "strategies": strategies}),
        )
        .set("/stop/at", json!("18m"))
}

fn rebalanced(form: Form) -> Experiment {
    let mut machines = nodes(4, 8);
    for machine in &mut machines[2..] {
        machine["spec"] = json!({"unschedulable": true});
    }
    let (few, many) = (
        json!({"cpu": 20, "memory": 20, "pods": 20}),
        json!({"cpu": 50, "memory": 50, "pods": 50}),
    );
    let strategies = json!({"LowNodeUtilization": {"thresholds": few, "targetThresholds": many}});
    Experiment::new(form.spread(12, 2), form.source, machines)
        .operation(json!({"at": "1m", "uncordon": "n-2"}))
        .operation(json!({"at": "1m", "uncordon": "n-3"}))
        .set(
            "/system/descheduling",
            json!({"interval": "5m", "strategies": strategies}),
        )
        .set("/stop/at", json!("6m"))
}

fn drained(form: Form) -> Experiment {
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4))
        .operation(json!({"at": "10m", "drain": "n-0"}))
}

fn budgeted(form: Form) -> Experiment {
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "quorum", "namespace": "d"},
        "spec": {"selector": {"matchLabels": {"app": "app"}}, "minAvailable": 3},
    });
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 1))
        .with(vec![budget])
        .operation(json!({"at": "10m", "drain": "n-0"}))
        .operation(json!({"at": "11m", "drain": "n-1"}))
}

fn limited(form: Form) -> Experiment {
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "cores", "namespace": "d"},
        "spec": {"hard": {"requests.cpu": "3"}},
    });
    Experiment::new(form.workload(5), form.source, nodes(4, 4)).with(vec![quota])
}

fn too_large(form: Form) -> Experiment {
    let range = json!({
        "apiVersion": "v1", "kind": "LimitRange",
        "metadata": {"name": "sizes", "namespace": "d"},
        "spec": {"limits": [{"type": "Pod", "max": {"cpu": "800m"}}]},
    });
    Experiment::new(form.workload(2), form.source, nodes(2, 4)).with(vec![range])
}

fn urgent() -> Value {
    json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": "urgent"}, "value": 1000,
    })
}

fn preempted(form: Form) -> Experiment {
    let high = Workload::new("high", Shape::Plain, Owner::Deployment, 2);
    let high = with_fields(high, json!({"priorityClassName": "urgent"}));
    Experiment::new(form.spread(4, 2), form.source, nodes(2, 2))
        .with(vec![urgent()])
        .apply("5m", "high.yaml", high.manifests())
}

fn preempting(form: Form) -> Experiment {
    let workload = with_fields(form.workload(2), json!({"priorityClassName": "urgent"}));
    let mut others = Workload::new("low", Shape::Plain, Owner::Deployment, 4).manifests();
    others.push(urgent());
    // Where both come at once, the urgent ones are first and nothing is preempted.
    Experiment::new(workload, form.source, nodes(2, 2)).with(others)
}

fn tainted(form: Form) -> Experiment {
    let taint = json!({"node": "n-0", "key": "broken", "effect": "NoExecute"});
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4))
        .operation(json!({"at": "10m", "taint": taint}))
}

fn cut_off(form: Form) -> Experiment {
    let outage = json!({"kind": "node-outage", "node": "n-0", "at": "10m"});
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4))
        .set("/failures", json!([outage]))
        .set("/models", json!({"nodeLife": "observed"}))
}

fn measured(form: Form) -> Experiment {
    Experiment::new(used(form.spread(4, 4), "500m"), form.source, nodes(4, 4))
}

fn amounts(answer: &Answer) -> String {
    let ids = [
        "allocation.cpu.mean",
        "allocation.memory.mean",
        "usage.cpu.utilization",
    ];
    ids.map(|id| answer.metric(id)).join(" ")
}

fn billed(form: Form) -> Experiment {
    let amounts = json!({"cpu": 4, "memory": "16Gi", "pods": 110, "example.com/fpga": 100});
    let machines = json!([{
        "count": 4, "name": "n-{}", "template": {"allocatable": amounts, "price": 1},
    }]);
    Experiment::new(used(form.workload(4), "500m"), form.source, nodes(4, 4))
        .set("/cluster/nodes", machines)
}

fn shares(answer: &Answer) -> String {
    let table = answer.outcome.metrics.tables.get::<CostTable>();
    let tenants = table.map_or(&[][..], |table| &table.tenants);
    let shares = tenants.iter().map(|tenant| {
        let by_use = tenant
            .by_use
            .map_or("none".to_owned(), |cost| format!("{cost:.2}"));
        format!("{} {:.2} {by_use}", tenant.name, tenant.by_requests)
    });
    shares.collect::<Vec<_>>().join(", ")
}

fn queued(form: Form) -> Experiment {
    let api = "kueue.x-k8s.io/v1beta2";
    let cores = json!({"name": "cpu", "nominalQuota": 4});
    let memory = json!({"name": "memory", "nominalQuota": "100Gi"});
    let mut covered = json!(["cpu", "memory"]);
    let mut quotas = json!([cores, memory]);
    if form.shape == Shape::Extended {
        covered = json!(["cpu", "memory", "example.com/fpga"]);
        let devices = json!({"name": "example.com/fpga", "nominalQuota": 100});
        quotas.as_array_mut().expect("a list").push(devices);
    }
    let flavors = json!([{"name": "any", "resources": quotas}]);
    let objects = vec![
        json!({"apiVersion": api, "kind": "ResourceFlavor", "metadata": {"name": "any"}}),
        json!({
            "apiVersion": api, "kind": "ClusterQueue", "metadata": {"name": "all"},
            "spec": {
                "namespaceSelector": {},
                "resourceGroups": [{"coveredResources": covered, "flavors": flavors}],
            },
        }),
        json!({
            "apiVersion": api, "kind": "LocalQueue",
            "metadata": {"name": "team", "namespace": "d"}, "spec": {"clusterQueue": "all"},
        }),
    ];
    let mut others = objects;
    for name in ["app-1", "app-2", "app-3"] {
        let workload = Workload::new(name, form.shape, Owner::Job, 2);
        for mut job in workload.manifests() {
            job["metadata"]["labels"] = json!({"kueue.x-k8s.io/queue-name": "team"});
            job["spec"]["suspend"] = json!(true);
            others.push(job);
        }
    }
    let beside = Workload::new("beside", Shape::Plain, Owner::Nobody, 1);
    Experiment::new(beside, form.source, nodes(4, 4)).with(others)
}

fn rolled_out(form: Form) -> Experiment {
    let manifests = form.workload(4).manifests();
    let newer = manifests.iter().map(|object| {
        let text = object.to_string().replace("app:1", "app:2");
        serde_json::from_str(&text).expect("an object")
    });
    let newer = newer.collect();
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4)).apply("10m", "newer.yaml", newer)
}

/// One more pod, which waits until pods of the workload are beside it.
fn awaited(form: Form) -> Experiment {
    let term = json!([{
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app": "app"}},
    }]);
    let affinity = json!({
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term},
    });
    let friend = Workload::new("app-friend", Shape::Plain, Owner::Nobody, 1);
    let friend = with_fields(friend, json!({"affinity": affinity}));
    let objects = match form.source {
        Source::Manifests | Source::Applied => form.workload(1).manifests(),
        Source::Dump | Source::Rows => unreachable!("they come at the start"),
    };
    Experiment::new(friend, form.source, nodes(2, 4)).apply("20s", "wanted.yaml", objects)
}

/// Pods of the workload that wait until one that they can't be beside has gone.
fn repelled(form: Form) -> Experiment {
    let term = json!([{
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app": "rival"}},
    }]);
    let affinity = json!({
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term},
    });
    let rival = Workload::new("rival", Shape::Plain, Owner::Nobody, 1);
    let mut rival = rival.manifests();
    rival[0]["spec"]["nodeName"] = json!("n-0");
    let workload = with_fields(form.workload(1), json!({"affinity": affinity}));
    Experiment::new(workload, form.source, nodes(1, 4))
        .with(rival)
        .operation(json!({"at": "20s", "delete": "Pod/d/rival-0"}))
}

/// Pods of the workload that wait until a node has room, since a larger pod has gone.
fn crowded(form: Form) -> Experiment {
    let large = json!({"requests": {"cpu": "3500m", "memory": "1Gi"}});
    let rival = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "large", "namespace": "d"},
        "spec": {
            "nodeName": "n-0",
            "containers": [{"name": "c", "image": "c:1", "resources": large}],
        },
    });
    Experiment::new(form.workload(2), form.source, nodes(1, 4))
        .with(vec![rival])
        .operation(json!({"at": "20s", "delete": "Pod/d/large"}))
}

fn nodes_and_bindings(answer: &Answer) -> String {
    format!(
        "{} joined, {} bound",
        answer.counts.joined, answer.counts.bound
    )
}

fn living(answer: &Answer) -> String {
    format!("{} living", answer.counts.living)
}

fn evicted(answer: &Answer) -> String {
    format!("{} evicted", answer.counts.evicted())
}

fn evicted_and_living(answer: &Answer) -> String {
    format!("{}, {}", evicted(answer), living(answer))
}

fn bound_at(answer: &Answer) -> String {
    let mut counts: SortedMap<i64, usize> = SortedMap::new();
    for at in &answer.counts.bound_at {
        *counts.entry(*at).or_default() += 1;
    }
    let stretches = counts
        .iter()
        .map(|(at, count)| format!("{count} at {at} s"));
    stretches.collect::<Vec<_>>().join(", ")
}

pub(super) const ALL: &[Consumer] = &[
    Consumer {
        name: "horizontal autoscaler, down",
        owners: &Owner::SETS,
        sources: DUMP_AND_APPLIED,
        // Utilization is of what containers request.
        unlike: &[Shape::Overhead],
        experiment: scaled_down,
        read: living,
        right: "2 living",
    },
    Consumer {
        name: "horizontal autoscaler, up",
        owners: &Owner::SETS,
        sources: DUMP_AND_APPLIED,
        unlike: &[Shape::Overhead],
        experiment: scaled_up,
        read: living,
        right: "20 living",
    },
    Consumer {
        name: "vertical autoscaler",
        owners: &Owner::SETS,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: recommended,
        read: recommended_cores,
        right: "0.4",
    },
    Consumer {
        name: "cluster autoscaler, up",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Applied, Source::Rows],
        unlike: &[],
        experiment: grown,
        read: nodes_and_bindings,
        right: "2 joined, 12 bound",
    },
    Consumer {
        name: "cluster autoscaler, down",
        owners: &Owner::CONTROLLERS,
        sources: APPLIED,
        // Pods with local storage stay.
        unlike: &[Shape::Volumes],
        experiment: shrunk,
        read: |answer| format!("{} left", answer.counts.left),
        right: "2 left",
    },
    Consumer {
        name: "provisioner, up",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Applied, Source::Rows],
        unlike: &[Shape::Extended],
        experiment: provisioned,
        read: nodes_and_bindings,
        right: "1 joined, 12 bound",
    },
    Consumer {
        name: "provisioner, down",
        owners: &Owner::CONTROLLERS,
        sources: APPLIED,
        unlike: &[Shape::Extended],
        experiment: consolidated,
        read: |answer| format!("{} left", answer.counts.left),
        right: "1 left",
    },
    Consumer {
        name: "descheduler, age",
        owners: &Owner::CONTROLLERS,
        sources: APPLIED,
        // Pods with local storage stay.
        unlike: &[Shape::Volumes],
        experiment: aged,
        read: evicted,
        right: "4 evicted",
    },
    Consumer {
        name: "descheduler, low utilization",
        owners: &Owner::CONTROLLERS,
        sources: DUMP_AND_APPLIED,
        // Pods with local storage stay.
        unlike: &[Shape::Volumes],
        experiment: rebalanced,
        read: evicted,
        right: "4 evicted",
    },
    Consumer {
        name: "drain",
        owners: &Owner::CONTROLLERS,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: drained,
        read: evicted_and_living,
        right: "1 evicted, 4 living",
    },
    Consumer {
        name: "disruption budget",
        owners: &Owner::SETS,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: budgeted,
        read: evicted_and_living,
        right: "1 evicted, 4 living",
    },
    Consumer {
        name: "quota",
        owners: &Owner::ALL,
        sources: APPLIED,
        unlike: &[],
        experiment: limited,
        read: living,
        right: "3 living",
    },
    Consumer {
        name: "limit range",
        owners: &Owner::ALL,
        sources: APPLIED,
        unlike: &[],
        experiment: too_large,
        read: living,
        right: "0 living",
    },
    Consumer {
        name: "preemption, victims",
        owners: &Owner::ALL,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: preempted,
        read: |answer| {
            let cause = windtunnel::model::EvictionCause::Preemption;
            let count = answer.counts.evictions.get(&cause).copied();
            format!("{} preempted", count.unwrap_or(0))
        },
        right: "2 preempted",
    },
    Consumer {
        name: "preemption, preemptor",
        owners: &Owner::ALL,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: preempting,
        read: |answer| format!("{} bound", answer.counts.bound),
        right: "2 bound",
    },
    Consumer {
        name: "taint",
        owners: &Owner::CONTROLLERS,
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: tainted,
        read: evicted_and_living,
        right: "1 evicted, 4 living",
    },
    Consumer {
        name: "node outage",
        owners: &[Owner::Deployment, Owner::ReplicaSet, Owner::Job],
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: cut_off,
        read: evicted,
        right: "1 evicted",
    },
    Consumer {
        name: "allocation and usage",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Rows],
        unlike: &[],
        experiment: measured,
        read: amounts,
        right: "0.250 0.062 0.125",
    },
    Consumer {
        name: "cost",
        owners: &Owner::ALL,
        sources: &[Source::Rows],
        unlike: &[],
        experiment: billed,
        read: shares,
        right: "d 0.74 0.74",
    },
    Consumer {
        name: "Kueue",
        owners: &[Owner::Job],
        sources: &[],
        unlike: &[],
        experiment: queued,
        read: |answer| format!("{} bound", answer.counts.bound),
        right: "4 bound",
    },
    Consumer {
        name: "roll-out",
        owners: &[Owner::Deployment, Owner::StatefulSet],
        sources: DUMP_AND_APPLIED,
        unlike: &[],
        experiment: rolled_out,
        read: living,
        right: "4 living",
    },
    Consumer {
        name: "hint of a wanted pod",
        owners: &Owner::ALL,
        sources: APPLIED,
        unlike: &[],
        experiment: awaited,
        read: bound_at,
        right: "2 at 20 s",
    },
    Consumer {
        name: "hint of an unwanted pod",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Applied, Source::Rows],
        unlike: &[],
        experiment: repelled,
        read: bound_at,
        right: "1 at 20 s",
    },
    Consumer {
        name: "hint of room",
        owners: &Owner::ALL,
        sources: &[Source::Dump, Source::Applied, Source::Rows],
        unlike: &[],
        experiment: crowded,
        read: bound_at,
        right: "2 at 20 s",
    },
];
