//! Pods of answers and of texts, and what is wrong with others.

use crate::tests::prelude::*;
use proptest::prelude::*;

use super::*;

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
    let input = file_of(&ENTRY, "p", text);
    collected(open(&input, &ReadOptions::default()))
}

#[test]
fn pods_are_there_from_their_first_sample_to_their_last() {
    let recorded = read(ANSWER);
    let seen = recorded.each(|one| (one.name.to_string(), one.submit, one.run_time));
    let run = Duration::from_millis(120_000 + 59_500);
    seen.are([
        ("a".to_owned(), Instant::ZERO, Some(run)),
        ("b".to_owned(), Instant::from_secs(60), None),
    ]);
    let requests = recorded.classes[0].requests().expect("small");
    assert_eq!(requests.get("cpu").milli_ceil(), Ok(750));
    recorded.ledger.has_once([
        "request changes later; the first one stands",
        "series that says no more than that a pod is there",
        "pod whose requests are not recorded; requests nothing",
        "there at the end of the samples; run time not known",
        "series that is about no pod",
        "series without a sample",
    ]);
    let recorded = read(TEXT);
    let names = recorded.names();
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
    let asked = recorded.each(|one| {
        let requests = recorded.classes[one.class as usize].requests();
        (one.submit, requests.expect("small").get("cpu").milli_ceil())
    });
    let at = Instant::from_secs;
    assert_eq!(asked, [(at(0), Ok(2_000)), (at(800), Ok(0))]);
    let kind = "pod without a `uid`; counted as the one of its name that is there then";
    assert_eq!(recorded.ledger.count(kind), 1);
}

