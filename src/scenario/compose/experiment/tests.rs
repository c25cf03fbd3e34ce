//! Projects in the manner of files that people share: what of them depends on a host is there.

use super::super::tests::read_as;
use super::*;

fn nodes(text: &str, target: Target) -> Vec<(String, u64)> {
    let project = read_as(text, target, &[]).unwrap_or_else(|words| panic!("{words}"));
    let cluster = cluster(&project, target);
    let nodes = cluster["nodes"].as_array().expect("a list of nodes");
    let named = nodes.iter().map(|own| {
        let name = own["name"].as_str().expect("a name");
        (name.to_owned(), own["count"].as_u64().expect("a count"))
    });
    named.collect()
}

#[test]
fn hosts_that_services_ask_for_are_there() {
    let stack = "services:
  db: {image: postgres, deploy: {placement: {constraints: [node.hostname == db-1]}}}
  web: {image: web, deploy: {replicas: 2, placement: {constraints: ['node.hostname != db-1']}}}
  cron: {image: web, deploy: {placement: {constraints: [node.hostname==db-1]}}}
";
    for target in [Target::SwarmKit, Target::Kubernetes] {
        let expected = [("db-1".to_owned(), 1), ("node-{}".to_owned(), 2)];
        assert_eq!(nodes(stack, target), expected);
    }
    assert_eq!(nodes(stack, Target::Compose), [("host".to_owned(), 1)]);
    let own = stack.replace("db-1", "node-1");
    let expected = [("node-1".to_owned(), 1), ("host-{}".to_owned(), 2)];
    assert_eq!(nodes(&own, Target::SwarmKit), expected);
}

#[test]
fn a_port_whose_number_is_not_set_is_any_free_one() {
    let gateway = "services:
  kong: {image: 'kong:2.8', ports: ['${KONG_HTTP_PORT}:8000/tcp', '127.0.0.1:${ADMIN_PORT}:8001']}
";
    for target in [Target::Compose, Target::SwarmKit, Target::Kubernetes] {
        let project = read_as(gateway, target, &[]).unwrap_or_else(|words| panic!("{words}"));
        let ports = project.services[0].ports.iter();
        let ports: Vec<_> = ports.map(|own| (own.target, own.published)).collect();
        assert_eq!(ports, [(8000, None), (8001, None)]);
        let told: Vec<&str> = (project.remarks.iter())
            .filter(|own| own.field == "ports")
            .map(|own| own.effect.as_str())
            .collect();
        assert!(
            told.contains(
                &"the variable `KONG_HTTP_PORT` is not set, so any free port is published"
            )
        );
        assert_eq!(told.len(), 2, "{told:?}");
    }
    // The port inside has to be there.
    let inside = gateway.replace("8001", "${INNER}");
    let refused = read_as(&inside, Target::Compose, &[]).expect_err("no port");
    assert!(refused.contains("is no port"), "{refused}");
}

#[test]
fn services_at_the_top_are_of_a_version_that_is_gone() {
    let old = "web: {image: nginx, links: [db]}\ndb: {build: .}\n";
    let refused = read_as(old, Target::Compose, &[]).expect_err("no services");
    assert!(refused.contains("put them under `services:`"), "{refused}");
    let other = "web: {port: 80}\n";
    let refused = read_as(other, Target::Compose, &[]).expect_err("no services");
    assert!(!refused.contains("version 1"), "{refused}");
}

fn both(text: &str, target: Target) -> (Vec<Value>, Value) {
    let project = read_as(text, target, &[]).unwrap_or_else(|words| panic!("{words}"));
    let file = json!({"cluster": cluster(&project, target), "system": system(&project, target)});
    (super::super::objects::objects(&project, target), file)
}

