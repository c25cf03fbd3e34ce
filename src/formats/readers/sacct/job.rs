//! A job as its record states it, and the attempts of one that was started several times.

use super::tres::{Gpus, Resources, note};
use crate::parts::gangs::Gangs;
use crate::parts::plain_demand::milli_of_gpus;
use crate::parts::requests::spread;
use crate::readers::prelude::*;
use crate::shards::LATER;
use arrivals::duplicate_names::TWICE;
use arrivals::links::TaskNames;
use arrivals::spill::{FlatLinks, Order};
use intake::number::digits;
use smallvec::SmallVec;
use units::SortedMap;

/// A job.
pub(super) struct Job<'row> {
    pub(super) line: u64,
    pub(super) name: &'row str,
    pub(super) user: &'row str,
    pub(super) submit: Instant,
    /// The instant from which on it might start.
    pub(super) eligible: Option<Instant>,
    pub(super) start: Option<Instant>,
    pub(super) end: Option<Instant>,
    /// The run time, as the record states it beside the dates.
    pub(super) elapsed: Option<Duration>,
    /// Time for which the job held its start, but no processors.
    pub(super) suspended: Duration,
    pub(super) limit: Option<Duration>,
    /// Processors in all.
    pub(super) processors: i64,
    pub(super) nodes: i64,
    /// Bytes in all.
    pub(super) memory: Option<i64>,
    pub(super) requested: Resources<'row>,
    pub(super) allocated: Resources<'row>,
    pub(super) labels: Labels,
}

/// The column of an end, and that of resources, for complaints.
pub(super) struct Complaints<'c> {
    pub(super) end: &'c dyn Fn(&str) -> BadRow,
    pub(super) resources: &'c dyn Fn(&str) -> BadRow,
}

/// The outcome of a state; `None` of a job that has not ended.
pub(super) fn outcome(state: &str) -> Option<Outcome> {
    // A table of fixed width cuts a state off with `+`.
    match state.split_whitespace().next()?.trim_end_matches('+') {
        "COMPLETED" => Some(Outcome::Completed),
        // `CANCELLED by` a user.
        "CANCELLED" | "REVOKED" => Some(Outcome::Cancelled),
        "PENDING" | "RUNNING" | "SUSPENDED" | "REQUEUED" | "RESIZING" | "COMPLETING"
        | "CONFIGURING" => None,
        _ => Some(Outcome::Failed),
    }
}

/// The longest time between the end of an attempt and the submission of the next one.
const REQUEUED_WITHIN: Duration = Duration::from_secs(600);

/// The jobs up to now.
pub(super) struct Jobs {
    pub(super) gather: Gather,
    /// Components of jobs of several, which start together.
    components: Gangs,
    /// The last one, of which another attempt may follow.
    held: Option<Held>,
    /// Those that still run by their records, which a later dump may replace.
    running: SortedMap<Bytes, Held>,
    met: TaskNames,
    /// The latest submission.
    latest: Instant,
}

/// The bytes of a name, few as a rule.
type Bytes = SmallVec<[u8; 24]>;

/// A job with the place of its record.
struct Held {
    file: Arc<str>,
    line: u64,
    origin: Origin,
    name: Bytes,
    demand: Demand,
}

/// The demand of a job.
struct Demand {
    user: Bytes,
    submit: Instant,
    /// The instant at which it comes, of its first attempt.
    arrives: Instant,
    start: Instant,
    run_time: Option<Duration>,
    limit: Option<Duration>,
    members: u32,
    /// 1/1000 cores of a member.
    cpu_milli: i64,
    /// Bytes of a member.
    memory: Option<i64>,
    /// GPUs of a member.
    gpus: i64,
    model: String,
    labels: Labels,
}

impl Held {
    fn end(&self) -> Option<Instant> {
        Some(self.demand.start.saturating_add(self.demand.run_time?))
    }

