//! Discovery on a host: the services of the cluster as the control server tells of them, in a file for each
//! namespace and in the environment of containers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use units::{SortedMap, SortedSet};

use crate::client::{Client, Line};
use crate::runtime::write_record;
use crate::wire::service::{PodPort, ServiceRow};

/// Time after which a server that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Name of the folder of the files.
const FOLDER: &str = ".services";

/// The services of a host.
#[derive(Clone, Debug)]
pub(crate) struct Discovery {
    node: String,
    address: Option<String>,
    folder: PathBuf,
    rows: Arc<Mutex<Vec<ServiceRow>>>,
}

impl Discovery {
    /// Discovery of a node without any services yet.
    pub(crate) fn new(node: &str, address: Option<String>, folder: &Path) -> Self {
        Self {
            node: node.to_owned(),
            address,
            folder: folder.join(FOLDER),
            rows: Arc::default(),
        }
    }

    /// Starts asking for services, and serving them. It ends with the process.
    pub(crate) fn start(&self, client: Client) {
        let own = self.clone();
        let work = move || own.work(&mut Line::waiting(client));
        // Without the thread containers find no services.
        let _ = std::thread::Builder::new()
            .name("services".to_owned())
            .spawn(work);
    }

    fn work(&self, line: &mut Line) {
        let mut version = 0;
        // What an earlier agent of the node wrote is good until it is known better.
        loop {
            let path = format!("/v1/nodes/{}/services?version={version}", self.node);
            let told = line.get::<(u64, Vec<ServiceRow>)>(&path);
            let Ok((now, rows)) = told else {
                std::thread::park_timeout(RETRY);
                continue;
            };
            if now == version {
                continue;
            }
            // Files that can't be written are written with the next change, or after a while.
            if self.write(&rows).is_ok() {
                version = now;
            } else {
                std::thread::park_timeout(RETRY);
            }
            *self.rows() = rows;
        }
    }

    /// Address of the node.
    pub(crate) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    fn rows(&self) -> MutexGuard<'_, Vec<ServiceRow>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a file for each namespace; those of namespaces without services become empty lists.
    fn write(&self, rows: &[ServiceRow]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let known = self.rows();
        let namespaces: SortedSet<&str> = known
            .iter()
            .chain(rows)
            .map(|row| row.namespace.as_str())
            .collect();
        for namespace in namespaces {
            let own = rows.iter().filter(|row| row.namespace == namespace);
            let own: Vec<&ServiceRow> = own.collect();
            write_record(&self.folder, &file_name(namespace), &own)?;
        }
        Ok(())
    }

    /// Variables that tell a container of a pod who and where it is, at which ports it is to listen, and
    /// which services there are.
    pub(crate) fn environment(
        &self,
        pod: u32,
        manifest: &Value,
        container: &Value,
    ) -> SortedMap<String, String> {
        let text = |path: &str| manifest.pointer(path).and_then(Value::as_str);
        let namespace = text("/metadata/namespace").unwrap_or("default");
        let mut variables = SortedMap::new();
        let mut set = |name: String, value: String| drop(variables.insert(name, value));
        set(
            "POD_NAME".to_owned(),
            text("/metadata/name").unwrap_or_default().to_owned(),
        );
        set("POD_NAMESPACE".to_owned(), namespace.to_owned());
        set("NODE_NAME".to_owned(), self.node.clone());
        if let Some(address) = &self.address {
            set("POD_IP".to_owned(), address.clone());
        }
        let file = self.folder.join(file_name(namespace));
        set("WINDTUNNEL_SERVICES".to_owned(), file.display().to_string());
        let own = container.get("ports").and_then(Value::as_array);
        let own: Vec<u64> = own
            .into_iter()
            .flatten()
            .filter_map(|port| port.get("containerPort")?.as_u64())
            .collect();
        let mut ports = PodPort::of(pod, manifest);
        ports.retain(|port| own.contains(&u64::from(port.container)));
        for (place, port) in ports.iter().enumerate() {
            if place == 0 {
                set("PORT".to_owned(), port.host.to_string());
            }
            set(format!("PORT_{}", port.container), port.host.to_string());
            if let Some(name) = &port.name {
                set(format!("PORT_{}", variable(name)), port.host.to_string());
            }
        }
        for row in self.rows().iter().filter(|row| row.namespace == namespace) {
            let (Some(address), Some(port)) = (&row.address, row.ports.first()) else {
                continue;
            };
            let name = variable(&row.name);
            set(format!("{name}_SERVICE_HOST"), address.clone());
            set(format!("{name}_SERVICE_PORT"), port.port.to_string());
        }
        variables
    }
}

/// Name of the file of a namespace.
fn file_name(namespace: &str) -> String {
    format!("{namespace}.json")
}

/// A name as variables have it.
fn variable(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::service::ServicePort;

    #[test]
    fn containers_learn_where_they_are_and_what_there_is() {
        let folder = std::env::temp_dir().join(format!("wt-discovery-{}", std::process::id()));
        let discovery = Discovery::new("n0", Some("10.0.0.1".to_owned()), &folder);
        let row = ServiceRow {
            namespace: "default".to_owned(),
            name: "web-front".to_owned(),
            address: Some("127.64.0.1".to_owned()),
            balancing: "round-robin".to_owned(),
            affinity_ns: None,
            ports: vec![ServicePort {
                name: None,
                port: 80,
                target: "8080".to_owned(),
            }],
            endpoints: Vec::new(),
        };
        discovery
            .write(std::slice::from_ref(&row))
            .expect("a folder");
        *discovery.rows() = vec![row];
        let container = json!({"name": "a", "ports": [{"containerPort": 8080, "name": "http"}]});
        let manifest = json!({
            "metadata": {"name": "a-1", "namespace": "default"},
            "spec": {"containers": [container]},
        });
        let variables = discovery.environment(3, &manifest, &container);
        for (name, value) in [
            ("POD_NAME", "a-1"),
            ("NODE_NAME", "n0"),
            ("POD_IP", "10.0.0.1"),
            ("PORT", "12003"),
            ("PORT_8080", "12003"),
            ("PORT_HTTP", "12003"),
            ("WEB_FRONT_SERVICE_HOST", "127.64.0.1"),
            ("WEB_FRONT_SERVICE_PORT", "80"),
        ] {
            assert_eq!(
                variables.get(name).map(String::as_str),
                Some(value),
                "{name}"
            );
        }
        let file = &variables["WINDTUNNEL_SERVICES"];
        let text = crate::security::secrets::secret(Path::new(file)).expect("a file");
        assert!(text.contains("web-front"), "{text}");
        // A service that is gone leaves an empty list.
        discovery.write(&[]).expect("a folder");
        let text = crate::security::secrets::secret(Path::new(file)).expect("a file");
        assert_eq!(text, "[]");
        let _ = std::fs::remove_dir_all(&folder);
    }
}
