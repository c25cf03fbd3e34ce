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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bins that a profile fills.
    fn bins(sizes: &[i64], profile: &str, order: Option<&str>) -> i64 {
        let packed = Packed::by(sizes, 100, profile, order);
        packed.unwrap_or_else(|_| panic!("{profile}")).loads.len() as i64
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// First and best fit: Dósa and Sgall 2013 and 2014; next fit: Johnson 1974, as worst fit; first and
        /// best fit of decreasing sizes: Dósa 2007, and Johnson's additive term for best fit.
        #[test]
        fn profiles_keep_to_their_bounds(sizes in prop::collection::vec(1_i64..=100, 1..12)) {
            let optimum = bounds::optimum(&sizes, 100) as i64;
            let lower = bounds::l2(&sizes, 100);
            prop_assert!(bounds::l1(&sizes, 100) <= lower && lower <= optimum);
            let most = |numerator: i64, denominator: i64| numerator * optimum / denominator;
            for (profile, order, bound) in [
                ("first-fit", None, most(17, 10)),
                ("best-fit", None, most(17, 10)),
                ("next-fit", None, 2 * optimum - 1),
                ("worst-fit-open", None, 2 * optimum - 1),
                ("first-fit", Some("decreasing"), (11 * optimum + 6) / 9),
                ("best-fit", Some("decreasing"), (11 * optimum + 36) / 9),
                ("next-fit", Some("decreasing"), 2 * optimum - 1),
                ("worst-fit-open", Some("decreasing"), 2 * optimum - 1),
            ] {
                let used = bins(&sizes, profile, order);
                prop_assert!(
                    (optimum..=bound).contains(&used),
                    "{profile} ({order:?}) uses {used} bins, {optimum} would do, {bound} at most"
                );
            }
        }

        /// Every rule packs each item once and over-fills no bin; as first fit never leaves two bins half
        /// empty in every resource, rules need no more than 2 d times the bins of the bound for d resources,
        /// plus one.
        #[test]
        fn vectors_are_packed_within_bounds(
            items in prop::collection::vec(prop::collection::vec(1_i64..=100, 2), 1..12),
        ) {
            let problem = Problem { capacity: vec![100, 100], items: items.clone() };
            let lower = problem.stronger_lower_bound();
            prop_assert!(problem.lower_bound() <= lower);
            for rule in [
                Rule::DotProduct,
                Rule::Distance,
                Rule::ProductDecreasing,
                Rule::SumDecreasing,
            ] {
                let bins = problem.pack(rule);
                let mut packed: Vec<usize> = bins.concat();
                packed.sort_unstable();
                prop_assert_eq!(packed, (0..items.len()).collect::<Vec<_>>());
                for bin in &bins {
                    let loads = bin.iter().fold([0, 0], |[one, other], &item| {
                        [one + items[item][0], other + items[item][1]]
                    });
                    prop_assert!(loads.iter().all(|&load| load <= 100), "{loads:?}");
                }
                let used = bins.len() as i64;
                prop_assert!((lower..=4 * lower + 1).contains(&used), "{used} bins, at least {lower}");
            }
        }
    }
}
