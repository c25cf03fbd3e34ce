//! Tests of `arrivals::partitions` on real formats.

use crate::tests::prelude::*;
use arrivals::partitions::{JobPartition, Partitioned};
use arrivals::read_options::PartitionField;

use crate::readers::csv::CsvSource;

#[test]
fn jobs_have_the_limit_of_their_partition_and_others_are_refused() -> Result<(), TraceError> {
    let table = "submit,partition\n0,debug\n1,\n2,night\n";
    let options = options_with(|own| own.partitions = Some(PartitionField::default()));
    let jobs = CsvSource::open(&Input::bytes("jobs.csv", table.as_bytes()), &options)?;
    let debug = JobPartition {
        name: "debug".into(),
        nodes: None,
        time: Some(Duration::from_secs(60)),
    };
    let mut jobs = Partitioned::new(Box::new(jobs), vec![debug], Some(0), "partitions");
    for _ in 0..2 {
        let limit = jobs.next()?.and_then(|job| job.time_limit);
        assert_eq!(limit, Some(Duration::from_secs(60)));
    }
    let error = jobs.next().expect_err("nobody declares `night`");
    assert!(
        error
            .to_string()
            .contains("the partition `night`, which is not declared")
    );
    Ok(())
}
