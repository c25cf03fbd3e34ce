//! Worked examples of pushes, builds and triggers.

use super::*;

fn secs(at: Instant) -> i64 {
    at.as_nanos() / 1_000_000_000
}

#[test]
fn worked_ways_of_a_push() {
    let stages = [20, 10, 5].map(Duration::from_secs);
    let push = Instant::from_secs(37);
    let groups = Groups {
        replicas: 4,
        parallelism: 1,
        replace: Duration::from_secs(6),
        delay: Duration::ZERO,
    };
    let hook = Detection::Webhook(Duration::from_secs(1));
    let own = journey(push, hook, &stages, groups).expect("stages that take time");
    let times = [own.seen, own.rollout, own.first, own.all].map(secs);
    assert_eq!(times, [38, 73, 79, 97]);
    let groups = Groups {
        parallelism: 2,
        delay: Duration::from_secs(10),
        ..groups
    };
    let poll = Detection::Poll(Duration::from_secs(60));
    let own = journey(push, poll, &stages, groups).expect("stages that take time");
    let times = [own.seen, own.rollout, own.first, own.all].map(secs);
    assert_eq!(times, [60, 95, 101, 117]);
    assert_eq!(secs(poll.seen(Instant::from_secs(60))), 60);
}

#[test]
fn images_are_triggered_once_and_bad_ones_not_again() {
    let [one, two, three]: [Text; 3] = ["1".into(), "2".into(), "3".into()];
    let mut own = Trigger::new(Overlap::Cancel);
    assert_eq!(own.tagged(&one), Order::RollOut(one.clone()));
    assert_eq!(own.tagged(&one), Order::Nothing);
    assert_eq!(own.ended(&one, true, true), Order::Nothing);
    assert_eq!(own.tagged(&two), Order::RollOut(two.clone()));
    assert_eq!(own.ended(&two, false, true), Order::RollOut(one.clone()));
    assert_eq!(own.tagged(&two), Order::Nothing);
    assert_eq!(own.tagged(&three), Order::RollOut(three.clone()));
    for (overlap, next) in [(Overlap::Queue, &two), (Overlap::LatestWins, &three)] {
        let mut own = Trigger::new(overlap);
        own.tagged(&one);
        assert_eq!(
            (own.tagged(&two), own.tagged(&three)),
            (Order::Wait, Order::Wait)
        );
        assert_eq!(own.ended(&one, true, false), Order::RollOut(next.clone()));
    }
}

fn source(image: &str) -> Push {
    Push {
        image: image.into(),
        digest: None,
        is_source: true,
        fault: None,
    }
}

/// What becomes of pushes of source code at given seconds, with two stages of 60 s and 40 s, the second of
/// which fails by a probability.
fn course(plan: Plan, failure: f64, pushes: &[i64]) -> Vec<(i64, News)> {
    let stage = |takes, failure| Stage {
        name: "build".into(),
        takes: Distribution::constant(Duration::from_secs(takes)).expect("a time"),
        failure,
    };
    let mut own = Pipeline::new(Arc::new(Plan {
        stages: vec![stage(60, 0.0), stage(40, failure)],
        ..plan
    }));
    let (mut course, mut pushes) = (Vec::new(), pushes.iter().copied().peekable());
    loop {
        let pushed = pushes.peek().map(|&at| Instant::from_secs(at));
        let next = own.next();
        if let Some(at) = pushed.filter(|at| next.is_none_or(|next| *at < next)) {
            pushes.next();
            own.pushed(at, source("shop/web:v"));
            continue;
        }
        let Some(now) = next else {
            return course;
        };
        course.extend(own.advance(now).into_iter().map(|news| (secs(now), news)));
    }
}

#[test]
fn builds_take_turns_and_a_newer_push_cancels_those_that_wait() {
    let plan = Plan {
        detection: Detection::Webhook(Duration::ZERO),
        builds: BuildPolicy::SerialLatestOnly,
        ..Plan::of_repository("shop/web")
    };
    let course = course(plan, 0.0, &[0, 10, 20]);
    let ready: Vec<(i64, News)> = course
        .into_iter()
        .filter(|(_, own)| matches!(own, News::Ready(_) | News::Cancelled(_)))
        .collect();
    let expected = [
        (20, News::Cancelled(1)),
        (100, News::Ready(0)),
        (200, News::Ready(2)),
    ];
    assert_eq!(ready, expected);
}

#[test]
fn a_stage_that_fails_ends_its_build_and_lets_the_next_begin() {
    let plan = Plan {
        detection: Detection::Poll(Duration::from_secs(30)),
        ..Plan::of_repository("shop/web")
    };
    let expected = [
        (30, News::Seen(0)),
        (60, News::Seen(1)),
        (90, News::Staged(0)),
        (130, News::Failed(0)),
        (190, News::Staged(1)),
        (230, News::Failed(1)),
    ];
    assert_eq!(course(plan, 1.0, &[1, 31]), expected);
}
