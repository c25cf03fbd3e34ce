//! Ten questions about jobs under queues of Kueue: each answer is checked by a run of the same cluster, and
//! each change that would admit a job by making it and running again.

use serde_json::{Value, json};

use crate::scratch::Scratch;

const EXPERIMENT: &str = "\
windtunnel: v1
name: queue-questions
cluster:
  nodes:
    - {name: 'a-{}', count: 8, template: {labels: {gpu: a100}, allocatable: {cpu: 64, memory: 256Gi, pods: 50, nvidia.com/gpu: 8}}}
    - {name: 'h-{}', count: 2, template: {labels: {gpu: h100}, taints: [{key: h100, effect: NoSchedule}], allocatable: {cpu: 64, memory: 256Gi, pods: 50, nvidia.com/gpu: 8}}}
    - {name: 'r1-{}', count: 2, template: {labels: {gpu: nvl, rack: r1}, allocatable: {cpu: 64, memory: 256Gi, pods: 50, nvidia.com/gpu: 2}}}
    - {name: 'r2-{}', count: 2, template: {labels: {gpu: nvl, rack: r2}, allocatable: {cpu: 64, memory: 256Gi, pods: 50, nvidia.com/gpu: 2}}}
workload:
  - manifests: dump.json
  - manifests: job.json
system: {name: kubernetes, controllers: {}}
stop: {at: 10m}
";

const GPU: &str = "nvidia.com/gpu";

fn kueue(kind: &str, name: &str, spec: Value) -> Value {
    let mut own = json!({
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": kind,
        "metadata": {"name": name},
    });
    own["spec"] = spec;
    own
}

/// A queue with a `LocalQueue` `jobs` in the namespace of its name.
fn queue(name: &str, mut spec: Value, flavors: &[(&str, Value)]) -> [Value; 2] {
    let flavors = flavors.iter().map(|(flavor, quota)| {
        let mut quota = quota.clone();
        quota["name"] = GPU.into();
        json!({"name": flavor, "resources": [quota]})
    });
    spec["namespaceSelector"] = json!({});
    spec["resourceGroups"] =
        json!([{"coveredResources": [GPU], "flavors": flavors.collect::<Value>()}]);
    let mut local = kueue("LocalQueue", "jobs", json!({"clusterQueue": name}));
    local["metadata"]["namespace"] = name.into();
    [kueue("ClusterQueue", name, spec), local]
}

/// A workload of one pod set that waits, or that holds quota of a flavor.
fn workload(queue: &str, name: &str, pods: i64, flavor: Option<&str>) -> Value {
    let template = template(&json!({}), &json!({}));
    let mut own = kueue(
        "Workload",
        name,
        json!({"queueName": "jobs", "podSets": [{"name": "main", "count": pods, "template": template}]}),
    );
    own["metadata"]["namespace"] = queue.into();
    own["metadata"]["creationTimestamp"] = "2026-03-02T08:00:00Z".into();
    let Some(flavor) = flavor else {
        own["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "example.com/v1", "kind": "Gizmo", "name": name, "uid": "u", "controller": true,
        }]);
        return own;
    };
    let condition = |kind: &str| json!({"type": kind, "status": "True", "reason": kind, "lastTransitionTime": "2026-03-02T08:00:00Z"});
    own["status"] = json!({
        "admission": {"clusterQueue": queue, "podSetAssignments": [{
            "name": "main",
            "count": pods,
            "flavors": {GPU: flavor},
            "resourceUsage": {GPU: pods.to_string()},
        }]},
        "conditions": [condition("QuotaReserved"), condition("Admitted")],
    });
    own
}

