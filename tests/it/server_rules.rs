//! The API server's rules about pods, each with a pod that breaks it, through every door that pods come in by: manifests,
//! lists, templates of workloads, audit logs, traces of clusters, dumps, questions of the program.

use std::fs;

use serde_json::{Value, json};
use windtunnel::arrivals::ReadOptions;
use windtunnel::arrivals::format::Constructor;
use windtunnel::arrivals::memory::Recorded;
use windtunnel::formats::registry::recognize;
use windtunnel::intake::{Input, RowPolicy, TraceError};
use windtunnel::k8s::{
    ManifestReader, Manifests, read_manifests, server_rules, server_rules_of_objects,
};

use crate::scratch::{new_folder, windtunnel};

/// A pod that breaks one rule.
struct Case {
    /// The rule's words, as the table has them.
    says: &'static str,
    /// The field.
    field: &'static str,
    spec: &'static str,
}

const fn case(says: &'static str, field: &'static str, spec: &'static str) -> Case {
    Case { says, field, spec }
}

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
    and must start and end with an alphanumeric character, and have at most 63 characters";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
    '-' or '.', and must start and end with an alphanumeric character, and have at most 253 characters";
const PORT_NAME: &str = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), at least \
    one letter, no hyphens at its ends or beside each other, and no more than 15 characters";
const POLICIES: &str = "Unsupported value: supported values: \"Always\", \"OnFailure\", \"Never\"";

