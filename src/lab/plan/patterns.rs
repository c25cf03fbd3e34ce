//! The rule of packing patterns: pods have a worth each such that no node holds more worth than it
//! costs, whatever set of pods is put on it. Worths come from the linear program over patterns, whose
//! columns are made where they are missing (Gilmore and Gomory); the most worth that a node holds is
//! then found in integers, so that the rule holds for any worths.
//!
//! Example: five pods of 6 cores, nodes of 10 cores that cost 1. By their sum, 30 cores, 3 nodes might do. The only
//! pattern is one pod a node; the dual of "each pod is in a pattern" gives a pod the worth 1. No node holds more than
//! one, so none holds more worth than it costs, and the pods' worth, 5, bounds the number of nodes from below. With two pods of
//! 4 cores beside them the patterns are {6, 4}, {4, 4} and {6}: these pods fit beside the others, their worth is 0,
//! and the bound stays 5.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::demand::{Demand, GoalPod};
use super::rules::{NodeKind, Resource, Rule, RuleSort, classes, keeps_apart, named, size_of};
use units::SortedSet;

/// Number of shapes of pods up to which the program is solved.
const MOST_SHAPES: usize = 64;

/// Patterns that the method takes in; any worths that it has by then will do.
const PIVOTS: usize = 1_000;

/// Sets of pods that a search for a better pattern looks at.
const FEW_SETS: usize = 3_000;

/// Sets of pods that a search for what a node holds looks at.
pub const MANY_SETS: usize = 100_000;

/// Difference that counts as nothing, in parts of a cost.
const TINY: f64 = 1e-7;

/// Worth of the cheapest kind of node, in units of worth.
const UNITS: f64 = 1e7;

/// Parts in which resources are weighed against each other.
const PARTS: usize = 6;

/// Pods of one shape, on one kind of node.
#[derive(Clone, Debug)]
pub struct Item {
    /// Request of each resource.
    pub size: Vec<i64>,
    /// Worth of a pod.
    pub worth: i64,
    /// Number of them that a node may hold at most.
    pub most: i64,
}

/// The most worth of pods that a node holds, or a bound of that where there are more sets of them than
/// a search may look at, and the number of pods of each item.
pub fn most_worth(room: &[i64], items: &[Item], sets: usize) -> (i64, Vec<i64>) {
    let mut search = Sets::new(room, items, sets);
    let mut left = room.to_vec();
    let mut taken = vec![0; items.len()];
    let bound = search.bound(0, 1.0);
    search.visit(0, 0, 1.0, &mut left, &mut taken);
    let most = if search.looked > sets {
        bound.ceil() as i64
    } else {
        search.best
    };
    (most, search.set)
}

/// A search among sets of pods on a node.
struct Sets<'i> {
    items: &'i [Item],
    /// Items with worth that fit, the most worth for its weight first.
    order: Vec<usize>,
    /// Share of the node that a pod weighs.
    weights: Vec<f64>,
    most: Vec<i64>,
    best: i64,
    set: Vec<i64>,
    looked: usize,
    /// Number of sets that it may look at.
    limit: usize,
}

impl<'i> Sets<'i> {
    fn new(room: &[i64], items: &'i [Item], sets: usize) -> Self {
        let fitting = |item: &Item| {
            let sizes = item.size.iter().zip(room);
            let fits = sizes.filter(|(size, _)| **size > 0);
            let fits = fits.map(|(size, room)| room.max(&0) / size);
            fits.chain([item.most]).min().unwrap_or(0).max(0)
        };
        let most: Vec<i64> = items.iter().map(fitting).collect();
        let mut search = Self {
            items,
            order: Vec::new(),
            weights: Vec::new(),
            best: 0,
            set: vec![0; items.len()],
            looked: 0,
            limit: sets,
            most,
        };
        let mut least = f64::INFINITY;
        for shares in weighings(room.len()) {
            let weight = |item: &Item| {
                let parts = item.size.iter().zip(room).zip(&shares);
                let parts = parts.filter(|((size, room), _)| **size > 0 && **room > 0);
                let weight: f64 = parts
                    .map(|((size, room), share)| share * *size as f64 / *room as f64)
                    .sum();
                weight
            };
            let mut tried = Self {
                weights: items.iter().map(weight).collect(),
                order: (0..items.len())
                    .filter(|own| search.most[*own] > 0 && items[*own].worth > 0)
                    .collect(),
                most: search.most.clone(),
                set: search.set.clone(),
                ..search
            };
            let Self { order, weights, .. } = &mut tried;
            let density = |own: &usize| items[*own].worth as f64 / weights[*own].max(1e-12);
            order
                .sort_by(|one, other| density(other).total_cmp(&density(one)).then(one.cmp(other)));
            let bound = tried.bound(0, 1.0);
            if bound < least {
                least = bound;
                search = tried;
            }
        }
        search
    }

