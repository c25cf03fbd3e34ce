//! The description of a trace format: every reader in `formats` states one, and the registry lists
//! them.

use crate::read_options::ReadOptions;
use crate::relation::Relation;
use crate::stream::ArrivalSource;
use intake::columns::{ColumnDoc, Confidence};
use intake::ledger::Ledger;
use intake::{Input, TraceError};
use model::{Node, ResourceList};
use units::Instant;

/// A trace format in the registry.
#[derive(Clone, Copy, Debug)]
pub struct FormatEntry {
    /// The name that users write.
    pub name: &'static str,
    /// The description, in one line.
    pub summary: &'static str,
    /// The columns or fields.
    pub columns: &'static [ColumnDoc],
    /// The relations between them, which `trace validate --strict` holds records to.
    pub relations: &'static [Relation],
    /// The columns of names and those that no run reads, which mean nothing unless something refers
    /// to them (see `formats::content_hash`).
    pub names: &'static [&'static str],
    /// The function that shows the cells of a file beside those of names.
    pub cells: Cells,
    /// The reading options that have an effect on the format (see [`ReadOptions`]).
    pub options: &'static [&'static str],
    /// The test whether a text that begins with these bytes is of the format.
    pub sniff: fn(&[u8]) -> Confidence,
    /// The function that opens a file of the format.
    pub open: Constructor,
}

impl FormatEntry {
    /// Returns the kind of content of the format's files.
    pub fn kind(&self) -> FormatKind {
        match self.open {
            Constructor::Nodes(_) => FormatKind::Nodes,
            Constructor::Workload(_) => FormatKind::Workload,
        }
    }
}

/// The content of a format's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatKind {
    /// Machines.
    Nodes,
    /// Arrivals of jobs or pods.
    Workload,
}

/// Nodes as read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeList {
    /// The nodes in the file's order.
    pub nodes: Vec<Node>,
    /// The ledger of irregularities in the file.
    pub ledger: Ledger,
    /// The events after the beginning, in order of time.
    pub events: Vec<NodeEvent>,
}

/// An event of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEvent {
    /// The instant, from the zero of the trace.
    pub at: Instant,
    /// The place of the node in its list.
    pub node: usize,
    /// The event.
    pub kind: NodeEventKind,
}

/// The kind of a machine's event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEventKind {
    /// The machine comes, for the first time or again.
    Comes,
    /// The machine goes, with what runs on it.
    Goes,
    /// The machine has other resources to offer.
    Resized(ResourceList),
    /// The machine takes no new pods.
    Refuses,
    /// The machine takes new pods again.
    Accepts,
}

/// The formats of nodes whose files have events.
pub const FORMATS_WITH_EVENTS: &[&str] = &[
    "google-2011-machines",
    "google-2019-machines",
    "alibaba-2017-machines",
    "alibaba-2018-machines",
    "helios-machines",
    "openb-nodes",
];

/// A function that reads a file of nodes.
pub type OpenNodes = fn(&Input, &ReadOptions) -> Result<NodeList, TraceError>;
/// A function that opens a file of arrivals.
pub type OpenWorkload = fn(&Input, &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError>;

/// A function that shows each cell of a file, row by row, but for those of names
/// ([`FormatEntry::names`]).
pub type Cells = fn(&FormatEntry, &Input, show: &mut dyn FnMut(&[u8])) -> Result<(), TraceError>;

/// The function that opens a format's files, by the kind of their content.
#[derive(Clone, Copy, Debug)]
pub enum Constructor {
    /// A file of nodes.
    Nodes(OpenNodes),
    /// A file of arrivals.
    Workload(OpenWorkload),
}
