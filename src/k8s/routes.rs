//! Routes of `OpenShift`, which are read as ingresses of one rule with weights (spec: orchestrators-a.md 8.4),
//! and the settings that its routers read of either.

use std::sync::Arc;

use serde::Deserialize;

use super::field::{Path, Problem};
use super::keys::{BALANCE, NO_COOKIE};
use super::parts::Parts;
use super::raw::nullable;
use super::workload::Workload;
use model::Object;
use model::service::{Backend, Balancing, Ingress, PathKind, PathRule, RouteSettings, Rule};

/// Values of the annotation for the balancing.
const ALGORITHMS: [(&str, Balancing); 4] = [
    ("roundrobin", Balancing::RoundRobin),
    ("leastconn", Balancing::LeastConnections),
    ("source", Balancing::Source),
    ("random", Balancing::TwoChoices),
];

/// Weight of a backend that states none.
const WEIGHT: i64 = 1;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawRoute {
    #[serde(deserialize_with = "nullable")]
    host: String,
    path: Option<String>,
    to: RawTarget,
    #[serde(deserialize_with = "nullable")]
    alternate_backends: Vec<RawTarget>,
    #[serde(deserialize_with = "nullable")]
    tls: RawTls,
    wildcard_policy: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawTarget {
    kind: Option<String>,
    #[serde(deserialize_with = "nullable")]
    name: String,
    weight: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawTls {
    termination: Option<String>,
}

/// The settings that routers read of a route.
pub(super) fn settings(
    parts: &Parts,
    workload: &mut Workload<'_>,
) -> Result<RouteSettings, Problem> {
    let metadata = &parts.metadata;
    let root = Path::root("metadata");
    let annotations = root.field("annotations");
    let balancing = match metadata.annotations.get(BALANCE) {
        None => None,
        Some(text) => {
            let known = ALGORITHMS.iter().find(|(name, _)| *name == text);
            let expected = "`roundrobin`, `leastconn`, `source` or `random`";
            let path = annotations.key(BALANCE);
            Some(known.ok_or_else(|| path.problem(expected, text))?.1)
        }
    };
    let labels = &root.field("labels");
    Ok(RouteSettings {
        labels: workload.ctx.texts.labels(&metadata.labels, labels)?,
        balancing,
        has_no_cookie: matches!(
            metadata.annotations.get(NO_COOKIE),
            Some("true" | "TRUE" | "True")
        ),
        is_passthrough: false,
        is_wildcard: false,
    })
}

/// A route, as an ingress of one rule.
pub(super) fn route(parts: &Parts, workload: &mut Workload<'_>) -> Result<Object, Problem> {
    let raw: RawRoute = workload.spec()?;
    let spec = Path::root("spec");
    if raw.host.is_empty() {
        return Err(spec.field("host").missing("the host of the route"));
    }
    let written = raw.path.as_deref().unwrap_or("/");
    if !written.starts_with('/') {
        let expected = "a path that begins with `/`";
        return Err(spec.field("path").problem(expected, written));
    }
    let mut backends = vec![backend(&raw.to, &spec.field("to"), workload)?];
    let others = spec.field("alternateBackends");
    for (index, own) in raw.alternate_backends.iter().enumerate() {
        backends.push(backend(own, &others.index(index), workload)?);
    }
    let mut route = settings(parts, workload)?;
    route.is_passthrough = match raw.tls.termination.as_deref() {
        None | Some("" | "edge" | "reencrypt") => false,
        Some("passthrough") => true,
        Some(other) => {
            let path = spec.field("tls");
            let expected = "`edge`, `passthrough` or `reencrypt`";
            return Err(path.field("termination").problem(expected, other));
        }
    };
    route.is_wildcard = match raw.wildcard_policy.as_deref() {
        None | Some("" | "None") => false,
        Some("Subdomain") => true,
        Some(other) => {
            let path = spec.field("wildcardPolicy");
            return Err(path.problem("`None` or `Subdomain`", other));
        }
    };
    // Such a route is for the hosts beside its own in the domain.
    let domain = raw.host.split_once('.').filter(|_| route.is_wildcard);
    let host = domain.map_or_else(|| raw.host.clone(), |(_, domain)| format!("*.{domain}"));
    let texts = &mut workload.ctx.texts;
    let paths = vec![PathRule {
        path: texts.share(written),
        kind: PathKind::Prefix,
        backends,
    }];
    Ok(Object::Ingress(Arc::new(Ingress {
        rules: vec![Rule {
            host: Some(texts.share(&host)),
            paths,
        }],
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        route,
        ..Ingress::default()
    })))
}

/// A service of a route. A weight below 0 is 0, one above 256 is 256, where requests are routed.
fn backend(
    raw: &RawTarget,
    path: &Path<'_>,
    workload: &mut Workload<'_>,
) -> Result<Backend, Problem> {
    if let Some(kind) = raw.kind.as_deref().filter(|own| *own != "Service") {
        return Err(path.field("kind").problem("`Service`", kind));
    }
    if raw.name.is_empty() {
        return Err(path.field("name").missing("the name of a service"));
    }
    Ok(Backend {
        service: workload.ctx.texts.share(&raw.name),
        weight: raw.weight.unwrap_or(WEIGHT),
    })
}