const CASES: &[Case] = &[
    case(
        "Required value: must specify a handler type",
        "spec.containers[0].readinessProbe",
        r#"{"containers": [{"name": "c", "readinessProbe": {"periodSeconds": 5}}]}"#,
    ),
    case(
        "Forbidden: may not specify more than 1 handler type",
        "spec.containers[0].livenessProbe",
        r#"{"containers": [{"name": "c", "livenessProbe": {"exec": {}, "httpGet": {"port": 80}}}]}"#,
    ),
    case(
        LABEL,
        "spec.containers[0].name",
        r#"{"containers": [{"name": "Web_1"}]}"#,
    ),
    case(
        "Duplicate value: two containers of a pod have one name",
        "spec.containers[1].name",
        r#"{"containers": [{"name": "c"}, {"name": "c"}]}"#,
    ),
    case(
        "Unsupported value: supported values: \"Always\"",
        "spec.initContainers[0].restartPolicy",
        r#"{"initContainers": [{"name": "i", "restartPolicy": "Never"}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        POLICIES,
        "spec.containers[0].restartPolicy",
        r#"{"containers": [{"name": "c", "restartPolicy": "Bogus"}]}"#,
    ),
    case(
        POLICIES,
        "spec.restartPolicy",
        r#"{"restartPolicy": "Bogus", "containers": [{"name": "c"}]}"#,
    ),
    case(
        "Unsupported value: supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        "spec.containers[0].imagePullPolicy",
        r#"{"containers": [{"name": "c", "imagePullPolicy": "Often"}]}"#,
    ),
    case(
        "must be between 1 and 65535, inclusive",
        "spec.containers[0].ports[0].containerPort",
        r#"{"containers": [{"name": "c", "ports": [{"containerPort": 70000}]}]}"#,
    ),
    case(
        "Unsupported value: supported values: \"SCTP\", \"TCP\", \"UDP\"",
        "spec.containers[0].ports[0].protocol",
        r#"{"containers": [{"name": "c", "ports": [{"containerPort": 80, "protocol": "XX"}]}]}"#,
    ),
    case(
        PORT_NAME,
        "spec.containers[0].ports[0].name",
        r#"{"containers": [{"name": "c", "ports": [{"containerPort": 80, "name": "HTTP"}]}]}"#,
    ),
    case(
        "Duplicate value: two ports of a container have one name",
        "spec.containers[0].ports[1].name",
        r#"{"containers": [{"name": "c", "ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]}]}"#,
    ),
    case(
        "Duplicate value: a port of the node is taken once",
        "spec.containers[1].ports[0].hostPort",
        r#"{"containers": [{"name": "c", "ports": [{"containerPort": 1, "hostPort": 80}]},
            {"name": "d", "ports": [{"containerPort": 2, "hostPort": 80}]}]}"#,
    ),
    case(
        "must match `containerPort` when `hostNetwork` is true",
        "spec.containers[0].ports[0].hostPort",
        r#"{"hostNetwork": true, "containers": [{"name": "c", "ports": [{"containerPort": 1, "hostPort": 80}]}]}"#,
    ),
    case(
        "may not be set for init containers without restartPolicy=Always",
        "spec.initContainers[0].readinessProbe",
        r#"{"initContainers": [{"name": "i", "readinessProbe": {"exec": {}, "periodSeconds": 5}}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        "must be 1",
        "spec.containers[0].livenessProbe.successThreshold",
        r#"{"containers": [{"name": "c", "livenessProbe": {"exec": {}, "successThreshold": 2}}]}"#,
    ),
    case(
        "must be non-negative and less than terminationGracePeriodSeconds ({})",
        "spec.containers[0].lifecycle.preStop.sleep",
        r#"{"containers": [{"name": "c", "lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}]}"#,
    ),
    case(
        "must be a standard resource type or fully qualified",
        "spec.containers[0].resources.limits[\"gpu\"]",
        r#"{"containers": [{"name": "c", "resources": {"limits": {"gpu": 1}}}]}"#,
    ),
    case(
        "doesn't follow extended resource name standard",
        "spec.containers[0].resources.limits[\"requests.example.com/a\"]",
        r#"{"containers": [{"name": "c", "resources": {"limits": {"requests.example.com/a": 1}}}]}"#,
    ),
    case(
        "must be an integer",
        "spec.containers[0].resources.limits[\"nvidia.com/gpu\"]",
        r#"{"containers": [{"name": "c", "resources": {"limits": {"nvidia.com/gpu": "0.5"}}}]}"#,
    ),
    case(
        "is not positive integer multiple of {}",
        "spec.containers[0].resources.limits[\"hugepages-2Mi\"]",
        r#"{"containers": [{"name": "c", "resources": {"limits": {"hugepages-2Mi": "3Mi", "cpu": 1}}}]}"#,
    ),
    case(
        "must be equal to {} limit of {}",
        "spec.containers[0].resources.requests[\"nvidia.com/gpu\"]",
        r#"{"containers": [{"name": "c", "resources": {"requests": {"nvidia.com/gpu": 1}, "limits": {"nvidia.com/gpu": 2}}}]}"#,
    ),
    case(
        "must be less than or equal to {} limit of {}",
        "spec.containers[0].resources.requests[\"cpu\"]",
        r#"{"containers": [{"name": "c", "resources": {"requests": {"cpu": 2}, "limits": {"cpu": 1}}}]}"#,
    ),
    case(
        "Limit must be set for non overcommitable resources",
        "spec.containers[0].resources.limits",
        r#"{"containers": [{"name": "c", "resources": {"requests": {"nvidia.com/gpu": 1}}}]}"#,
    ),
    case(
        "HugePages require cpu or memory",
        "spec.containers[0].resources",
        r#"{"containers": [{"name": "c", "resources": {"limits": {"hugepages-2Mi": "4Mi"}}}]}"#,
    ),
    case(
        "Unsupported value: supported values: \"cpu\", \"hugepages-\", \"memory\"",
        "spec.resources.limits",
        r#"{"resources": {"limits": {"ephemeral-storage": "1Gi"}}, "containers": [{"name": "c"}]}"#,
    ),
    case(
        "claims cannot be set for Resources at pod-level",
        "spec.resources.claims",
        r#"{"resources": {"claims": [{"name": "g"}]}, "containers": [{"name": "c"}]}"#,
    ),
    case(
        "must be less than or equal to pod limits of {}",
        "spec.containers[0].resources.limits[\"cpu\"]",
        r#"{"resources": {"limits": {"cpu": 2}}, "containers": [{"name": "c", "resources": {"requests": {"cpu": 1}, "limits": {"cpu": 3}}}]}"#,
    ),
    case(
        "must be greater than or equal to aggregate container requests of {}",
        "spec.resources.requests[\"cpu\"]",
        r#"{"resources": {"requests": {"cpu": 1}}, "containers": [{"name": "c", "resources": {"requests": {"cpu": 2}}}]}"#,
    ),
    case(
        LABEL,
        "spec.volumes[0].name",
        r#"{"volumes": [{"name": "A", "emptyDir": {}}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        "Duplicate value: two volumes of a pod have one name",
        "spec.volumes[1].name",
        r#"{"volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        "must be between 1 and 2147483647, inclusive",
        "spec.activeDeadlineSeconds",
        r#"{"activeDeadlineSeconds": 0, "containers": [{"name": "c"}]}"#,
    ),
    case(
        SUBDOMAIN,
        "spec.runtimeClassName",
        r#"{"runtimeClassName": "Kata", "overhead": {"cpu": 1}, "containers": [{"name": "c"}]}"#,
    ),
    case(
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character",
        "spec.schedulingGates[0]",
        r#"{"schedulingGates": [{"name": "a b"}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        "Duplicate value: a scheduling gate stands twice",
        "spec.schedulingGates[1]",
        r#"{"schedulingGates": [{"name": "g"}, {"name": "g"}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        "nodeName cannot be set until all schedulingGates have been cleared",
        "spec.nodeName",
        r#"{"nodeName": "n1", "schedulingGates": [{"name": "g"}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        "Duplicate value: {topologyKey, whenUnsatisfiable} stands twice",
        "spec.topologySpreadConstraints[1]",
        r#"{"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"},
            {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        "must not be specified when labelSelector is not set",
        "spec.topologySpreadConstraints[0].matchLabelKeys",
        r#"{"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "matchLabelKeys": ["a"]}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        "exists in both matchLabelKeys and labelSelector",
        "spec.topologySpreadConstraints[0].matchLabelKeys[0]",
        r#"{"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"a": "b"}}, "matchLabelKeys": ["a"]}], "containers": [{"name": "c"}]}"#,
    ),
    case(
        "exists in both matchLabelKeys and mismatchLabelKeys",
        "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[0]",
        r#"{"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone",
            "labelSelector": {}, "matchLabelKeys": ["a"], "mismatchLabelKeys": ["a"]}]}}, "containers": [{"name": "c"}]}"#,
    ),
    case(
        LABEL,
        "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespaces",
        r#"{"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone",
            "labelSelector": {}, "namespaces": ["A"]}]}}, "containers": [{"name": "c"}]}"#,
    ),
];

