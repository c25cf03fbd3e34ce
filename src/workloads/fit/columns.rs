//! Jobs of a trace as columns of whole numbers.

use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, MEMORY};
use model::{Affinity, PodSpec, Text};
use units::{Duration, Quantity};

use super::sample::Sample;
use crate::generate::mix::Field;
use arrivals::class_cache::ByClass;
use arrivals::stream::{Arrival, ArrivalSource};
use intake::TraceError;

/// Number of jobs that a fit holds at most; of a longer trace it holds a sample. They take about 115 megabytes with all
/// that is made of them, and a share that holds for one job in a hundred is known to within a twentieth of it in nineteen of
/// twenty samples.
pub(super) const MOST_JOBS: usize = 250_000;

/// A job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// Time of the submission, nanoseconds.
    pub(super) submit: i64,
    /// Run time in nanoseconds; none of a job that stays.
    pub(super) run_time: Option<i64>,
    /// Time limit in nanoseconds.
    pub(super) time_limit: Option<i64>,
    pub(super) shape: Shape,
    pub(super) pods: i64,
    pub(super) tenant: u32,
}

/// Amounts that a job asks for: thousandths of processors and of devices, bytes of memory, and pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) gpus: i64,
    pub(super) cpu: i64,
    pub(super) memory: i64,
    pub(super) pods: i64,
}

/// Requests of the pods of a class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Processors, thousandths.
    pub(super) cpu: i64,
    /// Bytes of memory.
    pub(super) memory: i64,
    /// Devices, thousandths.
    pub(super) gpus: i64,
    pub(super) priority: i32,
    /// Rules about nodes and other pods.
    has_rules: bool,
    has_gpu_models: bool,
    has_other_resources: bool,
}

/// The jobs of a trace in order of submission, or a sample of them.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) jobs: Vec<Job>,
    /// Names of the tenants.
    pub(super) tenants: Vec<Text>,
    /// Number of jobs of the trace, and of those with each property that no mix has.
    all: u64,
    left_out: [u64; LEFT_OUT.len()],
}

/// Words for a property, and a test for it.
type Property = (&'static str, fn(&Shape) -> bool);

/// Properties of jobs that no mix has.
const LEFT_OUT: [Property; 3] = [
    ("rules about nodes and other pods", |own| own.has_rules),
    ("models of GPUs", |own| own.has_gpu_models),
    ("resources other than processors, memory and GPUs", |own| {
        own.has_other_resources
    }),
];

impl Columns {
    /// Jobs that are a part of a trace's.
    pub(super) fn of(jobs: Vec<Job>) -> Self {
        Self {
            all: jobs.len() as u64,
            jobs,
            tenants: Vec::new(),
            left_out: [0; LEFT_OUT.len()],
        }
    }

    /// Reads all jobs, and keeps a sample of them if there are more than a number.
    pub(super) fn read(source: &mut dyn ArrivalSource, most: usize) -> Result<Self, TraceError> {
        let mut shapes: ByClass<Shape> = ByClass::default();
        let mut jobs = Sample::of(most);
        let mut left_out = [0; LEFT_OUT.len()];
        while let Some(arrival) = source.next()? {
            let shape = match shapes.get(arrival.class) {
                Some(known) => *known,
                None => Shape::of(&*source.classes().get(arrival.class)?),
            };
            shapes.put(arrival.class, shape);
            jobs.push(Job::of(&arrival, shape));
            for (count, (_, holds)) in left_out.iter_mut().zip(LEFT_OUT) {
                *count += u64::from(holds(&shape));
            }
        }
        Ok(Self {
            all: jobs.met(),
            jobs: jobs.in_order(),
            tenants: source.tenants().to_vec(),
            left_out,
        })
    }

    /// Number of jobs of the trace, of which these are a sample; `None` if they are all.
    pub(super) fn sampled_of(&self) -> Option<u64> {
        Some(self.all).filter(|&all| all > self.jobs.len() as u64)
    }

    /// Rate of the jobs of the trace by that of these.
    pub(super) fn rate(&self) -> Rate {
        Rate {
            all: self.all,
            of: self.jobs.len() as u64,
        }
    }

    /// Time from the zero of the trace to the last submission.
    pub(super) fn span(&self) -> Duration {
        Duration::from_nanos(self.jobs.last().map_or(0, |job| job.submit))
    }

    /// Instants of the first and of the last end of a job that starts at once, nanoseconds, where they decide which jobs a
    /// trace has: its longest run takes a good part of it. Of shorter ones it has nearly all, whenever they began.
    pub(super) fn ends(&self) -> Option<[i64; 2]> {
        const GOOD_PART: i64 = 4;
        let longest = self.jobs.iter().filter_map(|job| job.run_time).max()?;
        if longest < self.span().as_nanos() / GOOD_PART {
            return None;
        }
        let ends = || self.jobs.iter().filter_map(Job::end);
        Some([ends().min()?, ends().max()?])
    }

    /// Gaps between submissions, nanoseconds.
    pub(super) fn gaps(&self) -> Vec<i64> {
        let pairs = self.jobs.windows(2);
        pairs.map(|two| two[1].submit - two[0].submit).collect()
    }

    /// Properties of the jobs that no mix has, with the numbers of those that have them.
    pub(super) fn left_out(&self) -> Vec<(&'static str, u64)> {
        let all = LEFT_OUT.iter().zip(self.left_out);
        let named = all.map(|((words, _), count)| (*words, count));
        named.filter(|(_, count)| *count > 0).collect()
    }
}

/// A factor between rates of jobs: as many jobs of one kind come as there are of another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    all: u64,
    of: u64,
}

