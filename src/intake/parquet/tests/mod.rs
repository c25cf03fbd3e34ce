//! A small file with pages of both versions, packed and not, and with all that can be wrong with it.

use super::*;

/// Cells with bars between.
const FORM: Form = Form {
    separator: '|',
    times: TimeForm::Millis,
    lists: ListForm::Brackets,
};

/// Three tasks: plain values, a dictionary, packed differences, a list, absent values.
const TASKS: &[u8] = include_bytes!("tasks.parquet");

/// Spans of time as Arrow keeps them (pyarrow 26), and bytes that are no text.
const SPANS: &[u8] = include_bytes!("spans.parquet");

/// Lists of structures (pyarrow 26): one, none, no list, and two of which one lacks a member.
const STRUCTURES: &[u8] = include_bytes!("structures.parquet");

fn rows(bytes: &[u8], columns: &[&str]) -> Result<Vec<(u64, String)>, String> {
    let input = Input::bytes("t.parquet", bytes);
    let file = Parquet::open(&input).map_err(|error| error.to_string())?;
    let place = |name: &&str| file.columns().position(|column| column == *name);
    let places: Vec<Option<usize>> = columns.iter().map(place).collect();
    let mut found = Vec::new();
    let mut rows = file.rows(places, FORM);
    while rows.advance().map_err(|error| error.to_string())? {
        let (text, ends) = (rows.text(), rows.ends());
        assert_eq!(
            (ends.len(), ends.last()),
            (columns.len(), Some(&text.len()))
        );
        found.push((rows.line(), text.to_owned()));
    }
    Ok(found)
}

#[test]
fn columns_are_read_alone_and_in_any_order() {
    let input = Input::bytes("t.parquet", TASKS);
    let names = String::from_utf8(header(&input).expect("a footer")).expect("UTF-8");
    let all =
        "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity,parents,deferrable,name\n";
    assert_eq!(names, all);
    let columns: Vec<&str> = all.trim().split(',').collect();
    let expected = [
        (1, "1|1704067200000|30000|1|2000|512|||a"),
        (2, "2|1704067260000|60000|2|4000.5|1024|[1]|true|b,c"),
        (3, "3|1704067260000|45000|4|8000|2048|[1, 2]|false|"),
    ];
    let expected = expected.map(|(line, text)| (line, text.to_owned()));
    assert_eq!(rows(TASKS, &columns), Ok(expected.to_vec()));
    let some = rows(TASKS, &["parents", "nothing", "id"]).expect("good");
    assert_eq!(some[2], (3, "[1, 2]||3".to_owned()));
}

#[test]
fn spans_of_time_are_read_in_their_units() {
    let columns = [
        "run_time",
        "think_time",
        "limit",
        "outer.inner",
        "outer.n",
        "waits",
        "plain",
    ];
    let expected = [
        (1, "1500|250|60000|0.0015|1|[1000, 2000]|5"),
        (2, "|0|1000|0.000002|2||6"),
        (3, "-0.007|3|2000|3|3|[3000]|7"),
    ];
    let expected = expected.map(|(line, text)| (line, text.to_owned()));
    assert_eq!(rows(SPANS, &columns), Ok(expected.to_vec()));
}

#[test]
fn bytes_that_are_no_text_are_named_by_row_and_column() {
    let input = Input::bytes("t.parquet", SPANS);
    let file = Parquet::open(&input).expect("a footer");
    let places = ["plain", "key"].map(|name| file.columns().position(|own| own == name));
    let mut rows = file.rows(places.to_vec(), FORM);
    let mut found = Vec::new();
    while rows.advance().expect("whole") {
        found.extend(rows.bad());
    }
    let [bad] = &found[..] else {
        panic!("one row: {found:?}");
    };
    assert_eq!((bad.line, &*bad.column), (2, "key"));
    assert_eq!(bad.value, "\u{fffd}\0");
    assert!(bad.rule.contains("a text in UTF-8"), "{}", bad.rule);
}

#[test]
fn structures_in_lists_are_objects() {
    let columns = ["instance_index", "constraint", "resource_request.cpus"];
    let expected = [
        (
            1,
            r#"0|[{"name": "os", "value": "a \"b\"", "relation": "0"}]|0.5"#,
        ),
        (2, "1||0.5"),
        (3, "2||0.5"),
        (
            4,
            r#"3|[{"name": "disks", "value": "3", "relation": "3"}, {"name": "gpu", "relation": "7"}]|0.5"#,
        ),
    ];
    let expected = expected.map(|(line, text)| (line, text.to_owned()));
    assert_eq!(rows(STRUCTURES, &columns), Ok(expected.to_vec()));
}

#[test]
fn damaged_files_are_refused_by_their_place() {
    let end = TASKS.len();
    let cut = rows(&TASKS[..end - 1], &["id"]).expect_err("cut");
    let expected = format!(
        "t.parquet: ends after {} bytes without the footer of Parquet: the file is truncated; \
         download or copy it again",
        end - 1
    );
    assert_eq!(cut, expected);
    let mut long = TASKS.to_vec();
    long[end - 5] = 0x7f;
    let long = rows(&long, &["id"]).expect_err("a long footer");
    assert!(long.contains("is longer than the file"), "{long}");
    let mut footer = TASKS.to_vec();
    footer[end - 9] = 0xff;
    let footer = rows(&footer, &["id"]).expect_err("a damaged footer");
    assert!(
        footer.contains("the footer of Parquet is damaged"),
        "{footer}"
    );
    let mut page = TASKS.to_vec();
    page[4] = 0xff;
    let expected =
        "t.parquet: byte 4: row group 1, column `id`: the page is damaged; copy the file again";
    assert_eq!(rows(&page, &["id"]), Err(expected.to_owned()));
    assert!(rows(&page, &["duration"]).is_ok(), "other columns are read");
}

#[test]
fn no_damage_makes_the_reader_of_spans_or_structures_panic() {
    for (whole, columns) in [
        (SPANS, &["run_time", "outer.inner", "waits"][..]),
        (STRUCTURES, &["constraint"]),
    ] {
        for place in 0..whole.len() {
            for change in [1_u8, 0x80, 0xff] {
                let mut bytes = whole.to_vec();
                bytes[place] ^= change;
                let _ = rows(&bytes, columns);
            }
        }
    }
}

#[test]
fn no_damage_makes_the_reader_panic() {
    let columns = [
        "id",
        "submission_time",
        "duration",
        "cpu_capacity",
        "parents",
        "name",
    ];
    for place in 0..TASKS.len() {
        for change in [1_u8, 0x80, 0xff] {
            let mut bytes = TASKS.to_vec();
            bytes[place] ^= change;
            let _ = rows(&bytes, &columns);
        }
        let _ = rows(&TASKS[..place], &columns);
    }
}
