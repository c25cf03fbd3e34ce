//! Slurm's Fair Tree: users are ranked by walking the tree of accounts, at each level from the sibling
//! that used least of its share to the one that used most (spec: orchestrators-b.md section 7.5).
//!
//! A sibling's level share is S / U, its part of its siblings' shares over its part of their use.
//! Without use it is endless, as that of a user with the shares of its account; without shares it is 0.
//! Users go before accounts of equal level shares; a user that is tied with the one before has the same
//! rank, as has the first user of an account that is tied with its sibling before. Accounts that are tied
//! are merged before the walk descends, as documented.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user or an account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// The member's name.
    pub name: String,
    /// Shares among siblings; `None` of a user with the shares of its account, who goes first in it.
    pub shares: Option<f64>,
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
pub struct MemberRank {
    /// The member's name.
    pub name: String,
    /// Level share; infinite without use.
    pub level: f64,
    /// Rank over the number of users; `None` for an account.
    pub factor: Option<f64>,
}

/// Handling of accounts that used the same part of their shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TiedAccounts {
    /// Their members are ranked together, as Slurm's documentation has it.
    #[default]
    Merged,
    /// One account is ranked after the other, as the code of some releases of Slurm does.
    // In written order; the first user of the second one has the rank of the last user before it.
    Apart,
}

/// A sibling with its level share.
struct SiblingRank<'a> {
    member: &'a Member,
    level: f64,
}

fn level_shares(siblings: &[Member]) -> Vec<SiblingRank<'_>> {
    let shares: f64 = siblings.iter().filter_map(|member| member.shares).sum();
    let usage: f64 = siblings.iter().map(Member::total).sum();
    let level = |member: &Member| {
        let Some(part) = member.shares else {
            return f64::INFINITY;
        };
        if part <= 0.0 || shares <= 0.0 {
            return 0.0;
        }
        let own = member.total();
        if own <= 0.0 {
            return f64::INFINITY;
        }
        // One division of products: equal shares come out equal.
        (part * usage) / (shares * own)
    };
    let ranked = |member| SiblingRank {
        member,
        level: level(member),
    };
    siblings.iter().map(ranked).collect()
}

/// The standings of all members of a tree, in the order of the walk.
pub fn rank(siblings: &[Member], tied: TiedAccounts) -> Vec<MemberRank> {
    let users: usize = siblings.iter().map(Member::users).sum();
    let mut walk = Walk {
        tied,
        users,
        left: users,
        rank: users,
        standings: Vec::new(),
    };
    walk.descend(level_shares(siblings), false);
    walk.standings
}

struct Walk {
    tied: TiedAccounts,
    users: usize,
    /// The rank of the next user who is tied with none.
    left: usize,
    /// The rank of the last user.
    rank: usize,
    standings: Vec<MemberRank>,
}

impl Walk {
    /// Walks siblings, of which the first may be tied with the user before them: their account is.
    fn descend(&mut self, mut siblings: Vec<SiblingRank<'_>>, begins_tied: bool) {
        siblings.sort_by(|one, other| {
            let levels = other.level.total_cmp(&one.level);
            levels.then_with(|| {
                let is_account = |ranked: &SiblingRank<'_>| ranked.member.members.is_some();
                is_account(one).cmp(&is_account(other))
            })
        });
        let mut previous: Option<f64> = None;
        let mut index = 0;
        while let Some(ranked) = siblings.get(index) {
            index += 1;
            let is_level = |level: f64| level.total_cmp(&ranked.level) == Ordering::Equal;
            let is_tied = previous.map_or(begins_tied, is_level);
            previous = Some(ranked.level);
            let Some(members) = &ranked.member.members else {
                if !is_tied {
                    self.rank = self.left;
                }
                self.left -= 1;
                self.note(ranked, Some(self.rank as f64 / self.users as f64));
                continue;
            };
            self.note(ranked, None);
            let mut below = level_shares(members);
            while self.tied == TiedAccounts::Merged
                && let Some(next) = siblings.get(index).filter(|next| is_level(next.level))
            {
                index += 1;
                self.note(next, None);
                below.extend(level_shares(next.member.members.as_deref().unwrap_or(&[])));
            }
            self.descend(below, is_tied);
        }
    }

