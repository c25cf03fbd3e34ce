//! Policies of the pipeline as plugins of kube-scheduler: a score or filter of the registry runs
//! under the real queue, back-off, preemption and spreading.
//!
//! A policy sees a `Mirror` of the node as the attempt has it, simulated evictions included. Each
//! mirror goes to a fresh copy of the policy, so that nothing it remembers of one mirror can leak
//! into the next. A policy that looks at several nodes shares one mirror of them in an attempt.
//!
//! Points. The framework wants 0 to 100 from every score, and the registry's policies each have a
//! scale of their own. So the points of the feasible nodes are spread over 0 to 100 as a
//! `NormalizeScore` would: `100 · (points − least) / (most − least)` in whole numbers, rounded down
//! ([`Normalization::WholeSpan`]); all 0 if they are equal. Then they are multiplied by the weight.
//!
//! The fast form keeps the answers of policies of scope [`Scope::Node`] per node. Policies of scope
//! `Cluster`, and those that prepare or rescale points themselves, are asked plainly.

mod mirror;

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use crate::profiles::{MAX_WEIGHT, ProfileError};
use crate::{Arguments, Entry, Point, PolicyInstance, Setup, registry};
use cluster::{Conflict, Store};
use mirror::Mirror;
use model::{DeviceSet, PodSpec};
use scheduler::kube::cacheable::{AnswerScope, CacheableFilter, CacheableScore};
use scheduler::kube::{
    AttemptContext, Cache, EventKinds, FastPlugin, KubePlugin, KubePoints, KubeProfile, NodeFilter,
    NodeInfo, Normalization, PodInfo, PreFilterResult, Reach, Rejection, Scores,
};
use scheduler::pipeline::plugin::{PreFilter, PreScore};
use scheduler::{Plugin, Points, Reason, Scope};
use units::NodeId;

/// A policy of the registry that an experiment adds to a profile of kube-scheduler.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registration {
    /// The policy's name in the registry.
    pub name: String,
    /// The factor on its points; 1 if nothing is said.
    pub weight: Option<i64>,
    /// The policy's arguments.
    pub arguments: Arguments,
}

/// Adds policies of the registry to a profile, after its own plugins and in the order given.
///
/// # Errors
/// A name that the registry does not know, a policy that can't run in kube-scheduler, or a weight or
/// argument out of its bounds.
pub fn add_registered(
    profile: &mut KubeProfile,
    registrations: &[Registration],
    setup: &Setup,
) -> Result<(), ProfileError> {
    for registration in registrations {
        let plugin = RegistryPlugin::new(registration, setup)?;
        let (index, points) = (profile.plugins.len(), plugin.points());
        let weight = registration.weight.unwrap_or(1);
        if !(1..=MAX_WEIGHT).contains(&weight) {
            return Err(ProfileError::Weight {
                plugin: registration.name.clone(),
                weight,
            });
        }
        if points.contains(KubePoints::FILTER) {
            profile.filter.push(index);
        }
        if points.contains(KubePoints::SCORE) {
            profile.score.push((index, weight));
        }
        if points.contains(KubePoints::DEVICES) {
            profile.devices.push(index);
        }
        profile.plugins.push(Arc::new(plugin));
    }
    Ok(())
}

/// Reason a policy of the registry can't run in kube-scheduler; `None` if it can.
pub fn obstacle(entry: &Entry) -> Option<&'static str> {
    match entry.point {
        Point::Filter | Point::Score => None,
        Point::Sample => Some(
            "kube-scheduler looks at `percentageOfNodesToScore` of the nodes; set that instead",
        ),
        Point::Devices => Some(
            "it only chooses devices, and kube-scheduler shares the tightest device unless a score \
             such as `fgd` chooses itself; leave it out",
        ),
        Point::Preemption => Some("kube-scheduler preempts by its own plugin; leave it out"),
        Point::Select => Some("ties are broken by `tieBreak`; leave it out"),
        Point::KubePlugin => Some("it is one of its own plugins; it acts without being added"),
        Point::QueueOrder => Some(
            "kube-scheduler orders its queue by priority and time; leave it \
            out",
        ),
    }
}

