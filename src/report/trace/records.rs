//! Records of one name, as `windtunnel trace inspect --record` prints them: where each stands, and what it
//! says.

use std::fmt::Write;

use arrivals::inspect::{Record, Records};
use model::PodName;
use model::resource_list::{CPU, MEMORY};
use serde_json::{Value, json};
use units::{Duration, Instant};

use super::{decimal, line};

/// Records as text.
pub fn records(records: &Records) -> String {
    let mut text = String::new();
    for (number, record) in records.found.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        for (name, value) in rows(record) {
            line(&mut text, name, &value);
        }
    }
    let more = records.count - records.found.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "… and {more} more of this name");
    }
    text
}

/// The lines of a record; what the trace does not say is left out.
fn rows(record: &Record) -> Vec<(&'static str, String)> {
    let arrival = &record.arrival;
    let span = |time: Duration| time.to_string();
    let since = |at: Instant| at.since(Instant::ZERO).to_string();
    let requests = record.spec.requests().unwrap_or_default();
    let cpu = requests.get(CPU).milli_ceil().unwrap_or(i64::MAX);
    let memory = requests.get(MEMORY).units_ceil().unwrap_or(i64::MAX);
    let gpus = record.spec.gpu.total_milli();
    let priority = record.spec.priority;
    let after: Vec<String> = arrival.after().iter().map(PodName::to_string).collect();
    let rows = [
        ("record", Some(arrival.name.to_string())),
        ("from", Some(record.place())),
        (
            "tenant",
            Some(record.tenant.to_string()).filter(|own| !own.is_empty()),
        ),
        ("submitted", Some(since(arrival.submit))),
        ("started", arrival.historic_start.map(since)),
        ("run time", arrival.run_time.map(span)),
        ("time limit", arrival.time_limit.map(span)),
        ("members", Some(arrival.members.to_string())),
        ("cores", Some(decimal(cpu, 1_000))),
        ("memory, GiB", Some(decimal(memory, 1 << 30))),
        ("GPUs", (gpus > 0).then(|| decimal(gpus, 1_000))),
        ("priority", (priority != 0).then(|| priority.to_string())),
        (
            "waits for",
            Some(after.join(", ")).filter(|own| !own.is_empty()),
        ),
        ("text", record.text.clone()),
    ];
    let stated = rows
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    stated.collect()
}

/// Records as JSON.
pub fn records_json(records: &Records) -> String {
    let found: Vec<Value> = records.found.iter().map(record_json).collect();
    let all = json!({"records": found, "count": records.count});
    format!("{all:#}\n")
}

fn record_json(record: &Record) -> Value {
    let arrival = &record.arrival;
    let requests = record.spec.requests().unwrap_or_default();
    let after: Vec<String> = arrival.after().iter().map(PodName::to_string).collect();
    json!({
        "record": arrival.name.to_string(),
        "file": record.file,
        "line": (record.line > 0).then_some(record.line),
        "text": record.text,
        "tenant": record.tenant,
        "submitNs": arrival.submit.as_nanos(),
        "startNs": arrival.historic_start.map(Instant::as_nanos),
        "runTimeNs": arrival.run_time.map(Duration::as_nanos),
        "timeLimitNs": arrival.time_limit.map(Duration::as_nanos),
        "members": arrival.members,
        "cpuMilli": requests.get(CPU).milli_ceil().ok(),
        "memoryBytes": requests.get(MEMORY).units_ceil().ok(),
        "gpuMilli": record.spec.gpu.total_milli(),
        "priority": record.spec.priority,
        "after": after,
    })
}
