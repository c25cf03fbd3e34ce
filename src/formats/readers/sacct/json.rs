//! Jobs as `sacct --json` prints them, of any version of its data parser: times in seconds since 1970 with 0 for none,
//! and numbers that may stand in an object with `set` and `infinite`.

use serde_json::Value;

use super::job::{Complaints, Job, Jobs};
use super::labels;
use super::tres::{MOST_PROCESSORS, Resources};
use crate::readers::prelude::*;
use intake::json::each_element;
use intake::rows::MAX_SECONDS;
use intake::unknown_columns::note_members;

/// The longest limit: minutes in a hundred years.
const MOST_MINUTES: f64 = MAX_SECONDS / 60.0;
/// The most MiB of a job.
const MOST_MEBIBYTES: f64 = 1e12;

pub(super) fn sniff(first: &[u8]) -> Confidence {
    let has = |text: &str| memchr::memmem::find(first, text.as_bytes()).is_some();
    Confidence::certain_if(has("\"jobs\"") && has("\"allocation_nodes\""))
}

/// Takes every job of a file.
pub(super) fn read(
    part: &Input,
    jobs: &mut Jobs,
    journal: &mut Journal,
    options: &ReadOptions,
) -> Result<(), TraceError> {
    let is_found = each_element(part, &["jobs"], |job| {
        heed(journal, |journal| take(jobs, journal, &job, options))
    })?;
    if is_found {
        return Ok(());
    }
    Err(TraceError::Format {
        file: part.name.to_string(),
        reason: "has no list `jobs`, as `sacct --json` prints it".to_owned(),
    })
}

/// The members of a job, of any version of the data parser; those about steps and the cluster are not read.
const JOB: [&str; 49] = [
    "account",
    "allocation_nodes",
    "array",
    "association",
    "block",
    "cluster",
    "comment",
    "constraints",
    "container",
    "derived_exit_code",
    "exit_code",
    "extra",
    "failed_node",
    "flags",
    "group",
    "het",
    "hold",
    "job_id",
    "job_state",
    "kill_request_user",
    "licenses",
    "mcs",
    "name",
    "nodes",
    "partition",
    "priority",
    "qos",
    "qosreq",
    "required",
    "reservation",
    "restart_cnt",
    "script",
    "segment_size",
    "state",
    "stderr",
    "stderr_expanded",
    "stdin",
    "stdin_expanded",
    "stdout",
    "stdout_expanded",
    "steps",
    "submit_line",
    "time",
    "tres",
    "used_gres",
    "user",
    "uid",
    "wckey",
    "working_directory",
];

fn take(
    jobs: &mut Jobs,
    journal: &mut Journal,
    job: &Element,
    options: &ReadOptions,
) -> Result<(), Refused> {
    note_members(journal, job, "", &JOB)?;
    let name = name(job)?;
    let steps = job.at("/steps").and_then(Value::as_array);
    for _ in steps.into_iter().flatten() {
        journal.dirt("step of a job", Action::Drop, job.line)?;
    }
    let submit = time(job, "/time/submission")?;
    let submit = submit.ok_or_else(|| job.bad_at("/time/submission", "seconds since 1970"))?;
    let allocated = resources(job, "/tres/allocated")?;
    let requested = resources(job, "/tres/requested")?;
    let asked = number(job, "/required/CPUs", MOST_PROCESSORS as f64)?.map(|own| own as i64);
    let processors = allocated.processors.filter(|&own| own > 0);
    let processors = processors.or(asked).or(requested.processors);
    let processors = processors.ok_or_else(|| {
        job.bad_at(
            "/required/CPUs",
            "a number of processors (or that of `tres.allocated`)",
        )
    })?;
    let nodes = number(job, "/allocation_nodes", MEMBERS as f64)?.map(|own| own as i64);
    let nodes = nodes.filter(|&own| own > 0).or(allocated.nodes);
    let nodes = nodes.or(requested.nodes).unwrap_or(1).max(1);
    let minutes = number(job, "/time/limit", MOST_MINUTES)?;
    let seconds = |path| {
        let own = number(job, path, MAX_SECONDS)?;
        Ok::<_, BadRow>(own.and_then(Duration::checked_from_secs_f64))
    };
    let end = time(job, "/time/end")?;
    let own = Job {
        line: job.line,
        name: &name,
        user: [job.text_at("/user"), job.text_at("/association/user")]
            .into_iter()
            .find(|user| !user.is_empty())
            .unwrap_or_default(),
        submit,
        eligible: time(job, "/time/eligible")?,
        start: time(job, "/time/start")?,
        end,
        elapsed: seconds("/time/elapsed")?.filter(|_| end.is_some()),
        suspended: seconds("/time/suspended")?.unwrap_or_default(),
        limit: minutes.and_then(|minutes| Duration::checked_from_secs_f64(60.0 * minutes)),
        processors,
        nodes,
        memory: memory(job, nodes, processors)?,
        requested,
        allocated,
        labels: labels(state(job), job.text_at("/partition"), options),
    };
    let bad = Complaints {
        end: &|expected| job.bad_at("/time/end", &expected.replace("`Start`", "`time.start`")),
        resources: &|expected| job.bad_at("/tres/allocated", expected),
    };
    jobs.take(journal, own, &bad)
}

