//! The steps of a deployer that replaces all pods at once, and of one that starts the first version
//! (`recreate.go`).

use units::Instant;

use super::rules::RolloutRules;
use super::step::{Failure, Step, failed, wake_at};
use super::{Filling, LOOK, Moment, Phase, Rollout, Sizes, tick};

/// One of both controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

impl Rollout {
    /// Has a controller get a size; the deployer looks at it again a second later, in a phase.
    pub(super) fn scale(
        &mut self,
        now: Instant,
        then: impl Fn(Instant) -> Phase,
        size: i64,
        side: Side,
    ) -> Step {
        let at = now.saturating_add(LOOK);
        self.phase = then(at);
        let (old, new) = match side {
            Side::Old => (Some(size), None),
            Side::New => (None, Some(size)),
        };
        Step {
            old,
            new,
            wake: Some(at),
            ..Step::default()
        }
    }

    /// Waits for the end of all old pods, at which the deployer looks every second; those that do not end
    /// in time are left to it (`waitForTerminatedPods`).
    pub(super) fn emptied(
        &mut self,
        now: Instant,
        since: Instant,
        sizes: Sizes,
        rules: &RolloutRules,
    ) -> Option<Step> {
        let until = since.saturating_add(rules.timeout);
        let look = match sizes.old_pods {
            0 => tick(since, LOOK, now).min(until),
            _ => until,
        };
        if now < look {
            return Some(wake_at(look));
        }
        self.enter(Moment::Mid)
    }

    /// Waits for new pods to be there, at which the deployer looks every second; after the time-out it goes on as if
    /// they were (`scaleAndWait` of `recreate.go`, whose error is dropped).
    pub(super) fn made(
        &mut self,
        now: Instant,
        filling: Filling,
        sizes: Sizes,
        rules: &RolloutRules,
    ) -> Option<Step> {
        let Filling {
            size,
            since,
            is_accepted,
        } = filling;
        if sizes.new != size {
            // The API refused it, as the controller had changed meanwhile.
            return Some(self.fill(now, size, is_accepted));
        }
        let at = since.saturating_add(LOOK);
        let until = since.saturating_add(rules.timeout).max(at);
        let look = if sizes.new_pods >= size {
            tick(at, LOOK, now).min(until)
        } else {
            until
        };
        if now < look {
            return Some(wake_at(look));
        }
        if !is_accepted {
            return self.enter(Moment::Post);
        }
        self.phase = Phase::Accept(size, now);
        None
    }

    /// Tells the new controller to have pods, and looks whether they are there.
    pub(super) fn fill(&mut self, now: Instant, size: i64, is_accepted: bool) -> Step {
        let filling = Filling {
            size,
            since: now,
            is_accepted,
        };
        self.scale(now, |_| Phase::Made(filling), size, Side::New)
    }

    /// Waits for new pods to be available, the first one or all (`acceptor.go`).
    pub(super) fn accept(
        &mut self,
        now: Instant,
        size: i64,
        since: Instant,
        sizes: Sizes,
        rules: &RolloutRules,
    ) -> Option<Step> {
        let until = since.saturating_add(rules.timeout);
        if sizes.new != size {
            // It was scaled by another hand.
            return Some(self.fill(now, size, true));
        }
        if sizes.new_available == size {
            if size == self.desired {
                return self.enter(Moment::Post);
            }
            // Nothing waits for the others.
            return Some(self.fill(now, self.desired, false));
        }
        Some(if now < until {
            wake_at(until)
        } else {
            failed(Failure::Stalled)
        })
    }
}
