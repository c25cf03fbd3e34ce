use proptest::prelude::*;

use super::*;
use arrivals::ReadOptions;
use arrivals::memory::Recorded;
use formats::readers::csv::CsvSource;
use intake::Input;
use model::PodName;

fn source(rows: &str) -> Box<dyn ArrivalSource> {
    let table = format!("submit,name,tenant,namespace,cpu,start\n{rows}");
    let input = Input::bytes("t.csv", table.into_bytes());
    Box::new(CsvSource::open(&input, &ReadOptions::default()).expect("a table"))
}

const ROWS: &str = "0,a,ann,x,1,1\n10,b,bob,y,1,12\n20,c,ann,x,2,25\n30,d,eve,,1,30\n";

fn edited(edit: &Edit, others: Vec<Box<dyn ArrivalSource>>) -> Recorded {
    let mut source = edit.apply(source(ROWS), others).expect("readable");
    let copy = source.fork().expect("readable again");
    let recorded = Recorded::collect(&mut *source).expect("readable");
    let mut copy = copy;
    assert_eq!(Recorded::collect(&mut *copy).expect("readable"), recorded);
    recorded
}

fn seen(recorded: &Recorded) -> Vec<(i64, String, &str)> {
    let row = |one: &Arrival| {
        let tenant = &*recorded.tenants[one.tenant as usize];
        let seconds = one.submit.as_nanos() / 1_000_000_000;
        (seconds, one.name.to_string(), tenant)
    };
    recorded.arrivals.iter().map(row).collect()
}

fn collected(mut source: Box<dyn ArrivalSource>) -> Recorded {
    Recorded::collect(&mut *source).expect("readable")
}

proptest! {
    #[test]
    fn a_cut_trace_goes_on_where_it_ended(
        cut in 0_usize..ROWS.len(),
        seconds in 0_i64..40,
    ) {
        let table = |rows: &str| {
            let table = format!("submit,name,tenant,namespace,cpu,start\n{rows}");
            Input::bytes("t.csv", table.into_bytes())
        };
        let open = |input: &Input| -> Box<dyn ArrivalSource> {
            Box::new(CsvSource::open(input, &ReadOptions::default()).expect("a table"))
        };
        let whole = collected(open(&table(ROWS)));
        let half = table(&ROWS[..cut]).cut_off();
        let after_line = Some(half.count_lines().expect("in memory"));
        let rest = Edit { after_line, ..Edit::default() };
        let mut both = collected(open(&half)).arrivals.len();
        both += collected(rest.apply(source(ROWS), Vec::new()).expect("readable")).arrivals.len();
        prop_assert_eq!(both, whole.arrivals.len());
        let joined = Edit { after_line, ..Edit::default() };
        let rest = joined.apply(source(ROWS), Vec::new()).expect("readable");
        let joined = Edit::default().apply(open(&half), vec![rest]).expect("readable");
        let joined = collected(joined);
        prop_assert_eq!(seen(&joined), seen(&whole));
        let at = Instant::from_secs(seconds);
        let first = Edit { window: Some((Instant::ZERO, at)), ..Edit::default() };
        let second = Edit {
            window: Some((at, Instant::MAX)),
            shift: at.since(Instant::ZERO),
            ..Edit::default()
        };
        let second = second.apply(source(ROWS), Vec::new()).expect("readable");
        let joined = first.apply(source(ROWS), vec![second]).expect("readable");
        let joined = collected(joined);
        prop_assert_eq!(seen(&joined), seen(&whole));
    }
}

#[test]
fn a_trace_that_goes_on_stands_behind_its_beginning_where_times_are_equal() {
    let rows = "10,a,ann,x,1,\n10,b,bob,y,1,\n10,c,ann,x,2,\n";
    let edit = Edit {
        after_line: Some(2),
        ..Edit::default()
    };
    let beginning = source("10,a,ann,x,1,\n");
    let joined = edit.apply(source(rows), vec![beginning]).expect("readable");
    assert_eq!(seen(&collected(joined)), seen(&collected(source(rows))));
}

#[test]
fn lines_are_those_of_a_trace_of_one_file() {
    let mut other = collected(source(ROWS));
    other.arrivals[0].origin.file = 1;
    let edit = Edit {
        after_line: Some(1),
        ..Edit::default()
    };
    let source = Box::new(arrivals::MemorySource::new(other));
    let mut source = edit.apply(source, Vec::new()).expect("readable");
    let refused = Recorded::collect(&mut *source).expect_err("of two files");
    assert!(
        refused.to_string().contains("has no line there"),
        "{refused}"
    );
}

#[test]
fn edits_are_made_in_their_order() {
    let edit = Edit {
        window: Some((Instant::from_secs(10), Instant::from_secs(30))),
        times: Ratio::new(1, 2),
        shift: Duration::from_secs(100),
        ..Edit::default()
    };
    let recorded = edited(&edit, vec![source("103,z,zoe,,1,103\n")]);
    assert_eq!(
        seen(&recorded),
        [
            (100, "b".to_owned(), "bob"),
            (103, "z".to_owned(), "zoe"),
            (105, "c".to_owned(), "ann"),
        ]
    );
    // The wait of 2 s is kept.
    let start = recorded.arrivals[0].historic_start;
    assert_eq!(start, Some(Instant::from_secs(102)));
    let tenants = Edit {
        tenants: vec!["ann".into(), "none".into()],
        ..Edit::default()
    };
    let recorded = edited(&tenants, Vec::new());
    let names: Vec<_> = { seen(&recorded).into_iter() }
        .map(|(_, name, _)| name)
        .collect();
    assert_eq!(names, ["a", "c"]);
    let far = Edit {
        shift: Duration::from_nanos(i64::MAX),
        ..Edit::default()
    };
    let mut far = far.apply(source(ROWS), Vec::new()).expect("readable");
    assert!(far.next().is_err());
}