    /// Adds the job to others.
    fn push_to(self, jobs: &mut Jobs) {
        let own = self.demand;
        let several = memchr::memchr(b'+', &self.name).map(|end| &self.name[..end]);
        let plain = PlainDemand {
            submit: own.arrives,
            name: FlatName::Text(&self.name),
            tenant: &own.user,
            amounts: Amounts {
                cpu_milli: Some(own.cpu_milli),
                memory: own.memory,
                gpu_milli: milli_of_gpus(own.gpus),
                model: &own.model,
                is_one_per_node: true,
                ..Amounts::default()
            },
            members: own.members,
            run_time: own.run_time,
            time_limit: own.limit,
            historic_start: Some(own.start),
            links: several.map(FlatLinks::of_gang),
        };
        let gather = &mut jobs.gather;
        let arrival = if own.labels.is_empty() {
            gather.plain_arrival(self.origin, plain)
        } else {
            gather.changed_arrival(self.origin, plain, |spec| {
                spec.labels.extend(own.labels);
            })
        };
        if several.is_some() {
            jobs.components.push(&arrival);
        } else {
            gather.add_flat(&arrival);
        }
    }

    /// Whether another record of the same name is that of the next attempt.
    fn goes_on_as(&self, next: &Self) -> bool {
        let soon = self.end().map(|end| end.saturating_add(REQUEUED_WITHIN));
        let is_later = next.demand.submit > self.demand.submit;
        is_later && soon.is_some_and(|soon| next.demand.submit <= soon)
    }
}

impl Jobs {
    /// An empty list of jobs. A job that may have another record is held back; its place in the order stays that of its row.
    pub(super) fn new() -> Self {
        Self {
            gather: Gather::default().in_order(Order::Place),
            components: Gangs::new(LATER),
            held: None,
            running: SortedMap::new(),
            met: TaskNames::default(),
            latest: Instant::ZERO,
        }
    }

    /// Takes a job.
    pub(super) fn take(
        &mut self,
        journal: &mut Journal,
        job: Job<'_>,
        bad: &Complaints<'_>,
    ) -> Result<(), Refused> {
        let (line, name) = (job.line, job.name);
        let Some(demand) = demand(journal, job, bad)? else {
            return Ok(());
        };
        let own = Held {
            file: journal.file.clone(),
            line,
            origin: journal.origin(line),
            name: name.as_bytes().into(),
            demand,
        };
        let submit = own.demand.submit;
        let own = match self.held.take() {
            Some(held) if held.name == own.name => self.again(journal, held, own)?,
            held => {
                self.push(journal, held)?;
                self.first(journal, own, name)?
            }
        };
        self.held = own;
        self.latest = self.latest.max(submit);
        Ok(())
    }

    /// The job of two records of one name that follow each other.
    fn again(
        &mut self,
        journal: &mut Journal,
        held: Held,
        own: Held,
    ) -> Result<Option<Held>, TraceError> {
        let line = own.line;
        if held.demand.submit == own.demand.submit {
            journal.dirt(REPEATED, Action::Drop, line)?;
            let is_better = held.demand.run_time.is_none();
            return Ok(Some(if is_better { own } else { held }));
        }
        let (first, mut last) = if held.demand.submit < own.demand.submit {
            (held, own)
        } else {
            (own, held)
        };
        if first.goes_on_as(&last) {
            let kind = "attempts of one job; it arrives and waits from its first submission on, and runs as its last attempt";
            journal.dirt(kind, Action::Repair, line)?;
            last.demand.submit = first.demand.submit;
            last.demand.arrives = first.demand.arrives;
            return Ok(Some(last));
        }
        journal.dirt(TWICE, Action::Keep, line)?;
        self.push(journal, Some(first))?;
        Ok(Some(last))
    }

    /// A job of a name whose record follows that of another; `None` if it stands above already.
    fn first(
        &mut self,
        journal: &mut Journal,
        own: Held,
        name: &str,
    ) -> Result<Option<Held>, TraceError> {
        let number = number(name);
        if !self.met.contains(&number) {
            self.met.insert(&number);
            return Ok(Some(own));
        }
        let running = self.running.get(&own.name);
        if running.is_some_and(|one| one.demand.submit == own.demand.submit) {
            self.running.remove(&own.name);
            let kind = "job that still ran in a record above; this one stands";
            journal.dirt(kind, Action::Repair, own.line)?;
            return Ok(Some(own));
        }
        // Dumps of months that follow each other both have what ran from one to the other.
        if own.demand.submit <= self.latest {
            journal.dirt(REPEATED, Action::Drop, own.line)?;
            return Ok(None);
        }
        journal.dirt(TWICE, Action::Keep, own.line)?;
        Ok(Some(own))
    }

