//! Plans of clusters, read a second time: their nodes and pods are added up by the rules alone, and
//! so is the proof of their bound, without the scheduler and the search that made them. A case is a
//! statement of `plan.json` or `bound.json` about the cluster beside them, or about the dump.

mod bound;
mod domains;
mod dump;
mod goals;
mod sums;

pub use sums::seal;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::snapshot::{NamedCluster, Snapshot, SnapshotOptions};
use intake::Input;
use model::rules::{admits, ports};
use model::{PodAffinityTerm, PodSpec, Text};
use scheduler::kube::{Amounts, NodeInfo, PodClass, PodInfo};
use units::{SortedMap, SortedSet};

/// Outcome of a case; in words what was expected and found where it fails.
pub type Case = Result<(), String>;

/// Files that a plan was made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dump<'a> {
    /// Files of one cluster.
    pub paths: &'a [PathBuf],
    /// Files of clusters with names.
    pub clusters: &'a [NamedCluster],
}

/// The statements of a plan by name, each with its outcome. The cluster of the plan stands beside it; without
/// files of a `dump` those that the plan names count as far as they are there.
///
/// # Errors
/// If a file can't be read.
pub fn cases(
    file: &Path,
    dump: Dump<'_>,
    traces_dirs: &[PathBuf],
) -> Result<Vec<(&'static str, Case)>, String> {
    let plan = read(file)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let beside = |name: &str| folder.join(name);
    let open = |dump: Dump<'_>| {
        let options = SnapshotOptions {
            traces_dirs,
            clusters: dump.clusters,
            ..SnapshotOptions::default()
        };
        let gathered = Snapshot::gather(dump.paths, &options);
        gathered
            .and_then(Snapshot::new)
            .map_err(|error| error.to_string())
    };
    let own = [beside("cluster.yaml")];
    let mut snapshot = open(Dump {
        paths: &own,
        ..Dump::default()
    })?;
    let mut cluster = Cluster::of(&mut snapshot, &plan)?;
    let mut cases = vec![
        ("pods", cluster.pods(&plan)),
        ("placement", cluster.placement(&plan)),
        ("room", cluster.room()),
        ("rules", cluster.rules()),
        ("ports", cluster.ports()),
        ("anti-affinity", cluster.apart()),
        ("spread", domains::spread(&cluster)),
        (
            "volumes",
            domains::volumes(&cluster, &snapshot.cache.objects),
        ),
        ("reached", cluster.reached(&plan)),
        ("verdict", dump::verdict(&plan)),
    ];
    cases.extend(goals::cases(&plan, &mut cluster, &mut snapshot)?);
    cases.extend(sums::cases(&plan));
    let (files, clusters) = named_inputs(&plan)?;
    let has_dump = !(dump.paths.is_empty() && dump.clusters.is_empty());
    let named = Dump {
        paths: &files,
        clusters: &clusters,
    };
    let mut paths = files.iter().chain(clusters.iter().map(|own| &own.path));
    let mut before = None;
    // A plan is read without its dump, too.
    if has_dump || paths.all(|path| path.exists()) {
        let today = open(if has_dump { dump } else { named })?;
        let inputs = dump::inputs(&plan, &today);
        let is_same = inputs.is_ok();
        cases.insert(0, ("inputs", inputs));
        if is_same {
            cases.extend(dump::cases(&plan, &today, &cluster));
            before = Some(today);
        }
    }
    let has_dump = before.is_some();
    let before = before.as_ref().unwrap_or(&snapshot);
    cases.push(("budgets", domains::budgets(&plan, before, has_dump)));
    let proof = beside("bound.json");
    if proof.exists() {
        let proof = read(&proof)?;
        cases.push(("numbers of the proof", sums::proof(&plan, &proof)));
        cases.extend(bound::cases(&proof, &cluster));
    } else {
        cases.push(("presence of the proof", sums::without_proof(&plan)));
    }
    Ok(cases)
}

/// The files of the dump that a plan names, and those of clusters with names.
fn named_inputs(plan: &Value) -> Result<(Vec<PathBuf>, Vec<NamedCluster>), String> {
    let inputs = array(&plan["inputs"]).iter();
    let inputs = inputs.filter(|own| own["option"].is_null());
    let inputs = inputs.map(|own| text(&own["path"]));
    let is_cluster = |name: &&str| !Path::new(name).exists() && NamedCluster::parse(name).is_ok();
    let (clusters, files): (Vec<&str>, Vec<&str>) = inputs.partition(is_cluster);
    let clusters = clusters.into_iter().map(NamedCluster::parse);
    let files = files.into_iter().map(PathBuf::from).collect();
    Ok((files, clusters.collect::<Result<_, _>>()?))
}

