//! Results of reading manifests.

mod broken;
mod dra;
mod fields;
mod generated;
mod generic;
mod objects;
mod queueing;
mod runtime_classes;

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

use super::*;
use model::{Operator, TaintEffect};
use units::Quantity;

fn read(text: &str) -> Manifests {
    read_manifests("test.yaml", text).expect("a good manifest")
}

fn only_pod(text: &str) -> ManifestPod {
    let manifests = read(text);
    assert_eq!(manifests.pods.len(), 1);
    manifests.pods[0].clone()
}

/// A pod with these lines in its `spec`, indented by two.
fn pod_with(spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\n\
         spec:\n  containers: [{{name: c}}]\n{spec}"
    )
}

fn quantity(text: &str) -> Quantity {
    text.parse().expect("a quantity")
}

#[test]
fn a_node_keeps_what_placement_reads() {
    let manifests = read(
        "kind: Node\nmetadata:\n  name: n\n\
         \x20 labels: {zone: a, alibabacloud.com/gpu-card-model: T4}\n\
         spec:\n  unschedulable: true\n  taints: [{key: k, effect: NoExecute}]\n\
         status:\n  capacity: {cpu: 8, memory: 100, pods: 10, example.com/fpga: 3}\n\
         \x20 allocatable:\n    cpu: '7'\n    memory: 90\n    pods: 10\n    example.com/fpga: 3\n\
         \x20   nvidia.com/gpu: 2\n    alibabacloud.com/gpu-count: '2'\n\
         \x20   alibabacloud.com/gpu-milli: '2000'\n\
         \x20 images: [{names: [a, b], sizeBytes: 7}]\n",
    );
    let node = &manifests.nodes[0];
    assert_eq!(node.labels.get("zone").map(|value| &**value), Some("a"));
    assert!(node.unschedulable);
    assert_eq!(node.taints[0].effect, TaintEffect::NoExecute);
    let amounts: Vec<_> = node.allocatable.iter().collect();
    let expected = [
        ("cpu", 7),
        ("example.com/fpga", 3),
        ("memory", 90),
        ("nvidia.com/gpu", 2),
        ("pods", 10),
    ];
    assert_eq!(
        amounts,
        expected.map(|(name, units)| (name, Quantity::from_units(units)))
    );
    assert_eq!(node.capacity.get("cpu"), Quantity::from_units(8));
    let gpu = node.gpu.as_ref().expect("devices");
    assert_eq!((gpu.devices, &*gpu.model), (2, "T4"));
    assert_eq!(node.images, [("a".into(), 7), ("b".into(), 7)]);
    assert!(manifests.findings.is_empty());
}

#[test]
fn a_pod_takes_the_defaults_of_the_api() {
    let pod = only_pod(
        "kind: Pod\nmetadata:\n  generateName: web-\n  creationTimestamp: null\n\
         \x20 annotations: {windtunnel/at: 1m30s, other: x}\n\
         spec:\n  hostNetwork: true\n  schedulerName: default-scheduler\n  nodeName: n\n\
         \x20 activeDeadlineSeconds: 60\n\
         \x20 containers:\n  - name: c\n\
         \x20   resources: {limits: {cpu: 2, memory: 5}, requests: {cpu: 1}}\n\
         \x20   ports:\n    - containerPort: 80\n\
         \x20   - {containerPort: 53, hostPort: 53, protocol: UDP, hostIP: 10.0.0.1}\n\
         \x20 initContainers:\n  - name: i\n    restartPolicy: Always\n\
         \x20   ports: [{containerPort: 1, hostPort: 2}]\n\
         \x20 - name: j\n    ports: [{containerPort: 3, hostPort: 3}]\n",
    );
    assert_eq!((&*pod.name, &**pod.namespace()), ("web-1", "default"));
    assert_eq!(pod.phase, PodPhase::Bound);
    assert_eq!(pod.at, Some(Duration::from_secs(90)));
    assert_eq!(pod.time_limit, Some(Duration::from_secs(60)));
    assert!(pod.spec.preempts && pod.spec.scheduler_name.is_empty());
    let container = &pod.spec.containers[0];
    assert_eq!(container.requests.get("cpu"), Quantity::from_units(1));
    assert_eq!(container.requests.get("memory"), Quantity::from_units(5));
    let ports: Vec<_> = container
        .host_ports
        .iter()
        .map(|port| (&*port.host_ip, &*port.protocol, port.port))
        .collect();
    assert_eq!(ports, [("", "TCP", 80), ("10.0.0.1", "UDP", 53)]);
    assert!(pod.spec.init_containers[0].restartable);
    assert_eq!(pod.spec.init_containers[0].host_ports.len(), 1);
    assert!(pod.spec.init_containers[1].host_ports.is_empty());
}

