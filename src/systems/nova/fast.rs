//! The fast form of the filter scheduler: capacities, and the raw values that depend on a host alone,
//! stand in columns that change with their host; a request passes over them once to filter and twice
//! to weigh, and keeps no more hosts than its choice depends on. It chooses as [`Cloud`] does (a
//! property test holds the two to each other).

use fixedbitset::FixedBitSet;
use model::Text;
use rng::Stream;

use super::filter::Filter;
use super::host::Host;
use super::options::Rules;
use super::scheduler::{
    Choice, Cloud, NoValidHost, Request, choose, looked_at, only_excluded, removed_by,
};
use super::weigher::{Members, Scale, Weigher};

/// Hosts and server groups, with columns.
#[derive(Clone, Debug, Default)]
pub struct FastCloud {
    plain: Cloud,
    /// Amounts that instances may still ask for, by class.
    left: [Vec<i64>; 3],
    /// Raw values by weigher; zero where they depend on the request.
    raws: [Vec<f64>; Weigher::ALL.len()],
    /// Whether the service of each host is enabled.
    enabled: Vec<bool>,
    /// Whether the service of each host is enabled and up.
    serves: Vec<bool>,
    feasible: Vec<u32>,
    /// Raw values of the feasible hosts by the weigher at hand.
    compared: Vec<f64>,
    totals: Vec<f64>,
    best: Vec<(f64, u32)>,
}

impl FastCloud {
    /// The hosts, in the order in which they joined.
    pub fn hosts(&self) -> &[Host] {
        self.plain.hosts()
    }

    /// The plain form of the same state.
    pub const fn plain(&self) -> &Cloud {
        &self.plain
    }

    /// Adds a host, which gets the next number.
    pub fn add_host(&mut self, host: Host) {
        self.plain.add_host(host);
        self.left.iter_mut().for_each(|column| column.push(0));
        self.raws.iter_mut().for_each(|column| column.push(0.0));
        self.enabled.push(false);
        self.serves.push(false);
        self.refresh(self.hosts().len() - 1);
    }

    /// Changes a host.
    pub fn change(&mut self, host: usize, change: impl FnOnce(&mut Host)) {
        if let Some(own) = self.plain.host_mut(host) {
            change(own);
            self.refresh(host);
        }
    }

    /// Adds an instance to a host.
    pub fn add(&mut self, host: usize, request: &Request, is_building: bool) {
        self.plain.add(host, request, is_building);
        self.refresh(host);
    }

    /// Counts a member of a server group on a host.
    pub fn add_member(&mut self, group: &Text, host: usize) {
        self.plain.add_member(group, host);
    }

    /// Takes an instance off a host.
    pub fn remove(&mut self, host: usize, request: &Request, is_building: bool) {
        self.plain.remove(host, request, is_building);
        self.refresh(host);
    }

    fn refresh(&mut self, host: usize) {
        let Some(own) = self.plain.hosts.get(host) else {
            return;
        };
        for (column, left) in self.left.iter_mut().zip(own.left().classes()) {
            column[host] = left;
        }
        for (weigher, column) in Weigher::ALL.into_iter().zip(&mut self.raws) {
            column[host] = weigher.raw(own, Members::default());
        }
        self.enabled[host] = own.is_enabled;
        self.serves[host] = own.is_enabled && own.is_up;
    }

    /// The host of a request, and its alternates.
    ///
    /// # Errors
    /// No host can take it.
    pub fn select(
        &mut self,
        request: &Request,
        matching: &FixedBitSet,
        rules: &Rules,
        subset: &mut Stream,
    ) -> Result<Choice, NoValidHost> {
        self.filter(request, matching, rules)?;
        self.weigh(request, rules);
        Ok(choose(self.best_hosts(rules), rules, subset))
    }

    fn filter(
        &mut self,
        request: &Request,
        matching: &FixedBitSet,
        rules: &Rules,
    ) -> Result<(), NoValidHost> {
        let asked = request.flavor.classes();
        let [vcpus, memory, disk] = &self.left;
        let fits = |asked: i64, left: i64| asked == 0 || asked <= left;
        self.feasible.clear();
        let columns = vcpus.iter().zip(memory).zip(disk).enumerate();
        for (host, ((&vcpus, &memory), &disk)) in columns {
            let has_room = fits(asked[0], vcpus) && fits(asked[1], memory) && fits(asked[2], disk);
            if has_room && self.enabled[host] {
                self.feasible.push(host as u32);
                if self.feasible.len() == rules.most_candidates {
                    break;
                }
            }
        }
        if self.feasible.is_empty() {
            return self.plain.feasible(request, matching, rules).map(|_| ());
        }
        let excluded = &request.excluded;
        self.feasible
            .retain(|&host| !excluded.contains(&(host as usize)));
        if self.feasible.is_empty() {
            return Err(only_excluded());
        }
        for filter in &rules.filters {
            self.keep_passing(*filter, request, matching, rules);
            if self.feasible.is_empty() {
                return Err(removed_by(*filter));
            }
        }
        Ok(())
    }

