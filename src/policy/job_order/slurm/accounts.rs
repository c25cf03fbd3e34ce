//! The tree of accounts, and the fair-share factors of its users.
//!
//! Fair tree walks the tree. The classic rule compares a user's part of all use with its part of all
//! shares, which are products down the tree; the use counts in part as that of the account, so that
//! users suffer from what their colleagues used (Slurm's documentation, "Multifactor Priority Plugin",
//! effective usage): UE = U + (UE of the account - U) * S / sum of the siblings' S.

use units::TenantId;

use super::FairShare;
use super::fair_share;
use super::fair_tree::{self, Member};

/// An account with its users.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// The account's name.
    pub name: String,
    /// Place of the account that it belongs to, before its own; `None` at the top.
    pub parent: Option<usize>,
    /// Shares among its siblings, at least 1.
    pub shares: u32,
    /// Users with their shares, which are at least 1; `None` of those with the shares of the account.
    pub users: Vec<(TenantId, Option<u32>)>,
}

/// The tree of accounts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// The accounts, each after the account that it belongs to.
    pub accounts: Vec<Account>,
    /// Users of the root, with their shares.
    pub users: Vec<(TenantId, Option<u32>)>,
}

impl Tree {
    /// Users below an account, or of the root.
    fn users(&self, account: Option<usize>) -> &[(TenantId, Option<u32>)] {
        account.map_or(&self.users, |place| &self.accounts[place].users)
    }

    /// Accounts below an account, or below the root, with their places.
    fn below(&self, account: Option<usize>) -> impl Iterator<Item = (usize, &Account)> {
        let accounts = self.accounts.iter().enumerate();
        accounts.filter(move |(_, own)| own.parent == account)
    }

    /// Shares of all accounts and users right below an account, or below the root.
    fn shares_below(&self, account: Option<usize>) -> f64 {
        let accounts: f64 = self
            .below(account)
            .map(|(_, own)| f64::from(own.shares))
            .sum();
        let users = self.users(account).iter().filter_map(|own| own.1);
        accounts + users.map(f64::from).sum::<f64>()
    }
}

/// The factors of all users, by what each has used.
pub fn factors(
    tree: &Tree,
    rule: FairShare,
    past: impl Fn(TenantId) -> f64,
) -> Vec<(TenantId, f64)> {
    match rule {
        FairShare::FairTree { tied } => {
            let tree = members(tree, None, &past);
            let ranked = fair_tree::rank(&tree, tied).into_iter();
            let users = ranked.filter_map(|standing| {
                let tenant = standing.name.parse().ok().map(TenantId)?;
                Some((tenant, standing.factor?))
            });
            users.collect()
        }
        FairShare::Classic { damp } => classic(tree, damp, past),
    }
}

/// The users and accounts below an account, or below the root.
fn members(tree: &Tree, account: Option<usize>, past: &impl Fn(TenantId) -> f64) -> Vec<Member> {
    let users = tree.users(account).iter().map(|&(tenant, shares)| Member {
        name: tenant.0.to_string(),
        shares: shares.map(f64::from),
        usage: past(tenant),
        members: None,
    });
    let accounts = tree.below(account).map(|(place, own)| Member {
        name: own.name.clone(),
        shares: Some(f64::from(own.shares)),
        usage: 0.0,
        members: Some(members(tree, Some(place), past)),
    });
    users.chain(accounts).collect()
}

/// Part of all shares, and of all use as it counts.
#[derive(Clone, Copy)]
struct Part {
    shares: f64,
    usage: f64,
}