/// Every wish about places that a pod can have.
const WISHES: &str = include_str!("wishes.yaml");

#[test]
fn affinity_and_spreading_are_read_whole() {
    let pod = only_pod(&pod_with(WISHES));
    let spec = &pod.spec;
    let required = spec.affinity.node.required.as_ref().expect("required");
    assert_eq!(
        required.terms[0].match_expressions[0].operator,
        Operator::Gt
    );
    assert_eq!(&*required.terms[0].match_fields[0].values[0], "n");
    assert_eq!(spec.affinity.node.preferred[0].0, 100);
    let term = &spec.affinity.required_pod_affinity[0];
    let selector = term.selector.as_ref().expect("selector");
    assert_eq!(selector.requirements.len(), 2);
    assert_eq!(selector.requirements[0].operator, Operator::In);
    assert!(
        term.namespace_selector
            .as_ref()
            .is_some_and(|all| all.requirements.is_empty())
    );
    assert_eq!(
        (&*term.namespaces[0], &*term.match_label_keys[0]),
        ("x", "app")
    );
    assert_eq!(&*term.mismatch_label_keys[0], "tenant");
    let (weight, term) = &spec.affinity.preferred_pod_anti_affinity[0];
    assert!(*weight == 1 && term.selector.is_none() && term.namespace_selector.is_none());
    let [hard, soft] = spec.topology_spread.as_slice() else {
        panic!("two rules");
    };
    assert!(hard.hard && hard.honor_node_affinity && hard.honor_node_taints);
    assert_eq!((hard.max_skew, hard.min_domains), (2, Some(3)));
    assert!(!soft.hard && !soft.honor_node_affinity && !soft.honor_node_taints);
    assert!(spec.tolerations[0].key.is_none() && spec.tolerations[0].value.is_none());
    assert_eq!(spec.tolerations[1].value.as_deref(), Some("b"));
    assert_eq!(
        spec.tolerations[1].tolerates_for,
        Some(Duration::from_secs(5))
    );
    assert_eq!((spec.priority, spec.preempts), (5, false));
    assert_eq!(&*spec.scheduling_gates[0], "g");
}

#[test]
fn pod_level_requests_default_to_the_containers_and_then_the_limit() {
    let pod = only_pod(
        "kind: Pod\nmetadata: {name: p}\nspec:\n  overhead: {cpu: 1}\n\
         \x20 resources: {requests: {hugepages-2Mi: 4Mi}, limits: {memory: 9, cpu: 8, hugepages-2Mi: 4Mi}}\n\
         \x20 containers: [{name: c, resources: {requests: {cpu: 2}}}]\n",
    );
    let amounts: Vec<_> = pod.spec.pod_requests.iter().collect();
    let expected = [("cpu", 2), ("hugepages-2Mi", 4 << 20), ("memory", 9)];
    assert_eq!(
        amounts,
        expected.map(|(name, units)| (name, Quantity::from_units(units)))
    );
    let total = pod.spec.requests().expect("small amounts");
    assert_eq!(total.get("cpu"), Quantity::from_units(3));
}

