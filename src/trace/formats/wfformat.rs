//! Workflows in the format of `WfCommons`: one JSON object with tasks that wait for others. A task
//! arrives when the last of those that it waits for would end if none waited for room, and a run holds
//! it back until they have ended. All schemas up to 1.5 are read: `workflow.jobs` or `workflow.tasks`, and
//! `workflow.specification.tasks` with `workflow.execution.tasks`. Format: `traces.md`, section 11.

use serde_json::Value;

use crate::archive::parts;
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::json::{Element, each_element};
use crate::ledger::{Action, BadRow, Journal};
use crate::links::Links;
use crate::options::ReadOptions;
use crate::rows::{MAX_SECONDS, Refused, heed, show_text};
use crate::stream::ArrivalSource;
use model::{PodName, PodSpec};
use units::{Duration, Instant, SortedMap};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "wfformat",
    summary: "workflows in the format of WfCommons (JSON)",
    columns: &[
        ColumnDoc::required("id", "task; without it the name; becomes the name"),
        ColumnDoc::optional("name", "task, as others refer to it"),
        ColumnDoc::required("runtimeInSeconds", "run time, s; also `runtime`"),
        ColumnDoc::optional("parents", "tasks that it waits for, by name or id"),
        ColumnDoc::optional("coreCount", "cores; also `cores`; 1 without it"),
    ],
    names: &["id", "name"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(open),
};

/// The places of tasks with what they wait for.
const TASKS: [&[&str]; 3] = [
    &["workflow", "jobs"],
    &["workflow", "tasks"],
    &["workflow", "specification", "tasks"],
];

/// The place of what tasks took, in schemas that tell it apart.
const EXECUTION: &[&str] = &["workflow", "execution", "tasks"];

fn sniff(first: &[u8]) -> Confidence {
    let text = String::from_utf8_lossy(first);
    let begins = text.trim_start().starts_with('{');
    if begins && text.contains("\"workflow\"") && text.contains("\"schemaVersion\"") {
        Confidence::Certain
    } else {
        Confidence::No
    }
}

/// A task as the file states it.
#[derive(Default)]
struct Task {
    line: u64,
    id: String,
    parents: Vec<String>,
    seconds: Option<Duration>,
    cores_milli: Option<i64>,
}

/// The tasks of a workflow, by their places.
#[derive(Default)]
struct Workflow {
    tasks: Vec<Task>,
    places: SortedMap<String, usize>,
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    for part in parts(input)? {
        journal.file = part.name.clone();
        let mut workflow = Workflow::default();
        let mut is_found = false;
        for path in TASKS {
            is_found |= each_element(&part, path, |task| {
                heed(&mut journal, |_| workflow.add(&task))
            })?;
        }
        if !is_found {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: "has no list of tasks in `workflow`".to_owned(),
            });
        }
        each_element(&part, EXECUTION, |task| {
            heed(&mut journal, |journal| {
                workflow.add_execution(journal, &task)
            })
        })?;
        let begins = workflow.earliest(&mut journal)?;
        for (task, begin) in workflow.tasks.iter().zip(begins) {
            let after = workflow.parents(task);
            heed(&mut journal, |journal| {
                take(&mut gather, journal, task, begin, after)
            })?;
        }
    }
    Ok(gather.finish(journal))
}

impl Task {
    /// Reads what the task took.
    fn measure(&mut self, task: &Element) -> Result<(), Refused> {
        for member in ["runtimeInSeconds", "runtime"] {
            if let Some(seconds) = task.decimal(member, MAX_SECONDS)? {
                self.seconds = Duration::checked_from_secs_f64(seconds);
            }
        }
        for member in ["coreCount", "cores"] {
            if let Some(cores) = task.decimal(member, 1e5)? {
                self.cores_milli = Some(libm::rint(1_000.0 * cores) as i64);
            }
        }
        Ok(())
    }
}

impl Workflow {
    fn add(&mut self, task: &Element) -> Result<(), Refused> {
        let (id, name) = (task.text("id"), task.text("name"));
        let known = if id.is_empty() { &name } else { &id };
        if known.is_empty() {
            return Err(task.bad("id", "a text").into());
        }
        if self.places.contains_key(known) {
            return Err(task.bad("id", "the only task of its name").into());
        }
        let mut own = Task {
            line: task.line,
            id: known.clone(),
            ..Task::default()
        };
        let expected = || task.bad("parents", "a list of names");
        match task.value.get("parents") {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) => {
                for parent in list {
                    let parent = parent.as_str().ok_or_else(expected)?;
                    own.parents.push(parent.to_owned());
                }
            }
            Some(_) => return Err(expected().into()),
        }
        own.measure(task)?;
        let place = self.tasks.len();
        for name in [id, name] {
            self.places.entry(name).or_insert(place);
        }
        self.tasks.push(own);
        Ok(())
    }

    fn add_execution(&mut self, journal: &mut Journal, task: &Element) -> Result<(), Refused> {
        if let Some(&place) = self.places.get(&task.text("id")) {
            return self.tasks[place].measure(task);
        }
        let kind = "execution of a task that is not specified";
        Ok(journal.dirt(kind, Action::Drop, task.line)?)
    }

    /// The names of those that a task waits for, as far as they are there.
    fn parents(&self, task: &Task) -> Vec<PodName> {
        let places = task.parents.iter().filter_map(|name| self.places.get(name));
        let names = places.map(|&place| self.tasks[place].id.as_str().into());
        names.collect()
    }

    /// The earliest instant at which each task can begin: when the last of those that it waits for
    /// ends. None of a task that waits for itself, if only through others.
    fn earliest(&self, journal: &mut Journal) -> Result<Vec<Option<Instant>>, TraceError> {
        let mut waits = vec![0_usize; self.tasks.len()];
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.tasks.len()];
        for (place, task) in self.tasks.iter().enumerate() {
            for parent in &task.parents {
                if let Some(&parent) = self.places.get(parent) {
                    children[parent].push(place);
                    waits[place] += 1;
                } else {
                    let kind = "waits for a task that is not there; ignored";
                    journal.dirt(kind, Action::Repair, task.line)?;
                }
            }
        }
        let mut begins = vec![Instant::ZERO; self.tasks.len()];
        let mut ready: Vec<usize> = (0..waits.len())
            .filter(|&place| waits[place] == 0)
            .collect();
        while let Some(place) = ready.pop() {
            let run = self.tasks[place].seconds.unwrap_or(Duration::ZERO);
            let end = begins[place].saturating_add(run);
            for &child in &children[place] {
                begins[child] = begins[child].max(end);
                waits[child] -= 1;
                if waits[child] == 0 {
                    ready.push(child);
                }
            }
        }
        let both = begins.into_iter().zip(waits);
        Ok(both
            .map(|(begin, waits)| (waits == 0).then_some(begin))
            .collect())
    }
}

