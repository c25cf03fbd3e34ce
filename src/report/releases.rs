//! Releases of Kubernetes that runs follow, in words for the first line of their reports.

use std::fmt::Write as _;

use crate::format;
use model::Release;
use units::plural;

/// Words about the releases of runs, such as `Kubernetes 1.36`; none where all follow the usual
/// release without a switch turned. Each run is given by its name and the releases of its summary.
pub(crate) fn fact<'a>(
    runs: impl IntoIterator<Item = (&'a String, &'a Vec<String>)>,
) -> Option<String> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (name, releases) in runs.into_iter().filter(|(_, own)| !own.is_empty()) {
        let words = words(releases);
        let name = format::clean(name);
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
        let told = |list: &[(&str, &Vec<String>)]| {
            let names: Vec<String> = list.iter().map(|(name, _)| (*name).to_owned()).collect();
            fact(names.iter().zip(list.iter().map(|(_, releases)| *releases)))
        };
        assert_eq!(told(&[("a", &usual)]), None);
        let words = told(&[("a", &turned)]);
        assert_eq!(
            words.as_deref(),
            Some("Kubernetes 1.36, switch pod-level-resources off")
        );
        let words = told(&[("old", &usual), ("mixed", &mixed), ("same", &usual)]);
        assert_eq!(
            words.as_deref(),
            Some(
                "Kubernetes 1.34 (old, same); a mix of kube-scheduler 1.36 with controllers and \
                 kubelet 1.34 (mixed)"
            )
        );
    }
}