#[test]
fn wrong_samples_and_answers_are_named() {
    let complaints = |text: &str| {
        let found = faults(&ENTRY, "p", text);
        let bad = found.bad_rows.iter().chain(&found.stopped);
        bad.map(ToString::to_string).collect::<Vec<_>>()
    };
    let late = ANSWER.replace("1709287260.5", "1709287200");
    complaints(&late).are([
        "p:2: column `values.1`: must be later than the sample before, found \
          `[1709287200,\"0.5\"]`",
    ]);
    let negative = ANSWER.replace("\"0.25\"", "\"-1\"");
    complaints(&negative).are([
        "p:4: column `kube_pod_container_resource_requests`: must be an amount from 0 to 1e18, \
          found `-1`",
    ]);
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

#[test]
fn answers_may_lack_their_envelope_or_stand_one_after_the_other() {
    let series = |pod: &str, values: &str| {
        format!(
            "{{\"metric\": {{\"__name__\": \"kube_pod_container_resource_requests\", \"namespace\": \"n\", \
             \"pod\": \"{pod}\", \"resource\": \"cpu\"}}, \"values\": [{values}]}}"
        )
    };
    let list = format!(
        "[{},\n{}]",
        series("a", "[100, \"1\"], [160, \"1\"], [220, \"NaN\"]"),
        series("b", "[100, \"2\"], [400, \"2\"]")
    );
    let bare = format!("{{\"resultType\": \"matrix\", \"result\": {list}}}");
    let whole = format!("{{\"status\": \"success\", \"warnings\": [\"x\"], \"data\": {bare}}}");
    let pages = [
        series("a", "[100, \"1\"], [160, \"1\"]"),
        series("b", "[100, \"2\"]"),
        series("b", "[400, \"2\"]"),
    ];
    let pages: String = pages
        .map(|own| {
            format!("{{\"status\": \"success\", \"data\": {{\"resultType\": \"matrix\", \"result\": [{own}]}}}}\n")
        })
        .concat();
    for text in [list, bare, whole.clone(), pages] {
        let recorded = read(&text);
        let seen = recorded.each(|one| (one.name.to_string(), one.run_time));
        let run = Some(Duration::from_secs(120));
        assert_eq!(
            seen,
            [("a".to_owned(), run), ("b".to_owned(), None)],
            "{text}"
        );
    }
    let ledger = read(&whole).ledger;
    ledger.has_once([
        "warning of Prometheus: the answer may not be complete",
        "sample that is not a number; left out",
    ]);
}

#[test]
fn labels_and_metrics_of_other_exporters_mean_the_same() {
    let exported = "{__name__=\"kube_pod_container_resource_requests\", exported_namespace=\"n\", exported_pod=\"a\", \
        exported_container=\"c\", namespace=\"m\", pod=\"ksm\", container=\"k\", resource=\"cpu\"} 1 100000\n";
    let text = format!(
        "{exported}{}{}{}{{\"kube_pod_info\", \"pod\"=\"d\", namespace=\"n\"}} 1 100000\n",
        exported.replace("\"a\"", "\"b\""),
        exported.replace("} 1 100000", "} NaN 160000"),
        "kube_pod_container_resource_requests_memory_bytes{pod=\"e\",namespace=\"n\"} 1024 100000\n",
    );
    let recorded = read(&text);
    let seen = recorded.each(|one| {
        let requests = recorded.classes[one.class as usize].requests();
        let requests = requests.expect("small");
        let cpu = requests.get("cpu").milli_ceil();
        let memory = requests.get("memory").units_ceil();
        let tenant = recorded.tenants[one.tenant as usize].to_string();
        (one.name.to_string(), tenant, cpu, memory)
    });
    let pod = |name: &str, cpu, memory| (name.to_owned(), "n".to_owned(), Ok(cpu), Ok(memory));
    seen.are([
        pod("a", 1_000, 0),
        pod("b", 1_000, 0),
        pod("e", 0, 1_024),
        pod("d", 0, 0),
    ]);
    recorded
        .ledger
        .has_once(["sample that is not a number; left out"]);
}

#[test]
fn phases_and_stated_times_bound_the_lives_of_pods() {
    let phase = |pod: &str, phase: &str, from: u32| {
        let values = (0..5_u32).map(|step| {
            let at = 60 * step;
            format!("[{}, \"{}\"]", 1_000 + at, u32::from(at >= from))
        });
        let values: Vec<String> = values.collect();
        format!(
            "{{\"metric\": {{\"__name__\": \"kube_pod_status_phase\", \"pod\": \"{pod}\", \"phase\": \"{phase}\"}}, \
             \"values\": [{}]}}",
            values.join(", ")
        )
    };
    let stated = |metric: &str, pod: &str, at: u32| {
        format!(
            "{{\"metric\": {{\"__name__\": \"{metric}\", \"pod\": \"{pod}\"}}, \"values\": [[1060, \"{at}\"], \
             [1240, \"{at}\"]]}}"
        )
    };
    let list = [
        phase("a", "Pending", 0),
        phase("a", "Running", 60),
        phase("a", "Succeeded", 180),
        phase("b", "Failed", 120),
        phase("b", "Succeeded", 900),
        stated("kube_pod_created", "c", 1_030),
        stated("kube_pod_start_time", "c", 1_045),
        stated("kube_pod_completion_time", "c", 1_200),
        stated("kube_pod_created", "d", 5),
    ];
    let input = Input::bytes("p", format!("[{}]", list.join(",\n")).into_bytes());
    let options = options_with(|own| own.outcomes = true);
    let recorded = collected(open(&input, &options));
    let seconds = |span: Duration| span.as_nanos() / 1_000_000_000;
    let since = |at: Instant| seconds(at.since(Instant::ZERO));
    let seen: Vec<_> = {
        recorded
            .arrivals
            .iter()
            .zip(crate::tests::outcomes(&recorded))
    }
    .map(|(one, outcome)| {
        let times = (since(one.submit), one.historic_start.map(since));
        let run = one.run_time.map(seconds);
        (one.name.to_string(), times, run, outcome.to_string())
    })
    .collect();
    let pod = |name: &str, at, start, run, outcome: &str| {
        (name.to_owned(), (at, start), run, outcome.to_owned())
    };
    seen.are([
        pod("a", 0, Some(60), Some(120), "completed"),
        pod("b", 0, None, Some(120), "failed"),
        pod("d", 0, None, None, ""),
        pod("c", 30, Some(45), Some(155), ""),
    ]);
    recorded
        .ledger
        .has_once(["created before the first sample of all; arrives at that"]);
}

/// The series of the metrics that say something of a pod, about some pods of few names.
fn a_series() -> impl Strategy<Value = (&'static str, [usize; 3], Vec<(i64, f64)>)> {
    const METRICS: [&str; 10] = [
        "kube_pod_info",
        "kube_pod_created",
        "kube_pod_start_time",
        "kube_pod_completion_time",
        "kube_pod_status_phase",
        "kube_pod_container_resource_requests",
        "kube_pod_container_resource_limits",
        "container_cpu_usage_seconds_total",
        "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes",
    ];
    let samples = prop::collection::btree_map(0_i64..40, 0_u32..4, 1..5);
    let metric = prop::sample::select(METRICS.to_vec());
    (metric, [0..3_usize, 0..3, 0..3], samples).prop_map(|(metric, names, samples)| {
        let samples = samples.into_iter();
        let samples = samples.map(|(at, value)| (1_000 * at, f64::from(value)));
        (metric, names, samples.collect())
    })
}

proptest! {
    #[test]
    fn pods_sorted_on_disk_are_those_in_memory(
        series in prop::collection::vec(a_series(), 1..40),
        most_held in 1_usize..6,
    ) {
        let options = options_with(|own| (own.outcomes, own.usage) = (true, true));
        let read = |mut pods: Pods| {
            let mut journal = Journal::new("p".into(), options.rows);
            for (line, (metric, [name, uid, container], samples)) in (1..).zip(&series) {
                if line == 20 {
                    journal.file = "q".into();
                }
                let label = |label: &str| match label {
                    "__name__" => (*metric).to_owned(),
                    "namespace" => "n".to_owned(),
                    "pod" => ["a", "b", "c"][*name].to_owned(),
                    "uid" => ["", "1", "2"][*uid].to_owned(),
                    "container" => ["c", "d", "POD"][*container].to_owned(),
                    "resource" => ["cpu", "memory", "cpu"][*container].to_owned(),
                    "phase" => ["Running", "Succeeded", "Failed"][*container].to_owned(),
                    _ => String::new(),
                };
                pods.add(&mut journal, line, label, samples).expect("good");
            }
            let mut source = pods.finish(journal, &options).expect("readable");
            let recorded = Recorded::collect(&mut *source).expect("readable");
            let ledger = recorded.ledger.to_string();
            (recorded, ledger)
        };
        prop_assert_eq!(read(Pods::holding(most_held, &options)), read(Pods::new(&options)));
    }
}

#[test]
fn limits_of_all_containers_are_the_limit_of_their_pod() {
    let text = "kube_pod_container_resource_requests{namespace=\"n\",pod=\"a\",container=\"c\",resource=\"cpu\"} 1 100\n\
        kube_pod_container_resource_limits{namespace=\"n\",pod=\"a\",container=\"c\",resource=\"cpu\"} 2 100\n\
        kube_pod_container_resource_limits{namespace=\"n\",pod=\"a\",container=\"c\",resource=\"memory\"} 4096 100\n\
        kube_pod_container_resource_requests{namespace=\"n\",pod=\"a\",container=\"d\",resource=\"cpu\"} 1 100\n\
        kube_pod_container_resource_limits_cpu_cores{namespace=\"n\",pod=\"a\",container=\"d\"} 1.5 100\n\
        kube_pod_container_resource_limits{namespace=\"n\",pod=\"b\",container=\"c\"} 1 100\n";
    let input = Input::bytes("p", text.as_bytes());
    let options = options_with(|own| own.rows = intake::ledger::RowPolicy::REPORT);
    let recorded = collected(open(&input, &options));
    let limits = &recorded.classes[0].containers[0].limits;
    assert_eq!(limits.get("cpu").milli_ceil(), Ok(3_500));
    assert_eq!(limits.named().count(), 1);
    recorded
        .ledger
        .has_once(["limit of some containers of a pod, not used"]);
    let bad: Vec<String> = { recorded.ledger.bad_rows().iter() }
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        bad,
        ["p:6: column `resource`: must be the label of a resource, such as cpu, found ``"]
    );
}
