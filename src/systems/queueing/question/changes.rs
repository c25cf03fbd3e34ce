//! Changes that would admit a job, found by trials.

use std::sync::Arc;

use kueue::Names;
use kueue::run::Controller;
use model::queueing::{ClusterQueue, QueueQuota, QueuedWorkload, TopologyConstraint};
use model::{PodSpec, Text, Toleration};
use units::{Quantity, SortedMap, SortedSet};

use super::held::common_divisor;
use super::{Change, Question, Raise};

/// Most choices of flavors that are tried with more quota.
const MOST_CHOICES: usize = 16;

/// Trials of one kind of change.
type TrialsOfKind<'q> = fn(&Question<'q>, &Controller) -> Option<Change>;

/// Changes that would admit a job.
#[derive(Default)]
pub(super) struct Changes {
    /// The changes.
    pub(super) found: Vec<Change>,
    /// Kinds of changes whose trials took more work than all may take together.
    pub(super) untried_kinds: Vec<&'static str>,
    /// Number of choices of flavors that were not tried.
    pub(super) untried_choices: usize,
}

/// A quota of a queue by place: group, flavor and resource.
type QuotaPlace = (usize, usize, usize);

/// Amounts of a queue that a change raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Raised {
    Nominal,
    BorrowingLimit,
}

impl Raised {
    /// The amount of a quota; `None` where there is no limit.
    const fn of(self, quota: &QueueQuota) -> Option<Quantity> {
        match self {
            Self::Nominal => Some(quota.nominal),
            Self::BorrowingLimit => quota.borrowing_limit,
        }
    }

    const fn change(self, raises: Vec<Raise>) -> Change {
        match self {
            Self::Nominal => Change::Quota { raises },
            Self::BorrowingLimit => Change::Limit { raises },
        }
    }
}

