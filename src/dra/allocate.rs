//! The allocator: what drivers offer, what is in use, and the devices that claims get on a node.

use std::ops::Range;

use model::dra::{Device, DeviceClass, ResourceClaim, ResourceSlice, SliceNodes};
use model::{Labels, NodeSelector, NodeSelectorTerm, Operator, Requirement, Text};
use units::{SortedMap, SortedSet};

use super::cel::{CompileError, DeviceFacts, Selector};
use super::pools::{self, Pool};
use super::requests::prepare;
use super::search::{Search, Walk};

/// Most devices that a claim may hold (`AllocationResultsMaxSize`).
pub const MOST_DEVICES: usize = 32;

/// A release of kube-scheduler, as far as its allocators differ (spec: batch-on-kubernetes.md 2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// 1.34: the order of pools is random there, and two quirks concern `All` among alternatives.
    V1_34,
    /// 1.36: pools go by driver and name, and those that are not whole show no devices.
    #[default]
    V1_36,
}

/// A node that claims are to be allocated on.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The node's name.
    pub name: &'a str,
    /// The node's labels.
    pub labels: &'a Labels,
}

/// A device in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceId {
    /// Name of the driver.
    pub driver: Text,
    /// Name of the pool.
    pub pool: Text,
    /// Name of the device.
    pub device: Text,
}

/// A device that a claim gets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllocatedDevice {
    /// The request that it is for; with the name of the alternative, `request/alternative`.
    pub request: Text,
    /// The device.
    pub id: DeviceId,
    /// Whether others may have the device, too.
    pub admin_access: bool,
}

/// Devices that a claim gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocated {
    /// The devices, in the order in which they were chosen.
    pub devices: Vec<AllocatedDevice>,
    /// Nodes that can use all of them; `None` is every node.
    pub nodes: Option<NodeSelector>,
}

/// A reason that an allocation ends before it is clear whether there is one; it ends the attempt to
/// schedule the pod.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllocationError {
    /// A request names a class that is not there.
    #[error(
        "request {request}: there is no DeviceClass `{class}`; declare it, or name another one"
    )]
    UnknownClass {
        /// The request.
        request: Text,
        /// The class.
        class: Text,
    },
    /// A selector is none, or found what it can't work with.
    #[error("request {request}: selector `{expression}`: {words}")]
    Selector {
        /// The request.
        request: Text,
        /// The selector.
        expression: Text,
        /// The reason in words.
        words: String,
    },
    /// A request for all devices meets a pool that is being updated or has two devices of one name.
    #[error(
        "request {request}: it asks for all devices, but the pool `{pool}` of `{driver}` is incomplete \
         or has two devices of one name"
    )]
    AllOfBrokenPool {
        /// The request.
        request: Text,
        /// Driver of the pool.
        driver: Text,
        /// The pool.
        pool: Text,
    },
    /// A pool has two devices of one name.
    #[error("the pool `{pool}` of `{driver}` has two devices of one name")]
    BrokenPool {
        /// Driver of the pool.
        driver: Text,
        /// The pool.
        pool: Text,
    },
    /// A constraint keeps a device out of a request that asks for all.
    #[error(
        "request {request}: a constraint of the claim keeps the device `{device}` out of all devices"
    )]
    Constraint {
        /// The request.
        request: Text,
        /// The device.
        device: Text,
    },
    /// A claim asks for more devices than it may hold.
    #[error("claim {claim}: it asks for {fewest} devices at least, and a claim holds 32 at most")]
    TooMany {
        /// The claim.
        claim: Text,
        /// Number of devices that it takes at least.
        fewest: usize,
    },
    /// The search took too many steps.
    #[error("the search for devices took more than {0} steps; ask for fewer devices at once")]
    Abandoned(u64),
}

/// A selector as stated, and compiled.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) text: Text,
    pub(crate) program: Result<Selector, CompileError>,
}

impl Compiled {
    pub(crate) fn new(text: &Text) -> Self {
        Self {
            text: text.clone(),
            program: Selector::compile(text),
        }
    }
}

/// A device of a slice.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) slice: usize,
    /// Place in the slice.
    device: usize,
    /// Number of the device's id; a device may stand in slices of several generations or nodes.
    pub(crate) identity: usize,
    pub(crate) facts: DeviceFacts,
}

/// The device allocator of kube-scheduler over what drivers offer and what is in use.
#[derive(Clone, Debug)]
pub struct Allocator {
    pub(crate) variant: Variant,
    pub(crate) slices: Vec<ResourceSlice>,
    pub(crate) classes: SortedMap<Text, Vec<Compiled>>,
    /// All devices, slice by slice.
    pub(crate) devices: Vec<Known>,
    /// The devices of each slice.
    ranges: Vec<Range<usize>>,
    /// Number of different ids.
    pub(crate) identities: usize,
    /// Devices in use, by the number of the id.
    pub(crate) in_use: Vec<bool>,
    walk: Walk,
}

