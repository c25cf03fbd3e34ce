//! Histograms over exponential buckets whose samples lose half of their weight every half-life
//! (spec: kubernetes.md 3.2; the original's `recommender/util`).

use super::go_math::{exp2, pow};
use rng::math;
use units::{Duration, Instant};

/// A bucket that weighs less is empty.
const EPSILON: f64 = 1e-4;
/// The buckets' growth; the original computes it in floating point at run time.
const GROWTH: f64 = 1.0 + 0.05;
/// The reference is moved when a sample is more half-lives than this after it.
const MOST_HALF_LIVES: i64 = 100;

/// Bounds of buckets: each is 5 % wider than the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Buckets {
    first: f64,
    count: usize,
}

impl Buckets {
    /// Buckets from `first` (the width of the first one) up to one that holds `largest`.
    pub fn new(first: f64, largest: f64) -> Self {
        let places = math::ln(largest * (GROWTH - 1.0) / first + 1.0) / math::ln(GROWTH);
        Self {
            first,
            count: libm::ceil(places) as usize + 1,
        }
    }

    /// Buckets of CPU usage, in cores.
    pub fn cpu() -> Self {
        Self::new(0.01, 1000.0)
    }

    /// Buckets of memory peaks, in bytes.
    pub fn memory() -> Self {
        Self::new(1e7, 1e12)
    }

    /// Number of buckets.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The bucket of a value.
    pub fn find(&self, value: f64) -> usize {
        if value < self.first {
            return 0;
        }
        let place = math::ln(value * (GROWTH - 1.0) / self.first + 1.0) / math::ln(GROWTH);
        (place as usize).min(self.count - 1)
    }

    /// Start of a bucket.
    pub fn start(&self, bucket: usize) -> f64 {
        if bucket == 0 {
            return 0.0;
        }
        self.first * (pow(GROWTH, bucket as i32) - 1.0) / (GROWTH - 1.0)
    }
}

/// A histogram that forgets.
#[derive(Clone, Debug, PartialEq)]
pub struct DecayingHistogram {
    buckets: Buckets,
    half_life: Duration,
    weights: Vec<f64>,
    total: f64,
    lowest: usize,
    highest: usize,
    /// Instant at which a sample has its plain weight; `None` before the first sample.
    reference: Option<Instant>,
}

impl DecayingHistogram {
    /// A histogram without samples.
    pub fn new(buckets: Buckets, half_life: Duration) -> Self {
        Self {
            weights: vec![0.0; buckets.count],
            total: 0.0,
            lowest: buckets.count - 1,
            highest: 0,
            reference: None,
            buckets,
            half_life,
        }
    }

    /// Adds a sample.
    pub fn add(&mut self, value: f64, weight: f64, at: Instant) {
        let weight = weight * self.decay(at);
        let bucket = self.buckets.find(value);
        self.weights[bucket] += weight;
        self.total += weight;
        if self.weights[bucket] >= EPSILON {
            self.lowest = self.lowest.min(bucket);
            self.highest = self.highest.max(bucket);
        }
    }

    /// Takes back a sample that was added.
    pub fn subtract(&mut self, value: f64, weight: f64, at: Instant) {
        let mut weight = weight * self.decay(at);
        let bucket = self.buckets.find(value);
        if weight > self.weights[bucket] - EPSILON {
            weight = self.weights[bucket];
        }
        self.total -= weight;
        self.weights[bucket] -= weight;
        self.narrow();
    }

    /// Adds all samples of another histogram over the same buckets and half-life.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        match (self.reference, other.reference) {
            (_, None) => return,
            (None, Some(at)) => self.move_reference(at),
            (Some(own), Some(at)) if own < at => self.move_reference(at),
            (Some(own), Some(at)) if own > at => other.move_reference(own),
            _ => {}
        }
        for bucket in other.lowest..=other.highest {
            self.weights[bucket] += other.weights[bucket];
        }
        self.total += other.total;
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
    }

    /// Takes what was stored of a histogram: parts of a whole weight by bucket, and the instant at which a
    /// sample has its plain weight (`LoadFromCheckpoint`).
    ///
    /// # Errors
    /// The weight is negative, or there is no such bucket.
    pub fn load(
        &mut self,
        parts: &[(usize, u32)],
        total: f64,
        reference: Option<Instant>,
    ) -> Result<(), String> {
        if total < 0.0 {
            return Err(format!(
                "expected a total weight of 0 or more, found {total}"
            ));
        }
        let last = self.buckets.count - 1;
        if let Some((bucket, _)) = parts.iter().find(|(bucket, _)| *bucket > last) {
            return Err(format!("expected buckets up to {last}, found {bucket}"));
        }
        let sum: u64 = parts.iter().map(|(_, part)| u64::from(*part)).sum();
        self.reference = reference;
        if sum == 0 {
            return Ok(());
        }
        let ratio = total / sum as f64;
        for &(bucket, part) in parts {
            self.lowest = self.lowest.min(bucket);
            self.highest = self.highest.max(bucket);
            self.weights[bucket] += f64::from(part) * ratio;
        }
        self.total += total;
        Ok(())
    }

    /// Whether nothing weighs anything.
    pub fn is_empty(&self) -> bool {
        self.weights[self.lowest] < EPSILON
    }

    /// The value below which a part of the samples lies: the end of its bucket, 0 without samples.
    pub fn percentile(&self, part: f64) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        let threshold = part * self.total;
        let mut sum = 0.0;
        let mut bucket = self.lowest;
        while bucket < self.highest {
            sum += self.weights[bucket];
            if sum >= threshold {
                break;
            }
            bucket += 1;
        }
        self.buckets.start((bucket + 1).min(self.buckets.count - 1))
    }

    /// Weight of a sample; the reference is moved before that grows too large.
    fn decay(&mut self, at: Instant) -> f64 {
        let span = self.half_life.as_nanos().saturating_mul(MOST_HALF_LIVES);
        let limit = |reference: Instant| reference.saturating_add(Duration::from_nanos(span));
        if self.reference.is_none_or(|reference| at > limit(reference)) {
            self.move_reference(at);
        }
        let reference = self.reference.unwrap_or(at);
        let age = at.as_nanos() - reference.as_nanos();
        exp2(age as f64 / self.half_life.as_nanos() as f64)
    }

    /// Moves the reference to a whole number of half-lives.
    fn move_reference(&mut self, at: Instant) {
        let half_life = self.half_life.as_nanos();
        let rest = at.as_nanos().rem_euclid(half_life);
        let down = at.as_nanos() - rest;
        let is_up = rest >= half_life - rest;
        let rounded = if is_up { down + half_life } else { down };
        let moved = Instant::from_nanos(rounded);
        if let Some(before) = self.reference.replace(moved) {
            let half_lives = (before.as_nanos() - rounded) / half_life;
            let exponent = half_lives.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
            self.scale(libm::ldexp(1.0, exponent as i32));
        }
    }

    fn scale(&mut self, factor: f64) {
        for bucket in self.lowest..=self.highest {
            self.weights[bucket] *= factor;
        }
        self.total *= factor;
        self.narrow();
    }

    /// Leaves out empty buckets at both ends.
    fn narrow(&mut self) {
        let last = self.buckets.count - 1;
        while self.weights[self.lowest] < EPSILON && self.lowest < last {
            self.lowest += 1;
        }
        while self.weights[self.highest] < EPSILON && self.highest > 0 {
            self.highest -= 1;
        }
    }
}
