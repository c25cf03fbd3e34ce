//! Pods as the scheduler sees them: amounts derived once per class (spec: kubernetes.md 1.6) and
//! the few facts that differ between pods of a class.

use std::sync::Arc;

use super::GroupRef;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{
    Affinity, Change, Changes, DeviceSet, HostPort, PodName, PodSpec, PodVolume, ResourceList, Text,
};
use units::{Quantity, QuantityError, SortedMap};

/// CPU that a container without a CPU request counts as in scores, in milli-cores.
const DEFAULT_CPU_MILLI: i64 = 100;
/// Memory that a container without a memory request counts as in scores, in bytes.
const DEFAULT_MEMORY_BYTES: i64 = 200 * 1024 * 1024;

/// Integer amounts of resources as the scheduler keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Milli-cores.
    pub cpu_milli: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes of node-local scratch storage.
    pub storage: i64,
    /// Pod slots (of nodes).
    pub pods: i64,
    /// Extended resources, huge pages and the like by name.
    pub scalars: SortedMap<Text, i64>,
}

impl Amounts {
    /// The amounts of a list, each rounded up once.
    pub fn of(list: &ResourceList) -> Result<Self, QuantityError> {
        let mut amounts = Self::default();
        for (name, amount) in list.named() {
            match &**name {
                CPU => amounts.cpu_milli = amount.milli_ceil()?,
                MEMORY => amounts.memory = amount.units_ceil()?,
                EPHEMERAL_STORAGE => amounts.storage = amount.units_ceil()?,
                PODS => amounts.pods = amount.units_ceil()?,
                scalar if is_scalar(scalar) => {
                    amounts.scalars.insert(name.clone(), amount.units_ceil()?);
                }
                _ => {}
            }
        }
        Ok(amounts)
    }

    /// The amount of a scalar resource; 0 if there is none.
    pub fn scalar(&self, name: &str) -> i64 {
        self.scalars.get(name).copied().unwrap_or(0)
    }

    /// Adds `sign` times other amounts, pod slots left out. Amounts are far below overflow:
    /// each is checked at the border of its file.
    pub fn change(&mut self, other: &Self, sign: i64) {
        self.cpu_milli = self.cpu_milli.saturating_add(sign * other.cpu_milli);
        self.memory = self.memory.saturating_add(sign * other.memory);
        self.storage = self.storage.saturating_add(sign * other.storage);
        for (name, amount) in &other.scalars {
            let known = self.scalars.entry(name.clone()).or_insert(0);
            *known = known.saturating_add(sign * amount);
        }
    }
}

/// Whether a resource is kept by name: extended, huge pages, attachable volumes, or of
/// `kubernetes.io`.
pub fn is_scalar(name: &str) -> bool {
    is_extended(name)
        || name.starts_with("hugepages-")
        || name.starts_with("attachable-volumes-")
        || name.contains("kubernetes.io/")
}

/// Whether a resource is an extended one: of a domain other than `kubernetes.io`.
pub fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.")
}

/// A pod spec with what placements derive from it.
#[derive(Clone, Debug, Default)]
pub struct PodClass {
    /// The spec.
    pub spec: Arc<PodSpec>,
    /// Resources that the pod class requests.
    pub requests: Amounts,
    /// Requests with defaults for containers without cpu or memory requests, as counted on the
    /// pod's node in scores.
    pub non_zero: Amounts,
    /// Requests as counted while the pod is being placed: like `non_zero`, without pod-level
    /// requests.
    pub scored: Amounts,
    /// Ports it takes on its node.
    pub host_ports: Vec<HostPort>,
    /// `true` if the class has terms about other pods, required or preferred.
    pub has_terms: bool,
}

