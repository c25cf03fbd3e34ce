//! Fields of pods that bear on a real process and that agents do not carry out. Each is refused with
//! its path, so that no pod runs otherwise than its manifest says.

use k8s::ManifestFinding;
use serde_json::Value;

/// A field of a pod, or of a container, and what to do instead.
type Rule = (&'static str, &'static str);

const NO_EFFECT: &str = "agents do not carry it out; leave it out";

const USERS: &str = "containers run with the user and the rights of their agent, or as their image \
     says; leave it out, and start an agent as the user that is wanted";

const HOOKS: &str = "agents call no hooks, and end containers by SIGTERM; leave it out, and have the \
     program do this when it starts or gets SIGTERM";

const MOUNTS: &str = "agents mount no volumes, so the program would find nothing there; leave it out, and \
     have the program use a path of its host, or of its image";

const HOST_NAME: &str = "containers have the name of their host; leave it out (`POD_NAME` is in every \
     environment)";

/// Fields of the `spec` of a pod.
const OF_POD: &[Rule] = &[
    (
        "dnsConfig",
        "containers use the resolver of their host; leave it out",
    ),
    ("ephemeralContainers", NO_EFFECT),
    (
        "hostAliases",
        "containers use the names that their host knows; leave it out",
    ),
    ("hostIPC", "agents share nothing on demand; leave it out"),
    ("hostPID", "agents share nothing on demand; leave it out"),
    (
        "hostUsers",
        "containers have the users of their host; leave it out",
    ),
    ("hostname", HOST_NAME),
    ("hostnameOverride", HOST_NAME),
    (
        "readinessGates",
        "nothing sets such conditions; leave it out, and use a `readinessProbe`",
    ),
    ("resourceClaims", "devices are not allotted; leave it out"),
    (
        "resources",
        "limits are those of containers; state them at `containers[].resources`",
    ),
    (
        "runtimeClassName",
        "the runtime is the agent's (`live agent --runtime`); leave it out",
    ),
    ("securityContext", USERS),
    ("setHostnameAsFQDN", HOST_NAME),
    (
        "shareProcessNamespace",
        "agents share nothing on demand; leave it out",
    ),
    ("subdomain", HOST_NAME),
];

/// Fields of a container.
const OF_CONTAINER: &[Rule] = &[
    (
        "envFrom",
        "agents read no ConfigMap or Secret; state the variables at `env` with their values",
    ),
    ("lifecycle", HOOKS),
    ("securityContext", USERS),
    ("stdin", "containers have no input; leave it out"),
    ("tty", "containers have no terminal; leave it out"),
    ("volumeDevices", MOUNTS),
    ("volumeMounts", MOUNTS),
];

/// Field that agents leave out without harm: its name in a pod or a container, the values that
/// ask for nothing, and what follows.
struct Harmless {
    field: &'static str,
    usual: &'static [&'static str],
    effect: &'static str,
}

const fn harmless(
    field: &'static str,
    usual: &'static [&'static str],
    effect: &'static str,
) -> Harmless {
    Harmless {
        field,
        usual,
        effect,
    }
}

const NO_ACCOUNTS: &str = "there are no accounts of services, and the program gets no token";

/// Such fields of the `spec` of a pod.
const NOTED_OF_POD: &[Harmless] = &[
    harmless(
        "dnsPolicy",
        &["ClusterFirst", "ClusterFirstWithHostNet", "Default"],
        "containers use the resolver of their host",
    ),
    harmless(
        "enableServiceLinks",
        &["true"],
        "variables of services are set all the same",
    ),
    harmless(
        "imagePullSecrets",
        &[],
        "a Docker engine fetches images with its own credentials",
    ),
    harmless("serviceAccount", &["default"], NO_ACCOUNTS),
    harmless("serviceAccountName", &["default"], NO_ACCOUNTS),
    harmless(
        "volumes",
        &[],
        "volumes are not attached; the pod starts at once",
    ),
];

/// Such fields of a container.
const NOTED_OF_CONTAINER: &[Harmless] = &[
    harmless(
        "imagePullPolicy",
        &["IfNotPresent"],
        "an image is fetched where the engine lacks it, and not otherwise",
    ),
    harmless(
        "terminationMessagePath",
        &["/dev/termination-log"],
        "messages of ends are not read; the log has what the program prints",
    ),
    harmless(
        "terminationMessagePolicy",
        &["File"],
        "messages of ends are not read; the log has what the program prints",
    ),
];

const VALUE_FROM: &str = "agents look no values up; state `value` (`POD_NAME` and what else \
     identifies a pod is in every environment)";

