//! Virtual machines of Bitbrains (GWA-T-12): a file a machine, a row every 300 s. A machine arrives with
//! its first row and ends with its last; one whose size changes is resized. The header says milliseconds where the
//! values are seconds. The file of one machine is in memory at a time, as the pattern of what it uses.
//! Format: `traces.md`, section 11.

use std::sync::Arc;

use crate::archive::{is_about, of_one_folder, parts};
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::ledger::{Action, BadRow, Journal};
use crate::options::ReadOptions;
use crate::resizes::{Changed, Resizes, Standing};
use crate::rows::{Fields, Layout, Refused, each_row_of, is_empty, show_rows};
use crate::samples::{Steps, hundredths};
use crate::stream::ArrivalSource;
use model::{Behaviour, PodName, PodSpec};
use units::{Duration, Instant};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "bitbrains",
    summary: "virtual machines of Bitbrains, a file each (`;` between fields, header)",
    columns: COLUMNS,
    names: &["Disk read throughput [KB/s]"],
    cells,
    options: &["usage", "largest-request"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("Timestamp [ms]", "seconds since 1970, in spite of the name"),
    ColumnDoc::required("CPU cores", "cores"),
    ColumnDoc::optional("CPU capacity provisioned [MHZ]", "read, not used"),
    ColumnDoc::optional("CPU usage [MHZ]", "read, not used"),
    ColumnDoc::required(
        "CPU usage [%]",
        "with the option `usage`, what it uses of its cores",
    ),
    ColumnDoc::required("Memory capacity provisioned [KB]", "memory"),
    ColumnDoc::required("Memory usage [KB]", "with the option `usage`, what it uses"),
    ColumnDoc::optional("Disk read throughput [KB/s]", "read, not used"),
    ColumnDoc::optional("Disk write throughput [KB/s]", "read, not used"),
    ColumnDoc::optional("Network received throughput [KB/s]", "read, not used"),
    ColumnDoc::optional("Network transmitted throughput [KB/s]", "read, not used"),
];

/// The layout of the table with a separator: the publisher's `;` and a tab, or what a copy has instead.
const fn layout(separator: u8) -> Layout {
    Layout::headed(COLUMNS, separator)
}

const SEPARATORS: [u8; 3] = [b';', b',', b'\t'];

const TIME: usize = 0;
const CORES: usize = 1;
const USED: usize = 4;
const MEMORY: usize = 5;
const USED_MEMORY: usize = 6;

/// Seconds between two rows.
const STEP: i64 = 300;
/// From here on a time is in milliseconds: in seconds it would be the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The separator of a table whose header these bytes begin with; `None` if it is none of the format.
fn separator(first: &[u8]) -> Option<u8> {
    let line = first.split(|&byte| byte == b'\n').next().unwrap_or(first);
    let line = str::from_utf8(line).ok()?;
    let required = COLUMNS.iter().filter(|column| column.required);
    let names: Vec<&str> = required.map(|column| column.name).collect();
    SEPARATORS.into_iter().find(|&separator| {
        let found = line.split(char::from(separator));
        let found: Vec<&str> = found.map(|name| name.trim().trim_matches('"')).collect();
        names.iter().all(|name| found.contains(name))
    })
}

fn sniff(first: &[u8]) -> Confidence {
    match separator(first) {
        Some(_) => Confidence::Certain,
        None => Confidence::No,
    }
}

