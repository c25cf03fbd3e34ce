//! Pools and claims of nodes of Karpenter, in the versions `v1` and `v1beta1` (`pkg/apis/v1/nodepool.go`,
//! `nodeclaim.go`).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::affinity::{node_term, taint};
use super::field::{Path, Problem, Texts, parse_unix_secs};
use super::keys::DO_NOT_DISRUPT;
use super::parts::Parts;
use super::raw::{self, Amounts, TextMap, nullable, texts as string_map};
use model::Text;
use model::node_pools::{
    ClaimedAge, NODE_POOL_LABEL, NodeClaim, NodePool, NodePoolBudget, NodePoolObjects,
};
use units::Duration;

/// The greatest age of nodes whose pool states none.
const DEFAULT_AGE: Duration = Duration::from_secs(720 * 3600);
/// What a duration may be.
const SPAN: &str = "a duration such as `720h`, or `Never`";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawPool {
    weight: Option<i64>,
    #[serde(deserialize_with = "nullable")]
    limits: Amounts,
    replicas: Option<i64>,
    #[serde(deserialize_with = "nullable")]
    disruption: RawDisruption,
    #[serde(deserialize_with = "nullable")]
    template: RawTemplate,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawDisruption {
    consolidation_policy: Option<String>,
    consolidate_after: Option<String>,
    /// Where `v1beta1` has it.
    expire_after: Option<String>,
    budgets: Option<Vec<RawBudget>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawBudget {
    nodes: Option<String>,
    schedule: Option<String>,
    duration: Option<String>,
    #[serde(deserialize_with = "nullable")]
    reasons: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawTemplate {
    #[serde(deserialize_with = "nullable")]
    metadata: RawMetadata,
    #[serde(deserialize_with = "nullable")]
    spec: RawSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawMetadata {
    #[serde(deserialize_with = "string_map")]
    labels: TextMap,
    #[serde(deserialize_with = "string_map")]
    annotations: TextMap,
}

/// What nodes of a pool are to be, and what a claim says of its node.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec {
    #[serde(deserialize_with = "nullable")]
    requirements: Vec<raw::Expression>,
    #[serde(deserialize_with = "nullable")]
    taints: Vec<raw::Taint>,
    expire_after: Option<String>,
    termination_grace_period: Option<String>,
    #[serde(deserialize_with = "nullable")]
    node_class_ref: RawClassRef,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawClassRef {
    kind: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawClaimStatus {
    node_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    conditions: Vec<RawCondition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

/// Adds a pool or a claim; `false` of other kinds.
pub(super) fn add(
    kind: &str,
    parts: &Parts,
    objects: &mut NodePoolObjects,
    texts: &mut Texts,
) -> Result<bool, Problem> {
    match kind {
        "NodePool" => {
            let pool = pool(parts, texts)?;
            objects.pools.insert(pool.name.clone(), pool);
        }
        "NodeClaim" => {
            let status: RawClaimStatus = part(parts.late_status.as_ref(), "status")?;
            // One without a node is a machine under way, whose end is unknown.
            if let Some(node) = status.node_name.filter(|name| !name.is_empty()) {
                let own = NodeClaim {
                    is_drifted: { status.conditions.iter() }
                        .any(|own| own.kind == "Drifted" && own.status == "True"),
                    ..claim(parts)?
                };
                objects.claims.insert(texts.share(&node), own);
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn part<T: Default + DeserializeOwned>(value: Option<&Value>, name: &str) -> Result<T, Problem> {
    match value {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|error| Path::root(name).broken(error)),
    }
}

/// A time span, or `Never`, which is `None`.
fn span(text: &str, path: &Path<'_>) -> Result<Option<Duration>, Problem> {
    if text == "Never" {
        return Ok(None);
    }
    let span: Option<Duration> = text.parse().ok();
    let span = span.filter(|span| *span >= Duration::ZERO);
    span.map(Some).ok_or_else(|| path.problem(SPAN, text))
}

fn pool(parts: &Parts, texts: &mut Texts) -> Result<NodePool, Problem> {
    let raw: RawPool = part(parts.late_spec.as_ref(), "spec")?;
    let path = Path::root("spec");
    let template = path.field("template");
    let of_nodes = template.field("spec");
    let term = raw::NodeTerm {
        match_expressions: raw.template.spec.requirements,
        ..raw::NodeTerm::default()
    };
    let term = node_term(&term, &of_nodes.field("requirements"), texts)?;
    let taints_path = of_nodes.field("taints");
    let taints = raw.template.spec.taints.iter().enumerate();
    let taints = taints.map(|(index, own)| taint(own, &taints_path.index(index), texts));
    let taints = taints.collect::<Result<_, _>>()?;
    let disruption = path.field("disruption");
    let age = raw.template.spec.expire_after;
    let expire_after = match age.or(raw.disruption.expire_after) {
        None => Some(DEFAULT_AGE),
        Some(text) => span(&text, &of_nodes.field("expireAfter"))?,
    };
    let after = raw.disruption.consolidate_after.as_deref();
    let consolidate_after = span(after.unwrap_or("0s"), &disruption.field("consolidateAfter"))?;
    let grace = raw.template.spec.termination_grace_period.as_deref();
    let grace_path = of_nodes.field("terminationGracePeriod");
    let grace = grace.map(|text| span(text, &grace_path)).transpose()?;
    let metadata = template.field("metadata");
    let annotations = &raw.template.metadata.annotations;
    let class = &raw.template.spec.node_class_ref;
    let node_class = (texts.share(&class.kind), texts.share(&class.name));
    Ok(NodePool {
        name: texts.share(parts.metadata.name.as_deref().unwrap_or_default()),
        weight: raw.weight.unwrap_or(0),
        requirements: term.match_expressions,
        labels: texts.labels(&raw.template.metadata.labels, &metadata.field("labels"))?,
        taints,
        limits: texts.amounts(&raw.limits, &path.field("limits"))?,
        is_consolidated: is_consolidated(
            raw.disruption.consolidation_policy.as_deref(),
            &disruption.field("consolidationPolicy"),
        )?,
        consolidate_after,
        budgets: budgets(raw.disruption.budgets, &disruption.field("budgets"))?,
        expire_after,
        termination_grace: grace.flatten(),
        do_not_disrupt: annotations
            .get(DO_NOT_DISRUPT)
            .is_some_and(|annotation| annotation == "true"),
        replicas: raw.replicas,
        node_class,
    })
}

/// Whether nodes with pods may go by a policy, by the name that it has in either version.
fn is_consolidated(policy: Option<&str>, path: &Path<'_>) -> Result<bool, Problem> {
    match policy {
        None | Some("WhenEmptyOrUnderutilized" | "WhenUnderutilized" | "Balanced") => Ok(true),
        Some("WhenEmpty") => Ok(false),
        Some(other) => Err(path.problem("`WhenEmpty` or `WhenEmptyOrUnderutilized`", other)),
    }
}

/// Budgets of a pool: a tenth of its nodes if it states none.
fn budgets(raw: Option<Vec<RawBudget>>, path: &Path<'_>) -> Result<Vec<NodePoolBudget>, Problem> {
    let Some(raw) = raw.filter(|own| !own.is_empty()) else {
        return Ok(vec![NodePoolBudget {
            nodes: "10%".into(),
            ..NodePoolBudget::default()
        }]);
    };
    let budgets = raw.into_iter().enumerate().map(|(index, own)| {
        let path = path.index(index);
        let lasts = own.duration.as_deref();
        let lasts_path = path.field("duration");
        let lasts = lasts.map(|text| span(text, &lasts_path)).transpose()?;
        let schedule: Option<Text> = own.schedule.as_deref().map(Into::into);
        let times = schedule.zip(lasts.flatten());
        Ok(NodePoolBudget {
            nodes: own.nodes.as_deref().unwrap_or("10%").into(),
            times,
            reasons: own
                .reasons
                .iter()
                .map(|reason| reason.as_str().into())
                .collect(),
        })
    });
    budgets.collect()
}

fn claim(parts: &Parts) -> Result<NodeClaim, Problem> {
    let spec: RawSpec = part(parts.late_spec.as_ref(), "spec")?;
    let metadata = &parts.metadata;
    let path = Path::root("spec");
    let age = spec.expire_after.as_deref();
    let age = age.map(|text| span(text, &path.field("expireAfter")));
    let created = metadata.creation_timestamp.as_deref();
    let pool = metadata.labels.get(NODE_POOL_LABEL);
    Ok(NodeClaim {
        pool: pool.map(|name| name.as_str().into()),
        do_not_disrupt: metadata.annotations.get(DO_NOT_DISRUPT) == Some("true"),
        expire_after: age
            .transpose()?
            .map(|age| age.map_or(ClaimedAge::Never, ClaimedAge::After)),
        created_unix_secs: created.and_then(parse_unix_secs),
        is_terminating: metadata.deletion_timestamp.is_some(),
        is_drifted: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::read_manifests;
    use super::*;

    fn read(text: &str) -> Result<NodePoolObjects, String> {
        let read = read_manifests("a.yaml", text).map_err(|error| error.to_string());
        read.map(|read| read.objects.node_pools)
    }

    const NODES: &str = "
apiVersion: v1
kind: Node
metadata: {name: n, labels: {karpenter.sh/nodepool: web}, creationTimestamp: '2026-01-01T00:01:00Z'}
status: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}
---
apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata:
  name: web-1
  labels: {karpenter.sh/nodepool: web}
  annotations: {karpenter.sh/do-not-disrupt: 'true'}
  creationTimestamp: '2026-01-01T00:00:00Z'
spec: {expireAfter: Never}
status: {nodeName: n}
---
apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata: {name: under-way}
";

    #[test]
    fn claims_are_known_by_their_nodes() {
        let found = read(NODES).expect("valid");
        assert_eq!(found.claims.len(), 1);
        let claim = &found.claims["n"];
        assert!(claim.do_not_disrupt);
        assert_eq!(claim.expire_after, Some(ClaimedAge::Never));
        let created = claim.created_unix_secs.expect("a time");
        assert_eq!(found.created_unix_secs["n"] - created, 60);
    }

    #[test]
    fn a_pool_is_read_with_the_defaults_of_the_original() {
        let text = "
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: web}
spec:
  weight: 7
  limits: {cpu: 10, nodes: 3}
  disruption:
    consolidateAfter: Never
    budgets: [{nodes: '0', schedule: '0 9 * * *', duration: 8h, reasons: [Drifted]}]
  template:
    metadata: {labels: {team: a}}
    spec:
      requirements: [{key: disk, operator: In, values: [ssd], minValues: 1}]
      taints: [{key: t, effect: NoSchedule}]
---
apiVersion: karpenter.sh/v1beta1
kind: NodePool
metadata: {name: old}
spec: {disruption: {consolidationPolicy: WhenEmpty, consolidateAfter: 30s, expireAfter: 1h}, template: {spec: {}}}
";
        let found = read(text).expect("valid");
        let web = &found.pools["web"];
        assert_eq!((web.weight, web.consolidate_after), (7, None));
        assert_eq!(web.limits.get("nodes").units_ceil(), Ok(3));
        assert_eq!(web.expire_after, Some(DEFAULT_AGE));
        assert!(web.is_consolidated);
        let hours = |hours: i64| Duration::from_secs(hours * 3600);
        let budget = &web.budgets[0];
        assert_eq!(budget.times, Some(("0 9 * * *".into(), hours(8))));
        assert_eq!(budget.reasons, ["Drifted".into()]);
        assert_eq!(&*web.requirements[0].key, "disk");
        assert_eq!(web.taints.len(), 1);
        let old = &found.pools["old"];
        assert!(!old.is_consolidated);
        assert_eq!(old.expire_after, Some(hours(1)));
        assert_eq!(old.consolidate_after, Some(Duration::from_secs(30)));
        assert_eq!(&*old.budgets[0].nodes, "10%");
    }

    #[test]
    fn a_broken_pool_is_refused_with_its_field() {
        let pool = |spec: &str| {
            let head = "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: web}\n";
            read(&format!("{head}spec: {spec}\n")).expect_err("broken")
        };
        for (spec, expected) in [
            (
                "{disruption: {consolidateAfter: soon}}",
                "spec.disruption.consolidateAfter",
            ),
            (
                "{disruption: {consolidationPolicy: Always}}",
                "spec.disruption.consolidationPolicy",
            ),
            (
                "{template: {spec: {expireAfter: -1h}}}",
                "spec.template.spec.expireAfter",
            ),
            ("{limits: {cpu: many}}", "spec.limits"),
        ] {
            let found = pool(spec);
            assert!(found.contains(expected), "{found}");
        }
    }
}
