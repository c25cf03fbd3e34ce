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
    // The tag named another image meanwhile, be it the one that runs.
    let mut own = Trigger::running(Overlap::Cancel, one.clone());
    own.tagged(&two);
    own.ended(&two, false, true);
    own.ended(&one, true, true);
    assert_eq!(own.tagged(&two), Order::Nothing);
    assert_eq!(own.tagged(&one), Order::Nothing);
    assert_eq!(own.tagged(&two), Order::RollOut(two.clone()));
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
fn course(plan: Plan, failure: f64, pushes: &[i64]) -> Vec<(i64, PushEvent)> {
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
    let ready: Vec<(i64, PushEvent)> = course
        .into_iter()
        .filter(|(_, own)| matches!(own, PushEvent::Ready(_) | PushEvent::Cancelled(_)))
        .collect();
    let expected = [
        (20, PushEvent::Cancelled(1)),
        (100, PushEvent::Ready(0)),
        (200, PushEvent::Ready(2)),
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
        (30, PushEvent::Seen(0)),
        (60, PushEvent::Seen(1)),
        (90, PushEvent::Staged(0)),
        (130, PushEvent::Failed(0)),
        (190, PushEvent::Staged(1)),
        (230, PushEvent::Failed(1)),
    ];
    assert_eq!(course(plan, 1.0, &[1, 31]), expected);
}

#[test]
fn a_look_at_the_registry_finds_the_newest_push_of_a_tag() {
    let plan = Plan {
        detection: Detection::Poll(Duration::from_secs(30)),
        ..Plan::of_repository("shop/web")
    };
    let mut own = Pipeline::new(Arc::new(plan));
    for image in ["shop/web:prod", "shop/web:test", "shop/web:prod"] {
        own.pushed(Instant::from_secs(1), source(image));
    }
    let news = own.advance(Instant::from_secs(30));
    let found = [1, 2].map(|number| [PushEvent::Seen(number), PushEvent::Ready(number)]);
    assert_eq!(news[0], PushEvent::PassedOver(0));
    assert_eq!(news[1..], found.concat());
}

#[test]
fn a_build_in_a_pod_takes_as_long_as_its_stages_and_ends_with_the_pod() {
    let plan = Plan {
        pods: Some(BuildPods {
            namespace: "builds".into(),
            image: Text::default(),
            requests: model::ResourceList::default(),
        }),
        ..Plan::of_repository("shop/web")
    };
    let work = |build, takes, fails| Work {
        build,
        takes: Duration::from_secs(takes),
        fails,
    };
    let expected = [
        (1, PushEvent::Seen(0)),
        (1, PushEvent::Begun(0, work(0, 100, false))),
        (2, PushEvent::Seen(1)),
    ];
    assert_eq!(course(plan.clone(), 0.0, &[0, 1]), expected);
    let stages = [(60, 1.0), (40, 0.0)].map(|(takes, failure)| Stage {
        name: "build".into(),
        takes: Distribution::constant(Duration::from_secs(takes)).expect("a time"),
        failure,
    });
    let mut own = Pipeline::new(Arc::new(Plan {
        stages: stages.to_vec(),
        ..plan
    }));
    own.pushed(Instant::ZERO, source("shop/web:v1"));
    own.pushed(Instant::ZERO, source("shop/web:v2"));
    own.advance(Instant::from_secs(1));
    // The second build begins once the pod of the first one has ended, which a stage makes fail.
    let news = own.pod_ended(Instant::from_secs(200), 0, false);
    let begun = PushEvent::Begun(1, work(1, 60, true));
    assert_eq!(news, [PushEvent::Failed(0), begun]);
}

