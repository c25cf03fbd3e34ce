//! Workflows in the format of `WfCommons`: one JSON object with tasks that wait for others. A task
//! arrives when the last of those that it waits for would end if none waited for room, and a run holds
//! it back until they have ended. All schemas up to 1.6 are read: `workflow.jobs` or `workflow.tasks`, and
//! `workflow.specification.tasks` with `workflow.execution.tasks`. Of several workflows in a folder or an archive, the names of
//! tasks begin with that of their file. Format: `traces.md`, section 11.

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
use units::{Duration, Instant, SortedMap, SortedSet};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "wfformat",
    summary: "workflows in the format of WfCommons (JSON)",
    columns: &[
        ColumnDoc::required("id", "task; without it the name; becomes the name"),
        ColumnDoc::optional("name", "task, as others refer to it"),
        ColumnDoc::required("runtimeInSeconds", "run time, s; also `runtime`"),
        ColumnDoc::optional("parents", "tasks that it waits for, by name or id"),
        ColumnDoc::optional("children", "tasks that wait for it, by name or id"),
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
    children: Vec<String>,
    seconds: Option<Duration>,
    cores_milli: Option<i64>,
}

/// The tasks of a workflow, by their places.
#[derive(Default)]
struct Workflow {
    /// What names of tasks begin with.
    prefix: String,
    tasks: Vec<Task>,
    places: SortedMap<String, usize>,
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    let parts = parts(input)?;
    let mut stems = SortedMap::new();
    for part in &parts {
        journal.file = part.name.clone();
        let mut workflow = Workflow::default();
        if parts.len() > 1 {
            workflow.prefix = prefix(&part.name, &mut stems);
        }
        let mut is_found = false;
        for path in TASKS {
            is_found |= each_element(part, path, |task| {
                heed(&mut journal, |_| workflow.add(&task))
            })?;
        }
        if !is_found {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: "has no list of tasks in `workflow`".to_owned(),
            });
        }
        each_element(part, EXECUTION, |task| {
            heed(&mut journal, |journal| {
                workflow.add_execution(journal, &task)
            })
        })?;
        workflow.unite(&mut journal)?;
        let begins = workflow.earliest(&mut journal)?;
        for (task, begin) in workflow.tasks.iter().zip(begins) {
            let after = workflow.parents(task);
            heed(&mut journal, |journal| {
                let name = workflow.name(task);
                take(&mut gather, journal, name, task, begin, after)
            })?;
        }
    }
    gather.finish(journal)
}

/// What the names of tasks of a file begin with: its own name, with a number if others have the same.
fn prefix(file: &str, stems: &mut SortedMap<String, u32>) -> String {
    let name = file.rsplit(['/', ' ']).next().unwrap_or(file);
    let stem = name.split('.').next().unwrap_or(name);
    let count = stems.entry(stem.to_owned()).or_default();
    *count += 1;
    match *count {
        1 => format!("{stem}-"),
        number => format!("{stem}.{number}-"),
    }
}

