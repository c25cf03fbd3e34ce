use super::*;
use crate::tests::prelude::*;
use arrivals::job_fields::OUTCOME;
use intake::ledger::OnBadRow;

const HEADER: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,\
                      creation_time,deletion_time,scheduled_time\n";

fn input(text: String) -> Input {
    Input::bytes("pods.csv", text.into_bytes())
}

fn check(rows: &str, options: &ReadOptions) -> Result<Recorded, TraceError> {
    let mut source = open(&input(format!("{HEADER}{rows}")), options)?;
    Recorded::collect(&mut *source)
}

#[test]
fn a_row_becomes_an_arrival_with_its_class() {
    let recorded = check(
        "p0,6000,12288,1,460,,LS,Running,427,902,430\n\
         p1,500,1,2,1500,T4|A10|T4,BE,Running,428,500,428\n\
         p2,6000,12288,1,460,,BE,Failed,500,600,510\n\
         p3,1,1,0,300,T4,,Pending,500,700,\n",
        &ReadOptions::default(),
    )
    .expect("good rows");
    let classes: Vec<u32> = recorded
        .arrivals
        .iter()
        .map(|arrival| arrival.class)
        .collect();
    assert_eq!(classes, [0, 1, 0, 2]);
    let first = &recorded.arrivals[0];
    assert_eq!(first.submit, Instant::from_secs(427));
    assert_eq!(first.run_time, Some(Duration::from_secs(472)));
    assert_eq!(first.historic_start, Some(Instant::from_secs(430)));
    assert_eq!(amounts(&recorded.classes[0]), (6_000, 12_288 << 20));
    let gpu = &recorded.classes[1].gpu;
    assert_eq!((gpu.devices, gpu.milli_per_device), (2, 1_000));
    assert_eq!(gpu.models, ["T4", "A10", "T4"].map(Into::into));
    assert_eq!(recorded.classes[2].gpu, GpuRequest::default());
    assert_eq!(
        recorded.arrivals[3].run_time,
        Some(Duration::from_secs(200))
    );
    recorded
        .ledger
        .has_once(["pod never ran; stays for its life"]);
}

#[test]
fn pods_that_never_ran_can_be_left_out_and_disorder_is_sorted() {
    let options = options_with(|own| own.ran_only = true);
    let rows = "p0,1,1,0,0,,,,500,600,510\np1,1,1,0,0,,,,400,600,400\n\
                p2,1,1,0,0,,,,400,600,\n";
    let recorded = check(rows, &options).expect("good rows");
    let names: Vec<String> = recorded
        .arrivals
        .iter()
        .map(|arrival| arrival.name.to_string())
        .collect();
    assert_eq!(names, ["p1", "p0"]);
    assert_eq!(recorded.ledger.count("pod never ran"), 1);
    recorded
        .ledger
        .has_once(["created before the row above; sorted"]);
}

#[test]
fn a_last_line_without_an_end_is_told() {
    let kind = "last line without an end of line; it is cut off if the file is";
    for (rows, expected) in [("p,1,1,0,0,,,,5,9,6\n", 0), ("p,1,1,0,0,,,,5,9,6", 1)] {
        let recorded = check(rows, &ReadOptions::default()).expect("good rows");
        assert_eq!(recorded.ledger.count(kind), expected, "{rows}");
    }
}

#[test]
fn phases_are_outcomes_where_they_are_asked_for() {
    let rows = "p0,1,1,0,0,,,Running,1,9,1\np1,1,1,0,0,,,Failed,2,9,2\n\
                p2,1,1,0,0,,,Succeeded,3,9,3\np3,1,1,0,0,,,Failed,4,9,4\n";
    let options = options_with(|own| own.outcomes = true);
    let recorded = check(rows, &options).expect("good rows");
    assert_eq!(
        crate::tests::outcomes(&recorded),
        ["", "failed", "completed", "failed"]
    );
    assert_eq!(recorded.header.fields, [&OUTCOME]);
    let plain = check(rows, &ReadOptions::default()).expect("good rows");
    assert_eq!((plain.classes.len(), plain.header.fields.len()), (1, 0));
}

#[test]
fn five_columns_are_enough() {
    let text = "gpu_milli,num_gpu,memory_mib,cpu_milli,name\n1000,8,5,4,p0\n".to_owned();
    let pods = read_openb_pods(&input(text.clone())).expect("good rows");
    assert_eq!((pods[0].cpu_milli, pods[0].num_gpu), (4, 8));
    let mut source = open(&input(text), &ReadOptions::default()).expect("good rows");
    let arrival = source.next().expect("no error").expect("one pod");
    assert_eq!((arrival.submit, arrival.run_time), (Instant::ZERO, None));
}

#[test]
fn bad_rows_say_what_was_expected() {
    for (row, message) in [
        (
            "p,1,1,2,500,,,,0,9,0",
            "`gpu_milli`: must be 1000 for more than one device",
        ),
        ("p,1,1,1,0,,,,0,9,0", "`gpu_milli`: must be at least 1"),
        ("p,-1,1,1,5,,,,0,9,0", "`cpu_milli`: must be at least 0"),
        (
            "p,1,1,1,5,,,,10,9,",
            "`deletion_time`: must be no earlier than second 10",
        ),
        (
            "p,1,1,1,5,,,,1,9,0",
            "`scheduled_time`: must be no earlier than second 1",
        ),
        (
            "p,1,1,1,5,,,,,9,0",
            "`creation_time`: must be the second of the pod's creation",
        ),
        (
            "p,1,1,1,5,,,,99999999999,,",
            "`creation_time`: must be at most 3200000000 s, and not in milliseconds",
        ),
    ] {
        let error = check(row, &ReadOptions::default())
            .expect_err(row)
            .to_string();
        assert!(
            error.starts_with(&format!("pods.csv:2: column {message}")),
            "{error}"
        );
        let skip = ReadOptions {
            rows: RowPolicy {
                on_bad_row: OnBadRow::Skip,
                strict: false,
            },
            ..ReadOptions::default()
        };
        assert_eq!(check(row, &skip).expect(row).ledger.bad_row_count(), 1);
    }
}
