//! The setup of a recorder: the measured window, and what is known of the run beforehand.

pub mod economics;
pub mod mix;
pub mod power;

use std::sync::Arc;

use cluster::fragmentation::TypicalPods;
use model::Text;
use units::{Duration, Quantity};

use crate::alerts::{Route, Rule};
use crate::record::selection::Selection;
use crate::record::setup::economics::Economics;
use crate::record::setup::mix::WorkloadMix;
use crate::record::window::Window;

/// The usual bound τ of the bounded slowdown: 10 s.
pub const USUAL_BOUND: Duration = Duration::from_secs(10);

/// Settings of the metrics.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The measured window.
    pub window: Window,
    /// Purpose of the values.
    pub purpose: Purpose,
    /// Reason a window that was to be found by itself was not: nothing that needs a steady state
    /// has a value then.
    pub unsteady: Option<String>,
    /// The bound τ of the bounded slowdown.
    pub slowdown_bound: Duration,
    /// Part of a workload's wanted pods that it needs ready, in percent.
    pub min_ready_percent: u32,
    /// The workload that GPU fragmentation is measured against.
    pub typical: Option<Arc<TypicalPods>>,
    /// The shapes of the workload, where it was read beforehand.
    pub mix: Option<Arc<WorkloadMix>>,
    /// Prices and power models of nodes.
    pub economics: Option<Arc<Economics>>,
    /// Room of the hypervisors below the cluster, where its nodes are machines on such.
    pub hypervisors: Option<HypervisorRoom>,
    /// Labels of the levels of a topology, from the highest on; empty without one.
    pub topology: Arc<[Text]>,
    /// Quotas of all queues and cohorts of Kueue by resource; empty without any.
    pub quotas: Arc<[(Text, Quantity)]>,
    /// Rules of the alerts.
    pub alerts: Arc<[Rule]>,
    /// Rule by which alerts are notified.
    pub route: Arc<Route>,
    /// Classes of pods that are measured by themselves, too.
    pub selections: Vec<Selection>,
    /// Whether pods that are evicted come back with the rest of their work, later or elsewhere.
    pub keeps_work: bool,
}

/// Room of hypervisors, as their scheduler gives it to machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HypervisorRoom {
    /// Number of hypervisors.
    pub hosts: i64,
    /// Virtual processors of all of them.
    pub vcpus: i64,
    /// Memory of all of them, in MiB.
    pub memory: i64,
    /// Memory of a guest system, in MiB, which a machine holds beside that of its node.
    pub guest_memory: i64,
}

/// Purpose of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To describe the window as it was.
    #[default]
    Describe,
    /// To estimate a steady state, which a saturated window does not have.
    SteadyState,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            window: Window::FULL,
            purpose: Purpose::Describe,
            unsteady: None,
            slowdown_bound: USUAL_BOUND,
            min_ready_percent: 100,
            typical: None,
            mix: None,
            economics: None,
            hypervisors: None,
            topology: Arc::default(),
            quotas: Arc::default(),
            alerts: Arc::default(),
            route: Arc::default(),
            selections: Vec::new(),
            keeps_work: false,
        }
    }
}
