//! Ports that the pods of a state take on their machines: those that are stated, and none that a machine chooses.

use serde_json::Value;

use crate::readers::prelude::*;
use model::HostPort;

/// The largest number of a port.
const LARGEST: f64 = 65_535.0;

/// Ports on a machine.
#[derive(Default)]
pub(super) struct Ports(Vec<HostPort>);

impl Ports {
    /// Adds the port at a path, for each of the protocols `tcp`, `udp` or `tcp,udp`; 0 is one that a machine chooses.
    pub(super) fn add(
        &mut self,
        element: &Element,
        path: &str,
        protocols: &str,
    ) -> Result<(), BadRow> {
        let number = element.number_at(path, LARGEST)?.unwrap_or_default();
        if number.fract() > 0.0 {
            return Err(element.bad_at(path, "a whole number"));
        }
        let protocols = if protocols.is_empty() {
            "tcp"
        } else {
            protocols
        };
        for protocol in protocols.split(',').filter(|_| number > 0.0) {
            let port = HostPort {
                host_ip: "".into(),
                protocol: protocol.trim().to_uppercase().into(),
                port: number as u16,
            };
            if !self.0.contains(&port) {
                self.0.push(port);
            }
        }
        Ok(())
    }

    /// Gives them to a pod.
    pub(super) fn give(&self, spec: &mut PodSpec) {
        if let Some(container) = spec.containers.first_mut() {
            container.host_ports.clone_from(&self.0);
        }
    }
}

/// The paths of the elements of a list, which may be absent.
pub(super) fn paths(element: &Element, path: &str) -> Vec<String> {
    let list = element.at(path).and_then(Value::as_array);
    let places = 0..list.map_or(0, Vec::len);
    places.map(|place| format!("{path}/{place}")).collect()
}
