//! Claims on devices in an experiment: every wrong object is refused with its file, field and fix, what is
//! right runs, and what a dump says of devices is kept by its snapshot.

use crate::scratch::Scratch;

const EXPERIMENT: &str = "\
windtunnel: v1
name: device-inputs
cluster:
  nodes:
    - name: n{}
      count: 2
      template: {allocatable: {cpu: 8, memory: 8Gi, pods: 9}}
workload:
  - manifests: devices.yaml
system: {name: kubernetes, controllers: {}}
stop: {at: 1h}
";

const DEVICES: &str = "\
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: gpu}
spec:
  selectors: [{cel: {expression: \"device.driver == 'drv' && device.attributes['drv'].numa < 2\"}}]
---
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: s0}
spec:
  driver: drv
  nodeName: n0
  pool: {name: n0, generation: 1, resourceSliceCount: 1}
  devices:
    - {name: a, attributes: {numa: {int: 0}}}
    - {name: b, attributes: {numa: {int: 1}}}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: t}
spec:
  spec:
    devices:
      requests: [{name: r, exactly: {deviceClassName: gpu, count: 2}}]
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: c}
spec:
  devices:
    requests:
      - name: x
        firstAvailable: [{name: p, deviceClassName: gpu, count: 3}, {name: q, deviceClassName: gpu}]
    constraints: [{requests: [x], matchAttribute: drv/numa}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, annotations: {windtunnel.dev/run-time: 5m}}
spec:
  restartPolicy: Never
  resourceClaims: [{name: g, resourceClaimTemplateName: t}]
  containers: [{name: c, image: c, resources: {requests: {cpu: 1}, claims: [{name: g}]}}]
---
apiVersion: v1
kind: Pod
metadata: {name: api, annotations: {windtunnel.dev/run-time: 5m}}
spec:
  restartPolicy: Never
  resourceClaims: [{name: g, resourceClaimName: c}]
  containers: [{name: c, image: c, resources: {requests: {cpu: 1}, claims: [{name: g}]}}]
";

const NODES: &str = "\
apiVersion: v1
kind: Node
metadata: {name: n0}
status: {allocatable: {cpu: 8, memory: 8Gi, pods: 9}}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {allocatable: {cpu: 8, memory: 8Gi, pods: 9}}
";

fn scratch(devices: &str) -> Scratch {
    let files = [("a.yaml", EXPERIMENT), ("devices.yaml", devices)];
    Scratch::new("device-inputs", &files)
}

#[test]
fn pods_get_devices_one_after_the_other() {
    let scratch = scratch(DEVICES);
    scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let summary = scratch.summary("out");
    let metrics = &summary.variants[0].metrics;
    let value = |id: &str| metrics.get(id).and_then(|own| own.value);
    // One pod takes both devices, or one of them: the other waits for its end.
    let waited = value("pending_time.max").expect("a wait");
    assert!((300.0..330.0).contains(&waited), "{waited}");
}

#[test]
fn releases_that_allot_no_devices_run_pods_as_if_they_claimed_none() {
    let experiment = EXPERIMENT.replace(
        "system: {name: kubernetes,",
        "system: {name: kubernetes, release: \"1.33\",",
    );
    let single = "\
apiVersion: v1
kind: Pod
metadata: {name: new}
spec:
  resourceClaims: [{name: g, resourceClaimTemplateName: t}]
  containers: [{name: c, resources: {requests: {cpu: 1}, claims: [{name: g}]}}]
";
    let files = [
        ("a.yaml", experiment.as_str()),
        ("devices.yaml", DEVICES),
        ("nodes.yaml", NODES),
        ("pod.yaml", single),
    ];
    let scratch = Scratch::new("device-releases", &files);
    let said = scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let doubt = "the release allots no devices: pods are placed as if they claimed none";
    assert!(said.contains(doubt), "{said}");
    let summary = scratch.summary("out");
    let metrics = &summary.variants[0].metrics;
    let value = |id: &str| metrics.get(id).and_then(|own| own.value);
    assert_eq!(value("pods.succeeded"), Some(2.0));
    for command in ["place", "explain"] {
        let files = ["nodes.yaml", "devices.yaml", "pod.yaml"];
        let asked = [&[command, "--release", "1.33"][..], &files].concat();
        let said = scratch.run(&asked, 0);
        assert_eq!(said.matches(doubt).count(), 1, "{command}: {said}");
        let asked = [&[command, "--release", "1.34"][..], &files].concat();
        assert!(!scratch.run(&asked, 0).contains(doubt), "{command}");
    }
}

