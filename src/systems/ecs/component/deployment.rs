//! Deployments of a service, and the failures by which one is given up.

use std::sync::Arc;

use model::{PodRef, PodSpec, RolloutStep};
use serde::{Deserialize, Serialize};
use units::{Instant, ObjectId};

use super::super::breaker::CircuitBreaker;
use super::super::service::{TASK_START, Throttle};
use super::services::tell;
use super::tasks::{Phase, TaskState};
use super::{Due, Ecs};
use crate::parts::turn::Turn;

/// The present deployment of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Deployment {
    pub(super) number: u64,
    pub(super) template: Arc<PodSpec>,
    pub(super) breaker: CircuitBreaker,
    /// Tries to place tasks that no instance takes. A control plane that takes over begins them anew.
    #[serde(skip)]
    pub(super) placing: Throttle,
    pub(super) is_failed: bool,
    /// Whether it goes back to a deployment that was completed, and is not there yet.
    pub(super) is_rollback: bool,
}

/// A deployment whose tasks were all there and healthy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Completed {
    pub(super) number: u64,
    pub(super) template: Arc<PodSpec>,
}

impl Deployment {
    pub(super) fn new(number: u64, template: Arc<PodSpec>, desired: u64) -> Self {
        Self {
            number,
            template,
            breaker: CircuitBreaker::new(desired),
            placing: Throttle::default(),
            is_failed: false,
            is_rollback: false,
        }
    }
}

impl Ecs {
    /// A task stopped before it ran: the service waits before its next start, and its deployment may
    /// have to be given up.
    pub(super) fn never_ran(&mut self, id: ObjectId, task: &TaskState, turn: &mut Turn<'_>) {
        let (options, newest) = (self.options.breaker, self.started);
        let service = self.services.get_mut(&id);
        // One of the deployment before tells nothing about the present one.
        let Some(service) = service.filter(|own| own.deployment.number == task.deployment) else {
            return;
        };
        if service
            .throttle
            .task_never_ran(turn.now, task.number, newest)
        {
            let until = service.throttle.until().unwrap_or(turn.now);
            self.timers.push(until, Due::Retry(id));
            tell(id, RolloutStep::Throttled, turn);
        }
        if service.is_deploying(task.deployment)
            && service.deployment.breaker.task_never_ran()
            && let Some(step) = service.give_up(options)
        {
            tell(id, step, turn);
        }
    }

    /// A task ended at the instant at which it was asked for: the next one takes its time, as any start does.
    pub(super) fn ended_at_once(&mut self, id: ObjectId, now: Instant) {
        if let Some(service) = self.services.get_mut(&id) {
            let until = service.throttle.rest(now.saturating_add(TASK_START));
            self.timers.push(until, Due::Retry(id));
        }
    }

    /// A service tries to place its tasks. As long as no instance takes one of a deployment of which none has run,
    /// and no capacity provider brings instances, every try counts for the circuit breaker
    /// (`deployment-circuit-breaker.md`: tasks that fail to reach the state RUNNING).
    pub(super) fn place_again(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let options = self.options.breaker;
        let Some(service) = self.services.get(&id).filter(|_| options.is_enabled) else {
            return;
        };
        let deployment = &service.deployment;
        let (present, next) = (deployment.number, deployment.placing.until());
        let counts = service.is_deploying(present) && deployment.breaker.counts_starts();
        if !counts || deployment.is_failed || next.is_some_and(|next| next > turn.now) {
            return;
        }
        let is_unplaced = |own: &&TaskState| {
            let waits = own.instance.is_none() && own.phase == Phase::Pending;
            waits && own.provider.is_none() && own.deployment == present
        };
        let unplaced = self.tasks_of(service).filter(is_unplaced);
        let unplaced: Vec<PodRef> = unplaced.map(|own| own.pod).collect();
        let Some(service) = (self.services.get_mut(&id)).filter(|_| !unplaced.is_empty()) else {
            return;
        };
        let deployment = &mut service.deployment;
        let next = deployment.placing.failed(turn.now);
        self.timers.push(next, Due::Placement(id));
        if deployment.breaker.task_never_ran()
            && let Some(step) = service.give_up(options)
        {
            tell(id, step, turn);
            for pod in unplaced {
                self.stop(pod, turn);
            }
            self.dirty.insert(id);
        }
    }

    /// A task of a deployment has failed its health check, and the deployment may have to be given up.
    pub(super) fn check_failed(&mut self, id: ObjectId, deployment: u64, turn: &mut Turn<'_>) {
        let options = self.options.breaker;
        if let Some(service) = self.services.get_mut(&id)
            && service.is_deploying(deployment)
            && service.deployment.breaker.health_check_failed()
            && let Some(step) = service.give_up(options)
        {
            tell(id, step, turn);
        }
    }
}
