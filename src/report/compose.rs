//! Summary of an import of compose files, as people see it.

use std::fmt::Write;

use lab::compose::{ComposeSummary, Remark};
use units::{SortedMap, plural};

/// Summary as text; lists every position if `is_verbose`.
pub fn summary(summary: &ComposeSummary, is_verbose: bool) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<18}{value}");
    };
    line("project", &summary.project);
    line("runs as", summary.system);
    line("services", &summary.services.to_string());
    if !summary.off.is_empty() {
        let words = format!("{}  (profiles; `--profile`)", summary.off.join(", "));
        line("services off", &words);
    }
    line("containers", &summary.containers.to_string());
    let mut alike: SortedMap<(&str, &str), Vec<&Remark>> = SortedMap::new();
    for remark in &summary.remarks {
        let key = (remark.field.as_str(), remark.effect.as_str());
        alike.entry(key).or_default().push(remark);
    }
    for ((field, effect), remarks) in alike {
        let mut services: Vec<&str> = remarks.iter().map(|own| own.service.as_str()).collect();
        services.dedup();
        let of = if services == [""] {
            String::new()
        } else {
            format!(" of {}", services.join(", "))
        };
        let _ = writeln!(
            text,
            "! {field}{of}: {effect} ({})",
            places(&remarks, is_verbose)
        );
    }
    let _ = writeln!(text, "experiment: {}", summary.scenario.display());
    text
}

/// The first position of remarks, or all.
fn places(remarks: &[&Remark], is_verbose: bool) -> String {
    let places = remarks.iter().map(|own| own.place.as_str());
    if is_verbose {
        return places.collect::<Vec<&str>>().join(", ");
    }
    let first = remarks.first().map_or("", |own| &own.place);
    match remarks.len() {
        0 | 1 => first.to_owned(),
        count => format!("{first} and {}", plural::count(count - 1, "more place")),
    }
}
