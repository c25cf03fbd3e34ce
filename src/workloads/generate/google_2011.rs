//! A month of tasks on a cluster of the size of Google's trace of 2011 (spec:
//! published-results.md 8.3, traces.md section 2): 12,583 machines of ten shapes, tasks in jobs of
//! which three quarters have one and the largest tens of thousands, arrivals with a day cycle, run
//! times with a long tail, requests of the published ranges. The rate is that of 48 million tasks
//! in 29 days unless the caller says otherwise.
//!
//! What is our own: the number of classes (tasks of equal requests), so that it can be studied;
//! that a job's tasks are of one class; and run times whose mean is chosen so that, in the long
//! run, the scarcer of processors and memory is used to the share asked for, and that users hold
//! tasks back while more than a quota of it is asked for (`quota`). No task is kept once it was
//! made, so memory does not grow with their number.

mod quota;
mod source;

use std::io::{self, Write};

use super::GeneratorOptions;
use model::resource_list::{CPU, MEMORY};
use model::{PodSpec, ResourceList};
use rng::{Stream, math, special};
use units::{Duration, Quantity};

use quota::Quota;
pub use source::TaskSource;

/// Machines by shape: processors and memory in 1/100 of the largest, and how many of 12,583.
const SHAPES: [(u64, u64, u64); 10] = [
    (50, 50, 6_732),
    (50, 25, 3_863),
    (50, 75, 1_001),
    (100, 100, 795),
    (25, 25, 126),
    (50, 12, 52),
    (50, 3, 5),
    (50, 97, 5),
    (100, 50, 3),
    (50, 6, 1),
];

/// The largest machine: 64 cores and 256 GiB (traces.md, section 0).
const LARGEST: (u64, u64) = (64_000, 256 << 30);

/// Spread of the logarithm of run times.
const SIGMA: f64 = 2.0;
/// Jobs of one task.
const SINGLES: f64 = 0.75;
/// The smallest and the largest job of several tasks.
const GROUPS: (f64, f64) = (2.0, 20_000.0);

const MEBIBYTE: u64 = 1 << 20;

/// The model with everything that follows from its options.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) options: GeneratorOptions,
    /// Mean time between jobs, in seconds.
    job_gap: f64,
    /// Exponent of the sizes of jobs of several tasks; `None` if every job has one task.
    size_exponent: Option<f64>,
    /// Logarithm of the median run time in seconds.
    log_median: f64,
    specs: Vec<(u64, u64)>,
    /// Capacity of the cluster in the scarcer resource.
    scarcer: Scarcer,
}

impl Model {
    /// Creates the generator from its options.
    pub fn new(options: GeneratorOptions) -> Self {
        let specs = requests(options.seed, options.classes);
        let span = options.span.as_nanos() as f64 / 1e9;
        let mean_size = f64::from(options.tasks_per_job);
        let task_gap = span / f64::from(options.jobs);
        // By Little's law: tasks at once = rate x mean run time.
        let scarcer = Scarcer::of(&specs, options.nodes);
        let at_once = scarcer.tasks * f64::from(options.load_percent) / 100.0;
        Self {
            job_gap: task_gap * mean_size,
            size_exponent: (options.tasks_per_job > 1).then(|| size_exponent(mean_size)),
            log_median: log_median(at_once * task_gap, span),
            specs,
            scarcer,
            options,
        }
    }

    /// Quota of concurrent requests: half-way between the load and the capacity. A load at or above
    /// the capacity should overflow the cluster, so it has no quota.
    fn quota(&self) -> Option<Quota> {
        let load = f64::from(self.options.load_percent) / 100.0;
        let share = f64::midpoint(load, 1.0);
        (load < 1.0).then(|| Quota::new((self.scarcer.held * share) as i64, self.options.span))
    }

    /// Request of a class's task for the scarcer resource.
    fn asked(&self, class: u32) -> i64 {
        let (cpu, memory) = self.specs[class as usize];
        if self.scarcer.is_memory {
            memory as i64
        } else {
            cpu as i64
        }
    }

    /// Requests of a class's task.
    fn spec(&self, class: u32) -> PodSpec {
        let (cpu, memory) = self.specs[class as usize];
        PodSpec::with_requests(ResourceList::from_pairs([
            (CPU, Quantity::from_milli(cpu as i64)),
            (MEMORY, Quantity::from_units(memory as i64)),
        ]))
    }

    /// Number of a job's tasks.
    fn job_size(&self, stream: &mut Stream) -> u32 {
        match self.size_exponent {
            Some(exponent) if stream.unit_f64() >= SINGLES => {
                // A bounded Pareto law by inversion, rounded down.
                let (low, high) = GROUPS;
                let left = 1.0 - stream.unit_f64() * (1.0 - math::pow(low / high, exponent));
                (low * math::pow(left, -1.0 / exponent)).min(high) as u32
            }
            _ => 1,
        }
    }

    /// Run time of a task, in milliseconds: at least one, at most the span.
    fn run_time(&self, stream: &mut Stream) -> i64 {
        let seconds = math::exp(self.log_median + SIGMA * stream.standard_normal());
        let most = self.options.span.as_nanos() / 1_000_000;
        ((seconds * 1e3).min(most as f64) as i64).max(1)
    }
}

