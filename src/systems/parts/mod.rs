//! Parts that several of the modelled systems have in common, each concept once: clients, expressions over
//! labels, patterns, leases, membership that expires, growing delays, health checks, permits and
//! majorities, agendas, time limits, services of pods, the way back to a former version.

pub(crate) mod client;
pub mod delay;
pub mod devices;
pub mod expression;
pub(crate) mod former;
pub(crate) mod forward;
pub mod health_check;
pub mod lease;
pub mod membership;
pub mod pattern;
pub mod permit;
pub mod quorum;
pub mod reservation;
pub(crate) mod services;
pub mod speculation;
pub mod time_limits;
pub mod timers;
pub(crate) mod turn;
pub mod weighted;
