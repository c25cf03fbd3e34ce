//! Policies of the registry as `windtunnel systems` prints them: in a line each, in full with their
//! arguments, and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use policy::entry::OWN_SOURCE;
use policy::registered::obstacle;
use policy::registry::POLICIES;
use policy::{Entry, Kind, Parameter, Point};
use systems::SchedulerKind;

/// Name and sentence of every policy that has this property.
pub(super) fn lines(is_meant: impl Fn(&Entry) -> bool) -> Vec<(String, String)> {
    let meant = POLICIES.iter().filter(|entry| is_meant(entry));
    meant
        .map(|entry| {
            let names: Vec<&str> = entry.parameters.iter().map(|own| own.name).collect();
            let told = match names.as_slice() {
                [] => String::new(),
                names => format!(" Arguments: {}.", names.join(", ")),
            };
            let line = format!("[{}] {}{told}", acts_at(entry), entry.summary);
            (entry.name.to_owned(), line)
        })
        .collect()
}

/// The extension points of a policy, and its weight where a plugin of kube-scheduler has one.
fn acts_at(entry: &Entry) -> String {
    let Some(kube) = entry.kube() else {
        return entry.point.name().to_owned();
    };
    let points = kube.points.join(", ");
    match kube.weight {
        None => format!("{points}; not by default"),
        Some(0) => points,
        Some(weight) => format!("{points}; weight {weight}"),
    }
}

/// Whether a scheduler runs a policy.
fn runs(scheduler: SchedulerKind, entry: &Entry) -> bool {
    match scheduler {
        SchedulerKind::KubeScheduler => entry.kube().is_some() || obstacle(entry).is_none(),
        SchedulerKind::Pipeline => entry.point != Point::KubePlugin,
        SchedulerKind::Planner | SchedulerKind::Own => false,
    }
}

/// The policies that a scheduler runs, each with its source and arguments.
pub(super) fn in_full(scheduler: SchedulerKind) -> String {
    let mut text = String::new();
    for entry in POLICIES.iter().filter(|entry| runs(scheduler, entry)) {
        let (points, name) = (acts_at(entry), entry.name);
        let _ = writeln!(
            text,
            "  {name}  [{points}] {}{}",
            entry.summary,
            source(entry)
        );
        for argument in arguments(entry.parameters, "") {
            let Argument {
                name,
                expected,
                default,
                doc,
            } = argument;
            let _ = writeln!(text, "      {name}  {doc} Expects {expected}{default}.");
        }
    }
    text
}

/// The source that a policy follows, as a sentence; nothing for one that is the project's own.
fn source(entry: &Entry) -> String {
    match entry.source {
        OWN_SOURCE => String::new(),
        source => format!(" After {source}."),
    }
}

/// An argument as a reader sees it.
struct Argument {
    /// The names that lead to it, joined by points.
    name: String,
    expected: String,
    /// "; default …", or nothing.
    default: String,
    doc: &'static str,
}

/// The arguments behind parameters; those within a map by their path.
fn arguments(parameters: &[Parameter], path: &str) -> Vec<Argument> {
    let mut found = Vec::new();
    for parameter in parameters {
        let name = format!("{path}{}", parameter.name);
        if let Kind::Object { fields } = parameter.kind {
            found.extend(arguments(fields, &format!("{name}.")));
            continue;
        }
        let default = match parameter.default_value() {
            Value::Null => String::new(),
            Value::String(word) => format!("; default `{word}`"),
            value => format!("; default `{value}`"),
        };
        found.push(Argument {
            name,
            expected: parameter.kind.expected(),
            default,
            doc: parameter.doc,
        });
    }
    found
}

/// Every policy of the registry, for programs.
pub(super) fn all_json() -> Value {
    POLICIES.iter().map(entry_json).collect()
}

fn entry_json(entry: &Entry) -> Value {
    let kube = entry.kube();
    let points: Vec<&str> = kube.map_or_else(|| vec![entry.point.name()], |own| own.points.into());
    let runs_in = [
        (SchedulerKind::KubeScheduler, "kubernetes"),
        (SchedulerKind::Pipeline, "pipeline"),
    ];
    let runs_in = runs_in.iter().filter(|(own, _)| runs(*own, entry));
    let runs_in: Vec<&str> = runs_in.map(|&(_, system)| system).collect();
    let arguments = entry.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "summary": parameter.doc,
            "expects": parameter.kind.expected(),
            "default": parameter.default_value(),
        })
    });
    json!({
        "name": entry.name,
        "summary": entry.summary,
        "source": entry.source,
        "points": points,
        "systems": runs_in,
        "default_weight": kube.and_then(|own| own.weight).filter(|&weight| weight > 0),
        "arguments": arguments.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_within_maps_are_listed_by_their_path() {
        let text = in_full(SchedulerKind::KubeScheduler);
        for expected in [
            "  TaintToleration  [filter, score; weight 3] ",
            "      hardPodAffinityWeight  Points for a required term of another pod that matches. \
             Expects a whole number from 0 to 100; default `1`.\n",
            "      scoringStrategy.type  ",
            "  Coscheduling  [queueSort, preFilter, permit; not by default] ",
            "  fgd  [score] ",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(!text.contains("  tightest "), "{text}");
        let text = in_full(SchedulerKind::Pipeline);
        assert!(text.contains("  tightest ") && !text.contains("NodePorts"));
    }

    #[test]
    fn programs_learn_where_a_policy_runs() {
        let all = all_json();
        let of = |name: &str| {
            let mut entries = all.as_array().expect("a list").iter();
            let found = entries.find(|entry| entry["name"] == name);
            found.expect("a policy").clone()
        };
        assert_eq!(of("fgd")["systems"], json!(["kubernetes", "pipeline"]));
        assert_eq!(of("NodePorts")["systems"], json!(["kubernetes"]));
        assert_eq!(of("random")["systems"], json!(["pipeline"]));
        assert_eq!(of("ImageLocality")["default_weight"], json!(1));
        assert_eq!(of("dot-product")["arguments"][0]["name"], "cpuScale");
    }
}
