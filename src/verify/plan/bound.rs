//! The proof of a plan's bound, added up again: the requests of the named pods come from the cluster,
//! what nodes give follows from what is left on them, and no numbers of nodes below the bound keep
//! every rule.

use serde_json::Value;

use super::{Case, Cluster, array, text};
use manifest::read_manifests;
use model::rules::admits;
use model::{Node, PodSpec};
use scheduler::kube::{Amounts, NodeInfo};
use units::SortedSet;

/// Numbers of nodes that are tried before a bound counts as beyond this reader.
const MOST_TRIED: u64 = 5_000_000;

/// Largest difference of a sum of floats that counts as nothing, in parts of the sum.
const TINY: f64 = 1e-6;

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

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
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

/// A node of a proof.
fn node_of(kind: &Value) -> Result<Node, String> {
    let read = read_manifests("bound.json", &kind["node"].to_string());
    let read = read.map_err(|error| error.to_string())?;
    let mut nodes = read.nodes.into_iter();
    nodes
        .next()
        .ok_or_else(|| "a kind of node has no node".to_owned())
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
            let node = node_of(kind)?;
            let is_open = specs.is_empty() || specs.iter().any(|spec| admits(spec, &node));
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

/// Spec of the pods of a class, if one of them is in the cluster.
fn spec<'c>(cluster: &'c Cluster, class: &Value) -> Option<&'c PodSpec> {
    let name = array(&class["pods"]).first().map(text)?;
    cluster.found.get(name).map(|class| &*class.spec)
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
    let kinds = array(&proof["nodes"]);
    let rules = array(&proof["rules"]);
    let said = number(&proof["bound"]);
    let mut stays = number(&proof["closed"]);
    let mut search = Search {
        costs: kinds.iter().map(|kind| number(&kind["cost"])).collect(),
        most: kinds.iter().map(|kind| kind["count"].as_i64()).collect(),
        gives: { kinds.iter().enumerate() }
            .map(|(place, _)| {
                rules
                    .iter()
                    .map(|rule| number(&rule["gives"][place]))
                    .collect()
            })
            .collect(),
        prices: rules
            .iter()
            .map(|rule| rule["price"].as_f64().unwrap_or(0.0))
            .collect(),
        survives_node: proof["survivesNode"] == true,
        counts: Vec::new(),
        limit: said,
        left: MOST_TRIED,
    };
    let mut needs: Vec<i64> = rules.iter().map(|rule| number(&rule["need"])).collect();
    for (kind, gives) in kinds.iter().zip(&search.gives) {
        let untouched = number(&kind["untouched"]);
        stays += untouched;
        for (need, own) in needs.iter_mut().zip(gives) {
            *need = need.saturating_sub(own.saturating_mul(untouched)).max(0);
        }
    }
    let is_bought = search.most.iter().all(Option::is_none);
    if !is_bought {
        let least = stays + needs.first().map_or(0, |need| search.fewest(*need));
        return if least < said {
            Err(format!(
                "enough nodes for the rule of the proof: {least}, not {said}"
            ))
        } else {
            Ok(())
        };
    }
    // What is needed costs at least its worth, if no kind gives more than it costs.
    for (cost, gives) in search.costs.iter().zip(&search.gives) {
        let worth: f64 = { gives.iter().zip(&search.prices) }
            .map(|(own, price)| *own as f64 * price)
            .sum();
        if worth > *cost as f64 * (1.0 + TINY) {
            return Err(format!(
                "a node gives {worth} of its rules and costs {cost}"
            ));
        }
    }
    match search.cheaper(0, &needs, 0) {
        Some(true) => Err(format!(
            "numbers of nodes below {said} keep every rule of the proof"
        )),
        Some(false) => Ok(()),
        None => Err(format!(
            "more than {MOST_TRIED} numbers of nodes are below {said}; too many to try"
        )),
    }
}

/// Numbers of nodes of each kind.
struct Search {
    costs: Vec<i64>,
    most: Vec<Option<i64>>,
    gives: Vec<Vec<i64>>,
    prices: Vec<f64>,
    survives_node: bool,
    /// Numbers that are being tried.
    counts: Vec<i64>,
    /// Cost that they have to stay below.
    limit: i64,
    /// Numbers that may still be tried.
    left: u64,
}

impl Search {
    /// The fewest of the existing nodes that give enough of the one rule; all if they don't.
    fn fewest(&self, need: i64) -> i64 {
        let there = self.gives.iter().zip(&self.most);
        let mut offers: Vec<(i64, i64)> = there
            .map(|(gives, most)| (gives.first().copied().unwrap_or(0), most.unwrap_or(0)))
            .filter(|(_, count)| *count > 0)
            .collect();
        offers.sort_unstable();
        let largest = offers.last().map_or(0, |own| own.0);
        let lost = if self.survives_node { largest } else { 0 };
        let (mut left, mut nodes) = (need.saturating_add(lost), 0);
        for (gives, count) in offers.into_iter().rev() {
            let wanted = match gives {
                1.. => ((left.max(0) - 1).div_euclid(gives) + 1).min(count),
                _ => count,
            };
            let wanted = if left > 0 { wanted } else { 0 };
            nodes += wanted;
            left = left.saturating_sub(gives.saturating_mul(wanted));
        }
        nodes
    }

    /// Whether any numbers from a kind on keep the rules and cost less than the limit; `None` if too
    /// many would have to be tried.
    fn cheaper(&mut self, kind: usize, needs: &[i64], cost: i64) -> Option<bool> {
        self.left = self.left.checked_sub(1)?;
        let worth: f64 = { needs.iter().zip(&self.prices) }
            .map(|(need, price)| (*need).max(0) as f64 * price)
            .sum();
        if cost as f64 + worth * (1.0 - TINY) >= self.limit as f64 {
            return Some(false);
        }
        if kind == self.costs.len() {
            return Some(self.is_enough(needs));
        }
        let mut needs = needs.to_vec();
        let mut own_cost = cost;
        let mut count = 0;
        loop {
            self.counts.push(count);
            let found = self.cheaper(kind + 1, &needs, own_cost)?;
            self.counts.pop();
            if found {
                return Some(true);
            }
            own_cost = own_cost.saturating_add(self.costs[kind]);
            count += 1;
            let is_done = needs.iter().all(|need| *need <= 0) && !self.survives_node;
            let is_free = self.costs[kind] <= 0;
            if is_done || is_free || own_cost >= self.limit {
                return Some(false);
            }
            for (need, own) in needs.iter_mut().zip(&self.gives[kind]) {
                *need = need.saturating_sub(*own);
            }
        }
    }

    /// Whether nothing is needed any more, also after the loss of the largest node.
    fn is_enough(&self, needs: &[i64]) -> bool {
        needs.iter().enumerate().all(|(rule, need)| {
            let there = self.gives.iter().zip(&self.counts);
            let there = there.filter(|(_, count)| **count > 0);
            let largest = there.map(|(gives, _)| gives[rule]).max().unwrap_or(0);
            let lost = if self.survives_node { largest } else { 0 };
            need.saturating_add(lost) <= 0
        })
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
