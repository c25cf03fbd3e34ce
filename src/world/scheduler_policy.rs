//! The policy of a scheduler of `OpenShift` as the file `scheduler.json` of a master states it (kind `Policy`):
//! predicates and priorities by name, with weights and arguments (spec: orchestrators-a.md section 8.1).

use model::Text;
use serde::Deserialize;
use systems::openshift::rules::{Predicate, Priority, Rules};
use units::nearest::hint;

use super::BuildError;

/// Predicates of the file, and those that they stand for. Of the others each node is as its labels, taints and
/// conditions say, whatever the policy lists.
const PREDICATES: [(&str, &[Predicate]); 22] = [
    ("MatchNodeSelector", &[Predicate::MatchNodeSelector]),
    ("PodFitsResources", &[Predicate::PodFitsResources]),
    ("PodFitsPorts", &[Predicate::PodFitsPorts]),
    ("PodFitsHostPorts", &[Predicate::PodFitsPorts]),
    (
        "GeneralPredicates",
        &[
            Predicate::MatchNodeSelector,
            Predicate::PodFitsResources,
            Predicate::PodFitsPorts,
        ],
    ),
    ("NoDiskConflict", &[Predicate::NoDiskConflict]),
    ("MatchInterPodAffinity", &[Predicate::MatchInterPodAffinity]),
    ("HostName", &[]),
    ("NoVolumeZoneConflict", &[]),
    ("MaxEBSVolumeCount", &[]),
    ("MaxGCEPDVolumeCount", &[]),
    ("MaxAzureDiskVolumeCount", &[]),
    ("MaxCSIVolumeCountPred", &[]),
    ("CheckVolumeBinding", &[]),
    ("PodToleratesNodeTaints", &[]),
    ("PodToleratesNodeNoExecuteTaints", &[]),
    ("CheckNodeCondition", &[]),
    ("CheckNodeUnschedulable", &[]),
    ("CheckNodeMemoryPressure", &[]),
    ("CheckNodeDiskPressure", &[]),
    ("CheckNodePIDPressure", &[]),
    ("CheckServiceAffinity", &[]),
];

