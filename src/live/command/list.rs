//! Lists for the terminal and for programs: tables, JSON and YAML, and what changes of them.

use std::time::Duration;

use clap::{Args, ValueEnum};
use scenario::as_run::yaml_of;
use serde_json::Value;

use super::table::{aligned, line, widths};
use cli::{Failure, output};

/// Time between two looks of a command that watches.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Columns that change while nothing happens.
const PASSING: [&str; 3] = ["AGE", "DURATION", "LAST SCHEDULE"];

/// Form of a list.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct FormArguments {
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Form::Table)]
    pub(super) output: Form,
}

/// Output format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// Table for the terminal.
    Table,
    /// JSON, one list.
    Json,
    /// YAML, one list.
    Yaml,
}

/// A list as it is shown: a row of cells for each value.
pub(super) struct List {
    /// Names of the columns; empty for a list without any.
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// A row of a list.
#[derive(Clone)]
pub(super) struct Row {
    /// Name of what the row shows.
    pub(super) key: String,
    pub(super) cells: Vec<String>,
    pub(super) value: Value,
}

/// The rows that are new or say something else, and those that went. Ages are no news.
pub(super) fn changed(before: &List, now: &List) -> Vec<Row> {
    let find = |list: &List, key: &str| -> Option<Vec<String>> {
        let row = list.rows.iter().find(|row| row.key == key)?;
        Some(row.cells.clone())
    };
    let says = |list: &List, cells: &[String]| -> Vec<String> {
        let lasting = |at: usize| !list.head.get(at).is_some_and(|head| PASSING.contains(head));
        let cells = cells.iter().enumerate();
        cells
            .filter(|&(at, _)| lasting(at))
            .map(|(_, cell)| cell.clone())
            .collect()
    };
    let new = now.rows.iter().filter(|row| {
        let known = find(before, &row.key);
        known.is_none_or(|known| says(now, &known) != says(now, &row.cells))
    });
    let mut rows: Vec<Row> = new.cloned().collect();
    for row in &before.rows {
        if find(now, &row.key).is_none() {
            rows.push(gone(row, &before.head));
        }
    }
    rows
}

/// A row of what is not there any more: it says so in a column, and to programs in a field.
fn gone(row: &Row, head: &[&str]) -> Row {
    let mut gone = row.clone();
    let column = |name: &str| head.iter().position(|head| *head == name);
    match column("STATUS").or_else(|| column("AGE")) {
        Some(at) => "Gone".clone_into(&mut gone.cells[at]),
        None => gone.cells.push("Gone".to_owned()),
    }
    if let Value::Object(fields) = &mut gone.value {
        fields.insert("gone".to_owned(), Value::Bool(true));
    }
    gone
}

impl List {
    /// Has rows say of which kind their objects are, as lists of several kinds do.
    pub(super) fn state_kind(&mut self, kind: &str) {
        let column = self.head.iter().position(|head| *head == "NAME");
        for row in &mut self.rows {
            if let Some(at) = column {
                row.cells[at] = format!("{kind}/{}", row.cells[at]);
            }
            if let Value::Object(fields) = &mut row.value {
                fields.entry("kind").or_insert_with(|| Value::from(kind));
            }
        }
    }
}

/// A row as JSON.
pub(super) fn value(row: &impl serde::Serialize) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}

/// Prints a list in a form.
pub(super) fn print(list: &List, form: Form) -> Result<(), Failure> {
    let text = match form {
        Form::Table => {
            let head: Vec<String> = list.head.iter().map(|head| (*head).to_owned()).collect();
            let rows = list.rows.iter().map(|row| row.cells.clone());
            let head = (!head.is_empty()).then_some(head);
            aligned(&head.into_iter().chain(rows).collect::<Vec<_>>())
        }
        Form::Json => {
            let values: Vec<&Value> = list.rows.iter().map(|row| &row.value).collect();
            format!("{:#}\n", serde_json::json!(values))
        }
        Form::Yaml => {
            let values: Vec<&Value> = list.rows.iter().map(|row| &row.value).collect();
            yaml_of(&serde_json::json!(values))
        }
    };
    output::print(text.as_bytes())
}

/// Prints tables, with a line between.
pub(super) fn print_tables<'l>(lists: impl Iterator<Item = &'l List>) -> Result<(), Failure> {
    for (number, list) in lists.enumerate() {
        if number > 0 {
            output::print(b"\n")?;
        }
        print(list, Form::Table)?;
    }
    Ok(())
}

/// Prints what a row shows by itself, for programs.
pub(super) fn print_one(row: &Row, form: Form) -> Result<(), Failure> {
    let text = match form {
        Form::Json => format!("{:#}\n", row.value),
        Form::Table | Form::Yaml => yaml_of(&row.value),
    };
    output::print(text.as_bytes())
}

/// Prints rows that changed: in JSON and YAML one document each. `all` gives the columns their widths.
pub(super) fn print_news(news: &List, all: &List, form: Form) -> Result<(), Failure> {
    let text = match form {
        Form::Table => {
            let widths = widths(all.rows.iter().chain(&news.rows).map(|row| &row.cells));
            let lines = news.rows.iter().map(|row| line(&row.cells, &widths));
            lines.collect::<String>()
        }
        Form::Json => {
            let lines = news.rows.iter().map(|row| format!("{}\n", row.value));
            lines.collect()
        }
        Form::Yaml => {
            let documents = news.rows.iter();
            let documents = documents.map(|row| format!("---\n{}", yaml_of(&row.value)));
            documents.collect()
        }
    };
    output::print(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(head: &[&'static str], rows: &[&[&str]]) -> List {
        let rows = rows.iter().map(|cells| Row {
            key: cells[0].to_owned(),
            cells: cells.iter().map(|cell| (*cell).to_owned()).collect(),
            value: json!({"name": cells[0]}),
        });
        List {
            head: head.to_vec(),
            rows: rows.collect(),
        }
    }

    #[test]
    fn what_went_says_so_in_every_form() {
        for (head, cells, gone) in [
            (
                &["NAME", "STATUS"][..],
                &["a", "Ready"][..],
                &["a", "Gone"][..],
            ),
            (&["NAME", "AGE"], &["a", "4s"], &["a", "Gone"]),
            (&["NAME", "PORTS"], &["a", "80"], &["a", "80", "Gone"]),
            (&[], &["a"], &["a", "Gone"]),
        ] {
            let news = changed(&list(head, &[cells]), &list(head, &[]));
            assert_eq!(news.len(), 1);
            assert_eq!(news[0].cells, gone);
            assert_eq!(news[0].value, json!({"name": "a", "gone": true}));
        }
        let head = &["NAME", "AGE"];
        let older = changed(&list(head, &[&["a", "4s"]]), &list(head, &[&["a", "5s"]]));
        assert!(older.is_empty(), "an age is no news");
    }

    #[test]
    fn rows_of_several_kinds_say_of_which_they_are() {
        let mut list = list(&["NAME", "AGE"], &[&["a", "4s"]]);
        list.state_kind("Pod");
        assert_eq!(list.rows[0].cells, ["Pod/a", "4s"]);
        assert_eq!(list.rows[0].value, json!({"name": "a", "kind": "Pod"}));
    }
}
