//! Cases of Omega: decision times, and transactions against shared state (spec: orchestrators-b.md
//! section 6.1).

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use scheduler::omega::JobKind;
use scheduler::omega::commit::{Conflicts, Ledger, Transactions, commit};
use units::Duration;

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "omega-decision-time" => decision_time,
        "omega" => transactions,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct Times {
    t_job: f64,
    t_task: f64,
    tasks: Vec<usize>,
}

fn decision_time(case: &Case) -> Result<Value, Trouble> {
    let given: Times = read(&case.request)?;
    let time = |seconds: f64| {
        let time = Duration::checked_from_secs_f64(seconds);
        time.ok_or_else(|| Trouble::Malformed(format!("{seconds} s is no time")))
    };
    let kind = JobKind {
        per_job: time(given.t_job)?,
        per_task: time(given.t_task)?,
        ..JobKind::default()
    };
    let tasks = given.tasks.iter();
    let seconds: Vec<f64> = tasks
        .map(|&tasks| kind.decision_time(tasks).as_secs_f64())
        .collect();
    Ok(json!({ "seconds": seconds }))
}

#[derive(Deserialize)]
struct Transaction {
    snapshot: f64,
    commit: f64,
    claims: IndexMap<String, f64>,
}

/// What is free on a machine, and when the last claim on it was accepted.
#[derive(Clone, Copy)]
struct Machine {
    free: f64,
    claimed: f64,
}

/// Machines at the commit of a transaction.
struct Machines<'a> {
    machines: &'a mut IndexMap<String, Machine>,
    snapshot: f64,
}

/// Difference below which amounts are equal.
const ROUNDING: f64 = 1e-9;

/// A claim on a machine.
struct Claimed {
    machine: String,
    amount: f64,
}

impl Ledger for Machines<'_> {
    type Claim = Claimed;

    fn is_touched(&self, claim: &Claimed) -> bool {
        let own = self.machines.get(&claim.machine);
        own.is_some_and(|own| own.claimed > self.snapshot)
    }

    fn take(&mut self, claim: &Claimed) -> bool {
        let own = self.machines.get_mut(&claim.machine);
        let Some(own) = own.filter(|own| claim.amount <= own.free + ROUNDING) else {
            return false;
        };
        own.free -= claim.amount;
        true
    }

    fn give_back(&mut self, claim: &Claimed) {
        if let Some(own) = self.machines.get_mut(&claim.machine) {
            own.free += claim.amount;
        }
    }
}

fn transactions(case: &Case) -> Result<Value, Trouble> {
    let free: IndexMap<String, f64> = read(&case.nodes)?;
    let given: IndexMap<String, Transaction> = read(&case.request)?;
    let mut order: Vec<(&String, &Transaction)> = given.iter().collect();
    order.sort_by(|one, other| one.1.commit.total_cmp(&other.1.commit));
    let mut answers = Map::new();
    for (conflicts, first) in [(Conflicts::Fine, "fine"), (Conflicts::Coarse, "coarse")] {
        for (fate, second) in [
            (Transactions::Incremental, "incremental"),
            (Transactions::AllOrNothing, "all_or_nothing"),
        ] {
            let machine = |(name, &free): (&String, &f64)| {
                let claimed = f64::NEG_INFINITY;
                (name.clone(), Machine { free, claimed })
            };
            let mut machines: IndexMap<String, Machine> = free.iter().map(machine).collect();
            let mut kept = Map::new();
            for (id, own) in &order {
                let claims = own.claims.iter().map(|(machine, &amount)| Claimed {
                    machine: machine.clone(),
                    amount,
                });
                let claims: Vec<Claimed> = claims.collect();
                let mut ledger = Machines {
                    machines: &mut machines,
                    snapshot: own.snapshot,
                };
                let accepted = commit(&mut ledger, &claims, conflicts, fate);
                let mut own_kept = Map::new();
                for (claim, _) in claims.iter().zip(&accepted).filter(|(_, kept)| **kept) {
                    let machine = &claim.machine;
                    own_kept.insert(
                        machine.clone(),
                        case.request[*id]["claims"][machine].clone(),
                    );
                    if let Some(touched) = machines.get_mut(machine) {
                        touched.claimed = own.commit;
                    }
                }
                kept.insert((*id).clone(), Value::Object(own_kept));
            }
            answers.insert(format!("{first}+{second}"), json!({ "kept": kept }));
        }
    }
    Ok(Value::Object(answers))
}