    /// Drops the hosts that a filter leaves out.
    fn keep_passing(
        &mut self,
        filter: Filter,
        request: &Request,
        matching: &FixedBitSet,
        rules: &Rules,
    ) {
        if filter == Filter::Compute {
            let serves = &self.serves;
            self.feasible.retain(|&host| serves[host as usize]);
            return;
        }
        let matches_all = matching.len() >= self.serves.len() && matching.is_full();
        if !filter.is_asked(request) || (filter == Filter::Capabilities && matches_all) {
            return;
        }
        let plain = &self.plain;
        let members = plain.members_of(request);
        self.feasible.retain(|&host| {
            let host = host as usize;
            let mut standing = super::filter::Standing {
                host,
                matches: matching.contains(host),
                group_is_empty: true,
                members: 0,
            };
            if let Some(members) = members {
                standing.members = members.get(&host).copied().unwrap_or(0);
                standing.group_is_empty = members.is_empty();
            }
            filter.passes(&plain.hosts[host], standing, request, &rules.limits)
        });
    }

    fn weigh(&mut self, request: &Request, rules: &Rules) {
        self.totals.clear();
        self.totals.resize(self.feasible.len(), 0.0);
        if self.feasible.len() == 1 {
            return;
        }
        for (weigher, of_all) in rules.multipliers.counted(&rules.overridden) {
            let own = rules.overridden.contains(&weigher);
            let own = own.then_some((&*self.plain.hosts, &*self.feasible));
            let factors = Factors { of_all, own };
            let is_of_group = matches!(weigher, Weigher::SoftAffinity | Weigher::SoftAntiAffinity);
            self.compared.clear();
            if is_of_group {
                if self.plain.members_of(request).is_none() {
                    continue;
                }
                let raws = self.feasible.iter();
                let raws = raws.map(|&host| self.plain.raw(weigher, host as usize, request));
                self.compared.extend(raws);
            } else {
                let column = &self.raws[weigher as usize];
                let raws = self.feasible.iter().map(|&host| column[host as usize]);
                self.compared.extend(raws);
            }
            add_parts(&mut self.totals, &self.compared, weigher, factors);
        }
    }

    /// The best hosts, as many as a choice depends on, in order.
    fn best_hosts(&mut self, rules: &Rules) -> Vec<usize> {
        let most = looked_at(rules);
        self.best.clear();
        for (&host, &total) in self.feasible.iter().zip(&self.totals) {
            let is_worse = |last: &(f64, u32)| total.total_cmp(&last.0).is_le();
            if self.best.len() == most && self.best.last().is_some_and(is_worse) {
                continue;
            }
            let better = |own: &(f64, u32)| own.0.total_cmp(&total).is_ge();
            let place = self.best.partition_point(better);
            self.best.truncate(most - 1);
            self.best.insert(place, (total, host));
        }
        self.best.iter().map(|&(_, host)| host as usize).collect()
    }
}

/// Factors of one weigher.
#[derive(Clone, Copy)]
struct Factors<'a> {
    /// The factor of all hosts.
    of_all: f64,
    /// The hosts and the feasible ones of them, where some have a factor of their own.
    own: Option<(&'a [Host], &'a [u32])>,
}

/// Adds the parts of one weigher to the totals of the hosts.
fn add_parts(totals: &mut [f64], raws: &[f64], weigher: Weigher, factors: Factors<'_>) {
    let (smallest, greatest) = ends(raws);
    let scale = Scale::new(weigher, smallest, greatest);
    if scale.is_flat() {
        // Each part is zero.
        return;
    }
    let all = totals.iter_mut().zip(raws);
    if let Some((hosts, feasible)) = factors.own {
        for ((total, &raw), &host) in all.zip(feasible) {
            *total += hosts[host as usize].factor(weigher, factors.of_all) * scale.position(raw);
        }
    } else {
        for (total, &raw) in all {
            *total += factors.of_all * scale.position(raw);
        }
    }
}

/// The smallest and the greatest value. Four of each are kept at a time, so that no comparison waits for
/// the one before.
fn ends(values: &[f64]) -> (f64, f64) {
    let lower = |one: f64, other: f64| if other < one { other } else { one };
    let higher = |one: f64, other: f64| if other > one { other } else { one };
    let (mut smallest, mut greatest) = ([f64::INFINITY; 4], [f64::NEG_INFINITY; 4]);
    let (groups, rest) = values.as_chunks::<4>();
    for group in groups {
        for (lane, &value) in group.iter().enumerate() {
            smallest[lane] = lower(smallest[lane], value);
            greatest[lane] = higher(greatest[lane], value);
        }
    }
    let smallest = smallest.iter().chain(rest).copied();
    let greatest = greatest.iter().chain(rest).copied();
    (
        smallest.fold(f64::INFINITY, lower),
        greatest.fold(f64::NEG_INFINITY, higher),
    )
}
