//! Orders of a cluster autoscaler: machines that it asks for, and those that it waits for in vain.

use std::sync::Arc;

use super::component::ClusterAutoscaler;
use cluster::Store;
use control::Outbox;
use control::provider::{MachineOrder, ProviderRequest};
use model::node::HOSTNAME_LABEL;
use model::{Node, Text};
use units::{Instant, NodeId, SortedMap};

impl ClusterAutoscaler {
    /// Orders so many machines for a group.
    pub(super) fn order(
        &mut self,
        now: Instant,
        group: &Text,
        count: usize,
        store: &Store,
        out: &mut Outbox,
    ) {
        let place = self
            .options
            .groups
            .iter()
            .position(|own| own.name == *group);
        let Some(place) = place else { return };
        for _ in 0..count {
            let own = &self.options.groups[place];
            let name: Text = loop {
                let name: Text = format!("{}-{}", own.name, self.serials[place]).into();
                self.serials[place] += 1;
                let is_awaited = self.ordered.contains_key(&name);
                if store.nodes().by_name(&name).is_none() && !is_awaited {
                    break name;
                }
            };
            let mut node = Node::clone(&own.node);
            node.name = name.clone();
            node.labels.insert(HOSTNAME_LABEL.into(), name.clone());
            out.requests.push(ProviderRequest::Launch(MachineOrder {
                node: Arc::new(node),
                group: own.name.clone(),
                instance_type: own.instance_type.clone(),
                is_spot: own.is_spot,
            }));
            self.ordered.insert(name, (place, now));
        }
    }

    /// Orders that took too long are given up, the oldest first.
    pub(super) fn give_up_late(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let mut starting = SortedMap::new();
        for node in self.seen.starting().collect::<Vec<NodeId>>() {
            if let Some((group, _)) = self.group_of(store, node) {
                *starting
                    .entry(self.options.groups[group].name.clone())
                    .or_insert(0) += 1;
            }
        }
        for (group, count) in self.grower.expire(now, &starting) {
            let is_own =
                |own: &(&Text, &(usize, Instant))| self.options.groups[own.1.0].name == group;
            let mut own: Vec<(Instant, Text)> = (self.ordered.iter().filter(is_own))
                .map(|(name, (_, at))| (*at, name.clone()))
                .collect();
            own.sort();
            for (_, name) in own.into_iter().take(count) {
                self.ordered.remove(&name);
                out.requests.push(ProviderRequest::Cancel(name));
            }
        }
    }
}
