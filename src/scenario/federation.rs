//! Rules between the fields of `system.federation:` and `system.schedulers:`.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{
    CellShare, FederatedWorkload, Federation, FederationCell, NamedScheduler, NamedSchedulerKind,
    Scenario,
};
use super::tree::Tree;
use units::nearest::hint;
use units::{Duration, SortedSet, plural};

/// Reports wrong fields below one.
struct Wrong<'run> {
    field: &'static str,
    tree: &'run Tree,
    findings: &'run mut Findings,
}

impl Wrong<'_> {
    fn at(&mut self, code: Code, place: &[&str], message: String, label: &str) {
        let path = ["system", self.field];
        let span = self.tree.locate(path.iter().chain(place).copied());
        let finding = Finding::new(code, message, span).label(label.to_owned());
        self.findings.push(finding);
    }
}

/// Reports every broken rule about cells and named schedulers.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let system = &scenario.system;
    for (field, is_given) in [
        ("schedulers", !system.schedulers.is_empty()),
        ("federation", system.federation.is_some()),
    ] {
        let mut wrong = Wrong {
            field,
            tree,
            findings: &mut *findings,
        };
        if !is_given {
            continue;
        }
        if system.name != "kubernetes" {
            let message = format!("the system `{}` has no kube-schedulers", system.name);
            let label = "leave it out, or write `name: kubernetes`";
            wrong.at(Code::Conflict, &[], message, label);
        }
        if system.scheduler.config.is_some() {
            let message = "a configuration names its schedulers itself".to_owned();
            let label = "leave it out, or `scheduler.config`";
            wrong.at(Code::Conflict, &[], message, label);
        }
    }
    schedulers(scenario, tree, findings);
    if let Some(written) = &system.federation {
        let mut wrong = Wrong {
            field: "federation",
            tree,
            findings,
        };
        around(scenario, &mut wrong);
        cells(written, &mut wrong);
        workloads(written, &mut wrong);
    }
}

fn schedulers(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let mut wrong = Wrong {
        field: "schedulers",
        tree,
        findings,
    };
    let is_mesos = |own: &&NamedScheduler| own.kind == NamedSchedulerKind::Mesos;
    if scenario.system.schedulers.iter().filter(is_mesos).count() > 1 {
        let message = "a cluster has one Mesos master".to_owned();
        let label =
            "expected one scheduler of the kind `mesos`; its frameworks are in `system.mesos`";
        wrong.at(Code::Conflict, &[], message, label);
    }
    let mut names = SortedSet::new();
    for (index, own) in scenario.system.schedulers.iter().enumerate() {
        let number = index.to_string();
        if !names.insert(own.name.as_str()) {
            let message = format!("there is a scheduler `{}` already", own.name);
            let place = [number.as_str(), "name"];
            wrong.at(
                Code::DuplicateName,
                &place,
                message,
                "expected a name of its own",
            );
        }
        for (field, time) in [
            ("watchDelay", own.watch_delay),
            ("decisionTime", own.decision_time),
        ] {
            if time < Duration::ZERO {
                let message = "a time below 0s".to_owned();
                wrong.at(
                    Code::Impossible,
                    &[&number, field],
                    message,
                    "expected 0s or more",
                );
            }
        }
    }
}

/// Settings that a federation needs, or does not go with.
fn around(scenario: &Scenario, wrong: &mut Wrong<'_>) {
    let system = &scenario.system;
    if system.controllers.is_none() {
        let message = "without controllers nothing makes the replicas of a cell".to_owned();
        wrong.at(
            Code::Conflict,
            &[],
            message,
            "write `controllers: {}` under `system`",
        );
    }
    if !system.schedulers.is_empty() {
        let message = "each cell has its own scheduler, under the cell's name".to_owned();
        wrong.at(Code::Conflict, &[], message, "leave `schedulers` out");
    }
    if scenario.stop.at.is_none() {
        let message = "a federation asks its cells again and again, so the run would never end";
        let label = "set its end, such as `stop: {at: 24h}`";
        wrong.at(Code::NeverStops, &[], message.to_owned(), label);
    }
}

