//! Plan of an experiment's clients and services, ready to run.

use control::services::FunctionLimits;
use model::service::{Balancing, ServerSpec};
use model::traffic::LatencyObjective;
use model::{Labels, Text};
use rng::Distribution;
use units::{Duration, Instant, SortedMap};

use super::rate::Rate;

/// Clients, and how services behave.
#[derive(Clone, Debug)]
pub struct TrafficPlan {
    /// Groups of clients, in written order.
    pub groups: Vec<Group>,
    /// Functions that they may ask; their requests are followed one by one, whatever the detail.
    pub functions: Vec<FunctionPlan>,
    /// Behaviour of services.
    pub model: ServiceModel,
    /// Detail in which requests are followed.
    pub detail: Detail,
    /// Instants at which stretches are cut: where measuring begins and ends.
    pub cuts: Vec<Instant>,
    /// Workloads that keep data, as `KIND/NAMESPACE/NAME`, by the names of their volumes.
    pub volumes: SortedMap<Text, Text>,
}

/// A function (spec: orchestrators-a.md 9.7).
#[derive(Clone, Debug)]
pub struct FunctionPlan {
    /// The function's name.
    pub name: Text,
    /// The memory of an instance.
    pub memory_mib: u64,
    /// Time for which an instance works on a request.
    pub duration: Distribution,
    /// Time that an instance takes to begin.
    pub cold_start: Distribution,
    /// Whether that is billed.
    pub bills_start: bool,
    /// Part of the requests that fails.
    pub error_share: f64,
    /// Limits within which instances are kept.
    pub limits: FunctionLimits,
}

/// The detail in which requests are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// As flows: whole counts over pieces of constant rate.
    Aggregated,
    /// One by one.
    Requests,
}

/// Clients that are alike.
#[derive(Clone, Debug)]
pub struct Group {
    /// The name of the group.
    pub name: Text,
    /// The target of their requests.
    pub target: Target,
    /// Load that the clients make.
    pub load: Load,
    /// Number of clients, where that matters: sessions and answers of the name service.
    pub clients: u64,
    /// Time for which a client waits for an answer.
    pub timeout: Duration,
    /// The retries after a failure.
    pub retries: Retries,
    /// The objective of the group.
    pub objective: Option<LatencyObjective>,
}

/// The target of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A service, from within the cluster.
    Service {
        /// Namespace of the service.
        namespace: Text,
        /// Name of the service.
        name: Text,
    },
    /// A service, from outside, at any node.
    Published {
        /// Namespace of the published service.
        namespace: Text,
        /// Name of the published service.
        name: Text,
    },
    /// A function, by its number.
    Function(usize),
    /// A host and path, from outside.
    Host {
        /// The host.
        host: Text,
        /// The path.
        path: Text,
    },
}

/// Load that clients make.
#[derive(Clone, Debug)]
pub enum Load {
    /// At a rate, whatever becomes of the requests.
    Open(Rate),
    /// Each again some time after its last answer: a mean, exponentially long.
    Closed {
        /// Number of clients.
        clients: u64,
        /// Average time for which a client thinks.
        think: Duration,
    },
}

/// The retries of a client after a failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retries {
    /// Greatest number of further tries.
    pub most: u32,
    /// Time before the first further try; it doubles with each one.
    pub back_off: Duration,
    /// Tries again for so many of all requests of the group at most, as a share; infinite is no
    /// limit.
    pub budget: f64,
}

/// The part that forwards requests to the address of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyMode {
    /// kube-proxy: balanced as is said, with sessions where a service wants them; endpoints that are
    /// ending take requests where there is no other.
    #[default]
    KubeProxy,
    /// IPVS as `SwarmKit` sets it up (spec: orchestrators-a.md section 2.8): tasks in turns, no
    /// sessions; a task that is to stop takes no request any more.
    Ipvs,
    /// Marathon-LB (spec: orchestrators-b.md section 4): an `HAProxy` that asks Marathon for tasks every
    /// so often, in turns or as a service states, with sessions; one that is being killed takes no
    /// request any more. It is a task itself, and requests from outside come to where it runs.
    MarathonLb,
}

/// The label of tasks that are load balancers of DC/OS, and the values that say so.
pub const BALANCER_LABEL: (&str, [&str; 2]) = ("DCOS_PACKAGE_NAME", ["marathon-lb", "edge-lb"]);

/// Longest time between two requests of a DC/OS load balancer for tasks.
pub const BALANCER_POLL: Duration = Duration::from_secs(1);

/// Behaviour of services.
#[derive(Clone, Debug)]
pub struct ServiceModel {
    /// The part that forwards requests.
    pub forwarding: ProxyMode,
    /// Time that a change of the endpoints takes to reach the balancers.
    pub propagation: Duration,
    /// Time for which clients keep an answer of the name service.
    pub ttl: Duration,
    /// Balancing of requests, where a service states nothing.
    pub balancing: Balancing,
    /// Pods as servers, where they say nothing.
    pub server: ServerDefaults,
    /// The step in which what waits and what is tried again is followed.
    pub interval: Duration,
    /// Routers that requests from outside pass; where there are none, the rules of ingresses hold alone.
    pub routers: Vec<Router>,
}

/// A router of `OpenShift`: one shard of the routes (spec: orchestrators-a.md section 8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Name of the router.
    pub name: Text,
    /// Labels that a route has to have.
    pub selector: Labels,
    /// Namespaces of the routes; empty is all.
    pub namespaces: Vec<Text>,
    /// Requests that it takes, in millionths a second; `None` is without a limit.
    pub micro: Option<u64>,
    /// Number of its replicas, where these are pods of the cluster; `None` is a router outside of it.
    pub pods: Option<u32>,
    /// Least time between two reloads of its configuration.
    pub reload: Duration,
    /// Whether the router admits routes for all hosts of a domain.
    pub admits_wildcards: bool,
}

/// Label of the pods that are replicas of a router, whose value is the router's name.
pub const ROUTER_LABEL: &str = "router";
/// Namespace of the pods that are replicas of routers.
pub const ROUTER_NAMESPACE: &str = "default";

/// Pods as servers.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerDefaults {
    /// Time that a request takes once a server takes it up.
    pub service_time: Distribution,
    /// Number of requests served at once.
    pub concurrency: u32,
    /// Number of requests that may wait besides.
    pub queue_limit: u32,
    /// Part of the requests that fails.
    pub error_share: f64,
    /// Processor time of a request.
    pub cpu_per_request: Duration,
}

impl ServerDefaults {
    /// Defaults, replaced by what pods state of themselves.
    pub fn with(&self, stated: Option<&ServerSpec>) -> Self {
        let mut own = self.clone();
        let Some(stated) = stated else {
            return own;
        };
        if let Some(text) = &stated.service_time {
            let constant = text.parse::<Duration>().ok();
            let constant = constant.and_then(|span| Distribution::constant(span).ok());
            // The reader has checked that it is one of both.
            if let Some(law) = constant.or_else(|| text.parse().ok()) {
                own.service_time = law;
            }
        }
        own.concurrency = stated.concurrency.unwrap_or(own.concurrency);
        own.queue_limit = stated.queue_limit.unwrap_or(own.queue_limit);
        if let Some(parts) = stated.error_parts {
            own.error_share = f64::from(parts) / 1e6;
        }
        own.cpu_per_request = stated.cpu_per_request.unwrap_or(own.cpu_per_request);
        own
    }
}
