//! Scaling a deployment whose rollout is under way or stands still: every set gets its share.

use super::Sync;
use model::workload::{DeploymentStrategy, ReplicaSet};

/// Sum of counts, each of which may be as large as the API allows.
pub(super) fn saturated(counts: impl Iterator<Item = i32>) -> i32 {
    counts.fold(0, i32::saturating_add)
}

impl Sync<'_> {
    /// Brings the sets to the wanted size without moving the rollout on.
    pub(super) fn scale(&mut self) {
        let active: Vec<usize> = (0..self.sets.len())
            .filter(|&place| self.sets[place].replicas > 0)
            .collect();
        let newest = || self.new.or_else(|| self.old_sets().next_back());
        let only = match active[..] {
            [] => match newest() {
                Some(place) => Some(place),
                None => return,
            },
            [place] => Some(place),
            _ => None,
        };
        if let Some(place) = only {
            self.resize(place, self.deployment.replicas);
        } else if self.is_saturated() {
            let old: Vec<usize> = self.active_old().rev().collect();
            for place in old {
                self.resize(place, 0);
            }
        } else if let DeploymentStrategy::RollingUpdate(_) = self.deployment.strategy {
            self.share_out(active);
        }
    }

    fn is_saturated(&self) -> bool {
        let wanted = self.deployment.replicas;
        self.new.is_some_and(|place| {
            let set = &self.sets[place];
            set.replicas == wanted
                && set.rollout.desired_replicas == Some(wanted)
                && set.status.available == wanted
        })
    }

    /// Gives every active set its share of what is added or taken, the largest the rest.
    fn share_out(&mut self, mut active: Vec<usize>) {
        let allowed = if self.deployment.replicas > 0 {
            self.max_replicas()
        } else {
            0
        };
        let present = saturated(active.iter().map(|&place| self.sets[place].replicas));
        let to_add = allowed - present;
        let age = |set: &ReplicaSet| (set.created, set.name.clone());
        active.sort_by(|&one, &other| {
            let (one, other) = (&self.sets[one], &self.sets[other]);
            let by_age = age(one).cmp(&age(other));
            let by_age = if to_add > 0 { by_age.reverse() } else { by_age };
            other.replicas.cmp(&one.replicas).then(by_age)
        });
        let mut sizes: Vec<i32> = Vec::with_capacity(active.len());
        let mut added = 0;
        for &place in &active {
            let share = self.share(&self.sets[place], to_add, added);
            sizes.push(self.sets[place].replicas + share);
            added += share;
        }
        if to_add != 0 {
            sizes[0] = (sizes[0] + to_add - added).max(0);
        }
        for (place, size) in active.into_iter().zip(sizes) {
            // Annotations that have to change are written even where the size stays.
            if !self.resize(place, size) && self.sets[place].rollout != self.annotations(place) {
                self.annotate(place, size);
            }
        }
    }

    fn share(&self, set: &ReplicaSet, to_add: i32, added: i32) -> i32 {
        if set.replicas == 0 || to_add == 0 || to_add == added {
            return 0;
        }
        let (fraction, left) = (self.fraction(set), to_add - added);
        if to_add > 0 {
            fraction.min(left)
        } else {
            fraction.max(left)
        }
    }

    /// Amount by which a set would change if it grew like the whole.
    fn fraction(&self, set: &ReplicaSet) -> i32 {
        if self.deployment.replicas == 0 {
            return -set.replicas;
        }
        let annotated = set.rollout.max_replicas.filter(|&max| max != 0);
        let before = annotated.unwrap_or(self.deployment.status.replicas);
        if before == 0 {
            return 0;
        }
        // The original multiplies as 32-bit integers and divides as floats.
        let product = set.replicas.wrapping_mul(self.max_replicas());
        libm::round(f64::from(product) / f64::from(before)) as i32 - set.replicas
    }
}