/// A score or filter of the registry.
pub struct RegistryPlugin {
    name: &'static str,
    policy: Arc<Policy>,
}

/// The policy itself, with what mirrors begin with.
struct Policy {
    /// A policy that was never asked anything. Policies need not be shareable between threads.
    fresh: Mutex<Box<dyn Plugin>>,
    points: Points,
    scope: Scope,
    /// A store without nodes.
    empty: Store,
}

impl RegistryPlugin {
    /// A policy of the registry as a plugin.
    ///
    /// # Errors
    /// As [`add_registered`] says.
    pub fn new(registration: &Registration, setup: &Setup) -> Result<Self, ProfileError> {
        let name = &registration.name;
        let entry = registry::find(name).ok_or_else(|| ProfileError::UnknownPolicy {
            what: "plugin",
            name: name.clone(),
            hint: registry::hint_at(&[Point::Filter, Point::Score], name),
        })?;
        let refused = |why| ProfileError::NotInKube {
            plugin: name.clone(),
            why,
        };
        if let Some(why) = obstacle(entry) {
            return Err(refused(why));
        }
        let built = entry
            .build(setup, &registration.arguments)
            .map_err(|source| ProfileError::Argument {
                plugin: name.clone(),
                source,
            })?;
        let PolicyInstance::Plugin(plugin) = built else {
            return Err(refused("it is neither a filter nor a score"));
        };
        Self::wrap(plugin, setup).map_err(refused)
    }

    /// A policy as a plugin, or why it can't be one.
    fn wrap(plugin: Box<dyn Plugin>, setup: &Setup) -> Result<Self, &'static str> {
        let points = plugin.points();
        let beyond = [
            Points::POST_FILTER,
            Points::RESERVE,
            Points::PERMIT,
            Points::BIND,
        ];
        if beyond.iter().any(|&point| points.contains(point)) {
            return Err(
                "it acts after the choice of a node (PostFilter, Reserve, Permit or Bind), where \
                 kube-scheduler has plugins of its own; use a profile of the pipeline",
            );
        }
        Ok(Self {
            name: plugin.name(),
            policy: Arc::new(Policy {
                points,
                scope: plugin.scope(),
                empty: mirror::empty(&setup.gpu_models),
                fresh: Mutex::new(plugin),
            }),
        })
    }
}

impl Policy {
    /// A copy of the policy that remembers nothing.
    fn fresh(&self) -> Box<dyn Plugin> {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.clone()
    }

    /// A copy of the policy after its `PreFilter`, and what that said.
    fn prepared(&self, mirror: &Mirror) -> (Box<dyn Plugin>, PreFilter) {
        let mut plugin = self.fresh();
        let answer = if self.points.contains(Points::PRE_FILTER) {
            plugin.pre_filter(&mirror.ctx())
        } else {
            PreFilter::Run
        };
        (plugin, answer)
    }

    fn filters_by_node(&self) -> bool {
        self.scope == Scope::Node
    }

    fn scores_by_node(&self) -> bool {
        let own = [Points::PRE_SCORE, Points::NORMALIZE];
        self.scope == Scope::Node && !own.iter().any(|&point| self.points.contains(point))
    }

    fn mirror(&self, spec: &Arc<PodSpec>, node: &NodeInfo) -> Result<Mirror, Conflict> {
        Mirror::new(&self.empty, spec, [node])
    }

    /// The policy's verdict on the node of an id.
    fn verdict(&self, mirror: &Mirror, node: NodeId) -> Result<(), Rejection> {
        let (plugin, prepared) = self.prepared(mirror);
        verdict(&*plugin, &prepared, mirror, node)
    }

