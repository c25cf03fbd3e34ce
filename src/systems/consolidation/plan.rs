//! The decisions of an interval, tried out on a copy of the hosts.

use super::datacenter::{Move, Rules, move_seconds};
use super::host::Host;
use super::ids::{HostId, VmId};
use super::vm::Vm;
use rng::Stream;

/// Hosts as they would be.
pub(super) struct Plan<'a> {
    pub(super) rules: Rules,
    pub(super) hosts: Vec<Host>,
    pub(super) vms: &'a [Vm],
}

impl Plan<'_> {
    /// Moves from overloaded hosts as many machines as it takes, then from the least loaded hosts
    /// all machines of a host or none. A machine that the first part puts on a host that the second
    /// part empties is moved twice, as in `CloudSim`.
    pub(super) fn decide(mut self, draws: &mut Stream) -> Vec<Move> {
        for host in &mut self.hosts {
            host.sum_up(self.vms);
        }
        let overloaded: Vec<bool> = (0..self.hosts.len())
            .map(|index| self.is_overloaded(index, None))
            .collect();
        let mut leaving = self.relieve(&overloaded, draws);
        self.sort_by_use(&mut leaving);
        let mut moves = Vec::new();
        for vm in leaving {
            if let Some(to) = self.find_host(vm, Some(&overloaded)) {
                self.hosts[to.index()].add(vm, &self.vms[vm.index()]);
                moves.push(Move { vm, to });
            }
        }
        self.empty_least_loaded(&overloaded, &mut moves);
        moves
    }

    /// Takes machines off overloaded hosts until these are no longer overloaded.
    fn relieve(&mut self, overloaded: &[bool], draws: &mut Stream) -> Vec<VmId> {
        let mut leaving = Vec::new();
        for index in (0..self.hosts.len()).filter(|&index| overloaded[index]) {
            let selection = self.rules.selection;
            while let Some(vm) = selection.choose(&self.hosts[index].vms, self.vms, draws) {
                leaving.push(vm);
                self.hosts[index].remove(vm, self.vms);
                if !self.is_overloaded(index, None) {
                    break;
                }
            }
        }
        leaving
    }

    /// Empties the least loaded hosts, one after the other, where all their machines find a place.
    fn empty_least_loaded(&mut self, overloaded: &[bool], moves: &mut Vec<Move>) {
        let is_off = self.hosts.iter().map(|host| host.share() == 0.0);
        let mut no_source: Vec<bool> = overloaded
            .iter()
            .zip(is_off)
            .map(|(&is_over, is_off)| is_over || is_off)
            .collect();
        let mut no_target = no_source.clone();
        while let Some(source) = self.least_loaded(&no_source) {
            no_source[source.index()] = true;
            no_target[source.index()] = true;
            let Some(found) = self.empty(source, &no_target) else {
                continue;
            };
            for own in found {
                no_source[own.to.index()] = true;
                moves.push(own);
            }
        }
    }

    /// Moves all machines of a host, or none.
    fn empty(&mut self, source: HostId, no_target: &[bool]) -> Option<Vec<Move>> {
        let on_host = self.hosts[source.index()].vms.iter().copied();
        let mut leaving: Vec<VmId> = on_host
            .filter(|id| !self.vms[id.index()].is_moving)
            .collect();
        self.sort_by_use(&mut leaving);
        let mut found = Vec::with_capacity(leaving.len());
        for &vm in &leaving {
            let Some(to) = self.find_host(vm, Some(no_target)) else {
                for Move { vm, to } in found {
                    self.hosts[to.index()].remove(vm, self.vms);
                }
                return None;
            };
            self.hosts[to.index()].add(vm, &self.vms[vm.index()]);
            found.push(Move { vm, to });
        }
        Some(found)
    }

    /// The host in use with the smallest share in use, and with machines that stand still alone.
    fn least_loaded(&self, excluded: &[bool]) -> Option<HostId> {
        let mut least = 1.0;
        let mut found = None;
        for (index, host) in self.hosts.iter().enumerate() {
            let share = host.share();
            let is_moving = |id: &VmId| self.vms[id.index()].is_moving;
            if !excluded[index]
                && share > 0.0
                && share < least
                && host.arriving.is_empty()
                && !host.vms.iter().all(is_moving)
            {
                least = share;
                found = Some(HostId(index as u32));
            }
        }
        found
    }

    fn sort_by_use(&self, ids: &mut [VmId]) {
        let mips = |id: VmId| self.vms[id.index()].used * self.vms[id.index()].kind.mips;
        ids.sort_by(|&a, &b| mips(b).total_cmp(&mips(a)));
    }

    fn is_overloaded(&self, index: usize, extra: Option<VmId>) -> bool {
        let host = &self.hosts[index];
        let move_intervals = || {
            let on_host = host.vms.iter().chain(extra.as_ref());
            let memory = on_host.map(|vm| self.vms[vm.index()].kind.memory_mb).max();
            (move_seconds(memory.unwrap_or(0), &host.kind) / self.rules.interval_s).ceil()
        };
        let extra = extra.map(|id| &self.vms[id.index()]);
        self.rules
            .detection
            .is_overloaded(host, extra, move_intervals)
    }

    /// The host whose power a machine raises least, of those that it would not overload; the first
    /// of those alike.
    pub(super) fn find_host(&self, id: VmId, excluded: Option<&[bool]>) -> Option<HostId> {
        let vm = &self.vms[id.index()];
        let mut best: Option<(f64, HostId)> = None;
        for (index, host) in self.hosts.iter().enumerate() {
            if excluded.is_some_and(|excluded| excluded[index]) || !host.has_room(vm) {
                continue;
            }
            let potential = host.potential();
            if potential != 0.0 && self.is_overloaded(index, Some(id)) {
                continue;
            }
            let after = host.kind.power((potential + vm.asked()) / host.kind.mips());
            let more = after - host.kind.power(host.share());
            if best.is_none_or(|(least, _)| more < least) {
                best = Some((more, HostId(index as u32)));
            }
        }
        best.map(|(_, host)| host)
    }
}
