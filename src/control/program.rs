//! Programs of the control plane: each crashes, restarts and elects its leader as one. What a component
//! has in memory is lost with its own program; what others keep for it is still there (spec:
//! orchestrators-b.md 10.3).

use std::any::Any;

/// A program that components live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// Schedulers, such as `kube-scheduler`.
    Scheduler,
    /// `kube-controller-manager`, and the controllers of other systems.
    ControllerManager,
    /// `cluster-autoscaler`.
    ClusterAutoscaler,
    /// The node provisioner, as Karpenter is one.
    Provisioner,
    /// `descheduler`.
    Descheduler,
    /// The three programs of the vertical pod autoscaler, taken as one.
    VerticalAutoscaler,
    /// `metrics-server` and the adapters of other metrics.
    MetricsServer,
    /// `kueue-controller-manager`.
    Queueing,
    /// Services beside the control plane: what befalls its leaders touches none of them.
    Outside,
}

impl Program {
    /// The programs of a control plane.
    pub const ALL: [Self; 8] = [
        Self::Scheduler,
        Self::ControllerManager,
        Self::ClusterAutoscaler,
        Self::Provisioner,
        Self::Descheduler,
        Self::VerticalAutoscaler,
        Self::MetricsServer,
        Self::Queueing,
    ];

    /// The name of the incident that the program has no leader.
    pub const fn absence(self) -> &'static str {
        match self {
            Self::Scheduler => "no scheduler",
            Self::ControllerManager => "no controllers",
            Self::ClusterAutoscaler => "no cluster autoscaler",
            Self::Provisioner => "no provisioner",
            Self::Descheduler => "no descheduler",
            Self::VerticalAutoscaler => "no vertical autoscaler",
            Self::MetricsServer => "no metrics server",
            Self::Queueing => "no queueing",
            Self::Outside => "no service",
        }
    }
}

/// Knowledge that a component holds here and that its original reads back from somewhere else, so that it
/// outlives the component's own program.
pub struct DurableState {
    /// The program that keeps it; `None` is the store of objects, or the machine provider.
    pub by: Option<Program>,
    /// The knowledge, in a form that only the component knows.
    pub what: Box<dyn Any + Send>,
}
