//! Extenders of kube-scheduler: servers that filter nodes, give them points, choose among candidates of a
//! preemption and bind pods, each over HTTP (spec: kubernetes.md 1.19). What is said to them and what they
//! answer are the types of `k8s.io/kube-scheduler/extender/v1`, with pods and nodes as the API has them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control::exchange::question::{Post, Question};
use control::exchange::{Exchange, ExchangeError};
use model::scheduler_config::ExtenderConfig;
use model::{PodSpec, Text};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use units::{Instant, SortedMap, SortedSet};

use super::objects::{node_object, pod_object};
use crate::kube::plugin::Outside;
use crate::kube::{
    AttemptContext, Cache, Candidate, EventKinds, Extension, KubePlugin, KubePoints, PodInfo,
    Rejection, Search,
};

/// Points of a plugin for one of an extender, whose points go up to 10.
const SCALE: i64 = 10;

/// The extenders of a scheduler, as a plugin that acts at no point: the scheduler asks them beside its
/// plugins. It stands for them where a pod that they rejected waits for any event.
pub struct Extenders {
    configs: Arc<[ExtenderConfig]>,
    line: Mutex<Line>,
    /// Marks a copy that asks nobody.
    is_kept: bool,
}

/// The way to the servers.
struct Line {
    exchange: Box<dyn Exchange>,
    failure: Option<Text>,
}

/// Answer of a server, as the exchange has it.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    status: u16,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    error: Option<String>,
}

/// `ExtenderFilterResult`, with its keys in small letters.
#[derive(Default, Deserialize)]
#[serde(default)]
struct FilterResult {
    nodes: Option<NodeList>,
    nodenames: Option<Vec<String>>,
    failednodes: Option<SortedMap<String, String>>,
    failedandunresolvablenodes: Option<SortedMap<String, String>>,
    error: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeList {
    #[serde(alias = "Items")]
    items: Option<Vec<NodeItem>>,
}

#[derive(Deserialize)]
struct NodeItem {
    metadata: NodeName,
}

#[derive(Deserialize)]
struct NodeName {
    name: String,
}

/// `HostPriority`.
#[derive(Deserialize)]
struct HostPriority {
    #[serde(alias = "Host")]
    host: String,
    #[serde(alias = "Score")]
    score: i64,
}

/// `ExtenderPreemptionResult`, with its keys in small letters.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PreemptionResult {
    nodenametometavictims: Option<SortedMap<String, Option<MetaVictims>>>,
}

#[derive(Deserialize)]
struct MetaVictims {
    #[serde(alias = "Pods", default)]
    pods: Option<Vec<MetaPod>>,
    #[serde(alias = "NumPDBViolations", alias = "numPDBViolations", default)]
    violations: usize,
}

#[derive(Deserialize)]
struct MetaPod {
    #[serde(alias = "UID")]
    uid: String,
}

/// `ExtenderBindingResult`, with its keys in small letters.
#[derive(Default, Deserialize)]
#[serde(default)]
struct BindingResult {
    error: Option<String>,
}

impl Extenders {
    /// Extenders of a configuration, asked by `exchange`: a question has the URL, the time that an answer
    /// may take in nanoseconds and the body; an answer the status and the body, or an error.
    pub fn new(configs: Arc<[ExtenderConfig]>, exchange: Box<dyn Exchange>) -> Self {
        Self {
            configs,
            line: Mutex::new(Line {
                exchange,
                failure: None,
            }),
            is_kept: false,
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are interested in a pod and have a verb.
    fn with<'a>(
        &'a self,
        spec: &'a PodSpec,
        verb: impl Fn(&ExtenderConfig) -> &Text + 'a,
    ) -> impl Iterator<Item = &'a ExtenderConfig> {
        let all = self.configs.iter().filter(|_| !self.is_kept);
        all.filter(move |own| !verb(own).is_empty() && is_interested(own, spec))
    }

