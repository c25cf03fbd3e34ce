//! Manifests of dynamic resource allocation, `resource.k8s.io` (spec: batch-on-kubernetes.md 2.1).

mod declared;
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

pub(super) use declared::{add, check_uses, pod_claims};

/// A slice of a pool of devices.
///
/// # Errors
/// A field breaks a rule; the text names it.
pub fn resource_slice(value: &Value) -> Result<ResourceSlice, String> {
    worded(read_slice(value))
}

fn read_slice(value: &Value) -> Result<ResourceSlice, Problem> {
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
    left_out(&path, "sharedCounters", !raw.shared_counters.is_empty())?;
    let list = path.field("devices");
    let mut devices = Vec::with_capacity(raw.devices.len());
    for (index, own) in raw.devices.iter().enumerate() {
        devices.push(device(own, &list.index(index))?);
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

/// Refuses a field of a feature that is off by default and would change what is allocated.
fn left_out(path: &Path<'_>, field: &str, is_stated: bool) -> Result<(), Problem> {
    if !is_stated {
        return Ok(());
    }
    let expected = "no such field, as its feature is not modelled; leave it out";
    Err(path.field(field).problem(expected, field))
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

fn device(raw: &raw::Device, path: &Path<'_>) -> Result<Device, Problem> {
    let facts = raw.basic.as_ref().unwrap_or(&raw.own);
    left_out(path, "taints", !facts.taints.is_empty())?;
    left_out(
        path,
        "consumesCounters",
        !facts.consumes_counters.is_empty(),
    )?;
    let is_shared = facts.allow_multiple_allocations == Some(true);
    left_out(path, "allowMultipleAllocations", is_shared)?;
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
    Ok(Device {
        name: required(
            raw.name.as_ref(),
            &path.field("name"),
            "the name of a device",
        )?
        .into(),
        attributes,
        capacity,
        has_binding_conditions: !facts.binding_conditions.is_empty(),
    })
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
    worded(read_class(value))
}

fn read_class(value: &Value) -> Result<DeviceClass, Problem> {
    let object: Object<raw::Class> = object(value)?;
    let is_mapped = object.spec.extended_resource_name.is_some();
    left_out(&Path::root("spec"), "extendedResourceName", is_mapped)?;
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
        let text = own.cel.as_ref().and_then(|own| own.expression.as_ref());
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
    worded(read_claim(value))
}

fn read_claim(value: &Value) -> Result<ResourceClaim, Problem> {
    read_claim_in(value, &Path::root("spec"))
}

/// A claim whose spec stands at a path.
fn read_claim_in(value: &Value, path: &Path<'_>) -> Result<ResourceClaim, Problem> {
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
        let read = request(own, &path)?;
        if requests.iter().any(|known| known.name == read.name) {
            return Err(path.field("name").problem("each name once", read.name));
        }
        requests.push(read);
    }
    let list = path.field("constraints");
    let mut constraints = Vec::with_capacity(raw.constraints.len());
    for (index, own) in raw.constraints.iter().enumerate() {
        constraints.push(constraint(own, &requests, &list.index(index))?);
    }
    Ok(ResourceClaim {
        namespace: object.namespace(),
        name: object.name()?,
        requests,
        constraints,
        ..ResourceClaim::default()
    })
}

fn request(raw: &raw::Request, path: &Path<'_>) -> Result<ClaimRequest, Problem> {
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
            Some(own) => RequestedDevices::Exactly(wanted(own, &path.field("exactly"))?),
            None => RequestedDevices::Exactly(wanted(&raw.own, path)?),
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
            all.push((name.into(), wanted(&own.own, &path)?));
        }
        RequestedDevices::FirstAvailable(all)
    };
    Ok(ClaimRequest {
        name: name.into(),
        devices,
    })
}

fn wanted(raw: &raw::Wanted, path: &Path<'_>) -> Result<DeviceRequest, Problem> {
    left_out(path, "capacity", raw.capacity.is_some())?;
    left_out(path, "tolerations", !raw.tolerations.is_empty())?;
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
) -> Result<MatchAttribute, Problem> {
    let is_distinct = raw.distinct_attribute.is_some();
    left_out(path, "distinctAttribute", is_distinct)?;
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
    Ok(MatchAttribute {
        attribute: name.into(),
        requests: raw.requests.iter().map(|own| own.as_str().into()).collect(),
    })
}
