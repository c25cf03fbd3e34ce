//! Time limits of pods, as node agents keep them.

/// A node agent's treatment of pods that run longer than the time limit they declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLimits {
    /// A pod runs until it ends by itself.
    Ignored,
    /// The node stops a pod once it has run for its time limit.
    Enforced,
}
