//! Virtual machines of Bitbrains (GWA-T-12): a file a machine, a row every 300 s. A machine arrives with
//! its first row and ends with its last. The header says milliseconds where the values are seconds.
//! Format: `traces.md`, section 11.

use std::sync::Arc;

use crate::archive::{of_one_folder, parts};
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry, row_has};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::rows::{Fields, Layout, Refused, each_row_of, show_rows};
use crate::samples::pattern;
use crate::stream::ArrivalSource;
use model::{Behaviour, PodName, PodSpec};
use units::Instant;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "bitbrains",
    summary: "virtual machines of Bitbrains, a file each (`;` between fields, header)",
    columns: COLUMNS,
    names: &["Disk read throughput [KB/s]"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &["usage"],
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

const LAYOUT: Layout = Layout::headed(COLUMNS, b';');

const TIME: usize = 0;
const CORES: usize = 1;
const USED: usize = 4;
const MEMORY: usize = 5;
const USED_MEMORY: usize = 6;

/// Seconds between two rows.
const STEP: i64 = 300;
/// From here on a time is in milliseconds: in seconds it would be the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

fn sniff(first: &[u8]) -> Confidence {
    row_has(
        first,
        b';',
        COLUMNS.len(),
        &[(TIME, |field| field == COLUMNS[TIME].name)],
    )
}

/// A machine up to its present row.
struct Machine {
    file: Arc<str>,
    /// The line of its first row.
    line: u64,
    first: i64,
    last: i64,
    /// 1/1000 cores and bytes.
    size: (i64, i64),
    /// Hundredths of a percent of the cores, and bytes, from each second on; what a row leaves open is absent.
    samples: Vec<(i64, Option<i64>, Option<i64>)>,
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut machines: Vec<Machine> = Vec::new();
    let parts = parts(input)?;
    of_one_folder(input, &parts)?;
    for part in &parts {
        journal.file = part.name.clone();
        let known = machines.len();
        // The file of a machine that was never on may be empty; a trace of one file may not.
        let is_alone = parts.len() == 1;
        if is_alone || !part.first_bytes()?.trim_ascii().is_empty() {
            each_row_of(part, &LAYOUT, &mut journal, &mut |journal, fields| {
                take(&mut machines, journal, fields, options.usage)
            })?;
        }
        if machines.len() == known && !is_alone {
            let kind = "file without a row; the machine is left out";
            journal.dirt(kind, Action::Drop, 1)?;
        }
    }
    let zero = machines
        .iter()
        .map(|machine| machine.first)
        .min()
        .unwrap_or_default();
    let mut gather = Gather::default();
    for machine in machines {
        journal.file = machine.file.clone();
        let name = machine.file.rsplit('/').next().unwrap_or_default();
        let name = name.split(".csv").next().unwrap_or(name);
        let submit = Instant::from_secs(machine.first - zero);
        gather.push(
            journal.origin(machine.line),
            Demand {
                submit,
                name: PodName::Text(name.into()),
                spec: machine.spec(options.usage),
                run_time: Some(Instant::from_secs(machine.last - zero).since(submit)),
                ..Demand::default()
            },
        );
    }
    gather.finish(journal)
}

impl Machine {
    fn spec(&self, has_usage: bool) -> PodSpec {
        let (cpu, memory) = self.size;
        let mut spec = PodSpec::with_requests(requests(Some(cpu), Some(memory)));
        if has_usage {
            let samples = self.samples.iter();
            let cpu = { samples.clone() }.filter_map(|sample| Some((sample.0, sample.1?)));
            let memory = samples.filter_map(|sample| Some((sample.0, sample.2?)));
            spec.behaviour = Some(Arc::new(Behaviour {
                cpu_usage: pattern(self.first, cpu, |used| {
                    format!("{}.{:02}%", used / 100, used % 100)
                }),
                memory_usage: pattern(self.first, memory, ToString::to_string),
                ..Behaviour::default()
            }));
        }
        spec
    }
}

fn take(
    machines: &mut Vec<Machine>,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    keeps_usage: bool,
) -> Result<(), Refused> {
    let line = fields.line();
    let time = fields.number(TIME, 0, 100 * MILLISECONDS_FROM)?;
    let is_millis = time >= MILLISECONDS_FROM;
    let time = if is_millis { time / 1_000 } else { time };
    let cores = fields.scaled(CORES, 1_000, 1e5)?;
    let cores = cores.ok_or_else(|| fields.bad(CORES, "a number of cores"))?;
    let memory = fields.scaled(MEMORY, 1_024, 1e12)?;
    let memory = memory.ok_or_else(|| fields.bad(MEMORY, "a number of KB"))?;
    let used = fields.scaled(USED, 100, 1e5)?;
    let used_memory = fields.scaled(USED_MEMORY, 1_024, 1e12)?;
    let size = (cores, memory);
    let is_first = machines
        .last()
        .is_none_or(|machine| machine.file != journal.file);
    if is_first {
        machines.push(Machine {
            file: journal.file.clone(),
            line,
            first: time,
            last: time,
            size,
            samples: Vec::new(),
        });
    }
    let Some(machine) = machines.last_mut() else {
        return Ok(());
    };
    if !is_first && time <= machine.last {
        let expected = format!("later than that of the row above, {}", machine.last);
        return Err(fields.bad(TIME, &expected).into());
    }
    if is_millis {
        journal.dirt("time in milliseconds", Action::Keep, line)?;
    }
    if size != machine.size {
        let kind = "size changes later; the first one stands";
        journal.dirt(kind, Action::Keep, line)?;
    }
    if time - machine.last > STEP {
        let kind = "gap above 300 s; the machine was off and uses nothing";
        journal.dirt(kind, Action::Keep, line)?;
        if keeps_usage {
            machine
                .samples
                .push((machine.last + STEP, Some(0), Some(0)));
        }
    }
    if used.is_none() || used_memory.is_none() {
        let kind = "row that leaves use open; it uses what the row above does";
        journal.dirt(kind, Action::Keep, line)?;
    }
    machine.last = time;
    if keeps_usage {
        machine.samples.push((time, used, used_memory));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::packed::archive;
    use crate::inspect::validate;
    use crate::memory::Recorded;
    use units::Duration;

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
            "size changes later; the first one stands",
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
}