/// What a newer release admits is a finding in every reader.
const RELAXED: &str = "may not be set for non-init containers";

impl Case {
    /// The words up to what depends on the pod.
    fn words(&self) -> &str {
        let place = self.says.find(" {}").unwrap_or(self.says.len());
        let words = &self.says[..place];
        words.split(" ({}").next().unwrap_or(words)
    }

    fn spec(&self) -> Value {
        serde_json::from_str(self.spec).expect("JSON")
    }

    fn pod(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}, "spec": self.spec()})
    }

    /// Checks that a reader told the field and the words.
    fn is_told(&self, reader: &str, told: &str) {
        for part in [self.field, self.words()] {
            assert!(told.contains(part), "{reader}: {told}\nlacks {part}");
        }
    }
}

fn refusal(read: Result<Manifests, TraceError>) -> String {
    read.map(|_| ()).expect_err("a refusal").to_string()
}

/// Bad rows and notes of a trace.
fn told_of_trace(name: &str, text: &str) -> String {
    let input = Input::bytes(name, text.as_bytes().to_vec());
    let entry = recognize(&input).expect("a format");
    let Constructor::Workload(open) = entry.open else {
        panic!("{name} is no workload");
    };
    let options = ReadOptions {
        rows: RowPolicy::REPORT,
        ..ReadOptions::default()
    };
    let mut source = open(&input, &options).expect("a log");
    let recorded = Recorded::collect(&mut *source).expect("good rows");
    recorded.ledger.to_string()
}

