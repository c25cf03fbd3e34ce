//! Instances of services in Alibaba's trace of 2017: created once, and perhaps removed.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, is_whole, row_has,
};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::rows::{Fields, Layout, Refused, each_row, show_rows};
use crate::stream::ArrivalSource;
use model::{PodName, PodSpec};
use units::Instant;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2017-services",
    summary: "service instances of Alibaba's cluster trace of 2017 (CSV without header)",
    columns: COLUMNS,
    names: &["instance id", "machine id", "cpu ids"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &["full-memory"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("timestamp", "s from the trace's start; 0 is before it"),
    ColumnDoc::required("event type", "Create or Remove"),
    ColumnDoc::required("instance id", "instance; becomes the name"),
    ColumnDoc::required("machine id", "machine; read, not used"),
    ColumnDoc::required("cpus", "cores"),
    ColumnDoc::required("memory", "share of the largest machine"),
    ColumnDoc::required("disk space", "share of the largest machine; read, not used"),
    ColumnDoc::required("cpu ids", "processors that it was given; read, not used"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const TIME: usize = 0;
const EVENT: usize = 1;
const INSTANCE: usize = 2;
const CPU: usize = 4;
const MEMORY: usize = 5;

fn sniff(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 2] = [
        (TIME, is_whole),
        (EVENT, |field| matches!(field, "Create" | "Remove")),
    ];
    row_has(first, b',', COLUMNS.len(), &tests)
}

/// Places of the arrivals of instances that are there, with their creation.
type Alive = IndexMap<i64, (usize, Instant), FxBuildHasher>;

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::in_memory();
    let mut alive = Alive::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        take(&mut gather, &mut alive, journal, fields, options)
    })?;
    Ok(gather.finish(journal))
}

fn take(
    gather: &mut Gather,
    alive: &mut Alive,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
) -> Result<(), Refused> {
    let line = fields.line();
    let instance = fields.number(INSTANCE, 0, i64::MAX)?;
    let cpu = fields.scaled(CPU, 1_000, 1e5)?;
    let memory = super::share_of(fields, MEMORY, options.full_memory_bytes)?;
    let event = fields.text(EVENT);
    if !matches!(event, "Create" | "Remove") {
        return Err(fields.bad(EVENT, "Create or Remove").into());
    }
    let time = super::time(journal, fields, TIME)?;
    let known = alive.get(&instance).copied();
    match (event, known) {
        ("Create", None) => {
            let place = gather.push(
                journal.origin(line),
                Demand {
                    submit: time,
                    name: PodName::Text(instance.to_string().into()),
                    spec: PodSpec::with_requests(requests(cpu, memory)),
                    historic_start: (time > Instant::ZERO).then_some(time),
                    ..Demand::default()
                },
            );
            alive.insert(instance, (place, time));
        }
        ("Create", Some(_)) => {
            journal.dirt("instance created twice", Action::Drop, line)?;
        }
        (_, Some((place, created))) if time >= created => {
            gather.arrivals[place].run_time = Some(time.since(created));
            alive.swap_remove(&instance);
        }
        _ => journal.dirt(
            "removal of an instance that is not there",
            Action::Drop,
            line,
        )?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;
    use units::Duration;

    #[test]
    fn instances_run_from_creation_to_removal() {
        let rows = "0,Create,1,5,4,0.1,0.1,1|2\n100,Create,2,5,4,0.1,0.1,1|2\n\
                    150,Create,2,5,4,0.1,0.1,1|2\n160,Remove,2,5,4,0.1,0.1,1|2\n\
                    170,Remove,2,5,4,0.1,0.1,1|2\n";
        let input = Input::bytes("c.csv", rows.as_bytes());
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let runs: Vec<_> = recorded.arrivals.iter().map(|one| one.run_time).collect();
        assert_eq!(runs, [None, Some(Duration::from_secs(60))]);
        for kind in [
            "instance created twice",
            "removal of an instance that is not there",
        ] {
            assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
        }
        let found = validate(
            &Input::bytes("c.csv", &b"0,Start,1,5,4,0.1,0.1,1\n"[..]),
            &ENTRY,
            &ReadOptions::default(),
            9,
        );
        assert_eq!(
            found.bad_rows[0].to_string(),
            "c.csv:1: column `event type`: must be Create or Remove, found `Start`"
        );
    }
}
