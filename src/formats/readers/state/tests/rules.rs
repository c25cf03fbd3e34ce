//! Demands of states that bear on where pods are placed: each is modelled, or told.

use super::{ledger, read};
use crate::readers::state::{docker, ecs, marathon, nomad};
use crate::tests::prelude::*;

fn pod(name: &str, cpu: i64, memory: i64) -> (String, i64, i64) {
    (name.to_owned(), cpu, memory)
}

/// The specs of the pods of a state, in the order of their names' places in it.
fn specs(entry: &FormatEntry, text: &str) -> Vec<PodSpec> {
    let open = opener(entry);
    let recorded = collected_of(open, "s", text);
    let arrivals = recorded.arrivals.iter();
    arrivals
        .map(|one| PodSpec::clone(&recorded.classes[one.class as usize]))
        .collect()
}

/// The ports that a pod takes, as in `80/TCP`.
fn ports(spec: &PodSpec) -> Vec<String> {
    let ports = spec.host_ports();
    ports
        .map(|own| format!("{}/{}", own.port, own.protocol))
        .collect()
}

#[test]
fn tasks_of_nomad_that_follow_each_other_share_what_they_hold() {
    let group = |tasks: &str| {
        format!(
            r#"{{"Job": {{"ID": "j", "Datacenters": ["*"], "TaskGroups": [{{"Name": "g", "Tasks": [{tasks}]}}]}}}}"#
        )
    };
    let task = |cpu: u32, memory: u32, hook: &str, sidecar: bool| {
        format!(
            r#"{{"Lifecycle": {{"Hook": "{hook}", "Sidecar": {sidecar}}},
"Resources": {{"CPU": {cpu}, "MemoryMB": {memory}}}}}"#
        )
    };
    let main = r#"{"Lifecycle": null, "Resources": {"CPU": 500, "MemoryMB": 256}}"#;
    for (tasks, expected) in [
        (
            vec![
                task(2_000, 128, "prestart", false),
                task(100, 1_024, "poststop", false),
            ],
            (2_000, 1_024),
        ),
        // Sidecars and tasks that start after the others run beside them.
        (vec![task(2_000, 128, "prestart", true)], (2_500, 384)),
        (vec![task(2_000, 128, "poststart", false)], (2_500, 384)),
        (
            vec![
                task(600, 0, "prestart", false),
                task(50, 32, "prestart", true),
            ],
            (650, 288),
        ),
    ] {
        let tasks = tasks.join(", ") + ", " + main;
        let (pods, _) = read(&nomad::ENTRY, &group(&tasks));
        assert_eq!(pods, [pod("j.g", expected.0, expected.1)], "{tasks}");
    }
    // Cores of a task's own are never given to others.
    let cores = r#"{"Lifecycle": {"Hook": "prestart"}, "Resources": {"Cores": 2, "MemoryMB": 64}}"#;
    let (pods, _) = read(&nomad::ENTRY, &group(&format!("{cores}, {main}")));
    assert_eq!(pods, [pod("j.g", 2_500, 256)]);
    let allocation = r#"[{"ID": "1", "Name": "web.app[0]", "JobID": "web", "TaskGroup": "app", "ClientStatus": "running",
"AllocatedResources": {"Tasks": {"init/1": {"Cpu": {"CpuShares": 2000}, "Memory": {"MemoryMB": 1024}},
"main": {"Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 256}},
"own": {"Cpu": {"CpuShares": 5200, "ReservedCores": [0, 1]}, "Memory": {"MemoryMB": 0}}},
"TaskLifecycles": {"init/1": {"Hook": "prestart", "Sidecar": false}, "main": null}}}]"#;
    let (pods, _) = read(&nomad::ENTRY, allocation);
    assert_eq!(pods, [pod("web.app[0]", 4_000, 1_024)]);
}

