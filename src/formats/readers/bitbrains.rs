//! Virtual machines of Bitbrains (GWA-T-12): a file a machine, a row every 300 s. A machine arrives with
//! its first row and ends with its last; one whose size changes is resized. The header says milliseconds where the
//! values are seconds. Files of equal names in folders of several months are one machine. The rows of one machine are in
//! memory at a time, as the pattern of what it uses.
//! Format: `traces.md`, section 11.

mod months;

use crate::parts::resizes::{Changed, Resizes, Standing};
use crate::readers::prelude::*;
use arrivals::usage_samples::{Steps, hundredths};
use intake::archive::{is_about, parts};
use intake::columns::separator_of_header;
use intake::rows::is_empty;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "bitbrains",
    summary: "virtual machines of Bitbrains, a file each (`;` between fields, header)",
    columns: COLUMNS,
    relations: &[],
    names: &["Disk read throughput [KB/s]"],
    cells,
    options: &["usage", "largest-request"],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    TIME: required("Timestamp [ms]", "seconds since 1970, in spite of the name"),
    CORES: required("CPU cores", "cores"),
    _: optional("CPU capacity provisioned [MHZ]", "read, not used"),
    _: optional("CPU usage [MHZ]", "read, not used"),
    USED: required("CPU usage [%]", "with the option `usage`, what it uses of its cores"),
    MEMORY: required("Memory capacity provisioned [KB]", "memory"),
    USED_MEMORY: required("Memory usage [KB]", "with the option `usage`, what it uses"),
    _: optional("Disk read throughput [KB/s]", "read, not used"),
    _: optional("Disk write throughput [KB/s]", "read, not used"),
    _: optional("Network received throughput [KB/s]", "read, not used"),
    _: optional("Network transmitted throughput [KB/s]", "read, not used"),
}

/// The layout of the table with a separator: the publisher's `;` and a tab, or what a copy has instead. A copy without a
/// header has the publisher's columns.
const fn layout(separator: u8, header: bool) -> Layout {
    Layout {
        header,
        ..Layout::headed(COLUMNS, separator)
    }
}

const SEPARATORS: [u8; 3] = [b';', b',', b'\t'];

/// Seconds since 1970 from which a number is a time of the trace.
const YEAR_1990: i64 = 631_152_000;
/// Seconds between two rows.
const STEP: i64 = 300;
/// From here on a time is in milliseconds: in seconds it would be the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The separator of a table whose header these bytes begin with; `None` if it is none of the format.
fn separator(first: &[u8]) -> Option<u8> {
    separator_of_header(first, &SEPARATORS, |found| {
        let mut required = COLUMNS.iter().filter(|column| column.required);
        required.all(|column| found.contains(&column.name))
    })
}

/// The separator of a table without a header.
fn separator_of_rows(first: &[u8]) -> Option<u8> {
    let tests: [FieldTest; 4] = [
        (TIME, |field| {
            field.parse().is_ok_and(|own: i64| own >= YEAR_1990)
        }),
        (CORES, |field| field.parse().is_ok_and(|own: f64| own < 1e4)),
        (USED, is_number_or_empty),
        (MEMORY, is_number_or_empty),
    ];
    let mut separators = SEPARATORS.into_iter();
    separators.find(|&own| row_has(first, own, COLUMNS.len(), &tests) == Confidence::Certain)
}

fn sniff(first: &[u8]) -> Confidence {
    match separator(first).or_else(|| separator_of_rows(first)) {
        Some(_) => Confidence::Certain,
        None => Confidence::No,
    }
}

/// The layout of a file.
fn layout_of(part: &Input) -> Result<Layout, TraceError> {
    let first = part.first_bytes()?;
    let headless = separator_of_rows(&first).map(|own| layout(own, false));
    let headed = || layout(separator(&first).unwrap_or(SEPARATORS[0]), true);
    Ok(headless.unwrap_or_else(headed))
}

