//! What several of the modelled systems have in common, each concept once: expressions over
//! labels, patterns, leases, membership that expires, growing delays, permits and majorities, agendas.

pub mod delay;
pub mod expression;
pub mod lease;
pub mod membership;
pub mod pattern;
pub mod permit;
pub mod quorum;
pub mod speculation;
pub mod timers;
pub mod weighted;
