//! Clouds and platforms: wrong inputs, each refused with its place and what was expected.

use crate::scratch::Scratch;

pub(crate) const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'shop/web:v1'}]}
";

/// An experiment with a system and more fields.
pub(crate) fn experiment(system: &str, more: &str) -> String {
    format!(
        "windtunnel: v1
name: cloud-inputs
cluster:
  nodes: [{{name: 'n{{}}', count: 2, template: {{allocatable: {{cpu: 8, memory: 16Gi}}}}}}]
  domains: [{{label: topology.kubernetes.io/zone, name: 'z{{}}', count: 2}}]
workload: [{{manifests: web.yaml}}]
stop: {{at: 1h}}
system: {{{system}}}
{more}"
    )
}

const VOLUME: &str = "volume: data, workload: Deployment/default/web, size: 1Gi";

fn is_refused(system: &str, more: &str, expected: &str) {
    let text = experiment(system, more);
    let scratch = Scratch::new("cloud-inputs", &[("a.yaml", &text), ("web.yaml", WEB)]);
    let said = scratch.run(&["run", "a.yaml", "--out", "out"], 2);
    assert!(said.contains(expected), "{system} {more}: {said}");
    let is_placed = said.contains(" --> a.yaml:") || said.contains("error: system.");
    assert!(is_placed, "{system} {more}: {said}");
}

/// System, further fields of the experiment, and what is said of them.
const WRONG: [(&str, &str, &str); 31] = [
    (
        "name: nova, nova: {maxIoOps: 4}",
        "",
        "no filter looks at `maxIoOps`",
    ),
    (
        "name: nova, nova: {machine: {imageStore: shared}}",
        "",
        "there is no image to be stored",
    ),
    (
        "name: openshift, controllers: {}, openshift: {deploymentConfigs: {web: {imageTag: prod, triggers: \
         [config-change]}}}",
        "",
        "no image begins a rollout, so no tag is followed",
    ),
    (
        "name: openshift, controllers: {}, openshift: {deploymentConfigs: {web: {interval: 5s, script: \
         [{after: 0s, new: 100, old: 0}]}}}",
        "",
        "a deployer of one's own has no rounds",
    ),
    (
        "name: openshift, controllers: {}, openshift: {deploymentConfigs: {web: {triggers: [image-change]}}}",
        "",
        "no push ever brings an image",
    ),
    (
        "name: openshift, openshift: {policy: '3.11', policyFile: web.yaml}",
        "",
        "the policy is that of `policyFile`",
    ),
    (
        "name: openshift, controllers: {}, openshift: {deploymentConfigs: {web: {triggers: [config-change, \
         config-change]}}}",
        "",
        "this trigger stands here twice",
    ),
    (
        "name: swarm",
        "operations: [{at: 1m, migrate: {node: n0}}]",
        "the system `swarm` has no instances",
    ),
    (
        "name: nova",
        "operations: [{at: 1m, resize: {labels: {app: web}, cpu: 2, confirmAfter: 1m, revertAfter: 2m}}]",
        "a move is either confirmed or reverted",
    ),
    (
        "name: nova",
        "operations: [{at: 1m, resize: {labels: {app: web}}}]",
        "expected `cpu`, `memory` or `disk`",
    ),
    (
        "name: nova, nova: {resize: {sameHost: true}}",
        "",
        "no operation migrates or resizes an instance",
    ),
    (
        "name: kubernetes, controllers: {}",
        "delivery: [{image: shop/wep}]",
        "no declared workload runs an image of `shop/wep`",
    ),
    (
        "name: ecs, ecs: {placement: {web: {constraints: ['attribute:stack ==']}}}",
        "",
        "system.ecs.placement.web.constraints[0]",
    ),
    (
        "name: ecs, ecs: {placement: {web: {strategies: [spread=instanceid]}}}",
        "",
        "`spread=instanceid` is no strategy; expected `spread=instanceId`",
    ),
    (
        "name: ecs, ecs: {circuitBreaker: {rollback: true}}",
        "",
        "no deployment is given up, so none is rolled back",
    ),
    (
        "name: ecs, ecs: {capacityProviders: [{name: FARGATE, zones: [a, a]}]}",
        "",
        "the zone `a` is there twice",
    ),
    (
        "name: ecs, ecs: {capacityProviders: [{name: pool}]}",
        "",
        "there is no group `pool` of `cluster.provider`",
    ),
    (
        "name: ecs, ecs: {capacityProviders: [{name: FARGATE}]}",
        "",
        "write `provider: {}` under `cluster`",
    ),
    (
        "name: ecs, ecs: {capacityProviders: [{name: FARGATE_SPOT}]}",
        "",
        "write `provider: {}` under `cluster`",
    ),
    (
        "name: nova, nova: {reportInterval: 2m}",
        "",
        "hosts that report every 2m would be down after 1m",
    ),
    (
        "name: nova, nova: {liveMigration: {bandwidth: 0}}",
        "",
        "`bandwidth` cannot be zero",
    ),
    (
        "name: nova, nova: {machine: {speed: 120%}}",
        "",
        "system.nova.machine.speed: expected more than 0% and at most 100%",
    ),
    (
        "name: nova, nova: {isolatedHosts: [n0]}",
        "",
        "add `isolated-hosts` to `filters`",
    ),
    (
        "name: nova, nova: {aggregates: {fast: {hosts: [n0], metadata: {disk: ssd}}}}",
        "",
        "add `aggregate-instance-extra-specs` to `filters`",
    ),
    (
        "name: nova, nova: {aggregates: {fast: {hosts: [n0], metadata: {pci_weight_multiplier: '1'}}}}",
        "",
        "expected one of ram, cpu, disk",
    ),
    (
        "name: nova, nova: {aggregates: {fast: {hosts: [n0], metadata: {ram_weight_multiplier: much}}}}",
        "",
        "expected a finite number",
    ),
    (
        "name: nova, nova: {aggregates: {fast: {hosts: [n7], metadata: {ram_weight_multiplier: '1'}}}}",
        "",
        "system.nova.aggregates.fast.hosts: no host is named `n7`",
    ),
    (
        "name: openshift, controllers: {}, openshift: {projects: {defualt: {}}}",
        "",
        "system.openshift.projects.defualt: no pod and no object is in the project `defualt`; did \
             you mean `default`?",
    ),
    (
        "name: openshift, openshift: {deploymentConfigs: {web: {}}}",
        "",
        "write `controllers: {}` under `system`",
    ),
    (
        "name: openshift, controllers: {}, openshift: {deploymentConfigs: {wbe: {}}}",
        "",
        "there is no Deployment `wbe`; did you mean `web`?",
    ),
    (
        "name: openshift, controllers: {}, openshift: {deploymentConfigs: {web: {mid: {takes: \
             5s}}}}",
        "",
        "deploymentConfigs.web.mid",
    ),
];

