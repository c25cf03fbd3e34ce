//! Resources as Mesos counts them: scalars to three decimals, whole ones such as ranges of ports,
//! each unreserved or reserved for a role, some of them revocable (spec: orchestrators-b.md section
//! 1; mesos `src/common/resources.cpp`).

use model::Text;
use units::SortedMap;

/// Thousandths of scalars by name; names of which there is nothing are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantities(SortedMap<Text, i64>);

impl Quantities {
    /// Thousandths by name.
    pub fn new(amounts: impl IntoIterator<Item = (Text, i64)>) -> Self {
        let mut quantities = Self::default();
        for (name, amount) in amounts {
            quantities.add_of(&name, amount);
        }
        quantities
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Thousandths of a name.
    pub fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Names and thousandths.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, i64)> {
        self.0.iter().map(|(name, &amount)| (name, amount))
    }

    /// Adds thousandths of a name; what falls to nothing or below is left out.
    pub fn add_of(&mut self, name: &Text, amount: i64) {
        let sum = self.get(name).saturating_add(amount);
        if sum > 0 {
            self.0.insert(name.clone(), sum);
        } else {
            self.0.remove(name);
        }
    }

    /// Adds.
    pub fn add(&mut self, other: &Self) {
        other
            .iter()
            .for_each(|(name, amount)| self.add_of(name, amount));
    }

    /// Takes out; nothing falls below nothing.
    pub fn subtract(&mut self, other: &Self) {
        other
            .iter()
            .for_each(|(name, amount)| self.add_of(name, -amount));
    }

    /// The rest after taking out.
    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// Whether there is as much of everything.
    pub fn contains(&self, other: &Self) -> bool {
        other.iter().all(|(name, amount)| self.get(name) >= amount)
    }
}

/// Upper bounds by name; a name that is missing has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits(SortedMap<Text, i64>);

impl Limits {
    /// Thousandths by name; 0 is a bound too.
    pub fn new(bounds: impl IntoIterator<Item = (Text, i64)>) -> Self {
        Self(bounds.into_iter().collect())
    }

    /// The bound of a name.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }

    /// Names and bounds.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, i64)> {
        self.0.iter().map(|(name, &bound)| (name, bound))
    }

    /// Remainder below the bounds.
    pub fn minus(&self, used: &Quantities) -> Self {
        let left = |(name, &bound): (&Text, &i64)| (name.clone(), (bound - used.get(name)).max(0));
        Self(self.0.iter().map(left).collect())
    }
}

/// Kind of a resource: its name, the role it is reserved for, whether it can be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The kind's name.
    pub name: Text,
    /// The role that it is reserved for.
    pub role: Option<Text>,
    /// `true` if the resource may be taken back at any time.
    pub is_revocable: bool,
}

/// Amount of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Thousandths.
    Scalar(i64),
    /// Something that is given away whole (ranges of ports, sets).
    Whole(Text),
}

/// Resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources(SortedMap<Kind, Amount>);

impl Resources {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Kinds and amounts.
    pub fn iter(&self) -> impl Iterator<Item = (&Kind, &Amount)> {
        self.0.iter()
    }

    /// Adds one resource.
    pub fn add_one(&mut self, kind: &Kind, amount: &Amount) {
        match (amount, self.0.get_mut(kind)) {
            (Amount::Scalar(more), Some(Amount::Scalar(have))) => {
                *have = have.saturating_add(*more);
            }
            (Amount::Scalar(more), _) if *more <= 0 => {}
            _ => {
                self.0.insert(kind.clone(), amount.clone());
            }
        }
    }

    /// Adds.
    pub fn add(&mut self, other: &Self) {
        for (kind, amount) in other.iter() {
            self.add_one(kind, amount);
        }
    }

    /// Takes out whatever of `other` is there.
    pub fn subtract(&mut self, other: &Self) {
        for (kind, amount) in other.iter() {
            let is_gone = match (amount, self.0.get_mut(kind)) {
                (Amount::Scalar(less), Some(Amount::Scalar(have))) => {
                    *have = have.saturating_sub(*less);
                    *have <= 0
                }
                (Amount::Whole(_), found) => found.is_some(),
                _ => false,
            };
            if is_gone {
                self.0.remove(kind);
            }
        }
    }

    /// Whether there is as much of everything.
    pub fn contains(&self, other: &Self) -> bool {
        other
            .iter()
            .all(|(kind, amount)| match (amount, self.0.get(kind)) {
                (Amount::Scalar(asked), Some(Amount::Scalar(have))) => asked <= have,
                (asked, Some(have)) => asked == have,
                _ => false,
            })
    }

    /// Common part of both.
    pub fn shared_with(&self, other: &Self) -> Self {
        let mut shared = Self::default();
        for (kind, amount) in self.iter() {
            match (amount, other.0.get(kind)) {
                (Amount::Scalar(one), Some(Amount::Scalar(two))) => {
                    shared.add_one(kind, &Amount::Scalar(*one.min(two)));
                }
                (one, Some(two)) if one == two => shared.add_one(kind, one),
                _ => {}
            }
        }
        shared
    }

    /// Resources that a test keeps.
    pub fn only(&self, keep: impl Fn(&Kind, &Amount) -> bool) -> Self {
        let kept = self.iter().filter(|&(kind, amount)| keep(kind, amount));
        Self(
            kept.map(|(kind, amount)| (kind.clone(), amount.clone()))
                .collect(),
        )
    }

    /// The scalars summed by name, whatever they are reserved for.
    pub fn quantities(&self) -> Quantities {
        self.quantities_of(|_| true)
    }

    /// The scalars of the kinds that a test keeps, summed by name.
    pub fn quantities_of(&self, keep: impl Fn(&Kind) -> bool) -> Quantities {
        let mut sum = Quantities::default();
        for (kind, amount) in self.iter() {
            if let Amount::Scalar(thousandths) = amount
                && keep(kind)
            {
                sum.add_of(&kind.name, *thousandths);
            }
        }
        sum
    }

    /// The scalars of these resources cut to what a bound by name leaves; `None` is no bound.
    pub fn cut(&self, bound: impl Fn(&str) -> Option<i64>) -> Self {
        let mut kept = Self::default();
        let mut used = Quantities::default();
        for (kind, amount) in self.iter() {
            let Amount::Scalar(thousandths) = *amount else {
                kept.add_one(kind, amount);
                continue;
            };
            let left = bound(&kind.name).map(|bound| bound - used.get(&kind.name));
            let taken = left.map_or(thousandths, |left| thousandths.min(left));
            if taken > 0 {
                used.add_of(&kind.name, taken);
                kept.add_one(kind, &Amount::Scalar(taken));
            }
        }
        kept
    }
}

/// Whether a kind is unreserved and stays with whoever has it.
pub fn is_plain(kind: &Kind) -> bool {
    kind.role.is_none() && !kind.is_revocable
}

/// Whether a role may use a kind: it is unreserved, or reserved for the role or one above it.
pub fn is_usable(kind: &Kind, role: &str) -> bool {
    kind.role
        .as_ref()
        .is_none_or(|owner| is_at_or_above(owner, role))
}

/// Whether a role is another one or stands above it in the tree of roles.
pub fn is_at_or_above(upper: &str, lower: &str) -> bool {
    let rest = lower.strip_prefix(upper);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
