//! Records of an export that comes as a table with a header (of text or Parquet), or as JSON, an object
//! a line: nested members are columns whose names have a dot (`capacity.cpus`), which tables also write with an
//! underscore, or have the whole object in a cell. Whole numbers may stand in quotes, as exports write those of 64 bits.

mod nested;

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::archive::parts;
use crate::columns::{ColumnDoc, Confidence, header_has};
use crate::json::{is_json, object};
use crate::ledger::{Action, BadRow, Journal};
use crate::parquet::TimeForm;
use crate::rows::{BETWEEN, Fields, Layout, Refused, each_row_of, heed, underscored};
use crate::table::{Column, Row};
use crate::unknown_columns::note_unknown;
use crate::{Input, TraceError};

/// Takes every record of every part of an input.
pub fn each_record(
    input: &Input,
    columns: &'static [ColumnDoc],
    others: &'static [&'static str],
    journal: &mut Journal,
    mut take: impl FnMut(&mut Journal, &Fields<'_, '_>) -> Result<(), Refused>,
) -> Result<(), TraceError> {
    for part in parts(input)? {
        journal.file = part.name.clone();
        let first = part.first_bytes()?;
        if !has_objects(&first) {
            if nested::has_objects(&first, columns) {
                nested::each_row(&part, columns, others, journal, &mut take)?;
                continue;
            }
            let layout = Layout::headed(columns, b',').with_times(TimeForm::Micros);
            let layout = layout.with_others(others);
            each_row_of(&part, &layout, journal, &mut take)?;
            continue;
        }
        let mut objects = Objects::new(columns, others);
        let mut lines = part.lines()?;
        while let Some((line, text)) = lines.next_line()? {
            if text.trim_ascii().is_empty() {
                continue;
            }
            heed(journal, |journal| {
                objects.lay_out(line, text)?;
                for name in &objects.zeros {
                    let kind = format!("`{name}` left out; read as 0");
                    journal.dirt(&kind, Action::Repair, line)?;
                }
                note_unknown(journal, line, &objects.unknown)?;
                let row = objects.row(line);
                take(journal, &Fields::of(&row, &objects.columns))
            })?;
        }
    }
    Ok(())
}

/// The most objects by which an export is recognized: those that are null are left out of one.
const SHOWN_OBJECTS: usize = 16;

/// Whether one of the first lines begins an object: a line with a fault hides none of the others.
fn has_objects(first: &[u8]) -> bool {
    let mut lines = first.split(|&byte| byte == b'\n').take(SHOWN_OBJECTS);
    lines.any(is_json)
}

/// Returns `Certain` if a text begins with an object that has all of these keys, or has it soon.
pub fn object_has(first: &[u8], keys: &[&str]) -> Confidence {
    if has_objects(first) {
        record_has(first, keys)
    } else {
        Confidence::No
    }
}

/// Returns `Certain` if a text begins with a record that has all of these columns, or has it soon.
pub fn record_has(first: &[u8], columns: &[&str]) -> Confidence {
    if !has_objects(first) {
        let others: Vec<String> = columns.iter().map(|name| underscored(name)).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        return header_has(first, columns).max(header_has(first, &others));
    }
    let has_all = |line: &[u8]| {
        let object = serde_json::from_slice::<Value>(line);
        object.is_ok_and(|object| columns.iter().all(|name| member(&object, name).is_some()))
    };
    let mut lines = first.split(|&byte| byte == b'\n').take(SHOWN_OBJECTS);
    if lines.any(has_all) {
        Confidence::Certain
    } else {
        Confidence::No
    }
}

/// The member of an object, by the names of those around it with dots between.
fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let mut nested = name.split('.');
    let first = object.get(nested.next()?);
    let found = nested.try_fold(first, |outer, name| Some(outer?.get(name)));
    found
        .flatten()
        .or_else(|| object.get(name))
        .or_else(|| object.get(underscored(name)))
}

/// Adds the text of a member; one that is null or an empty list has none.
fn laid_out(member: Option<&Value>, text: &mut String) {
    match member {
        None | Some(Value::Null) => {}
        Some(Value::String(own)) => text.push_str(own),
        Some(Value::Array(list)) if list.is_empty() => {}
        Some(other) => text.push_str(&other.to_string()),
    }
}

/// The most keys that are remembered.
const MOST_MET: usize = 256;

/// Objects laid out as rows; the memory of one is used again for the next.
struct Objects {
    names: &'static [ColumnDoc],
    /// Names of columns that are not read.
    others: &'static [&'static str],
    /// Keys that were met, and whether they are known.
    met: FxHashMap<String, bool>,
    /// The keys of the present object that are not known.
    unknown: Vec<String>,
    /// The keys that it leaves out as they are 0.
    zeros: Vec<&'static str>,
    columns: Vec<Option<Column>>,
    text: String,
    ends: Vec<usize>,
}

