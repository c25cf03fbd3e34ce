//! Rules of the capacity providers of `system.ecs`.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{EcsCapacityProvider, Provider, Scenario, SpotMarket};
use super::tree::Tree;
use units::SortedSet;
use units::nearest::nearest;

/// Name of the provider that gives every task a machine of its own.
const FARGATE: &str = EcsCapacityProvider::FARGATE;

/// Reports every broken rule.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let Some(written) = &scenario.system.ecs else {
        return;
    };
    if written.circuit_breaker.rollback && !written.circuit_breaker.enable {
        let span = tree.locate(["system", "ecs", "circuitBreaker", "rollback"]);
        let message = "no deployment is given up, so none is rolled back".to_owned();
        let label = "add `enable: true`, or leave it out";
        findings.push(Finding::new(Code::Conflict, message, span).label(label));
    }
    let providers = &written.capacity_providers;
    let mut wrong = |number: usize, field: &[&str], message: String, label: String| {
        let number = number.to_string();
        let path = ["system", "ecs", "capacityProviders", &number];
        let path = path.iter().chain(field).copied();
        findings.push(Finding::new(Code::Conflict, message, tree.locate(path)).label(label));
    };
    let provider = scenario.cluster.provider.as_ref();
    let mut names = SortedSet::new();
    let mut has_base = false;
    for (number, own) in providers.iter().enumerate() {
        if !names.insert(own.name.as_str()) {
            let message = format!("there is a capacity provider `{}` already", own.name);
            let label = "expected a name of its own".to_owned();
            wrong(number, &["name"], message, label);
        } else if let Some((message, label)) = unknown(own, provider) {
            wrong(number, &["name"], message, label);
        }
        if own.base > 0 && has_base {
            let message = "another capacity provider has a base already".to_owned();
            wrong(
                number,
                &["base"],
                message,
                "expected one `base` at most".to_owned(),
            );
        }
        has_base |= own.base > 0;
        if !own.is_fargate() && !own.zones.is_empty() {
            let message = "instances of a group are in the zones of its nodes".to_owned();
            let label = "leave it out; `zones` are those of Fargate".to_owned();
            wrong(number, &["zones"], message, label);
        }
        let mut zones = SortedSet::new();
        if let Some(zone) = own.zones.iter().find(|own| !zones.insert(own.as_str())) {
            let message = format!("the zone `{zone}` is there twice");
            let label = "expected each zone once".to_owned();
            wrong(number, &["zones"], message, label);
        }
        scaling(number, own, &mut wrong);
    }
    if !providers.is_empty() && providers.iter().all(|own| own.weight == 0) {
        let message = "no capacity provider has a weight, so tasks beyond a base go nowhere";
        wrong(
            0,
            &["weight"],
            message.to_owned(),
            "expected 1 or more".to_owned(),
        );
    }
    if providers.iter().any(EcsCapacityProvider::is_fargate) {
        without_choice(scenario, tree, findings);
    }
}

/// Complaint about a capacity provider that a provider of machines does not have, with what was expected.
fn unknown(own: &EcsCapacityProvider, provider: Option<&Provider>) -> Option<(String, String)> {
    let name = own.name.as_str();
    if !own.is_fargate() {
        let groups = provider.iter().flat_map(|own| &own.groups);
        let groups: Vec<&str> = groups.map(|own| own.name.as_str()).collect();
        if groups.contains(&name) {
            return None;
        }
        let label = nearest(name, groups.iter().copied()).map_or_else(
            || format!("expected `{FARGATE}` or the name of a group"),
            |known| format!("did you mean `{known}`?"),
        );
        let message = format!("there is no group `{name}` of `cluster.provider`");
        return Some((message, label));
    }
    let Some(provider) = provider else {
        return Some((
            "machines of Fargate come from a provider, and there is none".to_owned(),
            "write `provider: {}` under `cluster`".to_owned(),
        ));
    };
    let has_price = |own: &SpotMarket| own.price.is_some();
    let is_known = name == FARGATE || provider.spot.as_ref().is_some_and(has_price);
    (!is_known).then(|| {
        (
            "the share of the on-demand price that spot capacity costs is not stated".to_owned(),
            "write `spot: {price: 30%, kept: exponential(6h)}` under `cluster.provider`".to_owned(),
        )
    })
}

/// Reports what a task that has a machine of its own can't have, and a group of the same name.
fn without_choice(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let placement = scenario.system.ecs.iter().flat_map(|own| &own.placement);
    for (name, _) in placement {
        let span = tree.locate(["system", "ecs", "placement", name]);
        let message = "tasks of Fargate have neither strategies nor constraints".to_owned();
        findings.push(Finding::new(Code::Conflict, message, span).label(format!(
            "leave it out, or the capacity provider `{FARGATE}`"
        )));
    }
    let groups = scenario.cluster.provider.iter().flat_map(|own| &own.groups);
    for (number, group) in groups.enumerate() {
        if [FARGATE, EcsCapacityProvider::FARGATE_SPOT].contains(&group.name.as_str()) {
            let number = number.to_string();
            let span = tree.locate(["cluster", "provider", "groups", &number, "name"]);
            let message = format!(
                "a group `{}` has the name of a capacity provider that is no group",
                group.name
            );
            findings
                .push(Finding::new(Code::Conflict, message, span).label("expected another name"));
        }
    }
}

fn scaling(
    number: usize,
    own: &EcsCapacityProvider,
    wrong: &mut impl FnMut(usize, &[&str], String, String),
) {
    let Some(scaling) = own.managed_scaling else {
        return;
    };
    let field = "managedScaling";
    if own.is_fargate() {
        let message = "Fargate has a machine for every task, and nothing to scale".to_owned();
        wrong(number, &[field], message, "leave it out".to_owned());
    }
    let (least, most) = (
        scaling.minimum_scaling_step_size,
        scaling.maximum_scaling_step_size,
    );
    if most < least {
        let message = format!("the largest step of {most} is smaller than the smallest of {least}");
        let path = [field, "maximumScalingStepSize"];
        wrong(number, &path, message, format!("expected {least} or more"));
    }
}
