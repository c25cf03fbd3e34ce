//! The table of Chronus' jobs, which have deadlines.

use super::Places;
use crate::readers::prelude::*;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "chronus",
    summary: "jobs with deadlines of the simulator of Chronus (CSV with header)",
    columns: COLUMNS,
    relations: &[],
    names: &["job_id", "model_name"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &[],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    _: required("job_id", "job; becomes the name") => is_any,
    USER: required("user", "user; becomes the tenant"),
    _: required("num_gpu", "GPUs; each is a pod of the gang") => is_any,
    _: required("submit_time", "s"),
    _: required("iterations", "iterations; read, not used"),
    _: required("model_name", "trained model; read, not used"),
    _: required("duration", "run time, s"),
    _: required("interval", "s between leases; read, not used"),
    DEADLINES: required("expect_time_list", "deadlines, s; not enforced") => is_any,
    _: required("expect_value_list", "values of the deadlines; read, not used"),
    BEST_EFFORT: required("best_effort", "1: a job without a deadline") => is_any,
    _: required("job_type", "strict, soft or best; read, not used") => is_any,
}

pub(super) const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

const PLACES: Places = Places {
    job: 0,
    gpus: 2,
    submit: 3,
    duration: 6,
};

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        let has_deadline = fields.number(BEST_EFFORT, 0, 1)? == 0;
        let Some(job) = super::job(journal, fields, &PLACES)? else {
            return Ok(());
        };
        if has_deadline && !fields.text(DEADLINES).is_empty() {
            journal.dirt(
                "deadline of a job, not enforced",
                Action::Waive,
                fields.line(),
            )?;
        }
        let name = fields.text(PLACES.job);
        gather.met.meet(journal, fields.line(), name);
        gather.push_plain(
            journal.origin(fields.line()),
            PlainDemand {
                tenant: fields.text(USER).as_bytes(),
                ..job
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

    const HEADER: &str = "job_id,user,num_gpu,submit_time,iterations,model_name,duration,interval,\
                          expect_time_list,expect_value_list,best_effort,job_type\n";

    #[test]
    fn jobs_have_users_and_deadlines_are_counted() {
        let rows = "0,vc_1,4,12198,6910,resnet101,211,8,282,10,0,strict\n\
                    1,vc_2,1,19772,8897,resnet101,31,6,,,1,best\n";
        let recorded = collected_of(open, "c.csv", format!("{HEADER}{rows}"));
        let members: Vec<u32> = recorded.arrivals.iter().map(|one| one.members).collect();
        assert_eq!(members, [4, 1]);
        assert_eq!(recorded.tenants, ["vc_1".into(), "vc_2".into()]);
        assert_eq!(recorded.ledger.count("deadline of a job, not enforced"), 1);
        let rows = "0,vc_1,4,12198,6910,resnet101,211,8,282,10,2,strict\n";
        faults(&ENTRY, "c.csv", format!("{HEADER}{rows}"))
            .has_bad_rows(["c.csv:2: column `best_effort`: must be at most 1, found `2`"]);
    }
}
