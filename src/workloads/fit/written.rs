//! A fitted mix as text.

use std::fmt::Write as _;

use units::{Duration, Quantity, SortedMap, SuffixFamily};

use super::columns::{Asked, Columns, Rate};
use super::marginals::{Amounts, Fitted, OwnSessions, Quantiles, gathered, quantiles};
use super::pace::Grouping;
use crate::generate::mix::{After, FIELDS, Field, SESSIONS_MAX};

/// Greatest number of users with weights of their own; the rest are one.
const USERS_MAX: usize = 200;

/// Times below these nanoseconds are written to the microsecond.
const SHORT: i64 = 100_000_000;

/// Least autocorrelation that is written.
const LEAST_AUTOCORRELATION: f64 = 0.02;

/// Text of the mix without its comments, with a factor for the rates of its jobs.
pub(super) fn body(
    columns: &Columns,
    grouping: &Grouping,
    templates: &[Fitted],
    room: Option<i64>,
    rate: Rate,
) -> String {
    let mut text = String::from("arrivals:\n");
    arrivals(&mut text, grouping, room, rate);
    if let Some(own) = &grouping.sessions
        && templates.iter().all(|template| template.sessions.is_none())
    {
        let mut sizes: Vec<i64> = own.jobs.iter().map(|jobs| jobs.len() as i64).collect();
        sizes.sort_unstable();
        let sessions = OwnSessions {
            sizes,
            gaps: own.gaps(columns, &own.jobs),
            likeness: 0.0,
        };
        text.push_str("sessions:\n");
        of_sessions(&mut text, 1, &sessions, own.after);
    }
    let after = grouping
        .sessions
        .as_ref()
        .map_or_else(After::default, |own| own.after);
    users(&mut text, columns);
    text.push_str("templates:\n");
    for (number, own) in templates.iter().enumerate() {
        template(&mut text, number, own);
        if let Some(sessions) = &own.sessions {
            text.push_str("  sessions:\n");
            of_sessions(&mut text, 2, sessions, after);
        }
    }
    text
}

fn arrivals(text: &mut String, grouping: &Grouping, room: Option<i64>, rate: Rate) {
    if let Some(milli) = room {
        let milli = rate.number(milli.unsigned_abs());
        let milli = i64::try_from(milli).unwrap_or(i64::MAX);
        line(text, 1, "room", &Quantity::from_milli(milli).to_string());
    }
    let mut gaps = times_of(&grouping.gaps);
    for (_, gap) in &mut gaps {
        *gap = rate.gap(*gap);
    }
    line(text, 1, "gap", &times(&gaps));
    // Jobs that wait for room start later than they come.
    if let Some([first, last]) = grouping.ends.filter(|_| room.is_none()) {
        let millis = |nanos: i64| Duration::from_millis(nanos / 1_000_000);
        let last = millis(last.saturating_add(999_999));
        line(text, 1, "ends", &format!("[{}, {last}]", millis(first)));
    }
    if grouping.autocorrelation.abs() >= LEAST_AUTOCORRELATION {
        let value = format!("{:.3}", grouping.autocorrelation);
        line(text, 1, "autocorrelation", &value);
    }
    if let Some(hours) = &grouping.hours {
        line(text, 1, "hours", &list(hours));
    }
    if let Some(days) = &grouping.days {
        line(text, 1, "days", &list(days));
    }
    if let Some(course) = &grouping.course {
        text.push_str("  course:\n");
        line(text, 2, "part", &course.part.to_string());
        line(text, 2, "length", &course.length.to_string());
        let numbers = course.numbers.iter();
        let numbers = numbers.map(|&own| rate.number(own.into()).min(SESSIONS_MAX.into()));
        line(text, 2, "numbers", &list(&numbers.collect::<Vec<u64>>()));
    }
}

fn of_sessions(text: &mut String, depth: usize, own: &OwnSessions, after: After) {
    let sizes = weights(&gathered(&own.sizes), |size| size.to_string());
    line(text, depth, "jobs", &sizes);
    line(text, depth, "gap", &times(&times_of(&own.gaps)));
    if after == After::End {
        line(text, depth, "after", "end");
    }
    if own.likeness > 0.0 {
        line(text, depth, "likeness", &format!("{:.3}", own.likeness));
    }
}

fn users(text: &mut String, columns: &Columns) {
    let mut jobs: SortedMap<u32, u64> = SortedMap::new();
    for job in &columns.jobs {
        *jobs.entry(job.tenant).or_default() += 1;
    }
    if columns.tenants.is_empty() || jobs.len() < 2 {
        return;
    }
    let mut jobs: Vec<(u32, u64)> = jobs.into_iter().collect();
    jobs.sort_by_key(|&(user, jobs)| (std::cmp::Reverse(jobs), user));
    text.push_str("users:\n");
    let rest: u64 = jobs.iter().skip(USERS_MAX).map(|(_, jobs)| jobs).sum();
    for (user, jobs) in jobs.iter().take(USERS_MAX) {
        let name = columns.tenants.get(*user as usize);
        let name = name.map_or_else(|| user.to_string(), ToString::to_string);
        line(text, 1, &quoted(&name), &jobs.to_string());
    }
    if rest > 0 {
        line(text, 1, "all others", &rest.to_string());
    }
}