impl Rate {
    /// Rates stay as they are.
    pub(super) const SAME: Self = Self { all: 1, of: 1 };

    /// A number of jobs at this rate, to the nearest.
    pub(super) fn number(self, number: u64) -> u64 {
        let (all, of) = (u128::from(self.all), u128::from(self.of.max(1)));
        let number = (u128::from(number) * all + of / 2) / of;
        u64::try_from(number).unwrap_or(u64::MAX)
    }

    /// A time between jobs at this rate.
    pub(super) fn gap(self, nanos: i64) -> i64 {
        let gap = i128::from(nanos) * i128::from(self.of) / i128::from(self.all.max(1));
        i64::try_from(gap).unwrap_or(i64::MAX)
    }
}

impl Job {
    fn of(arrival: &Arrival, shape: Shape) -> Self {
        Self {
            // To the millisecond, as jobs of mixes are.
            submit: arrival.submit.as_nanos() / 1_000_000 * 1_000_000,
            run_time: arrival.run_time.map(Duration::as_nanos),
            time_limit: arrival.time_limit.map(Duration::as_nanos),
            shape,
            pods: i64::from(arrival.members),
            tenant: arrival.tenant,
        }
    }

    /// The request of the job.
    pub(super) fn request(&self) -> Asked {
        Asked {
            cpu: self.shape.cpu,
            memory: self.shape.memory,
            gpus: self.shape.gpus,
            pods: self.pods,
        }
    }

    /// End of the job if it starts at once, nanoseconds; `None` of one that stays.
    pub(super) fn end(&self) -> Option<i64> {
        self.run_time.map(|own| self.submit.saturating_add(own))
    }

    /// A field of the job; `None` where the job has none.
    pub(super) fn field(&self, field: Field) -> Option<i64> {
        match field {
            Field::RunTime => self.run_time,
            Field::TimeLimit => self.time_limit,
            Field::Cpu => Some(self.shape.cpu),
            Field::Memory => Some(self.shape.memory),
            Field::Gpus => Some(self.shape.gpus),
            Field::Pods => Some(self.pods),
            Field::Submission => Some(self.submit),
            Field::Requests => None,
        }
    }
}

impl Shape {
    fn of(spec: &PodSpec) -> Self {
        let requests = spec.requests().unwrap_or_default();
        let gpus = i64::from(spec.gpu.devices) * i64::from(spec.gpu.milli_per_device);
        let others = requests
            .iter()
            .filter(|(name, amount)| !amount.is_zero() && ![CPU, MEMORY].contains(name));
        Self {
            cpu: amount(requests.get(CPU), true),
            memory: amount(requests.get(MEMORY), false),
            gpus: gpus.min(64 * i64::from(DEVICE_MILLI)),
            priority: spec.priority,
            has_rules: !spec.node_selector.is_empty()
                || spec.affinity != Affinity::default()
                || !spec.tolerations.is_empty()
                || !spec.topology_spread.is_empty(),
            has_gpu_models: !spec.gpu.models.is_empty(),
            has_other_resources: others.count() > 0,
        }
    }
}

/// Thousandths of an amount, or whole units; the most that a number holds where it is more.
fn amount(quantity: Quantity, is_milli: bool) -> i64 {
    let whole = if is_milli {
        quantity.milli_ceil()
    } else {
        quantity.units_ceil()
    };
    whole.unwrap_or(i64::MAX)
}
