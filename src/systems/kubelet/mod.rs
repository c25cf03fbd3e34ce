//! The kubelet as a node agent: images, init containers and sidecars, restarts with a back-off, probes,
//! graceful stops (spec: kubernetes.md part 4). Pods of which nothing is said, such as all pods of
//! traces, live as with the [`super::plain_agent`], unless images are looked at.

mod admission;
mod agent;
mod back_off;
mod container;
mod images;
mod pod;
mod prober;
mod probing;
#[cfg(test)]
mod tests;

pub use agent::{Kubelet, KubeletOptions};
pub use back_off::CrashLoop;
pub use images::{Needing, PullBackOff, PullOptions, PullQueue};
pub use probing::{Probes, Verdicts, judge};
