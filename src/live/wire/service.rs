//! Services and their endpoints, as agents learn of them, and the ports at which pods listen.

use model::service::Balancing;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Ports that pods are given where none of the host is stated: they begin here.
const FIRST_PORT: u32 = 12_000;

/// Number of these ports; they end below those that systems give to clients.
const PORT_COUNT: u32 = 20_000;

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceRow {
    /// Namespace of the service.
    pub namespace: String,
    /// Name of the service.
    pub name: String,
    /// Address of the service on every host; none of a headless one.
    pub address: Option<String>,
    /// Way in which an endpoint is chosen.
    pub balancing: String,
    /// Nanoseconds for which a client stays with its endpoint after its last connection; none without
    /// session affinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity_ns: Option<i64>,
    /// Ports of the service.
    pub ports: Vec<ServicePort>,
    /// Endpoints that are ready, in the order of their names.
    pub endpoints: Vec<Endpoint>,
}

impl ServiceRow {
    /// The algorithm that chooses an endpoint.
    pub fn algorithm(&self) -> Balancing {
        Balancing::of_name(&self.balancing).unwrap_or(Balancing::RoundRobin)
    }
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServicePort {
    /// Name of the port.
    pub name: Option<String>,
    /// Number at the service's address.
    pub port: u16,
    /// Number or name of the containers' port.
    pub target: String,
}

impl ServicePort {
    /// The ports of a service as its manifest states them.
    pub(crate) fn of(service: &Value) -> Vec<Self> {
        let ports = service.pointer("/spec/ports").and_then(Value::as_array);
        let ports = ports.into_iter().flatten().filter_map(|port| {
            let number = u16::try_from(port.get("port")?.as_u64()?).ok()?;
            let target = match port.get("targetPort") {
                Some(Value::String(name)) => name.clone(),
                Some(Value::Number(target)) => target.to_string(),
                _ => number.to_string(),
            };
            Some(Self {
                name: port.get("name").and_then(Value::as_str).map(str::to_owned),
                port: number,
                target,
            })
        });
        ports.collect()
    }
}

/// A pod behind a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// Name of the pod.
    pub pod: String,
    /// Node of the pod.
    pub node: String,
    /// Address of the node.
    pub address: String,
    /// Weight of the pod.
    pub weight: i64,
    /// Ports of the pod.
    pub ports: Vec<PodPort>,
}

impl Endpoint {
    /// The port of the host at which a port of the service is served.
    pub fn port(&self, service: &ServicePort) -> Option<u16> {
        let mut own = self.ports.iter();
        let own = own.find(|own| {
            own.container.to_string() == service.target
                || own.name.as_deref() == Some(&service.target)
        });
        own.map(|own| own.host)
    }
}

/// A port at which a pod listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodPort {
    /// Name of the port.
    pub name: Option<String>,
    /// Number that the manifest states.
    pub container: u16,
    /// Number at the host, where the process is to listen.
    pub host: u16,
}

impl PodPort {
    /// The ports of a pod by its manifest. Pods share the network of their host, so each gets numbers of
    /// its own, which follow from the pod's.
    pub fn of(pod: u32, manifest: &Value) -> Vec<Self> {
        let containers = manifest
            .pointer("/spec/containers")
            .and_then(Value::as_array);
        let written = containers.into_iter().flatten().flat_map(|container| {
            let ports = container.get("ports").and_then(Value::as_array);
            ports.into_iter().flatten()
        });
        let written: Vec<&Value> = written.collect();
        let count = u32::try_from(written.len()).unwrap_or(1).max(1);
        let number = |port: &Value, field: &str| {
            let number = port.get(field).and_then(Value::as_u64)?;
            u16::try_from(number).ok().filter(|number| *number > 0)
        };
        let ports = (0..).zip(written).filter_map(|(place, port)| {
            let own = pod.wrapping_mul(count).wrapping_add(place) % PORT_COUNT;
            let given = u16::try_from(FIRST_PORT + own).ok()?;
            Some(Self {
                name: port.get("name").and_then(Value::as_str).map(str::to_owned),
                container: number(port, "containerPort")?,
                host: number(port, "hostPort").unwrap_or(given),
            })
        });
        ports.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_listen_at_ports_of_their_own_and_services_find_them() {
        let manifest = json!({"spec": {"containers": [
            {"ports": [{"containerPort": 8080, "name": "http"}]},
            {"ports": [{"containerPort": 9090, "hostPort": 90}]},
        ]}});
        let ports = PodPort::of(7, &manifest);
        assert_eq!(ports[0].host, 12_014);
        assert_eq!(ports[1].host, 90);
        assert_ne!(PodPort::of(8, &manifest)[0].host, ports[0].host);
        let service = json!({"spec": {"ports": [
            {"port": 80, "targetPort": "http"}, {"port": 9090},
        ]}});
        let endpoint = Endpoint {
            pod: "a".to_owned(),
            node: "n0".to_owned(),
            address: "10.0.0.1".to_owned(),
            weight: 1,
            ports,
        };
        let found: Vec<Option<u16>> = ServicePort::of(&service)
            .iter()
            .map(|port| endpoint.port(port))
            .collect();
        assert_eq!(found, [Some(12_014), Some(90)]);
    }
}
