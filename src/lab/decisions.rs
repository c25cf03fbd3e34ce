//! `decisions.jsonl.zst`: every decision of a run, one JSON object a line, on request.
//!
//! A decision is a change of the store that a scheduler or a controller asked for: a binding, an
//! attempt that failed, a refusal for good, an eviction. What the store refused is no decision
//! that came to anything and is not in it. Lines come in the order in which the changes were made,
//! so equal runs leave equal bytes.

use std::io::Write;

use serde::Serialize;

use crate::cluster::{Observer, Store};
use crate::model::{EndReason, Event, Pod, PodName, PodRef};
use crate::units::{Instant, NodeId};

use super::folder::{FolderError, OutputFile, ResultFolder};
use super::tables::Place;

/// The file of decisions.
pub const DECISIONS_FILE: &str = "decisions.jsonl.zst";

/// A field of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type in JSON.
    pub kind: &'static str,
    /// The unit of its values; empty where there is none.
    pub unit: &'static str,
    /// What it tells.
    pub meaning: &'static str,
    /// What `null` means; `None` where it is never null.
    pub absent: Option<&'static str>,
}

/// The fields of a decision, in order.
pub const FIELDS: [Field; 6] = [
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
        meaning: "the node it was given, or was evicted from",
        absent: Some("no node was involved"),
    },
    Field {
        name: "gpus",
        kind: "array of integers",
        unit: "",
        meaning: "indexes of the GPU devices it takes or held there, ascending; empty without any",
        absent: None,
    },
    Field {
        name: "outcome",
        kind: "string",
        unit: "",
        meaning: "`bound`, `unschedulable` (the attempt failed, the pod stays pending), `rejected` \
                  (refused for good) or `evicted`",
        absent: None,
    },
];

#[derive(Serialize)]
struct Decision<'a> {
    time_ns: i64,
    variant: &'a str,
    #[serde(serialize_with = "as_text")]
    pod: &'a PodName,
    node: Option<&'a str>,
    gpus: Vec<usize>,
    outcome: &'static str,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn as_text<S: serde::Serializer>(name: &&PodName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

/// Writes the decisions of a variant.
pub struct DecisionLog {
    variant: String,
    file: OutputFile,
    failed: Option<FolderError>,
}

impl DecisionLog {
    /// Starts what a variant writes.
    pub fn start(folder: &ResultFolder, variant: &str, place: Place) -> Result<Self, FolderError> {
        Ok(Self {
            variant: variant.to_owned(),
            file: folder.file(&place.file(DECISIONS_FILE))?,
            failed: None,
        })
    }

    /// Completes the file.
    ///
    /// # Errors
    /// If a line could not be written at any time of the run.
    pub fn finish(self) -> Result<(), FolderError> {
        match self.failed {
            Some(failed) => Err(failed),
            None => self.file.finish(),
        }
    }

    fn line(&mut self, decision: &Decision<'_>) {
        if self.failed.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut self.file, decision)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"));
        if let Err(source) = written {
            self.failed = Some(FolderError::from_io(self.file.path(), source));
        }
    }

    fn of_living(&mut self, at: Instant, pod: PodRef, place: Option<NodeId>, store: &Store) {
        // Nobody decided in this run on what was there before it.
        let Some(pod) = store.pods().get(pod).filter(|pod| pod.found().is_none()) else {
            return;
        };
        let variant = std::mem::take(&mut self.variant);
        self.line(&Decision {
            time_ns: at.as_nanos(),
            variant: &variant,
            pod: &pod.name,
            node: place.map(|node| store.nodes().name(node)),
            gpus: pod.devices().iter().collect(),
            outcome: if place.is_some() {
                "bound"
            } else {
                "unschedulable"
            },
        });
        self.variant = variant;
    }
}

impl Observer for DecisionLog {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        match (event, ended) {
            (Event::PodBound { pod, node, .. }, _) => self.of_living(at, *pod, Some(*node), store),
            (Event::PodUnschedulable { pod }, _) => self.of_living(at, *pod, None, store),
            (Event::PodEnded { reason, .. }, Some(pod)) => {
                let outcome = match reason {
                    EndReason::Rejected => "rejected",
                    EndReason::Evicted => "evicted",
                    EndReason::Completed
                    | EndReason::TimeLimit
                    | EndReason::Error
                    | EndReason::NodeLost
                    | EndReason::Cancelled => return,
                };
                let variant = std::mem::take(&mut self.variant);
                self.line(&Decision {
                    time_ns: at.as_nanos(),
                    variant: &variant,
                    pod: &pod.name,
                    node: pod.node().map(|node| store.nodes().name(node)),
                    gpus: pod.devices().iter().collect(),
                    outcome,
                });
                self.variant = variant;
            }
            _ => {}
        }
    }
}
