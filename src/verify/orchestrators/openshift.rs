//! Cases of `OpenShift`: weights of routes, the scheduler policy of 3.x, bounds of rolling updates,
//! triggers of deployment configurations, and builds.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::timeline::{Timeline, duration, instant};
use super::{Case, Trouble, read};
use control::delivery::build::{Build, BuildPolicy, Builds};
use control::services::endpoint_weights;
use model::Text;
use model::workload::Count;
use model::workload::deployment::RollingUpdate;
use systems::openshift::deployment::{Bounds, DeploymentConfig, Outcome, Triggers};
use systems::openshift::policy::{self, Amounts, Asked, Candidate};
use systems::openshift::rules::Rules;
use units::{Instant, SortedMap};

pub(super) fn decide(case: &Case) -> Result<Value, Trouble> {
    let asked = |field: &str| case.request.get(field).is_some();
    if asked("services") {
        weights(case)
    } else if asked("rows") {
        bounds(case)
    } else if asked("triggers") {
        triggers(case)
    } else if asked("commits_at_s") {
        builds(case)
    } else if asked("pod") || asked("cpu") {
        placement(case)
    } else {
        Err(Trouble::Unsupported("a request of another kind".to_owned()))
    }
}

fn secs(at: Instant) -> f64 {
    at.since(Instant::ZERO).as_secs_f64()
}

#[derive(Deserialize)]
struct BackendCase {
    #[serde(default = "default_weight")]
    weight: i64,
    endpoints: usize,
}

/// Weight of a service that states none.
const fn default_weight() -> i64 {
    1
}

fn weights(case: &Case) -> Result<Value, Trouble> {
    let services: SortedMap<String, BackendCase> = read(&case.request["services"])?;
    let backends = services.values().map(|own| (own.weight, own.endpoints));
    let weights = endpoint_weights(&backends.collect::<Vec<_>>());
    // A service without endpoints drops out.
    let stated = services.into_iter().zip(weights);
    let stated = stated.filter(|((_, own), _)| own.endpoints > 0);
    let stated: Map<String, Value> = stated
        .map(|((name, _), weight)| (name, weight.into()))
        .collect();
    Ok(json!({"endpoint_weight": stated}))
}

#[derive(Deserialize)]
struct BoundsCase {
    replicas: i32,
    max_surge_pct: Option<i32>,
    max_unavailable_pct: Option<i32>,
    max_surge: Option<CountCase>,
    max_unavailable: Option<CountCase>,
}

/// A number of pods, or a part such as `25%`.
#[derive(Deserialize)]
#[serde(untagged)]
enum CountCase {
    Pods(i32),
    Part(String),
}

/// Percent of the pods that may be too many or missing where a case does not say it.
const USUAL_PERCENT: i32 = 25;

fn count(percent: Option<i32>, other: Option<&CountCase>) -> Result<Count, Trouble> {
    match (percent, other) {
        (Some(percent), _) => Ok(Count::Percent(percent)),
        (None, Some(CountCase::Pods(pods))) => Ok(Count::Number(*pods)),
        (None, Some(CountCase::Part(text))) => {
            let percent = text.trim_end_matches('%').trim().parse();
            let wrong = |_| Trouble::Malformed(format!("no part of the pods: `{text}`"));
            percent.map(Count::Percent).map_err(wrong)
        }
        (None, None) => Ok(Count::Percent(USUAL_PERCENT)),
    }
}

fn bounds(case: &Case) -> Result<Value, Trouble> {
    let rows: Vec<BoundsCase> = read(&case.request["rows"])?;
    let mut decided = Vec::new();
    for row in &rows {
        let update = RollingUpdate {
            max_surge: count(row.max_surge_pct, row.max_surge.as_ref())?,
            max_unavailable: count(row.max_unavailable_pct, row.max_unavailable.as_ref())?,
        };
        let own = Bounds::of(row.replicas, update);
        decided.push(json!({"max_total": own.max_total, "min_available": own.min_available}));
    }
    Ok(json!({ "rows": decided }))
}

#[derive(Deserialize)]
struct NodeCase {
    id: Text,
    #[serde(default)]
    region: Option<Text>,
    #[serde(default)]
    zone: Option<Text>,
    #[serde(default)]
    cap_cpu: Option<i64>,
    #[serde(default)]
    cap_mem: Option<i64>,
    #[serde(default)]
    req_cpu: i64,
    #[serde(default)]
    req_mem: i64,
    #[serde(default)]
    svc: i64,
}

#[derive(Deserialize)]
struct ExistingCase {
    #[serde(default)]
    service: Option<Text>,
    node: Text,
}

