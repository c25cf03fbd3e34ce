//! Affinity of pods in Kubernetes' notation, for the settings of the project's own table: required and preferred rules
//! about nodes by their labels and fields, and about other pods by their labels and namespaces.

use serde_json::{Map, Value, json};

use crate::pod::template::{bad, check, filled, labels, list, named, stated, text, texts};
use intake::ledger::BadRow;
use model::{
    Affinity, LabelSelector, NodeSelector, NodeSelectorTerm, Operator, PodAffinityTerm, Requirement,
};

/// The member of rules that hold when a pod is placed.
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
/// The member of rules that are wishes with weights.
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// The members of an affinity.
const RULES: [&str; 3] = ["nodeAffinity", "podAffinity", "podAntiAffinity"];

/// The rules of an affinity; `None` if there are none.
pub fn written(affinity: &Affinity) -> Option<Value> {
    let Affinity {
        node,
        required_pod_affinity,
        required_pod_anti_affinity,
        preferred_pod_affinity,
        preferred_pod_anti_affinity,
    } = affinity;
    let required = node.required.as_ref().map(|own| {
        let terms: Value = own.terms.iter().map(written_node_term).collect();
        json!({"nodeSelectorTerms": terms})
    });
    let wishes = node.preferred.iter();
    let wishes = wishes.map(|(weight, term)| {
        let term = written_node_term(term);
        json!({"weight": weight, "preference": term})
    });
    let wishes: Value = wishes.collect();
    let rules = stated(json!({
        "nodeAffinity": filled(stated(json!({REQUIRED: required, PREFERRED: filled(wishes)}))),
        "podAffinity": written_pod_rules(required_pod_affinity, preferred_pod_affinity),
        "podAntiAffinity":
            written_pod_rules(required_pod_anti_affinity, preferred_pod_anti_affinity),
    }));
    filled(rules)
}

fn written_pod_rules(
    required: &[PodAffinityTerm],
    preferred: &[(i32, PodAffinityTerm)],
) -> Option<Value> {
    let terms: Value = required.iter().map(written_pod_term).collect();
    let wishes = preferred.iter().map(|(weight, term)| {
        let term = written_pod_term(term);
        json!({"weight": weight, "podAffinityTerm": term})
    });
    let wishes: Value = wishes.collect();
    filled(stated(
        json!({REQUIRED: filled(terms), PREFERRED: filled(wishes)}),
    ))
}

fn written_node_term(term: &NodeSelectorTerm) -> Value {
    let NodeSelectorTerm {
        match_expressions,
        match_fields,
    } = term;
    stated(json!({
        "matchExpressions": requirements(match_expressions),
        "matchFields": requirements(match_fields),
    }))
}

fn written_pod_term(term: &PodAffinityTerm) -> Value {
    let PodAffinityTerm {
        selector,
        topology_key,
        namespaces,
        namespace_selector,
        match_label_keys,
        mismatch_label_keys,
    } = term;
    stated(json!({
        "topologyKey": topology_key,
        "labelSelector": selector.as_ref().map(written_selector),
        "namespaceSelector": namespace_selector.as_ref().map(written_selector),
        "namespaces": filled(namespaces),
        "matchLabelKeys": filled(match_label_keys),
        "mismatchLabelKeys": filled(mismatch_label_keys),
    }))
}

/// A selector over labels; an empty one selects all.
pub(crate) fn written_selector(selector: &LabelSelector) -> Value {
    stated(json!({"matchExpressions": requirements(&selector.requirements)}))
}

fn requirements(list: &[Requirement]) -> Option<Value> {
    let written = list.iter().map(|own| {
        let Requirement {
            key,
            operator,
            values,
        } = own;
        stated(json!({"key": key, "operator": operator, "values": filled(values)}))
    });
    filled(written.collect::<Value>())
}

/// Reads the affinity of a spec, which may be absent.
///
/// # Errors
/// It has rules that are not read.
pub fn read(line: u64, found: Option<&Value>) -> Result<Affinity, BadRow> {
    check(line, "pod.spec.affinity", found, &RULES)?;
    let rule = |name: &str| -> Result<[Option<&Value>; 2], BadRow> {
        let rule = found.and_then(|own| own.get(name));
        check(line, name, rule, &[REQUIRED, PREFERRED])?;
        let of_kind = |kind| rule.and_then(|own| own.get(kind));
        Ok([REQUIRED, PREFERRED].map(|kind| of_kind(kind).filter(|own| !own.is_null())))
    };
    let [required, preferred] = rule(RULES[0])?;
    let mut affinity = Affinity::default();
    if required.is_some() {
        check(line, REQUIRED, required, &["nodeSelectorTerms"])?;
        let terms = required.and_then(|own| own.get("nodeSelectorTerms"));
        let terms = list(line, "nodeSelectorTerms", terms)?;
        let terms = terms.iter().map(|term| node_term(line, term));
        affinity.node.required = Some(NodeSelector {
            terms: terms.collect::<Result<_, _>>()?,
        });
    }
    affinity.node.preferred = wishes(line, preferred, "preference", node_term)?;
    let [required, preferred] = rule(RULES[1])?;
    affinity.required_pod_affinity = pod_terms(line, required)?;
    affinity.preferred_pod_affinity = wishes(line, preferred, "podAffinityTerm", pod_term)?;
    let [required, preferred] = rule(RULES[2])?;
    affinity.required_pod_anti_affinity = pod_terms(line, required)?;
    affinity.preferred_pod_anti_affinity = wishes(line, preferred, "podAffinityTerm", pod_term)?;
    Ok(affinity)
}

