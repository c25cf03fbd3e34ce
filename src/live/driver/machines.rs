//! Machines of a provider. An autoscaler orders them and gives them back; a wish stays until the provider
//! has carried it out, also over a restart of the control server, and a machine joins as any other node
//! does, under the name of its order.

use std::collections::VecDeque;
use std::sync::Arc;

use control::node_api::pods_on;
use control::provider::{MachineOrder, ORDERED_LABEL, OrderFailure, ProviderRequest};
use model::{EndReason, Event, Node, Text};
use serde::{Deserialize, Serialize};
use units::{NodeId, SortedMap, SortedSet};

use super::Driver;
use crate::wire::declaration::{Amount, Label};
use crate::wire::machine::{MachineNews, MachineSpec, MachineWish, Wish};

/// The machines of a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Machines {
    /// Orders whose nodes have yet to join, by the names of these.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    awaited: SortedMap<Text, Awaited>,
    /// Nodes that joined by an order.
    joined: SortedSet<Text>,
    /// Nodes whose machines were given back; they may not join again.
    given_back: SortedSet<Text>,
    /// Wishes that have yet to be carried out.
    wishes: VecDeque<MachineWish>,
    last: u64,
}

/// An order whose node has yet to join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Awaited {
    node: Arc<Node>,
    group: Text,
    instance_type: Text,
    is_spot: bool,
    /// The component that ordered it.
    component: usize,
}

impl Machines {
    /// The orders whose nodes have yet to join.
    pub(super) fn awaited(&self) -> Vec<MachineOrder> {
        let awaited = self.awaited.values();
        let orders = awaited.map(|awaited| MachineOrder {
            node: Arc::clone(&awaited.node),
            group: awaited.group.clone(),
            instance_type: awaited.instance_type.clone(),
            is_spot: awaited.is_spot,
        });
        orders.collect()
    }

    /// `true` of a node whose machine was given back.
    pub(super) fn is_given_back(&self, name: &str) -> bool {
        self.given_back.contains(name)
    }

    fn wish(&mut self, wish: Wish) -> &MachineWish {
        self.last += 1;
        let number = self.last;
        self.wishes.push_back(MachineWish { number, wish });
        &self.wishes[self.wishes.len() - 1]
    }
}

impl Driver {
    /// Wishes that the provider has yet to carry out, in order.
    pub fn machine_wishes(&self) -> Vec<MachineWish> {
        self.machines.wishes.iter().cloned().collect()
    }

    /// `true` of a node whose machine an autoscaler ordered.
    pub(crate) fn was_ordered(&self, name: &str) -> bool {
        self.machines.joined.contains(name) || self.machines.awaited.contains_key(name)
    }

    /// A component asks for a machine, or gives one back.
    pub(super) fn provide(&mut self, component: usize, request: ProviderRequest) {
        match request {
            ProviderRequest::Launch(mut order) => {
                let ordered = self.now.as_nanos().to_string();
                let node = Arc::make_mut(&mut order.node);
                node.labels.insert(ORDERED_LABEL.into(), ordered.into());
                let spec = spec(&order);
                let name = order.node.name.clone();
                // One that counts from the beginning again may come to a name that was given back.
                self.machines.given_back.remove(&name);
                let awaited = Awaited {
                    node: order.node,
                    group: order.group,
                    instance_type: order.instance_type,
                    is_spot: order.is_spot,
                    component,
                };
                self.machines.awaited.insert(name, awaited);
                self.wish_for(Wish::Add(spec));
            }
            ProviderRequest::Cancel(name) => {
                if self.machines.awaited.remove(&name).is_some() {
                    self.give_back(name);
                }
            }
            ProviderRequest::Terminate(node) => self.take_away(node),
        }
    }

    /// The provider has news.
    pub(super) fn provided(&mut self, news: &MachineNews) {
        match news {
            MachineNews::Done { number } => drop(self.fulfilled(*number)),
            MachineNews::Failed { number, why } => {
                let Some(Wish::Add(spec)) = self.fulfilled(*number) else {
                    return;
                };
                let name: Text = spec.node.as_str().into();
                if let Some(awaited) = self.machines.awaited.remove(&name) {
                    let why = why.as_str().into();
                    let failed = OrderFailure { node: name, why };
                    let (now, component) = (self.now, awaited.component);
                    self.seats.order_failed(now, component, &failed);
                }
            }
            MachineNews::Listed { nodes } => self.listed(nodes),
        }
    }

