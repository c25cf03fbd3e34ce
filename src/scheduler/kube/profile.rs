//! A profile: which plugins act at which point, in which order, with which weights.

use std::sync::Arc;

use super::{AttemptContext, Extension, FastPlugin, KubePlugin, Outside, Reach};
use model::Changes;

/// A set of extension points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KubePoints(u16);

impl KubePoints {
    /// Lets a pod into the queue.
    pub const PRE_ENQUEUE: Self = Self(1);
    /// Orders the queue.
    pub const QUEUE_SORT: Self = Self(1 << 1);
    /// Prepares or refuses a pod.
    pub const PRE_FILTER: Self = Self(1 << 2);
    /// Asks nodes.
    pub const FILTER: Self = Self(1 << 3);
    /// Makes room.
    pub const POST_FILTER: Self = Self(1 << 4);
    /// Gives points, preparation and normalisation included.
    pub const SCORE: Self = Self(1 << 5);
    /// Writes the binding.
    pub const BIND: Self = Self(1 << 6);
    /// Is asked before a pod is bound.
    pub const PERMIT: Self = Self(1 << 7);
    /// Chooses GPU devices on the chosen node; not a point of the original.
    pub const DEVICES: Self = Self(1 << 8);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all points of `other` are in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A profile. The lists hold positions in `plugins`, each in the order of its point.
#[derive(Clone, Default)]
pub struct KubeProfile {
    /// Switches of the release that is followed; plugins read theirs when they are made.
    pub changes: Changes,
    /// The scheduler name of its pods; empty is the default one.
    pub scheduler_name: String,
    /// The part of nodes that is looked for, in percent; 0 is adaptive.
    pub percentage_of_nodes_to_score: i64,
    /// All plugins.
    pub plugins: Vec<Arc<dyn KubePlugin>>,
    /// Plugins that admit pods to the queue.
    pub pre_enqueue: Vec<usize>,
    /// Plugins that prepare an attempt.
    pub pre_filter: Vec<usize>,
    /// Plugins that filter nodes.
    pub filter: Vec<usize>,
    /// Plugins that make room by preemption.
    pub post_filter: Vec<usize>,
    /// Plugins that permit the binding of a pod.
    pub permit: Vec<usize>,
    /// Plugins that choose GPU devices; the first to do so wins.
    pub devices: Vec<usize>,
    /// Plugins that score nodes, with their weights.
    pub score: Vec<(usize, i64)>,
    /// Plugins that ask a program outside.
    pub outside: Vec<usize>,
}

impl KubeProfile {
    /// Adds a plugin that asks a program outside, behind all others.
    pub fn add_outside(&mut self, plugin: Arc<dyn KubePlugin>, weight: i64) {
        let (index, points) = (self.plugins.len(), plugin.points());
        if points.contains(KubePoints::FILTER) {
            self.filter.push(index);
        }
        if points.contains(KubePoints::SCORE) {
            self.score.push((index, weight));
        }
        self.outside.push(index);
        self.plugins.push(plugin);
    }

    /// The sides of plugins towards programs outside.
    pub fn outsides(&self) -> impl Iterator<Item = &dyn Outside> {
        let plugins = self.outside.iter();
        plugins.filter_map(|&index| self.plugins[index].outside())
    }

    /// The extenders that are asked beside the plugins, and their place among these.
    pub fn extenders(&self) -> Option<(usize, &dyn Extension)> {
        let mut plugins = self.outside.iter();
        plugins.find_map(|&index| {
            let outside = self.plugins[index].outside()?;
            Some((index, outside.extenders()?))
        })
    }

    /// The profile with others in the place of the plugins that ask a program outside.
    #[must_use]
    pub fn with_outsides(&self, other: impl Fn(&dyn Outside) -> Arc<dyn KubePlugin>) -> Self {
        let mut profile = self.clone();
        for &index in &self.outside {
            if let Some(outside) = self.plugins[index].outside() {
                profile.plugins[index] = other(outside);
            }
        }
        profile
    }

    /// A plugin's support for the fast form, if any.
    pub fn fast(&self, plugin: usize) -> Option<Arc<dyn FastPlugin>> {
        self.plugins[plugin].clone().fast()
    }

    /// Support of each plugin for the fast form.
    pub fn fast_plugins(&self) -> Vec<Option<Arc<dyn FastPlugin>>> {
        (0..self.plugins.len())
            .map(|index| self.fast(index))
            .collect()
    }

    /// Reach of a plugin's answers for a pod, as far as the plugin says.
    pub fn reach(&self, plugin: usize, ctx: AttemptContext<'_>) -> Reach {
        let plugin = self.fast(plugin);
        plugin.map_or(Reach::Cluster, |plugin| plugin.reach(ctx))
    }

    /// Number of feasible nodes that is enough among `nodes` (spec: kubernetes.md 1.4).
    pub fn wanted(&self, nodes: usize) -> usize {
        const LEAST: usize = 100;
        let filters = |(_, own): (usize, &dyn Extension)| own.filters();
        if self.score.is_empty() && !self.extenders().is_some_and(filters) {
            return 1;
        }
        if nodes < LEAST {
            return nodes;
        }
        let percent = match self.percentage_of_nodes_to_score {
            0 => 50_usize.saturating_sub(nodes / 125).max(5),
            stated => usize::try_from(stated).unwrap_or(0),
        };
        if percent >= 100 {
            return nodes;
        }
        (nodes * percent / 100).max(LEAST)
    }
}
