//! Goodput of a training job: the samples a second that it processes, times what each of them is worth at its batch
//! size (Pollux, OSDI'21: equations 1 to 11; petuum/adaptdl, branch `osdi21-artifact`, `simulator/goodput.py`).
//!
//! A step computes gradients on every GPU and averages them over all: two times that overlap by `gamma`. A greater
//! batch gets through more samples a second, each of which is worth less, the more so the smaller the noise scale
//! of the gradients is; this grows while a job makes progress.

use super::{ThroughputFault, WHOLE_SPEED};
use units::Duration;

/// The label of a pod with the batch size that its job keeps; without it a job takes the best one where it runs.
pub const BATCH_SIZE_LABEL: &str = "windtunnel/batch-size";

/// The number of batch sizes that are tried between the least and the greatest, which lie at equal ratios.
const SIZES: u32 = 50;

/// Slack of roundings up, so that 64 samples on two GPUs are 32 on each.
const SLACK: f64 = 1e-8;

/// The time that the authors take for communication where there is none, in seconds.
const NO_TIME: f64 = 1e-8;

/// The goodput of a type of job, as stated.
#[derive(Clone, Debug, PartialEq)]
pub struct GoodputModel {
    /// Constant and time per sample of the gradients of a GPU, in seconds.
    pub compute: [f64; 2],
    /// Constant and time per GPU beyond two of averaging over several nodes, in seconds.
    pub across_nodes: [f64; 2],
    /// Constant and time per GPU beyond two of averaging within a node, in seconds.
    pub within_node: [f64; 2],
    /// Overlap of both: 1 is none, 10 nearly all.
    pub gamma: f64,
    /// Batch size for which the job was made.
    pub initial_batch: u32,
    /// The greatest batch size.
    pub max_batch: u32,
    /// The least and the greatest number of samples on a GPU at once.
    pub per_gpu: [u32; 2],
    /// The most GPUs that an elastic job takes.
    pub max_gpus: u32,
    /// Time to the target on one GPU with the initial batch size.
    pub work: Duration,
    /// Noise scales of the gradients, in samples, each from a part of the work on; the first from 0.
    pub noise: Vec<[f64; 2]>,
    /// Whether an elastic job may lose or change its GPUs once it has some.
    pub preemptible: bool,
}

// Numbers that are no number are refused (`check`).
impl Eq for GoodputModel {}

/// The GPUs that a job has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allocation {
    /// Nodes with GPUs of the job.
    pub nodes: u32,
    /// GPUs on all of them.
    pub gpus: u32,
}

/// The division of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSplit {
    /// Samples on a GPU at once.
    pub local: u32,
    /// Rounds of these before the gradients are averaged, beyond the first.
    pub accumulated: u32,
}

impl BatchSplit {
    /// Samples on all GPUs.
    pub fn size(self, gpus: u32) -> f64 {
        f64::from(gpus) * f64::from(self.local) * f64::from(self.accumulated + 1)
    }
}

impl GoodputModel {
    /// Notes what no job can have.
    pub(super) fn check(&self, job_type: &str, faults: &mut Vec<ThroughputFault>) {
        let times = [self.compute, self.across_nodes, self.within_node].concat();
        let is_time = |time: f64| (0.0..=1e6).contains(&time);
        let [least, most] = self.per_gpu;
        let parts = self.noise.iter().map(|own| own[0]);
        let noise = self.noise.iter().map(|own| own[1]);
        let is_first = self.noise.first().is_some_and(|own| own[0] == 0.0);
        let rules: [(bool, &[&str], &str); 9] = [
            (
                times.iter().copied().all(is_time),
                &["step"],
                "expected times from 0 to 1000000 seconds, such as 0.12",
            ),
            (
                self.compute.iter().sum::<f64>() > 0.0,
                &["step", "alphaC"],
                "expected a time above 0 for a sample, by `alphaC` or `betaC`",
            ),
            (
                (1.0..=10.0).contains(&self.gamma),
                &["step", "gamma"],
                "expected 1 (no overlap) to 10, such as 1.5",
            ),
            (
                (1..=self.max_batch).contains(&self.initial_batch),
                &["batch", "initial"],
                "expected 1 to `max` samples, such as 128",
            ),
            (
                self.max_batch <= 1 << 24,
                &["batch", "max"],
                "expected at most 16777216 samples, such as 4096",
            ),
            (
                least >= 1 && least <= most && most <= 1 << 24,
                &["batch", "perGpu"],
                "expected ascending numbers of samples, such as [32, 1024]",
            ),
            (self.max_gpus >= 1, &["maxGpus"], "expected at least 1"),
            (
                self.work > Duration::ZERO,
                &["work"],
                "expected more than 0s, such as 2h",
            ),
            (
                is_first
                    && parts.is_sorted_by(|one, next| one < next && *next < 1.0)
                    && noise.into_iter().all(|own| (0.0..=1e12).contains(&own)),
                &["noise"],
                "expected pairs of a part of the work, ascending from 0 to below 1, and a noise scale in samples, such as [[0, 90], [0.3, 800]]",
            ),
        ];
        for (_, path, expected) in rules.into_iter().filter(|rule| !rule.0) {
            let mut path: Vec<String> = path.iter().map(|&own| own.to_owned()).collect();
            path.insert(0, job_type.to_owned());
            let expected = expected.to_owned();
            faults.push(ThroughputFault::Goodput { path, expected });
        }
    }

