//! Selectors, affinity, topology spread, taints and tolerations of a manifest, checked as the
//! Kubernetes API checks them (spec: kubernetes.md 1.5, 1.9, 1.10).

use super::field::{Path, Problem, Texts, check_label_key, check_label_value, required, weight};
use super::raw;
use model::{
    Affinity, LabelSelector, NodeAffinity, NodeSelector, NodeSelectorTerm, Operator,
    PodAffinityTerm, Requirement, Taint, TaintEffect, Text, Toleration, TopologySpread,
};
use units::Duration;

const SET_OPERATORS: &str = "one of `In`, `NotIn`, `Exists`, `DoesNotExist`";
const NODE_OPERATORS: &str = "one of `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`";

/// The affinity of a pod.
pub(super) fn affinity(
    raw: &raw::Affinity,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Affinity, Problem> {
    let node = node_affinity(&raw.node_affinity, &path.field("nodeAffinity"), texts)?;
    let together = path.field("podAffinity");
    let apart = path.field("podAntiAffinity");
    Ok(Affinity {
        node,
        required_pod_affinity: required_terms(&raw.pod_affinity, &together, texts)?,
        required_pod_anti_affinity: required_terms(&raw.pod_anti_affinity, &apart, texts)?,
        preferred_pod_affinity: preferred_terms(&raw.pod_affinity, &together, texts)?,
        preferred_pod_anti_affinity: preferred_terms(&raw.pod_anti_affinity, &apart, texts)?,
    })
}

/// Wishes about nodes.
pub(super) fn node_affinity(
    raw: &raw::NodeAffinity,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<NodeAffinity, Problem> {
    let mut affinity = NodeAffinity::default();
    if let Some(raw) = &raw.required {
        let path = path.field("requiredDuringSchedulingIgnoredDuringExecution");
        let path = path.field("nodeSelectorTerms");
        if raw.node_selector_terms.is_empty() {
            return Err(path.missing("at least one term"));
        }
        let mut terms = Vec::with_capacity(raw.node_selector_terms.len());
        for (index, term) in raw.node_selector_terms.iter().enumerate() {
            terms.push(node_term(term, &path.index(index), texts)?);
        }
        affinity.required = Some(NodeSelector { terms });
    }
    let path = path.field("preferredDuringSchedulingIgnoredDuringExecution");
    for (index, raw) in raw.preferred.iter().enumerate() {
        let path = path.index(index);
        let weight = weight(raw.weight, &path)?;
        let term = node_term(&raw.preference, &path.field("preference"), texts)?;
        affinity.preferred.push((weight, term));
    }
    Ok(affinity)
}

/// One alternative of a node selector.
pub(super) fn node_term(
    raw: &raw::NodeTerm,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<NodeSelectorTerm, Problem> {
    let mut term = NodeSelectorTerm::default();
    let expressions = path.field("matchExpressions");
    for (index, raw) in raw.match_expressions.iter().enumerate() {
        let path = expressions.index(index);
        let operator = operator(raw, &path, NODE_OPERATORS)?;
        term.match_expressions
            .push(requirement(raw, operator, &path, texts)?);
    }
    let fields = path.field("matchFields");
    for (index, raw) in raw.match_fields.iter().enumerate() {
        term.match_fields
            .push(field_requirement(raw, &fields.index(index), texts)?);
    }
    Ok(term)
}

/// A condition on a node's field: `metadata.name`, `In` or `NotIn`, exactly one value.
fn field_requirement(
    raw: &raw::Expression,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Requirement, Problem> {
    const EXPECTED: &str = "`metadata.name`, the one node field there is";
    let key = required(raw.key.as_ref(), &path.field("key"), EXPECTED)?;
    if key != "metadata.name" {
        return Err(path.field("key").problem(EXPECTED, key));
    }
    let operator = operator(raw, path, "`In` or `NotIn`")?;
    if !matches!(operator, Operator::In | Operator::NotIn) {
        let found = raw.operator.as_deref().unwrap_or_default();
        return Err(path.field("operator").problem("`In` or `NotIn`", found));
    }
    if raw.values.len() != 1 {
        let path = path.field("values");
        return Err(path.problem("exactly one value", raw.values.join(", ")));
    }
    Ok(Requirement {
        key: texts.share(key),
        operator,
        values: texts.share_all(&raw.values),
    })
}

fn required_terms(
    raw: &raw::PodAffinity,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Vec<PodAffinityTerm>, Problem> {
    let path = path.field("requiredDuringSchedulingIgnoredDuringExecution");
    let mut terms = Vec::with_capacity(raw.required.len());
    for (index, raw) in raw.required.iter().enumerate() {
        terms.push(pod_term(raw, &path.index(index), texts)?);
    }
    Ok(terms)
}

fn preferred_terms(
    raw: &raw::PodAffinity,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Vec<(i32, PodAffinityTerm)>, Problem> {
    let path = path.field("preferredDuringSchedulingIgnoredDuringExecution");
    let mut terms = Vec::with_capacity(raw.preferred.len());
    for (index, raw) in raw.preferred.iter().enumerate() {
        let path = path.index(index);
        let weight = weight(raw.weight, &path)?;
        let term = pod_term(
            &raw.pod_affinity_term,
            &path.field("podAffinityTerm"),
            texts,
        )?;
        terms.push((weight, term));
    }
    Ok(terms)
}

fn pod_term(
    raw: &raw::PodTerm,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<PodAffinityTerm, Problem> {
    let selector = optional_selector(
        raw.label_selector.as_ref(),
        &path.field("labelSelector"),
        texts,
    )?;
    let namespace_selector = optional_selector(
        raw.namespace_selector.as_ref(),
        &path.field("namespaceSelector"),
        texts,
    )?;
    let matching = path.field("matchLabelKeys");
    let differing = path.field("mismatchLabelKeys");
    Ok(PodAffinityTerm {
        selector,
        topology_key: topology_key(raw.topology_key.as_ref(), path, texts)?,
        namespaces: texts.share_all(&raw.namespaces),
        namespace_selector,
        match_label_keys: label_keys(&raw.match_label_keys, &matching, texts)?,
        mismatch_label_keys: label_keys(&raw.mismatch_label_keys, &differing, texts)?,
    })
}

fn topology_key(raw: Option<&String>, path: &Path<'_>, texts: &mut Texts) -> Result<Text, Problem> {
    let path = path.field("topologyKey");
    let key = required(
        raw,
        &path,
        "a node label such as `topology.kubernetes.io/zone`",
    )?;
    check_label_key(key, &path)?;
    Ok(texts.share(key))
}

fn label_keys(keys: &[String], path: &Path<'_>, texts: &mut Texts) -> Result<Vec<Text>, Problem> {
    for (index, key) in keys.iter().enumerate() {
        check_label_key(key, &path.index(index))?;
    }
    Ok(texts.share_all(keys))
}

/// A selector over labels, if there is one.
pub(super) fn optional_selector(
    raw: Option<&raw::LabelSelector>,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Option<LabelSelector>, Problem> {
    raw.map(|raw| label_selector(raw, path, texts)).transpose()
}

/// A selector over labels; `matchLabels` come first, as `In` of one value.
fn label_selector(
    raw: &raw::LabelSelector,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<LabelSelector, Problem> {
    let labels = texts.labels(&raw.match_labels, &path.field("matchLabels"))?;
    let mut requirements: Vec<_> = labels
        .into_iter()
        .map(|(key, value)| Requirement {
            key,
            operator: Operator::In,
            values: vec![value],
        })
        .collect();
    let expressions = path.field("matchExpressions");
    for (index, raw) in raw.match_expressions.iter().enumerate() {
        let path = expressions.index(index);
        let operator = operator(raw, &path, SET_OPERATORS)?;
        if matches!(operator, Operator::Gt | Operator::Lt) {
            let found = raw.operator.as_deref().unwrap_or_default();
            return Err(path.field("operator").problem(SET_OPERATORS, found));
        }
        requirements.push(requirement(raw, operator, &path, texts)?);
    }
    Ok(LabelSelector { requirements })
}

fn operator(raw: &raw::Expression, path: &Path<'_>, expected: &str) -> Result<Operator, Problem> {
    let path = path.field("operator");
    match required(raw.operator.as_ref(), &path, expected)? {
        "In" => Ok(Operator::In),
        "NotIn" => Ok(Operator::NotIn),
        "Exists" => Ok(Operator::Exists),
        "DoesNotExist" => Ok(Operator::DoesNotExist),
        "Gt" => Ok(Operator::Gt),
        "Lt" => Ok(Operator::Lt),
        other => Err(path.problem(expected, other)),
    }
}

fn requirement(
    raw: &raw::Expression,
    operator: Operator,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Requirement, Problem> {
    let key = required(raw.key.as_ref(), &path.field("key"), "a label key")?;
    check_label_key(key, &path.field("key"))?;
    let path = path.field("values");
    match operator {
        Operator::In | Operator::NotIn => {
            if raw.values.is_empty() {
                return Err(path.missing("at least one value"));
            }
            for (index, value) in raw.values.iter().enumerate() {
                check_label_value(value, &path.index(index))?;
            }
        }
        Operator::Exists | Operator::DoesNotExist => {
            if !raw.values.is_empty() {
                return Err(path.problem("no values with this operator", raw.values.join(", ")));
            }
        }
        Operator::Gt | Operator::Lt => {
            // As to the API server any text will do; one that is no number matches no node.
            if raw.values.len() != 1 {
                let expected = "exactly one value, a whole number";
                return Err(path.problem(expected, raw.values.join(", ")));
            }
        }
    }
    Ok(Requirement {
        key: texts.share(key),
        operator,
        values: texts.share_all(&raw.values),
    })
}

/// A rule that spreads pods, with the API's defaults (spec: kubernetes.md 1.9).
pub(super) fn topology_spread(
    raw: &raw::TopologySpread,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<TopologySpread, Problem> {
    const WHEN: &str = "`DoNotSchedule` or `ScheduleAnyway`";
    let skew_path = path.field("maxSkew");
    let max_skew = match raw.max_skew {
        Some(skew) if skew >= 1 => skew,
        Some(skew) => return Err(skew_path.problem("1 or more", skew)),
        None => return Err(skew_path.missing("1 or more")),
    };
    let when_path = path.field("whenUnsatisfiable");
    let hard = match required(raw.when_unsatisfiable.as_ref(), &when_path, WHEN)? {
        "DoNotSchedule" => true,
        "ScheduleAnyway" => false,
        other => return Err(when_path.problem(WHEN, other)),
    };
    if let Some(domains) = raw.min_domains {
        let path = path.field("minDomains");
        if domains < 1 {
            return Err(path.problem("1 or more", domains));
        }
        if !hard {
            let expected = "no `minDomains` beside `whenUnsatisfiable: ScheduleAnyway`";
            return Err(path.problem(expected, domains));
        }
    }
    let selector_path = path.field("labelSelector");
    let keys_path = path.field("matchLabelKeys");
    Ok(TopologySpread {
        max_skew,
        topology_key: topology_key(raw.topology_key.as_ref(), path, texts)?,
        hard,
        selector: optional_selector(raw.label_selector.as_ref(), &selector_path, texts)?,
        min_domains: raw.min_domains,
        honor_node_affinity: honors(
            raw.node_affinity_policy.as_deref().unwrap_or("Honor"),
            &path.field("nodeAffinityPolicy"),
        )?,
        honor_node_taints: honors(
            raw.node_taints_policy.as_deref().unwrap_or("Ignore"),
            &path.field("nodeTaintsPolicy"),
        )?,
        match_label_keys: label_keys(&raw.match_label_keys, &keys_path, texts)?,
    })
}

fn honors(policy: &str, path: &Path<'_>) -> Result<bool, Problem> {
    match policy {
        "Honor" => Ok(true),
        "Ignore" => Ok(false),
        other => Err(path.problem("`Honor` or `Ignore`", other)),
    }
}

const EFFECTS: &str = "`NoSchedule`, `PreferNoSchedule` or `NoExecute`";

fn effect(text: &str, path: &Path<'_>) -> Result<TaintEffect, Problem> {
    match text {
        "NoSchedule" => Ok(TaintEffect::NoSchedule),
        "PreferNoSchedule" => Ok(TaintEffect::PreferNoSchedule),
        "NoExecute" => Ok(TaintEffect::NoExecute),
        other => Err(path.problem(EFFECTS, other)),
    }
}

/// A mark on a node.
pub(super) fn taint(
    raw: &raw::Taint,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Taint, Problem> {
    let key_path = path.field("key");
    let key = required(raw.key.as_ref(), &key_path, "the taint's key")?;
    check_label_key(key, &key_path)?;
    let value = raw.value.as_deref().unwrap_or_default();
    check_label_value(value, &path.field("value"))?;
    let effect_path = path.field("effect");
    let effect_text = required(raw.effect.as_ref(), &effect_path, EFFECTS)?;
    Ok(Taint {
        key: texts.share(key),
        value: texts.share(value),
        effect: effect(effect_text, &effect_path)?,
    })
}

/// A pod's leave to be on tainted nodes; `None` for the numeric operators of later Kubernetes
/// versions, which the model doesn't have.
pub(super) fn toleration(
    raw: &raw::Toleration,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Option<Toleration>, Problem> {
    let key = raw.key.as_deref().filter(|key| !key.is_empty());
    if let Some(key) = key {
        check_label_key(key, &path.field("key"))?;
    }
    let value = raw.value.as_deref().unwrap_or_default();
    let operator_path = path.field("operator");
    let value = match raw.operator.as_deref().unwrap_or("Equal") {
        "Exists" if value.is_empty() => None,
        "Exists" => return Err(path.field("value").problem("no value with `Exists`", value)),
        "Equal" | "" if key.is_some() => {
            check_label_value(value, &path.field("value"))?;
            Some(texts.share(value))
        }
        "Equal" | "" => {
            return Err(operator_path.problem("`Exists`, as there is no key", "Equal"));
        }
        "Lt" | "Gt" => return Ok(None),
        other => return Err(operator_path.problem("`Exists` or `Equal`", other)),
    };
    let effect = match raw.effect.as_deref() {
        None | Some("") => None,
        Some(text) => Some(effect(text, &path.field("effect"))?),
    };
    let seconds_path = path.field("tolerationSeconds");
    let tolerates_for = match raw.toleration_seconds {
        None => None,
        Some(seconds) if effect == Some(TaintEffect::NoExecute) => {
            // A negative time means at once, as 0 does.
            let span = Duration::checked_from_secs(seconds.max(0));
            Some(span.ok_or_else(|| seconds_path.problem("less than 292 years", seconds))?)
        }
        Some(seconds) => {
            let expected = "`effect: NoExecute` beside it";
            return Err(seconds_path.problem(expected, seconds));
        }
    };
    Ok(Some(Toleration {
        key: key.map(|key| texts.share(key)),
        value,
        effect,
        tolerates_for,
    }))
}