#[derive(Deserialize)]
struct PodCase {
    #[serde(default)]
    cpu: i64,
    #[serde(default)]
    mem: i64,
    #[serde(default)]
    service: Option<Text>,
    #[serde(default)]
    region: Option<Text>,
    #[serde(default, alias = "nodeSelector")]
    node_selector: SortedMap<Text, Text>,
}

impl PodCase {
    /// The region that the pod's nodes have to be in.
    fn region(&self) -> Result<Option<Text>, Trouble> {
        if let Some(label) = self
            .node_selector
            .keys()
            .find(|&label| &**label != "region")
        {
            return Err(Trouble::Unsupported(format!("a selector by `{label}`")));
        }
        let selected = self.node_selector.get("region");
        Ok(selected.or(self.region.as_ref()).cloned())
    }
}

impl NodeCase {
    /// The node with a number of pods of the service in question.
    fn candidate(&self, of_service: i64) -> Candidate {
        let capacity = self.cap_cpu.zip(self.cap_mem);
        Candidate {
            region: self.region.clone(),
            zone: self.zone.clone(),
            capacity: capacity.map(|(cpu, memory)| Amounts { cpu, memory }),
            used: Amounts {
                cpu: self.req_cpu,
                memory: self.req_mem,
            },
            of_service,
            ..Candidate::default()
        }
    }
}

/// The scores of all nodes with their parts.
fn scores(nodes: &[NodeCase], candidates: &[Candidate], asked: &Asked) -> Value {
    let scores = nodes.iter().zip(policy::scores(candidates, asked));
    let scores = scores.map(|(node, own)| {
        let parts = json!({
            "least_requested": own.least_requested,
            "service_spread": own.service_spread,
            "zone": own.zone,
            "total": own.total(&Rules::early()),
        });
        (node.id.to_string(), parts)
    });
    scores.collect::<Map<String, Value>>().into()
}

fn placement(case: &Case) -> Result<Value, Trouble> {
    let nodes: Vec<NodeCase> = read(&case.nodes)?;
    let existing: Vec<ExistingCase> = read(&case.existing)?;
    let pod: PodCase = read(&case.request)?;
    let of_service = |node: &NodeCase| {
        let same = |own: &&ExistingCase| {
            own.node == node.id && own.service.is_some() && own.service == pod.service
        };
        node.svc + existing.iter().filter(same).count() as i64
    };
    let candidates: Vec<Candidate> = nodes
        .iter()
        .map(|node| node.candidate(of_service(node)))
        .collect();
    let asked = Asked {
        amounts: Amounts {
            cpu: pod.cpu,
            memory: pod.mem,
        },
        region: pod.region()?,
        ..Asked::default()
    };
    let named = |passes: Vec<bool>| -> Vec<&Text> {
        let named = nodes.iter().zip(passes);
        named
            .filter(|(_, passes)| *passes)
            .map(|(node, _)| &node.id)
            .collect()
    };
    let mut decided = Map::new();
    decided.insert(
        "passes".to_owned(),
        json!(named(policy::passes(&candidates, &asked, &Rules::early()))),
    );
    let fresh: Vec<Candidate> = candidates
        .iter()
        .map(|node| Candidate {
            of_service: 0,
            ..node.clone()
        })
        .collect();
    decided.insert(
        "first_pod_passes".to_owned(),
        json!(named(policy::passes(&fresh, &asked, &Rules::early()))),
    );
    let fields = case.expected.as_object();
    for field in fields.into_iter().flat_map(Map::keys) {
        let Some(region) = field.strip_prefix("with_node_selector_region_") else {
            continue;
        };
        let own = Asked {
            region: Some(region.into()),
            ..asked.clone()
        };
        decided.insert(
            field.clone(),
            json!(named(policy::passes(&candidates, &own, &Rules::early()))),
        );
    }
    decided.insert("scores".to_owned(), scores(&nodes, &candidates, &asked));
    let chosen = policy::place(&candidates, &asked, &Rules::early()).map(|own| &nodes[own].id);
    decided.insert("chosen".to_owned(), json!(chosen));
    Ok(decided.into())
}

#[derive(Deserialize)]
struct TriggerCase {
    triggers: Vec<String>,
    events: Vec<EventCase>,
    rollout_s: f64,
}

#[derive(Deserialize)]
struct EventCase {
    at_s: f64,
    event: String,
}

/// Something that happens to a configuration.
enum Happening {
    Created(Option<Text>),
    Tagged(Text),
    Changed,
    Pushed,
    Ended(usize),
}

