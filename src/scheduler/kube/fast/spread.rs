//! Points for spreading over the nodes that a search kept. Nodes with equal counts under every rule
//! are on one level, and what a level is worth is worked out once.

use super::bits::{self, Chunk, Set, WORD};
use super::counter::Counter;
use super::key::{Key, NONE};
use super::plan::Spread;
use super::rank::{RankInput, Span};

/// With more levels every node is looked at by itself.
const MOST_LEVELS: usize = 4_096;

/// One rule while nodes are scored.
#[derive(Clone, Copy)]
struct Rule {
    counter: usize,
    /// Weight of a pod.
    weight: f64,
    excess: f64,
    /// Number of levels; the last is that of nodes without the label.
    levels: usize,
    /// From one level to the next in the common number.
    stride: usize,
}

/// Memory that is used again.
#[derive(Default)]
pub(super) struct SpreadScratch {
    rules: Vec<Rule>,
    /// By place.
    level: Vec<u16>,
    raw: Vec<i64>,
    /// By level: whether it is there, what it is worth, its points.
    is_there: Vec<bool>,
    worth: Vec<i64>,
    points: Vec<i16>,
    /// The nodes that are not left out.
    scored: Set,
    seen: Vec<bool>,
    /// Weights of pods by the number of domains, computed on demand.
    weights: Vec<Option<f64>>,
}

impl SpreadScratch {
    /// Fills a column with points; false is that all nodes have the same.
    pub(super) fn points(
        &mut self,
        sight: RankInput<'_>,
        spread: &Spread,
        column: &mut [Chunk],
    ) -> bool {
        let window = sight.window;
        let ignored = spread.ignored.as_ref();
        let ignored = ignored.filter(|ignored| window.meets(ignored));
        self.scored.clear();
        self.scored.extend_from_slice(&window.words);
        if let Some(ignored) = ignored {
            for index in window.indexes() {
                self.scored[index] &= !ignored[index];
            }
        }
        let product = self.prepare(sight, spread);
        let span = if product <= MOST_LEVELS {
            self.find_levels(sight, product)
        } else {
            self.find_each(sight)
        };
        if span.least >= span.most && ignored.is_none() {
            return false;
        }
        let points = |raw: i64| {
            let points = (spread.scale)(raw, span.least, span.most);
            (spread.weight * points) as i16
        };
        if product <= MOST_LEVELS {
            self.points.clear();
            let levels = self.worth.iter().zip(&self.is_there);
            self.points
                .extend(levels.map(|(&worth, &is_there)| if is_there { points(worth) } else { 0 }));
        }
        for index in window.indexes() {
            if self.scored[index] != window.words[index] {
                column[index] = [0; WORD];
            }
            let chunk = &mut column[index];
            bits::each(self.scored[index], 0, |bit| {
                let place = index * WORD + bit;
                chunk[bit] = if product <= MOST_LEVELS {
                    self.points[usize::from(self.level[place])]
                } else {
                    points(self.raw[place])
                };
            });
        }
        true
    }

    /// Weighs the rules; how many common levels there are.
    fn prepare(&mut self, sight: RankInput<'_>, spread: &Spread) -> usize {
        self.rules.clear();
        let count = self.scored.iter().map(|word| word.count_ones() as usize);
        let scored: usize = count.sum();
        let mut stride = 1_usize;
        for &(number, excess) in &spread.rules {
            let counter = sight.counters.get(number);
            let key = &sight.keys[counter.key];
            let (domains, levels) = if key.is_per_node {
                (scored, counter.most as usize + 2)
            } else {
                (self.domains(sight, key), key.domains + 1)
            };
            let weight = self.weigh(domains, spread.weigh);
            self.rules.push(Rule {
                counter: number,
                weight,
                excess: excess as f64,
                levels,
                stride,
            });
            stride = stride.saturating_mul(levels);
        }
        stride
    }

    fn weigh(&mut self, domains: usize, weigh: fn(usize) -> f64) -> f64 {
        if self.weights.len() <= domains {
            self.weights.resize(domains + 1, None);
        }
        *self.weights[domains].get_or_insert_with(|| weigh(domains))
    }

