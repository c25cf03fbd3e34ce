//! Twins: what must decide alike does, whoever feeds it. A workload of pods that request and use the
//! same is written in another shape of the pod, with another owner, from another source or beside a
//! setting that changes nothing here, and every reader of pods must give the same answer.

mod acts;
mod consumers;
mod experiment;
mod pods;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use consumers::{ALL, Consumer, Form};
use pods::{Owner, Shape, Source};

/// Settings that change nothing where no time passes and no processor is short.
fn settings() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("contention", "/models/contention", json!({"cpu": true})),
        ("a watch delay of 1 ns", "/models/watchDelay", json!("1ns")),
        (
            "a start of 1 ns",
            "/models/startup",
            json!({"containerStart": "1ns"}),
        ),
        ("observed nodes", "/models/nodeLife", json!("observed")),
        (
            "a binding of 1 ns",
            "/system/scheduler",
            json!({"bindingTime": "1ns"}),
        ),
    ]
}

/// The base and every form that differs from it in one respect.
fn forms(consumer: &Consumer) -> Vec<Form> {
    let base = Form {
        shape: Shape::Plain,
        owner: consumer.owners[0],
        source: Source::Manifests,
    };
    let mut forms = vec![base];
    let shapes = Shape::ALL[1..].iter().copied();
    let shapes = shapes.filter(|shape| !consumer.unlike.contains(shape));
    forms.extend(shapes.map(|shape| Form { shape, ..base }));
    forms.extend(consumer.owners[1..].iter().map(|owner| Form {
        owner: *owner,
        ..base
    }));
    forms.extend(consumer.sources.iter().map(|source| match source {
        // A row of a table is a pod without an owner.
        Source::Rows => Form {
            owner: Owner::Nobody,
            source: *source,
            ..base
        },
        _ => Form {
            source: *source,
            ..base
        },
    }));
    forms
}

/// The answer, or the words of the fault.
fn answer(consumer: &Consumer, form: Form, setting: Option<&(&str, &str, Value)>) -> String {
    let answer = catch_unwind(AssertUnwindSafe(|| {
        let mut experiment = (consumer.experiment)(form);
        if let Some((_, pointer, value)) = setting {
            experiment = experiment.set(pointer, value.clone());
        }
        (consumer.read)(&experiment.run())
    }));
    answer.unwrap_or_else(|fault| match fault.downcast_ref::<String>() {
        Some(words) => format!("fault: {words}"),
        None => "fault".to_owned(),
    })
}

/// Compares all twins of the consumers at these places of the list, and tells how many there were.
fn compare(consumers: &[Consumer]) -> usize {
    let (mut differing, mut pairs) = (String::new(), 0);
    let settings = settings();
    for consumer in consumers {
        let forms = forms(consumer);
        let mut judge = |what: String, answer: &str| {
            pairs += 1;
            if answer != consumer.right {
                let (name, right) = (consumer.name, consumer.right);
                let _ = writeln!(differing, "{name}: {what}: {answer:?} instead of {right:?}");
            }
        };
        for form in &forms {
            judge(format!("{form:?}"), &answer(consumer, *form, None));
        }
        for setting in &settings {
            judge(
                setting.0.to_owned(),
                &answer(consumer, forms[0], Some(setting)),
            );
        }
    }
    assert!(
        differing.is_empty(),
        "{pairs} pairs, of which these differ:\n{differing}"
    );
    pairs
}

#[test]
fn readers_of_pods_decide_alike_for_twins_first_third() {
    assert!(compare(&ALL[..8]) > 150);
}

#[test]
fn readers_of_pods_decide_alike_for_twins_second_third() {
    assert!(compare(&ALL[8..16]) > 150);
}

#[test]
fn readers_of_pods_decide_alike_for_twins_last_third() {
    assert!(compare(&ALL[16..]) > 130);
}
