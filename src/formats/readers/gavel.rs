//! Jobs of Gavel: training jobs with the steps that they take. How fast a job goes depends on its GPUs,
//! which the file doesn't say: run times are known with `models.throughputs` alone, and are those on the
//! reference model. A job is a gang of pods of one GPU each. Files: `traces/gavel-msr`.

use crate::parts::sorting::gang;
use crate::readers::prelude::*;
use arrivals::read_options::{NO_SCALED, NO_THROUGHPUTS};
use model::{JOB_GPUS_LABEL, JOB_TYPE_LABEL};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "gavel",
    summary: "training jobs of Gavel (tab-separated, without header)",
    columns: COLUMNS,
    names: &["command", "step option"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &[],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    TYPE: required("job type", "model and batch size; becomes the tenant, and is a row of `models.throughputs`"),
    _: required("command", "command; read, not used"),
    _: required("step option", "option that states the steps; read, not used") => |field| field.starts_with('-'),
    DATA: required("needs data", "1: reads a data directory; read, not used"),
    STEPS: required("total steps", "steps; without `models.throughputs` no run time") => is_whole,
    ARRIVAL: required("arrival time", "s") => is_number_or_empty,
    GPUS: required("scale factor", "GPUs; each is a pod of the gang") => is_whole,
}

const LAYOUT: Layout = Layout {
    separator: b'\t',
    ..Layout::headless(COLUMNS)
};

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        let job_type = fields.name(TYPE, "the type of a job")?;
        fields.number(DATA, 0, 1)?;
        let steps = fields.number(STEPS, 1, i64::MAX)?;
        let submit = fields.seconds(ARRIVAL)?;
        let submit = submit.ok_or_else(|| fields.bad(ARRIVAL, "seconds"))?;
        let gpus = fields.number(GPUS, 1, MEMBERS)?;
        let mut demand = Demand {
            submit,
            name: PodName::Job(gather.next_number(journal)),
            tenant: job_type.into(),
            ..gang(gpus)
        };
        let labels = &mut demand.spec.labels;
        labels.insert(JOB_TYPE_LABEL.into(), job_type.into());
        if let Some(known) = &options.throughputs {
            if known.row(labels).is_none() {
                return Err(fields.bad(TYPE, NO_THROUGHPUTS).into());
            }
            let time = known.time(labels, steps, gpus as u32);
            demand.run_time = Some(time.ok_or_else(|| fields.bad(GPUS, NO_SCALED))?);
            if gpus > 1 && known.is_scaled(labels) {
                labels.insert(JOB_GPUS_LABEL.into(), gpus.to_string().as_str().into());
            }
            demand.time_limit = demand.run_time;
        } else {
            let kind = "steps without a throughput; run time not known";
            journal.dirt(kind, Action::Keep, fields.line())?;
        }
        gather.push(journal.origin(fields.line()), demand);
        Ok(())
    })?;
    gather.finish(journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;
    use model::Throughputs;
    use units::SortedMap;

    #[test]
    fn jobs_are_gangs_without_a_run_time() {
        let rows = "ResNet-18 (batch size 32)\tcd %s && python3 main.py\t--num_steps\t1\t4803268\t\
                    2720160.000000\t8\nTransformer (batch size 128)\tpython3\t-step\t1\t13\t0.5\t1\n";
        let input = Input::bytes("g.trace", rows.as_bytes());
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let seen = recorded.each(|one| (one.submit, one.members, one.run_time));
        seen.are([
            (Instant::ZERO + Duration::from_millis(500), 1, None),
            (Instant::from_secs(2_720_160), 8, None),
        ]);
        let kind = "steps without a throughput; run time not known";
        assert_eq!(recorded.ledger.count(kind), 2);
        let stated = [
            ("ResNet-18 (batch size 32)", 20.0),
            ("Transformer (batch size 128)", 0.5),
        ];
        let rates = stated.map(|(name, rate)| {
            let row = SortedMap::from_iter([("V100".to_owned(), rate)]);
            (name.to_owned(), row)
        });
        let options = |types: usize| ReadOptions {
            throughputs: Throughputs::new("V100", &rates.iter().take(types).cloned().collect())
                .ok()
                .map(Arc::new),
            ..ReadOptions::default()
        };
        let recorded = collected(open(&input, &options(2)));
        let times = recorded.each(|one| one.run_time);
        let time = |millis| Some(Duration::from_millis(millis));
        assert_eq!(times, [time(26_000), time(240_163_400)]);
        assert_eq!(recorded.ledger.count(kind), 0);
        let unknown = open(&input, &options(1)).map(|_| ()).expect_err("no row");
        assert_eq!(
            unknown.to_string(),
            "g.trace:2: column `job type`: must be a type of `models.throughputs`, found \
             `Transformer (batch size 128)`"
        );
        let rows = "a\tb\t-n\t1\t0\t1\t1\na\tb\t-n\t1\t5\t-1\t1\na\tb\t-n\t1\t5\t1\n";
        faults(&ENTRY, "g.trace", rows).has_bad_rows([
            "g.trace:1: column `total steps`: must be at least 1, found `0`",
            "g.trace:2: column `arrival time`: must be at least 0, found `-1`",
            "g.trace:3: column `scale factor`: the row has 6 fields where the format has 7, \
                 found `a,b,-n,1,5,1`",
        ]);
    }
}
