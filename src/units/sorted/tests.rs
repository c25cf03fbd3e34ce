#![expect(
    clippy::disallowed_types,
    reason = "the standard library says what is right"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use proptest::prelude::*;

use super::{Entry, OccupiedEntry, SortedMap, SortedSet};

/// One change of a map with small keys, so that keys meet.
#[derive(Clone, Copy, Debug)]
enum Change {
    Insert(u16, u32),
    Remove(u16),
    Add(u16),
    PopFirst,
    PopLast,
    RetainOdd,
    RemoveRange(u16, u16),
    SplitOff(u16),
    Extract(u16),
    TakeFirst,
    Clear,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let key = 0..400_u16;
    let change = prop_oneof![
        400 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Change::Insert(key, value)),
        200 => key.clone().prop_map(Change::Remove),
        100 => key.clone().prop_map(Change::Add),
        20 => Just(Change::PopFirst),
        20 => Just(Change::PopLast),
        1 => Just(Change::RetainOdd),
        4 => (key.clone(), 0..80_u16).prop_map(|(key, more)| Change::RemoveRange(key, more)),
        2 => key.clone().prop_map(Change::SplitOff),
        2 => (2..7_u16).prop_map(Change::Extract),
        10 => Just(Change::TakeFirst),
        1 => Just(Change::Clear),
    ];
    prop::collection::vec(change, 0..1200)
}

/// Applies a change to both, which say the same of it.
fn apply(change: Change, map: &mut SortedMap<u16, u32>, tree: &mut BTreeMap<u16, u32>) {
    match change {
        Change::Insert(key, value) => assert_eq!(map.insert(key, value), tree.insert(key, value)),
        Change::Remove(key) => assert_eq!(map.remove(&key), tree.remove(&key)),
        Change::Add(key) => {
            *map.entry(key).or_default() ^= 5;
            *tree.entry(key).or_default() ^= 5;
        }
        Change::PopFirst => assert_eq!(map.pop_first(), tree.pop_first()),
        Change::PopLast => assert_eq!(map.pop_last(), tree.pop_last()),
        Change::RetainOdd => {
            map.retain(|key, _| key % 2 == 1);
            tree.retain(|key, _| key % 2 == 1);
        }
        Change::RemoveRange(from, more) => {
            let keys: Vec<u16> = map.range(from..from + more).map(|(&key, _)| key).collect();
            assert!(
                keys.iter()
                    .eq(tree.range(from..from + more).map(|(key, _)| key))
            );
            for key in keys {
                assert_eq!(map.remove_entry(&key), tree.remove_entry(&key));
            }
        }
        Change::SplitOff(key) => {
            let (tail, tree_tail) = (map.split_off(&key), tree.split_off(&key));
            same(&tail, &tree_tail);
            same(map, tree);
            map.extend(tail);
            tree.extend(tree_tail);
        }
        Change::Extract(divisor) => {
            let taken = map.extract_all(|key, _| key % divisor == 0);
            let known = tree.extract_if(.., |key, _| key % divisor == 0);
            assert_eq!(taken, known.collect::<Vec<_>>());
        }
        Change::TakeFirst => {
            let taken = map.first_entry().map(OccupiedEntry::remove_entry);
            assert_eq!(taken, tree.pop_first());
        }
        Change::Clear => {
            map.clear();
            tree.clear();
        }
    }
}

fn same(map: &SortedMap<u16, u32>, tree: &BTreeMap<u16, u32>) {
    assert_eq!(map.len(), tree.len());
    assert_eq!(map.is_empty(), tree.is_empty());
    assert_eq!(map.iter().len(), tree.len());
    assert!(map.iter().eq(tree));
    assert!(map.iter().rev().eq(tree.iter().rev()));
    assert_eq!(map.first_key_value(), tree.first_key_value());
    assert_eq!(map.last_key_value(), tree.last_key_value());
    assert!(map.first.is_empty() <= map.rest.is_empty());
    assert!(map.rest.iter().all(|block| !block.is_empty()));
    let most = SortedMap::<u16, u32>::MOST;
    assert!(map.rest.iter().all(|block| block.len() <= most) && map.first.len() <= most);
}

