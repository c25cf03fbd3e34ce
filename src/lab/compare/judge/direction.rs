//! The better direction in files: its name.

use metrics::Direction;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes the name of a direction.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
pub(crate) fn serialize<S: Serializer>(
    direction: &Direction,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(direction.name())
}

/// Reads the name of a direction.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Direction, D::Error> {
    let name = String::deserialize(deserializer)?;
    Ok(Direction::of_name(&name))
}
