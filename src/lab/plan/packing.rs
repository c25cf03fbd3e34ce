//! Profiles that fill nodes instead of spreading pods over them.

use crate::snapshot::SnapshotError;
use k8s::read_scheduler_config;
use policy::kube_profiles::build_kube_profiles;
use scheduler::kube::KubeProfile;

/// Configuration whose only scores prefer nodes that are full of some resources, counted alike.
fn config(resources: &[&str]) -> String {
    let weights = resources
        .iter()
        .map(|name| format!("{{name: {name}, weight: 1}}"));
    let weights: Vec<String> = weights.collect();
    format!(
        "\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins:
    score:
      disabled: [{{name: '*'}}]
      enabled: [{{name: NodeResourcesFit, weight: 1}}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy:
        type: MostAllocated
        resources: [{}]
",
        weights.join(", ")
    )
}

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
            by_cpu: configured(profiles, &["cpu"])?,
        })
    }
}

/// The profiles with their own filters, whose scores prefer full nodes (`MostAllocated`).
///
/// # Errors
/// Never, as long as the configuration above is a good one.
pub(super) fn most_allocated(profiles: &[KubeProfile]) -> Result<Vec<KubeProfile>, SnapshotError> {
    configured(profiles, &["cpu", "memory"])
}

/// The profiles with their own filters, whose scores prefer nodes that are full of some resources.
fn configured(
    profiles: &[KubeProfile],
    resources: &[&str],
) -> Result<Vec<KubeProfile>, SnapshotError> {
    let config = read_scheduler_config("most-allocated", &config(resources))?;
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