/// The name of a job, as a table has it: `7`, `7_1` of an array, `7+1` of a job of several components.
fn name(job: &Element) -> Result<String, BadRow> {
    let whole = |path: &str| {
        let found = number(job, path, 1e15)?;
        Ok(found.map(|own| own as u64))
    };
    let of = whole("/array/job_id")?.filter(|&own| own > 0);
    if let Some((of, element)) = of.zip(whole("/array/task_id")?) {
        return Ok(format!("{of}_{element}"));
    }
    let of = whole("/het/job_id")?.filter(|&own| own > 0);
    if let Some((of, component)) = of.zip(whole("/het/job_offset")?) {
        return Ok(format!("{of}+{component}"));
    }
    let own = whole("/job_id")?.filter(|&own| own > 0);
    let own = own.ok_or_else(|| job.bad_at("/job_id", "the number of a job"))?;
    Ok(own.to_string())
}

/// The state: the first of a list, or a text.
fn state(job: &Element) -> &str {
    let places = ["/state/current/0", "/state/current", "/job_state"];
    let mut states = places.into_iter().map(|path| job.text_at(path));
    states.find(|state| !state.is_empty()).unwrap_or_default()
}

/// A number that is set and finite.
fn number(job: &Element, path: &str, most: f64) -> Result<Option<f64>, BadRow> {
    let Some(Value::Object(own)) = job.at(path) else {
        return job.number_at(path, most);
    };
    let is = |member: &str| own.get(member).and_then(Value::as_bool) == Some(true);
    if !is("set") || is("infinite") {
        return Ok(None);
    }
    job.number_at(&format!("{path}/number"), most)
}

/// Seconds since 1970; 0 is none.
fn time(job: &Element, path: &str) -> Result<Option<Instant>, BadRow> {
    let second = number(job, path, MAX_SECONDS)?.filter(|&second| second > 0.0);
    Ok(second.map(|second| Instant::from_secs(second as i64)))
}

/// The bytes of a whole job that it asks for by node or by processor.
fn memory(job: &Element, nodes: i64, processors: i64) -> Result<Option<i64>, BadRow> {
    for (path, times) in [
        ("/required/memory_per_node", nodes),
        ("/required/memory_per_cpu", processors),
    ] {
        let own = number(job, path, MOST_MEBIBYTES)?.filter(|&own| own > 0.0);
        if let Some(own) = own {
            let all = own * times as f64;
            let is_good = all <= MOST_MEBIBYTES;
            let bytes = is_good.then(|| libm::rint(all * 1_048_576.0) as i64);
            return bytes
                .map(Some)
                .ok_or_else(|| job.bad_at(path, "at most 1 EiB in all"));
        }
    }
    Ok(None)
}

/// The resources of a list of objects with `type`, `name` and `count`.
fn resources<'job>(job: &'job Element, path: &str) -> Result<Resources<'job>, BadRow> {
    let mut resources = Resources::default();
    let list = job.at(path).and_then(Value::as_array);
    for (place, one) in list.into_iter().flatten().enumerate() {
        let text = |member: &str| one.get(member).and_then(Value::as_str).unwrap_or_default();
        // A count that is not set is below 0.
        let count = one.get("count").and_then(Value::as_i64);
        let Some(count) = count.filter(|&count| count >= 0) else {
            continue;
        };
        let added = resources.add_typed(text("type"), text("name"), count);
        added.map_err(|expected| job.bad_at(&format!("{path}/{place}"), expected))?;
    }
    Ok(resources)
}
