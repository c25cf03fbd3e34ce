//! Processes that share their nodes: they come up, end when their work is done, and are killed for want
//! of memory.

use std::sync::Arc;

use cluster::Store;
use control::MachineEvent;
use control::node::ContainerEvent;
use model::exit::KILLED;
use model::resource_list::{CPU, MEMORY};
use model::{Event, Pod, PodChange, PodRef, PodSpec};
use units::{Instant, NodeId};

use super::super::SimError;
use super::super::contention::{Contention, ProcessResources, ProcessUp, WHOLE};
use super::super::context::Context;
use super::super::cores::{Claim, CorePlace, ProcessRef, cpu_shares, cpu_weight};
use super::super::hosts::Pace;
use super::super::message::{ToControlPlane, ToNodes};
use super::memory::EVICTION_THRESHOLD;
use super::{NodePlane, drawn_run_time};

impl NodePlane {
    /// A process is up: it uses something, and takes part in what its node has.
    pub(super) fn process_up(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        pod: PodRef,
        container: u16,
    ) -> Result<(), SimError> {
        let (now, process) = (ctx.now(), ProcessRef { pod, container });
        self.usage.came_up(now, process, store);
        let Some(model) = self.contention.as_ref().map(Contention::model) else {
            return Ok(());
        };
        let node = store.pods().get(pod).and_then(Pod::node);
        let (Some(node), Some(spec)) = (node, spec_of(store, pod)) else {
            return Ok(());
        };
        let asked = ProcessResources::of(spec, container);
        let run_time = match container {
            WHOLE => self.machine.work(pod).and_then(|work| work.run_time),
            number => drawn_run_time(ctx, self.machine.who(pod), usize::from(number), spec)?,
        };
        let pace = self.pace_of(store, pod);
        let cores = capacity(store, node, CPU).saturating_sub(model.overhead.cpu_milli);
        // A machine has as many cores as its flavor, and shares by them.
        let guest = self.agent.guest_cores_milli(spec);
        let limits = asked.cpu_limit.into_iter().chain(guest);
        let up = ProcessUp {
            process,
            place: CorePlace {
                node,
                capacity_milli: cores.max(0),
            },
            claim: Claim {
                weight: cpu_weight(cpu_shares(guest.unwrap_or(asked.cpu_request))),
                demand_milli: self.cpu_demand(now, process, spec),
                limit_milli: limits.min(),
            },
            run_time: run_time.map(|span| pace.stretch(span, Pace::USUAL)),
            changes: self.usage.demand_changes(process, now),
            over: self.usage.over_limit(process, now).filter(|_| model.memory),
        };
        if let Some(contention) = &mut self.contention {
            contention.up(now, up);
        }
        self.expect_tick(ctx);
        Ok(())
    }

    /// The processes that share nodes come to what is due: first those end whose work is done.
    pub(super) fn contend(&mut self, ctx: &mut Context<'_>) {
        if self.contention.is_some() {
            let after_ends = self.end_processes(ctx);
            ctx.send(ToNodes::Look { after_ends });
        }
    }

    /// Processes on shared cores end whose work is done; whether there are any.
    pub(super) fn end_processes(&mut self, ctx: &mut Context<'_>) -> bool {
        let contention = self.contention.as_mut();
        let ended = contention.map_or_else(Vec::new, |own| own.ended(ctx.now()));
        let is_any = !ended.is_empty();
        for process in ended {
            ctx.send(ToNodes::ProcessExits {
                process,
                killed: None,
            });
        }
        is_any
    }

    /// Then those that are over a limit, then nodes that are to be looked at, until nothing is due.
    pub(super) fn look(&mut self, ctx: &mut Context<'_>, store: &Store, after_ends: bool) {
        let now = ctx.now();
        let Some(contention) = &mut self.contention else {
            return;
        };
        if let Some(process) = contention.next_over_limit(now) {
            Self::kill_process(ctx, store, process);
        } else if let Some(node) = contention.next_look(now) {
            self.look_at(ctx, store, node);
        } else if !after_ends {
            return;
        }
        ctx.send(ToNodes::Contend);
    }