    /// The jobs, those that are held back among them.
    pub(super) fn finish(
        mut self,
        mut journal: Journal,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let held = self.held.take();
        self.push(&mut journal, held)?;
        for one in std::mem::take(&mut self.running).into_values() {
            self.push_running(&mut journal, one)?;
        }
        let Self {
            mut gather,
            components,
            ..
        } = self;
        components.finish(&mut journal, |gang| {
            if let [only] = gang {
                only.leave_gang();
            }
            gather.add_gang(gang);
        })?;
        gather.finish_from_first(journal)
    }

    fn push(&mut self, journal: &mut Journal, held: Option<Held>) -> Result<(), TraceError> {
        let Some(held) = held else {
            return Ok(());
        };
        if held.demand.run_time.is_some() {
            held.push_to(self);
            return Ok(());
        }
        match self.running.insert(held.name.clone(), held) {
            Some(older) => self.push_running(journal, older),
            None => Ok(()),
        }
    }

    /// Adds a job of which no record says that it ended.
    fn push_running(&mut self, journal: &mut Journal, one: Held) -> Result<(), TraceError> {
        let file = std::mem::replace(&mut journal.file, one.file.clone());
        journal.dirt("still running; run time not known", Action::Keep, one.line)?;
        journal.file = file;
        one.push_to(self);
        Ok(())
    }
}

/// The note about a record of a job that an earlier one states.
const REPEATED: &str = "record of a job that stands above already";

/// The name of a job as a number, so that those of jobs that follow each other take no room, nor those of elements of an array.
fn number(name: &str) -> PodName {
    if let Some(job) = digits(name.as_bytes()).filter(|&job| job < 1 << 32) {
        return PodName::Job(job as u64);
    }
    let (job, element) = name.split_once('_').unwrap_or((name, ""));
    let job = job.parse::<u64>().ok().filter(|&job| job < 1 << 32);
    let number = match element {
        "" => job,
        element => {
            let element = element.parse::<u64>().ok().filter(|&own| own < 1 << 31);
            // The smaller numbers are those of jobs.
            job.zip(element)
                .map(|(job, element)| (job + 2) << 31 | element)
        }
    };
    number.map_or_else(|| PodName::Text(name.into()), PodName::Job)
}

/// The demand of a job; `None` if it makes none.
fn demand(
    journal: &mut Journal,
    job: Job<'_>,
    bad: &Complaints<'_>,
) -> Result<Option<Demand>, Refused> {
    let line = job.line;
    let Some(start) = job.start else {
        journal.dirt("job never ran", Action::Drop, line)?;
        return Ok(None);
    };
    if job.processors == 0 {
        journal.dirt("job without a processor", Action::Drop, line)?;
        return Ok(None);
    }
    check_end(journal, &job, start, bad)?;
    let gpus = Gpus::of(&job.allocated, &job.requested);
    let own = spread(gpus.number, job.processors, job.nodes);
    let own = own.ok_or_else(|| (bad.resources)("at most 64 GPUs on a node"))?;
    let kind = "GPUs or processors don't divide by the nodes; rounded up";
    journal.repair_if(own.is_rounded, kind, line)?;
    note(journal, line, &gpus, &job.requested, &job.allocated)?;
    journal.keep_if(start < job.submit, "start before the submission", line)?;
    let arrives = arrival(journal, &job, start)?;
    let run_time = run_time(journal, &job, start)?;
    // A request of 0 is one for all that its nodes have (`--mem=0`): the allocation states it.
    let memory = [job.memory, job.requested.memory, job.allocated.memory];
    let memory = memory.into_iter().flatten().find(|&bytes| bytes > 0);
    let memory = memory.map(|bytes| bytes / own.members);
    Ok(Some(Demand {
        user: job.user.as_bytes().into(),
        submit: job.submit,
        arrives,
        start,
        run_time,
        limit: job.limit,
        members: own.members as u32,
        cpu_milli: own.cpu_milli,
        memory,
        gpus: own.gpus,
        model: gpus.model().to_owned(),
        labels: job.labels,
    }))
}