    /// Number of domains that the scored nodes are in; no value and the empty one are the same.
    fn domains(&mut self, sight: RankInput<'_>, key: &Key) -> usize {
        let scored = &self.scored;
        let meets = |set: &Set| {
            let mut indexes = sight.window.indexes();
            indexes.any(|index| scored[index] & set[index] != 0)
        };
        let mut indexes = sight.window.indexes();
        let has_unlabelled =
            !key.is_everywhere && indexes.any(|index| scored[index] & !key.labelled[index] != 0);
        self.seen.clear();
        if let Some(narrow) = &key.narrow {
            self.seen.extend(narrow.members.iter().map(meets));
        } else {
            self.seen.resize(key.domains, false);
            for index in sight.window.indexes() {
                bits::each(scored[index], index * WORD, |place| {
                    if let Some(seen) = self.seen.get_mut(key.of_place[place] as usize) {
                        *seen = true;
                    }
                });
            }
        }
        let has_empty = key.empty_value.is_some_and(|empty| self.seen[empty]);
        let seen = self.seen.iter().filter(|&&seen| seen).count();
        seen + usize::from(has_unlabelled && !has_empty)
    }

    /// Finds each node's level and what the levels that are there are worth.
    fn find_levels(&mut self, sight: RankInput<'_>, product: usize) -> Span {
        let window = sight.window;
        self.level.resize(window.words.len() * WORD, 0);
        self.is_there.clear();
        self.is_there.resize(product, false);
        for (number, rule) in self.rules.iter().enumerate() {
            let counter = sight.counters.get(rule.counter);
            let key = &sight.keys[counter.key];
            for index in window.indexes() {
                let base = index * WORD;
                let last = base + WORD;
                let end = last.min(key.of_place.len());
                let level = &mut self.level[base..last];
                if number == 0 {
                    level.fill(0);
                }
                rule.add_levels(counter, key, base, &mut level[..end - base]);
            }
        }
        for index in window.indexes() {
            let (level, is_there) = (&self.level[index * WORD..], &mut self.is_there);
            bits::each(self.scored[index], 0, |bit| {
                is_there[usize::from(level[bit])] = true;
            });
        }
        self.worth.clear();
        self.worth.resize(product, 0);
        let mut span = Span::EMPTY;
        for level in (0..product).filter(|&level| self.is_there[level]) {
            let worth = worth(&self.rules, sight, |rule| {
                (level / rule.stride) % rule.levels
            });
            self.worth[level] = worth;
            span.add(worth);
        }
        span
    }

    /// Works each node's points out by itself.
    fn find_each(&mut self, sight: RankInput<'_>) -> Span {
        self.raw.resize(sight.window.words.len() * WORD, 0);
        let mut span = Span::EMPTY;
        for index in sight.window.indexes() {
            let (rules, raw) = (&self.rules, &mut self.raw);
            bits::each(self.scored[index], index * WORD, |place| {
                let worth = worth(rules, sight, |rule| rule.level(sight, place));
                raw[place] = worth;
                span.add(worth);
            });
        }
        span
    }
}

impl Rule {
    /// Adds to the common levels of some nodes, from `base` on.
    fn add_levels(&self, counter: &Counter, key: &Key, base: usize, level: &mut [u16]) {
        let end = base + level.len();
        if key.is_per_node {
            let none = (self.levels - 1) as u16;
            for (offset, (level, &count)) in
                level.iter_mut().zip(&counter.counts[base..end]).enumerate()
            {
                let is_labelled = key.is_everywhere || bits::has(&key.labelled, base + offset);
                let own = if is_labelled { count as u16 } else { none };
                *level = level.wrapping_add(own.wrapping_mul(self.stride as u16));
            }
        } else {
            let none = key.domains as u32;
            for (level, &domain) in level.iter_mut().zip(&key.of_place[base..end]) {
                let own = domain.min(none) as u16;
                *level = level.wrapping_add(own.wrapping_mul(self.stride as u16));
            }
        }
    }

    /// The level of a node under this rule.
    fn level(&self, sight: RankInput<'_>, place: usize) -> usize {
        let counter = sight.counters.get(self.counter);
        let key = &sight.keys[counter.key];
        if !key.is_per_node {
            key.of_place[place].min(key.domains as u32) as usize
        } else if bits::has(&key.labelled, place) {
            counter.counts[place] as usize
        } else {
            self.levels - 1
        }
    }
}

/// Score of a node, given its level under each rule; computed in the order of the rules.
fn worth(rules: &[Rule], sight: RankInput<'_>, level: impl Fn(&Rule) -> usize) -> i64 {
    let mut sum = 0.0;
    for rule in rules {
        let level = level(rule);
        if level + 1 == rule.levels {
            continue;
        }
        let counter = sight.counters.get(rule.counter);
        let count = if sight.keys[counter.key].is_per_node {
            level as f64
        } else {
            f64::from(counter.counts[level])
        };
        sum += count * rule.weight + rule.excess;
    }
    sum.round() as i64
}

const _: () = assert!(
    NONE == u32::MAX,
    "no domain is beyond all numbers of domains"
);
