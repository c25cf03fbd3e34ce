//! Devices that drivers offer, with their ids, and classes of them.

use std::ops::Range;

use model::dra::{Device, DeviceClass, ResourceSlice, SliceNodes};
use model::{NodeSelector, NodeSelectorTerm, Operator, Requirement, Text};
use units::{SortedMap, SortedSet};

use super::cel::{CompileError, DeviceFacts, Selector};
use super::outcome::{DeviceId, Variant};
use super::pools::Pool;

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

/// Everything that is offered.
#[derive(Clone, Debug)]
pub(crate) struct Inventory {
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
}

impl Inventory {
    pub(crate) fn new(
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
        }
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
    pub(crate) fn nodes_of(&self, devices: impl Iterator<Item = usize>) -> Option<NodeSelector> {
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
