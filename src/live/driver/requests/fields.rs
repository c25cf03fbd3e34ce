//! Fields of pods that bear on a real process and that agents do not carry out. Each is refused with
//! its path, so that no pod runs otherwise than its manifest says.

use manifest::ManifestFinding;
use serde_json::Value;

/// A field of a pod, or of a container, and what to do instead.
type Rule = (&'static str, &'static str);

const NO_EFFECT: &str = "agents do not carry it out; leave it out";

const USERS: &str = "containers run with the user and the rights of their agent, or as their image \
     says; leave it out, and start an agent as the user that is wanted";

const HOOKS: &str = "agents call no hooks, and end containers by SIGTERM; leave it out, and have the \
     program do this when it starts or gets SIGTERM";

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
    (
        "shareProcessNamespace",
        "agents share nothing on demand; leave it out",
    ),
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
        Value::Null | Value::Bool(false) if field != "allowPrivilegeEscalation" => None,
        Value::Bool(true) if field == "allowPrivilegeEscalation" => None,
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
    use super::super::manifests::operations;

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
        ] {
            let read = operations("a.yaml", &pod(of_pod, of_container));
            assert_eq!(
                read.map(|read| read.len()),
                Ok(1),
                "{of_pod} {of_container}"
            );
        }
    }
}
