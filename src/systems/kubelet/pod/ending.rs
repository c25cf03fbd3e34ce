//! The end of a pod: the order in which its containers stop, and the reason for which it ended.

use super::{Held, Turn};
use crate::kubelet::container::{State, Unit};
use model::{ContainerKind, EndReason, EvictionCause, RestartPolicy};
use units::{Duration, Instant};

impl Held {
    /// The pod is told to end, or ends by itself; why it ended, if nothing is left of it.
    pub(in super::super) fn end(
        &mut self,
        reason: EndReason,
        grace: Duration,
        turn: &mut Turn<'_>,
    ) -> Option<EndReason> {
        self.ending.get_or_insert(reason);
        if let Some(images) = turn.images.as_deref_mut() {
            images.forget(self.pod, turn.out);
        }
        let now = turn.now;
        let mut last: Option<Instant> = None;
        for container in self.stop_order() {
            let unit = &mut self.units[container];
            unit.verdicts.killed = None;
            if let Some(prober) = &mut unit.prober {
                prober.look_at_readiness_alone();
            }
            match unit.state {
                State::Running => {
                    let turn = last.filter(|_| unit.kind == ContainerKind::Sidecar);
                    let at = unit.end_of_stop(now, grace, turn);
                    let at = unit.stop_at.map_or(at, |known| known.min(at));
                    unit.stop_at = Some(at);
                    last = last.max(Some(at));
                }
                State::Starting if unit.stop_at.is_none() => {
                    unit.stop_at = Some(Instant::MAX);
                    self.order(container, false, turn);
                }
                _ => {}
            }
        }
        self.over()
    }

    /// The order in which containers stop: the others first, then sidecars in reverse order, each
    /// after those before it.
    pub(super) fn stop_order(&self) -> Vec<usize> {
        let of = |is_sidecar: bool| {
            let all = 0..self.units.len();
            all.filter(move |&one| (self.units[one].kind == ContainerKind::Sidecar) == is_sidecar)
        };
        of(false).chain(of(true).rev()).collect()
    }

    /// Reason the pod ended, if it did. One that is deleted ends as its containers did, so that work that was
    /// done within the grace counts; the kubelet's own evictions and deadlines make it fail, whatever they did.
    pub(super) fn over(&self) -> Option<EndReason> {
        let ending = self.ending?;
        if self.units.iter().any(Unit::is_up) {
            return None;
        }
        let is_deleted = match ending {
            EndReason::Evicted(cause) => cause != EvictionCause::NodePressure,
            other => other == EndReason::Cancelled,
        };
        let has_succeeded = |unit: &Unit| {
            unit.kind != ContainerKind::App || unit.state == (State::Ended { success: true })
        };
        let is_done = self.restart != RestartPolicy::Always && self.units.iter().all(has_succeeded);
        Some(if is_deleted && is_done {
            EndReason::Completed
        } else {
            ending
        })
    }

    /// The pod's node is up again: none of its processes is left. Why it ended, if it did.
    pub(in super::super) fn rebooted(
        &mut self,
        order: Option<EndReason>,
        turn: &mut Turn<'_>,
    ) -> Option<EndReason> {
        self.since = None;
        if let Some(images) = turn.images.as_deref_mut() {
            images.forget(self.pod, turn.out);
        }
        let ending = order.or(self.ending);
        if ending.is_some() {
            self.units
                .iter_mut()
                .for_each(|unit| unit.down(State::Ended { success: false }));
            self.ending = ending;
            return ending;
        }
        if !self.restart.restarts(false) {
            let lost = State::Ended { success: false };
            self.units.iter_mut().for_each(|unit| unit.down(lost));
            return Some(EndReason::Error);
        }
        for unit in &mut self.units {
            let state = match (unit.kind, unit.state) {
                (ContainerKind::App, State::Ended { .. }) => continue,
                (ContainerKind::App, State::Running | State::Starting | State::BackOff(_)) => {
                    State::BackOff(unit.back_off.restart_at(turn.now))
                }
                _ => State::Waiting,
            };
            unit.down(state);
        }
        self.show_readiness(turn);
        None
    }
}
