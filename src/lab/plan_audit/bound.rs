//! The proof of a plan's bound, added up again: the requests of the named pods come from the cluster,
//! what nodes give follows from what is left on them, and no numbers of nodes below the bound keep
//! every rule.

use serde_json::Value;

use super::{Case, Cluster, array, number, text};
use crate::plan::patterns::{Item, MANY_SETS, most_worth};
use crate::plan::rules::keeps_apart;
use k8s::read_manifests;
use model::rules::admits;
use model::{Node, PodSpec};
use scheduler::kube::{Amounts, NodeInfo};
use units::{SortedMap, SortedSet};

/// The cases of a proof, by name.
pub(super) fn cases(proof: &Value, cluster: &Cluster) -> Vec<(&'static str, Case)> {
    vec![
        ("requests of the proof", requests(proof, cluster)),
        ("needs of the proof", needs(proof)),
        ("what nodes give", gives(proof, cluster)),
        ("closed nodes", closed(proof, cluster)),
        ("bound", bound(proof)),
        ("status", status(proof)),
    ]
}

fn amount(of: &Amounts, name: &str) -> i64 {
    match name {
        "cpu" => of.cpu_milli,
        "memory" => of.memory,
        "ephemeral-storage" => of.storage,
        "pods" => of.pods,
        other => of.scalar(other),
    }
}

