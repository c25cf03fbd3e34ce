//! Options of `SwarmKit`, from the experiment file to what its managers are made from.

use std::sync::Arc;

use model::Node;
use scenario::Scenario;
use scenario::schema::{
    self, RestartCondition, ServiceRestart, ServiceUpdate, SpreadCount, UpdateFailureAction,
    UpdateTaskOrder,
};
use systems::swarmkit::SwarmKitOptions;
use systems::swarmkit::agent::StepTimes;
use systems::swarmkit::constraint::Constraint;
use systems::swarmkit::dispatcher::HeartbeatOptions;
use systems::swarmkit::options::{Placement, ServiceRules};
use systems::swarmkit::request;
use systems::swarmkit::restart::{Condition, RestartPolicy};
use systems::swarmkit::spread::SpreadMode;
use systems::swarmkit::task::Preference;
use systems::swarmkit::update::{FailureAction, UpdateConfig, UpdateOrder};
use units::SortedMap;

use super::BuildError;

/// Notes about placement that no node of the cluster answers as the run begins.
pub(super) fn notes(scenario: &Scenario, nodes: &[Arc<Node>]) -> Vec<String> {
    let written = scenario.system.swarmkit.as_ref();
    let is_run = scenario.system.name == systems::swarmkit::ENTRY.name;
    let Some(written) = written.filter(|own| is_run && !own.placement.is_empty()) else {
        return Vec::new();
    };
    let managers = written.managers as usize;
    let nodes: Vec<_> = { nodes.iter().enumerate() }
        .map(|(number, own)| request::node(own, number, managers))
        .collect();
    let mut notes = Vec::new();
    for (name, own) in &written.placement {
        let place = format!("system.swarmkit.placement.{name}");
        for text in &own.constraints {
            let constraint = Constraint::parse(text).ok();
            if constraint.is_some_and(|own| !nodes.iter().any(|node| own.matches(node))) {
                notes.push(format!(
                    "{place}.constraints: no node meets `{text}` as the run begins, and nothing is placed until one \
                     does; keys are `node.labels.NAME`, `engine.labels.NAME`, `node.hostname`, `node.id`, \
                     `node.ip`, `node.role`, `node.platform.os` and `node.platform.arch`"
                ));
            }
        }
        for text in &own.spread {
            let label = preference(text);
            if nodes.iter().all(|node| node.value_of(&label).is_empty()) {
                notes.push(format!(
                    "{place}.spread: no node has a value of `{text}` as the run begins, so that all are one branch"
                ));
            }
        }
    }
    notes
}

/// The label that tasks spread over; a name alone is that of a node's label.
fn preference(text: &str) -> Preference {
    match text.strip_prefix("engine.labels.") {
        Some(label) => Preference::EngineLabel(label.into()),
        None => Preference::NodeLabel(text.trim_start_matches("node.labels.").into()),
    }
}

/// Options of the managers, nodes and services.
///
/// # Errors
/// A constraint is none.
pub(super) fn swarmkit(written: &schema::SwarmKit) -> Result<SwarmKitOptions, BuildError> {
    let mut placement = SortedMap::new();
    for (name, own) in &written.placement {
        let mut constraints = Vec::new();
        for (number, text) in own.constraints.iter().enumerate() {
            constraints.push(Constraint::parse(text).map_err(|why| {
                let place = format!("system.swarmkit.placement.{name}.constraints[{number}]");
                BuildError::Experiment(format!("{place}: {why}"))
            })?);
        }
        let spread = own.spread.iter().map(|label| preference(label));
        let own = Placement {
            constraints,
            preferences: spread.collect(),
            max_replicas: own.max_replicas_per_node,
        };
        placement.insert(name.clone(), own);
    }
    let services = written.services.iter().map(|(name, own)| {
        let rules = ServiceRules {
            restart: own.restart.as_ref().map(restart),
            update: own.update.as_ref().map(update),
            rollback: own.rollback.as_ref().map(update),
        };
        (name.clone(), rules)
    });
    Ok(SwarmKitOptions {
        spread: match written.spread {
            SpreadCount::Upstream => SpreadMode::Upstream,
            SpreadCount::Strict => SpreadMode::Strict,
        },
        restart: restart(&written.restart),
        update: written.update.as_ref().map(update),
        rollback: update(&written.rollback),
        placement,
        services: services.collect(),
        heartbeat: HeartbeatOptions {
            period: written.heartbeat_period,
            epsilon: written.heartbeat_epsilon,
            grace: i64::from(written.grace_multiplier),
        },
        orphan_timeout: written.orphan_timeout,
        times: StepTimes {
            prepare: written.prepare_time,
            stop: written.stop_time,
        },
        managers: written.managers as usize,
    })
}

fn restart(written: &ServiceRestart) -> RestartPolicy {
    RestartPolicy {
        condition: match written.condition {
            RestartCondition::Any => Condition::Any,
            RestartCondition::OnFailure => Condition::OnFailure,
            RestartCondition::None => Condition::None,
        },
        delay: written.delay,
        max_attempts: written.max_attempts as usize,
        window: written.window,
    }
}

fn update(written: &ServiceUpdate) -> UpdateConfig {
    UpdateConfig {
        parallelism: u64::from(written.parallelism),
        delay: written.delay,
        monitor: written.monitor,
        failure_action: match written.failure_action {
            UpdateFailureAction::Pause => FailureAction::Pause,
            UpdateFailureAction::Continue => FailureAction::Continue,
            UpdateFailureAction::Rollback => FailureAction::Rollback,
        },
        max_failure_ratio: written.max_failure_ratio as f32,
        order: match written.order {
            UpdateTaskOrder::StopFirst => UpdateOrder::StopFirst,
            UpdateTaskOrder::StartFirst => UpdateOrder::StartFirst,
        },
    }
}
