//! Decisions of the device allocator of kube-scheduler: the devices that the claims of a pod get on a
//! node, in 1.34 and 1.36.
//!
//! The order of pools is random in 1.34, where a recording has every outcome that was seen: a case passes
//! if some order of the pools leads to each of them. In 1.36 there is one outcome.

use serde_json::{Value, json};

use super::super::cases::Differences;
use super::world::objects;
use ::dra::{Allocated, AllocationError, Allocator, DeviceId, Place, Pool, Variant};
use model::dra::ResourceClaim;
use model::{Labels, Requirement};
use units::SortedSet;

/// Holds the recorded decisions of a case against those taken.
pub(super) fn compare(case: &Value) -> Result<Differences, String> {
    let slices = objects(case, "resourceSlices", k8s::dra::resource_slice)?;
    let classes = objects(case, "deviceClasses", k8s::dra::device_class)?;
    let claims = objects(case, "claims", k8s::dra::resource_claim)?;
    let in_use = devices_in_use(case)?;
    let allocator = |variant| Allocator::new(variant, slices.clone(), &classes, &in_use);
    let (old, new) = (allocator(Variant::V1_34), allocator(Variant::V1_36));
    let nodes = case.get("nodes").and_then(Value::as_array);
    let mut differences = Differences::default();
    for node in nodes.into_iter().flatten() {
        let name = node.pointer("/metadata/name").and_then(Value::as_str);
        let name = name.ok_or("nodes: expected a name")?;
        let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
        let labels = labels.into_iter().flatten().map(|(key, value)| {
            let value = value.as_str().unwrap_or_default();
            (key.as_str().into(), value.into())
        });
        let labels: Labels = labels.collect();
        let place = Place {
            name,
            labels: &labels,
        };
        let recorded = |version: &str| {
            let node = case.get("expect").and_then(|expect| expect.get(name));
            let recorded = node.and_then(|node| node.get(version));
            recorded.ok_or_else(|| format!("expect.{name}: expected an outcome of {version}"))
        };
        let seen = recorded("v1.34.1")?
            .as_array()
            .filter(|own| !own.is_empty());
        let seen = seen.ok_or_else(|| format!("expect.{name}: expected outcomes of v1.34.1"))?;
        let decided = outcomes(&old, &place, &claims)?;
        for own in seen.iter().map(plain) {
            if !decided.contains(&own) {
                let field = format!("{name} in 1.34");
                differences.field(&field, Some(&own), &Value::from(decided.clone()));
            }
        }
        let recorded = plain(recorded("v1.36.2")?);
        let decided = outcome(new.allocate(&place, &claims))?;
        differences.field(&format!("{name} in 1.36"), Some(&recorded), &decided);
    }
    Ok(differences)
}

fn devices_in_use(case: &Value) -> Result<SortedSet<DeviceId>, String> {
    let listed = case.get("allocatedDevices").and_then(Value::as_array);
    let ids = listed.into_iter().flatten().map(|own| {
        let part = |place: usize| own.get(place).and_then(Value::as_str);
        let (driver, pool, device) = (part(0)?, part(1)?, part(2)?);
        Some(DeviceId {
            driver: driver.into(),
            pool: pool.into(),
            device: device.into(),
        })
    });
    let ids: Option<SortedSet<DeviceId>> = ids.collect();
    ids.ok_or_else(|| "allocatedDevices: expected [driver, pool, device]".to_owned())
}

/// Most pools of which every order is tried.
const MOST_POOLS: usize = 6;

/// The outcomes of all orders of the pools, each once.
fn outcomes(
    allocator: &Allocator,
    place: &Place<'_>,
    claims: &[ResourceClaim],
) -> Result<Vec<Value>, String> {
    let mut pools = allocator.pools(place);
    if pools.len() > MOST_POOLS {
        return Err(format!("more than {MOST_POOLS} pools have too many orders"));
    }
    let mut found = Vec::new();
    let mut ask = |pools: &[Pool]| {
        let own = outcome(allocator.allocate_from(pools, claims))?;
        if !found.contains(&own) {
            found.push(own);
        }
        Ok::<(), String>(())
    };
    // Heap's algorithm.
    let mut turns = vec![0; pools.len()];
    ask(&pools)?;
    let mut place = 1;
    while place < pools.len() {
        if turns[place] < place {
            let other = if place % 2 == 0 { 0 } else { turns[place] };
            pools.swap(place, other);
            ask(&pools)?;
            turns[place] += 1;
            place = 1;
        } else {
            turns[place] = 0;
            place += 1;
        }
    }
    Ok(found)
}

/// A recorded outcome without the words of errors.
fn plain(recorded: &Value) -> Value {
    if recorded.get("error").is_some() {
        return json!("error");
    }
    recorded.clone()
}

/// An outcome as it is recorded; a search that was given up has none.
fn outcome(decided: Result<Option<Vec<Allocated>>, AllocationError>) -> Result<Value, String> {
    match decided {
        Err(error @ AllocationError::Abandoned(_)) => Err(error.to_string()),
        Err(_) => Ok(json!("error")),
        Ok(None) => Ok(Value::Null),
        Ok(Some(claims)) => Ok(claims.iter().map(allocated).collect()),
    }
}

fn allocated(claim: &Allocated) -> Value {
    let devices = claim.devices.iter().map(|own| {
        let mut device = json!({
            "request": &*own.request,
            "driver": &*own.id.driver,
            "pool": &*own.id.pool,
            "device": &*own.id.device,
        });
        if own.admin_access {
            device["adminAccess"] = true.into();
        }
        device
    });
    let mut shown = json!({ "devices": devices.collect::<Value>() });
    if let Some(nodes) = &claim.nodes {
        let terms = nodes.terms.iter().map(|term| {
            let mut shown = json!({});
            for (field, own) in [
                ("matchFields", &term.match_fields),
                ("matchExpressions", &term.match_expressions),
            ] {
                if !own.is_empty() {
                    shown[field] = own.iter().map(requirement).collect();
                }
            }
            shown
        });
        shown["nodeSelector"] = json!({ "nodeSelectorTerms": terms.collect::<Value>() });
    }
    shown
}

fn requirement(own: &Requirement) -> Value {
    let values: Vec<&str> = own.values.iter().map(|value| &**value).collect();
    let mut shown = json!({ "key": &*own.key, "operator": own.operator });
    if !values.is_empty() {
        shown["values"] = json!(values);
    }
    shown
}
