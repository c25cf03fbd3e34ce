//! Tasks that end, and what waits for them.

use super::*;
use arrivals::Links;

fn arrival(name: &str, part_of: Option<&str>, after: &[&str]) -> Arrival {
    let after = after.iter().map(|&name| name.into()).collect();
    Arrival {
        links: Links::of(part_of.map(PodName::from), after),
        ..Arrival::new(Instant::ZERO, name.into())
    }
}

fn at(secs: i64) -> Instant {
    Instant::from_secs(secs)
}

fn pod(number: u32) -> PodRef {
    PodRef {
        id: PodId(number),
        slot: units::PodSlot(number),
    }
}

/// Makes an arrival due that waits for nothing, and creates its pod.
fn submit(precedence: &mut Precedence, now: Instant, own: Arrival, number: u32) {
    let own = precedence
        .due(now, own, &[])
        .expect("a readable file")
        .expect("nothing is waited for");
    precedence.begin(&own.first);
    create(precedence, &own.first.name, number);
    precedence.finish();
}

fn create(precedence: &mut Precedence, name: &PodName, number: u32) {
    precedence.created(&PodCreated {
        pod: pod(number),
        class: units::ClassId(0),
        name: name.clone(),
        tenant: units::TenantId(0),
        gang: None,
        time_limit: None,
        estimate: None,
        found: None,
        owner: None,
    });
}

fn end(precedence: &mut Precedence, secs: i64, number: u32, reason: EndReason) {
    precedence.ended(at(secs), pod(number), reason, None);
}

fn kinds(precedence: &Precedence) -> Vec<(String, u64)> {
    let ledger = precedence.ledger(&[]);
    let entries = ledger.entries().iter();
    entries
        .map(|own| (own.kind.to_string(), own.count))
        .collect()
}

#[test]
fn a_task_has_ended_when_all_its_parts_have() {
    let mut precedence = Precedence::default();
    submit(&mut precedence, at(0), arrival("a-1", Some("a"), &[]), 0);
    submit(&mut precedence, at(0), arrival("a-2", Some("a"), &[]), 1);
    assert_eq!(
        precedence.due(at(1), arrival("b", None, &["a", "c"]), &[]),
        Ok(None)
    );
    submit(&mut precedence, at(2), arrival("c", None, &[]), 2);
    end(&mut precedence, 5, 0, EndReason::Completed);
    end(&mut precedence, 6, 2, EndReason::Error);
    assert_eq!(precedence.releasing(), None);
    end(&mut precedence, 7, 1, EndReason::Completed);
    assert_eq!(precedence.releasing(), Some(at(7)));
    let released = precedence.take_released().expect("released");
    let released = released.first;
    assert_eq!((released.name, released.submit), ("b".into(), at(7)));
    let kind = "waits for a task that failed; submitted when that ended".to_owned();
    assert_eq!(kinds(&precedence), [(kind, 1)]);
}

#[test]
fn pods_that_come_back_or_move_have_not_ended() {
    let mut precedence = Precedence::default();
    let lost = [
        EndReason::NodeLost,
        EndReason::Evicted(model::EvictionCause::Preemption),
    ];
    submit(&mut precedence, at(0), arrival("a", None, &[]), 0);
    assert_eq!(
        precedence.due(at(0), arrival("b", None, &["a"]), &[]),
        Ok(None)
    );
    for (round, reason) in lost.into_iter().enumerate() {
        let (old, new) = (2 * round as u32, 2 * round as u32 + 1);
        end(&mut precedence, 1, old, reason);
        create(&mut precedence, &"a".into(), new);
        assert_eq!(precedence.releasing(), None);
        // The next one is there before this one ends.
        create(&mut precedence, &"a".into(), new + 1);
        end(&mut precedence, 2, new, reason);
        assert_eq!(precedence.releasing(), None);
    }
    end(&mut precedence, 9, 4, EndReason::Completed);
    assert_eq!(precedence.releasing(), Some(at(9)));
}

#[test]
fn think_time_follows_the_last_end() {
    let mut precedence = Precedence::default();
    submit(&mut precedence, at(0), arrival("a", None, &[]), 0);
    end(&mut precedence, 10, 0, EndReason::Completed);
    let mut late = arrival("b", None, &["a"]);
    late.links.as_mut().expect("links").delay = Duration::from_secs(5);
    assert_eq!(precedence.due(at(12), late.clone(), &[]), Ok(None));
    assert_eq!(precedence.releasing(), Some(at(15)));
    assert_eq!(
        precedence.due(at(15), late.clone(), &[]),
        Ok(Some(late.into()))
    );
}

