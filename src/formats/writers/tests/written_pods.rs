//! Pods that a trace was written as: read back, they are as many, ask for the same and live as long, and every field
//! that they lack was named when they were written.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::prelude::*;
use crate::readers::csv::CsvSource;
use crate::writers::{Lost, find};
use arrivals::{MemorySource, Recorded};

use k8s::ManifestReader;

/// A row: submission, run time, cores, memory, GPUs, members, priority, tenant, time limit, and whether it waits for the
/// first row.
#[derive(Clone, Debug)]
struct Row {
    gap: u32,
    run_time: Option<u32>,
    cpu: u32,
    memory: u32,
    gpus: u32,
    members: u32,
    priority: u32,
    tenant: u32,
    limit: Option<u32>,
    waits: bool,
}

prop_compose! {
    fn row()(
        [gap, cpu, memory, gpus] in [0_u32..5_000, 0_u32..9_000, 0_u32..70_000, 0_u32..4],
        run_time in option::of(1_u32..100_000),
        limit in option::weighted(0.3, 1_u32..9),
        [members, priority, tenant] in [1_u32..5, 0_u32..3, 0_u32..3],
        waits in prop::bool::weighted(0.2),
    ) -> Row {
        Row { gap, run_time, cpu, memory, gpus, members, priority, tenant, limit, waits }
    }
}

fn recorded(rows: &[Row]) -> Recorded {
    let mut text =
        "submit,name,run_time,cpu,memory,gpus,members,priority,tenant,time_limit,after\n"
            .to_owned();
    let mut submit = 0;
    for (number, row) in rows.iter().enumerate() {
        submit += row.gap;
        let millis = row.run_time.map_or(String::new(), |own| format!("{own}ms"));
        let limit = row.limit.map_or(String::new(), |own| format!("{own}h"));
        let after = if row.waits && number > 0 { "job-0" } else { "" };
        let _ = writeln!(
            text,
            "{submit}ms,job-{number},{millis},{}m,{}Ki,{},{},{},t{},{limit},{after}",
            row.cpu, row.memory, row.gpus, row.members, row.priority, row.tenant
        );
    }
    let input = Input::bytes("t.csv", text.into_bytes());
    let mut source = CsvSource::open(&input, &ReadOptions::default()).expect("a table");
    Recorded::collect(&mut source).expect("good rows")
}

/// A pod: its name, submission, run time, cores, memory, GPUs in thousandths, priority.
type Seen = (String, Duration, Option<String>, String, String, i64, i32);

fn of_trace(recorded: &Recorded) -> Vec<Seen> {
    let mut seen = Vec::new();
    for one in &recorded.arrivals {
        let spec = &recorded.classes[one.class as usize];
        let requests = spec.requests().expect("small");
        for member in 0..one.members {
            let name = match one.members {
                1 => one.name.to_string(),
                _ => format!("{}-{member}", one.name),
            };
            let at = one.submit.since(Instant::ZERO);
            let amount = |name: &str| requests.get(name).to_string();
            let run_time = one.run_time.map(|own| own.to_string());
            let (cpu, memory) = (amount("cpu"), amount("memory"));
            seen.push((
                name,
                at,
                run_time,
                cpu,
                memory,
                spec.gpu.total_milli(),
                spec.priority,
            ));
        }
    }
    seen
}

fn of_manifests(text: &str) -> Vec<Seen> {
    let mut reader = ManifestReader::new().with_workloads();
    let input = Input::bytes("pods.yaml", text.as_bytes().to_vec());
    let read = reader.read(&input);
    read.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let read = reader.finish();
    let pods = read.pods.iter().map(|pod| {
        let requests = pod.spec.requests().expect("small");
        let amount = |name: &str| requests.get(name).to_string();
        let behaviour = pod.spec.behaviour.as_deref();
        let run_time = behaviour.and_then(|own| own.run_time.as_ref());
        let at = pod.at.unwrap_or(Duration::ZERO);
        let (cpu, memory) = (amount("cpu"), amount("memory"));
        let run_time = run_time.map(ToString::to_string);
        let gpus = pod.spec.gpu.total_milli();
        (
            pod.name.to_string(),
            at,
            run_time,
            cpu,
            memory,
            gpus,
            pod.spec.priority,
        )
    });
    pods.collect()
}

/// The fields that rows state and pods can't, with the number of arrivals that lose each.
fn expected(rows: &[Row]) -> Vec<(&'static str, usize)> {
    let count = |has: &dyn Fn(usize, &Row) -> bool| {
        rows.iter()
            .enumerate()
            .filter(|(at, row)| has(*at, row))
            .count()
    };
    let all = [
        ("members", count(&|_, row| row.members > 1)),
        ("tenant", rows.len()),
        ("time_limit", count(&|_, row| row.limit.is_some())),
        ("after", count(&|at, row| row.waits && at > 0)),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

proptest! {
    #[test]
    fn written_pods_are_those_of_the_trace(rows in vec(row(), 1..9)) {
        let recorded = recorded(&rows);
        let before = of_trace(&recorded);
        let mut out = Vec::new();
        let mut source: Box<dyn ArrivalSource> = Box::new(MemorySource::new(recorded));
        let writer = find("manifests").expect("a format");
        let converted = writer.write(&mut *source, false, &mut out).expect("memory");
        let text = String::from_utf8(out).expect("text");
        prop_assert_eq!(of_manifests(&text), before.clone());
        prop_assert_eq!(converted.rows, before.len() as u64);
        let named: Vec<(&str, u64)> = { converted.lost.iter() }
            .map(|Lost { field, count, .. }| (&**field, *count))
            .collect();
        for (field, count) in expected(&rows) {
            prop_assert!(named.contains(&(field, count as u64)), "{} {}: {:?}", field, count, named);
        }
        // Nothing is named that every row lacks.
        for (field, _) in &named {
            let known = ["members", "name", "tenant", "time_limit", "after"];
            prop_assert!(known.contains(field), "{}", field);
        }
    }
}
