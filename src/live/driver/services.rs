//! Services of the cluster and the pods behind them, for the agents. They follow from the objects and the
//! readiness of pods, and decide nothing.

use cluster::Store;
use model::{Labels, Object, Pod, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use units::SortedMap;

use super::Driver;
use crate::wire::service::{Endpoint, PodPort, ServicePort, ServiceRow};

/// Annotation with the weight of a pod.
const WEIGHT: &str = "/metadata/annotations/windtunnel.dev~1weight";

/// Ports of services as users wrote them.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    services: SortedMap<Name, Vec<ServicePort>>,
}

/// Name of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    namespace: String,
    name: String,
}

/// Ports of a service, with its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NamedPorts {
    namespace: String,
    name: String,
    ports: Vec<ServicePort>,
}

impl Ports {
    /// Ports of the services that are there.
    pub(super) fn present(&self, store: &Store) -> Vec<NamedPorts> {
        let is_there = |name: &Name| {
            let (namespace, name) = (name.namespace.as_str().into(), name.name.as_str().into());
            store.objects().find("Service", &namespace, &name).is_some()
        };
        let services = self.services.iter().filter(|(name, _)| is_there(name));
        let services = services.map(|(name, ports)| NamedPorts {
            namespace: name.namespace.clone(),
            name: name.name.clone(),
            ports: ports.clone(),
        });
        services.collect()
    }

    /// The ports of these services.
    pub(super) fn of(services: &[NamedPorts]) -> Self {
        let services = services.iter().map(|service| {
            let name = Name {
                namespace: service.namespace.clone(),
                name: service.name.clone(),
            };
            (name, service.ports.clone())
        });
        Self {
            services: services.collect(),
        }
    }

    /// Takes note of an object of a request, if it is a service.
    pub(super) fn read(&mut self, object: &Value) {
        let named = |field: &str| object.pointer(field).and_then(Value::as_str);
        if let (Some("Service"), Some(name)) = (named("/kind"), named("/metadata/name")) {
            let name = Name {
                namespace: named("/metadata/namespace").unwrap_or("default").to_owned(),
                name: name.to_owned(),
            };
            self.services.insert(name, ServicePort::of(object));
        }
    }

    /// An object was applied: if it is a service, it has the ports of that request from now on.
    pub(super) fn take(&mut self, object: &Object, request: &mut Self) {
        let name = Name {
            namespace: object.namespace().to_string(),
            name: object.name().to_string(),
        };
        if matches!(object, Object::Service(_))
            && let Some(ports) = request.services.remove(&name)
        {
            self.services.insert(name, ports);
        }
    }
}

impl Driver {
    /// The services with their endpoints: pods that are ready, on nodes whose address is known.
    pub fn services(&self) -> Vec<ServiceRow> {
        let mut rows = Vec::new();
        for (_, object) in self.store.objects().iter() {
            let Object::Service(service) = &object.object else {
                continue;
            };
            let name = Name {
                namespace: service.namespace.to_string(),
                name: service.name.to_string(),
            };
            let balancing = service
                .balancing
                .unwrap_or(model::service::Balancing::RoundRobin);
            let mut known = model::service::Balancing::NAMES.iter();
            let balancing = known.find(|(_, known)| *known == balancing);
            let mut endpoints: Vec<Endpoint> = self
                .store
                .pods()
                .iter()
                .filter(|pod| {
                    self.is_behind(pod, |namespace, labels| service.selects(namespace, labels))
                })
                .filter_map(|pod| self.endpoint(pod))
                .collect();
            endpoints.sort_unstable_by(|one, other| one.pod.cmp(&other.pod));
            rows.push(ServiceRow {
                address: (!service.is_headless).then(|| address(&name)),
                balancing: balancing.map_or("", |(name, _)| name).to_owned(),
                affinity_ns: service.affinity.map(units::Duration::as_nanos),
                ports: self.ports.services.get(&name).cloned().unwrap_or_default(),
                endpoints,
                namespace: name.namespace,
                name: name.name,
            });
        }
        rows
    }

    fn is_behind(&self, pod: &Pod, selects: impl Fn(&str, &Labels) -> bool) -> bool {
        let state = self.store.pod_states().get(pod.pod);
        let is_ready = state.is_some_and(|state| state.is_ready && state.terminating.is_none());
        let spec = &self.store.class(pod.class).spec;
        is_ready && selects(&spec.namespace, &spec.labels)
    }

    fn endpoint(&self, pod: &Pod) -> Option<Endpoint> {
        let node = pod.node()?;
        let nodes = self.store.nodes();
        if !nodes.is_ready(node) {
            return None;
        }
        let address = self.links.get(node)?.registration.address.clone()?;
        let written = self.store.class(pod.class).spec.manifest.0.clone();
        let manifest: Option<Value> =
            written.and_then(|text: Text| serde_json::from_str(&text).ok());
        let manifest = manifest.unwrap_or_default();
        let weight = manifest.pointer(WEIGHT).and_then(Value::as_str);
        Some(Endpoint {
            pod: pod.name.to_string(),
            node: nodes.name(node).to_owned(),
            address,
            weight: weight.and_then(|weight| weight.parse().ok()).unwrap_or(1),
            ports: PodPort::of(pod.pod.id.0, &manifest),
        })
    }
}

/// Address of a service: one of those that mean this machine on every host, and follows from the name.
fn address(name: &Name) -> String {
    let hash = blake3::hash(format!("{}/{}", name.namespace, name.name).as_bytes());
    let bytes = hash.as_bytes();
    // 127.64.0.0/10, without the first and the last address of each last part.
    let last = bytes[2] % 254 + 1;
    format!("127.{}.{}.{last}", 64 + bytes[0] % 64, bytes[1])
}
