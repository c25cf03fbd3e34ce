//! Releases of Kubernetes that runs follow, in words for the first line of their reports.

use std::fmt::Write as _;

use crate::format;
use model::Release;
use units::plural;

/// Run with the releases of its summary.
#[derive(Clone, Copy)]
pub(crate) struct Follower<'a> {
    pub(crate) name: &'a str,
    pub(crate) releases: &'a [String],
}

/// Words about the releases of runs, such as `Kubernetes 1.36`; none where all follow the usual
/// release without a switch turned.
pub(crate) fn fact<'a>(followers: impl Iterator<Item = Follower<'a>>) -> Option<String> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for follower in followers.filter(|own| !own.releases.is_empty()) {
        let words = words(follower.releases);
        let name = format::clean(follower.name);
        match groups.iter_mut().find(|(known, _)| *known == words) {
            Some((_, names)) => names.push(name),
            None => groups.push((words, vec![name])),
        }
    }
    match groups.as_slice() {
        [] => None,
        [(words, _)] if *words == usual() => None,
        [(words, _)] => Some(words.clone()),
        several => {
            let told = several.iter();
            let told = told.map(|(words, names)| format!("{words} ({})", names.join(", ")));
            Some(told.collect::<Vec<String>>().join("; "))
        }
    }
}

fn usual() -> String {
    format!("Kubernetes {}", Release::default())
}

/// Words about the releases of one run. Its scheduler and its controllers come first, switches that
/// are turned behind them.
pub fn words(releases: &[String]) -> String {
    let (parts, switches) = releases.split_at(releases.len().min(2));
    let numbers: Vec<&str> = { parts.iter() }
        .filter_map(|part| part.rsplit(' ').next())
        .collect();
    let mut text = match numbers.as_slice() {
        [one, other] if one == other => format!("Kubernetes {one}"),
        _ => format!("a mix of {}", parts.join(" with ")),
    };
    if !switches.is_empty() {
        let noun = plural::noun(switches.len(), "switch");
        let _ = write!(text, ", {noun} {}", switches.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scheduler: &str, controllers: &str, switches: &[&str]) -> Vec<String> {
        let mut releases = vec![
            format!("kube-scheduler {scheduler}"),
            format!("controllers and kubelet {controllers}"),
        ];
        releases.extend(switches.iter().map(|own| (*own).to_owned()));
        releases
    }

    #[test]
    fn releases_are_told_unless_all_are_the_usual_one() {
        let usual = of("1.34", "1.34", &[]);
        let mixed = of("1.36", "1.34", &[]);
        let turned = of("1.36", "1.36", &["pod-level-resources off"]);
        let follower = |name, releases| Follower { name, releases };
        let told = |list: &[Follower<'_>]| fact(list.iter().copied());
        assert_eq!(told(&[follower("a", &usual)]), None);
        let words = told(&[follower("a", &turned)]);
        assert_eq!(
            words.as_deref(),
            Some("Kubernetes 1.36, switch pod-level-resources off")
        );
        let words = told(&[
            follower("old", &usual),
            follower("mixed", &mixed),
            follower("same", &usual),
        ]);
        assert_eq!(
            words.as_deref(),
            Some(
                "Kubernetes 1.34 (old, same); a mix of kube-scheduler 1.36 with controllers and \
                 kubelet 1.34 (mixed)"
            )
        );
    }
}
