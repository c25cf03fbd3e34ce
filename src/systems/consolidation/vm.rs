//! A virtual machine: what it asks for and what it used.

use std::collections::VecDeque;

use super::ids::HostId;

/// Number of intervals whose use is kept.
pub const HISTORY: usize = 30;

/// The size of a virtual machine with one virtual processor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VmKind {
    /// Speed of the processor, in millions of instructions per second.
    pub mips: f64,
    /// Memory, in megabytes.
    pub memory_mb: i64,
    /// Bandwidth, in megabits per second.
    pub bandwidth_mbit: i64,
}

/// A virtual machine.
#[derive(Clone, Debug)]
pub struct Vm {
    /// Size of the machine.
    pub kind: VmKind,
    /// Share of its processor that it uses now.
    pub used: f64,
    /// Use in the last intervals, the newest first.
    pub history: VecDeque<f64>,
    /// Host that it runs on; the source, while it moves.
    pub host: Option<HostId>,
    /// `true` while it moves.
    pub is_moving: bool,
    /// `true` once it has a host: from then on it asks for what it uses.
    pub is_running: bool,
}

impl Vm {
    /// A machine that has no host yet.
    pub fn new(kind: VmKind) -> Self {
        Self {
            kind,
            used: 0.0,
            history: VecDeque::with_capacity(HISTORY),
            host: None,
            is_moving: false,
            is_running: false,
        }
    }

    /// Speed that the machine asks for, in millions of instructions per second: all of it until it
    /// runs, then what it uses.
    pub fn asked(&self) -> f64 {
        if self.is_running {
            self.used * self.kind.mips
        } else {
            self.kind.mips
        }
    }

    /// Keeps the present use in the history.
    pub fn remember(&mut self) {
        self.history.truncate(HISTORY - 1);
        self.history.push_front(self.used);
    }
}
