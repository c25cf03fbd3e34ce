//! The filter scheduler: candidates with room, filters, weights, and a choice among the best
//! (spec: orchestrators-a.md sections 6.1 and 6.2; `scheduler/manager.py`).
//!
//! This is the plain form: the definition that the fast form ([`super::fast`]) is judged against.

use std::sync::Arc;

use fixedbitset::FixedBitSet;
use rng::Stream;
use thiserror::Error;

use super::filter::{Filter, Standing};
use super::flavor::{Group, GroupPolicy};
use super::hints::Hints;
use super::host::{Amounts, Host};
use super::network::Network;
use super::options::Rules;
use super::query::Query;
use super::weigher::{Members, Scale, Weigher};
use model::Text;
use units::SortedMap;

/// A request for one instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Amounts of the flavor.
    pub flavor: Amounts,
    /// Server group of the instance.
    pub group: Option<Group>,
    /// Hosts that must not be chosen, such as the one that an instance is evacuated from. They are left out
    /// of the candidates, among which they count (`ignore_hosts`).
    pub excluded: Vec<usize>,
    /// Host of an instance that moves.
    pub present: Option<usize>,
    /// Extra specs of the flavor about the metadata of aggregates, by key.
    pub extra_specs: Vec<(Text, Text)>,
    /// `true` if the instance's image is isolated.
    pub is_image_isolated: bool,
    /// Instances that the request names.
    pub hints: Option<Hints>,
    /// Query about the host.
    pub query: Option<Arc<Query>>,
    /// Network that the host's address has to be in.
    pub near: Option<Network>,
}

/// No host can take an instance; and why the last ones were left out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("No valid host was found. {reason}")]
pub struct NoValidHost {
    /// The reason.
    pub reason: String,
}

/// The host of an instance, and those to try if its build fails there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The host.
    pub host: usize,
    /// The next best ones, in order.
    pub alternates: Vec<usize>,
}

/// A host with its weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// The host.
    pub host: usize,
    /// Weight by weigher, times its factor. Empty for the only host: nothing is weighed then.
    pub parts: Vec<(Weigher, f64)>,
    /// Sum of the parts.
    pub total: f64,
}

/// Hosts and server groups.
#[derive(Clone, Debug, Default)]
pub struct Cloud {
    pub(super) hosts: Vec<Host>,
    /// Members of each group by host.
    pub(super) groups: SortedMap<Text, SortedMap<usize, i64>>,
}

impl Cloud {
    /// The hosts, in the order in which they joined.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// A host.
    pub fn host_mut(&mut self, host: usize) -> Option<&mut Host> {
        self.hosts.get_mut(host)
    }

    /// Adds a host, which gets the next number.
    pub fn add_host(&mut self, host: Host) {
        self.hosts.push(host);
    }

    /// Adds an instance to a host.
    pub fn add(&mut self, host: usize, request: &Request, is_building: bool) {
        if let Some(own) = self.hosts.get_mut(host) {
            own.add(request.flavor, is_building);
        }
        if let Some(group) = &request.group {
            self.add_member(&group.name, host);
        }
    }

    /// Counts a member of a server group on a host.
    pub fn add_member(&mut self, group: &Text, host: usize) {
        let members = self.groups.entry(group.clone()).or_default();
        *members.entry(host).or_default() += 1;
    }

    /// Members of each server group by host.
    pub const fn groups(&self) -> &SortedMap<Text, SortedMap<usize, i64>> {
        &self.groups
    }

    /// Takes an instance off a host.
    pub fn remove(&mut self, host: usize, request: &Request, is_building: bool) {
        if let Some(own) = self.hosts.get_mut(host) {
            own.remove(request.flavor, is_building);
        }
        if let Some(group) = &request.group
            && let Some(members) = self.groups.get_mut(&group.name)
            && let Some(count) = members.get_mut(&host)
        {
            *count -= 1;
            if *count <= 0 {
                members.remove(&host);
            }
        }
    }

    /// Members of a request's group by host.
    pub(super) fn members_of(&self, request: &Request) -> Option<&SortedMap<usize, i64>> {
        self.groups.get(&request.group.as_ref()?.name)
    }

    /// The first enabled hosts with room, up to the number of candidates. Disabled ones are never offered
    /// (`request_filter.py`), those that are down are.
    fn candidates(&self, request: &Request, rules: &Rules) -> Vec<usize> {
        let is_offered = |host: &usize| {
            let own = &self.hosts[*host];
            own.is_enabled && own.has_room(request.flavor)
        };
        let all = (0..self.hosts.len()).filter(is_offered);
        all.take(rules.most_candidates).collect()
    }

    /// Standing of a host with a request.
    pub(super) fn standing(
        &self,
        host: usize,
        request: &Request,
        matching: &FixedBitSet,
    ) -> Standing {
        let members = self.members_of(request);
        Standing {
            host,
            matches: matching.contains(host),
            members: members.and_then(|own| own.get(&host)).copied().unwrap_or(0),
            group_is_empty: members.is_none_or(SortedMap::is_empty),
        }
    }

