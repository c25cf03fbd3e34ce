//! Contents of a trace file and its faults: the output of `trace inspect` and `trace validate` as
//! plain values.

mod outcomes;
mod profile;
mod record;
mod rhythm;
mod totals;
mod validation;

use crate::class_cache::ByClass;
use crate::format::{Constructor, FormatEntry};
use crate::implausible::doubted;
use crate::job_fields::OUTCOME;
use crate::precedence::told;
use crate::quantiles::{Counted, Distribution, Quantiles, Tail};
use crate::read_options::ReadOptions;
use crate::stream::{Arrival, ArrivalSource, Classes};
use intake::ledger::Ledger;
use intake::{Input, TraceError, archive};
use model::resource_list::{CPU, MEMORY};
use model::{Node, PodSpec, Text};
use units::time::NANOS_PER_SECOND;
use units::{Duration, Instant, SortedMap};

use outcomes::Outcomes;
pub use profile::{Curves, Profile, curve, hour_of};
pub use record::{RECORDS_MAX, Record, Records, found, records};
pub use rhythm::{Following, HOURS, LAGS, Rhythm};
use totals::Requested;
pub use totals::Totals;
pub use validation::{Validation, validate, validate_log};

/// Content of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// The file as the user named it.
    pub file: String,
    /// The name of its format.
    pub format: &'static str,
    /// BLAKE3 of the stored bytes, in hexadecimal.
    pub blake3: String,
    /// The pod's content in figures.
    pub content: Content,
    /// Ledger of irregularities found while reading.
    pub ledger: Ledger,
}

/// A file's content in figures.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Summary of nodes.
    Nodes(NodesSummary),
    /// Summary of arrivals.
    Workload(Box<WorkloadSummary>),
}

/// Nodes in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodesSummary {
    /// Number of nodes.
    pub nodes: u64,
    /// 1/1000 cores in all.
    pub cpu_milli: i64,
    /// Bytes of memory in all.
    pub memory_bytes: i64,
    /// GPU devices in all.
    pub gpus: u64,
    /// Nodes of equal shape, the largest group first.
    pub groups: Vec<NodeGroup>,
}

/// Nodes of equal shape.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeGroup {
    /// GPU model; empty without devices.
    pub model: Text,
    /// GPU devices of one node.
    pub gpus: u8,
    /// 1/1000 cores of one node.
    pub cpu_milli: i64,
    /// Bytes of memory of one node.
    pub memory_bytes: i64,
    /// Number of nodes in the group.
    pub count: u64,
}

/// Arrivals in figures. Times are nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadSummary {
    /// Number of arrivals (jobs).
    pub arrivals: u64,
    /// Number of pods: the members of all arrivals.
    pub pods: u64,
    /// Number of classes.
    pub classes: usize,
    /// First submission.
    pub first_submit: Instant,
    /// Last submission.
    pub last_submit: Instant,
    /// Arrivals without a run time.
    pub unknown_run_times: u64,
    /// Arrivals that wait for others.
    pub waiting: u64,
    /// Arrivals that are members of gangs of several.
    pub ganged: u64,
    /// Outcomes in the origin with their arrivals, without those that are not known.
    pub outcomes: Vec<(Text, u64)>,
    /// Sums of the requests.
    pub totals: Totals,
    /// Run times.
    pub run_time: Option<Quantiles>,
    /// Requested times.
    pub time_limit: Option<Quantiles>,
    /// Waits in the origin.
    pub historic_wait: Option<Quantiles>,
    /// Times between arrivals.
    pub gap: Option<Quantiles>,
    /// Members of an arrival.
    pub members: Option<Quantiles>,
    /// 1/1000 cores of a member, over arrivals.
    pub cpu_milli: Option<Quantiles>,
    /// Bytes of memory of a member, over arrivals.
    pub memory_bytes: Option<Quantiles>,
    /// 1/1000 GPU devices of a member, over arrivals.
    pub gpu_milli: Option<Quantiles>,
    /// Number of tenants.
    pub tenants: usize,
    /// The first tenants by their arrivals, most first (equal: by first appearance).
    pub most_by: Vec<(Text, u64)>,
    /// Tails of the distributions.
    pub tails: Tails,
    /// Correlations between a gap and the one [`LAGS`] places before, of logarithms.
    pub gap_following: [Option<f64>; LAGS.len()],
    /// Correlations between a run time and the one [`LAGS`] places before, of logarithms.
    pub run_time_following: [Option<f64>; LAGS.len()],
    /// Arrivals over time and distributions to be drawn.
    pub profile: Profile,
}