/// Rules with weights, each of which has a member of its own for the rule.
fn wishes<T>(
    line: u64,
    found: Option<&Value>,
    member: &str,
    read: impl Fn(u64, &Value) -> Result<T, BadRow>,
) -> Result<Vec<(i32, T)>, BadRow> {
    let wishes = list(line, PREFERRED, found)?.iter().map(|wish| {
        check(line, PREFERRED, Some(wish), &["weight", member])?;
        let stated = wish.get("weight");
        let weight = stated.and_then(Value::as_i64);
        let weight = weight.and_then(|weight| i32::try_from(weight).ok());
        let weight = weight.ok_or_else(|| bad(line, "weight", stated, "a whole number"))?;
        let none = Value::Object(Map::new());
        Ok((weight, read(line, wish.get(member).unwrap_or(&none))?))
    });
    wishes.collect()
}

fn node_term(line: u64, term: &Value) -> Result<NodeSelectorTerm, BadRow> {
    let members = ["matchExpressions", "matchFields"];
    check(line, "nodeSelectorTerms", Some(term), &members)?;
    Ok(NodeSelectorTerm {
        match_expressions: read_requirements(line, term.get(members[0]))?,
        match_fields: read_requirements(line, term.get(members[1]))?,
    })
}

fn pod_terms(line: u64, found: Option<&Value>) -> Result<Vec<PodAffinityTerm>, BadRow> {
    let terms = list(line, REQUIRED, found)?.iter();
    terms.map(|term| pod_term(line, term)).collect()
}

fn pod_term(line: u64, term: &Value) -> Result<PodAffinityTerm, BadRow> {
    let members = [
        "topologyKey",
        "labelSelector",
        "namespaces",
        "namespaceSelector",
        "matchLabelKeys",
        "mismatchLabelKeys",
    ];
    check(line, "pod affinity", Some(term), &members)?;
    let names = |member: &str| texts(line, member, term.get(member));
    Ok(PodAffinityTerm {
        topology_key: text(line, "topologyKey", term.get("topologyKey"))?,
        selector: selector(line, "labelSelector", term)?,
        namespaces: names("namespaces")?,
        namespace_selector: selector(line, "namespaceSelector", term)?,
        match_label_keys: names("matchLabelKeys")?,
        mismatch_label_keys: names("mismatchLabelKeys")?,
    })
}

/// The selector over labels that is a member of an object, which may be absent.
pub fn selector(line: u64, member: &str, of: &Value) -> Result<Option<LabelSelector>, BadRow> {
    let found = of.get(member).filter(|own| !own.is_null());
    check(line, member, found, &["matchLabels", "matchExpressions"])?;
    let Some(found) = found else {
        return Ok(None);
    };
    let plain = labels(line, found.get("matchLabels"), "matchLabels")?;
    let plain = plain.iter().map(|(key, value)| Requirement {
        key: key.clone(),
        operator: Operator::In,
        values: vec![value.clone()],
    });
    let others = read_requirements(line, found.get("matchExpressions"))?;
    let requirements = plain.chain(others).collect();
    Ok(Some(LabelSelector { requirements }))
}

fn read_requirements(line: u64, found: Option<&Value>) -> Result<Vec<Requirement>, BadRow> {
    let read = list(line, "matchExpressions", found)?.iter().map(|own| {
        check(
            line,
            "matchExpressions",
            Some(own),
            &["key", "operator", "values"],
        )?;
        let name = text(line, "operator", own.get("operator"))?;
        let expected = "In, NotIn, Exists, DoesNotExist, Gt or Lt";
        Ok(Requirement {
            key: text(line, "key", own.get("key"))?,
            operator: named(&name)
                .ok_or_else(|| bad(line, "operator", own.get("operator"), expected))?,
            values: texts(line, "values", own.get("values"))?,
        })
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_a_selector_are_requirements() {
        let term = json!({"labelSelector": {"matchLabels": {"a": "b"}}});
        let read = selector(1, "labelSelector", &term).expect("a selector");
        let again = written_selector(&read.expect("one"));
        let expected = json!([{"key": "a", "operator": "In", "values": ["b"]}]);
        assert_eq!(again["matchExpressions"], expected);
    }

    #[test]
    fn rules_that_are_not_read_are_refused() {
        let complaint = |affinity: Value| {
            let bad = read(1, Some(&affinity)).expect_err("wrong");
            format!("{}: {}, found {}", bad.column, bad.rule, bad.value)
        };
        let unknown = json!({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "a", "operator": "Is"}]}]}}});
        assert_eq!(
            complaint(unknown),
            "operator: must be In, NotIn, Exists, DoesNotExist, Gt or Lt, found \"Is\""
        );
        let unweighted = json!({"podAffinity": {PREFERRED: [{"podAffinityTerm":
            {"topologyKey": "zone"}}]}});
        assert_eq!(
            complaint(unweighted),
            "weight: must be a whole number, found "
        );
        let other = json!({"podAffinity": {"atAllTimes": []}});
        let bad = complaint(other);
        assert!(bad.contains(REQUIRED) && bad.contains(PREFERRED), "{bad}");
    }
}