#[test]
fn gpu_requests_come_from_annotations_or_one_container() {
    let annotated = |annotations: &str| {
        format!(
            "kind: Pod\nmetadata:\n  name: p\n  annotations: {{{annotations}}}\n\
             spec: {{containers: [{{name: c}}]}}\n"
        )
    };
    for (annotations, expected) in [
        ("a: b", Some((0, 0))),
        ("alibabacloud.com/gpu-milli: '500'", Some((1, 500))),
        ("alibabacloud.com/gpu-count: 2", Some((2, 1000))),
        (
            "alibabacloud.com/gpu-count: 2, alibabacloud.com/gpu-milli: 1000",
            Some((2, 1000)),
        ),
        (
            "alibabacloud.com/gpu-count: 0, alibabacloud.com/gpu-milli: 0",
            Some((0, 0)),
        ),
        (
            "alibabacloud.com/gpu-count: 2, alibabacloud.com/gpu-milli: 500",
            None,
        ),
        ("alibabacloud.com/gpu-milli: 1001", None),
        ("alibabacloud.com/gpu-count: 65", None),
        ("alibabacloud.com/gpu-count: x", None),
    ] {
        let found = read_manifests("x", &annotated(annotations))
            .ok()
            .map(|found| found.pods[0].spec.gpu.clone())
            .map(|gpu| (gpu.devices, gpu.milli_per_device));
        assert_eq!(found, expected, "{annotations}");
    }
    let models = "alibabacloud.com/gpu-milli: 1, alibabacloud.com/gpu-card-model: V|T|T";
    assert_eq!(
        only_pod(&annotated(models)).spec.gpu.models,
        ["T".into(), "V".into()]
    );
    let pod = only_pod(
        "kind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n\
         \x20   resources:\n      limits: {cpu: 1, alibabacloud.com/gpu-count: 1,\
         \x20 alibabacloud.com/gpu-milli: 250}\n",
    );
    assert_eq!(
        (pod.spec.gpu.devices, pod.spec.gpu.milli_per_device),
        (1, 250)
    );
    let names: Vec<_> = pod.spec.containers[0]
        .requests
        .iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["cpu"]);
}

