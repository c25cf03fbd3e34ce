//! Virtual machines of Azure, of 2017 and 2019: one headerless table. In 2019 cores and memory are
//! buckets, of which the last is open (`>24`, `>64`); it counts as 30 cores and 70 GiB. A machine that
//! is there at the end of the trace has no run time. Format: `traces.md`, section 6.

use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, is_number_or_empty, is_whole,
    row_has,
};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::ledger::{Action, BadRow, Journal};
use crate::options::ReadOptions;
use crate::rows::{Fields, Layout, Refused, each_row, show_rows};
use crate::stream::ArrivalSource;
use model::{Behaviour, PodName, PodSpec};
use std::sync::Arc;
use units::{Duration, Instant};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "azure-vm",
    summary: "virtual machines of Azure, 2017 and 2019 (`vmtable`, CSV without header)",
    columns: COLUMNS,
    names: &["vm id", "subscription id", "deployment id"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &["usage"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("vm id", "machine; becomes the name"),
    ColumnDoc::required("subscription id", "subscription; becomes the tenant"),
    ColumnDoc::required("deployment id", "deployment; read, not used"),
    ColumnDoc::required("created", "s from the trace's start; 0 may be before it"),
    ColumnDoc::required("deleted", "s; 2591700 and later: still there at the end"),
    ColumnDoc::required("max cpu", "percent; read, not used"),
    ColumnDoc::required("avg cpu", "percent; with the option `usage`, what it uses"),
    ColumnDoc::required("p95 max cpu", "percent; read, not used"),
    ColumnDoc::required(
        "category",
        "Delay-insensitive, Interactive or Unknown; read, not used",
    ),
    ColumnDoc::required("cores", "cores, or a bucket such as `>24`"),
    ColumnDoc::required("memory", "GiB, or a bucket such as `>64`"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const VM: usize = 0;
const SUBSCRIPTION: usize = 1;
const CREATED: usize = 3;
const DELETED: usize = 4;
const MOST: usize = 5;
const MEAN: usize = 6;
const CATEGORY: usize = 8;
const CORES: usize = 9;
const MEMORY: usize = 10;

/// The last reading of the trace: what is deleted then or later is still there.
const END: Instant = Instant::from_secs(2_591_700);

fn sniff(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 4] = [
        (CREATED, is_whole),
        (DELETED, is_whole),
        (MEAN, is_number_or_empty),
        (CATEGORY, |field| CATEGORIES.contains(&field)),
    ];
    row_has(first, b',', COLUMNS.len(), &tests)
}

/// The categories of machines; the files spell one in two ways.
const CATEGORIES: [&str; 4] = ["Delay-insensitive", "Interactive", "Unknown", "Unkown"];

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        take(&mut gather, journal, fields, options)
    })?;
    Ok(gather.finish(journal))
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
) -> Result<(), Refused> {
    let line = fields.line();
    let name = fields.name(VM, "the name of a machine")?;
    let instant = |place| -> Result<Instant, BadRow> {
        let at = fields.seconds(place)?;
        at.ok_or_else(|| fields.bad(place, "seconds"))
    };
    let (created, deleted) = (instant(CREATED)?, instant(DELETED)?);
    if deleted < created {
        return Err(fields.bad(DELETED, "no earlier than `created`").into());
    }
    let (cores, is_open) = bucket(fields, CORES, (">24", 30.0), 1_000)?;
    let (memory, is_open_too) = bucket(fields, MEMORY, (">64", 70.0), 1 << 30)?;
    let (most, mean) = (fields.decimal(MOST, 1e3)?, fields.decimal(MEAN, 1e3)?);
    if !CATEGORIES.contains(&fields.text(CATEGORY)) {
        return Err(fields
            .bad(CATEGORY, "Delay-insensitive, Interactive or Unknown")
            .into());
    }
    if is_open || is_open_too {
        let kind = "open bucket of a size; 30 cores, 70 GiB";
        journal.dirt(kind, Action::Repair, line)?;
    }
    if most.zip(mean).is_some_and(|(most, mean)| mean > most) {
        journal.dirt("average use above the maximum", Action::Keep, line)?;
    }
    if created == Instant::ZERO {
        let kind = "created at 0, perhaps before";
        journal.dirt(kind, Action::Keep, line)?;
    }
    let is_there = deleted >= END;
    if is_there {
        let kind = "there at the end of the trace; run time not known";
        journal.dirt(kind, Action::Keep, line)?;
    }
    let mut spec = PodSpec::with_requests(requests(Some(cores), Some(memory)));
    if let Some(mean) = mean.filter(|_| options.usage) {
        // A hundredth of a percent tells machines apart well enough, and keeps classes few.
        spec.behaviour = Some(Arc::new(Behaviour {
            cpu_usage: Some(format!("{mean:.2}%").into()),
            ..Behaviour::default()
        }));
    }
    let run_time: Option<Duration> = (!is_there).then(|| deleted.since(created));
    gather.push(Demand {
        submit: created,
        name: PodName::Text(name.into()),
        tenant: fields.text(SUBSCRIPTION).into(),
        spec,
        run_time,
        ..Demand::default()
    });
    Ok(())
}