    /// The verdict on a node as it is asked about, which simulated evictions may have changed. `cache`
    /// holds the other nodes, for policies that look at them.
    fn filter(
        &self,
        spec: &Arc<PodSpec>,
        cache: Option<&Cache>,
        node: &NodeInfo,
    ) -> Result<(), Rejection> {
        let (mirror, asked) = match cache {
            Some(cache) => {
                let nodes = cache
                    .nodes()
                    .map(|own| if own.slot == node.slot { node } else { own });
                let place = cache.nodes().position(|own| own.slot == node.slot);
                let mirror = Mirror::new(&self.empty, spec, nodes);
                (mirror, place.unwrap_or_default())
            }
            None => (self.mirror(spec, node), 0),
        };
        let mirror = mirror.map_err(|conflict| Rejection::unresolvable(conflict.to_string()))?;
        self.verdict(&mirror, NodeId::from_index(asked))
    }

    /// The points of a node by itself.
    fn points_of(&self, spec: &Arc<PodSpec>, node: &NodeInfo) -> i64 {
        let mirror = self.mirror(spec, node);
        let mirror = mirror.unwrap_or_else(|conflict| self.refused(node.name(), &conflict));
        let (plugin, _) = self.prepared(&mirror);
        plugin.score(&mirror.ctx(), NodeId::from_index(0))
    }

    /// Ends the run with words: points can't be refused, and any number in their place would pass for
    /// the policy's own. The nodes and pods come from the cell's store, which has taken them by the
    /// rules of the mirror's.
    fn refused(&self, nodes: &str, conflict: &Conflict) -> ! {
        panic!(
            "invariant: what the cell holds fits its mirror: the score `{}` can't be asked about \
             {nodes}: {conflict}",
            self.fresh().name()
        )
    }

    /// The points of the feasible nodes where a policy looks at several nodes; `None` if it gives none.
    fn points_together(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Vec<i64>> {
        let whole = AttemptNodes::new(self, ctx);
        let whole = whole.unwrap_or_else(|conflict| self.refused("the nodes", &conflict));
        let nodes: Vec<NodeId> = feasible.iter().map(|node| whole.rows[node.slot]).collect();
        let (mut plugin, ctx) = (whole.plugin, whole.mirror.ctx());
        if self.points.contains(Points::PRE_SCORE)
            && plugin.pre_score(&ctx, &nodes) == PreScore::Skip
        {
            return None;
        }
        let mut raw: Vec<i64> = nodes.iter().map(|&node| plugin.score(&ctx, node)).collect();
        if self.points.contains(Points::NORMALIZE) {
            plugin.normalize(&ctx, &mut raw);
        }
        Some(raw)
    }
}

/// The verdict of a policy that was asked about the pod on the node of an id.
fn verdict(
    plugin: &dyn Plugin,
    prepared: &PreFilter,
    mirror: &Mirror,
    node: NodeId,
) -> Result<(), Rejection> {
    let answer = match prepared {
        PreFilter::Run => plugin.filter(&mirror.ctx(), node),
        PreFilter::Skip => Ok(()),
        PreFilter::Reject(reason) => Err(*reason),
    };
    answer.map_err(|reason| match reason {
        Reason::Text(text) => Rejection::unschedulable(text),
        Reason::Insufficient(id) => {
            Rejection::unschedulable(format!("Insufficient {}", mirror.resource(id)))
        }
    })
}

/// All nodes of the cache as one attempt has them, with the policy after its `PreFilter`.
struct AttemptNodes {
    mirror: Mirror,
    /// The nodes in the mirror by their slots in the cache.
    rows: Vec<NodeId>,
    plugin: Box<dyn Plugin>,
    prepared: PreFilter,
}

impl AttemptNodes {
    fn new(policy: &Policy, ctx: AttemptContext<'_>) -> Result<Self, Conflict> {
        let mirror = Mirror::new(&policy.empty, &ctx.pod.class.spec, ctx.cache.nodes())?;
        let mut rows = vec![NodeId::from_index(0); ctx.cache.slot_count()];
        for (row, node) in ctx.cache.nodes().enumerate() {
            rows[node.slot] = NodeId::from_index(row);
        }
        let (plugin, prepared) = policy.prepared(&mirror);
        Ok(Self {
            mirror,
            rows,
            plugin,
            prepared,
        })
    }
}

/// A policy's question to nodes in one attempt.
#[derive(Clone)]
struct Question<'a> {
    policy: &'a Policy,
    ctx: AttemptContext<'a>,
    /// The mirror of all nodes, for a policy that looks at several: built for the first node that is
    /// asked about and kept for the attempt, because one for each node would cost the square of the
    /// nodes. Copies share it: a simulation changes its own copies of nodes, never the cache.
    whole: Rc<OnceCell<Result<AttemptNodes, Conflict>>>,
}

