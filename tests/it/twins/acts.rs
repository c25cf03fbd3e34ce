//! Experiments in which a part of the program acts on pods of a form, and answers that are read from them.

use serde_json::{Value, json};
use windtunnel::metrics::CostTable;
use windtunnel::metrics::autoscalers::AutoscalerRow;
use windtunnel::units::SortedMap;

use super::consumers::Form;
use super::experiment::{Answer, Experiment, group, nodes};
use super::pods::{Owner, Shape, Source, Workload};

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

pub(super) fn scaled_down(form: Form) -> Experiment {
    let workload = used(form.spread(4, 4), "310m");
    Experiment::new(workload, form.source, nodes(4, 4)).with(half(form.owner))
}

pub(super) fn scaled_up(form: Form) -> Experiment {
    let workload = used(form.spread(2, 4), "900m");
    Experiment::new(workload, form.source, nodes(4, 16)).with(half(form.owner))
}

pub(super) fn recommended(form: Form) -> Experiment {
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

pub(super) fn recommended_cores(answer: &Answer) -> String {
    let rows = answer.outcome.metrics.tables.rows::<AutoscalerRow>();
    let sizes = rows.iter().flat_map(|row| &row.recommended);
    let milli: i64 = sizes.map(|(_, used)| used.cpu_milli).sum();
    // Shares of containers are rounded apart from each other.
    format!("{:.1}", milli as f64 / 1000.0)
}

pub(super) fn grown(form: Form) -> Experiment {
    Experiment::new(form.workload(12), form.source, nodes(1, 4))
        .set("/system/autoscaling", json!({"cluster": {}}))
        .set("/cluster/provider", group(0))
}

pub(super) fn shrunk(form: Form) -> Experiment {
    let pool = json!({"matchExpressions": [{"key": "pool", "operator": "Exists"}]});
    let term = json!([{"weight": 100, "preference": pool}]);
    let affinity =
        json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": term}});
    let workload = with_fields(form.workload(2), json!({"affinity": affinity}));
    Experiment::new(workload, form.source, nodes(1, 8))
        .set("/system/autoscaling", json!({"cluster": {}}))
        .set("/cluster/provider", group(2))
}

pub(super) fn provisioned(form: Form) -> Experiment {
    let provisioner = json!({
        "instanceTypes": ["m5.*"], "consolidation": "WhenEmptyOrUnderutilized",
        "consolidateAfter": "0s", "budget": "100%",
    });
    Experiment::new(form.workload(12), form.source, nodes(1, 4))
        .set("/system/autoscaling", json!({"provisioner": provisioner}))
        .set("/cluster/provider", json!({"boot": "constant(60s)"}))
}

pub(super) fn consolidated(form: Form) -> Experiment {
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

pub(super) fn aged(form: Form) -> Experiment {
    let strategies = json!({"PodLifeTime": {"maxPodLifeTime": "10m"}});
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4))
        .set(
            "/system/descheduling",
            json!({"interval": "5m", "strategies": strategies}),
        )
        .set("/stop/at", json!("18m"))
}

pub(super) fn rebalanced(form: Form) -> Experiment {
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

pub(super) fn drained(form: Form) -> Experiment {
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4))
        .operation(json!({"at": "10m", "drain": "n-0"}))
}

pub(super) fn budgeted(form: Form) -> Experiment {
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

pub(super) fn limited(form: Form) -> Experiment {
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "cores", "namespace": "d"},
        "spec": {"hard": {"requests.cpu": "3"}},
    });
    Experiment::new(form.workload(5), form.source, nodes(4, 4)).with(vec![quota])
}

pub(super) fn too_large(form: Form) -> Experiment {
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

pub(super) fn preempted(form: Form) -> Experiment {
    let high = Workload::new("high", Shape::Plain, Owner::Deployment, 2);
    let high = with_fields(high, json!({"priorityClassName": "urgent"}));
    Experiment::new(form.spread(4, 2), form.source, nodes(2, 2))
        .with(vec![urgent()])
        .apply("5m", "high.yaml", high.manifests())
}

pub(super) fn preempting(form: Form) -> Experiment {
    let workload = with_fields(form.workload(2), json!({"priorityClassName": "urgent"}));
    let mut others = Workload::new("low", Shape::Plain, Owner::Deployment, 4).manifests();
    others.push(urgent());
    // Where both come at once, the urgent ones are first and nothing is preempted.
    Experiment::new(workload, form.source, nodes(2, 2)).with(others)
}

pub(super) fn tainted(form: Form) -> Experiment {
    let taint = json!({"node": "n-0", "key": "broken", "effect": "NoExecute"});
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4))
        .operation(json!({"at": "10m", "taint": taint}))
}

pub(super) fn cut_off(form: Form) -> Experiment {
    let outage = json!({"kind": "node-outage", "node": "n-0", "at": "10m"});
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4))
        .set("/failures", json!([outage]))
        .set("/models", json!({"nodeLife": "observed"}))
}

pub(super) fn measured(form: Form) -> Experiment {
    Experiment::new(used(form.spread(4, 4), "500m"), form.source, nodes(4, 4))
}

pub(super) fn amounts(answer: &Answer) -> String {
    let ids = [
        "allocation.cpu.mean",
        "allocation.memory.mean",
        "usage.cpu.utilization",
    ];
    ids.map(|id| answer.metric(id)).join(" ")
}

pub(super) fn billed(form: Form) -> Experiment {
    let amounts = json!({"cpu": 4, "memory": "16Gi", "pods": 110, "example.com/fpga": 100});
    let machines = json!([{
        "count": 4, "name": "n-{}", "template": {"allocatable": amounts, "price": 1},
    }]);
    Experiment::new(used(form.workload(4), "500m"), form.source, nodes(4, 4))
        .set("/cluster/nodes", machines)
}

pub(super) fn shares(answer: &Answer) -> String {
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

pub(super) fn queued(form: Form) -> Experiment {
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

pub(super) fn rolled_out(form: Form) -> Experiment {
    let manifests = form.workload(4).manifests();
    let newer = manifests.iter().map(|object| {
        let text = object.to_string().replace("app:1", "app:2");
        serde_json::from_str(&text).expect("an object")
    });
    let newer = newer.collect();
    Experiment::new(form.spread(4, 4), form.source, nodes(4, 4)).apply("10m", "newer.yaml", newer)
}

/// One more pod, which waits until pods of the workload are beside it.
pub(super) fn awaited(form: Form) -> Experiment {
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
pub(super) fn repelled(form: Form) -> Experiment {
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
pub(super) fn crowded(form: Form) -> Experiment {
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

pub(super) fn nodes_and_bindings(answer: &Answer) -> String {
    format!(
        "{} joined, {} bound",
        answer.counts.joined, answer.counts.bound
    )
}

pub(super) fn living(answer: &Answer) -> String {
    format!("{} living", answer.counts.living)
}

pub(super) fn evicted(answer: &Answer) -> String {
    format!("{} evicted", answer.counts.evicted())
}

pub(super) fn evicted_and_living(answer: &Answer) -> String {
    format!("{}, {}", evicted(answer), living(answer))
}

pub(super) fn bound_at(answer: &Answer) -> String {
    let mut counts: SortedMap<i64, usize> = SortedMap::new();
    for at in &answer.counts.bound_at {
        *counts.entry(*at).or_default() += 1;
    }
    let stretches = counts
        .iter()
        .map(|(at, count)| format!("{count} at {at} s"));
    stretches.collect::<Vec<_>>().join(", ")
}
