//! Stored baselines: what is checked when one is read, and what survives a conflict.

use super::*;
use crate::check::verify::over;

fn baseline() -> Baseline {
    let metric = |value: f64| BaselineMetric {
        refused: None,
        mean: Some(value),
        unit: "s".to_owned(),
        values: vec![Some(value), Some(value)],
    };
    Baseline {
        acknowledgements: vec![Acknowledgement {
            entry: "a".to_owned(),
            metric: "m.x".to_owned(),
            allow: Some(0.5),
            reason: "known \"bug\"".to_owned(),
            expires: "2026-12-31".to_owned(),
        }],
        entries: SortedMap::from([(
            "a".to_owned(),
            BaselineEntry {
                digest: over(["d".to_owned(), "e".to_owned()].iter()),
                digests: vec!["d".to_owned(), "e".to_owned()],
                inputs: "i".to_owned(),
                metrics: SortedMap::from([
                    ("m.x".to_owned(), metric(0.1)),
                    ("m.y".to_owned(), metric(2.0)),
                ]),
                parts: SortedMap::from([("models".to_owned(), "m".to_owned())]),
                objectives: serde_saphyr::from_str(
                    "[{metric: m.x, max: 0.5, tolerance: 5%}, {metric: m.y, min: 3h, \
                     selector: {minPriority: 7}}]",
                )
                .expect("objectives"),
                seeds: vec![42, 43],
                system: serde_json::json!({"name": "kubernetes"}),
                ..BaselineEntry::default()
            },
        )]),
        rules: RULES_VERSION,
        schema_version: BASELINE_VERSION,
        suite: "s".to_owned(),
        windtunnel: "0".to_owned(),
    }
}

#[test]
fn reads_what_it_writes_one_metric_a_line() {
    let (written, empty) = (baseline(), Baseline::default());
    let text = written.to_text();
    assert_eq!(Baseline::parse(&text, PathBuf::new(), "s"), Ok(written));
    assert_eq!(
        text.lines().filter(|line| line.contains("\"m.")).count(),
        5,
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let keys: Vec<&String> = json.as_object().expect("a map").keys().collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let again: Baseline = serde_json::from_str(&empty.to_text()).expect("a baseline");
    assert_eq!(again, empty);
}

#[test]
fn what_is_wrong_is_said() {
    let text = baseline().to_text();
    let check = |from: &str, to: &str, code: u8, words: &str| {
        let text = text.replace(from, to);
        let error = Baseline::parse(&text, "b.json".into(), "s").expect_err(words);
        assert_eq!(error.exit_code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    check(
        "\"suite\": \"s\"",
        "\"suite\": \"t\"",
        3,
        "of the suite `t`, not of `s`",
    );
    check("\"rules\": 1", "\"rules\": 9", 3, "version 9");
    let newer = "\"schemaVersion\": 9, \"more\": 1";
    check("\"schemaVersion\": 4", newer, 3, "schemaVersion is 9");
    let program = "\"windtunnel\": \"9.0.0\"";
    check(
        "\"windtunnel\": \"0\"",
        program,
        3,
        "windtunnel 9.0.0 wrote",
    );
    check(
        "\"windtunnel\": \"0\"",
        "\"windtunnel\": \"x\"",
        3,
        "windtunnel x wrote",
    );
    check("2026-12-31", "soon", 2, "`soon` is not a date");
    check("known \\\"bug\\\"", " ", 2, "no reason");
    check("\"seeds\"", "\"seads\"", 2, "b.json:");
    check("{\n", "{,", 2, "b.json:1:");
    check(
        "[42,43]",
        "[42,42]",
        2,
        "`seeds`: a seed stands there twice",
    );
    check("[42,43]", "[42]", 2, "`digests`: 2 values of 1 seed");
    check("[\"d\",", "[\"f\",", 2, "`digest`: it is not the hash");
    check("\"mean\":0.1", "\"mean\":0.2", 2, "`m.x.mean`: it is not");
    check("[2.0,2.0]", "[2.0]", 2, "`m.y.values`: 1 value of 2 seeds");
    check("m.y", "m.x", 2, "`m.x` stands there twice");
    check("\"i\"", "\"j\"", 2, "`checksum`: the entry was edited");
    check("kubernetes", "batch", 2, "`checksum`");
}

#[test]
fn acknowledgements_outlive_a_conflict() {
    let text = baseline().to_text();
    let (head, rest) = text.split_at(text.find("  \"entries\"").expect("entries"));
    let other = head.replace("\"m.x\"", "\"m.z\"");
    let broken = format!("<<<<<<< ours\n{head}=======\n{other}>>>>>>> theirs\n{rest}");
    let kept = Baseline::acknowledged(&broken).acknowledgements;
    let metrics: Vec<&str> = kept.iter().map(|own| own.metric.as_str()).collect();
    assert_eq!(metrics, ["m.x", "m.z"]);
}

#[test]
fn a_key_that_stands_twice_in_whatever_depth_is_refused_with_its_place() {
    let text = baseline().to_text();
    for (from, to) in [
        (
            "\"name\":\"kubernetes\"",
            "\"name\":\"a\",\"name\":\"kubernetes\"",
        ),
        ("\"models\":\"m\"", "\"models\":\"x\",\"models\":\"m\""),
        ("\"suite\": \"s\"", "\"suite\": \"x\", \"suite\": \"s\""),
    ] {
        assert!(text.contains(from), "{from}: {text}");
        let twice = text.replace(from, to);
        let error = Baseline::parse(&twice, PathBuf::from("b.json"), "s").expect_err(from);
        let told = error.to_string();
        assert!(
            told.starts_with("b.json:") && told.contains("stands there twice"),
            "{told}"
        );
    }
}

#[test]
fn a_merge_that_left_its_marks_keeps_the_first_side() {
    let (own, text) = (baseline(), baseline().to_text());
    let (head, tail) = text.split_once("  \"rules\"").expect("a line");
    let merged = format!("{head}<<<<<<< HEAD\n  \"rules\"{tail}=======\nlost\n>>>>>>> other\n");
    let error = Baseline::parse(&merged, PathBuf::from("b.json"), "s").expect_err("marks");
    assert!(
        error
            .to_string()
            .contains("a merge left its conflict marks here"),
        "{error}"
    );
    assert_eq!(Baseline::acknowledged(&merged), own);
    let found = Baseline::acknowledgements_of(&merged, Path::new("b.json"));
    assert_eq!(found, Ok(own.acknowledgements));
}
