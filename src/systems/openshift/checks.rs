//! Rules between the options of `OpenShift`: deployment configurations with their hooks, and routers.

use options::Rules;

use super::rollout::HookPolicy;
use super::section::{
    OpenShift, OpenShiftDeploymentConfig, OpenShiftPolicy, OpenShiftRouter, OpenShiftTrigger,
};

const CONFIGS: &str = "deploymentConfigs";

/// Reports every broken rule.
pub(super) fn check(stated: &OpenShift, rules: &mut Rules<'_>) {
    if !rules.around().has_controllers && !stated.deployment_configs.is_empty() {
        let message = "without controllers nothing rolls deployment configurations out";
        rules.at(
            &[CONFIGS],
            message,
            "write `controllers: {}` under `system`",
        );
    }
    if stated.policy_file.is_some() && stated.policy != OpenShiftPolicy::default() {
        let message = "the policy is that of `policyFile`";
        rules.at(&["policy"], message, "expected one of both");
    }
    routers(stated, rules);
    for (name, own) in &stated.deployment_configs {
        deployment_config(name, own, rules);
        hooks(name, own, rules);
    }
}

/// Fields of a deployment configuration that contradict each other.
fn deployment_config(name: &str, own: &OpenShiftDeploymentConfig, rules: &mut Rules<'_>) {
    let mut wrong = |field: &[&str], message: String, label: &str| {
        rules.at(&[&[CONFIGS, name], field].concat(), message, label);
    };
    if own.active_deadline < own.timeout {
        let (deadline, timeout) = (own.active_deadline, own.timeout);
        let message =
            format!("rollouts fail after {deadline}, before the time-out of {timeout} can pass");
        wrong(&["activeDeadline"], message, "expected `timeout` or more");
    }
    if !own.script.is_sorted_by(|a, b| a.after < b.after) {
        let message = "the steps of the script are not in the order of their times".to_owned();
        let label = "expected each later than the one before";
        wrong(&["script"], message, label);
    }
    let usual = OpenShiftDeploymentConfig::default();
    let has_image = own.begins_with(OpenShiftTrigger::ImageChange);
    let (image, script) = (
        "add `image-change` to `triggers`",
        "leave it out, or leave `script` out",
    );
    for (field, is_idle, message, label) in [
        (
            "awaitsImage",
            own.awaits_image && !has_image,
            "the first version would wait for an image that triggers none",
            image,
        ),
        (
            "imageTag",
            own.image_tag.is_some() && !has_image,
            "no image begins a rollout, so no tag is followed",
            image,
        ),
        (
            "updatePeriod",
            own.update_period != usual.update_period && !own.script.is_empty(),
            "a deployer of one's own has no rounds",
            script,
        ),
        (
            "interval",
            own.interval != usual.interval && !own.script.is_empty(),
            "a deployer of one's own has no rounds",
            script,
        ),
    ] {
        if is_idle {
            wrong(&[field], message.to_owned(), label);
        }
    }
    for (number, trigger) in own.triggers.iter().enumerate() {
        if own.triggers[..number].contains(trigger) {
            let number = number.to_string();
            let message = "this trigger stands here twice".to_owned();
            wrong(&["triggers", &number], message, "expected each once");
        }
    }
}

/// Hooks that never run, and policies of hooks that never fail.
fn hooks(name: &str, own: &OpenShiftDeploymentConfig, rules: &mut Rules<'_>) {
    for (field, hook) in [("pre", own.pre), ("mid", own.mid), ("post", own.post)] {
        let Some(hook) = hook else {
            continue;
        };
        if !own.script.is_empty() {
            let message = "a deployer of one's own runs no hooks";
            let label = "leave it out, or leave `script` out";
            rules.at(&[CONFIGS, name, field], message, label);
        }
        if hook.failures == 0 && hook.policy != HookPolicy::default() {
            let message = "no run of this hook fails, so its policy has no effect";
            let label = "give `failures` a number, or leave it out";
            rules.at(&[CONFIGS, name, field, "failurePolicy"], message, label);
        }
    }
}

/// Names of routers, and routers that get no route.
fn routers(stated: &OpenShift, rules: &mut Rules<'_>) {
    for (number, own) in stated.routers.iter().enumerate() {
        let place = number.to_string();
        let earlier = &stated.routers[..number];
        if earlier.iter().any(|other| other.name == own.name) {
            let message = format!("two routers are named `{}`", own.name);
            let path = ["routers", &place, "name"];
            rules.at(&path, message, "expected a name of its own");
        }
        if own.pods.is_some() {
            pods_of_router(own, &place, rules);
        }
        let takes_all = |other: &&OpenShiftRouter| {
            let mut projects = own.projects.iter();
            let has_all = other.projects.is_empty()
                || (!own.projects.is_empty() && projects.all(|name| other.projects.contains(name)));
            let mut labels = other.route_selector.iter();
            has_all && labels.all(|(key, value)| own.route_selector.get(key) == Some(value))
        };
        if let Some(other) = earlier.iter().find(takes_all) {
            let message = format!(
                "the router `{}` gets no route: `{}` before it selects all of them",
                own.name, other.name
            );
            let label = "expected before it, or with other labels";
            rules.at(&["routers", &place], message, label);
        }
    }
}

/// Pods of a router without the controllers that would make them, or without a name for them.
fn pods_of_router(own: &OpenShiftRouter, place: &str, rules: &mut Rules<'_>) {
    if !rules.around().has_controllers {
        let message = "without controllers nothing makes the pods of a router";
        let label = "write `controllers: {}` under `system`";
        rules.at(&["routers", place, "pods"], message, label);
    }
    let is_plain = |own: char| own.is_ascii_lowercase() || own.is_ascii_digit() || own == '-';
    let is_name = own.name.chars().all(is_plain)
        && !own.name.starts_with('-')
        && !own.name.ends_with('-')
        && own.name.len() <= 63;
    if !is_name {
        let message = format!("no deployment configuration can be named `{}`", own.name);
        let label = "expected lower case letters, digits and `-`, at most 63";
        rules.at(&["routers", place, "name"], message, label);
    }
}
