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
