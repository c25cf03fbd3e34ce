//! Releases of the originals that the parts of a system follow.

use scenario::{Files, Scenario};
use systems::kubernetes;
use world::FileSource;

/// Releases that the parts of a scenario's system follow, with the switches that are turned.
pub(crate) fn releases(scenario: &Scenario, files: &Files) -> Vec<String> {
    // What is wrong with a file is said where the run is prepared.
    match world::followed(scenario, &FileSource { files }) {
        Ok(followed) => releases_of(&followed),
        Err(_) => releases_of(scenario),
    }
}

/// Releases of a scenario that states its own or follows the default.
pub(crate) fn releases_of(scenario: &Scenario) -> Vec<String> {
    let system = &scenario.system;
    if system.name != kubernetes::ENTRY.name {
        return Vec::new();
    }
    let (scheduler, controllers) = (system.scheduler_release(), system.controllers_release());
    let mut told = vec![
        format!("kube-scheduler {scheduler}"),
        format!("controllers and kubelet {controllers}"),
    ];
    told.extend(system.scheduler_changes().told(scheduler));
    // Where the releases are mixed, a switch may be turned for the controllers alone.
    for words in system.controllers_changes().told(controllers) {
        if !told.contains(&words) {
            told.push(words);
        }
    }
    told
}
