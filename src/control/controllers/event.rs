//! Events that controllers report beside their writes.

/// Severity of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For information.
    Normal,
    /// Something is wrong.
    Warning,
}

/// An event of a controlled object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerEvent {
    /// Severity of the event.
    pub severity: Severity,
    /// The event's reason, one word.
    pub reason: &'static str,
    /// Message of the event.
    pub message: String,
}

impl ControllerEvent {
    /// An event for information.
    pub fn normal(reason: &'static str, message: String) -> Self {
        Self {
            severity: Severity::Normal,
            reason,
            message,
        }
    }

    /// An event of something wrong.
    pub fn warning(reason: &'static str, message: String) -> Self {
        Self {
            severity: Severity::Warning,
            reason,
            message,
        }
    }
}

impl std::fmt::Display for ControllerEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        };
        write!(f, "{severity} {} {}", self.reason, self.message)
    }
}
