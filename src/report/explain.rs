//! Output formats of an explanation.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::remedies::remedy;
use crate::format;
use crate::grid::{Grid, pairs, section};
use crate::releases;
use lab::explain::run::AttemptFacts;
use lab::explain::{
    Eviction, Explanation, NodeView, Outcome, PreemptionView, ReasonGroup, ScoredNode,
};
use model::Text;
use units::{Instant, plural};

/// Maximum number of best nodes shown.
const BEST_SHOWN: usize = 10;
/// Maximum number of candidates of a preemption shown.
const CANDIDATES_SHOWN: usize = 5;

/// Place of the explained pod: a snapshot or a run.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// Snapshot, with its contents in one line.
    Snapshot(&'a str),
    /// Attempt of a run.
    Run(&'a AttemptFacts),
}

impl Place<'_> {
    fn text(self) -> String {
        match self {
            Self::Snapshot(summary) => format!("{summary}\n"),
            Self::Run(facts) => attempt_of_run(facts),
        }
    }

    fn add_to(self, value: &mut Map<String, Value>) {
        match self {
            Self::Snapshot(summary) => value.insert("snapshot".into(), summary.into()),
            Self::Run(facts) => value.insert("run".into(), json!(facts)),
        };
    }
}

/// Outcome of the attempt in the run.
fn attempt_of_run(facts: &AttemptFacts) -> String {
    let mut text = format!(
        "{}: at {}, attempt {} of {}: {}",
        format::clean(&facts.run),
        Instant::from_nanos(facts.time_ns),
        facts.attempt,
        facts.attempts,
        facts.outcome
    );
    if let Some(node) = &facts.node {
        let _ = write!(text, " to {node}");
    }
    if let Some(node) = &facts.began_at {
        let _ = write!(text, "; the scheduler started its search at {node}");
    }
    if let Some(record) = &facts.record {
        let _ = write!(text, "; the pod is from {}", format::clean(record));
    }
    if let Some(words) = releases::fact([(&facts.run, &facts.releases)]) {
        let _ = write!(text, "; {words}");
    }
    text.push('\n');
    if let Some(why) = &facts.no_scale_up {
        let _ = writeln!(text, "autoscaler of nodes: {}", format::clean(why));
    }
    text
}

/// Explanation with its subject.
pub struct ExplainReport<'a> {
    /// Place of the explained pod.
    pub place: Place<'a>,
    /// Explanation of the attempt.
    pub explanation: &'a Explanation,
    /// Answer of one node, if one was requested.
    pub node: Option<&'a NodeView>,
    /// Answers with the requested changes: the attempt and that node.
    pub changed: Option<(&'a Explanation, Option<&'a NodeView>)>,
    /// Warnings about input that was ignored or looks wrong.
    pub warnings: &'a [String],
}

impl ExplainReport<'_> {
    /// Text for people.
    pub fn text(&self) -> String {
        let mut text = self.place.text();
        attempt(&mut text, self.explanation, self.node);
        if let Some((changed, node)) = self.changed {
            text.push_str("\nwith the requested changes\n");
            difference(&mut text, self.explanation, changed);
            attempt(&mut text, changed, node);
        }
        text
    }

    /// JSON for programs.
    pub fn json(&self) -> Value {
        let mut value = attempt_json(self.explanation, self.node);
        self.place.add_to(&mut value);
        if let Some((changed, node)) = self.changed {
            let changed = Value::Object(attempt_json(changed, node));
            value.insert("changed".into(), changed);
        }
        value.insert("warnings".into(), json!(self.warnings));
        Value::Object(value)
    }
}

fn attempt(text: &mut String, own: &Explanation, node: Option<&NodeView>) {
    headline(text, own);
    if let Outcome::Waits(message, _) | Outcome::Aborted(message) = &own.outcome {
        let _ = writeln!(text, "\n{message}");
    }
    if let Some(node) = node {
        one_node(text, own, node);
        return;
    }
    best(text, own);
    let groups = own.groups.iter().map(|group| {
        let (count, named) = (group.nodes.len(), format::names(&group.nodes));
        format!("{count:>5}  {}{}: {named}", group.reason, plugin_of(group))
    });
    text.push_str(&section("nodes that rejected it", groups));
    text.push_str(&section(
        "what would be enough",
        own.remedies.iter().map(remedy),
    ));
    text.push_str(&section("devices for its claims", &own.devices));
    if let Outcome::Waits(_, view) = &own.outcome {
        preemption(text, view);
    }
}

