//! Named profiles: which policies act together. A profile is the filters that every profile has,
//! its own plugins, a choice among equals and an order of the queue; an experiment may change
//! weights and arguments, leave plugins out and add others.

use indexmap::IndexMap;

use super::entry::{Entry, Point, PolicyInstance, Setup};
use super::parameter::Arguments;
pub use super::profile_entry::ProfileEntry;
use super::profile_entry::{borg, fifo};
pub use super::profile_error::{MAX_PLUGINS, MAX_WEIGHT, ProfileError};
use super::registry::{self, POLICIES};
use scheduler::pipeline::plugin::Points;
use scheduler::{PluginSlot, Profile, QueueOrder, Select};
use units::nearest::hint;

/// Filters of every profile, in order.
pub const FILTERS: &[&str] = &[
    "node-schedulable",
    "taint-toleration",
    "node-affinity",
    "node-resources-fit",
    "gpu-fit",
    "host-ports",
];

/// The profile that is kube-scheduler itself: its name and what it does. It is no profile of the
/// pipeline; [`crate::kube_profiles::build_kube_profiles`] makes it.
pub const KUBE_PROFILE: (&str, &str) = (
    "default",
    "kube-scheduler itself, decision for decision, with its default plugins.",
);

/// The profiles that an experiment may name, with a sentence each: kube-scheduler's first, then those
/// of the pipeline.
pub fn named() -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    let own = PROFILES.iter().map(|entry| (entry.name, entry.summary));
    std::iter::once(KUBE_PROFILE).chain(own)
}

/// The profiles of the pipeline, in written order.
pub const PROFILES: &[ProfileEntry] = &[
    fifo(
        "first-fit",
        &["tightest"],
        "first",
        "First fit: the first node with room.",
    ),
    fifo(
        "best-fit",
        &["best-fit", "tightest"],
        "first",
        "Best fit: the node with the smallest share of cpu, memory and GPU left.",
    ),
    fifo(
        "worst-fit",
        &["worst-fit", "tightest"],
        "first",
        "Worst fit: the node with the largest share of cpu, memory and GPU left.",
    ),
    fifo(
        "round-robin",
        &["tightest"],
        "round-robin",
        "Next fit: nodes with room in round-robin order.",
    ),
    fifo(
        "next-fit",
        &["tightest"],
        "next-fit",
        "Next fit of bin packing: the node used last while it has room, then the next one.",
    ),
    fifo(
        "worst-fit-open",
        &["worst-fit-open", "tightest"],
        "first",
        "Worst fit of bin packing: the emptiest node in use, an empty node only if none has room.",
    ),
    fifo(
        "tetris",
        &["tetris", "tightest"],
        "first",
        "Tetris, packing: the node whose free resources align best with the demand.",
    ),
    fifo(
        "tarcil",
        &["tarcil", "least-allocated", "tightest"],
        "first",
        "Tarcil: the emptiest node of a random sample, which is among the best of all.",
    ),
    ProfileEntry {
        name: "vector-first-fit",
        summary: "Vector packing, first fit decreasing: the first node with room, large products first.",
        plugins: &["tightest"],
        select: "first",
        order: "decreasing-product",
    },
    ProfileEntry {
        name: "vector-dot-product",
        summary: "Vector packing, dot product: the node best aligned with the demand, large products first.",
        plugins: &["tetris", "tightest"],
        select: "first",
        order: "decreasing-product",
    },
    ProfileEntry {
        name: "vector-distance",
        summary: "Vector packing, distance: the node whose room is closest to the demand, large products first.",
        plugins: &["vector-distance", "tightest"],
        select: "first",
        order: "decreasing-product",
    },
    ProfileEntry {
        name: "volcano-binpack",
        summary: "Volcano, binpack: the node that is fullest in what the pod asks for.",
        plugins: &["volcano-binpack", "tightest"],
        select: "random",
        order: "priority",
    },
    borg(
        "borg-epvm",
        &["borg-epvm", "borg-preemption", "tightest"],
        "Borg, E-PVM: the node whose cost rises least, with preemption.",
    ),
    borg(
        "borg-best-fit",
        &["borg-best-fit", "borg-preemption", "tightest"],
        "Borg, best fit: the node with the smallest sum of free fractions, with preemption.",
    ),
    borg(
        "borg",
        &["borg-stranded", "borg-preemption", "tightest"],
        "Borg, hybrid: the node that strands the least resources, with preemption.",
    ),
    fifo(
        "random",
        &["random-device"],
        "random",
        "Random fit: any node with room, on any device with room.",
    ),
    ProfileEntry {
        name: "least-allocated",
        summary: "Kubernetes' spreading: the smallest share of cpu and memory allocated.",
        plugins: &["least-allocated", "tightest"],
        select: "random",
        order: "priority",
    },
    ProfileEntry {
        name: "most-allocated",
        summary: "Kubernetes' packing: the largest share of cpu and memory allocated.",
        plugins: &["most-allocated", "tightest"],
        select: "random",
        order: "priority",
    },
    fifo(
        "gpu-random",
        &["random-device"],
        "random",
        "GPU packing study, policy 01 (random): any node with room, on any device with room.",
    ),
    fifo(
        "dot-product",
        &["dot-product", "tightest"],
        "rank",
        "GPU packing study, policy 02 (dot product): the node least aligned with the demand.",
    ),
    fifo(
        "gpu-clustering",
        &["gpu-clustering", "tightest"],
        "rank",
        "GPU packing study, policy 03 (clustering): pods with the same kind of GPU demand \
         together.",
    ),
    fifo(
        "gpu-packing",
        &["gpu-packing", "tightest"],
        "rank",
        "GPU packing study, policy 04 (packing): devices in use first, empty nodes last.",
    ),
    fifo(
        "gpu-best-fit",
        &["gpu-best-fit", "tightest"],
        "rank",
        "GPU packing study, policy 05 (best fit): the node left with the least cpu and GPU.",
    ),
    fifo(
        "fgd",
        &["fgd"],
        "rank",
        "GPU packing study, policy 06 (FGD): the node and device with the least added \
         fragmentation.",
    ),
];