/// A job of Nomad with demands of its place.
const BOUND: &str = r#"{"ID": "web", "Type": "service", "Priority": 80, "Datacenters": ["dc2"], "NodePool": "gpu",
"TaskGroups": [{"Name": "app", "Networks": [{"ReservedPorts": [{"Label": "http", "Value": 8080}],
"DynamicPorts": [{"Label": "x", "Value": 0}]}], "EphemeralDisk": {"SizeMB": 300}, "Tasks": [
{"Affinities": [{"Weight": 50}], "Resources": {"CPU": 500, "MemoryMB": 256, "MemoryMaxMB": 512,
"Networks": [{"ReservedPorts": [{"Value": 9090, "HostNetwork": "public"}]}]}}]}]}"#;

#[test]
fn demands_of_nomad_are_those_of_pods_or_told() {
    let spec = &specs(&nomad::ENTRY, BOUND)[0];
    assert_eq!(ports(spec), ["8080/TCP", "9090/TCP"]);
    assert_eq!((spec.priority, spec.preempts), (80, false));
    let disk = "disk of a group, not requested";
    let memory = "memory that a task may use beyond its request, not used";
    let megahertz = "MHz counted as thousandths of a core";
    ledger(&nomad::ENTRY, BOUND).are([
        "datacenters of a job, not enforced",
        "pool of nodes of a job, not enforced",
        disk,
        "affinities of a task, not enforced",
        memory,
        "network of a port; taken on every address of its machine",
        megahertz,
    ]);
    let allocation = r#"[{"ID": "a", "Name": "web.app[0]", "JobID": "web", "TaskGroup": "app", "ClientStatus": "running",
"Job": {"ID": "web", "Type": "system", "TaskGroups": []}, "AllocatedResources": {"Tasks": {"s": {
"Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 256, "MemoryMaxMB": 512}}}, "Shared": {"DiskMB": 300000,
"Networks": [{"ReservedPorts": [{"Label": "http", "Value": 8080}]}]}}}]"#;
    let spec = &specs(&nomad::ENTRY, allocation)[0];
    assert_eq!(ports(spec), ["8080/TCP"]);
    assert_eq!((spec.priority, spec.preempts), (50, true));
    assert_eq!(ledger(&nomad::ENTRY, allocation), [memory, megahertz, disk]);
}

#[test]
fn priorities_and_ports_that_nomad_has_not_are_refused() {
    for (from, to, expected) in [
        ("80,", "-3,", "Priority`: must be a number from 0 to 32766"),
        ("80,", "1.5,", "Priority`: must be a whole number"),
        ("8080", "80800", "Value`: must be a number from 0 to 65535"),
        ("8080", "80.5", "Value`: must be a whole number"),
    ] {
        let (pods, bad) = read(&nomad::ENTRY, &BOUND.replace(from, to));
        assert!(pods.is_empty());
        assert!(bad[0].contains(expected), "{bad:?}");
    }
    let silent = BOUND.replace("\"Priority\": 80,", "");
    assert_eq!(specs(&nomad::ENTRY, &silent)[0].priority, 50);
}

#[test]
fn daemons_and_distinct_tasks_of_ecs_stand_on_machines_of_their_own() {
    let text = r#"{"tasks": [{"taskArn": "c/t1", "group": "service:agent", "cpu": "512", "memory": "64", "lastStatus": "RUNNING"},
{"taskArn": "c/t2", "group": "service:web", "cpu": "512", "memory": "64", "lastStatus": "RUNNING"}],
"services": [{"serviceName": "agent", "desiredCount": 2, "schedulingStrategy": "DAEMON"},
{"serviceName": "web", "desiredCount": 2, "placementConstraints": [{"type": "memberOf", "expression": "x"}],
 "placementStrategy": [{"type": "binpack", "field": "cpu"}]},
{"serviceName": "db", "desiredCount": 1, "placementConstraints": [{"type": "distinctInstance"}], "placementStrategy": []},
{"serviceName": "old", "desiredCount": 9, "status": "INACTIVE"}]}"#;
    let apart = specs(&ecs::ENTRY, text).into_iter().map(|spec| {
        let terms = spec.affinity.required_pod_anti_affinity;
        let label = spec.labels.get("ecs.amazonaws.com/service").cloned();
        terms.first().and(label).map(|own| own.to_string())
    });
    let agent = || Some("agent".to_owned());
    let expected = [agent(), None, agent(), None, Some("db".to_owned())];
    assert_eq!(apart.collect::<Vec<_>>(), expected);
    let kinds = ledger(&ecs::ENTRY, text);
    kinds[..4].are([
            "service with a task on each machine; as many tasks as it wants, each on a machine of its own",
            "constraints of a service, not enforced",
            "placement strategy of a service, not enforced",
            "service that was deleted",
        ]);
}

