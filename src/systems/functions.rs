//! The seven functions that people expect of a platform, and which system has which: orchestration,
//! automatic deployment, discovery and balancing, scaling, recovery with diagnosis, metrics with alerts,
//! storage with backup (spec: orchestrators-a.md section 9).

use std::fmt;

/// A function of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Containers get their places and are kept running.
    Orchestration,
    /// A push of an image reaches the containers that run it.
    Deployment,
    /// Clients find containers, and requests are spread over them.
    Discovery,
    /// The number of containers follows the load.
    Scaling,
    /// What was lost comes back, with a reason.
    Recovery,
    /// Measurements, and alerts by them.
    Metrics,
    /// Volumes follow their containers, and are saved.
    Storage,
}

impl Function {
    /// Every function, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Orchestration,
        Self::Deployment,
        Self::Discovery,
        Self::Scaling,
        Self::Recovery,
        Self::Metrics,
        Self::Storage,
    ];

    /// The function's name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orchestration => "orchestration",
            Self::Deployment => "deployment",
            Self::Discovery => "discovery",
            Self::Scaling => "scaling",
            Self::Recovery => "recovery",
            Self::Metrics => "metrics",
            Self::Storage => "storage",
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Provision of a function by a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provision {
    /// The system does it by itself; how.
    Itself(&'static str),
    /// A service beside the system does it, or a user; how.
    Beside(&'static str),
    /// It has nothing of the kind; what happens instead.
    Nothing(&'static str),
}

impl Provision {
    /// Word for tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Itself(_) => "yes",
            Self::Beside(_) => "beside",
            Self::Nothing(_) => "no",
        }
    }

    /// Sentence about the provision.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Itself(text) | Self::Beside(text) | Self::Nothing(text) => text,
        }
    }
}

use Provision::{Beside, Itself, Nothing};

/// The functions of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemFunctions {
    /// Name of the system.
    pub system: &'static str,
    /// Provision of each function, in the order of [`Function::ALL`].
    pub provisions: [Provision; Function::ALL.len()],
    /// Scenarios that show the functions, by their names in `scenarios/`.
    pub scenarios: &'static [&'static str],
}

const ALERTS: Provision = Beside("every run: metrics, alert rules, notifications");
const BACKUPS: &str = "volumes of nodes, saved by a service beside it (`storage`)";
const BY_HAND: Provision = Beside("a user changes the number of replicas");
const NOT_REPLACED: Provision = Nothing("running pods keep the image that they began with");
const JOBS_ONLY: [Provision; 7] = [
    Itself("jobs and tasks get their places and run to their end"),
    Nothing("no workload stays, so none is replaced"),
    Nothing("tasks have no clients"),
    Nothing("the number of tasks is the job's"),
    Itself("tasks of a lost node run again elsewhere, where the system does so"),
    ALERTS,
    Nothing("tasks keep nothing"),
];

