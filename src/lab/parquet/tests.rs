//! Parquet files read back as written, over several row groups and from joined parts.

use super::super::cells::Value;
use super::super::folder::Existing;
use super::*;
use crate::fixture::Scratch;
use ::parquet::column::reader::ColumnReader;

const COLUMNS: [Column; 4] = [
    Column {
        name: "name",
        kind: Kind::Text,
        unit: "",
        meaning: "",
        absent: None,
    },
    Column {
        name: "text",
        kind: Kind::Text,
        unit: "",
        meaning: "",
        absent: Some("none"),
    },
    Column {
        name: "integer",
        kind: Kind::Integer,
        unit: "",
        meaning: "",
        absent: Some("none"),
    },
    Column {
        name: "number",
        kind: Kind::Number,
        unit: "",
        meaning: "",
        absent: Some("none"),
    },
];

const TABLE: TableSchema = TableSchema {
    title: "a table",
    csv: "table.csv",
    parquet: "table.parquet",
    columns: &COLUMNS,
};

impl Scratch {
    fn folder() -> (Self, ResultFolder) {
        let scratch = Self::new();
        let folder = ResultFolder::create(&scratch.0.join("out"), Existing::Replace).unwrap();
        (scratch, folder)
    }
}

/// The values of a row, which differ from row to row and are absent now and then.
fn values(row: usize) -> [Value; 4] {
    let number = row as i64 * 1_000_003;
    let every = |period: usize, value: Value| match row % period {
        0 => Value::Absent,
        _ => value,
    };
    [
        Value::Text(format!("näme-{}", row % 7)),
        every(2, Value::Text(format!("text {row}"))),
        every(
            3,
            Value::Integer(if row.is_multiple_of(2) {
                number
            } else {
                i64::MIN + number
            }),
        ),
        every(5, Value::Number(number as f64 / 7.0)),
    ]
}

fn write(folder: &ResultFolder, name: &str, rows: std::ops::Range<usize>) {
    let file = folder.file(name).unwrap();
    let mut writer = ParquetWriter::start(file, &TABLE).unwrap();
    for row in rows {
        let values = values(row);
        let cells = values.each_ref().map(|value| match value {
            Value::Absent => Cell::Absent,
            Value::Text(text) => Cell::Shown(text),
            Value::Integer(value) => Cell::Integer(*value),
            Value::Number(value) => Cell::Number(*value),
        });
        writer.row(&cells).unwrap();
    }
    writer.finish().unwrap();
}

fn check(folder: &ResultFolder, name: &str, expected: usize) {
    let mut rows = ParquetRows::open(&folder.partial().join(name)).unwrap();
    assert_eq!(rows.names(), TABLE.names());
    let mut row = Vec::new();
    let mut count = 0;
    while rows.next(&mut row).unwrap() {
        assert_eq!(row, values(count), "row {count} of {name}");
        row.clear();
        count += 1;
    }
    assert_eq!(count, expected);
}

#[test]
fn rows_read_back_over_several_row_groups() {
    let (_scratch, folder) = Scratch::folder();
    for rows in [0, 1, GROUP_ROWS, 2 * GROUP_ROWS + 17] {
        write(&folder, "table.parquet", 0..rows);
        check(&folder, "table.parquet", rows);
    }
}

#[test]
fn parts_are_joined_in_order() {
    let (_scratch, folder) = Scratch::folder();
    let (first, second) = (GROUP_ROWS + 5, GROUP_ROWS + 1000);
    write(&folder, "0", 0..first);
    write(&folder, "1", first..second);
    write(&folder, "2", second..second);
    join(&folder, &TABLE, &["0", "1", "2"].map(str::to_owned)).unwrap();
    check(&folder, "table.parquet", second);
}

#[test]
fn a_cell_of_another_type_is_refused() {
    let (_scratch, folder) = Scratch::folder();
    let check = |cell: Cell<'_>, expected: &str| {
        let file = folder.file("table.parquet").unwrap();
        let mut writer = ParquetWriter::start(file, &TABLE).unwrap();
        let error = writer.row(&[cell]).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    };
    check(Cell::Integer(1), "column `name` was given another type");
    check(Cell::Absent, "column `name` was given no value");
}

/// A row of the project's table. Every ninth job requests no processors, which is not a request of 0.
fn job(row: u32) -> String {
    let cpu = match row % 9 {
        0 => String::new(),
        times => format!("{}m", 250 * times),
    };
    format!("{row},{},{cpu},user-{}\n", row % 7, row % 5)
}

#[test]
fn a_trace_written_as_parquet_is_read_by_the_library() {
    let (_scratch, folder) = Scratch::folder();
    let rows: Vec<String> = (0..70_000).map(job).collect();
    let table = format!("submit,run_time,cpu,tenant\n{}", rows.concat());
    let input = intake::Input::bytes("jobs.csv", table.into_bytes());
    let options = arrivals::ReadOptions {
        rows: intake::RowPolicy::REPORT,
        ..arrivals::ReadOptions::default()
    };
    let source = formats::readers::csv::CsvSource::open(&input, &options);
    let mut source = source.unwrap();
    let writer = formats::writers::find("parquet").unwrap();
    let mut bytes = Vec::new();
    writer.write(&mut source, false, &mut bytes).unwrap();
    let path = folder.partial().join("jobs.parquet");
    let mut file = folder.file("jobs.parquet").unwrap();
    file.write_all(&bytes).unwrap();
    file.finish().unwrap();
    let reader = SerializedFileReader::new(folder::open_for_reading(&path).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 70_000);
    let mut found = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).unwrap();
        let count = group.metadata().num_rows() as usize;
        let names = ["submit_ns", "cpu_milli", "tenant"];
        let descriptor = group.metadata().schema_descr();
        let place = |name: &str| {
            descriptor
                .columns()
                .iter()
                .position(|own| own.name() == name)
        };
        let [submit, cpu, tenant] = names.map(|name| place(name).unwrap());
        let integers = |column: usize| {
            let ColumnReader::Int64ColumnReader(mut reader) =
                group.get_column_reader(column).unwrap()
            else {
                panic!("whole numbers");
            };
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            let read = reader.read_records(count, Some(&mut levels), None, &mut values);
            assert_eq!(read.unwrap().0, count);
            (levels, values)
        };
        let (levels, values) = integers(cpu);
        for (row, level) in (found..).zip(&levels) {
            assert_eq!(*level > 0, row % 9 > 0, "row {row}");
        }
        assert_eq!(values.iter().max(), Some(&2_000));
        let ColumnReader::ByteArrayColumnReader(mut texts) =
            group.get_column_reader(tenant).unwrap()
        else {
            panic!("texts");
        };
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        texts
            .read_records(count, Some(&mut levels), None, &mut values)
            .unwrap();
        for (row, (submit, tenant)) in (found..).zip(integers(submit).1.iter().zip(&values)) {
            assert_eq!(*submit, row * 1_000_000_000);
            assert_eq!(tenant.as_utf8().unwrap(), format!("user-{}", row % 5));
        }
        found += count as i64;
    }
    assert_eq!(found, 70_000);
}
