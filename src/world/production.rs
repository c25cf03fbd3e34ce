//! The set `models: production`: constants of the programs that a production control plane is made
//! of, each with its source. To add one: write its value here, a line of [`CONSTANTS`], and apply it
//! where the model is built, unless the experiment states the model itself.

use control::client_limit::ClientLimit;
use control::operation::EvictionRequests;
use control::volumes::VolumeDelays;
use scenario::Scenario;
use scenario::scalar::NoneOr;
use scenario::schema::{self, ModelSet};
use systems::entry::SystemEntry;
use systems::registry;
use units::Duration;

/// A constant of the set.
#[derive(Clone, Copy, Debug)]
pub struct Constant {
    /// The field of `models` that states another value, or, where there is none, what it is about.
    pub field: &'static str,
    /// The value in the set.
    pub value: &'static str,
    /// The source of the value.
    pub source: &'static str,
}

/// Client of each controller.
const CONTROLLERS: ClientLimit = ClientLimit {
    per_second: 20,
    burst: 30,
};

/// Client of the scheduler.
const SCHEDULER: ClientLimit = ClientLimit {
    per_second: 50,
    burst: 100,
};

/// Client of each kubelet.
const KUBELET: ClientLimit = ClientLimit {
    per_second: 50,
    burst: 100,
};

/// Time between two looks of a kubelet at its containers.
const RELIST: Duration = Duration::from_secs(1);

/// Time from the joining of a node until it is Ready.
const NODE_READY: Duration = Duration::from_secs(10);

/// From the joining of a node to the removal of its taint `not-ready`.
const FIRST_TAINT_RETRY: Duration = Duration::from_millis(150);

/// Time to attach a volume.
const ATTACH: Duration = Duration::from_secs(10);

/// Time to unmount and detach a volume.
const DETACH: Duration = Duration::from_secs(5);

/// Time for which a volume stays with a node that is not Ready.
const FORCE_DETACH: Duration = Duration::from_secs(360);

/// The constants of the set, as the manual lists them.
pub const CONSTANTS: &[Constant] = &[
    Constant {
        field: "clientLimits.controllers",
        value: "20 requests per second, burst 30, for each controller",
        source: "kube-controller-manager 1.34: --kube-api-qps, --kube-api-burst",
    },
    Constant {
        field: "clientLimits.scheduler",
        value: "50 requests per second, burst 100",
        source: "kube-scheduler 1.34: clientConnection.qps, clientConnection.burst",
    },
    Constant {
        field: "clientLimits.kubelet",
        value: "50 requests per second, burst 100, for each kubelet",
        source: "kubelet 1.34: kubeAPIQPS, kubeAPIBurst",
    },
    Constant {
        field: "kubelet.relist",
        value: "starts and ends of containers are reported at the next of looks 1 s apart",
        source: "kubelet 1.34: genericPlegRelistPeriod (PLEG; EventedPLEG is off by default)",
    },
    Constant {
        field: "kubelet.nodeReady",
        value: "a node that joins is there NotReady, with the taint not-ready, and Ready 10 s later",
        source: "kubelet 1.34: updateRuntimeUp every 5 s; two of them until the pod of the network plug-in runs",
    },
    Constant {
        field: "volumes.attach",
        value: "a ReadWriteOnce volume is attached to the node of its pod after 10 s",
        source: "typical of network disks, which take 5 s to 30 s (no default of Kubernetes)",
    },
    Constant {
        field: "volumes.detach",
        value: "detached 5 s after its last pod on the node has ended",
        source: "typical of network disks (no default of Kubernetes)",
    },
    Constant {
        field: "volumes.forceDetach",
        value: "detached from a node that is not Ready after 6 min, at once with the taint out-of-service",
        source: "kube-controller-manager 1.34: ReconcilerMaxWaitForUnmountDuration",
    },
    Constant {
        field: "(evictions of a drain)",
        value: "sent at once: one charges its budget, those that meet its write are tried again after 500 ms",
        source: "kubectl 1.34: a request for each pod; API server 1.34: EvictionsRetry",
    },
    Constant {
        field: "(taints of a node that joins)",
        value: "removed after 150 ms",
        source: "node-lifecycle controller 1.34: UpdateTaintBackoff, 100 ms to 200 ms after a conflict",
    },
];

