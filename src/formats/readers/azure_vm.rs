//! Virtual machines of Azure, of 2017 and 2019: one headerless table. In 2019 cores and memory are
//! buckets, of which the last is open (`>24`, `>64`); it counts as 30 cores and 70 GiB, or what options say. A machine that
//! is there at the end of the trace has no run time. Readings of processors stand in tables of their
//! own: beside the machines, in a folder or an archive, they are what the machines use; alone they are
//! a workload of machines whose sizes are not known. Copies may have a header. Format: `traces.md`, section 6.

mod header;

mod size;

use crate::parts::class_keys::ClassKeys;
use crate::parts::measurements::{ByTask, Sample, Samples, SortedSpans, Span, Spans};
use crate::readers::prelude::*;
use arrivals::spill::TextLog;
use intake::headerless;
use intake::rows::USAGE_NOT_READ;
use size::Size;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "azure-vm",
    summary: "virtual machines of Azure, 2017 and 2019 (`vmtable`, CSV without header)",
    columns: COLUMNS,
    relations: &[
        Relation::recorded(&["created", "deleted"], "no earlier than `created`"),
        Relation::recorded(&["avg cpu", "max cpu"], "average use above the maximum"),
    ],
    names: &["vm id", "subscription id", "deployment id"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["usage", "open-buckets"],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    VM: required("vm id", "machine; becomes the name"),
    SUBSCRIPTION: required("subscription id", "subscription; becomes the tenant"),
    _: required("deployment id", "deployment; read, not used"),
    CREATED: required("created", "s from the trace's start; 0 may be before it") => is_whole,
    DELETED: required("deleted", "s; 2591700 and later: still there at the end") => is_whole,
    MOST: required("max cpu", "percent; read, not used"),
    MEAN: required("avg cpu", "percent; with the option `usage`, what it uses") => is_number_or_empty,
    _: required("p95 max cpu", "percent; read, not used"),
    CATEGORY: required("category", "Delay-insensitive, Interactive or Unknown; read, not used")
        => |field| CATEGORIES.contains(&field),
    CORES: required("cores", "cores, or a bucket such as `>24`"),
    MEMORY: required("memory", "GiB, or a bucket such as `>64`"),
}

columns! { READING_COLUMNS;
    READ_AT: required("timestamp", "s from the trace's start") => is_reading_time,
    READ_VM: required("vm id", "machine") => |field| !is_number_or_empty(field),
    LEAST: required("min cpu", "percent; read, not used") => is_percent,
    READ_MOST: required("max cpu", "percent; read, not used") => is_percent,
    READ_MEAN: required("avg cpu", "percent; with the option `usage`, what it uses") => is_percent,
}

const LAYOUT: Layout = Layout::headless(COLUMNS);
const READINGS: Layout = Layout::headless(READING_COLUMNS);

/// Seconds from one reading to the next.
const STEP: i64 = 300;

/// The last reading of the trace: what is deleted then or later is still there.
const END: Instant = Instant::from_secs(2_591_700);

fn sniff(first: &[u8]) -> Confidence {
    is_machines(first).max(is_readings(first))
}

/// Whether a table that begins with these bytes is one of machines.
fn is_machines(first: &[u8]) -> Confidence {
    if header::of_machines(first).is_some() {
        return Confidence::Certain;
    }
    LAYOUT.confidence(first)
}

/// Whether a table that begins with these bytes is one of readings.
fn is_readings(first: &[u8]) -> Confidence {
    if header::of_readings(first).is_some() {
        return Confidence::Certain;
    }
    // A name between numbers may be a row of many other tables, too.
    READINGS.confidence(first).min(Confidence::Maybe)
}

/// Whether a field is the time of a reading: there is one each five minutes.
fn is_reading_time(field: &str) -> bool {
    field
        .parse::<i64>()
        .is_ok_and(|at| at >= 0 && at % 300 == 0)
}

/// Whether a field is a share of a machine, or empty; a hypervisor may measure a little more than all.
fn is_percent(field: &str) -> bool {
    field.is_empty() || { field.parse::<f64>() }.is_ok_and(|share| (0.0..=110.0).contains(&share))
}