impl Question<'_> {
    /// Changes that admit the job, each the smallest of its kind.
    pub(super) fn changes(&self, cluster: &Controller) -> Changes {
        let mut changes = Changes::default();
        let kinds: [(&'static str, TrialsOfKind<'_>); 4] = [
            ("fewer pods", Self::fewer_pods),
            ("a higher priority", Self::higher_priority),
            ("another flavor", Self::other_flavor),
            ("a wider level", Self::wider_level),
        ];
        for (kind, trials) in kinds {
            self.is_cut.set(false);
            let change = trials(self, cluster);
            if change.is_none() && self.is_cut.get() {
                changes.untried_kinds.push(kind);
            }
            changes.found.extend(change);
        }
        for raised in [Raised::Nominal, Raised::BorrowingLimit] {
            let (more, untried) = self.more(cluster, raised);
            changes.found.extend(more);
            changes.untried_choices = changes.untried_choices.max(untried);
        }
        changes
    }

    /// The nearest level above the one that the pods wish for, or any place.
    fn wider_level(&self, cluster: &Controller) -> Option<Change> {
        let workload = self.workload();
        let wish = |own: &model::queueing::PodSet| own.topology.as_ref()?.wish.clone();
        let from = workload.pod_sets.iter().find_map(|set| match wish(set)? {
            TopologyConstraint::Required(level) => Some(level),
            TopologyConstraint::Preferred(_) | TopologyConstraint::Unconstrained => None,
        })?;
        let mut topologies = self.objects.queueing.topologies.iter();
        let above: Option<Vec<Text>> = topologies.find_map(|own| {
            let place = own.levels.iter().position(|level| *level == from)?;
            Some(own.levels[..place].iter().rev().cloned().collect())
        });
        let above = above.unwrap_or_default().into_iter().map(Some);
        above.chain([None]).find_map(|to| {
            let mut wider = workload.clone();
            let sets = wider.pod_sets.iter_mut();
            let wishes = sets.filter_map(|set| set.topology.as_mut()?.wish.as_mut());
            for wish in wishes.filter(|wish| **wish == TopologyConstraint::Required(from.clone())) {
                *wish = match &to {
                    Some(level) => TopologyConstraint::Required(level.clone()),
                    None => TopologyConstraint::Unconstrained,
                };
            }
            self.admits(cluster, wider).then(|| Change::Level {
                from: from.clone(),
                to,
            })
        })
    }

    /// Fewer pods of one set: of all sets the one that has to give up the fewest, the first of equals.
    fn fewer_pods(&self, cluster: &Controller) -> Option<Change> {
        let workload = self.workload();
        let sets = &workload.pod_sets;
        let gone = (0..sets.len()).filter_map(|place| {
            let count = sets[place].count;
            let without = |gone: i64| {
                let mut fewer = workload.clone();
                fewer.pod_sets[place].count = count - gone;
                fewer.pod_sets[place].min_count = None;
                fewer
            };
            let least = first_that(1, count - 1, |gone| self.admits(cluster, without(gone)))?;
            Some((least, place))
        });
        let (least, place) = gone.min()?;
        let set = &sets[place];
        (!self.is_exhausted()).then(|| Change::Pods {
            set: (sets.len() > 1).then(|| set.name.clone()),
            from: set.count,
            to: set.count - least,
        })
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
            let trial = self.change(cluster, raised);
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
        let admission = self.change(cluster, workload).admission?;
        let sets = admission.pod_sets.iter();
        let flavors: SortedSet<Text> = sets.flat_map(|set| set.flavors.values().cloned()).collect();
        Some(Change::Flavor {
            flavors: flavors.into_iter().collect(),
        })
    }

    /// More quota of the job's queue, or higher limits: for every choice of flavors that it could have,
    /// the least that admits it; and the number of choices that were not tried.
    fn more(&self, cluster: &Controller, raised: Raised) -> (Vec<Change>, usize) {
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
        let (choices, mut untried) = self.choices(place, &amounts);
        let trial = Raising {
            cluster,
            spec: &queueing.queues[place],
            amounts: &amounts,
            singles: &singles(&self.workload()),
            kind: raised,
        };
        let mut changes: Vec<Change> = Vec::new();
        for choice in &choices {
            let raises = self.raise(&trial, choice);
            if self.is_exhausted() {
                // What was found may be more than the least.
                untried += 1;
                continue;
            }
            if let Some(raises) = raises.filter(|own| !own.is_empty()) {
                let change = raised.change(raises);
                if !changes.contains(&change) {
                    changes.push(change);
                }
            }
        }
        (changes, untried)
    }

    /// Choices of a flavor of each group that is asked for, and the number of those left out.
    fn choices(
        &self,
        queue: usize,
        amounts: &SortedMap<Text, i64>,
    ) -> (Vec<Vec<Option<usize>>>, usize) {
        let groups = &self.objects.queueing.queues[queue].groups;
        let mut choices: Vec<Vec<Option<usize>>> = vec![Vec::new()];
        let mut all = 1_usize;
        for group in groups {
            let is_asked = group.covered.iter().any(|own| amounts.contains_key(own));
            let own: Vec<Option<usize>> = if is_asked {
                (0..group.flavors.len()).map(Some).collect()
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
        let untried = all - choices.len();
        (choices, untried)
    }

    /// The least amounts in the chosen flavors that admit the job.
    fn raise(&self, trial: &Raising<'_>, choice: &[Option<usize>]) -> Option<Vec<Raise>> {
        let groups = &trial.spec.groups;
        let quota = |place: QuotaPlace| &groups[place.0].flavors[place.1].resources[place.2];
        let mut places: Vec<QuotaPlace> = Vec::new();
        for (group, flavor) in choice.iter().enumerate() {
            let Some(flavor) = *flavor else {
                continue;
            };
            let own = groups[group].flavors[flavor].resources.iter().enumerate();
            let asked = own.filter(|(_, own)| {
                trial.amounts.contains_key(&own.resource) && trial.kind.of(own).is_some()
            });
            places.extend(asked.map(|(resource, _)| (group, flavor, resource)));
        }
        let held = |place| {
            let known = self.held.get(&quota(place).resource).copied();
            known.unwrap_or_default()
        };
        // More than all workloads and the job hold together helps no more than that.
        let most = |place: QuotaPlace| {
            let asked = trial.amounts[&quota(place).resource];
            held(place).sum.saturating_add(asked)
        };
        let mut raised: Vec<i64> = places.iter().map(|place| most(*place)).collect();
        if places.is_empty() || !self.admits_with(trial, &places, &raised) {
            return None;
        }
        for own in 0..places.len() {
            let name = &quota(places[own]).resource;
            let search = LeastSearch {
                guess: trial.shortage(places[own]),
                most: raised[own],
                step: held(places[own]).step(trial.singles.get(name).copied().unwrap_or(0)),
                is_even: trial.cluster.snapshot().settings.fair_sharing.is_none(),
            };
            raised[own] = search.least(|amount| {
                let mut tried = raised.clone();
                tried[own] = amount;
                self.admits_with(trial, &places, &tried)
            });
        }
        let raises = places.iter().zip(raised).filter(|(_, by)| *by > 0);
        let raises = raises.filter_map(|(place, by)| {
            let own = quota(*place);
            let from = trial.kind.of(own)?;
            let more = Names::quantity(&own.resource, by);
            Some(Raise {
                flavor: groups[place.0].flavors[place.1].flavor.clone(),
                resource: own.resource.clone(),
                from,
                to: from.checked_add(more).unwrap_or(from),
            })
        });
        Some(raises.collect())
    }

    /// Whether the job is admitted with this much more at places of its queue.
    fn admits_with(&self, trial: &Raising<'_>, places: &[QuotaPlace], by: &[i64]) -> bool {
        let mut spec = trial.spec.clone();
        for (&(group, flavor, resource), by) in places.iter().zip(by) {
            let own = &mut spec.groups[group].flavors[flavor].resources[resource];
            let more = Names::quantity(&own.resource, *by);
            let raised = trial
                .kind
                .of(own)
                .and_then(|from| from.checked_add(more).ok());
            match trial.kind {
                Raised::Nominal => own.nominal = raised.unwrap_or(own.nominal),
                Raised::BorrowingLimit => own.borrowing_limit = raised.or(own.borrowing_limit),
            }
        }
        let mut cluster = trial.cluster.clone();
        if let Some(queue) = cluster.snapshot().queue_named(&spec.name) {
            cluster.requote(queue, &spec);
        }
        self.admits(&cluster, self.workload())
    }
}

/// Inputs of all trials with higher amounts of a queue.
struct Raising<'a> {
    cluster: &'a Controller,
    spec: &'a ClusterQueue,
    amounts: &'a SortedMap<Text, i64>,
    /// Largest amounts that divide the requests of all pods.
    singles: &'a SortedMap<Text, i64>,
    kind: Raised,
}