    /// The most worth of items from a place on, if parts of pods counted.
    fn bound(&self, from: usize, mut left: f64) -> f64 {
        let mut sum = 0.0;
        for &own in &self.order[from.min(self.order.len())..] {
            let (worth, weight) = (self.items[own].worth as f64, self.weights[own]);
            let most = self.most[own] as f64;
            if weight * most <= left {
                sum += worth * most;
                left -= weight * most;
            } else {
                sum += worth * (left.max(0.0) / weight);
                break;
            }
        }
        // Sums of floats may be a little too small.
        sum * (1.0 + 1e-9)
    }

    fn visit(
        &mut self,
        from: usize,
        worth: i64,
        weight_left: f64,
        left: &mut Vec<i64>,
        taken: &mut Vec<i64>,
    ) {
        if worth > self.best {
            self.best = worth;
            self.set.clone_from(taken);
        }
        let Some(&own) = self.order.get(from) else {
            return;
        };
        self.looked += 1;
        let is_hopeless = worth as f64 + self.bound(from, weight_left) < (self.best + 1) as f64;
        if self.looked > self.limit || is_hopeless {
            return;
        }
        let item = &self.items[own];
        let sizes = item.size.iter().zip(&*left).filter(|(size, _)| **size > 0);
        let fits = sizes.map(|(size, left)| left / size).min();
        let most = fits.unwrap_or(i64::MAX).min(self.most[own]);
        for count in (0..=most).rev() {
            for (left, size) in left.iter_mut().zip(&item.size) {
                *left -= size * count;
            }
            taken[own] = count;
            let weight_left = weight_left - self.weights[own] * count as f64;
            self.visit(
                from + 1,
                worth + item.worth * count,
                weight_left,
                left,
                taken,
            );
            taken[own] = 0;
            for (left, size) in left.iter_mut().zip(&item.size) {
                *left += size * count;
            }
        }
    }
}

/// Ways to weigh resources against each other, each adding up to one.
fn weighings(resources: usize) -> Vec<Vec<f64>> {
    let mut ways: Vec<Vec<usize>> = vec![Vec::new()];
    for place in 0..resources {
        let is_last = place + 1 == resources;
        ways = { ways.into_iter() }
            .flat_map(|way| {
                let left = PARTS - way.iter().sum::<usize>();
                // Only the first three are weighed finely.
                let parts: Vec<usize> = match (is_last, place) {
                    (true, _) => vec![left],
                    (false, 0..2) => (0..=left).collect(),
                    (false, _) => vec![0, left],
                };
                parts.into_iter().map(move |part| {
                    let mut way = way.clone();
                    way.push(part);
                    way
                })
            })
            .collect();
    }
    let share = |part: &usize| *part as f64 / PARTS as f64;
    ways.iter()
        .map(|way| way.iter().map(share).collect())
        .collect()
}

/// Pods of equal requests that the same nodes admit.
struct Shape<'d> {
    classes: Vec<usize>,
    pods: Vec<&'d GoalPod>,
    size: Vec<i64>,
    admitted: Vec<bool>,
    is_apart: bool,
}

/// Traits that tell a shape from another: the class of pods that keep apart, requests, kinds.
type ShapeKey = (Option<usize>, Vec<i64>, Vec<bool>);

