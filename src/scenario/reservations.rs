//! Rules between the advance reservations of `system.scheduler.slurm.reservations:`.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{Backfill, Scenario};
use super::tree::Tree;
use units::nearest::hint;

/// The place of the reservations in an experiment.
pub const RESERVATIONS: &str = "system.scheduler.slurm.reservations";

/// Reports every broken rule about reservations, and options of loops without effect.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let scheduler = &scenario.system.scheduler;
    let Some(slurm) = &scheduler.slurm else {
        return;
    };
    let mut wrong = |code: Code, place: &[&str], message: String, label: &str| {
        let all = "system.scheduler.slurm".split('.');
        let span = tree.locate(all.chain(place.iter().copied()));
        findings.push(Finding::new(code, message, span).label(label.to_owned()));
    };
    let is_slurm = scheduler.backfill == Backfill::Slurm;
    if slurm.loops.is_some() && !is_slurm {
        let message = "the loops belong to the backfill rule `slurm`".to_owned();
        let label = "expected `backfill: slurm`, or no `loops`";
        wrong(Code::Conflict, &["loops"], message, label);
    }
    if !slurm.reservations.is_empty() && !is_slurm {
        let message = "only the backfill rule `slurm` keeps advance reservations".to_owned();
        let label = "expected `backfill: slurm`, or no `reservations`";
        wrong(Code::Conflict, &["reservations"], message, label);
    }
    for (number, own) in slurm.reservations.iter().enumerate() {
        let (name, place) = (&own.name, number.to_string());
        let before = &slurm.reservations[..number];
        if before.iter().any(|other| other.name == *name) {
            wrong(
                Code::DuplicateName,
                &["reservations", &place, "name"],
                format!("the reservation `{name}` is declared twice"),
                "expected one entry for each reservation",
            );
        }
        for (at, user) in own.users.iter().enumerate() {
            if !slurm.users().any(|known| known == user) {
                wrong(
                    Code::UnknownName,
                    &["reservations", &place, "users", &at.to_string()],
                    format!("no account has the user `{user}`"),
                    &format!(
                        "expected a user under `accounts`; {}",
                        hint(user, slurm.users())
                    ),
                );
            }
        }
        let accounts = || slurm.accounts.iter().map(|known| known.name.as_str());
        for (at, account) in own.accounts.iter().enumerate() {
            if !accounts().any(|known| known == account) {
                wrong(
                    Code::UnknownName,
                    &["reservations", &place, "accounts", &at.to_string()],
                    format!("there is no account `{account}`"),
                    &format!(
                        "expected one under `accounts`; {}",
                        hint(account, accounts())
                    ),
                );
            }
        }
    }
}
