//! Every system, in written order. To add one: write its file with an `ENTRY`, and add one line
//! here.

use super::entry::{SystemEntry, SystemError};
use super::{batch, fleet, kubernetes, mesos, swarm, swarmkit};

/// The systems.
pub const SYSTEMS: &[SystemEntry] = &[
    kubernetes::ENTRY,
    swarm::ENTRY,
    swarmkit::ENTRY,
    fleet::ENTRY,
    mesos::ENTRY,
    mesos::dcos::ENTRY,
    batch::ENTRY,
];

/// Returns the system of a name.
///
/// ```
/// use policy::{ProfileChoice, Setup};
/// use scheduler::pipeline::evaluate::Form;
/// use systems::{SystemError, SystemOptions, SystemRequest, TimeLimits, registry};
///
/// let swarm = registry::find("swarmkit")?;
/// let parts = (swarm.build)(&SystemRequest {
///     setup: Setup::default(),
///     profile: ProfileChoice::named("default"),
///     options: SystemOptions::default(),
///     form: Form::Incremental,
///     controllers: None,
///     time_limits: TimeLimits::Ignored,
///     images: None,
/// })?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SystemOptions, SystemRequest, TimeLimits};
    use policy::profiles::named;
    use policy::{ProfileChoice, Setup};
    use scheduler::pipeline::evaluate::Form;

    #[test]
    fn kubernetes_builds_with_every_profile_and_names_an_unknown_one() {
        let entry = find("kubernetes").expect("a known system");
        let request = |profile: &str| SystemRequest {
            setup: Setup::default(),
            profile: ProfileChoice::named(profile),
            options: SystemOptions::default(),
            controllers: None,
            form: Form::Incremental,
            time_limits: TimeLimits::Ignored,
            images: None,
        };
        for (profile, _) in named() {
            let parts = (entry.build)(&request(profile)).expect("a known profile");
            let names: Vec<&str> = parts.components.iter().map(|part| part.name()).collect();
            assert_eq!(names, [profile]);
        }
        let error = (entry.build)(&request("fdg"))
            .err()
            .map(|error| error.to_string());
        assert_eq!(
            error.as_deref(),
            Some("there is no profile `fdg`; did you mean `fgd`?")
        );
        let error = find("kubernetis").err().map(|error| error.to_string());
        let expected = "there is no system `kubernetis`; known are `kubernetes`, `swarm`, `swarmkit`, \
                        `fleet`, `mesos`, `dcos`, `batch`";
        assert_eq!(error.as_deref(), Some(expected));
    }
}
