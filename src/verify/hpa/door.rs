//! Passes of the horizontal autoscaler through files: a deployment whose pods share the load of the case,
//! and an autoscaler that comes a minute later, when its first pass is.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::VerifyOptions;
use crate::cases::list;
use crate::door::folder::Folder;
use crate::door::lines;
use crate::door::watch::Watch;
use crate::door::{DoorReport, Said, Share};
use model::Object;
use units::Instant;

/// When the autoscaler comes, in milliseconds.
const FIRST: i64 = 60_000;

/// From a change of the load to the next pass, in milliseconds; readings are averages over less.
const BEFORE: i64 = 10_000;

/// Why single passes over pods have no door.
const STATES: &str = "pods of one workload with ages, readiness, requests and metrics of their own at one \
    instant; a pod's use is that of its template in a run";

/// Judges the cases of files through the door.
///
/// # Errors
/// A file can't be read.
pub(crate) fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
) -> Result<Vec<(String, DoorReport)>, String> {
    let whole = crate::hpa::FAMILY.name;
    let row = |family: Option<&str>| Some(family.unwrap_or(whole).to_owned());
    lines::judge(files, options, share, whole, row, decide)
}

fn decide(case: &Value) -> Result<Said, String> {
    let steps = list(case, "steps");
    let is_plain = |step: &&Value| step["uniform"].is_object() || is_external(step);
    if steps.is_empty() || !steps.iter().all(is_plain) {
        return Ok(Said::Unsaid(STATES.to_owned()));
    }
    let expected = list(case, "expect");
    let second = |step: &Value| step["t"].as_i64().unwrap_or_default();
    let period = match steps.as_slice() {
        [first, next, ..] => second(next) - second(first),
        _ => 15,
    } * 1_000;
    let time = |place: usize| FIRST + i64::try_from(place).unwrap_or(0) * period;
    let mut folder = Folder::kubernetes(&[&node()], &[], time(steps.len()) / 1_000);
    let replicas = |place: usize| expected[place]["specReplicas"].as_i64().unwrap_or_default();
    let mut target = deployment(replicas(0));
    if steps[0]["uniform"].is_object() {
        load(&mut target, &steps, &replicas, &time);
    } else {
        external(&mut folder, steps[0]);
    }
    folder.objects("objects.json", &[&target]);
    // Some scale to nothing: whoever has admitted them has the feature's gate.
    let mut autoscaler = case["hpa"].clone();
    autoscaler["metadata"]["uid"] = "recorded".into();
    folder.objects("hpa.json", &[&autoscaler]);
    folder.arrive("hpa.json", FIRST);
    for (place, step) in steps.iter().enumerate().skip(1) {
        if let Some(replicas) = step["specReplicas"].as_i64() {
            let at = time(place) - BEFORE;
            folder.operate(
                at,
                json!({"scale": "Deployment/default/target", "replicas": replicas}),
            );
        }
    }
    folder.set_in("system", "controllers", json!({}));
    folder.set_in("system", "autoscaling", settings(case, period));
    let watch = folder.watch()?;
    let end = (0..steps.len()).find(|&place| is_at_edge(case, steps[place], replicas(place)));
    for (place, answer) in expected.iter().enumerate().take(end.unwrap_or(steps.len())) {
        let recorded = if answer["rescale"] == true {
            answer["desired"].as_i64()
        } else {
            answer["specReplicas"].as_i64()
        };
        let decided = replicas_at(&watch, time(place));
        if recorded != decided {
            let at = place + 1;
            let words = format!("pass {at}: recorded {recorded:?}, decided {decided:?}");
            return Ok(Said::Differs(words));
        }
    }
    Ok(Said::Agrees)
}

/// Whether a ratio lies at the very edge of the tolerance, where the release of the recording, 1.28, and later
/// ones round otherwise (`replica_calculator.go`, `math.Abs(1.0-usageRatio) <= tolerance` and `isWithin`).
fn is_at_edge(case: &Value, step: &Value, replicas: i64) -> bool {
    let uniform = &step["uniform"];
    let request = uniform["requestMilliCPU"].as_i64().unwrap_or_default();
    let total = uniform["totalMilliCPU"].as_i64().unwrap_or_default();
    let replicas = replicas.max(1);
    if request == 0 {
        return false;
    }
    let used = total / replicas * replicas;
    let target = case["hpa"]["spec"].pointer("/metrics/0/resource/target/averageUtilization");
    let target = target.and_then(Value::as_f64).unwrap_or(80.0);
    let ratio = (used * 100 / (request * replicas)) as f64 / target;
    let tolerance = case["settings"]["tolerance"].as_f64().unwrap_or(0.1);
    let before = libm::fabs(1.0 - ratio) <= tolerance;
    let later = ratio >= 1.0 - tolerance && ratio <= 1.0 + tolerance;
    before != later
}

