//! Rules of the Kubernetes scheduler at edges that no recorded decision reaches: decisions written
//! by hand after the rules (spec: kubernetes.md 1.5, 1.9, 1.10, 1.12, 1.13), held against the plugins.

use serde_json::{Value, json};
use verify::VerifyOptions;
use verify::kube_scheduler::FAMILY;

/// Holds a decision on one pod against what is expected of it.
#[track_caller]
fn check(name: &str, mut case: Value, expected: Value) {
    case["id"] = name.into();
    case["family"] = "edges".into();
    case["expect"] = expected;
    let file = format!("windtunnel-{}-{name}.jsonl", std::process::id());
    let file = std::env::temp_dir().join(file);
    std::fs::write(&file, format!("{case}\n")).unwrap();
    let reports = FAMILY
        .judge
        .run(std::slice::from_ref(&file), &VerifyOptions::default());
    std::fs::remove_file(&file).unwrap();
    for report in reports.unwrap() {
        assert_eq!(report.passed, 1, "{}", report.disagreements.join("\n"));
    }
}

/// A node with room, in a zone.
fn node(name: &str, zone: &str) -> Value {
    json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone,
        }},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}},
    })
}

/// A pod that asks for nothing, with more fields of its spec.
fn pod(name: &str, labels: &Value, spec: Value) -> Value {
    let mut pod = json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    if let (Value::Object(own), Value::Object(more)) = (&mut pod["spec"], spec) {
        own.extend(more);
    }
    pod
}

/// A pod with one claim made for it alone, and others by name.
fn pod_with_claims(names: &[&str]) -> Value {
    let volumes: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}))
        .collect();
    pod("p", &json!({}), json!({"volumes": volumes}))
}

fn storage_class(name: &str, more: Value) -> Value {
    let mut class = json!({
        "kind": "StorageClass", "apiVersion": "storage.k8s.io/v1",
        "metadata": {"name": name}, "provisioner": "d",
        "volumeBindingMode": "WaitForFirstConsumer",
    });
    if let (Value::Object(own), Value::Object(more)) = (&mut class, more) {
        own.extend(more);
    }
    class
}

fn claim(name: &str, class: &str, size: &str, more: Value) -> Value {
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "resources": {"requests": {"storage": size}},
    });
    if let (Value::Object(own), Value::Object(more)) = (&mut spec, more) {
        own.extend(more);
    }
    json!({
        "kind": "PersistentVolumeClaim", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "default"}, "spec": spec,
    })
}

/// One node, and the whole of it rejects the pod.
fn rejected(plugin: &str, reason: &str) -> Value {
    let after = "no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption \
                 is not helpful for scheduling.";
    json!({
        "result": "unschedulable",
        "filters": {"n1": {
            "plugin": plugin, "code": "UnschedulableAndUnresolvable", "reasons": [reason],
        }},
        "message": format!("0/1 nodes are available: 1 {reason}. {after}"),
        "preemption": {"code": "Unschedulable", "message": after},
    })
}

#[test]
fn a_claim_made_for_a_pod_alone_is_awaited() {
    let volume = json!({"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}});
    let pod = pod("p", &json!({}), json!({"volumes": [volume]}));
    let reason =
        "waiting for ephemeral volume controller to create the persistentvolumeclaim \"p-data\"";
    check(
        "made-claim",
        json!({"nodes": [node("n1", "a")], "pods": [], "pod": pod}),
        json!({
            "result": "unschedulable",
            "preFilter": {
                "plugin": "VolumeBinding", "code": "UnschedulableAndUnresolvable",
                "reasons": [reason],
            },
            "message": format!("0/1 nodes are available: {reason}. not found"),
            "preemption": {"code": "Error", "message": "not found"},
        }),
    );
}

#[test]
fn claims_whose_volumes_are_being_made_are_looked_at_in_order_of_the_pod() {
    let mut large = claim("large", "full", "9Gi", json!({}));
    let mut small = claim("small", "elsewhere", "1Gi", json!({}));
    for own in [&mut large, &mut small] {
        own["metadata"]["annotations"] = json!({"volume.kubernetes.io/selected-node": "n1"});
    }
    let elsewhere = json!({"allowedTopologies": [{"matchLabelExpressions": [
        {"key": "topology.kubernetes.io/zone", "values": ["b"]},
    ]}]});
    let driver = json!({
        "kind": "CSIDriver", "apiVersion": "storage.k8s.io/v1", "metadata": {"name": "d"},
        "spec": {"storageCapacity": true},
    });
    for (names, reason) in [
        (
            ["large", "small"],
            "node(s) did not have enough free storage",
        ),
        (
            ["small", "large"],
            "node(s) didn't find available persistent volumes to bind",
        ),
    ] {
        check(
            &format!("selected-node-{}", names[0]),
            json!({
                "nodes": [node("n1", "a")], "pods": [], "pod": pod_with_claims(&names),
                "persistentVolumeClaims": [large, small], "csiDrivers": [driver],
                "storageClasses": [
                    storage_class("full", json!({})), storage_class("elsewhere", elsewhere.clone()),
                ],
            }),
            rejected("VolumeBinding", reason),
        );
    }
}

#[test]
fn a_volume_has_the_attributes_that_its_claim_asks_for_and_knows_nodes_by_labels_alone() {
    let class = storage_class(
        "by-hand",
        json!({"provisioner": "kubernetes.io/no-provisioner"}),
    );
    let volume = |more: Value| {
        let mut spec = json!({
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "by-hand",
        });
        if let (Value::Object(own), Value::Object(more)) = (&mut spec, more) {
            own.extend(more);
        }
        json!({
            "kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": "v"},
            "spec": spec, "status": {"phase": "Available"},
        })
    };
    let named = json!({"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchFields": [
        {"key": "metadata.name", "operator": "In", "values": ["n1"]},
    ]}]}}});
    let gold = || json!({"volumeAttributesClassName": "gold"});
    for (name, volume, claim) in [
        (
            "attributes-of-volume",
            volume(gold()),
            claim("c", "by-hand", "1Gi", json!({})),
        ),
        (
            "attributes-of-claim",
            volume(json!({})),
            claim("c", "by-hand", "1Gi", gold()),
        ),
        (
            "volume-of-named-node",
            volume(named),
            claim("c", "by-hand", "1Gi", json!({})),
        ),
    ] {
        check(
            name,
            json!({
                "nodes": [node("n1", "a")], "pods": [], "pod": pod_with_claims(&["c"]),
                "persistentVolumeClaims": [claim], "persistentVolumes": [volume],
                "storageClasses": [class],
            }),
            rejected(
                "VolumeBinding",
                "node(s) didn't find available persistent volumes to bind",
            ),
        );
    }
}

