//! Tests of `arrivals::implausible` on real formats.

use crate::prelude::*;
use crate::registry;
use crate::registry::find;
use crate::tests::prelude::*;
use arrivals::inspect::validate;
use intake::RowPolicy;

fn notes(format: &str, text: &str) -> Vec<String> {
    let input = Input::bytes("trace", text.as_bytes());
    let entry = find(format).expect("known");
    let found = validate(&input, entry, &ReadOptions::default(), 9);
    assert_eq!(found.stopped, None);
    let entries = found.ledger.entries().iter();
    entries.map(ToString::to_string).collect()
}

#[test]
fn amounts_in_another_unit_are_told_with_their_rows() {
    let header = "submit,cpu,memory,run_time\n";
    let sizes = |rows: &str| notes("csv", &format!("{header}{rows}"));
    // The most that is taken without a word, and the least that is not.
    assert_eq!(
        sizes("0,4096,64Ti,1h\n0,1,1Ti,1h\n0,500m,2Ti,1h\n"),
        [""; 0]
    );
    sizes("0,1,1Gi,1h\n1,4097,1Gi,1h\n2,1,1025Gi,1h\n3,5000,1Gi,1h\n4,4000,65Ti,1h\n").are([
            "keep 2 rows: pod of more than 4096 cores, which no machine has; check the unit (first trace:3)",
            "keep 1 row: pod of more than 1 TiB of memory a core; check the unit (first trace:4)",
            "keep 1 row: pod of more than 64 TiB of memory, which no machine has; check the unit (first trace:6)",
        ]);
    sizes("0,1,1024,1h\n1,1,2048,1h\n").are([
            "keep 1 row: trace of which no pod requests 1 MiB of memory; check its unit (first trace:2)"
        ]);
    assert_eq!(sizes("0,1,1024,1h\n1,1,1Mi,1h\n2,1,0,1h\n"), [""; 0]);
    assert_eq!(sizes("0,1,0,1h\n"), [""; 0]);
}

#[test]
fn memory_of_virtual_machines_in_mebibytes_is_told() {
    let machine = "vm,s,d,0,900,99,3.4,10,Unknown,1,1792\n";
    let told = notes("azure-vm", machine);
    let expected =
        "keep 1 row: pod of more than 1 TiB of memory a core; check the unit (first trace:1)";
    assert!(told.contains(&expected.to_owned()), "{told:?}");
}

#[test]
fn times_in_another_unit_are_told_with_their_rows() {
    let header = "submit,cpu,run_time\n";
    let times = |rows: &str| notes("csv", &format!("{header}{rows}"));
    assert_eq!(times("0,1,315360000\n630720000,1,60\n"), [""; 0]);
    times("0,1,315360001\n630720001,1,60\n").are([
            "keep 1 row: runs for more than ten years; check the unit of its times (first trace:2)",
            "keep 1 row: submitted more than twenty years after the first; check the unit and the zero of its \
             times (first trace:3)",
        ]);
}

#[test]
fn a_strict_reading_refuses_them() {
    let input = Input::bytes("trace", &b"submit,cpu\n0,5000\n"[..]);
    let entry = registry::recognize(&input).expect("known");
    let strict = ReadOptions {
        rows: RowPolicy {
            strict: true,
            ..RowPolicy::default()
        },
        ..ReadOptions::default()
    };
    assert!(!validate(&input, entry, &strict, 9).is_valid());
    assert!(validate(&input, entry, &ReadOptions::default(), 9).is_valid());
}