/// The names of tasks in a list of one.
fn names(task: &Element, member: &str) -> Result<Vec<String>, BadRow> {
    let expected = || task.bad(member, "a list of names");
    let list = match task.value.get(member) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(expected()),
    };
    let name = |own: &Value| match own {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(expected()),
    };
    list.iter().map(name).collect()
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
            if let Some(cores) = task.decimal(member, 1e5)?.filter(|&cores| cores > 0.0) {
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
            let member = if id.is_empty() { "name" } else { "id" };
            return Err(task.bad(member, "the only task of its name").into());
        }
        let mut own = Task {
            line: task.line,
            id: known.clone(),
            ..Task::default()
        };
        own.parents = names(task, "parents")?;
        own.children = names(task, "children")?;
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
        places.map(|&place| self.name(&self.tasks[place])).collect()
    }

    /// The name of a task among those of all workflows.
    fn name(&self, task: &Task) -> PodName {
        PodName::Text(format!("{}{}", self.prefix, task.id).into())
    }

    /// Adds the parents that only a list of children states.
    fn unite(&mut self, journal: &mut Journal) -> Result<(), TraceError> {
        let mut known: SortedSet<(usize, usize)> = SortedSet::new();
        for (place, task) in self.tasks.iter().enumerate() {
            let parents = task.parents.iter().filter_map(|own| self.places.get(own));
            known.extend(parents.map(|&parent| (parent, place)));
        }
        let mut added = Vec::new();
        for (place, task) in self.tasks.iter().enumerate() {
            for child in &task.children {
                let Some(&child) = self.places.get(child) else {
                    let kind = "names a child that is not there; ignored";
                    journal.dirt(kind, Action::Repair, task.line)?;
                    continue;
                };
                if !known.insert((place, child)) {
                    continue;
                }
                if !self.tasks[child].parents.is_empty() {
                    let kind =
                        "`children` names a task whose `parents` don't; it waits all the same";
                    journal.dirt(kind, Action::Repair, task.line)?;
                }
                added.push((child, task.id.clone()));
            }
        }
        for (child, parent) in added {
            self.tasks[child].parents.push(parent);
        }
        Ok(())
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
    name: PodName,
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
            name,
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
    fn several_workflows_are_apart() {
        let flow = |seconds| {
            format!(
                "{{\"schemaVersion\": \"1.4\", \"workflow\": {{\"tasks\": [\
                 {{\"name\": \"x\", \"runtime\": {seconds}, \"cores\": 1}}, \
                 {{\"name\": \"y\", \"runtime\": 1, \"cores\": 1, \"parents\": [\"x\"]}}]}}}}"
            )
        };
        let (one, other) = (flow(5), flow(7));
        let files = [("a.json", &*one), ("b.json", &*other), ("c/a.json", &*one)];
        let input = Input::bytes("w.tar", crate::archive::packed::archive(&files));
        let mut source = open(&input, &ReadOptions::default()).expect("good");
        let recorded = Recorded::collect(&mut *source).expect("good");
        let waits: Vec<_> = { recorded.arrivals.iter() }
            .filter(|own| !own.after().is_empty())
            .map(|own| (own.name.to_string(), own.after()[0].to_string()))
            .collect();
        let expected = [("a-y", "a-x"), ("a.2-y", "a.2-x"), ("b-y", "b-x")];
        assert_eq!(
            waits,
            expected.map(|(own, before)| (own.to_owned(), before.to_owned()))
        );
    }

    #[test]
    fn tasks_wait_for_those_that_name_them_as_children() {
        let text = r#"{"schemaVersion": "1.4", "workflow": {"tasks": [
{"name": "a", "id": "1", "runtime": 5, "cores": 1, "children": ["2", "c", "gone"]},
{"name": "b", "id": "2", "runtime": 5, "cores": 1},
{"name": "c", "id": "3", "runtime": 5, "cores": 1, "parents": ["b"]}]}}"#;
        let input = Input::bytes("w.json", text.as_bytes());
        let mut source = open(&input, &ReadOptions::default()).expect("good");
        let recorded = Recorded::collect(&mut *source).expect("good");
        let seen: Vec<_> = { recorded.arrivals.iter() }
            .map(|own| (own.submit, own.after().to_vec()))
            .collect();
        let at = Instant::from_secs;
        let expected: [(_, Vec<PodName>); 3] = [
            (at(0), vec![]),
            (at(5), vec!["1".into()]),
            (at(10), vec!["2".into(), "1".into()]),
        ];
        assert_eq!(seen, expected);
        for kind in [
            "names a child that is not there; ignored",
            "`children` names a task whose `parents` don't; it waits all the same",
        ] {
            assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
        }
    }

    #[test]
    fn tasks_may_be_numbers_and_have_a_core_at_least() {
        let text = r#"{"schemaVersion": "1.6", "workflow": {"tasks": [
{"name": "a", "id": 1, "runtime": 5, "cores": 0}, {"name": "b", "id": 2, "runtime": 5, "parents": [1]}]}}"#;
        let input = Input::bytes("w.json", text.as_bytes());
        let mut source = open(&input, &ReadOptions::default()).expect("good");
        let recorded = Recorded::collect(&mut *source).expect("good");
        assert_eq!(recorded.arrivals[1].after(), ["1".into()]);
        let requests = recorded.classes[0].requests().expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(1_000));
        assert_eq!(recorded.ledger.count("no cores stated; counted as 1"), 2);
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
                "w.json:3: column `3.id`: must be a text, found ``",
                "w.json:4: column `parents`: must be a list of names, found `\"a\"`",
                "w.json:5: column `name`: must be the only task of its name, found `\"a\"`",
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