fn shapes<'d>(demand: &'d Demand, resources: &[Resource], kinds: &[NodeKind]) -> Vec<Shape<'d>> {
    let mut shapes: IndexMap<ShapeKey, Shape<'d>, FxBuildHasher> = IndexMap::default();
    for (place, pods) in classes(demand).into_iter().enumerate() {
        let info = &demand.pods[pods[0]].info;
        let size: Vec<i64> = { resources.iter() }
            .map(|resource| resource.asked(&info.class))
            .collect();
        let admitted: Vec<bool> = { kinds.iter() }
            .map(|kind| kind.admits(info.spec()))
            .collect();
        let is_apart = keeps_apart(&info.class);
        let key = (is_apart.then_some(place), size.clone(), admitted.clone());
        let shape = shapes.entry(key).or_insert_with(|| Shape {
            classes: Vec::new(),
            pods: Vec::new(),
            size,
            admitted,
            is_apart,
        });
        shape.classes.push(place);
        shape.pods.extend(pods.iter().map(|&pod| &demand.pods[pod]));
    }
    shapes.into_values().collect()
}

/// The rule of patterns for nodes of the first kinds at these costs; other kinds are there already.
/// `None` if the pods have too many shapes.
pub(super) fn packed(demand: &Demand, kinds: &[NodeKind], costs: &[i64]) -> Option<Rule> {
    let mut resources: SortedSet<Resource> = SortedSet::new();
    for pods in classes(demand) {
        let size = size_of(&demand.pods[pods[0]].info.class);
        resources.extend(size.into_iter().map(|(resource, _)| resource));
    }
    resources.insert(Resource::Pods);
    let resources: Vec<Resource> = resources.into_iter().collect();
    let shapes = shapes(demand, &resources, kinds);
    if shapes.len() > MOST_SHAPES || shapes.is_empty() {
        return None;
    }
    let rooms = kinds.iter().map(|kind| {
        let room = resources
            .iter()
            .map(|resource| resource.of(&kind.free).max(0));
        room.collect()
    });
    let packing = Packing {
        rooms: rooms.collect(),
        shapes: &shapes,
        costs,
    };
    let worths = packing.worths()?;
    let gives = (0..kinds.len()).map(|kind| {
        let items = packing.items(kind, &worths);
        most_worth(&packing.rooms[kind], &items, MANY_SETS).0
    });
    let gives: Vec<i64> = gives.collect();
    let need = shapes.iter().zip(&worths);
    let need = need.map(|(shape, worth)| worth.saturating_mul(shape.pods.len() as i64));
    let worthy = || shapes.iter().zip(&worths).filter(|(_, worth)| **worth > 0);
    let of = worthy().flat_map(|(shape, worth)| shape.classes.iter().map(|place| (*place, *worth)));
    let mut of: Vec<(usize, i64)> = of.collect();
    of.sort_unstable();
    let pods = worthy().flat_map(|(shape, _)| shape.pods.iter().copied());
    Some(Rule {
        what: "worth of pods, of which no node holds more, whatever is put on it".to_owned(),
        need: need.fold(0, i64::saturating_add),
        gives,
        pods: pods.clone().count() as u64,
        named: named(pods),
        classes: of.iter().map(|(place, _)| *place).collect(),
        sort: RuleSort::Worth(of),
        given: 0,
    })
}

/// Pods that are to be packed into nodes.
struct Packing<'p> {
    rooms: Vec<Vec<i64>>,
    shapes: &'p [Shape<'p>],
    costs: &'p [i64],
}

