//! The course of a machine in a trace: when it comes and goes, and what it has from a time on.

use crate::parts::sorting::Capacity;
use crate::prelude::*;
use arrivals::format::{NodeEvent, NodeEventKind};

/// The course of one machine. It is away until it comes; one that goes first was there before, and one
/// of which only the size is stated is there all the time.
#[derive(Clone, Debug, Default)]
pub(crate) struct MachineCourse {
    steps: Vec<(Instant, Step)>,
    /// Whether it is there; `None` before it has come or gone.
    is_there: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Comes,
    Goes,
    Resized(Capacity),
    Refuses,
    Accepts,
}

impl MachineCourse {
    /// The machine comes; returns whether it was away.
    pub(crate) fn comes(&mut self, at: Instant) -> bool {
        if self.is_there.replace(true) == Some(true) {
            return false;
        }
        self.steps.push((at, Step::Comes));
        true
    }

    /// The machine goes; returns whether it was there.
    pub(crate) fn goes(&mut self, at: Instant) -> bool {
        if self.is_there.replace(false) == Some(false) {
            return false;
        }
        self.steps.push((at, Step::Goes));
        true
    }

    /// The machine has another capacity.
    pub(crate) fn resized(&mut self, at: Instant, capacity: Capacity) {
        self.steps.push((at, Step::Resized(capacity)));
    }

    /// The machine takes new work, or no longer.
    pub(crate) fn takes(&mut self, at: Instant, takes: bool) {
        let step = if takes { Step::Accepts } else { Step::Refuses };
        self.steps.push((at, step));
    }

    /// Adds the events of the machine, which is the node of a place and takes this many pods.
    pub(crate) fn finish(mut self, node: usize, pods: i64, events: &mut Vec<NodeEvent>) {
        self.steps.sort_by_key(|&(at, _)| at);
        let is_coming = |step: &Step| matches!(step, Step::Comes | Step::Goes);
        let first = self.steps.iter().find(|(_, step)| is_coming(step));
        // A machine that comes later is away before.
        let is_late = matches!(first, Some((at, Step::Comes)) if *at > Instant::ZERO);
        if is_late {
            let kind = NodeEventKind::Goes;
            let at = Instant::ZERO;
            events.push(NodeEvent { at, node, kind });
        }
        let mut has_gone = is_late;
        for (at, step) in self.steps {
            let kind = match step {
                // It is there from the beginning.
                Step::Comes if !has_gone => continue,
                Step::Comes => NodeEventKind::Comes,
                Step::Goes => {
                    has_gone = true;
                    NodeEventKind::Goes
                }
                Step::Resized(capacity) => NodeEventKind::Resized(capacity.offered(pods)),
                Step::Refuses => NodeEventKind::Refuses,
                Step::Accepts => NodeEventKind::Accepts,
            };
            events.push(NodeEvent { at, node, kind });
        }
    }
}

/// Events in the order in which they happen: at one instant, machines come and change before others go. Those of one
/// machine stay in their order, so that one that goes and comes at an instant is there after it.
pub(crate) fn in_order(mut events: Vec<NodeEvent>) -> Vec<NodeEvent> {
    events.sort_by_key(|own| (own.at, own.node));
    let mut last = None;
    let ranked = events.into_iter().map(|own| {
        let object = (own.at, own.node);
        let is_loss = matches!(own.kind, NodeEventKind::Goes | NodeEventKind::Refuses);
        let is_late = is_loss || last == Some((object, true));
        last = Some((object, is_late));
        (is_late, own)
    });
    let mut ranked: Vec<(bool, NodeEvent)> = ranked.collect();
    ranked.sort_by_key(|(is_late, own)| (own.at, *is_late));
    ranked.into_iter().map(|(_, own)| own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    #[test]
    fn a_machine_that_goes_and_comes_at_an_instant_is_there_after_it() {
        let at = Instant::from_secs(5);
        let mut events = Vec::new();
        let mut other = MachineCourse::default();
        other.goes(Instant::ZERO);
        other.comes(at);
        let mut restarted = MachineCourse::default();
        restarted.goes(at);
        restarted.comes(at);
        restarted.finish(0, 110, &mut events);
        other.finish(1, 110, &mut events);
        let seen: Vec<_> = { in_order(events).into_iter() }
            .map(|own| (own.node, own.kind))
            .collect();
        seen.are([
            (1, NodeEventKind::Goes),
            (1, NodeEventKind::Comes),
            (0, NodeEventKind::Goes),
            (0, NodeEventKind::Comes),
        ]);
    }
}
