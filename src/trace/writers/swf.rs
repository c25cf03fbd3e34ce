//! Job logs in the Standard Workload Format 2.2: a job for each arrival, with the processors of all its
//! members, rounded up. Times are whole seconds, and a run takes at least one, because readers drop those of 0; memory is whole KB of a processor,
//! rounded up. Users are numbered in the order of their first
//! job; comments at the end name them.

use std::io::Write;

use super::Writer;
use crate::convert::{ConvertError, Converted};
use crate::stream::{Arrival, ArrivalSource};
use model::resource_list::{CPU, MEMORY, PODS};
use model::{PodName, PodSpec, ResourceList};
use units::{Duration, Quantity, SortedMap};

/// The registry's entry.
pub(super) const ENTRY: Writer = Writer {
    name: "swf",
    summary: "Standard Workload Format 2.2",
    has_usage: false,
    write: |source, _, out| write(source, out),
};

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

fn write(source: &mut dyn ArrivalSource, out: &mut dyn Write) -> Result<Converted, ConvertError> {
    writeln!(out, "; Version: 2.2")?;
    let mut converted = Converted::default();
    let mut classes: Vec<Class> = Vec::new();
    let mut tasks = source.may_wait().then(Tasks::default);
    while let Some(arrival) = source.next()? {
        for spec in source.classes().iter().skip(classes.len()) {
            classes.push(Class::of(spec));
        }
        converted.rows += 1;
        let class = &classes[arrival.class as usize];
        let preceding = tasks
            .as_mut()
            .map(|tasks| tasks.take(&arrival, converted.rows));
        let is_exact = write_job(&arrival, converted.rows, preceding, class, out)?;
        converted.reduced += u64::from(!is_exact);
        converted.unreadable += u64::from(arrival.run_time.is_none());
    }
    for (number, name) in source.tenants().iter().enumerate() {
        writeln!(out, "; User: {} {name}", number + 1)?;
    }
    Ok(converted)
}

/// The numbers of the jobs that tasks are written as, by the part of the workload and the name.
#[derive(Default)]
struct Tasks(SortedMap<(u16, PodName), Vec<u64>>);

/// What a job waits for, as fields 17 and 18 say it.
struct Preceding {
    jobs: String,
    think_time: String,
    is_exact: bool,
}

impl Tasks {
    /// Takes an arrival that is written as the job of a row; returns what it waits for.
    fn take(&mut self, arrival: &Arrival, row: u64) -> Preceding {
        let number = job_number(&arrival.name, row).0;
        let own = (arrival.part, arrival.task().clone());
        let mut jobs = Vec::new();
        let mut is_exact = arrival.task() == &arrival.name;
        for task in arrival.after() {
            match self.0.get(&(arrival.part, task.clone())) {
                Some(numbers) => jobs.extend(numbers.iter().map(ToString::to_string)),
                None => is_exact = false,
            }
        }
        self.0.entry(own).or_default().push(number);
        let delay = arrival.links.as_ref().map_or(0, |own| own.delay.as_nanos());
        is_exact &= delay % SECOND == 0;
        let none = || "-1".to_owned();
        let (jobs, think_time) = if jobs.is_empty() {
            (none(), none())
        } else {
            (jobs.join("&"), delay.div_euclid(SECOND).to_string())
        };
        Preceding {
            jobs,
            think_time,
            is_exact,
        }
    }
}

/// The number of a job in the log, and whether it is that of the arrival.
fn job_number(name: &PodName, row: u64) -> (u64, bool) {
    match *name {
        PodName::Job(job) => (job, true),
        PodName::Text(_) | PodName::Member(..) => (row, false),
    }
}

/// What the format says of a class.
struct Class {
    /// Thousandths of a processor that a member asks for.
    cpu_milli: i64,
    /// Bytes of memory that a member asks for.
    memory_bytes: i64,
    /// Whether members ask for a processor each, and for nothing that the format can't say.
    is_exact: bool,
}