    fn note(&mut self, ranked: &SiblingRank<'_>, factor: Option<f64>) {
        self.standings.push(MemberRank {
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
            shares: Some(shares),
            usage,
            members: None,
        }
    }

    fn account(name: &str, shares: f64, members: Vec<Member>) -> Member {
        Member {
            name: name.to_owned(),
            shares: Some(shares),
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

    /// Ranks of users, in the order of the walk.
    fn ranks(tree: &[Member], tied: TiedAccounts) -> Vec<(String, usize)> {
        let found = factors(tree, tied);
        let users = found.len() as f64;
        let rank = |factor: f64| (factor * users).round() as usize;
        let ranks = found.into_iter();
        ranks.map(|(name, own)| (name, rank(own))).collect()
    }

    fn expected(ranks: &[(&str, usize)]) -> Vec<(String, usize)> {
        let ranks = ranks.iter();
        ranks.map(|&(name, rank)| (name.to_owned(), rank)).collect()
    }

    #[test]
    fn a_tied_user_takes_a_rank_from_the_counter() {
        // The specification's 5, 5, 3.
        let tree = [
            user("a", 1.0, 10.0),
            user("b", 2.0, 20.0),
            user("c", 1.0, 20.0),
            user("d", 1.0, 30.0),
            user("e", 1.0, 40.0),
        ];
        let ranked = [("a", 5), ("b", 5), ("c", 3), ("d", 2), ("e", 1)];
        assert_eq!(ranks(&tree, TiedAccounts::Merged), expected(&ranked));
    }

    #[test]
    fn a_user_with_the_shares_of_its_account_goes_first_in_it() {
        let parent = Member {
            shares: None,
            ..user("p", 0.0, 90.0)
        };
        // p is tied with y, who used nothing; its use counts as that of its account, its shares do not.
        let tree = [
            account(
                "A",
                1.0,
                vec![user("x", 1.0, 5.0), parent, user("y", 1.0, 0.0)],
            ),
            account("B", 1.0, vec![user("z", 1.0, 50.0)]),
        ];
        let ranked = [("z", 4), ("p", 3), ("y", 3), ("x", 1)];
        assert_eq!(ranks(&tree, TiedAccounts::Merged), expected(&ranked));
        let standings = rank(&tree, TiedAccounts::Merged);
        let x = standings
            .iter()
            .find(|standing| standing.name == "x")
            .expect("x");
        assert!((x.level - 0.5 / (5.0 / 95.0)).abs() < 1e-9);
    }

    #[test]
    fn a_user_who_is_tied_with_an_account_has_the_rank_of_its_first_user() {
        let tree = [
            account("A", 2.0, vec![user("a1", 1.0, 30.0), user("a2", 1.0, 10.0)]),
            user("u", 1.0, 20.0),
            user("v", 1.0, 80.0),
        ];
        let ranked = [("u", 4), ("a2", 4), ("a1", 2), ("v", 1)];
        assert_eq!(ranks(&tree, TiedAccounts::Merged), expected(&ranked));
    }

    #[test]
    fn tied_accounts_are_merged_or_kept_apart() {
        let tree = [
            account("A", 1.0, vec![user("a1", 1.0, 40.0), user("a2", 1.0, 10.0)]),
            account("B", 1.0, vec![user("b1", 1.0, 50.0)]),
        ];
        let merged = [("a2", 3), ("b1", 2), ("a1", 1)];
        assert_eq!(ranks(&tree, TiedAccounts::Merged), expected(&merged));
        let apart = [("a2", 3), ("a1", 2), ("b1", 2)];
        assert_eq!(ranks(&tree, TiedAccounts::Apart), expected(&apart));
    }
}
