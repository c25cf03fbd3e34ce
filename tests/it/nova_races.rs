//! Filter schedulers that race give no room away twice, break no server group and leave no instance
//! without a host that fits, whatever their number and times (spec: orchestrators-a.md sections 6.1 and 6.3).

use std::fmt::Write as _;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod};
use windtunnel::rng::Stream;
use windtunnel::units::{Instant, NodeId, SortedMap};

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::watch;

/// Everything that a run decided.
#[derive(Default)]
struct Record {
    created: u64,
    bound: u64,
    conflicts: u64,
    /// Instances of each server group on each host.
    members: SortedMap<(String, NodeId), u64>,
    wrong: Vec<String>,
}

impl Observer for Record {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        match event {
            Event::PodCreated(_) => self.created += 1,
            Event::PodBound { pod, node, .. } => {
                self.bound += 1;
                let (name, at) = (store.nodes().name(*node), at.as_secs_f64());
                if store.nodes().is_overcommitted(*node) {
                    self.wrong.push(format!("{name} is over-committed at {at}"));
                }
                let class = store.pods().get(*pod).map(|own| own.class);
                let spec = class.map(|class| store.class(class).spec.clone());
                let group = spec.and_then(|spec| Some(spec.labels.get("group")?.to_string()));
                if let Some(group) = group {
                    let count = self.members.entry((group.clone(), *node)).or_default();
                    *count += 1;
                    if *count > 1 {
                        self.wrong.push(format!("two of {group} on {name} at {at}"));
                    }
                }
            }
            Event::Decided(own) => {
                self.conflicts += u64::from(own.conflicts);
                if own.began > at || own.placed > own.claims {
                    self.wrong.push(format!("{own:?} at {}", at.as_secs_f64()));
                }
            }
            _ => {}
        }
    }
}

/// Pods that arrive together, some of them members of groups that must not share a host.
fn pods(stream: &mut Stream, hosts: u64) -> String {
    let mut text = String::new();
    // A group may have as many members as there are hosts.
    let mut left = [hosts, 1 + stream.below(hosts)];
    for number in 0..hosts * 3 {
        let group = stream.below(4) as usize;
        let is_member = left.get(group).is_some_and(|left| *left > 0);
        let rule = if is_member {
            left[group] -= 1;
            format!(
                "\n  affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: \
                 [{{topologyKey: kubernetes.io/hostname, labelSelector: {{matchLabels: {{group: \
                 g{group}}}}}}}]}}}}"
            )
        } else {
            String::new()
        };
        let labels = if is_member {
            format!(", labels: {{group: g{group}}}")
        } else {
            String::new()
        };
        let cpu = 1 + stream.below(2);
        let _ = writeln!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}{labels}}}\nspec:{rule}\n  \
             containers: [{{name: a, resources: {{requests: {{cpu: '{cpu}', memory: 1Gi}}}}}}]"
        );
    }
    text
}

#[test]
fn racing_filter_schedulers_overcommit_nothing_and_keep_groups_apart() {
    let (mut conflicts, mut grouped) = (0, 0);
    for round in 0..40_u64 {
        let stream = &mut Stream::new(25, "nova-races", round);
        let hosts = 2 + stream.below(5);
        let manifests = pods(stream, hosts);
        // On narrow hosts claims are refused for want of room, on wide ones every instance finds a host.
        let is_wide = stream.below(2) == 0;
        let cpu = if is_wide { 64 } else { 8 };
        let (number, subset) = (1 + stream.below(8), 1 + stream.below(3));
        let factor = if stream.below(2) == 0 { -1 } else { 1 };
        let text = format!(
            "windtunnel: v1\nname: race\ncluster: {{nodes: [{{name: 'n{{}}', count: {hosts}, template: \
             {{allocatable: {{cpu: {cpu}, memory: 64Gi, pods: 110, ephemeral-storage: 1Ti}}}}}}]}}\n\
             workload: [{{manifests: pods.yaml}}]\nsystem:\n  name: nova\n  nova: {{schedulers: {{number: \
             {number}}}, hostSubsetSize: {subset}, ratios: {{cpu: 1}}, weighers: {{ram: {factor}, cpu: \
             {factor}}}}}\nstop: {{at: 10m}}\n"
        );
        let files = [("pods.yaml", manifests.as_str()), ("run.yaml", &text)];
        let scratch = Scratch::new(&format!("nova-races-{round}"), &files);
        let experiment = load_file(&scratch.path("run.yaml"));
        let mut record = Record::default();
        let scenario = &experiment.variants[0].scenario;
        watch(scenario, &experiment.files, &mut record)
            .unwrap_or_else(|error| panic!("{error}\n{text}{manifests}"));
        assert_eq!(record.wrong, Vec::<String>::new(), "{text}{manifests}");
        assert_eq!(record.created, hosts * 3);
        if is_wide {
            assert_eq!(record.bound, record.created, "{text}{manifests}");
        }
        conflicts += record.conflicts;
        grouped += record.members.len();
    }
    assert!(conflicts > 20, "only {conflicts} claims were refused");
    assert!(grouped > 50, "only {grouped} members of groups");
}

/// Two pods that take a whole host each; those that were bound, and what went wrong.
fn two_large(name: &str, hosts: u32, nova: &str, seed: u64) -> Record {
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: \
             {{windtunnel.dev/run-time: 15s}}}}\nspec: {{restartPolicy: Never, containers: [{{name: a, \
             resources: {{requests: {{cpu: '4', memory: 1Gi}}}}}}]}}\n"
        )
    };
    let manifests = pod("a") + &pod("b");
    let text = format!(
        "windtunnel: v1\nname: race\nseed: {seed}\ncluster: {{nodes: [{{count: {hosts}, template: \
         {{allocatable: {{cpu: 4, memory: 64Gi, pods: 110, ephemeral-storage: 1Ti}}}}}}]}}\nworkload: \
         [{{manifests: pods.yaml}}]\nsystem: {{name: nova, nova: {{ratios: {{cpu: 1}}, {nova}}}}}\nstop: \
         {{at: 1h}}\n"
    );
    let files = [("pods.yaml", manifests.as_str()), ("run.yaml", &text)];
    let scratch = Scratch::new(&format!("nova-two-{name}-{seed}"), &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut record = Record::default();
    let scenario = &experiment.variants[0].scenario;
    watch(scenario, &experiment.files, &mut record).expect("a run that ends");
    record
}

#[test]
fn room_that_comes_free_while_a_scheduler_decides_is_found() {
    // The first instance ends while the only scheduler finds no host for the second.
    let record = two_large("freed", 1, "schedulers: {number: 1, perRequest: 20s}", 1);
    assert_eq!((record.bound, record.wrong.len()), (2, 0));
}

#[test]
fn instances_whose_builds_fail_share_no_room_and_are_asked_for_again() {
    for seed in 0..20 {
        for rest in ["", ", schedulers: {number: 2}"] {
            let nova = format!("machine: {{buildFailure: 40%}}{rest}");
            let record = two_large(
                if rest.is_empty() { "one" } else { "racing" },
                2,
                &nova,
                seed,
            );
            assert_eq!(record.wrong, Vec::<String>::new(), "{seed}{rest}");
            assert_eq!(record.bound, 2, "{seed}{rest}");
        }
    }
}
