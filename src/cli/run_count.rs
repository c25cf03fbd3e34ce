//! Progress line for many runs: the number done, out of all.

use std::time::Duration as WallDuration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use lab::limits::Limits;
use lab::replicate::Workers;
use world::ManifestCache;

use super::{Global, interrupt};

/// Line on stderr if that is a terminal.
pub(super) struct RunCount {
    bar: ProgressBar,
}

impl RunCount {
    /// Draws the line unless progress is disabled.
    pub(super) fn new(global: &Global) -> Self {
        let target = if global.quiet || global.no_progress {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = "{bar:24} {pos} of {len} runs  {elapsed} elapsed, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(WallDuration::from_millis(200));
        Self { bar }
    }

    /// Updates the number of runs done.
    pub(super) fn at(&self, done: usize, all: usize) {
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
    }

    /// Removes the line.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Does work of many runs with the threads of the command line, under a progress line.
pub(super) fn counted<T>(global: &Global, work: impl FnOnce(Workers<'_>) -> T) -> T {
    let count = RunCount::new(global);
    let done = work(Workers {
        threads: global.threads(),
        interrupted: interrupt::flag(),
        progress: &|done, all| count.at(done, all),
        limits: Limits::default(),
        manifests: &ManifestCache::new(),
    });
    count.clear();
    done
}