fn headline(text: &mut String, own: &Explanation) {
    let (pod, nodes, feasible) = (&own.pod, own.nodes, own.feasible.len());
    if let Some(node) = &own.bound_to {
        let _ = writeln!(
            text,
            "pod {pod} is on {node}; this is the scheduler's verdict as if the pod were unscheduled"
        );
    }
    let can = format!("{feasible} of {} can take it", plural::count(nodes, "node"));
    let _ = match &own.outcome {
        Outcome::Gated(why) => writeln!(text, "pod {pod} is held back from scheduling: {why}"),
        Outcome::Waits(..) => writeln!(text, "pod {pod} waits: no node can take it"),
        Outcome::Aborted(_) => writeln!(
            text,
            "pod {pod} waits: a plugin failed about a node, which ends the attempt for all nodes"
        ),
        Outcome::Nominated(node) => writeln!(
            text,
            "pod {pod} goes to {node}, which is nominated for it; {can}"
        ),
        Outcome::Placed => match own.best.as_slice() {
            [one] if feasible == 1 => writeln!(
                text,
                "pod {pod} goes to {one}: {can}, and it is chosen without scoring"
            ),
            [one] => writeln!(text, "pod {pod} goes to {one}: {can}, and it is the best"),
            several => writeln!(
                text,
                "pod {pod} goes to one of {} equally good nodes, {}: {can}; the best are {}",
                several.len(),
                own.ties,
                format::names(several)
            ),
        },
    };
    if feasible > own.wanted {
        let _ = writeln!(
            text,
            "every node was evaluated for this explanation; the scheduler itself stops after {} \
             feasible nodes and continues from there with the next pod",
            own.wanted
        );
    }
}

fn plugin_of(group: &ReasonGroup) -> String {
    match group.plugin {
        "" => String::new(),
        plugin => format!(" [{plugin}]"),
    }
}