fn happening(text: &str) -> Result<Happening, Trouble> {
    if text.contains("created") {
        let image = text.split_once("image ").map(|(_, rest)| rest.trim());
        let image = image.map(|own| own.strip_prefix("resolved to ").unwrap_or(own));
        Ok(Happening::Created(
            image.filter(|own| *own != "unresolved").map(Into::into),
        ))
    } else if let Some((_, digest)) = text.split_once("->") {
        Ok(Happening::Tagged(digest.trim().into()))
    } else if text.contains("pushed again") {
        Ok(Happening::Pushed)
    } else if text.contains("change") {
        Ok(Happening::Changed)
    } else {
        Err(Trouble::Unsupported(format!("an event `{text}`")))
    }
}

fn triggers(case: &Case) -> Result<Value, Trouble> {
    let own: TriggerCase = read(&case.request)?;
    let has = |name: &str| own.triggers.iter().any(|own| own.starts_with(name));
    let triggers = Triggers {
        on_config: has("ConfigChange"),
        on_image: has("ImageChange(automatic)")
            || own.triggers.iter().any(|own| own == "ImageChange"),
    };
    let takes = duration(own.rollout_s)?;
    let mut timeline = Timeline::default();
    for event in &own.events {
        timeline.at(instant(event.at_s)?, happening(&event.event)?);
    }
    let mut config: Option<DeploymentConfig> = None;
    let mut image: Option<Text> = None;
    let mut begun = 0;
    while let Some((now, happening)) = timeline.next() {
        match (happening, &mut config) {
            (Happening::Created(tagged), config) => {
                image.clone_from(&tagged);
                *config = Some(DeploymentConfig::new(now, triggers, tagged));
            }
            (Happening::Tagged(digest), Some(config)) => {
                config.image_tagged(now, &digest);
                image = Some(digest);
            }
            (Happening::Pushed, Some(config)) => {
                if let Some(image) = &image {
                    config.image_tagged(now, image);
                }
            }
            (Happening::Changed, Some(config)) => {
                config.template_changed(now);
            }
            (Happening::Ended(version), Some(config)) => config.ended(version, true),
            (_, None) => {
                return Err(Trouble::Malformed(
                    "an event before the creation".to_owned(),
                ));
            }
        }
        let versions = config.as_ref().map_or(0, |config| config.rollouts().len());
        for version in begun + 1..=versions {
            timeline.at(now.saturating_add(takes), Happening::Ended(version));
        }
        begun = versions;
    }
    let rollouts = config.iter().flat_map(DeploymentConfig::rollouts);
    let rollouts = (1..).zip(rollouts).map(|(version, own): (u64, _)| {
        let mut row =
            json!({"version": version, "cause": own.cause.name(), "at_s": secs(own.started)});
        if own.outcome == Outcome::Cancelled {
            row["outcome"] = "cancelled".into();
        }
        row
    });
    Ok(json!({"rollouts": rollouts.collect::<Vec<Value>>()}))
}

#[derive(Deserialize)]
struct BuildCase {
    policy: String,
    build_s: f64,
    commits_at_s: Vec<f64>,
}

fn builds(case: &Case) -> Result<Value, Trouble> {
    let own: BuildCase = read(&case.request)?;
    let policy = match own.policy.as_str() {
        "Serial" => BuildPolicy::Serial,
        "SerialLatestOnly" => BuildPolicy::SerialLatestOnly,
        "Parallel" => BuildPolicy::Parallel,
        other => return Err(Trouble::Malformed(format!("a policy `{other}`"))),
    };
    let takes = duration(own.build_s)?;
    let mut builds = Builds::new(policy);
    // Commits stand before the ends of builds at one instant.
    let mut timeline: Timeline<Option<usize>> = Timeline::default();
    for at in own.commits_at_s {
        timeline.at(instant(at)?, None);
    }
    while let Some((now, event)) = timeline.next() {
        let begun = match event {
            None => builds.request(now),
            Some(number) => builds.ended(now, number, true),
        };
        for number in begun {
            timeline.at(now.saturating_add(takes), Some(number));
        }
    }
    let rows = (1..)
        .zip(builds.builds())
        .map(
            |(number, own): (u64, &Build)| match (own.started, own.ended) {
                (Some(start), Some(end)) => {
                    json!({"n": number, "start_s": secs(start), "end_s": secs(end)})
                }
                (_, end) => json!({"n": number, "cancelled_at_s": end.map(secs)}),
            },
        );
    Ok(json!({"builds": rows.collect::<Vec<Value>>()}))
}