/// Priorities of the file; those without one score all nodes alike.
const PRIORITIES: [(&str, Option<Priority>); 9] = [
    ("LeastRequestedPriority", Some(Priority::LeastRequested)),
    ("ServiceSpreadingPriority", Some(Priority::ServiceSpreading)),
    ("SelectorSpreadPriority", Some(Priority::SelectorSpread)),
    ("BalancedResourceAllocation", Some(Priority::Balanced)),
    ("NodeAffinityPriority", Some(Priority::NodeAffinity)),
    ("TaintTolerationPriority", Some(Priority::TaintToleration)),
    ("InterPodAffinityPriority", Some(Priority::InterPodAffinity)),
    (
        "NodePreferAvoidPodsPriority",
        Some(Priority::NodePreferAvoidPods),
    ),
    ("EqualPriority", None),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Policy {
    kind: Option<String>,
    #[serde(rename = "apiVersion")]
    _api_version: Option<String>,
    #[serde(default)]
    predicates: Vec<Stated>,
    #[serde(default)]
    priorities: Vec<Stated>,
    hard_pod_affinity_symmetric_weight: Option<i64>,
    #[serde(rename = "alwaysCheckAllPredicates")]
    _checks_all: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    name: String,
    weight: Option<i64>,
    argument: Option<Argument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argument {
    service_affinity: Option<ServiceAffinity>,
    service_anti_affinity: Option<ServiceAntiAffinity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceAffinity {
    labels: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceAntiAffinity {
    label: Text,
}

/// The policy that a file states.
///
/// # Errors
/// It is no policy, or states a name, a weight or an argument that is not known.
pub(super) fn read_policy(file: &str, text: &str) -> Result<Rules, BuildError> {
    let wrong = |what: String| BuildError::Experiment(format!("{file}: {what}"));
    let policy: Policy = serde_json::from_str(text).map_err(|why| wrong(why.to_string()))?;
    if let Some(kind) = policy.kind.filter(|kind| kind != "Policy") {
        return Err(wrong(format!("kind: expected `Policy`, found `{kind}`")));
    }
    let mut rules = Rules {
        predicates: Vec::new(),
        priorities: Vec::new(),
        ..Rules::early()
    };
    for (number, own) in policy.predicates.iter().enumerate() {
        let place = format!("predicates[{number}]");
        predicate(own, &mut rules).map_err(|why| wrong(format!("{place}{why}")))?;
    }
    for (number, own) in policy.priorities.iter().enumerate() {
        let place = format!("priorities[{number}]");
        priority(own, &mut rules).map_err(|why| wrong(format!("{place}{why}")))?;
    }
    if let Some(weight) = policy.hard_pod_affinity_symmetric_weight {
        if !(0..=100).contains(&weight) {
            let field = "hardPodAffinitySymmetricWeight";
            return Err(wrong(format!("{field}: expected 0 to 100, found {weight}")));
        }
        rules.required_affinity = weight;
    }
    Ok(rules)
}

fn predicate(own: &Stated, rules: &mut Rules) -> Result<(), String> {
    let add = |rules: &mut Rules, predicate: Predicate| {
        if !rules.predicates.contains(&predicate) {
            rules.predicates.push(predicate);
        }
    };
    if let Some(argument) = &own.argument {
        let labels = argument.service_affinity.as_ref().map(|own| &*own.labels);
        let Some([label]) = labels else {
            return Err(
                ".argument: expected `serviceAffinity` with one of `labels`, such as \
                 `{\"serviceAffinity\": {\"labels\": [\"region\"]}}`"
                    .to_owned(),
            );
        };
        rules.region = label.clone();
        add(rules, Predicate::Region);
        return Ok(());
    }
    let mut known = PREDICATES.iter();
    let Some((_, meant)) = known.find(|(name, _)| *name == own.name) else {
        return Err(unknown(&own.name, &PREDICATES.map(|(name, _)| name)));
    };
    for &predicate in *meant {
        add(rules, predicate);
    }
    Ok(())
}

fn priority(own: &Stated, rules: &mut Rules) -> Result<(), String> {
    let weight = own.weight.unwrap_or(0);
    if !(1..=1_000_000).contains(&weight) {
        let found = own.weight.map_or("none".to_owned(), |own| own.to_string());
        return Err(format!(".weight: expected 1 to 1000000, found {found}"));
    }
    let priority = if let Some(argument) = &own.argument {
        let Some(zone) = &argument.service_anti_affinity else {
            return Err(
                ".argument: expected `serviceAntiAffinity` with a `label`, such as \
                 `{\"serviceAntiAffinity\": {\"label\": \"zone\"}}`"
                    .to_owned(),
            );
        };
        rules.zone = zone.label.clone();
        Priority::Zone
    } else {
        let mut known = PRIORITIES.iter();
        let Some((_, meant)) = known.find(|(name, _)| *name == own.name) else {
            return Err(unknown(&own.name, &PRIORITIES.map(|(name, _)| name)));
        };
        match meant {
            Some(priority) => *priority,
            None => return Ok(()),
        }
    };
    if rules.weight(priority) != 0 {
        return Err(format!(
            ".name: `{}` scores as another priority of the file does; expected one of both",
            own.name
        ));
    }
    rules.priorities.push((priority, weight));
    Ok(())
}

fn unknown(name: &str, known: &[&str]) -> String {
    let near = hint(name, known.iter().copied());
    format!(".name: `{name}` is not known; {near}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of a master of 3.11, as it is installed.
    const REAL: &str = r#"{
        "apiVersion": "v1", "kind": "Policy",
        "predicates": [
            {"name": "NoVolumeZoneConflict"}, {"name": "MaxEBSVolumeCount"},
            {"name": "MaxGCEPDVolumeCount"}, {"name": "MaxAzureDiskVolumeCount"},
            {"name": "MatchInterPodAffinity"}, {"name": "NoDiskConflict"},
            {"name": "GeneralPredicates"}, {"name": "PodToleratesNodeTaints"},
            {"name": "CheckNodeMemoryPressure"}, {"name": "CheckNodeDiskPressure"},
            {"argument": {"serviceAffinity": {"labels": ["region"]}}, "name": "Region"}
        ],
        "priorities": [
            {"name": "SelectorSpreadPriority", "weight": 1},
            {"name": "InterPodAffinityPriority", "weight": 1},
            {"name": "LeastRequestedPriority", "weight": 1},
            {"name": "BalancedResourceAllocation", "weight": 1},
            {"name": "NodePreferAvoidPodsPriority", "weight": 10000},
            {"name": "NodeAffinityPriority", "weight": 1},
            {"name": "TaintTolerationPriority", "weight": 1},
            {"argument": {"serviceAntiAffinity": {"label": "zone"}}, "name": "Zone", "weight": 2}
        ]
    }"#;

    #[test]
    fn the_file_of_a_master_is_the_policy_of_3_11() {
        let mut read = read_policy("scheduler.json", REAL).expect("a policy");
        let mut known = Rules::v3_11();
        for own in [&mut read, &mut known] {
            own.predicates.sort_unstable();
            own.priorities.sort_unstable();
        }
        assert_eq!(read, known);
    }

    #[test]
    fn wrong_files_are_refused_with_their_place() {
        let said = |text: &str| match read_policy("p.json", text) {
            Err(why) => why.to_string(),
            Ok(_) => String::new(),
        };
        for (text, expected) in [
            ("{", "p.json: EOF"),
            (r#"{"kind": "Pod"}"#, "kind: expected `Policy`"),
            (
                r#"{"predicates": [{"name": "NoDiskConflikt"}]}"#,
                "predicates[0].name: `NoDiskConflikt` is not known",
            ),
            (
                r#"{"priorities": [{"name": "EqualPriority"}]}"#,
                "priorities[0].weight: expected 1 to 1000000, found none",
            ),
            (
                r#"{"priorities": [{"name": "ServiceSpreadingPriority", "weight": 1}, {"name": "SelectorSpreadPriority", "weight": 1}, {"name": "ServiceSpreadingPriority", "weight": 1}]}"#,
                "priorities[2].name: `ServiceSpreadingPriority` scores as another",
            ),
            (
                r#"{"priorities": [{"name": "Z", "weight": 1, "argument": {"serviceAffinity": {"labels": ["a"]}}}]}"#,
                "priorities[0].argument: expected `serviceAntiAffinity`",
            ),
            (
                r#"{"hardPodAffinitySymmetricWeight": 101}"#,
                "expected 0 to 100, found 101",
            ),
        ] {
            let said = said(text);
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