/// The layout of a file.
fn layout_of(part: &Input) -> Result<Layout, TraceError> {
    let first = part.first_bytes()?;
    Ok(layout(separator(&first).unwrap_or(SEPARATORS[0])))
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
    /// The line of its first row.
    line: u64,
    first: i64,
    last: i64,
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
    let parts = parts(input)?;
    of_one_folder(input, &parts)?;
    for part in &parts {
        journal.file = part.name.clone();
        if parts.len() > 1 && is_about(&part.name) {
            journal.dirt("file about the trace, not read", Action::Keep, 1)?;
            continue;
        }
        let mut machine = None;
        // The file of a machine that was never on may be empty; a trace of one file may not.
        let is_alone = parts.len() == 1;
        if is_alone || !is_empty(&part.first_bytes()?) {
            let layout = layout_of(part)?;
            each_row_of(part, &layout, &mut journal, &mut |journal, fields| {
                take(&mut machine, journal, fields, options)
            })?;
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

impl Machine {
    fn new(line: u64, stated: &Stated) -> Self {
        let spec = spec(stated.size);
        let in_bytes: Written = ToString::to_string;
        Self {
            line,
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
        let path = { journal.file.rsplit_once(": ") }.map_or(&*journal.file, |(_, path)| path);
        let name = path.rsplit('/').next().unwrap_or_default();
        let name = name.split(".csv").next().unwrap_or(name);
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
            name: PodName::Text(name.into()),
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
    let cores = fields.scaled(CORES, 1_000, 1e5)?;
    let cores = cores.ok_or_else(|| fields.bad(CORES, "a number of cores"))?;
    let memory = fields.scaled(MEMORY, 1_024, 1e12)?;
    let memory = memory.ok_or_else(|| fields.bad(MEMORY, "a number of KB"))?;
    Ok(Stated {
        time: if is_millis { time / 1_000 } else { time },
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
    let machine = machine.get_or_insert_with(|| Machine::new(line, &stated));
    if !is_first && stated.time <= machine.last {
        let expected = format!("later than that of the row above, {}", machine.last);
        return Err(fields.bad(TIME, &expected).into());
    }
    if stated.is_millis {
        journal.dirt("time in milliseconds", Action::Keep, line)?;
    }
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
mod tests {
    use super::*;
    use crate::archive::packed::archive;
    use crate::inspect::validate;
    use crate::memory::Recorded;

    const HEADER: &str = "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\t\
                          CPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned [KB];\t\
                          Memory usage [KB];\tDisk read throughput [KB/s];\t\
                          Disk write throughput [KB/s];\tNetwork received throughput [KB/s];\t\
                          Network transmitted throughput [KB/s]\n";

    fn row(time: i64, cores: u32, used: &str) -> String {
        format!(
            "{time};\t{cores};\t2599.9;\t19.06;\t{used};\t2048.0;\t1024.0;\t0.0;\t1.4;\t0.0;\t0.0\n"
        )
    }

    #[test]
    fn files_without_a_row_are_told() {
        let whole = format!("{HEADER}{}", row(1_000, 2, "1"));
        let files = [("d/1.csv", HEADER), ("d/2.csv", &*whole), ("d/3.csv", "")];
        for (input, machines, empty) in [
            (Input::bytes("d.tar", archive(&files)), 1, 2),
            (Input::bytes("1.csv", HEADER.as_bytes()), 0, 0),
        ] {
            let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
            assert_eq!((found.accepted, &found.stopped), (machines, &None));
            let kind = "file without a row; the machine is left out";
            assert_eq!(found.ledger.count(kind), empty);
            assert_eq!(found.is_empty(), machines == 0);
        }
    }

    #[test]
    fn use_that_a_row_leaves_open_is_not_zero() {
        let rows = [row(1_000, 2, "5"), row(1_300, 2, ""), row(1_600, 2, "7")].concat();
        let input = Input::bytes("7.csv", format!("{HEADER}{rows}").into_bytes());
        let options = ReadOptions {
            usage: true,
            ..ReadOptions::default()
        };
        let mut source = open(&input, &options).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let behaviour = recorded.classes[0].behaviour.as_ref().expect("usage");
        let expected = "recorded(0s: 5.00%, 600s: 7.00%)";
        assert_eq!(behaviour.cpu_usage.as_deref(), Some(expected));
        let kind = "row that leaves use open; it uses what the row above does";
        assert_eq!(recorded.ledger.count(kind), 1);
    }

    #[test]
    fn a_machine_is_there_from_its_first_row_to_its_last() {
        let rows = [
            row(1_000, 2, "0.733"),
            row(1_300, 2, "50"),
            row(2_500, 4, "1"),
        ]
        .concat();
        let input = Input::bytes("fastStorage/7.csv", format!("{HEADER}{rows}").into_bytes());
        let options = ReadOptions {
            usage: true,
            ..ReadOptions::default()
        };
        let mut source = open(&input, &options).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let arrival = &recorded.arrivals[0];
        assert_eq!(arrival.name.to_string(), "7");
        assert_eq!(arrival.run_time, Some(Duration::from_secs(1_500)));
        let behaviour = recorded.classes[0].behaviour.as_ref().expect("usage");
        assert_eq!(
            behaviour.cpu_usage,
            Some("recorded(0s: 0.73%, 300s: 50.00%, 600s: 0.00%, 1500s: 1.00%)".into())
        );
        assert_eq!(
            behaviour.memory_usage,
            Some("recorded(0s: 1048576, 600s: 0, 1500s: 1048576)".into())
        );
        for kind in [
            "gap above 300 s; the machine was off and uses nothing",
            "more cores requested while it ran; the first request stands",
        ] {
            assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
        }
        let rows = [row(1_000, 2, "1"), row(1_000, 2, "1"), row(1_300, 2, "x")].concat();
        let input = Input::bytes("7.csv", format!("{HEADER}{rows}").into_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "7.csv:3: column `Timestamp [ms]`: must be later than that of the row above, \
                 1000, found `1000`",
                "7.csv:4: column `CPU usage [%]`: must be a number, found `x`",
            ]
        );
    }
    #[test]
    fn a_machine_whose_size_changes_is_resized() {
        let rows = [
            row(1_000, 2, "1"),
            row(1_300, 4, "1"),
            row(1_600, 0, "1"),
            row(1_900, 1, "1"),
        ];
        let input = Input::bytes("7.csv", format!("{HEADER}{}", rows.concat()).into_bytes());
        let read = |resizes, largest_request| {
            let options = ReadOptions {
                largest_request,
                resizes,
                ..ReadOptions::default()
            };
            let mut source = open(&input, &options).expect("good rows");
            let recorded = Recorded::collect(&mut *source).expect("good rows");
            let milli = |list: &model::ResourceList| list.get("cpu").milli_ceil().expect("small");
            let spec = &recorded.classes[0];
            let behaviour = spec.behaviour.as_ref();
            let resizes = behaviour.iter().flat_map(|own| &own.resizes);
            let resizes: Vec<_> = resizes
                .map(|own| (own.after, milli(&own.requests)))
                .collect();
            (milli(&spec.requests().expect("small")), resizes)
        };
        assert_eq!(read(false, false), (2_000, Vec::new()));
        assert_eq!(read(false, true), (4_000, Vec::new()));
        let at = Duration::from_secs;
        assert_eq!(read(true, false), (2_000, vec![(at(300), 4_000)]));
    }

    #[test]
    fn copies_with_other_separators_say_the_same() {
        let text = format!("{HEADER}{}{}", row(1_000, 2, "5"), row(1_300, 2, "7"));
        let quoted = text.replace("Timestamp [ms];", "\"Timestamp [ms]\";");
        for text in [text.replace(";\t", ","), text.replace(";\t", "\t"), quoted] {
            let input = Input::bytes("7.csv", text.into_bytes());
            let entry = crate::registry::recognize(&input).expect("known");
            assert_eq!(entry.name, ENTRY.name);
            let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
            assert_eq!((found.accepted, found.bad_row_count), (1, 0));
        }
    }
}