/// Tails of the distributions of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tails {
    /// Tail of the run times.
    pub run_time: Option<Tail>,
    /// Tail of the times between arrivals.
    pub gap: Option<Tail>,
    /// Tail of the work of an arrival: run time times cores times members (pods where none asks for cores).
    pub work: Option<Tail>,
}

/// Inspects a file. Bad rows are dealt with as the options say; outcomes are counted in any case.
pub fn inspect(
    input: &Input,
    entry: &FormatEntry,
    options: &ReadOptions,
) -> Result<Inspection, TraceError> {
    let options = &ReadOptions {
        outcomes: true,
        ..options.clone()
    };
    let (content, ledger) = match entry.open {
        Constructor::Nodes(read) => {
            let list = read(input, options)?;
            (Content::Nodes(summarize_nodes(&list.nodes)), list.ledger)
        }
        Constructor::Workload(open) => {
            let mut source = doubted(told(open(input, options)?, &input.name), &input.name);
            let summary = summarize_workload(&mut *source)?;
            (
                Content::Workload(Box::new(summary)),
                source.ledger().clone(),
            )
        }
    };
    Ok(Inspection {
        file: input.name.to_string(),
        format: entry.name,
        blake3: archive::blake3(input)?,
        content,
        ledger,
    })
}

/// Nodes in figures.
pub fn summarize_nodes(nodes: &[Node]) -> NodesSummary {
    let mut summary = NodesSummary::default();
    let mut groups: SortedMap<(Text, u8, i64, i64), u64> = SortedMap::new();
    for node in nodes {
        let cpu_milli = node.allocatable.get(CPU).milli_floor().unwrap_or(i64::MAX);
        let memory_bytes = node
            .allocatable
            .get(MEMORY)
            .units_ceil()
            .unwrap_or(i64::MAX);
        let (model, gpus) = match &node.gpu {
            Some(gpu) => (gpu.model.clone(), gpu.devices),
            None => (Text::default(), 0),
        };
        summary.nodes += 1;
        summary.cpu_milli = summary.cpu_milli.saturating_add(cpu_milli);
        summary.memory_bytes = summary.memory_bytes.saturating_add(memory_bytes);
        summary.gpus += u64::from(gpus);
        *groups
            .entry((model, gpus, cpu_milli, memory_bytes))
            .or_default() += 1;
    }
    summary.groups = groups
        .into_iter()
        .map(
            |((model, gpus, cpu_milli, memory_bytes), count)| NodeGroup {
                model,
                gpus,
                cpu_milli,
                memory_bytes,
                count,
            },
        )
        .collect();
    summary
        .groups
        .sort_by_key(|group| std::cmp::Reverse(group.count));
    summary
}

/// Arrivals in figures; reads the source to its end.
pub fn summarize_workload(source: &mut dyn ArrivalSource) -> Result<WorkloadSummary, TraceError> {
    let mut tally = Tally {
        outcomes: Outcomes::of(&source.header().fields),
        ..Tally::default()
    };
    while let Some(arrival) = source.next()? {
        tally.meet(source.classes())?;
        tally.add(&arrival, source.classes())?;
    }
    tally.meet(source.classes())?;
    tally.finish(source.tenants())
}

/// Requests of one member of a class.
#[derive(Clone, Copy, Debug)]
struct Shape {
    cpu_milli: i64,
    memory_bytes: i64,
    gpu_milli: i64,
}