impl Class {
    fn of(spec: &PodSpec) -> Self {
        let all = spec.requests().unwrap_or_default();
        let memory_bytes = all.get(MEMORY).units_ceil().unwrap_or(0).max(0);
        let memory_kb = memory_bytes >> 10;
        let mut said = ResourceList::from_pairs([(CPU, Quantity::from_units(1))]);
        if memory_kb > 0 {
            said.set(MEMORY, Quantity::from_units(memory_kb << 10));
        }
        let mut asked = all;
        asked.set(PODS, Quantity::ZERO);
        said.set(PODS, Quantity::ZERO);
        let plain = PodSpec {
            namespace: spec.namespace.clone(),
            behaviour: spec.behaviour.clone(),
            ..PodSpec::with_requests(spec.requests().unwrap_or_default())
        };
        Self {
            cpu_milli: asked.get(CPU).milli_ceil().unwrap_or(i64::MAX),
            memory_bytes,
            is_exact: asked == said && plain == *spec,
        }
    }
}

/// Writes the job of a row; whether the format says everything of it.
fn write_job(
    arrival: &Arrival,
    row: u64,
    preceding: Option<Preceding>,
    class: &Class,
    out: &mut dyn Write,
) -> Result<bool, ConvertError> {
    let mut is_exact = class.is_exact;
    let whole = |nanos: Option<i64>| nanos.is_none_or(|nanos| nanos % SECOND == 0);
    let seconds = |nanos: Option<i64>| nanos.map_or(-1, |nanos| nanos.div_euclid(SECOND));
    let wait = { arrival.historic_start }.map(|start| start.since(arrival.submit).as_nanos());
    let run_time = arrival.run_time.map(Duration::as_nanos);
    let limit = arrival.time_limit.map(Duration::as_nanos);
    let times = [Some(arrival.submit.as_nanos()), wait, run_time, limit];
    is_exact &= times.into_iter().all(whole) && run_time != Some(0);
    let [submit, wait, run_time, requested] = times.map(seconds);
    // Readers drop jobs of 0 s, and those whose run time is not known.
    let run_time = if run_time == 0 { 1 } else { run_time };
    let (job, has_number) = job_number(&arrival.name, row);
    is_exact &= has_number;
    is_exact &= preceding.as_ref().is_none_or(|own| own.is_exact);
    let preceding = preceding.map_or("-1 -1".to_owned(), |own| {
        format!("{} {}", own.jobs, own.think_time)
    });
    is_exact &= arrival.run_time.is_some() && arrival.time_limit.is_some();
    let milli = i128::from(class.cpu_milli) * i128::from(arrival.members);
    let processors = ((milli + 999) / 1_000).max(i128::from(arrival.members));
    let user = arrival.tenant + 1;
    let memory = match class.memory_bytes {
        0 => -1,
        bytes => {
            let all = i128::from(bytes) * i128::from(arrival.members);
            (all - 1) / (processors.max(1) * 1_024) + 1
        }
    };
    let status = i64::from(arrival.run_time.is_some());
    writeln!(
        out,
        "{job} {submit} {wait} {run_time} {processors} -1 -1 {processors} {requested} {memory} {status} {user} -1 -1 -1 \
         -1 {preceding}"
    )?;
    Ok(is_exact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Constructor;
    use crate::memory::{MemorySource, Recorded};
    use crate::{Input, ReadOptions, registry};
    use std::sync::Arc;
    use units::Instant;

    fn recorded(arrivals: Vec<Arrival>, specs: Vec<PodSpec>) -> Recorded {
        Recorded {
            arrivals,
            classes: specs.into_iter().map(Arc::new).collect(),
            tenants: vec!["ann".into(), "bob".into()],
            ..Recorded::default()
        }
    }

    fn job(number: u64, secs: i64) -> Arrival {
        Arrival {
            submit: Instant::from_secs(secs),
            name: PodName::Job(number),
            class: 0,
            members: 4,
            tenant: 1,
            run_time: Some(Duration::from_secs(90)),
            time_limit: Some(Duration::from_secs(600)),
            historic_start: Some(Instant::from_secs(secs + 7)),
            links: None,
            part: 0,
            origin: crate::Origin::NONE,
        }
    }

    fn processor() -> PodSpec {
        PodSpec::with_requests(ResourceList::from_pairs([
            (CPU, Quantity::from_units(1)),
            (MEMORY, Quantity::from_units(2 << 20)),
        ]))
    }

    fn written(recorded: Recorded) -> (String, Converted) {
        let mut out = Vec::new();
        let converted = write(&mut MemorySource::new(recorded), &mut out).expect("memory");
        (String::from_utf8(out).expect("text"), converted)
    }

    #[test]
    fn a_log_reads_back_as_it_was() {
        let original = recorded(vec![job(3, 0), job(9, 60)], vec![processor()]);
        let (text, converted) = written(original.clone());
        assert_eq!((converted.rows, converted.reduced), (2, 0));
        let input = Input::bytes("log.swf", text.clone().into_bytes());
        let Constructor::Workload(open) = registry::find("swf").expect("known").open else {
            panic!("a workload");
        };
        let options = ReadOptions {
            memory: true,
            ..ReadOptions::default()
        };
        let mut source = open(&input, &options).expect("good rows");
        let read = Recorded::collect(&mut *source).expect("good rows");
        let bare = |own: &Recorded| -> Vec<Arrival> {
            let arrivals = own.arrivals.iter().cloned();
            arrivals
                .map(|arrival| Arrival {
                    tenant: 0,
                    ..arrival
                })
                .collect()
        };
        assert_eq!(bare(&read), bare(&original));
        let requests = |own: &Recorded| own.classes[0].requests().expect("requests").get(MEMORY);
        assert_eq!(requests(&read), requests(&original));
        assert!(text.ends_with("; User: 1 ann\n; User: 2 bob\n"), "{text}");
    }

    #[test]
    fn what_the_format_cannot_say_is_counted() {
        let wide =
            PodSpec::with_requests(ResourceList::from_pairs([(CPU, Quantity::from_units(4))]));
        let of_class = |class| Arrival { class, ..job(1, 0) };
        let cases = [
            of_class(1),
            Arrival {
                name: "web".into(),
                ..of_class(0)
            },
            Arrival {
                run_time: None,
                ..of_class(0)
            },
            Arrival {
                time_limit: None,
                ..of_class(0)
            },
            Arrival {
                submit: Instant::from_nanos(1),
                ..of_class(0)
            },
        ];
        for case in cases {
            let (_, converted) = written(recorded(
                vec![case.clone()],
                vec![processor(), wide.clone()],
            ));
            assert_eq!(converted.reduced, 1, "{case:?}");
            let is_unreadable = case.run_time.is_none();
            assert_eq!(converted.unreadable, u64::from(is_unreadable), "{case:?}");
        }
    }

    #[test]
    fn memory_is_that_of_a_processor() {
        let spec = PodSpec::with_requests(ResourceList::from_pairs([
            (CPU, Quantity::from_units(2)),
            (MEMORY, Quantity::from_units(8 << 30)),
        ]));
        let (text, _) = written(recorded(vec![job(1, 0)], vec![spec]));
        let row = text.lines().find(|line| !line.starts_with(';'));
        let fields: Vec<_> = row.expect("a row").split(' ').collect();
        assert_eq!((fields[7], fields[9]), ("8", "4194304"));
    }

    #[test]
    fn a_short_run_takes_a_second() {
        let short = [0, 400_000_000].map(|nanos| Arrival {
            run_time: Some(Duration::from_nanos(nanos)),
            ..job(1, 0)
        });
        let (text, converted) = written(recorded(short.into(), vec![processor()]));
        assert_eq!((converted.reduced, converted.unreadable), (2, 0));
        let runs = text.lines().filter(|line| !line.starts_with(';'));
        let runs: Vec<_> = runs.map(|line| line.split(' ').nth(3)).collect();
        assert_eq!(runs, [Some("1"); 2]);
    }
}
