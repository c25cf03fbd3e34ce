//! Tables with a header and Parquet files with the same values are read as the same, in every format of such tables and in
//! those whose tables lie side by side.

use super::Shape::Table;
use super::clean::CLEAN;
use crate::packed::archive_of_bytes;
use crate::registry::recognize;
use crate::tests::prelude::*;
use intake::Ledger;
use intake::parquet::{Kind, ParquetFile};

/// A Parquet file of a table: whole numbers where a column has nothing else.
fn packed(table: &str) -> Vec<u8> {
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let kind = |place: usize| {
        let mut values = rows
            .iter()
            .map(|row| row[place])
            .filter(|own| !own.is_empty());
        if values.all(|own| own.parse::<i64>().is_ok()) {
            Kind::Integer
        } else {
            Kind::Text
        }
    };
    let columns: Vec<(&'static str, Kind)> = (0..)
        .zip(&header)
        .map(|(place, name)| (&*name.trim().to_owned().leak(), kind(place)))
        .collect();
    let mut bytes = Vec::new();
    let mut file = ParquetFile::begin(columns.iter().copied(), &mut bytes).expect("memory");
    for row in &rows {
        for (place, (value, (_, kind))) in row.iter().zip(&columns).enumerate() {
            match kind {
                Kind::Integer => file.integer(place, value.parse().ok()),
                Kind::Text => file.text(place, value),
            }
        }
        file.end_row().expect("memory");
    }
    file.finish().expect("memory");
    bytes
}

/// The arrivals of a trace with their specs, or its nodes, read with constraints and perhaps with usage; and the
/// kinds of the findings.
fn read(input: &Input, usage: bool) -> (String, Vec<String>) {
    let options = ReadOptions {
        usage,
        constraints: true,
        ..ReadOptions::default()
    };
    let entry = recognize(input).expect("known");
    let kinds = |ledger: &Ledger| {
        let kinds = ledger.entries().iter();
        kinds
            .map(|own| format!("{} {}", own.count, own.kind))
            .collect()
    };
    let (seen, kinds) = match entry.open {
        Constructor::Nodes(read) => {
            let list = read(input, &options).expect("good rows");
            (
                format!("{:?} {:?}", list.nodes, list.events),
                kinds(&list.ledger),
            )
        }
        Constructor::Workload(open) => {
            let own = collected(open(input, &options));
            (
                format!("{:?} {:?} {:?}", own.arrivals, own.classes, own.tenants),
                kinds(&own.ledger),
            )
        }
    };
    // Lines of tables count the header, rows of Parquet files don't.
    let without_places = |text: String| {
        let mut parts = text.split("origin: Origin {");
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            kept.push_str(part.split_once('}').unwrap_or_default().1);
        }
        kept
    };
    (format!("{} {}", entry.name, without_places(seen)), kinds)
}

#[test]
fn tables_with_a_header_may_be_parquet_files() {
    let mut formats = 0;
    for &(name, shape, table) in CLEAN {
        // The wide table of functions is not written here.
        if !matches!(shape, Table(',', 1)) || table.is_empty() {
            continue;
        }
        let whole = read(&Input::bytes(name, table.as_bytes()), false);
        assert_eq!(
            read(&Input::bytes(name, packed(table)), false),
            whole,
            "{name}"
        );
        assert!(whole.0.starts_with(name));
        formats += 1;
    }
    assert!(formats > 15, "{formats}");
}

const INSTANCES: &str = "time,type,collection_id,instance_index,collection_type,priority,machine_id,\
    resource_request.cpus,resource_request.memory\n\
    600000000,0,7,0,0,200,0,0.03,0.01\n610000000,3,7,0,0,200,5,0.03,0.01\n700000000,6,7,0,0,200,5,0.03,0.01\n\
    620000000,0,8,0,0,200,0,0.25,0.5\n";
const COLLECTIONS: &str = "time,type,collection_id,scheduling_class,collection_type,priority,user,\
    start_after_collection_ids\n\
    600000000,0,7,2,0,200,ann,\n620000000,0,8,2,0,200,bob,[7]\n";
const MACHINES: &str = "time,machine_id,type,switch_id,capacity.cpus,capacity.memory,platform_id\n\
    0,5,1,s1,0.5,0.25,p1\n0,6,1,s1,1,0.5,p2\n650000000,6,2,s1,1,0.5,p2\n";
const ATTRIBUTES: &str = "time,machine_id,name,value,deleted\n0,5,os,3,0\n0,6,os,4,0\n";
const USAGE: &str = "start_time,end_time,collection_id,instance_index,machine_id,average_usage.cpus,\
    average_usage.memory,assigned_memory\n\
    610000000,700000000,7,0,5,0.015,0.005,0.01\n";

/// Trace of `OpenDC` before version 3: tasks as `meta`, fragments as `trace`.
const META: &str = "id,submissionTime,endTime,maxCores,requiredMemory\n\
    1,1704067200000,1704067800000,2,2048\n2,1704067260000,1704067500000,1,1024\n";
const TRACE: &str = "id,time,duration,cores,cpuUsage\n\
    1,1704067500000,300000,2,1000.5\n1,1704067800000,300000,2,500\n2,1704067500000,240000,1,250\n";

#[test]
fn traces_of_several_tables_may_be_parquet_files() {
    for (name, files) in [
        (
            "google-2019-instances",
            &[
                ("instance_events", INSTANCES),
                ("collection_events", COLLECTIONS),
                ("instance_usage", USAGE),
                ("machine_events", MACHINES),
                ("machine_attributes", ATTRIBUTES),
            ][..],
        ),
        (
            "google-2019-machines",
            &[
                ("machine_events", MACHINES),
                ("machine_attributes", ATTRIBUTES),
            ],
        ),
        ("opendc", &[("meta", META), ("trace", TRACE)]),
    ] {
        let text: Vec<(&str, &str)> = files.to_vec();
        let whole = read(&Input::bytes("t.tar", archive(&text)), true);
        assert!(whole.0.starts_with(name), "{}", whole.0);
        let packed: Vec<(&str, Vec<u8>)> = { files.iter() }
            .map(|(name, table)| (*name, packed(table)))
            .collect();
        let files: Vec<(&str, &[u8])> = packed.iter().map(|(name, own)| (*name, &**own)).collect();
        let folder = Input::bytes("t.tar", archive_of_bytes(&files));
        assert_eq!(read(&folder, true), whole, "{name}");
    }
}
