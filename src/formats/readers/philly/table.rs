//! The table of Philly's jobs that was derived of the log: one row a job, without an order.

use crate::parts::plain_demand::one_gpu_each;
use crate::readers::prelude::*;
use intake::rows::MAX_SECONDS;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "philly-table",
    summary: "jobs of Microsoft's Philly clusters, as a table derived of the log (CSV with header)",
    columns: COLUMNS,
    relations: &[Relation::recorded(
        &["duration", "num_gpus", "gpu_time"],
        "`gpu_time` is not `duration` times `num_gpus`",
    )],
    names: &["cluster"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &[],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    TIME: required("timestamp", "date of submission, Pacific local time"),
    DURATION: required("duration", "run time, s"),
    GPUS: required("num_gpus", "GPUs; each is a pod of the gang"),
    GPU_TIME: required("gpu_time", "`duration` times `num_gpus`; compared with it"),
    CLUSTER: required("cluster", "virtual cluster; becomes the tenant"),
}

const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    let zone = super::zone();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        let line = fields.line();
        let submit = zone.field(fields, TIME)?;
        let submit = submit.ok_or_else(|| fields.bad(TIME, "a date"))?;
        let seconds = fields.decimal(DURATION, MAX_SECONDS)?;
        let seconds = seconds.ok_or_else(|| fields.bad(DURATION, "a number of seconds"))?;
        let gpus = fields.number(GPUS, 0, MEMBERS)?;
        let gpu_time = fields.decimal(GPU_TIME, 1e15)?;
        if gpus == 0 {
            return Ok(journal.dirt("job without a GPU", Action::Drop, line)?);
        }
        if gpu_time.is_some_and(|time| (time - seconds * gpus as f64).abs() > 1.0) {
            let kind = "`gpu_time` is not `duration` times `num_gpus`; not used";
            journal.dirt(kind, Action::Keep, line)?;
        }
        gather.tell_order(journal, line, submit)?;
        gather.push_plain(
            journal.origin(line),
            PlainDemand {
                submit,
                name: FlatName::Job(gather.next_number(journal) + 1),
                tenant: fields.text(CLUSTER).as_bytes(),
                run_time: Duration::checked_from_secs_f64(seconds),
                ..one_gpu_each(gpus)
            },
        );
        Ok(())
    })?;
    gather.finish_from_first(journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    const HEADER: &str = "timestamp,duration,num_gpus,gpu_time,cluster\n";

    #[test]
    fn jobs_are_gangs_sorted_by_date() {
        let rows = "2017-10-09 07:01:55,66.0,2,132.0,a\n2017-10-09 06:01:55,5.5,1,9,b\n\
                    2017-10-09 06:01:55,5.5,0,0,b\n";
        let recorded = collected_of(open, "p.csv", format!("{HEADER}{rows}"));
        let seen = recorded.each(|one| (one.submit, one.members, one.run_time));
        let run = |millis| Some(Duration::from_millis(millis));
        seen.are([
            (Instant::ZERO, 1, run(5_500)),
            (Instant::from_secs(3_600), 2, run(66_000)),
        ]);
        recorded.ledger.has_once([
            "job without a GPU",
            "`gpu_time` is not `duration` times `num_gpus`; not used",
            "submitted before the row above; sorted",
        ]);
        let rows = "yesterday,1,1,1,a\n2017-10-09 07:01:55,-1,1,1,a\n";
        faults(&ENTRY, "p.csv", format!("{HEADER}{rows}")).has_bad_rows([
            "p.csv:2: column `timestamp`: must be a date such as `2020-04-01 07:01:55`, \
                 found `yesterday`",
            "p.csv:3: column `duration`: must be at least 0, found `-1`",
        ]);
    }
}
