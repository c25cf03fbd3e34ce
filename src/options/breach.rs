//! Rules between options: contradictions, and options that others leave without effect. Only values
//! other than the default are refused: a default says nothing that would vanish, and experiments as
//! they were run state all of them.

use serde::Serialize;

use super::plain::Plain;

/// Broken rule between options of one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breach {
    /// Path of the option, below the place.
    pub path: Vec<String>,
    /// Problem in a sentence.
    pub message: String,
    /// Expected value, or the way out.
    pub label: String,
    /// Advice, if there is more to say.
    pub help: Option<&'static str>,
    /// Kind of the problem.
    pub kind: BreachKind,
    /// Whether the path begins at the experiment, and not at the place.
    pub is_outside: bool,
}

/// Kind of a broken rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BreachKind {
    /// Options that do not go together.
    #[default]
    Conflict,
    /// Value that can't be right beside any others.
    Impossible,
    /// Name that stands for two things.
    DuplicateName,
    /// Name of nothing that is declared.
    UnknownName,
}

/// Place of a system's options in an experiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Those of the system itself.
    #[default]
    System,
    /// Those of what the machines of a provider run on.
    Provider,
    /// Those of one of several schedulers of a system.
    Schedulers,
}

/// Provider of machines of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machines<'run> {
    /// Names of its groups.
    pub groups: &'run [&'run str],
    /// Whether the price of spot capacity is stated.
    pub has_spot_price: bool,
}

/// Rest of an experiment, as far as rules of a section depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each holds by itself")]
pub struct Around<'run> {
    /// Provider of machines, if there is one.
    pub machines: Option<Machines<'run>>,
    /// Whether controllers reconcile workloads.
    pub has_controllers: bool,
    /// Whether the use of tasks is known, or may be.
    pub has_usage: bool,
    /// Whether an operation moves or resizes an instance.
    pub has_relocations: bool,
    /// Place of the options.
    pub place: Place,
    /// Name of the queue order; empty where none is stated.
    pub queue: &'run str,
    /// Name of the backfill rule.
    pub backfill: &'run str,
    /// Whether nodes are lost by their heartbeats.
    pub observes_nodes: bool,
    /// Number of the first source of the workload that names no users.
    pub without_users: Option<usize>,
    /// Number of the first source of the workload that names no partitions.
    pub without_partitions: Option<usize>,
}

/// Rules of the options of one place, and the broken ones among them.
pub struct Rules<'run> {
    own: Plain,
    usual: Plain,
    around: Around<'run>,
    breaches: &'run mut Vec<Breach>,
}

impl<'run> Rules<'run> {
    /// Rules of options beside their defaults.
    pub fn new<T: Serialize>(own: &T, usual: &T, breaches: &'run mut Vec<Breach>) -> Self {
        Self {
            own: Plain::of(own),
            usual: Plain::of(usual),
            around: Around::default(),
            breaches,
        }
    }

    /// Rules in an experiment.
    #[must_use]
    pub const fn within(mut self, around: Around<'run>) -> Self {
        self.around = around;
        self
    }

    /// Rest of the experiment.
    pub const fn around(&self) -> Around<'run> {
        self.around
    }

    /// Whether a field says something that its default does not.
    pub fn is_stated(&self, field: &str) -> bool {
        self.own.field(field) != self.usual.field(field)
    }

    /// Reports an option by its path.
    pub fn at(&mut self, path: &[&str], message: impl Into<String>, label: impl Into<String>) {
        self.breaches.push(Breach {
            path: path.iter().map(|&step| step.to_owned()).collect(),
            message: message.into(),
            label: label.into(),
            ..Breach::default()
        });
    }

    /// Adds advice to what was reported last.
    pub fn help(&mut self, help: &'static str) {
        if let Some(last) = self.breaches.last_mut() {
            last.help = Some(help);
        }
    }

    /// Tells the kind of what was reported last.
    pub fn kind(&mut self, kind: BreachKind) {
        if let Some(last) = self.breaches.last_mut() {
            last.kind = kind;
        }
    }

    /// Reports an option whose value can't be right beside any others.
    pub fn impossible(&mut self, path: &[&str], message: String, label: &str) {
        self.at(path, message, label);
        self.kind(BreachKind::Impossible);
    }

    /// Reports a source of the workload by its number.
    pub fn source(&mut self, number: usize, message: &str, label: &str) {
        self.at(&["workload", &number.to_string()], message, label);
        if let Some(last) = self.breaches.last_mut() {
            last.is_outside = true;
        }
    }

    /// Reports the stated ones of some fields that have an effect with one choice alone.
    pub fn only_with(&mut self, choice: &str, fields: &[&str]) {
        for &field in fields {
            if self.is_stated(field) {
                let message = format!("`{field}` has an effect with `{choice}` alone");
                let label = format!("expected `{choice}`, or no `{field}`");
                self.at(&[field], message, label);
            }
        }
    }

    /// Reports the stated ones of some fields that have no effect for a reason; `expected` would give
    /// them one.
    pub fn idle(&mut self, reason: &str, expected: &str, fields: &[&str]) {
        for &field in fields {
            if self.is_stated(field) {
                let label = format!("expected {expected}, or no `{field}`");
                self.at(&[field], reason, label);
            }
        }
    }

    /// Notes the stated ones of some fields that have no effect for a reason; `remedy` would give them
    /// one.
    pub fn silent(&mut self, reason: &str, remedy: &str, fields: &[&str]) {
        for &field in fields {
            if self.is_stated(field) {
                let message = format!("{field} has no effect: {reason}");
                self.at(
                    &[field],
                    message,
                    format!("write {remedy}, or leave it out"),
                );
            }
        }
    }
}
