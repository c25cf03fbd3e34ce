//! A small database with a tree of pages, a record in several pages, and all that can be wrong with it.

use super::*;

/// Machines and their types, in pages of 512 bytes.
const PACKING: &[u8] = include_bytes!("packing.sqlite");

fn rows(bytes: &[u8], table: &str, columns: &[&str]) -> Result<Vec<String>, String> {
    let input = Input::bytes("p.sqlite", bytes);
    let mut found = Vec::new();
    Sqlite::open(&input)
        .and_then(|file| {
            file.each_row(table, columns, '|', |line, text, ends, _| {
                assert_eq!((line, ends.len()), (found.len() as u64 + 1, columns.len()));
                found.push(text.to_owned());
                Ok(())
            })
        })
        .map_err(|error| error.to_string())?;
    Ok(found)
}

#[test]
fn rows_are_read_in_order_through_pages_of_both_kinds() {
    let types = rows(
        PACKING,
        "vmtype",
        &["id", "vmTypeId", "core", "memory", "hdd", "none"],
    );
    let expected = ["1|7|0.25|0.125||", "2|7|0.5|0.25||", "3|8|1|||"];
    assert_eq!(types, Ok(expected.map(str::to_owned).to_vec()));
    let machines = rows(PACKING, "vm", &["vmId", "tenantId", "starttime"]).expect("good");
    assert_eq!(machines.len(), 45);
    assert_eq!(machines[0], "1|t1|-0.5");
    assert_eq!(machines[1], format!("2|t{}|0.25", "x".repeat(900)));
    assert_eq!(machines[44], "45|t0|4.5");
    assert_eq!(
        rows(PACKING, "disks", &["id"]),
        Err(
            "p.sqlite: the database has no table `disks` with row numbers; it has: `vmType`, `vm`"
                .to_owned()
        )
    );
}

#[test]
fn damage_is_named_by_its_page_and_never_panics() {
    let cut = rows(&PACKING[..1_024], "vm", &["vmId"]).expect_err("cut off");
    assert!(
        cut.contains("is damaged or cut off; copy the file again"),
        "{cut}"
    );
    for place in (0..PACKING.len()).step_by(3) {
        for change in [1_u8, 0xff] {
            let mut bytes = PACKING.to_vec();
            bytes[place] ^= change;
            let _ = rows(&bytes, "vm", &["vmId", "tenantId", "endtime"]);
        }
        let _ = rows(&PACKING[..place], "vm", &["vmId"]);
    }
}
