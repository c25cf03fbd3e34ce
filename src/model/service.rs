//! Services and routes to them: what clients name, and which pods stand behind it (spec:
//! kubernetes.md 2.11 and part 5; orchestrators-a.md 8.4 for weights).

use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

use super::{Labels, Text};
use units::Duration;

/// Session affinity where nothing else is stated: three hours (spec: kubernetes.md 2.11).
pub const AFFINITY_TIMEOUT: Duration = Duration::from_secs(10_800);

/// Choice of an endpoint among those that are live.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Balancing {
    /// One after another, in the order of their names.
    RoundRobin,
    /// By weight, spread as evenly as can be.
    SmoothWeighted,
    /// The fewest connections for its weight.
    LeastConnections,
    /// Any, all alike.
    #[default]
    Random,
    /// The one with fewer connections of two drawn at random.
    TwoChoices,
    /// By a hash of the client.
    Source,
}

impl Balancing {
    /// Every one with its name in files.
    pub const NAMES: &[(&str, Self)] = &[
        ("round-robin", Self::RoundRobin),
        ("smooth-weighted", Self::SmoothWeighted),
        ("least-connections", Self::LeastConnections),
        ("random", Self::Random),
        ("two-choices", Self::TwoChoices),
        ("source", Self::Source),
    ];

    /// The one of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut known = Self::NAMES.iter();
        known.find(|(own, _)| *own == name).map(|(_, own)| *own)
    }
}

/// A `Service`: pods behind one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Service {
    /// The service's namespace.
    pub namespace: Text,
    /// The service's name.
    pub name: Text,
    /// Labels of its pods; empty selects none.
    pub selector: Labels,
    /// Whether clients see the pods' own addresses (`clusterIP: None`).
    pub is_headless: bool,
    /// Whether pods that are not ready count as well.
    pub publish_not_ready: bool,
    /// Time for which a client stays with a pod after its last request; without one it does not
    /// stay.
    pub affinity: Option<Duration>,
    /// Balancing of requests; `None` is the experiment's setting.
    pub balancing: Option<Balancing>,
    /// Whether nodes take requests for it from outside.
    pub publish: Publish,
}

/// Whether nodes take requests for a service from outside, on a port of theirs (spec:
/// orchestrators-a.md section 2.8). In canonical bytes it is nothing where they don't.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Publish {
    /// They don't.
    #[default]
    No,
    /// Every node takes them, for any endpoint (`NodePort`, `LoadBalancer`; ingress mode).
    Ingress,
    /// A node takes them for the endpoints on it alone (`externalTrafficPolicy: Local`; host mode).
    Host,
}

impl Hash for Publish {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if *self != Self::No {
            (*self as u8).hash(state);
        }
    }
}

impl Service {
    /// `true` if the service selects a pod of these labels in a namespace.
    pub fn selects(&self, namespace: &str, labels: &Labels) -> bool {
        !self.selector.is_empty()
            && *self.namespace == *namespace
            && (self.selector.iter()).all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// A service that takes a part of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backend {
    /// The service.
    pub service: Text,
    /// The backend's weight; 0 receives no requests.
    pub weight: i64,
}

/// Comparison of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PathKind {
    /// The whole path.
    Exact,
    /// The path begins with these elements.
    Prefix,
}

/// Requests to a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PathRule {
    /// The path.
    pub path: Text,
    /// Kind of comparison.
    pub kind: PathKind,
    /// Backends of the matching requests.
    pub backends: Vec<Backend>,
}

/// Requests to a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// The host; `*.` stands for one label in front; `None` is every host.
    pub host: Option<Text>,
    /// Rules of the host, by path.
    pub paths: Vec<PathRule>,
}

/// An `Ingress`: rules for requests from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingress {
    /// The ingress's namespace.
    pub namespace: Text,
    /// The ingress's name.
    pub name: Text,
    /// Rules of the ingress, by host.
    pub rules: Vec<Rule>,
    /// Backends of all other requests.
    pub default: Vec<Backend>,
    /// Share, in percent, that a canary takes of the requests to the same host and path of another
    /// ingress.
    pub canary: Option<i64>,
    /// Settings of the route for the routers of `OpenShift`.
    pub route: RouteSettings,
}

/// Settings of a route for the routers of `OpenShift` (spec: orchestrators-a.md section 8.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSettings {
    /// Labels by which routers choose their routes.
    pub labels: Labels,
    /// Balancing of requests; `None` is the routers' own.
    pub balancing: Option<Balancing>,
    /// Whether clients get no cookie that keeps them with their endpoint.
    pub has_no_cookie: bool,
    /// Whether routers pass connections on without reading them.
    pub is_passthrough: bool,
    /// Whether the route is for every host of its domain, which a router has to allow.
    pub is_wildcard: bool,
}

impl Hash for RouteSettings {
    // One of its host alone has the bytes that it had before there were others.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            labels,
            balancing,
            has_no_cookie,
            is_passthrough,
            is_wildcard,
        } = self;
        (labels, balancing, has_no_cookie, is_passthrough).hash(state);
        if *is_wildcard {
            is_wildcard.hash(state);
        }
    }
}

impl Hash for Ingress {
    // One without settings of a route has the bytes that it had before there were any.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            namespace,
            name,
            rules,
            default,
            canary,
            route,
        } = self;
        (namespace, name, rules, default, canary).hash(state);
        if *route != RouteSettings::default() {
            route.hash(state);
        }
    }
}

/// Server settings of a pod. Annotations of the pod (template) below `windtunnel.dev/` state them;
/// the experiment supplies the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerSpec {
    /// Time that a request takes once a server takes it up: a distribution, in the notation of
    /// experiment files.
    pub service_time: Option<Text>,
    /// Number of requests served at once.
    pub concurrency: Option<u32>,
    /// Number of requests that may wait besides.
    pub queue_limit: Option<u32>,
    /// Share of requests that fail, in millionths.
    pub error_parts: Option<u32>,
    /// Processor time of a request.
    pub cpu_per_request: Option<Duration>,
    /// The server's weight where requests are balanced by weight.
    pub weight: Option<u32>,
}
