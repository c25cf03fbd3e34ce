//! The machine that consolidates: hosts, virtual machines and the decisions about them. It has no
//! clock: a driver says what machines use and when an interval has passed, and carries out the moves.

use super::detection::Detection;
use super::host::{Host, HostKind};
use super::ids::{HostId, VmId};
use super::plan::Plan;
use super::selection::Selection;
use super::vm::{Vm, VmKind};
use rng::Stream;

/// The rules of a consolidation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The rule by which a host counts as overloaded.
    pub detection: Detection,
    /// The rule that chooses which machine leaves an overloaded host.
    pub selection: Selection,
    /// Length of the interval between two decisions, in seconds.
    pub interval_s: f64,
}

/// The order to move a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The machine.
    pub vm: VmId,
    /// Destination of the machine.
    pub to: HostId,
}

/// Hosts and the machines on them.
///
/// ```
/// use systems::consolidation::{Datacenter, HostKind, VmKind};
///
/// let mut datacenter = Datacenter::new(None, 1);
/// let host = datacenter.add_host(HostKind {
///     cores: 2,
///     core_mips: 2660.0,
///     memory_mb: 4096,
///     bandwidth_mbit: 1000,
///     watts: [93.7, 97.0, 101.0, 105.0, 110.0, 116.0, 121.0, 125.0, 129.0, 133.0, 135.0],
/// });
/// let kind = VmKind { mips: 1000.0, memory_mb: 1740, bandwidth_mbit: 100 };
/// let vm = datacenter.add_vm(kind);
/// assert_eq!(datacenter.place(vm), Some(host));
/// datacenter.observe(|_| 0.5);
/// assert_eq!(datacenter.hosts[0].used, 500.0);
/// ```
#[derive(Clone, Debug)]
pub struct Datacenter {
    /// Rules; without them each machine takes the first host with room and stays there.
    pub rules: Option<Rules>,
    /// Hosts by their numbers.
    pub hosts: Vec<Host>,
    /// Machines by their numbers.
    pub vms: Vec<Vm>,
    draws: Stream,
}

impl Datacenter {
    /// A datacenter without hosts; the seed is that of the run.
    pub fn new(rules: Option<Rules>, seed: u64) -> Self {
        Self {
            rules,
            hosts: Vec::new(),
            vms: Vec::new(),
            draws: Stream::new(seed, "consolidation/selection", 0),
        }
    }

    /// Adds a host.
    pub fn add_host(&mut self, kind: HostKind) -> HostId {
        self.hosts.push(Host::new(kind));
        HostId(self.hosts.len() as u32 - 1)
    }

    /// Adds a machine without a host.
    pub fn add_vm(&mut self, kind: VmKind) -> VmId {
        self.vms.push(Vm::new(kind));
        VmId(self.vms.len() as u32 - 1)
    }

    /// Places a new machine; `None` if no host has room.
    pub fn place(&mut self, id: VmId) -> Option<HostId> {
        let found = if let Some(rules) = self.rules {
            let hosts = std::mem::take(&mut self.hosts);
            let plan = Plan {
                rules,
                hosts,
                vms: &self.vms,
            };
            let found = plan.find_host(id, None);
            self.hosts = plan.hosts;
            found
        } else {
            let vm = &self.vms[id.index()];
            let first = self.hosts.iter().position(|host| host.has_room(vm));
            first.map(|index| HostId(index as u32))
        }?;
        let (vm, host) = (&mut self.vms[id.index()], &mut self.hosts[found.index()]);
        host.add(id, vm);
        vm.is_running = true;
        vm.host = Some(found);
        host.sum_up(&self.vms);
        Some(found)
    }

    /// Takes over what machines use now, as shares of their processors, and settles all hosts.
    pub fn observe(&mut self, mut used: impl FnMut(VmId) -> f64) {
        for (index, vm) in (0..).zip(&mut self.vms) {
            vm.used = used(VmId(index));
        }
        self.settle();
    }

    /// Grants the machines of all hosts their shares again.
    pub fn settle(&mut self) {
        for host in &mut self.hosts {
            host.settle(&self.vms);
        }
    }

    /// Keeps the present use of all machines in their histories.
    pub fn remember(&mut self) {
        for vm in &mut self.vms {
            vm.remember();
        }
    }

    /// Takes a machine off its host for good.
    pub fn remove(&mut self, id: VmId) {
        if let Some(host) = self.vms[id.index()].host.take() {
            self.hosts[host.index()].remove(id, &self.vms);
        }
    }

    /// Takes back the placement of a machine: it has no host again.
    pub fn withdraw(&mut self, id: VmId) {
        self.remove(id);
        self.vms[id.index()].is_running = false;
    }

    /// Takes machines that ask for nothing, and don't move, off their hosts: `CloudSim` takes them
    /// for completed.
    pub fn retire_idle(&mut self) {
        for index in 0..self.vms.len() {
            let vm = &self.vms[index];
            if vm.is_running && !vm.is_moving && vm.asked() == 0.0 {
                self.remove(VmId(index as u32));
            }
        }
    }

    /// Decides on the moves of an interval.
    pub fn decide(&mut self) -> Vec<Move> {
        let Some(rules) = self.rules else {
            return Vec::new();
        };
        let plan = Plan {
            rules,
            hosts: self.hosts.clone(),
            vms: &self.vms,
        };
        plan.decide(&mut self.draws)
    }

    /// Starts a move: from now on the machine takes a part of its speed at its destination. Returns
    /// its source.
    pub fn start(&mut self, order: Move) -> Option<HostId> {
        let Move { vm, to } = order;
        self.vms[vm.index()].is_moving = true;
        let from = self.vms[vm.index()].host;
        let host = &mut self.hosts[to.index()];
        if !host.arriving.contains(&vm) {
            host.arriving.push(vm);
            host.vms.push(vm);
            host.settle(&self.vms);
            if let Some(from) = from {
                self.hosts[from.index()].settle(&self.vms);
            }
        }
        from
    }

    /// Ends a move.
    pub fn finish(&mut self, order: Move) {
        let Move { vm, to } = order;
        self.remove(vm);
        let host = &mut self.hosts[to.index()];
        host.arriving.retain(|&own| own != vm);
        host.remove(vm, &self.vms);
        let own = &mut self.vms[vm.index()];
        own.is_moving = false;
        own.host = Some(to);
        host.add(vm, own);
    }

    /// Gives up a move: the machine stays where it is.
    pub fn cancel(&mut self, order: Move, is_last: bool) {
        let Move { vm, to } = order;
        let host = &mut self.hosts[to.index()];
        host.arriving.retain(|&own| own != vm);
        host.remove(vm, &self.vms);
        if is_last {
            self.vms[vm.index()].is_moving = false;
        }
        if let Some(from) = self.vms[vm.index()].host {
            self.hosts[from.index()].settle(&self.vms);
        }
    }

    /// The time that a move takes, in seconds.
    pub fn seconds(&self, order: Move) -> f64 {
        let memory = self.vms[order.vm.index()].kind.memory_mb;
        move_seconds(memory, &self.hosts[order.to.index()].kind)
    }
}

/// The time that moving memory takes, in seconds: half of the bandwidth is for the machines' own
/// traffic.
pub(super) fn move_seconds(memory_mb: i64, kind: &HostKind) -> f64 {
    memory_mb as f64 * 8.0 / (kind.bandwidth_mbit as f64 / 2.0)
}
