//! Options of the rules as experiment files state them, with the defaults of Batsched.

use options::{Home, Rules, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

use super::{INERTIAL, OPPORTUNISTIC};

/// Options of the backfill rules that switch hosts off and on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "Shutdown")]
pub struct ShutdownOptions {
    /// Time from the order to switch a host on until it takes jobs; default `152s`.
    pub switch_on: Duration,
    /// Time from the order to switch a host off until it is off; default `6100ms`.
    pub switch_off: Duration,
    /// Time that plans reckon with for switching a host on; default `switchOn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_switch_on: Option<Duration>,
    /// Time that plans add to each job and switch for the resource manager (`rjms_delay`); default
    /// `5s`.
    pub manager_delay: Duration,
    /// Time between two looks at the load (`monitoring_period`), above 0s; default `5m`.
    #[schemars(extend("x-positive" = true))]
    pub period: Duration,
    /// Idle time after which a host is switched off (`idle_time_to_sedate`); default `0s`.
    pub idle_time: Duration,
    /// `true` looks for idle hosts whenever something happens, `false` once a period
    /// (`sedate_idle_on_classical_events`); default `true`.
    #[serde(rename = "prompt")]
    pub is_prompt: bool,
    /// Share of the hosts that are switched off only for being idle, so that they are woken for any
    /// job (`fraction_of_machines_to_let_awake`, `opportunistic-shutdown`), 0 to 1; default 1.
    #[schemars(range(min = 0, max = 1))]
    pub kept_awake: f64,
    /// Number of hosts to switch for each that was switched the period before
    /// (`inertial_alteration`, `inertial-shutdown`), 0 to 1000; default 2.
    #[schemars(range(min = 0, max = 1_000))]
    pub factor: f64,
    /// Number of hosts to switch beyond that (`inertial_alteration`, `inertial-shutdown`), 0 to
    /// 1000000; default 0.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub increment: u32,
    /// Mean liquid load horizon of a period from which on hosts are switched on
    /// (`upper_llh_threshold`, `inertial-shutdown`); default `100000s`.
    pub horizon: Duration,
}

impl Default for ShutdownOptions {
    fn default() -> Self {
        Self {
            switch_on: Duration::from_secs(152),
            switch_off: Duration::from_millis(6_100),
            planned_switch_on: None,
            manager_delay: Duration::from_secs(5),
            period: Duration::from_secs(300),
            idle_time: Duration::ZERO,
            is_prompt: true,
            kept_awake: 1.0,
            factor: 2.0,
            increment: 0,
            horizon: Duration::from_secs(100_000),
        }
    }
}

impl SystemSection for ShutdownOptions {
    const SYSTEM: &'static str = "batch";
    const FIELD: &'static str = "shutdown";
    const HOME: Home = Home::Scheduler;
    const MEANING: &'static str = "Options of the backfill rules `inertial-shutdown` and `opportunistic-shutdown`, with \
                                   the system `batch`.";

    fn check(&self, rules: &mut Rules<'_>) {
        let backfill = rules.around().backfill;
        if backfill == INERTIAL.name {
            rules.only_with("backfill: opportunistic-shutdown", &["keptAwake"]);
        } else if backfill == OPPORTUNISTIC.name {
            let fields = ["factor", "increment", "horizon"];
            rules.only_with("backfill: inertial-shutdown", &fields);
        }
    }
}

impl ShutdownOptions {
    /// Time that plans reckon with for switching a host on.
    pub(super) fn reckoned_switch_on(&self) -> Duration {
        self.planned_switch_on.unwrap_or(self.switch_on)
    }
}
