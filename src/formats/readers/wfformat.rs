//! Workflows in the format of `WfCommons`: one JSON object with tasks that wait for others. A task
//! arrives when the last of those that it waits for would end if none waited for room, and a run holds
//! it back until they have ended. All schemas up to 1.6 are read: `workflow.jobs` or `workflow.tasks`, and
//! `workflow.specification.tasks` with `workflow.execution.tasks`. Of several workflows in a folder or an archive, the names of
//! tasks begin with that of their file. Format: `traces.md`, section 11.

mod graph;

use serde_json::Value;

use self::graph::{Graph, Order, Task};
use crate::readers::prelude::*;
use arrivals::links::Links;
use intake::archive::parts;
use intake::calendar::{Zone, zoned};
use intake::json::each_element;
use intake::rows::MAX_SECONDS;
use units::SortedMap;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "wfformat",
    summary: "workflows in the format of WfCommons (JSON)",
    columns: columns! {
        required("id", "task; without it the name; becomes the name"),
        optional("name", "task, as others refer to it"),
        required("runtimeInSeconds", "run time, s; also `runtime`"),
        optional("parents", "tasks that it waits for, by name or id"),
        optional("children", "tasks that wait for it, by name or id"),
        optional("coreCount", "cores; also `cores`; 1 without it"),
        optional("memory", "memory that it took; also `memoryInBytes`; not requested"),
        optional("priority", "priority that it had; counted, not heeded"),
        optional("executedAt", "start, counted from that of the first task; never imposed on a run"),
    },
    relations: &[Relation::recorded(
        &["executedAt", "parents"],
        "start before those that it waits for would have ended",
    )],
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
    Confidence::certain_if(
        begins && text.contains("\"workflow\"") && text.contains("\"schemaVersion\""),
    )
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    read(input, options, Graph::default)
}

