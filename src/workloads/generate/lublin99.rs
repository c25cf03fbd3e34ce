//! Job logs after the model of Lublin and Feitelson ("The workload on parallel supercomputers",
//! 2003; parameters of its generator `lublin99`; spec: published-results.md 8.1).
//!
//! A job's size is 1 with some probability, else 2^x with x from a two-stage uniform distribution,
//! x often a whole number; at most the machine. Its run time is exp(g), g from one of two gamma distributions, the
//! longer one the likelier the larger the job. Times between arrivals are exp(g) seconds at the
//! mean rate, stretched by a daily cycle of 48 half-hours. The typed model draws batch and
//! interactive jobs as two streams. Only the distributions follow the original; the numbers are our
//! own.

use std::io::{self, Write};

use rng::Stream;
use rng::math::{exp, exp2, log2};
use rng::special::gamma_cdf;

/// Form of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LublinKind {
    /// Batch jobs (queue 1) and interactive jobs (queue 0) with parameters of their own.
    Typed,
    /// One kind of job (queue 1).
    Untyped,
}

/// A log to be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LublinConfig {
    /// The model's form.
    pub kind: LublinKind,
    /// Processors of the machine, 8 to 65,536.
    pub processors: u32,
    /// Number of jobs.
    pub jobs: u32,
    /// Seed of its random streams.
    pub seed: u64,
}

/// One generated job. Times are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LublinJob {
    /// Time of submission.
    pub submit: u64,
    /// Run time of the job.
    pub run: u64,
    /// Number of processors that the job takes.
    pub processors: u32,
    /// 1 for batch, 0 for interactive.
    pub queue: u8,
}

/// The jobs of a log in order of submission.
pub fn lublin99(config: &LublinConfig) -> Vec<LublinJob> {
    let classes: &[&Parameters] = match config.kind {
        LublinKind::Typed => &[&BATCH, &INTERACTIVE],
        LublinKind::Untyped => &[&UNTYPED],
    };
    let mut sources: Vec<ClassSource> = classes
        .iter()
        .map(|parameters| ClassSource::new(parameters, config))
        .collect();
    let mut jobs = Vec::with_capacity(config.jobs as usize);
    for _ in 0..config.jobs {
        let mut earliest = 0;
        for index in 1..sources.len() {
            if sources[index].next_arrival < sources[earliest].next_arrival {
                earliest = index;
            }
        }
        jobs.push(sources[earliest].next_job());
    }
    jobs
}

/// Writes a log in the Standard Workload Format.
pub fn write_lublin99(config: &LublinConfig, mut out: impl Write) -> io::Result<()> {
    let kind = match config.kind {
        LublinKind::Typed => "batch and interactive jobs",
        LublinKind::Untyped => "untyped jobs",
    };
    let jobs = lublin99(config);
    writeln!(out, "; Version: 2.2")?;
    writeln!(out, "; Computer: none")?;
    writeln!(out, "; MaxJobs: {}", jobs.len())?;
    writeln!(out, "; MaxRecords: {}", jobs.len())?;
    writeln!(out, "; MaxNodes: {}", config.processors)?;
    writeln!(out, "; MaxProcs: {}", config.processors)?;
    writeln!(out, "; MaxRuntime: {MAX_RUN_TIME}")?;
    writeln!(
        out,
        "; Note: synthetic, after the model of Lublin and Feitelson (2003), {kind}"
    )?;
    writeln!(
        out,
        "; Note: windtunnel trace generate lublin99, {} processors, {} jobs, seed {}",
        config.processors, config.jobs, config.seed
    )?;
    for (number, job) in (1_u64..).zip(&jobs) {
        writeln!(
            out,
            "{number} {} -1 {} {size} -1 -1 {size} -1 -1 1 -1 -1 -1 {} -1 -1 -1",
            job.submit,
            job.run,
            job.queue,
            size = job.processors
        )?;
    }
    Ok(())
}

/// exp of the largest log run time that the model accepts, in seconds.
const MAX_RUN_TIME: u64 = 162_754;
/// The largest log of a run time.
const MAX_LOG_RUN_TIME: f64 = 12.0;
/// The largest log of a time between arrivals at the mean rate.
const MAX_LOG_GAP: f64 = 13.0;
/// Buckets of the daily cycle and their length in seconds.
const BUCKETS: usize = 48;
const BUCKET_SECONDS: f64 = 1_800.0;
/// The cycle's gamma distribution begins this many buckets after midnight, as in the original.
const CYCLE_START: usize = 11;

/// Parameters of one kind of job, named as in the original where it has no word for them.
struct Parameters {
    queue: u8,
    serial: f64,
    power_of_two: f64,
    /// log2 of the smallest parallel size.
    low: f64,
    /// Distance of the middle of the two-stage uniform below log2 of the machine.
    med_below_high: f64,
    /// Distance of the largest log2 size below log2 of the machine.
    high_below_machine: f64,
    /// Probability of the lower stage.
    lower: f64,
    /// Shape and scale of the log run time, short and long.
    short: Gamma,
    long: Gamma,
    /// Probability of a short run time: `slope × size + level`.
    slope: f64,
    level: f64,
    /// Shape and scale of the log time between arrivals.
    gap: Gamma,
    /// Shape and scale of the daily cycle.
    cycle: Gamma,
}

