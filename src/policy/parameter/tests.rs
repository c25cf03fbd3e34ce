//! Kinds of arguments: what each admits, what it becomes, and its JSON Schema.

use serde_json::json;

use super::*;

const COUNT: Parameter = Parameter {
    name: "count",
    kind: Kind::Integer {
        default: 3,
        min: 1,
        max: 9,
    },
    doc: "How many.",
};
const RESOURCES: Parameter = Parameter {
    name: "resources",
    kind: Kind::Weights {
        default: &[("cpu", 1), ("memory", 2)],
    },
    doc: "What counts.",
};

fn arguments(value: &Value) -> Arguments {
    value.as_object().cloned().unwrap_or_default()
}

#[test]
fn integers_are_checked_against_their_bounds() {
    for (given, expected) in [
        (json!({}), Ok(3)),
        (json!({"count": 9}), Ok(9)),
        (json!({"count": 0}), Err("found `0`")),
        (json!({"count": 1.5}), Err("found `1.5`")),
        (json!({"count": "4"}), Err("from 1 to 9, found `\"4\"`")),
    ] {
        match (COUNT.integer(&arguments(&given)), expected) {
            (Ok(number), Ok(expected)) => assert_eq!(number, expected, "{given}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{given}: {found:?}"),
        }
    }
}

#[test]
fn schemas_state_bounds_and_defaults() {
    let expected = json!({
        "description": "How many.",
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "default": 3,
    });
    assert_eq!(COUNT.schema(), expected);
    assert_eq!(
        RESOURCES.schema()["default"],
        json!({"cpu": 1, "memory": 2})
    );
    assert_eq!(
        RESOURCES.schema()["additionalProperties"]["maximum"],
        json!(100)
    );
}

#[test]
fn weights_are_checked_one_by_one() {
    for (given, expected) in [
        (json!({}), Some(vec![("cpu", 1), ("memory", 2)])),
        (json!({"resources": {"gpu": 100}}), Some(vec![("gpu", 100)])),
        (json!({"resources": {}}), None),
        (json!({"resources": {"gpu": 0}}), None),
        (json!({"resources": {"gpu": 101}}), None),
        (json!({"resources": 3}), None),
    ] {
        let expected: Option<Vec<(String, i64)>> = expected.map(|weights| {
            weights
                .into_iter()
                .map(|(name, weight)| (name.to_owned(), weight))
                .collect()
        });
        assert_eq!(
            RESOURCES.weights(&arguments(&given)).ok(),
            expected,
            "{given}"
        );
    }
}

const FACTOR: Parameter = Parameter {
    name: "factor",
    kind: Kind::Decimal {
        places: 3,
        default: 1_500,
        min: -2_000,
        max: 10_000,
    },
    doc: "How much.",
};

#[test]
fn decimals_are_exact_in_their_last_place() {
    for (given, expected) in [
        (json!({}), Some(1_500)),
        (json!({"factor": 2}), Some(2_000)),
        (json!({"factor": 0.1}), Some(100)),
        (json!({"factor": -0.125}), Some(-125)),
        (json!({"factor": 9.999}), Some(9_999)),
        (json!({"factor": 1.50}), Some(1_500)),
        (json!({"factor": 0.0001}), None),
        (json!({"factor": 10.001}), None),
        (json!({"factor": 1e300}), None),
        (json!({"factor": "0.1"}), None),
    ] {
        assert_eq!(FACTOR.decimal(&arguments(&given)).ok(), expected, "{given}");
    }
    let error = FACTOR.decimal(&arguments(&json!({"factor": 0.0001})));
    let expected = "argument `factor`: expected a number from -2 to 10 of at most 3 decimal \
                    places, found `0.0001`";
    assert_eq!(
        error.map_err(|error| error.to_string()),
        Err(expected.to_owned())
    );
    assert_eq!(FACTOR.schema()["default"], json!(1.5));
    assert_eq!(FACTOR.schema()["multipleOf"], json!(0.001));
}

#[test]
fn other_kinds_are_read_as_they_are_declared() {
    const fn parameter(kind: Kind) -> Parameter {
        Parameter {
            name: "own",
            kind,
            doc: "Own.",
        }
    }
    const WORDS: &[&str] = &["most", "least"];
    let choice = parameter(Kind::Choice {
        default: "least",
        of: WORDS,
    });
    let wait = parameter(Kind::Duration { default: "1m" });
    let room = parameter(Kind::Quantity { default: "2Gi" });
    let flag = parameter(Kind::Boolean { default: true });
    let list = parameter(Kind::List {
        of: &Kind::Choice {
            default: "most",
            of: WORDS,
        },
        default: r#"["most"]"#,
    });
    let given = |value: Value| arguments(&json!({"own": value}));
    let none = Arguments::new();
    assert_eq!(choice.text(&none).as_deref(), Ok("least"));
    assert_eq!(choice.text(&given(json!("most"))).as_deref(), Ok("most"));
    assert!(choice.text(&given(json!("mots"))).is_err());
    assert_eq!(wait.duration(&none).ok(), Duration::checked_from_secs(60));
    assert_eq!(
        wait.duration(&given(json!("90s"))).ok(),
        Duration::checked_from_secs(90)
    );
    assert!(wait.duration(&given(json!("soon"))).is_err());
    assert_eq!(room.quantity(&none).ok(), "2Gi".parse().ok());
    assert!(room.quantity(&given(json!("2 GB"))).is_err());
    assert_eq!(flag.boolean(&none), Ok(true));
    assert_eq!(flag.boolean(&given(json!(false))), Ok(false));
    assert!(flag.boolean(&given(json!(0))).is_err());
    assert_eq!(list.list(&none), Ok(vec![json!("most")]));
    assert!(list.list(&given(json!(["most", "none"]))).is_err());
    assert_eq!(list.schema()["items"]["enum"], json!(["most", "least"]));
    let error = flag.integer(&none).map_err(|error| error.to_string());
    let expected = "argument `own` is not declared as a whole number; this is a mistake in the \
                    policy";
    assert_eq!(error, Err(expected.to_owned()));
}

#[test]
fn objects_admit_their_fields_alone() {
    let object = Kind::Object {
        fields: &[COUNT, FACTOR],
    };
    assert_eq!(object.default_value(), json!({"count": 3, "factor": 1.5}));
    assert!(object.admits(&json!({"count": 4})));
    assert!(!object.admits(&json!({"counts": 4})));
    assert!(!object.admits(&json!({"factor": "1"})));
}