impl Allocator {
    /// An allocator over slices in the order of the lister. A class that is there twice counts as last
    /// stated; devices in use that no slice has do not matter.
    pub fn new(
        variant: Variant,
        slices: Vec<ResourceSlice>,
        classes: &[DeviceClass],
        in_use: &SortedSet<DeviceId>,
    ) -> Self {
        let mut numbers: SortedMap<DeviceId, usize> = SortedMap::new();
        let (mut devices, mut ranges, mut used) = (Vec::new(), Vec::new(), Vec::new());
        for (slice, own) in slices.iter().enumerate() {
            let first = devices.len();
            for (device, stated) in own.devices.iter().enumerate() {
                let id = id(own, stated);
                let is_used = in_use.contains(&id);
                let next = numbers.len();
                let identity = *numbers.entry(id).or_insert(next);
                if identity == next {
                    used.push(is_used);
                }
                devices.push(Known {
                    slice,
                    device,
                    identity,
                    facts: DeviceFacts::new(&own.driver, stated),
                });
            }
            ranges.push(first..devices.len());
        }
        let compiled = |class: &DeviceClass| {
            let selectors = class.selectors.iter().map(Compiled::new);
            (class.name.clone(), selectors.collect())
        };
        Self {
            variant,
            classes: classes.iter().map(compiled).collect(),
            slices,
            devices,
            ranges,
            identities: numbers.len(),
            in_use: used,
            walk: Walk::Sets,
        }
    }

    /// The same with another way through the choices, which decides alike.
    #[must_use]
    pub const fn with_walk(mut self, walk: Walk) -> Self {
        self.walk = walk;
        self
    }

    /// The pools that a node sees, by driver and name.
    pub fn pools(&self, node: &Place<'_>) -> Vec<Pool> {
        pools::gather(self.variant, &self.slices, node)
    }

    /// The devices that claims get on a node, all of them together; `None` if there is no solution.
    ///
    /// # Errors
    /// A claim, a class or a pool is such that the attempt ends.
    pub fn allocate(
        &self,
        node: &Place<'_>,
        claims: &[ResourceClaim],
    ) -> Result<Option<Vec<Allocated>>, AllocationError> {
        self.allocate_from(&self.pools(node), claims)
    }

    /// The same from pools in a given order, which is random in 1.34.
    ///
    /// # Errors
    /// A claim, a class or a pool is such that the attempt ends.
    pub fn allocate_from(
        &self,
        pools: &[Pool],
        claims: &[ResourceClaim],
    ) -> Result<Option<Vec<Allocated>>, AllocationError> {
        let mut requests = Vec::new();
        for claim in claims {
            requests.push(prepare(self, pools, claim)?);
        }
        let search = Search::new(self, pools, claims, requests);
        let Some(chosen) = search.run(self.walk)? else {
            return Ok(None);
        };
        let allocated = chosen.into_iter().map(|devices| Allocated {
            nodes: self.nodes_of(devices.iter().map(|&(device, _)| device)),
            devices: devices.into_iter().map(|(_, own)| own).collect(),
        });
        Ok(Some(allocated.collect()))
    }

    /// Places of a pool's devices among all.
    pub(crate) fn devices_of(&self, pool: &Pool) -> impl Iterator<Item = usize> {
        pool.slices
            .iter()
            .flat_map(|&slice| self.ranges[slice].clone())
    }

    /// A device with its driver.
    pub(crate) fn device(&self, device: usize) -> (&Text, &Device) {
        let known = &self.devices[device];
        let slice = &self.slices[known.slice];
        (&slice.driver, &slice.devices[known.device])
    }

    /// The id of a device.
    pub(crate) fn id(&self, device: usize) -> DeviceId {
        let known = &self.devices[device];
        let slice = &self.slices[known.slice];
        id(slice, &slice.devices[known.device])
    }

    /// Nodes that can use devices: the one of a slice for one node, or those that match every distinct
    /// requirement of the slices.
    fn nodes_of(&self, devices: impl Iterator<Item = usize>) -> Option<NodeSelector> {
        let mut term = NodeSelectorTerm::default();
        for device in devices {
            match &self.slices[self.devices[device].slice].nodes {
                SliceNodes::Named(name) => {
                    let only = Requirement {
                        key: "metadata.name".into(),
                        operator: Operator::In,
                        values: vec![name.clone()],
                    };
                    let terms = vec![NodeSelectorTerm {
                        match_fields: vec![only],
                        ..NodeSelectorTerm::default()
                    }];
                    return Some(NodeSelector { terms });
                }
                SliceNodes::Selected(selector) => {
                    for own in &selector.terms {
                        add_distinct(&mut term.match_fields, &own.match_fields);
                        add_distinct(&mut term.match_expressions, &own.match_expressions);
                    }
                }
                SliceNodes::All | SliceNodes::ByDevice => {}
            }
        }
        (term != NodeSelectorTerm::default()).then(|| NodeSelector { terms: vec![term] })
    }
}

fn id(slice: &ResourceSlice, device: &Device) -> DeviceId {
    DeviceId {
        driver: slice.driver.clone(),
        pool: slice.pool.clone(),
        device: device.name.clone(),
    }
}

/// Adds requirements that are not there yet, whatever the order of their values.
fn add_distinct(known: &mut Vec<Requirement>, more: &[Requirement]) {
    let values = |own: &Requirement| own.values.iter().cloned().collect::<SortedSet<Text>>();
    for own in more {
        let same = |other: &Requirement| {
            own.key == other.key && own.operator == other.operator && values(own) == values(other)
        };
        if !known.iter().any(same) {
            known.push(own.clone());
        }
    }
}
