//! Choice of the node group that grows: filters in a chain, the rest drawn by lot (spec:
//! kubernetes.md 3.3; the original's `expander`).

use super::super::finding::{Finding, Findings, Problem};
use super::estimator::{container_requests, milli, units};
use model::resource_list::{CPU, MEMORY};
use model::{NewPrice, Node, PodSpec, ResourceList, Text};
use rng::Stream;
use scheduler::kube::PodInfo;

/// A way to grow.
#[derive(Clone, Debug)]
pub struct Choice<'a> {
    /// The node group.
    pub group: Text,
    /// Template of the group's nodes.
    pub node: &'a Node,
    /// Number of nodes that the choice would add.
    pub nodes: usize,
    /// The pods these would take, each with how many of it.
    pub pods: Vec<(&'a PodInfo, usize)>,
}

/// A rule that narrows down the choices.
#[derive(Clone, Debug, PartialEq)]
pub enum Expander {
    /// The least part of cpu and memory unused.
    LeastWaste,
    /// The most pods.
    MostPods,
    /// The fewest nodes.
    LeastNodes,
    /// The least price for what is asked.
    Price(Prices),
    /// The highest priority that matches, or all if none does.
    Priority(Vec<Priority>),
    /// One by lot.
    Random,
}

/// Prices of nodes and requests, in micro-units of one currency per hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// A node, by group.
    pub nodes: units::SortedMap<Text, i64>,
    /// A core asked for.
    pub core: i64,
    /// A gibibyte asked for.
    pub gibibyte: i64,
}

/// Groups whose name holds one of these texts have this priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priority {
    /// Higher goes first.
    pub value: i32,
    /// Patterns of names: texts in which `.*` and `*` stand for anything, found anywhere in a
    /// name unless `^` or `$` hold them to its ends.
    pub patterns: Vec<String>,
}

impl Expander {
    /// Nodes of a group cost something else from now on.
    pub fn reprice(&mut self, new: &NewPrice) {
        if let Self::Price(prices) = self
            && let Some(price) = prices.nodes.get_mut(&new.kind)
        {
            *price = new.price_micro_per_hour;
        }
    }

    /// The expander's name in the original's flag.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LeastWaste => "least-waste",
            Self::MostPods => "most-pods",
            Self::LeastNodes => "least-nodes",
            Self::Price(_) => "price",
            Self::Priority(_) => "priority",
            Self::Random => "random",
        }
    }

    /// Returns the problems of the expander.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Findings::new(format!("expander {}", self.name()));
        match self {
            Self::Price(prices) => {
                for (group, &price) in &prices.nodes {
                    let field = format!("prices.nodes.{group}");
                    found.expect(price >= 0, field, price, "0 or more");
                }
                let rates = [("core", prices.core), ("gibibyte", prices.gibibyte)];
                for (name, price) in rates {
                    let field = format!("prices.{name}");
                    found.expect(price >= 0, field, price, "0 or more");
                }
            }
            Self::Priority(priorities) => {
                for own in priorities {
                    for pattern in own.patterns.iter().filter(|text| !is_readable(text)) {
                        let why = "only `.*`, `*`, `^` and `$` have a meaning".to_owned();
                        let pattern = pattern.clone();
                        let problem = Problem::BadPattern { pattern, why };
                        found.add(format!("priorities.{}", own.value), problem);
                    }
                }
            }
            _ => {}
        }
        found.list
    }

    /// The places of the choices that are kept, in their order.
    pub fn keep(&self, choices: &[Choice<'_>], rng: &mut Stream) -> Vec<usize> {
        match self {
            Self::LeastWaste => least(choices, |own| Some(waste(own))),
            Self::MostPods => least(choices, |own| Some(-(pods(own) as f64))),
            Self::LeastNodes => least(choices, |own| Some(own.nodes as f64)),
            Self::Price(prices) => least(choices, |own| prices.ratio(own)),
            Self::Priority(priorities) => highest(choices, priorities),
            Self::Random if choices.is_empty() => Vec::new(),
            Self::Random => vec![rng.below(choices.len() as u64) as usize],
        }
    }
}

