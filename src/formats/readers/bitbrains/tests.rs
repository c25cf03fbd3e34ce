//! Machines with their rows, and rows that are wrong.

use super::*;
use crate::tests::prelude::*;

const HEADER: &str = "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\t\
                      CPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned [KB];\t\
                      Memory usage [KB];\tDisk read throughput [KB/s];\t\
                      Disk write throughput [KB/s];\tNetwork received throughput [KB/s];\t\
                      Network transmitted throughput [KB/s]\n";

fn row(time: i64, cores: u32, used: &str) -> String {
    format!(
        "{time};\t{cores};\t2599.9;\t19.06;\t{used};\t2048.0;\t1024.0;\t0.0;\t1.4;\t0.0;\t0.0\n"
    )
}

#[test]
fn files_without_a_row_are_told() {
    let whole = format!("{HEADER}{}", row(1_000, 2, "1"));
    let files = [("d/1.csv", HEADER), ("d/2.csv", &*whole), ("d/3.csv", "")];
    for (input, machines, empty) in [
        (Input::bytes("d.tar", archive(&files)), 1, 2),
        (Input::bytes("1.csv", HEADER.as_bytes()), 0, 0),
    ] {
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        assert_eq!((found.accepted, &found.stopped), (machines, &None));
        let kind = "file without a row; the machine is left out";
        assert_eq!(found.ledger.count(kind), empty);
        assert_eq!(found.is_empty(), machines == 0);
    }
}

#[test]
fn folders_of_months_are_one_series_of_each_machine() {
    let file = |rows: &[String]| format!("{HEADER}{}", rows.concat());
    let (july, october) = (
        file(&[row(1_300, 2, "1")]),
        file(&[row(1_900, 2, "4"), row(2_200, 2, "5")]),
    );
    let september = file(&[row(1_300, 2, "9"), row(1_600, 2, "3")]);
    let other = file(&[row(1_000, 1, "1")]);
    let files = [
        ("rnd/2013-10/1.csv", &*october),
        ("rnd/2013-7/1.csv", &*july),
        ("rnd/2013-7/2.csv", &*other),
        ("rnd/2013-9/1.csv", &*september),
        ("rnd/2013-9/2.csv", HEADER),
        ("rnd/README", "words"),
    ];
    let input = Input::bytes("rnd.tar", archive(&files));
    let options = options_with(|own| own.usage = true);
    let recorded = collected(open(&input, &options));
    let seen = recorded.each(|own| (own.name.to_string(), own.submit, own.run_time));
    let (at, run) = (Instant::from_secs, |seconds| {
        Some(Duration::from_secs(seconds))
    });
    let expected = [
        ("2".to_owned(), at(0), run(0)),
        ("1".to_owned(), at(300), run(900)),
    ];
    assert_eq!(seen, expected);
    let behaviour = recorded.classes[1].behaviour.as_ref().expect("usage");
    let used = "recorded(0s: 1.00%, 300s: 3.00%, 600s: 4.00%, 900s: 5.00%)";
    assert_eq!(behaviour.cpu_usage.as_deref(), Some(used));
    let place = recorded.arrivals[1]
        .origin
        .place(&recorded.files, &"r".into());
    assert_eq!((&*place.0, place.1), ("rnd.tar: rnd/2013-7/1.csv", 2));
    let twice = "row of a time that the file of the month before has, too";
    assert_eq!(recorded.ledger.count(twice), 1);
    assert_eq!(recorded.ledger.total(), 2, "{}", recorded.ledger);
    // Machines of equal names in other folders are others.
    let files = [
        ("fastStorage/2013-8/1.csv", &*july),
        ("rnd/2013-8/1.csv", &*july),
    ];
    let refused = open(&Input::bytes("g.tar", archive(&files)), &options).err();
    let refused = refused.expect("two data sets").to_string();
    let expected =
        "g.tar: has files in `fastStorage/2013-8` and `rnd/2013-8`; unpack it and name one of them";
    assert_eq!(refused, expected);
}

#[test]
fn use_that_a_row_leaves_open_is_not_zero() {
    let rows = [row(1_000, 2, "5"), row(1_300, 2, ""), row(1_600, 2, "7")].concat();
    let input = Input::bytes("7.csv", format!("{HEADER}{rows}").into_bytes());
    let options = options_with(|own| own.usage = true);
    let recorded = collected(open(&input, &options));
    let behaviour = recorded.classes[0].behaviour.as_ref().expect("usage");
    let expected = "recorded(0s: 5.00%, 600s: 7.00%)";
    assert_eq!(behaviour.cpu_usage.as_deref(), Some(expected));
    let kind = "row that leaves use open; it uses what the row above does";
    assert_eq!(recorded.ledger.count(kind), 1);
}

