//! Required affinity of pods in Kubernetes' notation, for the settings of the project's own table: nodes by their labels and
//! fields, and other pods by their labels. Preferences and namespaces are not written.

use serde_json::{Map, Value, json};

use super::ledger::BadRow;
use super::pod_template::{bad, check};
use model::{
    Affinity, LabelSelector, NodeSelector, NodeSelectorTerm, Operator, PodAffinityTerm,
    Requirement, Text,
};

/// The member of rules that hold when a pod is placed.
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// The operators by their names.
const OPERATORS: [(&str, Operator); 6] = [
    ("In", Operator::In),
    ("NotIn", Operator::NotIn),
    ("Exists", Operator::Exists),
    ("DoesNotExist", Operator::DoesNotExist),
    ("Gt", Operator::Gt),
    ("Lt", Operator::Lt),
];

/// The rules of an affinity that are written; `None` if there are none.
pub(crate) fn written(affinity: &Affinity) -> Option<Value> {
    let mut members = Map::new();
    if let Some(required) = &affinity.node.required {
        let terms = required.terms.iter().map(|term| {
            let mut members = Map::new();
            for (name, list) in [
                ("matchExpressions", &term.match_expressions),
                ("matchFields", &term.match_fields),
            ] {
                if !list.is_empty() {
                    members.insert(name.into(), requirements(list));
                }
            }
            Value::Object(members)
        });
        let terms: Value = terms.collect();
        let rule = json!({REQUIRED: {"nodeSelectorTerms": terms}});
        members.insert("nodeAffinity".into(), rule);
    }
    for (name, terms) in [
        ("podAffinity", &affinity.required_pod_affinity),
        ("podAntiAffinity", &affinity.required_pod_anti_affinity),
    ] {
        if !terms.is_empty() {
            let terms: Value = terms.iter().map(pod_term).collect();
            members.insert(name.into(), json!({REQUIRED: terms}));
        }
    }
    (!members.is_empty()).then_some(Value::Object(members))
}

fn pod_term(term: &PodAffinityTerm) -> Value {
    let mut members = Map::new();
    members.insert("topologyKey".into(), (&*term.topology_key).into());
    if let Some(selector) = &term.selector {
        let selector = json!({"matchExpressions": requirements(&selector.requirements)});
        members.insert("labelSelector".into(), selector);
    }
    Value::Object(members)
}

fn requirements(list: &[Requirement]) -> Value {
    let written = list.iter().map(|own| {
        let known = OPERATORS.iter().find(|(_, known)| *known == own.operator);
        let operator = known.map_or("In", |(name, _)| name);
        let values: Vec<&str> = own.values.iter().map(|value| &**value).collect();
        let mut members = Map::new();
        members.insert("key".into(), (&*own.key).into());
        members.insert("operator".into(), operator.into());
        if !values.is_empty() {
            members.insert("values".into(), values.into());
        }
        Value::Object(members)
    });
    written.collect()
}

