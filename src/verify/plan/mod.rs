//! Plans of clusters, read a second time: their nodes and pods are added up by the rules alone, and
//! so is the proof of their bound, without the scheduler and the search that made them. A case is a
//! statement of `plan.json` or `bound.json` about the cluster beside them.

mod bound;
mod domains;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::door::Door;
use super::{Family, FamilyReport, Judge, VerifyOptions};
use intake::Input;
use lab::plan::budgets::budgets;
use lab::snapshot::{Snapshot, SnapshotOptions};
use model::Text;
use model::node::HOSTNAME_LABEL;
use model::rules::{admits, ports};
use scheduler::kube::{Amounts, NodeInfo, PodClass, PodInfo};
use units::{SortedMap, SortedSet};

/// Plans with their proofs.
pub const FAMILY: Family = Family {
    name: "plan",
    summary: "plans of clusters: room, rules and the proof of their bound, added up again",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Same,
};

/// Whether a file is the answer of a plan.
fn claims(path: &Path) -> bool {
    super::file_name(path) == "plan.json"
}

/// Outcome of a case.
type Case = Result<(), String>;

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut report = FamilyReport::new(FAMILY.name);
    for file in files {
        let plan = read(file)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let beside = |name: &str| folder.join(name);
        let paths = [beside("cluster.yaml")];
        let snapshot_options = SnapshotOptions {
            traces_dirs: &options.traces,
            ..SnapshotOptions::default()
        };
        let gathered = Snapshot::gather(&paths, &snapshot_options);
        let mut snapshot = gathered
            .and_then(Snapshot::new)
            .map_err(|error| error.to_string())?;
        let cluster = Cluster::of(&mut snapshot, &plan)?;
        let mut note = |name: &str, outcome: Case| {
            let name = format!("{}: {name}", file.display());
            if options.wants(&name) {
                report.case(outcome.map_err(|words| format!("{name}: {words}")));
            }
        };
        note("inputs", inputs(&plan));
        note("pods", cluster.pods(&plan));
        note("room", cluster.room());
        note("rules", cluster.rules());
        note("ports", cluster.ports());
        note("anti-affinity", cluster.apart());
        note("spread", domains::spread(&cluster));
        note(
            "volumes",
            domains::volumes(&cluster, &snapshot.cache.objects),
        );
        note(
            "budgets",
            domains::budgets(&cluster, &plan, &budgets(&snapshot)),
        );
        note("reached", cluster.reached(&plan));
        let proof = beside("bound.json");
        if proof.exists() {
            let proof = read(&proof)?;
            for (name, outcome) in bound::cases(&proof, &cluster) {
                note(name, outcome);
            }
        }
    }
    Ok(report)
}

fn read(file: &Path) -> Result<Value, String> {
    let text = Input::path(file).read_to_string();
    let text = text.map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The files of a plan are those that it was made of, as far as they are still there.
fn inputs(plan: &Value) -> Case {
    for own in array(&plan["inputs"]) {
        let path = text(&own["path"]);
        let input = Input::path(path);
        if !Path::new(path).is_file() {
            continue;
        }
        let found = input.blake3().map_err(|error| error.to_string())?;
        if found != text(&own["blake3"]) {
            return Err(format!(
                "`{path}` is not the file that the plan was made of"
            ));
        }
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Cluster of a plan with all its pods in place.
struct Cluster {
    nodes: Vec<NodeInfo>,
    /// Pods that the plan moves or places.
    placed: SortedSet<String>,
    /// Pods that the plan is about.
    found: SortedMap<String, Arc<PodClass>>,
    missing: Vec<String>,
}

impl Cluster {
    /// The cluster beside a plan; pods without a node are put where the plan has them.
    fn of(snapshot: &mut Snapshot, plan: &Value) -> Result<Self, String> {
        let placement: SortedMap<String, String> = { array(&plan["placement"]).iter() }
            .map(|own| (text(&own["pod"]).to_owned(), text(&own["node"]).to_owned()))
            .collect();
        let moves = array(&plan["drain"]["moves"]).iter();
        let mut cluster = Self {
            nodes: snapshot.cache.nodes().cloned().collect(),
            placed: moves.map(|own| text(&own["pod"]).to_owned()).collect(),
            found: SortedMap::new(),
            missing: Vec::new(),
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
            if pod.node_name.is_some() {
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
                for other in &node.pods[..place] {
                    let mut own = pod.class.host_ports.iter();
                    let theirs = &other.class.host_ports;
                    let clashes =
                        own.any(|own| theirs.iter().any(|their| ports::conflicts(own, their)));
                    if clashes && (self.is_placed(pod) || self.is_placed(other)) {
                        return Err(format!(
                            "`{}` and `{}` take the same port of node `{}`",
                            pod.full_name(),
                            other.full_name(),
                            node.name()
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// No placed pod is beside a pod of its own namespace that it keeps apart from.
    fn apart(&self) -> Case {
        let mut domains: SortedMap<(Text, Text), Vec<&PodInfo>> = SortedMap::new();
        let keys: SortedSet<Text> = { self.nodes.iter() }
            .flat_map(|node| &node.pods)
            .flat_map(|pod| &pod.spec().affinity.required_pod_anti_affinity)
            .map(|term| term.topology_key.clone())
            .collect();
        let value_of = |node: &NodeInfo, key: &Text| match node.label(key) {
            None if &**key == HOSTNAME_LABEL => Some(node.name().clone()),
            value => value.cloned(),
        };
        for node in &self.nodes {
            for key in &keys {
                if let Some(value) = value_of(node, key) {
                    let pods = domains.entry((key.clone(), value)).or_default();
                    pods.extend(node.pods.iter().map(|pod| &**pod));
                }
            }
        }
        for node in &self.nodes {
            for pod in &node.pods {
                for term in &pod.spec().affinity.required_pod_anti_affinity {
                    let selector = term.selector.as_ref();
                    let Some(value) = value_of(node, &term.topology_key) else {
                        continue;
                    };
                    let others = domains.get(&(term.topology_key.clone(), value));
                    let mut others = others.into_iter().flatten();
                    let clash = others.find(|other| {
                        !std::ptr::eq(**other, &raw const **pod)
                            && term.namespaces.is_empty()
                            && term.namespace_selector.is_none()
                            && other.spec().namespace == pod.spec().namespace
                            && (self.is_placed(other) || self.is_placed(pod))
                            && selector.is_some_and(|own| own.matches(&other.spec().labels))
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