/// Settings of an experiment for a plugin of a profile.
#[derive(Clone, Debug, PartialEq)]
pub enum PluginOverride {
    /// It does not act.
    Disabled,
    /// It acts; a plugin that the profile has not is added at the end.
    Enabled {
        /// Weight of the plugin's scores; 1 by default.
        weight: Option<i64>,
        /// Arguments of the plugin.
        arguments: Arguments,
    },
}

/// A profile as an experiment asks for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileChoice {
    /// The named profile to start from.
    pub name: String,
    /// Changes by plugin name, in written order.
    pub plugins: IndexMap<String, PluginOverride>,
    /// Tie-breaking rule, if different from the profile's.
    pub tie_break: Option<String>,
    /// Queue order, if different from the profile's.
    pub queue_order: Option<String>,
}

impl ProfileChoice {
    /// A named profile as it is.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }
}

/// Points whose policies are plugins of the pipeline.
const PLUGIN_POINTS: &[Point] = &[
    Point::Filter,
    Point::Sample,
    Point::Score,
    Point::Devices,
    Point::Preemption,
];

/// The profile of a name.
pub fn find(name: &str) -> Option<&'static ProfileEntry> {
    PROFILES.iter().find(|entry| entry.name == name)
}

/// Builds a profile.
///
/// # Errors
/// A name that is not known, or a weight or argument out of its bounds.
pub fn build_profile(choice: &ProfileChoice, setup: &Setup) -> Result<Profile, ProfileError> {
    let base = find(&choice.name).ok_or_else(|| ProfileError::UnknownProfile {
        name: choice.name.clone(),
        hint: hint(&choice.name, named().map(|(name, _)| name)),
    })?;
    let inherited: Vec<&str> = FILTERS.iter().chain(base.plugins).copied().collect();
    let as_is = PluginOverride::Enabled {
        weight: None,
        arguments: Arguments::new(),
    };
    let mut plugins = Vec::new();
    for &name in &inherited {
        let change = choice.plugins.get(name).unwrap_or(&as_is);
        plugins.extend(slot(name, change, setup)?);
    }
    for (name, change) in &choice.plugins {
        if inherited.contains(&name.as_str()) {
            continue;
        }
        if *change == PluginOverride::Disabled {
            return Err(ProfileError::NotInProfile {
                plugin: name.clone(),
                profile: base.name,
                hint: hint(name, inherited),
            });
        }
        plugins.extend(slot(name, change, setup)?);
    }
    if plugins.len() > MAX_PLUGINS {
        return Err(ProfileError::TooManyPlugins);
    }
    let chooses_devices = |slot: &PluginSlot| slot.points.contains(Points::DEVICES);
    if !plugins.iter().any(chooses_devices) {
        return Err(ProfileError::NoDevices {
            profile: base.name,
            choices: device_choices(),
        });
    }
    Ok(Profile {
        name: base.name.to_owned(),
        order: queue_order(choice.queue_order.as_deref().unwrap_or(base.order), setup)?,
        plugins,
        select: tie_break(choice.tie_break.as_deref().unwrap_or(base.select), setup)?,
    })
}