fn cells(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    for part in parts(input)? {
        if !is_empty(&part.first_bytes()?) {
            show_rows(format, &layout_of(&part)?, &part, show)?;
        }
    }
    Ok(())
}

/// How an amount that is used is written.
type Written = fn(&i64) -> String;

/// A machine up to its present row.
struct Machine {
    /// The file and the line of its first row.
    file: Arc<str>,
    line: u64,
    first: i64,
    last: i64,
    /// The last row of the files before the present one.
    known_to: Option<i64>,
    /// The spec of its first row, with which it starts.
    spec: PodSpec,
    /// The spec of its last row.
    latest: PodSpec,
    /// The size in its last row.
    size: Size,
    resizes: Resizes,
    /// Hundredths of a percent of the cores, and bytes, from each second on; what a row leaves open is absent.
    used: Steps<i64, Written>,
    used_memory: Steps<i64, Written>,
}

/// 1/1000 cores and bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Size {
    cpu_milli: i64,
    memory: i64,
}

/// The values of a row.
struct Stated {
    time: i64,
    size: Size,
    used: Option<i64>,
    used_memory: Option<i64>,
    is_millis: bool,
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    let mut files = Vec::new();
    let parts = parts(input)?;
    let is_alone = parts.len() == 1;
    for part in parts {
        if !is_alone && is_about(&part.name) {
            journal.file = part.name.clone();
            journal.dirt("file about the trace, not read", Action::Keep, 1)?;
            continue;
        }
        files.push(part);
    }
    for files in months::machines(input, files)? {
        let mut machine = None;
        for part in &files {
            take_file(&mut machine, part, is_alone, &mut journal, options)?;
        }
        match machine {
            Some(machine) => machine.arrive(&mut gather, &mut journal, options),
            None if is_alone => {}
            None => {
                let kind = "file without a row; the machine is left out";
                journal.dirt(kind, Action::Drop, 1)?;
            }
        }
    }
    gather.finish_from_first(journal)
}

/// Takes the rows of a file of a machine. The file of one that was never on may be empty; a trace of one file may not.
fn take_file(
    machine: &mut Option<Machine>,
    part: &Input,
    is_alone: bool,
    journal: &mut Journal,
    options: &ReadOptions,
) -> Result<(), TraceError> {
    journal.file = part.name.clone();
    if let Some(machine) = machine {
        machine.known_to = Some(machine.last);
    }
    if !is_alone && is_empty(&part.first_bytes()?) {
        return Ok(());
    }
    let layout = layout_of(part)?;
    each_row_of(part, &layout, journal, &mut |journal, fields| {
        take(machine, journal, fields, options)
    })
}

/// The name of the machine of a file.
fn name(file: &str) -> &str {
    let path = file.rsplit_once(": ").map_or(file, |(_, path)| path);
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(".csv").next().unwrap_or(name)
}

impl Machine {
    fn new(file: Arc<str>, line: u64, stated: &Stated) -> Self {
        let spec = spec(stated.size);
        let in_bytes: Written = ToString::to_string;
        Self {
            file,
            line,
            known_to: None,
            first: stated.time,
            last: stated.time,
            latest: spec.clone(),
            spec,
            size: stated.size,
            resizes: Resizes::default(),
            used: Steps::new(stated.time, |used| hundredths(*used)),
            used_memory: Steps::new(stated.time, in_bytes),
        }
    }

    /// The machine arrives, once its last row is known.
    fn arrive(self, gather: &mut Gather, journal: &mut Journal, options: &ReadOptions) {
        journal.file = self.file;
        let submit = Instant::from_secs(self.first);
        let run_time = Some(Instant::from_secs(self.last).since(submit));
        let mut spec = self.spec;
        if options.usage {
            spec.behaviour = Some(Arc::new(Behaviour {
                cpu_usage: self.used.finish(),
                memory_usage: self.used_memory.finish(),
                ..Behaviour::default()
            }));
        }
        let spec = self.resizes.spec(&spec, run_time).unwrap_or(spec);
        let demand = Demand {
            submit,
            name: PodName::Text(name(&journal.file).into()),
            spec,
            run_time,
            ..Demand::default()
        };
        gather.push(journal.origin(self.line), demand);
    }

