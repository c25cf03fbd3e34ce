//! Objects of dynamic resource allocation among the manifests of a cluster, and the claims of pods.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::affinity::node_term;
use super::super::field::{Path, Problem, Texts, required};
use super::super::findings::ObjectName;
use super::super::keys::CLAIM_ENTRY;
use super::super::parts::Parts;
use super::super::queueing::part;
use super::super::raw as manifest;
use super::super::{Ctx, Origin};
use super::{UnmodelledFields, raw};
use model::dra::{
    AllocatedDevice, Allocation, ClaimOwner, ClaimSource, Consumer, DeviceId, DeviceObjects,
    PodClaim, PodClaims, ResourceClaim,
};
use model::{NodeSelector, Text};

/// Adds an object of a kind; whether it is one of these.
pub(in super::super) fn add(
    kind: &str,
    parts: &Parts,
    objects: &mut DeviceObjects,
    ctx: &mut Ctx,
) -> Result<bool, Problem> {
    let value = whole(parts);
    let mut doubts = UnmodelledFields {
        is_admitted: ctx.origin == Origin::Admitted,
        ..UnmodelledFields::default()
    };
    match kind {
        "ResourceSlice" => {
            let slice = super::read_slice(&value, &mut doubts)?;
            once(
                objects.slices.iter().any(|own| own.name == slice.name),
                &slice.name,
            )?;
            Arc::make_mut(&mut objects.slices).push(slice);
        }
        "DeviceClass" => {
            let class = super::read_class(&value, &mut doubts)?;
            once(objects.classes.contains_key(&class.name), &class.name)?;
            Arc::make_mut(&mut objects.classes).insert(class.name.clone(), class);
        }
        "ResourceClaimTemplate" => {
            let path = Path::root("spec");
            check_form(parts, value.pointer("/spec/spec"), &path.field("spec"))?;
            let template = template(&value, &mut doubts)?;
            let key = (template.namespace.clone(), template.name.clone());
            once(objects.templates.contains_key(&key), &key.1)?;
            Arc::make_mut(&mut objects.templates).insert(key, template);
        }
        "ResourceClaim" => {
            check_form(parts, value.get("spec"), &Path::root("spec"))?;
            let claim = claim(parts, &value, &mut doubts)?;
            let key = (claim.namespace.clone(), claim.name.clone());
            once(objects.claim(&key).is_some(), &key.1)?;
            if let Some(device) = claim.held().find(|own| objects.is_held(own)) {
                let path = Path::root("status");
                let path = path.field("allocation");
                return Err(path.problem("each device in one claim", device));
            }
            objects.put(Arc::new(claim));
        }
        _ => return Ok(false),
    }
    let object = ObjectName {
        kind,
        namespace: parts.metadata.namespace.as_deref(),
        name: parts.metadata.name.as_deref().unwrap_or_default(),
    };
    for (field, what, effect) in doubts.told {
        ctx.findings.add(object, &field, what, effect);
    }
    Ok(true)
}

/// Refuses an object whose name another has.
fn once(is_known: bool, name: &Text) -> Result<(), Problem> {
    if is_known {
        let path = Path::root("metadata");
        return Err(path.field("name").problem("a unique name", name));
    }
    Ok(())
}

/// Versions whose requests have what they ask for as fields of their own.
const FLAT_VERSIONS: [&str; 2] = ["resource.k8s.io/v1alpha3", "resource.k8s.io/v1beta1"];

/// Refuses requests of a claim's spec in the form of an earlier version: an API server takes none with
/// neither `exactly` nor `firstAvailable`.
fn check_form(parts: &Parts, spec: Option<&Value>, path: &Path<'_>) -> Result<(), Problem> {
    let version = parts.api_version.as_deref().unwrap_or_default();
    if FLAT_VERSIONS.contains(&version) {
        return Ok(());
    }
    let requests = spec.and_then(|spec| spec.pointer("/devices/requests")?.as_array());
    let path = path.field("devices");
    let list = path.field("requests");
    for (index, request) in requests.into_iter().flatten().enumerate() {
        let is_there = |field: &str| request.get(field).is_some_and(|own| !own.is_null());
        if is_there("deviceClassName") && !is_there("exactly") && !is_there("firstAvailable") {
            let path = list.index(index);
            return Err(path.broken(format!(
                "expected `exactly` or `firstAvailable`, found `deviceClassName` in the request itself, which \
                 is the form of `v1beta1`; `{version}` wants `exactly: {{deviceClassName: …}}`"
            )));
        }
    }
    Ok(())
}

/// An object in the form in which the API has it, as far as it is read.
fn whole(parts: &Parts) -> Value {
    let metadata = &parts.metadata;
    json!({
        "metadata": {"name": metadata.name, "namespace": metadata.namespace},
        "spec": parts.late_spec,
        "status": parts.late_status,
    })
}

