//! Parts of a `SwarmKit` cluster; the defaults are the original's (spec: orchestrators-a.md section
//! 2).

use units::{Duration, SortedMap};

use super::agent::StepTimes;
use super::constraint::Constraint;
use super::dispatcher::{HeartbeatOptions, ORPHAN_TIMEOUT};
use super::restart::RestartPolicy;
use super::spread::SpreadMode;
use super::task::Preference;
use super::update::UpdateConfig;

/// Options of managers, nodes and services.
#[derive(Clone, Debug)]
pub struct SwarmKitOptions {
    /// Count of the shares of branches.
    pub spread: SpreadMode,
    /// Replacement of ended tasks.
    pub restart: RestartPolicy,
    /// Updates of services; `None` is as their strategy says.
    pub update: Option<UpdateConfig>,
    /// Rollbacks of services.
    pub rollback: UpdateConfig,
    /// Placement by the name of a service, `*` for all.
    pub placement: SortedMap<String, Placement>,
    /// Rules of single services by name, in place of those of all.
    pub services: SortedMap<String, ServiceRules>,
    /// Heartbeats of nodes.
    pub heartbeat: HeartbeatOptions,
    /// Time after which a node that is down loses its tasks.
    pub orphan_timeout: Duration,
    /// Times of a task's steps.
    pub times: StepTimes,
    /// Number of managers.
    pub managers: usize,
}

/// Placement of a service's tasks.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// All have to hold.
    pub constraints: Vec<Constraint>,
    /// Labels to spread over.
    pub preferences: Vec<Preference>,
    /// Greatest number of tasks on a node; 0 is any number.
    pub max_replicas: u32,
}

/// Rules of one service; `None` is the rule of all.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceRules {
    /// Replacement of ended tasks.
    pub restart: Option<RestartPolicy>,
    /// Updates.
    pub update: Option<UpdateConfig>,
    /// Rollbacks.
    pub rollback: Option<UpdateConfig>,
}

/// The rules that hold for a service.
#[derive(Clone, Copy, Debug)]
pub struct RulesInForce {
    /// Replacement of ended tasks.
    pub restart: RestartPolicy,
    /// Whether that is the service's alone.
    pub has_own_restart: bool,
    /// Updates; `None` is as the object's strategy says.
    pub update: Option<UpdateConfig>,
    /// Rollbacks.
    pub rollback: UpdateConfig,
}

impl SwarmKitOptions {
    /// The rules that hold for a service: its own, or else those of all.
    pub fn rules_of(&self, service: &str) -> RulesInForce {
        let own = self.services.get(service).copied().unwrap_or_default();
        RulesInForce {
            restart: own.restart.unwrap_or(self.restart),
            has_own_restart: own.restart.is_some(),
            update: own.update.or(self.update),
            rollback: own.rollback.unwrap_or(self.rollback),
        }
    }
}

impl Default for SwarmKitOptions {
    fn default() -> Self {
        Self {
            spread: SpreadMode::Upstream,
            restart: RestartPolicy::default(),
            update: None,
            rollback: UpdateConfig::default(),
            placement: SortedMap::new(),
            services: SortedMap::new(),
            heartbeat: HeartbeatOptions::default(),
            orphan_timeout: ORPHAN_TIMEOUT,
            times: StepTimes::default(),
            managers: 3,
        }
    }
}
