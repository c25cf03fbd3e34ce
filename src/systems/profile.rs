//! Profiles by system: kube-scheduler runs its own, the pipeline those of the registry. A profile
//! asked of the other system is refused with the words that mend it.

use policy::profiles::{self, KUBE_PROFILE, PROFILES};
use policy::registered::obstacle;
use policy::{Point, registry};

use super::entry::{ProfileConflict, SchedulerKind, SystemEntry};

/// The profiles of a scheduler, each with a sentence; none for one that has no profiles.
pub fn profiles_of(scheduler: SchedulerKind) -> Vec<(&'static str, &'static str)> {
    match scheduler {
        SchedulerKind::KubeScheduler => vec![KUBE_PROFILE],
        SchedulerKind::Pipeline => {
            let own = PROFILES.iter().map(|entry| (entry.name, entry.summary));
            own.collect()
        }
        SchedulerKind::Planner | SchedulerKind::Own => Vec::new(),
    }
}

/// Whether a system runs a profile; an unknown one is none of its business.
///
/// # Errors
/// The profile is one of another system. A system without profiles takes none of them, and says so
/// by itself.
pub fn check_profile(system: &SystemEntry, profile: &str) -> Result<(), ProfileConflict> {
    let own = profiles_of(system.scheduler);
    let is_own = own.iter().any(|&(name, _)| name == profile);
    let is_known = profiles::named().any(|(name, _)| name == profile);
    if is_own || own.is_empty() || !is_known {
        return Ok(());
    }
    let name = system.name;
    Err(if profiles::find(profile).is_some() {
        ProfileConflict {
            what: format!(
                "the system `{name}` is kube-scheduler and does not run `{profile}`, a profile of \
                 the pipeline"
            ),
            fix: in_kube_scheduler(profile),
        }
    } else {
        let names = own.iter().map(|(name, _)| format!("`{name}`"));
        let names: Vec<String> = names.collect();
        ProfileConflict {
            what: format!(
                "the system `{name}` runs a profile of its own, and `{profile}` is \
                     kube-scheduler itself"
            ),
            fix: format!(
                "write `name: kubernetes` under `system`, or one of the profiles {}",
                names.join(", ")
            ),
        }
    })
}

/// Way to get a profile of the pipeline, or its score in kube-scheduler.
fn in_kube_scheduler(profile: &str) -> String {
    let plugins = profiles::find(profile).map_or(&[] as &[&str], |entry| entry.plugins);
    let scores = plugins.iter().filter(|name| {
        registry::find(name)
            .is_some_and(|entry| entry.point == Point::Score && obstacle(entry).is_none())
    });
    let scores: Vec<String> = scores
        .map(|name| format!("{name}: {{weight: 2}}"))
        .collect();
    let pipeline = "write `name: pipeline` under `system`";
    if scores.is_empty() {
        return pipeline.to_owned();
    }
    let (own, scores) = (KUBE_PROFILE.0, scores.join(", "));
    format!(
        "{pipeline}, or give kube-scheduler the score as a plugin: `profile: {own}, plugins: \
         {{{scores}}}`"
    )
}
