//! Schedules as `CronJobs` whose runs are counted.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{node, said};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::folder::Folder;
use crate::door::watch::Watch;

/// Time after which a schedule that never comes has not come, in seconds.
const NEVER: i64 = 400 * 86_400;

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let expect = &case["expect"];
    let after = input["after"].as_str().unwrap_or_default();
    let begin: Timestamp = after.parse().map_err(|error| format!("`after`: {error}"))?;
    let recorded: Vec<&str> = { list(expect, "next").into_iter() }
        .filter_map(Value::as_str)
        .collect();
    let last = recorded.iter().rev().find_map(|at| at.parse().ok());
    let last = last.map_or(0, |at: Timestamp| at.as_second() - begin.as_second() + 1);
    let is_never = recorded.contains(&"never") || recorded.is_empty();
    let seconds = if is_never { last + NEVER } else { last };
    let mut spec = json!({
        "schedule": input["schedule"],
        "jobTemplate": {"spec": {
            "suspend": true,
            "template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "c", "image": "app:1"}],
            }},
        }},
    });
    if let Some(zone) = input.get("timeZone").filter(|zone| !zone.is_null()) {
        spec["timeZone"] = zone.clone();
    }
    let job = json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "cj", "namespace": "default"}, "spec": spec,
    });
    let mut folder = Folder::kubernetes(&[&node("n")], &[&job], seconds);
    folder.set_in("system", "controllers", json!({"startDate": after}));
    let mut watch = Watch::default();
    let run = folder.run(&mut watch);
    let mut differences = Differences::default();
    let is_refused = expect.get("error").is_some();
    if is_refused {
        let jobs = of_jobs(&watch, begin)?;
        let decided = if run.is_err() || jobs.is_empty() {
            "refused".to_owned()
        } else {
            jobs.join(", ")
        };
        differences.field("error", Some(&"refused".into()), &decided.into());
        return Ok(said(&differences));
    }
    run?;
    let recorded: Vec<&str> = recorded.into_iter().filter(|at| *at != "never").collect();
    let jobs = of_jobs(&watch, begin)?;
    differences.field("next", Some(&json!(recorded)), &json!(jobs));
    Ok(said(&differences))
}

/// When jobs were made.
fn of_jobs(watch: &Watch, begin: Timestamp) -> Result<Vec<String>, String> {
    let made = watch.objects.iter().filter(|own| own.before.is_none());
    let made = made.filter(|own| own.name.starts_with("Job/"));
    made.map(|own| {
        let at = begin.as_second() + own.at.as_nanos() / 1_000_000_000;
        let at = Timestamp::from_second(at).map_err(|error| error.to_string())?;
        Ok(at.to_string())
    })
    .collect()
}
