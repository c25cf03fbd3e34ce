//! Changes that would admit a job, found by trials.

use std::sync::Arc;

use kueue::Names;
use kueue::run::Controller;
use model::queueing::QueuedWorkload;
use model::{PodSpec, Text, Toleration};
use units::{SortedMap, SortedSet};

use super::{Change, Question, Raise};

/// Most choices of flavors that are tried with more quota.
const MOST_CHOICES: usize = 16;

impl Question<'_> {
    /// Changes that admit the job, each the smallest of its kind, and the number of choices of flavors
    /// that were not tried.
    pub(super) fn changes(&self, cluster: &Controller) -> (Vec<Change>, usize) {
        let mut changes = Vec::new();
        changes.extend(self.fewer_pods(cluster));
        changes.extend(self.higher_priority(cluster));
        changes.extend(self.other_flavor(cluster));
        let (more, untried) = self.more_quota();
        changes.extend(more);
        (changes, untried)
    }

    fn fewer_pods(&self, cluster: &Controller) -> Option<Change> {
        let workload = self.workload();
        if self.own.siblings().is_some() {
            return None;
        }
        let count = workload.pod_sets.first()?.count;
        let with = |count: i64| {
            let mut fewer = workload.clone();
            fewer.pod_sets[0].count = count;
            fewer.pod_sets[0].min_count = None;
            fewer
        };
        let least = first_that(1, count - 1, |gone| {
            self.admits(cluster, with(count - gone))
        })?;
        Some(Change::Pods { to: count - least })
    }

    fn higher_priority(&self, cluster: &Controller) -> Option<Change> {
        let workload = self.workload();
        let others = self.objects.queueing.workloads.iter();
        let others = others.map(|own| own.priority.saturating_add(1));
        let higher: SortedSet<i32> = others.filter(|own| *own > workload.priority).collect();
        higher.into_iter().find_map(|to| {
            let raised = QueuedWorkload {
                priority: to,
                ..workload.clone()
            };
            let trial = self.attempt(cluster, raised);
            trial.admission.is_some().then_some(Change::Priority {
                to,
                victims: trial.victims,
            })
        })
    }

    fn other_flavor(&self, cluster: &Controller) -> Option<Change> {
        let mut workload = self.workload();
        for set in &mut workload.pod_sets {
            let mut open = PodSpec::clone(&set.spec);
            open.node_selector.clear();
            open.affinity.node.required = None;
            // A toleration of everything.
            open.tolerations = vec![Toleration {
                key: None,
                value: None,
                effect: None,
                tolerates_for: None,
            }];
            set.spec = Arc::new(open);
        }
        let admission = self.attempt(cluster, workload).admission?;
        let sets = admission.pod_sets.iter();
        let flavors: SortedSet<Text> = sets.flat_map(|set| set.flavors.values().cloned()).collect();
        Some(Change::Flavor {
            flavors: flavors.into_iter().collect(),
        })
    }

    /// More quota of the job's queue: for every choice of flavors that it could have, the least that
    /// admits it.
    fn more_quota(&self) -> (Vec<Change>, usize) {
        let queueing = &self.objects.queueing;
        let name = self.queue.as_ref();
        let place = queueing
            .queues
            .iter()
            .position(|own| Some(&own.name) == name);
        let Some(place) = place else {
            return (Vec::new(), 0);
        };
        let amounts = Self::amounts(&self.workload());
        let groups = queueing.queues[place].groups.iter();
        let asked = groups.map(|group| group.covered.iter().any(|own| amounts.contains_key(own)));
        // One flavor of each group that is asked for.
        let mut choices: Vec<Vec<Option<usize>>> = vec![Vec::new()];
        let mut all = 1_usize;
        for (group, is_asked) in asked.enumerate() {
            let flavors = queueing.queues[place].groups[group].flavors.len();
            let own: Vec<Option<usize>> = if is_asked {
                (0..flavors).map(Some).collect()
            } else {
                vec![None]
            };
            all = all.saturating_mul(own.len());
            let longer = choices.iter().flat_map(|choice| {
                own.iter().map(|next| {
                    let mut choice = choice.clone();
                    choice.push(*next);
                    choice
                })
            });
            choices = longer.take(MOST_CHOICES).collect();
        }
        let raised = choices
            .iter()
            .filter_map(|choice| self.raise(place, choice, &amounts));
        let mut changes: Vec<Change> = Vec::new();
        for raises in raised.filter(|raises| !raises.is_empty()) {
            let change = Change::Quota { raises };
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        (changes, all - choices.len())
    }

    /// The least quota in the chosen flavors that admits the job.
    fn raise(
        &self,
        queue: usize,
        choice: &[Option<usize>],
        amounts: &SortedMap<Text, i64>,
    ) -> Option<Vec<Raise>> {
        let groups = &self.objects.queueing.queues[queue].groups;
        let mut places = Vec::new();
        for (group, flavor) in choice.iter().enumerate() {
            let Some(flavor) = *flavor else {
                continue;
            };
            let own = groups[group].flavors[flavor].resources.iter().enumerate();
            let asked = own.filter(|(_, own)| amounts.contains_key(&own.resource));
            places.extend(asked.map(|(resource, _)| (group, flavor, resource)));
        }
        let quota =
            |place: (usize, usize, usize)| &groups[place.0].flavors[place.1].resources[place.2];
        // More than all workloads and the job hold together helps no more than that.
        let most = |place| {
            let name = &quota(place).resource;
            let held = self.objects.queueing.workloads.iter();
            let held = held.map(|own| Self::amounts(own).get(name).copied().unwrap_or(0));
            held.fold(amounts[name], i64::saturating_add)
        };
        let mut raised: Vec<i64> = places.iter().map(|place| most(*place)).collect();
        if !self.admits_with(queue, &places, &raised) {
            return None;
        }
        for own in 0..places.len() {
            let least = first_that(0, raised[own], |amount| {
                let mut tried = raised.clone();
                tried[own] = amount;
                self.admits_with(queue, &places, &tried)
            });
            raised[own] = least.unwrap_or(raised[own]);
        }
        let raises = places.iter().zip(raised).filter(|(_, by)| *by > 0);
        let raises = raises.map(|(place, by)| {
            let own = quota(*place);
            let from = own.nominal;
            let more = Names::quantity(&own.resource, by);
            Raise {
                flavor: groups[place.0].flavors[place.1].flavor.clone(),
                resource: own.resource.clone(),
                from,
                to: from.checked_add(more).unwrap_or(from),
            }
        });
        Some(raises.collect())
    }

    /// Whether the job is admitted with so much more quota at places of its queue.
    fn admits_with(&self, queue: usize, places: &[(usize, usize, usize)], by: &[i64]) -> bool {
        let mut changed = self.quotas.clone();
        for (&(group, flavor, resource), by) in places.iter().zip(by) {
            let own = &mut changed.queues[queue].groups[group].flavors[flavor].resources[resource];
            let more = Names::quantity(&own.resource, *by);
            own.nominal = own.nominal.checked_add(more).unwrap_or(own.nominal);
        }
        let cluster = self.cluster(&changed, &self.objects.queueing.workloads);
        self.admits(&cluster, self.workload())
    }
}

/// The first number from one to another that holds, where all after it hold as well.
fn first_that(first: i64, last: i64, holds: impl Fn(i64) -> bool) -> Option<i64> {
    if first > last || !holds(last) {
        return None;
    }
    let (mut low, mut high) = (first, last);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(high)
}