    /// Time of the gradients of a number of samples on one GPU.
    fn compute_time(&self, local: u32) -> f64 {
        self.compute[0] + self.compute[1] * f64::from(local)
    }

    /// Time of a step, in seconds.
    pub fn step_time(&self, at: Allocation, split: BatchSplit) -> f64 {
        let compute = self.compute_time(split.local);
        let [constant, each] = match at {
            Allocation { nodes: 2.., .. } => self.across_nodes,
            Allocation { gpus: 2.., .. } => self.within_node,
            _ => [NO_TIME, NO_TIME],
        };
        let network = constant + each * f64::from(at.gpus.saturating_sub(2)).max(NO_TIME);
        let powers = libm::pow(compute, self.gamma) + libm::pow(network, self.gamma);
        let last = libm::exp(libm::log(powers) / self.gamma);
        f64::from(split.accumulated) * compute + last
    }

    /// Samples a second, each counted by its worth beside one of a batch of the initial size.
    pub fn goodput(&self, at: Allocation, split: BatchSplit, noise: f64) -> f64 {
        let size = split.size(at.gpus);
        let efficiency = (noise + f64::from(self.initial_batch)) / (noise + size);
        size / self.step_time(at, split) * efficiency
    }

    /// The greatest goodput of an allocation, and the division of the batch that it takes; zero where none fits.
    // The authors' `GoodputFunction.optimize`, with accumulation: on one GPU the gradients of a batch beyond the
    // initial one come from two rounds at least, as their noise is measured between these.
    pub fn best(&self, at: Allocation, noise: f64) -> (f64, BatchSplit) {
        let gpus = f64::from(at.gpus.max(1));
        let initial = f64::from(self.initial_batch);
        let [least, most] = self.per_gpu;
        let first = initial.max(f64::from(least) * gpus);
        let ratio = f64::from(self.max_batch) / first;
        let mut best = (0.0, self.split(at.gpus, self.initial_batch));
        for place in 0..SIZES {
            let part = f64::from(place) / f64::from(SIZES - 1);
            let size = match place {
                0 => first,
                _ if place + 1 == SIZES => f64::from(self.max_batch),
                _ => first * libm::pow(ratio, part),
            };
            let local = size / gpus;
            let mut accumulated = libm::ceil(local / f64::from(most) - SLACK) - 1.0;
            if at.gpus == 1 && local > initial + SLACK {
                accumulated = accumulated.max(1.0);
            }
            let split = BatchSplit {
                local: libm::ceil(local / (accumulated + 1.0) - SLACK) as u32,
                accumulated: accumulated as u32,
            };
            if (least..=most).contains(&split.local) {
                let goodput = self.goodput(at, split, noise);
                if goodput > best.0 {
                    best = (goodput, split);
                }
            }
        }
        best
    }