/// The claim that a template has for pods.
fn template(value: &Value, doubts: &mut UnmodelledFields) -> Result<ResourceClaim, Problem> {
    let path = Path::root("spec");
    let spec = value.pointer("/spec/spec").filter(|own| !own.is_null());
    let Some(spec) = spec else {
        return Err(path.field("spec").missing("the spec of a claim"));
    };
    let inner = json!({"metadata": value["metadata"], "spec": spec});
    super::read_claim_in(&inner, &path.field("spec"), doubts)
}

/// A claim with the devices that it has.
fn claim(
    parts: &Parts,
    value: &Value,
    doubts: &mut UnmodelledFields,
) -> Result<ResourceClaim, Problem> {
    let mut claim = super::read_claim(value, doubts)?;
    let status: raw::Status = part(value, "status").map_err(Problem)?;
    let path = Path::root("status");
    if let Some(own) = &status.allocation {
        claim.allocation = Some(allocation(own, &path.field("allocation"))?);
    }
    let pods = status.reserved_for.into_iter();
    let pods = pods.filter(|own| own.resource == "pods");
    claim.reserved_for = pods.map(|own| consumer(&own.name)).collect();
    claim.reserved_for.sort();
    let entry = parts.metadata.annotations.get(CLAIM_ENTRY);
    let mut owners = parts.metadata.owner_references.iter();
    let owner = owners.find(|owner| owner.kind == "Pod");
    claim.made_for = entry.zip(owner).map(|(entry, owner)| ClaimOwner {
        pod: consumer(&owner.name),
        entry: entry.into(),
    });
    Ok(claim)
}

fn consumer(name: &str) -> Consumer {
    Consumer {
        name: name.into(),
        id: None,
    }
}

fn allocation(raw: &raw::Allocation, path: &Path<'_>) -> Result<Allocation, Problem> {
    let list = path.field("devices");
    let list = list.field("results");
    let mut devices = Vec::with_capacity(raw.devices.results.len());
    for (index, own) in raw.devices.results.iter().enumerate() {
        let path = list.index(index);
        let text = |field: &str, value: &Option<String>, what: &str| {
            required(value.as_ref(), &path.field(field), what).map(Text::from)
        };
        devices.push(AllocatedDevice {
            request: text("request", &own.request, "the name of a request")?,
            id: DeviceId {
                driver: text("driver", &own.driver, "the name of a driver")?,
                pool: text("pool", &own.pool, "the name of a pool")?,
                device: text("device", &own.device, "the name of a device")?,
            },
            admin_access: own.admin_access.unwrap_or(false),
        });
    }
    let path = path.field("nodeSelector");
    let path = path.field("nodeSelectorTerms");
    let mut terms = Vec::new();
    let stated = raw.node_selector.iter();
    for (index, own) in stated.flat_map(|own| &own.node_selector_terms).enumerate() {
        terms.push(node_term(own, &path.index(index), &mut Texts::default())?);
    }
    Ok(Allocation {
        devices,
        nodes: (!terms.is_empty()).then_some(NodeSelector { terms }),
    })
}

/// The claims of a pod.
pub(in super::super) fn pod_claims(
    raw: &[manifest::PodClaim],
    path: &Path<'_>,
) -> Result<PodClaims, Problem> {
    let list = path.field("resourceClaims");
    let mut claims: Vec<PodClaim> = Vec::with_capacity(raw.len());
    for (index, own) in raw.iter().enumerate() {
        let path = list.index(index);
        let name = path.field("name");
        if own.name.is_empty() {
            return Err(name.missing("the name of the claim among those of the pod"));
        }
        if claims.iter().any(|known| *known.name == *own.name) {
            return Err(name.problem("each name once", &own.name));
        }
        let stated = |own: &Option<String>| own.clone().filter(|own| !own.is_empty());
        let named =
            stated(&own.resource_claim_name).or_else(|| stated(&own.source.resource_claim_name));
        let template = stated(&own.resource_claim_template_name)
            .or_else(|| stated(&own.source.resource_claim_template_name));
        let source = match (named, template) {
            (Some(name), None) => ClaimSource::Named(name.into()),
            (None, Some(name)) => ClaimSource::Template(name.into()),
            (None, None) => {
                return Err(path.missing("`resourceClaimName` or `resourceClaimTemplateName`"));
            }
            (Some(_), Some(template)) => {
                let path = path.field("resourceClaimTemplateName");
                return Err(path.problem("no template beside `resourceClaimName`", template));
            }
        };
        claims.push(PodClaim {
            name: own.name.as_str().into(),
            source,
        });
    }
    Ok(PodClaims(claims))
}

/// Refuses a container that uses what the pod does not claim.
pub(in super::super) fn check_uses(
    claims: &PodClaims,
    used: &[manifest::NameReference],
    path: &Path<'_>,
) -> Result<(), Problem> {
    let list = path.field("claims");
    for (index, own) in used.iter().enumerate() {
        if !claims.0.iter().any(|known| *known.name == *own.name) {
            let path = list.index(index);
            let path = path.field("name");
            return Err(path.problem("a claim of `spec.resourceClaims`", &own.name));
        }
    }
    Ok(())
}
