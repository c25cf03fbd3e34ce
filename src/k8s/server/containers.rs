//! Rules about the containers of a pod: names, ports, probes, hooks.

use super::names::{LABEL, PORT_NAME, is_label, is_port_name, is_task_container};
use super::{Breaches, Rule, each_container};
use crate::field::Path;
use crate::raw;
use units::SortedSet;

const ALWAYS: &str = "Always";

/// Restart policies of pods, and of containers since 1.34.
pub(super) const RESTART_POLICIES: &[&str] = &[ALWAYS, "OnFailure", "Never"];

/// The rules, in the order in which the server looks at them.
pub(super) const RULES: &[Rule] = &[
    Rule {
        taken_by_ecs: Some(is_task_container),
        ..Rule::new(LABEL, "validateContainerCommon", |spec, breaches| {
            each_container(spec, |path, own, _| {
                if !own.name.is_empty() && !is_label(&own.name) {
                    breaches.add(&path.field("name"), &[], &own.name);
                }
            });
        })
    },
    Rule::new(
        "Duplicate value: two containers of a pod have one name",
        "validateContainers, validateInitContainers",
        |spec, breaches| {
            let mut seen = SortedSet::new();
            each_container(spec, |path, own, _| {
                if !own.name.is_empty() && !seen.insert(own.name.as_str()) {
                    breaches.add(&path.field("name"), &[], &own.name);
                }
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"Always\"",
        "validateInitContainerRestartPolicy",
        |spec, breaches| {
            each_container(spec, |path, own, is_init| {
                let policy = own.restart_policy.as_deref().filter(|_| is_init);
                breaches.add_unknown(&path.field("restartPolicy"), policy, &[ALWAYS]);
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"Always\", \"OnFailure\", \"Never\"",
        "validateContainers",
        |spec, breaches| {
            each_container(spec, |path, own, is_init| {
                let policy = own.restart_policy.as_deref().filter(|_| !is_init);
                breaches.add_unknown(&path.field("restartPolicy"), policy, RESTART_POLICIES);
            });
        },
    ),
    Rule {
        relaxed: Some(
            "releases from 1.35 on admit it (`ContainerRestartRules`); the restart policy of the pod decides here",
        ),
        ..Rule::new(
            "may not be set for non-init containers",
            "validateContainers",
            |spec, breaches| {
                let of_pod = stated(spec.restart_policy.as_deref()).unwrap_or(ALWAYS);
                each_container(spec, |path, own, is_init| {
                    let policy = stated(own.restart_policy.as_deref());
                    // One that is the pod's changes nothing.
                    let policy = policy.filter(|policy| !is_init && *policy != of_pod);
                    if let Some(policy) = policy {
                        breaches.add(&path.field("restartPolicy"), &[], &policy);
                    }
                });
            },
        )
    },
    Rule::new(
        "Unsupported value: supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        "validatePullPolicy",
        |spec, breaches| {
            each_container(spec, |path, own, _| {
                let policy = own.image_pull_policy.as_deref();
                let known = &[ALWAYS, "IfNotPresent", "Never"];
                breaches.add_unknown(&path.field("imagePullPolicy"), policy, known);
            });
        },
    ),
    Rule::new(
        "must be between 1 and 65535, inclusive",
        "validateContainerPorts",
        |spec, breaches| {
            each_port(spec, |path, own, _| {
                for (field, port) in [
                    ("containerPort", own.container_port),
                    ("hostPort", own.host_port),
                ] {
                    let port = port.filter(|port| !(0..=65_535).contains(port));
                    if let Some(port) = port {
                        breaches.add(&path.field(field), &[], &port);
                    }
                }
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"SCTP\", \"TCP\", \"UDP\"",
        "validateContainerPorts",
        |spec, breaches| {
            each_port(spec, |path, own, _| {
                let (protocol, known) = (own.protocol.as_deref(), &["TCP", "UDP", "SCTP"]);
                breaches.add_unknown(&path.field("protocol"), protocol, known);
            });
        },
    ),
    Rule::new(PORT_NAME, "validateContainerPorts", |spec, breaches| {
        each_port(spec, |path, own, _| {
            if !own.name.is_empty() && !is_port_name(&own.name) {
                breaches.add(&path.field("name"), &[], &own.name);
            }
        });
    }),
    Rule::new(
        "Duplicate value: two ports of a container have one name",
        "validateContainerPorts",
        |spec, breaches| {
            each_container(spec, |path, own, _| {
                let path = path.field("ports");
                let mut seen = SortedSet::new();
                for (index, port) in own.ports.iter().enumerate() {
                    if !port.name.is_empty() && !seen.insert(port.name.as_str()) {
                        breaches.add(&path.index(index).field("name"), &[], &port.name);
                    }
                }
            });
        },
    ),
    Rule::new(
        "Duplicate value: a port of the node is taken once",
        "checkHostPortConflicts",
        same_host_ports,
    ),
    Rule::new(
        "must match `containerPort` when `hostNetwork` is true",
        "validatePodHostNetworkDeps",
        |spec, breaches| {
            each_port(spec, |path, own, is_init| {
                let taken = own.host_port.filter(|port| *port != 0);
                let inner = own.container_port.filter(|port| *port != 0);
                let (Some(taken), Some(inner)) = (taken, inner) else {
                    return;
                };
                if spec.host_network && !is_init && taken != inner {
                    breaches.add(&path.field("hostPort"), &[], &taken);
                }
            });
        },
    ),
    Rule::new(
        "may not be set for init containers without restartPolicy=Always",
        "validateInitContainers",
        |spec, breaches| {
            each_container(spec, |path, own, is_init| {
                if !is_init || own.restart_policy.as_deref() == Some(ALWAYS) {
                    return;
                }
                for (field, is_stated) in [
                    ("lifecycle", own.lifecycle.is_stated()),
                    ("livenessProbe", own.liveness_probe.is_some()),
                    ("readinessProbe", own.readiness_probe.is_some()),
                    ("startupProbe", own.startup_probe.is_some()),
                ] {
                    if is_stated {
                        breaches.add(&path.field(field), &[], &field);
                    }
                }
            });
        },
    ),
    Rule::new(
        "must be 1",
        "validateLivenessProbe, validateStartupProbe",
        |spec, breaches| {
            each_container(spec, |path, own, _| {
                for (field, probe) in [
                    ("livenessProbe", &own.liveness_probe),
                    ("startupProbe", &own.startup_probe),
                ] {
                    let successes = probe.as_ref().and_then(|probe| probe.success_threshold);
                    // 0 is none: the default, 1.
                    let wrong = successes.filter(|own| *own > 1);
                    if let Some(successes) = wrong {
                        let path = path.field(field);
                        breaches.add(&path.field("successThreshold"), &[], &successes);
                    }
                }
            });
        },
    ),
    Rule::new(
        "Required value: must specify a handler type",
        "validateHandler",
        |spec, breaches| each_probe(spec, breaches, |handlers| handlers == 0),
    ),
    Rule::new(
        "Forbidden: may not specify more than 1 handler type",
        "validateHandler",
        |spec, breaches| each_probe(spec, breaches, |handlers| handlers > 1),
    ),
    Rule::new(
        "must be non-negative and less than terminationGracePeriodSeconds ({})",
        "validateSleepAction",
        |spec, breaches| {
            // The grace that a pod has by default (`SetDefaults_PodSpec`).
            let grace = spec.termination_grace_period_seconds.unwrap_or(30);
            each_container(spec, |path, own, _| {
                let sleep = own.lifecycle.sleep();
                let wrong = sleep.filter(|own| !(0..=grace).contains(&own.seconds));
                if let Some(sleep) = wrong {
                    let path = path.field("lifecycle");
                    let path = path.field("preStop");
                    breaches.add(&path.field("sleep"), &[&grace], &sleep.seconds);
                }
            });
        },
    ),
];

/// Adds the probes whose number of handlers is wrong.
fn each_probe(spec: &raw::PodSpec, breaches: &mut Breaches, is_wrong: fn(usize) -> bool) {
    each_container(spec, |path, own, _| {
        for (field, probe) in [
            ("livenessProbe", &own.liveness_probe),
            ("readinessProbe", &own.readiness_probe),
            ("startupProbe", &own.startup_probe),
        ] {
            if probe.is_some_and(|probe| is_wrong(probe.handlers())) {
                breaches.add_plain(&path.field(field));
            }
        }
    });
}

/// A text that is not empty.
fn stated(text: Option<&str>) -> Option<&str> {
    text.filter(|own| !own.is_empty())
}

fn each_port<'a>(spec: &'a raw::PodSpec, mut show: impl FnMut(&Path<'_>, &'a raw::Port, bool)) {
    each_container(spec, |path, own, is_init| {
        let path = path.field("ports");
        for (index, port) in own.ports.iter().enumerate() {
            show(&path.index(index), port, is_init);
        }
    });
}

/// Ports of the node that two containers take. Init containers are looked at one by one, as they run one by one.
fn same_host_ports(spec: &raw::PodSpec, breaches: &mut Breaches) {
    let mut of_all = SortedSet::new();
    each_container(spec, |path, own, is_init| {
        let mut of_one = SortedSet::new();
        let seen = if is_init { &mut of_one } else { &mut of_all };
        let path = path.field("ports");
        for (index, port) in own.ports.iter().enumerate() {
            let Some(number) = port.host_port.filter(|number| *number != 0) else {
                continue;
            };
            let protocol = stated(port.protocol.as_deref()).unwrap_or("TCP");
            let address = port.host_ip.as_deref().unwrap_or_default();
            if !seen.insert((protocol, address, number)) {
                let found = format!("{protocol}/{address}/{number}");
                breaches.add(&path.index(index).field("hostPort"), &[], &found);
            }
        }
    });
}
