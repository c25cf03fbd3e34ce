//! Invocations of Azure's functions of 2021, one a row, in the order of their ends. An invocation
//! arrives when it began: its end less its run time. What it needs is not said. Format: `traces.md`,
//! section 6.

use crate::readers::prelude::*;
use intake::rows::MAX_SECONDS;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "azure-functions-2021",
    summary: "invocations of Azure's functions of 2021 (CSV with header)",
    columns: COLUMNS,
    relations: &[Relation::recorded(
        &["end_timestamp", "duration"],
        "began before the trace",
    )],
    names: &["app", "func"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &[],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    APPLICATION: required("app", "application; becomes the tenant"),
    FUNCTION: required("func", "function; read, not used"),
    END: required("end_timestamp", "end, s from the trace's start"),
    DURATION: required("duration", "run time, s"),
}

const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        let application = fields.name(APPLICATION, "the hash of an application")?;
        fields.name(FUNCTION, "the hash of a function")?;
        let end = fields.seconds(END)?;
        let end = end.ok_or_else(|| fields.bad(END, "seconds"))?;
        let run = fields.decimal(DURATION, MAX_SECONDS)?;
        let run = run.and_then(Duration::checked_from_secs_f64);
        let run = run.ok_or_else(|| fields.bad(DURATION, "seconds"))?;
        let began = end.as_nanos() - run.as_nanos();
        let kind = "began before the trace; arrives at 0";
        journal.repair_if(began < 0, kind, fields.line())?;
        gather.push_plain(
            journal.origin(fields.line()),
            PlainDemand {
                submit: Instant::from_nanos(began.max(0)),
                name: FlatName::Job(gather.next_number(journal) + 1),
                tenant: application.as_bytes(),
                run_time: Some(run),
                ..PlainDemand::default()
            },
        );
        Ok(())
    })?;
    gather.finish(journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    #[test]
    fn invocations_arrive_when_they_began() {
        let header = "app,func,end_timestamp,duration\n";
        let rows = "a,f,10.5,0.25\na,g,12,11.5\nb,f,0.5,1\n";
        let recorded = collected_of(open, "f.csv", format!("{header}{rows}"));
        let seen = recorded.each(|one| (one.name.clone(), one.submit));
        seen.are([
            (PodName::Job(3), Instant::ZERO),
            (PodName::Job(2), Instant::ZERO + Duration::from_millis(500)),
            (
                PodName::Job(1),
                Instant::ZERO + Duration::from_millis(10_250),
            ),
        ]);
        recorded
            .ledger
            .has_once(["began before the trace; arrives at 0"]);
        let rows = ",f,1,1\na,,1,1\na,f,x,1\na,f,1,-1\n";
        faults(&ENTRY, "f.csv", format!("{header}{rows}")).has_bad_rows([
            "f.csv:2: column `app`: must be the hash of an application, found ``",
            "f.csv:3: column `func`: must be the hash of a function, found ``",
            "f.csv:4: column `end_timestamp`: must be a number, found `x`",
            "f.csv:5: column `duration`: must be at least 0, found `-1`",
        ]);
    }
}