impl PodClass {
    /// Derives everything from a spec, as releases with these switches do (spec:
    /// kubernetes-releases.md A4, A5, A12).
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn derive(spec: Arc<PodSpec>, changes: Changes) -> Result<Self, QuantityError> {
        let heeded = if changes.has(Change::PodLevelResources) || spec.pod_requests.is_empty() {
            spec.clone()
        } else {
            Arc::new(PodSpec {
                pod_requests: ResourceList::default(),
                ..(*spec).clone()
            })
        };
        let requests = heeded.requests()?;
        let is_stated_as_whole = !heeded.pod_requests.is_empty();
        let counts = |name: &str| !is_stated_as_whole || !requests.contains(name);
        let non_zero = Amounts::of(&with_defaults(&heeded, counts).requests()?)?;
        let mut plain = with_defaults(&heeded, |_| true);
        plain.pod_requests = ResourceList::default();
        let scored = plain.requests()?;
        let sidecars = heeded
            .init_containers
            .iter()
            .filter(|init_container| init_container.restartable);
        let sidecars = sidecars.filter(|_| changes.has(Change::SidecarHostPorts));
        let host_ports = heeded
            .containers
            .iter()
            .chain(sidecars)
            .flat_map(|container| container.host_ports.iter().cloned())
            .collect();
        Ok(Self {
            requests: Amounts::of(&requests)?,
            non_zero: if changes.has(Change::SidecarDefaults) {
                non_zero
            } else {
                non_zero_apart(&heeded, non_zero)?
            },
            scored: Amounts::of(&scored)?,
            host_ports,
            has_terms: has_terms(&spec.affinity),
            spec,
        })
    }
}

/// Cpu and memory as releases before 1.32 counted them on a pod's node: the sum over containers, or
/// the largest of init containers if that is more, each with its own defaults. A sidecar counts as
/// an init container, together with the sidecars before it.
fn non_zero_apart(spec: &PodSpec, amounts: Amounts) -> Result<Amounts, QuantityError> {
    let filled = |list: &ResourceList| {
        let own = Amounts::of(list)?;
        let cpu_milli = if list.contains(CPU) {
            own.cpu_milli
        } else {
            DEFAULT_CPU_MILLI
        };
        let memory = if list.contains(MEMORY) {
            own.memory
        } else {
            DEFAULT_MEMORY_BYTES
        };
        Ok::<Amounts, QuantityError>(Amounts {
            cpu_milli,
            memory,
            ..Amounts::default()
        })
    };
    let mut sum = Amounts::default();
    for container in &spec.containers {
        sum.change(&filled(&container.requests)?, 1);
    }
    let mut sidecars = ResourceList::default();
    for container in &spec.init_containers {
        let mut with_sidecars = sidecars.clone();
        with_sidecars.add(&container.requests)?;
        if container.restartable {
            sidecars = with_sidecars.clone();
        }
        let own = filled(&with_sidecars)?;
        sum.cpu_milli = sum.cpu_milli.max(own.cpu_milli);
        sum.memory = sum.memory.max(own.memory);
    }
    sum.change(&Amounts::of(&spec.overhead)?, 1);
    Ok(Amounts {
        cpu_milli: sum.cpu_milli,
        memory: sum.memory,
        ..amounts
    })
}

fn has_terms(affinity: &Affinity) -> bool {
    !(affinity.required_pod_affinity.is_empty()
        && affinity.required_pod_anti_affinity.is_empty()
        && affinity.preferred_pod_affinity.is_empty()
        && affinity.preferred_pod_anti_affinity.is_empty())
}

/// The resources of a spec, with defaults for containers that don't mention cpu or memory where
/// `counts` says so.
fn with_defaults(spec: &PodSpec, counts: impl Fn(&str) -> bool) -> PodSpec {
    let mut filled = PodSpec {
        containers: spec.containers.clone(),
        init_containers: spec.init_containers.clone(),
        overhead: spec.overhead.clone(),
        pod_requests: spec.pod_requests.clone(),
        ..PodSpec::default()
    };
    let defaults = [
        (CPU, Quantity::from_milli(DEFAULT_CPU_MILLI)),
        (MEMORY, Quantity::from_units(DEFAULT_MEMORY_BYTES)),
    ];
    for (name, amount) in defaults.into_iter().filter(|(name, _)| counts(name)) {
        let containers = filled.containers.iter_mut();
        for container in containers.chain(&mut filled.init_containers) {
            if !container.requests.contains(name) {
                container.requests.set(name, amount);
            }
        }
    }
    filled
}