/// The categories of machines; the files spell one in two ways.
const CATEGORIES: [&str; 4] = ["Delay-insensitive", "Interactive", "Unknown", "Unkown"];

trace_tables! { TABLES;
    "vmtable": is_machines, "machines";
    "vm_cpu_readings": is_readings, "readings of machines";
    "subscriptions": is_subscriptions, "subscriptions, not read; `vmtable` names that of each machine";
    "deployments": is_deployments, "deployments, not read; `vmtable` names that of each machine";
}

/// Whether a table that begins with these bytes is one of subscriptions: key, first creation, number of machines.
fn is_subscriptions(first: &[u8]) -> Confidence {
    let is_key = |field: &str| !is_number_or_empty(field);
    row_has(first, b',', 3, &[(0, is_key), (1, is_whole), (2, is_whole)])
}

/// Whether a table that begins with these bytes is one of deployments: key, size.
fn is_deployments(first: &[u8]) -> Confidence {
    let is_key = |field: &str| !is_number_or_empty(field);
    row_has(first, b',', 2, &[(0, is_key), (1, is_whole)])
}

/// The tables of machines and those of readings.
fn tables(input: &Input) -> Result<Tables<2>, TraceError> {
    Tables::of(input, TABLES, ["vmtable", "vm_cpu_readings"])
}

/// Readings by machine: hundredths of a percent in use, each from a second on.
struct Readings {
    samples: Samples,
    /// The names of machines, where no table lists them.
    names: Option<Names>,
}

/// The names of machines by their keys.
#[derive(Default)]
struct Names {
    log: TextLog<1>,
    places: Places,
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let [machines, of_readings] = &tables.read;
    let mut readings = Readings {
        samples: Samples::default(),
        names: machines.is_empty().then(Names::default),
    };
    for part in of_readings {
        journal.file = part.name.clone();
        if !options.usage && !machines.is_empty() {
            journal.dirt(USAGE_NOT_READ, Action::Keep, 1)?;
            continue;
        }
        let layout = header::layout(header::of_readings(&part.first_bytes()?), READINGS);
        each_row_of(part, &layout, &mut journal, &mut |journal, fields| {
            take_reading(&mut readings, journal, fields)
        })?;
    }
    // Shards are split by time, and their names don't sort as the times do.
    let mut spans = Spans::default();
    let Readings { samples, names } = readings;
    let samples = samples.sorted_with(|own| spans.add(own, own.sample.at))?;
    let spans = spans.sorted();
    each_span(spans.clone(), |span| {
        let kind = "machine with several readings of an instant; the last stands";
        if span.has_twice {
            journal.dirt_at(kind, Action::Repair, Origin::of_number(span.place))?;
        }
        Ok(())
    })?;
    let mut gather = Gather::default();
    if let Some(names) = names {
        each_span(spans, |span| alone(&mut gather, &mut journal, &names, span))?;
        return gather.finish(journal);
    }
    let mut used = Used {
        samples,
        sizes: ClassKeys::new(&LAYOUT.between(CATEGORY..=MEMORY)),
    };
    for part in machines {
        journal.file = part.name.clone();
        let layout = header::layout(header::of_machines(&part.first_bytes()?), LAYOUT);
        each_row_of(part, &layout, &mut journal, &mut |journal, fields| {
            take(&mut gather, journal, fields, options, &mut used)
        })?;
    }
    each_span(spans, |span| {
        if used.samples.is_claimed(span.key)? {
            return Ok(());
        }
        let kind = "readings of a machine that is not listed";
        journal.dirt_at(kind, Action::Drop, Origin::of_number(span.place))
    })?;
    gather.finish(journal)
}

/// Takes the time of each machine with readings, in the order of their first ones.
fn each_span(
    mut spans: SortedSpans,
    mut take: impl FnMut(Span) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    while let Some(span) = spans.next()? {
        take(span)?;
    }
    Ok(())
}

