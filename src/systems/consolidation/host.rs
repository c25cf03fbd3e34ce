//! A host of virtual machines: shares of its processors, as they are granted in each moment.

use super::ids::VmId;
use super::vm::{HISTORY, Vm};

/// The make of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostKind {
    /// Number of cores.
    pub cores: u32,
    /// Speed of a core, in millions of instructions per second.
    pub core_mips: f64,
    /// Memory, in megabytes.
    pub memory_mb: i64,
    /// Bandwidth of the network interface, in megabits per second.
    pub bandwidth_mbit: i64,
    /// Power at 0, 10, …, 100 percent of use, in watts; linear in between.
    pub watts: [f64; 11],
}

impl HostKind {
    /// The speed of all cores, in millions of instructions per second.
    pub fn mips(&self) -> f64 {
        f64::from(self.cores) * self.core_mips
    }

    /// The power at a share of use between 0 and 1, in watts.
    pub fn power(&self, used: f64) -> f64 {
        let used = used.clamp(0.0, 1.0);
        if used % 0.1 == 0.0 {
            return self.watts[(used * 10.0) as usize];
        }
        let (below, above) = ((used * 10.0).floor(), (used * 10.0).ceil());
        let (low, high) = (self.watts[below as usize], self.watts[above as usize]);
        let slope = (high - low) / 10.0;
        low + slope * (used - below / 10.0) * 100.0
    }
}

/// The share of the requested speed that a moving machine keeps at its source.
const KEPT_AT_SOURCE: f64 = 0.9;
/// The share of the requested speed that a moving machine takes at its destination.
const TAKEN_AT_DESTINATION: f64 = 0.1;

/// The speed that a machine asked for and got on a host.
#[derive(Clone, Copy, Debug)]
struct Grant {
    vm: VmId,
    asked: f64,
    granted: f64,
}

/// A host with its machines.
#[derive(Clone, Debug)]
pub struct Host {
    /// Make of the host.
    pub kind: HostKind,
    /// Machines, in order of arrival; moving ones are on both hosts.
    pub vms: Vec<VmId>,
    /// Machines on their way here.
    pub arriving: Vec<VmId>,
    /// Machines on their way out.
    leaving: Vec<VmId>,
    grants: Vec<Grant>,
    available: f64,
    /// Speed in use, in millions of instructions per second, as last settled.
    pub used: f64,
    /// Speed in use as settled before that.
    pub used_before: f64,
    /// Memory that machines hold since their creation, in megabytes.
    pub memory_held: i64,
    /// Bandwidth that machines hold since their creation, in megabits per second.
    pub bandwidth_held: i64,
    /// Sum of the speeds that the machines ask for.
    pub asked: f64,
    /// `true` while the host has failed: it takes no machine.
    pub is_down: bool,
    /// Sum of the machines' use in the last intervals, the newest first, as shares of the host.
    pub history: [f64; HISTORY],
}

impl Host {
    /// An empty host.
    pub fn new(kind: HostKind) -> Self {
        Self {
            available: kind.mips(),
            kind,
            vms: Vec::new(),
            arriving: Vec::new(),
            leaving: Vec::new(),
            grants: Vec::new(),
            used: 0.0,
            used_before: 0.0,
            memory_held: 0,
            bandwidth_held: 0,
            asked: 0.0,
            is_down: false,
            history: [0.0; HISTORY],
        }
    }

    /// The share of the host that is used, as last settled.
    pub fn share(&self) -> f64 {
        (self.used / self.kind.mips()).min(1.0)
    }

    /// The share of the host that was used before.
    pub fn share_before(&self) -> f64 {
        (self.used_before / self.kind.mips()).min(1.0)
    }

    /// `true` if the host is up and a machine's request fits into what is left.
    pub fn has_room(&self, vm: &Vm) -> bool {
        let asked = vm.asked();
        let fits = !self.is_down && self.kind.core_mips >= asked && self.available >= asked;
        fits && (vm.is_running
            || (self.memory_held + vm.kind.memory_mb <= self.kind.memory_mb
                && self.bandwidth_held + vm.kind.bandwidth_mbit <= self.kind.bandwidth_mbit))
    }

    /// The speed granted to a machine, in millions of instructions per second.
    pub fn granted(&self, vm: VmId) -> f64 {
        let own = self.grants.iter().find(|grant| grant.vm == vm);
        own.map_or(0.0, |grant| grant.granted)
    }

