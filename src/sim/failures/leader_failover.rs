//! Leaders that crash: what a part of the control plane had in memory is lost; another leader is
//! elected once the lease has expired, and begins with what is stored. Running containers are
//! untouched (spec: orchestrators-b.md 10.3).

use super::{Change, Layout, Strike, Timeline};
use crate::control_faults::Part;
use rng::{Distribution, Stream};
use units::{Duration, Instant};

/// Crashes of a leader.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaderFailover {
    /// Part whose leader crashes.
    pub part: Part,
    /// Times of the crashes, after the start; or after the last.
    pub when: Crashes,
    /// Time for which the lost leader's lease still holds.
    pub lease: Duration,
    /// Time from there to the election of another.
    pub election: Distribution,
}

/// Times at which a leader crashes.
#[derive(Clone, Debug, PartialEq)]
pub enum Crashes {
    /// Once.
    At(Duration),
    /// Again and again, so long after another was elected.
    Every(Distribution),
}

impl LeaderFailover {
    pub(super) fn timelines(&self, layout: &Layout<'_>) -> Vec<Timeline> {
        let mut stream = Stream::new(layout.seed, "leader", self.part.entity());
        match &self.when {
            Crashes::At(at) => {
                let at = Instant::ZERO.saturating_add(*at);
                vec![Timeline::scripted(self.crash(at, &mut stream).to_vec())]
            }
            Crashes::Every(between) => {
                let (own, between) = (self.clone(), between.clone());
                let mut now = Instant::ZERO;
                let crashes = std::iter::from_fn(move || {
                    let at = now.saturating_add(between.sample(&mut stream));
                    let strikes = own.crash(at, &mut stream);
                    if strikes[1].at == Instant::MAX || strikes[1].at == now {
                        return None;
                    }
                    now = strikes[1].at;
                    Some(strikes)
                });
                vec![Timeline::drawn(crashes.flatten())]
            }
        }
    }

    fn crash(&self, at: Instant, stream: &mut Stream) -> [Strike; 2] {
        let elected = at
            .saturating_add(self.lease)
            .saturating_add(self.election.sample(stream));
        let strike = |at, is_up| Strike {
            at,
            change: Change::Leader {
                part: self.part,
                is_up,
            },
        };
        [strike(at, false), strike(elected, true)]
    }
}
