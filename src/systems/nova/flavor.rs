//! Pods as requests for instances: the flavor that holds a pod's requests, and the server group that
//! its rules about other pods of its kind amount to.

use model::node::HOSTNAME_LABEL;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{Node, PodAffinityTerm, PodSpec, ResourceList, Text};

use super::aggregate;
use super::host::{Amounts, Host};
use super::options::NovaOptions;

const MIB: i64 = 1 << 20;
const MIB_IN_GIB: i64 = 1 << 10;

/// Policy of a server group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupPolicy {
    /// All members are on one host.
    Affinity,
    /// A host has at most so many members.
    AntiAffinity {
        /// Members that one host takes (`max_server_per_host`).
        most_per_host: i64,
    },
    /// Hosts with members weigh more.
    SoftAffinity,
    /// Hosts with members weigh less.
    SoftAntiAffinity,
}

/// Server group of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The group's name.
    pub name: Text,
    /// The group's policy.
    pub policy: GroupPolicy,
}

/// Inventory of a node. A node that declares no disk has as much as is asked for.
pub fn host(node: &Node, options: &NovaOptions) -> Host {
    let list = &node.allocatable;
    let units = |name: &str| list.get(name).units_ceil().unwrap_or(i64::MAX);
    let milli = list.get(CPU).milli_floor().unwrap_or(i64::MAX);
    let mut host = Host {
        name: node.name.clone(),
        total: Amounts {
            vcpus: milli / 1_000,
            memory: units(MEMORY) / MIB,
            disk: if list.contains(EPHEMERAL_STORAGE) {
                units(EPHEMERAL_STORAGE) / MIB
            } else {
                UNDECLARED_DISK
            },
        },
        reserved: options.reserved,
        ratios: options.ratios,
        is_enabled: !node.unschedulable,
        is_up: true,
        ..Host::default()
    };
    aggregate::apply(options, &mut host);
    host
}

/// Disk in MiB of a node that declares none: a pebibyte, which weighs alike on all of them.
const UNDECLARED_DISK: i64 = 1 << 30;

/// Amounts of the instance that a pod runs in: whole processors, whole MiB and whole GiB of disk,
/// with the guest system's own memory.
pub fn flavor(pod: &PodSpec, options: &NovaOptions) -> Amounts {
    amounts(
        &pod.requests().unwrap_or_default(),
        options.machine.guest_memory,
    )
}

/// Amounts of the instance that becomes a node: those of the whole machine.
pub fn of_machine(node: &Node, options: &NovaOptions) -> Amounts {
    let list = if node.capacity.is_empty() {
        &node.allocatable
    } else {
        &node.capacity
    };
    amounts(list, options.machine.guest_memory)
}

fn amounts(list: &ResourceList, guest_memory: i64) -> Amounts {
    let units = |name: &str| list.get(name).units_ceil().unwrap_or(i64::MAX);
    let whole = |amount: i64, unit: i64| amount / unit + i64::from(amount % unit != 0);
    Amounts {
        vcpus: units(CPU).max(1),
        memory: whole(units(MEMORY), MIB).saturating_add(guest_memory),
        disk: whole(units(EPHEMERAL_STORAGE), MIB * MIB_IN_GIB).saturating_mul(MIB_IN_GIB),
    }
}

/// The server group that a pod is created in, by the first of its rules about its own kind on one
/// host: required ones before preferred ones, against before for.
pub fn group(pod: &PodSpec, options: &NovaOptions) -> Option<Group> {
    let affinity = &pod.affinity;
    let of_kind = |term: &&PodAffinityTerm| {
        *term.topology_key == *HOSTNAME_LABEL
            && term
                .selector
                .as_ref()
                .is_some_and(|selector| selector.matches(&pod.labels))
    };
    let required = |terms: &[PodAffinityTerm]| terms.iter().find(of_kind).map(named);
    let preferred = |terms: &[(i32, PodAffinityTerm)]| {
        let mut terms = terms.iter().map(|(_, term)| term);
        terms.find(of_kind).map(named)
    };
    let with = |policy: GroupPolicy| {
        move |selection: String| Group {
            name: format!("{}/{selection}", pod.namespace).into(),
            policy,
        }
    };
    let against = required(&affinity.required_pod_anti_affinity);
    let most_per_host = options.most_per_host;
    let against = against.map(with(GroupPolicy::AntiAffinity { most_per_host }));
    let together = || required(&affinity.required_pod_affinity).map(with(GroupPolicy::Affinity));
    let apart = || {
        preferred(&affinity.preferred_pod_anti_affinity).map(with(GroupPolicy::SoftAntiAffinity))
    };
    let near = || preferred(&affinity.preferred_pod_affinity).map(with(GroupPolicy::SoftAffinity));
    against.or_else(together).or_else(apart).or_else(near)
}

/// Text that names the selection of a term.
fn named(term: &PodAffinityTerm) -> String {
    let selected = term.selector.iter().flat_map(|own| &own.requirements);
    let texts = selected.map(|asked| {
        let values: Vec<&str> = asked.values.iter().map(|value| &**value).collect();
        format!("{} {:?} {}", asked.key, asked.operator, values.join("|"))
    });
    texts.collect::<Vec<String>>().join(",")
}
