//! Pods and times as the recorded cases of the horizontal autoscaler write them.

use serde::Deserialize;

use autoscale::horizontal::{ContainerRequests, ObservedPod, Phase, Readiness, ReadyCondition};
use units::{Duration, Instant};

/// A pod.
#[derive(Deserialize)]
pub(crate) struct Pod {
    name: String,
    phase: String,
    start: Option<f64>,
    ready: Option<bool>,
    changed: Option<f64>,
    #[serde(default)]
    deleting: bool,
}

impl Pod {
    /// The pod as an autoscaler sees it.
    pub(crate) fn observed(
        &self,
        containers: Vec<ContainerRequests>,
    ) -> Result<ObservedPod, String> {
        let phase = match self.phase.as_str() {
            "Pending" => Phase::Pending,
            "Running" => Phase::Running,
            "Succeeded" => Phase::Succeeded,
            "Failed" => Phase::Failed,
            other => return Err(format!("phase `{other}` is not known")),
        };
        let changed = self.changed.map(instant).transpose()?;
        let ready = self.ready.map(|is_ready| ReadyCondition {
            status: if is_ready {
                Readiness::True
            } else {
                Readiness::False
            },
            changed,
        });
        Ok(ObservedPod {
            name: self.name.as_str().into(),
            phase,
            is_deleting: self.deleting,
            started: self.start.map(instant).transpose()?,
            ready,
            containers,
            whole: None,
        })
    }
}

/// A time on the case's scale.
pub(crate) fn instant(secs: f64) -> Result<Instant, String> {
    Ok(Instant::ZERO.saturating_add(duration(secs)?))
}

/// A span of seconds.
pub(crate) fn duration(secs: f64) -> Result<Duration, String> {
    Duration::checked_from_secs_f64(secs).ok_or_else(|| format!("{secs} s is not a span of time"))
}
