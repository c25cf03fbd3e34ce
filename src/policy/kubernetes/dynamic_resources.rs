//! `DynamicResources`: claims on devices, and the devices that they get on a node (spec:
//! batch-on-kubernetes.md 2; kubernetes.md 1.4, 1.20). For pods without claims it has a say only in the text
//! of failed attempts, and keeps preemption from being tried after a plugin before it refused the pod.

mod answers;
mod question;

use std::sync::{Arc, Mutex, PoisonError};

use answers::Answers;
use dra::{Offers, Variant};
use model::dra::{Allocation, ClaimKey, DeviceObjects};
use model::{Change, Changes, ClusterObjects, Text};
use question::{Question, Refusal};
use scheduler::kube::cacheable::{CacheableFilter, CacheableScore};
use scheduler::kube::{
    Attempt, AttemptContext, ClusterEvent, EventKinds, FastPlugin, KubePlugin, KubePoints,
    NodeInfo, PodInfo, PostFilter, PreFilterResult, Preemption, Reach, Rejection, Scores, Status,
};

use crate::{Constructor, Entry, KubeConstructor, Point};

pub use question::shortage;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "DynamicResources",
    point: Point::KubePlugin,
    summary: "Rejects nodes where the claims of the pod cannot have their devices.",
    source: "kubernetes.md 1.20, batch-on-kubernetes.md 2",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preEnqueue", "preFilter", "filter", "postFilter"],
        weight: Some(0),
        build: |_, changes| Arc::new(DynamicResources::new(changes)),
    }),
};

/// Claims on devices.
pub struct DynamicResources {
    /// Whether it takes part at all (spec: kubernetes-releases.md A2).
    is_on: bool,
    /// Whether it gives every node 0 points instead of none (A24).
    scores: bool,
    variant: Variant,
    /// Offers of the drivers, compiled, with the objects that they were made of.
    offers: Mutex<Option<(DeviceObjects, Arc<Offers>)>>,
    /// Answers of nodes, kept from attempt to attempt.
    answers: Mutex<Answers>,
}

impl DynamicResources {
    /// Plugin with the switches of a release.
    pub fn new(changes: Changes) -> Self {
        let is_on = changes.has(Change::DynamicResourceAllocation);
        Self {
            is_on,
            scores: is_on && changes.has(Change::DynamicResourcesScore),
            variant: variant(changes),
            offers: Mutex::default(),
            answers: Mutex::default(),
        }
    }

    /// Offers of the drivers; slices and classes are compiled once as long as they stay.
    fn offers(&self, objects: &DeviceObjects) -> Arc<Offers> {
        // A panic elsewhere leaves the slot whole: it is replaced in one step.
        let mut known = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, offers)) = &*known
            && Arc::ptr_eq(&of.slices, &objects.slices)
            && Arc::ptr_eq(&of.classes, &objects.classes)
        {
            return Arc::clone(offers);
        }
        let offers = Offers::new(Arc::clone(&objects.slices), objects.classes.values());
        let offers = Arc::new(offers);
        *known = Some((objects.without_claims(), Arc::clone(&offers)));
        offers
    }

    fn question<'a>(&'a self, ctx: AttemptContext<'a>) -> Result<Question<'a>, Refusal> {
        let question = Question::new(self.variant, ctx, |objects| self.offers(objects))?;
        Ok(question.with_kept(&self.answers))
    }
}

/// The allocator of a release.
pub const fn variant(changes: Changes) -> Variant {
    if changes.has(Change::DevicePoolsInOrder) {
        Variant::V1_36
    } else {
        Variant::V1_34
    }
}

const NAME: &str = "DynamicResources";

impl KubePlugin for DynamicResources {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> KubePoints {
        if !self.is_on {
            return KubePoints::default();
        }
        let always = KubePoints::PRE_ENQUEUE
            .and(KubePoints::PRE_FILTER)
            .and(KubePoints::FILTER)
            .and(KubePoints::POST_FILTER);
        if self.scores {
            always.and(KubePoints::SCORE)
        } else {
            always
        }
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn pre_enqueue(&self, pod: &PodInfo, objects: &ClusterObjects) -> Result<(), Rejection> {
        let found = pod.device_claims(objects);
        found.map(|_| ()).map_err(Rejection::unresolvable)
    }

    fn events_to_register(&self) -> EventKinds {
        if !self.is_on {
            return EventKinds::NONE;
        }
        EventKinds::NODE_ADD
            .and(EventKinds::NODE_LABEL)
            .and(EventKinds::DEVICE_CLAIM)
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, objects: &ClusterObjects) -> bool {
        let ClusterEvent::DeviceClaim { before, after } = event else {
            return true;
        };
        // A pod whose claims are not all there waits for them.
        let Ok(claims) = pod.device_claims(objects) else {
            return false;
        };
        let had_devices = before
            .as_ref()
            .is_some_and(|before| before.allocation.is_some());
        if had_devices && after.allocation.is_none() {
            return true;
        }
        let is_own = |own: &&Arc<model::dra::ResourceClaim>| {
            (&own.namespace, &own.name) == (&after.namespace, &after.name)
        };
        let is_changed = before.as_ref().is_none_or(|before| {
            before.allocation != after.allocation || before.reserved_for != after.reserved_for
        });
        is_changed && claims.iter().any(is_own)
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if !ctx.pod.has_device_claims() {
            return PreFilterResult::Skip;
        }
        match self.question(ctx) {
            Ok(question) => {
                let question = Arc::new(question);
                PreFilterResult::run_with(move |node: &NodeInfo| question.ask(node))
            }
            Err(refusal) => PreFilterResult::Reject(refusal.into()),
        }
    }

    fn scores(&self, _: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        Some(Scores::plain(vec![0; feasible.len()]))
    }

    fn reserve_devices(
        &self,
        ctx: AttemptContext<'_>,
        node: &NodeInfo,
    ) -> Vec<(ClaimKey, Allocation)> {
        if !self.is_on || !ctx.pod.has_device_claims() {
            return Vec::new();
        }
        let question = self.question(ctx).ok();
        question.map_or_else(Vec::new, |question| question.devices(node))
    }

    fn post_filter(&self, attempt: &Attempt<'_>, _: &[(Text, Status)]) -> PostFilter {
        if !attempt.asked.contains(&NAME) {
            return PostFilter::Failed("not found".to_owned());
        }
        let nothing = |text: &str| PostFilter::Nothing(text.to_owned(), Preemption::default());
        let pod = attempt.ctx.pod;
        let claims = pod.device_claims(&attempt.ctx.cache.objects);
        // A refusal of all nodes comes before the claims are taken in.
        let is_open = |own: &Vec<_>| !own.is_empty() && attempt.refusal.is_none();
        let Some(claims) = claims.ok().filter(is_open) else {
            return nothing("no new claims to deallocate");
        };
        match question::in_the_way(attempt.ctx.cache, pod, &claims) {
            Some(claim) => {
                let text = "deallocation of ResourceClaim completed".to_owned();
                PostFilter::Deallocate(claim, text)
            }
            None => nothing("still not schedulable"),
        }
    }
}

impl FastPlugin for DynamicResources {
    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        if ctx.pod.has_device_claims() {
            Reach::Cluster
        } else {
            Reach::Nothing
        }
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        if ctx.pod.has_device_claims() {
            CacheableFilter::Unknown
        } else {
            CacheableFilter::Open
        }
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> CacheableScore {
        CacheableScore::Nothing
    }

    fn post_filter_of_nobody(&self, attempt: &Attempt<'_>, _: usize) -> Option<PostFilter> {
        Some(self.post_filter(attempt, &[]))
    }
}
