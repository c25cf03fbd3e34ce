//! From the chosen domains down to the lowest ones (spec: batch-on-kubernetes.md 1.9.4).

use super::count::Counts;
use super::level::Search;

/// Unit that is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Slices of this number of pods in all.
    Slices,
    /// Single pods.
    Pods,
}

impl Unit {
    /// Number that fits.
    pub(super) fn of(self, counts: Counts) -> i64 {
        match self {
            Self::Slices => counts.slices,
            Self::Pods => counts.pods,
        }
    }

    /// Number that fits beside a leader.
    pub(super) fn with_leader(self, counts: Counts) -> i64 {
        match self {
            Self::Slices => counts.slices_with_leader,
            Self::Pods => counts.pods_with_leader,
        }
    }
}

/// An amount that is handed out.
#[derive(Clone, Copy)]
struct Portion {
    pods: i64,
    leaders: i64,
    /// Pods of one unit.
    size: i64,
    unit: Unit,
}

impl Search<'_> {
    /// Hands out all pods and leaders to the lowest domains below these. Afterwards the counts of a
    /// domain are what it got.
    pub(super) fn fill(&mut self, level: usize, domains: Vec<usize>) -> Vec<usize> {
        let shape = self.shape;
        let whole = Portion {
            pods: shape.count,
            leaders: shape.leaders,
            size: shape.slice_size,
            unit: Unit::Slices,
        };
        let lowest = self.topology.levels.len() - 1;
        let mut domains = self.hand_out(domains, whole);
        let mut level = level;
        while level < lowest.min(shape.slice_level) {
            let below = domains.iter();
            let below = below.flat_map(|domain| &self.topology.domains[*domain].children);
            let below: Vec<usize> = below.copied().collect();
            domains = self.hand_out(self.sorted(&below), whole);
            level += 1;
        }
        while level < lowest {
            let size = shape.inner.get(&(level + 1)).copied().unwrap_or(1);
            let mut below = Vec::new();
            for domain in domains {
                below.extend(self.hand_down(domain, size));
            }
            domains = below;
            level += 1;
        }
        domains
    }

    /// Hands what a domain got out to its own children, in units of this number of pods.
    fn hand_down(&mut self, domain: usize, size: i64) -> Vec<usize> {
        let children = self.sorted(&self.topology.domains[domain].children);
        let unit = if size > 1 { Unit::Slices } else { Unit::Pods };
        if size > 1 {
            for child in &children {
                let own = &mut self.counts[*child];
                own.slices = own.pods / size;
                own.slices_with_leader = own.pods_with_leader / size;
            }
        }
        let got = self.counts[domain];
        let portion = Portion {
            pods: got.pods,
            leaders: got.leaders,
            size,
            unit,
        };
        self.hand_out(children, portion)
    }

    /// Hands a portion out to domains in order; the last one is chosen by best fit.
    fn hand_out(&mut self, domains: Vec<usize>, portion: Portion) -> Vec<usize> {
        let Portion { size, unit, .. } = portion;
        let mut domains = domains;
        let mut rest = portion.pods / size;
        let mut leaders = portion.leaders;
        self.put_leader_first(&mut domains, unit, rest, leaders);
        let mut chosen = Vec::new();
        for place in 0..domains.len() {
            let mut domain = domains[place];
            let own = self.counts[domain];
            let takes_all = if leaders > 0 {
                unit.with_leader(own) >= rest && own.leaders >= leaders
            } else {
                unit.of(own) >= rest
            };
            if takes_all && !self.shape.takes_least {
                domain = self.best_fit(&domains[place..], unit, rest, leaders);
            }
            let own = &mut self.counts[domain];
            let room = if leaders > 0 {
                unit.with_leader(*own)
            } else {
                unit.of(*own)
            };
            let suffices = room >= rest && own.leaders >= leaders;
            let units = room.min(rest);
            own.leaders = own.leaders.min(leaders);
            own.pods = units * size;
            own.slices = units;
            chosen.push(domain);
            rest -= units;
            leaders -= own.leaders;
            if suffices {
                break;
            }
        }
        chosen
    }
}