    /// The division of a batch of a size that is kept.
    pub fn split(&self, gpus: u32, size: u32) -> BatchSplit {
        let gpus = gpus.max(1);
        let local = size.div_ceil(gpus);
        let mut rounds = local.div_ceil(self.per_gpu[1]).max(1);
        if gpus == 1 && size > self.initial_batch {
            rounds = rounds.max(2);
        }
        let most = (self.max_batch / (gpus * rounds)).max(1);
        BatchSplit {
            local: local.div_ceil(rounds).min(most),
            accumulated: rounds - 1,
        }
    }

    /// The stage of a job with this much of its work left: a place in the noise scales.
    // A stage begins a microsecond early, as ends of stages are rounded.
    pub fn stage(&self, left: Duration) -> usize {
        let behind = |own: &[f64; 2]| left.as_nanos() <= self.left_from(own[0]) + 1_000;
        self.noise.iter().filter(|own| behind(own)).count().max(1) - 1
    }

    /// The work left at the end of a stage.
    pub fn left_after(&self, stage: usize) -> Duration {
        let next = self.noise.get(stage + 1);
        Duration::from_nanos(next.map_or(0, |own| self.left_from(own[0])))
    }

    fn left_from(&self, part: f64) -> i64 {
        libm::rint((1.0 - part) * self.work.as_nanos() as f64) as i64
    }

    /// The noise scale of a stage.
    pub fn noise(&self, stage: usize) -> f64 {
        self.noise.get(stage).map_or(0.0, |own| own[1])
    }

    /// Speed of a job in a stage beside that on one GPU with the initial batch size, in millionths; with a batch
    /// size that it keeps, or the best one.
    pub fn speed(&self, stage: usize, at: Allocation, batch: Option<u32>) -> u64 {
        let alone = Allocation { nodes: 1, gpus: 1 };
        let noise = self.noise(stage);
        let usual = self.goodput(alone, self.split(1, self.initial_batch), noise);
        let own = match batch {
            Some(size) => self.goodput(at, self.split(at.gpus, size), noise),
            None => self.best(at, noise).0,
        };
        (libm::rint(own / usual * WHOLE_SPEED as f64) as u64).max(1)
    }

    /// The work left after a time on an allocation.
    pub fn advance(
        &self,
        mut left: Duration,
        mut time: Duration,
        at: Allocation,
        batch: Option<u32>,
    ) -> Duration {
        while left > Duration::ZERO && time > Duration::ZERO {
            let stage = self.stage(left);
            let speed = i128::from(self.speed(stage, at, batch));
            let whole = i128::from(WHOLE_SPEED);
            let in_stage = (left.as_nanos() - self.left_after(stage).as_nanos()).max(1);
            let needed = (i128::from(in_stage) * whole / speed).max(1);
            let spent = i128::from(time.as_nanos()).min(needed);
            let done = if spent == needed {
                i128::from(in_stage)
            } else {
                spent * speed / whole
            };
            left = Duration::from_nanos(left.as_nanos() - done as i64);
            time = Duration::from_nanos(time.as_nanos() - spent as i64);
        }
        left
    }

