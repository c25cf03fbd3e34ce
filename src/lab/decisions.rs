//! `decisions.jsonl.zst`: every decision of a run, one JSON object a line, on request.
//!
//! A decision is a change of the store that a scheduler or a controller asked for: a binding, an
//! attempt that failed, a refusal for good, an eviction. What the store refused is no decision
//! that came to anything and is not in it. Lines come in the order in which the changes were made,
//! so equal runs leave equal bytes.

use std::io::{self, Write};

use cluster::{Observer, Store};
use model::{EndReason, Event, Pod, PodChange, PodName, PodRef};
use units::{Instant, NodeId, SortedSet};

use super::folder::{FolderError, OutputFile, ResultFolder};
use super::tables::Place;

/// The file of decisions.
pub const DECISIONS_FILE: &str = "decisions.jsonl.zst";

/// A field of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's name.
    pub name: &'static str,
    /// The field's type in JSON.
    pub kind: &'static str,
    /// The unit of its values; empty where there is none.
    pub unit: &'static str,
    /// Meaning of the field.
    pub meaning: &'static str,
    /// Meaning of `null`; `None` if the field is never null.
    pub absent: Option<&'static str>,
}

/// The fields of a decision, in order.
pub const FIELDS: [Field; 7] = [
    Field {
        name: "time_ns",
        kind: "integer",
        unit: "ns",
        meaning: "simulated time at which the decision took effect",
        absent: None,
    },
    Field {
        name: "variant",
        kind: "string",
        unit: "",
        meaning: "the variant's name; lines of one variant are adjacent, variants in written order",
        absent: None,
    },
    Field {
        name: "pod",
        kind: "string",
        unit: "",
        meaning: "the pod's name",
        absent: None,
    },
    Field {
        name: "node",
        kind: "string",
        unit: "",
        meaning: "the node that the pod was bound to, or evicted from",
        absent: Some("no node was involved"),
    },
    Field {
        name: "gpus",
        kind: "array of integers",
        unit: "",
        meaning: "indexes of the GPU devices that the pod takes or held on the node, ascending; \
            empty if none",
        absent: None,
    },
    Field {
        name: "outcome",
        kind: "string",
        unit: "",
        meaning: "`bound`, `unschedulable` (the attempt failed, the pod stays pending), \
                  `rejected` (refused permanently, by its scheduler or by the node that it was \
                  bound to) or `evicted` (its end may come later)",
        absent: None,
    },
    Field {
        name: "reason",
        kind: "string",
        unit: "",
        meaning: "why the node that the pod was bound to refused it: `OutOfcpu`, `OutOfmemory`, \
                  `OutOfephemeral-storage`, `OutOfpods`, `OutOfextended`, `NodeAffinity`, \
                  `NodePorts`, `TaintToleration`, `Evicted` (short of memory or disk)",
        absent: Some("no node refused it"),
    },
];

/// Bytes of lines that are gathered before they are compressed: little pieces cost a call each.
const GATHERED: usize = 1 << 16;

/// Writes the decisions of a variant.
pub struct DecisionLog {
    /// The variant's name as JSON.
    variant: String,
    /// Lines that are not in the file yet.
    lines: Vec<u8>,
    file: OutputFile,
    failed: Option<FolderError>,
    /// Pods that were told to end, of which the decision is written.
    evicted: SortedSet<PodRef>,
}

/// Decision on a pod.
#[derive(Clone, Copy)]
struct Decision<'a> {
    at: Instant,
    pod: &'a Pod,
    node: Option<NodeId>,
    outcome: &'static str,
    /// Why the node refused the pod, if it did.
    reason: Option<&'static str>,
}

impl DecisionLog {
    /// Starts what a variant writes.
    pub fn start(folder: &ResultFolder, variant: &str, place: Place) -> Result<Self, FolderError> {
        Ok(Self {
            variant: serde_json::Value::from(variant).to_string(),
            lines: Vec::with_capacity(2 * GATHERED),
            file: folder.file(&place.file(DECISIONS_FILE))?,
            failed: None,
            evicted: SortedSet::new(),
        })
    }

    /// Completes the file.
    ///
    /// # Errors
    /// If a line could not be written at any time of the run.
    pub fn finish(mut self) -> Result<(), FolderError> {
        self.compress();
        match self.failed {
            Some(failed) => Err(failed),
            None => self.file.finish(),
        }
    }

