//! Requests of pod sets for places in topologies, and the places that they get.

use std::sync::Arc;

use model::queueing::{TopologyAssignment, TopologyConstraint, TopologyRequest, TopologySlice};
use model::{PodSpec, Text};
use units::SortedMap;

use super::count::{PodDemand, Shape, counts};
use super::count_cache::CountCache;
use super::level::{Search, has_room};
use super::tree::FlavorTopology;
use super::{Topologies, Usage, Values, scaled};
use crate::names::{Flavor, Names, Resource};
use crate::workload::PendingWorkload;

/// A group of pod sets that has no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Names of the sets.
    pub sets: Vec<Text>,
    /// Reason.
    pub reason: String,
}

/// Topologies and the names in them, by which places are given.
#[derive(Clone, Copy, Debug)]
pub struct PlacementContext<'a> {
    /// Topologies and their use.
    pub topologies: &'a Topologies,
    /// Numbers of flavors and resources.
    pub names: &'a Names,
    /// Order of domains for pods that may be anywhere: the fullest first.
    pub fills_smallest: bool,
}

impl<'a> PlacementContext<'a> {
    fn placing(self, topology: &'a FlavorTopology, usage: Usage) -> GroupPlacement<'a> {
        GroupPlacement {
            topologies: self.topologies,
            names: self.names,
            topology,
            usage,
            fills_smallest: self.fills_smallest,
        }
    }
}

/// A pod set with flavors.
#[derive(Clone, Debug)]
pub struct PodSetFlavors {
    /// Place of the pod set among those of the workload.
    pub index: usize,
    /// Number of pods.
    pub count: i64,
    /// Flavors of its resources.
    pub flavors: Vec<Flavor>,
}

/// The request of one pod set.
#[derive(Clone, Debug)]
struct PlaceRequest {
    set: Text,
    flavor: Flavor,
    count: i64,
    /// Requests of one pod, without `pods`.
    single: Vec<(Resource, i64)>,
    spec: Arc<PodSpec>,
    /// `None` where a topology is implied.
    request: Option<TopologyRequest>,
    /// A lowest domain and a level: the pods have to be in the domain of that level around it.
    beside: Option<(Values, Text)>,
}

impl PlaceRequest {
    fn group(&self) -> Option<&Text> {
        self.request
            .as_ref()
            .and_then(|request| request.group.as_ref())
    }
}

/// Pods of a set that have lost their node.
#[derive(Clone, Copy, Debug)]
pub struct LostPods<'a> {
    /// Flavor of the set's places.
    pub flavor: Flavor,
    /// Number of pods on the lost node.
    pub count: i64,
    /// Places of the other pods, with their numbers.
    pub left: &'a [(Vec<Text>, i64)],
}

/// Requests of the pod sets of a workload.
#[derive(Clone, Debug, Default)]
pub struct PlaceRequests(Vec<PlaceRequest>);

/// Usage of pod sets that were placed before: of hosts, or of domains of one flavor.
type AssumedUsage = SortedMap<Option<Flavor>, SortedMap<Values, Vec<(Resource, i64)>>>;

impl PlaceRequests {
    /// Requests of pod sets with these flavors; in a queue whose flavors all have topologies, all sets
    /// ask.
    pub fn new(
        ground: PlacementContext<'_>,
        is_implied: bool,
        pending: &PendingWorkload,
        sets: impl Iterator<Item = PodSetFlavors>,
    ) -> Self {
        let pods = ground.topologies.pods();
        let mut requests = Vec::new();
        for set in sets {
            let stated = &pending.workload.pod_sets[set.index];
            if stated.topology.is_none() && !is_implied {
                continue;
            }
            let mut flavors = set.flavors.into_iter();
            let flavor = flavors.find(|flavor| ground.topologies.get(*flavor).is_some());
            let Some(flavor) = flavor else {
                continue;
            };
            let mut single = pending.sets[set.index].single.clone();
            single.retain(|(resource, _)| Some(*resource) != pods);
            requests.push(PlaceRequest {
                set: stated.name.clone(),
                flavor,
                count: set.count,
                single,
                spec: stated.spec.clone(),
                request: stated.topology.clone(),
                beside: None,
            });
        }
        requests.sort_by_key(|request| ground.names.flavor_name(request.flavor).clone());
        Self(requests)
    }

