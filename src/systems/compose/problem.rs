//! Reasons the containers of a service failed, in the words of Compose (`pkg/compose/convergence.go`).

/// Reason the containers of a service failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// One exited with this code.
    Exited(i32),
    /// It can't be started.
    Unavailable,
}

impl Problem {
    /// Words to a service that waited for the failed one to be healthy, or else to complete or start.
    pub(super) fn words(self, service: &str, awaits_health: bool) -> String {
        match self {
            Self::Exited(code) if awaits_health => {
                format!("a container of service \"{service}\" exited ({code})")
            }
            Self::Exited(code) => {
                format!("service \"{service}\" didn't complete successfully: exit {code}")
            }
            Self::Unavailable => format!("service \"{service}\" is not available"),
        }
    }
}