/// The usage of machines, and the sizes met so far.
struct Used {
    samples: ByTask,
    sizes: ClassKeys<Size>,
}

impl Used {
    /// The use of a machine that is there between two instants, if there are readings of it. Of a machine that is listed
    /// twice, the first row has them.
    fn first_use(
        &mut self,
        journal: &mut Journal,
        fields: &Fields<'_, '_>,
        [created, deleted]: [Instant; 2],
    ) -> Result<Option<Behaviour>, TraceError> {
        let key = Places::key([fields.text(VM)]);
        let Some((first, last)) = self.samples.ends(key)? else {
            return Ok(None);
        };
        if !self.samples.claim(key)? {
            return Ok(None);
        }
        let [first, last] = [first, last].map(Instant::from_secs);
        let kind = "readings beyond the life of their machine";
        journal.keep_if(first < created || last >= deleted, kind, fields.line())?;
        let start = created.as_nanos() / 1_000_000_000;
        self.samples.shares(key, start)
    }
}

fn take_reading(
    readings: &mut Readings,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
) -> Result<(), Refused> {
    let is_word = |place| matches!(fields.bytes(place), [first, ..] if first.is_ascii_alphabetic());
    if fields.line() == 1 && [READ_AT, READ_MEAN].into_iter().all(is_word) {
        return Ok(journal.dirt(HEADER, Action::Keep, 1)?);
    }
    let at = fields.number(READ_AT, 0, LAST_SECOND)?;
    let name = fields.name(READ_VM, "the name of a machine")?;
    let (least, most) = (fields.decimal(LEAST, 1e3)?, fields.decimal(READ_MOST, 1e3)?);
    let mean = fields.scaled(READ_MEAN, 100, 1e3)?;
    let mean = mean.ok_or_else(|| fields.bad(READ_MEAN, "a percentage"))?;
    let hundredths = mean as f64 / 100.0;
    // A hundredth is rounded away.
    let is_outside = least.is_some_and(|least| hundredths + 0.01 < least)
        || most.is_some_and(|most| hundredths > most + 0.01);
    let kind = "average use beyond minimum or maximum";
    journal.keep_if(is_outside, kind, fields.line())?;
    let key = Places::key([name]);
    if let Some(names) = &mut readings.names
        && names.places.get(key)?.is_none()
    {
        names.places.put(key, names.log.push([name]))?;
    }
    let sample = Sample::new(at, [Some(mean), None, None]);
    let place = journal.origin(fields.line()).number();
    readings.samples.push_at(key, place, sample);
    Ok(())
}

/// A machine of which nothing but readings is known.
fn alone(
    gather: &mut Gather,
    journal: &mut Journal,
    names: &Names,
    span: Span,
) -> Result<(), TraceError> {
    let place = Origin::of_number(span.place);
    let kind = "readings of a machine whose size is not stated; requests nothing";
    journal.dirt_at(kind, Action::Keep, place)?;
    let is_there = Instant::from_secs(span.until + STEP) >= END;
    if is_there {
        let kind = "there at the end of the trace; run time not known";
        journal.dirt_at(kind, Action::Keep, place)?;
    }
    let name = names.places.get(span.key)?.unwrap_or_default();
    let [name] = names.log.get(name)?;
    let demand = Demand {
        submit: Instant::from_secs(span.from),
        name: PodName::Text(name.into()),
        spec: PodSpec::with_requests(requests(None, None)),
        run_time: (!is_there).then(|| Duration::from_secs(span.until - span.from + STEP)),
        ..Demand::default()
    };
    gather.push(place, demand);
    Ok(())
}

/// The note about a line with names, which the publisher's files don't have.
const HEADER: &str = headerless::NOTE;

/// Whether the first line has names where the others have times and sizes.
fn is_header(fields: &Fields<'_, '_>) -> bool {
    let is_name = |place: usize| {
        let first = fields.bytes(place).first();
        first.is_some_and(u8::is_ascii_alphabetic)
    };
    [CREATED, DELETED, CORES, MEMORY].into_iter().all(is_name)
}

