//! Profiles that fill nodes instead of spreading pods over them.

use crate::snapshot::SnapshotError;
use k8s::read_scheduler_config;
use policy::kube_profiles::build_kube_profiles;
use scheduler::kube::KubeProfile;

/// Configuration whose only scores prefer full nodes, of cpu and memory alike.
const CONFIG: &str = "\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins:
    score:
      disabled: [{name: '*'}]
      enabled: [{name: NodeResourcesFit, weight: 1}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy:
        type: MostAllocated
        resources: [{name: cpu, weight: 1}, {name: memory, weight: 1}]
";

/// Part of it that counts cpu and memory alike.
const ALIKE: &str = "{name: cpu, weight: 1}, {name: memory, weight: 1}";

/// Part that counts cpu alone.
const CPU_ALONE: &str = "{name: cpu, weight: 1}";

/// Profiles that prefer full nodes.
pub(super) struct FullestFirst {
    /// Those that count cpu and memory alike.
    pub(super) alike: Vec<KubeProfile>,
    /// Those that count cpu alone.
    pub(super) by_cpu: Vec<KubeProfile>,
}

impl FullestFirst {
    /// As [`most_allocated`], in both ways.
    ///
    /// # Errors
    /// Never, as those.
    pub(super) fn of(profiles: &[KubeProfile]) -> Result<Self, SnapshotError> {
        Ok(Self {
            alike: most_allocated(profiles)?,
            by_cpu: configured(profiles, &CONFIG.replace(ALIKE, CPU_ALONE))?,
        })
    }
}

/// The profiles with their own filters, whose scores prefer full nodes (`MostAllocated`).
///
/// # Errors
/// Never, as long as the configuration above is a good one.
pub(super) fn most_allocated(profiles: &[KubeProfile]) -> Result<Vec<KubeProfile>, SnapshotError> {
    configured(profiles, CONFIG)
}

/// The profiles with their own filters and the scores of a configuration.
fn configured(profiles: &[KubeProfile], text: &str) -> Result<Vec<KubeProfile>, SnapshotError> {
    let config = read_scheduler_config("most-allocated", text)?;
    let mut packing = profiles.to_vec();
    for profile in &mut packing {
        let made = build_kube_profiles(&config, profile.changes)
            .map_err(|error| SnapshotError::Input(error.to_string()))?;
        let Some(own) = made.into_iter().next() else {
            continue;
        };
        let scores = own.score.into_iter().map(|(plugin, weight)| {
            profile.plugins.push(own.plugins[plugin].clone());
            (profile.plugins.len() - 1, weight)
        });
        profile.score = scores.collect();
    }
    Ok(packing)
}
