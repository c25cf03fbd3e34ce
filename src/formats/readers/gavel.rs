//! Jobs of Gavel: training jobs with the steps that they take. How fast a job goes depends on its GPUs,
//! which the file doesn't say: run times are known with `models.throughputs` alone, and are those on the
//! reference model. A job is a gang of pods of one GPU each. Older files have no working directory, and the oldest the
//! GPUs behind the time of arrival. Files: `traces/gavel-msr`.

use crate::parts::sorting::gang;
use crate::readers::prelude::*;
use arrivals::read_options::{NO_SCALED, NO_THROUGHPUTS};
use model::{JOB_GPUS_LABEL, JOB_TYPE_LABEL};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "gavel",
    summary: "training jobs of Gavel (tab-separated, without header, ten fields or the older nine, seven or six)",
    columns: COLUMNS,
    relations: &[],
    names: &["command", "working directory", "step option"],
    cells: |format, input, show| {
        show_rows(format, &Form::of(&input.first_bytes()?).layout, input, show)
    },
    options: &[],
    sniff: |first| Form::of(first).layout.confidence(first),
    open: Constructor::Workload(open),
};

// `parse_trace` of scheduler/utils.py (stanford-futuredata/gavel) reads these.
columns! { COLUMNS;
    TYPE: required("job type", "model and batch size; becomes the tenant, and is a row of `models.throughputs`"),
    _: required("command", "command; read, not used"),
    _: required("working directory", "directory; read, not used; in files of ten fields alone"),
    _: required("step option", "option that states the steps; read, not used") => |field| field.starts_with('-'),
    DATA: required("needs data", "1: reads a data directory; read, not used; not in files of six fields"),
    STEPS: required("total steps", "steps; without `models.throughputs` no run time") => is_whole,
    GPUS: required("scale factor", "GPUs; each is a pod of the gang; the last of seven fields and of six") => is_whole,
    WEIGHT: required("priority weight", "weight, not heeded; in files of nine and ten fields") => is_number_or_empty,
    DEADLINE: required("SLO",
        "deadline as a multiple of the run time, not enforced; below 0 none; in files of nine and ten fields"),
    ARRIVAL: required("arrival time", "s") => is_number_or_empty,
}

/// The columns of files of nine fields.
const NINE: &[ColumnDoc] = columns! {
    required("job type", ""),
    required("command", ""),
    required("step option", "") => |field| field.starts_with('-'),
    required("needs data", ""),
    required("total steps", "") => is_whole,
    required("scale factor", "") => is_whole,
    required("priority weight", "") => is_number_or_empty,
    required("SLO", ""),
    required("arrival time", "") => is_number_or_empty,
};

/// The columns of the first published files.
const SEVEN: &[ColumnDoc] = columns! {
    required("job type", ""),
    required("command", ""),
    required("step option", "") => |field| field.starts_with('-'),
    required("needs data", ""),
    required("total steps", "") => is_whole,
    required("arrival time", "") => is_number_or_empty,
    required("scale factor", "") => is_whole,
};

/// The columns of files from before there were data directories.
const SIX: &[ColumnDoc] = columns! {
    required("job type", ""),
    required("command", ""),
    required("step option", "") => |field| field.starts_with('-'),
    required("total steps", "") => is_whole,
    required("arrival time", "") => is_number_or_empty,
    required("scale factor", "") => is_whole,
};

/// The fields of a file.
struct Form {
    layout: Layout,
    data: Option<usize>,
    steps: usize,
    arrival: usize,
    gpus: usize,
    /// Weight and deadline.
    unheeded: Option<[usize; 2]>,
}

impl Form {
    /// The form of a file that begins with these bytes: one that its rows have, as the first may be cut off and have
    /// the number of fields of another.
    fn of(first: &[u8]) -> Self {
        let layout = |columns| Layout {
            separator: b'\t',
            ..Layout::headless(columns)
        };
        let forms = [COLUMNS, NINE, SEVEN, SIX];
        let is_had = |own: &&'static [ColumnDoc]| layout(own).confidence(first) != Confidence::No;
        let line = first.split(|&byte| byte == b'\n').next();
        let count = { line.unwrap_or_default() }
            .split(|&byte| byte == b'\t')
            .count();
        let alike = forms.into_iter().find(|own| own.len() == count);
        let columns = { forms.into_iter() }.find(is_had).or(alike);
        let columns = columns.unwrap_or(SEVEN);
        let place = |of: usize| { columns.iter() }.position(|own| own.name == COLUMNS[of].name);
        let required = |of| place(of).unwrap_or(of);
        Self {
            layout: layout(columns),
            data: place(DATA),
            steps: required(STEPS),
            arrival: required(ARRIVAL),
            gpus: required(GPUS),
            unheeded: place(WEIGHT).map(|weight| [weight, required(DEADLINE)]),
        }
    }
}

