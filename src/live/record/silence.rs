//! Times without heartbeats of nodes, as a control plane noticed them.

use units::{Instant, SortedMap};

use crate::driver::Driver;

/// A time without heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Last heartbeat before it.
    pub from: Instant,
    /// First heartbeat after it; the end of time while there is none.
    pub until: Instant,
}

/// The silences of nodes, by name.
#[derive(Clone, Debug, Default)]
pub struct Silences {
    nodes: SortedMap<String, Vec<Silence>>,
}

impl Silences {
    /// Takes note of the nodes that are silent after a step.
    pub(crate) fn listen(&mut self, driver: &Driver) {
        for hearing in driver.hearing() {
            let silences = self.nodes.entry(hearing.node).or_default();
            let last = silences.last_mut();
            let is_open = last.as_ref().is_some_and(|last| last.until == Instant::MAX);
            if hearing.is_silent && !is_open {
                silences.push(Silence {
                    from: hearing.heard,
                    until: Instant::MAX,
                });
            } else if !hearing.is_silent
                && let Some(last) = last
                && is_open
            {
                last.until = hearing.heard;
            }
        }
    }

    /// `true` of a node that was silent at an instant.
    pub(crate) fn is_silent(&self, node: &str, at: Instant) -> bool {
        let silences = self.nodes.get(node);
        let mut silences = silences.into_iter().flatten();
        silences.any(|silence| silence.from < at && at < silence.until)
    }

    /// Every silence, with the name of its node.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Silence)> {
        let nodes = self.nodes.iter();
        nodes.flat_map(|(node, silences)| {
            let silences = silences.iter();
            silences.map(move |&silence| (node.as_str(), silence))
        })
    }
}
