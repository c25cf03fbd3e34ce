//! Restarts of the containers of a pod.

use serde::{Deserialize, Serialize};

use crate::PodSpec;

/// Counts of restarts of a pod's containers. Those who ask count differently: `kubectl` and jobs sum, who
/// picks pods to delete goes by the highest count of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Restarts {
    /// Sum over the app containers.
    pub apps: u32,
    /// Sum over the init containers and sidecars.
    pub inits: u32,
    /// The highest count of an app container.
    pub most_of_app: u32,
    /// The highest count of a sidecar.
    pub most_of_sidecar: u32,
}

/// Purpose of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// It runs to its end before the next one starts.
    Init,
    /// An init container that goes on running.
    Sidecar,
    /// It runs beside the others once init containers are done.
    App,
}

impl ContainerKind {
    /// The purposes of a pod's containers, init containers and sidecars first.
    pub fn all(spec: &PodSpec) -> impl Iterator<Item = Self> {
        let init = spec.init_containers.iter();
        let init = init.map(|own| {
            if own.restartable {
                Self::Sidecar
            } else {
                Self::Init
            }
        });
        init.chain(spec.containers.iter().map(|_| Self::App))
    }
}

impl Restarts {
    /// Counts of a pod with one app container.
    pub const fn of_one(count: u32) -> Self {
        Self {
            apps: count,
            inits: 0,
            most_of_app: count,
            most_of_sidecar: 0,
        }
    }

    /// Counts of containers with these purposes.
    pub fn of(containers: impl IntoIterator<Item = (ContainerKind, u32)>) -> Self {
        let mut own = Self::default();
        for (kind, count) in containers {
            match kind {
                ContainerKind::App => {
                    own.apps = own.apps.saturating_add(count);
                    own.most_of_app = own.most_of_app.max(count);
                }
                ContainerKind::Init => own.inits = own.inits.saturating_add(count),
                ContainerKind::Sidecar => {
                    own.inits = own.inits.saturating_add(count);
                    own.most_of_sidecar = own.most_of_sidecar.max(count);
                }
            }
        }
        own
    }

    /// Sum over all containers.
    pub const fn total(self) -> u32 {
        self.apps.saturating_add(self.inits)
    }
}