#[test]
fn what_engines_say_of_their_nodes_stays_a_constraint_of_a_stack() {
    let stack = "services:
  agent: {image: a, deploy: {mode: global, placement: {constraints: [node.platform.os == linux, 'node.platform.arch != aarch64']}}}
  boss: {image: b, deploy: {placement: {constraints: [node.role==manager, node.labels.disk == ssd]}}}
";
    let (objects, file) = both(stack, Target::SwarmKit);
    let own = &file["system"]["swarmkit"];
    assert_eq!(own["managers"], 1);
    let expected = json!(["node.platform.os==linux", "node.platform.arch!=aarch64"]);
    assert_eq!(own["placement"]["agent"]["constraints"], expected);
    assert_eq!(
        own["placement"]["boss"]["constraints"],
        json!(["node.role==manager"])
    );
    assert!(objects[0]["spec"]["template"]["spec"]["affinity"].is_null());
    let labels = json!({"disk": "ssd"});
    assert_eq!(file["cluster"]["nodes"][0]["template"]["labels"], labels);
    // A cluster has words of its own, and labels that say them.
    let (objects, file) = both(stack, Target::Kubernetes);
    let affinity = &objects[0]["spec"]["template"]["spec"]["affinity"]["nodeAffinity"];
    let terms = &affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    let rules = &terms[0]["matchExpressions"];
    assert_eq!(rules[0]["key"], "kubernetes.io/os");
    assert_eq!(rules[1]["values"], json!(["arm64"]));
    let labels = &file["cluster"]["nodes"][0]["template"]["labels"];
    assert_eq!(labels["kubernetes.io/os"], "linux");
    assert_eq!(labels["kubernetes.io/arch"], "amd64");
}

#[test]
fn ports_in_host_mode_are_taken_on_the_node_of_each_container() {
    let proxy = |mode: &str| {
        format!(
            "services:
  one: {{image: a, ports: [{{target: 80, published: 8080, mode: {mode}}}]}}
  two: {{image: b, ports: [{{target: 81, published: 8080, mode: host}}]}}
"
        )
    };
    for target in [Target::SwarmKit, Target::Kubernetes] {
        let (objects, _) = both(&proxy("host"), target);
        let container = &objects[0]["spec"]["template"]["spec"]["containers"][0];
        let expected = json!([{"containerPort": 80, "hostPort": 8080, "protocol": "TCP"}]);
        assert_eq!(container["ports"], expected);
    }
    let refused = read_as(&proxy("ingress"), Target::SwarmKit, &[]).expect_err("one is everywhere");
    assert!(
        refused.contains("port 8080/tcp is published by `one` and by `two`"),
        "{refused}"
    );
    let alone = "services:\n  a: {image: a, ports: [{target: 80, published: 8080, mode: host}]}\n";
    let project = read_as(alone, Target::Compose, &[]).unwrap_or_else(|words| panic!("{words}"));
    let listed = project.remarks.iter().any(|own| own.field == "ports.mode");
    assert!(listed, "{:?}", project.remarks);
}

#[test]
fn nothing_stands_for_a_default_where_docker_has_it_so() {
    let stack = "services:
  a: {image: a, deploy: {update_config: {monitor: 0s, delay: 0s}, rollback_config: {monitor: 2s}}}
  b: {image: b, deploy: {mode: replicated-job, restart_policy: {condition: none}}}
  c: {image: c, deploy: {mode: replicated-job}}
  d: {image: d, deploy: {mode: replicated-job, restart_policy: {max_attempts: 2}}}
";
    let (objects, file) = both(stack, Target::SwarmKit);
    let own = &file["system"]["swarmkit"]["services"]["a"];
    assert_eq!(own["update"]["monitor"], Value::Null);
    assert_eq!(own["rollback"]["monitor"], "2s");
    let limits: Vec<&Value> = objects[1..]
        .iter()
        .map(|own| &own["spec"]["backoffLimit"])
        .collect();
    assert_eq!(limits, [&json!(0), &json!(i32::MAX), &json!(2)]);
}

#[test]
fn a_preference_over_no_label_is_told_and_passed_over() {
    let stack = "services:
  a: {image: a, deploy: {placement: {preferences: [{spread: node.id}, {spread: node.labels.zone}]}}}
";
    let project = read_as(stack, Target::SwarmKit, &[]).unwrap_or_else(|words| panic!("{words}"));
    assert_eq!(project.services[0].spread, ["zone"]);
    let listed: Vec<&str> = project.remarks.iter().map(|own| &*own.field).collect();
    assert_eq!(listed, ["deploy.placement.preferences"]);
}
