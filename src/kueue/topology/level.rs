//! The level and the domains that take the pods (spec: batch-on-kubernetes.md 1.9.3).

use std::cmp::Ordering;

use super::count::{Counts, Exclusions, Shape};
use super::fill::Unit;
use super::tree::FlavorTopology;
use crate::names::Names;

/// A search for places in one topology.
pub(super) struct Search<'a> {
    pub(super) topology: &'a FlavorTopology,
    pub(super) names: &'a Names,
    pub(super) shape: &'a Shape,
    pub(super) counts: Vec<Counts>,
    pub(super) exclusions: Exclusions,
}

/// Whether pods without a leader have places, by the numbers that fit into every domain: what
/// [`Search::level`] finds, without the domains.
pub(super) fn has_room(topology: &FlavorTopology, shape: &Shape, counts: &[Counts]) -> bool {
    let needed = shape.slices();
    let mut level = shape.level;
    loop {
        let slices = topology.at_level[level].iter();
        let slices = slices.map(|domain| counts[*domain].slices);
        if slices.clone().any(|slice| slice >= needed) {
            return true;
        }
        if shape.is_required || topology.at_level[level].is_empty() {
            return false;
        }
        if level == 0 || shape.is_free {
            return slices.sum::<i64>() >= needed;
        }
        level -= 1;
    }
}