fn classic(tree: &Tree, damp: f64, past: impl Fn(TenantId) -> f64) -> Vec<(TenantId, f64)> {
    let sum =
        |users: &[(TenantId, Option<u32>)]| users.iter().map(|&(tenant, _)| past(tenant)).sum();
    let mut used: Vec<f64> = (tree.accounts.iter())
        .map(|account| sum(&account.users))
        .collect();
    let mut all: f64 = sum(&tree.users);
    for (place, own) in tree.accounts.iter().enumerate().rev() {
        match own.parent {
            Some(parent) => used[parent] += used[place],
            None => all += used[place],
        }
    }
    // Each adds up all siblings, so once for all of them.
    let places = std::iter::once(None).chain((0..tree.accounts.len()).map(Some));
    let below: Vec<f64> = places.map(|own| tree.shares_below(own)).collect();
    // A part of what the account above has; below the root, use counts as it is.
    let part = |account: Option<usize>, parts: &[Part], shares: u32, used: f64| {
        let weight = f64::from(shares) / below[account.map_or(0, |place| place + 1)];
        let usage = if all > 0.0 { used / all } else { 0.0 };
        match account.map(|place| parts[place]) {
            Some(above) => Part {
                shares: above.shares * weight,
                usage: usage + (above.usage - usage) * weight,
            },
            None => Part {
                shares: weight,
                usage,
            },
        }
    };
    let mut parts = Vec::new();
    for (place, own) in tree.accounts.iter().enumerate() {
        parts.push(part(own.parent, &parts, own.shares, used[place]));
    }
    let accounts = std::iter::once(None).chain((0..tree.accounts.len()).map(Some));
    let users = accounts.flat_map(|account| {
        let users = tree.users(account).iter();
        users.map(move |&(tenant, shares)| (account, tenant, shares))
    });
    let factor = |(account, tenant, shares): (Option<usize>, TenantId, Option<u32>)| {
        let own = match (shares, account) {
            (Some(shares), _) => part(account, &parts, shares, past(tenant)),
            // The factor of the account itself.
            (None, Some(place)) => parts[place],
            (None, None) => Part {
                shares: 1.0,
                usage: 1.0,
            },
        };
        (tenant, fair_share::classic(own.usage, own.shares, damp))
    };
    users.map(factor).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fair_tree::TiedAccounts;
    use super::*;

    fn account(name: &str, parent: Option<usize>, shares: u32, users: &[(u32, u32)]) -> Account {
        Account {
            name: name.to_owned(),
            parent,
            shares,
            users: users
                .iter()
                .map(|&(user, shares)| (TenantId(user), Some(shares)))
                .collect(),
        }
    }

    fn tree(accounts: &[Account]) -> Tree {
        Tree {
            accounts: accounts.to_vec(),
            users: Vec::new(),
        }
    }

    const FAIR_TREE: FairShare = FairShare::FairTree {
        tied: TiedAccounts::Merged,
    };

    fn check(tree: &Tree, rule: FairShare, used: &[f64], expected: &[(u32, f64)]) {
        let found = factors(tree, rule, |tenant| used[tenant.0 as usize]);
        assert_eq!(found.len(), expected.len());
        for ((tenant, factor), (user, value)) in found.into_iter().zip(expected) {
            assert_eq!(tenant, TenantId(*user));
            assert!(
                (factor - value).abs() < 1e-6,
                "{user}: {factor}, expected {value}"
            );
        }
    }

    #[test]
    fn the_walk_ranks_users_of_the_account_that_used_least_of_its_share_first() {
        // The specification's worked example.
        let worked = tree(&[
            account("A", None, 60, &[(0, 1), (1, 1)]),
            account("B", None, 40, &[(2, 1)]),
        ]);
        let third = 1.0 / 3.0;
        let ranked = [(1, 1.0), (0, 2.0 * third), (2, third)];
        check(&worked, FAIR_TREE, &[40.0, 10.0, 50.0], &ranked);
        // An account below another is a sibling of its users.
        let nested = tree(&[
            account("A", None, 1, &[(0, 1)]),
            account("A1", Some(0), 3, &[(1, 1), (2, 1)]),
        ]);
        let ranked = [(2, 1.0), (1, 2.0 * third), (0, third)];
        check(&nested, FAIR_TREE, &[30.0, 20.0, 10.0], &ranked);
    }

    #[test]
    fn the_classic_rule_counts_the_use_of_colleagues() {
        let classic = FairShare::Classic { damp: 1.0 };
        let two = tree(&[
            account("A", None, 1, &[(0, 1), (1, 1)]),
            account("B", None, 1, &[(2, 1)]),
        ]);
        // User 1 used nothing, but half of what its account used counts.
        let factor = |usage: f64, shares: f64| fair_share::classic(usage, shares, 1.0);
        let expected = [(0, factor(1.0, 0.25)), (1, factor(0.5, 0.25)), (2, 1.0)];
        check(&two, classic, &[50.0, 0.0, 0.0], &expected);
        // Users of the root: the factors of the specification.
        let root = Tree {
            users: vec![(TenantId(0), Some(2)), (TenantId(1), Some(8))],
            ..Tree::default()
        };
        let expected = [(0, 0.353_553), (1, factor(0.7, 0.8))];
        check(&root, classic, &[3.0, 7.0], &expected);
        // A user with the shares of its account has the factor of the account, and the other one all shares.
        let mut parent = two.clone();
        parent.accounts[0].users[0].1 = None;
        let expected = [
            (0, factor(0.8, 0.5)),
            (1, factor(0.8, 0.5)),
            (2, factor(0.2, 0.5)),
        ];
        check(&parent, classic, &[50.0, 30.0, 20.0], &expected);
    }
}
