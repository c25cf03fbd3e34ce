//! Manifests of dynamic resource allocation, `resource.k8s.io` (spec: batch-on-kubernetes.md 2.1).

mod objects;
mod raw;

use serde_json::Value;

use super::affinity::node_term;
use super::field::{Path, Problem, Texts, quantity, required};
use super::queueing::{Object, object, worded};
use dra::cel::Selector;
use model::dra::{
    Attribute, ClaimRequest, Device, DeviceClass, DeviceCount, DeviceRequest, MatchAttribute,
    RequestedDevices, ResourceClaim, ResourceSlice, SliceNodes,
};
use model::{NodeSelector, Text};
use units::SortedMap;

pub(super) use objects::{add, check_uses, pod_claims};

/// A slice of a pool of devices.
///
/// # Errors
/// A field breaks a rule; the text names it.
pub fn resource_slice(value: &Value) -> Result<ResourceSlice, String> {
    worded(read_slice(value, &mut UnmodelledFields::default()))
}

fn read_slice(value: &Value, doubts: &mut UnmodelledFields) -> Result<ResourceSlice, Problem> {
    let object: Object<raw::Slice> = object(value)?;
    let (raw, path) = (&object.spec, Path::root("spec"));
    let pool = path.field("pool");
    if raw.pool.resource_slice_count < 1 {
        let path = pool.field("resourceSliceCount");
        return Err(path.problem(
            "a number of slices, at least 1",
            raw.pool.resource_slice_count,
        ));
    }
    let list = path.field("devices");
    let mut devices = Vec::with_capacity(raw.devices.len());
    for (index, own) in raw.devices.iter().enumerate() {
        devices.extend(device(own, &list.index(index), doubts)?);
    }
    Ok(ResourceSlice {
        name: object.name()?,
        driver: required(
            raw.driver.as_ref(),
            &path.field("driver"),
            "the name of a driver",
        )?
        .into(),
        pool: required(
            raw.pool.name.as_ref(),
            &pool.field("name"),
            "the name of a pool",
        )?
        .into(),
        generation: raw.pool.generation,
        slice_count: raw.pool.resource_slice_count,
        nodes: nodes(raw, &path)?,
        devices,
    })
}

/// Fields of features that are not modelled.
#[derive(Default)]
pub(super) struct UnmodelledFields {
    /// Whether an API server has admitted the object.
    pub(super) is_admitted: bool,
    /// Path of each field, what it is, and the effect of its absence.
    pub(super) told: Vec<(String, &'static str, &'static str)>,
}

impl UnmodelledFields {
    fn tell(&mut self, path: &Path<'_>, field: &str, what: &'static str, effect: &'static str) {
        self.told
            .push((path.field(field).to_string(), what, effect));
    }

    /// Refuses a field of a claim that would change what the claim gets, or tells of it where a server
    /// has admitted the claim.
    fn of_claim(
        &mut self,
        path: &Path<'_>,
        stated: Option<&str>,
        effect: &'static str,
    ) -> Result<(), Problem> {
        let Some(field) = stated else { return Ok(()) };
        if self.is_admitted {
            self.tell(path, field, "a field that is not modelled", effect);
            return Ok(());
        }
        let expected = "no such field, as its feature is not modelled; leave it out";
        Err(path.field(field).problem(expected, field))
    }
}

/// Most requests, and most constraints, of a claim.
const MOST: usize = 32;