/// A gamma distribution.
#[derive(Clone, Copy)]
struct Gamma {
    shape: f64,
    scale: f64,
}

const fn gamma(shape: f64, scale: f64) -> Gamma {
    Gamma { shape, scale }
}

const BATCH: Parameters = Parameters {
    queue: 1,
    serial: 0.2927,
    power_of_two: 0.6686,
    low: 1.2,
    med_below_high: 2.0,
    high_below_machine: 0.0,
    lower: 0.875,
    short: gamma(6.57, 0.823),
    long: gamma(639.1, 0.0156),
    slope: -0.003,
    level: 0.6986,
    gap: gamma(6.0415 * 1.0519, 0.8531),
    cycle: gamma(6.1271, 5.2740),
};

const INTERACTIVE: Parameters = Parameters {
    queue: 0,
    serial: 0.1541,
    power_of_two: 0.625,
    low: 1.0,
    med_below_high: 2.5,
    high_below_machine: 1.5,
    lower: 0.705,
    short: gamma(3.8351, 0.6605),
    long: gamma(7.073, 0.6856),
    slope: -0.0118,
    level: 0.9156,
    gap: gamma(6.5510 * 0.9797, 0.6621),
    cycle: gamma(8.9186, 3.6680),
};

const UNTYPED: Parameters = Parameters {
    queue: 1,
    serial: 0.244,
    power_of_two: 0.576,
    low: 0.8,
    med_below_high: 2.5,
    high_below_machine: 0.0,
    lower: 0.86,
    short: gamma(4.2, 0.94),
    long: gamma(312.0, 0.03),
    slope: -0.0054,
    level: 0.78,
    gap: gamma(10.2303 * 1.0225, 0.4871),
    cycle: gamma(8.1737, 3.9631),
};

/// One kind of job being drawn.
struct ClassSource {
    parameters: &'static Parameters,
    processors: u32,
    log_machine: f64,
    sizes: Stream,
    run_times: Stream,
    gaps: Stream,
    weights: [f64; BUCKETS],
    bucket: usize,
    points: f64,
    remainder: f64,
    next_arrival: f64,
}

impl ClassSource {
    fn new(parameters: &'static Parameters, config: &LublinConfig) -> Self {
        let stream = |purpose| Stream::new(config.seed, purpose, u64::from(parameters.queue));
        let mut source = Self {
            parameters,
            processors: config.processors,
            log_machine: log2(f64::from(config.processors)),
            sizes: stream("generate/lublin99/size"),
            run_times: stream("generate/lublin99/run-time"),
            gaps: stream("generate/lublin99/gap"),
            weights: cycle_weights(parameters.cycle),
            bucket: 0,
            points: 0.0,
            remainder: 0.0,
            next_arrival: 0.0,
        };
        source.advance();
        source
    }

    fn next_job(&mut self) -> LublinJob {
        let submit = self.next_arrival as u64;
        let processors = self.size();
        let run = self.run_time(processors);
        self.advance();
        LublinJob {
            submit,
            run,
            processors,
            queue: self.parameters.queue,
        }
    }

    fn size(&mut self) -> u32 {
        let p = self.parameters;
        let kind = self.sizes.unit_f64();
        if kind <= p.serial {
            return 1;
        }
        let high = self.log_machine - p.high_below_machine;
        let med = high - p.med_below_high;
        let lower = self.sizes.unit_f64() <= p.lower;
        let (from, to) = if lower { (p.low, med) } else { (med, high) };
        let mut log_size = from + (to - from) * self.sizes.unit_f64();
        if kind <= p.serial + p.power_of_two {
            log_size = libm::rint(log_size);
        }
        // The nearest power of two may be above a machine that is none.
        (libm::rint(exp2(log_size)) as u32).min(self.processors)
    }

    fn run_time(&mut self, processors: u32) -> u64 {
        let p = self.parameters;
        let short = (p.slope * f64::from(processors) + p.level).clamp(0.0, 1.0);
        loop {
            let law = if self.run_times.unit_f64() <= short {
                p.short
            } else {
                p.long
            };
            let log_time = self.run_times.gamma(law.shape, law.scale);
            if log_time <= MAX_LOG_RUN_TIME {
                return (exp(log_time) as u64).max(1);
            }
        }
    }

    /// Moves the next arrival on: a time between arrivals at the mean rate is paid out of the
    /// weights of the half-hours that pass.
    fn advance(&mut self) {
        let gap = self.parameters.gap;
        let log_gap = loop {
            let log_gap = self.gaps.gamma(gap.shape, gap.scale);
            if log_gap <= MAX_LOG_GAP {
                break log_gap;
            }
        };
        self.points += exp(log_gap) / BUCKET_SECONDS;
        while self.points > self.weights[self.bucket] {
            self.points -= self.weights[self.bucket];
            self.bucket = (self.bucket + 1) % BUCKETS;
            self.next_arrival += BUCKET_SECONDS;
        }
        let remainder = self.points / self.weights[self.bucket];
        self.next_arrival += BUCKET_SECONDS * (remainder - self.remainder);
        self.remainder = remainder;
    }
}

