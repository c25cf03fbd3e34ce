//! The fields that the API of Kubernetes gives the spec of a pod. Recordings of clusters have most of them in every
//! pod; those that no version of the API knows are told, as a field that is misspelt says nothing. Source: the API reference of
//! Kubernetes 1.35, `PodSpec`, `Container` and `ResourceRequirements` of `v1`.

use serde_json::Value;

/// The members of a spec.
const SPEC: [&str; 43] = [
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "containers",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "ephemeralContainers",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "hostname",
    "hostnameOverride",
    "imagePullSecrets",
    "initContainers",
    "nodeName",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resourceClaims",
    "resources",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
    "workloadRef",
    "schedulingGroup",
];

/// The members of a container.
const CONTAINER: [&str; 25] = [
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "securityContext",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
];

/// The members of resources.
const RESOURCES: [&str; 3] = ["claims", "limits", "requests"];

/// The members of a pod's spec that the API doesn't know, with what they stand in.
pub(crate) fn unknown(spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    add("spec", spec, &SPEC, &mut found);
    for list in ["containers", "initContainers"] {
        let containers = spec.get(list).and_then(Value::as_array);
        for container in containers.into_iter().flatten() {
            let at = format!("spec.{list}");
            add(&at, container, &CONTAINER, &mut found);
            if let Some(resources) = container.get("resources") {
                add(
                    &format!("{at}.resources"),
                    resources,
                    &RESOURCES,
                    &mut found,
                );
            }
        }
    }
    found
}

fn add(at: &str, object: &Value, known: &[&str], found: &mut Vec<String>) {
    let members = object.as_object().into_iter().flatten();
    let others = members.filter(|(name, _)| !known.contains(&&***name));
    found.extend(others.map(|(name, _)| format!("{at}.{name}")));
}
