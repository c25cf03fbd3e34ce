//! Cases of classical bin packing, by the pipeline's profiles on nodes that are bins, and of packing by
//! several resources (spec: orchestrators-b.md section 9).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::job_runs::{Started, run_pods};
use super::{Case, Decide, Trouble, read};
use model::{Node, PodSpec, ResourceList};
use policy::vector_packing::{Problem, Rule};
use policy::{ProfileChoice, bounds};
use units::Quantity;

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    match kind {
        "bin-packing" => Some(bin_packing),
        "vector-packing" => Some(vector_packing),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Bins {
    capacity: i64,
}

fn bin(index: usize, capacity: i64) -> Arc<Node> {
    Arc::new(Node {
        name: format!("bin-{index}").into(),
        allocatable: ResourceList::from_pairs([
            ("cpu", Quantity::from_milli(capacity)),
            ("pods", Quantity::from_units(100_000)),
        ]),
        ..Node::default()
    })
}

/// Bins that a rule filled.
struct Packed {
    place: Vec<usize>,
    loads: Vec<i64>,
}

impl Packed {
    fn by(
        sizes: &[i64],
        capacity: i64,
        profile: &str,
        order: Option<&str>,
    ) -> Result<Self, Trouble> {
        let nodes = (0..sizes.len()).map(|index| bin(index, capacity));
        let pod = |&size: &i64| {
            let cpu = [("cpu", Quantity::from_milli(size))];
            PodSpec::with_requests(ResourceList::from_pairs(cpu))
        };
        let pods: Vec<PodSpec> = sizes.iter().map(pod).collect();
        let mut choice = ProfileChoice::named(profile);
        choice.queue_order = order.map(str::to_owned);
        let started = run_pods(&pods, nodes.collect(), choice).map_err(Trouble::Malformed)?;
        let mut packed = Self {
            place: vec![0; sizes.len()],
            loads: Vec::new(),
        };
        for Started {
            position, nodes, ..
        } in started
        {
            let node = nodes.first().map_or(0, |node| node.index());
            packed.place[position] = node;
            if packed.loads.len() <= node {
                packed.loads.resize(node + 1, 0);
            }
            packed.loads[node] += sizes[position];
        }
        Ok(packed)
    }

    fn bins(&self) -> Value {
        json!({ "bins": self.loads.len() })
    }

    fn whole(&self) -> Value {
        json!({ "bins": self.loads.len(), "place": self.place, "loads": self.loads })
    }
}

fn bin_packing(case: &Case) -> Result<Value, Trouble> {
    let Bins { capacity } = read(&case.nodes)?;
    let sizes: Vec<i64> = read(&case.request)?;
    let rules = [
        ("nf", "next-fit"),
        ("ff", "first-fit"),
        ("bf", "best-fit"),
        ("wf", "worst-fit-open"),
    ];
    let mut decided = json!({
        "L1": bounds::l1(&sizes, capacity),
        "L2": bounds::l2(&sizes, capacity),
    });
    for (name, profile) in rules {
        decided[name] = Packed::by(&sizes, capacity, profile, None)?.whole();
        let decreasing = Packed::by(&sizes, capacity, profile, Some("decreasing"))?;
        decided[format!("{name}d")] = decreasing.bins();
    }
    if case.expected.get("optimal").is_some() {
        decided["optimal"] = json!(bounds::optimum(&sizes, capacity));
    }
    Ok(decided)
}

#[derive(Deserialize)]
struct VectorBins {
    capacity: Vec<f64>,
}

#[derive(Deserialize)]
struct VectorItem {
    id: String,
    size: Vec<f64>,
}

/// Amounts in millionths, in which decimal fractions are whole.
fn millionths(amounts: &[f64]) -> Vec<i64> {
    let whole = |amount: &f64| libm::rint(amount * 1e6) as i64;
    amounts.iter().map(whole).collect()
}

fn vector_packing(case: &Case) -> Result<Value, Trouble> {
    let VectorBins { capacity } = read(&case.nodes)?;
    let items: Vec<VectorItem> = read(&case.request)?;
    if items.iter().any(|item| item.size.len() != capacity.len()) {
        let words = "every item needs a size for each capacity";
        return Err(Trouble::Malformed(words.to_owned()));
    }
    let problem = Problem {
        capacity: millionths(&capacity),
        items: items.iter().map(|item| millionths(&item.size)).collect(),
    };
    let mut decided = json!({
        "lower_bound": problem.lower_bound(),
        "lower_bound_L2": problem.stronger_lower_bound(),
    });
    for (name, rule) in [
        ("dot_bins", Rule::DotProduct),
        ("l2_bins", Rule::Distance),
        ("ffd_prod_bins", Rule::ProductDecreasing),
        ("ffd_sum_bins", Rule::SumDecreasing),
    ] {
        let bins = problem.pack(rule);
        let names = |bin: &Vec<usize>| -> Vec<&str> {
            bin.iter().map(|&item| items[item].id.as_str()).collect()
        };
        decided[name] = bins.iter().map(names).collect();
    }
    Ok(decided)
}
