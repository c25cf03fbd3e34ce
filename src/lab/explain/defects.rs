//! Defects of a release without which a pod's attempt would end in another way.

use model::SchedulerConfig;
use model::Text;
use model::releases::{CHANGES, ChangeEntry};
use policy::kube_profiles::{KubeProfileError, build_kube_profiles};
use scheduler::kube::cycle::{Nomination, Outcome, Round};
use scheduler::kube::{Cache, KubeProfile, PodInfo, TieBreak};
use scheduler::pipeline::evaluate::Form;

/// End of an attempt: the nodes that tie for the best, or the message and the node of the evictions.
#[derive(PartialEq, Eq)]
enum End {
    Placed(Vec<usize>),
    Failed(Text, Option<Text>),
}

/// Words about each defect of a profile's release that decides on a pod.
///
/// # Errors
/// The configuration makes no profiles.
pub fn deciding(
    config: &SchedulerConfig,
    profile: &KubeProfile,
    cache: &Cache,
    pod: &PodInfo,
) -> Result<Vec<String>, KubeProfileError> {
    let mut words = Vec::new();
    let defects = CHANGES.iter().filter(|entry| entry.is_defect);
    for entry in defects.filter(|entry| profile.changes.has(entry.change)) {
        let without = without(config, profile, entry)?;
        if end(profile, cache, pod) != end(&without, cache, pod) {
            let releases = entry.releases.map_or_else(String::new, |span| {
                format!(" of releases {} to {}", span.first, span.last)
            });
            words.push(format!(
                "a defect{releases} decides here, `{}`: {}",
                entry.name, entry.summary
            ));
        }
    }
    Ok(words)
}

/// The profile with a switch turned off: its plugins of Kubernetes are made again.
fn without(
    config: &SchedulerConfig,
    profile: &KubeProfile,
    entry: &ChangeEntry,
) -> Result<KubeProfile, KubeProfileError> {
    let changes = profile.changes.with(entry.change, false);
    let made = build_kube_profiles(config, changes)?;
    let mut own = KubeProfile {
        changes,
        ..profile.clone()
    };
    let same = { made.iter() }.find(|known| known.scheduler_name == own.scheduler_name);
    let Some(same) = same else {
        return Ok(own);
    };
    for plugin in &mut own.plugins {
        let mut others = same.plugins.iter();
        if let Some(other) = others.find(|other| other.name() == plugin.name()) {
            *plugin = other.clone();
        }
    }
    Ok(own)
}

fn end(profile: &KubeProfile, cache: &Cache, pod: &PodInfo) -> End {
    let mut profile = profile.clone();
    profile.percentage_of_nodes_to_score = 100;
    let mut round = Round::new(TieBreak::Every(Vec::new()), Form::Plain);
    match round.decide(&profile, cache, pod) {
        Outcome::Placed(slot) => {
            let places = match &round.ties {
                TieBreak::Every(places) if !places.is_empty() => places.as_slice(),
                _ => return End::Placed(vec![slot]),
            };
            let slots = places.iter().filter_map(|&place| cache.slot_at(place));
            let mut slots: Vec<usize> = slots.collect();
            slots.sort_unstable();
            End::Placed(slots)
        }
        Outcome::Failed(failure) => {
            let evicts = match failure.nomination {
                Nomination::Make(candidate) => Some(candidate.node),
                _ => None,
            };
            End::Failed(failure.message, evicts)
        }
    }
}