    /// The request for the pods of a set that have lost their node, beside those that are left: in the
    /// domain that they have to share, or in the slice that is not complete.
    pub fn replacing(
        ground: PlacementContext<'_>,
        pending: &PendingWorkload,
        index: usize,
        lost: &LostPods<'_>,
    ) -> Self {
        let stated = &pending.workload.pod_sets[index];
        let mut request = stated.topology.clone();
        let mut beside = None;
        if let Some(request) = &mut request {
            request.group = None;
            let topology = ground.topologies.get(lost.flavor);
            let slice = request.slices.first().cloned();
            let open = slice.as_ref().and_then(|slice| {
                let topology = topology?;
                let level = topology.level(&slice.level)?;
                let domain = |leaf: &Values| topology.domain_at(leaf, level);
                let leaf = lost.left.iter().map(|(leaf, _)| leaf).find(|leaf| {
                    let own = lost
                        .left
                        .iter()
                        .filter(|(other, _)| domain(other) == domain(leaf));
                    own.map(|(_, count)| count).sum::<i64>() % slice.size != 0
                });
                Some((leaf?.clone(), slice.level.clone()))
            });
            if let Some((leaf, level)) = open {
                request.slices.clear();
                request.wish = Some(TopologyConstraint::Required(level.clone()));
                beside = Some((leaf, level));
            } else if let Some(TopologyConstraint::Required(level)) = &request.wish {
                let first = lost.left.first();
                beside = first.map(|(leaf, _)| (leaf.clone(), level.clone()));
            }
        }
        let mut single = pending.sets[index].single.clone();
        single.retain(|(resource, _)| Some(*resource) != ground.topologies.pods());
        Self(vec![PlaceRequest {
            set: stated.name.clone(),
            flavor: lost.flavor,
            count: lost.count,
            single,
            spec: stated.spec.clone(),
            request,
            beside,
        }])
    }

    /// Whether no pod set asks for a place.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names of the pod sets that ask.
    pub fn sets(&self) -> impl Iterator<Item = &Text> {
        self.0.iter().map(|own| &own.set)
    }

    /// Whether all pod sets have a place, with numbers that are kept.
    pub fn fit(&self, ground: PlacementContext<'_>, usage: Usage, kept: &mut CountCache) -> bool {
        if let [request] = &self.0[..]
            && request.beside.is_none()
            && let Some(topology) = ground.topologies.get(request.flavor)
        {
            let placing = ground.placing(topology, usage);
            return placing.has_room(request, kept);
        }
        self.place_with(ground, usage, Some(kept)).is_ok()
    }

    /// Places for all pod sets, one group after the other.
    ///
    /// # Errors
    /// A group has no place.
    pub fn place(
        &self,
        ground: PlacementContext<'_>,
        usage: Usage,
    ) -> Result<Vec<(Text, TopologyAssignment)>, Failure> {
        self.place_with(ground, usage, None)
    }

    /// [`Self::place`], with numbers that are kept.
    ///
    /// # Errors
    /// A group has no place.
    pub fn place_with(
        &self,
        ground: PlacementContext<'_>,
        usage: Usage,
        mut kept: Option<&mut CountCache>,
    ) -> Result<Vec<(Text, TopologyAssignment)>, Failure> {
        let mut found = Vec::new();
        let mut assumed = AssumedUsage::default();
        let mut done = vec![false; self.0.len()];
        for (index, request) in self.0.iter().enumerate() {
            if done[index] {
                continue;
            }
            let members = self.0.iter().enumerate().filter(|(other, own)| {
                let is_in_group = own.flavor == request.flavor
                    && request.group().is_some()
                    && own.group() == request.group();
                *other == index || (*other > index && is_in_group)
            });
            let members: Vec<(usize, &PlaceRequest)> = members.collect();
            for (member, _) in &members {
                done[*member] = true;
            }
            let members: Vec<&PlaceRequest> = members.into_iter().map(|(_, own)| own).collect();
            let topologies = ground.topologies;
            let Some(topology) = topologies.get(request.flavor) else {
                continue;
            };
            let key = (!topology.is_by_host()).then_some(request.flavor);
            let of_key = assumed.entry(key).or_default();
            let placing = ground.placing(topology, usage);
            let places = placing.place(&members, of_key, kept.as_deref_mut());
            let places = places.map_err(|reason| Failure {
                sets: members.iter().map(|member| member.set.clone()).collect(),
                reason,
            })?;
            for (member, place) in places {
                for (values, count) in &place.domains {
                    let mut amounts = scaled(&member.single, *count);
                    amounts.extend(topologies.pods().map(|pods| (pods, *count)));
                    of_key
                        .entry(topology.leaf_key(values))
                        .or_default()
                        .extend(amounts);
                }
                found.push((member.set.clone(), place));
            }
        }
        Ok(found)
    }
}

