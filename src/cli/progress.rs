//! Progress line on a terminal: variants done, simulated time, events per second, time left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration as WallDuration, Instant as Clock};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use lab::experiment::Progress;
use scenario::Experiment;
use serde_json::json;
use sim::RunProgress;
use units::{Instant, plural};

use super::{Global, terminal};

/// Progress of an experiment.
pub(super) struct Bars {
    bar: ProgressBar,
    /// Events and simulated time of every variant.
    variants: Vec<(AtomicU64, AtomicU64)>,
    /// End of the variants in simulated time, if known.
    horizon: Option<Instant>,
    last: Mutex<Option<Clock>>,
    /// Whether progress is told as lines of JSON.
    tells_lines: bool,
    /// Time at which the first variant had its input.
    pub(super) begun: OnceLock<Clock>,
}

/// Time between two lines of progress.
const BETWEEN_LINES: WallDuration = WallDuration::from_millis(250);

/// Steps of the bar per variant.
const STEPS: u64 = 1_000;

impl Bars {
    /// Creates a line on stderr if that is a terminal.
    pub(super) fn new(global: &Global, experiment: &Experiment) -> Self {
        let count = experiment.variants.len() as u64;
        let bar = ProgressBar::with_draw_target(
            Some(count * STEPS),
            if global.quiet || global.no_progress || global.progress_lines {
                ProgressDrawTarget::hidden()
            } else {
                ProgressDrawTarget::stderr_with_hz(10)
            },
        );
        let style = "{bar:24} {percent:>3} %  {msg}  {elapsed} elapsed, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(WallDuration::from_millis(200));
        }
        let horizon = experiment
            .variants
            .first()
            .and_then(|plan| plan.scenario.stop.at);
        Self {
            bar,
            variants: (0..count)
                .map(|_| (AtomicU64::new(0), AtomicU64::new(0)))
                .collect(),
            horizon: horizon.map(|at| Instant::ZERO + at),
            last: Mutex::new(None),
            tells_lines: global.progress_lines,
            begun: OnceLock::new(),
        }
    }

    /// Removes the line.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, now: Instant) {
        let Ok(mut last) = self.last.try_lock() else {
            return;
        };
        if self.tells_lines {
            if last.is_some_and(|last| last.elapsed() < BETWEEN_LINES) {
                return;
            }
            *last = Some(Clock::now());
        }
        let events: u64 = self
            .variants
            .iter()
            .map(|(events, _)| events.load(Ordering::Relaxed))
            .sum();
        let steps: u64 = self
            .variants
            .iter()
            .map(|(_, steps)| steps.load(Ordering::Relaxed))
            .sum();
        if self.tells_lines {
            let all = self.variants.len() as u64 * STEPS;
            let share = steps as f64 / all.max(1) as f64;
            let line = json!({"progress": share, "simulatedNs": now.as_nanos(), "events": events});
            terminal::complain(&line.to_string());
            return;
        }
        self.bar.set_position(steps);
        let elapsed = self.bar.elapsed().as_secs_f64().max(1e-3);
        let rate = events as f64 / elapsed / 1e3;
        self.bar.set_message(format!(
            "simulated {now}, {}, {rate:.0} k/s",
            plural::count(events, "event")
        ));
    }
}

impl Progress for Bars {
    fn at(&self, variant: usize, reached: RunProgress) {
        let (known, steps) = &self.variants[variant];
        known.store(reached.events, Ordering::Relaxed);
        if let Some(reached) = lab::experiment::steps(reached, self.horizon, STEPS) {
            steps.store(reached, Ordering::Relaxed);
        }
        self.show(reached.now);
    }

    fn begun(&self, _variant: usize) {
        let _ = self.begun.set(Clock::now());
    }

    fn finished(&self, variant: usize) {
        self.variants[variant].1.store(STEPS, Ordering::Relaxed);
        self.bar.tick();
    }
}
