//! `system.fleet:` of the experiment file: options of Fleet's engines and agents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

/// Options of `CoreOS` Fleet 1.0, with `name: fleet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fleet {
    /// Between two rounds of the engine (`engine_reconcile_interval`); its lease lasts five of them.
    #[schemars(extend("x-positive" = true))]
    pub engine_interval: Duration,
    /// When the first round is, after the start; a unit that is submitted restarts the interval.
    pub first_round: Duration,
    /// How long a machine's key lasts after its last beat (`agent_ttl`); it beats twice as often.
    #[schemars(extend("x-positive" = true))]
    pub agent_ttl: Duration,
    /// Whether the registry is served by gRPC (`enable_grpc`): a lost leader's lease practically never
    /// ends then.
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
