//! Choice of the profile of a scheduler configuration that decides about a pod.

use super::SnapshotError;
use intake::Input;
use k8s::{config_doubts, read_scheduler_config};
use model::{Changes, DEFAULT_SCHEDULER, PodSpec, SchedulerConfig};
use policy::kube_profiles::build_kube_profiles;
use scheduler::kube::{KubeProfile, PodInfo};
use units::nearest;

/// The profiles of a configuration file (`KubeSchedulerConfiguration`), or the default one, with the
/// switches of a release, and what in the file is hardly meant.
///
/// # Errors
/// If the file can't be read or names what doesn't exist.
pub fn read_profiles(
    config: Option<&Input>,
    changes: Changes,
) -> Result<(Vec<KubeProfile>, Vec<String>), SnapshotError> {
    let (stated, doubts) = read_config(config)?;
    let file = config.map_or("the default configuration", |input| &input.name);
    let profiles = build_kube_profiles(&stated, changes)
        .map_err(|error| SnapshotError::Input(format!("{file}: {error}")))?;
    Ok((profiles, doubts))
}

/// The configuration of a file, or the default one, and what in it is hardly meant.
///
/// # Errors
/// If the file can't be read.
pub fn read_config(
    config: Option<&Input>,
) -> Result<(SchedulerConfig, Vec<String>), SnapshotError> {
    let stated = match config {
        None => SchedulerConfig::default(),
        Some(input) => read_scheduler_config(&input.name, &input.read_to_string()?)?,
    };
    let file = config.map_or("the default configuration", |input| &input.name);
    let doubts = config_doubts(&stated).into_iter();
    let doubts = doubts.map(|doubt| format!("{file}: {doubt}")).collect();
    Ok((stated, doubts))
}

/// The profile of a pod; the first one decides about a pod of another scheduler.
pub fn profile_or_default<'p>(profiles: &'p [KubeProfile], pod: &PodInfo) -> &'p KubeProfile {
    let found = match pod.spec().scheduler() {
        DEFAULT_SCHEDULER => None,
        name => profiles.iter().find(|own| own.scheduler_name == name),
    };
    found.unwrap_or(&profiles[0])
}

/// Profiles that decide without preemption.
pub fn without_preemption(profiles: &[KubeProfile]) -> Vec<KubeProfile> {
    let mut profiles = profiles.to_vec();
    for profile in &mut profiles {
        profile.post_filter.clear();
    }
    profiles
}

/// Whether one of the profiles decides about a pod; another program does about the others.
pub fn decides(profiles: &[KubeProfile], pod: &PodSpec) -> bool {
    profiles.iter().any(|own| name_of(own) == pod.scheduler())
}

/// Name of the scheduler that a profile is.
fn name_of(profile: &KubeProfile) -> &str {
    match profile.scheduler_name.as_str() {
        "" => DEFAULT_SCHEDULER,
        name => name,
    }
}

/// The profile of a pod.
///
/// # Errors
/// If the pod names a scheduler that is none of them.
pub fn profile_of<'p>(
    profiles: &'p [KubeProfile],
    pod: &PodInfo,
) -> Result<&'p KubeProfile, SnapshotError> {
    let wanted = pod.spec().scheduler();
    let mut known = profiles.iter();
    known
        .find(|profile| name_of(profile) == wanted)
        .ok_or_else(|| {
            let hint = nearest::hint(wanted, profiles.iter().map(name_of));
            SnapshotError::Input(format!(
                "pod `{}` asks for the scheduler `{wanted}`, and no profile has that name; {hint}",
                pod.full_name()
            ))
        })
}