fn nodes(raw: &raw::Slice, path: &Path<'_>) -> Result<SliceNodes, Problem> {
    const EXPECTED: &str =
        "one of `nodeName`, `nodeSelector`, `allNodes` and `perDeviceNodeSelection`";
    let mut stated = Vec::new();
    if let Some(name) = raw.node_name.as_deref().filter(|name| !name.is_empty()) {
        stated.push(SliceNodes::Named(name.into()));
    }
    if let Some(selector) = &raw.node_selector {
        let path = path.field("nodeSelector");
        let path = path.field("nodeSelectorTerms");
        let [term] = selector.node_selector_terms.as_slice() else {
            return Err(path.problem("exactly one term", selector.node_selector_terms.len()));
        };
        let term = node_term(term, &path.index(0), &mut Texts::default())?;
        stated.push(SliceNodes::Selected(NodeSelector { terms: vec![term] }));
    }
    if raw.all_nodes == Some(true) {
        stated.push(SliceNodes::All);
    }
    if raw.per_device_node_selection == Some(true) {
        stated.push(SliceNodes::ByDevice);
    }
    match (stated.pop(), stated.len()) {
        (Some(nodes), 0) => Ok(nodes),
        (None, _) => Err(path.missing(EXPECTED)),
        (_, others) => Err(path.problem(EXPECTED, format!("{} of them", others + 1))),
    }
}

/// A device; `None` of one that no claim gets, because what says who may have it is not modelled.
fn device(
    raw: &raw::Device,
    path: &Path<'_>,
    doubts: &mut UnmodelledFields,
) -> Result<Option<Device>, Problem> {
    const HIDDEN: &str = "no claim gets the device";
    let facts = raw.basic.as_ref().unwrap_or(&raw.own);
    let repels = |own: &raw::Taint| own.effect.as_deref() != Some("None");
    let is_tainted = facts.taints.iter().any(repels);
    let is_part = !facts.consumes_counters.is_empty();
    if is_tainted {
        doubts.tell(
            path,
            "taints",
            "a taint, which no request here tolerates",
            HIDDEN,
        );
    }
    if is_part {
        let what = "a partition, whose counters are not modelled";
        doubts.tell(path, "consumesCounters", what, HIDDEN);
    }
    if facts.allow_multiple_allocations == Some(true) {
        let what = "a device that claims share, which is not modelled";
        let effect = "one claim at a time gets the device";
        doubts.tell(path, "allowMultipleAllocations", what, effect);
    }
    let mut attributes = SortedMap::new();
    let list = path.field("attributes");
    for (name, own) in &facts.attributes {
        let path = list.key(name);
        attributes.insert(Text::from(name.as_str()), attribute(own, &path)?);
    }
    let mut capacity = SortedMap::new();
    let list = path.field("capacity");
    for (name, own) in &facts.capacity {
        let amount = quantity(&own.value.0, &list.key(name))?;
        capacity.insert(Text::from(name.as_str()), amount);
    }
    let device = Device {
        name: required(
            raw.name.as_ref(),
            &path.field("name"),
            "the name of a device",
        )?
        .into(),
        attributes,
        capacity,
        has_binding_conditions: !facts.binding_conditions.is_empty(),
    };
    Ok((!(is_tainted || is_part)).then_some(device))
}

fn attribute(raw: &raw::Attribute, path: &Path<'_>) -> Result<Attribute, Problem> {
    let text = |own: &String| Text::from(own.as_str());
    let stated = [
        raw.bool.map(Attribute::Bool),
        raw.int.map(Attribute::Int),
        raw.string.as_ref().map(text).map(Attribute::Text),
        raw.version.as_ref().map(text).map(Attribute::Version),
    ];
    let mut stated = stated.into_iter().flatten();
    match (stated.next(), stated.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(path.missing("one of `bool`, `int`, `string` and `version`")),
    }
}

/// A class of devices.
///
/// # Errors
/// A field breaks a rule; the text names it.
pub fn device_class(value: &Value) -> Result<DeviceClass, String> {
    worded(read_class(value, &mut UnmodelledFields::default()))
}

fn read_class(value: &Value, doubts: &mut UnmodelledFields) -> Result<DeviceClass, Problem> {
    let object: Object<raw::Class> = object(value)?;
    if object.spec.extended_resource_name.is_some() {
        let what = "an extended resource by devices, which is not modelled";
        let effect = "pods that ask for it get what nodes list alone";
        doubts.tell(&Path::root("spec"), "extendedResourceName", what, effect);
    }
    Ok(DeviceClass {
        name: object.name()?,
        selectors: selectors(&object.spec.selectors, &Path::root("spec"))?,
    })
}

