//! Operations of users, carried out when they are due.

use std::sync::Arc;

use cluster::observe::EVICTION_REFUSED;
use cluster::{Incident, Store};
use control::node_api::{DRAIN, pods_on};
use control::operation::{EvictionRequests, Operation, OperationError, carry_out};
use control::upgrade::{NodeAction, Upgrade};
use model::node::HOSTNAME_LABEL;
use model::{EndReason, Event, Pod, Text};
use units::{Duration, Instant, NodeId};

use super::super::SimError;
use super::super::context::Context;
use super::super::hosts::Trouble;
use super::super::message::{Request, ToControlPlane, ToNodes, ToSurroundings};
use super::super::node_plane::NodePlane;
use super::super::queue::QueueEvent;
use super::Surroundings;

/// Time for which an upgrade waits for a control plane that does not answer.
const UPGRADE_PATIENCE: Duration = Duration::from_secs(5);

impl Surroundings {
    /// A user does something; what can't be done at once is carried on later, and where the API does
    /// not answer it is retried once it does.
    pub(in super::super) fn operate(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        number: u32,
        is_answered: bool,
    ) -> Result<(), SimError> {
        let place = number as usize;
        let Some(operation) = self.operations.get(place).cloned() else {
            return Ok(());
        };
        self.tried_again.remove(&number);
        if !is_answered {
            self.postponed.push(number);
            return Ok(());
        }
        if self
            .tried_again
            .first()
            .is_some_and(|earlier| *earlier < number)
        {
            // It is due at the very instant at which earlier ones are tried again: behind them.
            ctx.expect(ctx.now(), QueueEvent::Operation(number));
            return Ok(());
        }
        if let Operation::Upgrade(plan) = &operation {
            let mut plan = (**plan).clone();
            self.exposure.complete(&mut plan, store);
            self.upgrades.push(Some(Upgrade::new(plan)));
            let number = self.upgrades.len() as u32 - 1;
            self.go_on_upgrading(ctx, store, number, is_answered);
            return Ok(());
        }
        let now = ctx.now();
        let steps = carry_out(now, &operation, store);
        let steps = steps.map_err(|why| wrong(&operation, now, &why))?;
        if let Some(node) = drained(store, &operation) {
            self.tell_refusal(ctx, node, steps.rest.is_some());
        }
        // What was decided on one state together is not stale.
        ctx.send(ToControlPlane::Request(Box::new(Request {
            operation,
            events: steps.events,
            creations: steps.creations,
        })));
        match steps.rest {
            Some(rest) => {
                self.operations[place] = rest.operation;
                ctx.expect(rest.at.max(now), QueueEvent::Operation(number));
            }
            None => self.operations_left -= 1,
        }
        Ok(())
    }

    /// A node that is cordoned is emptied as budgets allow, until it is down or takes pods again.
    pub(in super::super) fn go_on_draining(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        nodes: &NodePlane,
        node: NodeId,
    ) -> Result<(), SimError> {
        let object = store.nodes().object(node);
        let is_wanted = object.is_some_and(|object| object.unschedulable);
        if is_wanted
            && nodes.is_reached(node)
            && let Some(at) = self.evict_from(ctx, store, node)?
        {
            ctx.expect(at.max(ctx.now()), QueueEvent::Eviction(node));
        }
        Ok(())
    }

    /// Asks for the eviction of every pod of a node; returns when to ask again for those that have
    /// to wait.
    fn evict_from(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        node: NodeId,
    ) -> Result<Option<Instant>, SimError> {
        let now = ctx.now();
        let name: Text = store.nodes().name(node).into();
        let requests = if ctx.options().empties_nodes {
            EvictionRequests::Never
        } else {
            EvictionRequests::default()
        };
        let operation = Operation::Drain(name, requests);
        let steps = carry_out(now, &operation, store);
        let steps = steps.map_err(|why| wrong(&operation, now, &why))?;
        self.tell_refusal(ctx, node, steps.rest.is_some());
        ctx.send(ToControlPlane::Request(Box::new(Request {
            operation,
            events: steps.events,
            creations: Vec::new(),
        })));
        Ok(steps.rest.map(|rest| rest.at))
    }

    /// Tells when the API begins to refuse evictions from a node, and when it has granted all of them.
    fn tell_refusal(&mut self, ctx: &mut Context<'_>, node: NodeId, refuses: bool) {
        let is_new = if refuses {
            self.refusing.insert(node)
        } else {
            self.refusing.remove(&node)
        };
        if is_new {
            ctx.tell(Incident {
                what: EVICTION_REFUSED,
                node: Some(node),
                begins: refuses,
            });
        }
    }

