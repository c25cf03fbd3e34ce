//! A plan on a terminal: the progress of its search, with the best answer so far, and the answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration as WallDuration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Global, PlanArguments, PlanFormat};
use lab::plan::watch::Work;
use report::plan::PlanReport;
use units::plural;

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
                    nodes => {
                        let nodes = plural::count(nodes, "node");
                        format!(", best so far: {nodes} (Ctrl-C takes it)")
                    }
                };
                let taken = plural::count(work.taken(), "decision");
                bar.set_message(format!("{taken}{best}"));
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

impl PlanArguments {
    /// Whether a search has an answer to give before it is through.
    pub(crate) const fn searches(&self) -> bool {
        self.minimize.is_some() || self.types.is_some()
    }
}

/// The answer in the format that is asked for.
pub(super) fn printed(arguments: &PlanArguments, report: &PlanReport<'_>) -> String {
    let files = arguments.out.as_ref().map_or(String::new(), |folder| {
        format!("report: {}\n", folder.join("report.html").display())
    });
    match arguments.format {
        PlanFormat::Table => report.table() + &files,
        PlanFormat::Json => format!("{:#}\n", report.json()),
        PlanFormat::Csv => report.losses_csv(),
        PlanFormat::Markdown => report.markdown(),
    }
}
