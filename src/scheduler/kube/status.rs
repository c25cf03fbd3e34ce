//! Answers of plugins: a code and reasons in the words of the original (spec: kubernetes.md 1.20).

use std::borrow::Cow;

/// Meaning of a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Evicting pods may help.
    Unschedulable,
    /// Evicting pods does not help.
    UnschedulableAndUnresolvable,
    /// The plugin failed.
    Error,
}

impl Code {
    /// The code's name in the original.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unschedulable => "Unschedulable",
            Self::UnschedulableAndUnresolvable => "UnschedulableAndUnresolvable",
            Self::Error => "Error",
        }
    }
}

/// A plugin's "no".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Code of the rejection.
    pub code: Code,
    /// Reasons for the rejection, at least one.
    pub reasons: Vec<Cow<'static, str>>,
}

impl Rejection {
    /// Evicting pods may help.
    pub fn unschedulable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: Code::Unschedulable,
            reasons: vec![reason.into()],
        }
    }

    /// Evicting pods does not help.
    pub fn unresolvable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: Code::UnschedulableAndUnresolvable,
            reasons: vec![reason.into()],
        }
    }

    /// Says whose it is.
    pub fn of(self, plugin: &'static str) -> Status {
        Status {
            plugin,
            code: self.code,
            reasons: self.reasons,
        }
    }
}

/// A "no" and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// The plugin; empty is the framework itself.
    pub plugin: &'static str,
    /// Code of the rejection.
    pub code: Code,
    /// Reasons for the status.
    pub reasons: Vec<Cow<'static, str>>,
}

impl Status {
    /// The reasons in one text.
    pub fn text(&self) -> String {
        self.reasons.join(", ")
    }
}
