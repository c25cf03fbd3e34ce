//! Lines of clients, and pairs of runs.

use serde_json::json;

use super::request::{Request, Submission};
use super::run::Run;
use super::trial::{Trial, pairs};

#[test]
fn lines_are_requests_or_say_what_was_expected() {
    let asked = |line: &str| match Request::read(line) {
        Ok(Request::Ask(asked)) => asked,
        other => panic!("{line}: {other:?}"),
    };
    let both = asked(r#"{"batch": [{"id": "a", "set": {"x": null}}, {"id": 2, "sett": 1}]}"#);
    let [
        Submission {
            id,
            candidate: Ok(first),
        },
        second,
    ] = &both[..]
    else {
        panic!("{both:?}");
    };
    assert_eq!((id, &first.set["x"]), (&json!("a"), &json!(null)));
    let wrong = second.candidate.clone();
    assert_eq!(
        wrong,
        Err("there is no field `sett`; did you mean `set`?".to_owned())
    );
    let two = r#"{"id": 1, "policy": {"command": ["x"]}, "source": "", "lang": "sh"}"#;
    let two = asked(two).remove(0).candidate;
    assert!(two.expect_err("two programs").contains("two programs"));
    assert_eq!(Request::read(r#"{"finish": true}"#), Ok(Request::Finish));
    for line in ["", "{", "3", r#"{"finish": false}"#, r#"{"batch": {}}"#] {
        let words = Request::read(line).expect_err(line);
        assert!(words.contains(r#"{"finish": true}"#), "{line}: {words}");
    }
}

/// A trial whose runs have these values; one value for all that nothing changes.
fn trial(values: &[f64], is_constant: bool) -> Trial {
    let run = |(at, value): (usize, &f64)| Run {
        value: *value,
        digest: if is_constant {
            String::new()
        } else {
            at.to_string()
        },
        chance: !is_constant,
    };
    Trial {
        runs: values.iter().enumerate().map(run).collect(),
        used: values.len(),
        ..Trial::default()
    }
}

#[test]
fn runs_are_paired_as_far_as_both_have_them() {
    let constant = trial(&[5.0, 5.0], true);
    let short = trial(&[1.0, 2.0], false);
    let long = trial(&[3.0, 4.0, 6.0], false);
    let check = |base: &Trial, head: &Trial, expected: &[[f64; 2]], is_whole: bool| {
        let found = pairs(&[[base, head]]);
        let both = found.base.iter().zip(&found.head);
        let both: Vec<_> = both
            .map(|(base, head)| [base.expect("one"), head.expect("one")])
            .collect();
        assert_eq!(both, expected);
        assert_eq!(found.is_whole, is_whole);
    };
    check(&short, &long, &[[1.0, 3.0], [2.0, 4.0]], false);
    check(
        &constant,
        &long,
        &[[5.0, 3.0], [5.0, 4.0], [5.0, 6.0]],
        false,
    );
    check(&constant, &constant, &[[5.0, 5.0]], true);
    // Runs of an earlier session count when they are asked for.
    let cut = Trial {
        used: 1,
        ..trial(&[3.0, 4.0, 6.0], false)
    };
    check(&long, &cut, &[[3.0, 3.0]], false);
    assert_eq!(cut.score(), Some(3.0));
    // Where two workloads are one run each, the workloads are the sample.
    let found = pairs(&[[&constant, &constant], [&constant, &constant]]);
    assert_eq!((found.base.len(), found.is_whole), (2, false));
}
