//! Parallel jobs by the model of Downey (1997), "A parallel workload model and its implications for processor
//! allocation": the work of a job on one processor and its average parallelism are log-uniform, and its speedup on
//! `n` processors follows from the average parallelism and the variation of the parallelism, sigma (0: the same
//! throughout). The model is one of moldable jobs, whose processors a scheduler chooses. A job log has rigid ones, so
//! each gets its average parallelism, the knee of its speedup. Arrivals are a Poisson process whose rate gives the
//! requested load. Ranges: 1 to all processors; 10 s to 10⁶ s of work; sigma 0 to 2, which are choices of the
//! project, as the model leaves them to the machine.

use std::io::{self, Write};

use rng::{Stream, math};

use super::GeneratorOptions;

/// Work of the smallest and the largest job, in seconds on one processor.
const WORK: [f64; 2] = [10.0, 1e6];

/// Greatest variation of parallelism.
const SIGMA_MAX: f64 = 2.0;

/// A job of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Job {
    /// Seconds of work on one processor.
    work: f64,
    /// Average parallelism, at least 1.
    parallelism: f64,
    sigma: f64,
}

impl Job {
    fn draw(stream: &mut Stream, processors: u32) -> Self {
        let mut log_uniform = |from: f64, to: f64| {
            let [from, to] = [from, to].map(math::ln);
            math::exp(from + (to - from) * stream.unit_f64())
        };
        let work = log_uniform(WORK[0], WORK[1]);
        let parallelism = log_uniform(1.0, f64::from(processors));
        Self {
            work,
            parallelism,
            sigma: SIGMA_MAX * stream.unit_f64(),
        }
    }

    /// Speedup on a number of processors: Downey's equations for low (sigma up to 1) and high variation.
    fn speedup(&self, processors: f64) -> f64 {
        let (n, a, sigma) = (processors, self.parallelism, self.sigma);
        if sigma <= 1.0 {
            if n <= a {
                a * n / (a + sigma / 2.0 * (n - 1.0))
            } else if n < 2.0 * a - 1.0 {
                a * n / (sigma * (a - 0.5) + n * (1.0 - sigma / 2.0))
            } else {
                a
            }
        } else if n < a + a * sigma - sigma {
            n * a * (sigma + 1.0) / (sigma * (n + a - 1.0) + a)
        } else {
            a
        }
    }

    /// Processors that the job gets of those of a machine.
    fn processors(&self, machine: u32) -> u32 {
        (math::round_half_even(self.parallelism) as u32).clamp(1, machine)
    }

    /// Processors that the job gets, and its run time on them in whole seconds, at least one.
    fn rigid(&self, machine: u32) -> (u32, u64) {
        let own = self.processors(machine);
        let seconds = self.work / self.speedup(f64::from(own));
        (own, (math::round_half_even(seconds) as u64).max(1))
    }
}

/// Writes a log in the Standard Workload Format.
pub fn write_downey97(options: &GeneratorOptions, out: &mut dyn Write) -> io::Result<()> {
    let GeneratorOptions {
        seed,
        jobs,
        processors,
        load_percent,
        ..
    } = *options;
    writeln!(out, "; Version: 2.2")?;
    writeln!(out, "; Computer: none")?;
    writeln!(out, "; MaxJobs: {jobs}")?;
    writeln!(out, "; MaxRecords: {jobs}")?;
    writeln!(out, "; MaxNodes: {processors}")?;
    writeln!(out, "; MaxProcs: {processors}")?;
    writeln!(
        out,
        "; Note: synthetic, after the model of Downey (1997), each job on as many processors as its \
         average parallelism"
    )?;
    writeln!(
        out,
        "; Note: windtunnel trace generate downey97, {processors} processors, {}, load {load_percent} %, \
         seed {seed}",
        units::plural::count(jobs, "job")
    )?;
    let mut arrivals = Stream::new(seed, "generate/downey97/arrivals", 0);
    let mut stream = Stream::new(seed, "generate/downey97/jobs", 0);
    let gap = mean_demand(processors) * 100.0 / (f64::from(processors) * f64::from(load_percent));
    let mut now = 0.0;
    for number in 1..=jobs {
        now += arrivals.exponential(gap);
        let (own, run) = Job::draw(&mut stream, processors).rigid(processors);
        let submit = now as u64;
        writeln!(
            out,
            "{number} {submit} -1 {run} {own} -1 -1 {own} -1 -1 1 -1 -1 -1 -1 -1 -1 -1"
        )?;
    }
    Ok(())
}

/// Mean processor seconds that a job holds: that of its work, which is independent of the rest, times the mean of
/// the processors for each unit of speedup, over a grid of equally likely parallelisms and sigmas.
fn mean_demand(processors: u32) -> f64 {
    const PARALLELISMS: u32 = 1_024;
    const SIGMAS: u32 = 64;
    let [least, most] = WORK;
    let work = (most - least) / math::ln(most / least);
    let middle = |place: u32, count: u32| (f64::from(place) + 0.5) / f64::from(count);
    let mut sum = 0.0;
    for place in 0..PARALLELISMS {
        let share = middle(place, PARALLELISMS);
        for sigma in 0..SIGMAS {
            let job = Job {
                work,
                parallelism: math::exp(share * math::ln(f64::from(processors))),
                sigma: SIGMA_MAX * middle(sigma, SIGMAS),
            };
            let own = f64::from(job.processors(processors));
            sum += own / job.speedup(own);
        }
    }
    work * sum / f64::from(PARALLELISMS * SIGMAS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speedups_are_continuous_and_end_at_the_average_parallelism() {
        for sigma in [0.0, 0.5, 1.0, 1.5, 2.0] {
            let job = Job {
                work: 1.0,
                parallelism: 16.0,
                sigma,
            };
            assert!((job.speedup(1.0) - 1.0).abs() < 1e-12, "{sigma}");
            assert!((job.speedup(1e4) - 16.0).abs() < 1e-12, "{sigma}");
            let mut last = 1.0;
            for step in 0..10_000 {
                let own = job.speedup(1.0 + f64::from(step) * 0.01);
                assert!(own >= last - 1e-9 && own - last < 0.011, "{sigma} {step}");
                last = own;
            }
        }
        // Without variation a job is perfectly parallel up to its parallelism.
        let even = Job {
            work: 1.0,
            parallelism: 16.0,
            sigma: 0.0,
        };
        assert!((even.speedup(9.0) - 9.0).abs() < 1e-12);
    }

    #[test]
    fn a_log_has_the_load_and_the_laws_of_its_model() {
        let options = GeneratorOptions {
            jobs: 100_000,
            processors: 128,
            load_percent: 70,
            seed: 7,
            ..GeneratorOptions::default()
        };
        let mut text = Vec::new();
        write_downey97(&options, &mut text).expect("memory");
        let text = String::from_utf8(text).expect("text");
        let rows = text.lines().filter(|line| !line.starts_with(';'));
        let rows: Vec<Vec<f64>> = rows
            .map(|line| {
                line.split(' ')
                    .map(|field| field.parse().expect("a number"))
                    .collect()
            })
            .collect();
        let demand: f64 = rows.iter().map(|row| row[3] * row[4]).sum();
        let span = rows.last().expect("jobs")[1];
        let load = demand / (128.0 * span);
        assert!((0.65..0.75).contains(&load), "{load}");
        // Log-uniform from 1 to 128: a quarter lies below the fourth root.
        let small = rows.iter().filter(|row| row[4] <= 3.0).count() as f64 / 100_000.0;
        let expected = math::ln(3.5) / math::ln(128.0);
        assert!((small - expected).abs() < 0.02, "{small}");
    }
}