/// A workload with a pod on each of two nodes of the racks.
fn racked(nodes: [&str; 2]) -> Value {
    let mut own = workload("racked", "held", 2, Some("nvl"));
    own["status"]["admission"]["podSetAssignments"][0]["topologyAssignment"] = json!({
        "levels": ["kubernetes.io/hostname"],
        "slices": [{
            "domainCount": 2,
            "valuesPerLevel": [{"individual": {"prefix": "", "suffix": "", "roots": nodes}}],
            "podCounts": {"universal": 1},
        }],
    });
    own
}

/// Pods of one GPU each.
fn template(annotations: &Value, spec: &Value) -> Value {
    let mut annotations = annotations.clone();
    annotations["windtunnel.dev/run-time"] = "1h".into();
    let mut own = json!({
        "restartPolicy": "Never",
        "containers": [{"name": "c", "image": "c", "resources": {"limits": {GPU: 1}}}],
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        own[key] = value.clone();
    }
    json!({"metadata": {"annotations": annotations}, "spec": own})
}

fn job(queue: &str, pods: i64, annotations: &Value, spec: &Value) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "asked", "namespace": queue, "labels": {"kueue.x-k8s.io/queue-name": "jobs"}},
        "spec": {"parallelism": pods, "completions": pods, "template": template(annotations, spec)},
    })
}

/// Flavors, topology, check and priority of the cluster.
fn kinds() -> Vec<Value> {
    let mut own = vec![
        kueue(
            "ResourceFlavor",
            "a100",
            json!({"nodeLabels": {"gpu": "a100"}}),
        ),
        kueue(
            "ResourceFlavor",
            "h100",
            json!({
                "nodeLabels": {"gpu": "h100"},
                "nodeTaints": [{"key": "h100", "effect": "NoSchedule"}],
            }),
        ),
        kueue(
            "ResourceFlavor",
            "nvl",
            json!({"nodeLabels": {"gpu": "nvl"}, "topologyName": "racks"}),
        ),
        kueue(
            "Topology",
            "racks",
            json!({"levels": [{"nodeLabel": "rack"}, {"nodeLabel": "kubernetes.io/hostname"}]}),
        ),
        kueue(
            "AdmissionCheck",
            "budget",
            json!({"controllerName": "example.com/budget"}),
        ),
        json!({
            "apiVersion": "kueue.x-k8s.io/v1beta2",
            "kind": "WorkloadPriorityClass",
            "metadata": {"name": "raised"},
            "value": 1,
        }),
    ];
    own[4]["metadata"]["annotations"] = json!({"windtunnel.dev/check-answer": "Rejected"});
    own
}

/// Queues of the cluster.
fn queues() -> impl Iterator<Item = Value> {
    let nominal = |amount: i64| json!({"nominalQuota": amount});
    let company = |preemption: Value| json!({"cohortName": "company", "preemption": preemption});
    let queues = [
        queue(
            "research",
            company(json!({"withinClusterQueue": "LowerPriority"})),
            &[("a100", json!({"nominalQuota": 16, "borrowingLimit": 4}))],
        ),
        queue(
            "product",
            company(json!({"reclaimWithinCohort": "Any"})),
            &[("a100", json!({"nominalQuota": 16, "lendingLimit": 8}))],
        ),
        queue(
            "solo",
            json!({}),
            &[("a100", nominal(8)), ("h100", nominal(8))],
        ),
        queue(
            "strict",
            json!({"queueingStrategy": "StrictFIFO"}),
            &[("a100", nominal(8))],
        ),
        queue("racked", json!({}), &[("nvl", nominal(8))]),
        queue(
            "checked",
            json!({"admissionChecksStrategy": {"admissionChecks": [{"name": "budget"}]}}),
            &[("a100", nominal(4))],
        ),
        queue(
            "held",
            json!({"stopPolicy": "Hold"}),
            &[("a100", nominal(4))],
        ),
    ];
    queues.into_iter().flatten()
}