/// The policies that choose devices, in words.
fn device_choices() -> String {
    let names = POLICIES
        .iter()
        .filter(|entry| entry.point == Point::Devices)
        .map(|entry| format!("`{}`", entry.name));
    names.collect::<Vec<_>>().join(", ")
}

/// A plugin with its weight; `None` if it is disabled.
fn slot(
    name: &str,
    change: &PluginOverride,
    setup: &Setup,
) -> Result<Option<PluginSlot>, ProfileError> {
    let entry = policy(PLUGIN_POINTS, "plugin", name)?;
    let PluginOverride::Enabled { weight, arguments } = change else {
        return Ok(None);
    };
    let weight = weight.unwrap_or(1);
    if !(1..=MAX_WEIGHT).contains(&weight) {
        return Err(ProfileError::Weight {
            plugin: name.to_owned(),
            weight,
        });
    }
    let PolicyInstance::Plugin(plugin) = build(entry, setup, arguments)? else {
        unreachable!("invariant: entries at these points make plugins");
    };
    let points = plugin.points();
    Ok(Some(PluginSlot {
        plugin,
        weight,
        points,
    }))
}

fn tie_break(name: &str, setup: &Setup) -> Result<Box<dyn Select>, ProfileError> {
    let entry = policy(&[Point::Select], "tie break", name)?;
    let PolicyInstance::Select(select) = build(entry, setup, &Arguments::new())? else {
        unreachable!("invariant: entries at this point make choices");
    };
    Ok(select)
}

fn queue_order(name: &str, setup: &Setup) -> Result<Box<dyn QueueOrder>, ProfileError> {
    let entry = policy(&[Point::QueueOrder], "queue order", name)?;
    let PolicyInstance::Order(order) = build(entry, setup, &Arguments::new())? else {
        unreachable!("invariant: entries at this point make orders");
    };
    Ok(order)
}

fn policy(
    points: &[Point],
    what: &'static str,
    name: &str,
) -> Result<&'static Entry, ProfileError> {
    let known = registry::find(name);
    if known.is_some_and(|entry| entry.point == Point::KubePlugin) {
        let plugin = name.to_owned();
        return Err(ProfileError::OnlyInKube { plugin });
    }
    let known = known.filter(|entry| points.contains(&entry.point));
    known.ok_or_else(|| ProfileError::UnknownPolicy {
        what,
        name: name.to_owned(),
        hint: registry::hint_at(points, name),
    })
}

