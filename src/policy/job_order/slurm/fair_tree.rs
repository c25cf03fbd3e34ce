//! Slurm's Fair Tree: users are ranked by walking the tree of accounts, at each level from the sibling
//! that used least of its share to the one that used most (spec: orchestrators-b.md section 7.5).
//!
//! A sibling's level share is S / U, its part of its siblings' shares over its part of their use.
//! Without use it is endless, without shares 0. Users go before accounts of equal level shares; a user
//! that is tied with the one before has the same rank. Accounts that are tied are merged before the
//! walk descends, as documented.

use std::cmp::Ordering;

/// A user or an account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// The member's name.
    pub name: String,
    /// Shares among siblings.
    pub shares: f64,
    /// Own use; that of an account is the sum of its members'.
    pub usage: f64,
    /// Members of an account; `None` for a user.
    pub members: Option<Vec<Member>>,
}

impl Member {
    /// Use of the member and all below it.
    pub fn total(&self) -> f64 {
        let below = self.members.iter().flatten();
        self.usage + below.map(Self::total).sum::<f64>()
    }

    fn users(&self) -> usize {
        match &self.members {
            Some(members) => members.iter().map(Self::users).sum(),
            None => 1,
        }
    }
}

/// Standing of a member after the walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The member's name.
    pub name: String,
    /// Level share; infinite without use.
    pub level: f64,
    /// Rank over the number of users; `None` for an account.
    pub factor: Option<f64>,
}

/// Handling of accounts with equal level shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TiedAccounts {
    /// Their members are ranked together, as documented.
    #[default]
    Merged,
    /// One account comes after the other, in written order, as the code of some versions does.
    Apart,
}

/// A sibling with its level share.
struct Ranked<'a> {
    member: &'a Member,
    level: f64,
}

fn level_shares(siblings: &[Member]) -> Vec<Ranked<'_>> {
    let shares: f64 = siblings.iter().map(|member| member.shares).sum();
    let usage: f64 = siblings.iter().map(Member::total).sum();
    let level = |member: &Member| {
        if member.shares <= 0.0 || shares <= 0.0 {
            return 0.0;
        }
        let own = member.total();
        if own <= 0.0 {
            return f64::INFINITY;
        }
        // One division of products: equal shares come out equal.
        (member.shares * usage) / (shares * own)
    };
    let ranked = |member| Ranked {
        member,
        level: level(member),
    };
    siblings.iter().map(ranked).collect()
}

/// The standings of all members of a tree, in the order of the walk.
pub fn rank(siblings: &[Member], tied: TiedAccounts) -> Vec<Standing> {
    let users: usize = siblings.iter().map(Member::users).sum();
    let mut walk = Walk {
        tied,
        users,
        left: users,
        standings: Vec::new(),
    };
    walk.descend(level_shares(siblings));
    walk.standings
}

struct Walk {
    tied: TiedAccounts,
    users: usize,
    /// The rank of the next user.
    left: usize,
    standings: Vec<Standing>,
}

impl Walk {
    fn descend(&mut self, mut siblings: Vec<Ranked<'_>>) {
        siblings.sort_by(|one, other| {
            let levels = other.level.total_cmp(&one.level);
            levels.then_with(|| {
                let is_account = |ranked: &Ranked<'_>| ranked.member.members.is_some();
                is_account(one).cmp(&is_account(other))
            })
        });
        let mut previous: Option<(f64, usize)> = None;
        let mut index = 0;
        while let Some(ranked) = siblings.get(index) {
            index += 1;
            let is_level = |level: f64| level.total_cmp(&ranked.level) == Ordering::Equal;
            let Some(members) = &ranked.member.members else {
                let same = previous.filter(|&(level, _)| is_level(level));
                let rank = same.map_or(self.left, |(_, rank)| rank);
                self.left -= 1;
                previous = Some((ranked.level, rank));
                self.note(ranked, Some(rank as f64 / self.users as f64));
                continue;
            };
            previous = None;
            self.note(ranked, None);
            let mut below = level_shares(members);
            while self.tied == TiedAccounts::Merged
                && let Some(next) = siblings.get(index).filter(|next| is_level(next.level))
            {
                index += 1;
                self.note(next, None);
                below.extend(level_shares(next.member.members.as_deref().unwrap_or(&[])));
            }
            self.descend(below);
        }
    }

    fn note(&mut self, ranked: &Ranked<'_>, factor: Option<f64>) {
        self.standings.push(Standing {
            name: ranked.member.name.clone(),
            level: ranked.level,
            factor,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, shares: f64, usage: f64) -> Member {
        Member {
            name: name.to_owned(),
            shares,
            usage,
            members: None,
        }
    }

    fn account(name: &str, shares: f64, members: Vec<Member>) -> Member {
        Member {
            name: name.to_owned(),
            shares,
            usage: 0.0,
            members: Some(members),
        }
    }

    fn factors(tree: &[Member], tied: TiedAccounts) -> Vec<(String, f64)> {
        let ranked = rank(tree, tied).into_iter();
        let users = ranked.filter_map(|standing| Some((standing.name, standing.factor?)));
        users.collect()
    }

    #[test]
    fn users_are_ranked_by_the_walk_and_ties_share_a_rank() {
        let tree = [
            account(
                "A",
                60.0,
                vec![user("a1", 1.0, 40.0), user("a2", 1.0, 10.0)],
            ),
            account("B", 40.0, vec![user("b1", 1.0, 50.0)]),
        ];
        let third = 1.0 / 3.0;
        let found = factors(&tree, TiedAccounts::Merged);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a2", "a1", "b1"]);
        assert!((found[1].1 - 2.0 * third).abs() < 1e-9 && (found[2].1 - third).abs() < 1e-9);
        let tied = [
            user("x", 1.0, 0.0),
            user("y", 2.0, 0.0),
            user("z", 1.0, 4.0),
        ];
        let ranks: Vec<f64> = factors(&tied, TiedAccounts::Merged)
            .into_iter()
            .map(|(_, factor)| factor * 3.0)
            .collect();
        assert_eq!(ranks, [3.0, 3.0, 1.0]);
    }

    #[test]
    fn tied_accounts_are_merged_or_kept_apart() {
        let tree = [
            account("A", 1.0, vec![user("a1", 1.0, 40.0), user("a2", 1.0, 10.0)]),
            account("B", 1.0, vec![user("b1", 1.0, 50.0)]),
        ];
        let names = |tied| -> Vec<String> {
            let found = factors(&tree, tied).into_iter();
            found.map(|(name, _)| name).collect()
        };
        assert_eq!(names(TiedAccounts::Merged), ["a2", "b1", "a1"]);
        assert_eq!(names(TiedAccounts::Apart), ["a2", "a1", "b1"]);
    }
}
