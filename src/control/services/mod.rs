//! Services: which endpoints there are and who sees them when, which of them a request goes to,
//! and which service a request to the outside is for (spec: orchestrators-a.md 9.2, 8.4;
//! kubernetes.md 2.11 and part 5); functions, whose instances come and go with requests (spec: orchestrators-a.md 9.7).
//!
//! Everything is a pure state machine over typed inputs and the time; nothing draws but from the
//! named stream that it was given.

pub mod affinity;
pub mod balancer;
pub mod endpoint;
pub mod functions;
pub mod ingress;

pub use affinity::{Affinity, ClientId};
pub use balancer::{Algorithm, Balancer, Limits, RequestOutcome, hash64};
pub use endpoint::{DnsCache, EndpointState, Registry, ServicePod, ServiceSettings};
pub use functions::{FunctionLimits, FunctionPool, Invocation};
pub use ingress::{
    Backend, Ingress, PathKind, PathRule, RouteMatch, Rule, endpoint_weights, route, split,
};
