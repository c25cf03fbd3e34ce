//! Days of `PlanetLab`: a file a virtual machine with the use of its processor every 300 s; the
//! machines of a day are a folder or an archive. All are there for the whole day. The format says
//! shares only: a machine counts as one core, and memory is not requested. Format: `traces.md`,
//! section 11.

use std::sync::Arc;

use crate::archive::{Member, parts};
use crate::budget::read_whole;
use crate::error::{TraceError, read_error};
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use crate::planetlab::{SAMPLE_SECONDS, SAMPLES, day};
use crate::rows::show_text;
use crate::samples::pattern;
use crate::stream::ArrivalSource;
use model::{Behaviour, PodName, PodSpec};
use units::{Duration, Instant};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "planetlab",
    summary: "a PlanetLab day: processor use of virtual machines, a file each",
    columns: &[
        ColumnDoc::required(
            "use",
            "percent of the processor; with the option `usage`, what it uses",
        ),
        ColumnDoc::optional("file", "name of the file; becomes the name"),
    ],
    names: &["file"],
    cells: show_text,
    options: &["usage"],
    sniff,
    open: Constructor::Workload(open),
};

/// Lines that are all whole percentages.
fn sniff(first: &[u8]) -> Confidence {
    let Ok(text) = str::from_utf8(first) else {
        return Confidence::No;
    };
    let mut lines = text.lines().map(str::trim).peekable();
    let is_percent = |line: &str| line.parse::<u8>().is_ok_and(|percent| percent <= 100);
    if lines.peek().is_some() && lines.all(is_percent) {
        Confidence::Maybe
    } else {
        Confidence::No
    }
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut files = Vec::new();
    for part in parts(input)? {
        let bytes = read_whole(&mut *part.open()?);
        let name = part.name.rsplit('/').next().unwrap_or_default();
        files.push(Member {
            name: name.to_owned(),
            place: part.name.clone(),
            bytes: bytes.map_err(|error| read_error(&part.name, &error))?,
        });
    }
    let day = day(files)?;
    for entry in day.ledger.entries() {
        journal.file = entry.file.clone();
        for _ in 0..entry.count {
            journal.dirt(&entry.kind, entry.action, entry.line)?;
        }
    }
    let mut gather = Gather::default();
    journal.file = input.name.clone();
    for vm in day.vms {
        let mut spec = PodSpec::with_requests(requests(Some(1_000), None));
        if options.usage {
            let seconds = (0_i64..).step_by(SAMPLE_SECONDS as usize);
            let samples = seconds.zip(vm.percent.iter().copied());
            spec.behaviour = Some(Arc::new(Behaviour {
                cpu_usage: pattern(samples, |percent| format!("{percent}%")),
                ..Behaviour::default()
            }));
        }
        journal.dirt("no request in the format; one core", Action::Repair, 0)?;
        gather.push(Demand {
            submit: Instant::ZERO,
            name: PodName::Text(vm.name.into()),
            spec,
            run_time: Some(Duration::from_secs(SAMPLES as i64 * SAMPLE_SECONDS as i64)),
            ..Demand::default()
        });
    }
    Ok(gather.finish(journal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;

    #[test]
    fn a_machine_is_there_all_day() {
        let input = Input::bytes("day/vm", &b"5\n5\n7"[..]);
        let options = ReadOptions {
            usage: true,
            ..ReadOptions::default()
        };
        let mut source = open(&input, &options).expect("a day");
        let recorded = Recorded::collect(&mut *source).expect("a day");
        let arrival = &recorded.arrivals[0];
        assert_eq!(arrival.name.to_string(), "vm");
        assert_eq!(arrival.run_time, Some(Duration::from_secs(86_400)));
        let behaviour = recorded.classes[0].behaviour.as_ref().expect("usage");
        assert_eq!(behaviour.cpu_usage, Some("steps(0s: 5%, 600s: 7%)".into()));
        let kind = "a day that ends early keeps its last sample";
        assert_eq!(recorded.ledger.count(kind), 1);
        let damaged = Input::bytes("day/vm", &b"5\n105\n7"[..]);
        let found = validate(&damaged, &ENTRY, &ReadOptions::default(), 9);
        assert_eq!(
            found.stopped.map(|error| error.to_string()),
            Some(
                "day/vm:2: column `use`: expected a whole percentage from 0 to 100, found `105`"
                    .to_owned()
            )
        );
    }
}