/// Requests of the classes: 1/80 to 1/16 of the largest machine's processors in steps of 50m, 1 to
/// 8 % of its memory in MiB; no two ask for the same.
fn requests(seed: u64, classes: u32) -> Vec<(u64, u64)> {
    let mut stream = Stream::new(seed, "generate/google-2011/classes", 0);
    let mut seen = units::SortedSet::new();
    let mut specs = Vec::with_capacity(classes as usize);
    let memory = (LARGEST.1 / 100, LARGEST.1 / 100 * 8);
    while specs.len() < classes as usize {
        let cpu = (LARGEST.0 / 80 + stream.below(LARGEST.0 / 20)) / 50 * 50;
        let memory = (memory.0 + stream.below(memory.1 - memory.0)) / MEBIBYTE * MEBIBYTE;
        if seen.insert((cpu, memory)) {
            specs.push((cpu, memory));
        }
    }
    specs
}

/// The resource that tasks of the mean request use up first.
#[derive(Clone, Copy, Debug)]
struct Scarcer {
    /// Memory; otherwise processors.
    is_memory: bool,
    /// Capacity of the cluster: 1/1000 cores or bytes.
    held: f64,
    /// Number of tasks of the mean request that use it up.
    tasks: f64,
}

impl Scarcer {
    fn of(specs: &[(u64, u64)], nodes: u32) -> Self {
        let machines: u64 = SHAPES.iter().map(|shape| shape.2).sum();
        let nodes = f64::from(nodes) / machines as f64;
        let classes = specs.len() as f64;
        let held = |amount: fn(&(u64, u64, u64)) -> u64, largest: u64| {
            let hundredths: u64 = SHAPES.iter().map(|shape| amount(shape) * shape.2).sum();
            nodes * hundredths as f64 / 100.0 * largest as f64
        };
        let asked = |amount: fn(&(u64, u64)) -> u64| {
            let sum: u64 = specs.iter().map(amount).sum();
            sum as f64 / classes
        };
        let cpu = held(|shape| shape.0, LARGEST.0);
        let memory = held(|shape| shape.1, LARGEST.1);
        let (by_cpu, by_memory) = (cpu / asked(|spec| spec.0), memory / asked(|spec| spec.1));
        let is_memory = by_memory < by_cpu;
        Self {
            is_memory,
            held: if is_memory { memory } else { cpu },
            tasks: by_cpu.min(by_memory),
        }
    }
}

/// The logarithm of the median of run times that are cut at `span` and have this mean, in seconds.
fn log_median(mean: f64, span: f64) -> f64 {
    let cut = math::ln(span);
    let mean_of = |mu: f64| {
        let whole = math::exp(mu + SIGMA * SIGMA / 2.0);
        whole * special::normal_cdf((cut - mu - SIGMA * SIGMA) / SIGMA)
            + span * special::normal_cdf((mu - cut) / SIGMA)
    };
    bisect(-20.0, cut + 20.0, |mu| mean_of(mu) < mean)
}

/// The exponent at which jobs have this many tasks in the mean.
fn size_exponent(mean_size: f64) -> f64 {
    // Rounding down takes half a task.
    let mean = (mean_size - SINGLES) / (1.0 - SINGLES) + 0.5;
    let (low, high) = GROUPS;
    let mean_of = |exponent: f64| {
        let share = 1.0 - math::pow(low / high, exponent);
        let tail = math::pow(low, 1.0 - exponent) - math::pow(high, 1.0 - exponent);
        math::pow(low, exponent) / share * exponent / (exponent - 1.0) * tail
    };
    // Larger exponents make smaller jobs; 1 itself is left out.
    bisect(0.01, 8.003, |exponent| mean_of(exponent) > mean)
}

/// Point at which a condition that holds below and not above changes.
fn bisect(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// Writes the tasks as windtunnel's own table.
pub fn write_google_2011(options: &GeneratorOptions, out: &mut dyn Write) -> io::Result<()> {
    use arrivals::ArrivalSource;
    let mut source = TaskSource::new(Model::new(*options));
    writeln!(out, "submit,run_time,cpu,memory,tenant")?;
    let milli = |nanos: i64| nanos / 1_000_000;
    while let Ok(Some(task)) = source.next() {
        let (cpu, memory) = source.requests_of(task.class);
        let submit = milli(task.submit.as_nanos());
        let run_time = milli(task.run_time.map_or(0, Duration::as_nanos));
        writeln!(
            out,
            "{}.{:03},{}.{:03},{cpu}m,{}Mi,{}",
            submit / 1_000,
            submit % 1_000,
            run_time / 1_000,
            run_time % 1_000,
            memory / MEBIBYTE,
            source.tenants()[task.tenant as usize],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcer_resource_is_the_one_that_fewer_tasks_use_up() {
        let machines: u64 = SHAPES.iter().map(|shape| shape.2).sum();
        let nodes = machines as u32;
        let cpu = Scarcer::of(&[(1_000, 1)], nodes);
        assert!(!cpu.is_memory && cpu.held < 1e9, "{cpu:?}");
        assert!((cpu.tasks * 1_000.0 - cpu.held).abs() < 1.0, "{cpu:?}");
        let gibibyte = 1_u64 << 30;
        let memory = Scarcer::of(&[(1, gibibyte)], nodes);
        assert!(memory.is_memory && memory.held > 1e15, "{memory:?}");
        let used = memory.tasks * gibibyte as f64;
        assert!((used - memory.held).abs() < 1e6, "{memory:?}");
    }
}
