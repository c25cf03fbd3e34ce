//! The annotations of the fake kubelet in windtunnel's words. Every pod states its own start time.

use serde_json::{Map, Value, json};

use super::Trouble;

/// How long the fake kubelet takes to start a pod that says nothing, in milliseconds.
const START_MILLIS: i64 = 1_000;

/// How long it takes to stop a pod that says nothing, in milliseconds.
const STOP_MILLIS: i64 = 1_000;

/// How long each request of the fake kubelet took, in milliseconds: its times begin once the one before
/// is answered.
const REQUEST: i64 = 20;

/// Longer than any recording.
const NEVER: &str = "1000h";

/// Translates an object's annotations for the fake kubelet into those of windtunnel.
pub(super) fn translate(object: &mut Value) -> Result<(), Trouble> {
    if object["kind"] == "Node" {
        // A kubelet registers its node with this label.
        let name = object["metadata"]["name"].clone();
        let labels = &mut object["metadata"]["labels"];
        if labels.get("kubernetes.io/hostname").is_none() {
            labels["kubernetes.io/hostname"] = name;
        }
        return Ok(());
    }
    let Some(template) = template_of(object) else {
        return Ok(());
    };
    let annotations = template.pointer("/metadata/annotations");
    let stated = annotations
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let millis = |key: &str| -> Result<Option<i64>, Trouble> {
        let Some(value) = stated.get(key) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let wrong = || Trouble::Wrong(format!("{key}: expected milliseconds, found `{text}`"));
        text.parse().map(Some).map_err(|_| wrong())
    };
    let mut own = Map::new();
    let mut say = |key: &str, millis: i64| {
        let key = format!("windtunnel.dev/{key}");
        own.insert(key, format!("{}ms", millis + REQUEST).into());
    };
    say("start-time", millis("fk/start-ms")?.unwrap_or(START_MILLIS));
    say("stop-time", millis("fk/stop-ms")?.unwrap_or(STOP_MILLIS));
    if let Some(run) = millis("fk/run-ms")? {
        say("run-time", run);
    }
    if let Some(plan) = stated.get("fk/exit-plan") {
        // A plan is a plan even of one code: starts beyond it succeed.
        let plan = plan.as_str().unwrap_or_default();
        let plan = if plan.contains(':') {
            plan.to_owned()
        } else {
            format!("*:{plan}")
        };
        own.insert("windtunnel.dev/exit-code".to_owned(), plan.into());
    }
    let ready = millis("fk/ready-ms")?.filter(|&ready| ready > 0);
    let answers = match ready {
        _ if stated.contains_key("fk/never-ready") => Some(NEVER.to_owned()),
        ready => ready.map(|ready| format!("{ready}ms")),
    };
    let is_probed = answers.is_some();
    if let Some(answers) = answers {
        own.insert("windtunnel.dev/answers-after".to_owned(), answers.into());
    }
    template["metadata"]["annotations"] = Value::Object(own);
    let containers = template
        .pointer_mut("/spec/containers")
        .and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter(|_| is_probed) {
        container["readinessProbe"] = json!({"httpGet": {"port": 80}, "periodSeconds": 1});
    }
    Ok(())
}

/// The part of an object that describes its pods; `None` of an object without pods.
fn template_of(object: &mut Value) -> Option<&mut Value> {
    match object["kind"].as_str().unwrap_or_default() {
        "Pod" => Some(object),
        "CronJob" => object.pointer_mut("/spec/jobTemplate/spec/template"),
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "ReplicationController" => object.pointer_mut("/spec/template"),
        _ => None,
    }
}