/// Takes a task that can begin at an instant.
fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    task: &Task,
    begin: Option<Instant>,
    after: Vec<PodName>,
) -> Result<(), Refused> {
    let line = task.line;
    let Some(submit) = begin else {
        return Err(Refused::Row(BadRow {
            line,
            column: "parents".to_owned(),
            value: task.id.clone(),
            rule: "must be free of circles".to_owned(),
        }));
    };
    if task.cores_milli.is_none() {
        journal.dirt("no cores stated; counted as 1", Action::Repair, line)?;
    }
    if task.seconds.is_none() {
        journal.dirt("run time not known", Action::Keep, line)?;
    }
    let milli = task.cores_milli.unwrap_or(1_000);
    gather.push(
        journal.origin(line),
        Demand {
            submit,
            name: PodName::Text(task.id.as_str().into()),
            spec: PodSpec::with_requests(requests(Some(milli), None)),
            run_time: task.seconds,
            links: Links::of(None, after),
            ..Demand::default()
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;

    const OLD: &str = r#"{"schemaVersion": "1.2", "workflow": {"jobs": [
{"name": "a", "id": "1", "runtime": 10.5, "parents": [], "cores": 2.0},
{"name": "c", "id": "3", "runtime": 1, "parents": ["a", "b", "gone"]},
{"name": "b", "id": "2", "runtime": 20, "parents": ["a"], "cores": 1}]}}"#;

    const NEW: &str = r#"{"schemaVersion": "1.5", "workflow": {
"specification": {"tasks": [{"name": "a", "id": "1", "parents": []},
{"name": "c", "id": "3", "parents": ["1", "2", "gone"]}, {"name": "b", "id": "2", "parents": ["1"]}]},
"execution": {"tasks": [{"id": "1", "runtimeInSeconds": 10.5, "coreCount": 2},
{"id": "2", "runtimeInSeconds": 20, "coreCount": 1}, {"id": "3", "runtimeInSeconds": 1},
{"id": "4", "runtimeInSeconds": 1}]}}}"#;

    #[test]
    fn tasks_arrive_when_those_before_them_could_end() {
        for text in [OLD, NEW] {
            let input = Input::bytes("w.json", text.as_bytes());
            let entry = crate::registry::recognize(&input).expect("known");
            assert_eq!(entry.name, ENTRY.name);
            let mut source = open(&input, &ReadOptions::default()).expect("good");
            let recorded = Recorded::collect(&mut *source).expect("good");
            let seen: Vec<_> = { recorded.arrivals.iter() }
                .map(|one| (one.name.to_string(), one.submit.as_nanos() / 1_000_000))
                .collect();
            let expected = [("1", 0), ("2", 10_500), ("3", 30_500)];
            assert_eq!(seen, expected.map(|(name, at)| (name.to_owned(), at)));
            assert_eq!(recorded.arrivals[2].after(), ["1".into(), "2".into()]);
            for (kind, count) in [
                ("waits for a task that is not there; ignored", 1),
                ("no cores stated; counted as 1", 1),
            ] {
                assert_eq!(recorded.ledger.count(kind), count, "{kind}");
            }
        }
    }

    #[test]
    fn dirty_workflows_are_named() {
        let text = r#"{"schemaVersion": "1.2", "workflow": {"tasks": [
{"name": "a", "runtime": 1, "parents": ["b"]}, {"name": "b", "runtime": 1, "parents": ["a"]},
{"name": "c", "runtime": -1}, {"runtime": 1},
{"name": "d", "runtime": 1, "parents": "a"},
{"name": "a", "runtime": 1}]}}"#;
        let input = Input::bytes("w.json", text.as_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "w.json:3: column `runtime`: must be a number from 0 to 3200000000, found `-1`",
                "w.json:3: column `id`: must be a text, found ``",
                "w.json:4: column `parents`: must be a list of names, found `\"a\"`",
                "w.json:5: column `id`: must be the only task of its name, found ``",
                "w.json:2: column `parents`: must be free of circles, found `a`",
                "w.json:2: column `parents`: must be free of circles, found `b`",
            ]
        );
        let none = Input::bytes("w.json", &b"{\"workflow\": {}}"[..]);
        let stopped = validate(&none, &ENTRY, &ReadOptions::default(), 9).stopped;
        assert_eq!(
            stopped.map(|error| error.to_string()),
            Some("w.json: has no list of tasks in `workflow`".to_owned())
        );
    }
}