    /// A row states another size.
    fn change(
        &mut self,
        journal: &mut Journal,
        line: u64,
        stated: &Stated,
        stands: Standing,
    ) -> Result<(), TraceError> {
        let after = spec(stated.size);
        let changed = Changed {
            before: if stands == Standing::Largest {
                &self.spec
            } else {
                &self.latest
            },
            after: &after,
            when: "while it ran",
            stands,
        };
        let largest = changed.note(journal, line)?;
        match stands {
            Standing::Largest => self.spec = largest,
            Standing::Latest => {
                let passed = Duration::from_secs(stated.time - self.first);
                self.resizes.add(passed, &self.spec, &after);
            }
            Standing::First => {}
        }
        self.size = stated.size;
        self.latest = after;
        Ok(())
    }
}

/// The spec of a machine of a size.
fn spec(size: Size) -> PodSpec {
    PodSpec::with_requests(requests(Some(size.cpu_milli), Some(size.memory)))
}

/// The values of a row.
fn stated(fields: &Fields<'_, '_>) -> Result<Stated, BadRow> {
    let time = fields.number(TIME, 0, 100 * MILLISECONDS_FROM)?;
    let is_millis = time >= MILLISECONDS_FROM;
    let time = if is_millis { time / 1_000 } else { time };
    if time > LAST_SECOND {
        let expected = format!("at most {LAST_SECOND} s, or in milliseconds");
        return Err(fields.bad(TIME, &expected));
    }
    let cores = fields.scaled(CORES, 1_000, 1e5)?;
    let cores = cores.ok_or_else(|| fields.bad(CORES, "a number of cores"))?;
    let memory = fields.scaled(MEMORY, 1_024, 1e12)?;
    let memory = memory.ok_or_else(|| fields.bad(MEMORY, "a number of KB"))?;
    Ok(Stated {
        time,
        size: Size {
            cpu_milli: cores,
            memory,
        },
        used: fields.scaled(USED, 100, 1e5)?,
        used_memory: fields.scaled(USED_MEMORY, 1_024, 1e12)?,
        is_millis,
    })
}

fn take(
    machine: &mut Option<Machine>,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    options: &ReadOptions,
) -> Result<(), Refused> {
    let line = fields.line();
    let stated = stated(fields)?;
    let is_first = machine.is_none();
    let machine = machine.get_or_insert_with(|| Machine::new(journal.file.clone(), line, &stated));
    if machine.known_to.is_some_and(|last| stated.time <= last) {
        let kind = "row of a time that the file of the month before has, too";
        return Ok(journal.dirt(kind, Action::Drop, line)?);
    }
    if !is_first && stated.time <= machine.last {
        let expected = format!("later than that of the row above, {}", machine.last);
        return Err(fields.bad(TIME, &expected).into());
    }
    journal.keep_if(stated.is_millis, "time in milliseconds", line)?;
    if stated.size != machine.size {
        machine.change(journal, line, &stated, Standing::of(options))?;
    }
    if stated.time - machine.last > STEP {
        let kind = "gap above 300 s; the machine was off and uses nothing";
        journal.dirt(kind, Action::Keep, line)?;
        if options.usage {
            machine.used.push(machine.last + STEP, 0);
            machine.used_memory.push(machine.last + STEP, 0);
        }
    }
    if stated.used.is_none() || stated.used_memory.is_none() {
        let kind = "row that leaves use open; it uses what the row above does";
        journal.dirt(kind, Action::Keep, line)?;
    }
    machine.last = stated.time;
    if !options.usage {
        return Ok(());
    }
    if let Some(used) = stated.used {
        machine.used.push(stated.time, used);
    }
    if let Some(used) = stated.used_memory {
        machine.used_memory.push(stated.time, used);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
