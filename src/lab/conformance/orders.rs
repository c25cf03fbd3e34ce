//! Questions about jobs that wait.

use control::Question;
use control::exchange::question::{JobDescription, JobState, OrderRequest};

/// Case of the point `order`: its name and what is asked.
type OrderCase = (&'static str, Vec<Question>);

/// A job as it comes.
const PLAIN: fn(&mut JobDescription) = |_| {};

const fn order(now: i64, jobs: Vec<JobState>) -> Question {
    Question::Order(OrderRequest { now, jobs })
}

/// A job of a number; `None` of a description asks about it again.
fn job(id: u64, change: Option<fn(&mut JobDescription)>) -> JobState {
    let described = change.map(|change| {
        let mut own = JobDescription {
            submitted: 1_000_000_000 * i64::try_from(id).unwrap_or(0),
            requested: Some(60_000_000_000 * (1 + id.cast_signed() % 7)),
            members: 1,
            tenant: 0,
            priority: 0,
            cpu_milli: 1_000,
            memory_bytes: 1 << 30,
            gpu_milli: 0,
        };
        change(&mut own);
        own
    });
    JobState { id, described }
}

pub(super) fn order_cases() -> Vec<OrderCase> {
    let mut cases = vec![
        ("one job", vec![order(0, vec![job(0, Some(PLAIN))])]),
        (
            "two jobs",
            vec![order(0, vec![job(0, Some(PLAIN)), job(1, Some(PLAIN))])],
        ),
        (
            "jobs that were described before",
            vec![
                order(0, vec![job(0, Some(PLAIN)), job(1, Some(PLAIN))]),
                order(5, vec![job(1, None), job(0, None), job(2, Some(PLAIN))]),
            ],
        ),
        (
            "jobs that ask for no run time",
            vec![order(
                0,
                vec![
                    job(0, Some(|own| own.requested = None)),
                    job(1, Some(PLAIN)),
                ],
            )],
        ),
        (
            "jobs of nothing",
            vec![order(
                0,
                vec![
                    job(
                        0,
                        Some(|own| {
                            (own.cpu_milli, own.memory_bytes, own.requested) = (0, 0, Some(0));
                        }),
                    ),
                    job(1, Some(PLAIN)),
                ],
            )],
        ),
    ];
    cases.extend(extreme_cases());
    cases
}

/// Cases of large numbers, and of jobs that go.
fn extreme_cases() -> [OrderCase; 3] {
    [
        (
            "the largest numbers",
            vec![order(
                i64::MAX - 1,
                vec![
                    job(
                        u64::MAX,
                        Some(|own| {
                            own.submitted = i64::MAX - 1;
                            own.requested = Some(i64::MAX - 1);
                            own.members = u32::MAX;
                            own.priority = i32::MIN;
                            own.memory_bytes = i64::MAX;
                        }),
                    ),
                    job(1, Some(PLAIN)),
                ],
            )],
        ),
        (
            "ten thousand jobs",
            vec![order(
                0,
                (0..10_000).map(|id| job(id, Some(PLAIN))).collect(),
            )],
        ),
        (
            "a job that is gone, and asked about no more",
            vec![
                order(0, (0..4).map(|id| job(id, Some(PLAIN))).collect()),
                order(1, vec![job(3, None), job(1, None)]),
            ],
        ),
    ]
}