/// The instant from which on a job may start: Slurm counts waits from there.
fn arrival(journal: &mut Journal, job: &Job<'_>, start: Instant) -> Result<Instant, Refused> {
    let later = job.eligible.filter(|&eligible| eligible > job.submit);
    let is_after = later.is_some_and(|eligible| eligible > start);
    let kind = "eligible after its start; arrives at its submission";
    journal.repair_if(is_after, kind, job.line)?;
    let later = later.filter(|_| !is_after);
    let kind = "eligible later than submitted (dependency, hold or begin time); arrives when it is";
    journal.repair_if(later.is_some(), kind, job.line)?;
    Ok(later.unwrap_or(job.submit))
}

/// Time for which a job may run on beyond its limit: the controller looks once a minute, and then waits for `KillWait`.
const GRACE: Duration = Duration::from_secs(120);

/// Nanoseconds.
const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;

/// The run time of a job: `Elapsed`, which is End less Start and Suspended (`as_mysql_jobacct_process.c` of slurmdbd).
fn run_time(
    journal: &mut Journal,
    job: &Job<'_>,
    start: Instant,
) -> Result<Option<Duration>, Refused> {
    let line = job.line;
    // One that ends before it starts was told.
    let held = job.end.map(|end| {
        let held = end.as_nanos() - start.as_nanos();
        Duration::from_nanos(held.saturating_sub(job.suspended.as_nanos()))
    });
    let apart = job
        .elapsed
        .zip(held)
        .map_or(0, |(own, other)| own.as_nanos().abs_diff(other.as_nanos()));
    let is_clock_change = apart.abs_diff(HOUR) <= SECOND;
    let kind = if is_clock_change {
        "run time an hour off its dates, as where summer time begins or ends; `Elapsed` holds"
    } else {
        "run time that differs from End less Start and Suspended; it holds"
    };
    let is_told = job.end.is_some_and(|end| end < start) && is_clock_change;
    journal.repair_if(apart > SECOND && !is_told, kind, line)?;
    let by_dates = held.map(|held| held.max(Duration::ZERO));
    let was_suspended = job.suspended > Duration::ZERO;
    let kind = "suspended for a while; runs without a break for the rest of the time";
    journal.keep_if(was_suspended, kind, line)?;
    let run_time = job.elapsed.or(by_dates);
    let limit = job.limit.map(|limit| limit.saturating_add(GRACE));
    let is_beyond = run_time.zip(limit).is_some_and(|(own, limit)| own > limit);
    journal.keep_if(is_beyond, "ran beyond its limit", line)?;
    Ok(run_time)
}

/// Refuses an end before the start, but for that of a job over the end of summer time.
fn check_end(
    journal: &mut Journal,
    job: &Job<'_>,
    start: Instant,
    bad: &Complaints<'_>,
) -> Result<(), Refused> {
    let Some(end) = job.end.filter(|&end| end < start) else {
        return Ok(());
    };
    // Dates are local, so they may go back by an hour.
    if start.since(end).as_nanos().unsigned_abs() > HOUR {
        return Err((bad.end)("no earlier than `Start`").into());
    }
    let kind = if job.elapsed.is_some() {
        "end up to an hour before the start, as at the end of summer time; `Elapsed` holds"
    } else {
        "end up to an hour before the start, as at the end of summer time; counted as 0 s"
    };
    Ok(journal.dirt(kind, Action::Repair, job.line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_each_other_has_numbers_that_do() {
        for names in [
            ["0", "1", "2"],
            ["4294967293", "4294967294", "4294967295"],
            ["0_0", "0_1", "0_2"],
            ["4294967295_7", "4294967295_8", "4294967295_9"],
        ] {
            let numbers = names.map(|name| match number(name) {
                PodName::Job(number) => number,
                other => panic!("{other} is no number"),
            });
            assert_eq!(numbers, [0, 1, 2].map(|more| numbers[0] + more));
            let is_element = names[0].contains('_');
            assert_eq!(numbers[0] >= 1 << 32, is_element, "{names:?}");
        }
        for name in ["4294967296", "1_2147483648", "1+0", "a"] {
            assert_eq!(number(name), PodName::Text(name.into()), "{name}");
        }
    }
}