#[test]
fn overrides_of_tasks_of_ecs_stand_in_place_of_their_definitions() {
    let task = |own: &str, overrides: &str| {
        format!(
            r#"{{"tasks": [{{"taskArn": "c/t", "lastStatus": "RUNNING", {own} "overrides": {{{overrides}}},
"containers": [{{"name": "a", "cpu": "256", "memory": "64", "memoryReservation": "32"}},
{{"name": "b", "cpu": "256", "memory": "128"}}]}}]}}"#
        )
    };
    let stated = r#""cpu": "1024", "memory": "512","#;
    let inner = r#""containerOverrides": [{"name": "b", "cpu": 768, "memory": 256}]"#;
    for (text, cpu, memory) in [
        (task(stated, inner), 1_000, 512),
        (
            task(stated, r#""cpu": "2048", "memory": "1024""#),
            2_000,
            1_024,
        ),
        (task("", inner), 1_000, 288),
        (task("", ""), 500, 160),
    ] {
        let (pods, _) = read(&ecs::ENTRY, &text);
        assert_eq!(pods, [pod("t", cpu, memory)], "{text}");
    }
}

#[test]
fn ports_roles_and_executors_of_marathon_are_heeded_or_told() {
    let app = |more: &str| {
        format!(r#"{{"apps": [{{"id": "/a", "instances": 1, "cpus": 1, "mem": 64, {more}}}]}}"#)
    };
    for (more, expected) in [
        (r#""ports": [8080], "requirePorts": false"#, vec![]),
        (
            r#""ports": [8080, 0], "requirePorts": true"#,
            vec!["8080/TCP"],
        ),
        (
            r#""ports": [1], "portDefinitions": [{"port": 53, "protocol": "udp,tcp"}], "requirePorts": true"#,
            vec!["53/UDP", "53/TCP"],
        ),
        (
            r#""ports": [10000], "requirePorts": true, "container": {"docker": {"portMappings": [
{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81, "hostPort": 0}]}}"#,
            vec!["8080/TCP"],
        ),
    ] {
        assert_eq!(
            ports(&specs(&marathon::ENTRY, &app(more))[0]),
            expected,
            "{more}"
        );
    }
    let roles = "roles of the offers of an application, not enforced";
    for (own, expected) in [("slave_public", vec![roles]), ("*", vec![])] {
        let text = app(&format!(r#""acceptedResourceRoles": ["{own}"]"#));
        assert_eq!(ledger(&marathon::ENTRY, &text), expected);
    }
    let pods = r#"[{"id": "/p", "scaling": {"instances": 1}, "containers": [{"resources": {"cpus": 0.5, "mem": 32},
"endpoints": [{"hostPort": 8080, "protocol": ["tcp"]}, {"hostPort": 0}]}], "executorResources": {"cpus": 0.1, "mem": 32, "disk": 10}}]"#;
    let (found, _) = read(&marathon::ENTRY, pods);
    assert_eq!(found, [pod("p", 600, 64)]);
    assert_eq!(ports(&specs(&marathon::ENTRY, pods)[0]), ["8080/TCP"]);
}

