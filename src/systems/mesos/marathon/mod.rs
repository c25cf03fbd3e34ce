//! Marathon: keeps long-running applications at their number of instances on offers of Mesos.
//!
//! Follows mesosphere/marathon: `Constraints.scala`, `TaskReplaceActor.scala`,
//! `ScalingProposition.scala`, `RateLimiter.scala`, `UnreachableStrategy.scala`,
//! `KillSelection.scala`, `core/health` (spec: orchestrators-b.md section 2). Every offer is taken
//! by the first application that accepts it; there are no scores.

pub mod backoff;
pub mod constraint;
pub mod health;
pub mod scale_down;
pub mod unreachable;
pub mod upgrade;

use units::Duration;

/// For how long Marathon declines what it does not need.
pub const DECLINE_DURATION: Duration = Duration::from_secs(120);
/// Between two revivals of offers at least.
pub const MIN_REVIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Launches out of one offer at most.
pub const MAX_INSTANCES_PER_OFFER: u32 = 5;
/// How long one offer is looked at.
pub const OFFER_MATCHING_TIMEOUT: Duration = Duration::from_secs(3);
/// Launches in [`LAUNCH_TOKEN_REFRESH`] at most.
pub const LAUNCH_TOKENS: u32 = 100;
/// See [`LAUNCH_TOKENS`].
pub const LAUNCH_TOKEN_REFRESH: Duration = Duration::from_secs(30);
/// How long a launch may stay unconfirmed, and a task unstarted.
pub const LAUNCH_TIMEOUT: Duration = Duration::from_secs(300);
/// Between two looks at the number of instances.
pub const SCALE_INTERVAL: Duration = Duration::from_secs(300);
/// Between two reconciliations with Mesos.
pub const RECONCILIATION_INTERVAL: Duration = Duration::from_secs(600);
/// When the first of both happens.
pub const FIRST_CHECK: Duration = Duration::from_secs(15);
/// How long tasks outlive a disconnected Marathon.
pub const FAILOVER_TIMEOUT: Duration = Duration::from_secs(604_800);
/// Kills in flight at most.
pub const KILL_CHUNK: usize = 100;
/// When a kill is tried again.
pub const KILL_RETRY: Duration = Duration::from_secs(30);
