//! One compose file laid over another: maps are joined, lists are appended, and anything else is
//! replaced (compose-spec `13-merge.md`).

use crate::tree::{Entry, Span, Tree, Value};
use units::SortedMap;

/// Tag of a value that is not merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// What the earlier file has is taken away (`!reset`).
    Reset,
    /// What the earlier file has is replaced (`!override`).
    Override,
}

/// Tags of values, by the place of their key.
pub(super) type Tags = SortedMap<Span, Tag>;

/// Lists that replace those of earlier files.
const REPLACED: &[&str] = &["command", "entrypoint", "test"];

/// A map without entries, at a place.
const fn empty_map(span: Span) -> Tree {
    Tree {
        span,
        value: Value::Map(Vec::new()),
    }
}

/// A tree laid over another.
pub(super) fn merge(base: Tree, over: Tree, tags: &Tags) -> Tree {
    let value = match (base.value, over.value) {
        (Value::Map(base), Value::Map(over)) => Value::Map(maps(base, over, tags)),
        (Value::List(mut base), Value::List(over)) => {
            let is_new =
                |item: &Tree, base: &[Tree]| base.iter().all(|own| own.value != item.value);
            for item in over {
                if is_new(&item, &base) {
                    base.push(item);
                }
            }
            Value::List(base)
        }
        (base, Value::Null) => base,
        (_, over) => over,
    };
    Tree {
        span: over.span,
        value,
    }
}

fn maps(mut base: Vec<Entry>, over: Vec<Entry>, tags: &Tags) -> Vec<Entry> {
    for entry in over {
        let known = base.iter().position(|known| known.key == entry.key);
        let tag = tags.get(&entry.key_span);
        match (known, tag) {
            (known, Some(Tag::Reset)) => {
                if let Some(known) = known {
                    base.remove(known);
                }
            }
            (Some(known), Some(Tag::Override)) => base[known] = entry,
            (Some(known), None) if REPLACED.contains(&&*entry.key) => base[known] = entry,
            (Some(known), None) => {
                let earlier = std::mem::replace(&mut base[known].value, empty_map(entry.key_span));
                base[known] = Entry {
                    value: merge(earlier, entry.value, tags),
                    ..entry
                };
            }
            (None, _) => base.push(entry),
        }
    }
    base
}

/// Writes the short form of what a service depends on, a list of names, as the long one.
pub(super) fn depends_as_map(service: &mut Tree) {
    let Value::Map(entries) = &mut service.value else {
        return;
    };
    let Some(own) = entries.iter_mut().find(|entry| entry.key == "depends_on") else {
        return;
    };
    let Value::List(items) = &own.value.value else {
        return;
    };
    if !items
        .iter()
        .all(|item| matches!(item.value, Value::String(_) | Value::Number(_)))
    {
        return;
    }
    let entries = items.iter().filter_map(|item| {
        let key = item.text()?.to_owned();
        let value = empty_map(item.span);
        Some(Entry {
            key,
            key_span: item.span,
            value,
        })
    });
    own.value.value = Value::Map(entries.collect());
}
