//! Engines as the manager hears of them, and what the watchdog does about those it has lost (spec:
//! orchestrators-a.md section 1.5).

use crate::parts::turn::Turn;
use control::Outbox;
use control::admission::Creation as Asked;
use model::{EndReason, Event};
use units::{Instant, NodeId};

use super::super::cluster::{CreateError, EngineFailure};
use super::super::contact::ContactEvent;
use super::super::watchdog::Order;
use super::{Due, SwarmManager};

impl SwarmManager {
    /// Carries out the watchdog's orders, until it waits for a reply.
    pub(super) fn carry_out(&mut self, now: Instant, order: Option<Order>, out: &mut Outbox) {
        let mut order = order;
        while let Some(next) = order {
            order = match next {
                Order::Create { name, engine } => {
                    if !self.watches[engine].answers() {
                        self.watches[engine].request_failed(now);
                        self.health_follows(engine);
                        let failure = EngineFailure::Other;
                        let error = CreateError::Engine {
                            name: name.to_string(),
                            engine: self.cluster.engines()[engine].name.to_string(),
                            failure,
                        };
                        self.watchdog.failed(&mut self.cluster, error)
                    } else if let Some(&pod) = self.by_name.get(&name) {
                        self.moving.insert(name);
                        let reason = EndReason::NodeLost;
                        out.creations.push(Asked::Replacement { pod, reason });
                        None
                    } else {
                        None
                    }
                }
                Order::Start { .. } => None,
                Order::Left { .. } => self.watchdog.next(&mut self.cluster),
            };
        }
    }

    /// The watchdog goes on with what is next, as soon as there is a primary.
    pub(super) fn go_on_moving(&mut self, now: Instant, out: &mut Outbox) {
        if self.primary.accepts() {
            let order = self.watchdog.next(&mut self.cluster);
            self.carry_out(now, order, out);
        } else {
            self.is_watchdog_due = true;
        }
    }

    pub(super) fn set_health(&mut self, engine: usize, health: i64) {
        self.cluster.set_health(engine, health);
    }

    pub(super) fn health_follows(&mut self, engine: usize) {
        let health = self.watches[engine].health();
        self.set_health(engine, health);
    }

    /// A host falls silent: rounds with it fail from now on.
    pub(super) fn silent(&mut self, now: Instant, engine: usize) {
        let watch = &mut self.watches[engine];
        watch.falls_silent(now);
        self.timers.push(watch.next_round(), Due::Refresh(engine));
        if let Some(expiry) = watch.registration_ends(now, &self.options.discovery) {
            self.timers.push(expiry, Due::Expiry(engine));
        }
    }

    /// A host answers again: the next round with it succeeds.
    pub(super) fn heard(&mut self, now: Instant, engine: usize) {
        let watch = &mut self.watches[engine];
        let round = watch.answers_again(now, &self.options.discovery);
        self.timers.push(round, Due::Refresh(engine));
    }

    /// The manager is told at once that a node is down or up.
    pub(super) fn declared(&mut self, now: Instant, engine: usize, is_up: bool) {
        let watch = &mut self.watches[engine];
        if watch.is_observed() {
            return;
        }
        self.set_health(engine, if is_up { 100 } else { 0 });
        self.changed(now);
    }

    /// A round with an engine, or a request to it, failed.
    pub(super) fn fail(&mut self, engine: usize, turn: &mut Turn<'_>) {
        let event = self.watches[engine].request_failed(turn.now);
        self.follow(engine, event, turn);
    }

    pub(super) fn follow(
        &mut self,
        engine: usize,
        event: Option<ContactEvent>,
        turn: &mut Turn<'_>,
    ) {
        self.health_follows(engine);
        if self.primary.is_deserted() {
            self.keep_contact(engine, event);
            return;
        }
        let node = NodeId::from_index(engine);
        match event {
            Some(ContactEvent::Disconnect) => {
                if turn.store.nodes().is_ready(node) {
                    let ready = false;
                    turn.write(Event::NodeReadiness { node, ready });
                }
                self.watchdog.disconnected(&self.cluster, engine);
                self.go_on_moving(turn.now, turn.out);
            }
            Some(ContactEvent::Reconnect) | None => {
                let is_back = self.watches[engine].health() > 0 && self.watches[engine].answers();
                if is_back && !turn.store.nodes().is_ready(node) {
                    let ready = true;
                    turn.write(Event::NodeReadiness { node, ready });
                }
                self.changed(turn.now);
            }
        }
    }

    pub(super) fn campaign(&mut self, turn: &mut Turn<'_>) {
        let (is_new, next) = self.primary.campaign(turn.now);
        if let Some(next) = next {
            self.timers.push(next, Due::Campaign);
        }
        if is_new {
            self.take_up(turn);
            self.changed(turn.now);
            self.go_on_moving(turn.now, turn.out);
        }
    }
}
