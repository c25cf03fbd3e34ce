//! Strikes: single things that fail or are whole again, on time lines.

use std::iter::Peekable;

use crate::SimError;
use crate::cell::Cell;
use crate::control_faults::{ApiLimit, BindFault, Part, Sight};
use crate::engine::Engine;
use crate::hosts::Trouble;
use crate::options::NodeLife;
use crate::queue::Upcoming;
use cluster::Incident;
use control::node_life::Observing;
use model::Text;
use units::{Instant, NodeId};

/// A change by a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Trouble of a node begins.
    Begin(NodeId, Trouble),
    /// It is over.
    End(NodeId, Trouble),
    /// A node is cordoned, and its pods are told to end.
    Drain(NodeId),
    /// A node is cordoned, and its pods are evicted as budgets allow.
    Vacate(NodeId),
    /// A node takes pods again.
    Uncordon(NodeId),
    /// Every component of the control plane stops acting, or acts again.
    ControlPlane {
        /// Whether it acts.
        is_up: bool,
    },
    /// The registry of images stops answering, or answers again.
    Registry {
        /// Whether it answers.
        is_up: bool,
    },
    /// An image comes corrupted, or whole again.
    Image {
        /// The image.
        image: Text,
        /// Whether it comes corrupted.
        is_corrupted: bool,
    },
    /// The leader of a part of the control plane crashes, or another is elected.
    Leader {
        /// Of what.
        part: Part,
        /// Whether there is one.
        is_up: bool,
    },
    /// A part of the control plane sees changes late or not at all, or as usual again.
    Sight(Part, Option<Sight>),
    /// Bindings fail, or don't any more.
    Binds(Option<BindFault>),
    /// Requests of a part of the control plane take time, or don't any more.
    Api(Part, Option<ApiLimit>),
    /// So many managers of the control plane are away from now on, the leader first.
    Managers {
        /// How many; none is that all are there.
        away: u32,
    },
    /// What lists the nodes stops answering, or answers again.
    Discovery {
        /// Whether it answers.
        is_up: bool,
    },
    /// A framework that shares the cluster is away, or back.
    Framework {
        /// Its number.
        framework: u32,
        /// Whether it is back.
        is_up: bool,
    },
}

impl Change {
    /// Whether something is whole again by it.
    const fn is_relief(&self) -> bool {
        matches!(
            self,
            Self::End(..)
                | Self::Uncordon(_)
                | Self::ControlPlane { is_up: true }
                | Self::Registry { is_up: true }
                | Self::Image {
                    is_corrupted: false,
                    ..
                }
                | Self::Leader { is_up: true, .. }
                | Self::Managers { away: 0 }
                | Self::Discovery { is_up: true }
                | Self::Framework { is_up: true, .. }
                | Self::Sight(_, None)
                | Self::Binds(None)
                | Self::Api(_, None)
        )
    }

    /// What those who watch are told.
    fn incident(&self) -> Incident {
        let (what, node) = match self {
            Self::Begin(node, trouble) | Self::End(node, trouble) => (trouble.name(), Some(*node)),
            Self::Drain(node) => ("taken back", Some(*node)),
            Self::Vacate(node) => ("drained", Some(*node)),
            Self::Uncordon(node) => ("cordoned", Some(*node)),
            Self::ControlPlane { .. } => ("control plane down", None),
            Self::Leader { part, .. } => (part.without_leader(), None),
            Self::Registry { .. } => ("registry down", None),
            Self::Image { .. } => ("corrupted image", None),
            Self::Sight(..) => ("stale caches", None),
            Self::Binds(_) => ("failing binds", None),
            Self::Api(..) => ("slow API", None),
            Self::Managers { .. } => ("managers away", None),
            Self::Discovery { .. } => ("discovery down", None),
            Self::Framework { .. } => ("framework away", None),
        };
        Incident {
            what,
            node,
            begins: !self.is_relief(),
        }
    }
}

/// A change at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// When.
    pub at: Instant,
    /// The change.
    pub change: Change,
}

/// Strikes in order of time.
pub struct Timeline {
    strikes: Box<dyn Iterator<Item = Strike> + Send>,
    /// Whether it goes on without end, so that a run that ends by itself does not go on for it.
    is_endless: bool,
}

