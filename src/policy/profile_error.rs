//! Reasons a profile can't be built, in words for the author of the experiment.

use thiserror::Error;

use super::parameter::ArgumentError;

/// The most plugins a profile may have: a set of them is one machine word.
pub const MAX_PLUGINS: usize = 64;

/// The largest weight: a thousand plugins of a million points each still add up in 64 bits.
pub const MAX_WEIGHT: i64 = 1_000_000;

/// Reason a profile can't be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// No such profile.
    #[error("there is no profile `{name}`; {hint}")]
    UnknownProfile {
        /// The value as written.
        name: String,
        /// Suggestion for the intended name.
        hint: String,
    },
    /// No such policy at this point.
    #[error("there is no {what} `{name}`; {hint}")]
    UnknownPolicy {
        /// Kind of the unknown item.
        what: &'static str,
        /// The value as written.
        name: String,
        /// Suggestion for the intended name.
        hint: String,
    },
    /// A plugin of kube-scheduler in a profile of the pipeline.
    #[error(
        "`{plugin}` is a plugin of kube-scheduler, which the pipeline does not run; write \
         `name: kubernetes` under `system`, or leave it out"
    )]
    OnlyInKube {
        /// The plugin.
        plugin: String,
    },
    /// A plugin is disabled that the profile has not.
    #[error("`{plugin}` is disabled, but profile `{profile}` has no such plugin; {hint}")]
    NotInProfile {
        /// The plugin.
        plugin: String,
        /// The profile.
        profile: &'static str,
        /// Suggestion for the intended name.
        hint: String,
    },
    /// A weight out of bounds.
    #[error(
        "the weight of `{plugin}` must be from 1 to {MAX_WEIGHT}, not {weight}; \
         to switch it off, disable it"
    )]
    Weight {
        /// The plugin.
        plugin: String,
        /// The value as written.
        weight: i64,
    },
    /// A policy of the pipeline that can't run inside kube-scheduler.
    #[error("`{plugin}` can't run in kube-scheduler: {why}")]
    NotInKube {
        /// The policy.
        plugin: String,
        /// Obstacle, and what to do instead.
        why: &'static str,
    },
    /// An argument is wrong.
    #[error("plugin `{plugin}`: {source}")]
    Argument {
        /// The plugin.
        plugin: String,
        /// The problem.
        source: ArgumentError,
    },
    /// No plugin chooses GPU devices, so no pod with GPUs could ever be bound.
    #[error(
        "profile `{profile}` has no plugin left that chooses GPU devices; enable one of {choices} \
         in place of the disabled one"
    )]
    NoDevices {
        /// The profile.
        profile: &'static str,
        /// Plugins that choose devices.
        choices: String,
    },
    /// More plugins than a profile may have.
    #[error("a profile has at most {MAX_PLUGINS} plugins")]
    TooManyPlugins,
}