#[test]
fn a_claim_that_names_its_volume_is_awaited_until_they_are_bound() {
    let class = storage_class("late", json!({}));
    let volume = json!({
        "kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": "v"},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "late",
        },
        "status": {"phase": "Available"},
    });
    let reason = "pod has unbound immediate PersistentVolumeClaims";
    check(
        "named-volume",
        json!({
            "nodes": [node("n1", "a")], "pods": [], "pod": pod_with_claims(&["c"]),
            "persistentVolumeClaims": [claim("c", "late", "1Gi", json!({"volumeName": "v"}))],
            "persistentVolumes": [volume], "storageClasses": [class],
        }),
        json!({
            "result": "unschedulable",
            "preFilter": {
                "plugin": "VolumeBinding", "code": "UnschedulableAndUnresolvable",
                "reasons": [reason],
            },
            "message": format!("0/1 nodes are available: {reason}. not found"),
            "preemption": {"code": "Error", "message": "not found"},
        }),
    );
}

#[test]
fn a_comparison_with_no_number_matches_no_node() {
    let affinity = json!({"affinity": {"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["many"]}]},
        ]},
    }}});
    let mut node = node("n1", "a");
    node["metadata"]["labels"]["cores"] = "16".into();
    check(
        "no-number",
        json!({"nodes": [node], "pods": [], "pod": pod("p", &json!({}), affinity)}),
        rejected(
            "NodeAffinity",
            "node(s) didn't match Pod's node affinity/selector",
        ),
    );
}

#[test]
fn a_term_takes_the_values_of_label_keys_from_its_pod() {
    let affinity = |keys: &str| {
        json!({"affinity": {"podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{
                "labelSelector": {"matchLabels": {"app": "web"}}, keys: ["version"],
                "topologyKey": "kubernetes.io/hostname",
            }],
        }}})
    };
    for (keys, version) in [("matchLabelKeys", "1"), ("mismatchLabelKeys", "2")] {
        let labels = json!({"app": "web", "version": version});
        let mut there = pod("q", &labels, json!({"nodeName": "n1"}));
        there["status"] = json!({"phase": "Running"});
        let own = json!({"app": "cache", "version": "2"});
        check(
            keys,
            json!({
                "nodes": [node("n1", "a")], "pods": [there],
                "pod": pod("p", &own, affinity(keys)),
            }),
            rejected(
                "InterPodAffinity",
                "node(s) didn't match pod affinity rules",
            ),
        );
    }
}

#[test]
fn of_equal_highest_victims_those_with_the_smaller_sum_of_priorities_go() {
    let asking = |cpu: &str, priority: i32| {
        json!({
            "priority": priority,
            "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}],
        })
    };
    // Two victims on either node, the more important of priority 5. By their start alone, the last
    // rule, those of the other node would go.
    for (name, of_n1, of_n2, goes) in [("first", 1, 3, "n1"), ("second", 3, 1, "n2")] {
        let victim = |node: &str, priority: i32| {
            let mut spec = asking("2", priority);
            spec["nodeName"] = node.into();
            let mut victim = pod(&format!("{node}-{priority}"), &json!({}), spec);
            let start = if node == goes { 10 } else { 11 };
            let start = format!("2025-01-01T{start}:00:00Z");
            victim["status"] = json!({"phase": "Running", "startTime": start});
            victim
        };
        let lesser = |node: &str| if node == "n1" { of_n1 } else { of_n2 };
        let victims = |node: &str| {
            [
                format!("default/{node}-5"),
                format!("default/{node}-{}", lesser(node)),
            ]
        };
        let full = || {
            json!({
                "plugin": "NodeResourcesFit", "code": "Unschedulable", "reasons": ["Insufficient cpu"],
            })
        };
        check(
            &format!("sum-of-priorities-{name}"),
            json!({
                "nodes": [node("n1", "a"), node("n2", "a")],
                "pods": [
                    victim("n1", 5), victim("n1", of_n1), victim("n2", 5), victim("n2", of_n2),
                ],
                "pod": pod("p", &json!({}), asking("4", 1_000)),
            }),
            json!({
                "result": "unschedulable",
                "filters": {"n1": full(), "n2": full()},
                "message": "0/2 nodes are available: 2 Insufficient cpu.",
                "preemption": {
                    "code": "Success",
                    "candidates": {
                        "n1": {"victims": victims("n1"), "pdbViolations": 0},
                        "n2": {"victims": victims("n2"), "pdbViolations": 0},
                    },
                    "nominated": [goes],
                    "victims": victims(goes),
                },
            }),
        );
    }
}
