//! Kinds of objects that are served, the paths at which they are, and what clients ask of a server before
//! anything else.

use model::Object;
use serde_json::{Map, Value, json};
use units::SortedMap;

/// A kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: &'static str,
    /// Name in paths.
    plural: &'static str,
    /// Group and version, such as `apps/v1`.
    pub(crate) version: &'static str,
    short: &'static [&'static str],
    /// Whether `kubectl get all` shows it.
    is_common: bool,
}

const fn resource(
    kind: &'static str,
    plural: &'static str,
    version: &'static str,
    short: &'static [&'static str],
) -> Resource {
    Resource {
        kind,
        plural,
        version,
        short,
        is_common: false,
    }
}

/// Usage of nodes and pods, which can be read alone.
const METRICS: &str = "metrics.k8s.io/v1beta1";

const RESOURCES: &[Resource] = &[
    resource("Pod", "pods", "v1", &["po"]).common(),
    resource("Node", "nodes", "v1", &["no"]),
    resource("Event", "events", "v1", &["ev"]),
    resource("Namespace", "namespaces", "v1", &["ns"]),
    resource("Service", "services", "v1", &["svc"]).common(),
    resource(
        "ReplicationController",
        "replicationcontrollers",
        "v1",
        &["rc"],
    )
    .common(),
    resource("ConfigMap", "configmaps", "v1", &["cm"]),
    resource("Secret", "secrets", "v1", &[]),
    resource("ResourceQuota", "resourcequotas", "v1", &["quota"]),
    resource("LimitRange", "limitranges", "v1", &["limits"]),
    resource("Deployment", "deployments", "apps/v1", &["deploy"]).common(),
    resource("ReplicaSet", "replicasets", "apps/v1", &["rs"]).common(),
    resource("StatefulSet", "statefulsets", "apps/v1", &["sts"]).common(),
    resource("DaemonSet", "daemonsets", "apps/v1", &["ds"]).common(),
    resource("Job", "jobs", "batch/v1", &[]).common(),
    resource("CronJob", "cronjobs", "batch/v1", &["cj"]).common(),
    resource(
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "autoscaling/v2",
        &["hpa"],
    )
    .common(),
    resource(
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        "policy/v1",
        &["pdb"],
    ),
    resource("Ingress", "ingresses", "networking.k8s.io/v1", &["ing"]),
    resource(
        "PriorityClass",
        "priorityclasses",
        "scheduling.k8s.io/v1",
        &["pc"],
    ),
    resource("ResourceClaim", "resourceclaims", "resource.k8s.io/v1", &[]),
    resource("Workload", "workloads", "kueue.x-k8s.io/v1beta2", &["wl"]),
    resource(
        "ClusterQueue",
        "clusterqueues",
        "kueue.x-k8s.io/v1beta2",
        &["cq"],
    ),
    resource("NodeMetrics", "nodes", METRICS, &[]),
    resource("PodMetrics", "pods", METRICS, &[]),
];

/// A place in the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) resource: Resource,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    /// Part of the object, such as `log`.
    pub(crate) part: Option<String>,
}

impl Resource {
    /// The kind as one that `kubectl get all` shows.
    const fn common(self) -> Self {
        Self {
            is_common: true,
            ..self
        }
    }

    /// Whether objects have no namespace.
    pub(crate) fn is_of_cluster(&self) -> bool {
        self.kind == "NodeMetrics" || is_of_cluster(self.kind)
    }

    /// Parts of objects that are served by themselves, with their group, version and kind.
    fn parts(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self.kind {
            "Pod" => &[("log", "v1", "Pod"), ("eviction", "policy/v1", "Eviction")],
            "Deployment" | "ReplicaSet" | "StatefulSet" | "ReplicationController" => {
                &[("scale", "autoscaling/v1", "Scale")]
            }
            _ => &[],
        }
    }

    fn verbs(&self) -> &'static [&'static str] {
        match self.kind {
            "Event" | "NodeMetrics" | "PodMetrics" => &["get", "list", "watch"],
            "Node" => &["get", "list", "watch", "patch", "delete"],
            _ => &[
                "get", "list", "watch", "create", "update", "patch", "delete",
            ],
        }
    }

    fn base(&self) -> String {
        let root = if self.version == "v1" { "api" } else { "apis" };
        format!("{root}/{}", self.version)
    }
}

/// Whether objects of a kind have no namespace.
pub(crate) fn is_of_cluster(kind: &str) -> bool {
    kind == "Node" || Object::OF_CLUSTER.contains(&kind)
}

