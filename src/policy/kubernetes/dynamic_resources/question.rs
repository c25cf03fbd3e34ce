//! The question of an attempt to nodes: whether the claims of a pod can have their devices there.

use std::sync::{Arc, Mutex};

use super::answers::{AnswerCache, Answers};
use dra::{AllocationError, Allocator, Offers, Place, Supply, Variant};
use model::dra::{Allocation, ClaimKey, DeviceObjects, RequestedDevices, ResourceClaim};
use scheduler::kube::{AttemptContext, Cache, Code, NodeInfo, PodInfo, Rejection};
use units::plural;

/// Reason that no node is asked.
pub(super) struct Refusal(String);

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self::unresolvable(refusal.0)
    }
}

/// The claims of a pod, by what remains to be done for them.
pub(super) struct Question<'a> {
    allocated: Vec<&'a Arc<ResourceClaim>>,
    /// Claims without devices, with what they are chosen from.
    open: Option<(Allocator, Vec<ResourceClaim>)>,
    /// Answers of earlier attempts; without them every node is asked plainly.
    kept: Option<AnswerCache<'a>>,
}

fn key_of(claim: &ResourceClaim) -> ClaimKey {
    (claim.namespace.clone(), claim.name.clone())
}

pub(super) fn place_of(node: &NodeInfo) -> Place<'_> {
    Place {
        name: node.name(),
        labels: &node.object.labels,
    }
}

/// Whether a node can use the devices of a claim.
fn is_usable(allocation: &Allocation, node: &NodeInfo) -> bool {
    let nodes = allocation.nodes.as_ref();
    nodes.is_none_or(|nodes| nodes.matches(node.name(), &node.object.labels))
}

impl<'a> Question<'a> {
    pub(super) fn new(
        variant: Variant,
        ctx: AttemptContext<'a>,
        offers: impl FnOnce(&DeviceObjects) -> Arc<Offers>,
    ) -> Result<Self, Refusal> {
        let (pod, devices) = (ctx.pod, &ctx.cache.objects.devices);
        let claims = pod.device_claims(&ctx.cache.objects).map_err(Refusal)?;
        let name = pod.name.text();
        let (mut allocated, mut open) = (Vec::new(), Vec::new());
        for claim in claims {
            if claim.allocation.is_some() {
                if !claim.can_be_reserved() && !claim.is_reserved_for(&name, pod.id()) {
                    return Err(Refusal("resourceclaim in use".to_owned()));
                }
                allocated.push(claim);
                continue;
            }
            if devices.in_flight(&key_of(claim)).is_some() {
                return Err(Refusal(format!(
                    "resource claim {}/{} is in the process of being allocated",
                    claim.namespace, claim.name
                )));
            }
            if let Some((request, class)) = unknown_class(claim, devices) {
                return Err(Refusal(format!(
                    "request {request}: device class {class} does not exist"
                )));
            }
            open.push(ResourceClaim::clone(claim));
        }
        let open = (!open.is_empty()).then(|| {
            let allocator = Allocator::of(variant, offers(devices), devices.held());
            (allocator.with_selectors_of(&open), open)
        });
        Ok(Self {
            allocated,
            open,
            kept: None,
        })
    }

    /// The question with answers of earlier attempts.
    pub(super) fn with_kept(mut self, answers: &'a Mutex<Answers>) -> Self {
        let open = self.open.as_ref();
        self.kept =
            open.map(|(allocator, claims)| AnswerCache::new(answers, allocator.offers(), claims));
        self
    }

    /// Whether claims without devices can have them on a node.
    fn fit(
        &self,
        allocator: &Allocator,
        claims: &[ResourceClaim],
        node: &NodeInfo,
    ) -> Result<bool, AllocationError> {
        match &self.kept {
            Some(kept) => kept.fit(allocator, claims, node),
            None => Ok(allocator.allocate(&place_of(node), claims)?.is_some()),
        }
    }

    /// Whether the claims can have their devices on a node.
    pub(super) fn ask(&self, node: &NodeInfo) -> Result<(), Rejection> {
        if let Some((allocator, claims)) = &self.open {
            match self.fit(allocator, claims, node) {
                Ok(true) => {}
                Ok(false) => return Err(Rejection::unresolvable("cannot allocate all claims")),
                Err(error) => {
                    return Err(Rejection {
                        code: Code::Error,
                        reasons: vec![error.to_string().into()],
                    });
                }
            }
        }
        let mut allocations = self.allocated.iter();
        if allocations.any(|own| !own.allocation.iter().all(|own| is_usable(own, node))) {
            return Err(Rejection::unresolvable(
                "resourceclaim not available on the node",
            ));
        }
        Ok(())
    }

    /// The devices that the claims without any get on a node.
    pub(super) fn devices(&self, node: &NodeInfo) -> Vec<(ClaimKey, Allocation)> {
        let Some((allocator, claims)) = &self.open else {
            return Vec::new();
        };
        let chosen = allocator.allocate(&place_of(node), claims);
        let chosen = chosen.ok().flatten().unwrap_or_default();
        claims.iter().map(key_of).zip(chosen).collect()
    }
}

/// A request of a claim for a class that is not there.
fn unknown_class<'c>(
    claim: &'c ResourceClaim,
    devices: &DeviceObjects,
) -> Option<(String, &'c model::Text)> {
    for request in &claim.requests {
        match &request.devices {
            RequestedDevices::Exactly(own) if !devices.classes.contains_key(&own.class) => {
                return Some((request.name.to_string(), &own.class));
            }
            RequestedDevices::Exactly(_) => {}
            RequestedDevices::FirstAvailable(all) => {
                let mut unknown = all.iter();
                let unknown = unknown.find(|(_, own)| !devices.classes.contains_key(&own.class));
                if let Some((name, own)) = unknown {
                    return Some((format!("{}/{name}", request.name), &own.class));
                }
            }
        }
    }
    None
}