fn build(entry: &Entry, setup: &Setup, args: &Arguments) -> Result<PolicyInstance, ProfileError> {
    entry
        .build(setup, args)
        .map_err(|source| ProfileError::Argument {
            plugin: entry.name.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugins(profile: &Profile) -> Vec<(&'static str, i64)> {
        profile
            .plugins
            .iter()
            .map(|slot| (slot.plugin.name(), slot.weight))
            .collect()
    }

    fn enabled(weight: Option<i64>) -> PluginOverride {
        PluginOverride::Enabled {
            weight,
            arguments: Arguments::new(),
        }
    }

    fn choice(name: &str, changes: &[(&str, PluginOverride)]) -> ProfileChoice {
        let plugins = changes
            .iter()
            .map(|(name, change)| ((*name).to_owned(), change.clone()));
        ProfileChoice {
            plugins: plugins.collect(),
            ..ProfileChoice::named(name)
        }
    }

    #[test]
    fn every_profile_builds_as_it_is_written() {
        for entry in PROFILES {
            let profile = build_profile(&ProfileChoice::named(entry.name), &Setup::default())
                .expect("a named profile is valid");
            let names: Vec<&str> = profile.plugins.iter().map(|s| s.plugin.name()).collect();
            let expected: Vec<&str> = FILTERS.iter().chain(entry.plugins).copied().collect();
            assert_eq!(names, expected);
            assert_eq!(profile.select.name(), entry.select);
            assert_eq!(profile.order.name(), entry.order);
            assert!(
                entry.summary.ends_with('.') && entry.summary.len() < 100,
                "{}",
                entry.name
            );
        }
    }

    #[test]
    fn overrides_change_add_and_remove() {
        let mut changed = choice(
            "best-fit",
            &[
                ("worst-fit", enabled(Some(2))),
                ("best-fit", enabled(Some(7))),
                ("gpu-fit", PluginOverride::Disabled),
            ],
        );
        changed.tie_break = Some("random".to_owned());
        changed.queue_order = Some("priority".to_owned());
        let profile = build_profile(&changed, &Setup::default()).expect("valid overrides");
        let expected = [("best-fit", 7), ("tightest", 1), ("worst-fit", 2)];
        assert_eq!(plugins(&profile)[5..], expected);
        assert_eq!(
            (profile.select.name(), profile.order.name()),
            ("random", "priority")
        );
    }

    #[test]
    fn mistakes_are_named() {
        let mut arguments = Arguments::new();
        arguments.insert("scale".to_owned(), 1.into());
        let odd = PluginOverride::Enabled {
            weight: None,
            arguments,
        };
        let mut tie = ProfileChoice::named("fgd");
        tie.tie_break = Some("fgd".to_owned());
        for (choice, expected) in [
            (
                choice("best-fti", &[]),
                "there is no profile `best-fti`; did you mean `best-fit`",
            ),
            (
                choice("fgd", &[("best_fit", enabled(None))]),
                "there is no plugin `best_fit`; did you mean `best-fit`?",
            ),
            (
                choice("fgd", &[("NodePorts", enabled(None))]),
                "`NodePorts` is a plugin of kube-scheduler, which the pipeline does not run; write \
                 `name: kubernetes`",
            ),
            (
                choice("fgd", &[("first", enabled(None))]),
                "there is no plugin `first`; known are `node-schedulable`",
            ),
            (
                choice("fgd", &[("fgd", enabled(Some(0)))]),
                "the weight of `fgd` must be from 1 to 1000000, not 0; to switch it off",
            ),
            (
                choice("fgd", &[("best-fit", PluginOverride::Disabled)]),
                "`best-fit` is disabled, but profile `fgd` has no such plugin",
            ),
            (
                choice("best-fit", &[("tightest", PluginOverride::Disabled)]),
                "profile `best-fit` has no plugin left that chooses GPU devices; enable one of `",
            ),
            (
                choice("dot-product", &[("dot-product", odd)]),
                "plugin `dot-product`: unknown argument `scale`; known are `cpuScale`",
            ),
            (
                tie,
                "there is no tie break `fgd`; known are `first`, `random`",
            ),
        ] {
            let error = build_profile(&choice, &Setup::default())
                .err()
                .expect("a mistake");
            let message = error.to_string();
            assert!(message.starts_with(expected), "{message}\n{expected}");
        }
    }
}
