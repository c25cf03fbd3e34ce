//! Amounts by column: what there is of every resource, as integers in the resource's own unit.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Amounts of every resource, by column. All of one allocator are of one length.
pub type Amounts = SmallVec<[i64; 6]>;

/// Stands in the place of a role: what may be taken back at any time.
pub const REVOCABLE: u32 = u32::MAX;

/// Amounts of an agent: unreserved ones, those reserved for roles, and those that are [`REVOCABLE`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Unreserved amounts.
    pub plain: Amounts,
    /// Reserved amounts by role number, each role once.
    pub reserved: Vec<(u32, Amounts)>,
}

impl Bundle {
    /// Nothing, of so many columns.
    pub fn nothing(columns: usize) -> Self {
        Self {
            plain: SmallVec::from_elem(0, columns),
            reserved: Vec::new(),
        }
    }

    /// Unreserved amounts.
    pub fn of(plain: Amounts) -> Self {
        Self {
            plain,
            reserved: Vec::new(),
        }
    }

    /// Whether all amounts are of so many columns.
    pub fn is_of(&self, columns: usize) -> bool {
        let reserved = self.reserved.iter().map(|(_, amounts)| amounts);
        let mut all = reserved.chain([&self.plain]);
        all.all(|amounts| amounts.len() == columns)
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        let mut reserved = self.reserved.iter();
        is_nothing(&self.plain) && reserved.all(|(_, amounts)| is_nothing(amounts))
    }

    /// The sum over all, whatever it is reserved for.
    pub fn sum(&self) -> Amounts {
        let mut sum = self.plain.clone();
        for (_, amounts) in &self.reserved {
            add(&mut sum, amounts);
        }
        sum
    }

    /// Amount of one column, whatever it is reserved for.
    pub fn amount(&self, column: usize) -> i64 {
        let reserved = self.reserved.iter();
        self.plain[column] + reserved.map(|(_, own)| own[column]).sum::<i64>()
    }

    /// Amounts reserved for a role.
    pub fn of_role(&self, role: u32) -> Option<&Amounts> {
        let found = self.reserved.iter().find(|(own, _)| *own == role);
        found.map(|(_, amounts)| amounts)
    }

    /// Adds.
    pub fn add(&mut self, other: &Self) {
        add(&mut self.plain, &other.plain);
        for (role, amounts) in &other.reserved {
            match self.reserved.iter_mut().find(|(own, _)| own == role) {
                Some((_, own)) => add(own, amounts),
                None => self.reserved.push((*role, amounts.clone())),
            }
        }
    }

    /// Takes out.
    pub fn subtract(&mut self, other: &Self) {
        subtract(&mut self.plain, &other.plain);
        for (role, amounts) in &other.reserved {
            if let Some((_, own)) = self.reserved.iter_mut().find(|(own, _)| own == role) {
                subtract(own, amounts);
            }
        }
    }

    /// Common part of both.
    pub fn shared_with(&self, other: &Self) -> Self {
        let least = |one: &Amounts, two: &Amounts| -> Amounts {
            one.iter()
                .zip(two)
                .map(|(one, two)| *one.min(two))
                .collect()
        };
        let reserved = self.reserved.iter().filter_map(|(role, amounts)| {
            let other = other.of_role(*role)?;
            Some((*role, least(amounts, other)))
        });
        Self {
            plain: least(&self.plain, &other.plain),
            reserved: reserved.collect(),
        }
    }

    /// Whether there is as much of everything.
    pub fn contains(&self, other: &Self) -> bool {
        contains(&self.plain, &other.plain)
            && other.reserved.iter().all(|(role, amounts)| {
                is_nothing(amounts)
                    || self
                        .of_role(*role)
                        .is_some_and(|own| contains(own, amounts))
            })
    }

