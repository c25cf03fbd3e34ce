//! Services and their tasks, as a manager keeps them (spec: orchestrators-a.md sections 2.4–2.7).

use std::sync::Arc;

use crate::mapping::object_refusal;
use model::workload::{DeploymentStrategy, RollingUpdate};
use model::{Object, PodRef, PodSpec, Text};
use units::{ObjectId, SortedMap};

use super::entry::CAPABILITIES;
use super::options::SwarmKitOptions;
use super::request::task_spec;
use super::restart::{Condition, History, OldTask, Replacement, RestartPolicy};
use super::task::{TaskSpec, TaskState, Version};
use super::update::{Order, UpdateConfig, UpdateOrder, Updater};

/// Number of tasks of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A number of tasks.
    Replicated(u64),
    /// One for every node.
    Global,
    /// A number of tasks that complete, some of them at once.
    Job {
        /// Number of tasks that must complete.
        completions: u64,
        /// Number of tasks at once.
        parallel: u64,
    },
}

/// Specification of a service's tasks.
#[derive(Clone, Debug)]
pub(super) struct Specification {
    pub(super) spec: Arc<TaskSpec>,
    pub(super) template: Arc<PodSpec>,
}

/// A slot of a replicated service, or the node of a global one.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotState {
    /// Tasks that have not ended, oldest first.
    pub(super) tasks: Vec<u64>,
    pub(super) history: History,
    /// `true` if the slot's last task ended and is not replaced.
    pub(super) is_over: bool,
}

/// A task that came to its end, or is to come to it, while there was no leader to replace it.
#[derive(Clone, Debug)]
pub(super) struct Unanswered {
    pub(super) service: ObjectId,
    pub(super) number: u64,
    pub(super) task: Task,
    /// History of restarts of the task's slot, which may be gone.
    pub(super) history: History,
    pub(super) is_success: bool,
    pub(super) old: OldTask,
}

/// A service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) name: Text,
    pub(super) mode: Mode,
    /// Template that was declared last, of which the present specification is not after a rollback.
    pub(super) declared: Arc<PodSpec>,
    pub(super) now: Specification,
    pub(super) previous: Option<Specification>,
    /// Number of the newest version that the service has had.
    pub(super) newest: u64,
    pub(super) restart: RestartPolicy,
    pub(super) update: UpdateConfig,
    pub(super) rollback: UpdateConfig,
    pub(super) slots: SortedMap<u64, SlotState>,
    pub(super) updater: Option<Updater>,
    /// Orders of the update that have not been carried out yet.
    pub(super) orders: Vec<Order>,
    /// Tasks made so far for each slot, or for each node of a global service.
    pub(super) made: SortedMap<Text, u32>,
}

/// A task that has not ended.
#[expect(clippy::struct_excessive_bools, reason = "each changes by itself")]
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// The task's id, which is its pod's name.
    pub(super) id: Text,
    pub(super) service: Option<ObjectId>,
    pub(super) slot: u64,
    pub(super) spec: Arc<TaskSpec>,
    pub(super) pod: Option<PodRef>,
    pub(super) node: Option<Text>,
    /// `true` if the task's node is given, as those of global services are.
    pub(super) is_pinned: bool,
    pub(super) observed: TaskState,
    /// `true` if the task is to run, rather than to stop.
    pub(super) is_wanted: bool,
    /// `true` if the task counts on its node.
    pub(super) is_counted: bool,
    /// Replacement that the task waits for before it may start.
    pub(super) replacement: Option<Replacement>,
    /// `true` if the task's node may prepare it and not start it.
    pub(super) is_held: bool,
    /// `true` if the task was made to be started later, and its turn has not come.
    pub(super) awaits_turn: bool,
    /// Whether secrets or configs that it needs are not there.
    pub(super) lacks_needs: bool,
    /// Whether a client wanted it gone without another in its place.
    pub(super) is_removed: bool,
}

/// Service that an object asks for.
pub(super) struct Wanted {
    pub(super) name: Text,
    pub(super) mode: Mode,
    pub(super) template: Arc<PodSpec>,
    pub(super) restart: RestartPolicy,
    pub(super) update: UpdateConfig,
    pub(super) rollback: UpdateConfig,
}

/// The service that an object declares; `None` of kinds that can't be expressed.
pub(super) fn wanted(object: &Object, options: &SwarmKitOptions) -> Option<Wanted> {
    let count = |replicas: i32| u64::try_from(replicas).unwrap_or(0);
    let (mode, template) = match object {
        Object::Deployment(own) => (Mode::Replicated(count(own.replicas)), &own.template),
        Object::ReplicaSet(own) | Object::ReplicationController(own) => {
            (Mode::Replicated(count(own.replicas)), &own.template)
        }
        Object::StatefulSet(own) => (Mode::Replicated(count(own.replicas)), &own.template),
        Object::DaemonSet(own) => (Mode::Global, &own.template),
        Object::Job(own) => {
            let completions = count(own.completions.unwrap_or(own.parallelism));
            let parallel = count(own.parallelism).min(completions);
            let mode = Mode::Job {
                completions,
                parallel,
            };
            (mode, &own.template)
        }
        _ => return None,
    };
    // Pods that can't be expressed are made and refused, so that they are counted; objects that
    // can't be are not.
    if matches!(object, Object::CronJob(_)) && object_refusal(CAPABILITIES, object).is_some() {
        return None;
    }
    let name: Text = match &**object.namespace() {
        "" | "default" => object.name().clone(),
        namespace => format!("{namespace}.{}", object.name()).into(),
    };
    let rules = options.rules_of(&name);
    let restart = match object {
        Object::Job(own) if !rules.has_own_restart => of_job(own.backoff_limit, rules.restart),
        _ => rules.restart,
    };
    let replicas = match mode {
        Mode::Replicated(replicas) => replicas,
        _ => 1,
    };
    Some(Wanted {
        name,
        mode,
        template: Arc::clone(template),
        restart,
        update: rules.update.unwrap_or_else(|| strategy(object, replicas)),
        rollback: rules.rollback,
    })
}

