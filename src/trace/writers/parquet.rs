//! The project's own table of arrivals as a Parquet file: times in whole nanoseconds, processors in thousandths,
//! memory in bytes; what is absent is null.

use std::io::Write;

use super::Writer;
use crate::convert::{ConvertError, Converted, said, task_names, tenant_name};
use crate::parquet::{Kind, ParquetFile};
use crate::stream::{Arrival, ArrivalSource};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{JOB_TYPE_LABEL, PodSpec, Text};
use units::{Duration, Instant, Quantity};

/// The registry's entry.
pub(super) const ENTRY: Writer = Writer {
    name: "parquet",
    summary: "the project's own table as a Parquet file",
    has_usage: true,
    write,
};

/// The columns of every file.
const COLUMNS: [(&str, Kind); 16] = [
    ("submit_ns", Kind::Integer),
    ("name", Kind::Text),
    ("run_time_ns", Kind::Integer),
    ("cpu_milli", Kind::Integer),
    ("memory_bytes", Kind::Integer),
    ("ephemeral_storage_bytes", Kind::Integer),
    ("gpus", Kind::Integer),
    ("gpu_milli", Kind::Integer),
    ("gpu_models", Kind::Text),
    ("members", Kind::Integer),
    ("time_limit_ns", Kind::Integer),
    ("start_ns", Kind::Integer),
    ("tenant", Kind::Text),
    ("priority", Kind::Integer),
    ("namespace", Kind::Text),
    ("job_type", Kind::Text),
];

/// The columns of usage.
const USAGE: [(&str, Kind); 2] = [("cpu_usage", Kind::Text), ("memory_usage", Kind::Text)];

/// The columns of what arrivals wait for.
const LINKS: [(&str, Kind); 3] = [
    ("after", Kind::Text),
    ("part_of", Kind::Text),
    ("think_time_ns", Kind::Integer),
];

fn write(
    source: &mut dyn ArrivalSource,
    with_usage: bool,
    out: &mut dyn Write,
) -> Result<Converted, ConvertError> {
    let has_links = source.may_wait();
    let usage = USAGE.into_iter().filter(|_| with_usage);
    let links = LINKS.into_iter().filter(|_| has_links);
    let columns = COLUMNS.into_iter().chain(usage).chain(links);
    let mut row = Row {
        file: ParquetFile::begin(columns, out)?,
        next: 0,
    };
    let mut converted = Converted::default();
    let mut classes: Vec<Class> = Vec::new();
    while let Some(arrival) = source.next()? {
        for spec in source.classes().iter().skip(classes.len()) {
            classes.push(Class::of(spec, with_usage));
        }
        let class = &classes[arrival.class as usize];
        converted.rows += 1;
        converted.reduced += u64::from(class.is_reduced);
        row.next = 0;
        write_arrival(&arrival, class, &tenant_name(&arrival, source), &mut row);
        if with_usage {
            class
                .usage
                .iter()
                .for_each(|own| row.text(own.as_deref().unwrap_or_default()));
        }
        if has_links {
            write_links(&arrival, &mut row);
        }
        row.file.end_row()?;
    }
    row.file.finish()?;
    Ok(converted)
}

/// A row that is written column by column.
struct Row<'out> {
    file: ParquetFile<'out>,
    next: usize,
}

impl Row<'_> {
    fn integer(&mut self, value: Option<i64>) {
        self.file.integer(self.next, value);
        self.next += 1;
    }

    fn text(&mut self, text: &str) {
        self.file.text(self.next, text);
        self.next += 1;
    }
}

fn write_arrival(arrival: &Arrival, class: &Class, tenant: &str, row: &mut Row<'_>) {
    let since_zero = |at: Instant| at.since(Instant::ZERO).as_nanos();
    row.integer(Some(since_zero(arrival.submit)));
    row.text(&arrival.name.to_string());
    row.integer(arrival.run_time.map(Duration::as_nanos));
    for amount in class.amounts {
        row.integer(amount);
    }
    let gpu = &class.said.gpu;
    row.integer((gpu.devices > 0).then_some(gpu.devices.into()));
    row.integer((gpu.devices > 0).then_some(gpu.milli_per_device.into()));
    row.text(&class.gpu_models);
    row.integer(Some(arrival.members.into()));
    row.integer(arrival.time_limit.map(Duration::as_nanos));
    row.integer(arrival.historic_start.map(since_zero));
    row.text(tenant);
    row.integer(Some(class.said.priority.into()));
    row.text(&class.said.namespace);
    row.text(&class.job_type);
}