fn check_category(fields: &Fields<'_, '_>) -> Result<(), BadRow> {
    let is_own = |category: &&str| category.as_bytes() == fields.bytes(CATEGORY);
    if CATEGORIES.iter().any(is_own) {
        return Ok(());
    }
    Err(fields.bad(CATEGORY, "Delay-insensitive, Interactive or Unknown"))
}

/// Documented dirt of a row.
const DIRT: [(&str, Action); 3] = [
    ("average use above the maximum", Action::Keep),
    ("created at 0, perhaps before", Action::Keep),
    (
        "there at the end of the trace; run time not known",
        Action::Keep,
    ),
];

/// The kind of a row with an open bucket.
fn open_bucket(options: &ReadOptions) -> String {
    let cores = options.open_cpu_milli / 1_000;
    let gib = options.open_memory_bytes >> 30;
    format!("open bucket of a size; {cores} cores, {gib} GiB")
}

/// The instants at which a machine was created and deleted.
#[inline]
fn life(fields: &Fields<'_, '_>) -> Result<[Instant; 2], BadRow> {
    let instant = |place| -> Result<Instant, BadRow> {
        let at = fields.seconds(place)?;
        at.ok_or_else(|| fields.bad(place, "seconds"))
    };
    let (created, deleted) = (instant(CREATED)?, instant(DELETED)?);
    if deleted < created {
        return Err(fields.bad(DELETED, "no earlier than `created`"));
    }
    Ok([created, deleted])
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
    used: &mut Used,
) -> Result<(), Refused> {
    let line = fields.line();
    if line == 1 && is_header(fields) {
        return Ok(journal.dirt(HEADER, Action::Keep, line)?);
    }
    let name = fields.bytes(VM);
    if name.is_empty() {
        return Err(fields.bad(VM, "the name of a machine").into());
    }
    let [created, deleted] = life(fields)?;
    // Rows of the same text are of one size.
    let known = used.sizes.find(fields.row());
    let size = match known {
        Some(size) => size,
        None => Size::of(fields, options)?,
    };
    let (most, mean) = (fields.decimal(MOST, 1e3)?, fields.decimal(MEAN, 1e3)?);
    if known.is_none() {
        check_category(fields)?;
        used.sizes.learn(fields.row(), size);
    }
    let Size { cores, memory, .. } = size;
    let is_above = most.zip(mean).is_some_and(|(most, mean)| mean > most);
    let is_there = deleted >= END;
    if size.is_open {
        journal.dirt(&open_bucket(options), Action::Repair, line)?;
    }
    let found = [is_above, created == Instant::ZERO, is_there];
    for (_, (kind, action)) in found.into_iter().zip(DIRT).filter(|own| own.0) {
        journal.dirt(kind, action, line)?;
    }
    let run_time: Option<Duration> = (!is_there).then(|| deleted.since(created));
    if used.samples.is_empty() && !options.usage {
        let demand = PlainDemand {
            submit: created,
            name: FlatName::Text(name),
            tenant: fields.bytes(SUBSCRIPTION),
            amounts: Amounts::of(cores, memory),
            run_time,
            ..PlainDemand::default()
        };
        gather.push_plain(journal.origin(line), demand);
        return Ok(());
    }
    let mut spec = PodSpec::with_requests(requests(Some(cores), Some(memory)));
    if let Some(behaviour) = used.first_use(journal, fields, [created, deleted])? {
        spec.behaviour = Some(Arc::new(behaviour));
    } else if let Some(mean) = mean.filter(|_| options.usage) {
        // A hundredth of a percent tells machines apart well enough, and keeps classes few.
        spec.behaviour = Some(Arc::new(Behaviour {
            cpu_usage: Some(format!("{mean:.2}%").into()),
            ..Behaviour::default()
        }));
    }
    let demand = Demand {
        submit: created,
        name: PodName::Text(fields.text(VM).into()),
        tenant: fields.text(SUBSCRIPTION).into(),
        spec,
        run_time,
        ..Demand::default()
    };
    gather.push(journal.origin(line), demand);
    Ok(())
}

#[cfg(test)]
mod tests;
