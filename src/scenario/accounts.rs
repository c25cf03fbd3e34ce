//! Rules between the accounts of `system.scheduler.slurm.accounts:`.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{Scenario, SlurmAccount, WorkloadSource};
use super::tree::Tree;
use units::SortedMap;

/// The place of the accounts in an experiment.
pub const ACCOUNTS: &str = "system.scheduler.slurm.accounts";

/// Reports every broken rule about accounts.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let Some(slurm) = &scenario.system.scheduler.slurm else {
        return;
    };
    let accounts = &slurm.accounts;
    let mut wrong = |code: Code, place: &[&str], message: String, label: &str| {
        let span = tree.locate(ACCOUNTS.split('.').chain(place.iter().copied()));
        findings.push(Finding::new(code, message, span).label(label.to_owned()));
    };
    let mut users: SortedMap<&str, &str> = SortedMap::new();
    for (number, own) in accounts.iter().enumerate() {
        let (name, place) = (&own.name, number.to_string());
        if accounts[..number].iter().any(|other| other.name == *name) {
            let message = format!("the account `{name}` is declared twice");
            let label = "expected one entry for each account";
            wrong(Code::DuplicateName, &[&place, "name"], message, label);
        }
        for user in own.users.keys() {
            if let Some(other) = users.insert(user, name) {
                let message = format!("the user `{user}` has two accounts, `{other}` and `{name}`");
                let label = "expected each user in one account";
                wrong(
                    Code::DuplicateName,
                    &[&place, "users", user],
                    message,
                    label,
                );
            }
        }
        if let Some((code, message, label)) = wrong_parent(accounts, own) {
            wrong(code, &[&place, "parent"], message, label);
        }
    }
    if !accounts.is_empty() {
        check_workload(
            scenario,
            tree,
            findings,
            &OfUsers {
                field: ACCOUNTS,
                word: "accounts",
            },
        );
    }
}

/// The complaint about the parent of an account.
fn wrong_parent(
    accounts: &[SlurmAccount],
    own: &SlurmAccount,
) -> Option<(Code, String, &'static str)> {
    let (name, parent) = (&own.name, own.parent.as_ref()?);
    if accounts.iter().all(|other| other.name != *parent) {
        let message = format!("the account `{name}` belongs to `{parent}`, which is not declared");
        let label = "expected the name of another account";
        return Some((Code::UnknownName, message, label));
    }
    let message = if parent == name {
        format!("the account `{name}` is its own parent")
    } else {
        format!("the account `{name}` belongs to itself, by way of `{parent}`")
    };
    let label = "expected a tree: leave `parent` out at its top";
    is_own_ancestor(accounts, own).then_some((Code::Conflict, message, label))
}

/// A field that is about the users of a workload.
pub(super) struct OfUsers {
    /// Place of the field.
    pub(super) field: &'static str,
    /// Its entries in a word.
    pub(super) word: &'static str,
}

/// Reports a workload without users, for a field that is about them.
pub(super) fn check_workload(
    scenario: &Scenario,
    tree: &Tree,
    findings: &mut Findings,
    about: &OfUsers,
) {
    let declares = |source: &WorkloadSource| {
        matches!(
            source,
            WorkloadSource::Manifests { .. } | WorkloadSource::Units { .. }
        )
    };
    if let Some(source) = scenario.workload.iter().position(declares) {
        let span = tree.locate(["workload", &source.to_string()]);
        let word = about.word;
        let message = format!("manifests and units have no users, so {word} mean nothing for them");
        let finding = Finding::new(Code::Conflict, message, span);
        findings.push(finding.label(format!("expected a trace, or no `{}`", about.field)));
    }
}

/// Whether an account is above itself. Accounts of one name are taken for the first.
fn is_own_ancestor(accounts: &[SlurmAccount], own: &SlurmAccount) -> bool {
    let mut above = own.parent.as_ref();
    for _ in accounts {
        let Some(name) = above else {
            return false;
        };
        if *name == own.name {
            return true;
        }
        let account = accounts.iter().find(|other| other.name == *name);
        above = account.and_then(|account| account.parent.as_ref());
    }
    false
}
