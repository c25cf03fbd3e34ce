//! Rules between the options of Mesos, and of a master beside other schedulers.

use options::{Place, Plain, Rules};

use super::section::{Mesos, MesosAmount, MesosFramework, MesosStrategy};

/// Options of masters and their offers, which mean nothing where tasks are placed without any.
const OF_OFFERS: [&str; 16] = [
    "allocationInterval",
    "sorter",
    "agentOrder",
    "minAllocatable",
    "offerTimeout",
    "filterGpuResources",
    "fairSharingExcluded",
    "reservations",
    "oversubscription",
    "agentPingTimeout",
    "maxAgentPingTimeouts",
    "agentRemovalRateLimit",
    "registrationBackoff",
    "masters",
    "deal",
    "startDate",
];

const ALONE: &str = "leave it out, or write `name: mesos`";
const MAKERS: &str = "the controllers of the cluster make the pods of workloads";
const WATCHERS: &str = "the controllers of the cluster watch over its nodes";
const ONCE: &str = "kubelets offer no resources a second time";

/// Options of a master that mean nothing beside kube-schedulers, and why.
const OF_A_MASTER_ALONE: [(&str, &str); 5] = [
    ("oversubscription", ONCE),
    ("agentPingTimeout", WATCHERS),
    ("maxAgentPingTimeouts", WATCHERS),
    ("agentRemovalRateLimit", WATCHERS),
    ("startDate", "the controllers of the cluster keep schedules"),
];

/// Options of frameworks that mean nothing there, and why.
const OF_FRAMEWORKS_ALONE: [(&str, &str); 6] = [
    ("marathon", MAKERS),
    ("chronos", MAKERS),
    ("namespaces", MAKERS),
    ("revocable", ONCE),
    ("partitionAware", WATCHERS),
    (
        "failoverTimeout",
        "frameworks beside kube-schedulers do not go away",
    ),
];

/// Reports every broken rule.
pub(super) fn check(stated: &Mesos, rules: &mut Rules<'_>) {
    if stated.strategy != MesosStrategy::Offers {
        without_offers(stated, rules);
    }
    if rules.around().place == Place::Schedulers {
        beside_others(stated, rules);
    }
}

fn without_offers(stated: &Mesos, rules: &mut Rules<'_>) {
    rules.only_with("strategy: offers", &OF_OFFERS);
    for (name, role) in &stated.roles {
        for (field, amount) in [("guarantee", &role.guarantee), ("limit", &role.limit)] {
            if *amount != MesosAmount::default() {
                let message = format!("`{field}` has an effect with `strategy: offers` alone");
                let label = format!("expected `strategy: offers`, or no `{field}`");
                rules.at(&["roles", name, field], message, label);
            }
        }
    }
}

fn beside_others(stated: &Mesos, rules: &mut Rules<'_>) {
    if stated.strategy != MesosStrategy::Offers {
        let message = "a master beside other schedulers makes offers";
        rules.at(&["strategy"], message, "expected `offers`, or leave it out");
    }
    for (field, why) in OF_A_MASTER_ALONE {
        if rules.is_stated(field) {
            rules.at(&[field], why, ALONE);
        }
    }
    if !rules.is_stated("frameworks") {
        return;
    }
    let usual = Plain::of(&MesosFramework::default());
    for (number, own) in stated.frameworks.iter().enumerate() {
        let own = Plain::of(own);
        for (field, why) in OF_FRAMEWORKS_ALONE {
            if own.field(field) != usual.field(field) {
                rules.at(&["frameworks", &number.to_string(), field], why, ALONE);
            }
        }
    }
}
