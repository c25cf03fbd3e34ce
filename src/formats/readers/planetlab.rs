//! Days of `PlanetLab` as `CloudSim` runs them: an archive (tar, compressed or not) or a folder with a
//! file for each virtual machine and a whole percentage for each five minutes (traces.md, section 11).
//!
//! The machines come at zero in the order of their files' names, in four blocks of equal size and of one
//! kind each. A thousandth of a core stands for a million instructions per second. A machine runs to the
//! end of its day; with the option `end-when-idle` to where `CloudSim` takes it for completed.

use crate::planetlab::{SAMPLE_SECONDS, VmDay, day, kind};
use crate::readers::prelude::*;
use arrivals::usage_samples::pattern;
use intake::archive::{Member, of_one_folder, parts};
use intake::budget::read_whole;
use intake::ledger::RowPolicy;
use intake::read_error;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "planetlab",
    summary: "a day of PlanetLab's virtual machines, as CloudSim runs it (tar archive or folder)",
    columns: columns! {
        required("machine", "file: name of the machine"),
        required("use", "line of a file: whole percentage of the processor in use, one for each five minutes"),
    },
    relations: &[],
    names: &["machine"],
    cells,
    options: &["usage", "end-when-idle"],
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

/// The machines of a day.
fn read(input: &Input, journal: &mut Journal) -> Result<Vec<VmDay>, TraceError> {
    let mut files = Vec::new();
    let parts = parts(input)?;
    of_one_folder(input, &parts)?;
    for part in parts {
        let bytes = read_whole(&mut *part.open()?);
        let name = part.name.rsplit('/').next().unwrap_or_default();
        files.push(Member {
            name: name.to_owned(),
            place: part.name.clone(),
            bytes: bytes.map_err(|error| read_error(&part.name, &error))?,
        });
    }
    day(files, journal)
}

fn cells(
    _format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let mut journal = Journal::new(input.name.clone(), RowPolicy::REPORT);
    for vm in read(input, &mut journal)? {
        show(&vm.percent);
    }
    Ok(())
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let vms = read(input, &mut journal)?;
    let mut gather = Gather::default();
    let count = vms.len();
    for (place, vm) in vms.iter().enumerate() {
        journal.file = vm.place.clone();
        let run_time = run_time(vm, options, &mut journal)?;
        let (speed, mebibytes) = kind(place, count);
        gather.push(
            journal.origin(1),
            Demand {
                submit: Instant::ZERO,
                name: PodName::Text(vm.name.as_str().into()),
                tenant: "planetlab".into(),
                spec: spec(vm, speed, mebibytes, options.usage),
                run_time: Some(run_time),
                ..Demand::default()
            },
        );
    }
    gather.finish(journal)
}

/// The time that a machine runs: its day, or with the option as long as `CloudSim` lets it.
fn run_time(
    vm: &VmDay,
    options: &ReadOptions,
    journal: &mut Journal,
) -> Result<Duration, TraceError> {
    let idle = vm.completed().filter(|_| options.end_when_idle);
    let end = idle.unwrap_or(vm.percent.len());
    if vm.percent[end..].iter().any(|&percent| percent > 0) {
        let kind = "ends when it is idle; what it uses later is left out";
        journal.dirt(kind, Action::Drop, end as u64 + 1)?;
    }
    Ok(Duration::from_secs(end as i64 * SAMPLE_SECONDS as i64))
}

fn spec(vm: &VmDay, speed: i64, mebibytes: i64, usage: bool) -> PodSpec {
    let behaviour = usage.then(|| {
        let seconds = (0_i64..).step_by(SAMPLE_SECONDS as usize);
        let samples = seconds.zip(vm.percent.iter().copied());
        Behaviour {
            cpu_usage: pattern(0, samples, |percent| format!("{percent}%")),
            ..Behaviour::default()
        }
    });
    PodSpec {
        behaviour: behaviour.map(Into::into),
        ..PodSpec::with_requests(requests(Some(speed), Some(mebibytes << 20)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::recognize;
    use crate::tests::prelude::*;

    fn arrivals(bytes: Vec<u8>, end_when_idle: bool) -> Result<Recorded, TraceError> {
        let input = Input::bytes("day.tar", bytes);
        let options = options_with(|own| (own.usage, own.end_when_idle) = (true, end_when_idle));
        Recorded::collect(&mut *open(&input, &options)?)
    }

    #[test]
    fn machines_come_by_name_in_blocks_and_run_to_the_end_of_their_day() {
        let day = archive(&[("day/b", "0\n0\n5\n0\n0\n"), ("day/a", "7\n7\n9\n")]);
        let entry = recognize(&Input::bytes("day.tar", day.clone())).expect("a day");
        assert_eq!(entry.name, "planetlab");
        let read = arrivals(day, false).expect("a day");
        let names: Vec<String> = { read.arrivals.iter() }
            .map(|own| own.name.to_string())
            .collect();
        assert_eq!(names, ["a", "b"]);
        let whole = Some(Duration::from_secs(86_400));
        let runs = |read: &Recorded| read.arrivals.iter().map(|own| own.run_time).collect();
        let all: Vec<Option<Duration>> = runs(&read);
        assert_eq!(all, [whole, whole]);
        let usage = |place: usize| {
            let behaviour = read.classes[place].behaviour.as_deref();
            behaviour
                .and_then(|own| own.cpu_usage.clone())
                .map(|text| text.to_string())
        };
        assert_eq!(usage(0).as_deref(), Some("recorded(0s: 7%, 600s: 9%)"));
        assert_eq!(
            usage(1).as_deref(),
            Some("recorded(0s: 0%, 600s: 5%, 900s: 0%)")
        );
        read.ledger
            .has_counts([("a day that ends early keeps its last sample", 2)]);
    }

    #[test]
    fn idle_machines_end_if_that_is_asked_for() {
        let day = archive(&[
            ("day/b", "0\n0\n5\n0\n0\n"),
            ("day/a", "7\n7\n9\n"),
            ("day/c", "0\n0\n0\n9\n"),
        ]);
        let read = arrivals(day, true).expect("a day");
        let runs = read.arrivals.iter().map(|own| own.run_time);
        let seconds = |run: Option<Duration>| run.map(|run| run.as_nanos() / 1_000_000_000);
        let runs: Vec<_> = runs.map(seconds).collect();
        assert_eq!(runs, [Some(86_400), Some(900), Some(300)]);
        let kind = "ends when it is idle; what it uses later is left out";
        let entries = read.ledger.entries();
        let own = entries.iter().find(|own| &*own.kind == kind).expect("told");
        assert_eq!((own.count, &*own.file, own.line), (1, "day.tar: day/c", 2));
    }

    #[test]
    fn what_is_no_percentage_is_refused_with_its_file_and_line() {
        let error = arrivals(archive(&[("day/a", "7\n101\n")]), false).expect_err("101 %");
        assert_eq!(
            error.to_string(),
            "day.tar: day/a:2: column `use`: expected a whole percentage from 0 to 100, found \
             `101`"
        );
    }
}
