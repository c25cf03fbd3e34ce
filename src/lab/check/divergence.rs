//! The first decision at which the system of a baseline and the one now part, in words
//! (ci.md 6.2).

use serde::Serialize;
use serde_json::Value as Json;

use crate::diff::{DecisionFacts, Difference, Parting};
use crate::difference::{differences, shown};
use scenario::Scenario;
use scenario::as_run::document;
use units::{Instant, plural};

/// Changed settings that are named.
const CHANGES_MAX: usize = 2;

/// Divergence of a scenario from its baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundDivergence {
    /// Description of the divergence.
    pub words: String,
    /// The command that shows the decision closely, where there is one.
    pub look: Option<String>,
}

/// The text of a scenario with another system, as a baseline has it, and a seed.
pub fn with_system(scenario: &Scenario, system: &Json, seed: u64) -> String {
    let mut document = document(scenario);
    document["system"] = system.clone();
    document["seed"] = Json::from(seed);
    document.to_string()
}

/// The system of a scenario, as a baseline has it.
pub fn system_of(scenario: &Scenario) -> Json {
    document(scenario)
        .get_mut("system")
        .map_or(Json::Null, Json::take)
}

/// Differences between two systems: `system.scheduler.profile default → fgd`.
pub fn system_changes(base: &Json, head: &Json) -> Vec<String> {
    let all = differences(base, head, |_, value| without_nothing(value));
    let words = all.iter().map(|own| {
        format!(
            "system.{} {} → {}",
            own.path(),
            shown(own.base),
            shown(own.head)
        )
    });
    words.collect()
}

/// A value without fields that are not stated.
fn without_nothing(value: &Json) -> Json {
    let Json::Object(fields) = value else {
        return value.clone();
    };
    let stated = fields.iter().filter(|(_, inside)| !inside.is_null());
    let stated = stated.map(|(name, inside)| (name.clone(), without_nothing(inside)));
    Json::Object(stated.collect())
}

/// Divergence of the baseline, the first side, and the scenario as it is, in words; none if the
/// runs are equal.
pub fn divergence_words(seed: u64, difference: &Difference, changes: &[String]) -> Option<String> {
    let [base, head] = &difference.sides;
    if base.digest == head.digest {
        return None;
    }
    let mut words = match &difference.parting {
        Some(parting) => parted(seed, parting),
        None => format!("seed {seed}: {}", without_parting(difference)),
    };
    if !changes.is_empty() {
        let shown: Vec<&str> = changes
            .iter()
            .take(CHANGES_MAX)
            .map(String::as_str)
            .collect();
        let more = match changes.len().saturating_sub(CHANGES_MAX) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        words = format!("{words} ({}{more})", shown.join(", "));
    }
    Some(words)
}

/// Difference of runs whose common pods are decided on alike.
fn without_parting(difference: &Difference) -> String {
    let alone = difference.sides.each_ref().map(|side| side.pods_alone);
    match alone {
        [0, 0] if difference.is_in_names => {
            "all pods are placed alike, at the same times; what differs, such as names, labels, requests or \
             budgets, changed no decision"
                .to_owned()
        }
        [0, 0] => "all decisions are equal, but pods run at different times".to_owned(),
        [base, head] => format!(
            "all decisions on pods that both sides have are equal; {} more in the base, {} in the head",
            plural::count(base, "pod"),
            plural::count(head, "pod")
        ),
    }
}

fn parted(seed: u64, parting: &Parting) -> String {
    let time = |decision: &DecisionFacts| Instant::from_nanos(decision.time_ns).to_string();
    match &parting.decisions {
        [Some(base), Some(head)] if base.pod == head.pod && base.time_ns == head.time_ns => {
            format!(
                "seed {seed}, t={}, pod {}: base → {}, head → {}",
                time(base),
                base.pod,
                place(base),
                place(head)
            )
        }
        sides => {
            let side = |decision: &Option<DecisionFacts>| match decision {
                Some(decision) => format!(
                    "t={}, pod {} → {}",
                    time(decision),
                    decision.pod,
                    place(decision)
                ),
                None => "makes no further decision".to_owned(),
            };
            format!(
                "seed {seed}: base {}; head {}",
                side(&sides[0]),
                side(&sides[1])
            )
        }
    }
}

fn place(decision: &DecisionFacts) -> String {
    let devices: Vec<String> = decision.gpus.iter().map(ToString::to_string).collect();
    let devices = match devices.as_slice() {
        [] => String::new(),
        devices => format!(" device {}", devices.join(" ")),
    };
    match &decision.node {
        Some(node) if decision.outcome == "bound" => format!("{node}{devices}"),
        Some(node) => format!("{} from {node}", decision.outcome),
        None => decision.outcome.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_that_differ_are_named() {
        let check = |base: Json, head: Json, expected: &[&str]| {
            assert_eq!(system_changes(&base, &head), expected);
        };
        let system = json!({"name": "kubernetes", "scheduler": {"plugins": {}}});
        check(system.clone(), system.clone(), &[]);
        check(
            system,
            json!({"name": "kubernetes", "scheduler": {"plugins": {"Fit": {"weight": 3}}}}),
            &["system.scheduler.plugins.Fit.weight unset → 3"],
        );
        check(
            json!({"scheduler": {"backfill": "none", "queue": null}}),
            json!({"scheduler": {"backfill": "greedy-once", "queue": "sjf"}}),
            &[
                "system.scheduler.backfill none → greedy-once",
                "system.scheduler.queue unset → sjf",
            ],
        );
    }
}
