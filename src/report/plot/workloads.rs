//! Ready pods of workloads over time, with what users did and what failed marked on the time line.

use super::chart::{self, Line, Moment, Panel};
use super::scene::Style;
use super::{Drawn, Material, PlotEntry};
use crate::format;
use history::{IncidentEntry, MarkEntry, VariantData, WorkloadSeries};
use metrics::Direction;
use units::plural;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "ready-replicas",
    title: "Ready replicas over time",
    caption: "Ready pods on nodes that report; `wanted` is the desired number, of each variant where they differ. Each step is a \
              change; of a workload with more than 400, each column shows the mean over its time. Capital \
              letters mark failures, small letters their repair, numbers the operations of users, `>` updates \
              that ended, `<` those that are taken back, and `!` those that stopped.",
    shows_metrics: false,
    draw,
};

/// Most workloads drawn: those that missed most.
const PANELS_MAX: usize = 6;
/// Most marks explained below.
const EXPLAINED_MAX: usize = 24;
/// Most failures and repairs that are marked: more would hide what is drawn.
const FAILURES_MAX: usize = 40;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = material.variants()?;
    let names = worst(variants);
    if names.is_empty() {
        return Err("no controller maintains a number of pods");
    }
    let mut marks = marks(variants);
    let is_failure = |mark: &Mark<'_>| matches!(mark.entry.kind.as_str(), "failure" | "repair");
    let failures = marks.iter().filter(|mark| is_failure(mark)).count();
    let unmarked = if failures > FAILURES_MAX { failures } else { 0 };
    marks.retain(|mark| unmarked == 0 || !is_failure(mark));
    let panels: Vec<Panel> = (names.iter())
        .filter_map(|name| panel(material, name, &marks, style))
        .collect();
    if panels.is_empty() {
        return Err("no time passed");
    }
    let notes = notes(material, &marks, unmarked);
    Ok(chart::draw(style, ENTRY.title, "time_s", &panels, &notes))
}

/// The names of the workloads that missed most pods, in the order of their creation.
fn worst(variants: &[VariantData]) -> Vec<&str> {
    let mut names: Vec<(&str, f64)> = Vec::new();
    for one in variants
        .iter()
        .flat_map(|variant| &variant.workloads.listed)
    {
        let pairs = one.desired.iter().zip(&one.ready);
        let missing = pairs
            .map(|(desired, ready)| (desired - ready).max(0.0))
            .sum::<f64>();
        match names.iter_mut().find(|(name, _)| *name == one.name) {
            Some((_, known)) => *known = known.max(missing),
            None => names.push((&one.name, missing)),
        }
    }
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| names[b].1.total_cmp(&names[a].1).then(a.cmp(&b)));
    order.truncate(PANELS_MAX);
    order.sort_unstable();
    order.into_iter().map(|index| names[index].0).collect()
}

/// A mark with the variants that have it.
struct Mark<'a> {
    entry: MarkEntry,
    variants: Vec<&'a str>,
}

/// Marks of any variant, each once.
fn marks(variants: &[VariantData]) -> Vec<Mark<'_>> {
    let mut marks: Vec<Mark<'_>> = Vec::new();
    for variant in variants {
        let around = variant.incidents.listed.iter().flat_map(around);
        for entry in variant.marks.listed.iter().cloned().chain(around) {
            let name = variant.name.as_str();
            match marks.iter_mut().find(|mark| mark.entry == entry) {
                Some(mark) if mark.variants.contains(&name) => {}
                Some(mark) => mark.variants.push(name),
                None => marks.push(Mark {
                    entry,
                    variants: vec![name],
                }),
            }
        }
    }
    marks.sort_by_key(|mark| mark.entry.at_ns);
    marks
}

/// Marks of a failure that is no node's, such as the registry's, and of its end.
fn around(incident: &IncidentEntry) -> Vec<MarkEntry> {
    if incident.nodes > 0 {
        return Vec::new();
    }
    let mark = |at_ns: i64, kind: &str, what: String| MarkEntry {
        at_ns,
        kind: kind.to_owned(),
        what,
    };
    let begun = mark(incident.from_ns, "failure", incident.what.clone());
    let over = incident.to_ns;
    let over = over.map(|at| mark(at, "repair", format!("{}: over", incident.what)));
    std::iter::once(begun).chain(over).collect()
}

fn panel(material: &Material<'_>, name: &str, marks: &[Mark<'_>], style: Style) -> Option<Panel> {
    let variants = &material.data.variants;
    let own = |variant: &VariantData| -> Option<WorkloadSeries> {
        let listed = &variant.workloads.listed;
        listed.iter().find(|one| one.name == name).cloned()
    };
    let line = |index: Option<usize>, label: &str, one: &WorkloadSeries, variant: &VariantData| {
        let is_wanted = index.is_none();
        if !one.changes.is_empty() {
            let changes = one.changes.iter();
            let values = changes.map(|own| {
                (
                    own.at_ns,
                    if is_wanted { own.desired } else { own.ready } as f64,
                )
            });
            return Line::steps(index, label, variant.end_ns, values);
        }
        let values = if is_wanted { &one.desired } else { &one.ready };
        let values: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
        let width = variant.workloads.column_ns;
        Line::columns(index, label, width, variant.end_ns, &values)
    };
    let mut lines: Vec<Line> = Vec::new();
    for variant in variants {
        let index = Some(material.series(&variant.name));
        if let Some(one) = own(variant) {
            lines.push(line(index, &variant.name, &one, variant));
        }
    }
    // One line for all variants that want the same at any time.
    let mut wanted: Vec<(Line, Vec<&str>)> = Vec::new();
    for variant in variants {
        let Some(one) = own(variant) else { continue };
        let of_one = line(None, "wanted", &one, variant);
        match wanted
            .iter_mut()
            .find(|(known, _)| known.points == of_one.points)
        {
            Some((_, names)) => names.push(&variant.name),
            None => wanted.push((of_one, vec![&variant.name])),
        }
    }
    let are_several = wanted.len() > 1;
    let wanted = wanted.into_iter().map(|(line, names)| Line {
        name: if are_several {
            format!("wanted ({})", names.join(", "))
        } else {
            line.name
        },
        ..line
    });
    // Several must not hide the variants' own lines.
    let place = if are_several { 0 } else { lines.len() };
    lines.splice(place..place, wanted);
    let title = format!("{}, ready pods", format::clean(name));
    let (clock, better) = (material.clock(), Direction::Higher);
    let mut panel = Panel::over_time(&title, better, clock, style, lines)?;
    panel.moments = moments(marks);
    Some(panel)
}

