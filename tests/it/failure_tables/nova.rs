//! Moves of Nova's instances that are in server groups. The right values are those of Nova's own functional
//! tests, each under the test's name (`nova/tests/functional/test_server_group.py`, `NoValidHost` is `-`);
//! weighers are those of the tests, and hosts have memory for two large instances.

use std::fmt::Write as _;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod};
use windtunnel::units::{Instant, SortedMap};

use super::{Base, all_agree};

/// Policy of the group that all instances are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Affinity,
    AntiAffinity,
    SoftAffinity,
    SoftAntiAffinity,
}

use Policy::{Affinity, AntiAffinity, SoftAffinity, SoftAntiAffinity};

/// What the user or an operator does once the instances run, and what fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The instances are booted, and nothing else.
    Boot,
    /// They are booted by one request.
    BootAtOnce,
    /// The second one is migrated, which is confirmed.
    Migrate,
    /// The same, and one more is booted after that.
    MigrateThenBoot,
    /// The second one gets another flavor, on the same host if that is allowed.
    Resize,
    /// A host is emptied by live migration.
    Drain(&'static str),
    /// A host is lost, and its instances are evacuated.
    Lose(&'static str),
    /// The same, and the host comes back.
    LoseForAWhile(&'static str),
}

use Order::{Boot, BootAtOnce, Drain, Lose, LoseForAWhile, Migrate, MigrateThenBoot, Resize};

/// The test, policy, number of hosts, GiB of each instance, order, and the host of each instance at the end.
type Cell = (
    &'static str,
    Policy,
    usize,
    &'static [u32],
    Order,
    &'static str,
);

/// Hosts are h0, h1 and so on; of equal ones the first is taken.
#[rustfmt::skip]
const CELLS: &[Cell] = &[
    ("test_boot_servers_with_affinity", Affinity, 2, &[1, 1], Boot, "h0 h0"),
    ("test_boot_servers_with_affinity_no_valid_host", Affinity, 2, &[4, 4, 4], Boot, "h0 h0 -"),
    ("test_boot_servers_with_anti_affinity", AntiAffinity, 2, &[1, 1], Boot, "h0 h1"),
    ("test_boot_server_with_anti_affinity_no_valid_host", AntiAffinity, 2, &[1, 1, 1], Boot, "h0 h1 -"),
    ("test_boot_servers_with_soft_affinity", SoftAffinity, 2, &[1, 1], Boot, "h0 h0"),
    ("test_boot_servers_with_soft_affinity_no_resource_on_first_host", SoftAffinity, 2, &[4, 4, 4], Boot, "h0 h0 h1"),
    ("test_boot_servers_with_soft_anti_affinity", SoftAntiAffinity, 2, &[1, 1], Boot, "h0 h1"),
    ("test_boot_servers_with_soft_anti_affinity_one_available_host", SoftAntiAffinity, 1, &[1, 1], Boot, "h0 h0"),
    // Of one request all have a host, or none has (regressions/test_bug_1781710.py).
    ("test_anti_affinity_multi_create", AntiAffinity, 2, &[1, 1], BootAtOnce, "h0 h1"),
    ("test_anti_affinity_multi_create", AntiAffinity, 2, &[1, 1, 1], BootAtOnce, "- - -"),
    ("test_boot_servers_with_affinity", Affinity, 2, &[4, 4], BootAtOnce, "h0 h0"),
    ("test_boot_servers_with_affinity_no_valid_host", Affinity, 2, &[4, 4, 4], BootAtOnce, "- - -"),
    ("test_boot_servers_with_soft_anti_affinity", SoftAntiAffinity, 2, &[1, 1], BootAtOnce, "h0 h1"),
    ("test_boot_servers_with_soft_affinity", SoftAffinity, 2, &[4, 4, 4], BootAtOnce, "h0 h0 h1"),
    ("test_migrate_with_group_no_valid_host", Affinity, 2, &[1, 1], Migrate, "h0 h0"),
    ("test_migrate_with_group_no_valid_host", AntiAffinity, 2, &[1, 1], Migrate, "h0 h1"),
    ("test_migrate_with_anti_affinity", AntiAffinity, 3, &[1, 1], Migrate, "h0 h2"),
    ("test_migrate_with_anti_affinity_confirm_updates_scheduler", AntiAffinity, 3, &[1, 1, 1], MigrateThenBoot, "h0 h2 h1"),
    ("test_migrate_with_soft_affinity", SoftAffinity, 2, &[1, 1], Migrate, "h0 h1"),
    ("test_migrate_with_soft_anti_affinity", SoftAntiAffinity, 2, &[1, 1], Migrate, "h0 h0"),
    ("test_resize_to_same_host_with_anti_affinity", AntiAffinity, 2, &[1, 1], Resize, "h0 h1"),
    ("test_resize_to_same_host_with_anti_affinity", AntiAffinity, 3, &[1, 1], Resize, "h0 h1"),
    ("test_evacuate_with_anti_affinity", AntiAffinity, 3, &[1, 1], Lose("h1"), "h0 h2"),
    ("test_evacuate_with_anti_affinity", AntiAffinity, 3, &[1, 1], LoseForAWhile("h1"), "h0 h2"),
    ("test_evacuate_with_anti_affinity_no_valid_host", AntiAffinity, 2, &[1, 1], Lose("h1"), "h0 h1"),
    ("test_evacuate_with_anti_affinity_no_valid_host", AntiAffinity, 2, &[1, 1], LoseForAWhile("h1"), "h0 h1"),
    ("test_evacuate_with_affinity_no_valid_host", Affinity, 2, &[1, 1], Lose("h0"), "h0 h0"),
    ("test_evacuate_with_affinity_no_valid_host", Affinity, 2, &[1, 1], LoseForAWhile("h0"), "h0 h0"),
    // All instances of a host are evacuated, not the second one alone.
    ("test_evacuate_with_soft_affinity", SoftAffinity, 2, &[1, 1], Lose("h0"), "h1 h1"),
    ("test_evacuate_with_soft_affinity", SoftAffinity, 2, &[1, 1], LoseForAWhile("h0"), "h1 h1"),
    ("test_evacuate_with_soft_anti_affinity", SoftAntiAffinity, 2, &[1, 1], Lose("h1"), "h0 h0"),
    ("test_evacuate_with_soft_anti_affinity", SoftAntiAffinity, 2, &[1, 1], LoseForAWhile("h1"), "h0 h0"),
    ("test_evacuate_with_soft_anti_affinity", SoftAntiAffinity, 2, &[8, 8], Lose("h1"), "h0 h1"),
    // A live migration asks the scheduler as a cold one does (conductor/tasks/live_migrate.py, _find_destination).
    ("test_migrate_with_group_no_valid_host", Affinity, 2, &[1, 1], Drain("h0"), "h0 h0"),
    ("test_migrate_with_group_no_valid_host", AntiAffinity, 2, &[1, 1], Drain("h1"), "h0 h1"),
    ("test_migrate_with_anti_affinity", AntiAffinity, 3, &[1, 1], Drain("h1"), "h0 h2"),
    ("test_migrate_with_soft_affinity", SoftAffinity, 2, &[1, 1], Drain("h0"), "h1 h1"),
    ("test_migrate_with_soft_anti_affinity", SoftAntiAffinity, 2, &[1, 1], Drain("h1"), "h0 h0"),
    ("test_migrate_with_soft_anti_affinity", SoftAntiAffinity, 2, &[8, 8], Drain("h1"), "h0 h1"),
];

/// The rule of a pod that makes its instance a member of the group.
fn rule(policy: Policy) -> String {
    let kind = match policy {
        Affinity | SoftAffinity => "podAffinity",
        AntiAffinity | SoftAntiAffinity => "podAntiAffinity",
    };
    let term = "topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: vm}}";
    if matches!(policy, Affinity | AntiAffinity) {
        format!("{kind}: {{requiredDuringSchedulingIgnoredDuringExecution: [{{{term}}}]}}")
    } else {
        format!(
            "{kind}: {{preferredDuringSchedulingIgnoredDuringExecution: [{{weight: 1, podAffinityTerm: \
             {{{term}}}}}]}}"
        )
    }
}

fn spec(policy: Policy, memory: u32) -> String {
    let rule = rule(policy);
    format!(
        "{{affinity: {{{rule}}}, containers: [{{name: vm, image: 'vm:1', resources: {{requests: {{cpu: 1, \
         memory: {memory}Gi}}}}}}]}}"
    )
}

/// Files of a cell: an instance every 20 s, or all at once, and the order at 100 s.
fn files(cell: &Cell) -> Vec<(String, String)> {
    let (_, policy, hosts, instances, order, _) = *cell;
    let mut files = Vec::new();
    let mut workload = String::new();
    if order == BootAtOnce {
        let (count, spec) = (instances.len(), spec(policy, instances[0]));
        let text = format!(
            "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {{name: vm}}\nspec: {{replicas: {count}, \
             selector: {{matchLabels: {{app: vm}}}}, template: {{metadata: {{labels: {{app: vm}}}}, spec: \
             {spec}}}}}\n"
        );
        workload += "{manifests: vm.yaml}";
        files.push(("vm.yaml".to_owned(), text));
    }
    for (number, memory) in instances.iter().enumerate().filter(|_| order != BootAtOnce) {
        let is_late = order == MigrateThenBoot && number == 2;
        let at = if is_late { 400 } else { 20 * number };
        let spec = spec(policy, *memory);
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: vm-{number}, labels: {{app: vm, number: \
             '{number}'}}}}\nspec: {spec}\n"
        );
        let _ = write!(workload, "{{manifests: vm-{number}.yaml, at: {at}s}}, ");
        files.push((format!("vm-{number}.yaml"), text));
    }
    let operation = match order {
        Migrate | MigrateThenBoot => {
            "{at: 100s, migrate: {labels: {number: '1'}, confirmAfter: 60s}}".to_owned()
        }
        Resize => {
            "{at: 100s, resize: {labels: {number: '1'}, memory: 2Gi, confirmAfter: 60s}}".to_owned()
        }
        Drain(host) => format!("{{at: 100s, drain: {host}}}"),
        _ => String::new(),
    };
    let failure = match order {
        Lose(host) => format!("{{kind: node-outage, node: {host}, at: 100s, for: 1h}}"),
        LoseForAWhile(host) => format!("{{kind: node-outage, node: {host}, at: 100s, for: 300s}}"),
        _ => String::new(),
    };
    let own = format!(
        "windtunnel: v1\nname: cell\ncluster: {{nodes: [{{name: 'h{{}}', count: {hosts}, template: \
         {{allocatable: {{cpu: 64, memory: 8Gi, ephemeral-storage: 500Gi}}}}}}]}}\nworkload: \
         [{workload}]\nsystem: {{name: nova, nova: {{evacuateAfter: 10s, ratios: {{memory: 1}}, reserved: \
         {{memory: '0'}}, machine: {{boot: 5s}}, liveMigration: {{bandwidth: 1G}}, resize: {{sameHost: {}}}, \
         weighers: {{ram: 0, cpu: 0, disk: 0, ioOps: 0}}}}}}\nmodels: {{nodeLife: observed}}\noperations: \
         [{operation}]\nfailures: [{failure}]\nstop: {{at: 600s}}\n",
        order == Resize
    );
    files.push(("own.yaml".to_owned(), own));
    files
}