/// Letter of a column.
fn letter(column: usize) -> String {
    let letter = char::from(b'A' + (column % 26) as u8);
    match column / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

/// Best nodes with the points of each plugin: raw, normalized, and normalized times the weight.
fn best(text: &mut String, own: &Explanation) {
    let shown = &own.feasible[..own.feasible.len().min(BEST_SHOWN)];
    if !shown.is_empty() {
        text.push('\n');
        points(text, shown);
    }
    if own.feasible.len() > BEST_SHOWN {
        let more = own.feasible.len() - BEST_SHOWN;
        let _ = writeln!(text, "and {more} more; --format json lists all");
    }
}

fn points(text: &mut String, shown: &[ScoredNode]) {
    let Some(first) = shown.first() else {
        return;
    };
    let heads = ["node".to_owned(), "total".to_owned()].into_iter();
    let rows = shown.iter().map(|node| {
        let mut row = vec![node.node.to_string(), node.total.to_string()];
        row.extend(node.points.iter().map(|own| {
            let weighted = own.normalized * own.weight;
            format!("{}/{}/{weighted}", own.raw, own.normalized)
        }));
        row
    });
    let heads = heads.chain((0..first.points.len()).map(letter));
    text.push_str(&Grid::new("lr", heads).with(rows).text());
    text.push_str("scores as raw/normalized/weighted:");
    for (column, own) in first.points.iter().enumerate() {
        let joint = if column == 0 { "" } else { "," };
        let letter = letter(column);
        let _ = write!(text, "{joint} {letter} {} ×{}", own.plugin, own.weight);
    }
    text.push('\n');
}

fn preemption(text: &mut String, view: &PreemptionView) {
    if !view.candidates.is_empty() {
        text.push_str("\nevicting pods would make room\n");
        for own in view.candidates.iter().take(CANDIDATES_SHOWN) {
            let mark = if own.is_best { " (best)" } else { "" };
            let _ = writeln!(
                text,
                "  {}{mark}: {}{}",
                own.node,
                own.victims.join(", "),
                violations(own)
            );
        }
        if view.candidates.len() > CANDIDATES_SHOWN {
            let more = view.candidates.len() - CANDIDATES_SHOWN;
            let _ = writeln!(text, "  and {more} more nodes; --format json lists all");
        }
    }
    let rejected = view.rejected.iter().map(|(reason, nodes)| {
        let (count, named) = (nodes.len(), format::names(nodes));
        format!("{count:>5}  {reason}: {named}")
    });
    text.push_str(&section(
        "nodes where evicting pods would not help",
        rejected,
    ));
}

fn violations(own: &Eviction) -> String {
    match own.violations {
        0 => String::new(),
        1 => "; 1 of them is protected by a disruption budget".to_owned(),
        more => format!("; {more} of them are protected by disruption budgets"),
    }
}

fn higher(nodes: usize) -> String {
    let have = plural::either(nodes, "has", "have");
    format!("{} {have}", plural::count(nodes, "node"))
}

fn one_node(text: &mut String, own: &Explanation, node: &NodeView) {
    let _ = match &node.rejection {
        None => writeln!(text, "\nnode {} can take it", node.node),
        Some(("", reason)) => writeln!(text, "\nnode {} rejects it: {reason}", node.node),
        Some((plugin, reason)) => {
            writeln!(text, "\nnode {} rejects it: {reason} [{plugin}]", node.node)
        }
    };
    for (plugin, reason) in &node.filters {
        let told = reason.as_deref().unwrap_or("yes");
        let _ = writeln!(text, "  {plugin:20} {told}");
    }
    if let Some(scored) = own.scored(&node.node) {
        text.push('\n');
        points(text, std::slice::from_ref(scored));
        let place = own
            .feasible
            .iter()
            .filter(|other| other.total > scored.total);
        let best = own.feasible.first().map_or(0, |best| best.total);
        let _ = writeln!(
            text,
            "{} a higher total; the highest is {best}",
            higher(place.count())
        );
    }
}

/// Effects of the changes, in a few lines.
fn difference(text: &mut String, before: &Explanation, after: &Explanation) {
    let is_in = |list: &[ScoredNode], node: &Text| list.iter().any(|own| own.node == *node);
    let only = |one: &Explanation, other: &Explanation| -> Vec<Text> {
        let nodes = one.feasible.iter().map(|own| own.node.clone());
        nodes.filter(|node| !is_in(&other.feasible, node)).collect()
    };
    let (gained, lost) = (only(after, before), only(before, after));
    if !gained.is_empty() {
        let _ = writeln!(
            text,
            "  {} more can take it: {}",
            gained.len(),
            format::names(&gained)
        );
    }
    if !lost.is_empty() {
        let _ = writeln!(
            text,
            "  {} fewer can take it: {}",
            lost.len(),
            format::names(&lost)
        );
    }
    if before == after {
        text.push_str("  nothing changes\n");
    } else if gained.is_empty() && lost.is_empty() {
        text.push_str("  the same nodes can take it\n");
    }
}

fn attempt_json(own: &Explanation, node: Option<&NodeView>) -> Map<String, Value> {
    let (outcome, message) = match &own.outcome {
        Outcome::Gated(why) => ("gated", Some(why)),
        Outcome::Placed => ("placed", None),
        Outcome::Nominated(_) => ("nominated", None),
        Outcome::Waits(message, _) | Outcome::Aborted(message) => ("waits", Some(message)),
    };
    let mut value = Map::new();
    let mut add = |key: &str, own: Value| value.insert(key.to_owned(), own);
    add("pod", json!(own.pod));
    add("boundTo", json!(own.bound_to));
    add("outcome", json!(outcome));
    add("message", json!(message));
    add("nodes", json!(own.nodes));
    add("wanted", json!(own.wanted));
    add("best", json!(own.best));
    add("ties", json!(own.ties));
    if let Outcome::Nominated(node) = &own.outcome {
        add("nominatedNode", json!(node));
    }
    add("feasible", own.feasible.iter().map(scored_json).collect());
    add("rejected", own.groups.iter().map(group_json).collect());
    if !own.devices.is_empty() {
        add("devices", json!(own.devices));
    }
    if !own.remedies.is_empty() {
        add("enough", own.remedies.iter().map(remedy).collect());
    }
    if let Outcome::Waits(_, view) = &own.outcome {
        add("preemption", preemption_json(view));
    }
    if let Some(node) = node {
        add("node", node_json(node));
    }
    value
}

fn scored_json(own: &ScoredNode) -> Value {
    let points = own.points.iter().map(|points| {
        json!({
            "plugin": points.plugin,
            "raw": points.raw,
            "normalized": points.normalized,
            "weight": points.weight,
            "weighted": points.normalized * points.weight,
        })
    });
    json!({"node": own.node, "total": own.total, "points": points.collect::<Value>()})
}

fn group_json(group: &ReasonGroup) -> Value {
    json!({
        "reason": group.reason,
        "plugin": group.plugin,
        "count": group.nodes.len(),
        "nodes": group.nodes,
    })
}

fn preemption_json(view: &PreemptionView) -> Value {
    json!({
        "candidates": view.candidates,
        "rejected": pairs(["reason", "nodes"], &view.rejected),
        "message": view.text,
    })
}

fn node_json(node: &NodeView) -> Value {
    let keys = ["plugin", "reason"];
    let rejection = pairs(keys, &node.rejection).get(0).cloned();
    json!({"name": node.node, "rejection": rejection, "filters": pairs(keys, &node.filters)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters_and_long_lists_are_cut() {
        assert_eq!(letter(0), "A");
        assert_eq!(letter(27), "B1");
        let nodes: Vec<Text> = ["a", "b", "c", "d", "e"].map(Text::from).to_vec();
        assert_eq!(format::names(&nodes), "a, b, c and 2 more");
        assert_eq!(format::names(&nodes[..3]), "a, b, c");
    }
}
