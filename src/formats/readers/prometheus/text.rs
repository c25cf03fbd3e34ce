//! Samples as text, one a line: the formats of `OpenMetrics` and Prometheus, and what `promtool tsdb dump` prints, with the
//! name among the labels.

use super::pods::Pods;
use super::{NOT_A_NUMBER, milliseconds};
use crate::readers::prelude::*;

/// Names and values of labels.
#[derive(Debug, Default)]
struct Labels(Vec<(String, String)>);

impl Labels {
    /// The value of a label; empty if there is none.
    fn text(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(own, _)| own == key);
        found.map_or("", |(_, value)| value)
    }

    /// The key of the series of a metric with these labels.
    fn key(&self, name: &str) -> [u64; 2] {
        let labels = self.0.iter().flat_map(|(label, value)| [label, value]);
        Places::key([name].into_iter().chain(labels.map(String::as_str)))
    }
}

/// A text of samples, one a line.
pub(super) fn read(part: &Input, pods: &mut Pods, journal: &mut Journal) -> Result<(), TraceError> {
    let mut lines = part.lines()?;
    let mut has_times = None;
    let mut last_sample = 0;
    // The time of the last sample of each series.
    let mut series = Places::default();
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
            journal.keep_if(at.is_none(), "sample without a time; at zero", line)?;
            let at = at.unwrap_or_default();
            if value.is_nan() {
                return Ok(journal.dirt(NOT_A_NUMBER, Action::Drop, line)?);
            }
            let key = labels.key(&name);
            let last = series.get(key)?.map(|last| last as i64);
            series.put(key, at as u64)?;
            if let Some(last) = last {
                if last >= at {
                    return Err(bad("later than the sample of its series before").into());
                }
                pods.step = Some(pods.step.map_or(at - last, |step| step.min(at - last)));
            }
            let find = |key: &str| match key {
                "__name__" => name.clone(),
                _ => labels.text(key).to_owned(),
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
    let mut name = name.to_owned();
    let mut labels = Labels::default();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner.trim_start();
        loop {
            if let Some(behind) = rest.strip_prefix('}') {
                rest = behind;
                break;
            }
            // Names of other than the usual characters stand in quotes; that of the metric among the labels.
            let (key, behind) = if let Some(quoted) = rest.strip_prefix('"') {
                quoted_text(quoted)?
            } else {
                let end = rest.find(['=', ' '])?;
                (rest[..end].to_owned(), &rest[end..])
            };
            let behind = behind.trim_start();
            rest = if let Some(value) = behind.strip_prefix('=') {
                let (value, behind) = quoted_text(value.trim_start().strip_prefix('"')?)?;
                labels.0.push((key, value));
                behind
            } else {
                if !name.is_empty() {
                    return None;
                }
                name = key;
                behind
            };
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
    }
    if name.is_empty() {
        labels.text("__name__").clone_into(&mut name);
    }
    // An exemplar may follow behind `#`.
    let rest = rest.split_once(" # ").map_or(rest, |(sample, _)| sample);
    let mut words = rest.split_whitespace();
    let value = words.next()?.parse::<f64>().ok()?;
    let at = match words.next() {
        Some(time) => Some(milliseconds(time.parse().ok()?)?),
        None => None,
    };
    (words.next().is_none() && !name.is_empty()).then_some((name, labels, (at, value)))
}

/// The text up to a quote, and what is behind that.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}
