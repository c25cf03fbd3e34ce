//! Values that differ between two documents, by the fields that lead to them; items of lists by their
//! names, where they have some.

use std::fmt::Write as _;

use k8s::shared_names;
use serde_json::{Map, Value as Json};
use units::SortedSet;

use crate::alignment::{Places, aligned, leaves, likeness};

/// Fields of a map that only one side has are told one by one up to this number, and as a whole beyond.
const ALONE_MAX: usize = 3;
/// Characters of a value that are shown.
const SHOWN_MAX: usize = 40;

/// A step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Name of the field or of the item; the number of an item without a name.
    pub(crate) name: String,
    /// The item of a list; none of a field.
    pub(crate) item: Option<ItemStep>,
    /// Whether the list has no other item on either side.
    pub(crate) is_alone: bool,
}

/// Where an item of a list stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ItemStep {
    /// Numbers of the item in the lists of both sides, as far as they have it.
    pub(crate) places: Places,
    /// Its number in the list of the second side, or the one that it would have there.
    pub(crate) at: usize,
}

/// Values at one place of two documents.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference<'v> {
    /// Steps to the place.
    pub(crate) steps: Vec<Step>,
    /// Value of the first side, if it has one.
    pub(crate) base: Option<&'v Json>,
    /// Value of the second side, if it has one.
    pub(crate) head: Option<&'v Json>,
}

impl Step {
    /// Number of the item in the list of the second side, or of the first where the second lacks it.
    fn item(&self) -> Option<usize> {
        let [base, head] = self.item?.places;
        head.or(base)
    }
}

impl Difference<'_> {
    /// The steps as a path with dots.
    pub(crate) fn path(&self) -> String {
        let names: Vec<&str> = self.steps.iter().map(|step| &*step.name).collect();
        names.join(".")
    }

    /// JSON pointer to the place.
    pub(crate) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.steps {
            let _ = match step.item() {
                Some(item) => write!(pointer, "/{item}"),
                None => write!(
                    pointer,
                    "/{}",
                    step.name.replace('~', "~0").replace('/', "~1")
                ),
            };
        }
        pointer
    }
}

/// The form of a value in a field: two values are the same if their forms are equal.
pub(crate) type Form = fn(&str, &Json) -> Json;

/// The places at which two values differ.
pub(crate) fn differences<'v>(base: &'v Json, head: &'v Json, form: Form) -> Vec<Difference<'v>> {
    let mut walk = Walk {
        form,
        steps: Vec::new(),
        found: Vec::new(),
    };
    walk.both("", base, head);
    walk.found
}

/// A value as it is shown, cut where it is long.
pub(crate) fn shown(value: Option<&Json>) -> String {
    let text = match value {
        None | Some(Json::Null) => return "unset".to_owned(),
        Some(Json::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => {
            let mut text = String::new();
            write(other, &mut text);
            text
        }
    };
    let mut characters = text
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one });
    let mut cut: String = characters.by_ref().take(SHOWN_MAX).collect();
    if characters.next().is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// Writes a value on a line, not much more of it than can be shown.