/// Share of arrivals of each half-hour of the day, with mean 1.
fn cycle_weights(cycle: Gamma) -> [f64; BUCKETS] {
    let mut weights = [0.0; BUCKETS];
    for i in CYCLE_START..CYCLE_START + BUCKETS {
        let middle = i as f64;
        let below = |x: f64| gamma_cdf(cycle.shape, x / cycle.scale);
        weights[(i - 1) % BUCKETS] = below(middle + 0.5) - below(middle - 0.5);
    }
    let mean = weights.iter().sum::<f64>() / BUCKETS as f64;
    weights.map(|weight| weight / mean)
}

#[cfg(test)]
mod tests {
    use rng::agreement::kolmogorov;

    use super::*;
    use formats::readers::swf::read_swf_jobs;
    use intake::Input;
    use units::Duration;

    /// The largest distance between two empirical distribution functions.
    fn columns(jobs: impl Iterator<Item = (i64, i64, i64)>) -> [Vec<i64>; 3] {
        let (mut gaps, mut runs, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        let mut last = 0;
        for (submit, run, size) in jobs {
            gaps.push(submit - last);
            last = submit;
            runs.push(run);
            sizes.push(size);
        }
        [gaps, runs, sizes]
    }

    fn config(kind: LublinKind) -> LublinConfig {
        LublinConfig {
            kind,
            processors: 256,
            jobs: 10_000,
            seed: 1,
        }
    }

    #[test]
    fn the_untyped_model_is_that_of_the_published_log() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/traces/swf/lublin_256.swf.gz"
        );
        if !std::path::Path::new(path).exists() {
            println!("skipped: needs {path}");
            return;
        }
        let (_, jobs) = read_swf_jobs(&Input::path(path)).expect("a clean log");
        let seconds = |time: Duration| time.as_nanos() / 1_000_000_000;
        let theirs = columns(jobs.iter().map(|job| {
            (
                seconds(job.submit),
                seconds(job.run),
                job.allocated_processors,
            )
        }));
        let own = columns(
            lublin99(&config(LublinKind::Untyped))
                .iter()
                .map(|job| (job.submit as i64, job.run as i64, i64::from(job.processors))),
        );
        for ((mut own, mut theirs), what) in
            own.into_iter().zip(theirs).zip(["gap", "run time", "size"])
        {
            own.sort_unstable();
            theirs.sort_unstable();
            let distance = kolmogorov(&own, &theirs).expect("jobs");
            println!("{what}: Kolmogorov distance {distance:.4}");
            assert!(distance < 0.03, "{what}: {distance}");
        }
    }

    #[test]
    fn typed_jobs_have_the_shares_of_their_kinds() {
        let jobs = lublin99(&config(LublinKind::Typed));
        assert!(jobs.is_sorted_by_key(|job| job.submit));
        for (queue, expected) in [(1, BATCH.serial), (0, INTERACTIVE.serial)] {
            let kind: Vec<_> = jobs.iter().filter(|job| job.queue == queue).collect();
            assert!(kind.len() > 1_000);
            let serial = kind.iter().filter(|job| job.processors == 1).count() as f64;
            assert!(
                (serial / kind.len() as f64 - expected).abs() < 0.03,
                "queue {queue}"
            );
        }
        assert!(jobs.iter().all(|job| (1..=256).contains(&job.processors)));
        assert!(jobs.iter().all(|job| (1..=MAX_RUN_TIME).contains(&job.run)));
    }

    #[test]
    fn every_job_fits_a_machine_that_is_no_power_of_two() {
        let config = LublinConfig {
            processors: 100,
            ..config(LublinKind::Untyped)
        };
        let mut text = Vec::new();
        write_lublin99(&config, &mut text).expect("memory");
        let (_, jobs) = read_swf_jobs(&Input::bytes("log.swf", text)).expect("a clean log");
        let largest = jobs.iter().map(|job| job.requested_processors).max();
        assert_eq!(largest, Some(100));
    }

    #[test]
    fn a_written_log_reads_back() {
        let config = LublinConfig {
            jobs: 20,
            ..config(LublinKind::Untyped)
        };
        let mut text = Vec::new();
        write_lublin99(&config, &mut text).expect("memory");
        let (header, jobs) = read_swf_jobs(&Input::bytes("log.swf", text)).expect("a clean log");
        assert_eq!((header.processors(), jobs.len()), (Some(256), 20));
        assert!(
            header
                .get("Note")
                .expect("a note")
                .starts_with("synthetic, after")
        );
        let own = lublin99(&config)[19];
        assert_eq!(jobs[19].submit, Duration::from_secs(own.submit as i64));
        assert_eq!(jobs[19].requested_processors, i64::from(own.processors));
    }
}
