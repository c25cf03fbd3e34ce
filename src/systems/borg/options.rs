//! Options of a Borg cell. Where the papers publish no value, the default is this project's choice, and
//! the manual says so.

use model::Tier;
use policy::borg::Rule;
use units::Duration;

use crate::parts::permit::Rate;
use crate::parts::reservation::ReservationOptions;

/// Quota of every user in a tier (spec: orchestrators-b.md section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The tier.
    pub tier: Tier,
    /// Most milli-cores that admitted jobs of a user may ask for together; `None` is no bound.
    pub cpu_milli: Option<i64>,
    /// Most bytes of memory that admitted jobs of a user may ask for together; `None` is no bound.
    pub memory_bytes: Option<i64>,
}

/// Reclamation of what tasks are promised and do not use (spec: orchestrators-b.md section 5.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reclamation {
    /// Time between two estimates.
    pub interval: Duration,
    /// The estimate of a task's reservation.
    pub reservation: ReservationOptions,
}

impl Default for Reclamation {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            reservation: ReservationOptions::default(),
        }
    }
}

/// Options of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct BorgOptions {
    /// The packing score.
    pub score: Rule,
    /// Number of machines with room, in random order, of which the best is taken (relaxed
    /// randomisation); `None` looks at all machines.
    pub candidates: Option<u32>,
    /// Quotas, one for each tier at most; a tier without one is unbounded.
    pub quotas: Vec<Quota>,
    /// Reclamation, if the cell reclaims.
    pub reclamation: Option<Reclamation>,
    /// Silence after which a machine is marked down.
    pub unreachable_after: Duration,
    /// Rate at which tasks of machines that are down find new places; `None` is no limit.
    pub reschedule: Option<Rate>,
    /// Time from the end of a service's task to its restart.
    pub restart_delay: Duration,
    /// Most tasks of a job that an update keeps from running at a time.
    pub update_disruptions: u32,
}

impl Default for BorgOptions {
    fn default() -> Self {
        Self {
            score: Rule::Stranded,
            candidates: None,
            quotas: Vec::new(),
            reclamation: None,
            unreachable_after: Duration::from_secs(15),
            reschedule: Some(Rate {
                spacing: Duration::from_millis(10),
            }),
            restart_delay: Duration::from_secs(10),
            update_disruptions: 1,
        }
    }
}