/// Whether a scenario asks for the set.
fn is_asked(scenario: &Scenario) -> bool {
    scenario.models.set == Some(ModelSet::Production)
}

/// From the joining of a node to the removal of its taint `not-ready`, in a scenario.
pub(super) fn first_taint_retry(scenario: &Scenario) -> Duration {
    if is_asked(scenario) {
        FIRST_TAINT_RETRY
    } else {
        Duration::ZERO
    }
}

/// How the evictions of a drain reach the API server in a scenario.
pub(super) fn eviction_requests(scenario: &Scenario) -> EvictionRequests {
    if is_asked(scenario) {
        EvictionRequests::AtOnce
    } else {
        EvictionRequests::InOrder
    }
}

/// Delays of the kubelets of a scenario; zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KubeletDelays {
    /// Time between two looks at the containers of a node.
    pub relist: Duration,
    /// Time from the joining of a node until it is Ready.
    pub node_ready: Duration,
}

/// The delays of kubelets in a scenario; a system without kubelets has none.
pub fn kubelet_delays(scenario: &Scenario) -> KubeletDelays {
    let stated = match &scenario.models.kubelet {
        _ if !runs_kubelets(scenario) => return KubeletDelays::default(),
        Some(NoneOr::Some(stated)) => *stated,
        None if is_asked(scenario) => schema::KubeletDelays::default(),
        Some(NoneOr::None) | None => return KubeletDelays::default(),
    };
    KubeletDelays {
        relist: stated.relist.unwrap_or(RELIST),
        node_ready: stated.node_ready.unwrap_or(NODE_READY),
    }
}

/// The delays of volumes in a scenario; `None` has every volume on every node.
pub fn volume_delays(scenario: &Scenario) -> Option<VolumeDelays> {
    match &scenario.models.volumes {
        Some(NoneOr::Some(stated)) => Some(stated_delays(*stated)),
        None if is_asked(scenario) => Some(stated_delays(schema::VolumeDelays::default())),
        Some(NoneOr::None) | None => None,
    }
}

/// The delays of the network volumes of `storage`; `None` has every one on all of its nodes.
pub(super) fn storage_delays(scenario: &Scenario) -> Option<VolumeDelays> {
    match &scenario.models.volumes {
        Some(NoneOr::Some(stated)) => Some(stated_delays(*stated)),
        Some(NoneOr::None) => None,
        None => Some(stated_delays(schema::VolumeDelays::default())),
    }
}

fn stated_delays(stated: schema::VolumeDelays) -> VolumeDelays {
    VolumeDelays {
        attach: stated.attach.unwrap_or(ATTACH),
        detach: stated.detach.unwrap_or(DETACH),
        force_detach: stated.force_detach.unwrap_or(FORCE_DETACH),
    }
}

/// Whether the nodes of a scenario's system run kubelets.
fn runs_kubelets(scenario: &Scenario) -> bool {
    registry::find(&scenario.system.name).is_ok_and(SystemEntry::runs_kubelets)
}

/// Limits of the clients of a scenario's control plane; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientLimits {
    /// Client of each controller.
    pub controllers: Option<ClientLimit>,
    /// Client of the scheduler.
    pub scheduler: Option<ClientLimit>,
    /// Client of each kubelet.
    pub kubelet: Option<ClientLimit>,
}

/// The limits of clients in a scenario; a system without kubelets and the controllers of Kubernetes
/// has none.
pub fn client_limits(scenario: &Scenario) -> ClientLimits {
    let stated = match &scenario.models.client_limits {
        _ if !runs_kubelets(scenario) => return ClientLimits::default(),
        Some(NoneOr::Some(stated)) => *stated,
        None if is_asked(scenario) => schema::ClientLimits::default(),
        Some(NoneOr::None) | None => return ClientLimits::default(),
    };
    let limit = |stated: Option<schema::ClientLimit>, default: ClientLimit| {
        Some(stated.map_or(default, |own| ClientLimit {
            per_second: own.per_second,
            burst: own.burst,
        }))
    };
    ClientLimits {
        controllers: limit(stated.controllers, CONTROLLERS),
        scheduler: limit(stated.scheduler, SCHEDULER),
        kubelet: limit(stated.kubelet, KUBELET),
    }
}