fn audit_log(object: &Value) -> String {
    json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "1", "stage": "ResponseComplete",
        "verb": "create", "objectRef": {"resource": "pods", "namespace": "shop", "name": "a"},
        "responseStatus": {"code": 201}, "stageTimestamp": "2024-03-01T10:00:01.000000Z", "requestObject": object})
    .to_string()
        + "\n"
}

fn cluster_trace(object: &Value) -> String {
    json!({"version": 2, "config": {"trackedObjects": {}},
        "events": [{"ts": 100, "applied_objs": [object], "deleted_objs": []}], "pod_lifecycles": {}})
    .to_string()
}

#[test]
fn every_rule_holds_in_every_reader() {
    for case in CASES {
        let pod = case.pod();
        let refused = refusal(read_manifests("p.json", &pod.to_string()));
        case.is_told("manifest", &refused);
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [pod]});
        let mut reader = ManifestReader::new();
        let list = Input::bytes("p.json", list.to_string().into_bytes());
        let refused = reader.read(&list).expect_err("a refusal").to_string();
        case.is_told("list", &refused);
        // A deployment's pods start over, and have no time.
        let is_of_pods = ["spec.activeDeadlineSeconds", "spec.restartPolicy"].contains(&case.field);
        if !is_of_pods {
            let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": case.spec()});
            let set = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
                "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}});
            let mut reader = ManifestReader::new().with_workloads();
            let input = Input::bytes("d.json", set.to_string().into_bytes());
            let refused = reader.read(&input).expect_err("a refusal").to_string();
            case.is_told("deployment", &refused);
            case.is_told(
                "trace of a cluster",
                &told_of_trace("t.json", &cluster_trace(&set)),
            );
        }
        case.is_told("audit log", &told_of_trace("audit.log", &audit_log(&pod)));
        case.is_told(
            "trace of a cluster",
            &told_of_trace("t.json", &cluster_trace(&pod)),
        );
    }
}

#[test]
fn a_server_that_admitted_a_pod_is_believed() {
    for case in CASES {
        let mut pod = case.pod();
        pod["metadata"]["uid"] = "u-1".into();
        pod["metadata"]["resourceVersion"] = "7".into();
        match read_manifests("dump.json", &pod.to_string()) {
            Ok(read) => {
                let told: Vec<String> = read.findings.iter().map(ToString::to_string).collect();
                assert_eq!(read.pods.len(), 1);
                case.is_told("dump", &told.join("\n"));
            }
            // Some have no meaning whoever has admitted them.
            Err(error) => assert!(error.to_string().contains(case.field), "{error}"),
        }
    }
}

#[test]
fn every_rule_of_the_table_has_a_pod_that_breaks_it() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/manual/server-rules.md");
    let page = fs::read_to_string(page).unwrap();
    for (says, source) in server_rules() {
        let has_case = CASES.iter().any(|case| case.says == says) || says == RELAXED;
        assert!(has_case, "{source}: {says}");
    }
    for (says, source) in server_rules().chain(server_rules_of_objects()) {
        let row = format!("| {says} | `{source}");
        assert!(
            page.contains(&row),
            "docs/manual/server-rules.md lacks {row}"
        );
    }
}

#[test]
fn policies_of_single_containers_are_told() {
    let spec = json!({"containers": [{"name": "c", "restartPolicy": "Never"}]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec});
    let read = read_manifests("p.json", &pod.to_string()).expect("a pod");
    assert!(
        read.findings[0].what.contains(RELAXED),
        "{:?}",
        read.findings
    );
    let told = told_of_trace("audit.log", &audit_log(&pod));
    assert!(told.contains(RELAXED), "{told}");
}