fn cells(written: &Federation, wrong: &mut Wrong<'_>) {
    let mut names = SortedSet::new();
    for (index, cell) in written.cells.iter().enumerate() {
        let number = index.to_string();
        if !names.insert(cell.name.as_str()) {
            let message = format!("there is a cell `{}` already", cell.name);
            let place = ["cells", &number, "name"];
            wrong.at(
                Code::DuplicateName,
                &place,
                message,
                "expected a name of its own",
            );
        }
        if cell.name == "*" {
            let message = "`*` stands for the cells that a workload does not name".to_owned();
            wrong.at(
                Code::Impossible,
                &["cells", &number, "name"],
                message,
                "expected a name",
            );
        }
        if cell.nodes.is_empty() && written.cells.len() > 1 {
            let message = format!("every node would be in the cell `{}`", cell.name);
            let label = "expected the labels of its nodes, such as `{region: west}`";
            wrong.at(
                Code::Impossible,
                &["cells", &number, "nodes"],
                message,
                label,
            );
        }
        if cell.delay < Duration::ZERO {
            let message = "a delay below 0s".to_owned();
            let place = ["cells", &number, "delay"];
            wrong.at(Code::Impossible, &place, message, "expected 0s or more");
        }
    }
    if written.unschedulable_after < Duration::ZERO {
        let message = "a time below 0s".to_owned();
        let place = ["unschedulableAfter"];
        wrong.at(Code::Impossible, &place, message, "expected 0s or more");
    }
}

fn workloads(written: &Federation, wrong: &mut Wrong<'_>) {
    let mut names = SortedSet::new();
    for (index, own) in written.workloads.iter().enumerate() {
        let number = index.to_string();
        let place = ["workloads", number.as_str(), "deployment"];
        if own.parts().is_none() {
            let message = format!("`{}` names no deployment", own.deployment);
            let label = "expected NAMESPACE/NAME, such as `default/web`";
            wrong.at(Code::Impossible, &place, message, label);
        }
        if !names.insert(own.deployment.as_str()) {
            let message = format!("`{}` is divided already", own.deployment);
            wrong.at(
                Code::DuplicateName,
                &place,
                message,
                "expected one entry for a deployment",
            );
        }
        let is_named = |cell: &FederationCell| own.cells.keys().any(|name| *name == cell.name);
        if own.cells.keys().any(|name| name == "*") && written.cells.iter().all(is_named) {
            let message = "every cell is named, so `*` stands for none".to_owned();
            let place = ["workloads", &number, "cells", "*"];
            wrong.at(Code::Conflict, &place, message, "leave it out");
        }
        for (name, share) in &own.cells {
            let place = ["workloads", &number, "cells", name];
            if name != "*" && !written.cells.iter().any(|cell| cell.name == *name) {
                let known = written.cells.iter().map(|cell| cell.name.as_str());
                let message = format!("there is no cell `{name}`; {}", hint(name, known));
                wrong.at(
                    Code::UnknownName,
                    &place,
                    message,
                    "expected a cell, or `*`",
                );
            }
            check_share(share, &place, name, wrong);
        }
    }
}

fn check_share(share: &CellShare, place: &[&str; 4], name: &str, wrong: &mut Wrong<'_>) {
    let cell = match name {
        "*" => "a cell that is not named".to_owned(),
        _ => format!("the cell `{name}`"),
    };
    if share.weight == 0 && share.min_replicas == 0 {
        let message = format!("with weight 0 and no minimum {cell} gets no replicas");
        let label = "expected a `weight` of 1 or more, or `minReplicas`";
        wrong.at(Code::Impossible, place, message, label);
    }
    if share.max_replicas == Some(0) && share.min_replicas == 0 {
        let message = format!("{cell} gets 0 replicas at most");
        let label = "expected `maxReplicas` of 1 or more, or another cell";
        wrong.at(Code::Impossible, place, message, label);
    }
    if let Some(most) = share.max_replicas
        && most < share.min_replicas
    {
        let least = plural::count(share.min_replicas, "replica");
        let message = format!("{cell} would get {least} at least and {most} at most");
        wrong.at(
            Code::Impossible,
            place,
            message,
            "expected `minReplicas` up to `maxReplicas`",
        );
    }
}

impl FederatedWorkload {
    /// Namespace and name of the deployment.
    pub fn parts(&self) -> Option<(&str, &str)> {
        let (namespace, name) = self.deployment.split_once('/')?;
        let is_whole = !namespace.is_empty() && !name.is_empty() && !name.contains('/');
        is_whole.then_some((namespace, name))
    }
}
