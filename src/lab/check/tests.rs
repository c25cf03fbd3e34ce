//! Gates on runs of a small scenario.
