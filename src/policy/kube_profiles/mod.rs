//! Profiles of kube-scheduler's plugins, from a configuration or by default (spec: kubernetes.md 1.1).

#[cfg(test)]
mod contract;
#[cfg(test)]
mod losses;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use thiserror::Error;

use crate::kubernetes::machine::Machine;
use crate::{Entry, KubeConstructor, Point, registry};
use model::scheduler_config::{PluginArguments, PluginSet, SchedulerProfile};
use model::{Changes, DEFAULT_SCHEDULER, SchedulerConfig};
use scheduler::kube::{KubePlugin, KubePoints, KubeProfile};

/// Reason a configuration makes no profile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KubeProfileError {
    /// A plugin that does not exist.
    #[error("there is no plugin `{0}`; known are {1}")]
    UnknownPlugin(String, String),
    /// Points that don't exist.
    #[error("there is no extension point `{0}`; known are {1}")]
    UnknownPoint(String, String),
    /// Two profiles of one name.
    #[error("two profiles are called `{0}`; scheduler names are unique")]
    DuplicateProfile(String),
}

/// Points of a configuration file that bear on a decision, by name.
pub(crate) const POINTS: &[(&str, KubePoints)] = &[
    ("preEnqueue", KubePoints::PRE_ENQUEUE),
    ("preFilter", KubePoints::PRE_FILTER),
    ("filter", KubePoints::FILTER),
    ("postFilter", KubePoints::POST_FILTER),
    ("permit", KubePoints::PERMIT),
    ("score", KubePoints::SCORE),
];

/// Points that are known and bear on no decision here.
const OTHER_POINTS: &[&str] = &[
    "multiPoint",
    "queueSort",
    "preScore",
    "reserve",
    "preBind",
    "bind",
    "postBind",
];

/// Every plugin that acts by default, in the default order, with its default weight.
fn defaults(arguments: &PluginArguments, changes: Changes) -> Vec<(Arc<dyn KubePlugin>, i64)> {
    let known = constructors().filter_map(|own| Some((own, own.weight?)));
    known
        .map(|(own, weight)| ((own.build)(arguments, changes), weight))
        .collect()
}

/// Plugins that act only where a configuration enables them.
fn optional(arguments: &PluginArguments, changes: Changes) -> Vec<(Arc<dyn KubePlugin>, i64)> {
    let known = constructors().filter(|own| own.weight.is_none());
    known
        .map(|own| ((own.build)(arguments, changes), 0))
        .collect()
}

fn constructors() -> impl Iterator<Item = KubeConstructor> {
    registry::at(Point::KubePlugin).filter_map(Entry::kube)
}

/// The names of all plugins that a configuration may name, in the default order.
pub fn plugin_names() -> Vec<&'static str> {
    let known = registry::at(Point::KubePlugin);
    known.map(|entry| entry.name).collect()
}

/// The weight that a plugin has where nothing is stated; `None` for one that acts only where a
/// configuration enables it.
pub fn default_weight(name: &str) -> Option<i64> {
    registry::find(name)?.kube()?.weight
}

/// Adds to a profile what keeps pods off machines that can't take them, whatever the original
/// looks at.
pub fn add_machine(profile: &mut KubeProfile) {
    profile.filter.push(profile.plugins.len());
    profile.plugins.push(Arc::new(Machine));
}

/// The profiles of a configuration, with the switches of a release; without any, the default one.
///
/// # Errors
/// If a plugin or point is unknown, or two profiles have one name.
pub fn build_kube_profiles(
    config: &SchedulerConfig,
    changes: Changes,
) -> Result<Vec<KubeProfile>, KubeProfileError> {
    let plain = [SchedulerProfile {
        scheduler_name: DEFAULT_SCHEDULER.into(),
        ..SchedulerProfile::default()
    }];
    let stated = if config.profiles.is_empty() {
        &plain
    } else {
        config.profiles.as_slice()
    };
    let mut profiles: Vec<KubeProfile> = Vec::new();
    for own in stated {
        let profile = profile(own, config.percentage_of_nodes_to_score, changes)?;
        if profiles
            .iter()
            .any(|known| known.scheduler_name == profile.scheduler_name)
        {
            return Err(KubeProfileError::DuplicateProfile(profile.scheduler_name));
        }
        profiles.push(profile);
    }
    Ok(profiles)
}