#[test]
fn a_deployment_without_triggers_is_told_to_make_no_pods() {
    let system =
        "name: openshift, controllers: {}, openshift: {deploymentConfigs: {web: {triggers: []}}}";
    let text = experiment(system, "");
    let scratch = Scratch::new("no-triggers", &[("a.yaml", &*text), ("web.yaml", WEB)]);
    let told = scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    assert!(
        told.contains("without triggers no version begins by itself"),
        "{told}"
    );
    assert!(told.contains("no pod arrived"), "{told}");
}

#[test]
fn wrong_experiments_are_refused_with_their_place() {
    let volume = |more: &str| format!("{{{VOLUME}, {more}}}");
    let both_zones = format!(
        "storage: [{}, {}]",
        volume("class: network, zone: z0"),
        volume("class: network, zone: z1")
    );
    let short = format!(
        "storage: [{}]",
        volume("backup: {every: 1h, fullEvery: 24, retention: 6, change: 1Gi, bandwidth: 1Gi}")
    );
    let kubernetes = "name: kubernetes, controllers: {}";
    is_refused(
        kubernetes,
        &both_zones,
        "the volume `data` is bound to two zones",
    );
    is_refused(kubernetes, &short, "it would lose its full copy");
    for (system, more, expected) in WRONG {
        is_refused(system, more, expected);
    }
}

#[test]
fn wrong_compose_files_and_drivers_are_refused_with_their_place() {
    let circle = "services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, depends_on: [a]}\n";
    let unset = "services:\n  a: {image: 'shop:${TAG:?a release}'}\n";
    for (text, place, expected) in [
        (circle, "compose.yaml:", "dependency cycle: a -> b -> a"),
        (unset, "compose.yaml:2:", "the variable `TAG` has to be set"),
    ] {
        let scratch = Scratch::new("cloud-inputs-compose", &[("compose.yaml", text)]);
        let said = scratch.run(&["import", "compose", "compose.yaml"], 2);
        assert!(said.contains(expected) && said.contains(place), "{said}");
    }
    let text = experiment("name: kubernetes", "").replace(
        "  domains:",
        "  provider: {dockerMachine: {driver: vitrualbox}}\n  domains:",
    );
    let files = [("a.yaml", &*text), ("web.yaml", WEB)];
    let said = Scratch::new("cloud-inputs-driver", &files).run(&["run", "a.yaml"], 2);
    let expected = "virtualbox";
    assert!(
        said.contains(expected) && said.contains("a.yaml:"),
        "{said}"
    );
}