impl Search<'_> {
    /// The level and the domains that can take all pods, searched from this level upward.
    pub(super) fn level(&self, level: usize) -> Result<(usize, Vec<usize>), String> {
        let shape = self.shape;
        let domains = &self.topology.at_level[level];
        let sorted = self.sorted_with_leader(domains);
        let Some(first) = sorted.first().copied() else {
            let key = &self.topology.levels[level];
            return Err(format!("no topology domains at level: {key}"));
        };
        let slices = shape.slices();
        let takes_all = |domain: usize| {
            let own = self.counts[domain];
            own.slices_with_leader >= slices && own.leaders >= shape.leaders
        };
        if shape.takes_least {
            if let Some(domain) = sorted.iter().find(|domain| takes_all(**domain)) {
                return Ok((level, vec![*domain]));
            }
        } else if takes_all(first) {
            let best = self.best_fit(&sorted, Unit::Slices, slices, shape.leaders);
            return Ok((level, vec![best]));
        }
        if shape.is_required {
            return Err(self.failure(level, self.counts[first].slices));
        }
        if level > 0 && !shape.is_free {
            return self.level(level - 1);
        }
        self.several(level, sorted)
    }

    /// Several domains, greedily: those of leaders first.
    fn several(&self, level: usize, sorted: Vec<usize>) -> Result<(usize, Vec<usize>), String> {
        let shape = self.shape;
        let mut sorted = sorted;
        self.put_leader_first(&mut sorted, Unit::Slices, shape.slices(), shape.leaders);
        let mut chosen = Vec::new();
        let (mut slices, mut leaders) = (shape.slices(), shape.leaders);
        let mut place = 0;
        while leaders > 0 && place < sorted.len() && self.counts[sorted[place]].leaders > 0 {
            let mut domain = sorted[place];
            if !shape.takes_least && self.counts[domain].slices_with_leader >= slices {
                domain = self.best_fit(&sorted[place..], Unit::Slices, slices, leaders);
            }
            chosen.push(domain);
            leaders -= self.counts[domain].leaders;
            slices -= self.counts[domain].slices_with_leader;
            place += 1;
        }
        if leaders > 0 {
            return Err(self.failure(level, shape.leaders - leaders));
        }
        let rest = self.sorted(&sorted[place..]);
        for (place, domain) in rest.iter().enumerate() {
            if slices <= 0 {
                break;
            }
            let mut domain = *domain;
            if !shape.takes_least && self.counts[domain].slices >= slices {
                domain = self.best_fit(&rest[place..], Unit::Slices, slices, 0);
            }
            chosen.push(domain);
            slices -= self.counts[domain].slices;
        }
        if slices > 0 {
            return Err(self.failure(level, shape.slices() - slices));
        }
        Ok((level, chosen))
    }

    /// The first of the domains with the least room that suffices; the first of all if none does.
    pub(super) fn best_fit(
        &self,
        domains: &[usize],
        unit: Unit,
        needed: i64,
        leaders: i64,
    ) -> usize {
        let room = |domain: usize| {
            let own = self.counts[domain];
            if leaders > 0 {
                unit.with_leader(own)
            } else {
                unit.of(own)
            }
        };
        let mut best = domains[0];
        for domain in domains {
            if room(*domain) >= needed && room(*domain) < room(best) {
                best = *domain;
            }
        }
        best
    }

    fn by_room(&self, one: i64, other: i64) -> Ordering {
        if self.shape.takes_least {
            one.cmp(&other)
        } else {
            other.cmp(&one)
        }
    }

    /// Domains in the order in which they take pods and the leader.
    fn sorted_with_leader(&self, domains: &[usize]) -> Vec<usize> {
        let mut sorted = domains.to_vec();
        sorted.sort_by(|one, other| {
            let (left, right) = (self.counts[*one], self.counts[*other]);
            right
                .leaders
                .cmp(&left.leaders)
                .then_with(|| self.by_room(left.slices_with_leader, right.slices_with_leader))
                .then(left.pods_with_leader.cmp(&right.pods_with_leader))
                .then_with(|| self.topology.compare_values(*one, *other))
        });
        sorted
    }

    /// Domains in the order in which they take pods.
    pub(super) fn sorted(&self, domains: &[usize]) -> Vec<usize> {
        let mut sorted = domains.to_vec();
        sorted.sort_by(|one, other| {
            let (left, right) = (self.counts[*one], self.counts[*other]);
            self.by_room(left.slices, right.slices)
                .then(left.pods.cmp(&right.pods))
                .then_with(|| self.topology.compare_values(*one, *other))
        });
        sorted
    }

    /// Moves the first domain to the front that can have the leader and leaves room for all others.
    pub(super) fn put_leader_first(
        &self,
        domains: &mut [usize],
        unit: Unit,
        needed: i64,
        leaders: i64,
    ) {
        if leaders == 0 {
            return;
        }
        let room: i64 = domains
            .iter()
            .map(|domain| unit.of(self.counts[*domain]))
            .sum();
        let found = domains.iter().position(|domain| {
            let own = self.counts[*domain];
            own.leaders >= leaders && room - (unit.of(own) - unit.with_leader(own)) >= needed
        });
        if let Some(place) = found {
            domains[..=place].rotate_right(1);
        }
    }

    /// Reason why the pods have no place, where so many slices do.
    fn failure(&self, level: usize, fit: i64) -> String {
        let shape = self.shape;
        let name = &self.topology.name;
        let mut words = if shape.layers.is_empty() {
            let unit = if shape.slice_size == 1 {
                "pod"
            } else {
                "slice"
            };
            let all = shape.slices();
            if fit == 0 {
                format!("topology {name:?} doesn't allow to fit any of {all} {unit}(s)")
            } else {
                format!("topology {name:?} allows to fit only {fit} out of {all} {unit}(s)")
            }
        } else {
            self.layers(level)
        };
        words.push_str(&self.exclusions.words(self.names));
        words
    }

    /// Words for how far each layer of slices fits into the best domain.
    fn layers(&self, level: usize) -> String {
        let name = &self.topology.name;
        let mut words = format!("topology {name:?} doesn't allow to fit");
        let domains = self.topology.at_level[level].iter().copied();
        let best = domains.min_by(|one, other| {
            let (left, right) = (self.counts[*one], self.counts[*other]);
            let by_name = || self.topology.compare_values(*one, *other);
            right.slices.cmp(&left.slices).then_with(by_name)
        });
        let Some(best) = best else {
            return words;
        };
        let layers = self.shape.layers.iter().map(|(target, size)| {
            let fit = self.slices_below(best, level, *target, *size);
            let needed = self.shape.count / size;
            let key = &self.topology.levels[*target];
            format!("; {fit}/{needed} slice(s) fit on level {key}")
        });
        words.extend(layers);
        words
    }

    fn slices_below(&self, domain: usize, level: usize, target: usize, size: i64) -> i64 {
        if level == target {
            return self.counts[domain].pods / size;
        }
        let children = self.topology.domains[domain].children.iter();
        children
            .map(|child| self.slices_below(*child, level + 1, target, size))
            .sum()
    }
}