    /// The speed in use once moving machines have arrived.
    pub fn potential(&self) -> f64 {
        let mut sum = 0.0;
        for grant in &self.grants {
            if self.arriving.contains(&grant.vm) {
                sum += grant.granted * (1.0 - TAKEN_AT_DESTINATION) / TAKEN_AT_DESTINATION;
            }
            sum += grant.granted;
        }
        sum
    }

    /// Takes a machine in.
    pub fn add(&mut self, id: VmId, vm: &Vm) {
        if !vm.is_running {
            self.memory_held += vm.kind.memory_mb;
            self.bandwidth_held += vm.kind.bandwidth_mbit;
        }
        self.vms.push(id);
        self.note(vm);
        self.grant(id, vm.asked(), vm.is_moving);
    }

    /// Lets a machine go.
    pub fn remove(&mut self, id: VmId, vms: &[Vm]) {
        self.vms.retain(|&own| own != id);
        self.leaving.retain(|&own| own != id);
        self.grants.retain(|grant| grant.vm != id);
        let grants = std::mem::take(&mut self.grants);
        self.available = self.kind.mips();
        for grant in grants {
            self.share_out(grant.vm, grant.asked);
        }
        self.sum_up(vms);
    }

    /// Sums up what the machines ask for and used.
    pub fn sum_up(&mut self, vms: &[Vm]) {
        self.asked = 0.0;
        self.history = [0.0; HISTORY];
        for index in 0..self.vms.len() {
            self.note(&vms[self.vms[index].index()]);
        }
    }

    fn note(&mut self, vm: &Vm) {
        self.asked += vm.asked();
        add_history(&mut self.history, vm, &self.kind);
    }

    /// Grants every machine its share again.
    pub fn settle(&mut self, vms: &[Vm]) {
        self.used_before = self.used;
        self.used = 0.0;
        self.grants.clear();
        self.available = self.kind.mips();
        for index in 0..self.vms.len() {
            let id = self.vms[index];
            let vm = &vms[id.index()];
            self.grant(id, vm.asked(), vm.is_moving);
        }
        for grant in &self.grants {
            let is_leaving = vms[grant.vm.index()].is_moving && !self.arriving.contains(&grant.vm);
            // Moving costs the machine a tenth, which the host works for all the same.
            self.used += if is_leaving {
                grant.granted / KEPT_AT_SOURCE
            } else {
                grant.granted
            };
        }
    }

    fn grant(&mut self, id: VmId, asked: f64, is_moving: bool) {
        let is_leaving = self.leaving.contains(&id);
        if is_moving && !self.arriving.contains(&id) {
            if !is_leaving {
                self.leaving.push(id);
            }
        } else if !is_moving && is_leaving {
            self.leaving.retain(|&own| own != id);
        }
        self.share_out(id, asked);
    }

    fn share_out(&mut self, vm: VmId, asked: f64) {
        let capped = asked.min(self.kind.core_mips);
        let mut needed = capped;
        if self.arriving.contains(&vm) {
            needed *= TAKEN_AT_DESTINATION;
        }
        let is_enough = self.available >= needed;
        let granted = capped * self.part(vm);
        self.grants.push(Grant { vm, asked, granted });
        if is_enough {
            self.available -= needed;
        } else {
            self.redistribute();
        }
    }

    /// The share of its speed that a machine has here.
    fn part(&self, vm: VmId) -> f64 {
        if self.leaving.contains(&vm) {
            KEPT_AT_SOURCE
        } else if self.arriving.contains(&vm) {
            TAKEN_AT_DESTINATION
        } else {
            1.0
        }
    }

    /// Cuts all shares in proportion.
    fn redistribute(&mut self) {
        let mut needed = 0.0;
        for grant in &self.grants {
            let capped = grant.asked.min(self.kind.core_mips);
            let is_arriving = self.arriving.contains(&grant.vm);
            needed += if is_arriving {
                capped * TAKEN_AT_DESTINATION
            } else {
                capped
            };
        }
        let scale = self.kind.mips() / needed;
        for index in 0..self.grants.len() {
            let Grant { vm, asked, .. } = self.grants[index];
            let capped = asked.min(self.kind.core_mips);
            self.grants[index].granted = (capped * scale * self.part(vm)).floor();
        }
        self.available = 0.0;
    }
}

/// Adds a machine's use to that of a host.
pub(super) fn add_history(sums: &mut [f64; HISTORY], vm: &Vm, kind: &HostKind) {
    for (sum, used) in sums.iter_mut().zip(&vm.history) {
        *sum += used * vm.kind.mips / kind.mips();
    }
}
