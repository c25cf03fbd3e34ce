//! Reasons of ends, and limits that are reached, as news for users.

use units::plural;

use crate::runtime::{AttemptId, Ending, Outcome};
use crate::wire::report::{Failure, News};

/// The news of an end that its exit code does not explain; `None` of any other.
pub(super) fn ended(pod: u32, attempt: &AttemptId, ending: &Ending) -> Option<(u32, News)> {
    let kills = ending.counters.oom_kills;
    let (failure, why) = match &ending.outcome {
        Outcome::Code(_) | Outcome::Signal(_) | Outcome::Unknown if kills > 0 => {
            let why = format!(
                "{} killed for want of memory; raise `resources.limits.memory`",
                plural::count(kills, "process")
            );
            (Failure::OutOfMemory, why)
        }
        Outcome::Code(_) | Outcome::Signal(_) => return None,
        Outcome::StartError { message, .. } => {
            (Failure::StartError, format!("not started: {message}"))
        }
        Outcome::ShimLost => {
            let why = "its shim was killed, so it was ended as well";
            (Failure::ShimLost, why.to_owned())
        }
        Outcome::Unknown => {
            let why = "it ended together with its shim, and left no record";
            (Failure::Unknown, why.to_owned())
        }
        Outcome::NodeRebooted => {
            let why = "its host was started again";
            (Failure::NodeRebooted, why.to_owned())
        }
    };
    let container = attempt.container().to_owned();
    let news = News::Failed {
        container,
        failure,
        why,
    };
    Some((pod, news))
}

/// The news of a container to which its limit refuses processes.
pub(super) fn refused(attempt: &AttemptId) -> News {
    News::Failed {
        container: attempt.container().to_owned(),
        failure: Failure::ProcessesRefused,
        why: "it had as many processes as a container of this node may have, and got no more"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Counters;

    #[test]
    fn ends_that_no_code_explains_are_news() {
        let attempt = AttemptId::new("p", "web", 0).expect("plain names");
        let lost = Outcome::StartError {
            errno: Some(2),
            message: "/bin/nosuch: not found".to_owned(),
        };
        for (outcome, oom_kills, expected) in [
            (Outcome::Code(0), 0, None),
            (Outcome::Code(7), 0, None),
            (Outcome::Signal(9), 0, None),
            (Outcome::Code(7), 1, Some("1 process killed")),
            (Outcome::Signal(9), 2, Some("2 processes killed")),
            (Outcome::Unknown, 1, Some("1 process killed")),
            (lost, 0, Some("not started: /bin/nosuch: not found")),
            (Outcome::ShimLost, 0, Some("shim was killed")),
            (Outcome::Unknown, 0, Some("no record")),
            (Outcome::NodeRebooted, 0, Some("started again")),
        ] {
            let counters = Counters {
                oom_kills,
                ..Counters::default()
            };
            let ending = Ending {
                outcome,
                ended_ns: None,
                counters,
                stop: None,
            };
            match (ended(3, &attempt, &ending), expected) {
                (None, None) => {}
                (
                    Some((
                        3,
                        News::Failed {
                            container,
                            failure,
                            why,
                        },
                    )),
                    Some(expected),
                ) => {
                    assert_eq!(container, "web");
                    assert_eq!(failure.reason(), ending.reason());
                    assert!(why.contains(expected), "{why}");
                }
                (found, expected) => panic!("expected {expected:?}, found {found:?}"),
            }
        }
    }
}
