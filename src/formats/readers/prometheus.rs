//! Samples of Prometheus about pods: the answer to a range query (`/api/v1/query_range`, JSON, also without its envelope), or a text
//! in the format of `OpenMetrics` or Prometheus. A pod is there from its first sample to its last one, unless its phases or
//! the times of its life are among the samples, and
//! requests what `kube_pod_container_resource_requests` says of its containers first. With the option `usage` it uses what
//! cAdvisor says of them. Source: the documentation of Prometheus, "HTTP API" and "Exposition formats", of
//! kube-state-metrics, "Pod metrics", and of cAdvisor, "Prometheus metrics".

mod pieces;
mod pods;
mod text;
mod usage;

use serde_json::Value;

use crate::readers::prelude::*;
use intake::archive::parts;
use intake::json::{each_element, each_scalar, is_json};

use pods::Pods;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "prometheus",
    summary: "samples of Prometheus about pods (answer to a range query, or OpenMetrics)",
    columns: columns! {
        required("pod", "label of a series; becomes the name"),
        optional("namespace", "label; becomes the tenant"),
        required("values", "times, s since 1970 (ms above 1e11), and samples"),
        optional("kube_pod_container_resource_requests", "by `container` and `resource`: cores, bytes or numbers"),
        optional("kube_pod_container_resource_limits", "the same, of limits; a pod has one where all its containers do"),
        optional("uid", "label; tells pods of one name apart"),
        optional("kube_pod_status_phase", "by `phase`: when pods started to run, and when and how they ended"),
        optional("kube_pod_created", "s since 1970, as of kube_pod_start_time and kube_pod_completion_time"),
        optional("container_cpu_usage_seconds_total",
            "by `container`: with the option `usage`, what it uses of processors between two samples"),
        optional("container_memory_working_set_bytes", "by `container`: with the option `usage`, what it uses of memory"),
        optional("exported_pod", "label, with exported_namespace and exported_container; stands before `pod`"),
    },
    relations: &[],
    names: &["uid"],
    cells: show_text,
    options: &["recorded", "usage"],
    sniff,
    open: Constructor::Workload(open),
};

/// From here on a time is in milliseconds.
const MILLISECONDS_FROM: f64 = 1e11;

/// The kind under which a sample without a value is noted: Prometheus writes one where a series ends.
const NOT_A_NUMBER: &str = "sample that is not a number; left out";

fn sniff(first: &[u8]) -> Confidence {
    let has = |text: &str| memchr::memmem::find(first, text.as_bytes()).is_some();
    let is_own = if is_list(first) {
        has("\"metric\"") && has("\"values\"")
    } else if is_answer(first) {
        has("\"resultType\"") && (has("\"status\"") || has("\"result\""))
    } else {
        let marks = [
            "# TYPE ",
            "# HELP ",
            "kube_pod_",
            "{__name__=\"",
            "container_cpu_usage_",
            "container_memory_",
        ];
        marks.into_iter().any(has) && has("{")
    };
    Confidence::certain_if(is_own)
}

/// Whether a file begins as an object of JSON, and not as a sample whose name stands among its labels.
fn is_answer(first: &[u8]) -> bool {
    let inner = first.trim_ascii_start().strip_prefix(b"{");
    let inner = inner.unwrap_or_default().trim_ascii_start();
    let quoted = inner.strip_prefix(b"\"");
    let behind = quoted.and_then(|quoted| {
        let end = memchr::memchr(b'"', quoted)?;
        quoted[end + 1..].trim_ascii_start().first()
    });
    let is_sample = match quoted {
        Some(_) => matches!(behind, Some(b',' | b'}' | b'=')),
        None => inner
            .first()
            .is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'_'),
    };
    is_json(first) && !is_sample
}

/// Whether a file begins as a list of JSON.
fn is_list(first: &[u8]) -> bool {
    let first = first.trim_ascii_start();
    first
        .strip_prefix(b"[")
        .is_some_and(|rest| matches!(rest.trim_ascii_start().first(), Some(b'{' | b']')))
}

