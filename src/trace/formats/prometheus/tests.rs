//! Pods of answers and of texts, and what is wrong with others.

use super::*;
use crate::inspect::validate;
use crate::memory::Recorded;

const ANSWER: &str = r#"{"status": "success", "data": {"resultType": "matrix", "result": [
{"metric": {"__name__": "kube_pod_container_resource_requests", "namespace": "n", "pod": "a", "container":
 "c", "resource": "cpu"}, "values": [[1709287200, "0.5"], [1709287260.5, "0.5"], [1709287320, "1"]]},
{"metric": {"__name__": "kube_pod_container_resource_requests", "namespace": "n", "pod": "a", "container":
 "d", "resource": "cpu"}, "values": [[1709287200, "0.25"]]},
{"metric": {"namespace": "n", "pod": "b"}, "values": [[1709287260, "7"], [1709287380, "7"]]},
{"metric": {"node": "x"}, "values": [[1709287260, "7"]]},
{"metric": {"pod": "e"}, "values": []}]}}"#;

const TEXT: &str = "# TYPE kube_pod_container_resource_requests gauge\n\
    kube_pod_container_resource_requests{namespace=\"n\",pod=\"a\",resource=\"memory\"} 1024 1709287200\n\
    kube_pod_info{namespace=\"n\",pod=\"a \\\"x\\\"\", } 1 1709287200000\n# EOF\n";

fn read(text: &str) -> Recorded {
    let input = Input::bytes("p", text.as_bytes());
    let entry = crate::registry::recognize(&input).expect("known");
    assert_eq!(entry.name, ENTRY.name);
    let mut source = open(&input, &ReadOptions::default()).expect("good");
    Recorded::collect(&mut *source).expect("good")
}

#[test]
fn pods_are_there_from_their_first_sample_to_their_last() {
    let recorded = read(ANSWER);
    let seen: Vec<_> = { recorded.arrivals.iter() }
        .map(|one| (one.name.to_string(), one.submit, one.run_time))
        .collect();
    let run = Duration::from_millis(120_000 + 59_500);
    assert_eq!(
        seen,
        [
            ("a".to_owned(), Instant::ZERO, Some(run)),
            ("b".to_owned(), Instant::from_secs(60), None),
        ]
    );
    let requests = recorded.classes[0].requests().expect("small");
    assert_eq!(requests.get("cpu").milli_ceil(), Ok(750));
    for kind in [
        "request changes later; the first one stands",
        "series that says no more than that a pod is there",
        "pod whose requests are not recorded; requests nothing",
        "there at the end of the samples; run time not known",
        "series that is about no pod",
        "series without a sample",
    ] {
        assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
    }
    let recorded = read(TEXT);
    let names: Vec<String> = { recorded.arrivals.iter() }
        .map(|one| one.name.to_string())
        .collect();
    assert_eq!(names, ["a", "a \"x\""]);
    let requests = recorded.classes[0].requests().expect("small");
    assert_eq!(requests.get("memory").units_ceil(), Ok(1_024));
}

#[test]
fn series_without_a_uid_are_of_the_pod_that_is_there() {
    let text = "kube_pod_info{namespace=\"n\",pod=\"a\",uid=\"1\"} 1 100\n\
        kube_pod_info{namespace=\"n\",pod=\"a\",uid=\"2\"} 1 900\n\
        kube_pod_container_resource_requests{namespace=\"n\",pod=\"a\",resource=\"cpu\"} 2 100\n";
    let recorded = read(text);
    let asked: Vec<_> = { recorded.arrivals.iter() }
        .map(|one| {
            let requests = recorded.classes[one.class as usize].requests();
            (one.submit, requests.expect("small").get("cpu").milli_ceil())
        })
        .collect();
    let at = Instant::from_secs;
    assert_eq!(asked, [(at(0), Ok(2_000)), (at(800), Ok(0))]);
    let kind = "pod without a `uid`; counted as the one of its name that is there then";
    assert_eq!(recorded.ledger.count(kind), 1);
}

#[test]
fn wrong_samples_and_answers_are_named() {
    let complaints = |text: &str| {
        let input = Input::bytes("p", text.as_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad = found.bad_rows.iter().chain(&found.stopped);
        bad.map(ToString::to_string).collect::<Vec<_>>()
    };
    let late = ANSWER.replace("1709287260.5", "1709287200");
    assert_eq!(
        complaints(&late),
        [
            "p:3: column `values.1`: must be later than the sample before, found \
          `[1709287200,\"0.5\"]`"
        ]
    );
    let negative = ANSWER.replace("\"0.25\"", "\"-1\"");
    assert_eq!(
        complaints(&negative),
        [
            "p:5: column `kube_pod_container_resource_requests`: must be an amount from 0 to 1e18, \
          found `-1`"
        ]
    );
    let vector = ANSWER.replace("matrix", "vector");
    assert_eq!(
        complaints(&vector),
        ["p: `resultType` is vector; expected matrix, the answer to a range query"]
    );
    let error = r#"{"status": "error", "error": "too many samples"}"#;
    assert_eq!(
        complaints(error),
        ["p: Prometheus answered with an error: too many samples"]
    );
    let cut =
        "kube_pod_info{pod=\"a\" 1\nkube_pod_info{pod=\"a\"} x\nkube_pod_info{pod=\"a\"} 1 -5\n";
    let cut = complaints(cut);
    assert_eq!(cut.len(), 3);
    assert_eq!(
        cut[0],
        "p:1: column `sample`: must be a metric with labels in braces, a number and perhaps a \
         time, found `kube_pod_info{pod=\"a\" 1`"
    );
}

#[test]
fn a_last_sample_without_an_end_of_line_is_told() {
    let kind = "last line without an end of line; it is cut off if the file is";
    let samples = TEXT.trim_end().trim_end_matches("# EOF").trim_end();
    for (text, expected) in [(TEXT.trim_end(), 0), (samples, 1)] {
        assert_eq!(read(text).ledger.count(kind), expected, "{text}");
    }
}
