//! The project's own table of arrivals as a Parquet file: times in whole nanoseconds, processors in thousandths,
//! memory in bytes; what is absent is null.

use std::io::{self, Write};

use super::conversion::{gang_name, task_names};
use super::table::{Layout, cell, models, reading, said, start};
use super::{Reading, Record, RecordWriter, Settings, Writer, not_taken};
use crate::prelude::*;
use arrivals::class_cache::ByClass;
use arrivals::job_fields::JobField;
use arrivals::pod::settings::are_said_by_columns;
use intake::parquet::{Kind, ParquetFile};
use model::JOB_TYPE_LABEL;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};

/// The registry's entry.
pub(super) const ENTRY: Writer = Writer {
    name: "parquet",
    summary: "the project's own table as a Parquet file",
    has_usage: true,
    has_resizes: true,
    begin: |settings, out| Ok(Box::new(Table::begin(settings, out)?)),
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

/// The columns of settings and of resizes.
const MORE: [(&str, Kind); 2] = [("pod", Kind::Text), ("resizes", Kind::Text)];

/// The columns of what arrivals wait for.
const LINKS: [(&str, Kind); 3] = [
    ("after", Kind::Text),
    ("part_of", Kind::Text),
    ("think_time_ns", Kind::Integer),
];

/// The column of gangs.
const GANG: [(&str, Kind); 1] = [("gang", Kind::Text)];

/// A table that is being written.
struct Table<'out> {
    row: Row<'out>,
    layout: Layout,
    has_links: bool,
    has_gangs: bool,
    classes: ByClass<Class>,
}

impl<'out> Table<'out> {
    fn begin(settings: &Settings, out: &'out mut dyn Write) -> io::Result<Self> {
        let layout = Layout::of(settings);
        let usage = USAGE.into_iter().filter(|_| layout.with_usage);
        let more = MORE.into_iter().filter(|(name, _)| match *name {
            "pod" => layout.columns.has_pods,
            _ => layout.columns.has_resizes,
        });
        let links = LINKS.into_iter().filter(|_| settings.has_links);
        let gang = GANG.into_iter().filter(|_| settings.has_gangs);
        let text = |field: &&JobField| (field.column, Kind::Text);
        let fields: Vec<(&str, Kind)> = layout.fields.iter().map(text).collect();
        let columns = COLUMNS.into_iter().chain(usage).chain(more).chain(links);
        let columns = columns.chain(gang).chain(fields);
        let file = ParquetFile::begin(columns, out)?;
        Ok(Self {
            row: Row { file, next: 0 },
            layout,
            has_links: settings.has_links,
            has_gangs: settings.has_gangs,
            classes: ByClass::default(),
        })
    }
}

impl RecordWriter for Table<'_> {
    fn class(&mut self, number: u32, spec: &PodSpec) -> PodSpec {
        let class = Class::of(spec, &self.layout);
        let said = class.said.clone();
        self.classes.put(number, class);
        said
    }

    fn write(&mut self, record: &Record<'_>) -> io::Result<Reading> {
        let arrival = record.arrival;
        let class = self.classes.get(arrival.class).ok_or_else(not_taken)?;
        let row = &mut self.row;
        row.next = 0;
        write_arrival(arrival, class, &cell(record.tenant), row);
        if self.layout.with_usage {
            for own in &class.usage {
                row.text(own.as_deref().unwrap_or_default());
            }
        }
        for own in &class.more {
            row.text(own);
        }
        if self.has_links {
            write_links(arrival, row);
        }
        if self.has_gangs {
            row.text(&cell(&gang_name(arrival)));
        }
        for field in &self.layout.fields {
            row.text(&cell(field.of(&class.said.labels)));
        }
        row.file.end_row()?;
        Ok(reading(record))
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.row.file.finish()
    }
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
    row.text(&cell(&arrival.name.to_string()));
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
    row.integer(start(arrival).map(since_zero));
    row.text(tenant);
    row.integer(Some(class.said.priority.into()));
    row.text(&cell(&class.said.namespace));
    row.text(&cell(&class.job_type));
}

fn write_links(arrival: &Arrival, row: &mut Row<'_>) {
    let (after, part_of) = task_names(arrival);
    row.text(&cell(&after));
    row.text(&cell(&part_of));
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
    /// The cells of settings and of resizes, as far as they have columns.
    more: Vec<String>,
}

/// The resources of the columns of amounts, each with the number of whole units and the amount of so many.
const AMOUNTS: [(&str, Whole, OfWhole); 3] = [
    (CPU, milli, Quantity::from_milli),
    (MEMORY, units, Quantity::from_units),
    (EPHEMERAL_STORAGE, units, Quantity::from_units),
];

/// The number of whole units of an amount, rounded up.
type Whole = fn(Quantity) -> i64;
/// The amount of so many units.
type OfWhole = fn(i64) -> Quantity;

fn milli(amount: Quantity) -> i64 {
    amount.milli_ceil().unwrap_or(i64::MAX)
}

fn units(amount: Quantity) -> i64 {
    amount.units_ceil().unwrap_or(i64::MAX)
}

impl Class {
    fn of(spec: &PodSpec, layout: &Layout) -> Self {
        let said = said(spec, layout);
        let list = said.requests().unwrap_or_default();
        let mut read = ResourceList::default();
        let amounts = AMOUNTS.map(|(resource, whole, of_whole)| {
            list.stated(resource).map(|amount| {
                read.set(resource, of_whole(whole(amount)));
                whole(amount)
            })
        });
        let containers = if are_said_by_columns(&said) {
            PodSpec::with_requests(read).containers
        } else {
            // The template has the amounts as they are.
            said.containers.clone()
        };
        let said = PodSpec { containers, ..said };
        let behaviour = said.behaviour.as_deref();
        let usage = [
            behaviour.and_then(|usage| usage.cpu_usage.clone()),
            behaviour.and_then(|usage| usage.memory_usage.clone()),
        ];
        Self {
            amounts,
            gpu_models: models(&said.gpu),
            job_type: said.labels.get(JOB_TYPE_LABEL).cloned().unwrap_or_default(),
            usage,
            more: layout.more(&said).collect(),
            said,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;
    use crate::tests::prelude::*;
    use crate::writers::Converted;
    use arrivals::memory::MemorySource;

    fn written(recorded: Recorded) -> (Converted, Vec<u8>) {
        let mut bytes = Vec::new();
        let done = ENTRY.write(&mut MemorySource::new(recorded), false, &mut bytes);
        (done.expect("memory"), bytes)
    }

    fn of_spec(spec: PodSpec) -> Recorded {
        Recorded {
            arrivals: vec![Arrival {
                run_time: Some(Duration::from_nanos(i64::MAX)),
                historic_start: Some(Instant::from_nanos(2_591_999_999_999_999)),
                origin: intake::Origin::line(1),
                ..Arrival::new(Instant::from_nanos(1), PodName::Text("a".into()))
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
        let open = opener(entry);
        let again = collected(open(&input, &ReadOptions::default()));
        assert_eq!((entry.name, again), ("csv", recorded));
    }

    #[test]
    fn parts_of_a_byte_are_rounded_up_and_counted() {
        let list = ResourceList::from_pairs([(MEMORY, Quantity::from_milli(1_500))]);
        let (done, _) = written(of_spec(PodSpec::with_requests(list)));
        assert_eq!((done.rows, done.reduced), (1, 1));
    }
}
