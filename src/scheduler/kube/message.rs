//! The text of a failed attempt (spec: kubernetes.md 1.20).

use super::{Attempt, Status};
use model::Text;
use units::SortedMap;

/// `0/N nodes are available: c1 reason1, c2 reason2.`: every node adds one to each of its reasons;
/// nodes without a verdict of their own have that of `others`. Entries are sorted as texts, counts
/// included.
pub fn node_text<'s>(
    nodes: usize,
    verdicts: impl IntoIterator<Item = &'s Status>,
    others: Option<&'s Status>,
) -> String {
    let verdicts = verdicts.into_iter().map(|status| (status, 1));
    counted_text(nodes, verdicts, others)
}

/// Builds the message from verdicts with their numbers of nodes.
pub fn counted_text<'s>(
    nodes: usize,
    verdicts: impl IntoIterator<Item = (&'s Status, usize)>,
    others: Option<&'s Status>,
) -> String {
    let mut counts: SortedMap<&str, usize> = SortedMap::new();
    let mut seen = 0;
    for (status, count) in verdicts.into_iter().filter(|&(_, count)| count > 0) {
        seen += count;
        for reason in &status.reasons {
            *counts.entry(reason).or_default() += count;
        }
    }
    if let Some(others) = others.filter(|_| seen < nodes) {
        for reason in &others.reasons {
            *counts.entry(reason).or_default() += nodes - seen;
        }
    }
    let mut entries: Vec<String> = counts
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    entries.sort_unstable();
    finished(nodes, &entries.join(", "))
}

fn finished(nodes: usize, reasons: &str) -> String {
    if reasons.is_empty() {
        return format!("0/{nodes} nodes are available:");
    }
    format!("0/{nodes} nodes are available: {reasons}.")
}

/// The whole message of an attempt that no node answered; `aftermath` is what `PostFilter` says.
pub fn message(attempt: &Attempt<'_>, verdicts: &[(Text, Status)], aftermath: &str) -> String {
    let nodes = attempt.ctx.cache.node_count();
    let text = match &attempt.refusal {
        _ if nodes == 0 => return "no nodes available to schedule pods".to_owned(),
        Some(refusal) => finished(nodes, &refusal.text()),
        None => {
            let statuses = verdicts.iter().map(|(_, status)| status);
            node_text(nodes, statuses, attempt.outside.as_ref())
        }
    };
    with_aftermath(text, aftermath)
}

/// The text about nodes, and what `PostFilter` says.
pub fn with_aftermath(mut text: String, aftermath: &str) -> String {
    if !aftermath.is_empty() {
        text.push(' ');
        text.push_str(aftermath);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Rejection;
    use super::*;

    #[test]
    fn entries_are_sorted_with_their_counts() {
        let status = |reason: &'static str| Rejection::unschedulable(reason).of("x");
        let mut statuses = vec![status("b"); 10];
        statuses.extend([status("a"), status("a")]);
        let others = status("c");
        assert_eq!(
            node_text(13, &statuses, Some(&others)),
            "0/13 nodes are available: 1 c, 10 b, 2 a."
        );
        assert_eq!(
            node_text(12, &statuses, None),
            "0/12 nodes are available: 10 b, 2 a."
        );
    }
}