    /// Asks a server; an error in words is one of the call, after which a scheduler goes on.
    fn call<T: DeserializeOwned>(
        &self,
        own: &ExtenderConfig,
        verb: &str,
        body: Value,
    ) -> Result<T, String> {
        let url = format!("{}/{verb}", own.url_prefix.trim_end_matches('/'));
        let question = Question::Post(Post {
            url: url.clone(),
            timeout_nanos: own.timeout.as_nanos().unsigned_abs(),
            body,
        });
        let mut line = self.line();
        let answer = line.exchange.ask(&question);
        let reply = answer.and_then(|answer| {
            let reply: Result<Reply, _> = serde_json::from_str(&answer.text(&question));
            reply.map_err(|error| ExchangeError(format!("the answer of {url}: {error}")))
        });
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                let words = error.to_string();
                line.failure = Some(words.as_str().into());
                return Err(words);
            }
        };
        if let Some(error) = reply.error {
            return Err(format!("Post {url:?}: {error}"));
        }
        if reply.status != 200 {
            let code = reply.status;
            return Err(format!(
                "failed {verb} with extender at URL {url}, code {code}"
            ));
        }
        serde_json::from_value(in_small_letters(reply.body))
            .map_err(|error| format!("the answer of {url} can't be read: {error}"))
    }
}

impl Extension for Extenders {
    fn concerns(&self, pod: &PodInfo) -> bool {
        let mut all = self.configs.iter();
        !self.is_kept && all.any(|own| is_interested(own, pod.spec()))
    }

    fn filters(&self) -> bool {
        self.configs.iter().any(|own| !own.filter_verb.is_empty())
    }

    fn filter(&self, ctx: AttemptContext<'_>, search: &mut Search) -> Result<bool, String> {
        let before = search.feasible.len();
        for own in self.with(ctx.pod.spec(), |own| &own.filter_verb) {
            if search.feasible.is_empty() {
                break;
            }
            let body = arguments(own, ctx, &search.feasible);
            let result = self.call(own, &own.filter_verb, body);
            match result.and_then(|result| apply(own, result, search)) {
                Err(error) if !own.is_ignorable => return Err(error),
                _ => {}
            }
        }
        Ok(search.feasible.len() < before)
    }

    fn add_points(&self, ctx: AttemptContext<'_>, nodes: &[Text], totals: &mut [i64]) {
        for own in self.with(ctx.pod.spec(), |own| &own.prioritize_verb) {
            let body = arguments(own, ctx, nodes);
            let result: Result<Vec<HostPriority>, _> = self.call(own, &own.prioritize_verb, body);
            let points: SortedMap<String, i64> = (result.unwrap_or_default().into_iter())
                .map(|given| (given.host, given.score))
                .collect();
            for (node, total) in nodes.iter().zip(&mut *totals) {
                let score = points.get(&**node).copied().unwrap_or(0);
                let weight = own.weight.saturating_mul(SCALE);
                *total = total.saturating_add(score.saturating_mul(weight));
            }
        }
    }

    fn preempt(
        &self,
        ctx: AttemptContext<'_>,
        mut candidates: Vec<Candidate>,
    ) -> Result<Vec<Candidate>, String> {
        for own in self.with(ctx.pod.spec(), |own| &own.preempt_verb) {
            if candidates.is_empty() {
                break;
            }
            let body = preemption_arguments(own, ctx, &candidates);
            let result = self.call(own, &own.preempt_verb, body);
            let left = result.and_then(|result| victims_left(own, ctx.cache, result));
            match left {
                Ok(mut left) => {
                    let order = |own: &Candidate| {
                        let mut before = candidates.iter();
                        before.position(|known| known.node == own.node)
                    };
                    left.sort_by_key(|own| (order(own).is_none(), order(own)));
                    candidates = left;
                }
                Err(error) if !own.is_ignorable => return Err(error),
                Err(_) => {}
            }
        }
        Ok(candidates)
    }