#[test]
fn what_never_ends_or_is_not_there_is_told() {
    let mut precedence = Precedence::default();
    submit(&mut precedence, at(0), arrival("a", None, &[]), 0);
    assert_eq!(
        precedence.due(at(1), arrival("b", None, &["a"]), &[]),
        Ok(None)
    );
    assert_eq!(
        precedence.due(at(1), arrival("c", None, &["b"]), &[]),
        Ok(None)
    );
    assert_eq!(
        precedence.due(at(1), arrival("d", None, &["x", "d"]), &[]),
        Ok(None)
    );
    precedence.exhausted(at(3), &[]);
    let released = precedence.take_released().expect("released");
    let released = released.first;
    assert_eq!((released.name, released.submit), ("d".into(), at(3)));
    let told = [
        ("waits for itself; not held back for that", 1),
        (
            "waits for a task that is not in the workload; not held back for that",
            1,
        ),
        ("never submitted, as what it waits for did not end", 2),
    ];
    assert_eq!(
        kinds(&precedence),
        told.map(|(kind, count)| (kind.to_owned(), count))
    );
}

#[test]
fn circles_are_told_apart_from_what_waits_for_them() {
    let mut precedence = Precedence::default();
    for (line, (name, after)) in (2..).zip([("a", "b"), ("b", "c"), ("c", "a"), ("d", "c")]) {
        let own = Arrival {
            origin: intake::Origin::line(line),
            ..arrival(name, None, &[after])
        };
        assert_eq!(precedence.due(at(0), own, &[]), Ok(None));
    }
    let files = ["jobs.csv".into()];
    precedence.exhausted(at(0), &files);
    let ledger = precedence.ledger(&files);
    let entries: Vec<String> = ledger.entries().iter().map(ToString::to_string).collect();
    assert_eq!(
        entries,
        [
            format!(
                "drop 3 rows: {} (first jobs.csv:2)",
                WaitFault::InCircle.kind()
            ),
            "drop 1 row: never submitted, as what it waits for did not end (first jobs.csv:5)"
                .to_owned(),
        ]
    );
}

#[test]
fn a_gang_waits_for_all_that_its_members_wait_for() {
    let mut precedence = Precedence::default();
    submit(&mut precedence, at(0), arrival("a", None, &[]), 0);
    submit(&mut precedence, at(0), arrival("b", None, &[]), 1);
    let mut members = [
        arrival("ps", None, &["a"]),
        arrival("worker", None, &["b", "ps"]),
    ];
    for own in &mut members {
        own.join("train".into());
    }
    let [first, mate] = members;
    let gang = Submission {
        first,
        mates: vec![mate],
    };
    assert_eq!(precedence.due(at(1), gang, &[]), Ok(None));
    end(&mut precedence, 5, 1, EndReason::Completed);
    assert_eq!(precedence.releasing(), None);
    end(&mut precedence, 9, 0, EndReason::Completed);
    let released = precedence.take_released().expect("released");
    let seen: Vec<_> = { released.members() }
        .map(|own| (own.name.to_string(), own.submit))
        .collect();
    assert_eq!(
        seen,
        [("ps".to_owned(), at(9)), ("worker".to_owned(), at(9))]
    );
    let told = "waits for itself; not held back for that".to_owned();
    assert_eq!(kinds(&precedence), [(told, 1)]);
}

#[test]
fn tasks_that_have_ended_take_no_memory() {
    let mut precedence = Precedence::default();
    for number in 0..100_u32 {
        let secs = i64::from(number);
        let name = format!("t{number}");
        submit(&mut precedence, at(secs), arrival(&name, None, &[]), number);
        let next = arrival(&format!("n{number}"), None, &[&name]);
        assert_eq!(precedence.due(at(secs), next, &[]), Ok(None));
        end(&mut precedence, secs, number, EndReason::Completed);
        let next = precedence.take_released().expect("released");
        precedence.begin(&next.first);
        create(&mut precedence, &next.first.name, 100 + number);
        precedence.finish();
        assert_eq!((precedence.tasks.len(), precedence.held.len()), (1, 0));
        end(&mut precedence, secs, 100 + number, EndReason::Error);
        assert_eq!((precedence.tasks.len(), precedence.by_key.len()), (0, 0));
    }
    // What waits for them may come later.
    let late = arrival("late", None, &["t7", "n7"]);
    let due = precedence.due(at(200), late.clone(), &[]);
    assert_eq!(due, Ok(Some(late.into())));
    assert_eq!(kinds(&precedence)[0].1, 1);
}