fn selectors(raw: &[raw::Selector], path: &Path<'_>) -> Result<Vec<Text>, Problem> {
    let list = path.field("selectors");
    let mut read = Vec::with_capacity(raw.len());
    for (index, own) in raw.iter().enumerate() {
        let path = list.index(index);
        let path = path.field("cel");
        let path = path.field("expression");
        let text = own.cel.as_ref().and_then(|cel| cel.expression.as_ref());
        let text = required(text, &path, "an expression in CEL")?;
        Selector::compile(text).map_err(|error| path.broken(format!("`{text}`: {error}")))?;
        read.push(text.into());
    }
    Ok(read)
}

/// A claim on devices.
///
/// # Errors
/// A field breaks a rule; the text names it.
pub fn resource_claim(value: &Value) -> Result<ResourceClaim, String> {
    worded(read_claim(value, &mut UnmodelledFields::default()))
}

fn read_claim(value: &Value, doubts: &mut UnmodelledFields) -> Result<ResourceClaim, Problem> {
    read_claim_in(value, &Path::root("spec"), doubts)
}

/// A claim whose spec stands at a path.
fn read_claim_in(
    value: &Value,
    path: &Path<'_>,
    doubts: &mut UnmodelledFields,
) -> Result<ResourceClaim, Problem> {
    let object: Object<raw::Claim> = object(value)?;
    let raw = &object.spec.devices;
    let path = path.field("devices");
    for (field, count) in [
        ("requests", raw.requests.len()),
        ("constraints", raw.constraints.len()),
    ] {
        if count > MOST {
            return Err(path.field(field).problem("at most 32", count));
        }
    }
    let list = path.field("requests");
    let mut requests: Vec<ClaimRequest> = Vec::with_capacity(raw.requests.len());
    for (index, own) in raw.requests.iter().enumerate() {
        let path = list.index(index);
        let read = request(own, &path, doubts)?;
        if requests.iter().any(|known| known.name == read.name) {
            return Err(path.field("name").problem("each name once", read.name));
        }
        requests.push(read);
    }
    let list = path.field("constraints");
    let mut constraints = Vec::with_capacity(raw.constraints.len());
    for (index, own) in raw.constraints.iter().enumerate() {
        constraints.extend(constraint(own, &requests, &list.index(index), doubts)?);
    }
    Ok(ResourceClaim {
        namespace: object.namespace(),
        name: object.name()?,
        requests,
        constraints,
        ..ResourceClaim::default()
    })
}

fn request(
    raw: &raw::Request,
    path: &Path<'_>,
    doubts: &mut UnmodelledFields,
) -> Result<ClaimRequest, Problem> {
    let name = required(
        raw.name.as_ref(),
        &path.field("name"),
        "the name of the request",
    )?;
    let states_one = raw.exactly.is_some() || raw.own.device_class_name.is_some();
    if states_one && !raw.first_available.is_empty() {
        let path = path.field("firstAvailable");
        return Err(path.problem("no alternatives beside what is asked for exactly", name));
    }
    let devices = if raw.first_available.is_empty() {
        match &raw.exactly {
            Some(own) => RequestedDevices::Exactly(wanted(own, &path.field("exactly"), doubts)?),
            None => RequestedDevices::Exactly(wanted(&raw.own, path, doubts)?),
        }
    } else {
        let list = path.field("firstAvailable");
        let mut all: Vec<(Text, DeviceRequest)> = Vec::with_capacity(raw.first_available.len());
        for (index, own) in raw.first_available.iter().enumerate() {
            let path = list.index(index);
            let name = required(
                own.name.as_ref(),
                &path.field("name"),
                "the name of the alternative",
            )?;
            if all.iter().any(|(known, _)| **known == *name) {
                return Err(path.field("name").problem("each name once", name));
            }
            if own.own.admin_access.is_some() {
                let path = path.field("adminAccess");
                return Err(path.problem("no such field among alternatives", "adminAccess"));
            }
            all.push((name.into(), wanted(&own.own, &path, doubts)?));
        }
        RequestedDevices::FirstAvailable(all)
    };
    Ok(ClaimRequest {
        name: name.into(),
        devices,
    })
}