    fn bind(&self, pod: &PodInfo, node: &str) -> Result<(), String> {
        for own in self.with(pod.spec(), |own| &own.bind_verb) {
            let body = json!({
                "PodName": pod.name.to_string(), "PodNamespace": pod.spec().namespace,
                "PodUID": pod.uid.to_string(), "Node": node,
            });
            let result: Result<BindingResult, String> = self.call(own, &own.bind_verb, body);
            let refused = |result: BindingResult| match result.error.filter(|own| !own.is_empty()) {
                Some(error) => Err(error),
                None => Ok(()),
            };
            match result.and_then(refused) {
                Err(_) if own.is_ignorable => {}
                bound => return bound,
            }
        }
        Ok(())
    }
}

/// Whether an extender looks after a pod: all, or those that ask for a resource that it manages.
fn is_interested(own: &ExtenderConfig, spec: &PodSpec) -> bool {
    let managed = &own.managed_resources;
    let containers = spec.containers.iter().chain(&spec.init_containers);
    let mut lists = containers.flat_map(|own| [&own.requests, &own.limits]);
    managed.is_empty() || lists.any(|list| list.named().any(|(name, _)| managed.contains(name)))
}

/// `ExtenderArgs`.
fn arguments(own: &ExtenderConfig, ctx: AttemptContext<'_>, nodes: &[Text]) -> Value {
    let pod = pod_object(ctx.pod);
    if own.is_node_cache_capable {
        return json!({"Pod": pod, "Nodes": null, "NodeNames": nodes});
    }
    let items = nodes.iter().filter_map(|name| ctx.cache.node(name));
    let items: Vec<Value> = items.map(node_object).collect();
    json!({"Pod": pod, "Nodes": {"metadata": {}, "items": items}, "NodeNames": null})
}

/// `ExtenderPreemptionArgs`.
fn preemption_arguments(
    own: &ExtenderConfig,
    ctx: AttemptContext<'_>,
    candidates: &[Candidate],
) -> Value {
    let victims = |candidate: &Candidate| {
        let pods = candidate.victims.iter();
        let pods: Vec<Value> = if own.is_node_cache_capable {
            pods.map(|pod| json!({"UID": pod.uid.to_string()}))
                .collect()
        } else {
            pods.map(|pod| pod_object(pod)).collect()
        };
        json!({"Pods": pods, "NumPDBViolations": candidate.violations})
    };
    let nodes = candidates.iter();
    let nodes: Map<String, Value> = nodes
        .map(|candidate| (candidate.node.to_string(), victims(candidate)))
        .collect();
    let field = if own.is_node_cache_capable {
        "NodeNameToMetaVictims"
    } else {
        "NodeNameToVictims"
    };
    json!({"Pod": pod_object(ctx.pod), field: nodes})
}

