//! Job logs in the Standard Workload Format 2.2: a job for each arrival, with the processors of all its
//! members, rounded up. Times are whole seconds, and a run takes at least one, because readers drop those of 0; memory
//! is whole KB of a processor, rounded up. Users, groups, executables, queues and partitions that are numbers keep
//! them; others get a number in the order of their first job, and comments at the end name them. An outcome or a run
//! time that is not known is -1.

use std::io::{self, Write};

use super::table::cell;
use super::{Reading, Record, RecordWriter, Settings, Writer, not_taken};
use crate::prelude::*;
use crate::readers::swf::{ABSOLUTE_FROM, UNKNOWN_USER, bytes_of, outcome_of, status_of};
use arrivals::class_cache::ByClass;
use arrivals::header_record::HeaderEntry;
use arrivals::job_fields::{EXECUTABLE, GROUP, JobField, OUTCOME, PARTITION, QUEUE};
use arrivals::links::{Links, TaskNames};
use model::resource_list::{CPU, MEMORY};
use units::time::NANOS_PER_SECOND;
use units::{SortedMap, SortedSet};

/// The registry's entry.
pub(super) const ENTRY: Writer = Writer {
    name: "swf",
    summary: "Standard Workload Format 2.2",
    has_usage: false,
    has_resizes: false,
    begin: |settings, out| Ok(Box::new(Log::begin(settings, out)?)),
};

/// A value that is not known.
const UNKNOWN: i64 = -1;

/// The fields of names beside the user, with the keys of comments that name their numbers.
const NAMED: [(&JobField, &str); 4] = [
    (&GROUP, "Group"),
    (&EXECUTABLE, "Executable"),
    (&QUEUE, "Queue"),
    (&PARTITION, "Partition"),
];

/// A log that is being written.
struct Log<'out> {
    out: &'out mut dyn Write,
    entries: u64,
    classes: ByClass<Class>,
    tasks: Option<Tasks>,
    jobs: JobNumbers,
    users: Numbers,
    named: [Numbers; NAMED.len()],
    /// The submission that readers take as the zero of time.
    zero: Option<Instant>,
}

impl<'out> Log<'out> {
    fn begin(settings: &Settings, out: &'out mut dyn Write) -> io::Result<Self> {
        let entries = &settings.header.entries;
        let is_version = |entry: &HeaderEntry| entry.key.eq_ignore_ascii_case("Version");
        if !entries.iter().any(is_version) {
            writeln!(out, "; Version: 2.2")?;
        }
        for HeaderEntry { key, value } in entries {
            writeln!(out, "; {key}: {}", cell(value))?;
        }
        Ok(Self {
            out,
            entries: entries.len() as u64,
            classes: ByClass::default(),
            tasks: settings.has_links.then(Tasks::default),
            jobs: JobNumbers::default(),
            users: Numbers::default(),
            named: Default::default(),
            zero: None,
        })
    }
}

impl RecordWriter for Log<'_> {
    fn class(&mut self, number: u32, spec: &PodSpec) -> PodSpec {
        let mut numbers = [UNKNOWN; NAMED.len()];
        for (place, (field, _)) in NAMED.iter().enumerate() {
            numbers[place] = self.named[place].of(field.of(&spec.labels));
        }
        let class = Class::of(spec, numbers);
        let said = class.said.clone();
        self.classes.put(number, class);
        said
    }

    fn write(&mut self, record: &Record<'_>) -> io::Result<Reading> {
        let Record {
            arrival,
            tenant,
            number,
            ..
        } = *record;
        let class = self.classes.get(arrival.class).ok_or_else(not_taken)?;
        let job = self.jobs.of(&arrival.name, number + 1);
        let links = self.tasks.as_mut().map(|tasks| tasks.take(arrival, job));
        let links = links.unwrap_or_default();
        let user = match &**tenant {
            UNKNOWN_USER => UNKNOWN,
            name => self.users.of(name),
        };
        let milli = i128::from(class.cpu_milli) * i128::from(arrival.members);
        let processors = ((milli + 999) / 1_000).max(i128::from(arrival.members));
        let memory_kb = class.memory_kb(arrival.members, processors);
        let times = Times::of(arrival);
        let Times {
            submit,
            wait,
            run,
            limit,
        } = times;
        let [group, executable, queue, partition] = class.numbers;
        let status = class.status;
        writeln!(
            self.out,
            "{job} {submit} {wait} {run} {processors} -1 -1 {processors} {limit} {memory_kb} {status} {user} \
             {group} {executable} {queue} {partition} {} {}",
            links.jobs(),
            links.think_time()
        )?;
        let mut reading = Reading::of_row();
        reading.tenant = Some(match user {
            UNKNOWN => UNKNOWN_USER.into(),
            user => user.to_string().as_str().into(),
        });
        if run == UNKNOWN {
            reading.is_unreadable = true;
            return Ok(reading);
        }
        if processors != i128::from(arrival.members) && memory_kb > 0 {
            reading.spec = Some(class.with_memory(memory_kb));
        }
        let zero = *self.zero.get_or_insert_with(|| times.zero());
        let members = u32::try_from(processors).unwrap_or(u32::MAX);
        let arrival = Arrival {
            name: PodName::Job(job),
            members,
            links: links.read(),
            ..times.read(arrival, zero)
        };
        reading.arrival = Some(arrival);
        Ok(reading)
    }

    fn entries(&self) -> u64 {
        self.entries
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let keys = NAMED.map(|(_, key)| key);
        let all = std::iter::once((&self.users, "User")).chain(self.named.iter().zip(keys));
        for (numbers, key) in all {
            for (number, name) in numbers.new_ones() {
                writeln!(self.out, "; {key}: {number} {}", cell(name))?;
            }
        }
        Ok(())
    }
}