/// Every system, in the order of the registry.
pub const FUNCTIONS: &[SystemFunctions] = &[
    SystemFunctions {
        system: "kubernetes",
        provisions: [
            Itself("kube-scheduler and the controllers of workloads"),
            Itself("an image watcher writes the template; surge and unavailable bound the rollout"),
            Itself("services and ingresses over ready endpoints"),
            Itself("horizontal and vertical autoscalers, and those of nodes"),
            Itself("node leases, taints and eviction; restarts and probes on the node"),
            ALERTS,
            Itself("volumes are attached where their pod goes; `storage` saves them"),
        ],
        scenarios: &[
            "seven-functions",
            "rolling-update",
            "flash-crowd",
            "zone-outage",
        ],
    },
    SystemFunctions {
        system: "pipeline",
        provisions: [
            Itself("a profile of the registry under the controllers of Kubernetes"),
            Itself("an image watcher writes the template; surge and unavailable bound the rollout"),
            Itself("services and ingresses over ready endpoints"),
            Itself("horizontal and vertical autoscalers, and those of nodes"),
            Itself("node leases, taints and eviction; restarts and probes on the node"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "small-cluster"],
    },
    SystemFunctions {
        system: "openshift",
        provisions: [
            Itself("a scheduler policy over regions and zones, and the controllers of Kubernetes"),
            Itself(
                "image triggers of deployment configurations, with hooks; a failed one goes back",
            ),
            Itself("services over ready endpoints; routes by weight, over shards of routers"),
            Itself("horizontal autoscalers"),
            Itself("node leases, taints and eviction; restarts and probes on the node"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "openshift", "routers"],
    },
    SystemFunctions {
        system: "swarm",
        provisions: [
            Itself("filters and strategies of the manager"),
            NOT_REPLACED,
            Nothing("clients find containers themselves"),
            BY_HAND,
            Itself("containers that may be rescheduled are created again on another engine"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "swarm"],
    },
    SystemFunctions {
        system: "swarmkit",
        provisions: [
            Itself("replicated and global services"),
            Itself(
                "the image of the service changes; parallelism, delay and monitor bound the update",
            ),
            Itself("a virtual address over tasks in round-robin order"),
            BY_HAND,
            Itself("tasks of a node that is down are started elsewhere"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "swarmkit"],
    },
    SystemFunctions {
        system: "fleet",
        provisions: [
            Itself("units go to the least loaded machine"),
            Itself("changed units are unloaded, loaded and started again, all at once"),
            Nothing("units announce themselves through sidekick units"),
            BY_HAND,
            Itself("units of a machine whose key expired are scheduled again"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "fleet"],
    },
    SystemFunctions {
        system: "mesos",
        provisions: [
            Itself("offers to Marathon, Chronos and other frameworks"),
            Itself("Marathon deploys the new version within its health capacities"),
            Itself("a load balancer that polls Marathon"),
            BY_HAND,
            Itself("Marathon starts lost tasks elsewhere"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "mesos"],
    },
    SystemFunctions {
        system: "dcos",
        provisions: [
            Itself("Mesos with Marathon and Chronos"),
            Itself("Marathon deploys the new version within its health capacities"),
            Itself("a load balancer that polls Marathon"),
            BY_HAND,
            Itself("Marathon starts lost tasks elsewhere"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "mesos"],
    },
    SystemFunctions {
        system: "nova",
        provisions: [
            Itself("filters and weighers choose hosts for instances"),
            Nothing("instances keep the image that they were created from"),
            Nothing("clients find instances themselves"),
            BY_HAND,
            Nothing("instances of a lost host stay lost until a user evacuates them"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "nova"],
    },
    SystemFunctions {
        system: "ecs",
        provisions: [
            Itself("services with placement strategies and constraints"),
            Itself("minimumHealthyPercent and maximumPercent bound the deployment"),
            Nothing("clients find tasks themselves"),
            BY_HAND,
            Itself("tasks of an instance that is given up are started elsewhere"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "ecs"],
    },
    SystemFunctions {
        system: "compose",
        provisions: [
            Itself("services of a project start in order on one host"),
            Itself("containers are stopped, then created from the new image"),
            Nothing("clients find containers by the names of their services"),
            BY_HAND,
            Itself("containers restart on their host; a lost host takes all with it"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "compose"],
    },
    SystemFunctions {
        system: "borg",
        provisions: [
            Itself("jobs of equal tasks, by priority and quota"),
            Itself("the job's tasks are updated, at most `updateDisruptions` away at a time"),
            Nothing("clients find tasks themselves"),
            BY_HAND,
            Itself("tasks of a machine that does not answer are placed elsewhere"),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["borg"],
    },
    SystemFunctions {
        system: "batch",
        provisions: JOBS_ONLY,
        scenarios: &["backfilling"],
    },
    SystemFunctions {
        system: "sparrow",
        provisions: JOBS_ONLY,
        scenarios: &["sparrow"],
    },
    SystemFunctions {
        system: "omega",
        provisions: [
            Itself("parallel schedulers over one state; workloads with `system.controllers`"),
            Itself(
                "with controllers: an image watcher writes the template; the rollout is bounded",
            ),
            Itself("with controllers: services and ingresses over ready endpoints"),
            Itself("with controllers: horizontal and vertical autoscalers, and those of nodes"),
            Itself(
                "tasks of a lost node run again elsewhere; with controllers, node leases and eviction",
            ),
            ALERTS,
            Beside(BACKUPS),
        ],
        scenarios: &["seven-functions", "omega"],
    },
    SystemFunctions {
        system: "flow",
        provisions: JOBS_ONLY,
        scenarios: &["quincy"],
    },
    SystemFunctions {
        system: "graphene",
        provisions: JOBS_ONLY,
        scenarios: &["graphene"],
    },
    SystemFunctions {
        system: "consolidation",
        provisions: [
            Itself("virtual machines get hosts, and move while they run"),
            NOT_REPLACED,
            Nothing("machines have no clients"),
            Nothing("the number of machines is the workload's"),
            Nothing("machines of a lost host end with it"),
            ALERTS,
            Nothing("memory alone is moved"),
        ],
        scenarios: &["consolidation-loop"],
    },
    SystemFunctions {
        system: "gpu-sharing",
        provisions: JOBS_ONLY,
        scenarios: &["gpu-sharing"],
    },
];

/// The functions of a system; `None` if there is no such system.
pub fn functions(system: &str) -> Option<&'static SystemFunctions> {
    FUNCTIONS.iter().find(|own| own.system == system)
}

/// Whether a system has a function by itself.
pub fn provides(system: &str, function: Function) -> bool {
    let place = Function::ALL.iter().position(|own| *own == function);
    let provision = functions(system)
        .zip(place)
        .map(|(own, at)| own.provisions[at]);
    matches!(provision, Some(Itself(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunsWorkloads;
    use crate::registry::SYSTEMS;

    #[test]
    fn every_system_says_which_functions_it_has() {
        let systems = SYSTEMS.iter().map(|entry| entry.name);
        let known = FUNCTIONS.iter().map(|own| own.system);
        assert!(systems.eq(known), "in the order of the registry");
        for entry in SYSTEMS {
            let deploys = provides(entry.name, Function::Deployment);
            match entry.workloads {
                RunsWorkloads::Never => assert!(!deploys, "{}", entry.name),
                // The controllers roll out whatever schedules.
                RunsWorkloads::WithControllers => assert!(deploys, "{}", entry.name),
                RunsWorkloads::Always => {}
            }
        }
    }
}