    /// The hosts that pass all filters, in order.
    ///
    /// # Errors
    /// There is none.
    pub fn feasible(
        &self,
        request: &Request,
        matching: &FixedBitSet,
        rules: &Rules,
    ) -> Result<Vec<usize>, NoValidHost> {
        let mut hosts = self.candidates(request, rules);
        if hosts.is_empty() {
            return Err(NoValidHost {
                reason: "no enabled host has the flavor's processors, memory and disk left"
                    .to_owned(),
            });
        }
        hosts.retain(|host| !request.excluded.contains(host));
        if hosts.is_empty() {
            return Err(only_excluded());
        }
        for filter in &rules.filters {
            hosts.retain(|&host| {
                let standing = self.standing(host, request, matching);
                filter.passes(&self.hosts[host], standing, request, &rules.limits)
            });
            if hosts.is_empty() {
                return Err(removed_by(*filter));
            }
        }
        Ok(hosts)
    }

    /// The feasible hosts with their weights, best first; ties stay in the order of hosts.
    ///
    /// # Errors
    /// There is none.
    pub fn ranking(
        &self,
        request: &Request,
        matching: &FixedBitSet,
        rules: &Rules,
    ) -> Result<Vec<Weighed>, NoValidHost> {
        let hosts = self.feasible(request, matching, rules)?;
        let mut weighed: Vec<Weighed> = hosts
            .iter()
            .map(|&host| Weighed {
                host,
                parts: Vec::new(),
                total: 0.0,
            })
            .collect();
        if let [_] = weighed[..] {
            return Ok(weighed);
        }
        for (weigher, factor) in rules.multipliers.counted(&rules.overridden) {
            let raws: Vec<f64> = hosts
                .iter()
                .map(|&host| self.raw(weigher, host, request))
                .collect();
            let scale = scale_of(weigher, &raws);
            for (own, raw) in weighed.iter_mut().zip(raws) {
                let factor = self.hosts[own.host].factor(weigher, factor);
                let part = factor * scale.position(raw);
                own.parts.push((weigher, part));
                own.total += part;
            }
        }
        weighed.sort_by(|one, other| other.total.total_cmp(&one.total));
        Ok(weighed)
    }

    /// Raw value of a host for a request.
    pub(super) fn raw(&self, weigher: Weigher, host: usize, request: &Request) -> f64 {
        let count = self.members_of(request).and_then(|own| own.get(&host));
        let count = count.copied().unwrap_or(0);
        let mut members = Members::default();
        match request.group.as_ref().map(|group| group.policy) {
            Some(GroupPolicy::SoftAffinity) => members.together = count,
            Some(GroupPolicy::SoftAntiAffinity) => members.apart = count,
            _ => {}
        }
        weigher.raw(&self.hosts[host], members)
    }

    /// The host of a request, and its alternates.
    ///
    /// # Errors
    /// No host can take it.
    pub fn select(
        &self,
        request: &Request,
        matching: &FixedBitSet,
        rules: &Rules,
        subset: &mut Stream,
    ) -> Result<Choice, NoValidHost> {
        let ranking = self.ranking(request, matching, rules)?;
        let hosts = ranking.into_iter().map(|own| own.host).collect();
        Ok(choose(hosts, rules, subset))
    }
}

/// The refusal where all candidates are hosts that must not be chosen.
pub(super) fn only_excluded() -> NoValidHost {
    NoValidHost {
        reason: "all hosts left: the instance is to leave them".to_owned(),
    }
}

/// The refusal after a filter that left no host.
pub(super) fn removed_by(filter: Filter) -> NoValidHost {
    NoValidHost {
        reason: format!("all hosts left: {}", filter.reason()),
    }
}

/// Scale of a weigher over raw values, after they were cut at its lower end.
fn scale_of(weigher: Weigher, raws: &[f64]) -> Scale {
    let smallest = raws.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = raws.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Scale::new(weigher, smallest, greatest)
}

/// Number of the best hosts that a choice depends on.
pub(super) fn looked_at(rules: &Rules) -> usize {
    rules.host_subset_size.max(1) + rules.max_attempts.max(1) - 1
}

/// Draws the host among the best; the others stay in order. With one to draw from nothing is drawn.
pub(super) fn choose(mut ranking: Vec<usize>, rules: &Rules, subset: &mut Stream) -> Choice {
    let among = rules.host_subset_size.clamp(1, ranking.len().max(1));
    let drawn = if among > 1 {
        subset.below(among as u64) as usize
    } else {
        0
    };
    let host = ranking.remove(drawn);
    ranking.truncate(rules.max_attempts.max(1) - 1);
    Choice {
        host,
        alternates: ranking,
    }
}
