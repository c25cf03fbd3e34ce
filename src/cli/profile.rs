//! `windtunnel run --profile`: a sampling profile of the run. A thread reads the labels of the
//! running variants every millisecond and adds the time since the last reading to the part that
//! each is in. Only this thread reads the clock, so entering or leaving a part costs one store.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant as Clock};

use control::Probe;
use lab::experiment::IDLE;

use super::Failure;

/// Time between two readings.
const EVERY: Duration = Duration::from_millis(1);

/// Seconds of each part, by variant.
type Times = Vec<Vec<f64>>;

/// Sampling profiler of a run.
pub(super) struct Profiler {
    started: Clock,
    /// Probes, one per variant; empty without profiling.
    pub(super) probes: Vec<Probe>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Times>>,
    /// Stages outside of variants, in order, with their end times.
    stages: Vec<(&'static str, Duration)>,
}

impl Profiler {
    /// Creates a profiler; it samples only if `is_wanted`.
    pub(super) fn new(is_wanted: bool, variants: usize, started: Clock) -> Result<Self, Failure> {
        let probes: Vec<Probe> = (0..variants)
            .filter(|_| is_wanted)
            .map(|_| Probe::starting_at(IDLE))
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let (looked_at, told) = (probes.clone(), stop.clone());
        let spawn = || {
            let builder = Builder::new().name("profiler".to_owned());
            builder.spawn(move || look(&looked_at, &told))
        };
        let thread = is_wanted.then(spawn).transpose();
        Ok(Self {
            started,
            probes,
            stop,
            thread: thread.map_err(Failure::incomplete)?,
            stages: Vec::new(),
        })
    }

    /// Records the end of a stage outside of the variants.
    pub(super) fn ended(&mut self, stage: &'static str) {
        self.stages.push((stage, self.started.elapsed()));
    }

    /// Stops sampling after the variants have ended and returns the times.
    fn times(&mut self) -> Times {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else {
            return Times::new();
        };
        thread.thread().unpark();
        thread.join().unwrap_or_default()
    }

    /// Table of the profile, if requested; `begun` is when the first variant had its input.
    pub(super) fn table(mut self, begun: Option<Clock>) -> Option<String> {
        if self.probes.is_empty() {
            return None;
        }
        let before = begun.map(|begun| begun - self.started);
        let times = self.times();
        let mut rows: Vec<(String, f64)> = Vec::new();
        for (probe, times) in self.probes.iter().zip(&times) {
            let parts = probe.names().into_iter().enumerate();
            for (part, name) in parts.skip(1) {
                let time = times.get(part).copied().unwrap_or(0.0);
                match rows.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, sum)) => *sum += time,
                    None => rows.push((name, time)),
                }
            }
        }
        let mut last = Duration::ZERO;
        for (place, &(stage, ended)) in self.stages.iter().enumerate() {
            let took = ended.saturating_sub(last).as_secs_f64();
            last = ended;
            if stage != VARIANTS {
                let row = (stage.to_owned(), took);
                rows.insert(if place == 0 { 0 } else { rows.len() }, row);
            }
        }
        Some(told(before, &rows))
    }
}

/// Stage whose time is split by part.
pub(super) const VARIANTS: &str = "variants";

fn told(before: Option<Duration>, rows: &[(String, f64)]) -> String {
    let all: f64 = rows.iter().map(|(_, time)| time).sum();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = "profile: time in each part, excluding parts listed separately\n".to_owned();
    if let Some(before) = before {
        let milliseconds = before.as_secs_f64() * 1e3;
        let _ = writeln!(text, "  first event after {milliseconds:.1} ms");
    }
    for (name, time) in rows {
        let share = if all > 0.0 { 100.0 * time / all } else { 0.0 };
        let _ = writeln!(text, "  {name:width$}  {time:>9.3} s  {share:>5.1} %");
    }
    let _ = write!(text, "  {:width$}  {all:>9.3} s", "all");
    text
}

/// Adds up times by part until it is stopped.
fn look(probes: &[Probe], stop: &AtomicBool) -> Times {
    let mut times: Times = vec![Vec::new(); probes.len()];
    let mut last = Clock::now();
    while !stop.load(Ordering::Relaxed) {
        std::thread::park_timeout(EVERY);
        let now = Clock::now();
        let passed = (now - last).as_secs_f64();
        last = now;
        for (probe, times) in probes.iter().zip(&mut times) {
            let Some(part) = probe.current() else {
                continue;
            };
            if times.len() <= part {
                times.resize(part + 1, 0.0);
            }
            times[part] += passed;
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_parts() {
        let rows = [("input", 0.5), ("scheduler a / fit", 1.5)];
        let rows = rows.map(|(name, time)| (name.to_owned(), time));
        assert_eq!(
            told(Some(Duration::from_micros(7_890)), &rows),
            "profile: time in each part, excluding parts listed separately\n  first event after \
             7.9 ms\n  input                  0.500 s   25.0 %\n  scheduler a / fit      1.500 s   \
             75.0 %\n  all                    2.000 s"
        );
    }

    #[test]
    fn time_goes_to_the_part_that_is_looked_at() {
        let started = Clock::now();
        let profiler = Profiler::new(true, 2, started).unwrap_or_else(|_| unreachable!());
        let probe = profiler.probes[0].clone();
        let busy = probe.part("engine");
        probe.within(busy, || {
            while started.elapsed() < Duration::from_millis(50) {
                std::hint::spin_loop();
            }
        });
        let table = profiler.table(None).expect("asked for");
        let row = table.lines().nth(1).expect("a row");
        assert!(row.starts_with("  engine"), "{table}");
        assert!(row.ends_with("100.0 %"), "{table}");
        assert_eq!(
            Profiler::new(false, 2, started)
                .map(|none| none.table(None))
                .ok(),
            Some(None)
        );
    }
}