    /// A wish was carried out; returns it.
    fn fulfilled(&mut self, number: u64) -> Option<Wish> {
        let mut wishes = self.machines.wishes.iter();
        let place = wishes.position(|wish| wish.number == number)?;
        self.machines.wishes.remove(place).map(|wish| wish.wish)
    }

    /// Nodes whose machines are gone are gone as well, and machines without an order go.
    fn listed(&mut self, nodes: &[String]) {
        let machines = &self.machines;
        let is_there = |name: &Text| nodes.iter().any(|listed| **listed == **name);
        let gone: Vec<Text> = machines
            .joined
            .iter()
            .filter(|name| !is_there(name))
            .cloned()
            .collect();
        let is_known = |name: &str| {
            let is_wished = machines.wishes.iter().any(|wish| match &wish.wish {
                Wish::Add(spec) => spec.node == name,
                Wish::Remove { node } => node == name,
            });
            is_wished || machines.joined.contains(name) || machines.awaited.contains_key(name)
        };
        let surplus: Vec<Text> = nodes
            .iter()
            .filter(|name| !is_known(name))
            .map(|name| name.as_str().into())
            .collect();
        for name in gone {
            if let Some(node) = self.store.nodes().by_name(&name) {
                self.lose_machine(node);
            }
            self.machines.joined.remove(&name);
        }
        for name in surplus {
            self.give_back(name);
        }
    }

    /// A machine goes, with what runs on it.
    fn take_away(&mut self, node: NodeId) {
        if self.store.nodes().object(node).is_none() {
            return;
        }
        let name: Text = self.store.nodes().name(node).into();
        self.lose_machine(node);
        if self.machines.joined.remove(&name) {
            self.give_back(name);
        }
    }

    fn lose_machine(&mut self, node: NodeId) {
        // Nobody is there any more who could be told.
        self.reporter = Some(node);
        for pod in pods_on(&self.store, node) {
            let reason = EndReason::NodeLost;
            self.happened(Event::PodEnded { pod, reason });
        }
        self.reporter = None;
        self.happened(Event::NodeRemoved { node });
    }

    fn give_back(&mut self, name: Text) {
        let node = name.to_string();
        self.machines.given_back.insert(name);
        self.wish_for(Wish::Remove { node });
    }

    fn wish_for(&mut self, wish: Wish) {
        let wish = self.machines.wish(wish);
        let text = serde_json::to_string(wish).unwrap_or_default();
        let line = format!("{} provider {text}\n", self.now.as_nanos());
        self.digest.include(&line);
    }

    /// The node of a machine that registers: what was ordered, with the resources that it has.
    pub(super) fn delivered(&mut self, declared: Arc<Node>) -> Arc<Node> {
        let Some(awaited) = self.machines.awaited.remove(&declared.name) else {
            return declared;
        };
        self.machines.joined.insert(declared.name.clone());
        let mut node = Node::clone(&awaited.node);
        node.allocatable = declared.allocatable.clone();
        for (key, value) in &declared.labels {
            node.labels.insert(key.clone(), value.clone());
        }
        Arc::new(node)
    }
}

/// The machine of an order, in the words of the wire.
fn spec(order: &MachineOrder) -> MachineSpec {
    let amounts = order.node.allocatable.iter();
    let labels = order.node.labels.iter();
    MachineSpec {
        node: order.node.name.to_string(),
        group: order.group.to_string(),
        instance_type: order.instance_type.to_string(),
        allocatable: amounts
            .map(|(resource, amount)| Amount {
                resource: resource.to_owned(),
                quantity: amount.to_string(),
            })
            .collect(),
        labels: labels
            .map(|(key, value)| Label {
                key: key.to_string(),
                value: value.to_string(),
            })
            .collect(),
    }
}