impl Shape {
    fn of(spec: &PodSpec) -> Self {
        let requests = spec.requests().unwrap_or_default();
        Self {
            cpu_milli: requests.get(CPU).milli_ceil().unwrap_or(i64::MAX),
            memory_bytes: requests.get(MEMORY).units_ceil().unwrap_or(i64::MAX),
            gpu_milli: spec.gpu.total_milli(),
        }
    }

    /// 1/1000 core seconds of a number of members, or 1/1000 pod seconds where they ask for no cores.
    fn work(self, run_time_ns: i64, members: u32) -> i64 {
        let each = if self.cpu_milli > 0 {
            self.cpu_milli
        } else {
            1_000
        };
        let work = i128::from(run_time_ns) * i128::from(each) / i128::from(NANOS_PER_SECOND);
        i64::try_from(work.saturating_mul(members.into())).unwrap_or(i64::MAX)
    }
}

/// What is known of a class.
#[derive(Debug)]
struct Known {
    shape: Shape,
    /// The outcome of its jobs, if any is stated.
    outcome: Option<Text>,
}

impl Known {
    fn of(spec: &PodSpec) -> Self {
        Self {
            shape: Shape::of(spec),
            outcome: spec.labels.get(OUTCOME.label).cloned(),
        }
    }
}

#[derive(Default)]
struct Tally {
    summary: WorkloadSummary,
    /// What is known of classes.
    known: ByClass<Known>,
    /// Classes met.
    classes: usize,
    run_time: Counted,
    time_limit: Counted,
    historic_wait: Counted,
    gap: Counted,
    members: Counted,
    cpu_milli: Counted,
    memory_bytes: Counted,
    gpu_milli: Counted,
    /// 1/1000 core seconds.
    work: Counted,
    gap_following: Following,
    run_time_following: Following,
    per_tenant: Vec<u64>,
    outcomes: Option<Outcomes>,
    per_hour: SortedMap<i64, u64>,
}

impl Tally {
    /// Takes classes that were not met yet.
    fn meet(&mut self, classes: &Classes) -> Result<(), TraceError> {
        if let Some(outcomes) = &mut self.outcomes {
            for spec in classes.since(self.classes) {
                outcomes.meet(&*spec?);
            }
        }
        self.classes = classes.len();
        Ok(())
    }