/// The instants of marks; what happens at one instant is marked together.
fn moments(marks: &[Mark<'_>]) -> Vec<Moment> {
    let signed: Vec<(String, &Mark<'_>)> = signs(marks).into_iter().zip(marks).collect();
    let together = signed.chunk_by(|(_, one), (_, next)| one.entry.at_ns == next.entry.at_ns);
    together
        .map(|own| {
            let signs: Vec<&str> = own.iter().map(|(sign, _)| &**sign).collect();
            Moment {
                at: own[0].1.entry.at_ns as f64 / 1e9,
                sign: signs.join(","),
                is_strong: own.iter().any(|(_, mark)| mark.entry.kind == "failure"),
            }
        })
        .collect()
}

/// The sign of each mark: operations are numbered, failures and repairs have letters, scaling has
/// plus and minus.
fn signs(marks: &[Mark<'_>]) -> Vec<String> {
    let (mut operations, mut failures) = (0, 0);
    let letter = |number: usize, first: u8| char::from(first + (number % 26) as u8).to_string();
    let sign = |mark: &Mark<'_>| match mark.entry.kind.as_str() {
        "operation" => {
            operations += 1;
            operations.to_string()
        }
        "scale-up" => "+".to_owned(),
        "scale-down" => "−".to_owned(),
        "rollout" => rollout_sign(&mark.entry.what).to_owned(),
        "failure" => {
            failures += 1;
            letter(failures - 1, b'A')
        }
        _ => {
            failures += 1;
            letter(failures - 1, b'a')
        }
    };
    marks.iter().map(sign).collect()
}

/// The sign of a step of an update, which its mark ends with.
fn rollout_sign(what: &str) -> &'static str {
    match what.rsplit(": ").next() {
        Some("completed") => ">",
        Some("rolling-back" | "rolled-back") => "<",
        _ => "!",
    }
}

/// Explanations of the signs, as lines below the plot.
fn notes(material: &Material<'_>, marks: &[Mark<'_>], unmarked: usize) -> Vec<String> {
    let (clock, variants) = (material.clock(), &material.data.variants);
    let mut lines: Vec<String> = (signs(marks).iter())
        .zip(marks)
        .map(|(sign, mark)| {
            let at = clock.duration(mark.entry.at_ns as f64 / 1e9);
            let whose = if mark.variants.len() == variants.len() {
                String::new()
            } else {
                format!(" ({})", format::clean(&mark.variants.join(", ")))
            };
            format!("{sign}  {at}: {}{whose}", format::clean(&mark.entry.what))
        })
        .take(EXPLAINED_MAX)
        .collect();
    let more = marks.len().saturating_sub(lines.len());
    if more > 0 {
        lines.push(format!("and {more} more marks"));
    }
    if unmarked > 0 {
        lines.push(format!(
            "{unmarked} {} too many to mark; the plot `failures` has them",
            plural::either(unmarked, "failure or repair is", "failures and repairs are")
        ));
    }
    let hidden = variants
        .iter()
        .map(|variant| variant.workloads.total as usize)
        .max()
        .unwrap_or(0)
        .saturating_sub(PANELS_MAX);
    if hidden > 0 {
        lines.push(format!(
            "{hidden} more workloads are in the table of workloads"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_at_one_instant_is_marked_together() {
        let mark = |at_ns: i64, kind: &str| Mark {
            entry: MarkEntry {
                at_ns,
                kind: kind.to_owned(),
                what: String::new(),
            },
            variants: Vec::new(),
        };
        let kinds = ["operation", "operation", "failure"].map(|kind| mark(1, kind));
        let marks: Vec<Mark<'_>> = kinds.into_iter().chain([mark(2, "operation")]).collect();
        let signs: Vec<String> = moments(&marks).into_iter().map(|own| own.sign).collect();
        assert_eq!(signs, ["1,2,A", "3"]);
    }

    #[test]
    fn updates_have_signs_by_their_last_step() {
        let signs = ["a/b: completed", "a/b: rolled-back", "a/b: paused"].map(rollout_sign);
        assert_eq!(signs, [">", "<", "!"]);
        let values = [(5_000_000_000, 2.0), (7_000_000_000, 4.0)];
        let line = Line::steps(None, "wanted", 9_000_000_000, values.into_iter());
        let right = [(0.0, 0.0), (5.0, 2.0), (7.0, 4.0), (9.0, 4.0)];
        assert_eq!(line.points, right.map(|(at, value)| (at, Some(value))));
    }
}