/// A store with a workload `web` of an image, and a push of another.
fn pushed(image: &str) -> cluster::Store {
    use model::workload::Deployment;
    use model::{Container, Delivery, DeliveryStep, Event, Object, ObjectChange, PodSpec};

    let mut store = cluster::Store::new();
    let template = PodSpec {
        containers: vec![Container {
            image: "shop/web:v1".into(),
            ..Container::default()
        }],
        ..PodSpec::default()
    };
    let web = Deployment {
        namespace: "default".into(),
        name: "web".into(),
        replicas: 1,
        template: Arc::new(template),
        ..Deployment::default()
    };
    let created = ObjectChange::Created {
        id: store.objects().next(),
        owner: None,
        object: Object::Deployment(Arc::new(web)),
    };
    let push = Delivery {
        push: Push {
            is_source: false,
            ..source(image)
        },
        pushed: Instant::ZERO,
        workload: Text::default(),
        step: DeliveryStep::Pushed,
    };
    for event in [Event::Object(created), Event::Delivery(Arc::new(push))] {
        store
            .apply(Instant::ZERO, event)
            .expect("an event in order");
    }
    store
}

/// Options of the repository `shop/web`.
fn options(tags: &[(&str, &str)]) -> DeliveryOptions {
    let tags = tags.iter();
    DeliveryOptions {
        plans: vec![Arc::new(Plan::of_repository("shop/web"))],
        rolls_out: true,
        refusal: Refusal(Arc::new(|_| false)),
        follows_status: false,
        build_deadline: None,
        tags: (tags.map(|&(name, tag)| (name.into(), TagFilter::Tag(tag.into())))).collect(),
    }
}

/// Writes of a template in a step at a second.
fn written(own: &mut Deliveries, at: i64, store: &cluster::Store) -> Vec<crate::Write> {
    use crate::Component;
    use model::{Event, ObjectChange};

    let mut out = crate::Outbox::default();
    own.step(Instant::from_secs(at), store, &mut out);
    let is_update =
        |own: &crate::Write| matches!(own.event, Event::Object(ObjectChange::Updated { .. }));
    out.writes.into_iter().filter(is_update).collect()
}

#[test]
fn a_trigger_that_is_refused_is_tried_again_later_each_time() {
    use crate::Component;

    let store = pushed("shop/web:v2");
    let mut own = Deliveries::new(&options(&[]));
    let mut tries = Vec::new();
    for at in 0..80 {
        for write in written(&mut own, at, &store) {
            tries.push(at);
            own.refused(&write, &cluster::Conflict::UnknownObject);
        }
    }
    // Seen after a second; then 1, 2, 4, 8, 16 and 30 s later.
    assert_eq!(tries, [1, 2, 4, 8, 16, 32, 62]);
}

#[test]
fn a_workload_that_follows_a_tag_is_not_triggered_by_others() {
    let store = pushed("shop/web:v2");
    for (tag, count) in [("v2", 1), ("prod", 0)] {
        let mut own = Deliveries::new(&options(&[("web", tag)]));
        written(&mut own, 0, &store);
        assert_eq!(written(&mut own, 1, &store).len(), count, "{tag}");
    }
}

#[test]
fn a_workload_whose_template_the_system_refuses_is_not_rolled_out() {
    use crate::Component;
    use model::{DeliveryStep, Event, Object};

    let store = pushed("shop/web:v2");
    let asks_for = |image: &'static str| {
        let judge = move |object: &Object| {
            let template = object.template();
            template.is_some_and(|template| {
                template
                    .all_containers()
                    .any(|all_container| *all_container.image == *image)
            })
        };
        DeliveryOptions {
            refusal: Refusal(Arc::new(judge)),
            ..options(&[])
        }
    };
    for (image, count) in [("shop/web:v1", 0), ("shop/api:v1", 1)] {
        let mut own = Deliveries::new(&asks_for(image));
        written(&mut own, 0, &store);
        let mut out = crate::Outbox::default();
        own.step(Instant::from_secs(1), &store, &mut out);
        let is_told = out.writes.iter().any(|write| {
            matches!(&write.event, Event::Delivery(write) if write.step == DeliveryStep::Unsupported)
        });
        let updates = out.writes.iter();
        let updates = updates.filter(|own| matches!(own.event, Event::Object(_)));
        assert_eq!((updates.count(), is_told), (count, count == 0), "{image}");
    }
}
