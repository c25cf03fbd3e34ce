//! Health of tasks (spec: orchestrators-a.md sections 7.2 and 9.4): a task is healthy once the health
//! checks of its containers and of its balancer's target have passed, or without any once it has run
//! for a while. The service replaces an unhealthy one, and its deployment's circuit breaker counts it.

use cluster::Store;
use model::exit::TERMINATED;
use model::{EndReason, Event, PodChange, PodRef, PodSpec};
use units::{Duration, Instant};

use super::tasks::Phase;
use super::{Due, Ecs};
use crate::parts::health_check;
use crate::parts::services::selecting;
use crate::parts::turn::Turn;

/// Health of a task over time, counted from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Health {
    /// Time at which the task counts as healthy; `None` is never.
    healthy: Option<Duration>,
    /// Time at which a container is unhealthy, and its number.
    unhealthy: Option<(Duration, u16)>,
}

impl Health {
    /// The health of a task whose containers and target are checked, or that has to run for a time.
    fn of(spec: &PodSpec, target: Option<Duration>, healthy_after: Duration) -> Self {
        let checked = spec.main_lives().filter_map(|(number, life)| {
            let verdict = health_check::judge(life.health_check?, &life.application);
            Some((number as u16, verdict))
        });
        let mut own = Self {
            healthy: Some(target.unwrap_or(healthy_after)),
            unhealthy: None,
        };
        let mut is_checked = target.is_some();
        for (number, verdict) in checked {
            let before = own.healthy.filter(|_| is_checked);
            own.healthy = match (is_checked, verdict.healthy) {
                (false, healthy) => healthy,
                (true, healthy) => before.zip(healthy).map(|(one, other)| one.max(other)),
            };
            is_checked = true;
            let unhealthy = verdict.unhealthy.map(|after| (after, number));
            own.unhealthy = [own.unhealthy, unhealthy].into_iter().flatten().min();
        }
        own
    }
}

/// Whether a balancer leads to a task: a `Service` selects it.
pub(super) fn is_balanced(spec: &PodSpec, store: &Store) -> bool {
    selecting(spec, store).next().is_some()
}

impl Ecs {
    /// A task runs: from now on its health is known in advance.
    pub(super) fn runs(&mut self, now: Instant, pod: PodRef, store: &Store) {
        let healthy_after = self.options.healthy_after;
        let Some(own) = self.task_mut(pod).filter(|own| own.phase == Phase::Pending) else {
            return;
        };
        own.phase = Phase::Running;
        let (service, deployment) = (own.service, own.deployment);
        let record = store.pods().get(pod);
        let (Some(id), Some(record)) = (service, record) else {
            return;
        };
        let spec = &store.class(record.class).spec;
        let target = self.options.target_healthy_after;
        let target = target.filter(|_| is_balanced(spec, store));
        let health = Health::of(spec, target, healthy_after);
        if let Some(after) = health.healthy {
            self.timers
                .push(now.saturating_add(after), Due::Healthy(pod));
        }
        if let Some((after, container)) = health.unhealthy {
            let due = Due::Unhealthy(pod, container);
            self.timers.push(now.saturating_add(after), due);
        }
        if let Some(service) = self.services.get_mut(&id) {
            service.task_runs(deployment);
        }
    }

    /// A task counts as healthy.
    pub(super) fn healthy(&mut self, pod: PodRef) {
        let own = self.task_mut(pod);
        let Some(own) = own.filter(|own| own.phase == Phase::Running) else {
            return;
        };
        own.phase = Phase::Healthy;
        let service = own.service;
        self.dirty.extend(service);
    }

    /// A container of a task has failed its health check: the service replaces the task.
    pub(super) fn unhealthy(&mut self, pod: PodRef, container: u16, turn: &mut Turn<'_>) {
        let own = self.task_mut(pod);
        let Some(own) = own.filter(|own| matches!(own.phase, Phase::Running | Phase::Healthy))
        else {
            return;
        };
        let (service, deployment) = (own.service, own.deployment);
        let Some(id) = service.filter(|id| self.maintains(*id)) else {
            return;
        };
        let change = PodChange::Exited {
            container,
            code: TERMINATED,
        };
        turn.write(Event::PodChanged { pod, change });
        self.stop_for(pod, EndReason::Error, turn);
        self.check_failed(id, deployment, turn);
        self.dirty.insert(id);
    }
}

#[cfg(test)]
mod tests {
    use model::pod_life::{Application, ContainerLife, HealthCheck};
    use model::{Container, PodLife};

    use super::*;

    fn secs(secs: i64) -> Duration {
        Duration::from_secs(secs)
    }

    /// A task of containers that answer from then on, until then; `None` has no check.
    fn task(containers: &[Option<(i64, Option<i64>)>]) -> PodSpec {
        let life = containers.iter().map(|own| {
            let mut life = ContainerLife::default();
            if let Some((from, until)) = own {
                life.health_check = Some(HealthCheck {
                    interval: secs(10),
                    ..HealthCheck::default()
                });
                life.application = Application::default();
                life.application.health.from = secs(*from);
                life.application.health.until = until.map(secs);
            }
            life
        });
        let life = PodLife {
            containers: life.collect(),
            ..PodLife::default()
        };
        PodSpec {
            containers: vec![Container::default(); containers.len()],
            life: Some(life.into()),
            ..PodSpec::default()
        }
    }

    fn health(containers: &[Option<(i64, Option<i64>)>]) -> (Option<i64>, Option<(i64, u16)>) {
        let own = Health::of(&task(containers), None, secs(40));
        let in_secs = |own: Duration| own.as_nanos() / 1_000_000_000;
        (
            own.healthy.map(in_secs),
            own.unhealthy
                .map(|(after, container)| (in_secs(after), container)),
        )
    }

    #[test]
    fn checks_take_the_place_of_the_time_that_a_task_has_run() {
        assert_eq!(health(&[None]), (Some(40), None));
        // Probes end at 10, 20, 30 s and so on.
        assert_eq!(health(&[Some((0, None))]), (Some(10), None));
        assert_eq!(health(&[None, Some((15, None))]), (Some(20), None));
        // Every container that is checked counts.
        assert_eq!(
            health(&[Some((0, None)), Some((25, None))]),
            (Some(30), None)
        );
    }

    #[test]
    fn a_target_of_a_balancer_counts_beside_the_checks() {
        let healthy = |containers: &[Option<(i64, Option<i64>)>], target: i64| {
            Health::of(&task(containers), Some(secs(target)), secs(40)).healthy
        };
        assert_eq!(healthy(&[None], 12), Some(secs(12)));
        assert_eq!(healthy(&[Some((0, None))], 12), Some(secs(12)));
        assert_eq!(healthy(&[Some((15, None))], 12), Some(secs(20)));
    }

    #[test]
    fn three_failures_in_a_row_make_a_task_unhealthy() {
        let never = Some((1_000_000, None));
        assert_eq!(health(&[never]), (None, Some((30, 0))));
        assert_eq!(health(&[Some((0, None)), never]), (None, Some((30, 1))));
        // It answers for 35 s: the probes of 40, 50 and 60 s fail.
        assert_eq!(health(&[Some((0, Some(35)))]), (Some(10), Some((60, 0))));
    }
}