#[test]
fn lists_documents_and_json_are_one() {
    let container = r#"{"name":"c","resources":{"requests":{"cpu":0.5}}}"#;
    let pod = format!(
        r#"{{"kind":"Pod","metadata":{{"name":"NAME"}},"spec":{{"containers":[{container}]}}}}"#
    );
    let [one, two, three] = ["a", "b", "c"].map(|name| pod.replace("NAME", name));
    // Without a kind of its own, and with the kind behind everything else.
    let bare = one.replace(r#""kind":"Pod","#, "");
    let late = format!("{},\"kind\":\"Pod\"}}", &bare[..bare.len() - 1]);
    for (text, expected) in [
        (one.clone(), "a"),
        (late, "a"),
        (format!("{one}\n{two}{three}"), "abc"),
        (format!("[{one}, {two}]"), "ab"),
        (
            format!("---\n# first\n{one}\n--- # second\n---\n{two}\n...\n"),
            "ab",
        ),
        (
            format!(
                r#"{{"kind":"List","items":[{one},{{"items":[{two}],"kind":"List"}},{three}]}}"#
            ),
            "abc",
        ),
        (
            format!(r#"{{"kind":"PodList","apiVersion":"v1","items":[{bare}]}}"#),
            "a",
        ),
        (
            format!(
                r#"{{"items":[{bare},{}],"kind":"PodList"}}"#,
                two.replace(r#""kind":"Pod","#, "")
            ),
            "ab",
        ),
        (format!("%YAML 1.2\n---\n{one}\n"), "a"),
        (format!("\u{feff}{one}"), "a"),
        ("kind: PodList\nitems:\n".to_owned(), ""),
        (String::new(), ""),
        ("# nothing\n---\n".to_owned(), ""),
        ("{}\n".replace("{}", "null"), ""),
    ] {
        let manifests =
            read_manifests("x", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let names: String = manifests.pods.iter().map(|pod| &*pod.name).collect();
        assert_eq!(names, expected, "{text}");
        for pod in &manifests.pods {
            assert_eq!(pod.spec.containers[0].requests.get("cpu"), quantity("500m"));
            assert!(
                Arc::ptr_eq(&pod.spec, &manifests.pods[0].spec),
                "classes are shared"
            );
        }
    }
}

#[test]
fn other_kinds_are_counted_and_their_shape_does_not_matter() {
    let manifests = read(
        "kind: Deployment\nmetadata: {name: d}\nspec: {containers: 3, template: {}}\n---\n\
         kind: Deployment\nmetadata: {name: e}\n---\n\
         apiVersion: config.openshift.io/v1\nkind: Node\nspec: []\n",
    );
    let counts: Vec<_> = manifests
        .ignored_kinds
        .iter()
        .map(|(kind, &count)| (kind.as_str(), count))
        .collect();
    assert_eq!(
        counts,
        [("Deployment", 2), ("Node (config.openshift.io/v1)", 1)]
    );
}

#[test]
fn priority_classes_of_the_file_count_wherever_they_stand() {
    let manifests = read(
        "kind: Pod\nmetadata: {name: a}\n\
         spec: {priorityClassName: high, containers: [{name: c}]}\n---\n\
         kind: Pod\nmetadata: {name: b}\nspec: {containers: [{name: c}]}\n---\n\
         kind: Pod\nmetadata: {name: c}\n\
         spec: {priorityClassName: none, containers: [{name: c}]}\n---\n\
         kind: Pod\nmetadata: {name: d}\n\
         spec: {priorityClassName: system-node-critical, containers: [{name: c}]}\n---\n\
         apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\n\
         value: 9\npreemptionPolicy: Never\n---\n\
         apiVersion: scheduling.k8s.io/v1\nglobalDefault: true\n\
         kind: PriorityClass\nmetadata: {name: low}\nvalue: 1\n",
    );
    let found: Vec<_> = manifests
        .pods
        .iter()
        .map(|pod| (pod.spec.priority, pod.spec.preempts))
        .collect();
    assert_eq!(
        found,
        [(9, false), (1, true), (0, true), (2_000_001_000, true)]
    );
    assert_eq!(manifests.findings.len(), 1);
    assert_eq!(manifests.findings[0].field, "spec.priorityClassName");
}

#[test]
fn the_bundled_small_cluster_reads_without_a_finding() {
    let manifests = read(include_str!("../../../traces/small-cluster.yaml"));
    assert_eq!((manifests.nodes.len(), manifests.pods.len()), (6, 15));
    assert!(manifests.findings.is_empty() && manifests.ignored_kinds.is_empty());
    assert!(
        manifests
            .pods
            .iter()
            .all(|pod| pod.at.is_some() && pod.node_name.is_none())
    );
    let devices: u8 = manifests
        .nodes
        .iter()
        .filter_map(|node| node.gpu.as_ref())
        .map(|gpu| gpu.devices)
        .sum();
    assert_eq!(devices, 4);
    let batch = manifests
        .pods
        .iter()
        .find(|pod| &*pod.name == "batch-1")
        .expect("a batch pod");
    assert_eq!((batch.spec.priority, batch.spec.preempts), (-100, false));
}

fn shared(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: needs {}", path.display());
    None
}

#[expect(clippy::disallowed_methods, reason = "a test reads its own input")]
fn gunzip(path: &std::path::Path) -> String {
    let file = std::fs::File::open(path).expect("the file is there");
    let mut text = String::new();
    MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("gzip of a text");
    text
}

#[test]
fn the_nodes_of_openb_are_those_of_its_table() {
    let Some(yaml) = shared("traces/openb/openb_node_list_gpu_node.yaml.gz") else {
        return;
    };
    let manifests = read(&gunzip(&yaml));
    let table = gunzip(&yaml.with_file_name("openb_node_list_gpu_node.csv.gz"));
    let mut lines = String::from("sn,cpu_milli,memory_mib,gpu,model\n");
    for node in &manifests.nodes {
        let cpu = node.allocatable.get("cpu").milli_ceil().expect("fits");
        let memory = node.allocatable.get("memory").units_ceil().expect("fits") >> 20;
        let gpu = node.gpu.as_ref().expect("every node has devices");
        let (name, devices, model) = (&node.name, gpu.devices, &gpu.model);
        let _ = writeln!(lines, "{name},{cpu},{memory},{devices},{model}");
    }
    assert_eq!(manifests.nodes.len(), 1213);
    assert!(manifests.findings.is_empty());
    assert_eq!(lines, table.replace("\r\n", "\n"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads its own input")]
fn a_shop_of_deployments_is_counted_by_kind() {
    let folder = "traces/manifests/microservices-demo/kubernetes-manifests.yaml";
    let Some(path) = shared(folder) else {
        return;
    };
    let text = std::fs::read_to_string(path).expect("the file is there");
    let manifests = read(&text);
    let count = |kind: &str| manifests.ignored_kinds.get(kind).copied();
    assert!(manifests.pods.is_empty() && manifests.nodes.is_empty());
    assert_eq!(count("Deployment"), Some(12));
    assert_eq!(manifests.objects.services.len(), 12);
    assert_eq!(count("ServiceAccount"), Some(11));
}
