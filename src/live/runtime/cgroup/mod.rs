//! Cgroups of both versions. Each controller is taken where it is: version 2 if it is offered there,
//! else version 1, else not at all. Containment (`cgroup.kill`, the list of members) is version 2's
//! wherever that is mounted, even where version 1 owns all controllers.
//!
//! An agent stays below the group that it was started in, so limits on the agent hold for its
//! containers as well. Its tree is `windtunnel/NODE/POD/CONTAINER.ATTEMPT`.

mod ending;
mod limits;
mod mounts;
mod probe;
mod reading;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::AttemptId;
pub(super) use mounts::mounts_of;
pub use mounts::{Mount, mounts};
pub use probe::{Hierarchies, Offer};

/// Root of the tree below the agent's own group.
const TREE: &str = "windtunnel";

/// Controller, or what else a hierarchy is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Controller {
    /// Processor time: weights and limits.
    Cpu,
    /// Accounts of processor time.
    CpuAccount,
    /// Memory.
    Memory,
    /// Number of processes.
    Pids,
    /// Freezing, to kill without a race (version 1).
    Freezer,
    /// Containment: members and `cgroup.kill` (version 2).
    Containment,
}

impl Controller {
    /// Every controller, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Cpu,
        Self::Memory,
        Self::Pids,
        Self::CpuAccount,
        Self::Freezer,
        Self::Containment,
    ];

    /// Name of the controller.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::CpuAccount => "cpuacct",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Freezer => "freezer",
            Self::Containment => "containment",
        }
    }
}

/// Version of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// One tree per controller.
    #[serde(rename = "1")]
    V1,
    /// One tree for all controllers.
    #[serde(rename = "2")]
    V2,
}

/// Folder of a container in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    controller: Controller,
    version: Version,
    /// Folder of the container.
    folder: PathBuf,
    /// Group of the agent, to which a shim returns.
    home: PathBuf,
}

/// Cgroups of a container: a folder in each hierarchy that is used, none where there are no cgroups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    places: Vec<Place>,
}

impl Group {
    /// Returns whether the container has no cgroup at all.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn place(&self, controller: Controller) -> Option<&Place> {
        self.places
            .iter()
            .find(|place| place.controller == controller)
    }

    /// Folders without repetition: hierarchies may be mounted together.
    fn distinct(&self) -> Vec<&Place> {
        let mut distinct: Vec<&Place> = Vec::new();
        for place in &self.places {
            if distinct.iter().all(|other| other.folder != place.folder) {
                distinct.push(place);
            }
        }
        distinct
    }

    /// Moves the calling process into the groups.
    pub(super) fn join(&self) -> io::Result<()> {
        for place in self.distinct() {
            write(&place.folder.join("cgroup.procs"), "0")?;
        }
        Ok(())
    }

    /// Moves the calling process back to the agent's groups.
    pub(super) fn leave(&self) -> io::Result<()> {
        for place in self.distinct() {
            write(&place.home.join("cgroup.procs"), "0")?;
        }
        Ok(())
    }
}

impl Hierarchies {
    /// Cgroups of an attempt; nothing is made yet.
    pub fn group(&self, node: &str, attempt: &AttemptId) -> Group {
        let below: PathBuf = [
            TREE,
            node,
            attempt.pod(),
            &format!("{}.{}", attempt.container(), attempt.number()),
        ]
        .iter()
        .collect();
        let places = self.offers().map(|offer| Place {
            controller: offer.controller,
            version: offer.version,
            folder: offer.base.join(&below),
            home: offer.home.clone(),
        });
        Group {
            places: places.collect(),
        }
    }
}

/// Writes a setting. The error names the file and the value, as a bare `EINVAL` explains nothing.
fn write(path: &Path, value: &str) -> io::Result<()> {
    fs::write(path, value).map_err(|error| {
        let code = error.raw_os_error();
        let text = format!("{}: `{value}`: {error}", path.display());
        match code.map(io::Error::from_raw_os_error) {
            Some(same) => io::Error::new(same.kind(), text),
            None => io::Error::other(text),
        }
    })
}

/// Value of a line `NAME VALUE` in a file.
fn keyed(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line?.trim().parse().ok()
}

/// Number in a file.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