#[test]
fn wrong_hypervisors_are_refused() {
    let host = "{name: 'c{}', count: 2, template: {allocatable: {cpu: 4, memory: 8Gi}}}";
    let group = "{name: pool, max: 4, initial: 1, template: {allocatable: {cpu: 4, memory: 6Gi}}}";
    let large = group.replace("6Gi", "60Gi");
    for (nova, group, expected) in [
        (
            format!("hosts: [{host}, {host}]"),
            group,
            "two hypervisors are named `c0`",
        ),
        (
            format!("hosts: [{host}], serverGroups: {{pol: affinity}}"),
            group,
            "serverGroups.pol: no group of `cluster.provider.groups` has this name",
        ),
        (
            format!("hosts: [{host}]"),
            &*large,
            "the machine of node `pool-0`, which is there from the start, finds no host: No valid host",
        ),
    ] {
        let provider = format!("  provider: {{nova: {{{nova}}}, groups: [{group}]}}\n  domains:");
        let text =
            experiment("name: kubernetes, controllers: {}", "").replace("  domains:", &provider);
        let files = [("a.yaml", &*text), ("web.yaml", WEB)];
        let said = Scratch::new("cloud-inputs-nova", &files).run(&["run", "a.yaml"], 2);
        assert!(said.contains(expected), "{said}");
    }
}

/// A database that is unhealthy after 4 s and answers after 30 s, and two services that wait for its health: the one
/// that requires it fails, the other one starts.
#[test]
fn what_waits_for_an_unhealthy_dependency_fails_or_starts_without_it() {
    let text = "services:\n  db: {image: db, healthcheck: {test: x, interval: 2s, timeout: 1s, retries: 2}, \
                x-windtunnel: {answersAfter: 30s}}\n  \
                app: {image: app, depends_on: {db: {condition: service_healthy}}}\n  \
                opt: {image: opt, depends_on: {db: {condition: service_healthy, required: false}}}\n  \
                none: {image: none, deploy: {replicas: 0}}\n  \
                all: {image: all, depends_on: [none]}\n";
    let scratch = Scratch::new("compose-unhealthy", &[("compose.yaml", text)]);
    scratch.run(&["import", "compose", "compose.yaml", "--name", "sick"], 0);
    let said = scratch.run(&["run", "sick.yaml", "--out", "out", "--no-progress"], 0);
    let expected = "1 pod waits at the end: dependency failed to start: a container of service \"db\" is unhealthy";
    assert!(said.contains(expected), "{said}");
}

/// A container whose first two starts fail is started a third time, and then has done its work.
#[test]
fn containers_end_with_codes_by_start() {
    let text = |codes: &str| {
        format!(
            "services:\n  move: {{image: m, restart: on-failure, x-windtunnel: {{runTime: 1s, exitCode: \
             '{codes}'}}}}\n"
        )
    };
    let (right, wrong) = (text("1,1,0"), text("1,300"));
    let files = [("right.yaml", &*right), ("wrong.yaml", &*wrong)];
    let scratch = Scratch::new("compose-codes", &files);
    scratch.run(&["import", "compose", "right.yaml", "--name", "moved"], 0);
    scratch.run(
        &[
            "run",
            "moved.yaml",
            "--out",
            "out",
            "--events",
            "--no-progress",
        ],
        0,
    );
    let of_kind = |kind: &str| scratch.run(&["events", "out", "--kind", kind], 0);
    assert_eq!(of_kind("exited").matches("exit code 1").count(), 2);
    assert_eq!(of_kind("ended").matches("Completed").count(), 1);
    let said = scratch.run(&["import", "compose", "wrong.yaml"], 2);
    assert!(said.contains("a text of codes by start"), "{said}");
}

