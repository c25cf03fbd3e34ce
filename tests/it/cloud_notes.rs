//! Clouds and platforms: options that change nothing in their setting, each told in a note of the run.

use crate::cloud_inputs::{WEB, experiment};
use crate::scratch::Scratch;

/// System, further fields of the experiment, and the note about them.
const NOTED: [(&str, &str, &str); 6] = [
    (
        "name: ecs, ecs: {placement: {web: {strategies: ['spread=attribute:nosuch']}}}",
        "",
        "system.ecs.placement.web.strategies[0] has no effect: no instance has the attribute `nosuch`",
    ),
    (
        "name: ecs, ecs: {placement: {web: {constraints: ['attribute:stack == prod']}}}",
        "",
        "system.ecs.placement.web.constraints[0]: no instance has the attribute `stack`",
    ),
    (
        "name: ecs, ecs: {targetHealthyAfter: 10s}",
        "",
        "system.ecs.targetHealthyAfter has no effect: no Service selects",
    ),
    (
        "name: ecs, ecs: {capacityProviders: [{name: FARGATE, weight: 3}]}",
        "variants: {only: {cluster.provider: {}}}",
        "system.ecs.capacityProviders[0].weight has no effect",
    ),
    (
        "name: openshift, controllers: {}, openshift: {routers: [{name: all}]}",
        "",
        "system.openshift.routers has no effect: there is no Route and no Ingress",
    ),
    (
        "name: nova, nova: {liveMigration: {bandwidth: 125M}}",
        "",
        "system.nova.liveMigration has no effect: no host is taken out of use",
    ),
];

#[test]
fn options_that_change_nothing_are_noted() {
    for (system, more, expected) in NOTED {
        let text = experiment(system, more);
        let scratch = Scratch::new("cloud-notes", &[("a.yaml", &text), ("web.yaml", WEB)]);
        let said = scratch.run(&["run", "a.yaml", "--out", "out"], 0);
        assert!(said.contains(expected), "{system} {more}: {said}");
    }
    // What is selected has a balancer.
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: \
                   web}, ports: [{port: 80}]}\n";
    let web = format!("{WEB}{service}");
    let text = experiment("name: ecs, ecs: {deregistrationDelay: 10s}", "");
    let scratch = Scratch::new("cloud-notes", &[("a.yaml", &text), ("web.yaml", &web)]);
    let said = scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    assert!(!said.contains("has no effect"), "{said}");
}

#[test]
fn a_route_without_alternates_and_a_recreation_with_rounds_are_told() {
    let route = "---\napiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: shop}\nspec: {host: \
                 shop.example, to: {kind: Service, name: web, weight: 50}}\n";
    let web = format!("{WEB}{route}");
    let text = experiment("name: openshift, controllers: {}", "");
    let scratch = Scratch::new("cloud-route", &[("a.yaml", &text), ("web.yaml", &web)]);
    let said = scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let expected = "Route/default/shop: the weight 50 of the service `web` has no effect";
    assert!(said.contains(expected), "{said}");
    let strategy = "strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}\n  replicas";
    let web = WEB.replace("replicas", strategy);
    let scratch = Scratch::new("cloud-recreate", &[("a.yaml", &text), ("web.yaml", &web)]);
    let said = scratch.run(&["run", "a.yaml", "--out", "out"], 2);
    let expected = "spec.strategy.rollingUpdate: expected nothing with the type `Recreate`";
    assert!(said.contains(expected), "{said}");
}
