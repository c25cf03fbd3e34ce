//! Orders of a cluster autoscaler: machines that it asks for, and those that it waits for in vain.

use std::sync::Arc;

use super::component::ClusterAutoscaler;
use cluster::Store;
use control::Outbox;
use control::provider::{MachineOrder, ProviderRequest};
use model::node::HOSTNAME_LABEL;
use model::{Node, Text};
use units::{Instant, SortedSet};

impl ClusterAutoscaler {
    /// Orders so many machines for a group.
    pub(super) fn order(&mut self, group: &Text, count: usize, store: &Store, out: &mut Outbox) {
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
            self.ordered.insert(name, place);
        }
    }

    /// Orders that took too long are given up.
    pub(super) fn give_up_late(&mut self, now: Instant, out: &mut Outbox) {
        let late: SortedSet<Text> = self
            .grower
            .expire(now)
            .into_iter()
            .map(|own| own.0)
            .collect();
        if late.is_empty() {
            return;
        }
        let groups = &self.options.groups;
        self.ordered.retain(|name, group| {
            let is_late = late.contains(&groups[*group].name);
            if is_late {
                out.requests.push(ProviderRequest::Cancel(name.clone()));
            }
            !is_late
        });
    }
}
