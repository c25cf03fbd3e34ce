//! The objects of two sides, each beside the one that it was: by their names, and items of a scenario's lists
//! that have none by what they say.

use serde_json::Value as Json;

use super::{Object, ObjectKey};
use crate::alignment::{Places, SAME, aligned, leaves, likeness};
use units::{SortedMap, SortedSet};

/// An object of two sides, as far as they have it.
pub(super) struct Match<'a> {
    /// The object of the first side.
    pub(super) base: Option<&'a Object>,
    /// The object of the second side.
    pub(super) head: Option<&'a Object>,
    /// Places in the lists of both sides of an item that has no name.
    pub(super) item: Option<Places>,
}

/// Objects by their names and, of those that stand there twice, their turn.
type Named<'a> = SortedMap<(&'a ObjectKey, usize), &'a Object>;
/// Items without names by their kind, each with its place in the list.
type Nameless<'a> = SortedMap<&'a str, Vec<(usize, &'a Object)>>;

/// The objects of two sides, in the order of their kinds and names.
pub(super) fn matched<'a>(base: &'a [Object], head: &'a [Object]) -> Vec<Match<'a>> {
    let ((base, base_items), (head, head_items)) = (apart(base), apart(head));
    let keys: SortedSet<&(&ObjectKey, usize)> = base.keys().chain(head.keys()).collect();
    let all = keys.into_iter().map(|key| Match {
        base: base.get(key).copied(),
        head: head.get(key).copied(),
        item: None,
    });
    let mut found: Vec<Match<'a>> = all.collect();
    let kinds: SortedSet<&str> = { base_items.keys().chain(head_items.keys()).copied() }.collect();
    for kind in kinds {
        let of = |side: &Nameless<'a>| side.get(kind).cloned().unwrap_or_default();
        found.extend(items(&of(&base_items), &of(&head_items)));
    }
    let kind = |own: &Match<'a>| own.head.or(own.base).map(|own| own.key.kind.as_str());
    found.sort_by_key(kind);
    found
}

fn apart(objects: &[Object]) -> (Named<'_>, Nameless<'_>) {
    let mut turns: SortedMap<&ObjectKey, usize> = SortedMap::new();
    let (mut named, mut nameless) = (Named::new(), Nameless::new());
    for object in objects {
        if let Some(place) = place(object) {
            let items = nameless.entry(&object.key.kind).or_default();
            items.push((place, object));
        } else {
            let turn = turns.entry(&object.key).or_default();
            named.insert((&object.key, *turn), object);
            *turn += 1;
        }
    }
    (named, nameless)
}

/// Place in its list of an item of a scenario that has no name.
fn place(object: &Object) -> Option<usize> {
    let ObjectKey { kind, name, .. } = &object.key;
    let is_part = kind.starts_with(|first: char| first.is_ascii_lowercase()) && kind != "file";
    let fields = object.fields.as_deref();
    let own = fields
        .and_then(|fields| fields.get("name"))
        .and_then(Json::as_str);
    let is_nameless = is_part && own.is_none_or(str::is_empty);
    // The only item of a list has no number.
    is_nameless.then(|| {
        if name.is_empty() {
            Some(0)
        } else {
            name.parse().ok()
        }
    })?
}

fn items<'a>(base: &[(usize, &'a Object)], head: &[(usize, &'a Object)]) -> Vec<Match<'a>> {
    let values = |side: &[(usize, &Object)]| -> Vec<SortedSet<String>> {
        let fields = side.iter().map(|(_, own)| own.fields.as_deref());
        fields
            .map(|fields| fields.map(leaves).unwrap_or_default())
            .collect()
    };
    let (were, are) = (values(base), values(head));
    let like = |at: usize, there: usize| {
        if base[at].1.hash == head[there].1.hash {
            SAME
        } else {
            likeness(&were[at], &are[there]).min(SAME - 1)
        }
    };
    let pairs = aligned([base.len(), head.len()], &like).into_iter();
    let all = pairs.map(|[at, there]| {
        let (base, head) = (at.map(|at| base[at]), there.map(|there| head[there]));
        Match {
            base: base.map(|(_, own)| own),
            head: head.map(|(_, own)| own),
            item: Some([base.map(|(place, _)| place), head.map(|(place, _)| place)]),
        }
    });
    all.collect()
}
