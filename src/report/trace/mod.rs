//! Statistics of traces, as `windtunnel trace inspect` and `validate` print them.

mod brief;
mod page;
mod records;
mod shape;

use std::fmt::Write;

use brief::brief;
pub use page::page;
pub use records::{records, records_json};
use serde_json::{Value, json};

use arrivals::inspect::{Content, Inspection, NodesSummary, Validation, WorkloadSummary};
use arrivals::quantiles::Quantiles;
use formats::writers::{Converted, Lost};
use intake::Ledger;
use units::{Instant, plural};

/// Number of arrivals from which on the text describes rates, tails and correlations; of fewer, chance decides them.
const SHAPED_FROM: u64 = 100;

/// Row of quantiles: its name, its values and their format.
type QuantileRow<'a> = (
    &'static str,
    Option<&'a Quantiles>,
    &'a dyn Fn(i64) -> String,
);

/// Inspection as text.
pub fn inspection(inspection: &Inspection) -> String {
    let mut text = String::new();
    line(&mut text, "file", &inspection.file);
    line(&mut text, "format", inspection.format);
    line(&mut text, "blake3", &inspection.blake3);
    match &inspection.content {
        Content::Nodes(nodes) => nodes_text(&mut text, nodes),
        Content::Workload(workload) => workload_text(&mut text, workload),
    }
    if !inspection.ledger.is_empty() {
        text.push('\n');
        text.push_str(&inspection.ledger.to_string());
    }
    text
}

/// Validation as text.
pub fn validation(validation: &Validation) -> String {
    let mut text = String::new();
    for bad_row in &validation.bad_rows {
        let _ = writeln!(text, "{bad_row}");
    }
    let told = validation.bad_rows.len() as u64;
    if validation.bad_row_count > told {
        let _ = writeln!(
            text,
            "… and {} more bad rows",
            validation.bad_row_count - told
        );
    }
    if let Some(stopped) = &validation.stopped {
        let _ = writeln!(text, "reading stopped: {stopped}");
    }
    if !validation.ledger.is_empty() {
        let _ = writeln!(text, "\n{}", validation.ledger);
    }
    for relation in validation.broken() {
        let fields = plural::first_of(
            { relation.of.iter() }.map(|own| format!("`{own}`")),
            usize::MAX,
        );
        let _ = writeln!(text, "{fields} go together: {}", relation.original);
    }
    let _ = writeln!(
        text,
        "{} ({}): {} accepted, {} bad",
        validation.file,
        validation.format,
        plural::count(validation.accepted, "row"),
        validation.bad_row_count
    );
    if validation.is_empty() {
        let format = validation.format;
        let _ = writeln!(
            text,
            "the file has no row of `{format}`: nothing was validated"
        );
    }
    if validation.is_strict && !validation.ledger.is_empty() {
        let rows = plural::count(validation.ledger.total(), "irregularity");
        let _ = writeln!(text, "{rows}, of which strict reading accepts none");
    }
    text
}

/// A trace that was converted.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// The file written, as the user named it.
    pub file: String,
    /// The name of its format.
    pub format: &'static str,
    /// The count of what was written.
    pub converted: Converted,
    /// The ledger of the trace that was read.
    pub ledger: Ledger,
}

/// Conversion as text.
pub fn conversion(conversion: &Conversion) -> String {
    let mut text = String::new();
    for bad_row in conversion.ledger.bad_rows() {
        let _ = writeln!(text, "{bad_row}");
    }
    if !conversion.ledger.is_empty() {
        let _ = writeln!(text, "{}", conversion.ledger);
    }
    let Converted {
        rows,
        unreadable,
        ref lost,
        ..
    } = conversion.converted;
    let rows = plural::count(rows, "row");
    let (file, format) = (&conversion.file, conversion.format);
    let _ = writeln!(text, "{file} ({format}): {rows} written");
    if !lost.is_empty() {
        let _ = writeln!(text, "\n{:9} {:>9}  field", "lost", "count");
    }
    for Lost { field, fate, count } in lost {
        let _ = writeln!(text, "{:9} {count:>9}  {field}", fate.word());
    }
    if conversion.converted.may_change_runs() {
        let _ = writeln!(
            text,
            "a run of {file} can differ from one of the trace that was read: it lacks what is lost"
        );
    }
    if unreadable > 0 {
        let without = plural::count(unreadable, "row");
        let _ = writeln!(
            text,
            "{without} of it can't be read back: the run time is not known"
        );
    }
    text
}

