//! Steps of a host that is there: started, stopped, killed, started again, provisioned, upgraded, removed
//! (docker/machine `libmachine/host/host.go`, `commands/rm.go`).

use std::fmt;

use units::Duration;

use super::{Phase, Poll};

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
    /// The system is detected, packages and settings are installed, and the engine starts again.
    Provision,
    /// The engine's packages are replaced, and the engine starts again.
    Upgrade,
    /// The driver destroys the host.
    Remove,
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
    /// Time in which the system is detected.
    pub detect: Duration,
    /// Time from the order until a host is destroyed.
    pub remove: Duration,
}

/// Part of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The host stops.
    Stop,
    /// The host starts.
    Boot,
    /// The packages are replaced.
    Install,
    /// The engine answers on its port.
    Engine,
    /// The system is detected.
    Detect,
    /// The host is destroyed.
    Remove,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Stop,
        Self::Boot,
        Self::Install,
        Self::Engine,
        Self::Detect,
        Self::Remove,
    ];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop => f.write_str("the host did not stop"),
            Self::Boot => Phase::Boot.fmt(f),
            Self::Install => Phase::Install.fmt(f),
            Self::Engine => Phase::Engine.fmt(f),
            Self::Detect => Phase::Detect.fmt(f),
            Self::Remove => f.write_str("the driver did not remove the host"),
        }
    }
}

/// Span in which a host's engine does not answer, from the order on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Begin of it; `None` of a host that is away already.
    pub from: Option<Duration>,
    /// End of it; `None` of a host that stays away, or is waited for in vain.
    pub until: Option<Duration>,
}

/// Outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The absence that the step makes, or ends; `None` if the host stays as it is.
    pub absence: Option<Absence>,
    /// The part that failed, with which the step ends.
    pub failed: Option<Part>,
}

impl Step {
    /// The parts of the step, in order.
    const fn parts(self) -> &'static [Part] {
        match self {
            Self::Start => &[Part::Boot, Part::Engine],
            Self::Stop | Self::Kill => &[Part::Stop],
            Self::Restart => &[Part::Stop, Part::Boot, Part::Engine],
            Self::Provision => &[Part::Detect, Part::Install, Part::Engine],
            Self::Upgrade => &[Part::Install, Part::Engine],
            Self::Remove => &[Part::Remove],
        }
    }

    /// The outcome of a step of which some parts fail by themselves. What is polled for holds from its time
    /// on and is seen at the next test; a step that polls in vain fails. A host that does not stop or is not
    /// destroyed, or whose packages can't be replaced, goes on as before; one that does not come up stays
    /// away.
    pub fn outcome(self, times: &StepTimes, fails: impl Fn(Part) -> bool) -> Outcome {
        let is_late = |part: Part| match part {
            // The order to stop is given, and the host stops in the end.
            Part::Stop | Part::Install | Part::Detect | Part::Remove => false,
            Part::Boot => Poll::HOST.seen(times.boot).is_none(),
            Part::Engine => Poll::ENGINE.seen(times.engine).is_none(),
        };
        let mut parts = self.parts().iter().copied();
        let failed = parts.find(|part| fails(*part) || is_late(*part));
        let absence = self.absence(times);
        let absence = match failed {
            None => Some(absence),
            Some(Part::Stop | Part::Install | Part::Detect | Part::Remove) => None,
            Some(Part::Boot | Part::Engine) => Some(Absence {
                until: None,
                ..absence
            }),
        };
        Outcome { absence, failed }
    }

    /// The absence that a step makes, or ends, if no part of it fails by itself.
    fn absence(self, times: &StepTimes) -> Absence {
        let begun = Some(Duration::ZERO);
        let started = |after: Duration| {
            let runs = after.checked_add(Poll::HOST.seen(times.boot)?)?;
            runs.checked_add(Poll::ENGINE.seen(times.engine)?)
        };
        let installed = |after: Duration| Absence {
            from: Some(after),
            until: Poll::ENGINE
                .seen(times.engine)
                .and_then(|engine| after.checked_add(engine)),
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
            Self::Provision => installed(times.detect.saturating_add(times.install)),
            Self::Upgrade => installed(times.install),
            Self::Remove => Absence {
                from: Some(times.remove),
                until: None,
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
            detect: secs(1),
            remove: secs(7),
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
        assert_eq!(found(Step::Provision), (Some(secs(41)), Some(secs(47))));
        assert_eq!(found(Step::Remove), (Some(secs(7)), None));
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

    #[test]
    fn a_part_that_fails_ends_its_step() {
        let times = StepTimes {
            stop: secs(10),
            boot: secs(25),
            install: secs(40),
            engine: secs(5),
            detect: secs(1),
            remove: secs(7),
        };
        let outcome = |step: Step, failing: &[Part]| {
            let own = step.outcome(&times, |part| failing.contains(&part));
            let span = own.absence.map(|own| (own.from, own.until));
            (span, own.failed)
        };
        let whole = outcome(Step::Restart, &[Part::Install]);
        let all = (Some(secs(0)), Some(secs(45)));
        assert_eq!(whole, (Some(all), None));
        for (step, part, expected) in [
            (Step::Start, Part::Boot, Some((None, None))),
            (Step::Start, Part::Engine, Some((None, None))),
            (Step::Stop, Part::Stop, None),
            (Step::Kill, Part::Stop, None),
            (Step::Restart, Part::Stop, None),
            (Step::Restart, Part::Boot, Some((Some(secs(0)), None))),
            (Step::Upgrade, Part::Install, None),
            (Step::Provision, Part::Detect, None),
            (Step::Remove, Part::Remove, None),
            (Step::Upgrade, Part::Engine, Some((Some(secs(40)), None))),
        ] {
            assert_eq!(outcome(step, &[part]), (expected, Some(part)), "{step:?}");
        }
        // The first that fails counts.
        let both = outcome(Step::Restart, &[Part::Engine, Part::Boot]);
        assert_eq!(both.1, Some(Part::Boot));
        let slow = StepTimes {
            boot: secs(200),
            ..times
        };
        let late = Step::Start.outcome(&slow, |_| false);
        assert_eq!(late.failed, Some(Part::Boot));
    }
}