fn read(file: &Path) -> Result<Value, String> {
    let text = Input::path(file).read_to_string();
    let text = text.map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Pod that a plan gives a node.
struct Placement<'p> {
    /// Place of the statement, such as `placement[0]`.
    at: String,
    pod: &'p str,
    node: &'p str,
}

/// The pods that a plan gives nodes: those that have one today, and those that start.
fn placed(plan: &Value) -> impl Iterator<Item = Placement<'_>> {
    ["placement", "starts"].into_iter().flat_map(|list| {
        let pods = array(&plan[list]).iter().enumerate();
        pods.map(move |(number, own)| Placement {
            at: format!("{list}[{number}]"),
            pod: text(&own["pod"]),
            node: text(&own["node"]),
        })
    })
}

/// Whether two pods take the same port of their node.
fn takes_port_of(pod: &PodInfo, other: &PodInfo) -> bool {
    let theirs = &other.class.host_ports;
    let mut own = pod.class.host_ports.iter();
    own.any(|own| theirs.iter().any(|their| ports::conflicts(own, their)))
}

/// Whether a term of a pod is about another pod. Namespaces chosen by their labels count as all.
fn covers(term: &PodAffinityTerm, own: &PodSpec, other: &PodSpec) -> bool {
    let is_near = match &term.namespaces[..] {
        [] => term.namespace_selector.is_some() || own.namespace == other.namespace,
        named => term.namespace_selector.is_some() || named.contains(&other.namespace),
    };
    let is_same = |key: &Text| own.labels.get(key) == other.labels.get(key);
    is_near
        && { term.selector.as_ref() }.is_some_and(|own| own.matches(&other.labels))
        && term.match_label_keys.iter().all(is_same)
        && !term.mismatch_label_keys.iter().any(is_same)
}

/// Cluster of a plan with all its pods in place.
struct Cluster {
    nodes: Vec<NodeInfo>,
    /// Pods that the plan moves or places.
    placed: SortedSet<String>,
    /// Pods that the plan is about.
    found: SortedMap<String, Arc<PodClass>>,
    missing: Vec<String>,
    /// Nodes of the plan's pods in its cluster, of those that have one there.
    there: SortedMap<String, Text>,
}

impl Cluster {
    /// The cluster beside a plan; pods without a node are put where the plan has them.
    fn of(snapshot: &mut Snapshot, plan: &Value) -> Result<Self, String> {
        let placement: SortedMap<String, String> = placed(plan)
            .map(|own| (own.pod.to_owned(), own.node.to_owned()))
            .collect();
        let moves = array(&plan["drain"]["moves"]).iter();
        let mut cluster = Self {
            nodes: snapshot.cache.nodes().cloned().collect(),
            placed: moves.map(|own| text(&own["pod"]).to_owned()).collect(),
            found: SortedMap::new(),
            missing: Vec::new(),
            there: SortedMap::new(),
        };
        let places: SortedMap<Text, usize> = { cluster.nodes.iter().enumerate() }
            .map(|(place, node)| (node.name().clone(), place))
            .collect();
        let pods = snapshot.pods.clone();
        for pod in pods.iter().filter(|pod| !pod.phase.is_final()) {
            let name = format!("{}/{}", pod.namespace(), pod.name);
            let info = snapshot.pod_info(pod).map_err(|error| error.to_string())?;
            let Some(node) = placement.get(&name) else {
                continue;
            };
            cluster.found.insert(name.clone(), info.class.clone());
            if let Some(node) = &pod.node_name {
                cluster.there.insert(name, node.clone());
                continue;
            }
            let Some(&place) = places.get(&**node) else {
                cluster
                    .missing
                    .push(format!("`{node}` of pod `{name}` is not there"));
                continue;
            };
            cluster.nodes[place].add_pod(Arc::new(info));
            cluster.placed.insert(name);
        }
        for (name, node) in &placement {
            if !cluster.found.contains_key(name) {
                cluster
                    .missing
                    .push(format!("pod `{name}` on `{node}` is not there"));
            }
        }
        Ok(cluster)
    }

    /// Every pod of the plan is on a node of its cluster.
    fn pods(&self, plan: &Value) -> Case {
        if let Some(first) = self.missing.first() {
            return Err(first.clone());
        }
        let needs = ["drain", "buy"].iter().any(|own| !plan[own].is_null());
        // Pods that no node on offer can hold have none.
        let aside = array(&plan["buy"]["aside"]).len() as u64;
        let wanted = plan["pods"].as_u64().unwrap_or(0) - aside;
        let found = self.found.len() as u64;
        if needs && found != wanted {
            return Err(format!(
                "number of pods that have to run: {wanted}, of those with a node: {found}"
            ));
        }
        Ok(())
    }

