//! Import circles between the rooms of a crate: two of its top-level modules that import each other
//! can be read only together.

use super::{Source, ratchet, sources, word};
use windtunnel::units::{SortedMap, SortedSet};

#[test]
fn rooms_of_a_crate_do_not_import_each_other() {
    let sources = sources(&["src"]);
    let mut imports: SortedSet<(String, String, String)> = SortedSet::new();
    for source in &sources {
        let Some((layer, room)) = room(&source.path) else {
            continue;
        };
        for other in imported(source, room) {
            if other != room && is_room(&sources, layer, other) {
                imports.insert((layer.to_owned(), room.to_owned(), other.to_owned()));
            }
        }
    }
    assert!(
        imports.len() > 300,
        "only {} imports were read",
        imports.len()
    );
    let mut counts = SortedMap::new();
    for (layer, room, other) in &imports {
        let back = (layer.clone(), other.clone(), room.clone());
        if room < other && imports.contains(&back) {
            counts.insert(format!("src/{layer}: {room} and {other}"), 1);
        }
    }
    ratchet(
        "circles.txt",
        &counts,
        "move what both need to a third module",
    );
}

/// The layer and the top-level module that a file belongs to; `None` of a crate's root and of tests.
fn room(path: &str) -> Option<(&str, &str)> {
    let (layer, rest) = path.strip_prefix("src/")?.split_once('/')?;
    let room = rest.split('/').next()?.trim_end_matches(".rs");
    (room != "lib" && !path.contains("tests")).then_some((layer, room))
}

fn is_room(sources: &[Source], layer: &str, name: &str) -> bool {
    let (file, folder) = (
        format!("src/{layer}/{name}.rs"),
        format!("src/{layer}/{name}/"),
    );
    sources
        .iter()
        .any(|source| source.path == file || source.path.starts_with(&folder))
}

/// The top-level modules that a file names by `crate::` or by `super::` paths up to the root; the
/// file's own unit tests are left out.
fn imported<'a>(source: &'a Source, room: &str) -> Vec<&'a str> {
    let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
    let mut names: Vec<&str> = code.split("crate::").skip(1).flat_map(heads).collect();
    let levels = levels(&source.path, room);
    let up = "super::".repeat(levels);
    for (at, _) in code.match_indices(&up) {
        let (before, rest) = (&code[..at], &code[at + up.len()..]);
        if !before.ends_with("super::") && !rest.starts_with("super::") {
            names.extend(heads(rest));
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The first words of a path, or of each path in a list in braces.
fn heads(path: &str) -> Vec<&str> {
    let Some(list) = path.strip_prefix('{') else {
        return vec![word(path)];
    };
    let (mut depth, mut starts) = (0_usize, vec![0]);
    for (at, sign) in list.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    let heads = starts.into_iter().map(|at| word(list[at..].trim_start()));
    heads.collect()
}

#[test]
fn heads_are_those_of_each_path_in_braces() {
    assert_eq!(heads("alpha::{One, Two}"), ["alpha"]);
    assert_eq!(
        heads("{alpha::{One, Two}, beta::Three,\n    gamma};"),
        ["alpha", "beta", "gamma"]
    );
}

/// The number of `super` from a file's module to the root of its crate.
fn levels(path: &str, room: &str) -> usize {
    let below = path.split('/').skip(2).filter(|part| *part != "mod.rs");
    let below = below.count();
    assert!(below > 0, "{path} is in {room}");
    below
}