    /// Steps of a batch size that the rest of a job takes.
    pub fn steps(&self, left: Duration, batch: u32) -> f64 {
        let alone = self.step_time(
            Allocation { nodes: 1, gpus: 1 },
            self.split(1, self.initial_batch),
        );
        let (mut from, mut steps) = (left, 0.0);
        let (initial, size) = (f64::from(self.initial_batch), f64::from(batch));
        while from > Duration::ZERO {
            let stage = self.stage(from);
            let to = self.left_after(stage).min(from);
            let noise = self.noise(stage);
            let gain = size / initial * (noise + initial) / (noise + size);
            steps += (from.as_nanos() - to.as_nanos()) as f64 / 1e9 / alone / gain;
            from = if to < from { to } else { Duration::ZERO };
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job with the times of a step that `AdaptDL`'s tests have.
    fn job(noise: &[[f64; 2]]) -> GoodputModel {
        GoodputModel {
            compute: [0.121, 0.005_68],
            across_nodes: [0.023_6, 0.006_34],
            within_node: [0.011_8, 0.003_17],
            gamma: 1.14,
            initial_batch: 128,
            max_batch: 1_280,
            per_gpu: [64, 256],
            max_gpus: 64,
            work: Duration::from_secs(1_000),
            noise: noise.to_vec(),
            preemptible: true,
        }
    }

    fn at(nodes: u32, gpus: u32) -> Allocation {
        Allocation { nodes, gpus }
    }

    /// Computed with `GoodputFunction.optimize` of petuum/adaptdl (de25dcc9) with numpy, variance over squared norm of
    /// the gradients of 0.000502 / 0.00136 and of 40.
    #[test]
    fn the_best_batch_is_that_of_the_authors_code() {
        let own = job(&[]);
        let quiet = 0.000_502 / 0.001_36 * 128.0;
        let expected = [
            (quiet, 1, 1, 150.936_276_469_529, 128, 0),
            (quiet, 1, 4, 299.145_478_694_873, 64, 0),
            (quiet, 2, 2, 257.000_190_759_921, 64, 0),
            (quiet, 16, 20, 289.173_165_529_446, 64, 0),
            (5_120.0, 1, 1, 151.541_516_668_604, 239, 1),
            (5_120.0, 1, 4, 561.619_030_637_129, 172, 0),
            (5_120.0, 2, 8, 988.385_944_801_286, 136, 0),
            (5_120.0, 4, 16, 1_607.087_957_482_438, 80, 0),
        ];
        for (noise, nodes, gpus, goodput, local, accumulated) in expected {
            let (found, split) = own.best(at(nodes, gpus), noise);
            assert!((found / goodput - 1.0).abs() < 1e-12, "{gpus}: {found}");
            assert_eq!(split, BatchSplit { local, accumulated }, "{gpus}");
        }
    }

    #[test]
    fn goodput_is_at_most_that_of_samples_all_worth_the_same() {
        let own = job(&[]);
        for gpus in 1..=20_u32 {
            let (found, split) = own.best(at(gpus.div_ceil(4), gpus), 900.0);
            let ideal = split.size(gpus) / own.step_time(at(1, 1), BatchSplit { ..split });
            assert!(found > 0.0 && found <= ideal, "{gpus}: {found} of {ideal}");
        }
    }

    #[test]
    fn a_job_advances_by_the_noise_of_each_stage() {
        let own = job(&[[0.0, 50.0], [0.5, 50_000.0]]);
        let all = own.work;
        assert_eq!(
            own.advance(all, Duration::from_secs(10), at(1, 1), Some(128)),
            Duration::from_secs(990)
        );
        let speeds = [0, 1].map(|stage| own.speed(stage, at(1, 4), None));
        assert!(speeds[1] > 2 * speeds[0], "{speeds:?}");
        let half = 500_000_000 / speeds[0] as i64 + 1;
        let left = own.advance(all, Duration::from_secs(half), at(1, 4), None);
        let beyond = 500 - (left.as_nanos() as f64 / 1e9) as i64;
        assert_eq!((own.stage(all), own.stage(left)), (0, 1));
        assert!(
            (0..=speeds[1] as i64 / 1_000_000 + 1).contains(&beyond),
            "{left:?}"
        );
        let step = own.step_time(at(1, 1), own.split(1, 128));
        assert!((own.steps(all, 128) * step - 1_000.0).abs() < 1e-6);
    }

    #[test]
    fn a_batch_that_is_kept_is_divided_over_the_gpus() {
        let own = job(&[]);
        for (gpus, size, local, accumulated) in [
            (1, 128, 128, 0),
            (1, 256, 128, 1),
            (2, 1_024, 256, 1),
            (3, 1_000, 167, 1),
        ] {
            assert_eq!(
                own.split(gpus, size),
                BatchSplit { local, accumulated },
                "{gpus} {size}"
            );
        }
    }

    #[test]
    fn faults_name_the_field() {
        let mut faults = Vec::new();
        let own = GoodputModel {
            gamma: 0.5,
            per_gpu: [9, 8],
            work: Duration::ZERO,
            ..job(&[[0.1, 1.0]])
        };
        own.check("image", &mut faults);
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let fields = [
            "image.step.gamma",
            "image.batch.perGpu",
            "image.work",
            "image.noise",
        ];
        assert_eq!(texts.len(), fields.len(), "{texts:?}");
        for (text, field) in texts.iter().zip(fields) {
            assert!(
                text.starts_with(&format!("`goodput.{field}`: expected")),
                "{text}"
            );
        }
    }
}
