//! Resources as Mesos counts them: scalars to three decimals, each unreserved or reserved for a role,
//! some of them revocable (spec: orchestrators-b.md section 1; mesos `src/common/resources.cpp`).

use model::Text;
use units::SortedMap;

use super::super::roles::is_at_or_above;

/// Thousandths of scalars by name; names of which there is nothing are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::mesos) struct Quantities(SortedMap<Text, i64>);

impl Quantities {
    /// Thousandths by name.
    pub(in crate::mesos) fn new(amounts: impl IntoIterator<Item = (Text, i64)>) -> Self {
        let mut quantities = Self::default();
        for (name, amount) in amounts {
            quantities.add_of(&name, amount);
        }
        quantities
    }

    /// Whether there is nothing.
    pub(in crate::mesos) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Thousandths of a name.
    pub(in crate::mesos) fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Names and thousandths.
    pub(in crate::mesos) fn iter(&self) -> impl Iterator<Item = (&Text, i64)> {
        self.0.iter().map(|(name, &amount)| (name, amount))
    }

    /// Adds thousandths of a name; what falls to nothing or below is left out.
    pub(in crate::mesos) fn add_of(&mut self, name: &Text, amount: i64) {
        let sum = self.get(name).saturating_add(amount);
        if sum > 0 {
            self.0.insert(name.clone(), sum);
        } else {
            self.0.remove(name);
        }
    }

    /// Adds.
    pub(in crate::mesos) fn add(&mut self, other: &Self) {
        other
            .iter()
            .for_each(|(name, amount)| self.add_of(name, amount));
    }

    /// Takes out; nothing falls below nothing.
    pub(in crate::mesos) fn subtract(&mut self, other: &Self) {
        other
            .iter()
            .for_each(|(name, amount)| self.add_of(name, -amount));
    }

    /// The rest after taking out.
    pub(in crate::mesos) fn minus(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// Whether there is as much of everything.
    pub(in crate::mesos) fn contains(&self, other: &Self) -> bool {
        other.iter().all(|(name, amount)| self.get(name) >= amount)
    }
}

/// Upper bounds by name; a name that is missing has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::mesos) struct Limits(SortedMap<Text, i64>);

impl Limits {
    /// Thousandths by name; 0 is a bound too.
    pub(in crate::mesos) fn new(bounds: impl IntoIterator<Item = (Text, i64)>) -> Self {
        Self(bounds.into_iter().collect())
    }

    /// The bound of a name.
    pub(in crate::mesos) fn get(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }

    /// Remainder below the bounds.
    pub(in crate::mesos) fn minus(&self, used: &Quantities) -> Self {
        let left = |(name, &bound): (&Text, &i64)| (name.clone(), (bound - used.get(name)).max(0));
        Self(self.0.iter().map(left).collect())
    }
}

/// Kind of a resource: its name, the role it is reserved for, whether it can be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::mesos) struct Kind {
    /// The kind's name.
    pub(in crate::mesos) name: Text,
    /// The role that it is reserved for.
    pub(in crate::mesos) role: Option<Text>,
    /// `true` if the resource may be taken back at any time.
    pub(in crate::mesos) is_revocable: bool,
}

/// Thousandths of resources by kind; kinds of which there is nothing are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::mesos) struct Resources(SortedMap<Kind, i64>);

impl Resources {
    /// Whether there is nothing.
    pub(in crate::mesos) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Kinds and amounts.
    pub(in crate::mesos) fn iter(&self) -> impl Iterator<Item = (&Kind, i64)> {
        self.0.iter().map(|(kind, &amount)| (kind, amount))
    }

    /// Adds one resource.
    pub(in crate::mesos) fn add_one(&mut self, kind: &Kind, more: i64) {
        match self.0.get_mut(kind) {
            Some(have) => *have = have.saturating_add(more),
            None if more <= 0 => {}
            None => {
                self.0.insert(kind.clone(), more);
            }
        }
    }

    /// Adds.
    pub(in crate::mesos) fn add(&mut self, other: &Self) {
        for (kind, amount) in other.iter() {
            self.add_one(kind, amount);
        }
    }

    /// Takes out whatever of `other` is there.
    pub(in crate::mesos) fn subtract(&mut self, other: &Self) {
        for (kind, less) in other.iter() {
            if let Some(have) = self.0.get_mut(kind) {
                *have = have.saturating_sub(less);
            }
        }
        self.0.retain(|_, have| *have > 0);
    }

    /// Whether there is as much of everything.
    pub(in crate::mesos) fn contains(&self, other: &Self) -> bool {
        let mut asked = other.iter();
        asked.all(|(kind, asked)| self.0.get(kind).is_some_and(|&have| asked <= have))
    }

    /// Common part of both.
    pub(in crate::mesos) fn shared_with(&self, other: &Self) -> Self {
        let mut shared = Self::default();
        for (kind, one) in self.iter() {
            if let Some(&two) = other.0.get(kind) {
                shared.add_one(kind, one.min(two));
            }
        }
        shared
    }

    /// Resources of the kinds that a test keeps.
    pub(in crate::mesos) fn only(&self, keep: impl Fn(&Kind) -> bool) -> Self {
        let kept = self.iter().filter(|(kind, _)| keep(kind));
        Self(kept.map(|(kind, amount)| (kind.clone(), amount)).collect())
    }

    /// Amounts summed by name, whatever they are reserved for.
    pub(in crate::mesos) fn quantities(&self) -> Quantities {
        self.quantities_of(|_| true)
    }

    /// Amounts of the kinds that a test keeps, summed by name.
    pub(in crate::mesos) fn quantities_of(&self, keep: impl Fn(&Kind) -> bool) -> Quantities {
        let kept = self.iter().filter(|(kind, _)| keep(kind));
        Quantities::new(kept.map(|(kind, amount)| (kind.name.clone(), amount)))
    }

    /// These resources cut to what a bound by name leaves; `None` is no bound.
    pub(in crate::mesos) fn cut(&self, bound: impl Fn(&str) -> Option<i64>) -> Self {
        let mut kept = Self::default();
        let mut used = Quantities::default();
        for (kind, amount) in self.iter() {
            let left = bound(&kind.name).map(|bound| bound - used.get(&kind.name));
            let taken = left.map_or(amount, |left| amount.min(left));
            if taken > 0 {
                used.add_of(&kind.name, taken);
                kept.add_one(kind, taken);
            }
        }
        kept
    }
}

/// Whether a kind is unreserved and stays with whoever has it.
pub(in crate::mesos) fn is_plain(kind: &Kind) -> bool {
    kind.role.is_none() && !kind.is_revocable
}

/// Whether a role may use a kind: it is unreserved, or reserved for the role or one above it.
pub(in crate::mesos) fn is_usable(kind: &Kind, role: &str) -> bool {
    kind.role
        .as_ref()
        .is_none_or(|owner| is_at_or_above(owner, role))
}