/// The pods of the cluster request what the proof says of them. Pods that only need room are not
/// there yet.
fn requests(proof: &Value, cluster: &Cluster) -> Case {
    for class in array(&proof["classes"]) {
        let stated = class["requests"].as_object();
        for pod in array(&class["pods"]) {
            let Some(found) = cluster.found.get(text(pod)) else {
                continue;
            };
            for (name, own) in stated.into_iter().flatten() {
                let found = amount(&found.requests, name);
                if found != number(own) {
                    return Err(format!(
                        "`{}` requests {found} {name}, the proof says {own}",
                        text(pod)
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Classes of a rule.
fn classes<'p>(proof: &'p Value, rule: &Value) -> Vec<&'p Value> {
    let places = array(&rule["classes"]).iter();
    let places = places.filter_map(|own| usize::try_from(own.as_u64()?).ok());
    places.map(|place| &proof["classes"][place]).collect()
}

/// Each rule asks for what its pods request together.
fn needs(proof: &Value) -> Case {
    for rule in array(&proof["rules"]) {
        let own = classes(proof, rule);
        let count = |class: &Value| array(&class["pods"]).len() as i64;
        let pods: i64 = own.iter().map(|class| count(class)).sum();
        let of = rule["of"].as_object();
        let names = of.into_iter().flatten();
        let found = match text(&rule["sort"]) {
            "resource" => {
                let resource = names.map(|(name, _)| name.as_str()).next();
                let resource = resource.unwrap_or_default();
                let sums = own.iter().map(|class| match resource {
                    "pods" => count(class),
                    name => number(&class["requests"][name]).saturating_mul(count(class)),
                });
                sums.fold(0, i64::saturating_add)
            }
            "size" => {
                let mut sizes = names;
                let small = sizes.find(|(name, least)| {
                    let mut own = own.iter();
                    own.any(|class| number(&class["requests"][name.as_str()]) < number(least))
                });
                if let Some((name, _)) = small {
                    return Err(format!(
                        "a pod of `{}` is smaller in {name}",
                        text(&rule["rule"])
                    ));
                }
                pods
            }
            "apart" => pods,
            "worth" => {
                let worths = own.iter().zip(array(&rule["classes"]));
                let worths = worths.map(|(class, place)| {
                    number(&rule["of"][place.to_string()]).saturating_mul(count(class))
                });
                worths.fold(0, i64::saturating_add)
            }
            // A spread needs nodes of each zone, which its words say.
            _ => continue,
        };
        // What kept nodes give is off the need. Where zones may be lost, what is left has to be
        // enough, so that more is needed.
        let need = number(&rule["need"]).saturating_add(number(&rule["given"]));
        if found < need && !may_need_more(proof, rule) {
            return Err(format!(
                "`{}` asks for {found} only, the proof says {}",
                text(&rule["rule"]),
                rule["need"]
            ));
        }
    }
    Ok(())
}

/// Whether a plan survives zones, so that a rule asks for more than its pods request.
fn may_need_more(proof: &Value, rule: &Value) -> bool {
    let zones = proof["zones"].as_i64().unwrap_or(0);
    let own = array(&proof["rules"]).iter();
    let least = own
        .filter(|other| other["rule"] == rule["rule"])
        .map(|other| number(&other["need"]))
        .min();
    let need = i128::from(number(&rule["need"]));
    // Of several zones any may be lost: the others hold all of it.
    zones > 1
        && proof["survivesZone"] == true
        && least.is_some_and(|least| {
            need * i128::from(zones - 1) <= (i128::from(least) + 1) * i128::from(zones)
        })
}

/// The nodes of a kind, which differ in their labels.
fn nodes_of(kind: &Value) -> Result<Vec<Node>, String> {
    let written = std::iter::once(&kind["node"]).chain(array(&kind["elsewhere"]));
    let mut nodes = Vec::new();
    for node in written {
        let read = read_manifests("bound.json", &node.to_string());
        nodes.extend(read.map_err(|error| error.to_string())?.nodes);
    }
    if nodes.is_empty() {
        return Err("a kind of node has no node".to_owned());
    }
    Ok(nodes)
}

fn is_admitted(spec: &PodSpec, nodes: &[Node]) -> bool {
    nodes.iter().any(|node| admits(spec, node))
}

/// Nodes give no more than is left on them, and give nothing only to pods that they don't admit.
fn gives(proof: &Value, cluster: &Cluster) -> Case {
    let kinds = array(&proof["nodes"]);
    for rule in array(&proof["rules"]) {
        let own = classes(proof, rule);
        let specs: Vec<&PodSpec> = own
            .iter()
            .filter_map(|class| spec(cluster, class))
            .collect();
        for (kind, gives) in kinds.iter().zip(array(&rule["gives"])) {
            let free = &kind["free"];
            let nodes = nodes_of(kind)?;
            // Nobody knows where pods may go that only need room and are not in the cluster.
            let is_unknown = specs.len() < own.len() && number(gives) > 0;
            let is_open = is_unknown || specs.iter().any(|spec| is_admitted(spec, &nodes));
            let of = rule["of"].as_object();
            let names = of.into_iter().flatten();
            let most = match text(&rule["sort"]) {
                "resource" => names.map(|(name, _)| number(&free[name.as_str()])).next(),
                "size" => {
                    let fits = names.map(|(name, least)| {
                        number(&free[name.as_str()]).max(0) / number(least).max(1)
                    });
                    fits.chain([number(&free["pods"])]).min()
                }
                "worth" => match items(rule, proof, cluster, &nodes) {
                    Some(items) => Some(items.most(free)),
                    None => continue,
                },
                // One pod of these a node, and one node of a spread counts as one.
                _ => continue,
            };
            let most = if is_open { most.unwrap_or(0).max(0) } else { 0 };
            if number(gives) < most {
                return Err(format!(
                    "a node `{}` gives {most} of `{}`, the proof says {gives}",
                    text(&kind["name"]),
                    text(&rule["rule"])
                ));
            }
        }
    }
    Ok(())
}

/// Pods with worth that a node may take.
struct Items {
    /// Names of the resources that they request.
    resources: Vec<String>,
    /// Number of pods by their requests and their worth.
    pods: SortedMap<(Vec<i64>, i64), i64>,
}

impl Items {
    /// The most worth that room holds.
    fn most(self, free: &Value) -> i64 {
        let rooms = self.resources.iter();
        let room: Vec<i64> = rooms.map(|name| number(&free[name]).max(0)).collect();
        let items = self.pods.into_iter();
        let items = items.map(|((size, worth), most)| Item { size, worth, most });
        most_worth(&room, &items.collect::<Vec<Item>>(), MANY_SETS).0
    }
}

/// Pods of a rule about worth that a node may take; `None` if some of them are not in the cluster.
fn items(rule: &Value, proof: &Value, cluster: &Cluster, nodes: &[Node]) -> Option<Items> {
    let places = array(&rule["classes"]);
    let own: Vec<(&Value, i64)> = { classes(proof, rule).into_iter().zip(places) }
        .map(|(class, place)| (class, number(&rule["of"][place.to_string()])))
        .collect();
    let named = own
        .iter()
        .filter_map(|(class, _)| class["requests"].as_object());
    let names: SortedSet<String> = named
        .flatten()
        .filter(|(_, asked)| number(asked) > 0)
        .map(|(name, _)| name.clone())
        .chain(["pods".to_owned()])
        .collect();
    let mut items = Items {
        resources: names.into_iter().collect(),
        pods: SortedMap::new(),
    };
    for (class, worth) in own {
        let pods = array(&class["pods"]);
        let found = cluster.found.get(pods.first().map(text)?)?;
        if !is_admitted(&found.spec, nodes) {
            continue;
        }
        let size = items.resources.iter().map(|name| match name.as_str() {
            "pods" => 1,
            name => number(&class["requests"][name]),
        });
        let most = if keeps_apart(found) {
            1
        } else {
            pods.len() as i64
        };
        *items.pods.entry((size.collect(), worth)).or_default() += most;
    }
    Some(items)
}

/// Spec of the pods of a class, if one of them is in the cluster. A replica that growth adds is like the pod
/// whose name its own begins with.
fn spec<'c>(cluster: &'c Cluster, class: &Value) -> Option<&'c PodSpec> {
    let mut names = array(&class["pods"]).iter().map(text);
    let found = names.find_map(|name| {
        let pattern = name.rsplit_once('-').map(|(pattern, _)| pattern);
        let own = cluster.found.get(name);
        own.or_else(|| cluster.found.get(pattern?))
    });
    found.map(|class| &*class.spec)
}

/// The cluster has the nodes that take no further pods, and the rules are not about pods on them.
fn closed(proof: &Value, cluster: &Cluster) -> Case {
    let of = |node: &&NodeInfo| node.object.unschedulable || node.object.is_marked_away();
    let nodes: Vec<&NodeInfo> = cluster.nodes.iter().filter(of).collect();
    let said = number(&proof["closed"]);
    if said > nodes.len() as i64 {
        return Err(format!(
            "number of nodes that take no further pods: {}, the proof says {said}",
            nodes.len()
        ));
    }
    if said == 0 {
        return Ok(());
    }
    let held: SortedSet<String> = { nodes.iter() }
        .flat_map(|node| node.pods.iter().map(|pod| pod.full_name()))
        .collect();
    let mut named = array(&proof["classes"])
        .iter()
        .flat_map(|class| array(&class["pods"]));
    match named.find(|pod| held.contains(text(pod))) {
        Some(pod) => Err(format!("{pod} stays on a node that takes no further pods")),
        None => Ok(()),
    }
}

/// No numbers of nodes below the bound keep every rule.
fn bound(proof: &Value) -> Case {
    let tree = Tree::of(proof);
    let of_drain = array(&proof["nodes"])
        .iter()
        .all(|kind| !kind["count"].is_null());
    for rule in array(&proof["rules"]).iter().filter(|_| of_drain) {
        // What nodes that stay give is off the need, but for one of them where it may be lost.
        let gives = array(&rule["gives"]).iter().zip(array(&proof["nodes"]));
        let given = gives.map(|(gives, kind)| number(gives).saturating_mul(untouched(kind)));
        let lost = (staying(proof, rule) - number(&rule["idle"])).max(0);
        let given = given.fold(0, i64::saturating_add) - lost;
        if number(&rule["given"]) < given {
            return Err(format!(
                "nodes that stay give {given} of `{}`, the proof says {}",
                text(&rule["rule"]),
                rule["given"]
            ));
        }
    }
    tree.check(&proof["proof"])
}

/// The most that one of the nodes which stay gives of a rule, where it may be lost.
fn staying(proof: &Value, rule: &Value) -> i64 {
    let gives = array(&rule["gives"]).iter().zip(array(&proof["nodes"]));
    let staying = gives.filter(|(_, kind)| untouched(kind) > 0);
    let most = staying.map(|(gives, _)| number(gives)).max().unwrap_or(0);
    if proof["survivesNode"] == true {
        most
    } else {
        0
    }
}

/// Number of nodes of a kind that stay whatever is planned.
fn untouched(kind: &Value) -> i64 {
    number(&kind["untouched"])
}

/// Parts of a unit of cost in which a proof counts shares.
const PARTS: i128 = 1 << 24;

/// Least and greatest number of nodes of a kind.
type Range = (i64, i64);

/// A tree of splits by numbers of nodes. In each leaf the rules pay shares of the bound, and a node is
/// worth what it gives of their needs: numbers of nodes that keep the rules cost at least all shares,
/// and what nodes of the leaf cost beyond their worth.
struct Tree {
    bound: i64,
    costs: Vec<i64>,
    /// Every sum of costs is a multiple of this.
    step: i64,
    needs: Vec<i64>,
    /// By rule, then by kind.
    gives: Vec<Vec<i64>>,
    survives_node: bool,
    /// By kind: the most nodes that there are.
    most: Vec<Option<i64>>,
    /// By rule: what the loss of a node takes without a further need.
    spares: Vec<i64>,
}

impl Tree {
    fn of(proof: &Value) -> Self {
        let costs: Vec<i64> = { array(&proof["nodes"]).iter() }
            .map(|kind| number(&kind["cost"]))
            .collect();
        let kinds = array(&proof["nodes"]);
        let rules = array(&proof["rules"]).iter();
        let spare = |rule| staying(proof, rule).max(number(&rule["idle"]));
        let stays = kinds.iter().map(untouched).sum::<i64>() + number(&proof["closed"]);
        let divisor = |mut one: i64, other: &i64| {
            let mut other = *other;
            while other != 0 {
                (one, other) = (other, one % other);
            }
            one.abs()
        };
        Self {
            bound: number(&proof["bound"]) - stays,
            most: kinds.iter().map(|kind| kind["count"].as_i64()).collect(),
            spares: rules.clone().map(spare).collect(),
            step: costs.iter().fold(0, divisor).max(1),
            costs,
            needs: rules.clone().map(|rule| number(&rule["need"])).collect(),
            gives: rules
                .map(|rule| array(&rule["gives"]).iter().map(number).collect())
                .collect(),
            survives_node: proof["survivesNode"] == true,
        }
    }

    /// The tree holds for all numbers of nodes that cost less than the bound.
    fn check(&self, tree: &Value) -> Case {
        let most = |cost: &i64| match cost {
            1.. => (self.bound - 1).max(0) / cost,
            _ => i64::from(u32::MAX),
        };
        let kinds = self.costs.iter().zip(&self.most);
        let ranges = kinds.map(|(cost, there)| (0, most(cost).min(there.unwrap_or(i64::MAX))));
        self.check_branch(tree, ranges.collect())
    }

    fn check_branch(&self, branch: &Value, ranges: Vec<Range>) -> Case {
        if ranges.iter().any(|(least, most)| least > most) {
            return Ok(());
        }
        let Some(kind) = branch["kind"].as_u64() else {
            return self.check_leaf(&branch["shares"], &ranges);
        };
        let kind = usize::try_from(kind).unwrap_or(usize::MAX);
        let Some(&(least, most)) = ranges.get(kind) else {
            return Err(format!("the proof splits kind {kind}, which is not there"));
        };
        let at = number(&branch["at"]);
        let [mut fewer, mut more] = [ranges.clone(), ranges];
        fewer[kind] = (least, most.min(at));
        more[kind] = (least.max(at.saturating_add(1)), most);
        self.check_branch(&branch["fewer"], fewer)?;
        self.check_branch(&branch["more"], more)
    }

    fn check_leaf(&self, shares: &Value, ranges: &[Range]) -> Case {
        let costs = self.costs.iter();
        let mut left: Vec<i128> = costs.map(|cost| i128::from(*cost) * PARTS).collect();
        let mut sum = 0;
        for own in array(shares) {
            let place = usize::try_from(number(&own[0])).unwrap_or(usize::MAX);
            let (Some(&need), Some(gives)) = (self.needs.get(place), self.gives.get(place)) else {
                return Err(format!("rule {place} of the proof is not there"));
            };
            let (share, of) = (i128::from(number(&own[1])), i128::from(need));
            if share < 0 || need <= 0 {
                return Err(format!(
                    "rule {place} of the proof needs {need} and pays {share}"
                ));
            }
            let lost = (self.lost(gives, ranges) - self.spares[place]).max(0);
            let asked = need.saturating_add(lost);
            sum += share * i128::from(asked) / of;
            for (left, gives) in left.iter_mut().zip(gives) {
                *left -= (share * i128::from(*gives) + of - 1) / of;
            }
        }
        for (left, (least, most)) in left.into_iter().zip(ranges) {
            sum += left * i128::from(if left >= 0 { *least } else { *most });
        }
        let unit = i128::from(self.step) * PARTS;
        let least = (sum + unit - 1).div_euclid(unit) * i128::from(self.step);
        if least >= i128::from(self.bound) || self.bound <= 0 {
            return Ok(());
        }
        let ranges: Vec<String> = { ranges.iter() }
            .map(|(least, most)| format!("{least} to {most}"))
            .collect();
        Err(format!(
            "numbers of nodes of {} may cost {} and keep every rule, by the shares of the proof; the \
             bound is {}",
            ranges.join(", "),
            least,
            self.bound
        ))
    }

    /// What the loss of a node takes of a rule at least.
    fn lost(&self, gives: &[i64], ranges: &[Range]) -> i64 {
        if !self.survives_node {
            return 0;
        }
        let there = gives.iter().zip(ranges).filter(|(_, range)| range.0 > 0);
        let there = there.map(|(gives, _)| *gives).max().unwrap_or(0);
        let any = gives.iter().zip(ranges);
        let any = any.filter(|(gives, range)| **gives > 0 && range.1 > 0);
        there.max(any.map(|(gives, _)| *gives).min().unwrap_or(0))
    }
}

/// The status follows from the two numbers.
fn status(proof: &Value) -> Case {
    let (reached, bound) = (number(&proof["reached"]), number(&proof["bound"]));
    let expected = if reached <= bound { "proved" } else { "gap" };
    let said = text(&proof["status"]);
    if said == expected {
        Ok(())
    } else {
        Err(format!(
            "reached {reached}, bound {bound}: `{expected}`, not `{said}`"
        ))
    }
}