/// Reads the affinity of a spec, which may be absent.
///
/// # Errors
/// It has rules that are not read.
pub(crate) fn read(line: u64, found: Option<&Value>) -> Result<Affinity, BadRow> {
    let rules = ["nodeAffinity", "podAffinity", "podAntiAffinity"];
    check(line, "pod.spec.affinity", found, &rules)?;
    let rule = |name: &str| -> Result<Option<&Value>, BadRow> {
        let rule = found.and_then(|own| own.get(name));
        check(line, name, rule, &[REQUIRED])?;
        Ok(rule.and_then(|own| own.get(REQUIRED)))
    };
    let [nodes, pods, others] = [rule(rules[0])?, rule(rules[1])?, rule(rules[2])?];
    let mut affinity = Affinity::default();
    if nodes.is_some() {
        check(line, REQUIRED, nodes, &["nodeSelectorTerms"])?;
        let terms = nodes.and_then(|own| own.get("nodeSelectorTerms"));
        let terms = list(line, "nodeSelectorTerms", terms)?;
        let terms = terms.iter().map(|term| node_term(line, term));
        affinity.node.required = Some(NodeSelector {
            terms: terms.collect::<Result<_, _>>()?,
        });
    }
    affinity.required_pod_affinity = pod_terms(line, pods)?;
    affinity.required_pod_anti_affinity = pod_terms(line, others)?;
    Ok(affinity)
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
    let terms = list(line, REQUIRED, found)?.iter().map(|term| {
        check(
            line,
            REQUIRED,
            Some(term),
            &["topologyKey", "labelSelector"],
        )?;
        let selector = term.get("labelSelector");
        check(line, "labelSelector", selector, &["matchExpressions"])?;
        let selector = selector.map(|own| {
            let requirements = read_requirements(line, own.get("matchExpressions"))?;
            Ok(LabelSelector { requirements })
        });
        Ok(PodAffinityTerm {
            selector: selector.transpose()?,
            topology_key: text(line, "topologyKey", term.get("topologyKey"))?,
            namespaces: Vec::new(),
            namespace_selector: None,
            match_label_keys: Vec::new(),
            mismatch_label_keys: Vec::new(),
        })
    });
    terms.collect()
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
        let known = OPERATORS.iter().find(|(known, _)| *known == &*name);
        let operator = known.map(|(_, operator)| *operator);
        let expected = "In, NotIn, Exists, DoesNotExist, Gt or Lt";
        let values = list(line, "values", own.get("values"))?.iter();
        let values = values.map(|value| text(line, "values", Some(value)));
        Ok(Requirement {
            key: text(line, "key", own.get("key"))?,
            operator: operator
                .ok_or_else(|| bad(line, "operator", own.get("operator"), expected))?,
            values: values.collect::<Result<_, _>>()?,
        })
    });
    read.collect()
}

fn text(line: u64, column: &str, found: Option<&Value>) -> Result<Text, BadRow> {
    let own = found.and_then(Value::as_str);
    own.map(Text::from)
        .ok_or_else(|| bad(line, column, found, "a text"))
}

/// The elements of a list, which may be absent.
fn list<'v>(line: u64, column: &str, found: Option<&'v Value>) -> Result<&'v [Value], BadRow> {
    match found {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        found => Err(bad(line, column, found, "a list")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn requirement() -> impl Strategy<Value = Requirement> {
        let operator = prop::sample::select(OPERATORS.map(|(_, operator)| operator).to_vec());
        let values = prop::collection::vec("[a-z\"]{0,3}", 0..3);
        ("[a-z/.]{1,4}", operator, values).prop_map(|(key, operator, values)| Requirement {
            key: key.as_str().into(),
            operator,
            values: values.iter().map(|own| own.as_str().into()).collect(),
        })
    }

    fn some() -> impl Strategy<Value = Vec<Requirement>> {
        prop::collection::vec(requirement(), 0..3)
    }

    fn terms() -> impl Strategy<Value = Vec<PodAffinityTerm>> {
        let term = ("[a-z/]{1,4}", prop::option::of(some()));
        let term = term.prop_map(|(key, selector)| PodAffinityTerm {
            selector: selector.map(|requirements| LabelSelector { requirements }),
            topology_key: key.as_str().into(),
            namespaces: Vec::new(),
            namespace_selector: None,
            match_label_keys: Vec::new(),
            mismatch_label_keys: Vec::new(),
        });
        prop::collection::vec(term, 0..3)
    }

    proptest! {
        #[test]
        fn rules_read_back(
            nodes in prop::option::of(prop::collection::vec((some(), some()), 0..3)),
            pods in terms(),
            others in terms(),
        ) {
            let mut affinity = Affinity::default();
            affinity.node.required = nodes.map(|terms| NodeSelector {
                terms: { terms.into_iter() }
                    .map(|(match_expressions, match_fields)| NodeSelectorTerm {
                        match_expressions,
                        match_fields,
                    })
                    .collect(),
            });
            affinity.required_pod_affinity = pods;
            affinity.required_pod_anti_affinity = others;
            let found = read(1, written(&affinity).as_ref());
            prop_assert_eq!(found.map_err(|bad| bad.rule), Ok(affinity));
        }
    }

    #[test]
    fn preferences_are_refused() {
        let preferred =
            json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}});
        let bad = read(1, Some(&preferred)).expect_err("a preference");
        assert!(bad.rule.contains(REQUIRED), "{}", bad.rule);
        let unknown = json!({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "a", "operator": "Is"}]}]}}});
        let bad = read(1, Some(&unknown)).expect_err("no operator");
        assert!(bad.rule.contains("DoesNotExist"), "{}", bad.rule);
    }
}