impl<'a> NodeFilter<'a> for Question<'a> {
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        let (policy, cache) = (self.policy, self.ctx.cache);
        let spec = &self.ctx.pod.class.spec;
        let known = cache.node_in(node.slot);
        if !known.is_some_and(|known| std::ptr::eq(known, node)) {
            // A node with pods evicted or expected, in a simulation.
            return policy.filter(spec, Some(cache), node);
        }
        let whole = self
            .whole
            .get_or_init(|| AttemptNodes::new(policy, self.ctx));
        match whole {
            Ok(own) => verdict(
                &*own.plugin,
                &own.prepared,
                &own.mirror,
                own.rows[node.slot],
            ),
            Err(conflict) => Err(Rejection::unresolvable(conflict.to_string())),
        }
    }

    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
        Box::new(self.clone())
    }
}

impl KubePlugin for RegistryPlugin {
    fn name(&self) -> &'static str {
        self.name
    }

    fn points(&self) -> KubePoints {
        let mut points = KubePoints::default();
        for (own, point) in [
            (Points::FILTER, KubePoints::FILTER),
            (Points::SCORE, KubePoints::SCORE),
            (Points::DEVICES, KubePoints::DEVICES),
        ] {
            if self.policy.points.contains(own) {
                points = points.and(point);
            }
        }
        points
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn normalize_score(&self) -> Normalization {
        Normalization::WholeSpan
    }

    /// Any change of a node or of the pods on it may change a policy's mind.
    fn events_to_register(&self) -> EventKinds {
        let nodes = EventKinds::NODE_ADD
            .and(EventKinds::NODE_ALLOCATABLE)
            .and(EventKinds::NODE_LABEL)
            .and(EventKinds::NODE_TAINT);
        let pods = EventKinds::POD_ADD
            .and(EventKinds::POD_DELETE)
            .and(EventKinds::POD_SCALE_DOWN);
        nodes.and(pods).and(EventKinds::POD_TOLERATION)
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if self.policy.filters_by_node() {
            return PreFilterResult::RUN;
        }
        PreFilterResult::run_with(Question {
            policy: &self.policy,
            ctx,
            whole: Rc::default(),
        })
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        self.policy.filter(&pod.class.spec, None, node)
    }

    fn devices(&self, ctx: AttemptContext<'_>, node: &NodeInfo) -> Option<DeviceSet> {
        let mirror = self.policy.mirror(&ctx.pod.class.spec, node).ok()?;
        let (mut plugin, _) = self.policy.prepared(&mirror);
        plugin.devices(&mirror.ctx(), NodeId::from_index(0))
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        self.policy.points_of(&pod.class.spec, node)
    }

    fn scores(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let raw = if self.policy.scores_by_node() {
            let points = feasible.iter().map(|node| self.score(ctx.pod, node));
            points.collect()
        } else {
            self.policy.points_together(ctx, feasible)?
        };
        Some(Scores::normalized(raw, self.normalize_score()))
    }
}

impl FastPlugin for RegistryPlugin {
    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        if self.policy.filters_by_node() && self.policy.scores_by_node() {
            Reach::Node
        } else {
            Reach::Cluster
        }
    }

    fn needs_whole_spec(&self) -> bool {
        true
    }

    fn kept_filter(&self, _: AttemptContext<'_>) -> CacheableFilter {
        if self.policy.filters_by_node() {
            CacheableFilter::Node(AnswerScope::OnNode)
        } else {
            CacheableFilter::Unknown
        }
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> CacheableScore {
        if self.policy.scores_by_node() {
            CacheableScore::Node(AnswerScope::OnNode, self.normalize_score())
        } else {
            CacheableScore::Unknown
        }
    }
}

#[cfg(test)]
mod tests;