/// A claim of a pod whose devices some node cannot use and that no other pod uses. The original takes one
/// at random; this is the first.
pub(super) fn in_the_way(
    cache: &Cache,
    pod: &PodInfo,
    claims: &[&Arc<ResourceClaim>],
) -> Option<ClaimKey> {
    let name = pod.name.text();
    let is_free = |claim: &ResourceClaim| {
        let mut users = claim.reserved_for.iter();
        users.all(|user| user.is(&name, pod.id()))
    };
    let is_unavailable = |claim: &ResourceClaim| {
        let allocation = claim.allocation.as_ref();
        allocation.is_some_and(|allocation| cache.nodes().any(|node| !is_usable(allocation, node)))
    };
    let mut claims = claims.iter();
    let found = claims.find(|claim| is_free(claim) && is_unavailable(claim));
    found.map(|claim| key_of(claim))
}

/// Devices that the nodes of a cluster have for the claims of a pod that finds none, a line for each
/// request: how many devices match, how many of them are free, and the most on a node.
pub fn shortage(variant: Variant, cache: &Cache, pod: &PodInfo) -> Vec<String> {
    let ctx = AttemptContext { cache, pod };
    let offers = |objects: &DeviceObjects| {
        let offers = Offers::new(Arc::clone(&objects.slices), objects.classes.values());
        Arc::new(offers)
    };
    let question = match Question::new(variant, ctx, offers) {
        Ok(question) => question,
        Err(Refusal(words)) => return vec![words],
    };
    let mut lines: Vec<String> = Vec::new();
    for claim in &question.allocated {
        let usable = cache.nodes().filter(|node| {
            let allocation = claim.allocation.as_ref();
            allocation.is_none_or(|allocation| is_usable(allocation, node))
        });
        let devices = claim.allocation.iter().flat_map(|own| &own.devices);
        let devices: Vec<String> = devices.map(|own| own.id.to_string()).collect();
        lines.push(format!(
            "claim {}: has {}, which {} can use",
            claim.name,
            devices.join(", "),
            plural::count(usable.count(), "node"),
        ));
    }
    if let Some((allocator, claims)) = &question.open {
        lines.extend(of_requests(cache, allocator, claims));
    }
    lines
}

/// Supply of all nodes for one request.
struct Total {
    /// All devices that match, on any node.
    supply: Supply,
    /// Most free devices of a node.
    most: usize,
    /// Nodes that have enough for this request alone.
    enough: usize,
}

fn of_requests(cache: &Cache, allocator: &Allocator, claims: &[ResourceClaim]) -> Vec<String> {
    let mut totals: Vec<Total> = Vec::new();
    let mut errors: Vec<String> = Vec::new();
    for node in cache.nodes() {
        let supplies = match allocator.supplies(&place_of(node), claims) {
            Ok(supplies) => supplies,
            Err(error) => {
                let error = error.to_string();
                if !errors.contains(&error) {
                    errors.push(error);
                }
                continue;
            }
        };
        for (place, supply) in supplies.into_iter().enumerate() {
            let enough = usize::from(supply.suffices());
            let free = supply.free();
            match totals.get_mut(place) {
                Some(total) => {
                    total.supply.matching.extend(supply.matching);
                    total.most = total.most.max(free);
                    total.enough += enough;
                }
                None => totals.push(Total {
                    supply,
                    most: free,
                    enough,
                }),
            }
        }
    }
    let binding = if errors.is_empty() && totals.iter().all(|total| total.enough > 0) {
        binding_constraints(cache, allocator, claims)
    } else {
        Vec::new()
    };
    let lines = totals.iter().map(|total| {
        let own = &total.supply;
        let wanted = match own.wanted {
            Some(wanted) => format!("{wanted} wanted"),
            None => "all wanted".to_owned(),
        };
        let verdict = match total.enough {
            0 => "no node has enough".to_owned(),
            enough => format!("{} enough by themselves", have(enough)),
        };
        format!(
            "claim {}, request {}: {wanted}; {} match, {} free, at most {} on a node: {verdict}",
            own.claim,
            own.request,
            plural::count(own.matching.len(), "device"),
            own.free(),
            total.most,
        )
    });
    lines.chain(binding).chain(errors).collect()
}

/// Constraints without which nodes could give the claims their devices, a line for each.
fn binding_constraints(
    cache: &Cache,
    allocator: &Allocator,
    claims: &[ResourceClaim],
) -> Vec<String> {
    let fits = |node: &NodeInfo, claims: &[ResourceClaim]| {
        let chosen = allocator.allocate(&place_of(node), claims);
        chosen.is_ok_and(|own| own.is_some())
    };
    let mut lines = Vec::new();
    for (place, claim) in claims.iter().enumerate() {
        for (index, constraint) in claim.constraints.iter().enumerate() {
            let mut without = claims.to_vec();
            without[place].constraints.remove(index);
            let nodes = cache.nodes();
            let bound = nodes.filter(|node| fits(node, &without) && !fits(node, claims));
            let count = bound.count();
            if count > 0 {
                lines.push(format!(
                    "claim {}, spec.devices.constraints[{index}]: `matchAttribute: {}` is in the way: without \
                     it {} enough",
                    claim.name,
                    constraint.attribute,
                    have(count)
                ));
            }
        }
    }
    lines
}

fn have(count: usize) -> String {
    let verb = if count == 1 { "has" } else { "have" };
    format!("{} {verb}", plural::count(count, "node"))
}

#[cfg(test)]
mod tests;