    fn add(&mut self, arrival: &Arrival, classes: &Classes) -> Result<(), TraceError> {
        if self.known.get(arrival.class).is_none() {
            let known = Known::of(&*classes.get(arrival.class)?);
            self.known.put(arrival.class, known);
        }
        let Some(known) = self.known.get(arrival.class) else {
            return Ok(());
        };
        let summary = &mut self.summary;
        if summary.arrivals == 0 {
            summary.first_submit = arrival.submit;
        } else {
            let gap = arrival.submit.since(summary.last_submit).as_nanos();
            self.gap.add(gap);
            self.gap_following.add(gap);
        }
        summary.last_submit = arrival.submit;
        summary.arrivals += 1;
        summary.pods += u64::from(arrival.members);
        summary.unknown_run_times += u64::from(arrival.run_time.is_none());
        summary.waiting += u64::from(!arrival.after().is_empty());
        summary.ganged += u64::from(arrival.gang().is_some());
        let nanos = |time: Option<Duration>| time.map(Duration::as_nanos);
        self.run_time.extend(nanos(arrival.run_time));
        self.time_limit.extend(nanos(arrival.time_limit));
        let wait = arrival
            .historic_start
            .map(|start| start.since(arrival.submit));
        self.historic_wait.extend(nanos(wait));
        self.members.add(i64::from(arrival.members));
        let shape = known.shape;
        summary.totals.add(Requested {
            cpu_milli: shape.cpu_milli,
            memory_bytes: shape.memory_bytes,
            gpu_milli: shape.gpu_milli,
            members: arrival.members,
            run_time: arrival.run_time,
        });
        if let Some(run_time) = nanos(arrival.run_time) {
            self.run_time_following.add(run_time);
            self.work.add(shape.work(run_time, arrival.members));
        }
        self.cpu_milli.add(shape.cpu_milli);
        self.memory_bytes.add(shape.memory_bytes);
        self.gpu_milli.add(shape.gpu_milli);
        count(&mut self.per_tenant, arrival.tenant);
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.add(known.outcome.as_ref());
        }
        let hour = hour_of(arrival.submit.as_nanos());
        *self.per_hour.entry(hour).or_default() += 1;
        Ok(())
    }

    fn finish(self, tenants: &[Text]) -> Result<WorkloadSummary, TraceError> {
        let name = |number: u32| match tenants.get(number as usize) {
            Some(name) => name.clone(),
            None => number.to_string().into(),
        };
        let arrivals_per_hour: Vec<(i64, u64)> = self.per_hour.into_iter().collect();
        let classes = self.outcomes.as_ref().map(Outcomes::classes);
        let all = [
            self.run_time,
            self.time_limit,
            self.historic_wait,
            self.gap,
            self.members,
            self.cpu_milli,
            self.memory_bytes,
            self.gpu_milli,
            self.work,
        ];
        let [
            run_time,
            time_limit,
            historic_wait,
            gap,
            members,
            cpu_milli,
            memory_bytes,
            gpu_milli,
            work,
        ] = distributions(all)?;
        Ok(WorkloadSummary {
            classes: classes.unwrap_or(self.classes),
            outcomes: self.outcomes.map(Outcomes::counted).unwrap_or_default(),
            run_time: run_time.quantiles()?,
            time_limit: time_limit.quantiles()?,
            historic_wait: historic_wait.quantiles()?,
            gap: gap.quantiles()?,
            members: members.quantiles()?,
            cpu_milli: cpu_milli.quantiles()?,
            memory_bytes: memory_bytes.quantiles()?,
            gpu_milli: gpu_milli.quantiles()?,
            tails: Tails {
                run_time: run_time.tail()?,
                gap: gap.tail()?,
                work: work.tail()?,
            },
            gap_following: self.gap_following.correlations(),
            run_time_following: self.run_time_following.correlations(),
            tenants: self.per_tenant.len(),
            most_by: most_first(&self.per_tenant)
                .into_iter()
                .map(|(number, count)| (name(number), count))
                .collect(),
            profile: Profile::of(
                arrivals_per_hour,
                Curves {
                    run_time: curve(&run_time)?,
                    gap: curve(&gap)?,
                    historic_wait: curve(&historic_wait)?,
                    time_limit: curve(&time_limit)?,
                    members: curve(&members)?,
                    cpu_milli: curve(&cpu_milli)?,
                    memory_bytes: curve(&memory_bytes)?,
                    gpu_milli: curve(&gpu_milli)?,
                },
            ),
            ..self.summary
        })
    }
}

/// The distributions of counts.
fn distributions<const N: usize>(all: [Counted; N]) -> Result<[Distribution; N], TraceError> {
    let all = all.into_iter().map(Counted::finish);
    let all: Vec<Distribution> = all.collect::<Result<_, _>>()?;
    Ok(<[Distribution; N]>::try_from(all).expect("invariant: as many as before"))
}

fn count(counts: &mut Vec<u64>, number: u32) {
    let index = number as usize;
    if counts.len() <= index {
        counts.resize(index + 1, 0);
    }
    counts[index] += 1;
}

/// Tenants that are listed.
const LISTED: usize = 5;

/// The largest counts with their numbers, the largest first; equal ones in their order.
fn most_first(counts: &[u64]) -> Vec<(u32, u64)> {
    let mut most: Vec<(u32, u64)> = Vec::new();
    for (number, &count) in (0..).zip(counts) {
        let place = most.partition_point(|&(_, own)| own >= count);
        if place < LISTED {
            most.truncate(LISTED - 1);
            most.insert(place, (number, count));
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_largest_counts_come_first(counts in prop::collection::vec(0_u64..6, 0..30)) {
            let mut all: Vec<(u32, u64)> = (0..).zip(counts.iter().copied()).collect();
            all.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
            all.truncate(LISTED);
            prop_assert_eq!(most_first(&counts), all);
        }
    }
}