/// The numbers of names: a name that is a number keeps it, unless another name has it.
#[derive(Default)]
struct Numbers {
    known: SortedMap<Text, i64>,
    taken: SortedSet<i64>,
    last: i64,
}

impl Numbers {
    /// The number of a name; that of an empty one is not known.
    fn of(&mut self, name: &str) -> i64 {
        if name.is_empty() {
            return UNKNOWN;
        }
        if let Some(&number) = self.known.get(name) {
            return number;
        }
        let own = number_of(name).filter(|own| !self.taken.contains(own));
        let number = own.unwrap_or_else(|| {
            self.last += 1;
            while self.taken.contains(&self.last) {
                self.last += 1;
            }
            self.last
        });
        self.taken.insert(number);
        self.known.insert(name.into(), number);
        number
    }

    /// The names that are not their numbers, by the number.
    fn new_ones(&self) -> Vec<(i64, &Text)> {
        let all = self.known.iter().map(|(name, &number)| (number, name));
        let mut new: Vec<_> = all
            .filter(|&(number, name)| number_of(name) != Some(number))
            .collect();
        new.sort_unstable();
        new
    }
}

/// The number that a name is.
fn number_of(name: &str) -> Option<i64> {
    let number = name.parse::<i64>().ok().filter(|&number| number >= 0)?;
    (number.to_string() == name).then_some(number)
}

/// The numbers of jobs, each of one job.
#[derive(Default)]
struct JobNumbers {
    taken: TaskNames,
    last: u64,
}

impl JobNumbers {
    /// The number of a job in the log: its own, or else that of its row, or else the next that is free.
    fn of(&mut self, name: &PodName, row: u64) -> u64 {
        let wanted = match *name {
            PodName::Job(job) => job,
            PodName::Text(_) | PodName::Member(..) => row,
        };
        let is_taken = |taken: &TaskNames, number: u64| taken.contains(&PodName::Job(number));
        let mut number = wanted;
        if is_taken(&self.taken, number) {
            number = self.last.max(row) + 1;
            while is_taken(&self.taken, number) {
                number += 1;
            }
            self.last = number;
        }
        self.taken.insert(&PodName::Job(number));
        number
    }
}

/// The numbers of the jobs that tasks are written as, by the part of the workload and the name.
#[derive(Default)]
struct Tasks(SortedMap<(u16, PodName), Vec<u64>>);

/// What a job waits for, as fields 17 and 18 say it.
#[derive(Default)]
struct Preceding {
    jobs: Vec<u64>,
    /// The tasks of these jobs.
    tasks: Vec<PodName>,
    /// Whole seconds.
    think_time: i64,
}

impl Tasks {
    /// Takes an arrival that is written as a job; returns what it waits for.
    fn take(&mut self, arrival: &Arrival, job: u64) -> Preceding {
        let mut preceding = Preceding::default();
        for task in arrival.after() {
            if let Some(numbers) = self.0.get(&(arrival.part, task.clone())) {
                preceding.jobs.extend(numbers);
                preceding.tasks.push(task.clone());
            }
        }
        let delay = arrival.links.as_ref().map_or(0, |own| own.delay.as_nanos());
        preceding.think_time = delay.div_euclid(NANOS_PER_SECOND);
        let own = (arrival.part, arrival.task().clone());
        self.0.entry(own).or_default().push(job);
        preceding
    }
}

