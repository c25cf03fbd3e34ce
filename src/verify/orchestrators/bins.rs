//! Cases of classical bin packing: the pipeline's profiles on nodes that are bins (spec:
//! orchestrators-b.md section 9).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::job_runs::{Started, run_pods};
use super::{Case, Decide, Trouble, read};
use model::{Node, PodSpec, ResourceList};
use policy::{ProfileChoice, bounds};
use units::Quantity;

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    (kind == "bin-packing").then_some(bin_packing)
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
