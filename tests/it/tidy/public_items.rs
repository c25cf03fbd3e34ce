//! Dead public items: the compiler sees no use of what is `pub` as a use that is missing, so a name
//! that stands nowhere but at its own definition is found here.

use super::{sources, word};
use windtunnel::units::SortedMap;

/// Words before the name of an item.
const KINDS: &[&str] = &[
    "pub fn ",
    "pub const fn ",
    "pub struct ",
    "pub enum ",
    "pub trait ",
    "pub type ",
    "pub const ",
    "pub static ",
];

#[test]
fn every_public_item_is_used() {
    let sources = sources(&["src", "tests", "benches"]);
    let mut uses: SortedMap<&str, usize> = SortedMap::new();
    for source in &sources {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for name in source.code.split(|c| !is_name(c)) {
            *uses.entry(name).or_insert(0) += 1;
        }
    }
    let mut dead = Vec::new();
    let mut seen = 0;
    for source in sources
        .iter()
        .filter(|source| source.path.starts_with("src"))
    {
        for (number, line) in source.code.lines().enumerate() {
            let line = line.trim_start();
            let rest = KINDS.iter().find_map(|kind| line.strip_prefix(kind));
            let Some(name) = rest.map(word).filter(|&name| name != "fn") else {
                continue;
            };
            seen += 1;
            if uses.get(name) == Some(&1) {
                dead.push(format!("{}:{}: {name}", source.path, number + 1));
            }
        }
    }
    assert!(seen > 3_000, "only {seen} items were read");
    assert!(
        dead.is_empty(),
        "public items that nothing uses:\n{}",
        dead.join("\n")
    );
}