/// The cluster of all questions.
fn dump() -> Vec<Value> {
    let mut own = kinds();
    own.extend(queues());
    own.extend([
        workload("research", "held", 12, Some("a100")),
        workload("product", "held", 4, Some("a100")),
        workload("solo", "held", 8, Some("a100")),
        workload("strict", "held", 4, Some("a100")),
        workload("strict", "wide", 8, None),
        racked(["r1-0", "r2-0"]),
    ]);
    own
}

/// A cluster and a job, as files.
#[derive(Clone)]
struct Case {
    dump: Vec<Value>,
    job: Value,
}

impl Case {
    fn files(&self) -> Scratch {
        let dump = json!({"apiVersion": "v1", "kind": "List", "items": self.dump}).to_string();
        let job = self.job.to_string();
        let files = [
            ("a.yaml", EXPERIMENT),
            ("dump.json", &dump),
            ("job.json", &job),
        ];
        Scratch::new("queue-questions", &files)
    }

    /// The answer of the command, which ends with this code.
    fn ask(&self, code: i32) -> Value {
        let arguments = ["queue", "a.yaml", "job.json", "--format", "json"];
        let printed = self.files().printed(&arguments, code);
        serde_json::from_str(&printed).expect("JSON")
    }

    /// Number of pods that a run of the cluster makes of the job.
    fn run(&self) -> u64 {
        let scratch = self.files();
        scratch.run(&["run", "a.yaml", "--out", "out"], 0);
        scratch.summary("out").variants[0].pods
    }

    /// The case with a change that was said to admit the job, and the number of pods that it has then.
    fn changed(&self, change: &Value) -> (Self, u64) {
        let mut own = self.clone();
        let spec = &mut own.job["spec"];
        let mut pods = spec["parallelism"].as_u64().expect("a number");
        match change["kind"].as_str().expect("a kind") {
            "pods" => {
                pods = change["to"].as_u64().expect("a number");
                spec["parallelism"] = pods.into();
                spec["completions"] = pods.into();
            }
            "priority" => {
                own.job["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] = "raised".into();
                own.dump[5]["value"] = change["to"].clone();
            }
            "flavor" => {
                let pod = &mut spec["template"]["spec"];
                pod["nodeSelector"] = json!({});
                pod["tolerations"] = json!([{"operator": "Exists"}]);
            }
            "level" => {
                let annotations = &mut spec["template"]["metadata"]["annotations"];
                let key = "kueue.x-k8s.io/podset-required-topology";
                annotations.as_object_mut().expect("an object").remove(key);
                if change["to"].is_null() {
                    annotations["kueue.x-k8s.io/podset-unconstrained-topology"] = "true".into();
                } else {
                    annotations[key] = change["to"].clone();
                }
            }
            kind => {
                let field = match kind {
                    "quota" => "nominalQuota",
                    "borrowingLimit" => "borrowingLimit",
                    other => panic!("{other}"),
                };
                let name = own.job["metadata"]["namespace"].clone();
                let mut queues = own
                    .dump
                    .iter_mut()
                    .filter(|own| own["kind"] == "ClusterQueue");
                let queue = queues.find(|own| own["metadata"]["name"] == name);
                let queue = queue.expect("the queue");
                for raise in change["raises"].as_array().expect("a list") {
                    let flavors = queue["spec"]["resourceGroups"][0]["flavors"].as_array_mut();
                    let mut flavors = flavors.expect("a list").iter_mut();
                    let flavor = flavors.find(|own| own["name"] == raise["flavor"]);
                    let quota = &mut flavor.expect("the flavor")["resources"][0];
                    assert_eq!(
                        quota[field].to_string(),
                        raise["from"].as_str().expect("text")
                    );
                    quota[field] = raise["to"].clone();
                }
            }
        }
        (own, pods)
    }
}

/// Kinds and objects of what binds.
type Binds = &'static [(&'static str, &'static str)];

/// A question: its job, the verdict, what binds, and the kinds of changes that would admit the job.
struct Asked {
    job: Value,
    verdict: &'static str,
    binds: Binds,
    changes: &'static [&'static str],
}