fn template(text: &mut String, number: usize, own: &Fitted) {
    let _ = writeln!(text, "- name: jobs-{}", number + 1);
    match &own.course {
        Some(sessions) => line(text, 1, "course", &list(sessions)),
        None => line(text, 1, "weight", &own.weight.to_string()),
    }
    for field in FIELDS {
        if let Some(points) = own.times.get(&field) {
            line(text, 1, field.name(), &times(points));
        } else if let Some(amounts) = own.amounts.get(&field) {
            line(text, 1, field.name(), &amounts_of(field, amounts));
        }
    }
    if let (Some(sorts), Some(jobs)) = (&own.sorts, own.amounts.get(&Field::Requests)) {
        text.push_str("  requests:\n");
        for (asked, (_, weight)) in sorts.all.iter().zip(jobs) {
            let _ = writeln!(text, "  - {{weight: {weight}, {}}}", request(asked));
        }
    }
    if let Some([least, most]) = own.bounds.work {
        // Outwards, so that the jobs of the trace are within.
        let millis = |work: i128| {
            let millis = i64::try_from(work / 1_000_000_000).unwrap_or(i64::MAX);
            Duration::saturating_from_millis(millis)
        };
        let most = millis(most + 1_000_000_000 - 1);
        line(text, 1, "work", &format!("[{}, {most}]", millis(least)));
    }
    if own.priority != 0 {
        line(text, 1, "priority", &own.priority.to_string());
    }
    if !own.correlations.is_empty() {
        text.push_str("  correlations:\n");
        for (one, other, value) in &own.correlations {
            let (one, other) = (one.name(), other.name());
            let _ = writeln!(text, "  - {{between: [{one}, {other}], value: {value}}}");
        }
    }
}

fn line(text: &mut String, depth: usize, field: &str, value: &str) {
    let _ = writeln!(text, "{:width$}{field}: {value}", "", width = 2 * depth);
}

/// Quantiles of values in any order.
fn times_of(values: &[i64]) -> Quantiles {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    quantiles(&sorted)
}

fn times(points: &Quantiles) -> String {
    // Milliseconds are enough, and easier to read; short gaps are stretched where their part has few jobs.
    let time = |nanos: i64| {
        let unit = if nanos < SHORT { 1_000 } else { 1_000_000 };
        Duration::from_nanos(nanos / unit * unit).to_string()
    };
    if let [(_, only)] = points.as_slice() {
        return format!("constant({})", time(*only));
    }
    let first = points.first().map(|own| own.1);
    if points.iter().all(|own| Some(own.1) == first) {
        return format!("constant({})", time(first.unwrap_or_default()));
    }
    let points = points
        .iter()
        .map(|&(place, nanos)| format!("{place}: {}", time(nanos)));
    let points: Vec<String> = points.collect();
    format!("{{quantiles: {{{}}}}}", points.join(", "))
}

fn amounts_of(field: Field, amounts: &Amounts) -> String {
    weights(amounts, |value| match field {
        Field::Cpu | Field::Gpus => Quantity::from_milli(value).to_string(),
        Field::Memory => {
            let bytes = Quantity::from_units(value).with_family(SuffixFamily::Binary);
            bytes.to_string()
        }
        _ => value.to_string(),
    })
}

/// Amounts that come together, without those that are usual.
fn request(asked: &Asked) -> String {
    let memory = Quantity::from_units(asked.memory).with_family(SuffixFamily::Binary);
    let of = |field: Field, usual: i64, value: i64, word: String| {
        (value != usual).then(|| format!("{}: {word}", field.name()))
    };
    let [cpu, gpus] = [asked.cpu, asked.gpus].map(|own| Quantity::from_milli(own).to_string());
    let all = [
        Some(format!("{}: {cpu}", Field::Cpu.name())),
        of(Field::Memory, 0, asked.memory, memory.to_string()),
        of(Field::Gpus, 0, asked.gpus, gpus),
        of(Field::Pods, 1, asked.pods, asked.pods.to_string()),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    all.join(", ")
}

fn weights(amounts: &Amounts, word: impl Fn(i64) -> String) -> String {
    if let [(only, _)] = amounts.as_slice() {
        return word(*only);
    }
    let all = amounts
        .iter()
        .map(|&(value, jobs)| format!("{}: {jobs}", word(value)));
    let all: Vec<String> = all.collect();
    format!("{{{}}}", all.join(", "))
}

fn list(values: &[impl ToString]) -> String {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    format!("[{}]", values.join(", "))
}

/// A name in quotes, in which nothing has a meaning.
fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}
