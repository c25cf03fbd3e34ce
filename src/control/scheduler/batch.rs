//! The batch planner.
