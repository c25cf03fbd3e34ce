//! Rules between the options of Slurm: its accounts, partitions and reservations, and what has no effect.

use options::{BreachKind, Rules};
use units::nearest::hint;
use units::{SortedMap, SortedSet};

use super::{ACCOUNTS, FairShareRule, PARTITIONS, Slurm, SlurmAccount};

/// Reports every broken rule.
pub(super) fn check(stated: &Slurm, rules: &mut Rules<'_>) {
    let (all, parts) = (stated.accounts.iter(), stated.partitions.iter());
    names(rules, "accounts", "account", all.map(|own| &*own.name));
    names(
        rules,
        "partitions",
        "partition",
        parts.map(|own| &*own.name),
    );
    let all = stated.reservations.iter().map(|own| &*own.name);
    names(rules, "reservations", "reservation", all);
    accounts(&stated.accounts, rules);
    partitions(stated, rules);
    reservations(stated, rules);
    without_effect(stated, rules);
}

/// Reports names that stand for two entries of a list.
fn names<'run>(
    rules: &mut Rules<'_>,
    list: &str,
    noun: &str,
    names: impl Iterator<Item = &'run str>,
) {
    let mut known = SortedSet::new();
    for (number, name) in names.enumerate() {
        if !known.insert(name) {
            let message = format!("the {noun} `{name}` is declared twice");
            let label = format!("expected one entry for each {noun}");
            rules.at(&[list, &number.to_string(), "name"], message, label);
            rules.kind(BreachKind::DuplicateName);
        }
    }
}

fn accounts(accounts: &[SlurmAccount], rules: &mut Rules<'_>) {
    let mut users: SortedMap<&str, &str> = SortedMap::new();
    for (number, own) in accounts.iter().enumerate() {
        let (name, place) = (&own.name, number.to_string());
        for user in own.users.keys() {
            if let Some(other) = users.insert(user, name) {
                let message = format!("the user `{user}` has two accounts, `{other}` and `{name}`");
                let path = ["accounts", &place, "users", user];
                rules.at(&path, message, "expected each user in one account");
                rules.kind(BreachKind::DuplicateName);
            }
        }
        if let Some((kind, message, label)) = wrong_parent(accounts, own) {
            rules.at(&["accounts", &place, "parent"], message, label);
            rules.kind(kind);
        }
    }
    if let (false, Some(source)) = (accounts.is_empty(), rules.around().without_users) {
        let message = "manifests and units have no users, so accounts mean nothing for them";
        rules.source(
            source,
            message,
            &format!("expected a trace, or no `{ACCOUNTS}`"),
        );
    }
}

