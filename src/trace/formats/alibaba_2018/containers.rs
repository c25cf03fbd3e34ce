//! Containers of services in Alibaba's trace of 2018: the first row of a container is its arrival,
//! those after it are snapshots. They have no end: a container runs to the end of the run.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, is_whole, row_has,
};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::ledger::Journal;
use crate::options::ReadOptions;
use crate::resizes::Resize;
use crate::rows::{Fields, Layout, Refused, each_row, show_rows};
use crate::stream::ArrivalSource;
use model::{PodName, PodSpec, Text};
use units::Instant;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-2018-containers",
    summary: "containers of Alibaba's cluster trace of 2018 (CSV without header)",
    columns: COLUMNS,
    names: &["container_id", "machine_id", "app_du", "status"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &["full-memory"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("container_id", "container; becomes the name"),
    ColumnDoc::required("machine_id", "machine; read, not used"),
    ColumnDoc::required("time_stamp", "s from the trace's start"),
    ColumnDoc::required("app_du", "application; becomes the tenant"),
    ColumnDoc::required("status", "state; read, not used"),
    ColumnDoc::required("cpu_request", "1/100 core"),
    ColumnDoc::required("cpu_limit", "1/100 core"),
    ColumnDoc::required("mem_size", "percent of the largest machine"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const CONTAINER: usize = 0;
const TIME: usize = 2;
const APPLICATION: usize = 3;
const CPU: usize = 5;
const LIMIT: usize = 6;
const MEMORY: usize = 7;

fn sniff(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 3] = [
        (CONTAINER, |field| field.starts_with("c_")),
        (1, |field| field.starts_with("m_")),
        (TIME, is_whole),
    ];
    row_has(first, b',', COLUMNS.len(), &tests)
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    let mut known: IndexMap<Text, PodSpec, FxBuildHasher> = IndexMap::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        let spec = spec(fields, options)?;
        let name: Text = fields.name(CONTAINER, "the name of a container")?.into();
        let at = fields.seconds(TIME)?;
        let submit = at.ok_or_else(|| fields.bad(TIME, "seconds"))?;
        if let Some(first) = known.get(&name) {
            let resize = Resize {
                before: first,
                after: &spec,
                when: "later",
                is_largest_kept: false,
            };
            resize.note(journal, fields.line())?;
            return Ok(());
        }
        known.insert(name.clone(), spec.clone());
        gather.push(
            journal.origin(fields.line()),
            Demand {
                submit,
                name: PodName::Text(name),
                tenant: fields.text(APPLICATION).into(),
                spec,
                historic_start: (submit > Instant::ZERO).then_some(submit),
                ..Demand::default()
            },
        );
        Ok(())
    })?;
    Ok(gather.finish(journal))
}

fn spec(fields: &Fields<'_, '_>, options: &ReadOptions) -> Result<PodSpec, Refused> {
    let cpu = super::centi_cores(fields, CPU)?;
    let limit = super::centi_cores(fields, LIMIT)?;
    let memory = super::percent_of(fields, MEMORY, options.full_memory_bytes)?;
    let mut spec = PodSpec::with_requests(requests(cpu, memory));
    if let Some(container) = spec.containers.first_mut() {
        container.limits = requests(limit, None);
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;

    #[test]
    fn the_first_row_of_a_container_is_its_arrival() {
        let rows = "c_1,m_2,0,app_5,started,400,800,1.5\nc_2,m_2,100,app_5,started,400,400,1.5\n\
                    c_1,m_2,200,app_5,started,400,800,1.5\nc_1,m_2,300,app_5,started,800,800,1.5\n\
                    c_3,m_2,x,app_5,started,800,800,1.5\n";
        let input = Input::bytes("c.csv", rows.as_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        assert_eq!((found.accepted, found.bad_row_count), (2, 1));
        assert_eq!(
            found.bad_rows[0].to_string(),
            "c.csv:5: column `time_stamp`: must be a number, found `x`"
        );
        let good = &rows[..rows.find("c_3").expect("there")];
        let mut source = open(
            &Input::bytes("c.csv", good.as_bytes()),
            &ReadOptions::default(),
        )
        .expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        assert_eq!(recorded.arrivals[1].submit, Instant::from_secs(100));
        let limits = &recorded.classes[0].containers[0].limits;
        assert_eq!(limits.get("cpu").milli_ceil(), Ok(8_000));
        let kind = "more cores requested later; the first request stands";
        assert_eq!(recorded.ledger.count(kind), 1);
    }
}
