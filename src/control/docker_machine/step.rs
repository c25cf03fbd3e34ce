//! Steps of a host that is there: started, stopped, killed, started again, upgraded (docker/machine
//! `libmachine/host/host.go`).

use units::Duration;

use super::Poll;

/// A step that a user orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The host starts, and its engine with it.
    Start,
    /// The host stops in order.
    Stop,
    /// The host is powered off.
    Kill,
    /// The host stops and starts.
    Restart,
    /// The engine's packages are replaced, and the engine starts again.
    Upgrade,
}

/// Times that the parts of a step take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepTimes {
    /// Time from the order until a host has stopped.
    pub stop: Duration,
    /// Time from the driver's call until a host runs.
    pub boot: Duration,
    /// Time that packages take.
    pub install: Duration,
    /// Time from a running host, or new packages, until the engine's port answers.
    pub engine: Duration,
}

/// Span in which a host's engine does not answer, from the order on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Begin of it; `None` of a host that is away already.
    pub from: Option<Duration>,
    /// End of it; `None` of a host that stays away, or is waited for in vain.
    pub until: Option<Duration>,
}

impl Step {
    /// The absence that a step makes, or ends. What is polled for holds from its time on and is seen at
    /// the next test; a step that polls in vain fails.
    pub fn absence(self, times: &StepTimes) -> Absence {
        let begun = Some(Duration::ZERO);
        let started = |after: Duration| {
            let runs = after.checked_add(Poll::HOST.seen(times.boot)?)?;
            runs.checked_add(Poll::ENGINE.seen(times.engine)?)
        };
        match self {
            Self::Start => Absence {
                from: None,
                until: started(Duration::ZERO),
            },
            Self::Stop | Self::Kill => Absence {
                from: begun,
                until: None,
            },
            Self::Restart => Absence {
                from: begun,
                until: Poll::HOST.seen(times.stop).and_then(started),
            },
            Self::Upgrade => Absence {
                from: Some(times.install),
                until: Poll::ENGINE
                    .seen(times.engine)
                    .and_then(|engine| times.install.checked_add(engine)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: i64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn steps_wait_for_what_is_polled() {
        let times = StepTimes {
            stop: secs(10),
            boot: secs(25),
            install: secs(40),
            engine: secs(5),
        };
        let found = |step: Step| {
            let own = step.absence(&times);
            (own.from, own.until)
        };
        // A host that runs after 25 s is seen after 27, its engine 6 s later.
        assert_eq!(found(Step::Start), (None, Some(secs(33))));
        assert_eq!(found(Step::Stop), (Some(secs(0)), None));
        assert_eq!(found(Step::Kill), (Some(secs(0)), None));
        assert_eq!(found(Step::Restart), (Some(secs(0)), Some(secs(45))));
        assert_eq!(found(Step::Upgrade), (Some(secs(40)), Some(secs(46))));
        let slow = StepTimes {
            boot: secs(200),
            ..times
        };
        assert_eq!(Step::Start.absence(&slow).until, None);
        let mute = StepTimes {
            engine: secs(28),
            ..times
        };
        assert_eq!(Step::Upgrade.absence(&mute).until, None);
    }
}
