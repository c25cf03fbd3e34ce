//! Output formats of an explanation.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::remedies::remedy;
use crate::format;
use crate::releases::{self, Follower};
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
    let follower = Follower {
        name: &facts.run,
        releases: &facts.releases,
    };
    if let Some(words) = releases::fact([follower].into_iter()) {
        let _ = write!(text, "; {words}");
    }
    text.push('\n');
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
    if !own.groups.is_empty() {
        text.push_str("\nnodes that rejected it\n");
        for group in &own.groups {
            let count = group.nodes.len();
            let plugin = plugin_of(group);
            let named = format::names(&group.nodes);
            let _ = writeln!(text, "  {count:>5}  {}{plugin}: {named}", group.reason);
        }
    }
    if !own.remedies.is_empty() {
        text.push_str("\nwhat would be enough\n");
        for line in own.remedies.iter().map(remedy) {
            let _ = writeln!(text, "  {line}");
        }
    }
    if !own.devices.is_empty() {
        text.push_str("\ndevices for its claims\n");
        for line in &own.devices {
            let _ = writeln!(text, "  {line}");
        }
    }
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
    let mut heads = vec!["node".to_owned(), "total".to_owned()];
    heads.extend((0..first.points.len()).map(letter));
    let mut rows = vec![heads];
    for node in shown {
        let mut row = vec![node.node.to_string(), node.total.to_string()];
        let cells = node.points.iter().map(|own| {
            let weighted = own.normalized * own.weight;
            format!("{}/{}/{weighted}", own.raw, own.normalized)
        });
        row.extend(cells);
        rows.push(row);
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        format::column_width(cells.map(|cell| cell.chars().count()))
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(line, "{cell:width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
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
    if !view.rejected.is_empty() {
        text.push_str("\nnodes where evicting pods would not help\n");
        for (reason, nodes) in &view.rejected {
            let _ = writeln!(
                text,
                "  {:>5}  {reason}: {}",
                nodes.len(),
                format::names(nodes)
            );
        }
    }
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
    let mut value = Map::new();
    value.insert("pod".into(), own.pod.as_str().into());
    value.insert("boundTo".into(), json!(own.bound_to.as_deref()));
    let (outcome, message) = match &own.outcome {
        Outcome::Gated(why) => ("gated", Some(why)),
        Outcome::Placed => ("placed", None),
        Outcome::Nominated(_) => ("nominated", None),
        Outcome::Waits(message, _) | Outcome::Aborted(message) => ("waits", Some(message)),
    };
    value.insert("outcome".into(), outcome.into());
    value.insert("message".into(), json!(message));
    value.insert("nodes".into(), own.nodes.into());
    value.insert("wanted".into(), own.wanted.into());
    let best: Vec<&str> = own.best.iter().map(|node| &**node).collect();
    value.insert("best".into(), json!(best));
    value.insert("ties".into(), own.ties.as_str().into());
    if let Outcome::Nominated(node) = &own.outcome {
        value.insert("nominatedNode".into(), json!(&**node));
    }
    let feasible: Vec<Value> = own.feasible.iter().map(scored_json).collect();
    value.insert("feasible".into(), feasible.into());
    let groups: Vec<Value> = own.groups.iter().map(group_json).collect();
    value.insert("rejected".into(), groups.into());
    if !own.devices.is_empty() {
        value.insert("devices".into(), json!(own.devices));
    }
    if !own.remedies.is_empty() {
        let lines: Vec<String> = own.remedies.iter().map(remedy).collect();
        value.insert("enough".into(), json!(lines));
    }
    if let Outcome::Waits(_, view) = &own.outcome {
        value.insert("preemption".into(), preemption_json(view));
    }
    if let Some(node) = node {
        value.insert("node".into(), node_json(node));
    }
    value
}

fn scored_json(own: &ScoredNode) -> Value {
    let points: Vec<Value> = own
        .points
        .iter()
        .map(|points| {
            json!({
                "plugin": points.plugin,
                "raw": points.raw,
                "normalized": points.normalized,
                "weight": points.weight,
                "weighted": points.normalized * points.weight,
            })
        })
        .collect();
    json!({"node": &*own.node, "total": own.total, "points": points})
}

fn group_json(group: &ReasonGroup) -> Value {
    let nodes: Vec<&str> = group.nodes.iter().map(|node| &**node).collect();
    json!({
        "reason": group.reason,
        "plugin": group.plugin,
        "count": nodes.len(),
        "nodes": nodes,
    })
}

fn preemption_json(view: &PreemptionView) -> Value {
    let candidates: Vec<Value> = view
        .candidates
        .iter()
        .map(|own| {
            json!({
                "node": &*own.node,
                "victims": own.victims,
                "budgetViolations": own.violations,
                "best": own.is_best,
            })
        })
        .collect();
    let rejected: Vec<Value> = view
        .rejected
        .iter()
        .map(|(reason, nodes)| {
            let nodes: Vec<&str> = nodes.iter().map(|node| &**node).collect();
            json!({"reason": reason, "nodes": nodes})
        })
        .collect();
    json!({"candidates": candidates, "rejected": rejected, "message": view.text})
}

fn node_json(node: &NodeView) -> Value {
    let filters: Vec<Value> = node
        .filters
        .iter()
        .map(|(plugin, reason)| json!({"plugin": plugin, "reason": reason}))
        .collect();
    let rejection = node.rejection.as_ref();
    let rejection = rejection.map(|(plugin, reason)| json!({"plugin": plugin, "reason": reason}));
    json!({"name": &*node.node, "rejection": rejection, "filters": filters})
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
