//! Decisions of the device allocator of kube-scheduler: the devices that the claims of a pod get on a
//! node, in 1.34 and 1.36.
//!
//! The order of pools is random in 1.34, where a recording has every outcome that was seen: a case passes
//! if some order of the pools leads to each of them. In 1.36 there is one outcome.

use serde_json::{Value, json};

use super::super::cases::Differences;
use super::world::objects;
use ::dra::{Allocated, AllocationError, Allocator, DeviceId, Place, Variant};
use model::dra::ResourceClaim;
use model::{Operator, Requirement};
use units::SortedSet;

/// Holds the recorded decisions of a case against those taken.
pub(super) fn compare(case: &Value) -> Result<Differences, String> {
    let slices = objects(case, "resourceSlices", manifest::dra::resource_slice)?;
    let classes = objects(case, "deviceClasses", manifest::dra::device_class)?;
    let claims = objects(case, "claims", manifest::dra::resource_claim)?;
    let in_use = devices_in_use(case)?;
    let allocator = |variant| Allocator::new(variant, slices.clone(), &classes, &in_use);
    let (old, new) = (allocator(Variant::V1_34), allocator(Variant::V1_36));
    let text = case.get("nodes").unwrap_or(&Value::Null);
    let listed = json!({"apiVersion": "v1", "kind": "NodeList", "items": text});
    let read = manifest::read_manifests("nodes", &listed.to_string());
    let read = read.map_err(|error| error.to_string())?;
    let mut differences = Differences::default();
    for node in &read.nodes {
        let place = Place {
            name: &node.name,
            labels: &node.labels,
        };
        let name = &node.name;
        let recorded = |version: &str| {
            let node = case.get("expect").and_then(|expect| expect.get(&**name));
            node.and_then(|node| node.get(version)).cloned()
        };
        if let Some(recorded) = recorded("v1.34.1") {
            let decided = outcomes(&old, &place, &claims);
            let recorded = recorded.as_array().cloned().unwrap_or_default();
            for own in recorded.iter().map(plain) {
                if !decided.contains(&own) {
                    let field = format!("{name} in 1.34");
                    differences.field(&field, Some(&own), &Value::from(decided.clone()));
                }
            }
        }
        if let Some(recorded) = recorded("v1.36.2") {
            let decided = outcome(new.allocate(&place, &claims));
            differences.field(
                &format!("{name} in 1.36"),
                Some(&plain(&recorded)),
                &decided,
            );
        }
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

/// The outcomes of all orders of the pools, each once.
fn outcomes(allocator: &Allocator, place: &Place<'_>, claims: &[ResourceClaim]) -> Vec<Value> {
    let mut pools = allocator.pools(place);
    let mut found = Vec::new();
    let mut ask = |pools: &[_]| {
        let own = outcome(allocator.allocate_from(pools, claims));
        if !found.contains(&own) {
            found.push(own);
        }
    };
    // Heap's algorithm.
    let mut turns = vec![0; pools.len()];
    ask(&pools);
    let mut place = 1;
    while place < pools.len() {
        if turns[place] < place {
            let other = if place % 2 == 0 { 0 } else { turns[place] };
            pools.swap(place, other);
            ask(&pools);
            turns[place] += 1;
            place = 1;
        } else {
            turns[place] = 0;
            place += 1;
        }
    }
    found
}

/// A recorded outcome without the words of errors.
fn plain(recorded: &Value) -> Value {
    if recorded.get("error").is_some() {
        return json!("error");
    }
    recorded.clone()
}

fn outcome(decided: Result<Option<Vec<Allocated>>, AllocationError>) -> Value {
    match decided {
        Err(_) => json!("error"),
        Ok(None) => Value::Null,
        Ok(Some(claims)) => claims.iter().map(allocated).collect(),
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
    let operator = match own.operator {
        Operator::In => "In",
        Operator::NotIn => "NotIn",
        Operator::Exists => "Exists",
        Operator::DoesNotExist => "DoesNotExist",
        Operator::Gt => "Gt",
        Operator::Lt => "Lt",
    };
    let values: Vec<&str> = own.values.iter().map(|value| &**value).collect();
    let mut shown = json!({ "key": &*own.key, "operator": operator });
    if !values.is_empty() {
        shown["values"] = json!(values);
    }
    shown
}