fn write_links(arrival: &Arrival, row: &mut Row<'_>) {
    let (after, part_of) = task_names(arrival);
    row.text(&after);
    row.text(&part_of);
    let delay = arrival.links.as_deref().map(|links| links.delay);
    let delay = delay.filter(|delay| *delay > Duration::ZERO);
    row.integer(delay.map(Duration::as_nanos));
}

/// The values of a class, as they stand in every row of it.
struct Class {
    said: PodSpec,
    /// 1/1000 cores, and bytes of memory and of ephemeral storage.
    amounts: [Option<i64>; 3],
    gpu_models: String,
    job_type: Text,
    usage: [Option<Text>; 2],
    is_reduced: bool,
}

impl Class {
    fn of(spec: &PodSpec, with_usage: bool) -> Self {
        let said = said(spec, with_usage);
        let list = said.requests().unwrap_or_default();
        let mut is_reduced = said != *spec;
        let mut amount = |resource: &str, whole: fn(Quantity) -> i64, unit: fn(i64) -> Quantity| {
            let amount = list.get(resource);
            if amount == Quantity::ZERO {
                return None;
            }
            is_reduced |= unit(whole(amount)) != amount;
            Some(whole(amount))
        };
        let milli: fn(Quantity) -> i64 = |amount| amount.milli_ceil().unwrap_or(i64::MAX);
        let units: fn(Quantity) -> i64 = |amount| amount.units_ceil().unwrap_or(i64::MAX);
        let amounts = [
            amount(CPU, milli, Quantity::from_milli),
            amount(MEMORY, units, Quantity::from_units),
            amount(EPHEMERAL_STORAGE, units, Quantity::from_units),
        ];
        let models: Vec<&str> = said.gpu.models.iter().map(|model| &**model).collect();
        let behaviour = said.behaviour.as_deref();
        let usage = [
            behaviour.and_then(|usage| usage.cpu_usage.clone()),
            behaviour.and_then(|usage| usage.memory_usage.clone()),
        ];
        Self {
            amounts,
            gpu_models: models.join("|"),
            job_type: said.labels.get(JOB_TYPE_LABEL).cloned().unwrap_or_default(),
            usage: usage.map(|own| own.filter(|_| with_usage)),
            said,
            is_reduced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Constructor;
    use crate::memory::{MemorySource, Recorded};
    use crate::{Input, ReadOptions, registry};
    use model::{PodName, ResourceList};

    fn written(recorded: Recorded) -> (Converted, Vec<u8>) {
        let mut bytes = Vec::new();
        let done = write(&mut MemorySource::new(recorded), false, &mut bytes);
        (done.expect("memory"), bytes)
    }

    fn of_spec(spec: PodSpec) -> Recorded {
        Recorded {
            arrivals: vec![Arrival {
                submit: Instant::from_nanos(1),
                name: PodName::Text("a".into()),
                class: 0,
                members: 1,
                tenant: 0,
                run_time: Some(Duration::from_nanos(i64::MAX)),
                time_limit: None,
                historic_start: Some(Instant::from_nanos(2_591_999_999_999_999)),
                links: None,
                part: 0,
                origin: crate::Origin::line(1),
            }],
            classes: vec![spec.into()],
            tenants: vec!["ann, \"Ä\"".into()],
            ..Recorded::default()
        }
    }

    #[test]
    fn times_are_exact_to_the_nanosecond() {
        let spec = PodSpec::with_requests(ResourceList::default());
        let recorded = of_spec(spec);
        let (done, bytes) = written(recorded.clone());
        assert_eq!((done.rows, done.reduced), (1, 0));
        let input = Input::bytes("a.parquet", bytes);
        let entry = registry::recognize(&input).expect("known");
        let Constructor::Workload(open) = entry.open else {
            panic!("a workload");
        };
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        let again = Recorded::collect(&mut *source).expect("good rows");
        assert_eq!((entry.name, again), ("csv", recorded));
    }

    #[test]
    fn parts_of_a_byte_are_rounded_up_and_counted() {
        let list = ResourceList::from_pairs([(MEMORY, Quantity::from_milli(1_500))]);
        let (done, _) = written(of_spec(PodSpec::with_requests(list)));
        assert_eq!((done.rows, done.reduced), (1, 1));
    }
}
