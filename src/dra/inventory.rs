//! Devices that drivers offer, with their ids, and classes of them.

use std::ops::{Deref, Range};
use std::sync::Arc;

use model::dra::{Device, DeviceClass, ResourceSlice, SliceNodes};
use model::{NodeSelector, NodeSelectorTerm, Operator, Requirement, Text};
use units::{SortedMap, SortedSet};

use super::cel::{CompileError, DeviceFacts, Selector};
use super::outcome::{DeviceId, Variant};

/// A selector as stated, and compiled.
#[derive(Clone, Debug)]
pub(crate) struct CompiledSelector {
    pub(crate) text: Text,
    pub(crate) program: Arc<Result<Selector, CompileError>>,
}

impl CompiledSelector {
    pub(crate) fn new(text: &Text) -> Self {
        Self {
            text: text.clone(),
            program: Arc::new(Selector::compile(text)),
        }
    }
}

/// A device of a slice.
#[derive(Clone, Debug)]
pub(crate) struct DeviceEntry {
    pub(crate) slice: usize,
    /// Place in the slice.
    device: usize,
    /// Number of the device's id; a device may stand in slices of several generations or nodes.
    pub(crate) identity: usize,
    pub(crate) facts: DeviceFacts,
}

/// Offers of drivers: slices with their devices, and classes with their selectors compiled, made once for many
/// attempts.
#[derive(Clone, Debug)]
pub struct Offers {
    pub(crate) slices: Arc<Vec<ResourceSlice>>,
    pub(crate) classes: SortedMap<Text, Vec<CompiledSelector>>,
    /// All devices, slice by slice.
    pub(crate) devices: Vec<DeviceEntry>,
    /// The devices of each slice.
    ranges: Vec<Range<usize>>,
    /// Numbers of the different ids.
    numbers: SortedMap<DeviceId, usize>,
    /// Slices of one node each, by its name.
    of_node: SortedMap<Text, Vec<usize>>,
    /// The other slices.
    of_several: Vec<usize>,
}

/// What is offered, and what of it is in use.
#[derive(Clone, Debug)]
pub(crate) struct Inventory {
    pub(crate) variant: Variant,
    offers: Arc<Offers>,
    /// Devices in use, by the number of the id.
    pub(crate) in_use: Vec<bool>,
    /// Selectors of claims, compiled.
    selectors: SortedMap<Text, CompiledSelector>,
}

impl Deref for Inventory {
    type Target = Offers;

    fn deref(&self) -> &Offers {
        &self.offers
    }
}

impl Inventory {
    pub(crate) fn new<'d>(
        variant: Variant,
        offers: Arc<Offers>,
        in_use: impl Iterator<Item = &'d DeviceId>,
    ) -> Self {
        let mut used = vec![false; offers.identities()];
        for device in in_use {
            if let Some(&number) = offers.numbers.get(device) {
                used[number] = true;
            }
        }
        Self {
            variant,
            offers,
            in_use: used,
            selectors: SortedMap::new(),
        }
    }

    pub(crate) const fn offers(&self) -> &Arc<Offers> {
        &self.offers
    }

    /// Compiles the selectors of claims, once for all nodes.
    pub(crate) fn compile<'c>(&mut self, selectors: impl Iterator<Item = &'c Text>) {
        for text in selectors {
            if !self.selectors.contains_key(text) {
                self.selectors
                    .insert(text.clone(), CompiledSelector::new(text));
            }
        }
    }

    /// A selector, compiled.
    pub(crate) fn compiled(&self, text: &Text) -> CompiledSelector {
        let known = self.selectors.get(text).cloned();
        known.unwrap_or_else(|| CompiledSelector::new(text))
    }
}

impl Offers {
    /// Returns the offers of slices, in the order of the lister, and of classes; a class that is there twice counts
    /// as last stated.
    pub fn new<'c>(
        slices: Arc<Vec<ResourceSlice>>,
        classes: impl IntoIterator<Item = &'c DeviceClass>,
    ) -> Self {
        let mut numbers: SortedMap<DeviceId, usize> = SortedMap::new();
        let (mut devices, mut ranges) = (Vec::new(), Vec::new());
        let mut of_node: SortedMap<Text, Vec<usize>> = SortedMap::new();
        let mut of_several = Vec::new();
        for (slice, own) in slices.iter().enumerate() {
            let first = devices.len();
            match &own.nodes {
                SliceNodes::Named(name) => of_node.entry(name.clone()).or_default().push(slice),
                _ => of_several.push(slice),
            }
            for (device, stated) in own.devices.iter().enumerate() {
                let id = id(own, stated);
                let next = numbers.len();
                let identity = *numbers.entry(id).or_insert(next);
                devices.push(DeviceEntry {
                    slice,
                    device,
                    identity,
                    facts: DeviceFacts::new(&own.driver, stated),
                });
            }
            ranges.push(first..devices.len());
        }
        let compiled = |class: &DeviceClass| {
            let selectors = class.selectors.iter().map(CompiledSelector::new);
            (class.name.clone(), selectors.collect())
        };
        Self {
            classes: classes.into_iter().map(compiled).collect(),
            slices,
            devices,
            ranges,
            numbers,
            of_node,
            of_several,
        }
    }

    /// Number of different ids.
    pub(crate) fn identities(&self) -> usize {
        self.numbers.len()
    }

    /// Slices that a node of a name may see, in order.
    pub(crate) fn slices_for(&self, node: &str) -> Vec<usize> {
        let own = self.of_node.get(node).map_or(&[][..], Vec::as_slice);
        let mut slices = [own, &self.of_several].concat();
        slices.sort_unstable();
        slices
    }

    /// Places of the devices of slices among all.
    pub(crate) fn devices_of(&self, slices: &[usize]) -> impl Iterator<Item = usize> {
        slices.iter().flat_map(|&slice| self.ranges[slice].clone())
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
