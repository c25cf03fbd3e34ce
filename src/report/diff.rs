//! First difference between two runs, in words.

use std::fmt::Write as _;

use crate::format;
use crate::releases;
use lab::diff::{DecisionFacts, Difference, Growth, NodeView, Parting, SideFacts};
use units::{Instant, plural};

/// Names of the two sides.
const LETTERS: [&str; 2] = ["a", "b"];

/// Maximum number of listed reasons why nodes were rejected.
const REASONS_MAX: usize = 4;

/// Text for the terminal.
pub fn text(difference: &Difference) -> String {
    let mut text = String::new();
    for (letter, side) in LETTERS.iter().zip(&difference.sides) {
        let _ = writeln!(
            text,
            "{letter}: {} · {} · digest {}{}",
            format::clean(&side.label),
            format::counted(side.decisions as u64, "decision"),
            &side.digest[..side.digest.len().min(12)],
            release(side)
        );
    }
    for (letter, side) in LETTERS.iter().zip(&difference.sides) {
        if let Some(first) = &side.first_alone {
            let count = format::count(side.pods_alone as u64);
            let _ = writeln!(
                text,
                "only in {letter}: {}",
                pods(&count, side.pods_alone, first)
            );
        }
        if side.nodes_alone > 0 {
            let count = format::count(side.nodes_alone as u64);
            let nodes = plural::noun(side.nodes_alone, "node");
            let _ = writeln!(text, "only in {letter}: {count} {nodes}");
        }
    }
    let Some(parting) = &difference.parting else {
        let is_equal = difference.sides[0].digest == difference.sides[1].digest;
        text.push_str(if is_equal {
            "no difference: the runs are equal, change by change\n"
        } else {
            "all decisions on common pods are equal; other changes differ, such as when pods run\n"
        });
        return text;
    };
    first(&mut text, parting);
    growth(&mut text, &difference.growth);
    text
}

/// Words about the release of a side, where it is not the usual one.
fn release(side: &SideFacts) -> String {
    let words = releases::fact([(&side.label, &side.releases)]);
    words.map_or_else(String::new, |words| format!(" · {words}"))
}

fn pods(count: &str, number: usize, first: &str) -> String {
    let first = format::clean(first);
    match number {
        1 => format!("1 pod, {first}"),
        _ => format!(
            "{count} {}, the first is {first}",
            plural::noun(number, "pod")
        ),
    }
}

fn time(time_ns: i64) -> String {
    Instant::from_nanos(time_ns).to_string()
}

fn first(text: &mut String, parting: &Parting) {
    let equal = format::count(parting.equal_before as u64);
    let _ = writeln!(text, "\nfirst different decision, after {equal} equal ones");
    for (letter, decision) in LETTERS.iter().zip(&parting.decisions) {
        let _ = match decision {
            None => writeln!(text, "  {letter}: makes no further decision"),
            Some(decision) => writeln!(
                text,
                "  {letter}: {:<10} {} → {}",
                time(decision.time_ns),
                format::clean(&decision.pod),
                choice(decision)
            ),
        };
    }
    let [one, other] = &parting.decisions;
    let is_shared = match (one, other) {
        (Some(one), Some(other)) => {
            let (here, there) = (&one.situation, &other.situation);
            let counts = |of: &lab::diff::Situation| (of.pending, of.placed, of.nodes_up);
            one.pod == other.pod && counts(here) == counts(there)
        }
        _ => false,
    };
    for (letter, decision) in LETTERS.iter().zip(&parting.decisions) {
        let Some(decision) = decision else { continue };
        if *letter == "a" || !is_shared {
            let whose = if is_shared {
                "the cluster then"
            } else {
                letter
            };
            cluster(text, whose, decision);
        }
        why(text, letter, decision, parting);
    }
}

fn choice(decision: &DecisionFacts) -> String {
    let node = decision.node.as_deref().map(format::clean);
    let devices = match decision.gpus.as_slice() {
        [] => String::new(),
        gpus => {
            let gpus: Vec<String> = gpus.iter().map(ToString::to_string).collect();
            format!(", device {}", gpus.join(" "))
        }
    };
    match node {
        Some(node) if decision.outcome == "bound" => format!("{node}{devices}"),
        Some(node) => format!("{} from {node}", decision.outcome),
        None => decision.outcome.to_owned(),
    }
}

fn counted(count: usize, word: &str) -> String {
    format::counted(count as u64, word)
}

/// Cluster just before the decision, and the pod.
fn cluster(text: &mut String, whose: &str, decision: &DecisionFacts) {
    let situation = &decision.situation;
    let _ = writeln!(
        text,
        "\n{whose}: {} placed, {} pending, {} up\n  {} asks for {}",
        counted(situation.placed, "pod"),
        format::count(situation.pending as u64),
        counted(situation.nodes_up, "node"),
        format::clean(&decision.pod),
        situation.asks_for,
    );
    for node in &situation.nodes {
        let free = if node.free.is_empty() {
            "is not in this run".to_owned()
        } else {
            format!("holds {}, free: {}", counted(node.pods, "pod"), node.free)
        };
        let _ = writeln!(text, "  {} {free}", format::clean(&node.name));
    }
}

