//! Samples of Prometheus about pods: the answer to a range query (`/api/v1/query_range`, JSON), or a text
//! in the format of `OpenMetrics` or Prometheus. A pod is there from its first sample to its last one, and
//! requests what `kube_pod_container_resource_requests` says of its containers first. Source: the
//! documentation of Prometheus, "HTTP API" and "Exposition formats", and of kube-state-metrics, "Pod
//! metrics".

use std::mem;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde_json::Value;

use crate::archive::parts;
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::gather::{Demand, Gather};
use crate::input::Input;
use crate::json::{Element, each_element, each_scalar, is_json};
use crate::ledger::{Action, BadRow, Journal};
use crate::options::ReadOptions;
use crate::rows::{LAST_SECOND, Refused, heed, show_text};
use crate::stream::ArrivalSource;
use model::gpu::GPU_RESOURCES;
use model::{PodName, PodSpec, ResourceList};
use units::{Duration, Instant, Quantity};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "prometheus",
    summary: "samples of Prometheus about pods (answer to a range query, or OpenMetrics)",
    columns: &[
        ColumnDoc::required("pod", "label of a series; becomes the name"),
        ColumnDoc::optional("namespace", "label; becomes the tenant"),
        ColumnDoc::required("values", "times, s since 1970 (ms above 1e11), and samples"),
        ColumnDoc::optional(
            "kube_pod_container_resource_requests",
            "by `container` and `resource`: cores, bytes or numbers",
        ),
        ColumnDoc::optional("uid", "label; tells pods of one name apart"),
    ],
    names: &["uid"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(open),
};

/// The metric of what containers request.
const REQUESTS: &str = "kube_pod_container_resource_requests";
/// From here on a time is in milliseconds.
const MILLISECONDS_FROM: f64 = 1e11;
/// The largest amount of a resource.
const MOST: f64 = 1e18;

fn sniff(first: &[u8]) -> Confidence {
    let has = |text: &str| memchr::memmem::find(first, text.as_bytes()).is_some();
    let is_json = is_json(first);
    let is_answer = is_json && has("\"resultType\"") && has("\"status\"");
    let is_text = !is_json && (has("# TYPE ") || has("# HELP ") || has("kube_pod_")) && has("{");
    if is_answer || is_text {
        Confidence::Certain
    } else {
        Confidence::No
    }
}

/// A pod as its series tell of it.
struct Pod {
    file: Arc<str>,
    line: u64,
    first: i64,
    last: i64,
    /// Requests by container and resource, with the time of their first sample.
    requests: IndexMap<(String, String), (i64, f64), FxBuildHasher>,
    /// Whether it is another pod, which states its `uid`.
    is_another: bool,
}

/// The pods by namespace, name and `uid`, where they state it.
#[derive(Default)]
struct Pods {
    known: IndexMap<(String, String, String), Pod, FxBuildHasher>,
    /// The earliest and the latest time of any sample, in milliseconds.
    span: Option<(i64, i64)>,
    /// The shortest time between two samples of a series, in milliseconds.
    step: Option<i64>,
}

/// A sample: milliseconds since 1970, and the value.
type Sample = (i64, f64);
/// Names and values of labels.
type Labels = Vec<(String, String)>;

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut pods = Pods::default();
    for part in parts(input)? {
        journal.file = part.name.clone();
        if is_json(&part.first_bytes()?) {
            answer(&part, &mut pods, &mut journal)?;
        } else {
            text(&part, &mut pods, &mut journal)?;
        }
    }
    pods.finish(journal)
}

