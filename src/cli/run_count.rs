//! A progress line for many runs: how many are done, of how many.

use std::time::Duration as WallDuration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Global;

/// A line on stderr if that is a terminal.
pub(super) struct RunCount {
    bar: ProgressBar,
}

impl RunCount {
    /// Draws the line unless it is not wanted.
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

    /// So many are done.
    pub(super) fn at(&self, done: usize, all: usize) {
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