/// The placing of groups in one topology.
struct GroupPlacement<'a> {
    topologies: &'a Topologies,
    names: &'a Names,
    topology: &'a FlavorTopology,
    usage: Usage,
    fills_smallest: bool,
}

impl GroupPlacement<'_> {
    /// Places for a group: of pods alone, or of pods and their leader.
    fn place<'r>(
        &self,
        members: &[&'r PlaceRequest],
        assumed: &SortedMap<Values, Vec<(Resource, i64)>>,
        kept: Option<&mut CountCache>,
    ) -> Result<Vec<(&'r PlaceRequest, TopologyAssignment)>, String> {
        let (workers, leader) = match members {
            [one, other, ..] if other.count > one.count => (*other, Some(*one)),
            [one, other, ..] => (*one, Some(*other)),
            [one] => (*one, None),
            [] => return Ok(Vec::new()),
        };
        let shape = self.shape(workers, leader.is_some())?;
        let requests = self.with_pods(workers);
        let of_leader = leader.map(|own| self.with_pods(own));
        let wanted = PodDemand {
            requests: &requests,
            leader: of_leader.as_deref(),
            spec: &workers.spec,
            usage: self.usage,
            assumed,
            within: self.within(workers)?,
        };
        let is_plain = leader.is_none() && assumed.is_empty() && wanted.within.is_none();
        let (counts, exclusions) = match kept.filter(|_| is_plain) {
            Some(kept) => {
                let own = kept.numbers(self.topology, self.names, &workers.spec, &wanted, &shape);
                (own.counts.clone(), own.exclusions.clone())
            }
            None => counts(self.topology, self.names, &wanted, &shape),
        };
        let mut search = Search {
            topology: self.topology,
            names: self.names,
            shape: &shape,
            counts,
            exclusions,
        };
        let (level, domains) = search.level(shape.level)?;
        let domains = search.fill(level, domains);
        let mut places = Vec::new();
        if let Some(leader) = leader {
            let counts = |domain: usize| search.counts[domain].leaders;
            places.push((leader, self.assignment(&domains, counts)));
        }
        let counts = |domain: usize| search.counts[domain].pods;
        places.push((workers, self.assignment(&domains, counts)));
        Ok(places)
    }

    /// Whether pods without a leader, that need not be beside others, have a place.
    fn has_room(&self, request: &PlaceRequest, kept: &mut CountCache) -> bool {
        let Ok(shape) = self.shape(request, false) else {
            return false;
        };
        let requests = self.with_pods(request);
        let wanted = PodDemand {
            requests: &requests,
            leader: None,
            spec: &request.spec,
            usage: self.usage,
            assumed: &SortedMap::default(),
            within: None,
        };
        let own = kept.numbers(self.topology, self.names, &request.spec, &wanted, &shape);
        has_room(self.topology, &shape, &own.counts)
    }

    /// Requests of one pod of a set, `pods` included.
    fn with_pods(&self, request: &PlaceRequest) -> Vec<(Resource, i64)> {
        let mut requests = request.single.clone();
        requests.extend(self.topologies.pods().map(|pods| (pods, 1)));
        requests
    }

    /// The domain that all pods have to be in.
    fn within(&self, request: &PlaceRequest) -> Result<Option<usize>, String> {
        let Some((leaf, level)) = &request.beside else {
            return Ok(None);
        };
        let level = self.topology.level(level);
        let found = level.and_then(|level| self.topology.domain_at(leaf, level));
        let missing = || "the domain of the other pods is gone".to_owned();
        found.map(Some).ok_or_else(missing)
    }

    /// Domains in order of their values, with their numbers of pods.
    fn assignment(&self, domains: &[usize], count: impl Fn(usize) -> i64) -> TopologyAssignment {
        let mut domains: Vec<usize> = domains
            .iter()
            .copied()
            .filter(|domain| count(*domain) > 0)
            .collect();
        domains.sort_by(|one, other| self.topology.compare_values(*one, *other));
        let domains = domains.into_iter().map(|domain| {
            let values = &self.topology.domains[domain].values;
            (self.topology.leaf_key(values), count(domain))
        });
        TopologyAssignment {
            levels: self.topology.leaf_key(&self.topology.levels),
            domains: domains.collect(),
        }
    }

    /// Shape of the wanted set, by the request of the workers.
    fn shape(&self, workers: &PlaceRequest, has_leader: bool) -> Result<Shape, String> {
        let topology = self.topology;
        let lowest = topology.levels.len() - 1;
        let wish = workers
            .request
            .as_ref()
            .and_then(|request| request.wish.as_ref());
        let slices = workers
            .request
            .as_ref()
            .map_or(&[][..], |request| &request.slices);
        let find = |key: &Text, what: &str| {
            let found = topology.level(key);
            found.ok_or_else(|| format!("no requested topology level{what}: {key}"))
        };
        let level = match wish {
            Some(TopologyConstraint::Required(key) | TopologyConstraint::Preferred(key)) => {
                find(key, "")?
            }
            _ if !slices.is_empty() => 0,
            Some(TopologyConstraint::Unconstrained) => lowest,
            None if workers.request.is_none() => lowest,
            None => return Err("topology level not specified".to_owned()),
        };
        let outer = slices.first();
        let slice_level = outer
            .map(|slice| find(&slice.level, " for slices"))
            .transpose()?;
        let slice_level = slice_level.unwrap_or(lowest);
        if level > slice_level {
            return Err(format!(
                "podset slice topology {} is above the podset topology {}",
                topology.levels[slice_level], topology.levels[level]
            ));
        }
        let is_free = !matches!(
            wish,
            Some(TopologyConstraint::Required(_) | TopologyConstraint::Preferred(_))
        );
        let mut layers = Vec::new();
        if slices.len() > 1 {
            for slice in slices {
                layers.push((
                    find(&slice.level, " for additional slice layer")?,
                    slice.size,
                ));
            }
        }
        Ok(Shape {
            count: workers.count,
            leaders: i64::from(has_leader),
            slice_size: outer.map_or(1, |slice| slice.size),
            slice_level,
            inner: self.inner(slices)?,
            level,
            is_required: matches!(wish, Some(TopologyConstraint::Required(_))),
            is_free,
            takes_least: is_free && self.fills_smallest,
            layers,
        })
    }

    /// Pods of inner slices, by level.
    fn inner(&self, slices: &[TopologySlice]) -> Result<SortedMap<usize, i64>, String> {
        let mut inner = SortedMap::default();
        for pair in slices.windows(2) {
            let (outer, layer) = (&pair[0], &pair[1]);
            let level = |slice: &TopologySlice| {
                let found = self.topology.level(&slice.level);
                let key = &slice.level;
                found.ok_or_else(|| {
                    format!("no requested topology level for additional slice layer: {key}")
                })
            };
            let (above, own) = (level(outer)?, level(layer)?);
            if own <= above {
                return Err(format!(
                    "additional slice layer topology {} must be at a lower level than {}",
                    layer.level, outer.level
                ));
            }
            if outer.size % layer.size != 0 {
                return Err(format!(
                    "additional slice layer size {} must evenly divide parent layer size {}",
                    layer.size, outer.size
                ));
            }
            inner.extend((above + 1..=own).map(|level| (level, layer.size)));
        }
        Ok(inner)
    }
}