impl Raising<'_> {
    /// Amount of the job that is more than the queue may still use at a place.
    fn shortage(&self, place: QuotaPlace) -> i64 {
        let (group, flavor, resource) = place;
        let flavor = &self.spec.groups[group].flavors[flavor];
        let name = &flavor.resources[resource].resource;
        let snapshot = self.cluster.snapshot();
        let names = &snapshot.names;
        let pair = names
            .known_flavor(&flavor.flavor)
            .zip(names.known_resource(name));
        let pair = pair.and_then(|(flavor, own)| names.known_pair(flavor, own));
        let available = snapshot.queue_named(&self.spec.name).zip(pair);
        let available = available.map_or(0, |(queue, pair)| snapshot.available(queue, pair));
        self.amounts[name].saturating_sub(available).max(0)
    }
}

/// Largest amounts that divide the requests of all pods of a workload, by resource.
fn singles(workload: &QueuedWorkload) -> SortedMap<Text, i64> {
    let mut all: SortedMap<Text, i64> = SortedMap::new();
    for set in &workload.pod_sets {
        let single = set.spec.requests().unwrap_or_default();
        for (name, amount) in single.iter() {
            let amount = Names::amount(name, amount).max(0);
            let own = all.entry(name.into()).or_default();
            *own = common_divisor(*own, amount);
        }
    }
    all
}

/// The first number from one to another that holds, where all after it hold as well.
fn first_that(first: i64, last: i64, holds: impl Fn(i64) -> bool) -> Option<i64> {
    if first > last || !holds(last) {
        return None;
    }
    Some(bisect(first, last, holds))
}

/// The first number up to one that holds, where all after it hold as well.
fn bisect(first: i64, last: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut low, mut high) = (first, last);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    high
}

/// A search for the least amount that holds, where all above it hold as well.
struct LeastSearch {
    /// An amount that is likely to be it.
    guess: i64,
    /// An amount that holds.
    most: i64,
    /// Amount of which all that decisions compare are multiples.
    step: i64,
    /// Whether amounts between two multiples decide alike, so that the least of them stands for all.
    is_even: bool,
}

impl LeastSearch {
    /// The amount of a number of steps.
    fn amount(&self, steps: i64) -> i64 {
        steps.saturating_mul(self.step).min(self.most)
    }

    fn least(&self, holds: impl Fn(i64) -> bool) -> i64 {
        let last = (self.most / self.step).saturating_add(i64::from(self.most % self.step != 0));
        let at = |steps: i64| holds(self.amount(steps));
        let guess = self.guess / self.step + i64::from(self.guess % self.step != 0);
        let guess = guess.clamp(0, last);
        let least = if guess == last || at(guess) {
            let below = (guess > 0).then(|| self.amount(guess - 1) + i64::from(self.step > 1));
            if below.is_none_or(|below| !holds(below)) {
                if self.is_even {
                    return self.amount(guess);
                }
                guess
            } else {
                bisect(0, guess, at)
            }
        } else {
            let (mut low, mut high, mut stride) = (guess + 1, last, 1);
            while let Some(next) = low.checked_add(stride).filter(|next| *next < last) {
                if at(next) {
                    high = next;
                    break;
                }
                (low, stride) = (next + 1, stride.saturating_mul(2));
            }
            bisect(low, high, at)
        };
        self.between(least, holds)
    }

    /// The least amount of the last step.
    fn between(&self, steps: i64, holds: impl Fn(i64) -> bool) -> i64 {
        let most = self.amount(steps);
        if steps == 0 || self.step == 1 {
            return most;
        }
        let first = self.amount(steps - 1) + 1;
        if self.is_even {
            let is_first = first < most && holds(first);
            return if is_first { first } else { most };
        }
        bisect(first, most, holds)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_least_amount_is_found_from_any_guess() {
        for step in [1, 3, 8] {
            for threshold in 0..60 {
                for guess in 0..70 {
                    let is_even = threshold % step == 0 || threshold % step == 1;
                    let search = LeastSearch {
                        guess,
                        most: 61,
                        step,
                        is_even,
                    };
                    let found = search.least(|amount| amount >= threshold);
                    assert_eq!(found, threshold, "from {guess} by {step}");
                }
            }
        }
    }

    #[test]
    fn a_good_guess_needs_two_trials() {
        let tried = Cell::new(0);
        let search = LeastSearch {
            guess: 40 << 30,
            most: 1 << 50,
            step: 1 << 30,
            is_even: true,
        };
        let found = search.least(|amount| {
            tried.set(tried.get() + 1);
            amount >= 40 << 30
        });
        assert_eq!((found, tried.get()), (40 << 30, 2));
    }
}
