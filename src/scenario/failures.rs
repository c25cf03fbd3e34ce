//! Rules between the fields of failures.

use super::diagnostic::{Code, Finding, Findings};
use super::part::Part;
use super::schema::{Failure, FailureKind, NodeLife, Scenario};
use super::tree::Tree;
use options::Share;
use units::Duration;

/// Reports every broken rule of `failures:`.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let has_managers = scenario.system.has_own_loops();
    for (position, failure) in scenario.failures.iter().enumerate() {
        let (is_wrong, label) = match failure.kind {
            FailureKind::LeaderFailover => (
                has_managers,
                "write `kind: manager-loss` with `managers: 1`: the others take over automatically",
            ),
            FailureKind::FrameworkOutage => (
                !scenario.system.has_frameworks(),
                "the systems `mesos` and `dcos` have frameworks",
            ),
            _ => (false, ""),
        };
        if is_wrong {
            let path = format!("failures.{position}.kind");
            let name = &scenario.system.name;
            let message = format!("the system `{name}` has no such failure");
            let span = tree.locate(path.split('.'));
            findings.push(Finding::new(Code::Conflict, message, span).label(label));
        }
    }
    for (position, failure) in scenario.failures.iter().enumerate() {
        let mut checker = Checker {
            failure,
            part: Part {
                place: format!("failures.{position}"),
                tree,
                findings,
            },
        };
        checker.fields();
        checker.target();
        checker.times();
        if failure.kind.needs_contact() && scenario.node_life() == NodeLife::Declared {
            let message = "the control plane knows the state of its nodes at once, so none can be \
                partitioned";
            checker.part.find(
                Code::Conflict,
                "kind",
                message.to_owned(),
                "this kind needs `models.nodeLife: observed`",
            );
        }
    }
}

struct Checker<'run> {
    failure: &'run Failure,
    part: Part<'run>,
}

impl Checker<'_> {
    /// Every kind has its fields, no more and no less.
    fn fields(&mut self) {
        let (needed, allowed) = self.failure.kind.fields();
        let given = self.failure.given();
        for field in needed.iter().filter(|field| !given.contains(field)) {
            let message = format!("this kind of failure needs `{field}`");
            self.part.find(
                Code::Conflict,
                "kind",
                message,
                &format!("give `{field}` beside it"),
            );
        }
        let one_of = self.failure.kind.one_of();
        if !one_of.is_empty() {
            let names: Vec<String> = one_of.iter().map(|name| format!("`{name}`")).collect();
            let names = names.join(" or ");
            let mut found = one_of.iter().filter(|field| given.contains(field));
            match (found.next(), found.next()) {
                (Some(_), Some(second)) => {
                    let message = format!("this kind of failure takes {names}, not both");
                    self.part
                        .find(Code::Conflict, second, message, "leave one of them out");
                }
                (Some(_), None) => {}
                (None, _) => {
                    let message = format!("this kind of failure needs {names}");
                    self.part.find(
                        Code::Conflict,
                        "kind",
                        message,
                        "give one of them beside it",
                    );
                }
            }
        }
        let extra = given
            .iter()
            .filter(|field| !needed.contains(field) && !allowed.contains(field));
        for field in extra {
            let message = format!("`{field}` has no effect on this kind of failure");
            let known: Vec<String> = needed
                .iter()
                .chain(allowed)
                .map(|name| format!("`{name}`"))
                .collect();
            self.part.find(
                Code::Conflict,
                field,
                message,
                &format!("expected {}", known.join(", ")),
            );
        }
    }

    fn target(&mut self) {
        let given = self.failure.given();
        let targets: Vec<&str> = (given.into_iter())
            .filter(|field| matches!(*field, "node" | "zone" | "domain" | "each"))
            .collect();
        if let [_, second, ..] = targets[..] {
            let message = "a failure strikes one `node`, one `zone` or one `domain`".to_owned();
            self.part
                .find(Code::Conflict, second, message, "give one of them");
        }
        if targets.is_empty() && self.failure.kind.needs_target() {
            let message = "this failure has no target".to_owned();
            self.part.find(
                Code::Conflict,
                "kind",
                message,
                "give a `node`, `zone` or `domain`, as the kind allows",
            );
        }
    }

    fn times(&mut self) {
        let (every, down) = (self.failure.every, self.failure.down);
        if let (Some(every), Some(down)) = (every, down)
            && down >= every
            && every > Duration::ZERO
        {
            let message =
                format!("a loss of {down} is not over when the next one starts after {every}");
            self.part.find(
                Code::Conflict,
                "down",
                message,
                "expected less than `every`",
            );
        }
        if self.failure.kind == FailureKind::SlowNode
            && self.failure.mtbf.is_some() != self.failure.repair.is_some()
        {
            let message = "`mtbf` and `repair` go together".to_owned();
            self.part
                .find(Code::Conflict, "kind", message, "give both, or `at`");
        }
        for (field, share) in [
            ("share", self.failure.share),
            ("perMonth", self.failure.per_month),
            ("probability", self.failure.probability),
            (
                "burst.probability",
                self.failure.burst.as_ref().map(|burst| burst.probability),
            ),
            (
                "burst.more",
                self.failure.burst.as_ref().map(|burst| burst.more),
            ),
            (
                "burst.share",
                self.failure.burst.as_ref().map(|burst| burst.share),
            ),
        ] {
            let is_open = matches!(field, "burst.more" | "perMonth");
            let Some(share) = share.map(Share::as_f64) else {
                continue;
            };
            if share > 1.0 || (is_open && share >= 1.0) {
                let bound = if is_open { "less than" } else { "at most" };
                let message = format!("{share} is too large");
                self.part.find(
                    Code::Impossible,
                    field,
                    message,
                    &format!("expected {bound} 100%"),
                );
            }
        }
    }
}