/// A pod as the scheduler sees it. There are as many as pods live, so what few pods have lies apart.
#[derive(Clone, Debug, Default)]
pub struct PodInfo {
    /// The pod's class.
    pub class: Arc<PodClass>,
    /// The pod's identity in the scheduler, where it has one; 0 is none.
    pub uid: u64,
    /// The pod's name, unique in its namespace.
    pub name: PodName,
    /// Rarely used facts of the pod.
    pub few: RareFacts,
    /// Instant at which the pod's node took it up.
    pub start: Start,
    /// `true` if the pod's scheduler found it a place, where the node is known without its name.
    pub is_assigned: bool,
    /// Marks a pod that was asked to end.
    pub is_terminating: bool,
    /// Marks a pod that ends because the scheduler preempted it.
    pub is_preempted: bool,
}

/// Rarely used facts of a pod: see the methods of [`PodInfo`].
#[derive(Clone, Debug, Default)]
pub struct RareFacts(Option<Box<Facts>>);

#[derive(Clone, Debug, Default)]
struct Facts {
    accounted: Option<Arc<PodClass>>,
    node_name: Option<Text>,
    nominated_node: Option<Text>,
    group: Option<GroupRef>,
    devices: DeviceSet,
    started_secs: i64,
}

/// Instant at which a node took a pod up: see [`PodInfo::started_secs`].
#[derive(Clone, Copy, Debug)]
pub struct Start(i32);

impl Start {
    /// Not yet.
    const NEVER: Self = Self(i32::MIN);
    /// Marker that the value is stored separately because it is out of range.
    const APART: Self = Self(i32::MIN + 1);
}

impl Default for Start {
    fn default() -> Self {
        Self::NEVER
    }
}

impl PodInfo {
    /// The pod's class with the requests its node accounts for, where a resize in place makes them
    /// differ.
    pub fn accounted(&self) -> Option<&Arc<PodClass>> {
        self.facts()?.accounted.as_ref()
    }

    /// The node that its spec names.
    pub fn node_name(&self) -> Option<&Text> {
        self.facts()?.node_name.as_ref()
    }

    /// The node it awaits a place on.
    pub fn nominated_node(&self) -> Option<&Text> {
        self.facts()?.nominated_node.as_ref()
    }

    /// The group it starts with, if any.
    pub fn group(&self) -> Option<GroupRef> {
        self.facts()?.group
    }

    /// The GPU devices it takes on its node.
    pub fn devices(&self) -> DeviceSet {
        self.facts().map_or(DeviceSet::EMPTY, |facts| facts.devices)
    }

    /// Instant at which the pod's node took it up, in whole seconds; `None` is not yet.
    pub fn started_secs(&self) -> Option<i64> {
        match self.start.0 {
            start if start == Start::NEVER.0 => None,
            start if start == Start::APART.0 => self.facts().map(|facts| facts.started_secs),
            start => Some(i64::from(start)),
        }
    }

    /// States the class that its node accounts for, or that it is its own.
    pub fn set_accounted(&mut self, class: Option<Arc<PodClass>>) {
        if class.is_some() || self.accounted().is_some() {
            self.facts_mut().accounted = class;
        }
    }

    /// States the node that its spec names.
    pub fn set_node_name(&mut self, node: Option<Text>) {
        if node.is_some() || self.node_name().is_some() {
            self.facts_mut().node_name = node;
        }
    }

    /// States the node it awaits a place on.
    pub fn set_nominated_node(&mut self, node: Option<Text>) {
        if node.is_some() || self.nominated_node().is_some() {
            self.facts_mut().nominated_node = node;
        }
    }