/// The host that each instance was given last, by its name.
#[derive(Default)]
struct Hosts(SortedMap<String, String>);

impl Observer for Hosts {
    fn observe(&mut self, _at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        let (pod, host) = match event {
            Event::PodCreated(created) => (created.pod, "-".to_owned()),
            Event::PodBound { pod, node, .. } => (*pod, store.nodes().name(*node).to_string()),
            _ => return,
        };
        if let Some(record) = store.pods().get(pod) {
            self.0.insert(record.name.text().to_string(), host);
        }
    }
}

#[test]
fn instances_of_nova_in_groups_go_where_its_tests_have_them() {
    let mut wrong = Vec::new();
    for cell in CELLS {
        let files = files(cell);
        let files: Vec<(&str, String)> = { files.iter() }
            .map(|(name, text)| (name.as_str(), text.clone()))
            .collect();
        let base = Base::new(&files);
        let mut hosts = Hosts::default();
        let ran = match base.play(&base.scenario(), &mut hosts) {
            Ok(()) => hosts.0.into_values().collect::<Vec<_>>().join(" "),
            Err(error) => error,
        };
        let right = cell.5;
        if ran != right {
            wrong.push(format!("{cell:?}: Nova's test has {right}; {ran} ran"));
        }
    }
    all_agree("Nova", CELLS.len(), &wrong);
}