fn profile(
    stated: &SchedulerProfile,
    percentage: i64,
    changes: Changes,
) -> Result<KubeProfile, KubeProfileError> {
    let mut known = defaults(&stated.arguments, changes);
    let default_count = known.len();
    known.extend(optional(&stated.arguments, changes));
    check_names(stated, &known)?;
    let nothing = PluginSet::default();
    let everywhere = stated.points.get("multiPoint").unwrap_or(&nothing);
    let multi_point = AllPoints::new(&known, default_count, everywhere);
    let order = |name: &str, point| multi_point.order_at(stated.points.get(name), point);
    let score_set = stated.points.get("score").unwrap_or(&nothing);
    let score = order("score", KubePoints::SCORE);
    let weight = |index: usize| {
        let stated = weight_in(score_set, known[index].0.name());
        let stated = stated.or_else(|| multi_point.weight(index));
        // A weight of 0 is none, and none is 1.
        stated.unwrap_or(0).max(1)
    };
    Ok(KubeProfile {
        changes,
        scheduler_name: stated.scheduler_name.to_string(),
        percentage_of_nodes_to_score: stated.percentage_of_nodes_to_score.unwrap_or(percentage),
        pre_enqueue: order("preEnqueue", KubePoints::PRE_ENQUEUE),
        pre_filter: order("preFilter", KubePoints::PRE_FILTER),
        filter: order("filter", KubePoints::FILTER),
        post_filter: order("postFilter", KubePoints::POST_FILTER),
        permit: order("permit", KubePoints::PERMIT),
        devices: Vec::new(),
        outside: Vec::new(),
        score: score
            .into_iter()
            .map(|index| (index, weight(index)))
            .collect(),
        plugins: known.into_iter().map(|(plugin, _)| plugin).collect(),
    })
}

fn weight_in(set: &PluginSet, name: &str) -> Option<i64> {
    let mut enabled = set.enabled.iter();
    enabled
        .find(|(own, _)| own == name)
        .map(|&(_, weight)| weight)
}

fn check_names(
    stated: &SchedulerProfile,
    known: &[(Arc<dyn KubePlugin>, i64)],
) -> Result<(), KubeProfileError> {
    let names: Vec<&str> = known.iter().map(|(plugin, _)| plugin.name()).collect();
    for (point, set) in &stated.points {
        let points = POINTS.iter().map(|&(name, _)| name);
        let points: Vec<&str> = points.chain(OTHER_POINTS.iter().copied()).collect();
        if !points.contains(&point.as_str()) {
            let list = points.join(", ");
            return Err(KubeProfileError::UnknownPoint(point.clone(), list));
        }
        let enabled = set.enabled.iter().map(|(name, _)| name);
        for name in enabled.chain(&set.disabled) {
            if name != "*" && !names.contains(&name.as_str()) {
                let list = names.join(", ");
                return Err(KubeProfileError::UnknownPlugin(name.clone(), list));
            }
        }
    }
    Ok(())
}

/// The plugins that act at every point they implement.
struct AllPoints<'a> {
    plugins: &'a [(Arc<dyn KubePlugin>, i64)],
    /// Their positions in order, with their weights.
    acting: Vec<(usize, i64)>,
}

impl<'a> AllPoints<'a> {
    /// The first `default_count` plugins as a configuration changes them: one that it names keeps
    /// its place and takes the stated weight; others that it names come last, in its order.
    fn new(
        plugins: &'a [(Arc<dyn KubePlugin>, i64)],
        default_count: usize,
        set: &PluginSet,
    ) -> Self {
        let mut acting: Vec<(usize, i64)> = Vec::new();
        for (index, (plugin, weight)) in plugins[..default_count].iter().enumerate() {
            if !set.disables(plugin.name()) {
                let stated = weight_in(set, plugin.name());
                acting.push((index, stated.unwrap_or(*weight)));
            }
        }
        for (name, weight) in &set.enabled {
            let index = plugins.iter().position(|(own, _)| own.name() == name);
            if let Some(index) = index.filter(|&own| acting.iter().all(|&(known, _)| known != own))
            {
                acting.push((index, *weight));
            }
        }
        Self { plugins, acting }
    }

    fn weight(&self, index: usize) -> Option<i64> {
        let mut acting = self.acting.iter();
        let own = acting.find(|(known, _)| *known == index)?;
        Some(own.1)
    }

    /// The plugins at a point, in order: its own that act everywhere, the others that do, its own
    /// that don't.
    fn order_at(&self, set: Option<&PluginSet>, point: KubePoints) -> Vec<usize> {
        let nothing = PluginSet::default();
        let set = set.unwrap_or(&nothing);
        let position = |name: &str| self.plugins.iter().position(|(own, _)| own.name() == name);
        let own: Vec<usize> = set
            .enabled
            .iter()
            .filter_map(|(name, _)| position(name))
            .filter(|&index| self.plugins[index].0.points().contains(point))
            .collect();
        let is_disabled = |index: usize| set.disables(self.plugins[index].0.name());
        let mut order: Vec<usize> = own
            .iter()
            .copied()
            .filter(|&index| self.weight(index).is_some() && !is_disabled(index))
            .collect();
        for &(index, _) in &self.acting {
            let acts = self.plugins[index].0.points().contains(point);
            if acts && !own.contains(&index) && !is_disabled(index) {
                order.push(index);
            }
        }
        for index in own {
            if !order.contains(&index) {
                order.push(index);
            }
        }
        order
    }
}
