//! Manifests of resource quotas and limit ranges (spec: kubernetes.md 2.10).

use std::sync::Arc;

use serde::Deserialize;

use super::field::{Path, Problem, quantity};
use super::findings::ObjectName;
use super::raw::{Amounts, nullable};
use super::server;
use super::workload::{CheckResult, Workload};
use model::workload::{LimitItem, LimitRange, LimitedKind, QuotaScope, ResourceQuota};
use model::{Object, Operator, Requirement, ResourceList, Text};
use units::{Quantity, plural};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawQuota {
    #[serde(deserialize_with = "nullable")]
    hard: Amounts,
    #[serde(deserialize_with = "nullable")]
    scopes: Vec<String>,
    scope_selector: Option<RawScopeSelector>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawScopeSelector {
    #[serde(deserialize_with = "nullable")]
    match_expressions: Vec<RawScope>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawScope {
    #[serde(deserialize_with = "nullable")]
    scope_name: String,
    #[serde(deserialize_with = "nullable")]
    operator: String,
    #[serde(deserialize_with = "nullable")]
    values: Vec<String>,
}

fn amounts(raw: &Amounts, path: &Path<'_>) -> Result<ResourceList, Problem> {
    let mut list = ResourceList::default();
    for (name, amount) in raw {
        list.set(name, quantity(&amount.0, &path.key(name))?);
    }
    Ok(list)
}

/// A quota.
pub(super) fn quota(workload: &mut Workload<'_>) -> CheckResult {
    let raw: RawQuota = workload.spec()?;
    let path = Path::root("spec");
    let hard_path = path.field("hard");
    if let Some(name) = raw.hard.keys().find(|name| !ResourceQuota::is_known(name)) {
        let expected = format!(
            "one of {}, `requests.` of a device or a count such as `count/deployments.apps`",
            ResourceQuota::RESOURCES.join(", ")
        );
        return Err(hard_path.problem(&expected, name));
    }
    for name in raw.hard.keys() {
        if ResourceQuota::UNCOUNTED.contains(&name.as_str()) {
            let object = ObjectName {
                kind: "ResourceQuota",
                namespace: Some(&workload.namespace),
                name: &workload.name,
            };
            let findings = &mut workload.ctx.findings;
            let what = "objects of this kind are not modelled";
            findings.add(object, &hard_path.key(name), what, "they are not counted");
        }
    }
    server::check_whole(&raw.hard, &hard_path)?;
    let scopes = scopes(&raw, &path)?;
    let quota = ResourceQuota {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        hard: amounts(&raw.hard, &hard_path)?,
        scopes,
        ..ResourceQuota::default()
    };
    Ok((Object::ResourceQuota(Arc::new(quota)), Vec::new()))
}

/// The scopes of a quota, in both notations.
fn scopes(raw: &RawQuota, path: &Path<'_>) -> Result<Vec<QuotaScope>, Problem> {
    let mut scopes = Vec::new();
    let plain_path = path.field("scopes");
    for (index, name) in raw.scopes.iter().enumerate() {
        let path = plain_path.index(index);
        let scope = scope(name, Operator::Exists, Vec::new(), &path)?;
        scopes.push((scope, path.to_string()));
    }
    let selector_path = path.field("scopeSelector");
    let selector_path = selector_path.field("matchExpressions");
    let expressions = raw.scope_selector.as_ref();
    let expressions = expressions.map_or(&[][..], |expressions| &expressions.match_expressions);
    for (index, own) in expressions.iter().enumerate() {
        let path = selector_path.index(index);
        let operator = match own.operator.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => {
                let expected = "`In`, `NotIn`, `Exists` or `DoesNotExist`";
                return Err(path.field("operator").problem(expected, other));
            }
        };
        let takes_values = matches!(operator, Operator::In | Operator::NotIn);
        if takes_values == own.values.is_empty() {
            let expected = if takes_values {
                "the names of classes"
            } else {
                "nothing, as the operator takes no values"
            };
            let found = plural::count(own.values.len(), "value");
            return Err(path.field("values").problem(expected, found));
        }
        let values = own.values.iter().map(|value| value.as_str().into());
        let scope = scope(&own.scope_name, operator, values.collect(), &path)?;
        scopes.push((scope, path.to_string()));
    }
    for (place, (scope, field)) in scopes.iter().enumerate() {
        if let Some((other, _)) = scopes[..place].iter().find(|(own, _)| own.excludes(scope)) {
            let (own, other) = (scope.name(), other.name());
            return Err(Problem(format!(
                "{field}: no pod is in the scopes {other} and {own} at once; leave one out"
            )));
        }
        if let Some(name) = raw.hard.keys().find(|name| !scope.limits(name)) {
            return Err(Problem(format!(
                "{field}: a quota of the scope {} can't limit {name}; leave that out",
                scope.name()
            )));
        }
    }
    Ok(scopes.into_iter().map(|(scope, _)| scope).collect())
}

fn scope(
    name: &str,
    operator: Operator,
    values: Vec<Text>,
    path: &Path<'_>,
) -> Result<QuotaScope, Problem> {
    let scope = match name {
        "BestEffort" => QuotaScope::BestEffort,
        "NotBestEffort" => QuotaScope::NotBestEffort,
        "Terminating" => QuotaScope::Terminating,
        "NotTerminating" => QuotaScope::NotTerminating,
        "CrossNamespacePodAffinity" => QuotaScope::CrossNamespacePodAffinity,
        "PriorityClass" => {
            return Ok(QuotaScope::PriorityClass(Requirement {
                key: name.into(),
                operator,
                values,
            }));
        }
        other => {
            let expected = "`BestEffort`, `NotBestEffort`, `Terminating`, `NotTerminating`, \
                            `PriorityClass` or `CrossNamespacePodAffinity`";
            return Err(path.problem(expected, other));
        }
    };
    if operator != Operator::Exists {
        let expected = format!("`Exists`, the only operator of the scope {name}");
        return Err(path
            .field("operator")
            .problem(&expected, format!("{operator:?}")));
    }
    Ok(scope)
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

/// Notes limits of what is no pod: sizes of claims, images.
fn note_other_limit(workload: &mut Workload<'_>, path: &Path<'_>, kind: &str) {
    let object = ObjectName {
        kind: "LimitRange",
        namespace: Some(&workload.namespace),
        name: &workload.name,
    };
    let findings = &mut workload.ctx.findings;
    let what = format!("limits of `{kind}`");
    findings.add(object, &path.field("type"), what, "they are not applied");
}

/// Refuses amounts that contradict each other. Source: `ValidateLimitRange`.
fn check_order(item: &LimitItem, path: &Path<'_>) -> Result<(), Problem> {
    let lists = [
        ("min value", &item.min),
        ("default request value", &item.default_request),
        ("default value", &item.default),
        ("max value", &item.max),
    ];
    for (place, (lesser, list)) in lists.iter().enumerate() {
        for (name, least) in list.named() {
            for (greater, others) in &lists[place + 1..] {
                if let Some(most) = others.stated(name).filter(|most| *most < least) {
                    let words =
                        format!("{name}: {lesser} {least} is greater than {greater} {most}");
                    return Err(path.broken(words));
                }
            }
        }
    }
    for (name, ratio) in item.max_ratio.named() {
        if ratio < Quantity::from_units(1) {
            return Err(path.broken(format!("{name}: ratio {ratio} is less than 1")));
        }
        let (least, most) = (item.min.stated(name), item.max.stated(name));
        if let (Some(least), Some(most)) = (least, most)
            && least > Quantity::ZERO
            && ratio.nanos() * least.nanos() > most.nanos() * 1_000_000_000
        {
            return Err(path.broken(format!(
                "{name}: ratio {ratio} is greater than max/min, which is {most}/{least}"
            )));
        }
    }
    Ok(())
}

/// A limit range.
pub(super) fn limit_range(workload: &mut Workload<'_>) -> CheckResult {
    let raw: RawRange = workload.spec()?;
    let path = Path::root("spec");
    let limits_path = path.field("limits");
    let mut limits = Vec::new();
    for (index, item) in raw.limits.iter().enumerate() {
        let path = limits_path.index(index);
        let of = match item.kind.as_str() {
            "Container" => LimitedKind::Container,
            "Pod" => LimitedKind::Pod,
            other => {
                note_other_limit(workload, &path, other);
                continue;
            }
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
        check_order(&item, &path)?;
        limits.push(item.filled());
    }
    let range = LimitRange {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        limits,
    };
    Ok((Object::LimitRange(Arc::new(range)), Vec::new()))
}
