//! Hypervisors below the provider of machines, and names of hosts in Nova's options.

use std::fmt::Display;
use std::sync::Arc;

use ::units::nearest::hint;
use ::units::{Instant, SortedMap, SortedSet};
use autoscale::cluster_autoscaler::GroupOptions;
use control::operation::Operation;
use control::provider::MachineHosts;
use metrics::HypervisorRoom;
use model::Node;
use scenario::Scenario;
use scenario::schema::{NovaGroupPolicy, NovaProvider};
use systems::nova::NovaOptions;
use systems::nova::flavor::{self, GroupPolicy};
use systems::nova::machines::Hypervisors;
use systems::nova::section::Nova;

use super::BuildError;
use super::nodes::of_template;
use super::system_options::parts;

/// Refuses options of a scenario's Nova that name hosts which are not there, and which no operation lets join.
///
/// # Errors
/// An aggregate, the isolated hosts or the addresses name such.
pub(super) fn check_nova_hosts(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    operations: &[(Instant, Operation)],
) -> Result<(), BuildError> {
    let Some(stated) = scenario.system.stated::<Nova>() else {
        return Ok(());
    };
    let joining = operations.iter().filter_map(|(_, own)| match own {
        Operation::ApplyNode(node) => Some(node),
        _ => None,
    });
    let hosts: Vec<Arc<Node>> = nodes.iter().chain(joining).cloned().collect();
    parts(&scenario.system, |_: &Nova| stated.check_hosts(&hosts))
}

/// The field that states hypervisors below a provider.
const FIELD: &str = "cluster.provider.nova";

fn wrong(why: impl Display) -> BuildError {
    BuildError::Experiment(format!("{FIELD}.options.{why}"))
}

/// The options of Nova below the provider.
fn stated(written: &NovaProvider) -> Result<Nova, BuildError> {
    written.options.decode().map_err(wrong)
}

fn hosts(written: &NovaProvider) -> Result<Vec<Arc<Node>>, BuildError> {
    let mut hosts = Vec::new();
    let mut names = SortedSet::new();
    for own in &written.hosts {
        for index in 0..u64::from(own.count) {
            let mut host = of_template(&own.template, index);
            host.name = own.name.render(index).as_str().into();
            if !names.insert(host.name.clone()) {
                let name = &host.name;
                return Err(BuildError::Experiment(format!(
                    "{FIELD}.hosts: two hypervisors are named `{name}`; put `{{}}` into the name, or \
                     choose another"
                )));
            }
            hosts.push(Arc::new(host));
        }
    }
    Ok(hosts)
}

/// Room of the hypervisors below a scenario's cluster, where its nodes are machines on such.
///
/// # Errors
/// Two hypervisors have one name, or an amount is out of range.
pub fn hypervisor_room(scenario: &Scenario) -> Result<Option<HypervisorRoom>, BuildError> {
    let provider = scenario.cluster.provider.as_ref();
    let Some(written) = provider.and_then(|own| own.nova.as_ref()) else {
        return Ok(None);
    };
    let options = NovaOptions::new(&stated(written)?).map_err(wrong)?;
    let mut room = HypervisorRoom {
        guest_memory: options.machine.guest_memory,
        ..HypervisorRoom::default()
    };
    for node in hosts(written)? {
        let given = flavor::host(&node, &options).capacity();
        room.hosts += 1;
        room.vcpus = room.vcpus.saturating_add(given.vcpus);
        room.memory = room.memory.saturating_add(given.memory);
    }
    Ok(Some(room))
}

/// The hypervisors below the provider, and the machines that are on them from the start.
pub(super) fn hypervisors(
    written: &NovaProvider,
    groups: &[GroupOptions],
    initial: &mut [Arc<Node>],
    seed: u64,
) -> Result<Box<dyn MachineHosts>, BuildError> {
    let hosts = hosts(written)?;
    let stated = stated(written)?;
    stated.check_hosts(&hosts).map_err(wrong)?;
    let mut policies = SortedMap::new();
    for (name, policy) in &written.server_groups {
        if !groups.iter().any(|own| *own.name == **name) {
            let near = hint(name, groups.iter().map(|own| &*own.name));
            return Err(BuildError::Experiment(format!(
                "{FIELD}.serverGroups.{name}: no group of `cluster.provider.groups` has this name; {near}"
            )));
        }
        let policy = match policy {
            NovaGroupPolicy::Affinity => GroupPolicy::Affinity,
            NovaGroupPolicy::AntiAffinity => GroupPolicy::AntiAffinity {
                most_per_host: i64::from(stated.max_server_per_host),
            },
            NovaGroupPolicy::SoftAffinity => GroupPolicy::SoftAffinity,
            NovaGroupPolicy::SoftAntiAffinity => GroupPolicy::SoftAntiAffinity,
        };
        policies.insert(name.as_str().into(), policy);
    }
    let options = NovaOptions::new(&stated).map_err(wrong)?;
    let mut hypervisors = Hypervisors::new(options, &hosts, policies, seed);
    for node in initial {
        let placed = hypervisors.found(node).map_err(|why| {
            let name = &node.name;
            BuildError::Experiment(format!(
                "{FIELD}.hosts: the machine of node `{name}`, which is there from the start, finds no \
                 host: {why}; add hypervisors, or lower `initial` of its group"
            ))
        })?;
        let (key, value) = placed.label;
        Arc::make_mut(node).labels.insert(key, value);
    }
    Ok(Box::new(hypervisors))
}
