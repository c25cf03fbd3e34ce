//! Messages of the scheduler in short, what is lacking first, and lines of a width that terminals have.

use super::survived;
use lab::plan::loss::{Loss, Unplaced};

/// Most letters of a line.
const WIDTH: usize = 120;

/// Words of a reason that some pod is kept away by a taint.
const TAINT: &str = "node(s) had untolerated taint";

/// Rank of a reason: what is lacking, then rules, then taints.
fn rank(reason: &str) -> u8 {
    match reason {
        _ if reason.starts_with(TAINT) => 2,
        _ if reason.starts_with("Insufficient") || reason == "Too many pods" => 0,
        _ => 1,
    }
}

/// A message about a pod without a node with what is lacking first and all taints as one; other messages
/// stay as they are. JSON and the tables have the whole of it.
pub(super) fn brief(message: &str) -> String {
    let Some((before, rest)) = message.split_once("nodes are available: ") else {
        return message.to_owned();
    };
    let rest = rest.split(" preemption: ").next().unwrap_or(rest);
    let mut reasons: Vec<(u64, String)> = Vec::new();
    for part in rest.trim_end_matches('.').split(", ") {
        let counted = part.split_once(' ');
        match counted.and_then(|(count, reason)| Some((count.parse().ok()?, reason))) {
            Some((count, reason)) => reasons.push((count, reason.to_owned())),
            // A comma of the reason's own.
            None => match reasons.last_mut() {
                Some((_, reason)) => {
                    reason.push_str(", ");
                    reason.push_str(part);
                }
                None => return message.to_owned(),
            },
        }
    }
    let is_taint = |own: &(u64, String)| rank(&own.1) == 2;
    if reasons.iter().filter(|own| is_taint(own)).count() > 1 {
        let sum = { reasons.iter() }
            .filter(|own| is_taint(own))
            .map(|own| own.0)
            .sum();
        reasons.retain(|own| !is_taint(own));
        reasons.push((sum, "node(s) had untolerated taints".to_owned()));
    }
    reasons.sort_by_key(|(count, reason)| (rank(reason), std::cmp::Reverse(*count)));
    let reasons = reasons
        .iter()
        .map(|(count, reason)| format!("{count} {reason}"));
    let reasons: Vec<String> = reasons.collect();
    format!("{before}nodes are available: {}.", reasons.join(", "))
}

/// A pod without a node with the reason, for a headline: what the scheduler says in full stands below it.
pub(super) fn headline(own: &Unplaced) -> String {
    let mut scheduler = ["nodes are available", "no nodes available"].into_iter();
    if scheduler.any(|words| own.message.contains(words)) {
        return own.pod.clone();
    }
    format!("{}: {}", own.pod, own.message)
}

/// Losses that are borne, each by itself, today and in the plan.
pub(super) fn borne(what: &str, now: &[Loss], then: &[Loss]) -> String {
    let ((whole, all), (then, left)) = (survived(now), survived(then));
    let today = match whole {
        0 => format!("no {what} may be lost today"),
        _ if whole == all => format!("any one {what} may be lost today ({all} of {all} tried)"),
        _ => format!("{whole} of {all} {what}s may be lost today, one at a time"),
    };
    match left {
        0 => format!("{today}, not the one that is left"),
        _ => format!("{today}, {then} of {left} then"),
    }
}

/// A text whose lines are no wider than a terminal: they break after a semicolon where they can, else
/// between words, and go on indented. Commands stay whole.
pub(super) fn wrapped(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len() + 2;
        let mut rest = line;
        let mut first = true;
        loop {
            let room = if first { WIDTH } else { WIDTH - indent };
            let end = { rest.char_indices() }.nth(room).map(|(place, _)| place);
            let own_indent = if first { 0 } else { indent };
            let _ = std::fmt::Write::write_fmt(&mut out, format_args!("{:own_indent$}", ""));
            let Some(end) = end.filter(|_| !line.starts_with("again: ")) else {
                out.push_str(rest);
                out.push('\n');
                break;
            };
            let start = if first { indent - 2 } else { 0 };
            let head = &rest[start..end];
            let clause = head.rfind("; ").filter(|place| *place > room / 3);
            let found = clause.map(|place| place + 1).or_else(|| head.rfind(' '));
            let Some(cut) = found.filter(|cut| *cut > 0).map(|cut| cut + start) else {
                out.push_str(rest);
                out.push('\n');
                break;
            };
            out.push_str(rest[..cut].trim_end());
            out.push('\n');
            rest = rest[cut..].trim_start();
            first = false;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_stands_first() {
        assert_eq!(
            brief(
                "0/9 nodes are available: 1 node(s) had untolerated taint {a: b}, 2 Insufficient cpu, 3 \
                 node(s) had untolerated taint {c: }, 3 node(s) didn't match pod anti-affinity rules. \
                 preemption: 0/9 nodes are available: 9 Preemption is not helpful for scheduling."
            ),
            "0/9 nodes are available: 2 Insufficient cpu, 3 node(s) didn't match pod anti-affinity rules, \
             4 node(s) had untolerated taints."
        );
        let own = |message: &str| Unplaced {
            pod: "a/b".to_owned(),
            message: message.to_owned(),
        };
        assert_eq!(
            headline(&own("0/1 nodes are available: 1 Too many pods.")),
            "a/b"
        );
        assert_eq!(headline(&own("no nodes available to schedule pods")), "a/b");
        assert_eq!(headline(&own("a quota is full")), "a/b: a quota is full");
        let other = "the disruption budget `a/b` allows no disruption";
        assert_eq!(brief(other), other);
    }

    #[test]
    fn losses_are_borne_one_at_a_time() {
        let losses = |waiting: &[u64]| -> Vec<Loss> {
            let all = waiting.iter().map(|&waiting| Loss {
                domain: String::new(),
                requeued: 1,
                waiting,
                range: (waiting, waiting),
                first: None,
                places: Vec::new(),
            });
            all.collect()
        };
        for (now, then, words) in [
            (
                &[0, 0][..],
                &[1][..],
                "any one node may be lost today (2 of 2 tried), 0 of 1 then",
            ),
            (
                &[0, 3],
                &[0],
                "1 of 2 nodes may be lost today, one at a time, 1 of 1 then",
            ),
            (
                &[3],
                &[],
                "no node may be lost today, not the one that is left",
            ),
        ] {
            assert_eq!(borne("node", &losses(now), &losses(then)), words);
        }
    }

    #[test]
    fn lines_break_after_clauses() {
        let clause = "word ".repeat(14);
        let line = format!(
            "  {clause}end; {clause}end; {clause}end\nagain: {}\n",
            "x ".repeat(80)
        );
        let lines: Vec<String> = wrapped(&line).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].ends_with("end;") && lines[1].starts_with("    word"));
        assert!(lines[..3].iter().all(|own| own.chars().count() <= WIDTH));
    }
}