/// A wrong input: an experiment by its system and further fields, or a compose file.
enum Input {
    Experiment(&'static str, &'static str),
    Compose(&'static str),
}

/// Twelve wrong inputs over all clouds and functions, each with its place and with words of what is wrong and of
/// what was expected.
const TWELVE: [(Input, &str, [&str; 2]); 12] = {
    use Input::{Compose, Experiment};
    const KUBERNETES: &str = "name: kubernetes, controllers: {}";
    [
        (
            Compose(
                "services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, depends_on: [a]}\n",
            ),
            "compose.yaml:2:",
            [
                "dependency cycle: a -> b -> a",
                "expected services that don't wait for each other",
            ],
        ),
        (
            Compose("services:\n  a:\n    image: 'shop:${TAG}'\n"),
            "compose.yaml:3:",
            ["`image` depends on the variable `TAG`", "`TAG` is not set"],
        ),
        (
            Compose(
                "services:\n  a: {image: a, secrets: [pw]}\nsecrets:\n  pw: {file: a, external: true}\n",
            ),
            "compose.yaml:4:",
            [
                "`pw` is external, so `file` has no meaning",
                "leave it or `external` out",
            ],
        ),
        (
            Experiment(
                KUBERNETES,
                "variants: {a: {cluster.provider: {dockerMachine: {driver: vitrualbox}}}}",
            ),
            "a.yaml:9:",
            ["vitrualbox", "virtualbox"],
        ),
        (
            Experiment(
                KUBERNETES,
                "storage: [{volume: v, workload: Deployment/default/web, size: 1Gi, backup: {every: 1h, \
                 fullEvery: 24, retention: 6}}]",
            ),
            "a.yaml:9:",
            [
                "it would lose its full copy",
                "expected `fullEvery` (24) or more",
            ],
        ),
        (
            Experiment(
                KUBERNETES,
                "storage: [{volume: v, workload: Deployment/default/web, size: 1Gi, class: network, zone: z0}, \
                 {volume: v, workload: Deployment/default/web, size: 1Gi, class: network, zone: z1}]",
            ),
            "a.yaml:9:",
            [
                "is bound to two zones, `z0` and `z1`",
                "expected one entry for each volume",
            ],
        ),
        (
            Experiment("name: nova, nova: {filters: [computer]}", ""),
            "a.yaml:8:",
            ["`computer` is not a value of `filters`", "compute"],
        ),
        (
            Experiment(
                "name: ecs, ecs: {placement: {wbe: {strategies: [random]}}}",
                "",
            ),
            "a.yaml:8:",
            ["there is no service `wbe`", "did you mean `web`?"],
        ),
        (
            Experiment(
                "name: openshift, controllers: {}, openshift: {deploymentConfigs: {web: {script: [{after: 1m, \
                 new: 50, old: 50}, {after: 30s, new: 100, old: 0}]}}}",
                "",
            ),
            "a.yaml:8:",
            [
                "the steps of the script are not in the order of their times",
                "expected each later than the one before",
            ],
        ),
        (
            Experiment(
                "name: openshift, controllers: {}, openshift: {routers: [{name: all}, {name: public, \
                 routeSelector: {tier: public}}]}",
                "",
            ),
            "a.yaml:8:",
            [
                "the router `public` gets no route",
                "expected before it, or with other labels",
            ],
        ),
        (
            Experiment(
                "name: ecs",
                "delivery: [{image: shop/web, stages: [{name: build, takes: 1m}], buildPods: {}}]",
            ),
            "a.yaml:9:",
            [
                "runs no pods beside its workloads",
                "choose a system with `controllers`",
            ],
        ),
        (
            Experiment(
                "name: compose, compose: {services: {web: {dependsOn: {db: {}}}}}",
                "",
            ),
            "a.yaml:8:",
            ["there is no service `db`", "known are `web`"],
        ),
    ]
};

#[test]
fn twelve_wrong_inputs_are_refused_with_file_line_and_what_was_expected() {
    for (input, place, words) in TWELVE {
        let said = match input {
            Input::Experiment(system, more) => {
                let text = experiment(system, more);
                let files = [("a.yaml", &*text), ("web.yaml", WEB)];
                let scratch = Scratch::new("twelve-inputs", &files);
                scratch.run(&["run", "a.yaml", "--out", "out"], 2)
            }
            Input::Compose(text) => {
                let scratch = Scratch::new("twelve-inputs", &[("compose.yaml", text)]);
                scratch.run(&["import", "compose", "compose.yaml"], 2)
            }
        };
        assert!(said.contains(place), "{place}: {said}");
        for words in words {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}
