//! A profile: which plugins act, in which order, with which weights.

use super::{Plugin, Points, QueueOrder, Select};

/// A plugin in a profile.
#[derive(Clone)]
pub struct PluginSlot {
    /// The plugin.
    pub plugin: Box<dyn Plugin>,
    /// Weight of the plugin's scores; at least 1.
    pub weight: i64,
    /// The points it acts at here.
    pub points: Points,
}

/// A complete scheduler configuration.
#[derive(Clone)]
pub struct Profile {
    /// The profile's name.
    pub name: String,
    /// Order of the queue.
    pub order: Box<dyn QueueOrder>,
    /// The plugins, in order.
    pub plugins: Vec<PluginSlot>,
    /// Tie-breaking rule.
    pub select: Box<dyn Select>,
}

impl Profile {
    /// Positions of the plugins that act at a point, in order.
    pub fn at(&self, point: Points) -> impl Iterator<Item = usize> + use<'_> {
        (0..self.plugins.len()).filter(move |&index| self.plugins[index].points.contains(point))
    }
}
