//! Jobs of Microsoft's Philly clusters of 2017, in Pacific local time: the log itself, and a table that
//! was derived of it. A job is a gang of pods of one GPU each. Format: `traces.md`, section 7.

pub mod log;
pub mod table;

use crate::calendar::Zone;

/// The zone of the trace's dates.
fn zone() -> Zone {
    Zone::named("America/Los_Angeles")
}