#[test]
fn a_machine_is_there_from_its_first_row_to_its_last() {
    let rows = [
        row(1_000, 2, "0.733"),
        row(1_300, 2, "50"),
        row(2_500, 4, "1"),
    ]
    .concat();
    let input = Input::bytes("fastStorage/7.csv", format!("{HEADER}{rows}").into_bytes());
    let options = options_with(|own| own.usage = true);
    let recorded = collected(open(&input, &options));
    let arrival = &recorded.arrivals[0];
    assert_eq!(arrival.name.to_string(), "7");
    assert_eq!(arrival.run_time, Some(Duration::from_secs(1_500)));
    let behaviour = recorded.classes[0].behaviour.as_ref().expect("usage");
    assert_eq!(
        behaviour.cpu_usage,
        Some("recorded(0s: 0.73%, 300s: 50.00%, 600s: 0.00%, 1500s: 1.00%)".into())
    );
    assert_eq!(
        behaviour.memory_usage,
        Some("recorded(0s: 1048576, 600s: 0, 1500s: 1048576)".into())
    );
    recorded.ledger.has_once([
        "gap above 300 s; the machine was off and uses nothing",
        "more cores requested while it ran; the first request stands",
    ]);
    let rows = [row(1_000, 2, "1"), row(1_000, 2, "1"), row(1_300, 2, "x")].concat();
    faults(&ENTRY, "7.csv", format!("{HEADER}{rows}")).has_bad_rows([
        "7.csv:3: column `Timestamp [ms]`: must be later than that of the row above, \
             1000, found `1000`",
        "7.csv:4: column `CPU usage [%]`: must be a number, found `x`",
    ]);
}
#[test]
fn a_machine_whose_size_changes_is_resized() {
    let rows = [
        row(1_000, 2, "1"),
        row(1_300, 4, "1"),
        row(1_600, 0, "1"),
        row(1_900, 1, "1"),
    ];
    let input = Input::bytes("7.csv", format!("{HEADER}{}", rows.concat()).into_bytes());
    let read = |resizes, largest_request| {
        let options = ReadOptions {
            largest_request,
            resizes,
            ..ReadOptions::default()
        };
        let recorded = collected(open(&input, &options));
        let milli = |list: &model::ResourceList| list.get("cpu").milli_ceil().expect("small");
        let spec = &recorded.classes[0];
        let behaviour = spec.behaviour.as_ref();
        let resizes = behaviour.iter().flat_map(|own| &own.resizes);
        let resizes: Vec<_> = resizes
            .map(|own| (own.after, milli(&own.requests)))
            .collect();
        (milli(&spec.requests().expect("small")), resizes)
    };
    assert_eq!(read(false, false), (2_000, Vec::new()));
    assert_eq!(read(false, true), (4_000, Vec::new()));
    let at = Duration::from_secs;
    assert_eq!(read(true, false), (2_000, vec![(at(300), 4_000)]));
}

#[test]
fn a_file_without_a_header_has_the_columns_of_the_publisher() {
    let rows = [row(1_376_314_846, 2, "5"), row(1_376_315_146, 2, "7")].concat();
    let whole = faults(&ENTRY, "7.csv", format!("{HEADER}{rows}"));
    for text in [
        rows.clone(),
        rows.replace(";\t", ","),
        rows.replace('\n', "\r\n"),
    ] {
        let input = file_of(&ENTRY, "7.csv", text);
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        assert_eq!(found, whole);
    }
    let bad = rows.replace("1376315146;\t2", "1376315146;\tx");
    let found = faults(&ENTRY, "7.csv", bad);
    let expected = "7.csv:2: column `CPU cores`: must be a number, found `x`";
    assert_eq!(found.bad_rows[0].to_string(), expected);
}

#[test]
fn copies_with_other_separators_say_the_same() {
    let text = format!("{HEADER}{}{}", row(1_000, 2, "5"), row(1_300, 2, "7"));
    let quoted = text.replace("Timestamp [ms];", "\"Timestamp [ms]\";");
    for text in [text.replace(";\t", ","), text.replace(";\t", "\t"), quoted] {
        let input = file_of(&ENTRY, "7.csv", text);
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        assert_eq!((found.accepted, found.bad_row_count), (1, 0));
    }
}
