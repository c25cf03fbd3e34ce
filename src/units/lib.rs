//! Units: instants and durations (i64 nanoseconds), quantities in the Kubernetes grammar, integer
//! resource vectors, dense ids, stable identities, sorted maps and sets, cycles of dependencies, names near a misspelt one, and plurals. Nothing
//! here knows anything else of ours.

pub mod date;
pub mod graph;
pub mod id;
pub mod identity;
pub mod line;
pub mod nearest;
pub mod plural;
pub mod quantity;
pub mod resources;
pub mod sorted;
pub mod text;
pub mod time;
mod unique_keys;

pub use date::Date;
pub use id::{
    CellId, ClassId, ComponentId, GangId, GpuModelId, NodeId, ObjectId, PodId, PodSlot, ResourceId,
    Revision, TenantId,
};
pub use identity::Identity;
pub use quantity::{Quantity, QuantityError, SuffixFamily};
pub use resources::Resources;
pub use sorted::{SortedMap, SortedSet};
pub use time::{Duration, Instant};
pub use unique_keys::UniqueKeys;
