//! Progress of a search on a terminal: the decisions that it took and its best answer so far.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration as WallDuration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use lab::plan::watch::Work;

use super::Global;

/// Time between two looks.
const LOOK: WallDuration = WallDuration::from_millis(200);

/// Flag that is set once its work ends, however that is.
struct End<'f>(&'f AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does work under a line on stderr, if that is a terminal.
pub(super) fn watched<T>(global: &Global, work: &Work, of: impl FnOnce() -> T) -> T {
    let target = if global.quiet || global.no_progress {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr_with_hz(10)
    };
    let bar = ProgressBar::with_draw_target(None, target);
    if bar.is_hidden() {
        return of();
    }
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed} elapsed") {
        bar.set_style(style);
    }
    let is_done = AtomicBool::new(false);
    let answer = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let best = match work.best() {
                    0 => String::new(),
                    nodes => format!(", best so far: {nodes} nodes (Ctrl-C takes it)"),
                };
                bar.set_message(format!("{} decisions{best}", work.taken()));
                bar.tick();
                thread::sleep(LOOK);
            }
        });
        let _end = End(&is_done);
        of()
    });
    bar.finish_and_clear();
    answer
}
