//! The objects of a file of manifests as they stand there, for those who compare or rewrite manifests: the
//! whole of each, and the line of every value in it.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::dump::read_into;
use super::reader::Reader;
use super::source::{Sink, Source, SourceError};
use super::yaml;
use intake::{Input, TraceError};

/// An object as a file states it.
#[derive(Clone, Debug)]
pub struct PlainObject {
    /// The whole object.
    pub value: Value,
    /// The text it stands in: the object alone, or the list around it.
    text: Arc<ObjectText>,
    /// Values of that text before the object.
    before: usize,
}

/// A text with objects.
#[derive(Debug)]
struct ObjectText {
    text: String,
    lines_before: u64,
    /// Lines of its values in their order, once they were asked for.
    lines: OnceLock<Vec<u64>>,
}

impl PlainObject {
    /// The line of the file, from 1, on which a value of the object stands, by its JSON pointer; of a
    /// value that the object lacks, the line of the one around it.
    pub fn line(&self, pointer: &str) -> u64 {
        let (mut value, mut place) = (&self.value, self.before);
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let Some((inside, ahead)) = entered(value, &step) else {
                break;
            };
            (value, place) = (inside, place + ahead);
        }
        let text = &*self.text;
        let lines = text.lines.get_or_init(|| yaml::lines_of(&text.text));
        text.lines_before + lines.get(place).copied().unwrap_or(1)
    }
}

/// A value inside another one, and how many values it comes after that one.
fn entered<'v>(value: &'v Value, step: &str) -> Option<(&'v Value, usize)> {
    let mut ahead = 1;
    match value {
        Value::Object(fields) => {
            for (name, inside) in fields {
                if name == step {
                    return Some((inside, ahead));
                }
                ahead += size(inside);
            }
            None
        }
        Value::Array(items) => {
            let number: usize = step.parse().ok()?;
            let found = items.get(number)?;
            Some((
                found,
                ahead + items[..number].iter().map(size).sum::<usize>(),
            ))
        }
        _ => None,
    }
}

/// Number of values in a value, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(size).sum(),
        Value::Array(items) => items.iter().map(size).sum(),
        _ => 0,
    }
}

/// The objects of a file in their order, those of lists one by one.
///
/// # Errors
/// The file can't be read, or is neither YAML nor JSON.
pub fn plain_objects(input: &Input) -> Result<Vec<PlainObject>, TraceError> {
    let mut gathered = PlainObjects::default();
    read_into(input, &mut gathered)?;
    Ok(gathered.found)
}

#[derive(Default)]
struct PlainObjects {
    reader: Reader,
    found: Vec<PlainObject>,
}

impl PlainObjects {
    /// Adds a value, or the items of a list, which are of a kind if they don't state theirs.
    fn add(&mut self, value: Value, kind: Option<&str>, text: &Arc<ObjectText>, before: usize) {
        let own = value.get("kind").and_then(Value::as_str);
        let own = own.map(str::to_owned).or_else(|| kind.map(str::to_owned));
        let is_list = own.as_deref().is_none_or(|own| own.ends_with("List"));
        match value {
            Value::Array(items) => self.add_all(items, None, text, before + 1),
            Value::Object(mut fields) if is_list && fields.contains_key("items") => {
                let all = fields.iter().take_while(|(name, _)| *name != "items");
                let before = before + 2 + all.map(|(_, value)| size(value)).sum::<usize>();
                let of_items = own.as_deref().and_then(|own| own.strip_suffix("List"));
                let of_items = of_items.filter(|kind| !kind.is_empty());
                if let Some(Value::Array(items)) = fields.remove("items") {
                    self.add_all(items, of_items, text, before);
                }
            }
            Value::Object(mut fields) => {
                if let Some(own) = own {
                    fields.entry("kind").or_insert(own.into());
                }
                self.found.push(PlainObject {
                    value: Value::Object(fields),
                    text: Arc::clone(text),
                    before,
                });
            }
            _ => {}
        }
    }

    fn add_all(
        &mut self,
        items: Vec<Value>,
        kind: Option<&str>,
        text: &Arc<ObjectText>,
        mut before: usize,
    ) {
        for item in items {
            let next = before + size(&item);
            self.add(item, kind, text, before);
            before = next;
        }
    }
}

impl Sink for PlainObjects {
    fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    fn object(&mut self, source: Source<'_>, kind: Option<&str>) -> Result<(), SourceError> {
        let value: Value = source
            .read(PhantomData)
            .map_err(|fault| SourceError(self.reader.describe(&fault.words)))?;
        let text = Arc::new(ObjectText {
            text: String::from_utf8_lossy(source.text).into_owned(),
            lines_before: source.lines_before,
            lines: OnceLock::new(),
        });
        self.add(value, kind, &text, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(name: &str, text: &str) -> Vec<PlainObject> {
        plain_objects(&Input::bytes(name, text.as_bytes())).expect("good manifests")
    }

    #[test]
    fn objects_know_the_lines_of_their_values() {
        let text = "# two\nkind: Pod\nmetadata: {name: a}\n---\nkind: PodList\nitems:\n- metadata:\n    \
                    name: b\n  spec:\n    containers:\n    - {name: c}\n    - name: d\n      image: x\n";
        let found = objects("a.yaml", text);
        let names = found.iter().map(|own| &own.value["metadata"]["name"]);
        assert!(names.eq(["a", "b"]));
        assert_eq!(found[1].value["kind"], "Pod");
        assert_eq!(found[0].line(""), 2);
        assert_eq!(found[0].line("/metadata/name"), 3);
        assert_eq!(found[1].line("/spec/containers/0/name"), 11);
        assert_eq!(found[1].line("/spec/containers/1/image"), 13);
        // Of what is not there, the line around it.
        assert_eq!(found[1].line("/spec/containers/1/resources/limits"), 12);
    }

    #[test]
    fn json_has_lines_too() {
        let text = "{\"kind\": \"List\", \"items\": [\n{\"kind\": \"Pod\",\n\"spec\": {\"a\": 1}},\n{\"kind\": \
                    \"Node\",\n\"spec\": 2}]}";
        let found = objects("a.json", text);
        assert_eq!(found[0].line("/spec/a"), 3);
        assert_eq!(found[1].line("/spec"), 5);
    }
}
