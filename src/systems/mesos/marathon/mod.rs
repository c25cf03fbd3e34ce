//! Marathon: keeps long-running applications at their number of instances on offers of Mesos.
//!
//! Follows mesosphere/marathon: `Constraints.scala`, `TaskReplaceActor.scala`,
//! `ScalingProposition.scala`, `RateLimiter.scala`, `UnreachableStrategy.scala`,
//! `KillSelection.scala`, `ResourceMatcher.scala` (spec: orchestrators-b.md section 2). Every offer is taken
//! by the first application that accepts it; there are no scores.

pub mod backoff;
pub mod constraint;
pub mod gpu;
pub mod scale_down;
pub mod section;
pub mod unreachable;
pub mod upgrade;

use units::Duration;

/// Time for which Marathon declines what it does not need.
pub const DECLINE_DURATION: Duration = Duration::from_secs(120);
/// Between two revivals of offers at least.
pub const MIN_REVIVE_INTERVAL: Duration = Duration::from_secs(5);