#[test]
fn what_applications_of_marathon_state_about_their_conduct_is_told() {
    let app = |more: &str| {
        format!(r#"{{"apps": [{{"id": "/a", "instances": 1, "cpus": 1, "mem": 64, {more}}}]}}"#)
    };
    let defaults = r#""dependencies": [], "healthChecks": [], "backoffSeconds": 1, "backoffFactor": 1.15,
"maxLaunchDelaySeconds": 300, "killSelection": "YOUNGEST_FIRST", "unreachableStrategy": {"inactiveAfterSeconds": 0,
"expungeAfterSeconds": 0}, "upgradeStrategy": {"minimumHealthCapacity": 1.0, "maximumOverCapacity": 1}"#;
    assert!(ledger(&marathon::ENTRY, &app(defaults)).is_empty());
    for (own, expected) in [
        (
            r#""dependencies": ["/db"]"#,
            "dependencies of an application, not waited for",
        ),
        (
            r#""healthChecks": [{"protocol": "TCP"}]"#,
            "health checks of an application, not made",
        ),
        (
            r#""residency": {"taskLostBehavior": "WAIT_FOREVER"}"#,
            "residency of an application, not kept",
        ),
        (
            r#""backoffSeconds": 30"#,
            "launch back-off of an application, not followed",
        ),
        (
            r#""upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 1}"#,
            "upgrade strategy of an application, not followed",
        ),
        (
            r#""unreachableStrategy": "disabled""#,
            "unreachable strategy of an application, not followed",
        ),
        (
            r#""killSelection": "OLDEST_FIRST""#,
            "kill selection of an application, not followed",
        ),
    ] {
        assert_eq!(ledger(&marathon::ENTRY, &app(own)), [expected], "{own}");
    }
}

#[test]
fn an_application_alone_is_read() {
    let app = r#"{"app": {"id": "/web/front", "cpus": 0.5, "mem": 128, "instances": 2}}"#;
    let (pods, bad) = read(&marathon::ENTRY, app);
    let expected = ["web-front-1", "web-front-2"].map(|name| pod(name, 500, 128));
    assert_eq!(pods, expected);
    assert!(bad.is_empty(), "{bad:?}");
    let stopped = faults(
        &marathon::ENTRY,
        "s",
        app.replace("\"app\": {", "\"app\": {\"x\": "),
    )
    .stopped;
    assert!(stopped.is_some());
}

#[test]
fn ports_of_machines_and_platforms_of_swarm_are_heeded_or_told() {
    let text = r#"[{"Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {}, "Resources": {"Reservations": {
"NanoCPUs": 1000000000, "MemoryBytes": 67108864}}, "Placement": {"Platforms": [{"Architecture": "amd64", "OS": "linux"}]}},
"Mode": {"Replicated": {"Replicas": 1}}, "EndpointSpec": {"Ports": [
{"Protocol": "udp", "TargetPort": 80, "PublishedPort": 80, "PublishMode": "host"},
{"Protocol": "tcp", "TargetPort": 81, "PublishedPort": 81, "PublishMode": "ingress"}]}}}]"#;
    assert_eq!(ports(&specs(&docker::ENTRY, text)[0]), ["80/UDP"]);
    let platforms = "platforms of a service, not enforced";
    assert_eq!(ledger(&docker::ENTRY, text), [platforms]);
}

#[test]
fn ports_of_tasks_of_ecs_that_are_stated_are_taken() {
    let text = r#"{"tasks": [{"taskArn": "c/t", "lastStatus": "RUNNING", "cpu": "256", "memory": "64", "containers": [
{"networkBindings": [{"containerPort": 53, "hostPort": 53, "protocol": "udp"}, {"containerPort": 80, "hostPort": 32768}]},
{"networkBindings": [{"containerPort": 80, "hostPort": 8080, "protocol": "tcp"}]}]}]}"#;
    let spec = &specs(&ecs::ENTRY, text)[0];
    assert_eq!(ports(spec), ["53/UDP", "8080/TCP"]);
    let (pods, bad) = read(&ecs::ENTRY, &text.replace("8080", "\"x\""));
    assert!(pods.is_empty());
    assert!(bad[0].contains("networkBindings.0.hostPort"), "{bad:?}");
}
