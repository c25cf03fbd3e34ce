//! Kubernetes: the profile `default` is kube-scheduler itself, decision for decision. Other profiles
//! are what a scheduler built on its framework would do: one pipeline with extension points.

use super::entry::{SystemEntry, SystemError, SystemParts, SystemRequest};
use super::kubelet::{Applications, Kubelet};
use crate::control::controllers::manager::ControllerManager;
use crate::control::scheduler::Pipeline;
use crate::control::scheduler::kube::queue::Backoff;
use crate::control::scheduler::kube::{KubeOptions, KubeScheduler, Release, TieBreak};
use crate::control::{Component, Stepping};
use crate::model::SchedulerConfig;
use crate::policy::build_profile;
use crate::policy::kubernetes::{add_machine, build_kube_profiles};
use crate::units::{ComponentId, Duration};

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "kubernetes",
    summary: "A scheduler with extension points that places one pod at a time.",
    source: "kube-scheduler 1.34 (1.36 by `release`): all default plugins, queue, preemption",
    plans_jobs: false,
    build,
};

/// The profile that is kube-scheduler itself.
pub const EXACT_PROFILE: &str = "default";

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let scheduler: Box<dyn Component> = if request.profile.name == EXACT_PROFILE {
        Box::new(exact(request)?)
    } else {
        let profile = build_profile(&request.profile, &request.setup)?;
        Box::new(Pipeline::new(ComponentId(0), profile, request.form))
    };
    let mut components = vec![scheduler];
    if let Some(options) = &request.controllers {
        components.push(Box::new(ControllerManager::new(options)));
    }
    Ok(SystemParts {
        components,
        agent: Box::new(Kubelet::new(Applications::new(), request.time_limits)),
        stepping: Stepping::PerInstant,
    })
}

/// The exact scheduler.
///
/// # Errors
/// Its configuration names what does not exist, or a name twice.
pub fn exact(request: &SystemRequest) -> Result<KubeScheduler, SystemError> {
    let kube = &request.kube;
    let mut profiles = build_kube_profiles(&kube.config, kube.release)?;
    profiles.iter_mut().for_each(add_machine);
    let ties = match kube.release {
        _ if kube.takes_first => TieBreak::First,
        Release::V1_36 => TieBreak::HeapRoot,
        Release::V1_34 => TieBreak::random(request.setup.seed, request.setup.scheduler),
    };
    Ok(KubeScheduler::new(KubeOptions {
        owner: ComponentId(0),
        name: request.profile.name.clone(),
        profiles,
        backoff: backoff(&kube.config),
        ties,
        form: request.form,
        binding_time: kube.binding_time,
        eviction_time: kube.eviction_time,
        objects: kube.objects.clone(),
        witness: kube.witness.clone(),
        preemptions: kube.preemptions.clone(),
    }))
}

fn backoff(config: &SchedulerConfig) -> Backoff {
    let plain = Backoff::default();
    let stated = |seconds: Option<i64>, default| {
        let stated = seconds.and_then(Duration::checked_from_secs);
        stated.unwrap_or(default)
    };
    Backoff {
        initial: stated(config.initial_backoff_secs, plain.initial),
        most: stated(config.max_backoff_secs, plain.most),
    }
}
