//! What a run leaves is documented: `docs/results.md` and `docs/summary.schema.json` follow the
//! program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use snapbox::{Data, assert_data_eq};
use windtunnel::lab::columns::{CLASSES, Column, PODS, SERIES, VALUES};
use windtunnel::lab::decisions::{DECISIONS_FILE, FIELDS};
use windtunnel::lab::results;
use windtunnel::lab::summary::Summary;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn row(cells: [&str; 5]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

fn columns(columns: &[Column]) -> String {
    let mut table = row(["column", "type", "unit", "meaning", "absent"]);
    table.push_str("| --- | --- | --- | --- | --- |\n");
    for column in columns {
        table.push_str(&row([
            &format!("`{}`", column.name),
            column.kind.name(),
            or_dash(column.unit),
            column.meaning,
            column.absent.unwrap_or("never"),
        ]));
    }
    table
}

fn fields() -> String {
    let mut table = row(["field", "type", "unit", "meaning", "null"]);
    table.push_str("| --- | --- | --- | --- | --- |\n");
    for field in FIELDS {
        table.push_str(&row([
            &format!("`{}`", field.name),
            field.kind,
            or_dash(field.unit),
            field.meaning,
            field.absent.unwrap_or("never"),
        ]));
    }
    table
}

/// What a field holds, in words.
fn kind(field: &Value) -> String {
    if let Some(name) = field["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or(name).to_owned();
    }
    if let Some(options) = field["anyOf"].as_array() {
        return options.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let named = |name: &str| match name {
        "array" => format!("array of {}", kind(&field["items"])),
        "object" => format!("object of {}", kind(&field["additionalProperties"])),
        name => name.to_owned(),
    };
    match &field["type"] {
        Value::String(name) => named(name),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str).map(named);
            names.collect::<Vec<_>>().join(" or ")
        }
        _ => String::new(),
    }
}

/// The fields of a type of the summary, from its JSON Schema.
fn summary_fields(object: &Value) -> String {
    let mut table = "| field | type | meaning |\n| --- | --- | --- |\n".to_owned();
    for (name, field) in object["properties"].as_object().into_iter().flatten() {
        let meaning = field["description"]
            .as_str()
            .unwrap_or_default()
            .replace('\n', " ");
        let _ = writeln!(table, "| `{name}` | {} | {meaning} |", kind(field));
    }
    table
}

fn summary_schema() -> Value {
    schemars::schema_for!(Summary).to_value()
}

/// The page with its tables as the program has them now. A table stands between
/// `<!-- table NAME -->` and `<!-- end -->`.
fn renewed(page: &str, tables: &[(String, String)]) -> String {
    let mut renewed = page.to_owned();
    for (name, table) in tables {
        let begin = format!("<!-- table {name} -->\n");
        let parts = renewed.split_once(&begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once("<!-- end -->")?;
            Some(format!("{before}{begin}{table}<!-- end -->{after}"))
        });
        renewed = parts.unwrap_or_else(|| panic!("docs/results.md lacks the table of {name}"));
    }
    renewed
}

#[test]
fn the_page_documents_every_column_and_field() {
    let schema = summary_schema();
    let mut tables = vec![
        ("timeseries".to_owned(), columns(SERIES.columns)),
        ("pods".to_owned(), columns(PODS.columns)),
        ("values".to_owned(), columns(VALUES.columns)),
        ("classes".to_owned(), columns(CLASSES.columns)),
        ("decisions".to_owned(), fields()),
        ("Summary".to_owned(), summary_fields(&schema)),
    ];
    for (name, object) in schema["$defs"].as_object().into_iter().flatten() {
        tables.push((name.clone(), summary_fields(object)));
    }
    let stored = project("docs/results.md");
    let page = std::fs::read_to_string(&stored).expect("the page");
    let renewed = renewed(&page, &tables);
    assert_data_eq!(renewed, Data::read_from(&stored, None).raw());
    assert_eq!(page.matches("<!-- table").count(), tables.len());
    for file in [
        SERIES.csv,
        SERIES.parquet,
        PODS.csv,
        PODS.parquet,
        CLASSES.csv,
        CLASSES.parquet,
        VALUES.csv,
        VALUES.parquet,
        DECISIONS_FILE,
    ] {
        assert!(
            page.contains(&format!("`{file}`")),
            "docs/results.md lacks `{file}`"
        );
    }
}

#[test]
fn the_published_schema_is_that_of_the_program() {
    let schema = format!("{:#}\n", summary_schema());
    let published = Data::read_from(&project("docs/summary.schema.json"), None);
    assert_data_eq!(schema, published.raw());
}

/// The schema only grows: summaries of every version so far are read, nothing in them is lost.
#[test]
fn summaries_of_earlier_versions_are_read() {
    let folder = project("tests/data/summary");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the stored summaries") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(path.join("summary.json")).expect("a summary");
        let stored: Value = serde_json::from_str(&text).expect("JSON");
        let read = results::read(&path).expect("a summary that reads").summary;
        let again = serde_json::to_value(&read).expect("a summary that writes");
        kept(&stored, &again, &path.display().to_string());
        count += 1;
    }
    assert!(count > 0);
}

/// Whether everything of `stored` is in `read`.
fn kept(stored: &Value, read: &Value, at: &str) {
    match (stored, read) {
        (Value::Object(stored), Value::Object(read)) => {
            for (name, value) in stored {
                let found = read.get(name).unwrap_or(&Value::Null);
                kept(value, found, &format!("{at}.{name}"));
            }
        }
        (Value::Array(stored), Value::Array(read)) if stored.len() == read.len() => {
            for (index, (stored, read)) in stored.iter().zip(read).enumerate() {
                kept(stored, read, &format!("{at}[{index}]"));
            }
        }
        _ => assert_eq!(stored, read, "{at}"),
    }
}