/// Reads workflows, each into a graph that is made for it.
fn read(
    input: &Input,
    options: &ReadOptions,
    graph: impl Fn() -> Graph,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    let parts = parts(input)?;
    let mut stems = SortedMap::new();
    for part in &parts {
        journal.file = part.name.clone();
        let mut graph = graph();
        let prefix = match parts.len() {
            1 => String::new(),
            _ => prefix(&part.name, &mut stems),
        };
        let mut is_found = false;
        for path in TASKS {
            is_found |= each_element(part, path, |task| {
                heed(&mut journal, |journal| add(&mut graph, journal, &task))
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
                add_execution(&mut graph, journal, &task)
            })
        })?;
        let zero = graph.first.unwrap_or(Instant::ZERO);
        let mut order = graph.order(&mut journal)?;
        for place in 0..graph.len() {
            let own = Own::of(&mut graph, &mut order, place, &prefix)?;
            heed(&mut journal, |journal| {
                let Some(begin) = own.begin else {
                    return Err(Refused::Row(BadRow {
                        line: own.task.line,
                        column: "parents".to_owned(),
                        value: graph.id(&own.task)?,
                        rule: "must be free of circles".to_owned(),
                    }));
                };
                Ok(take(&mut gather, journal, own, [begin, zero])?)
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

/// Reads what a task took.
fn measure(graph: &mut Graph, own: &mut Task, task: &Element) -> Result<(), Refused> {
    for member in ["runtimeInSeconds", "runtime"] {
        if let Some(seconds) = task.decimal(member, MAX_SECONDS)? {
            own.seconds = Duration::checked_from_secs_f64(seconds);
        }
    }
    for member in ["coreCount", "cores"] {
        if let Some(cores) = task.decimal(member, 1e5)?.filter(|&cores| cores > 0.0) {
            own.cores_milli = Some(libm::rint(1_000.0 * cores) as i64);
        }
    }
    if let Some(start) = began(&task.text("executedAt")) {
        own.start = Some(start);
        graph.first = Some(graph.first.map_or(start, |first| first.min(start)));
    }
    Ok(())
}

/// The time since 1970 of a date, of UTC where it names no zone.
fn began(date: &str) -> Option<Instant> {
    zoned(date).or_else(|| Zone::east(0).instant(date))
}

/// Adds a task to a graph.
fn add(graph: &mut Graph, journal: &mut Journal, task: &Element) -> Result<(), Refused> {
    let (id, name) = (task.text("id"), task.text("name"));
    let known = if id.is_empty() { &name } else { &id };
    if known.is_empty() {
        return Err(task.bad("id", "a text").into());
    }
    if graph.place(known)?.is_some() {
        let member = if id.is_empty() { "name" } else { "id" };
        return Err(task.bad(member, "the only task of its name").into());
    }
    let others = [names(task, "parents")?, names(task, "children")?];
    // A task whose own numbers are wrong is not there for others.
    let mut own = Task::of_line(task.line);
    measure(graph, &mut own, task)?;
    graph.add(own, [&id, &name], others)?;
    Ok(note(journal, task)?)
}

/// Keys that say how a task did what it did, and on what, which no run heeds.
const ABOUT: [&str; 19] = [
    "type",
    "command",
    "program",
    "arguments",
    "category",
    "machine",
    "machines",
    "files",
    "inputFiles",
    "outputFiles",
    "bytesRead",
    "bytesWritten",
    "readBytes",
    "writtenBytes",
    "avgCPU",
    "avgPower",
    "avgPowerInW",
    "energy",
    "energyInKWh",
];

/// Notes what a task says and no run heeds.
fn note(journal: &mut Journal, task: &Element) -> Result<(), TraceError> {
    const READ: [&str; 3] = ["runtime", "cores", "memoryInBytes"];
    let is_told = |key: &str| {
        let mut columns = ENTRY.columns.iter();
        columns.any(|own| own.name == key) || READ.contains(&key) || ABOUT.contains(&key)
    };
    for key in task.keys() {
        let (kind, action) = match key {
            "memory" | "memoryInBytes" => ("memory that a task took, not requested", Action::Keep),
            // The schema leaves open whether more of it is more urgent, and to whom it was told.
            "priority" => ("priority of a task, not heeded", Action::Waive),
            "executedAt" if began(&task.text(key)).is_none() => {
                ("start that is no date; not known", Action::Keep)
            }
            key if is_told(key) => continue,
            key => (&*format!("key `{key}`, not used"), Action::Keep),
        };
        journal.dirt(kind, action, task.line)?;
    }
    Ok(())
}

/// Takes what a task took.
fn add_execution(graph: &mut Graph, journal: &mut Journal, task: &Element) -> Result<(), Refused> {
    if let Some(place) = graph.place(&task.text("id"))? {
        let mut own = graph.task(place)?;
        let measured = measure(graph, &mut own, task);
        // What stands before a wrong number counts.
        graph.put(place, &own)?;
        measured?;
        return Ok(note(journal, task)?);
    }
    let kind = "execution of a task that is not specified";
    Ok(journal.dirt(kind, Action::Drop, task.line)?)
}

/// A task with its name, the names of those that it waits for, and the instant at which it can begin, if there is one.
struct Own {
    name: PodName,
    task: Task,
    after: Vec<PodName>,
    begin: Option<Instant>,
}

impl Own {
    /// The task of a place, after those of all places before it; names begin with a prefix.
    fn of(
        graph: &mut Graph,
        order: &mut Order,
        place: u64,
        prefix: &str,
    ) -> Result<Self, TraceError> {
        let task = graph.task(place)?;
        let mut name = |place| -> Result<PodName, TraceError> {
            let own = graph.task(place)?;
            Ok(format!("{prefix}{}", graph.id(&own)?).into())
        };
        let after = order.parents_of(place)?;
        Ok(Self {
            after: { after.into_iter() }
                .map(&mut name)
                .collect::<Result<_, _>>()?,
            name: name(place)?,
            begin: order.begin_of(place, &task)?,
            task,
        })
    }
}

/// Takes a task that can begin at an instant, in a workflow that began at another.
fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    own: Own,
    [submit, zero]: [Instant; 2],
) -> Result<(), TraceError> {
    let Own {
        name, task, after, ..
    } = own;
    let line = task.line;
    if task.cores_milli.is_none() {
        journal.dirt("no cores stated; counted as 1", Action::Repair, line)?;
    }
    journal.keep_if(task.seconds.is_none(), "run time not known", line)?;
    let start = task.start.map(|start| Instant::ZERO + start.since(zero));
    // Dates are to the second, run times are not.
    let is_early = start.is_some_and(|start| submit.since(start) > Duration::from_secs(1));
    let kind = "start before those that it waits for would have ended";
    journal.keep_if(is_early, kind, line)?;
    let milli = task.cores_milli.unwrap_or(1_000);
    gather.push(
        journal.origin(line),
        Demand {
            submit,
            name,
            spec: PodSpec::with_requests(requests(Some(milli), None)),
            run_time: task.seconds,
            historic_start: start,
            links: Links::of(None, after),
            ..Demand::default()
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::tests::prelude::*;
    use proptest::prelude::*;

    use super::*;

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
            let input = file_of(&ENTRY, "w.json", text);
            let recorded = collected(open(&input, &ReadOptions::default()));
            let seen =
                recorded.each(|one| (one.name.to_string(), one.submit.as_nanos() / 1_000_000));
            let expected = [("1", 0), ("2", 10_500), ("3", 30_500)];
            assert_eq!(seen, expected.map(|(name, at)| (name.to_owned(), at)));
            assert_eq!(recorded.arrivals[2].after(), ["1".into(), "2".into()]);
            recorded.ledger.has_counts([
                ("waits for a task that is not there; ignored", 1),
                ("no cores stated; counted as 1", 1),
            ]);
        }
    }

    proptest! {
        #[test]
        fn graphs_on_disk_are_those_in_memory(
            tasks in prop::collection::vec(
                (prop::collection::vec(0..14_usize, 0..4), prop::collection::vec(0..14_usize, 0..3)),
                1..12,
            ),
            stand_below: bool,
            most_held in 1_usize..6,
        ) {
            let of = |place: usize, (parents, children): &(Vec<usize>, Vec<usize>)| {
                let parents = parents.iter().filter(|&&other| !stand_below || other < place);
                let children = children.iter().filter(|&&other| !stand_below || other > place);
                (parents.copied().collect(), children.copied().collect())
            };
            let tasks = tasks.iter().enumerate().map(|(place, own)| of(place, own));
            let tasks: Vec<(Vec<usize>, Vec<usize>)> = tasks.collect();
            // Tasks are known by ids and by names, and some are not there.
            let known = |place: usize| format!("\"{}{place}\"", ["n", "i"][place % 2]);
            let list = |places: &[usize]| {
                let known: Vec<String> = places.iter().map(|&place| known(place)).collect();
                known.join(", ")
            };
            let tasks = tasks.iter().enumerate().map(|(place, (parents, children))| {
                format!(
                    "{{\"name\": \"n{place}\", \"id\": \"i{place}\", \"runtime\": {place}, \
                     \"parents\": [{}], \"children\": [{}]}}",
                    list(parents), list(children)
                )
            });
            let tasks: Vec<String> = tasks.collect();
            let text = format!(
                "{{\"schemaVersion\": \"1.4\", \"workflow\": {{\"tasks\": [\n{}]}}}}",
                tasks.join(",\n")
            );
            let input = Input::bytes("w.json", text.into_bytes());
            let options = options_with(|own| own.rows = RowPolicy::REPORT);
            let all = |graph: fn(usize) -> Graph| {
                let source = read(&input, &options, || graph(most_held));
                let recorded = Recorded::collect(&mut *source.expect("good")).expect("good");
                let ledger = recorded.ledger.to_string();
                (recorded, ledger)
            };
            prop_assert_eq!(all(Graph::holding), all(|_| Graph::default()));
        }
    }

    #[test]
    fn starts_of_tasks_are_recorded_from_the_first() {
        let text = r#"{"schemaVersion": "1.6", "workflow": {
"specification": {"tasks": [{"id": "a"}, {"id": "b", "parents": ["a"]}, {"id": "c", "parents": ["a"]}]},
"execution": {"executedAt": "2026-08-04T15:20:00-08:00", "tasks": [
{"id": "a", "runtimeInSeconds": 10, "executedAt": "2026-08-04T15:20:00-08:00", "avgPowerInW": 3},
{"id": "b", "runtimeInSeconds": 1, "executedAt": "20260804T232012+0000"},
{"id": "c", "runtimeInSeconds": 1, "executedAt": "soon"}]}}}"#;
        let recorded = collected_of(open, "w.json", text);
        let seen = recorded.each(|own| (own.submit, own.historic_start));
        let at = Instant::from_secs;
        let expected = [(at(0), Some(at(0))), (at(10), Some(at(12))), (at(10), None)];
        assert_eq!(seen, expected);
        recorded
            .ledger
            .has_once(["start that is no date; not known"]);
        assert_eq!(recorded.ledger.count("key `avgPowerInW`, not used"), 0);
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
        let recorded = collected_of(open, "w.tar", crate::packed::archive(&files));
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
        let recorded = collected_of(open, "w.json", text);
        let seen = recorded.each(|own| (own.submit, own.after().to_vec()));
        let at = Instant::from_secs;
        let expected: [(_, Vec<PodName>); 3] = [
            (at(0), vec![]),
            (at(5), vec!["1".into()]),
            (at(10), vec!["2".into(), "1".into()]),
        ];
        assert_eq!(seen, expected);
        recorded.ledger.has_once([
            "names a child that is not there; ignored",
            "`children` names a task whose `parents` don't; it waits all the same",
        ]);
    }

    #[test]
    fn tasks_may_be_numbers_and_have_a_core_at_least() {
        let text = r#"{"schemaVersion": "1.6", "workflow": {"tasks": [
{"name": "a", "id": 1, "runtime": 5, "cores": 0}, {"name": "b", "id": 2, "runtime": 5, "parents": [1]}]}}"#;
        let recorded = collected_of(open, "w.json", text);
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
        faults(&ENTRY, "w.json", text).has_bad_rows([
            "w.json:3: column `runtime`: must be a number from 0 to 3200000000, found `-1`",
            "w.json:3: column `3.id`: must be a text, found ``",
            "w.json:4: column `parents`: must be a list of names, found `\"a\"`",
            "w.json:5: column `name`: must be the only task of its name, found `\"a\"`",
            "w.json:2: column `parents`: must be free of circles, found `a`",
            "w.json:2: column `parents`: must be free of circles, found `b`",
        ]);
        let stopped = faults(&ENTRY, "w.json", "{\"workflow\": {}}").stopped;
        assert_eq!(
            stopped.map(|error| error.to_string()),
            Some("w.json: has no list of tasks in `workflow`".to_owned())
        );
    }
}
