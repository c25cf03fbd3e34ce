//! Rules of `cluster.domains`: names are unique, parents are there, and nothing is part of itself.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::Scenario;
use super::tree::Tree;
use units::{SortedMap, SortedSet};

/// Most domains that one experiment may have.
const DOMAINS_MAX: u64 = 1_000_000;

/// A domain by its entry and its parent's name.
struct Place {
    entry: usize,
    parent: Option<String>,
}

/// Reports every broken rule of the domains.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let domains = &scenario.cluster.domains;
    let at = |entry: usize, field: &str| {
        tree.locate(format!("cluster.domains.{entry}.{field}").split('.'))
    };
    let total: u64 = domains.iter().map(|domain| u64::from(domain.count)).sum();
    if total > DOMAINS_MAX {
        let message = format!("there are {total} domains");
        let finding = Finding::new(
            Code::Impossible,
            message,
            tree.locate(["cluster", "domains"]),
        );
        findings.push(finding.label(format!("expected at most {DOMAINS_MAX}")));
        return;
    }
    let mut places: SortedMap<String, Place> = SortedMap::new();
    for (entry, domain) in domains.iter().enumerate() {
        for index in 0..u64::from(domain.count) {
            let name = domain.name.render(index);
            let parent = domain.parent.as_ref().map(|parent| parent.render(index));
            if let Some(known) = places.get(&name) {
                let message = format!("two domains are named `{name}`");
                let finding = Finding::new(Code::DuplicateName, message, at(entry, "name"));
                findings.push(if known.entry == entry {
                    finding.label("put the index into the name, such as `r{}`")
                } else {
                    finding
                        .label("this one repeats the name")
                        .context(at(known.entry, "name"), "first used here")
                });
                return;
            }
            places.insert(name, Place { entry, parent });
        }
    }
    for place in places.values() {
        let Some(parent) = &place.parent else {
            continue;
        };
        if !places.contains_key(parent) {
            let message = format!("there is no domain `{parent}`");
            let known: Vec<String> = places
                .keys()
                .take(4)
                .map(|name| format!("`{name}`"))
                .collect();
            findings.push(
                Finding::new(Code::Conflict, message, at(place.entry, "parent"))
                    .label(format!("known domains are {} …", known.join(", "))),
            );
            return;
        }
    }
    if let Some(round) = cycle(&places) {
        let entry = places[&round[0]].entry;
        let message = format!("the domain `{}` is part of itself", round[0]);
        findings.push(
            Finding::new(Code::Conflict, message, at(entry, "parent"))
                .label(format!("{} is a cycle", round.join(" → ")))
                .help("a domain tree needs a root: leave out the parent of the largest domain"),
        );
    }
}

/// The names of a cycle, its first again at its end; parents are there.
fn cycle(places: &SortedMap<String, Place>) -> Option<Vec<String>> {
    let mut sound: SortedSet<&str> = SortedSet::new();
    for name in places.keys() {
        let mut path: Vec<&str> = Vec::new();
        let mut next = Some(name.as_str());
        while let Some(name) = next {
            if sound.contains(name) {
                break;
            }
            if let Some(first) = path.iter().position(|known| *known == name) {
                let mut round: Vec<String> =
                    path[first..].iter().map(ToString::to_string).collect();
                round.push(name.to_owned());
                return Some(round);
            }
            path.push(name);
            next = places[name].parent.as_deref();
        }
        sound.extend(path);
    }
    None
}
