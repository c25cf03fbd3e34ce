//! Parts of a Fleet (spec: orchestrators-a.md section 5).

use options::SystemSection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use model::Text;
use units::{Duration, SortedMap};

use super::unit::Requirements;

/// Options of `CoreOS` Fleet 1.0; used with `name: fleet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "Fleet")]
pub struct FleetOptions {
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

impl Default for FleetOptions {
    fn default() -> Self {
        Self {
            engine_interval: Duration::from_secs(2),
            first_round: Duration::ZERO,
            agent_ttl: Duration::from_secs(30),
            grpc_registry: false,
        }
    }
}

impl SystemSection for FleetOptions {
    const SYSTEM: &'static str = "fleet";
    const MEANING: &'static str = "Options of Fleet, for `name: fleet`.";

    fn placement(&self) -> Option<&'static str> {
        Some("least-loaded")
    }
}

/// Options of the engines and agents of a cluster, and the units that were submitted as files.
#[derive(Clone, Debug, Default)]
pub struct FleetSetup {
    /// Intervals of engines and agents.
    pub options: FleetOptions,
    /// Units submitted as files, by name; other units take the requests of their pod.
    pub units: SortedMap<Text, SubmittedUnit>,
}

/// A unit that was submitted as a file.
#[derive(Clone, Debug, Default)]
pub struct SubmittedUnit {
    /// Resources that the unit requests.
    pub requirements: Requirements,
    /// Time after the start at which the first connection comes, of a service that waits for its
    /// socket.
    pub first_connection: Option<Duration>,
    /// The unit's socket, a unit as well, and what that asks for.
    pub socket: Option<(Text, Requirements)>,
}