/// Tells the weight and the deadline of a job, which nothing heeds.
fn tell_unheeded(
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    [weight, deadline]: [usize; 2],
) -> Result<(), Refused> {
    let number = |place| {
        let own = fields.text(place).parse::<f64>().ok();
        own.ok_or_else(|| fields.bad(place, "a number"))
    };
    let (weight, deadline) = (number(weight)?, number(deadline)?);
    let is_weighed = (weight - 1.0).abs() > f64::EPSILON;
    journal.waive_if(
        is_weighed,
        "priority weight of a job, not heeded",
        fields.line(),
    )?;
    journal.waive_if(
        deadline > 0.0,
        "deadline of a job, not enforced",
        fields.line(),
    )?;
    Ok(())
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    let form = Form::of(&input.first_bytes()?);
    each_row(input, &form.layout, &mut journal, |journal, fields| {
        let job_type = fields.name(TYPE, "the type of a job")?;
        if let Some(data) = form.data {
            fields.number(data, 0, 1)?;
        }
        let steps = fields.number(form.steps, 1, i64::MAX)?;
        let submit = fields.seconds(form.arrival)?;
        let submit = submit.ok_or_else(|| fields.bad(form.arrival, "seconds"))?;
        let gpus = fields.number(form.gpus, 1, MEMBERS)?;
        // Gavel's simulator takes jobs as they stand: one that is late here is late there.
        gather.tell_order(journal, fields.line(), submit)?;
        if let Some(places) = form.unheeded {
            tell_unheeded(journal, fields, places)?;
        }
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
            demand.run_time = Some(time.ok_or_else(|| fields.bad(form.gpus, NO_SCALED))?);
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
    fn files_of_ten_fields_have_weights_and_deadlines() {
        let rows = "ResNet-18 (batch size 32)\tpython3 a.py\timg\t--num_steps\t1\t1000\t1\t1\t-1.000000\t0\n\
                    LM (batch size 10)\tpython3 b.py\tlm\t--steps\t1\t2000\t2\t4\t1.500000\t60\n";
        assert_eq!((ENTRY.sniff)(rows.as_bytes()), Confidence::Certain);
        let recorded = collected_of(open, "g.trace", rows);
        let seen = recorded.each(|one| (one.submit, one.members));
        seen.are([(Instant::ZERO, 1), (Instant::from_secs(60), 2)]);
        recorded.ledger.has_once([
            "priority weight of a job, not heeded",
            "deadline of a job, not enforced",
        ]);
        let late = rows.replace("-1.000000\t0", "-1.000000\t61");
        let recorded = collected_of(open, "g.trace", late);
        recorded
            .ledger
            .has_once(["submitted before the row above; sorted"]);
        faults(&ENTRY, "g.trace", rows.replace("\t4\t", "\tx\t"))
            .has_bad_rows(["g.trace:2: column `priority weight`: must be a number, found `x`"]);
    }

    #[test]
    fn older_files_have_their_fields_in_another_order() {
        for rows in [
            "A3C\tpython3 a.py\t--max-steps\t0\t41391\t2\t1.0\t1.2\t20.0\n",
            "A3C\tpython3 a.py\t--max-steps\t41391\t20\t2\n",
        ] {
            assert_eq!((ENTRY.sniff)(rows.as_bytes()), Confidence::Certain);
            let recorded = collected_of(open, "g.trace", rows);
            let seen = recorded.each(|one| (one.submit, one.members));
            seen.are([(Instant::from_secs(20), 2)]);
            let deadline = recorded.ledger.count("deadline of a job, not enforced");
            assert_eq!(deadline, u64::from(rows.contains("1.2")));
        }
    }

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
