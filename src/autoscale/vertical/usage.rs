//! Usage of containers: samples and out-of-memory kills come in, histograms are kept (spec:
//! kubernetes.md 3.2; the original's `recommender/model`).

use super::{Buckets, DecayingHistogram, MAX_AMOUNT, scaled};
use units::{Duration, Instant};

/// The half-life of samples, and the interval of memory peaks.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Time for which usage is kept without a new sample.
const EXPIRY: Duration = Duration::from_secs(8 * 24 * 3600);
/// Weight of a CPU sample.
const CPU_WEIGHT: f64 = 0.1;
/// Least addition to the memory at which a container was killed.
const OOM_BUMP_BYTES: i64 = 100 * 1024 * 1024;
/// Least addition as a factor.
const OOM_BUMP_RATIO: f64 = 1.2;

/// The usage of all containers of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// CPU samples, in cores.
    pub cpu: DecayingHistogram,
    /// Memory peaks, in bytes.
    pub memory: DecayingHistogram,
    first_sample: Option<Instant>,
    last_sample: Option<Instant>,
    samples: u64,
    created: Instant,
}

impl Usage {
    /// Nothing was seen yet.
    pub fn new(now: Instant) -> Self {
        Self {
            cpu: DecayingHistogram::new(Buckets::cpu(), DAY),
            memory: DecayingHistogram::new(Buckets::memory(), DAY),
            first_sample: None,
            last_sample: None,
            samples: 0,
            created: now,
        }
    }

    /// Adds what was seen of other containers.
    pub fn merge(&mut self, other: &Self) {
        self.cpu.merge(&other.cpu);
        self.memory.merge(&other.memory);
        self.first_sample = match (self.first_sample, other.first_sample) {
            (Some(own), Some(theirs)) => Some(own.min(theirs)),
            (own, theirs) => own.or(theirs),
        };
        self.last_sample = self.last_sample.max(other.last_sample);
        self.samples += other.samples;
    }

    /// Goes on with samples that were taken before.
    pub fn resume(&mut self, first: Option<Instant>, last: Option<Instant>, samples: u64) {
        (self.first_sample, self.last_sample, self.samples) = (first, last, samples);
    }

    /// Amount of history, in days of a sample a minute.
    pub fn confidence(&self) -> f64 {
        let span = match (self.first_sample, self.last_sample) {
            (Some(first), Some(last)) => last.since(first),
            _ => Duration::ZERO,
        };
        let days = span.as_nanos() as f64 / DAY.as_nanos() as f64;
        let amount = self.samples as f64 / (60.0 * 24.0);
        f64::min(days, amount)
    }

    /// `true` if the usage is too old to be kept.
    pub fn is_expired(&self, now: Instant) -> bool {
        now.since(self.last_sample.unwrap_or(self.created)) >= EXPIRY
    }

    fn add_cpu(&mut self, milli: i64, at: Instant) {
        self.cpu.add(milli as f64 / 1000.0, CPU_WEIGHT, at);
        self.last_sample = self.last_sample.max(Some(at));
        self.first_sample = Some(self.first_sample.map_or(at, |first| first.min(at)));
        self.samples += 1;
    }
}

/// One container of one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerUsage {
    last_cpu: Option<Instant>,
    last_memory: Option<Instant>,
    /// The end of the interval of the current memory peak.
    interval_end: Option<Instant>,
    peak: i64,
    oom_peak: i64,
}

impl ContainerUsage {
    /// A CPU sample in milli-cores; false if it is dropped as older than the last one.
    pub fn add_cpu(&mut self, usage: &mut Usage, milli: i64, at: Instant) -> bool {
        if milli < 0 || self.last_cpu.is_some_and(|last| at <= last) {
            return false;
        }
        usage.add_cpu(milli, at);
        self.last_cpu = Some(at);
        true
    }

    /// A memory sample in bytes; false if it is dropped as older than the last one.
    pub fn add_memory(&mut self, usage: &mut Usage, bytes: i64, at: Instant) -> bool {
        if bytes < 0 || self.last_memory.is_some_and(|last| at < last) {
            return false;
        }
        if self.add_peak(usage, bytes, at) {
            self.peak = bytes;
        }
        true
    }

    /// The container was killed for its memory while it asked for so many bytes; false if that is
    /// dropped as too old.
    pub fn out_of_memory(&mut self, usage: &mut Usage, request: i64, at: Instant) -> bool {
        let day = Duration::from_nanos(-DAY.as_nanos());
        let interval_start = self.interval_end.map(|end| end.saturating_add(day));
        if interval_start.is_some_and(|start| at < start) {
            return false;
        }
        // The peak of an earlier kill is left out, else repeated kills would run away.
        let used = request.max(self.peak);
        let added = used.saturating_add(OOM_BUMP_BYTES).min(MAX_AMOUNT);
        let needed = added.max(scaled(used, OOM_BUMP_RATIO));
        if self.add_peak(usage, needed, at) {
            self.oom_peak = needed;
        }
        true
    }

    /// Takes a memory sample into the peak of its interval; whether it is the new peak.
    fn add_peak(&mut self, usage: &mut Usage, bytes: i64, at: Instant) -> bool {
        self.last_memory = Some(at);
        let end = *self.interval_end.get_or_insert(at);
        if at < end {
            let before = self.peak.max(self.oom_peak);
            if before == 0 || bytes <= before {
                return false;
            }
            usage.memory.subtract(before as f64, 1.0, end);
        } else {
            let intervals = at.since(end).as_nanos() / DAY.as_nanos() + 1;
            let shift = Duration::from_nanos(intervals.saturating_mul(DAY.as_nanos()));
            self.interval_end = Some(end.saturating_add(shift));
            (self.peak, self.oom_peak) = (0, 0);
        }
        let end = self.interval_end.unwrap_or(at);
        usage.memory.add(bytes as f64, 1.0, end);
        true
    }
}