/// A sample: milliseconds since 1970, and the value.
type Sample = (i64, f64);

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut pods = Pods::new(options);
    for part in parts(input)? {
        journal.file = part.name.clone();
        let first = part.first_bytes()?;
        if is_answer(&first) || is_list(&first) {
            answer(&part, &mut pods, &mut journal)?;
        } else {
            text::read(&part, &mut pods, &mut journal)?;
        }
    }
    pods.finish(journal, options)
}

/// The answer to a query.
fn answer(part: &Input, pods: &mut Pods, journal: &mut Journal) -> Result<(), TraceError> {
    let refuse = |reason: String| TraceError::Format {
        file: part.name.to_string(),
        reason,
    };
    let mut take = |journal: &mut Journal, series: Element| {
        heed(journal, |journal| {
            let labels = |name: &str| series.text_at(&format!("/metric/{name}")).to_owned();
            let samples = samples(journal, &series)?;
            pods.add(journal, series.line, labels, &samples)
        })
    };
    // `promtool` prints the list alone.
    if is_list(&part.first_bytes()?) {
        each_element(part, &[], |series| take(journal, series))?;
        return Ok(());
    }
    let mut kind = None;
    let mut place: &[&str] = &["result"];
    each_scalar(part, &[], |key, value| match (key, value) {
        ("error", Value::String(error)) => Err(refuse(format!(
            "Prometheus answered with an error: {error}"
        ))),
        ("resultType", value) => {
            kind = value.as_str().map(str::to_owned);
            Ok(())
        }
        ("status", _) => {
            place = &["data", "result"];
            Ok(())
        }
        _ => Ok(()),
    })?;
    each_scalar(part, &["data"], |key, value| {
        if key == "resultType" {
            kind = value.as_str().map(str::to_owned);
        }
        Ok(())
    })?;
    if kind.as_deref() != Some("matrix") {
        let kind = kind.unwrap_or_else(|| "absent".to_owned());
        return Err(refuse(format!(
            "`resultType` is {kind}; expected matrix, the answer to a range query"
        )));
    }
    each_element(part, &["warnings"], |warning| {
        let kind = "warning of Prometheus: the answer may not be complete";
        journal.dirt(kind, Action::Keep, warning.line)
    })?;
    each_element(part, place, |series| take(journal, series))?;
    Ok(())
}

/// The samples of a series.
fn samples(journal: &mut Journal, series: &Element) -> Result<Vec<Sample>, Refused> {
    let Some(Value::Array(list)) = series.at("/values") else {
        return Err(series.bad_at("/values", "a list of samples").into());
    };
    let mut samples: Vec<Sample> = Vec::with_capacity(list.len());
    for (place, pair) in list.iter().enumerate() {
        let path = format!("/values/{place}");
        let expected = || series.bad_at(&path, "a time in seconds and a sample in quotes");
        let at = pair.get(0).and_then(Value::as_f64).and_then(milliseconds);
        let value = pair.get(1).and_then(Value::as_str);
        let value = value.and_then(|text| text.parse::<f64>().ok());
        let (at, value) = at.zip(value).ok_or_else(expected)?;
        if samples.last().is_some_and(|(last, _)| at <= *last) {
            return Err(series.bad_at(&path, "later than the sample before").into());
        }
        if value.is_nan() {
            journal.dirt(NOT_A_NUMBER, Action::Drop, series.line)?;
            continue;
        }
        samples.push((at, value));
    }
    Ok(samples)
}

/// Milliseconds since 1970 of a time in seconds, or in milliseconds if it is that large.
fn milliseconds(time: f64) -> Option<i64> {
    let scaled = if time < MILLISECONDS_FROM {
        1e3 * time
    } else {
        time
    };
    let is_good = (0.0..=1e3 * LAST_SECOND as f64).contains(&scaled);
    is_good.then(|| libm::rint(scaled) as i64)
}

#[cfg(test)]
mod tests;