/// Applies the answer of a filter to a search.
fn apply(own: &ExtenderConfig, result: FilterResult, search: &mut Search) -> Result<(), String> {
    if let Some(error) = result.error.filter(|error| !error.is_empty()) {
        return Err(error);
    }
    let names = match (result.nodenames, result.nodes) {
        (Some(names), _) if own.is_node_cache_capable => names,
        (_, Some(nodes)) => {
            let items = nodes.items.unwrap_or_default().into_iter();
            items.map(|item| item.metadata.name).collect()
        }
        _ => Vec::new(),
    };
    let mut left = Search::default();
    let mut seen = SortedSet::new();
    // Servers mostly keep the order, so that the search goes on behind the name before.
    let mut next = 0;
    for name in names {
        let (before, behind) = search.feasible.split_at(next);
        let is_it = |known: &Text| **known == *name;
        let found = behind.iter().position(is_it).map(|own| next + own);
        let Some(position) = found.or_else(|| before.iter().position(is_it)) else {
            return Err(format!(
                "extender {:?} claims a filtered node {name:?} which is not found in the input node list",
                &*own.url_prefix
            ));
        };
        next = position + 1;
        if seen.insert(position) {
            left.feasible.push(search.feasible[position].clone());
            left.places.push(search.places[position]);
        }
    }
    let finally = result.failedandunresolvablenodes.unwrap_or_default();
    let failed = result.failednodes.unwrap_or_default().into_iter();
    let failed = failed.filter(|(name, _)| !finally.contains_key(name));
    let failed = failed.map(|(name, why)| (name, Rejection::unschedulable(why)));
    let failed: Vec<(String, Rejection)> = failed.collect();
    let finally = finally.into_iter();
    let finally = finally.map(|(name, why)| (name, Rejection::unresolvable(why)));
    let rejected: Vec<(Text, Rejection)> = finally
        .chain(failed)
        .map(|(name, rejection)| (name.into(), rejection))
        .collect();
    let names: SortedSet<Text> = rejected.iter().map(|(name, _)| name.clone()).collect();
    search.rejected.retain(|(known, _)| !names.contains(known));
    let rejected = rejected.into_iter();
    search
        .rejected
        .extend(rejected.map(|(name, rejection)| (name, rejection.of(""))));
    search.feasible = left.feasible;
    search.places = left.places;
    Ok(())
}

/// The candidates that an answer to a preemption has.
fn victims_left(
    own: &ExtenderConfig,
    cache: &Cache,
    result: PreemptionResult,
) -> Result<Vec<Candidate>, String> {
    let mut left = Vec::new();
    for (name, victims) in result.nodenametometavictims.unwrap_or_default() {
        let Some(node) = cache.node(&name) else {
            return Err(format!("nodeinfo not found for node name {name:?}"));
        };
        let (pods, violations) = match victims {
            Some(own) => (own.pods.unwrap_or_default(), own.violations),
            None => (Vec::new(), 0),
        };
        if pods.is_empty() {
            if own.is_ignorable {
                continue;
            }
            return Err(format!("expected at least one victim pod on node {name:?}"));
        }
        let mut found = Vec::new();
        for MetaPod { uid } in pods {
            let mut known = node.pods.iter();
            let Some(pod) = known.find(|pod| pod.uid.to_string() == uid) else {
                let url = &own.url_prefix;
                return Err(format!(
                    "extender: {url} claims to preempt pod (UID: {uid}) on node: {name}, but the pod is \
                     not found on that node"
                ));
            };
            found.push(pod.clone());
        }
        left.push(Candidate {
            node: node.name().clone(),
            victims: found,
            violations,
        });
    }
    Ok(left)
}

/// A value whose own keys are in small letters: Go reads keys of any case.
fn in_small_letters(value: Value) -> Value {
    match value {
        Value::Object(own) => {
            let keys = own.into_iter();
            Value::Object(keys.map(|(key, own)| (key.to_lowercase(), own)).collect())
        }
        // Where Go has a list, it reads `null` as an empty one; where it has a structure, as an empty one.
        other => other,
    }
}

impl KubePlugin for Extenders {
    fn name(&self) -> &'static str {
        "Extender"
    }

    fn points(&self) -> KubePoints {
        KubePoints::default()
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::ALL
    }

    fn outside(&self) -> Option<&dyn Outside> {
        Some(self)
    }
}

impl Outside for Extenders {
    fn at(&self, _now: Instant) {}

    fn failure(&self) -> Option<Text> {
        self.line().failure.clone()
    }

    fn again(&self) -> Arc<dyn KubePlugin> {
        Arc::new(Self {
            is_kept: self.is_kept,
            ..Self::new(self.configs.clone(), self.line().exchange.again())
        })
    }

    fn kept(&self) -> Arc<dyn KubePlugin> {
        Arc::new(Self {
            is_kept: true,
            ..Self::new(self.configs.clone(), self.line().exchange.again())
        })
    }

    fn extenders(&self) -> Option<&dyn Extension> {
        Some(self)
    }
}