#[test]
fn a_selector_that_fails_on_a_node_keeps_the_pod_from_all_of_them() {
    let devices = DEVICES.replace(
        "constraints: [{requests: [x], matchAttribute: drv/numa}]",
        "constraints: []",
    );
    let failing = "\
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: s1}
spec:
  driver: drv
  nodeName: n1
  pool: {name: n1, generation: 1, resourceSliceCount: 1}
  devices: [{name: a}]
---
apiVersion: v1
kind: Pod
metadata: {name: new}
spec:
  resourceClaims: [{name: g, resourceClaimTemplateName: t}]
  containers: [{name: c, resources: {requests: {cpu: 1}, claims: [{name: g}]}}]
";
    let files = [
        ("devices.yaml", devices.as_str()),
        ("nodes.yaml", NODES),
        ("pod.yaml", failing),
    ];
    let scratch = Scratch::new("device-errors", &files);
    let expected = "running \"DynamicResources\" filter plugin: ";
    let said = scratch.run(&["place", "nodes.yaml", "devices.yaml", "pod.yaml"], 0);
    assert!(said.contains("0 more of default/new fit"), "{said}");
    assert!(said.contains(expected), "{said}");
    let said = scratch.run(&["explain", "nodes.yaml", "devices.yaml", "pod.yaml"], 0);
    assert!(said.contains("waits: a plugin failed"), "{said}");
    assert!(said.contains(expected), "{said}");
}

/// Correct text, the fault that takes its place, and what is said of it.
const WRONG: [(&str, &str, &str); 15] = [
    (
        "exactly: {deviceClassName: gpu",
        "exactly: {deviceClassName: gpus",
        "spec.spec.devices.requests[0].exactly.deviceClassName: no file declares the DeviceClass `gpus`; \
         did you mean `gpu`?",
    ),
    (
        "{name: q, deviceClassName: gpu}",
        "{name: q, deviceClassName: cpu}",
        "ResourceClaim `default/c`: spec.devices.requests[0].firstAvailable[1].deviceClassName: no file \
         declares the DeviceClass `cpu`",
    ),
    (
        ".numa < 2",
        ".numa < 2 && 1 + 'a' == 2",
        "spec.selectors[0].cel.expression",
    ),
    (".numa < 2", ".numa <", "spec.selectors[0].cel.expression"),
    (
        "name: x\n",
        "name: ''\n",
        "spec.devices.requests[0].name: expected the name of the request",
    ),
    (
        "matchAttribute: drv/numa",
        "matchAttribute: numa",
        "spec.devices.constraints[0].matchAttribute: expected a name with its domain",
    ),
    (
        "matchAttribute: drv/numa",
        "distinctAttribute: drv/numa",
        "spec.devices.constraints[0].distinctAttribute: expected no such field",
    ),
    (
        "requests: [x],",
        "requests: [y],",
        "spec.devices.constraints[0].requests[0]: expected a request of the claim, found `y`",
    ),
    (
        "  nodeName: n0\n",
        "",
        "spec: expected one of `nodeName`, `nodeSelector`, `allNodes` and `perDeviceNodeSelection`",
    ),
    (
        "resourceSliceCount: 1",
        "resourceSliceCount: 0",
        "spec.pool.resourceSliceCount: expected a number of slices, at least 1, found `0`",
    ),
    (
        "numa: {int: 0}",
        "numa: {int: 0, bool: true}",
        "spec.devices[0].attributes[\"numa\"]",
    ),
    (
        "{name: p, deviceClassName: gpu, count: 3}",
        "{name: p, deviceClassName: gpu, count: 0}",
        "spec.devices.requests[0].firstAvailable[0].count: expected a number of devices, at least 1",
    ),
    (
        "{name: g, resourceClaimTemplateName: t}",
        "{name: g}",
        "spec.resourceClaims[0]: expected `resourceClaimName` or `resourceClaimTemplateName`",
    ),
    (
        "claims: [{name: g}]}}]\n---",
        "claims: [{name: h}]}}]\n---",
        "resources.claims[0].name: expected a claim of `spec.resourceClaims`, found `h`",
    ),
    (
        "metadata: {name: c}",
        "metadata: {}",
        "metadata.name: expected a name, but it is missing",
    ),
];

#[test]
fn wrong_claims_are_refused_in_words() {
    for (right, wrong, expected) in WRONG {
        assert!(DEVICES.contains(right), "{right}");
        let devices = DEVICES.replacen(right, wrong, 1);
        let said = scratch(&devices).run(&["run", "a.yaml", "--out", "out"], 2);
        assert!(said.contains(expected), "{wrong}: {said}");
    }
}

#[test]
fn pods_of_unknown_templates_are_refused_by_questions() {
    let pod = "\
apiVersion: v1
kind: Pod
metadata: {name: new}
spec:
  resourceClaims: [{name: g, resourceClaimTemplateName: tt}]
  containers: [{name: c}]
";
    let files = [
        ("devices.yaml", DEVICES),
        ("nodes.yaml", NODES),
        ("pod.yaml", pod),
    ];
    let scratch = Scratch::new("device-questions", &files);
    let said = scratch.run(&["place", "nodes.yaml", "devices.yaml", "pod.yaml"], 2);
    let expected = "spec.resourceClaims[0].resourceClaimTemplateName: no file declares the \
                    ResourceClaimTemplate `tt` of the namespace `default`; did you mean `t`?";
    assert!(said.contains(expected), "{said}");
}
