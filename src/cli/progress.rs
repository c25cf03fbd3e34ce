//! Progress line on a terminal: variants done, simulated time, events per second, time left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration as WallDuration, Instant as Clock};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use lab::experiment::Progress;
use scenario::Experiment;
use sim::RunProgress;
use units::{Instant, plural};

use super::Global;

/// Progress of an experiment.
pub(super) struct Bars {
    bar: ProgressBar,
    /// Events and simulated time of every variant.
    variants: Vec<(AtomicU64, AtomicU64)>,
    /// End of the variants in simulated time, if known.
    horizon: Option<Instant>,
    last: Mutex<()>,
    /// Time at which the first variant had its input.
    pub(super) begun: OnceLock<Clock>,
}

/// Steps of the bar per variant.
const STEPS: u64 = 1_000;

impl Bars {
    /// Creates a line on stderr if that is a terminal.
    pub(super) fn new(global: &Global, experiment: &Experiment) -> Self {
        let count = experiment.variants.len() as u64;
        let bar = ProgressBar::with_draw_target(
            Some(count * STEPS),
            if global.quiet || global.no_progress {
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
            last: Mutex::new(()),
            begun: OnceLock::new(),
        }
    }

    /// Removes the line.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, now: Instant) {
        let Ok(_alone) = self.last.try_lock() else {
            return;
        };
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