/// Refuses fields of a file that the Kubernetes API does not have, which are mostly misspelt.
pub(super) fn check_names(findings: &[ManifestFinding]) -> Result<(), String> {
    let mut findings = findings.iter();
    let unknown = findings.find(|finding| finding.is_of_unknown_field());
    unknown.map_or(Ok(()), |finding| Err(finding.to_string()))
}

/// Refuses fields of a pod, or of a template, that agents don't carry out; `path` is where its `spec`
/// stands.
pub(super) fn check_pod(template: &Value, path: &str) -> Result<(), String> {
    let Some(spec) = template.get("spec") else {
        return Ok(());
    };
    check(spec, path, OF_POD)?;
    for field in ["containers", "initContainers"] {
        let list = spec.get(field).and_then(Value::as_array);
        for (place, container) in list.into_iter().flatten().enumerate() {
            let path = format!("{path}.{field}[{place}]");
            check(container, &path, OF_CONTAINER)?;
            check_variables(container, &path)?;
            check_probes(container, &path)?;
        }
    }
    Ok(())
}

/// Notes on fields of a pod, or of a template, that agents don't carry out and that no program depends
/// on; `path` is where its `spec` stands.
pub(super) fn notes_on_pod(template: &Value, path: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(spec) = template.get("spec") else {
        return notes;
    };
    note(spec, path, NOTED_OF_POD, &mut notes);
    for field in ["containers", "initContainers"] {
        let list = spec.get(field).and_then(Value::as_array);
        for (place, container) in list.into_iter().flatten().enumerate() {
            let path = format!("{path}.{field}[{place}]");
            note(container, &path, NOTED_OF_CONTAINER, &mut notes);
        }
    }
    notes
}

fn note(object: &Value, path: &str, rules: &[Harmless], notes: &mut Vec<String>) {
    for rule in rules {
        let stated = match object.get(rule.field) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(list)) if list.is_empty() => continue,
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        if !stated.is_empty() && !rule.usual.contains(&&*stated) {
            notes.push(format!("{path}.{}: {}", rule.field, rule.effect));
        }
    }
}

fn check(object: &Value, path: &str, rules: &[Rule]) -> Result<(), String> {
    for (field, advice) in rules {
        let Some(stated) = object.get(field) else {
            continue;
        };
        if let Some(inner) = effective(field, stated) {
            return Err(format!("{path}.{inner}: {advice}"));
        }
    }
    Ok(())
}

/// The path of what a field states beyond what holds without it.
fn effective(field: &str, stated: &Value) -> Option<String> {
    match stated {
        // These hold unless they are denied.
        Value::Bool(is_on) if ["allowPrivilegeEscalation", "hostUsers"].contains(&field) => {
            (!is_on).then(|| field.to_owned())
        }
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if field == "stopSignal" && text == "SIGTERM" => None,
        Value::Array(list) if list.is_empty() => None,
        Value::Object(fields) => {
            let mut inner = fields.iter();
            let found = inner.find_map(|(name, value)| effective(name, value));
            found.map(|inner| format!("{field}.{inner}"))
        }
        _ => Some(field.to_owned()),
    }
}

fn check_variables(container: &Value, path: &str) -> Result<(), String> {
    let list = container.get("env").and_then(Value::as_array);
    for (place, variable) in list.into_iter().flatten().enumerate() {
        if variable
            .get("valueFrom")
            .is_some_and(|from| !from.is_null())
        {
            return Err(format!("{path}.env[{place}].valueFrom: {VALUE_FROM}"));
        }
    }
    Ok(())
}