fn wanted(
    raw: &raw::DeviceRequestBody,
    path: &Path<'_>,
    doubts: &mut UnmodelledFields,
) -> Result<DeviceRequest, Problem> {
    let (capacity, tolerations) = (raw.capacity.is_some(), !raw.tolerations.is_empty());
    let effect = "the claim gets whole devices, whatever their capacity";
    doubts.of_claim(path, capacity.then_some("capacity"), effect)?;
    let effect = "the claim gets no devices with taints";
    doubts.of_claim(path, tolerations.then_some("tolerations"), effect)?;
    let class = path.field("deviceClassName");
    let count = path.field("count");
    let count = match (raw.allocation_mode.as_deref(), raw.count) {
        (None | Some("" | "ExactCount"), None) => DeviceCount::Exact(1),
        (None | Some("" | "ExactCount"), Some(stated)) => match u64::try_from(stated) {
            Ok(number @ 1..) => DeviceCount::Exact(number),
            _ => return Err(count.problem("a number of devices, at least 1", stated)),
        },
        (Some("All"), None | Some(0)) => DeviceCount::All,
        (Some("All"), Some(stated)) => {
            return Err(count.problem("no number with `allocationMode: All`", stated));
        }
        (Some(other), _) => {
            let path = path.field("allocationMode");
            return Err(path.problem("`ExactCount` or `All`", other));
        }
    };
    Ok(DeviceRequest {
        class: required(
            raw.device_class_name.as_ref(),
            &class,
            "the name of a DeviceClass",
        )?
        .into(),
        selectors: selectors(&raw.selectors, path)?,
        count,
        admin_access: raw.admin_access.unwrap_or(false),
    })
}

fn constraint(
    raw: &raw::Constraint,
    requests: &[ClaimRequest],
    path: &Path<'_>,
    doubts: &mut UnmodelledFields,
) -> Result<Option<MatchAttribute>, Problem> {
    let is_distinct = raw.distinct_attribute.is_some();
    let effect = "the claim may get devices of one value";
    doubts.of_claim(path, is_distinct.then_some("distinctAttribute"), effect)?;
    if is_distinct {
        return Ok(None);
    }
    let attribute = path.field("matchAttribute");
    let name = required(
        raw.match_attribute.as_ref(),
        &attribute,
        "the name of an attribute",
    )?;
    if !name.contains('/') {
        return Err(attribute.problem(
            "a name with its domain, such as `gpu.example.com/numa`",
            name,
        ));
    }
    let list = path.field("requests");
    for (index, own) in raw.requests.iter().enumerate() {
        let (request, alternative) = own
            .split_once('/')
            .map_or((own.as_str(), None), |(a, b)| (a, Some(b)));
        let known = requests.iter().find(|known| *known.name == *request);
        let is_known = known.is_some_and(|known| match (&known.devices, alternative) {
            (_, None) => true,
            (RequestedDevices::Exactly(_), Some(_)) => false,
            (RequestedDevices::FirstAvailable(all), Some(alternative)) => {
                all.iter().any(|(own, _)| **own == *alternative)
            }
        });
        if !is_known {
            return Err(list.index(index).problem("a request of the claim", own));
        }
    }
    Ok(Some(MatchAttribute {
        attribute: name.into(),
        requests: raw
            .requests
            .iter()
            .map(|request| request.as_str().into())
            .collect(),
    }))
}
