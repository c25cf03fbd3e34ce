//! `cluster.provider.dockerMachine:` of the experiment file: hosts that Docker Machine makes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use options::Share;
use rng::Distribution;
use units::SortedMap;

/// Hosts that Docker Machine makes: eight phases in a row, of which boot, SSH and the engine are polled for
/// every three seconds. A phase that fails, or is polled for in vain, ends the creation. `boot` of a group
/// replaces the boot time of the driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DockerMachine {
    /// Driver that makes the hosts. `amazonec2` (96.9 s), `azure` (356.6 s) and `rackspace` (44.2 s) have a
    /// measured boot time; `boot` must be given for the others.
    pub driver: MachineDriver,
    /// Durations of phases, as distributions. Default: `preCheck` 1s, `driverCreate` 20s, `boot` that of the
    /// driver, `ssh` 4s, `detect` 1s, `install` 40s, `engine` 5s, `check` 1s.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub takes: SortedMap<MachinePhase, Distribution>,
    /// Shares of creations that fail, by phase; default none. `boot`, `detect`, `install` and `engine` fail in steps
    /// of hosts that are there as well: a start fails by `boot` or `engine`, an upgrade by `install` or `engine`, a
    /// provision by `detect` too.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub failure_rate: SortedMap<MachinePhase, Share>,
    /// Maximum number of creations at a time, at least 1; default unlimited. Others wait for their turn. Orders of
    /// autoscalers and steps of `operations` are counted apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub parallel: Option<u32>,
    /// Time from the order to stop a host until it has stopped: a distribution; default none. A restart waits
    /// for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Distribution>,
    /// Share of orders to stop or to kill a host that fail, after which it runs on; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_failure_rate: Option<Share>,
    /// Time from the order to remove a host until it is destroyed: a distribution; default none. What is on it runs
    /// until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<Distribution>,
    /// Share of orders to remove a host that fail, after which it runs on; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_failure_rate: Option<Share>,
    /// Time from a ready host until its node joins: a distribution; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_delay: Option<Distribution>,
}

/// Driver of Docker Machine that makes hosts; `none` and `ci-test` make none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MachineDriver {
    /// Amazon EC2.
    AmazonEc2,
    /// Microsoft Azure.
    Azure,
    /// `DigitalOcean`.
    DigitalOcean,
    /// Google Compute Engine.
    Google,
    /// `OpenStack`.
    OpenStack,
    /// Rackspace.
    Rackspace,
    /// `VirtualBox` on a host at hand.
    VirtualBox,
    /// vSphere of `VMware`.
    VmwareVsphere,
}

/// Phase of the creation of a host.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum MachinePhase {
    /// The driver's check before anything is made.
    PreCheck,
    /// The driver's call.
    DriverCreate,
    /// The host's start.
    Boot,
    /// The host's answer by SSH, after its start.
    Ssh,
    /// The detection of the system.
    Detect,
    /// The installation of packages and of the engine.
    Install,
    /// The engine's answer on its port.
    Engine,
    /// The last check.
    Check,
}

impl MachinePhase {
    /// All phases, in order.
    pub const ALL: [Self; 8] = [
        Self::PreCheck,
        Self::DriverCreate,
        Self::Boot,
        Self::Ssh,
        Self::Detect,
        Self::Install,
        Self::Engine,
        Self::Check,
    ];
}