/// Refuses probes that agents can't make.
fn check_probes(container: &Value, path: &str) -> Result<(), String> {
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let Some(stated) = container.get(probe) else {
            continue;
        };
        let scheme = stated.pointer("/httpGet/scheme").and_then(Value::as_str);
        let what = match scheme {
            _ if stated.get("grpc").is_some() => "grpc",
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "httpGet.scheme: HTTPS",
            _ => continue,
        };
        return Err(format!(
            "{path}.{probe}.{what}: agents can't make such probes; expected `exec`, `httpGet` \
             without TLS, or `tcpSocket`"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::manifests::{operations, read};

    /// A pod with a line in its `spec`, and one in its container.
    fn pod(of_pod: &str, of_container: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  {of_pod}\n  containers:\n  \
             - name: web\n    image: none\n    command: [sleep, \"9\"]\n    {of_container}\n"
        )
    }

    #[test]
    fn what_agents_do_not_carry_out_is_refused_with_its_path() {
        for (of_pod, of_container, path) in [
            ("hostPID: true", "", "spec.hostPID: "),
            ("hostIPC: true", "", "spec.hostIPC: "),
            (
                "securityContext: {runAsUser: 7}",
                "",
                "spec.securityContext.runAsUser: ",
            ),
            (
                "readinessGates: [{conditionType: a.b/c}]",
                "",
                "spec.readinessGates: ",
            ),
            (
                "resources: {limits: {cpu: 1}}",
                "",
                "spec.resources.limits.cpu: ",
            ),
            ("tolerationz: []", "", "tolerationz"),
            ("", "comand: [a]", "containers[0].comand"),
            (
                "",
                "securityContext: {privileged: true}",
                "spec.containers[0].securityContext.privileged: ",
            ),
            (
                "",
                "securityContext: {allowPrivilegeEscalation: false}",
                "securityContext.allowPrivilegeEscalation: ",
            ),
            (
                "",
                "securityContext: {capabilities: {drop: [ALL]}}",
                "securityContext.capabilities.drop: ",
            ),
            (
                "",
                "env: [{name: A, value: b}, {name: B, valueFrom: {fieldRef: {fieldPath: a}}}]",
                "spec.containers[0].env[1].valueFrom: ",
            ),
            (
                "",
                "envFrom: [{configMapRef: {name: a}}]",
                "spec.containers[0].envFrom: ",
            ),
            (
                "",
                "lifecycle: {preStop: {exec: {command: [a]}}}",
                "lifecycle.preStop.exec.command: ",
            ),
            (
                "",
                "lifecycle: {postStart: {httpGet: {port: 80}}}",
                "lifecycle.postStart.httpGet.port: ",
            ),
            (
                "",
                "livenessProbe: {grpc: {port: 80}}",
                "spec.containers[0].livenessProbe.grpc: ",
            ),
        ] {
            let refused = operations("a.yaml", &pod(of_pod, of_container));
            let why = refused.expect_err(path);
            assert!(why.starts_with("a.yaml: "), "{why}");
            assert!(why.contains(path), "expected {path}, found {why}");
        }
    }

    #[test]
    fn what_a_program_would_miss_is_refused_with_its_path() {
        for (of_pod, of_container, path) in [
            ("hostname: web", "", "spec.hostname: "),
            ("hostUsers: false", "", "spec.hostUsers: "),
            (
                "volumes: [{name: a, emptyDir: {}}]",
                "volumeMounts: [{name: a, mountPath: /data}]",
                "spec.containers[0].volumeMounts: agents mount no volumes",
            ),
        ] {
            let refused = operations("a.yaml", &pod(of_pod, of_container));
            let why = refused.expect_err(path);
            assert!(why.contains(path), "expected {path}, found {why}");
        }
    }

    #[test]
    fn what_holds_in_any_case_may_be_stated() {
        for (of_pod, of_container) in [
            ("", ""),
            ("hostNetwork: true", ""),
            ("hostPID: false", "tty: false"),
            (
                "securityContext: {}",
                "securityContext: {privileged: false, allowPrivilegeEscalation: true}",
            ),
            ("readinessGates: []", "lifecycle: {stopSignal: SIGTERM}"),
            ("hostUsers: true", "volumeMounts: []"),
        ] {
            let read = read("a.yaml", &pod(of_pod, of_container)).expect("a pod");
            assert_eq!(read.operations.len(), 1, "{of_pod} {of_container}");
            // The reader of manifests has a finding about the gates, be there any or none.
            let findings = usize::from(of_pod.contains("readinessGates"));
            assert_eq!(read.notes.len(), findings, "{:?}", read.notes);
        }
    }

    #[test]
    fn what_no_program_depends_on_is_noted_with_its_path() {
        for (of_pod, of_container, expected) in [
            (
                "volumes: [{name: a, emptyDir: {}}]",
                "",
                "a.yaml: Pod/a: spec.volumes: volumes are not attached; the pod starts at once",
            ),
            (
                "serviceAccountName: robot",
                "",
                "a.yaml: Pod/a: spec.serviceAccountName: there are no accounts of services, and the \
                 program gets no token",
            ),
            (
                "",
                "imagePullPolicy: Always",
                "a.yaml: Pod/a: spec.containers[0].imagePullPolicy: an image is fetched where the engine \
                 lacks it, and not otherwise",
            ),
            // The reader of manifests has findings of its own.
            (
                "os: {name: linux}",
                "",
                "a.yaml: Pod `default/a`: spec.os: the field is left out; a node of another operating system \
                 does not refuse the pod; a `nodeSelector` on `kubernetes.io/os` is heeded",
            ),
        ] {
            let read = read("a.yaml", &pod(of_pod, of_container)).expect("a pod");
            assert_eq!(read.notes, [expected], "{of_pod} {of_container}");
        }
        let usual = read(
            "a.yaml",
            &pod("dnsPolicy: ClusterFirst", "terminationMessagePolicy: File"),
        );
        assert_eq!(usual.map(|read| read.notes), Ok(vec![]));
    }
}
