//! Headers, rows and faults of tables.

use super::text_rows::FEW;
use super::*;
use crate::lines::Lines;

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
fn another_separator_is_told() {
    let other = table("b;c\n1;2\n").expect("a table");
    assert_eq!(
        other
            .required_column("c")
            .expect_err("one name")
            .to_string(),
        "table.csv: the header has no column `c`; it has: b;c; `;` seems to stand between its fields, where this \
         format has `,`"
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

mod beside_the_crate {
    //! The reader beside the crate `csv`: the same rows of the same fields. It differs on purpose in three points: a line
    //! break in quotes is refused, a lone carriage return is no end of line, and fields stand without blanks around
    //! them.

    use std::fmt::Write as _;
    use std::io::{self, BufReader, Read};

    use proptest::prelude::*;

    use super::*;

    /// Fields of a row; `None` of one that is refused.
    type Found = Option<Vec<String>>;

    /// Delivers a few bytes at a time, so that rows go over the ends of what is read at once.
    struct Drip {
        bytes: io::Cursor<Vec<u8>>,
        at_once: usize,
    }

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.at_once);
            self.bytes.read(&mut buffer[..length])
        }
    }

    /// The rows behind the header, with their lines.
    fn rows(mut table: Table) -> Vec<(u64, Found)> {
        let names = table.columns().iter();
        let columns: Vec<Column> = names
            .map(|name| table.column(name).expect("there"))
            .collect();
        let fields = |row: &Row<'_>| {
            let texts = columns.iter().map(|column| row.text(column).to_owned());
            (row.line, Some(texts.collect()))
        };
        let mut found = Vec::new();
        loop {
            if let Some(row) = table.next_plain_row() {
                found.push(fields(&row));
                continue;
            }
            match table.next_row().expect("readable") {
                Some(Ok(row)) => found.push(fields(&row)),
                Some(Err(bad)) => found.push((bad.line, None)),
                None => return found,
            }
        }
    }

    /// A table without a header whose text comes a few bytes at a time, and in which blanks were met in a number of rows.
    fn dripping(
        text: &[u8],
        columns: usize,
        separator: u8,
        at_once: usize,
        with_blanks: u32,
    ) -> Table {
        let drip = Drip {
            bytes: io::Cursor::new(text.to_vec()),
            at_once,
        };
        let reader = BufReader::with_capacity(at_once, drip);
        let lines = Lines::new(Box::new(reader), "table.csv".into(), Arc::default(), 0);
        let mut text = TextRows::of(lines, separator, false);
        text.with_blanks = with_blanks;
        let names = (0..columns).map(|column| format!("c{column}").into());
        let input = Input::bytes("table.csv", Vec::new());
        Table::of(&input, names.collect(), Rows::Text(text))
    }

    /// The records that the crate finds in a text.
    fn records(text: &[u8], separator: u8) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(text);
        let fields = |record: csv::StringRecord| {
            let fields = record.iter().map(|field| field.trim().to_owned());
            fields.collect()
        };
        let records = reader.records();
        records.map(|one| fields(one.expect("UTF-8"))).collect()
    }

    /// The rows that the crate finds in a text, by line: refused are those that go on behind their line, and those of
    /// another number of fields.
    fn expected(text: &[u8], columns: usize, separator: u8) -> Vec<(u64, Found)> {
        let lines = text.split(|&byte| byte == b'\n');
        let mut found = Vec::new();
        for (number, line) in (1..).zip(lines) {
            if str::from_utf8(line).is_ok_and(|line| line.trim_ascii().is_empty()) {
                continue;
            }
            let is_text = str::from_utf8(line).is_ok();
            // Behind open quotes another line is part of the last field.
            let is_whole = is_text && records(&[line, b"\nx"].concat(), separator).len() == 2;
            let own = is_whole.then(|| records(line, separator).remove(0));
            found.push((number, own.filter(|fields| fields.len() == columns)));
        }
        found
    }

    /// A field as it is written in a table.
    fn written() -> impl Strategy<Value = String> {
        let bare = "[a-z0-9é.+-]{0,12}";
        let spaced = " {0,2}[a-z0-9 ]{0,6}\t{0,2}";
        let quoted = "(\"\"|[a-z, é'])".prop_map(|text: String| text);
        let quoted = prop::collection::vec(quoted, 0..8);
        prop_oneof![
            8 => bare,
            1 => spaced,
            2 => quoted.prop_map(|parts| format!("\"{}\"", parts.concat())),
            1 => "[a-z]{0,3}\"[a-z]{0,3}\"?[a-z]{0,2}",
        ]
    }

    /// A table as it is written: rows with either end of line, most of them of three fields, and blank lines.
    fn tables() -> impl Strategy<Value = String> {
        let fields = prop_oneof![
            12 => prop::collection::vec(written(), 3),
            1 => prop::collection::vec(written(), 1..6),
        ];
        let row = fields.prop_map(|fields| fields.join(","));
        let row = prop_oneof![12 => row, 1 => "[ \t]{0,3}"];
        let end = prop::sample::select(vec!["\n", "\n", "\r\n"]);
        let rows = prop::collection::vec((row, end), 0..40);
        (rows, any::<bool>()).prop_map(|(rows, has_last_end)| {
            let mut text: String = rows
                .into_iter()
                .flat_map(|(row, end)| [row, end.into()])
                .collect();
            if !has_last_end {
                text.truncate(text.trim_end_matches('\n').len());
            }
            text
        })
    }

    proptest! {
        #[test]
        fn rows_are_those_of_the_crate(
            text in tables(),
            separator in prop::sample::select(&b",,,|;\t"[..]),
            at_once in 1_usize..90,
            with_blanks in 0..=FEW,
        ) {
            // A table of tabs has none in its fields.
            let others = text.replace('\t', " ").replace(',', &char::from(separator).to_string());
            let other = rows(dripping(others.as_bytes(), 3, separator, at_once, with_blanks));
            prop_assert_eq!(&other, &expected(others.as_bytes(), 3, separator));
            let found = rows(dripping(text.as_bytes(), 3, b',', at_once, with_blanks));
            prop_assert_eq!(&found, &expected(text.as_bytes(), 3, b','));
            let marked = format!("\u{feff}a,b,c\n{text}");
            let headed: Vec<_> = { rows(table(&marked).expect("a header")).into_iter() }
                .map(|(line, row)| (line - 1, row))
                .collect();
            prop_assert_eq!(headed, found);
        }

        #[test]
        fn rows_of_any_bytes_are_those_of_the_crate(
            text in prop::collection::vec(prop::sample::select(&b"a1, \"\"\n\n\r,,\xc3\xa9\xff"[..]), 0..60),
            columns in 1_usize..4,
            at_once in 1_usize..20,
            with_blanks in 0..=FEW,
        ) {
            let found = rows(dripping(&text, columns, b',', at_once, with_blanks));
            prop_assert_eq!(found, expected(&text, columns, b','));
        }
    }

    #[test]
    fn rows_over_the_ends_of_the_buffer_are_those_of_the_crate() {
        let mut text = String::new();
        for row in 0..60_000 {
            let field = "x".repeat(row % 13);
            let end = if row % 7 == 0 { "\r\n" } else { "\n" };
            let quoted = if row % 97 == 0 { "\"a,\"\"é\"" } else { "7.5" };
            let _ = write!(text, "{row},{field},{quoted}{end}");
        }
        let found = rows(dripping(text.as_bytes(), 3, b',', 1 << 17, 0));
        assert!(text.len() > 5 << 17 && found.len() == 60_000);
        assert!(found == expected(text.as_bytes(), 3, b','));
    }
}
