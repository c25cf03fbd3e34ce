//! Headers, rows and faults of tables.

use super::*;

fn table(text: &str) -> Result<Table, TraceError> {
    Table::open(&Input::bytes("table.csv", text.as_bytes().to_vec()))
}

#[test]
fn columns_are_found_by_name() {
    let mut table = table("\u{feff}b,a\r\n1, 2 \r\n\r\n3,4\r\n").expect("a table");
    let column = table.required_column("a").expect("is there");
    let mut seen = Vec::new();
    while let Some(row) = table.next_row().expect("readable") {
        let row = row.expect("of right length");
        seen.push((row.line, row.integer(&column, 0, 9).expect("in range")));
    }
    assert_eq!(seen, [(2, 2), (4, 4)]);
    assert_eq!(
        table
            .required_column("c")
            .expect_err("is not there")
            .to_string(),
        "table.csv: the header has no column `c`; it has: b, a"
    );
}

#[test]
fn wrong_rows_and_headers_are_named() {
    assert_eq!(
        table("a,a\n").err().expect("twice").to_string(),
        "table.csv: the header names column `a` twice; rename one"
    );
    let mut short = table("a,b\n1\n").expect("a table");
    let bad = short.next_row().expect("readable").expect("a row").err();
    let bad = bad.expect("too short");
    assert_eq!(
        (bad.line, bad.column.as_str(), bad.value.as_str()),
        (2, "b", "1")
    );
    let mut quotes = table("a,b\n\"x,\"\"y\", z\n\"1,2\n3,4\n").expect("a table");
    let column = quotes.required_column("a").expect("is there");
    let row = quotes
        .next_row()
        .expect("readable")
        .expect("a row")
        .expect("quoted");
    assert_eq!(row.text(&column), "x,\"y");
    let bad = quotes.next_row().expect("readable").expect("a row").err();
    assert_eq!(
        bad.expect("open").rule,
        "a row must close its quotes on the same line"
    );
    assert!(quotes.next_row().expect("readable").expect("a row").is_ok());
    let mut numbers = table("a\n-5\n12\nx\n").expect("a table");
    let column = numbers.required_column("a").expect("is there");
    for rule in [
        "must be at least 0",
        "must be at most 9",
        "must be a whole number",
    ] {
        let row = numbers.next_row().expect("readable").expect("a row");
        let bad = row.expect("right length").integer(&column, 0, 9);
        assert_eq!(bad.expect_err(rule).rule, rule);
    }
}
