//! Commits of claims that were made on a copy of the cluster, against the cluster as it is by then
//! (spec: orchestrators-b.md section 6.1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rule of conflicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "OmegaConflicts")]
pub enum Conflicts {
    /// A claim fails only if it would over-commit its node.
    #[default]
    Fine,
    /// A claim fails, too, if another one on its node was accepted since the scheduler's copy was
    /// made.
    Coarse,
}

/// Fate of a transaction of which a claim fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "OmegaTransactions")]
pub enum Transactions {
    /// The other claims are kept, and the rest is decided on again.
    #[default]
    Incremental,
    /// No claim is kept.
    AllOrNothing,
}

/// The shared state that claims are committed to.
pub trait Ledger {
    /// A claim on a node.
    type Claim;

    /// Returns whether a claim on the same node was accepted at a commit later than the copy.
    fn is_touched(&self, claim: &Self::Claim) -> bool;

    /// Takes what is claimed if it is there; `false` if it is not.
    fn take(&mut self, claim: &Self::Claim) -> bool;

    /// Gives back what was taken.
    fn give_back(&mut self, claim: &Self::Claim);
}

/// Commits the claims of a transaction in their order, and returns which of them are kept; a rejected
/// claim leaves no trace.
///
/// Two tasks claim the only free slot:
///
/// ```
/// use scheduler::omega::commit::{Conflicts, Ledger, Transactions, commit};
///
/// struct Slots(u32);
///
/// impl Ledger for Slots {
///     type Claim = u32;
///
///     fn is_touched(&self, _: &u32) -> bool {
///         false
///     }
///
///     fn take(&mut self, slots: &u32) -> bool {
///         let fits = *slots <= self.0;
///         self.0 -= if fits { *slots } else { 0 };
///         fits
///     }
///
///     fn give_back(&mut self, slots: &u32) {
///         self.0 += slots;
///     }
/// }
///
/// let mut cell = Slots(1);
/// let kept = commit(&mut cell, &[1, 1], Conflicts::Fine, Transactions::AllOrNothing);
/// assert_eq!((kept, cell.0), (vec![false, false], 1));
/// let kept = commit(&mut cell, &[1, 1], Conflicts::Fine, Transactions::Incremental);
/// assert_eq!((kept, cell.0), (vec![true, false], 0));
/// ```
pub fn commit<L: Ledger>(
    ledger: &mut L,
    claims: &[L::Claim],
    conflicts: Conflicts,
    transactions: Transactions,
) -> Vec<bool> {
    let mut kept = Vec::with_capacity(claims.len());
    for claim in claims {
        let is_touched = conflicts == Conflicts::Coarse && ledger.is_touched(claim);
        kept.push(!is_touched && ledger.take(claim));
    }
    if transactions == Transactions::AllOrNothing && kept.contains(&false) {
        for (claim, is_kept) in claims.iter().zip(&mut kept) {
            if std::mem::take(is_kept) {
                ledger.give_back(claim);
            }
        }
    }
    kept
}