/// Conversion as JSON.
pub fn conversion_json(conversion: &Conversion) -> String {
    let all = conversion_value(conversion);
    format!("{all:#}\n")
}

fn conversion_value(conversion: &Conversion) -> Value {
    json!({
        "file": conversion.file,
        "format": conversion.format,
        "rows": conversion.converted.rows,
        "reduced": conversion.converted.reduced,
        "unreadable": conversion.converted.unreadable,
        "lost": lost_json(&conversion.converted.lost),
        "runsMayDiffer": conversion.converted.may_change_runs(),
        "badRows": conversion.ledger.bad_row_count(),
        "ledger": ledger_json(&conversion.ledger),
    })
}

fn lost_json(lost: &[Lost]) -> Value {
    let lost = lost
        .iter()
        .map(|own| json!({"field": own.field, "fate": own.fate.word(), "count": own.count}));
    lost.collect()
}

/// An edit that was made.
pub struct Edited {
    /// The workload before the edit.
    pub before: WorkloadSummary,
    /// The written workload.
    pub after: WorkloadSummary,
    /// The written file.
    pub conversion: Conversion,
}

/// Edit as text: what was read and what was written side by side.
pub fn edited(edited: &Edited) -> String {
    let mut text = format!("{:20} {:>14} {:>14}\n", "", "before", "after");
    let (before, after) = (&edited.before, &edited.after);
    let span = |at: Instant| brief(at.since(Instant::ZERO).as_nanos());
    let half = |found: &Option<Quantiles>| found.as_ref().map(|found| found.p50);
    let most = |found: &Option<Quantiles>| found.as_ref().map(|found| found.max);
    let has_gpus = before.totals.gpu_milli > 0 || after.totals.gpu_milli > 0;
    let gpus = |text: String| has_gpus.then_some(text);
    let rows = |own: &WorkloadSummary| {
        let totals = &own.totals;
        [
            ("arrivals", Some(own.arrivals.to_string())),
            ("pods", Some(own.pods.to_string())),
            ("tenants", Some(own.tenants.to_string())),
            ("first submission", Some(span(own.first_submit))),
            ("last submission", Some(span(own.last_submit))),
            ("gap, median", half(&own.gap).map(brief)),
            ("run time, median", half(&own.run_time).map(brief)),
            ("run time, longest", most(&own.run_time).map(brief)),
            ("run to the end", Some(own.unknown_run_times.to_string())),
            ("wait for others", Some(own.waiting.to_string())),
            ("in gangs of several", Some(own.ganged.to_string())),
            ("cores", Some(amount(totals.cpu_milli, 1e3))),
            ("core hours", Some(amount(totals.cpu_work, 1e3 * HOUR))),
            ("memory, GiB", Some(amount(totals.memory_bytes, GIB))),
            ("GiB hours", Some(amount(totals.memory_work, GIB * HOUR))),
            ("GPUs", gpus(amount(totals.gpu_milli, 1e3))),
            ("GPU hours", gpus(amount(totals.gpu_work, 1e3 * HOUR))),
        ]
    };
    for ((name, before), (_, after)) in rows(before).into_iter().zip(rows(after)) {
        if name.starts_with("GPU") && !has_gpus {
            continue;
        }
        let [before, after] = [before, after].map(|own| own.unwrap_or_else(|| "-".to_owned()));
        let _ = writeln!(text, "{name:20} {before:>14} {after:>14}");
    }
    text.push('\n');
    text + &conversion(&edited.conversion)
}

/// Nanoseconds of an hour.
const HOUR: f64 = 3.6e12;
/// Bytes of a GiB.
const GIB: f64 = 1_073_741_824.0;

