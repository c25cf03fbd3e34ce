//! Containers that arrive, change and stop, and what is wrong with others.

use crate::tests::prelude::*;
use proptest::prelude::*;

use super::*;

#[test]
fn the_first_row_of_a_container_is_its_arrival() {
    let rows = "c_1,m_2,0,app_5,started,400,800,1.5\nc_2,m_2,100,app_5,started,400,400,1.5\n\
                c_1,m_2,200,app_5,started,400,800,1.5\nc_1,m_2,300,app_5,started,800,800,1.5\n\
                c_3,m_2,x,app_5,started,800,800,1.5\n";
    let found = faults(&ENTRY, "c.csv", rows);
    assert_eq!((found.accepted, found.bad_row_count), (2, 1));
    assert_eq!(
        found.bad_rows[0].to_string(),
        "c.csv:5: column `time_stamp`: must be a number, found `x`"
    );
    let good = &rows[..rows.find("c_3").expect("there")];
    let recorded = collected(open(
        &Input::bytes("c.csv", good.as_bytes()),
        &ReadOptions::default(),
    ));
    assert_eq!(recorded.arrivals[1].submit, Instant::from_secs(100));
    let limits = &recorded.classes[0].containers[0].limits;
    assert_eq!(limits.get("cpu").milli_ceil(), Ok(8_000));
    recorded
        .ledger
        .has_once(["more cores requested later; the first request stands"]);
}

#[test]
fn a_stopped_container_without_a_request_does_not_arrive() {
    let rows = "c_1,m_2,0,app_5,started,400,800,1.5\nc_2,m_2,0,app_5,stopped,,,\n\
                c_3,m_2,0,app_5,started,400,800,\nc_4,m_2,0,app_5,stopped,400,800,1.5\n\
                c_2,m_2,9,app_5,started,400,800,1.5\n";
    let recorded = collected_of(open, "c.csv", rows);
    let arrivals = recorded.arrivals.iter();
    let arrivals: Vec<_> = arrivals
        .map(|own| (own.name.to_string(), own.submit))
        .collect();
    let (zero, later) = (Instant::ZERO, Instant::from_secs(9));
    let expected = [("c_1", zero), ("c_3", zero), ("c_4", zero), ("c_2", later)];
    assert_eq!(arrivals, expected.map(|(name, at)| (name.to_owned(), at)));
    recorded.ledger.has_once([
        "stopped container without a request",
        "no request; counted as 0",
    ]);
}

#[test]
fn a_container_ends_when_it_is_stopped_and_may_come_again() {
    let rows = "c_1,m_2,0,app_5,started,400,800,1.5\nc_1,m_2,60,app_5,stopped,,,\n\
                c_1,m_2,90,app_5,stopped,,,\nc_1,m_3,100,app_5,allocated,400,800,1.5\n\
                c_2,m_2,5,app_5,stopped,400,800,1.5\nc_2,m_2,9,app_5,stopped,400,800,1.5\n\
                c_2,m_2,10,app_5,started,400,800,1.5\nc_2,m_2,25,app_5,stopped,400,800,1.5\n\
                c_3,m_2,30,app_5,unknown,400,800,1.5\n";
    let recorded = collected_of(open, "c.csv", rows);
    let lives = recorded.arrivals.iter().map(|own| {
        let seconds = |nanos| nanos / 1_000_000_000;
        let run_time = own.run_time.map(|own| seconds(own.as_nanos()));
        (
            own.name.to_string(),
            seconds(own.submit.as_nanos()),
            run_time,
        )
    });
    let lives: Vec<_> = lives.collect();
    let expected = [
        ("c_1", 0, Some(60)),
        ("c_2", 5, Some(20)),
        ("c_3", 30, None),
        ("c_1-2", 100, None),
    ];
    assert_eq!(
        lives,
        expected.map(|(name, at, run_time)| (name.to_owned(), at, run_time))
    );
    recorded.ledger.has_once([
        "container that is there again after it was stopped; arrives again",
        "container whose first row says that it is stopped; arrives all the same",
    ]);
    assert_eq!(recorded.ledger.entries().len(), 2);
}