    /// The next steps of an upgrade; where the API does not answer it is asked again later.
    pub(in super::super) fn go_on_upgrading(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        number: u32,
        is_answered: bool,
    ) {
        let place = number as usize;
        let Some(mut upgrade) = self.upgrades.get_mut(place).and_then(Option::take) else {
            return;
        };
        let next = if is_answered {
            let (deeds, next) = upgrade.step(ctx.now(), store);
            let replaces = upgrade.plan().replaces;
            for deed in deeds {
                let deed = Box::new(deed);
                ctx.send(ToSurroundings::Upgrade { deed, replaces });
            }
            next
        } else {
            Some(ctx.now().saturating_add(UPGRADE_PATIENCE))
        };
        match next {
            Some(at) => {
                self.upgrades[place] = Some(upgrade);
                ctx.expect(at, QueueEvent::Upgrade(number));
            }
            None => self.operations_left -= 1,
        }
    }

    /// One step of an upgrade.
    pub(super) fn upgrade_node(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        nodes: &NodePlane,
        deed: NodeAction,
        replaces: bool,
    ) -> Result<(), SimError> {
        match deed {
            NodeAction::Drain(node) if nodes.is_reached(node) || ctx.options().empties_nodes => {
                return self.evict_from(ctx, store, node).map(drop);
            }
            NodeAction::Drain(node) | NodeAction::Cordon(node) => {
                ctx.send(ToControlPlane::Cordon {
                    node,
                    unschedulable: true,
                });
            }
            NodeAction::TakeAway(node) => {
                ctx.tell(upgraded(node, true));
                if replaces {
                    self.remove_node(ctx, store, node);
                } else {
                    ctx.send(ToNodes::Trouble {
                        node,
                        trouble: Trouble::Crash,
                        begins: true,
                    });
                }
            }
            NodeAction::PutBack(name) => match store.nodes().by_name(&name) {
                Some(node) => {
                    ctx.send(ToNodes::Trouble {
                        node,
                        trouble: Trouble::Crash,
                        begins: false,
                    });
                    ctx.send(ToControlPlane::Cordon {
                        node,
                        unschedulable: false,
                    });
                    ctx.tell(upgraded(node, false));
                }
                None => self.replace_node(ctx, store, &name),
            },
        }
        Ok(())
    }

    /// A node leaves, and what is on it with it.
    fn remove_node(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        let Some(object) = store.nodes().object(node).cloned() else {
            return;
        };
        let reason = EndReason::NodeLost;
        for pod in pods_on(store, node) {
            ctx.send(ToControlPlane::Happened(Event::PodEnded { pod, reason }));
        }
        self.departed.insert(object.name.clone(), (node, object));
        ctx.send(ToControlPlane::Happened(Event::NodeRemoved { node }));
    }

    /// A new node of the same kind joins in place of one that left.
    fn replace_node(&mut self, ctx: &mut Context<'_>, store: &Store, name: &Text) {
        let Some((left, object)) = self.departed.remove(name) else {
            return;
        };
        let fresh: Text = successor(name).as_str().into();
        let mut object = (*object).clone();
        if let Some(label) = object.labels.get_mut(HOSTNAME_LABEL) {
            *label = fresh.clone();
        }
        object
            .taints
            .retain(|taint| !taint.key.starts_with("node.kubernetes.io/") && *taint.key != *DRAIN);
        (object.name, object.unschedulable) = (fresh, false);
        let event = store.node_added(Arc::new(object));
        ctx.tell(upgraded(left, false));
        ctx.send(ToControlPlane::Happened(event));
    }
}

/// Word that a node's upgrade begins, or is over.
const fn upgraded(node: NodeId, begins: bool) -> Incident {
    Incident {
        what: "upgraded",
        node: Some(node),
        begins,
    }
}

/// The name of the node that takes the place of another: `n`, `n-v2`, `n-v3` …
fn successor(name: &str) -> String {
    let numbered = name.rsplit_once("-v");
    let number = numbered.and_then(|(stem, number)| Some((stem, number.parse::<u32>().ok()?)));
    match number {
        Some((stem, number)) => format!("{stem}-v{}", number + 1),
        None => format!("{name}-v2"),
    }
}

/// The error that an operation can't be carried out.
pub(in super::super) fn wrong(
    operation: &Operation,
    at: Instant,
    why: &OperationError,
) -> SimError {
    SimError::Declaration {
        what: format!("operation `{operation}` at {at}"),
        why: why.to_string(),
    }
}

/// The node that an operation takes pods off, as budgets allow.
fn drained(store: &Store, operation: &Operation) -> Option<NodeId> {
    match operation {
        Operation::Drain(name, _) => store.nodes().by_name(name),
        Operation::Evict(pods, _) => pods
            .iter()
            .find_map(|eviction| store.pods().get(eviction.pod).and_then(Pod::node)),
        _ => None,
    }
}
