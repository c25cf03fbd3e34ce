//! Programs of the control plane, as failures name them.

use control::{Component, Program};
use scenario::Scenario;
use scenario::schema::ControlPart;
use sim::control_faults::Part;

use super::BuildError;

/// The part of a control plane that a failure names.
pub(super) const fn part(written: ControlPart) -> Part {
    Part::Of(match written {
        ControlPart::All => return Part::All,
        ControlPart::Scheduler | ControlPart::KubeScheduler => Program::Scheduler,
        ControlPart::Controllers | ControlPart::KubeControllerManager => Program::ControllerManager,
        ControlPart::ClusterAutoscaler => Program::ClusterAutoscaler,
        ControlPart::Karpenter => Program::Provisioner,
        ControlPart::Descheduler => Program::Descheduler,
        ControlPart::VerticalPodAutoscaler => Program::VerticalAutoscaler,
        ControlPart::MetricsServer => Program::MetricsServer,
        ControlPart::Kueue => Program::Queueing,
    })
}

/// The name by which a failure names a program, and how to have it run; `None` of those that every system
/// has under one name or another.
const fn way_out(written: ControlPart) -> Option<(&'static str, &'static str)> {
    Some(match written {
        ControlPart::All | ControlPart::Scheduler | ControlPart::Controllers => return None,
        ControlPart::KubeScheduler => ("kube-scheduler", "name the part `scheduler`"),
        ControlPart::KubeControllerManager => (
            "kube-controller-manager",
            "write `controllers: {}` under `system`",
        ),
        ControlPart::ClusterAutoscaler => {
            ("cluster-autoscaler", "write `system.autoscaling.cluster`")
        }
        ControlPart::Karpenter => ("karpenter", "write `system.autoscaling.provisioner`"),
        ControlPart::Descheduler => ("descheduler", "write `system.descheduling`"),
        ControlPart::VerticalPodAutoscaler => (
            "vertical-pod-autoscaler",
            "give the workload a `VerticalPodAutoscaler`",
        ),
        ControlPart::MetricsServer => (
            "metrics-server",
            "give the workload a `HorizontalPodAutoscaler` or a `VerticalPodAutoscaler`",
        ),
        ControlPart::Kueue => ("kueue", "give the workload a `ClusterQueue`"),
    })
}

/// Refuses failures of programs that a scenario does not run, which would strike nothing.
pub fn check_programs(
    scenario: &Scenario,
    components: &[Box<dyn Component>],
) -> Result<(), BuildError> {
    let runs = |program: Program| components.iter().any(|own| own.program() == program);
    for (number, failure) in scenario.failures.iter().enumerate() {
        let written = failure.component.unwrap_or_default();
        let (Part::Of(program), Some((name, way_out))) = (part(written), way_out(written)) else {
            continue;
        };
        let is_there = match program {
            // It is in no component of its own; whoever reads it is there.
            Program::MetricsServer => runs(Program::VerticalAutoscaler),
            program => runs(program),
        };
        if !is_there {
            return Err(BuildError::Experiment(format!(
                "failures[{number}].component: nothing of this run lives in `{name}`; {way_out}"
            )));
        }
    }
    Ok(())
}
