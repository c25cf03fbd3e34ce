//! Tests of `arrivals::partitions` on real formats.

use crate::tests::prelude::*;
use arrivals::partitions::{JobPartition, Partitioned};
use arrivals::read_options::PartitionField;

use crate::readers::csv::CsvSource;

#[test]
fn jobs_have_the_limit_of_their_partition_and_others_are_refused() -> Result<(), TraceError> {
    let table = "submit,partition,time_limit\n0,debug,\n1,,\n1,,30\n2,night,\n";
    let options = options_with(|own| own.partitions = Some(PartitionField::default()));
    let jobs = CsvSource::open(&Input::bytes("jobs.csv", table.as_bytes()), &options)?;
    let debug = JobPartition {
        name: "debug".into(),
        nodes: None,
        time: Some((Duration::from_secs(60), "defaultTime")),
        most: None,
    };
    let mut jobs = Partitioned::new(Box::new(jobs), vec![debug], Some(0), "partitions");
    for _ in 0..2 {
        let limit = jobs.next()?.and_then(|job| job.time_limit);
        assert_eq!(limit, Some(Duration::from_secs(60)));
    }
    let own = jobs.next()?.and_then(|job| job.time_limit);
    assert_eq!(own, Some(Duration::from_secs(30)));
    let error = jobs.next().expect_err("nobody declares `night`");
    assert!(
        error
            .to_string()
            .contains("the partition `night`, which is not declared")
    );
    Ok(())
}

#[test]
fn limits_of_partitions_are_told_with_their_jobs() -> Result<(), TraceError> {
    let table = "submit,time_limit\n0,\n1,30\n2,\n3,1h\n";
    let jobs = Input::bytes("jobs.csv", table.as_bytes());
    let jobs = CsvSource::open(&jobs, &ReadOptions::default())?;
    let debug = JobPartition {
        name: "debug".into(),
        nodes: None,
        time: Some((Duration::from_secs(1_800), "maxTime")),
        most: Some(Duration::from_secs(1_800)),
    };
    let mut jobs = Partitioned::new(Box::new(jobs), vec![debug], Some(0), "partitions");
    while jobs.next()?.is_some() {}
    let kind = "no time limit; `maxTime` of the partition `debug` is its limit, 30m";
    assert_eq!(jobs.ledger().count(kind), 2);
    let kind =
        "asks for more time than `maxTime` of the partition `debug`, 30m: such a job never starts";
    let found = { jobs.ledger().entries().iter() }.find(|own| &*own.kind == kind);
    assert_eq!(found.map(|own| (own.count, own.line)), Some((1, 5)));
    Ok(())
}
