//! The table of Tiresias' jobs.

use super::Places;
use crate::readers::prelude::*;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "tiresias-jobs",
    summary: "jobs of the simulator of Tiresias (CSV with header)",
    columns: COLUMNS,
    relations: &[],
    names: &["job_id", "model_name"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &[],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    _: required("job_id", "job; becomes the name"),
    _: required("num_gpu", "GPUs; each is a pod of the gang"),
    _: required("submit_time", "s"),
    _: required("iterations", "iterations; read, not used"),
    _: required("model_name", "trained model; read, not used"),
    _: required("duration", "run time, s"),
    _: required("interval", "s to the next job; read, not used"),
}

const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

const PLACES: Places = Places {
    job: 0,
    gpus: 1,
    submit: 2,
    duration: 5,
};

fn sniff(first: &[u8]) -> Confidence {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    // The table of Chronus has these columns and more.
    match super::deadlines::LAYOUT.confidence(first) {
        Confidence::Certain => Confidence::No,
        _ => header_has(first, &names),
    }
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        if let Some(job) = super::job(journal, fields, &PLACES)? {
            let name = fields.text(PLACES.job);
            gather.met.meet(journal, fields.line(), name);
            gather.push_plain(journal.origin(fields.line()), job);
        }
        Ok(())
    })?;
    gather.finish(journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    const HEADER: &str = "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n";

    #[test]
    fn jobs_are_gangs_of_gpus() {
        let rows =
            format!("{HEADER}1,8,30,133,vgg11,147,23\n0,1,0,606,vgg19,164,30\n2,0,5,1,x,1,1\n");
        let recorded = collected_of(open, "60_job.csv", rows);
        let seen = recorded.each(|one| (one.submit, one.members, one.run_time));
        let run = |seconds| Some(Duration::from_secs(seconds));
        seen.are([
            (Instant::ZERO, 1, run(164)),
            (Instant::from_secs(30), 8, run(147)),
        ]);
        assert_eq!(recorded.ledger.count("job without a GPU"), 1);
        let rows =
            format!("{HEADER},1,0,606,vgg19,164,30\n0,1,-3,606,vgg19,164,30\n0,1,3,6,v,x,3\n");
        faults(&ENTRY, "t.csv", rows).has_bad_rows([
            "t.csv:2: column `job_id`: must be the number of a job, found ``",
            "t.csv:3: column `submit_time`: must be at least 0, found `-3`",
            "t.csv:4: column `duration`: must be a whole number, found `x`",
        ]);
    }
}