impl Timeline {
    /// Strikes that were written down.
    pub fn scripted(mut strikes: Vec<Strike>) -> Self {
        strikes.sort_by_key(|strike| strike.at);
        Self {
            strikes: Box::new(strikes.into_iter()),
            is_endless: false,
        }
    }

    /// Strikes that are drawn one after the other, in order of time.
    pub fn drawn(strikes: impl Iterator<Item = Strike> + Send + 'static) -> Self {
        Self {
            strikes: Box::new(strikes),
            is_endless: true,
        }
    }

    /// The strikes.
    pub fn into_strikes(self) -> impl Iterator<Item = Strike> {
        self.strikes
    }
}

/// A time line in a run.
pub(crate) struct Standing {
    strikes: Peekable<Box<dyn Iterator<Item = Strike> + Send>>,
    is_endless: bool,
}

impl Engine<'_> {
    /// Queues the first strike of every time line.
    pub(crate) fn expect_failures(&mut self, cell: &mut Cell, failures: Vec<Timeline>) {
        for timeline in failures {
            cell.failures.push(Standing {
                strikes: timeline.strikes.peekable(),
                is_endless: timeline.is_endless,
            });
            self.expect_strike(cell, cell.failures.len() as u32 - 1);
        }
    }

    /// Where renewals of leases are stepped, queues the first of every node.
    pub(crate) fn expect_heartbeats(&mut self, cell: &Cell) {
        if self.options.node_life != NodeLife::Observed(Observing::Stepped) {
            return;
        }
        for node in cell.store.nodes().present() {
            let at = cell.hosts.next_heartbeat(self.now, node);
            self.queue
                .push(at, Upcoming::Heartbeat(node).of(cell.number));
        }
    }

    fn expect_strike(&mut self, cell: &mut Cell, line: u32) {
        let standing = &mut cell.failures[line as usize];
        let Some(next) = standing.strikes.peek() else {
            return;
        };
        // A run that ends at an instant goes on until then, whatever lies ahead.
        let is_idle = standing.is_endless && self.options.stop.awaited().is_none();
        let upcoming = match next.change.is_relief() {
            true => Upcoming::Relief(line),
            false if is_idle => Upcoming::IdleStrike(line),
            false => Upcoming::Strike(line),
        };
        self.queue
            .push(next.at.max(self.now), upcoming.of(cell.number));
    }

    /// The next strike of a time line happens.
    pub(crate) fn strike(&mut self, cell: &mut Cell, line: u32) -> Result<(), SimError> {
        let next = cell.failures[line as usize].strikes.next();
        if let Some(strike) = next {
            let incident = strike.change.incident();
            match strike.change {
                Change::Begin(node, trouble) => self.trouble(cell, node, trouble, true)?,
                Change::End(node, trouble) => self.trouble(cell, node, trouble, false)?,
                Change::Drain(node) => self.drain(cell, node)?,
                Change::Vacate(node) => self.vacate(cell, node)?,
                Change::Uncordon(node) => self.cordon(cell, node, false)?,
                Change::Registry { is_up } => self.registry(cell, is_up)?,
                Change::Image {
                    image,
                    is_corrupted,
                } => {
                    if let Some(images) = &mut cell.machine.images {
                        images.set_corrupted(&image, is_corrupted);
                    }
                }
                Change::ControlPlane { is_up } => self.outage(cell, is_up),
                Change::Leader { part, is_up } => self.leader(cell, part, is_up)?,
                Change::Sight(part, sight) => self.sight(cell, part, sight),
                Change::Binds(fault) => cell.faults.binds = fault,
                Change::Api(part, limit) => cell.faults.limit(part, limit),
                Change::Managers { away } => {
                    for seat in &mut cell.components {
                        seat.component.managers_away(self.now, away);
                        seat.due = true;
                    }
                }
                Change::Framework { framework, is_up } => {
                    for seat in &mut cell.components {
                        seat.component.framework(self.now, framework, is_up);
                        seat.due = true;
                    }
                }
                Change::Discovery { is_up } => {
                    for seat in &mut cell.components {
                        seat.component.discovery(self.now, is_up);
                        seat.due = true;
                    }
                }
            }
            self.observer.incident(self.now, incident, &cell.store);
        }
        self.expect_strike(cell, line);
        Ok(())
    }
}