impl Packing<'_> {
    fn items(&self, kind: usize, worths: &[i64]) -> Vec<Item> {
        let items = self.shapes.iter().zip(worths).map(|(shape, &worth)| Item {
            size: shape.size.clone(),
            worth,
            most: match (shape.admitted[kind], shape.is_apart) {
                (false, _) => 0,
                (true, true) => 1,
                (true, false) => shape.pods.len() as i64,
            },
        });
        items.collect()
    }

    /// Worths of the shapes' pods; `None` if a shape fits on no node.
    fn worths(&self) -> Option<Vec<i64>> {
        let cheapest = self.costs.iter().copied().min().unwrap_or(1).max(1) as f64;
        let scaled = |prices: &[f64]| -> Vec<i64> {
            { prices.iter() }
                .map(|price| (price.max(0.0) / cheapest * UNITS) as i64)
                .collect()
        };
        let mut basis = self.start()?;
        let mut kind = 0;
        for _ in 0..PIVOTS {
            let prices = basis.prices();
            let negative = prices.iter().enumerate().filter(|(_, own)| **own < -TINY);
            if let Some((place, _)) = negative.min_by(|one, other| one.1.total_cmp(other.1)) {
                // More pods of the shape could be held than there are.
                let mut column = vec![0.0; prices.len()];
                column[place] = -1.0;
                if !basis.enter(&column, 0.0) {
                    break;
                }
                continue;
            }
            let worths = scaled(&prices);
            let kinds = self.costs.len();
            let better = (kind..kind + kinds).find_map(|own| {
                let own = own % kinds;
                let (_, set) = most_worth(&self.rooms[own], &self.items(own, &worths), FEW_SETS);
                let set: Vec<f64> = set.into_iter().map(|count| count as f64).collect();
                let worth: f64 = set
                    .iter()
                    .zip(&prices)
                    .map(|(own, price)| own * price)
                    .sum();
                (worth > self.costs[own] as f64 * (1.0 + TINY)).then_some((own, set))
            });
            let Some((own, set)) = better else { break };
            kind = own + 1;
            if !basis.enter(&set, self.costs[own] as f64) {
                break;
            }
        }
        Some(scaled(&basis.prices()))
    }

    /// Each shape by itself, on the nodes that hold it at the least cost.
    fn start(&self) -> Option<Basis> {
        let shapes = self.shapes.len();
        let mut basis = Basis {
            inverse: vec![vec![0.0; shapes]; shapes],
            costs: Vec::new(),
            amounts: Vec::new(),
        };
        for (place, shape) in self.shapes.iter().enumerate() {
            let mut worths = vec![0; shapes];
            worths[place] = 1;
            let holds = (0..self.costs.len()).map(|kind| {
                let items = self.items(kind, &worths);
                let most = most_worth(&self.rooms[kind], &items, FEW_SETS).0 as f64;
                (
                    self.costs[kind] as f64 / most,
                    most,
                    self.costs[kind] as f64,
                )
            });
            let holding = holds.filter(|(_, most, _)| *most >= 1.0);
            let best = holding.min_by(|one, other| one.0.total_cmp(&other.0))?;
            basis.inverse[place][place] = 1.0 / best.1;
            basis.costs.push(best.2);
            basis.amounts.push(shape.pods.len() as f64 / best.1);
        }
        Some(basis)
    }
}

/// Patterns that a solution uses, as many as there are shapes.
struct Basis {
    /// Inverse of the matrix of the patterns.
    inverse: Vec<Vec<f64>>,
    costs: Vec<f64>,
    amounts: Vec<f64>,
}

impl Basis {
    /// Worth of each shape's pods.
    fn prices(&self) -> Vec<f64> {
        let mut prices = vec![0.0; self.costs.len()];
        for (line, cost) in self.inverse.iter().zip(&self.costs) {
            for (price, own) in prices.iter_mut().zip(line) {
                *price += cost * own;
            }
        }
        prices
    }

    /// Puts a pattern in the place of the one that it uses up first; `false` if there is none.
    fn enter(&mut self, pattern: &[f64], cost: f64) -> bool {
        let column: Vec<f64> = { self.inverse.iter() }
            .map(|line| line.iter().zip(pattern).map(|(own, part)| own * part).sum())
            .collect();
        let rows = column.iter().zip(&self.amounts).enumerate();
        let rows = rows.filter(|(_, (own, _))| **own > TINY);
        let ratios = rows.map(|(row, (own, amount))| (amount / own, row));
        let least = ratios.min_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let Some((amount, row)) = least else {
            return false;
        };
        let pivot = column[row];
        let line: Vec<f64> = self.inverse[row].iter().map(|own| own / pivot).collect();
        for (place, factor) in column.iter().enumerate() {
            if place == row {
                continue;
            }
            for (value, own) in self.inverse[place].iter_mut().zip(&line) {
                *value -= factor * own;
            }
            self.amounts[place] = (self.amounts[place] - factor * amount).max(0.0);
        }
        self.inverse[row] = line;
        self.amounts[row] = amount;
        self.costs[row] = cost;
        true
    }
}