    /// Takes amounts out, reserved ones first; whatever is not there stays out. Of each resource all
    /// is revocable, if there is enough that is, or nothing.
    pub fn take(&mut self, wanted: &Amounts) -> Self {
        let mut left = wanted.clone();
        let mut taken = Self::nothing(self.plain.len());
        for (role, own) in &mut self.reserved {
            if *role == REVOCABLE {
                let part = take_whole(own, &mut left);
                if !is_nothing(&part) {
                    taken.reserved.push((*role, part));
                }
            }
        }
        for (role, own) in &mut self.reserved {
            if *role == REVOCABLE {
                continue;
            }
            let part = take_from(own, &mut left);
            if !is_nothing(&part) {
                taken.reserved.push((*role, part));
            }
        }
        taken.plain = take_from(&mut self.plain, &mut left);
        taken
    }
}

fn take_whole(own: &mut Amounts, left: &mut Amounts) -> Amounts {
    let both = own.iter_mut().zip(left.iter_mut());
    both.map(|(own, left)| {
        let part = if *left > 0 && *own >= *left { *left } else { 0 };
        *own -= part;
        *left -= part;
        part
    })
    .collect()
}

fn take_from(own: &mut Amounts, left: &mut Amounts) -> Amounts {
    let both = own.iter_mut().zip(left.iter_mut());
    both.map(|(own, left)| {
        let part = (*own).min(*left).max(0);
        *own -= part;
        *left -= part;
        part
    })
    .collect()
}

/// Whether there is nothing of anything.
pub fn is_nothing(amounts: &Amounts) -> bool {
    amounts.iter().all(|&amount| amount <= 0)
}

/// Whether there is as much of everything.
#[inline]
pub fn contains(have: &Amounts, asked: &Amounts) -> bool {
    have.iter()
        .zip(asked)
        .all(|(have, asked)| *asked <= 0 || asked <= have)
}

/// Adds.
#[inline]
pub fn add(sum: &mut Amounts, other: &Amounts) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum += other;
    }
}

/// Takes out; may fall below nothing.
#[inline]
pub fn subtract(sum: &mut Amounts, other: &Amounts) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum -= other;
    }
}

/// Takes out; nothing falls below nothing.
#[inline]
pub fn subtract_to_nothing(sum: &mut Amounts, other: &Amounts) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum = (*sum - other).max(0);
    }
}

/// The rest after taking out; nothing falls below nothing.
pub fn minus(have: &Amounts, other: &Amounts) -> Amounts {
    let mut rest = have.clone();
    subtract_to_nothing(&mut rest, other);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_revocable_as_a_whole_or_not_at_all() {
        let mut have = Bundle {
            plain: [4, 10].into_iter().collect(),
            reserved: vec![(REVOCABLE, [3, 0].into_iter().collect())],
        };
        let mut taken = || have.take(&[2, 5].into_iter().collect());
        let first = taken();
        assert_eq!(
            first.of_role(REVOCABLE).map(|own| own.to_vec()),
            Some(vec![2, 0])
        );
        assert_eq!(first.plain.to_vec(), [0, 5]);
        // One is left, which is not enough.
        let second = taken();
        assert_eq!(
            (second.of_role(REVOCABLE), second.plain.to_vec()),
            (None, vec![2, 5])
        );
        assert_eq!(have.sum().to_vec(), [3, 0]);
    }

    #[test]
    fn reserved_amounts_are_taken_first_and_never_more_than_there_is() {
        let mut have = Bundle {
            plain: [4, 10].into_iter().collect(),
            reserved: [(7, [2, 0].into_iter().collect())].into_iter().collect(),
        };
        let taken = have.take(&[3, 20].into_iter().collect());
        assert_eq!(taken.of_role(7).map(|own| own.to_vec()), Some(vec![2, 0]));
        assert_eq!(taken.plain.to_vec(), [1, 10]);
        assert_eq!(have.sum().to_vec(), [3, 0]);
        have.add(&taken);
        assert!(have.contains(&taken) && !taken.contains(&have));
        assert_eq!(have.sum().to_vec(), [6, 10]);
    }
}