/// The place that a path names.
pub(crate) fn place(parts: &[&str]) -> Option<Place> {
    let (version, rest) = match parts {
        ["api", version, rest @ ..] => ((*version).to_owned(), rest),
        ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
        rest => (None, rest),
    };
    let (plural, name, part) = match rest {
        [plural] => (plural, None, None),
        [plural, name] => (plural, Some(*name), None),
        [plural, name, part] => (plural, Some(*name), Some(*part)),
        _ => return None,
    };
    let mut known = RESOURCES.iter();
    let resource = known.find(|known| known.plural == *plural && known.version == version)?;
    Some(Place {
        resource: *resource,
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        part: part.map(str::to_owned),
    })
}

/// What clients ask of a server before anything else; `None` of other paths.
pub(crate) fn discovered(parts: &[&str]) -> Option<Value> {
    Some(match parts {
        ["version"] => json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0+windtunnel"}),
        ["api"] => json!({"kind": "APIVersions", "apiVersion": "v1", "versions": ["v1"]}),
        ["apis"] => groups(),
        ["api", "v1"] => listed("v1")?,
        ["apis", group, version] => listed(&format!("{group}/{version}"))?,
        ["openapi", "v3"] => {
            let paths = RESOURCES.iter().map(|known| {
                let base = known.base();
                let address = json!({"serverRelativeURL": format!("/openapi/v3/{base}")});
                (base, address)
            });
            json!({"paths": paths.collect::<Map<_, _>>()})
        }
        ["openapi", "v3", base @ ..] => checked(&base.join("/"))?,
        _ => return None,
    })
}

fn groups() -> Value {
    let mut groups: SortedMap<&str, &str> = SortedMap::new();
    for known in RESOURCES {
        if let Some((group, _)) = known.version.split_once('/') {
            groups.insert(group, known.version);
        }
    }
    let groups = groups.iter().map(|(group, known)| {
        let version = known.rsplit('/').next();
        let version = json!({"groupVersion": known, "version": version});
        json!({"name": group, "versions": [version], "preferredVersion": version})
    });
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>()})
}

fn listed(version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for known in RESOURCES.iter().filter(|known| known.version == version) {
        let is_namespaced = !known.is_of_cluster();
        let categories: &[&str] = if known.is_common { &["all"] } else { &[] };
        resources.push(json!({
            "name": known.plural, "singularName": known.kind.to_lowercase(), "kind": known.kind,
            "namespaced": is_namespaced, "verbs": known.verbs(), "shortNames": known.short,
            "categories": categories,
        }));
        for (part, version, kind) in known.parts() {
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            resources.push(json!({
                "name": format!("{}/{part}", known.plural), "singularName": "", "kind": kind,
                "namespaced": is_namespaced, "verbs": ["get", "update", "patch", "create"],
                "group": group, "version": version,
            }));
        }
    }
    (!resources.is_empty()).then(|| {
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources,
        })
    })
}

/// A description of the kinds of a version that says no more than that the server checks fields itself.
fn checked(base: &str) -> Option<Value> {
    let own = RESOURCES.iter().filter(|known| known.base() == base);
    let paths = own.map(|known| {
        let (group, version) = known.version.split_once('/').unwrap_or(("", known.version));
        let parameter = json!({"name": "fieldValidation", "in": "query", "schema": {"type": "string"}});
        let patch = json!({
            "parameters": [parameter], "responses": {},
            "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": known.kind},
        });
        let path = format!("/{base}/namespaces/{{namespace}}/{}/{{name}}", known.plural);
        (path, json!({"patch": patch}))
    });
    let paths: Map<String, Value> = paths.collect();
    (!paths.is_empty()).then(|| {
        let info = json!({"title": "windtunnel", "version": "1"});
        json!({"openapi": "3.0.0", "info": info, "paths": paths})
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_cluster_has_a_place() {
        for kind in Object::KINDS
            .iter()
            .filter(|kind| **kind != "VerticalPodAutoscaler")
        {
            let known = RESOURCES.iter().find(|known| known.kind == *kind);
            assert!(known.is_some(), "{kind}");
        }
        let of = |path: &str| place(&path.split('/').collect::<Vec<_>>());
        let log = of("api/v1/namespaces/shop/pods/web-0/log").expect("a place");
        assert_eq!(
            (log.resource.kind, log.part.as_deref()),
            ("Pod", Some("log"))
        );
        assert_eq!(log.namespace.as_deref(), Some("shop"));
        let namespace = of("api/v1/namespaces/shop").expect("a place");
        assert_eq!(namespace.resource.kind, "Namespace");
        assert_eq!(of("apis/apps/v1/pods"), None);
    }
}
