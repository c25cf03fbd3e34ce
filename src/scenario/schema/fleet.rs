//! `system.fleet:` of the experiment file: options of Fleet's engines and agents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

/// Options of `CoreOS` Fleet 1.0; used with `name: fleet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fleet {
    /// Time between two rounds of the engine (`engine_reconcile_interval`); its lease lasts five of
    /// them. Default `2s`.
    #[schemars(extend("x-positive" = true))]
    pub engine_interval: Duration,
    /// Time of the first round after the start; default `0s`. Submitting a unit restarts the
    /// interval.
    pub first_round: Duration,
    /// Lifetime of a machine's key after its last heartbeat (`agent_ttl`); heartbeats are half of
    /// it apart. Default `30s`.
    #[schemars(extend("x-positive" = true))]
    pub agent_ttl: Duration,
    /// Registry served by gRPC (`enable_grpc`) if `true`: the lease of a lost leader then
    /// practically never expires. Default `false`.
    pub grpc_registry: bool,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            engine_interval: Duration::from_secs(2),
            first_round: Duration::ZERO,
            agent_ttl: Duration::from_secs(30),
            grpc_registry: false,
        }
    }
}