/// The answer to a query.
fn answer(part: &Input, pods: &mut Pods, journal: &mut Journal) -> Result<(), TraceError> {
    let refuse = |reason: String| TraceError::Format {
        file: part.name.to_string(),
        reason,
    };
    let mut kind = None;
    each_scalar(part, &[], |key, value| match value {
        Value::String(error) if key == "error" => Err(refuse(format!(
            "Prometheus answered with an error: {error}"
        ))),
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
    each_element(part, &["data", "result"], |series| {
        heed(journal, |journal| {
            let labels = |name: &str| series.text_at(&format!("/metric/{name}")).to_owned();
            let samples = samples(&series)?;
            pods.add(journal, series.line, labels, &samples)
        })
    })?;
    Ok(())
}

/// The samples of a series.
fn samples(series: &Element) -> Result<Vec<Sample>, BadRow> {
    let Some(Value::Array(list)) = series.at("/values") else {
        return Err(series.bad_at("/values", "a list of samples"));
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
            return Err(series.bad_at(&path, "later than the sample before"));
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

/// A text of samples, one a line.
fn text(part: &Input, pods: &mut Pods, journal: &mut Journal) -> Result<(), TraceError> {
    let mut lines = part.lines()?;
    let mut has_times = None;
    let mut last_sample = 0;
    let mut series: IndexMap<(String, Labels), i64, FxBuildHasher> = IndexMap::default();
    while let Some((line, text)) = lines.next_line()? {
        let text = String::from_utf8_lossy(text);
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        last_sample = line;
        heed(journal, |journal| {
            let bad = |expected: &str| BadRow {
                line,
                column: "sample".to_owned(),
                value: text.chars().take(80).collect(),
                rule: format!("must be {expected}"),
            };
            let expected = "a metric with labels in braces, a number and perhaps a time";
            let (name, labels, (at, value)) = sample_line(text).ok_or_else(|| bad(expected))?;
            if *has_times.get_or_insert(at.is_some()) != at.is_some() {
                let expected = "a sample with a time if the others have one, and without if not";
                return Err(bad(expected).into());
            }
            if at.is_none() {
                let kind = "sample without a time; at zero";
                journal.dirt(kind, Action::Keep, line)?;
            }
            let at = at.unwrap_or_default();
            if let Some(last) = series.insert((name.clone(), labels.clone()), at) {
                if last >= at {
                    return Err(bad("later than the sample of its series before").into());
                }
                pods.step = Some(pods.step.map_or(at - last, |step| step.min(at - last)));
            }
            let find = |key: &str| match key {
                "__name__" => name.clone(),
                _ => { labels.iter().find(|(own, _)| own == key) }
                    .map(|(_, value)| value.clone())
                    .unwrap_or_default(),
            };
            pods.add(journal, line, find, &[(at, value)])
        })?;
    }
    journal.end(lines.open_end().filter(|&line| line == last_sample))
}

/// Name, labels and sample of a line; its time is `None` if it states none.
fn sample_line(text: &str) -> Option<(String, Labels, (Option<i64>, f64))> {
    let end = text.find(|char: char| char == '{' || char.is_whitespace())?;
    let (name, mut rest) = text.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner.trim_start();
        loop {
            if let Some(behind) = rest.strip_prefix('}') {
                rest = behind;
                break;
            }
            let (key, behind) = rest.split_once('=')?;
            let mut value = String::new();
            let mut chars = behind.trim_start().strip_prefix('"')?.chars();
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => match chars.next()? {
                        'n' => value.push('\n'),
                        other => value.push(other),
                    },
                    other => value.push(other),
                }
            }
            labels.push((key.trim().to_owned(), value));
            rest = chars.as_str().trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
    }
    // An exemplar may follow behind `#`.
    let rest = rest.split_once(" # ").map_or(rest, |(sample, _)| sample);
    let mut words = rest.split_whitespace();
    let value = words.next()?.parse::<f64>().ok()?;
    let at = match words.next() {
        Some(time) => Some(milliseconds(time.parse().ok()?)?),
        None => None,
    };
    (words.next().is_none() && !name.is_empty()).then(|| (name.to_owned(), labels, (at, value)))
}

impl Pods {
    /// Adds the samples of a series, whose labels are found by name.
    fn add(
        &mut self,
        journal: &mut Journal,
        line: u64,
        label: impl Fn(&str) -> String,
        samples: &[Sample],
    ) -> Result<(), Refused> {
        let (Some(&(first, value)), Some(&(last, _))) = (samples.first(), samples.last()) else {
            return Ok(journal.dirt("series without a sample", Action::Drop, line)?);
        };
        let name = label("pod");
        if name.is_empty() {
            return Ok(journal.dirt("series that is about no pod", Action::Drop, line)?);
        }
        let metric = label("__name__");
        let resource = label("resource");
        if metric == REQUESTS && resource.is_empty() {
            return Err(Refused::Row(BadRow {
                line,
                column: "resource".to_owned(),
                value: String::new(),
                rule: "must be the label of a resource, such as cpu".to_owned(),
            }));
        }
        if metric == REQUESTS && !(0.0..=MOST).contains(&value) {
            return Err(Refused::Row(BadRow {
                line,
                column: metric,
                value: value.to_string(),
                rule: format!("must be an amount from 0 to {MOST:e}"),
            }));
        }
        let (low, high) = self.span.unwrap_or((first, last));
        self.span = Some((low.min(first), high.max(last)));
        let steps = samples.windows(2).map(|pair| pair[1].0 - pair[0].0);
        self.step = steps.chain(self.step).min();
        let key = (label("namespace"), name, label("uid"));
        let pod = self.known.entry(key).or_insert_with(|| Pod {
            file: journal.file.clone(),
            line,
            first,
            last,
            requests: IndexMap::default(),
            is_another: false,
        });
        pod.first = pod.first.min(first);
        pod.last = pod.last.max(last);
        if metric != REQUESTS {
            let kind = "series that says no more than that a pod is there";
            return Ok(journal.dirt(kind, Action::Keep, line)?);
        }
        if samples
            .iter()
            .any(|(_, other)| other.total_cmp(&value).is_ne())
        {
            let kind = "request changes later; the first one stands";
            journal.dirt(kind, Action::Keep, line)?;
        }
        let known = pod.requests.entry((label("container"), resource));
        let known = known.or_insert((first, value));
        if first < known.0 {
            *known = (first, value);
        }
        Ok(())
    }

    /// Gives series without a `uid` to the only pod of their namespace and name that is there then.
    fn unite(&mut self, journal: &mut Journal) -> Result<(), TraceError> {
        let mut places: IndexMap<(&str, &str), Vec<usize>, FxBuildHasher> = IndexMap::default();
        for (place, (namespace, name, uid)) in self.known.keys().enumerate() {
            if !uid.is_empty() {
                places.entry((namespace, name)).or_default().push(place);
            }
        }
        let mut owners = Vec::new();
        for (place, ((namespace, name, uid), pod)) in self.known.iter().enumerate() {
            if !uid.is_empty() {
                continue;
            }
            let named = places.get(&(namespace.as_str(), name.as_str()));
            let is_there = |own: &Pod| own.first <= pod.last && pod.first <= own.last;
            let mut owning =
                { named.into_iter().flatten() }.filter(|&&own| is_there(&self.known[own]));
            if let (Some(&owner), None) = (owning.next(), owning.next()) {
                owners.push((place, owner));
            }
        }
        for (place, owner) in owners {
            let Some((_, pod)) = self.known.get_index_mut(place) else {
                continue;
            };
            let (first, last) = (pod.first, pod.last);
            let (file, line, requests) = (pod.file.clone(), pod.line, mem::take(&mut pod.requests));
            pod.is_another = true;
            journal.file = file;
            let kind = "pod without a `uid`; counted as the one of its name that is there then";
            journal.dirt(kind, Action::Repair, line)?;
            let own = &mut self.known[owner];
            own.first = own.first.min(first);
            own.last = own.last.max(last);
            for (asked, amount) in requests {
                own.requests.entry(asked).or_insert(amount);
            }
        }
        self.known.retain(|_, pod| !pod.is_another);
        Ok(())
    }

    fn finish(mut self, mut journal: Journal) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.unite(&mut journal)?;
        let (zero, end) = self.span.unwrap_or_default();
        let step = self.step.unwrap_or_default();
        let mut gather = Gather::default();
        for ((namespace, name, _), pod) in self.known {
            journal.file = pod.file;
            let mut list = ResourceList::default();
            let mut sums: IndexMap<String, f64, FxBuildHasher> = IndexMap::default();
            for ((_, resource), (_, amount)) in pod.requests {
                *sums.entry(resource).or_default() += amount;
            }
            if sums.is_empty() {
                let kind = "pod whose requests are not recorded; requests nothing";
                journal.dirt(kind, Action::Keep, pod.line)?;
            }
            for (resource, amount) in sums {
                let milli = libm::rint(1e3 * amount) as i128;
                let name = resource_name(&resource);
                if name.is_none() {
                    let kind = "resource of an unknown name; requested as it is written";
                    journal.dirt(kind, Action::Keep, pod.line)?;
                }
                let name = name.unwrap_or(resource);
                list.set(&name, Quantity::from_nanos(1_000_000 * milli));
            }
            let is_there = pod.last + step > end || pod.last == end;
            if is_there {
                let kind = "there at the end of the samples; run time not known";
                journal.dirt(kind, Action::Keep, pod.line)?;
            }
            let run = Duration::from_millis(pod.last - pod.first + step);
            let spec = PodSpec {
                namespace: namespace.as_str().into(),
                ..PodSpec::with_requests(list)
            };
            gather.push(
                journal.origin(pod.line),
                Demand {
                    submit: Instant::ZERO + Duration::from_millis(pod.first - zero),
                    name: PodName::Text(name.into()),
                    tenant: namespace.into(),
                    spec,
                    run_time: (!is_there).then_some(run),
                    ..Demand::default()
                },
            );
        }
        gather.finish(journal)
    }
}

/// The resource whose dots, slashes and dashes are written as underscores; `None` of an unknown one.
fn resource_name(label: &str) -> Option<String> {
    if let Some(size) = label.strip_prefix("hugepages_") {
        return Some(format!("hugepages-{size}"));
    }
    let known = ["cpu", "memory", "pods", "ephemeral-storage"];
    let mut known = known.into_iter().chain(GPU_RESOURCES);
    let found = known.find(|name| name.replace(['.', '/', '-'], "_") == label);
    found.map(str::to_owned)
}

#[cfg(test)]
mod tests;
