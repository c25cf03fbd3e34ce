//! Routers of `OpenShift`: shards of the routes, outside of the cluster or as pods of it (spec:
//! orchestrators-a.md section 8.4).

use control::operation::{Operation, Target};
use intake::Input;
use k8s::ManifestReader;
use model::{Labels, Object};
use scenario::Scenario;
use sim::traffic::{ROUTER_LABEL, ROUTER_NAMESPACE, Router};
use systems::openshift::section::{OpenShift, OpenShiftRouter};
use units::{Duration, Instant};

use super::{BuildError, Remarks};

/// Least time between two reloads of a router, where nothing is stated.
const RELOAD: Duration = Duration::from_secs(5);

/// The routers of a scenario: where none is stated, one takes the routes of all hosts.
pub(super) fn routers(scenario: &Scenario) -> Vec<Router> {
    let is_openshift = scenario.system.name == systems::openshift::ENTRY.name;
    let has_host = scenario.traffic.iter().any(|own| own.host.is_some());
    let routers: Vec<Router> = stated(scenario).iter().map(router).collect();
    if is_openshift && has_host && routers.is_empty() {
        return vec![Router {
            name: "router".into(),
            selector: Labels::new(),
            namespaces: Vec::new(),
            micro: None,
            pods: None,
            reload: RELOAD,
            admits_wildcards: false,
        }];
    }
    routers
}

/// Notes the routes for all hosts of a domain, where no router admits any.
pub(super) fn note_wildcards(
    scenario: &Scenario,
    operations: &[(Instant, Operation)],
    remarks: &mut Remarks,
) {
    if stated(scenario).iter().any(|own| own.wildcard_routes) {
        return;
    }
    for (_, operation) in operations {
        if let Operation::Create(Object::Ingress(own)) | Operation::Apply(Object::Ingress(own)) =
            operation
            && own.route.is_wildcard
        {
            remarks.note(format!(
                "the Route `{}/{}` asks for `wildcardPolicy: Subdomain`, which the router does not admit by default: it \
                 serves nothing; write `wildcardRoutes: true` at one of `system.openshift.routers`",
                own.namespace, own.name
            ));
        }
    }
}

fn stated(scenario: &Scenario) -> Vec<OpenShiftRouter> {
    scenario.system.own::<OpenShift>().routers
}

fn router(own: &OpenShiftRouter) -> Router {
    let micro = |rate: f64| (rate * f64::from(own.replicas) * 1e6).round() as u64;
    Router {
        name: own.name.as_str().into(),
        selector: Labels::from(&own.route_selector),
        namespaces: own.projects.iter().map(|own| own.as_str().into()).collect(),
        micro: own.rate.map(micro),
        pods: own.pods.as_ref().map(|_| own.replicas),
        reload: own.reload_interval,
        admits_wildcards: own.wildcard_routes,
    }
}

/// The deployment configurations of routers that are pods, made at the start.
///
/// # Errors
/// A workload of the same name is declared.
pub(super) fn made(
    scenario: &Scenario,
    declared: &[(Instant, Operation)],
) -> Result<Vec<(Instant, Operation)>, BuildError> {
    let mut made = Vec::new();
    for (number, own) in stated(scenario).iter().enumerate() {
        let Some(text) = template(own) else {
            continue;
        };
        let mut reader = ManifestReader::new().with_workloads();
        reader.read(&Input::bytes("router.yaml", text.into_bytes()))?;
        for own in reader.finish().workloads {
            let object = own.object;
            let name = Target::of(&object);
            let is_same = |other: &Object| Target::of(other) == name;
            let is_there = declared.iter().any(|(_, own)| match own {
                Operation::Create(other) | Operation::Apply(other) => is_same(other),
                _ => false,
            });
            if is_there {
                return Err(BuildError::Experiment(format!(
                    "system.openshift.routers[{number}].pods: a manifest declares {name}, which the pods of \
                     the router would belong to; rename one of them"
                )));
            }
            made.push((Instant::ZERO, Operation::Create(object)));
        }
    }
    Ok(made)
}

/// What `oc adm router` makes of a router: none beyond its replicas while it rolls out, as two have no room
/// on one node, and ready once its probe passes, ten seconds after the start at the earliest.
fn template(own: &OpenShiftRouter) -> Option<String> {
    let pods = own.pods.as_ref()?;
    let (name, replicas, label) = (&own.name, own.replicas, ROUTER_LABEL);
    let selector: Vec<String> = (pods.node_selector.iter())
        .map(|(key, value)| format!("{key:?}: {value:?}"))
        .collect();
    let selector = selector.join(", ");
    let (cpu, memory) = (pods.requests.cpu, pods.requests.memory);
    let ports = [80, 443, 1936].map(|port| format!("{{containerPort: {port}, hostPort: {port}}}"));
    let ports = ports.join(", ");
    Some(format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {ROUTER_NAMESPACE}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{{label}: {name}}}}}
  strategy: {{type: RollingUpdate, rollingUpdate: {{maxSurge: 0, maxUnavailable: 25%}}}}
  template:
    metadata: {{labels: {{{label}: {name}}}}}
    spec:
      nodeSelector: {{{selector}}}
      containers:
        - name: router
          image: openshift/origin-haproxy-router
          ports: [{ports}]
          resources: {{requests: {{cpu: \"{cpu}\", memory: \"{memory}\"}}}}
          readinessProbe: {{httpGet: {{path: /healthz, port: 1936}}, initialDelaySeconds: 10}}
          livenessProbe: {{httpGet: {{path: /healthz, port: 1936}}, initialDelaySeconds: 10}}
"
    ))
}