impl Objects {
    fn new(names: &'static [ColumnDoc], others: &'static [&'static str]) -> Self {
        let column = |(place, column): (usize, &ColumnDoc)| Some(Column::at(place, column.name));
        Self {
            names,
            others,
            met: FxHashMap::default(),
            unknown: Vec::new(),
            zeros: Vec::new(),
            columns: names.iter().enumerate().map(column).collect(),
            text: String::new(),
            ends: Vec::new(),
        }
    }

    fn lay_out(&mut self, line: u64, text: &[u8]) -> Result<(), BadRow> {
        let object = object(line, text)?;
        self.find_unknown(&object);
        self.text.clear();
        self.ends.clear();
        self.zeros.clear();
        for (place, column) in self.names.iter().enumerate() {
            if place > 0 {
                self.ends.push(self.text.len());
                self.text.push(BETWEEN);
            }
            match member(&object, column.name) {
                None if column.zero_if_absent => {
                    self.zeros.push(column.name);
                    self.text.push('0');
                }
                None if column.required => {
                    return Err(BadRow {
                        line,
                        column: column.name.to_owned(),
                        value: String::from_utf8_lossy(text).chars().take(80).collect(),
                        rule: "must be among the keys of each object".to_owned(),
                    });
                }
                found => laid_out(found, &mut self.text),
            }
        }
        self.ends.push(self.text.len());
        Ok(())
    }

    /// Finds the keys of an object that are not known. One of an object in it stands behind a dot.
    fn find_unknown(&mut self, object: &Value) {
        self.unknown.clear();
        for (key, value) in object.as_object().into_iter().flatten() {
            let is_outer = |name: &str| {
                let inner = name.strip_prefix(&**key);
                inner.is_some_and(|inner| inner.starts_with('.'))
            };
            match value {
                Value::Object(inner) if self.is_any(is_outer) => {
                    for name in inner.keys() {
                        self.add_unknown(format!("{key}.{name}"));
                    }
                }
                Value::Null if self.is_any(is_outer) => {}
                _ => self.add_unknown(key.clone()),
            }
        }
    }

    fn add_unknown(&mut self, key: String) {
        let met = self.met.get(&key).copied();
        let is_known =
            met.unwrap_or_else(|| self.is_any(|name| name == key || underscored(name) == key));
        if met.is_none() && self.met.len() < MOST_MET {
            self.met.insert(key.clone(), is_known);
        }
        if !is_known {
            self.unknown.push(key);
        }
    }

    /// Whether the name of any column passes a test.
    fn is_any(&self, test: impl Fn(&str) -> bool) -> bool {
        let names = self.names.iter().map(|column| column.name);
        names.chain(self.others.iter().copied()).any(test)
    }

    fn row(&self, line: u64) -> Row<'_> {
        Row::of(line, &self.text, &self.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::RowPolicy;

    const COLUMNS: &[ColumnDoc] = &[
        ColumnDoc::required("time", "time"),
        ColumnDoc::optional("capacity.cpus", "cores"),
        ColumnDoc::optional("list", "elements"),
    ];

    fn read(text: &str) -> (Vec<(u64, String, String)>, Vec<String>) {
        let input = Input::bytes("e", text.as_bytes());
        let mut journal = Journal::new("e".into(), RowPolicy::REPORT);
        let mut seen = Vec::new();
        each_record(&input, COLUMNS, &[], &mut journal, |_, fields| {
            fields.number(0, 0, 9)?;
            seen.push((
                fields.line(),
                fields.text(1).to_owned(),
                fields.text(2).to_owned(),
            ));
            Ok(())
        })
        .expect("readable");
        let bad = journal.ledger.bad_rows().iter();
        (seen, bad.map(ToString::to_string).collect())
    }

    #[test]
    fn objects_and_tables_say_the_same() {
        let expected = vec![
            (2, "0.5".to_owned(), String::new()),
            (3, String::new(), "[1]".to_owned()),
        ];
        for text in [
            "\n{\"time\": \"1\", \"capacity\": {\"cpus\": 0.5}, \"list\": []}\n\
             {\"time\": 2, \"list\": [1], \"capacity\": null}\n",
            "list,capacity_cpus,time\n,0.5,1\n[1],,2\n",
            "time,capacity.cpus,list\n1,0.5,\n2,,[1]\n",
            "time,capacity,list\n1,{'cpus': 0.5},\n2,,[1]\n",
            "time,capacity,list\n1,\"{\"\"cpus\"\": 0.5}\",\n2,None,[1]\n",
        ] {
            assert_eq!(read(text), (expected.clone(), Vec::new()), "{text}");
            assert_eq!(
                record_has(text.trim().as_bytes(), &["time"]),
                Confidence::Certain
            );
        }
    }

    #[test]
    fn cells_of_objects_that_are_none_are_bad_and_further_members_told() {
        let text = ",time,capacity,zone\n0,1,x,\n1,2,\"{'cpus': 1, 'gpus': 2}\",\n2,3,[1],\n3,4\n4,-1,{},\n";
        let (seen, bad) = read(text);
        assert_eq!(seen, [(3, "1".to_owned(), String::new())]);
        let rule = "must be an object of JSON, or a dictionary of Python";
        let expected = [
            format!("e:2: column `capacity`: {rule}, found `x`"),
            format!("e:4: column `capacity`: {rule}, found `[1]`"),
            "e:5: column `capacity`: the row has 2 fields where the header has 4, found `3,4`"
                .to_owned(),
            "e:6: column `time`: must be at least 0, found `-1`".to_owned(),
        ];
        assert_eq!(bad, expected);
        let input = Input::bytes("e", text.as_bytes());
        let mut journal = Journal::new("e".into(), RowPolicy::REPORT);
        each_record(&input, COLUMNS, &[], &mut journal, |_, _| Ok(())).expect("readable");
        for kind in ["column `zone`, not used", "key `capacity.gpus`, not used"] {
            assert_eq!(journal.ledger.count(kind), 1, "{kind}");
        }
    }

    #[test]
    fn wrong_records_are_named_by_line_and_column() {
        let (seen, bad) = read("{\"time\": 1}\n{\"time\": -1}\n[]\n{\"time\": \n{\"x\": 1}\n");
        assert_eq!(seen.len(), 1);
        assert_eq!(
            bad,
            [
                "e:2: column `time`: must be at least 0, found `-1`",
                "e:3: column `record`: must be a JSON object, found `[]`",
                "e:4: column `record`: must be a JSON object; its byte 9 is not, found `{\"time\": `",
                "e:5: column `time`: must be among the keys of each object, found `{\"x\": 1}`",
            ]
        );
    }
}