    /// Pods that have a node in the cluster are where the placement has them.
    fn placement(&self, plan: &Value) -> Case {
        let mut seen = SortedSet::new();
        for Placement { at, pod, node } in placed(plan) {
            if let Some(found) = self.there.get(pod)
                && **found != *node
            {
                return Err(format!(
                    "`{at}.node` of `{pod}` is `{node}`; the cluster of the plan has it on `{found}`"
                ));
            }
            if !seen.insert(pod) {
                return Err(format!("`{at}.pod`: `{pod}` has a node already"));
            }
        }
        Ok(())
    }

    /// No node has more than it offers.
    fn room(&self) -> Case {
        for node in &self.nodes {
            let mut sum = Amounts::default();
            for pod in &node.pods {
                sum.change(&pod.counted_class().requests, 1);
            }
            let of = &node.allocatable;
            let plain = [
                ("cpu", sum.cpu_milli, of.cpu_milli),
                ("memory", sum.memory, of.memory),
                ("ephemeral-storage", sum.storage, of.storage),
                ("pods", node.pods.len() as i64, of.pods),
            ];
            let scalars = sum.scalars.iter();
            let scalars = scalars.map(|(name, own)| (&**name, *own, of.scalar(name)));
            let takes_new = node.pods.iter().any(|pod| self.is_placed(pod));
            let mut all = plain.into_iter().chain(scalars);
            if let Some((what, own, most)) = all.find(|(_, own, most)| takes_new && own > most) {
                return Err(format!(
                    "node `{}`: its pods request {own} {what}, and it offers {most}",
                    node.name()
                ));
            }
        }
        Ok(())
    }

    fn is_placed(&self, pod: &PodInfo) -> bool {
        self.placed.contains(&pod.full_name())
    }

    /// Every placed pod is admitted by the labels and taints of its node.
    fn rules(&self) -> Case {
        for node in &self.nodes {
            let mut pods = node.pods.iter().filter(|pod| self.is_placed(pod));
            if let Some(pod) = pods.find(|pod| !admits(pod.spec(), &node.object)) {
                return Err(format!(
                    "node `{}` does not admit `{}` by its labels and taints",
                    node.name(),
                    pod.full_name()
                ));
            }
        }
        Ok(())
    }

    /// No two pods of a node take the same port, if one of them was placed.
    fn ports(&self) -> Case {
        for node in &self.nodes {
            for (place, pod) in node.pods.iter().enumerate() {
                let mut others = node.pods[..place].iter();
                let clash = others.find(|other| {
                    (self.is_placed(pod) || self.is_placed(other)) && takes_port_of(pod, other)
                });
                if let Some(other) = clash {
                    return Err(format!(
                        "`{}` and `{}` take the same port of node `{}`",
                        pod.full_name(),
                        other.full_name(),
                        node.name()
                    ));
                }
            }
        }
        Ok(())
    }

    /// No placed pod is beside a pod that it keeps apart from.
    fn apart(&self) -> Case {
        for node in &self.nodes {
            for pod in &node.pods {
                for term in &pod.spec().affinity.required_pod_anti_affinity {
                    let mut others = self.in_domain(node, &term.topology_key);
                    let clash = others.find(|other| {
                        !Arc::ptr_eq(other, pod)
                            && (self.is_placed(other) || self.is_placed(pod))
                            && covers(term, pod.spec(), other.spec())
                    });
                    if let Some(other) = clash {
                        return Err(format!(
                            "`{}` and `{}` are in one domain of `{}`",
                            pod.full_name(),
                            other.full_name(),
                            term.topology_key
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Pods in the domain of a node.
    fn in_domain<'c>(
        &'c self,
        node: &'c NodeInfo,
        key: &'c str,
    ) -> impl Iterator<Item = &'c Arc<PodInfo>> {
        let value = domains::value_of(node, key);
        let nodes = self.nodes.iter();
        let nodes =
            nodes.filter(move |own| value.is_some() && domains::value_of(own, key) == value);
        nodes.flat_map(|own| &own.pods)
    }

    /// The cluster has as many nodes as the plan says.
    fn reached(&self, plan: &Value) -> Case {
        let found = self.nodes.len() as u64;
        let of_drain = plan["drain"]["reached"].as_u64();
        let of_purchase = plan["buy"]["plan"]["nodes"].as_u64();
        let today = plan["today"]["nodes"].as_u64();
        match of_drain.or(of_purchase).or(today) {
            Some(said) if said != found => Err(format!(
                "number of nodes in the plan: {said}, in its cluster: {found}"
            )),
            _ => Ok(()),
        }
    }
}