#[test]
fn a_pod_has_the_same_requests_in_every_reader() {
    let spec = json!({"resources": {"limits": {"cpu": "3", "memory": "2Gi"}}, "containers": [{"name": "c"}]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}, "spec": spec});
    let read = read_manifests("p.json", &pod.to_string()).expect("a pod");
    let expected = read.pods[0].spec.requests().expect("small");
    assert_eq!(expected.get("cpu").milli_ceil(), Ok(3_000));
    for (name, text) in [
        ("audit.log", audit_log(&pod)),
        ("t.json", cluster_trace(&pod)),
    ] {
        let input = Input::bytes(name, text.into_bytes());
        let entry = recognize(&input).expect("a format");
        let Constructor::Workload(open) = entry.open else {
            panic!("{name} is no workload");
        };
        let mut source = open(&input, &ReadOptions::default()).expect("a log");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let found = recorded.classes[0].requests().expect("small");
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn questions_of_the_program_refuse_what_a_server_refuses() {
    let folder = new_folder("server-rules");
    fs::create_dir_all(&folder).unwrap();
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n\
                status: {allocatable: {cpu: 4, memory: 8Gi, pods: 10, nvidia.com/gpu: 4}}\n\
                ---\napiVersion: kueue.x-k8s.io/v1beta1\nkind: ResourceFlavor\nmetadata: {name: f}\n\
                ---\napiVersion: kueue.x-k8s.io/v1beta1\nkind: ClusterQueue\nmetadata: {name: q}\nspec:\n  \
                namespaceSelector: {}\n  resourceGroups:\n  - coveredResources: [cpu]\n    \
                flavors: [{name: f, resources: [{name: cpu, nominalQuota: 4}]}]\n";
    fs::write(folder.join("nodes.yaml"), node).unwrap();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    resources:\n      \
               limits:\n        nvidia.com/gpu: 0.5\n";
    fs::write(folder.join("pod.yaml"), pod).unwrap();
    for arguments in [
        &["place", "nodes.yaml", "pod.yaml"][..],
        &["plan", "nodes.yaml", "--headroom", "2=pod.yaml"],
        &["queue", "nodes.yaml", "pod.yaml"],
        &["import", "kubectl", "nodes.yaml", "pod.yaml"],
    ] {
        let output = windtunnel(&folder, arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?}: {told}");
        let expected = "document 1, Pod `p`: spec.containers[0].resources.limits[\"nvidia.com/gpu\"]: must be an \
                        integer, found `0.5`";
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn autoscalers_that_could_never_scale_are_refused() {
    let autoscaler = |target: &str, min: u32, uid: &str| {
        format!(
            "{{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {{name: web{uid}}}, spec: \
             {{scaleTargetRef: {{{target}kind: Deployment, name: web}}, minReplicas: {min}, maxReplicas: 9, \
             metrics: [{{type: External, external: {{metric: {{name: queue}}, target: {{type: Value, value: 5}}}}}}]}}}}"
        )
    };
    let read = |text: &str| {
        let input = Input::bytes("a.yaml", text.as_bytes().to_vec());
        ManifestReader::new()
            .with_workloads()
            .read(&input)
            .map_err(|error| error.to_string())
    };
    let refusal = |text: &str| read(text).expect_err("a refusal");
    for group in ["", "apiVersion: v1, ", "apiVersion: extensions/v1beta1, "] {
        let said = refusal(&autoscaler(group, 1, ""));
        assert!(
            said.contains("scaleTargetRef.apiVersion: expected `apps/v1`"),
            "{said}"
        );
    }
    let right = "apiVersion: apps/v1, ";
    assert!(read(&autoscaler(right, 1, "")).is_ok());
    let said = refusal(&autoscaler(right, 0, ""));
    assert!(
        said.contains("spec.minReplicas: expected 1 or more"),
        "{said}"
    );
    // A server that has the feature's gate has admitted it.
    assert!(read(&autoscaler(right, 0, ", uid: one")).is_ok());
}