proptest! {
    #[test]
    fn a_map_is_the_tree_of_the_standard_library(changes in changes(), at in 0..400_u16) {
        let (mut map, mut tree) = (SortedMap::new(), BTreeMap::new());
        for change in changes {
            apply(change, &mut map, &mut tree);
        }
        same(&map, &tree);
        let copy = map.clone();
        same(&copy, &tree);
        prop_assert_eq!(&copy, &map);
        prop_assert!(map.clone().into_iter().eq(tree.clone()));
        prop_assert!(map.clone().into_iter().rev().eq(tree.clone().into_iter().rev()));
        prop_assert_eq!(map.get(&at), tree.get(&at));
        let bounds = (Bound::Excluded(at / 2), Bound::Included(at));
        if bounds.0 != Bound::Excluded(at) {
            prop_assert!(map.range(bounds).eq(tree.range(bounds)));
            prop_assert!(map.range(bounds).rev().eq(tree.range(bounds).rev()));
        }
        prop_assert!(map.range(..=at).eq(tree.range(..=at)));
        prop_assert!(map.range(at..).eq(tree.range(at..)));
        for value in map.values_mut() { *value /= 2; }
        for value in tree.values_mut() { *value /= 2; }
        same(&map, &tree);
    }

    #[test]
    fn walks_from_both_ends_meet(keys in 0..300_u16, turns in prop::collection::vec(any::<bool>(), 300)) {
        let map: SortedMap<u16, u16> = (0..keys).map(|key| (key, key)).collect();
        let tree: BTreeMap<u16, u16> = (0..keys).map(|key| (key, key)).collect();
        let (mut ours, mut known) = (map.iter(), tree.iter());
        for turn in turns {
            if turn { prop_assert_eq!(ours.next(), known.next()); } else { prop_assert_eq!(ours.next_back(), known.next_back()); }
            prop_assert_eq!(ours.len(), known.len());
        }
    }

    #[test]
    fn a_set_is_the_tree_of_the_standard_library(
        ours in prop::collection::vec(0..300_u16, 0..400),
        others in prop::collection::vec(0..300_u16, 0..400),
    ) {
        let (a, b): (SortedSet<u16>, SortedSet<u16>) =
            (ours.iter().copied().collect(), others.iter().copied().collect());
        let (x, y): (BTreeSet<u16>, BTreeSet<u16>) =
            (ours.into_iter().collect(), others.into_iter().collect());
        prop_assert!(a.iter().eq(&x) && a.len() == x.len());
        prop_assert!(a.intersection(&b).eq(x.intersection(&y)));
        prop_assert!(a.difference(&b).eq(x.difference(&y)));
        prop_assert_eq!(a.is_subset(&b), x.is_subset(&y));
        prop_assert_eq!(a.is_disjoint(&b), x.is_disjoint(&y));
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        prop_assert_eq!((a.first(), a.last()), (x.first(), x.last()));
    }
}

#[test]
fn a_key_that_is_there_stays_and_its_value_is_replaced() {
    let mut map = SortedMap::from([("a", 1), ("c", 3)]);
    assert_eq!(map.insert("a", 2), Some(1));
    let Entry::Occupied(mut entry) = map.entry("a") else {
        panic!("`a` is there");
    };
    assert_eq!((*entry.key(), entry.insert(7)), ("a", 2));
    let Entry::Vacant(entry) = map.entry("b") else {
        panic!("`b` is not there");
    };
    assert_eq!(*entry.key(), "b");
    *entry.insert(0) += 4;
    assert_eq!(format!("{map:?}"), r#"{"a": 7, "b": 4, "c": 3}"#);
    assert_eq!(map["b"], 4);
}

#[test]
fn maps_are_written_and_read_as_maps() {
    let map = SortedMap::from([("b".to_owned(), 2), ("a".to_owned(), 1)]);
    let text = serde_json::to_string(&map).expect("a map can be written");
    assert_eq!(text, r#"{"a":1,"b":2}"#);
    let read: SortedMap<String, i32> = serde_json::from_str(&text).expect("a map can be read");
    assert_eq!(read, map);
}
