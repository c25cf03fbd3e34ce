//! Manifests of services and of routes to them, and what pods say of themselves as servers (spec:
//! kubernetes.md 2.11 and part 5).

use std::sync::Arc;

use serde::Deserialize;

use super::field::{Path, Problem};
use super::life::WITHOUT_A_FILE;
use super::parts::Parts;
use super::raw::{self, TextMap, nullable, texts};
use super::workload::Workload;
use model::service::{
    AFFINITY_TIMEOUT, Backend, Balancing, Ingress, PathKind, PathRule, Publish, Rule, ServerSpec,
    Service,
};
use model::{Object, Text};
use rng::Distribution;
use units::Duration;

/// On a service: how its requests are balanced.
const BALANCING: &str = "windtunnel.dev/balancing";

/// On an ingress: the parts that services take which share its paths, such as
/// `shop=95,shop-canary=5`.
const WEIGHTS: &str = "windtunnel.dev/backend-weights";

/// On an ingress: it takes a part of what another one routes.
const CANARY: &str = "nginx.ingress.kubernetes.io/canary";

/// That part, in percent.
const CANARY_WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawService {
    #[serde(deserialize_with = "texts")]
    selector: TextMap,
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(deserialize_with = "nullable")]
    publish_not_ready_addresses: bool,
    session_affinity: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    external_traffic_policy: Option<String>,
    #[serde(deserialize_with = "nullable")]
    session_affinity_config: RawAffinityConfig,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawAffinityConfig {
    #[serde(rename = "clientIP", deserialize_with = "nullable")]
    client_ip: RawClientIp,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawClientIp {
    timeout_seconds: Option<i64>,
}

/// A service.
pub(super) fn service(parts: &Parts, workload: &mut Workload<'_>) -> Result<Object, Problem> {
    let raw: RawService = workload.spec()?;
    let path = Path::root("spec");
    let affinity = match raw.session_affinity.as_deref() {
        None | Some("" | "None") => None,
        Some("ClientIP") => Some(
            match raw.session_affinity_config.client_ip.timeout_seconds {
                None => AFFINITY_TIMEOUT,
                Some(secs @ 1..=86_400) => Duration::from_secs(secs),
                Some(secs) => {
                    let path = path.field("sessionAffinityConfig");
                    let path = path.field("clientIP");
                    let path = path.field("timeoutSeconds");
                    return Err(path.problem("1 to 86400 seconds", secs));
                }
            },
        ),
        Some(other) => {
            let path = path.field("sessionAffinity");
            return Err(path.problem("`None` or `ClientIP`", other));
        }
    };
    let balancing = match parts.metadata.annotations.get(BALANCING) {
        None => None,
        Some(name) => Some(Balancing::of_name(name).ok_or_else(|| {
            let known: Vec<String> = Balancing::NAMES
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            let path = Path::root("metadata");
            let path = path.field("annotations");
            path.key(BALANCING).problem(&known.join(", "), name)
        })?),
    };
    let publish = match (raw.kind.as_deref(), raw.external_traffic_policy.as_deref()) {
        (Some("NodePort" | "LoadBalancer"), Some("Local")) => Publish::Host,
        (Some("NodePort" | "LoadBalancer"), None | Some("" | "Cluster")) => Publish::Ingress,
        (Some("NodePort" | "LoadBalancer"), Some(other)) => {
            let path = path.field("externalTrafficPolicy");
            return Err(path.problem("`Cluster` or `Local`", other));
        }
        _ => Publish::No,
    };
    let selector = &path.field("selector");
    Ok(Object::Service(Arc::new(Service {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        selector: workload.ctx.texts.labels(&raw.selector, selector)?,
        is_headless: raw.cluster_ip.as_deref() == Some("None"),
        publish_not_ready: raw.publish_not_ready_addresses,
        affinity,
        balancing,
        publish,
    })))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawIngress {
    default_backend: Option<RawBackend>,
    #[serde(deserialize_with = "nullable")]
    rules: Vec<RawRule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawRule {
    host: Option<String>,
    #[serde(deserialize_with = "nullable")]
    http: RawHttp,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawHttp {
    #[serde(deserialize_with = "nullable")]
    paths: Vec<RawPath>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawPath {
    path: Option<String>,
    path_type: Option<String>,
    backend: RawBackend,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawBackend {
    service: Option<RawName>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawName {
    #[serde(deserialize_with = "nullable")]
    name: String,
}

/// Rules for requests from outside.
pub(super) fn ingress(parts: &Parts, workload: &mut Workload<'_>) -> Result<Object, Problem> {
    let raw: RawIngress = workload.spec()?;
    let annotations = Path::root("metadata");
    let annotations = annotations.field("annotations");
    let weights = match parts.metadata.annotations.get(WEIGHTS) {
        None => Vec::new(),
        Some(text) => weights(text, &annotations.key(WEIGHTS), workload)?,
    };
    let is_canary = parts.metadata.annotations.get(CANARY) == Some("true");
    let canary = match parts.metadata.annotations.get(CANARY_WEIGHT) {
        Some(text) if is_canary => {
            let part = text.parse().ok().filter(|part| (0..=100).contains(part));
            let path = annotations.key(CANARY_WEIGHT);
            Some(part.ok_or_else(|| path.problem("a whole number of percent, 0 to 100", text))?)
        }
        None if is_canary => Some(0),
        _ => None,
    };
    let path = Path::root("spec");
    let default = match &raw.default_backend {
        None => Vec::new(),
        Some(backend) => backends(backend, &weights, &path.field("defaultBackend"), workload)?,
    };
    let mut rules = Vec::new();
    let rules_path = path.field("rules");
    for (index, rule) in raw.rules.iter().enumerate() {
        let path = rules_path.index(index);
        let path = path.field("http");
        let path = path.field("paths");
        let mut paths = Vec::new();
        for (index, own) in rule.http.paths.iter().enumerate() {
            let path = path.index(index);
            let kind = match own.path_type.as_deref() {
                Some("Exact") => PathKind::Exact,
                None | Some("Prefix" | "ImplementationSpecific") => PathKind::Prefix,
                Some(other) => {
                    let expected = "`Exact`, `Prefix` or `ImplementationSpecific`";
                    return Err(path.field("pathType").problem(expected, other));
                }
            };
            let written = own.path.as_deref().unwrap_or("/");
            if !written.starts_with('/') {
                return Err(path
                    .field("path")
                    .problem("a path that begins with `/`", written));
            }
            let backends = backends(&own.backend, &weights, &path.field("backend"), workload)?;
            paths.push(PathRule {
                path: workload.ctx.texts.share(written),
                kind,
                backends,
            });
        }
        let host = rule.host.as_deref().filter(|host| !host.is_empty());
        rules.push(Rule {
            host: host.map(|host| workload.ctx.texts.share(host)),
            paths,
        });
    }
    Ok(Object::Ingress(Arc::new(Ingress {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        rules,
        default,
        canary,
        route: super::routes::settings(parts, workload)?,
    })))
}

/// Services that take requests: the one named, or those that share them with it.
fn backends(
    raw: &RawBackend,
    weights: &[Backend],
    path: &Path<'_>,
    workload: &mut Workload<'_>,
) -> Result<Vec<Backend>, Problem> {
    let name = raw.service.as_ref().map_or("", |service| &service.name);
    if name.is_empty() {
        let path = path.field("service");
        return Err(path.field("name").missing("the name of a service"));
    }
    if weights.iter().any(|weight| *weight.service == *name) {
        return Ok(weights.to_vec());
    }
    Ok(vec![Backend {
        service: workload.ctx.texts.share(name),
        weight: 1,
    }])
}

fn weights(
    text: &str,
    path: &Path<'_>,
    workload: &mut Workload<'_>,
) -> Result<Vec<Backend>, Problem> {
    let mut list = Vec::new();
    for part in text.split(',') {
        let read = part.trim().split_once('=').and_then(|(service, weight)| {
            let weight = weight.trim().parse::<u32>().ok()?;
            Some((service.trim(), i64::from(weight)))
        });
        let Some((service, weight)) = read.filter(|(service, _)| !service.is_empty()) else {
            let expected = "weights such as `shop=95,shop-canary=5`, none below 0";
            return Err(path.problem(expected, text));
        };
        list.push(Backend {
            service: workload.ctx.texts.share(service),
            weight,
        });
    }
    if list.iter().all(|own| own.weight == 0) {
        let message = format!(
            "all weights are 0, so no request could be routed, found `{text}`; give one service a \
             weight"
        );
        return Err(path.broken(message));
    }
    Ok(list)
}

/// Server that a pod declares itself to be.
pub(super) fn server(
    metadata: &raw::Metadata,
    share: &mut dyn FnMut(&str) -> Text,
) -> Result<Option<Arc<ServerSpec>>, Problem> {
    let root = Path::root("metadata");
    let annotations = root.field("annotations");
    let stated = |name: &str| {
        let key = format!("windtunnel.dev/{name}");
        metadata.annotations.get(&key).map(|text| (key, text))
    };
    let number = |name: &str, least: u32| {
        let Some((key, text)) = stated(name) else {
            return Ok(None);
        };
        let number = text.parse::<u32>().ok().filter(|number| *number >= least);
        let expected = format!("a whole number of {least} or more");
        let path = annotations.key(&key);
        number
            .map(Some)
            .ok_or_else(|| path.problem(&expected, text))
    };
    let mut server = ServerSpec {
        concurrency: number("concurrency", 1)?,
        queue_limit: number("queue-limit", 0)?,
        weight: number("weight", 0)?,
        ..ServerSpec::default()
    };
    if let Some((key, text)) = stated("service-time") {
        if text.parse::<Duration>().is_err() && text.parse::<Distribution>().is_err() {
            let expected =
                "a duration such as `20ms` or a distribution such as `exponential(20ms)`";
            return Err(annotations.key(&key).problem(expected, text));
        }
        let law = text.parse::<Distribution>().ok();
        if law.is_some_and(|law| law.missing_file().is_some()) {
            return Err(annotations.key(&key).problem(WITHOUT_A_FILE, text));
        }
        server.service_time = Some(share(text));
    }
    if let Some((key, text)) = stated("error-rate") {
        let share = text.strip_suffix('%').map_or_else(
            || text.parse::<f64>().ok(),
            |percent| percent.trim().parse::<f64>().ok().map(|own| own / 100.0),
        );
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        let path = annotations.key(&key);
        let share = share.ok_or_else(|| path.problem("a share of 0% to 100%", text))?;
        server.error_parts = Some((share * 1e6).round() as u32);
    }
    if let Some((key, text)) = stated("cpu-per-request") {
        let span = text.parse::<Duration>().ok();
        let span = span.filter(|span| *span >= Duration::ZERO);
        let path = annotations.key(&key);
        let expected = "processor time of 0 or more, such as `5ms`";
        server.cpu_per_request = Some(span.ok_or_else(|| path.problem(expected, text))?);
    }
    Ok((server != ServerSpec::default()).then(|| Arc::new(server)))
}