/// Whether a step has external metrics and pods that are all alike.
fn is_external(step: &Value) -> bool {
    let pods = list(step, "pods");
    let is_ready =
        |pod: &&Value| pod["phase"] == "Running" && pod["ready"] == true && pod["deleting"] != true;
    let replicas = step["specReplicas"].as_u64();
    let status = step.get("statusReplicas").and_then(Value::as_u64);
    let metrics = step["externalMetrics"].as_object();
    metrics.is_some_and(|all| !all.is_empty() && all.values().all(|own| !own.is_null()))
        && step.get("podMetrics").is_none_or(Value::is_null)
        && step.get("objectMetrics").is_none_or(Value::is_null)
        && pods.iter().all(is_ready)
        && replicas == Some(pods.len() as u64)
        && status.is_none_or(|status| replicas == Some(status))
}

fn node() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"},
        "status": {"allocatable": {"cpu": "4000", "memory": "4Ti", "pods": "5000"}},
    })
}

fn deployment(replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "target", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "target"}},
            "template": {
                "metadata": {"labels": {"app": "target"}},
                "spec": {"containers": [{"name": "c", "image": "app:1"}]},
            },
        },
    })
}

/// Gives the pods the load of the steps, which each pod has an equal part of.
fn load(
    target: &mut Value,
    steps: &[&Value],
    replicas: &dyn Fn(usize) -> i64,
    time: &dyn Fn(usize) -> i64,
) {
    let template = &mut target["spec"]["template"];
    let request = &steps[0]["uniform"]["requestMilliCPU"];
    let requests = json!({"cpu": format!("{request}m")});
    template["spec"]["containers"][0]["resources"] = json!({"requests": requests});
    let mut text = String::new();
    for (place, step) in steps.iter().enumerate() {
        let at = if place == 0 { 0 } else { time(place) - BEFORE };
        let total = step["uniform"]["totalMilliCPU"]
            .as_i64()
            .unwrap_or_default();
        let count = replicas(place).max(1);
        // The recording rounds each pod's part down.
        let total = total / count * count;
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{}s: {total}m", at / 1_000);
    }
    let usage = format!("shared(steps({text}))");
    template["metadata"]["annotations"] = json!({"windtunnel.dev/cpu-usage": usage});
}

/// Gives the external metrics of a step as files.
fn external(folder: &mut Folder, step: &Value) {
    let mut files = Map::new();
    for (number, (name, own)) in step["externalMetrics"]
        .as_object()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let file = format!("metric{number}.csv");
        let several = own.as_array();
        let values: Vec<&Value> = several.map_or_else(|| vec![own], |all| all.iter().collect());
        let mut text = "seconds,value,series\n".to_owned();
        for (series, value) in values.iter().enumerate() {
            let value = value.as_f64().unwrap_or_default() / 1e3;
            let _ = writeln!(text, "0,{value},s{series}");
        }
        folder.text(&file, text);
        files.insert(name.clone(), file.into());
    }
    folder.set("models", json!({"externalMetrics": files}));
}

/// The settings of a case.
fn settings(case: &Value, period: i64) -> Value {
    let stated = &case["settings"];
    let mut horizontal = json!({
        "syncPeriod": format!("{period}ms"),
        // The pods of the recording have been ready for long.
        "cpuInitialization": "0s", "initialReadinessDelay": "0s",
    });
    if let Some(tolerance) = stated.get("tolerance") {
        horizontal["tolerance"] = tolerance.clone();
    }
    if let Some(seconds) = stated["downscaleStabilization"].as_i64() {
        horizontal["downscaleStabilization"] = format!("{seconds}s").into();
    }
    json!({
        "horizontal": horizontal,
        "metrics": {"scrape": "5s", "window": "5s", "delay": "0s"},
    })
}

/// The replicas of the target after what happened until an instant, in milliseconds.
fn replicas_at(watch: &Watch, millis: i64) -> Option<i64> {
    let until = Instant::from_nanos(millis * 1_000_000);
    let changes = watch.objects.iter().take_while(|own| own.at <= until);
    let replicas = changes.filter_map(|own| match &own.after {
        Some(Object::Deployment(deployment)) => Some(i64::from(deployment.replicas)),
        _ => None,
    });
    replicas.last()
}
