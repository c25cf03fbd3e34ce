//! A plugin whose work is labelled with its name, for `windtunnel run --profile`.

use super::plugin::{Permit, Plugin, Points, PreFilter, PreScore, Scope};
use super::{ClassContext, Reason};
use control::probe::{Part, Probe};
use model::{DeviceSet, Event, Pod};
use units::NodeId;

/// A plugin under a label.
#[derive(Clone)]
pub(super) struct ProbedPlugin {
    plugin: Box<dyn Plugin>,
    probe: Probe,
    part: Part,
}

impl ProbedPlugin {
    /// Labels a plugin of a scheduler.
    pub(super) fn new(plugin: Box<dyn Plugin>, probe: &Probe, scheduler: &str) -> Self {
        let part = probe.part(&format!("scheduler {scheduler} / {}", plugin.name()));
        Self {
            plugin,
            probe: probe.clone(),
            part,
        }
    }

    fn within<T>(&mut self, work: impl FnOnce(&mut dyn Plugin) -> T) -> T {
        let plugin = &mut *self.plugin;
        self.probe.within(self.part, || work(plugin))
    }
}

impl Plugin for ProbedPlugin {
    fn name(&self) -> &'static str {
        self.plugin.name()
    }

    fn points(&self) -> Points {
        self.plugin.points()
    }

    fn scope(&self) -> Scope {
        self.plugin.scope()
    }

    fn needs_room(&self) -> bool {
        self.plugin.needs_room()
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        self.within(|plugin| plugin.pre_filter(ctx))
    }

    fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        let filter = || self.plugin.filter(ctx, node);
        self.probe.within(self.part, filter)
    }

    fn post_filter(&mut self, ctx: &ClassContext<'_>, pod: &Pod) -> Vec<Event> {
        self.within(|plugin| plugin.post_filter(ctx, pod))
    }

    fn pre_score(&mut self, ctx: &ClassContext<'_>, feasible: &[NodeId]) -> PreScore {
        self.within(|plugin| plugin.pre_score(ctx, feasible))
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let score = || self.plugin.score(ctx, node);
        self.probe.within(self.part, score)
    }

    fn normalize(&self, ctx: &ClassContext<'_>, scores: &mut [i64]) {
        let normalize = || self.plugin.normalize(ctx, scores);
        self.probe.within(self.part, normalize);
    }

    fn devices(&mut self, ctx: &ClassContext<'_>, node: NodeId) -> Option<DeviceSet> {
        self.within(|plugin| plugin.devices(ctx, node))
    }

    fn reserve(&mut self, ctx: &ClassContext<'_>, pod: &Pod, node: NodeId) -> Result<(), Reason> {
        self.within(|plugin| plugin.reserve(ctx, pod, node))
    }

    fn unreserve(&mut self, ctx: &ClassContext<'_>, pod: &Pod, node: NodeId) {
        self.within(|plugin| plugin.unreserve(ctx, pod, node));
    }

    fn permit(&mut self, ctx: &ClassContext<'_>, pod: &Pod, node: NodeId) -> Permit {
        self.within(|plugin| plugin.permit(ctx, pod, node))
    }

    fn bind(&mut self, pod: &Pod, node: NodeId, devices: DeviceSet) -> Option<Event> {
        self.within(|plugin| plugin.bind(pod, node, devices))
    }

    fn failure(&self) -> Option<&str> {
        self.plugin.failure()
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}
