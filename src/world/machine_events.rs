//! Machines of a trace that come, go and change their size while a run goes on.

use std::sync::Arc;

use arrivals::ReadOptions;
use arrivals::format::{Constructor, FORMATS_WITH_EVENTS, NodeEventKind};
use formats::registry::find;
use model::Node;
use scenario::Scenario;
use scenario::schema::{FailureKind, NodeSource};
use sim::Trouble;
use sim::failures::{Change, Strike};
use systems::SystemFact;
use units::{Instant, NodeId, SortedMap, plural};

use super::{BuildError, FileSource, Remarks, read_options, row_policy};

/// The events of the machines that are a scenario's nodes, in order of time. Where a failure log is the
/// same file, that says when machines are away.
pub(super) fn machine_events(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    files: &FileSource<'_>,
    remarks: &mut Remarks,
) -> Result<Vec<Strike>, BuildError> {
    let mut strikes = Vec::new();
    let places: SortedMap<&str, usize> = { nodes.iter().enumerate() }
        .map(|(place, node)| (&*node.name, place))
        .collect();
    for source in &scenario.cluster.nodes {
        let NodeSource::Trace(trace) = source else {
            continue;
        };
        let entry = find(&trace.format).map(|entry| entry.open);
        let has_events = FORMATS_WITH_EVENTS.contains(&&*trace.format);
        let (true, Some(Constructor::Nodes(open))) = (has_events, entry) else {
            continue;
        };
        let mut options = ReadOptions {
            rows: row_policy(trace.on_bad_row),
            ..ReadOptions::default()
        };
        read_options(&mut options, &trace.options)?;
        let read = open(&files.open(&trace.path), &options)?;
        let is_log = scenario.failures.iter().any(|failure| {
            failure.kind == FailureKind::FailureLog && failure.path.as_ref() == Some(&trace.path)
        });
        for event in read.events {
            let name = &*read.nodes[event.node].name;
            let Some(node) = places.get(name).map(|&place| NodeId::from_index(place)) else {
                continue;
            };
            let change = match event.kind {
                NodeEventKind::Comes | NodeEventKind::Goes if is_log => continue,
                NodeEventKind::Comes => Change::End(node, Trouble::Crash),
                // One that was there from the beginning would have begun something.
                NodeEventKind::Goes if event.at == Instant::ZERO => Change::Absent(node),
                NodeEventKind::Goes => Change::Begin(node, Trouble::Crash),
                NodeEventKind::Resized(offered) => Change::Resize(node, offered),
                NodeEventKind::Refuses => Change::Cordon(node),
                NodeEventKind::Accepts => Change::Uncordon(node),
            };
            let at = event.at;
            strikes.push(Strike { at, change });
        }
    }
    let is_resize = |strike: &&Strike| matches!(strike.change, Change::Resize(..));
    let resizes = strikes.iter().filter(is_resize).count();
    let system = &*scenario.system.name;
    if resizes > 0 && systems::registry::has(system, SystemFact::SizesNodesOnce) {
        remarks.note(format!(
            "the system `{system}` takes a node for as large as it was when it joined: {} of the trace \
             {} no effect",
            plural::count(resizes, "change of a machine's size"),
            if resizes == 1 { "has" } else { "have" },
        ));
    }
    Ok(strikes)
}
