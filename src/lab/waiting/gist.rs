//! The gist of what a scheduler says of a pod without a node.

use units::{line, plural};

use super::Counted;

/// Most characters of a reason that are told.
const LONGEST: usize = 240;

/// The first sentence of a scheduler's message; what stands behind it is about evictions.
pub(super) fn sentence(message: &str) -> &str {
    let text = message.split(" preemption: ").next().unwrap_or(message);
    let text = text.split_once(". ").map_or(text, |(first, _)| first);
    text.trim().trim_end_matches('.')
}

/// A text up to its first [`LONGEST`] characters.
pub(super) fn cut(text: &str) -> String {
    line::cut(text, LONGEST)
}

/// The gist of a scheduler's message.
pub(super) fn shortened(message: &str) -> String {
    let text = sentence(message);
    on_all_nodes(text).map_or_else(|| cut(text), |text| cut(&text))
}

/// `0/6 nodes are available: 6 Insufficient cpu` in words.
fn on_all_nodes(text: &str) -> Option<String> {
    let (count, rest) = text
        .strip_prefix("0/")?
        .split_once(" nodes are available: ")?;
    let all: usize = count.parse().ok()?;
    let is_counted = rest.starts_with(|first: char| first.is_ascii_digit());
    if !is_counted {
        // What a plugin says of all nodes at once has no count.
        return Some(rest.to_owned());
    }
    let counts = rest.split(", ").map(|part| {
        let (nodes, reason) = part.split_once(' ')?;
        Some((reason.to_owned(), nodes.parse().ok()?))
    });
    let counts = counts.collect::<Option<Vec<_>>>()?;
    Some(by_nodes(&Counted::most_first(counts), all))
}

/// The reasons of all nodes in words: the one of most nodes and the next. How many nodes have each
/// is left out where there are several, so that pods with the same reasons are counted together.
pub(super) fn by_nodes(refusals: &[Counted], all: usize) -> String {
    match refusals {
        [] => "there is no node".to_owned(),
        [only] if all == 1 => format!("{} on the only node", only.reason),
        [only] => format!("{} on all {}", only.reason, plural::count(all, "node")),
        [first, second, ..] => format!("mainly {}, also {}", first.reason, second.reason),
    }
}