    fn line(&mut self, decision: Decision<'_>, store: &Store) {
        if self.failed.is_some() {
            return;
        }
        let written = self.append(decision, store);
        if let Err(source) = written {
            self.failed = Some(FolderError::from_io(self.file.path(), source));
        } else if self.lines.len() >= GATHERED {
            self.compress();
        }
    }

    /// Appends a line: the fields in their order.
    fn append(&mut self, decision: Decision<'_>, store: &Store) -> io::Result<()> {
        let (lines, pod) = (&mut self.lines, decision.pod);
        let at = decision.at.as_nanos();
        write!(lines, "{{\"time_ns\":{at},\"variant\":{}", self.variant)?;
        lines.extend_from_slice(b",\"pod\":");
        match &pod.name {
            PodName::Text(name) => push_json(lines, name)?,
            // A number needs no escape.
            name => write!(lines, "\"{name}\"")?,
        }
        lines.extend_from_slice(b",\"node\":");
        match decision.node {
            Some(node) => push_json(lines, store.nodes().name(node))?,
            None => lines.extend_from_slice(b"null"),
        }
        lines.extend_from_slice(b",\"gpus\":[");
        for (position, device) in pod.devices().iter().enumerate() {
            let comma = if position > 0 { "," } else { "" };
            write!(lines, "{comma}{device}")?;
        }
        write!(lines, "],\"outcome\":\"{}\",\"reason\":", decision.outcome)?;
        match decision.reason {
            Some(reason) => writeln!(lines, "\"{reason}\"}}"),
            None => writeln!(lines, "null}}"),
        }
    }

    /// Hands the gathered lines over.
    fn compress(&mut self) {
        if self.failed.is_none()
            && let Err(source) = self.file.write_all(&self.lines)
        {
            self.failed = Some(FolderError::from_io(self.file.path(), source));
        }
        self.lines.clear();
    }

    fn of_living(&mut self, at: Instant, pod: PodRef, node: Option<NodeId>, store: &Store) {
        // Nobody decided in this run on what was there before it.
        let Some(pod) = store.pods().get(pod).filter(|pod| pod.found().is_none()) else {
            return;
        };
        let outcome = match node {
            Some(_) => "bound",
            None => "unschedulable",
        };
        let decision = Decision {
            at,
            pod,
            node,
            outcome,
            reason: None,
        };
        self.line(decision, store);
    }
}

impl DecisionLog {
    /// A pod that is told to end for another's sake has been decided on; its end only follows.
    fn of_order(&mut self, at: Instant, pod: PodRef, change: PodChange, store: &Store) {
        let PodChange::Terminating {
            reason: EndReason::Evicted(_),
            ..
        } = change
        else {
            return;
        };
        let Some(own) = store.pods().get(pod) else {
            return;
        };
        if self.evicted.insert(pod) {
            let decision = Decision {
                at,
                pod: own,
                node: own.node(),
                outcome: "evicted",
                reason: None,
            };
            self.line(decision, store);
        }
    }
}

/// Appends a text as JSON, quotes included.
fn push_json(line: &mut Vec<u8>, text: &str) -> io::Result<()> {
    if text
        .bytes()
        .any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
    {
        serde_json::to_writer(line, text)?;
    } else {
        line.push(b'"');
        line.extend_from_slice(text.as_bytes());
        line.push(b'"');
    }
    Ok(())
}

impl Observer for DecisionLog {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        match (event, ended) {
            (Event::PodBound { pod, node, .. }, _) => self.of_living(at, *pod, Some(*node), store),
            (Event::PodUnschedulable { pod }, _) => self.of_living(at, *pod, None, store),
            (Event::PodChanged { pod, change }, _) => self.of_order(at, *pod, *change, store),
            (Event::PodEnded { reason, .. }, Some(pod)) => {
                let was_told = self.evicted.remove(&pod.pod);
                let (outcome, reason) = match reason {
                    EndReason::Rejected => ("rejected", None),
                    EndReason::Refused(why) => ("rejected", Some(why.name())),
                    EndReason::Evicted(_) if was_told => return,
                    EndReason::Evicted(_) => ("evicted", None),
                    EndReason::Completed
                    | EndReason::TimeLimit
                    | EndReason::Error
                    | EndReason::NodeLost
                    | EndReason::Cancelled
                    | EndReason::Moved => return,
                };
                let decision = Decision {
                    at,
                    pod,
                    node: pod.node(),
                    outcome,
                    reason,
                };
                self.line(decision, store);
            }
            _ => {}
        }
    }
}
