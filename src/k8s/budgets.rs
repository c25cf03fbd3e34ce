//! Manifests of disruption budgets (spec: kubernetes.md 2.9).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::affinity::optional_selector;
use super::field::{Path, Problem};
use super::raw;
use super::workload::{CheckResult, Workload, count};
use model::Object;
use model::workload::{BudgetLimit, PodDisruptionBudget, UnhealthyPodEviction, validate};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawBudget {
    selector: Option<raw::LabelSelector>,
    min_available: Option<Value>,
    max_unavailable: Option<Value>,
    unhealthy_pod_eviction_policy: Option<String>,
}

/// The refusal of a budget with two limits. Source: `ValidatePodDisruptionBudgetSpec`,
/// `pkg/apis/policy/validation/validation.go`.
fn both_limits() -> Problem {
    Path::root("spec").broken("minAvailable and maxUnavailable cannot be both set")
}

/// Refuses a spec with two limits.
pub(super) fn check_limits(spec: Option<&Value>) -> Result<(), Problem> {
    let is_stated = |field: &str| {
        let own = spec.and_then(|spec| spec.get(field));
        own.is_some_and(|own| !own.is_null())
    };
    if is_stated("minAvailable") && is_stated("maxUnavailable") {
        return Err(both_limits());
    }
    Ok(())
}

/// A budget.
pub(super) fn budget(workload: &mut Workload<'_>) -> CheckResult {
    let raw: RawBudget = workload.spec()?;
    let path = Path::root("spec");
    let texts = &mut workload.ctx.texts;
    let selector = optional_selector(raw.selector.as_ref(), &path.field("selector"), texts)?;
    let counted = |value: &Value, field: &str| {
        let path = path.field(field);
        count(value).map_err(|error| path.broken(error))
    };
    let limit = match (&raw.min_available, &raw.max_unavailable) {
        (Some(least), None) => BudgetLimit::MinAvailable(counted(least, "minAvailable")?),
        (None, Some(most)) => BudgetLimit::MaxUnavailable(counted(most, "maxUnavailable")?),
        (None, None) => return Err(path.missing("`minAvailable` or `maxUnavailable`")),
        (Some(_), Some(_)) => return Err(both_limits()),
    };
    let unhealthy = match raw.unhealthy_pod_eviction_policy.as_deref() {
        None | Some("" | "IfHealthyBudget") => UnhealthyPodEviction::IfHealthyBudget,
        Some("AlwaysAllow") => UnhealthyPodEviction::AlwaysAllow,
        Some(other) => {
            let path = path.field("unhealthyPodEvictionPolicy");
            return Err(path.problem("`IfHealthyBudget` or `AlwaysAllow`", other));
        }
    };
    let budget = PodDisruptionBudget {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        selector,
        limit,
        unhealthy,
        ..PodDisruptionBudget::default()
    };
    // Whether it selects anything is known at the end of the files.
    let mut findings = validate::budget(&budget, std::iter::empty());
    findings.retain(|finding| !finding.problem.is_warning());
    Ok((Object::PodDisruptionBudget(Arc::new(budget)), findings))
}