#[test]
fn the_earliest_row_is_the_arrival_wherever_it_stands() {
    let rows = "c_1,m_2,900,app_5,started,800,800,1.5\nc_1,m_2,0,app_5,started,400,800,1.5\n\
                c_2,m_2,0,app_5,started,400,800,1.5\n";
    let recorded = collected_of(open, "c.csv", rows);
    let submits: Vec<Instant> = recorded.arrivals.iter().map(|own| own.submit).collect();
    assert_eq!(submits, [Instant::ZERO; 2]);
    let requests = recorded.classes[0].requests().expect("small");
    assert_eq!(requests.get("cpu").milli_ceil(), Ok(4_000));
    recorded.ledger.has_once([
        OUT_OF_ORDER,
        "more cores requested later; the first request stands",
    ]);
}

#[test]
fn usage_beside_containers_is_what_they_use() {
    let containers = "c_1,m_2,0,app_5,started,400,800,1.5\nc_2,m_2,9,app_5,started,400,400,1.5\n";
    let usage = "c_1,m_2,600,12,80,,,,,,\nc_1,m_2,300,7.5,-1,,,,,,\nc_1,m_2,900,101,101,,,,,,\n\
                 c_9,m_2,300,1,1,,,,,,\nc_1,m_2,900,102,1,,,,,,\n";
    let machines = "m_1,0,3,30,96,100,USING\n";
    let bytes = archive(&[
        ("container_meta.csv", containers),
        ("container_usage.csv", usage),
        ("machine_meta.csv", machines),
    ]);
    let input = file_of(&ENTRY, "t.tar", bytes);
    let read = |usage| {
        let options = ReadOptions {
            usage,
            rows: intake::ledger::RowPolicy::REPORT,
            ..ReadOptions::default()
        };
        collected(open(&input, &options))
    };
    let with = read(true);
    let used = |class: usize| with.classes[class].behaviour.clone();
    let first = used(0).expect("measured");
    assert_eq!(
        first.cpu_usage.as_deref(),
        Some("recorded(300s: 7.50%, 600s: 12.00%)")
    );
    assert_eq!(
        first.memory_usage.as_deref(),
        Some("recorded(600s: 80.00%)")
    );
    assert_eq!(used(1), None);
    with.ledger.has_once([
        "row without usage",
        "usage of a container that is not listed",
        "machines, read by `alibaba-2018-machines`",
    ]);
    assert_eq!(
        with.ledger.bad_rows()[0].to_string(),
        "t.tar: container_usage.csv:5: column `cpu_util_percent`: must be at most 100, found `102`"
    );
    assert_eq!(read(false).ledger.count(USAGE_NOT_READ), 1);
    let alone = Input::bytes("u.csv", usage.as_bytes());
    let error = open(&alone, &ReadOptions::default())
        .err()
        .expect("no containers");
    assert!(
        error.to_string().contains("has no `container_meta`"),
        "{error}"
    );
}

/// The arrivals and the ledger of rows of containers, each with its second, its cores and whether it is stopped; a number
/// of containers is held in memory.
fn read(rows: &[(u8, i64, Option<i64>, bool)], most_held: usize) -> (Recorded, String) {
    let mut containers = Containers {
        known: Alive::holding(most_held),
        specs: ClassTable::holding(most_held),
        stands: Standing::Latest,
        ..Containers::default()
    };
    let mut journal = Journal::new("c.csv".into(), RowPolicy::REPORT);
    for (line, &(name, second, cpu, is_stopped)) in (1..).zip(rows) {
        let row = Row {
            name: format!("c_{name}").into(),
            at: Instant::from_secs(second),
            tenant: format!("app_{}", name % 3).into(),
            is_stopped,
            cpu: cpu.map(|cores| 1_000 * cores),
            limit: None,
            memory: cpu,
        };
        let taken = containers.take(&mut journal, line, &row);
        assert!(taken.is_ok(), "rows that are not refused");
    }
    let mut source = containers.finish(journal).expect("readable");
    let recorded = Recorded::collect(&mut *source).expect("readable");
    let ledger = recorded.ledger.to_string();
    (recorded, ledger)
}

proptest! {
    #[test]
    fn containers_on_disk_are_those_in_memory(
        rows in prop::collection::vec((0..9_u8, 0..30_i64, prop::option::of(1..4_i64), any::<bool>()), 0..80),
        most_held in 1_usize..9,
    ) {
        let mut rows = rows;
        rows.sort_by_key(|row| row.1);
        prop_assert_eq!(read(&rows, most_held), read(&rows, usize::MAX));
    }
}