impl Preceding {
    fn jobs(&self) -> String {
        let jobs: Vec<String> = self.jobs.iter().map(ToString::to_string).collect();
        match &*jobs {
            [] => UNKNOWN.to_string(),
            jobs => jobs.join("&"),
        }
    }

    fn think_time(&self) -> i64 {
        if self.jobs.is_empty() {
            UNKNOWN
        } else {
            self.think_time
        }
    }

    /// The links that readers make of the fields.
    fn read(self) -> Option<Box<Links>> {
        let mut links = Links::of(None, self.tasks)?;
        links.delay = Duration::from_secs(self.think_time);
        Some(links)
    }
}

/// The times of a job in whole seconds.
#[derive(Clone, Copy)]
struct Times {
    submit: i64,
    wait: i64,
    run: i64,
    limit: i64,
}

impl Times {
    fn of(arrival: &Arrival) -> Self {
        let seconds = |span: Option<Duration>| {
            let span = span.filter(|&span| span >= Duration::ZERO);
            span.map_or(UNKNOWN, |span| span.as_nanos() / NANOS_PER_SECOND)
        };
        // Readers drop jobs of 0 s.
        let run = arrival.run_time.map(|run| run.max(Duration::from_secs(1)));
        Self {
            submit: seconds(Some(arrival.submit.since(Instant::ZERO))),
            wait: seconds({ arrival.historic_start }.map(|start| start.since(arrival.submit))),
            run: seconds(run),
            limit: seconds(arrival.time_limit),
        }
    }

    /// The zero of a log whose first job has these times.
    fn zero(self) -> Instant {
        let submit = Duration::from_secs(self.submit);
        let is_absolute = submit >= ABSOLUTE_FROM;
        Instant::ZERO + if is_absolute { submit } else { Duration::ZERO }
    }

    /// The arrival as readers date it.
    fn read(self, arrival: &Arrival, zero: Instant) -> Arrival {
        let submit = Instant::from_secs(self.submit).since(zero);
        let submit = Instant::ZERO + submit;
        let run = Duration::from_secs(self.run);
        let wait = (self.wait >= 0).then(|| Duration::from_secs(self.wait));
        Arrival {
            submit,
            run_time: Some(run),
            time_limit: (self.limit > 0).then(|| Duration::from_secs(self.limit)),
            historic_start: wait.map(|wait| submit.saturating_add(wait)),
            ..arrival.clone()
        }
    }
}

/// What the format says of a class.
struct Class {
    /// Thousandths of a processor that a member asks for.
    cpu_milli: i64,
    /// Bytes of memory that a member asks for.
    memory_bytes: i64,
    /// The numbers of the fields of names.
    numbers: [i64; NAMED.len()],
    status: i64,
    /// The spec that readers make of jobs of one processor a member.
    said: PodSpec,
}

impl Class {
    fn of(spec: &PodSpec, numbers: [i64; NAMED.len()]) -> Self {
        let asked = spec.requests().unwrap_or_default();
        let status = status_of(OUTCOME.of(&spec.labels));
        let mut labels = Labels::new();
        for ((field, _), number) in NAMED.iter().zip(numbers) {
            if number >= 0 {
                field.state(&mut labels, number.to_string().as_str());
            }
        }
        OUTCOME.state(&mut labels, outcome_of(status));
        let mut class = Self {
            cpu_milli: asked.get(CPU).milli_ceil().unwrap_or(i64::MAX),
            memory_bytes: asked.get(MEMORY).units_ceil().unwrap_or(0).max(0),
            numbers,
            status,
            said: PodSpec {
                labels,
                ..PodSpec::with_requests(ResourceList::default())
            },
        };
        class.said = class.with_memory(class.memory_kb(1, 1));
        class
    }

    /// The KB of memory of a processor; -1 if the members ask for none.
    fn memory_kb(&self, members: u32, processors: i128) -> i64 {
        if self.memory_bytes == 0 {
            return UNKNOWN;
        }
        let all = i128::from(self.memory_bytes) * i128::from(members);
        let each = (all - 1) / (processors.max(1) * 1_024) + 1;
        i64::try_from(each).unwrap_or(i64::MAX)
    }

    /// The spec that readers make of jobs with so much memory of a processor.
    fn with_memory(&self, kilobytes: i64) -> PodSpec {
        let mut said = ResourceList::from_pairs([(CPU, Quantity::from_units(1))]);
        if kilobytes > 0 {
            said.set(MEMORY, Quantity::from_units(bytes_of(kilobytes)));
        }
        PodSpec {
            containers: PodSpec::with_requests(said).containers,
            ..self.said.clone()
        }
    }
}

#[cfg(test)]
mod tests;
