//! Faults of the control plane itself: it is away, sees late or not at all, its requests are slow,
//! refused or lost (spec: orchestrators-b.md 10.3).

use super::{Change, Strike, Timeline};
use crate::control_faults::{ApiLimit, BindFault, Part, ViewFault};
use units::{Duration, Instant};

/// A fault from an instant on, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPlaneFault {
    /// Beginning of the fault, after the start.
    pub at: Duration,
    /// Length of the fault; `None` is for good.
    pub lasts: Option<Duration>,
    /// The problem.
    pub fault: Fault,
}

/// A fault of a control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No component acts and no user is answered; running containers are untouched.
    Outage,
    /// A part sees changes late, or none.
    Sight(Part, ViewFault),
    /// Some bindings fail.
    Binds(BindFault),
    /// Requests of a part take time.
    Api(Part, ApiLimit),
    /// The number of managers that are away, the leader first.
    Managers(u32),
    /// The discovery of nodes does not answer.
    Discovery,
    /// A framework that shares it is away, by its number.
    Framework(u32),
}

impl ControlPlaneFault {
    pub(super) fn timelines(self) -> Vec<Timeline> {
        let (begin, end) = match self.fault {
            Fault::Outage => (
                Change::ControlPlane { is_up: false },
                Change::ControlPlane { is_up: true },
            ),
            Fault::Sight(part, sight) => {
                (Change::Sight(part, Some(sight)), Change::Sight(part, None))
            }
            Fault::Binds(fault) => (Change::Binds(Some(fault)), Change::Binds(None)),
            Fault::Api(part, limit) => (Change::Api(part, Some(limit)), Change::Api(part, None)),
            Fault::Managers(away) => (Change::Managers { away }, Change::Managers { away: 0 }),
            Fault::Framework(framework) => {
                let change = |is_up| Change::Framework { framework, is_up };
                (change(false), change(true))
            }
            Fault::Discovery => (
                Change::Discovery { is_up: false },
                Change::Discovery { is_up: true },
            ),
        };
        let at = Instant::ZERO.saturating_add(self.at);
        let mut strikes = vec![Strike { at, change: begin }];
        strikes.extend(self.lasts.map(|lasts| Strike {
            at: at.saturating_add(lasts),
            change: end,
        }));
        vec![Timeline::scripted(strikes)]
    }
}