#[test]
fn no_name_is_left_in_an_anonymous_trace() {
    let edit = Edit {
        is_anonymous: true,
        ..Edit::default()
    };
    let recorded = edited(&edit, Vec::new());
    let tenants: Vec<&str> = recorded.tenants.iter().map(|name| &**name).collect();
    assert_eq!(tenants, ["tenant-1", "tenant-2", "tenant-3"]);
    let numbers: Vec<_> = recorded.arrivals.iter().map(|one| &one.name).collect();
    assert_eq!(
        numbers,
        [1, 2, 3, 4].map(PodName::Job).iter().collect::<Vec<_>>()
    );
    let namespace = |one: &Arrival| recorded.classes[one.class as usize].namespace.to_string();
    let namespaces: Vec<String> = recorded.arrivals.iter().map(namespace).collect();
    assert_eq!(
        namespaces,
        ["namespace-1", "namespace-2", "namespace-1", ""]
    );
}

proptest! {
    #[test]
    fn a_smaller_sample_is_part_of_a_larger_one(
        seed in any::<u64>(), shares in prop::array::uniform2(0..=1_000_000_u32),
        by_tenant in any::<bool>(),
    ) {
        let rows = (0..50).map(|n| format!("{n},job{n},t{},,1,\n", n % 7));
        let rows = rows.collect::<Vec<_>>().concat();
        let by = if by_tenant { SampleBy::Tenant } else { SampleBy::Job };
        let [one, other] = shares.map(|millionths| {
            let sample = Some(Sample { millionths, by, seed });
            let edit = Edit { sample, ..Edit::default() };
            let mut source = edit.apply(source(&rows), Vec::new()).expect("readable");
            let recorded = Recorded::collect(&mut *source).expect("readable");
            recorded.arrivals.into_iter().map(|one| one.name.to_string()).collect::<Vec<_>>()
        });
        let (less, more) = if shares[0] <= shares[1] { (one, other) } else { (other, one) };
        prop_assert!(less.iter().all(|name| more.contains(name)));
        let share = shares[0].max(shares[1]);
        prop_assert!(share < 1_000_000 || more.len() == 50);
    }
}

#[test]
fn free_texts_are_left_out_of_an_anonymous_trace() {
    let pod = r#"{"metadata": {"labels": {"app": "shop"}}, "spec": {"nodeSelector": {"room": "attic"},
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "vault", "operator": "Exists"}]}]}}},
        "containers": [{"name": "cart", "image": "cart:1"}]}}"#;
    let pod = pod.replace('\n', " ").replace('"', "\"\"");
    let table = format!(
        "submit,gpus,gpu_models,job_type,group,outcome,pod\n\
         0,1,V100|A100,secret,lab,failed,\"{pod}\"\n1,1,V100,secret,hall,by bob,\n"
    );
    let open = || -> Box<dyn ArrivalSource> {
        let options = ReadOptions {
            recorded: true,
            ..ReadOptions::default()
        };
        let input = Input::bytes("t.csv", table.as_bytes());
        Box::new(CsvSource::open(&input, &options).expect("a table"))
    };
    let written = |kept_names: KeptNames| {
        let edit = Edit {
            is_anonymous: true,
            kept_names,
            ..Edit::default()
        };
        let mut source = edit.apply(open(), Vec::new()).expect("readable");
        let mut out = Vec::new();
        let csv = formats::writers::find("csv").expect("a format");
        csv.write(&mut *source, false, &mut out).expect("memory");
        String::from_utf8(out).expect("text")
    };
    let text = written(KeptNames::default());
    for name in [
        "V100", "A100", "secret", "lab,", "hall", "bob", "shop", "attic", "vault", "cart",
    ] {
        assert!(!text.contains(name), "{name}: {text}");
    }
    assert!(text.contains("gpu-model-1|gpu-model-2"), "{text}");
    assert!(
        text.contains("container-1") && text.contains("image-1"),
        "{text}"
    );
    assert!(
        text.contains("failed") && text.contains("outcome-1"),
        "{text}"
    );
    let text = written(KeptNames {
        gpu_models: true,
        ..KeptNames::default()
    });
    assert!(text.contains("V100") && !text.contains("secret"), "{text}");
}

#[test]
fn a_sample_of_jobs_keeps_all_parts_of_a_job_or_none() {
    let rows = (0..60).map(|n| format!("{n},p{n},j{},\n", n / 3));
    let table = format!(
        "submit,name,part_of,after\n{}",
        rows.collect::<Vec<_>>().concat()
    );
    let input = Input::bytes("t.csv", table.into_bytes());
    let source = Box::new(CsvSource::open(&input, &ReadOptions::default()).expect("a table"));
    let edit = Edit {
        sample: Some(Sample {
            millionths: 500_000,
            by: SampleBy::Job,
            seed: 1,
        }),
        ..Edit::default()
    };
    let kept = collected(edit.apply(source, Vec::new()).expect("readable"));
    let mut parts = units::SortedMap::new();
    for arrival in &kept.arrivals {
        *parts.entry(arrival.task().to_string()).or_insert(0) += 1;
    }
    assert!(parts.len() > 2 && parts.len() < 18, "{parts:?}");
    assert!(parts.values().all(|&count| count == 3), "{parts:?}");
}