/// Reasons of one side's decision.
fn why(text: &mut String, letter: &str, decision: &DecisionFacts, parting: &Parting) {
    let explanation = &decision.situation.explanation;
    let _ = writeln!(
        text,
        "\nwhy {letter}: {}",
        format::clean(&explanation.scheduler)
    );
    if explanation.plugins.is_empty() && explanation.feasible > 0 {
        let _ = writeln!(
            text,
            "  {} can take the pod; nothing ranks {}",
            format::counted(explanation.feasible as u64, "node"),
            plural::either(explanation.feasible, "it", "them")
        );
    } else if let Some((best, tied)) = explanation.best {
        let among = match tied {
            1 => "one node has it".to_owned(),
            tied => format!(
                "{} tie: {}",
                format::counted(tied as u64, "node"),
                explanation.tie_break
            ),
        };
        let feasible = format::counted(explanation.feasible as u64, "node");
        let _ = writeln!(
            text,
            "  {feasible} can take the pod; the best total is {best}, {among}"
        );
    }
    for (reason, count) in explanation.rejected.iter().take(REASONS_MAX) {
        let nodes = plural::noun(*count, "node");
        let _ = writeln!(
            text,
            "  {} {nodes} can't: {reason}",
            format::count(*count as u64)
        );
    }
    if explanation.rejected.len() > REASONS_MAX {
        let left = explanation.rejected.len() - REASONS_MAX;
        let _ = writeln!(text, "  … and {left} more reasons");
    }
    points(text, letter, decision, parting);
}

/// Scores of the chosen nodes.
fn points(text: &mut String, letter: &str, decision: &DecisionFacts, parting: &Parting) {
    let situation = &decision.situation;
    let chosen = |view: &NodeView| -> String {
        let by = LETTERS.iter().zip(&parting.decisions);
        let by = by.filter(|(_, decision)| {
            let node = decision
                .as_ref()
                .and_then(|decision| decision.node.as_ref());
            node == Some(&view.name)
        });
        let by: Vec<&str> = by.map(|(letter, _)| *letter).collect();
        match by.as_slice() {
            [only] if *only == letter => "◀ chosen here".to_owned(),
            [only] => format!("  chosen by {only}"),
            _ => "◀ chosen by both".to_owned(),
        }
    };
    if situation
        .nodes
        .iter()
        .all(|view| view.total.is_none() && view.reasons.is_empty())
    {
        return;
    }
    let plugins = &situation.explanation.plugins;
    let widest = situation.nodes.iter().map(|view| view.name.chars().count());
    let widest = widest.max().unwrap_or(0);
    let headings: Vec<String> = plugins.iter().map(|name| format!("{name:>8}")).collect();
    let _ = writeln!(text, "  {:widest$}     total  {}", "", headings.join("  "));
    for view in &situation.nodes {
        let name = format::clean(&view.name);
        let _ = match view.total {
            Some(total) => {
                let points = view.points.iter().zip(&headings);
                let points = points.map(|(points, heading)| {
                    let width = heading.chars().count();
                    format!("{points:>width$}")
                });
                let points: Vec<String> = points.collect();
                writeln!(
                    text,
                    "  {name:widest$}  {total:>8}  {}  {}",
                    points.join("  "),
                    chosen(view)
                )
            }
            None => writeln!(
                text,
                "  {name:widest$}  can't: {}  {}",
                view.reasons.join(", "),
                chosen(view)
            ),
        };
    }
}

fn growth(text: &mut String, growth: &[Growth]) {
    text.push_str("\ngrowth of the difference\n");
    let header = ["time", "pods", "nodes", "pods", "nodes", "pods", "nodes"];
    let mut rows: Vec<[String; 7]> = Vec::new();
    for (index, at) in growth.iter().enumerate() {
        // A stretch in which nothing changes is told by its ends.
        let same = |other: Option<&Growth>| {
            other.is_some_and(|other| {
                Growth {
                    time_ns: at.time_ns,
                    ..*other
                } == *at
            })
        };
        let before = index.checked_sub(1).and_then(|before| growth.get(before));
        if same(before) && same(growth.get(index + 1)) {
            continue;
        }
        let count = |count: usize| format::count(count as u64);
        rows.push([
            time(at.time_ns),
            count(at.pods),
            count(at.nodes),
            count(at.pods_ever),
            count(at.nodes_ever),
            count(at.pods_modulo),
            count(at.nodes_modulo),
        ]);
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        format::column_width(cells.chain([header[column].len(), 6]))
    };
    let widths: Vec<usize> = (0..7).map(width).collect();
    let group = |from: usize| widths[from] + widths[from + 1] + 2;
    let _ = writeln!(
        text,
        "  {:>time$}  {:>now$}  {:>ever$}  {:>modulo$}",
        "",
        "now",
        "so far",
        "modulo equals",
        time = widths[0],
        now = group(1),
        ever = group(3),
        modulo = group(5),
    );
    let mut line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        let _ = writeln!(text, "  {}", cells.join("  "));
    };
    line(&header.map(str::to_owned));
    for row in &rows {
        line(row);
    }
}
