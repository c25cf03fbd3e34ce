//! Parts of a Swarm; the defaults are the original's, where it has one (spec: orchestrators-a.md
//! section 1).

use units::Duration;

use super::contact::ContactOptions;
use super::container::ReschedulePolicy;
use super::discovery::{Backend, DiscoveryOptions};
use super::engine::Overcommit;
use super::manager::REPLICATION_TTL;
use super::request::Environment;
use super::scheduler::Scheduler;

/// Options of a manager, its engines and its clients.
#[derive(Clone, Debug)]
pub struct SwarmOptions {
    /// Scheduler that chooses engines.
    pub scheduler: Scheduler,
    /// Excess over an engine's amounts up to which it is filled.
    pub overcommit: Overcommit,
    /// Unit of CPU.
    pub cpu: CpuUnit,
    /// Number of times that a creation that an engine refused is tried again elsewhere.
    pub create_retries: u32,
    /// Time after which a client asks again for what was refused; zero: it gives up.
    pub client_retry: Duration,
    /// Contact with engines.
    pub contact: ContactOptions,
    /// Time until a request to a host that does not answer fails.
    pub request_timeout: Duration,
    /// Discovery that lists engines.
    pub discovery: DiscoveryOptions,
    /// Time that an engine takes to create a container.
    pub create_time: Duration,
    /// Default policy for containers of a lost engine.
    pub reschedule: ReschedulePolicy,
    /// Number of managers.
    pub managers: usize,
    /// Time for which the primary's lock lasts without renewal.
    pub replication_ttl: Duration,
    /// Constraints, affinities and policies of containers.
    pub environment: Environment,
}

/// Unit of CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CpuUnit {
    /// Whole cores; requests are rounded up, as the original's shares are whole.
    #[default]
    Core,
    /// Thousandths of a core.
    Milli,
}

impl Default for SwarmOptions {
    fn default() -> Self {
        Self {
            scheduler: Scheduler::default(),
            overcommit: Overcommit::default(),
            cpu: CpuUnit::default(),
            create_retries: 0,
            client_retry: Duration::from_secs(10),
            contact: ContactOptions::default(),
            request_timeout: Duration::ZERO,
            discovery: DiscoveryOptions {
                backend: Backend::List,
                ..DiscoveryOptions::default()
            },
            create_time: Duration::ZERO,
            reschedule: ReschedulePolicy::default(),
            managers: 1,
            replication_ttl: REPLICATION_TTL,
            environment: Environment::default(),
        }
    }
}