    /// A process ends by itself, or is killed with a code.
    pub(super) fn process_exits(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        process: ProcessRef,
        killed: Option<i32>,
    ) {
        let (now, ProcessRef { pod, container }) = (ctx.now(), process);
        let number = container_number(store, process);
        let code = killed.unwrap_or_else(|| {
            spec_of(store, pod).map_or(0, |spec| {
                self.exits.code(store, pod, spec, usize::from(number))
            })
        });
        self.process_down(now, pod, container);
        let event = if container == WHOLE {
            if !self.machine.is_running(pod) {
                return;
            }
            self.machine.process_ended(now, pod);
            MachineEvent::Exited {
                container: number,
                code,
            }
        } else {
            self.machine.stop_container(pod, container);
            MachineEvent::Container(container, ContainerEvent::Exited { code })
        };
        self.exited(ctx, store, pod, event);
    }

    /// A process is killed for want of memory.
    pub(super) fn kill_process(ctx: &mut Context<'_>, store: &Store, process: ProcessRef) {
        let pod = process.pod;
        if store.pods().get(pod).is_none() {
            return;
        }
        let container = container_number(store, process);
        let change = PodChange::OomKilled { container };
        ctx.send(ToControlPlane::Happened(Event::PodChanged { pod, change }));
        ctx.send(ToNodes::ProcessExits {
            process,
            killed: Some(KILLED),
        });
    }

    /// A node is looked at: who wants how much of its cores, and whether its memory suffices.
    fn look_at(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        let now = ctx.now();
        let Some(contention) = &self.contention else {
            return;
        };
        let model = contention.model();
        if model.cpu {
            for process in contention.on_cores(node) {
                let Some(spec) = spec_of(store, process.pod) else {
                    continue;
                };
                let demand = self.cpu_demand(now, process, spec);
                let next = self.usage.demand_changes(process, now);
                if let Some(contention) = &mut self.contention {
                    contention.wants(now, process, demand);
                    if let Some(at) = next {
                        contention.look(node, at);
                    }
                }
            }
        }
        if model.memory {
            self.look_at_memory(ctx, store, node);
        }
    }

    /// The demand of a process for cores, in thousandths: its stated use, or else its request, or else
    /// one core.
    fn cpu_demand(&self, now: Instant, process: ProcessRef, spec: &PodSpec) -> i64 {
        let used = self.usage.wanted_by(process, now);
        let wanted = used.map_or(0, |used| used.cpu_milli);
        if wanted > 0 || self.usage.is_stated(process) {
            return wanted;
        }
        match ProcessResources::of(spec, process.container).cpu_request {
            0 => 1_000,
            request => request,
        }
    }
}

/// The spec of a pod that is on a node.
/// The number of a process's container; a process of a whole pod is its first one beside the init containers.
fn container_number(store: &Store, process: ProcessRef) -> u16 {
    if process.container != WHOLE {
        return process.container;
    }
    spec_of(store, process.pod).map_or(0, |spec| spec.main_container() as u16)
}

pub(super) fn spec_of(store: &Store, pod: PodRef) -> Option<&Arc<PodSpec>> {
    let record = store.pods().get(pod)?;
    record.node()?;
    Some(&store.class(record.class).spec)
}

/// The capacity of a node: as stated, or what its pods may have and what its kubelet keeps free.
pub(super) fn capacity(store: &Store, node: NodeId, name: &str) -> i64 {
    let Some(object) = store.nodes().object(node) else {
        return 0;
    };
    let is_stated = !object.capacity.is_empty();
    let list = if is_stated {
        &object.capacity
    } else {
        &object.allocatable
    };
    let amount = match name {
        CPU => list.get(name).milli_ceil(),
        _ => list.get(name).units_ceil(),
    };
    let amount = amount.unwrap_or(i64::MAX);
    if name == MEMORY && !is_stated && amount > 0 {
        // What the kubelet keeps free was left out of what pods are given.
        return amount.saturating_add(EVICTION_THRESHOLD);
    }
    amount
}