fn write(value: &Json, text: &mut String) {
    const ENOUGH: usize = SHOWN_MAX * 4;
    match value {
        Json::Object(fields) => {
            text.push('{');
            for (number, (name, inside)) in fields.iter().enumerate() {
                let comma = if number > 0 { ", " } else { "" };
                let _ = write!(text, "{comma}{name}: ");
                if text.len() > ENOUGH {
                    break;
                }
                write(inside, text);
            }
            text.push('}');
        }
        Json::Array(items) => {
            text.push('[');
            for (number, inside) in items.iter().enumerate() {
                text.push_str(if number > 0 { ", " } else { "" });
                if text.len() > ENOUGH {
                    break;
                }
                write(inside, text);
            }
            text.push(']');
        }
        Json::String(word) => text.push_str(word),
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

struct Walk<'v> {
    form: Form,
    steps: Vec<Step>,
    found: Vec<Difference<'v>>,
}

impl<'v> Walk<'v> {
    fn both(&mut self, field: &str, base: &'v Json, head: &'v Json) {
        if (self.form)(field, base) == (self.form)(field, head) {
            return;
        }
        let before = self.found.len();
        match (base, head) {
            (Json::Object(one), Json::Object(other)) => {
                let keys: SortedSet<&String> = one.keys().chain(other.keys()).collect();
                for key in keys {
                    let step = Step {
                        name: key.clone(),
                        item: None,
                        is_alone: false,
                    };
                    self.step(step, |walk| match (one.get(key), other.get(key)) {
                        (Some(one), Some(other)) => walk.both(key, one, other),
                        (base, head) => walk.one(field, key, base, head),
                    });
                }
            }
            (Json::Array(one), Json::Array(other)) => self.items(field, one, other),
            _ => {}
        }
        // Nothing that is inside differs but its order.
        if self.found.len() == before {
            self.add(Some(base), Some(head));
        }
    }

    /// A field that one side has.
    fn one(&mut self, around: &str, key: &str, base: Option<&'v Json>, head: Option<&'v Json>) {
        let Some(value) = base.or(head) else { return };
        let alone = Json::Object(Map::from_iter([(key.to_owned(), value.clone())]));
        let nothing = Json::Object(Map::new());
        if (self.form)(around, &alone) == (self.form)(around, &nothing) {
            return;
        }
        match value {
            Json::Object(fields) if (1..=ALONE_MAX).contains(&size(value)) => {
                for (name, inside) in fields {
                    let step = Step {
                        name: name.clone(),
                        item: None,
                        is_alone: false,
                    };
                    let side = |side: Option<&'v Json>| side.map(|_| inside);
                    self.step(step, |walk| walk.one(key, name, side(base), side(head)));
                }
            }
            _ => self.add(base, head),
        }
    }

    fn items(&mut self, field: &str, one: &'v [Json], other: &'v [Json]) {
        let is_alone = one.len() <= 1 && other.len() <= 1;
        for (name, item) in self.pairs(field, one, other) {
            let [base, head] = item.places;
            let step = Step {
                name,
                item: Some(item),
                is_alone: is_alone && base.is_some() == head.is_some(),
            };
            let (base, head) = (base.map(|at| &one[at]), head.map(|at| &other[at]));
            self.step(step, |walk| match (base, head) {
                (Some(base), Some(head)) => walk.both(field, base, head),
                (base, head) => walk.add(base, head),
            });
        }
    }

    /// The items of both lists in the order of the second, each with its name: the one that it has, or its
    /// number. Lists of words, and those that came or went with items that have no names, have none.
    fn pairs(&self, field: &str, one: &[Json], other: &[Json]) -> Vec<(String, ItemStep)> {
        let (places, names) = if let Some(names) = shared_names(one, other) {
            (named(&names), Some(names))
        } else if one.is_empty() || other.is_empty() || !one.iter().chain(other).all(is_map) {
            return Vec::new();
        } else {
            let values = |items: &[Json]| -> Vec<SortedSet<String>> {
                let forms = items.iter().map(|item| (self.form)(field, item));
                forms.map(|form| leaves(&form)).collect()
            };
            let (base, head) = (values(one), values(other));
            let like = |at: usize, there: usize| likeness(&base[at], &head[there]);
            (aligned([one.len(), other.len()], &like), None)
        };
        let mut next = 0;
        let found = places.into_iter().map(|places| {
            let [base, head] = places;
            let at = head.unwrap_or(next);
            next = head.map_or(next, |head| head + 1);
            let of_head = || {
                let head = head?;
                Some(
                    names
                        .as_ref()
                        .map_or_else(|| head.to_string(), |own| own[1][head].clone()),
                )
            };
            let of_base = || {
                let base = base.unwrap_or_default();
                match &names {
                    Some(names) => names[0][base].clone(),
                    None if base < other.len() => format!("{base} of the base"),
                    None => base.to_string(),
                }
            };
            let name = of_head().unwrap_or_else(of_base);
            (name, ItemStep { places, at })
        });
        found.collect()
    }

    fn step(&mut self, step: Step, inside: impl FnOnce(&mut Self)) {
        self.steps.push(step);
        inside(self);
        self.steps.pop();
    }

    fn add(&mut self, base: Option<&'v Json>, head: Option<&'v Json>) {
        self.found.push(Difference {
            steps: self.steps.clone(),
            base,
            head,
        });
    }
}

/// Items of two lists by their names, in the order of the second; what only the first has stands behind what it
/// stood behind there.
fn named([base, head]: &[Vec<String>; 2]) -> Vec<Places> {
    let place = |name: &String, names: &[String]| names.iter().position(|own| own == name);
    let mut behind = None;
    let mut gone: Vec<(Option<usize>, usize)> = Vec::new();
    for (at, name) in base.iter().enumerate() {
        match place(name, head) {
            Some(there) => behind = Some(there),
            None => gone.push((behind, at)),
        }
    }
    let gone_behind = |there: Option<usize>| {
        let own = gone.iter().filter(move |(behind, _)| *behind == there);
        own.map(|(_, at)| [Some(*at), None])
    };
    let mut found: Vec<Places> = gone_behind(None).collect();
    for (there, name) in head.iter().enumerate() {
        found.push([place(name, base), Some(there)]);
        found.extend(gone_behind(Some(there)));
    }
    found
}

fn is_map(value: &Json) -> bool {
    value.is_object()
}

/// Values in a value that are no maps; a list counts as one.
fn size(value: &Json) -> usize {
    match value {
        Json::Object(fields) => fields.values().map(size).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(base: &Json, head: &Json) -> Vec<String> {
        let all = differences(base, head, |_, value| value.clone());
        let words = all
            .iter()
            .map(|own| format!("{} {} → {}", own.path(), shown(own.base), shown(own.head)));
        words.collect()
    }

    #[test]
    fn items_are_told_by_name() {
        let base =
            json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]});
        let head =
            json!({"containers": [{"name": "b", "image": "z"}, {"name": "a", "image": "x"}]});
        assert_eq!(words(&base, &head), ["containers.b.image y → z"]);
        let less = json!({"containers": [{"name": "a", "image": "x"}]});
        let gone = ["containers.b {name: b, image: y} → unset"];
        assert_eq!(words(&base, &less), gone);
        let turned = json!({"containers": [base["containers"][1], base["containers"][0]]});
        let is_told = differences(&base, &turned, |_, value| value.clone());
        assert_eq!(is_told[0].path(), "containers");
    }

    #[test]
    fn an_item_in_front_changes_none_behind_it() {
        let of = |items: Json| json!({"tolerations": items});
        let (x, y) = (
            json!({"key": "x", "value": "1"}),
            json!({"key": "x", "value": "2"}),
        );
        let (new, turned) = (json!({"key": "x"}), json!({"key": "x", "value": "3"}));
        let base = of(json!([x, y]));
        assert_eq!(
            words(&base, &of(json!([new, x, y]))),
            ["tolerations.0 unset → {key: x}"]
        );
        assert_eq!(
            words(&base, &of(json!([new, x, turned]))),
            [
                "tolerations.0 unset → {key: x}",
                "tolerations.2.value 2 → 3"
            ]
        );
        assert_eq!(
            words(&base, &of(json!([y]))),
            ["tolerations.0 of the base {key: x, value: 1} → unset"]
        );
        let ports = |items: Json| json!({"ports": items});
        let udp = json!({"containerPort": 80, "protocol": "UDP"});
        assert_eq!(
            words(
                &ports(json!([{"containerPort": 80, "hostPort": 1}])),
                &ports(json!([udp, {"containerPort": 80, "hostPort": 2}]))
            ),
            [
                "ports.80/UDP unset → {containerPort: 80, protocol: UDP}",
                "ports.80.hostPort 1 → 2"
            ]
        );
    }

    #[test]
    fn what_one_side_has_is_told_as_a_whole_where_it_is_large() {
        let head = json!({"a": {"x": 1, "y": {"z": "2"}}, "b": {"p": 1, "q": 2, "r": 3, "s": 4}});
        let expected = [
            "a.x unset → 1",
            "a.y.z unset → 2",
            "b unset → {p: 1, q: 2, r: 3, s: 4}",
        ];
        assert_eq!(words(&json!({}), &head), expected);
    }

    #[test]
    fn a_value_is_shown_in_forty_characters() {
        let long = shown(Some(&json!("a".repeat(41))));
        assert_eq!(long.chars().count(), 40);
        assert!(long.ends_with('…'));
        assert_eq!(shown(Some(&json!("a\n::error::b"))), "a ::error::b");
    }
}
