//! The kubelet as a node agent: restarts with a back-off, probes, graceful stops
//! (spec: kubernetes.md part 4). Pods of which nothing is said, such as all pods of traces, live as
//! with the [`super::plain_agent`].

mod agent;
mod back_off;
mod probing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use agent::Kubelet;
pub use back_off::CrashLoop;
pub use probing::{Health, Probes, Verdicts, judge};

use crate::model::Text;
use crate::units::Duration;

/// What an application does once its container runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// When it answers probes, after its start, and when it stops answering.
    pub health: Health,
    /// How long it takes to end once it is asked to.
    pub stop_time: Duration,
}

/// Applications by image.
pub type Applications = BTreeMap<Text, Application>;