/// An amount in units of which `scale` make one, and whether it was the open bucket.
fn bucket(
    fields: &Fields<'_, '_>,
    place: usize,
    (open, most): (&str, f64),
    scale: i64,
) -> Result<(i64, bool), BadRow> {
    if fields.text(place) == open {
        return Ok(((most * scale as f64) as i64, true));
    }
    let amount = fields
        .scaled(place, scale, 1e5)?
        .filter(|&amount| amount > 0);
    let expected = || fields.bad(place, &format!("more than 0, or the bucket `{open}`"));
    Ok((amount.ok_or_else(expected)?, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;

    const ROWS: &str = "a,s1,d,0,2591700,99,3.424,10,Delay-insensitive,1,1.75\n\
                        b,s1,d,300,1500,10,10.01,10,Unkown,>24,>64\n";

    #[test]
    fn machines_of_both_years_are_read() {
        let input = Input::bytes("vmtable.csv", ROWS.as_bytes());
        let options = ReadOptions {
            usage: true,
            ..ReadOptions::default()
        };
        let mut source = open(&input, &options).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let runs: Vec<_> = recorded.arrivals.iter().map(|one| one.run_time).collect();
        assert_eq!(runs, [None, Some(Duration::from_secs(1_200))]);
        let amounts: Vec<_> = { recorded.classes.iter() }
            .map(|spec| {
                let requests = spec.requests().expect("small");
                (
                    requests.get("cpu").milli_ceil(),
                    requests.get("memory").units_ceil(),
                )
            })
            .collect();
        assert_eq!(
            amounts,
            [(Ok(1_000), Ok(7 << 28)), (Ok(30_000), Ok(70 << 30))]
        );
        let usage = recorded.classes[0].behaviour.as_ref();
        let usage = usage.and_then(|behaviour| behaviour.cpu_usage.clone());
        assert_eq!(usage, Some("3.42%".into()));
        for kind in [
            "open bucket of a size; 30 cores, 70 GiB",
            "average use above the maximum",
            "created at 0, perhaps before",
            "there at the end of the trace; run time not known",
        ] {
            assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
        }
    }

    #[test]
    fn dirty_rows_are_named() {
        let rows = "a,s,d,9,5,1,1,1,Unknown,1,1\na,s,d,0,5,1,1,1,Unknown,0,1\n\
                    a,s,d,0,5,1,1,1,Unknown,1,>24\n,s,d,0,5,1,1,1,Unknown,1,1\n";
        let input = Input::bytes("v.csv", rows.as_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "v.csv:1: column `deleted`: must be no earlier than `created`, found `5`",
                "v.csv:2: column `cores`: must be more than 0, or the bucket `>24`, found `0`",
                "v.csv:3: column `memory`: must be a number, found `>24`",
                "v.csv:4: column `vm id`: must be the name of a machine, found ``",
            ]
        );
    }
}
