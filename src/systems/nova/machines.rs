//! Hypervisors below a cluster: a machine that becomes a node is an instance, for which the filter
//! scheduler finds a host (spec: orchestrators-a.md section 6.1).

use control::provider::{HYPERVISOR_LABEL, MachineHosts, PlacedMachine};
use fixedbitset::FixedBitSet;
use model::node::GROUP_LABEL;
use model::{Node, Text};
use rng::Stream;
use units::{Duration, Instant, SortedMap};

use super::fast::FastCloud;
use super::flavor::{self, Group, GroupPolicy};
use super::options::NovaOptions;
use super::scheduler::Request;

/// Purpose of the stream that hosts are drawn from.
const SUBSET: &str = "nova.machines";

/// An instance that is, or becomes, a node.
#[derive(Clone, Debug)]
struct Instance {
    host: usize,
    request: Request,
    /// Instant until which it is being built.
    until: Instant,
}

/// The hypervisors.
#[derive(Clone, Debug)]
pub struct Hypervisors {
    options: NovaOptions,
    /// Policies of the server groups of node groups.
    policies: SortedMap<Text, GroupPolicy>,
    cloud: FastCloud,
    every: FixedBitSet,
    subset: Stream,
    /// By node name.
    instances: SortedMap<Text, Instance>,
    /// Host and image of copies, with the instant at which each is there.
    copies: SortedMap<usize, Instant>,
}

impl Hypervisors {
    /// Hypervisors without instances.
    pub fn new(
        options: NovaOptions,
        hosts: &[std::sync::Arc<Node>],
        policies: SortedMap<Text, GroupPolicy>,
        seed: u64,
    ) -> Self {
        let mut cloud = FastCloud::default();
        for host in hosts {
            cloud.add_host(flavor::host(host, &options));
        }
        let mut every = FixedBitSet::with_capacity(hosts.len());
        every.insert_range(..);
        Self {
            options,
            policies,
            cloud,
            every,
            subset: Stream::new(seed, SUBSET, 0),
            instances: SortedMap::new(),
            copies: SortedMap::new(),
        }
    }

    /// Builds that are done are no operations of their hosts any more.
    fn settle(&mut self, now: Instant) {
        for own in self.instances.values_mut() {
            if own.until != Instant::ZERO && own.until <= now {
                own.until = Instant::ZERO;
                self.cloud.change(own.host, |host| host.io_operations -= 1);
            }
        }
    }

    /// Gives a machine a host that is there from the start and has long booted.
    ///
    /// # Errors
    /// No host can take it; the reason.
    pub fn found(&mut self, node: &Node) -> Result<PlacedMachine, Text> {
        let machine = std::mem::take(&mut self.options.machine);
        self.options.machine.guest_memory = machine.guest_memory;
        let placed = self.place(Instant::ZERO, node);
        self.options.machine = machine;
        placed
    }

    fn request(&self, node: &Node) -> Request {
        let group = node.labels.get(GROUP_LABEL);
        let group = group.and_then(|name| {
            let policy = *self.policies.get(name)?;
            let name = name.clone();
            Some(Group { name, policy })
        });
        Request {
            flavor: flavor::of_machine(node, &self.options),
            group,
            ..Request::default()
        }
    }

    /// Time from a claim until the machine has booted.
    fn start(&mut self, now: Instant, host: usize) -> Duration {
        let machine = self.options.machine;
        let copied = now.saturating_add(machine.copy_time());
        let copies = self.copies.entry(machine.image_host(host));
        let there = *copies.or_insert(copied);
        let up = there.max(now).saturating_add(machine.start_time(true));
        up.since(now)
    }
}

impl MachineHosts for Hypervisors {
    fn place(&mut self, now: Instant, node: &Node) -> Result<PlacedMachine, Text> {
        self.settle(now);
        let request = self.request(node);
        let (every, rules) = (&self.every, &self.options.rules);
        let choice = self.cloud.select(&request, every, rules, &mut self.subset);
        let host = choice.map_err(|none| none.to_string())?.host;
        let takes = self.start(now, host);
        let until = now.saturating_add(takes);
        let is_building = until > now;
        self.cloud.add(host, &request, is_building);
        let until = if is_building { until } else { Instant::ZERO };
        let own = Instance {
            host,
            request,
            until,
        };
        self.instances.insert(node.name.clone(), own);
        let host = self.cloud.hosts()[host].name.clone();
        let label = (HYPERVISOR_LABEL.into(), host);
        Ok(PlacedMachine { takes, label })
    }

    fn remove(&mut self, now: Instant, node: &str) {
        self.settle(now);
        if let Some(own) = self.instances.remove(node) {
            let is_building = own.until != Instant::ZERO;
            self.cloud.remove(own.host, &own.request, is_building);
        }
    }

    fn clone_hosts(&self) -> Box<dyn MachineHosts> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use model::resource_list::{CPU, MEMORY};
    use units::Quantity;

    fn node(name: &str, cpu: i64, gib: i64) -> Node {
        let mut node = Node {
            name: name.into(),
            ..Node::default()
        };
        node.allocatable.set(CPU, Quantity::from_units(cpu));
        node.allocatable
            .set(MEMORY, Quantity::from_units(gib << 30));
        node.labels.insert(GROUP_LABEL.into(), "workers".into());
        node
    }

    fn hypervisors(policy: Option<GroupPolicy>) -> Hypervisors {
        let hosts = ["c0", "c1"].map(|name| Arc::new(node(name, 16, 64)));
        let policies = policy.map(|policy| ("workers".into(), policy));
        let options = NovaOptions::default();
        Hypervisors::new(options, &hosts, policies.into_iter().collect(), 1)
    }

    fn placed(own: &mut Hypervisors, count: usize) -> Vec<Option<String>> {
        let mut place = |number: usize| {
            let machine = node(&format!("w{number}"), 4, 24);
            let placed = own.place(Instant::ZERO, &machine);
            placed.ok().map(|own| own.label.1.to_string())
        };
        (0..count).map(&mut place).collect()
    }

    #[test]
    fn machines_take_room_until_they_are_given_back() {
        let mut own = hypervisors(None);
        // 63.5 GiB hold two machines of 24 GiB.
        let names = |all: Vec<Option<String>>| -> Vec<String> {
            all.into_iter().map(Option::unwrap_or_default).collect()
        };
        assert_eq!(names(placed(&mut own, 5)), ["c0", "c1", "c0", "c1", ""]);
        own.remove(Instant::ZERO, "w1");
        let again = own.place(Instant::ZERO, &node("w9", 4, 24));
        assert_eq!(again.map(|own| own.label.1), Ok("c1".into()));
    }

    #[test]
    fn server_groups_hold_for_machines() {
        let policy = GroupPolicy::AntiAffinity { most_per_host: 1 };
        let mut own = hypervisors(Some(policy));
        let all = placed(&mut own, 3);
        assert_eq!(all.iter().flatten().count(), 2);
        assert_eq!(all[2], None);
    }
}