/// The restarts of a job that has no policy of its own: as often as its object says. There 0 is never,
/// and here it is any number.
fn of_job(limit: i32, common: RestartPolicy) -> RestartPolicy {
    let (condition, most) = match limit {
        0 => (Condition::None, 0),
        i32::MAX => (Condition::OnFailure, 0),
        some => (Condition::OnFailure, some.unsigned_abs()),
    };
    RestartPolicy {
        condition,
        max_attempts: most,
        ..common
    }
}

/// A rolling update of Kubernetes as one of `SwarmKit`: as many side by side as it lets be away or be
/// too many; where none may be away, new tasks run before old ones stop. The bounds that an API server
/// fills in are nobody's wish: `SwarmKit`'s own defaults hold (swarmkit `api/defaults/service.go`).
pub(super) fn strategy(object: &Object, replicas: u64) -> UpdateConfig {
    let plain = UpdateConfig::default();
    let Object::Deployment(own) = object else {
        return plain;
    };
    let rolling = match own.strategy {
        DeploymentStrategy::RollingUpdate(rolling) if rolling == RollingUpdate::default() => {
            return plain;
        }
        DeploymentStrategy::RollingUpdate(rolling) => rolling,
        // All at once.
        DeploymentStrategy::Recreate => {
            return UpdateConfig {
                parallelism: 0,
                ..plain
            };
        }
    };
    let count = i32::try_from(replicas).unwrap_or(i32::MAX);
    let (surge, missing) = RollingUpdate::resolved(&rolling, count);
    let (at_once, order) = match missing {
        0 => (surge, UpdateOrder::StartFirst),
        _ => (missing, UpdateOrder::StopFirst),
    };
    UpdateConfig {
        parallelism: u64::try_from(at_once)
            .unwrap_or(1)
            .clamp(1, replicas.max(1)),
        order,
        ..plain
    }
}

impl Service {
    /// A service at its first specification.
    pub(super) fn begun(wanted: Wanted, options: &SwarmKitOptions) -> Self {
        Self {
            now: Specification::new(&wanted.name, 1, &wanted.template, options),
            name: wanted.name,
            declared: wanted.template,
            mode: wanted.mode,
            previous: None,
            newest: 1,
            restart: wanted.restart,
            update: wanted.update,
            rollback: wanted.rollback,
            slots: SortedMap::new(),
            updater: None,
            orders: Vec::new(),
            made: SortedMap::new(),
        }
    }

    /// The service gets another template, and the specification that it had is the one before.
    pub(super) fn specify(&mut self, template: &Arc<PodSpec>, options: &SwarmKitOptions) {
        self.newest += 1;
        let next = Specification::new(&self.name, self.newest, template, options);
        self.previous = Some(std::mem::replace(&mut self.now, next));
    }
}

impl Specification {
    pub(super) fn new(
        name: &Text,
        version: u64,
        template: &Arc<PodSpec>,
        options: &SwarmKitOptions,
    ) -> Self {
        let version = Version {
            service: name.clone(),
            version,
        };
        Self {
            spec: Arc::new(task_spec(template, version, options)),
            template: Arc::clone(template),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jobs_limit_of_nothing_is_no_restart_and_not_any_number() {
        let common = RestartPolicy::default();
        let policy = |limit| {
            let own = of_job(limit, common);
            (own.condition, own.max_attempts)
        };
        assert_eq!(policy(0), (Condition::None, 0));
        assert_eq!(policy(2), (Condition::OnFailure, 2));
        assert_eq!(policy(i32::MAX), (Condition::OnFailure, 0));
    }

    #[test]
    fn a_version_after_a_rollback_has_a_number_of_its_own() {
        let options = SwarmKitOptions::default();
        let object = Object::Deployment(Arc::default());
        let wanted = wanted(&object, &options).expect("a service");
        let template = Arc::clone(&wanted.template);
        let mut service = Service::begun(wanted, &options);
        let mut numbers = Vec::new();
        for _ in 0..3 {
            service.specify(&template, &options);
            numbers.push(service.now.spec.version.version);
            // It fails, and the one before is rolled out again.
            service.now = service.previous.take().expect("one before");
        }
        assert_eq!(numbers, [2, 3, 4]);
    }
}
