//! Every system, in written order. To add one: write its file with an `ENTRY`, and add one line
//! here.

use super::entry::{SystemEntry, SystemError, SystemFact};
use super::{
    batch, borg, compose, consolidation, ecs, fleet, flow, gpu_sharing, graphene, kubernetes,
    mesos, nova, omega, openshift, pipeline, sparrow, swarm, swarmkit,
};

/// The systems.
pub const SYSTEMS: &[SystemEntry] = &[
    kubernetes::ENTRY,
    pipeline::ENTRY,
    openshift::ENTRY,
    swarm::ENTRY,
    swarmkit::ENTRY,
    fleet::ENTRY,
    mesos::ENTRY,
    mesos::dcos::ENTRY,
    nova::ENTRY,
    ecs::ENTRY,
    compose::ENTRY,
    borg::ENTRY,
    batch::ENTRY,
    sparrow::ENTRY,
    omega::ENTRY,
    flow::ENTRY,
    graphene::ENTRY,
    consolidation::ENTRY,
    gpu_sharing::ENTRY,
];

/// Returns the system of a name.
///
/// ```
/// use systems::{SystemError, SystemRequest, registry};
///
/// let swarm = registry::find("swarmkit")?;
/// let parts = (swarm.build)(&SystemRequest::of("default"))?;
/// assert_eq!(parts.components.len(), 1);
/// assert!(registry::find("swarmkt").is_err());
/// # Ok::<(), SystemError>(())
/// ```
///
/// # Errors
/// There is none of that name.
pub fn find(name: &str) -> Result<&'static SystemEntry, SystemError> {
    SYSTEMS
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| {
            let known: Vec<String> = SYSTEMS
                .iter()
                .map(|entry| format!("`{}`", entry.name))
                .collect();
            SystemError::Unknown {
                name: name.to_owned(),
                known: known.join(", "),
            }
        })
}

/// Whether a fact holds of the system of a name.
pub fn has(name: &str, fact: SystemFact) -> bool {
    find(name).is_ok_and(|entry| entry.has(fact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRequest;
    use crate::profile::profiles_of;

    fn built(system: &str, profile: &str) -> Result<Vec<String>, String> {
        let entry = find(system).expect("a known system");
        let request = SystemRequest::of(profile);
        let parts = (entry.build)(&request).map_err(|error| error.to_string())?;
        let names = parts.components.iter().map(|part| part.name().to_owned());
        Ok(names.collect())
    }

    #[test]
    fn systems_build_with_their_profiles_and_refuse_those_of_others() {
        let mut seen = 0;
        for entry in SYSTEMS {
            for (profile, _) in profiles_of(entry.scheduler) {
                let names = built(entry.name, profile).expect("a profile of the system");
                assert_eq!(names, [profile]);
                seen += 1;
            }
        }
        assert_eq!(seen, policy::profiles::named().count());
        for (system, profile, expected) in [
            (
                "kubernetes",
                "fgd",
                "profile: the system `kubernetes` is kube-scheduler and does not run `fgd`, a \
                 profile of the pipeline; write `name: pipeline` under `system`, or give \
                 kube-scheduler the score as a plugin: `profile: default, plugins: {fgd: {weight: \
                 2}}`",
            ),
            (
                "kubernetes",
                "first-fit",
                "profile: the system `kubernetes` is kube-scheduler and does not run `first-fit`, a \
                 profile of the pipeline; write `name: pipeline` under `system`",
            ),
            (
                "pipeline",
                "default",
                "profile: the system `pipeline` runs a profile of its own, and `default` is \
                 kube-scheduler itself; write `name: kubernetes` under `system`, or one of the \
                 profiles `first-fit`, ",
            ),
            (
                "pipeline",
                "fdg",
                "there is no profile `fdg`; did you mean `fgd`?",
            ),
        ] {
            let error = built(system, profile).expect_err("a profile that is not the system's");
            assert!(error.starts_with(expected), "{error}\n{expected}");
        }
    }

    #[test]
    fn an_unknown_system_is_told_which_there_are() {
        let error = find("kubernetis").err().map(|error| error.to_string());
        let expected = "there is no system `kubernetis`; known are `kubernetes`, `pipeline`, \
                        `openshift`, `swarm`, `swarmkit`, `fleet`, `mesos`, `dcos`, `nova`, `ecs`, `compose`, \
                        `borg`, `batch`, `sparrow`, `omega`, `flow`, `graphene`, `consolidation`, \
                        `gpu-sharing`";
        assert_eq!(error.as_deref(), Some(expected));
    }
}
