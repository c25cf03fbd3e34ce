//! Days of `PlanetLab` as `CloudSim` runs them: an archive (tar, compressed or not) with a file for each
//! virtual machine and a whole percentage for each five minutes (traces.md, section 11).
//!
//! The machines come at zero in the order of their files' names, in four blocks of equal size and of one
//! kind each. A thousandth of a core stands for a million instructions per second. A machine is
//! completed when it uses nothing from one sample to the next.

use std::io::Read;

use crate::archive::members;
use crate::error::{TraceError, read_error};
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::input::Input;
use crate::intern::ClassTable;
use crate::memory::{MemorySource, Recorded};
use crate::options::ReadOptions;
use crate::planetlab::{SAMPLE_SECONDS, VmDay, day, kind};
use crate::stream::{Arrival, ArrivalSource};
use model::Behaviour;
use model::resource_list::{CPU, MEMORY};
use model::{PodName, PodSpec, ResourceList};
use units::{Duration, Instant, Quantity};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "planetlab",
    summary: "a day of PlanetLab's virtual machines, as CloudSim runs it (tar archive)",
    columns: &[
        ColumnDoc::required("machine", "file of the archive: name of the machine"),
        ColumnDoc::required(
            "use",
            "line of a file: whole percentage of the processor in use, one for each five minutes",
        ),
    ],
    names: &["machine"],
    cells,
    options: &["usage"],
    sniff,
    open: Constructor::Workload(open),
};

/// Place of the word by which an archive is known, and the word.
const MAGIC: (usize, &[u8]) = (257, b"ustar");

fn sniff(first: &[u8]) -> Confidence {
    let word = first.get(MAGIC.0..MAGIC.0 + MAGIC.1.len());
    if word == Some(MAGIC.1) {
        Confidence::Maybe
    } else {
        Confidence::No
    }
}

/// The machines of an archive.
fn read(input: &Input) -> Result<crate::planetlab::Day, TraceError> {
    let mut bytes = Vec::new();
    let read = input.open()?.read_to_end(&mut bytes);
    read.map_err(|error| read_error(&input.name, &error))?;
    day(members(&input.name, &bytes)?)
}

fn cells(
    _format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    for vm in read(input)?.vms {
        show(&vm.percent);
    }
    Ok(())
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let day = read(input)?;
    let mut classes = ClassTable::default();
    let mut arrivals = Vec::with_capacity(day.vms.len());
    for (place, vm) in day.vms.iter().enumerate() {
        let seconds = |sample: usize| Duration::from_secs(sample as i64 * SAMPLE_SECONDS as i64);
        arrivals.push(Arrival {
            submit: Instant::ZERO,
            name: PodName::Text(vm.name.as_str().into()),
            class: classes.class_of(spec(vm, kind(place, day.vms.len()), options.usage)),
            members: 1,
            tenant: 0,
            run_time: vm.completed().map(seconds),
            time_limit: None,
            historic_start: None,
        });
    }
    Ok(Box::new(MemorySource::new(Recorded {
        arrivals,
        classes: classes.classes().clone(),
        tenants: vec!["planetlab".into()],
        ledger: day.ledger,
    })))
}

fn spec(vm: &VmDay, (speed, mebibytes): (i64, i64), usage: bool) -> PodSpec {
    let requests = ResourceList::from_pairs([
        (CPU, Quantity::from_milli(speed)),
        (MEMORY, Quantity::from_units(mebibytes << 20)),
    ]);
    let behaviour = usage.then(|| {
        let mut steps = Vec::new();
        let mut last = None;
        for (sample, &percent) in vm.percent.iter().enumerate() {
            if last.replace(percent) != Some(percent) {
                let at = sample as i64 * SAMPLE_SECONDS as i64;
                steps.push(format!("{at}s: {percent}%"));
            }
        }
        Behaviour {
            cpu_usage: Some(format!("steps({})", steps.join(", ")).into()),
            ..Behaviour::default()
        }
    });
    PodSpec {
        behaviour: behaviour.map(Into::into),
        ..PodSpec::with_requests(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of files.
    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, text) in files {
            let mut header = [0_u8; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            let size = format!("{:011o}", text.len());
            header[124..135].copy_from_slice(size.as_bytes());
            header[156] = b'0';
            header[257..262].copy_from_slice(b"ustar");
            bytes.extend_from_slice(&header);
            bytes.extend_from_slice(text.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }

    fn arrivals(bytes: Vec<u8>, usage: bool) -> Result<Recorded, TraceError> {
        let input = Input::bytes("day.tar", bytes);
        let options = ReadOptions {
            usage,
            ..ReadOptions::default()
        };
        Recorded::collect(&mut *open(&input, &options)?)
    }

    #[test]
    fn machines_come_by_name_in_blocks_and_end_when_they_use_nothing() {
        let day = archive(&[("day/b", "0\n0\n5\n0\n0\n"), ("day/a", "7\n7\n9\n")]);
        assert_eq!(sniff(&day), Confidence::Maybe);
        let read = arrivals(day, true).expect("a day");
        let names: Vec<String> = read
            .arrivals
            .iter()
            .map(|own| format!("{:?}", own.name))
            .collect();
        assert!(
            names[0].contains('a') && names[1].contains('b'),
            "{names:?}"
        );
        assert_eq!(read.arrivals[0].run_time, None);
        assert_eq!(read.arrivals[1].run_time, Some(Duration::from_secs(900)));
        let usage = |place: usize| {
            let behaviour = read.classes[place].behaviour.as_deref();
            behaviour
                .and_then(|own| own.cpu_usage.clone())
                .map(|text| text.to_string())
        };
        assert_eq!(usage(0).as_deref(), Some("steps(0s: 7%, 600s: 9%)"));
        assert_eq!(
            usage(1).as_deref(),
            Some("steps(0s: 0%, 600s: 5%, 900s: 0%)")
        );
    }

    #[test]
    fn what_is_no_percentage_is_refused_with_its_file_and_line() {
        let error = arrivals(archive(&[("day/a", "7\n101\n")]), false).expect_err("101 %");
        let words = error.to_string();
        assert!(
            words.contains("day/a") && words.contains("line 2"),
            "{words}"
        );
    }
}
