//! Majorities of replicated managers, masters and stores.

use thiserror::Error;
use units::plural;

/// Number of members that have to agree.
pub const fn quorum(members: usize) -> usize {
    members / 2 + 1
}

/// Number of members that may fail.
pub const fn tolerated_failures(members: usize) -> usize {
    members.saturating_sub(quorum(members))
}

/// An even number of members: one more failure point, and no more failures survived.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{members} {what} tolerate {}, as {} would; expected an odd number",
    plural::count(tolerated_failures(*members), "failure"),
    members.saturating_sub(1)
)]
pub struct EvenMembers {
    /// Kind of the members (`managers`, `masters`).
    pub what: &'static str,
    /// Number of members.
    pub members: usize,
}

/// Refuses an even number of members.
///
/// # Errors
/// The number is even.
pub fn check_odd(what: &'static str, members: usize) -> Result<(), EvenMembers> {
    if members % 2 == 1 {
        Ok(())
    } else {
        Err(EvenMembers { what, members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_survives_less_than_half() {
        let members = 1..=7;
        let quorums: Vec<usize> = members.clone().map(quorum).collect();
        assert_eq!(quorums, [1, 2, 2, 3, 3, 4, 4]);
        let tolerated: Vec<usize> = members.map(tolerated_failures).collect();
        assert_eq!(tolerated, [0, 0, 1, 1, 2, 2, 3]);
        assert_eq!(tolerated_failures(0), 0);
    }

    #[test]
    fn an_even_number_is_named() {
        assert_eq!(check_odd("managers", 3), Ok(()));
        let told = check_odd("managers", 4).map_err(|error| error.to_string());
        let expected = "4 managers tolerate 1 failure, as 3 would; expected an odd number";
        assert_eq!(told, Err(expected.to_owned()));
    }
}
