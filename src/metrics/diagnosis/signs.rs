//! From signs to a cause: the first of 9.4's rules that holds.

use super::Cause;

/// Failures of late from which on a container that fails is one that does so again and again.
pub(super) const LOOP_FAILURES: u32 = 5;

/// Observed signs of a faulty pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs<'a> {
    /// The workload's node is down or not heard of.
    pub is_node_down: bool,
    /// An image could not be had.
    pub has_image_error: bool,
    /// Reason no node takes the pod.
    pub pending: Option<&'a str>,
    /// The code that a container ended with, and whether that was for want of memory.
    pub exit: Option<(i32, bool)>,
    /// The workload's probe failed.
    pub is_unhealthy: bool,
    /// Number of failures of the pod's containers within ten minutes, this one included.
    pub failures: u32,
}

impl Signs<'_> {
    /// Cause that the signs indicate, if any.
    pub fn cause(&self) -> Option<Cause> {
        if self.is_node_down {
            return Some(Cause::NodeLost);
        }
        if self.has_image_error {
            return Some(Cause::ImageUnavailable);
        }
        if let Some(cause) = self.pending.and_then(named) {
            return Some(cause);
        }
        if self.exit.is_some_and(|(_, is_oom)| is_oom) {
            return Some(Cause::OutOfMemory);
        }
        if self.is_unhealthy {
            return Some(Cause::ProbeFailed);
        }
        let (code, _) = self.exit?;
        if self.failures >= LOOP_FAILURES {
            return Some(Cause::CrashLoop);
        }
        Some(Cause::of_exit(code))
    }
}

/// Cause that an explanation names: resources before constraints before ports.
fn named(explanation: &str) -> Option<Cause> {
    let text = explanation.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if any(&["resource", "insufficient", "capacity"]) {
        Some(Cause::InsufficientResources)
    } else if any(&["constraint", "affinity", "taint", "platform"]) {
        Some(Cause::ConstraintUnmet)
    } else if any(&["port"]) {
        Some(Cause::PortConflict)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_exit(exit: i32, failures: u32) -> Signs<'static> {
        Signs {
            exit: Some((exit, false)),
            failures,
            ..Signs::default()
        }
    }

    fn of_pending(explanation: &str) -> Option<Cause> {
        let signs = Signs {
            pending: Some(explanation),
            ..Signs::default()
        };
        signs.cause()
    }

    #[test]
    fn codes_are_those_of_the_table() {
        for (code, cause) in [
            (0, Cause::Completed),
            (1, Cause::ApplicationError),
            (126, Cause::CommandNotExecutable),
            (127, Cause::CommandNotFound),
            (137, Cause::Killed),
            (139, Cause::Segfault),
            (143, Cause::Terminated),
        ] {
            assert_eq!(of_exit(code, 4).cause(), Some(cause), "{code}");
            assert_eq!(of_exit(code, 5).cause(), Some(Cause::CrashLoop), "{code}");
        }
        assert_eq!(Signs::default().cause(), None);
    }

    #[test]
    fn the_first_rule_that_holds_counts() {
        let mut signs = Signs {
            is_node_down: true,
            has_image_error: true,
            pending: Some("insufficient resources on 3 nodes"),
            exit: Some((137, true)),
            is_unhealthy: true,
            failures: 9,
        };
        let mut seen = Vec::new();
        seen.extend(signs.cause());
        signs.is_node_down = false;
        seen.extend(signs.cause());
        signs.has_image_error = false;
        seen.extend(signs.cause());
        signs.pending = None;
        seen.extend(signs.cause());
        signs.exit = Some((137, false));
        seen.extend(signs.cause());
        signs.is_unhealthy = false;
        seen.extend(signs.cause());
        signs.failures = 1;
        seen.extend(signs.cause());
        assert_eq!(
            seen,
            [
                Cause::NodeLost,
                Cause::ImageUnavailable,
                Cause::InsufficientResources,
                Cause::OutOfMemory,
                Cause::ProbeFailed,
                Cause::CrashLoop,
                Cause::Killed,
            ]
        );
    }

    #[test]
    fn explanations_name_what_no_node_has() {
        let all = "no suitable node (insufficient resources on 2 nodes; scheduling constraints not \
                   satisfied on 1 node; host-mode port already in use on 1 node)";
        assert_eq!(of_pending(all), Some(Cause::InsufficientResources));
        for (explanation, cause) in [
            (
                "scheduling constraints not satisfied on 3 nodes",
                Some(Cause::ConstraintUnmet),
            ),
            (
                "host-mode port already in use on 3 nodes",
                Some(Cause::PortConflict),
            ),
            ("no node has told anything", None),
        ] {
            assert_eq!(of_pending(explanation), cause, "{explanation}");
        }
    }
}
