//! Parts of a Fleet (spec: orchestrators-a.md section 5).

use model::Text;
use units::{Duration, SortedMap};

use super::presence::FleetOptions;
use super::unit::Requirements;

/// Options of the engines and agents of a cluster, and the units that were submitted as files.
#[derive(Clone, Debug, Default)]
pub struct FleetSetup {
    /// Intervals of engines and agents.
    pub options: FleetOptions,
    /// Time of the engine's first round.
    pub first_round: Duration,
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
