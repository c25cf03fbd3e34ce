//! Manifests of resource quotas and limit ranges (spec: kubernetes.md 2.10).

use std::sync::Arc;

use serde::Deserialize;

use super::field::{Path, Problem, quantity};
use super::raw::{Amounts, nullable};
use super::workloads::{Checked, Workload};
use crate::model::workload::{LimitItem, LimitRange, LimitedKind, QuotaScope, ResourceQuota};
use crate::model::{Object, ResourceList};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawQuota {
    #[serde(deserialize_with = "nullable")]
    hard: Amounts,
    #[serde(deserialize_with = "nullable")]
    scopes: Vec<String>,
    scope_selector: Option<serde_json::Value>,
}

fn amounts(raw: &Amounts, path: &Path<'_>) -> Result<ResourceList, Problem> {
    let mut list = ResourceList::default();
    for (name, amount) in raw {
        list.set(name, quantity(&amount.0, &path.key(name))?);
    }
    Ok(list)
}

/// A quota.
pub(super) fn quota(workload: &mut Workload<'_>) -> Checked {
    let raw: RawQuota = workload.spec()?;
    let path = Path::root("spec");
    let hard_path = path.field("hard");
    if let Some(name) = raw.hard.keys().find(|name| !ResourceQuota::is_known(name)) {
        let expected = format!(
            "one of {} or `requests.` of a device",
            ResourceQuota::RESOURCES.join(", ")
        );
        return Err(hard_path.problem(&expected, name));
    }
    if raw.scope_selector.is_some() {
        let message = "scope selectors are not modelled; write `scopes`, or leave it out";
        return Err(path.field("scopeSelector").broken(message));
    }
    let scopes_path = path.field("scopes");
    let scope = |name: &String| match name.as_str() {
        "BestEffort" => Ok(Some(QuotaScope::BestEffort)),
        "NotBestEffort" => Ok(Some(QuotaScope::NotBestEffort)),
        // Deadlines of pods are not modelled: no pod has one.
        "NotTerminating" => Ok(None),
        other => {
            let expected = "`BestEffort`, `NotBestEffort` or `NotTerminating`";
            Err(scopes_path.problem(expected, other))
        }
    };
    let scopes: Result<Vec<Option<QuotaScope>>, Problem> = raw.scopes.iter().map(scope).collect();
    let quota = ResourceQuota {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        hard: amounts(&raw.hard, &hard_path)?,
        scopes: scopes?.into_iter().flatten().collect(),
        ..ResourceQuota::default()
    };
    Ok((Object::ResourceQuota(Arc::new(quota)), Vec::new()))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawRange {
    #[serde(deserialize_with = "nullable")]
    limits: Vec<RawItem>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawItem {
    #[serde(rename = "type", deserialize_with = "nullable")]
    kind: String,
    #[serde(deserialize_with = "nullable")]
    min: Amounts,
    #[serde(deserialize_with = "nullable")]
    max: Amounts,
    #[serde(deserialize_with = "nullable")]
    default: Amounts,
    #[serde(deserialize_with = "nullable")]
    default_request: Amounts,
    #[serde(deserialize_with = "nullable")]
    max_limit_request_ratio: Amounts,
}

/// A limit range.
pub(super) fn limit_range(workload: &mut Workload<'_>) -> Checked {
    let raw: RawRange = workload.spec()?;
    let path = Path::root("spec");
    let limits_path = path.field("limits");
    let mut limits = Vec::new();
    for (index, item) in raw.limits.iter().enumerate() {
        let path = limits_path.index(index);
        let of = match item.kind.as_str() {
            "Container" => LimitedKind::Container,
            "Pod" => LimitedKind::Pod,
            other => return Err(path.field("type").problem("`Container` or `Pod`", other)),
        };
        let item = LimitItem {
            of,
            min: amounts(&item.min, &path.field("min"))?,
            max: amounts(&item.max, &path.field("max"))?,
            default: amounts(&item.default, &path.field("default"))?,
            default_request: amounts(&item.default_request, &path.field("defaultRequest"))?,
            max_ratio: amounts(
                &item.max_limit_request_ratio,
                &path.field("maxLimitRequestRatio"),
            )?,
        };
        if of == LimitedKind::Pod && !(item.default.is_empty() && item.default_request.is_empty()) {
            let message = "pods have no defaults; write them of type `Container`";
            return Err(path.broken(message));
        }
        for (name, least) in &item.min.0 {
            let above = |list: &ResourceList| list.0.get(name).is_some_and(|most| most < least);
            if above(&item.max) || above(&item.default_request) {
                let message = format!("min of {name} is above its max or its defaultRequest");
                return Err(path.broken(message));
            }
        }
        limits.push(item.filled());
    }
    let range = LimitRange {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        limits,
    };
    Ok((Object::LimitRange(Arc::new(range)), Vec::new()))
}
