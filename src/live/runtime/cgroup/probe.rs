//! Probing: which controller this process may use, of which version. Mounted says little: a tree of
//! version 2 may offer no controller but an odd one, and a mounted hierarchy may be read-only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::Limits;
use super::super::host::LIMITS;
use super::{Controller, Mount, TREE, Version, mounts, write};

/// Leaf to which an agent moves in version 2: a group with processes can't have controllers for its
/// children.
const AGENT_LEAF: &str = "windtunnel-agent";

/// A controller that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Controller.
    pub controller: Controller,
    /// Version of its interface.
    pub version: Version,
    /// Group below which the tree stands.
    pub base: PathBuf,
    /// Group of the agent itself.
    pub home: PathBuf,
}

/// Controllers that can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchies {
    offers: Vec<Offer>,
}

impl Hierarchies {
    /// Probes the mounted hierarchies; those below a folder alone, if one is given. Makes the roots of
    /// the tree.
    pub fn probe(root: Option<&Path>) -> Self {
        let mounts = mounts(root);
        let mut offers: Vec<Offer> = Vec::new();
        for mount in mounts.iter().filter(|mount| mount.version == Version::V2) {
            offers.extend(of_version_2(mount));
        }
        for mount in mounts.iter().filter(|mount| mount.version == Version::V1) {
            for offer in of_version_1(mount) {
                if offers
                    .iter()
                    .all(|other| other.controller != offer.controller)
                {
                    offers.push(offer);
                }
            }
        }
        Self { offers }
    }

    /// Removes the roots of the tree where they are empty; they are made again when they are needed.
    pub(in super::super) fn tidy(&self) {
        for offer in &self.offers {
            // With containers of an agent in it, it stays.
            let _ = fs::remove_dir(offer.base.join(TREE));
        }
    }

    /// Controllers that can be used.
    pub(super) fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter()
    }

    /// The controller, if it can be used.
    pub fn offer(&self, controller: Controller) -> Option<&Offer> {
        self.offers().find(|offer| offer.controller == controller)
    }

    /// Limits that can be kept.
    pub fn limits(&self) -> Vec<&'static str> {
        [Controller::Cpu, Controller::Memory, Controller::Pids]
            .into_iter()
            .filter(|controller| self.offer(*controller).is_some())
            .map(Controller::name)
            .collect()
    }

    /// Kind of isolation, as a node's label names it.
    pub fn isolation(&self) -> &'static str {
        let by_weight = [
            Controller::Memory,
            Controller::Cpu,
            Controller::Pids,
            Controller::Containment,
            Controller::Freezer,
        ];
        let offer = by_weight
            .into_iter()
            .find_map(|controller| self.offer(controller));
        match offer.map(|offer| offer.version) {
            Some(Version::V1) => "cgroup1",
            Some(Version::V2) => "cgroup2",
            None => "none",
        }
    }

    /// Labels of a node with these hierarchies. Limits are separated by dots, as a value with commas
    /// is none that a selector may name.
    pub fn labels(&self) -> [(&'static str, String); 2] {
        let limits = match self.limits() {
            none if none.is_empty() => "none".to_owned(),
            some => some.join("."),
        };
        [
            ("windtunnel.io/isolation", self.isolation().to_owned()),
            (LIMITS, limits),
        ]
    }

    /// Limits of an order that cannot be kept.
    pub fn missing(&self, limits: &Limits) -> Vec<&'static str> {
        let wanted = [
            (Controller::Cpu, limits.cpu_milli.is_some()),
            (Controller::Memory, limits.memory_bytes.is_some()),
            (Controller::Pids, limits.process_count.is_some()),
        ];
        let missing = wanted
            .into_iter()
            .filter(|&(controller, is_wanted)| is_wanted && self.offer(controller).is_none());
        missing.map(|(controller, _)| controller.name()).collect()
    }
}

/// Controllers of a hierarchy of version 1.
fn of_version_1(mount: &Mount) -> Vec<Offer> {
    let named = mount.controllers.iter().filter_map(|name| {
        Controller::ALL
            .into_iter()
            .find(|controller| controller.name() == name && *controller != Controller::Containment)
    });
    let controllers: Vec<Controller> = named.collect();
    if controllers.is_empty() || make(&mount.own.join(TREE)).is_err() {
        return Vec::new();
    }
    let offer = |controller| Offer {
        controller,
        version: Version::V1,
        base: mount.own.clone(),
        home: mount.own.clone(),
    };
    controllers.into_iter().map(offer).collect()
}

/// Controllers of a tree of version 2, and containment, which needs none.
fn of_version_2(mount: &Mount) -> Vec<Offer> {
    let is_in_leaf = mount.own.ends_with(AGENT_LEAF);
    let base = match mount.own.parent() {
        Some(parent) if is_in_leaf => parent.to_owned(),
        _ => mount.own.clone(),
    };
    let offered = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
    let wanted: Vec<Controller> = [Controller::Cpu, Controller::Memory, Controller::Pids]
        .into_iter()
        .filter(|controller| {
            offered
                .split_whitespace()
                .any(|name| name == controller.name())
        })
        .collect();
    let mut home = mount.own.clone();
    // The root alone has no type; what a container shows as its root is none.
    let is_root = !base.join("cgroup.type").exists();
    if !wanted.is_empty() && !is_root && !is_in_leaf {
        let leaf = base.join(AGENT_LEAF);
        let moved = make(&leaf).and_then(|()| write(&leaf.join("cgroup.procs"), "0"));
        if moved.is_ok() {
            home = leaf;
        }
    }
    if make(&base.join(TREE)).is_err() {
        return Vec::new();
    }
    let enabled = wanted
        .into_iter()
        .filter(|controller| enable(&base, *controller).is_ok());
    let offer = |controller| Offer {
        controller,
        version: Version::V2,
        base: base.clone(),
        home: home.clone(),
    };
    let mut offers: Vec<Offer> = enabled.map(offer).collect();
    if !offers.is_empty() {
        // Version 2 counts processor time in every group.
        offers.push(offer(Controller::CpuAccount));
    }
    offers.push(offer(Controller::Containment));
    offers
}

/// Makes a folder that may be there.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// Gives the children of a group a controller (version 2).
pub(super) fn enable(folder: &Path, controller: Controller) -> io::Result<()> {
    let file = folder.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&file)?;
    if enabled
        .split_whitespace()
        .any(|name| name == controller.name())
    {
        return Ok(());
    }
    write(&file, &format!("+{}", controller.name()))
}