fn questions() -> Vec<Asked> {
    let none = json!({});
    let rack = json!({"kueue.x-k8s.io/podset-required-topology": "rack"});
    let a100 = json!({"nodeSelector": {"gpu": "a100"}});
    let all: [(Value, &str, Binds, &[&str]); 10] = [
        (job("research", 4, &none, &none), "admitted", &[], &[]),
        // 4 of its own and 4 to borrow.
        (
            job("research", 10, &none, &none),
            "queued",
            &[("borrowingLimit", "ClusterQueue research")],
            &["pods", "priority", "quota", "borrowingLimit"],
        ),
        (
            job("research", 30, &none, &none),
            "never",
            &[("borrowingLimit", "ClusterQueue research")],
            &["pods", "quota"],
        ),
        // 12 of its own, 8 of which it lends, and 4 that research does not use.
        (job("product", 16, &none, &none), "admitted", &[], &[]),
        (
            job("product", 18, &none, &none),
            "queued",
            &[("cohortQuota", "Cohort company")],
            &["pods", "quota"],
        ),
        (
            job("solo", 8, &none, &a100),
            "queued",
            &[
                ("nominalQuota", "ClusterQueue solo"),
                ("flavor", "ResourceFlavor h100"),
            ],
            &["flavor", "quota"],
        ),
        (
            job("strict", 4, &none, &none),
            "queued",
            &[("order", "ClusterQueue strict")],
            &["priority", "quota"],
        ),
        (
            job("racked", 4, &rack, &none),
            "queued",
            &[("level", "Topology racks")],
            &["pods", "level"],
        ),
        (
            job("checked", 2, &none, &none),
            "admitted",
            &[("check", "AdmissionCheck budget")],
            &[],
        ),
        (
            job("held", 1, &none, &none),
            "never",
            &[("queue", "ClusterQueue held")],
            &[],
        ),
    ];
    let all = all.into_iter().map(|(job, verdict, binds, changes)| Asked {
        job,
        verdict,
        binds,
        changes,
    });
    all.collect()
}

#[test]
fn answers_are_what_runs_come_to() {
    for asked in questions() {
        let case = Case {
            dump: dump(),
            job: asked.job,
        };
        let words = format!(
            "{}: {}",
            case.job["metadata"]["namespace"], case.job["spec"]["parallelism"]
        );
        let code = if asked.verdict == "admitted" { 0 } else { 100 };
        let answer = case.ask(code);
        assert_eq!(answer["verdict"], asked.verdict, "{words}: {answer:#}");
        let binds = answer["binds"].as_array().expect("a list").iter();
        let text = |own: &Value| own.as_str().expect("text").to_owned();
        let binds = binds.map(|own| (text(&own["kind"]), text(&own["object"])));
        let binds: Vec<(String, String)> = binds.collect();
        let expected = asked.binds.iter();
        let expected: Vec<(String, String)> = expected
            .map(|(kind, object)| ((*kind).to_owned(), (*object).to_owned()))
            .collect();
        assert_eq!(binds, expected, "{words}: {answer:#}");
        let changes = answer["changes"].as_array().expect("a list");
        let kinds: Vec<&str> = changes
            .iter()
            .filter_map(|own| own["kind"].as_str())
            .collect();
        assert_eq!(kinds, asked.changes, "{words}: {answer:#}");
        let pods = case.job["spec"]["parallelism"].as_u64().expect("a number");
        // A check that rejects a workload lets none of its pods run.
        let runs = asked.verdict == "admitted" && asked.binds.is_empty();
        assert_eq!(case.run(), if runs { pods } else { 0 }, "{words}");
        for change in changes {
            let (changed, pods) = case.changed(change);
            assert_eq!(changed.ask(0)["verdict"], "admitted", "{words}: {change}");
            assert_eq!(changed.run(), pods, "{words}: {change}");
        }
    }
}