/// The choice that a chain of expanders leaves; a tie at its end is drawn by lot.
pub fn choose(chain: &[Expander], choices: &[Choice<'_>], rng: &mut Stream) -> Option<usize> {
    let mut kept: Vec<usize> = (0..choices.len()).collect();
    for expander in chain {
        if kept.len() < 2 {
            break;
        }
        let list: Vec<Choice<'_>> = kept.iter().map(|&place| choices[place].clone()).collect();
        let places = expander.keep(&list, rng);
        if !places.is_empty() {
            kept = places.into_iter().map(|place| kept[place]).collect();
        }
    }
    match kept.as_slice() {
        [] => None,
        [one] => Some(*one),
        several => Some(several[rng.below(several.len() as u64) as usize]),
    }
}

/// The places with the least value; those without a value are left out.
fn least(choices: &[Choice<'_>], value: impl Fn(&Choice<'_>) -> Option<f64>) -> Vec<usize> {
    let mut best = f64::INFINITY;
    let mut kept = Vec::new();
    for (place, choice) in choices.iter().enumerate() {
        let Some(own) = value(choice) else {
            continue;
        };
        if own < best || kept.is_empty() {
            best = own;
            kept.clear();
        }
        if own.total_cmp(&best).is_eq() {
            kept.push(place);
        }
    }
    kept
}

fn pods(choice: &Choice<'_>) -> usize {
    choice.pods.iter().map(|(_, count)| count).sum()
}

/// Sum of the requests of a choice's pods, exactly.
fn requested(choice: &Choice<'_>) -> ResourceList {
    let mut sum = ResourceList::default();
    for (pod, count) in &choice.pods {
        let spec: &PodSpec = pod.spec();
        for (name, amount) in container_requests(spec).iter() {
            let times = amount.checked_mul(*count as i64).unwrap_or(amount);
            let known = sum.get(name);
            sum.set(name, known.checked_add(times).unwrap_or(known));
        }
    }
    sum
}

/// Unused part of cpu + unused part of memory, against the capacity of the nodes.
fn waste(choice: &Choice<'_>) -> f64 {
    let capacity = if choice.node.capacity.is_empty() {
        &choice.node.allocatable
    } else {
        &choice.node.capacity
    };
    let asked = requested(choice);
    let part = |offered: i64, asked: i64| {
        let offered = offered.saturating_mul(choice.nodes as i64);
        (offered.saturating_sub(asked)) as f64 / offered as f64
    };
    let cpu = part(milli(capacity, CPU), milli(&asked, CPU));
    let memory = part(units(capacity, MEMORY), units(&asked, MEMORY));
    cpu + memory
}

impl Prices {
    /// The price of the nodes over the price of what is asked; `None` without either.
    fn ratio(&self, choice: &Choice<'_>) -> Option<f64> {
        const GIBIBYTE: f64 = 1024.0 * 1024.0 * 1024.0;
        let node = *self.nodes.get(&choice.group)?;
        let asked = requested(choice);
        let cores = milli(&asked, CPU) as f64 / 1000.0;
        let gibibytes = units(&asked, MEMORY) as f64 / GIBIBYTE;
        let worth = cores * self.core as f64 + gibibytes * self.gibibyte as f64;
        (worth > 0.0).then(|| node as f64 * choice.nodes as f64 / worth)
    }
}

fn highest(choices: &[Choice<'_>], priorities: &[Priority]) -> Vec<usize> {
    // The original looks for the highest from -1 on, so that negative ones never count.
    let mut ordered: Vec<&Priority> = priorities
        .iter()
        .filter(|priority| priority.value >= 0)
        .collect();
    ordered.sort_by_key(|own| std::cmp::Reverse(own.value));
    let matching = |own: &Priority| -> Vec<usize> {
        let is_match = |choice: &Choice<'_>| {
            let mut patterns = own.patterns.iter();
            patterns.any(|pattern| is_found(pattern, &choice.group))
        };
        let places = choices.iter().enumerate();
        let matching = places.filter(|(_, choice)| is_match(choice));
        matching.map(|(place, _)| place).collect()
    };
    let found = ordered
        .into_iter()
        .map(matching)
        .find(|kept| !kept.is_empty());
    found.unwrap_or_else(|| (0..choices.len()).collect())
}

fn is_readable(pattern: &str) -> bool {
    let plain = pattern.replace(".*", "");
    !plain.contains(['+', '?', '(', ')', '[', ']', '{', '}', '|', '\\'])
}

/// Whether a pattern is found in a name.
fn is_found(pattern: &str, name: &str) -> bool {
    let (at_start, pattern) = match pattern.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let (at_end, pattern) = match pattern.strip_suffix('$') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let pattern = pattern.replace(".*", "*");
    let mut pieces: Vec<&str> = pattern.split('*').collect();
    if !at_start {
        pieces.insert(0, "");
    }
    if !at_end {
        pieces.push("");
    }
    let first = pieces.first().copied().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    if pieces.len() < 2 {
        return rest.is_empty();
    }
    let last = pieces[pieces.len() - 1];
    for piece in &pieces[1..pieces.len() - 1] {
        let Some(place) = rest.find(piece) else {
            return false;
        };
        rest = &rest[place + piece.len()..];
    }
    rest.ends_with(last)
}