/// Complaint about the parent of an account.
fn wrong_parent(
    accounts: &[SlurmAccount],
    own: &SlurmAccount,
) -> Option<(BreachKind, String, &'static str)> {
    let (name, parent) = (&own.name, own.parent.as_ref()?);
    if accounts.iter().all(|other| other.name != *parent) {
        let message = format!("the account `{name}` belongs to `{parent}`, which is not declared");
        let label = "expected the name of another account";
        return Some((BreachKind::UnknownName, message, label));
    }
    let message = if parent == name {
        format!("the account `{name}` is its own parent")
    } else {
        format!("the account `{name}` belongs to itself, by way of `{parent}`")
    };
    let label = "expected a tree: leave `parent` out at its top";
    is_own_ancestor(accounts, own).then_some((BreachKind::Conflict, message, label))
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

fn partitions(stated: &Slurm, rules: &mut Rules<'_>) {
    let all = &stated.partitions;
    for (number, own) in all.iter().enumerate() {
        let (name, place) = (&own.name, number.to_string());
        let before = &all[..number];
        if own.default
            && let Some(other) = before.iter().find(|other| other.default)
        {
            let message = format!(
                "jobs that name no partition are in `{}` already",
                other.name
            );
            let label = "expected one partition with `default: true`";
            rules.at(&["partitions", &place, "default"], message, label);
        }
        if let (Some(time), Some(most)) = (own.default_time, own.max_time)
            && time > most
        {
            let message = format!(
                "jobs of `{name}` request {time} by default and may request {most} at most"
            );
            let label = "expected no more than its `maxTime`";
            rules.impossible(&["partitions", &place, "defaultTime"], message, label);
        }
    }
    if all.is_empty() && stated.partition_weight > 0 {
        let message = "there are no partitions whose factor could weigh";
        let label = "expected `partitions`, or no weight";
        rules.at(&["partitionWeight"], message, label);
    }
    if let (false, Some(source)) = (all.is_empty(), rules.around().without_partitions) {
        let message = "units name no partition, so partitions mean nothing for them";
        let label = format!("expected a trace or manifests, or no `{PARTITIONS}`");
        rules.source(source, message, &label);
    }
}

fn reservations(stated: &Slurm, rules: &mut Rules<'_>) {
    if rules.around().backfill != "slurm" {
        if stated.loops.is_some() {
            let message = "the loops belong to the backfill rule `slurm`";
            let label = "expected `backfill: slurm`, or no `loops`";
            rules.at(&["loops"], message, label);
        }
        if !stated.reservations.is_empty() {
            let message = "only the backfill rule `slurm` keeps advance reservations";
            let label = "expected `backfill: slurm`, or no `reservations`";
            rules.at(&["reservations"], message, label);
        }
    }
    for (number, own) in stated.reservations.iter().enumerate() {
        let place = number.to_string();
        for (at, user) in own.users.iter().enumerate() {
            if !stated.users().any(|known| known == user) {
                let known = hint(user, stated.users());
                let path = ["reservations", &place, "users", &at.to_string()];
                let label = format!("expected a user under `accounts`; {known}");
                rules.at(&path, format!("no account has the user `{user}`"), label);
                rules.kind(BreachKind::UnknownName);
            }
        }
        let accounts = || stated.accounts.iter().map(|known| known.name.as_str());
        for (at, account) in own.accounts.iter().enumerate() {
            if !accounts().any(|known| known == account) {
                let known = hint(account, accounts());
                let path = ["reservations", &place, "accounts", &at.to_string()];
                let label = format!("expected one under `accounts`; {known}");
                rules.at(&path, format!("there is no account `{account}`"), label);
                rules.kind(BreachKind::UnknownName);
            }
        }
    }
}

/// Options that another choice beside them leaves without effect.
fn without_effect(own: &Slurm, rules: &mut Rules<'_>) {
    let around = rules.around();
    // The backfill rule of the same name does not read the fields of the queue order.
    if around.queue != "slurm" && around.backfill == "slurm" {
        let fields = [
            "ageWeight",
            "fairShareWeight",
            "jobSizeWeight",
            "qosWeight",
            "associationWeight",
            "partitionWeight",
            "tresWeights",
            "maxAge",
            "halfLife",
            "calcPeriod",
            "favorSmall",
            "relativeToTime",
            "fairShare",
        ];
        rules.only_with("queue: slurm", &fields);
        for (number, partition) in own.partitions.iter().enumerate() {
            for (field, rank) in [
                ("priorityJobFactor", partition.priority_job_factor),
                ("priorityTier", partition.priority_tier),
            ] {
                if rank != 1 {
                    let message = format!("`{field}` has an effect with `queue: slurm` alone");
                    let label = format!("expected `queue: slurm`, or no `{field}`");
                    let path = ["partitions", &number.to_string(), field];
                    rules.at(&path, message, label);
                }
            }
        }
    }
    if own.slurmd_timeout.is_some() && around.observes_nodes {
        let message = "nodes are lost by their heartbeats, with `models: {nodeLife: observed}`";
        rules.idle(message, "`nodeLife: declared`", &["slurmdTimeout"]);
    }
    let is_tree = own.fair_share == FairShareRule::FairTree;
    if is_tree {
        rules.only_with("fairShare: classic", &["damp"]);
    } else {
        rules.only_with("fairShare: fair-tree", &["tiedAccounts"]);
    }
    if own.accounts.is_empty() {
        let fields = ["qosWeight", "associationWeight", "tiedAccounts"];
        let fields = &fields[..if is_tree { 3 } else { 2 }];
        rules.idle("there are no accounts", "`accounts`", fields);
    }
}

/// Notes options of factors that count for nothing, and of partitions that there are none of.
pub(super) fn note(own: &Slurm, rules: &mut Rules<'_>) {
    let is_queue = rules.around().queue == "slurm";
    if is_queue && own.job_size_weight == 0 {
        let fields = ["favorSmall", "relativeToTime"];
        rules.silent(
            "the size of a job weighs nothing",
            "a `jobSizeWeight`",
            &fields,
        );
    }
    if is_queue && own.age_weight == 0 {
        rules.silent(
            "the age of a job weighs nothing",
            "an `ageWeight`",
            &["maxAge"],
        );
    }
    if is_queue && own.fair_share_weight == 0 {
        let fields = ["halfLife", "fairShare", "tiedAccounts", "damp"];
        let reason = "the fair share of a job weighs nothing";
        rules.silent(reason, "a `fairShareWeight`", &fields);
    }
    if own.partitions.is_empty() {
        let fields = ["partitionWeight", "partitionField"];
        rules.silent("there are no partitions", "`partitions`", &fields);
    }
}