/// A sum in larger units with at most three decimals.
fn amount(sum: i128, unit: f64) -> String {
    let text = format!("{:.3}", sum as f64 / unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Edit as JSON.
pub fn edited_json(edited: &Edited) -> String {
    let all = json!({
        "before": workload_json(&edited.before),
        "after": workload_json(&edited.after),
        "written": conversion_value(&edited.conversion),
    });
    format!("{all:#}\n")
}

/// Inspection as JSON.
pub fn inspection_json(inspection: &Inspection) -> String {
    let content = match &inspection.content {
        Content::Nodes(nodes) => json!({"nodes": {
            "count": nodes.nodes,
            "cpuMilli": nodes.cpu_milli,
            "memoryBytes": nodes.memory_bytes,
            "gpus": nodes.gpus,
        }}),
        Content::Workload(workload) => json!({"workload": workload_json(workload)}),
    };
    let all = json!({
        "file": inspection.file,
        "format": inspection.format,
        "blake3": inspection.blake3,
        "content": content,
        "ledger": ledger_json(&inspection.ledger),
    });
    format!("{all:#}\n")
}

fn workload_json(workload: &WorkloadSummary) -> Value {
    json!({
        "arrivals": workload.arrivals,
        "pods": workload.pods,
        "classes": workload.classes,
        "firstSubmitNs": workload.first_submit.as_nanos(),
        "lastSubmitNs": workload.last_submit.as_nanos(),
        "unknownRunTimes": workload.unknown_run_times,
        "waiting": workload.waiting,
        "ganged": workload.ganged,
        "outcomes": outcomes_json(workload),
        "cores": workload.totals.cpu_milli as f64 / 1e3,
        "coreHours": workload.totals.cpu_work as f64 / (1e3 * HOUR),
        "memoryGib": workload.totals.memory_bytes as f64 / GIB,
        "memoryGibHours": workload.totals.memory_work as f64 / (GIB * HOUR),
        "gpus": workload.totals.gpu_milli as f64 / 1e3,
        "gpuHours": workload.totals.gpu_work as f64 / (1e3 * HOUR),
        "runTimeNs": quantiles_json(workload.run_time.as_ref()),
        "timeLimitNs": quantiles_json(workload.time_limit.as_ref()),
        "historicWaitNs": quantiles_json(workload.historic_wait.as_ref()),
        "gapNs": quantiles_json(workload.gap.as_ref()),
        "members": quantiles_json(workload.members.as_ref()),
        "cpuMilli": quantiles_json(workload.cpu_milli.as_ref()),
        "memoryBytes": quantiles_json(workload.memory_bytes.as_ref()),
        "gpuMilli": quantiles_json(workload.gpu_milli.as_ref()),
        "tenants": workload.tenants,
        "shape": shape::json(workload),
    })
}

/// Outcomes with their arrivals; null of a format that states none.
fn outcomes_json(workload: &WorkloadSummary) -> Value {
    if workload.outcomes.is_empty() {
        return Value::Null;
    }
    let counts = workload.outcomes.iter();
    counts
        .map(|(word, count)| (word.to_string(), json!(count)))
        .collect()
}

/// Outcomes with their arrivals, and how many have none that is known.
fn outcomes_text(workload: &WorkloadSummary) -> String {
    let known: u64 = workload.outcomes.iter().map(|(_, count)| count).sum();
    let unknown = ("not known".into(), workload.arrivals - known);
    let all = workload.outcomes.iter().chain(std::iter::once(&unknown));
    let shown = all.filter(|(_, count)| *count > 0);
    let shown: Vec<String> = shown
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
    shown.join(", ")
}

/// Validation as JSON.
pub fn validation_json(validation: &Validation) -> String {
    let bad_rows: Vec<String> = validation
        .bad_rows
        .iter()
        .map(ToString::to_string)
        .collect();
    let all = json!({
        "file": validation.file,
        "format": validation.format,
        "accepted": validation.accepted,
        "badRows": validation.bad_row_count,
        "firstBadRows": bad_rows,
        "stopped": validation.stopped.as_ref().map(ToString::to_string),
        "strict": validation.is_strict,
        "ledger": ledger_json(&validation.ledger),
    });
    format!("{all:#}\n")
}

fn nodes_text(text: &mut String, nodes: &NodesSummary) {
    line(text, "nodes", &nodes.nodes.to_string());
    line(text, "cores", &decimal(nodes.cpu_milli, 1_000));
    line(
        text,
        "memory",
        &format!("{} GiB", decimal(nodes.memory_bytes, 1 << 30)),
    );
    line(text, "GPUs", &nodes.gpus.to_string());
    text.push_str("\n   nodes  model         GPUs     cores       GiB\n");
    for group in &nodes.groups {
        let model = if group.model.is_empty() {
            "-"
        } else {
            &*group.model
        };
        let _ = writeln!(
            text,
            "{:>8}  {model:12} {:>5} {:>9} {:>9}",
            group.count,
            group.gpus,
            decimal(group.cpu_milli, 1_000),
            decimal(group.memory_bytes, 1 << 30)
        );
    }
}

fn workload_text(text: &mut String, workload: &WorkloadSummary) {
    line(text, "arrivals", &workload.arrivals.to_string());
    line(text, "pods", &workload.pods.to_string());
    line(text, "classes", &workload.classes.to_string());
    let span = |at: Instant| brief(at.since(Instant::ZERO).as_nanos());
    let (first, last) = (span(workload.first_submit), span(workload.last_submit));
    line(text, "submitted", &format!("{first} to {last}"));
    line(text, "tenants", &workload.tenants.to_string());
    let by_tenant: Vec<String> = workload
        .most_by
        .iter()
        .map(|(name, count)| format!("{name} ({count})"))
        .collect();
    if !by_tenant.is_empty() {
        line(text, "most by", &by_tenant.join(", "));
    }
    if workload.unknown_run_times > 0 {
        line(
            text,
            "run to the end",
            &workload.unknown_run_times.to_string(),
        );
    }
    if workload.waiting > 0 {
        line(text, "wait for others", &workload.waiting.to_string());
    }
    if workload.ganged > 0 {
        line(text, "in gangs", &workload.ganged.to_string());
    }
    if !workload.outcomes.is_empty() {
        line(text, "outcomes", &outcomes_text(workload));
    }
    text.push_str("\n                    10 %        50 %        90 %        99 %         max\n");
    let count = |value: i64| value.to_string();
    let rows: [QuantileRow<'_>; 8] = [
        ("run time", workload.run_time.as_ref(), &brief),
        ("time limit", workload.time_limit.as_ref(), &brief),
        ("recorded wait", workload.historic_wait.as_ref(), &brief),
        ("gap", workload.gap.as_ref(), &brief),
        ("members", workload.members.as_ref(), &count),
        ("cores", workload.cpu_milli.as_ref(), &|value| {
            decimal(value, 1_000)
        }),
        ("memory, GiB", workload.memory_bytes.as_ref(), &|value| {
            decimal(value, 1 << 30)
        }),
        ("GPUs", workload.gpu_milli.as_ref(), &|value| {
            decimal(value, 1_000)
        }),
    ];
    for (name, quantiles, show) in rows {
        if let Some(found) = quantiles {
            let cells = [found.p10, found.p50, found.p90, found.p99, found.max].map(show);
            let [p10, p50, p90, p99, max] = cells;
            let _ = writeln!(
                text,
                "{name:12} {p10:>11} {p50:>11} {p90:>11} {p99:>11} {max:>11}"
            );
        }
    }
    if workload.arrivals >= SHAPED_FROM {
        text.push_str(&shape::text(workload));
    }
}

fn quantiles_json(quantiles: Option<&Quantiles>) -> Value {
    let Some(found) = quantiles else {
        return Value::Null;
    };
    json!({
        "count": found.count, "min": found.min, "p10": found.p10, "p25": found.p25,
        "p50": found.p50, "p75": found.p75, "p90": found.p90, "p99": found.p99,
        "max": found.max, "mean": found.mean,
    })
}

fn ledger_json(ledger: &intake::Ledger) -> Value {
    let entries = ledger.entries().iter().map(|entry| {
        json!({
            "kind": entry.kind, "action": entry.action.to_string(), "rows": entry.count,
            "file": entry.file, "line": entry.line,
        })
    });
    entries.collect()
}

/// Amount in larger units with at most two decimals.
fn decimal(amount: i64, unit: i64) -> String {
    let text = format!("{:.2}", amount as f64 / unit as f64);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:14} {value}");
}
