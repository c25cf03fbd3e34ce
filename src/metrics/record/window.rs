//! The measured window: which jobs and which time metrics are taken over (metrics.md 5.2, 5.6).
//!
//! Jobs and pods submitted in the window are measured, and followed to their end even beyond it, so
//! that long ones are not cut off. Integrals and counts of events are taken over the window itself,
//! W = [W0, W1). A window of jobs opens when its first job is submitted and closes when the first
//! one after it is; the rest of the workload is the background that loads the cluster meanwhile.

use units::{Instant, PodId, SortedMap};

use crate::statistics::span::Span;

/// Rule for the measured window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The time from one instant until just before another, or until the end of the run.
    Time {
        /// Beginning of the window.
        from: Instant,
        /// End of the window.
        until: Option<Instant>,
    },
    /// The jobs with these numbers in order of submission, the first being number 0.
    Jobs {
        /// The first.
        from: u64,
        /// The first that is not in it any more.
        until: u64,
    },
}

impl Window {
    /// The whole run.
    pub const FULL: Self = Self::since(Instant::ZERO);

    /// Window from an instant to the end of the run.
    pub const fn since(from: Instant) -> Self {
        Self::Time { from, until: None }
    }

    /// `true` if the window is the whole run.
    pub fn is_full(self) -> bool {
        self == Self::FULL
    }
}

/// Finds out during a run what is in the window.
#[derive(Clone, Debug)]
pub struct MeasuredWindow {
    window: Window,
    opened: Option<Instant>,
    closed: Option<Instant>,
    jobs: u64,
    /// The first pod in the window, and the first after it.
    first: Option<PodId>,
    end: Option<PodId>,
    /// Whether the pod that moves to another node now was submitted in the window.
    moving: Option<bool>,
    /// Of the pods that others go on as: whether those were submitted in the window.
    moved: SortedMap<PodId, bool>,
}

impl MeasuredWindow {
    /// Creates a window before the first submission.
    pub fn new(window: Window) -> Self {
        let (opened, closed) = match window {
            Window::Time { from, until } => (Some(from), until),
            Window::Jobs { .. } => (None, None),
        };
        Self {
            window,
            opened,
            closed,
            jobs: 0,
            first: None,
            end: None,
            moving: None,
            moved: SortedMap::new(),
        }
    }

    /// A pod goes on as the one that is submitted next.
    pub fn moves(&mut self, pod: PodId) {
        self.moving = Some(self.has(pod));
    }

    /// Number of pods that others went on as.
    pub fn moved(&self) -> u64 {
        self.moved.len() as u64
    }

    /// A pod was submitted; `begins` tells whether it is the first of its job.
    pub fn submitted(&mut self, at: Instant, pod: PodId, begins: bool) {
        if let Some(is_measured) = self.moving.take() {
            self.moved.insert(pod, is_measured);
        }
        let number = self.jobs;
        self.jobs += u64::from(begins);
        let (opens, closes) = match self.window {
            Window::Time { from, until } => (at >= from, until.is_some_and(|until| at >= until)),
            Window::Jobs { from, until } => {
                let opens = begins && number >= from;
                let closes = begins && number >= until;
                if opens {
                    self.opened.get_or_insert(at);
                }
                if closes {
                    self.closed.get_or_insert(at);
                }
                // A pod of a job that was submitted before it begins no job.
                (self.opened.is_some(), self.closed.is_some())
            }
        };
        if opens {
            self.first.get_or_insert(pod);
        }
        if closes {
            self.end.get_or_insert(pod);
        }
    }

    /// A job was submitted before its first pod; returns whether that was in the window.
    pub fn job_submitted(&mut self, at: Instant) -> bool {
        let number = self.jobs;
        self.jobs += 1;
        match self.window {
            Window::Time { from, until } => at >= from && until.is_none_or(|until| at < until),
            Window::Jobs { from, until } => {
                if number >= from {
                    self.opened.get_or_insert(at);
                }
                if number >= until {
                    self.closed.get_or_insert(at);
                }
                number >= from && number < until
            }
        }
    }

    /// Whether a pod was submitted in the window.
    #[inline]
    pub fn has(&self, pod: PodId) -> bool {
        if !self.moved.is_empty()
            && let Some(is_measured) = self.moved.get(&pod)
        {
            return *is_measured;
        }
        self.first.is_some_and(|first| pod >= first) && self.end.is_none_or(|end| pod < end)
    }

    /// Whether an instant is in the window.
    #[inline]
    pub fn has_instant(&self, at: Instant) -> bool {
        self.opened.is_some_and(|opened| at >= opened)
            && self.closed.is_none_or(|closed| at < closed)
    }

    /// End of the window, once that is known.
    pub fn closed(&self) -> Option<Instant> {
        self.closed
    }

    /// The part of a span that is in the window; `None` if it has no length.
    #[inline]
    pub fn clip(&self, span: Span) -> Option<Span> {
        let opened = self.opened?;
        let from = span.from.max(opened);
        let to = self.closed.map_or(span.to, |closed| span.to.min(closed));
        (to > from).then_some(Span { from, to })
    }

    /// The window of a run that ended at an instant; of no length if it never opened.
    pub fn of_run(&self, end: Instant) -> Span {
        let to = self.closed.map_or(end, |closed| closed.min(end));
        Span {
            from: self.opened.unwrap_or(to),
            to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pods 0 to 9, one a second, pods 3 and 4 being one job.
    fn filled(window: Window) -> MeasuredWindow {
        let mut measured = MeasuredWindow::new(window);
        for number in 0..10_u32 {
            let at = Instant::from_secs(i64::from(number));
            measured.submitted(at, PodId(number), number != 4);
        }
        measured
    }

    #[test]
    fn windows_take_jobs_by_time_or_by_number() {
        let secs = Instant::from_secs;
        let time = |from, until: Option<i64>| Window::Time {
            from: secs(from),
            until: until.map(secs),
        };
        for (window, pods, span) in [
            (Window::FULL, 0..10, (0, 20)),
            (time(3, None), 3..10, (3, 20)),
            (time(3, Some(7)), 3..7, (3, 7)),
            (time(3, Some(90)), 3..10, (3, 20)),
            (Window::Jobs { from: 3, until: 5 }, 3..6, (3, 6)),
            (Window::Jobs { from: 4, until: 99 }, 5..10, (5, 20)),
            (
                Window::Jobs {
                    from: 50,
                    until: 60,
                },
                0..0,
                (20, 20),
            ),
        ] {
            let measured = filled(window);
            let found: Vec<u32> = (0..10).filter(|&pod| measured.has(PodId(pod))).collect();
            assert_eq!(found, pods.collect::<Vec<u32>>(), "{window:?}");
            let (from, to) = (secs(span.0), secs(span.1));
            assert_eq!(measured.of_run(secs(20)), Span { from, to }, "{window:?}");
        }
        assert!(Window::FULL.is_full() && !time(1, None).is_full());
    }
}