    /// States the group it starts with.
    pub fn set_group(&mut self, group: Option<GroupRef>) {
        if group.is_some() || self.group().is_some() {
            self.facts_mut().group = group;
        }
    }

    /// States the GPU devices it takes on its node.
    pub fn set_devices(&mut self, devices: DeviceSet) {
        if devices != self.devices() {
            self.facts_mut().devices = devices;
        }
    }

    /// States when its node took it up, in whole seconds.
    pub fn set_started_secs(&mut self, seconds: Option<i64>) {
        self.start = match seconds.map(|seconds| (seconds, i32::try_from(seconds))) {
            None => Start::NEVER,
            Some((_, Ok(seconds))) if seconds > Start::APART.0 => Start(seconds),
            Some((seconds, _)) => {
                self.facts_mut().started_secs = seconds;
                Start::APART
            }
        };
    }

    #[inline]
    fn facts(&self) -> Option<&Facts> {
        self.few.0.as_deref()
    }

    fn facts_mut(&mut self) -> &mut Facts {
        self.few.0.get_or_insert_default()
    }

    /// The pod's spec.
    pub fn spec(&self) -> &PodSpec {
        &self.class.spec
    }

    /// `true` if the pod has a node.
    pub fn has_node(&self) -> bool {
        self.is_assigned || self.node_name().is_some()
    }

    /// The pod's priority.
    pub fn priority(&self) -> i32 {
        self.class.spec.priority
    }

    /// The class that its node accounts for.
    pub fn counted_class(&self) -> &Arc<PodClass> {
        self.accounted().unwrap_or(&self.class)
    }

    /// Whether this is the same pod.
    pub fn is(&self, other: &Self) -> bool {
        self.uid == other.uid
            && self.name == other.name
            && self.spec().namespace == other.spec().namespace
    }

    /// `NAMESPACE/NAME`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.spec().namespace, self.name)
    }

    /// The names of its claims, in order of its volumes.
    pub fn claim_names(&self) -> impl Iterator<Item = Text> {
        self.claims().map(|(name, _)| name)
    }

    /// The names of the claims that its volumes state, without those made for it alone.
    pub fn stated_claim_names(&self) -> impl Iterator<Item = Text> {
        let stated = self.claims().filter(|(_, is_made)| !is_made);
        stated.map(|(name, _)| name)
    }

    /// The names of its claims, in order of its volumes, and whether each is made for it alone.
    pub fn claims(&self) -> impl Iterator<Item = (Text, bool)> {
        self.spec()
            .volumes
            .iter()
            .filter_map(|volume| match volume {
                PodVolume::Claim(name) => Some((name.clone(), false)),
                PodVolume::Ephemeral(own) => Some((own.claim_of(&self.name.text()), true)),
                _ => None,
            })
    }

    /// The key that orders pods from most to least important: higher priority first, then earlier
    /// start; a pod without a start is as one that starts now.
    pub fn importance(&self) -> (std::cmp::Reverse<i32>, i64) {
        (
            std::cmp::Reverse(self.priority()),
            self.started_secs().unwrap_or(i64::MAX),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pod_is_told_lies_in_little_memory() {
        assert!(size_of::<PodInfo>() <= 56);
        let mut info = PodInfo::default();
        let far = i64::from(i32::MIN);
        for start in [
            None,
            Some(0),
            Some(-5),
            Some(far),
            Some(far + 1),
            Some(far + 2),
            Some(i64::MAX),
        ] {
            info.set_started_secs(start);
            assert_eq!(info.started_secs(), start);
        }
        info.set_node_name(Some("a".into()));
        info.set_devices(DeviceSet::of(3));
        info.set_nominated_node(Some("b".into()));
        assert_eq!(info.node_name().map(|name| &**name), Some("a"));
        info.set_node_name(None);
        info.set_nominated_node(None);
        assert_eq!((info.node_name(), info.nominated_node()), (None, None));
        assert_eq!(info.devices(), DeviceSet::of(3));
    }
}
