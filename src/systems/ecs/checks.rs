//! Rules between the options of ECS, and between its capacity providers and the provider of machines.

use options::{Machines, Rules};
use units::SortedSet;
use units::nearest::nearest;

use super::section::{Ecs, EcsCapacityProvider};

const FARGATE: &str = EcsCapacityProvider::FARGATE;
const PROVIDERS: &str = "capacityProviders";

/// Reports every broken rule.
pub(super) fn check(stated: &Ecs, rules: &mut Rules<'_>) {
    let (replaced, timeout) = (stated.replace_after, stated.agent_timeout);
    if replaced < timeout {
        let message =
            format!("instances would be given up after {replaced}, before they are missed");
        let label = format!("expected the agent's time-out of {timeout} or more");
        rules.at(&["replaceAfter"], message, label);
    }
    if stated.circuit_breaker.rolls_back && !stated.circuit_breaker.is_enabled {
        let message = "no deployment is given up, so none is rolled back";
        let label = "add `enable: true`, or leave it out";
        rules.at(&["circuitBreaker", "rollback"], message, label);
    }
    let mut names = SortedSet::new();
    let mut has_base = false;
    for (number, own) in stated.capacity_providers.iter().enumerate() {
        let place = number.to_string();
        if !names.insert(own.name.as_str()) {
            let message = format!("there is a capacity provider `{}` already", own.name);
            let path = [PROVIDERS, &place, "name"];
            rules.at(&path, message, "expected a name of its own");
        } else if let Some((message, label)) = unknown(own, rules.around().machines) {
            rules.at(&[PROVIDERS, &place, "name"], message, label);
        }
        if own.base > 0 && has_base {
            let message = "another capacity provider has a base already";
            let path = [PROVIDERS, &place, "base"];
            rules.at(&path, message, "expected one `base` at most");
        }
        has_base |= own.base > 0;
        zones(own, &place, rules);
        scaling(own, &place, rules);
    }
    let providers = &stated.capacity_providers;
    if !providers.is_empty() && providers.iter().all(|own| own.weight == 0) {
        let message = "no capacity provider has a weight, so tasks beyond a base go nowhere";
        rules.at(&[PROVIDERS, "0", "weight"], message, "expected 1 or more");
    }
    if stated.has_fargate() {
        for name in stated.placement.keys() {
            let message = "tasks of Fargate have neither strategies nor constraints";
            let label = format!("leave it out, or the capacity provider `{FARGATE}`");
            rules.at(&["placement", name], message, label);
        }
    }
}

/// Complaint about a capacity provider that a provider of machines does not have, with what was expected.
fn unknown(own: &EcsCapacityProvider, machines: Option<Machines<'_>>) -> Option<(String, String)> {
    let name = own.name.as_str();
    if !own.is_fargate() {
        let groups = machines.map_or(&[][..], |own| own.groups);
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
    let Some(machines) = machines else {
        return Some((
            "machines of Fargate come from a provider, and there is none".to_owned(),
            "write `provider: {}` under `cluster`".to_owned(),
        ));
    };
    if machines.groups.contains(&name) {
        let message = format!("a group of `cluster.provider` has the name `{name}`, too");
        return Some((message, "give the group another name".to_owned()));
    }
    (name != FARGATE && !machines.has_spot_price).then(|| {
        (
            "the share of the on-demand price that spot capacity costs is not stated".to_owned(),
            "write `spot: {price: 30%, kept: exponential(6h)}` under `cluster.provider`".to_owned(),
        )
    })
}

/// Zones of machines that are not Fargate's, and zones that are there twice.
fn zones(own: &EcsCapacityProvider, place: &str, rules: &mut Rules<'_>) {
    let path = [PROVIDERS, place, "zones"];
    if !own.is_fargate() && !own.zones.is_empty() {
        let message = "instances of a group are in the zones of its nodes";
        let label = "leave it out; `zones` are those of Fargate";
        rules.at(&path, message, label);
    }
    let mut zones = SortedSet::new();
    if let Some(zone) = own.zones.iter().find(|own| !zones.insert(own.as_str())) {
        let message = format!("the zone `{zone}` is there twice");
        rules.at(&path, message, "expected each zone once");
    }
}

fn scaling(own: &EcsCapacityProvider, place: &str, rules: &mut Rules<'_>) {
    let Some(scaling) = own.managed_scaling else {
        return;
    };
    let field = "managedScaling";
    if own.is_fargate() {
        let message = "Fargate has a machine for every task, and nothing to scale";
        rules.at(&[PROVIDERS, place, field], message, "leave it out");
    }
    let least = scaling.minimum_scaling_step_size;
    let most = scaling.maximum_scaling_step_size;
    if most < least {
        let message = format!("the largest step of {most} is smaller than the smallest of {least}");
        let path = [PROVIDERS, place, field, "maximumScalingStepSize"];
        rules.at(&path, message, format!("expected {least} or more"));
    }
}
