//! Rules between the fields of `system.openshift:`: deployment configurations with their hooks, and routers.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{
    OpenShift, OpenShiftDeploymentConfig, OpenShiftHookFailure, OpenShiftPolicy, OpenShiftRouter,
    OpenShiftTrigger, System,
};
use super::tree::{Span, Tree};

/// Reports every broken rule of `system.openshift`.
pub(super) fn check(system: &System, tree: &Tree, findings: &mut Findings) {
    let Some(written) = &system.openshift else {
        return;
    };
    if system.controllers.is_none() && !written.deployment_configs.is_empty() {
        let message = "without controllers nothing rolls deployment configurations out".to_owned();
        let span = tree.locate(["system", "openshift", "deploymentConfigs"]);
        findings.push(
            Finding::new(Code::Conflict, message, span)
                .label("write `controllers: {}` under `system`"),
        );
    }
    if written.policy_file.is_some() && written.policy != OpenShiftPolicy::default() {
        let message = "the policy is that of `policyFile`".to_owned();
        let span = tree.locate(["system", "openshift", "policy"]);
        findings.push(Finding::new(Code::Conflict, message, span).label("expected one of both"));
    }
    routers(system, written, tree, findings);
    for (name, own) in &written.deployment_configs {
        deployment_config(name, own, tree, findings);
        hooks(name, own, tree, findings);
    }
}

/// Fields of a deployment configuration that contradict each other.
fn deployment_config(
    name: &str,
    own: &OpenShiftDeploymentConfig,
    tree: &Tree,
    findings: &mut Findings,
) {
    let mut wrong = |field: &[&str], message: String, label: &str| {
        let path = ["system", "openshift", "deploymentConfigs", name];
        let path = path.iter().chain(field).copied();
        findings.push(Finding::new(Code::Conflict, message, tree.locate(path)).label(label));
    };
    if own.active_deadline < own.timeout {
        let (deadline, timeout) = (own.active_deadline, own.timeout);
        let message =
            format!("rollouts fail after {deadline}, before the time-out of {timeout} can pass");
        wrong(&["activeDeadline"], message, "expected `timeout` or more");
    }
    let is_ordered = own.script.is_sorted_by(|a, b| a.after < b.after);
    if !is_ordered {
        let message = "the steps of the script are not in the order of their times".to_owned();
        wrong(
            &["script"],
            message,
            "expected each later than the one before",
        );
    }
    if own.awaits_image && !own.triggers.contains(&OpenShiftTrigger::ImageChange) {
        let message = "the first version would wait for an image that triggers none".to_owned();
        wrong(
            &["awaitsImage"],
            message,
            "add `image-change` to `triggers`",
        );
    }
    if own.image_tag.is_some() && !own.triggers.contains(&OpenShiftTrigger::ImageChange) {
        let message = "no image begins a rollout, so no tag is followed".to_owned();
        wrong(&["imageTag"], message, "add `image-change` to `triggers`");
    }
    let usual = OpenShiftDeploymentConfig::default();
    for (field, is_stated) in [
        ("updatePeriod", own.update_period != usual.update_period),
        ("interval", own.interval != usual.interval),
    ] {
        if is_stated && !own.script.is_empty() {
            let message = "a deployer of one's own has no rounds".to_owned();
            wrong(&[field], message, "leave it out, or leave `script` out");
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
fn hooks(name: &str, own: &OpenShiftDeploymentConfig, tree: &Tree, findings: &mut Findings) {
    let mut wrong = |field: &[&str], message: String, label: &str| {
        let path = ["system", "openshift", "deploymentConfigs", name];
        let path = path.iter().chain(field).copied();
        findings.push(Finding::new(Code::Conflict, message, tree.locate(path)).label(label));
    };
    for (field, hook) in [("pre", own.pre), ("mid", own.mid), ("post", own.post)] {
        let Some(hook) = hook else {
            continue;
        };
        if !own.script.is_empty() {
            let message = "a deployer of one's own runs no hooks".to_owned();
            wrong(&[field], message, "leave it out, or leave `script` out");
        }
        if hook.failures == 0 && hook.failure_policy != OpenShiftHookFailure::default() {
            let message = "no run of this hook fails, so its policy has no effect".to_owned();
            wrong(
                &[field, "failurePolicy"],
                message,
                "give `failures` a number, or leave it out",
            );
        }
    }
}

/// Names of routers, and routers that get no route.
fn routers(system: &System, written: &OpenShift, tree: &Tree, findings: &mut Findings) {
    let has_controllers = system.controllers.is_some();
    for (number, own) in written.routers.iter().enumerate() {
        let place = number.to_string();
        let path = ["system", "openshift", "routers", &place];
        let earlier = &written.routers[..number];
        if earlier.iter().any(|other| other.name == own.name) {
            let message = format!("two routers are named `{}`", own.name);
            let span = tree.locate(path.iter().copied().chain(["name"]));
            let finding = Finding::new(Code::DuplicateName, message, span);
            findings.push(finding.label("expected a name of its own"));
        }
        if own.pods.is_some() {
            pods_of_router(own, has_controllers, findings, |field| {
                tree.locate(path.iter().copied().chain([field]))
            });
        }
        let takes_all = |other: &&OpenShiftRouter| {
            let has_all = other.projects.is_empty()
                || (!own.projects.is_empty()
                    && own
                        .projects
                        .iter()
                        .all(|name| other.projects.contains(name)));
            let labels = &own.route_selector;
            has_all
                && (other.route_selector.iter()).all(|(key, value)| labels.get(key) == Some(value))
        };
        if let Some(other) = earlier.iter().find(takes_all) {
            let message = format!(
                "the router `{}` gets no route: `{}` before it selects all of them",
                own.name, other.name
            );
            let span = tree.locate(path);
            let finding = Finding::new(Code::Conflict, message, span);
            findings.push(finding.label("expected before it, or with other labels"));
        }
    }
}

/// Pods of a router without the controllers that would make them, or without a name for them.
fn pods_of_router(
    own: &OpenShiftRouter,
    has_controllers: bool,
    findings: &mut Findings,
    place: impl Fn(&'static str) -> Span,
) {
    if !has_controllers {
        let message = "without controllers nothing makes the pods of a router".to_owned();
        let finding = Finding::new(Code::Conflict, message, place("pods"));
        findings.push(finding.label("write `controllers: {}` under `system`"));
    }
    let is_plain = |own: char| own.is_ascii_lowercase() || own.is_ascii_digit() || own == '-';
    let is_name = own.name.chars().all(is_plain)
        && !own.name.starts_with('-')
        && !own.name.ends_with('-')
        && own.name.len() <= 63;
    if !is_name {
        let message = format!("no deployment configuration can be named `{}`", own.name);
        let finding = Finding::new(Code::WrongType, message, place("name"));
        findings.push(finding.label("expected lower case letters, digits and `-`, at most 63"));
    }
}
