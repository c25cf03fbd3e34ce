//! Output formats of the answer of `upgrade`.

mod effects;
pub mod runs;
mod switches;

use std::fmt::Write;

use serde_json::{Value, json};

use crate::format::html as escaped;
use crate::grid::{Grid, object};
use lab::upgrade::fields::FieldUse;
use lab::upgrade::{Difference, Differing, Landing, Upgrade};
use model::Change;
use model::releases::CHANGES;
use switches::Between;
use units::plural;

/// Number of pods that the table names.
const PODS_SHOWN: usize = 12;
/// Two-sided quantile of the normal distribution at 95 %.
const NORMAL_95: f64 = 1.96;
/// Number of pods whose messages the page shows.
const MESSAGES_SHOWN: usize = 200;

/// Comparison of two releases with its context.
pub struct UpgradeReport<'a> {
    /// The comparison.
    pub upgrade: &'a Upgrade,
    /// Whether messages are shown in full.
    pub is_verbose: bool,
}

fn name_of(change: Change) -> &'static str {
    CHANGES[change as usize].name
}

fn names(changes: &[Change]) -> Vec<&'static str> {
    changes.iter().map(|&change| name_of(change)).collect()
}

/// Names of the causes of a difference.
fn causes(group: &Differing) -> String {
    let cause = &group.cause;
    let (switches, joint) = if !cause.together.is_empty() {
        (&cause.together, " with ")
    } else if cause.needed.is_empty() {
        (&cause.enough, " or ")
    } else {
        (&cause.needed, " with ")
    };
    if switches.is_empty() {
        return "only a combination".to_owned();
    }
    let names: Vec<&str> = switches.iter().map(|&change| name_of(change)).collect();
    names.join(joint)
}

/// Numbers of the pods and other objects with a field.
fn holders(own: &FieldUse) -> String {
    let pods = plural::count(own.pods, "pod");
    match (own.pods, own.objects) {
        (_, 0) => pods,
        (0, objects) => plural::count(objects, "object"),
        (_, objects) => format!("{} and {pods}", plural::count(objects, "object")),
    }
}

/// A difference in words.
const fn words(difference: Difference) -> &'static str {
    match difference {
        Difference::Moves => "would land elsewhere",
        Difference::Waits => "would wait",
        Difference::Freed => "would no longer wait",
        Difference::MayMove => "may land elsewhere (ties)",
        Difference::Message => "wait with another message",
    }
}

impl UpgradeReport<'_> {
    fn landing(&self, landing: &Landing) -> String {
        match landing {
            Landing::On(slots) => {
                let first = slots.first().map_or("?", |&slot| self.upgrade.node(slot));
                match slots.len() {
                    0 | 1 => first.to_owned(),
                    many => format!("{first} (+{})", many - 1),
                }
            }
            Landing::Evicting(node) => format!("{node}, evicting"),
            Landing::Waits(_) => "waits".to_owned(),
        }
    }

    /// Numbers of pods by cause, the most first.
    fn tally(&self, difference: Difference) -> Vec<(String, usize)> {
        let mut tally: Vec<(String, usize)> = Vec::new();
        let own = self.upgrade.differing.iter();
        for group in own.filter(|group| group.difference == difference) {
            let cause = causes(group);
            match tally.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, count)) => *count += group.pods.len(),
                None => tally.push((cause, group.pods.len())),
            }
        }
        tally.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        tally
    }

    /// Share of the pods with a difference, in percent.
    pub fn percent(&self, difference: Difference) -> f64 {
        match self.upgrade.pods {
            0 => 0.0,
            all => 100.0 * self.upgrade.count(difference) as f64 / all as f64,
        }
    }

    /// Interval of a share in percent, as far as it comes from a sample, at 95 %: Wilson's, with as many
    /// more samples as make up for those that a cluster has at all. It is no point where nothing was found.
    fn interval_percent(&self, difference: Difference) -> Option<(f64, f64)> {
        if !self.upgrade.is_sample() {
            return None;
        }
        let Upgrade { pods, living, .. } = self.upgrade;
        let (pods, living) = ((*pods).max(1) as f64, *living as f64);
        let trials = pods * (living - 1.0).max(1.0) / (living - pods);
        let share = self.percent(difference) / 100.0;
        let square = NORMAL_95 * NORMAL_95 / trials;
        let centre = share + square / 2.0;
        let spread = (square * share * (1.0 - share) + square * square / 4.0).sqrt();
        let percent = |bound: f64| 100.0 * (bound / (1.0 + square)).clamp(0.0, 1.0);
        Some((percent(centre - spread), percent(centre + spread)))
    }

    fn interval(&self, difference: Difference) -> String {
        let interval = self.interval_percent(difference);
        interval.map_or_else(String::new, |(low, high)| {
            format!(" ({low:.2} to {high:.2})")
        })
    }

    /// Words of a sample about what it says of all pods; empty if all were scheduled again.
    pub fn sample_words(&self, difference: Difference) -> String {
        let interval = self.interval_percent(difference);
        interval.map_or_else(String::new, |(low, high)| {
            format!(
                ", a sample of {}: {low:.2} to {high:.2} % of all at 95 %",
                self.upgrade.living
            )
        })
    }

    fn between(&self) -> Between {
        Between {
            from: self.upgrade.from,
            to: self.upgrade.to,
            before: self.upgrade.before,
            after: self.upgrade.after,
        }
    }

    fn headline(&self) -> String {
        let Upgrade {
            from,
            to,
            pods,
            living,
            summary,
            ..
        } = self.upgrade;
        let counted = plural::count(*pods, "pod");
        let sample = if self.upgrade.is_sample() {
            format!(" of {living}")
        } else {
            String::new()
        };
        format!("upgrade {from} -> {to}: {summary}; {counted}{sample} scheduled again, one by one")
    }

    /// Table for the terminal.
    pub fn table(&self) -> String {
        let mut text = format!("{}\n\n", self.headline());
        for difference in Difference::ALL {
            let count = self.upgrade.count(difference);
            let share = self.percent(difference);
            let tally = self.tally(difference);
            let by: Vec<String> = tally
                .iter()
                .map(|(cause, count)| format!("{cause} {count}"))
                .collect();
            let by = if by.is_empty() {
                String::new()
            } else {
                format!("  {}", by.join("; "))
            };
            let interval = self.interval(difference);
            let _ = writeln!(
                text,
                "  {:27} {count:>7}  {share:>5.1} %{interval}{by}",
                words(difference)
            );
        }
        text.push('\n');
        text.push_str(&self.between().lines());
        self.write_pods(&mut text);
        self.write_messages(&mut text);
        self.write_fields(&mut text);
        self.write_replay(&mut text);
        text
    }

    fn write_pods(&self, text: &mut String) {
        let shown = |group: &&Differing| {
            !matches!(group.difference, Difference::Message | Difference::MayMove)
        };
        let groups: Vec<&Differing> = self.upgrade.differing.iter().filter(shown).collect();
        if groups.is_empty() {
            return;
        }
        let rows = groups.iter().take(PODS_SHOWN).map(|group| {
            let first = group.pods.first().map_or("", String::as_str);
            let pods = match group.pods.len() {
                0 | 1 => first.to_owned(),
                many => format!("{first} (+{})", many - 1),
            };
            let on = group.node.as_deref().unwrap_or("-").to_owned();
            [
                pods,
                on,
                self.landing(&group.from),
                self.landing(&group.to),
                causes(group),
            ]
        });
        let (from, to) = (self.upgrade.from, self.upgrade.to);
        let head = ["pod", "on", from.name(), to.name(), "switch"];
        text.push('\n');
        for line in Grid::new("l", head).with(rows).text().lines() {
            let _ = writeln!(text, "  {line}");
        }
        if groups.len() > PODS_SHOWN {
            let _ = writeln!(
                text,
                "  and {} more; --format json has all",
                groups.len() - PODS_SHOWN
            );
        }
    }

    /// Messages that differ, folded to their numbers unless all are asked for.
    fn write_messages(&self, text: &mut String) {
        if !self.is_verbose {
            return;
        }
        for (group, from, to) in self.messages() {
            let first = group.pods.first().map_or("", String::as_str);
            let _ = writeln!(
                text,
                "\n  {first} ({}), by {}\n    {}: {from}\n    {}: {to}",
                plural::count(group.pods.len(), "pod"),
                causes(group),
                self.upgrade.from,
                self.upgrade.to,
            );
        }
    }

    fn messages(&self) -> impl Iterator<Item = (&Differing, &str, &str)> {
        let groups = self.upgrade.differing.iter();
        groups.filter_map(|group| match (&group.from, &group.to) {
            (Landing::Waits(from), Landing::Waits(to)) => Some((group, &**from, &**to)),
            _ => None,
        })
    }

    fn write_fields(&self, text: &mut String) {
        for own in &self.upgrade.fields {
            let (from, to) = (self.upgrade.from, self.upgrade.to);
            let _ = writeln!(
                text,
                "\n  field {}: {} in {from}, {} in {to}; {} ({})",
                own.field.path,
                own.standing(from),
                own.standing(to),
                holders(own),
                own.names.join(", "),
            );
        }
    }

    fn write_replay(&self, text: &mut String) {
        let Some(replay) = &self.upgrade.replay else {
            return;
        };
        let arrivals = plural::count(replay.pods, "arrival");
        let part = if replay.pods < replay.all_pods {
            let nodes = plural::count(replay.nodes, "node");
            format!("{arrivals} of {} on {nodes}", replay.all_pods)
        } else {
            arrivals
        };
        let _ = writeln!(
            text,
            "\n  replay of {} in order of creation, {}: {:.1} % of the pods on another node; {:.1} % by \
             other draws among ties alone",
            part,
            plural::count(replay.seeds, "seed"),
            replay.elsewhere_percent,
            replay.chance_percent,
        );
        text.push_str(&effects::lines(&replay.effects, 2, 4));
    }

    fn landing_json(&self, landing: &Landing) -> Value {
        match landing {
            Landing::On(slots) => {
                let nodes = slots.iter().map(|&slot| self.upgrade.node(slot));
                json!({"nodes": nodes.collect::<Vec<&str>>()})
            }
            Landing::Evicting(node) => json!({"evicts": node}),
            Landing::Waits(message) => json!({"message": message}),
        }
    }

    /// JSON, one object.
    pub fn json(&self) -> Value {
        let (from, to) = (self.upgrade.from, self.upgrade.to);
        let groups = self.upgrade.differing.iter().map(|group| {
            json!({
                "difference": group.difference.name(),
                "pods": group.pods,
                "node": group.node,
                "from": self.landing_json(&group.from),
                "to": self.landing_json(&group.to),
                "needed": names(&group.cause.needed),
                "enough": names(&group.cause.enough),
                "together": names(&group.cause.together),
                "combination": group.cause.is_combination(),
            })
        });
        let counts = Difference::ALL.map(|own| {
            let value = json!({
                "pods": self.upgrade.count(own),
                "percent": self.percent(own),
                "lowPercent": self.interval_percent(own).map(|own| own.0),
                "highPercent": self.interval_percent(own).map(|own| own.1),
            });
            (own.name(), value)
        });
        let fields = self.upgrade.fields.iter().map(|own| {
            json!({
                "field": own.field.path,
                "from": own.standing(from),
                "to": own.standing(to),
                "pods": own.pods,
                "objects": own.objects,
                "examples": own.names,
            })
        });
        let replay = self.upgrade.replay.as_ref().map(|replay| {
            json!({
                "pods": replay.pods,
                "allPods": replay.all_pods,
                "nodes": replay.nodes,
                "chancePercent": replay.chance_percent,
                "seeds": replay.seeds,
                "elsewherePercent": replay.elsewhere_percent,
                "effects": effects::json(&replay.effects),
            })
        });
        json!({
            "from": from.name(),
            "to": to.name(),
            "switches": self.between().json(),
            "snapshot": self.upgrade.summary,
            "pods": self.upgrade.pods,
            "living": self.upgrade.living,
            "counts": object(counts),
            "differing": groups.collect::<Vec<Value>>(),
            "fields": fields.collect::<Vec<Value>>(),
            "replay": replay,
            "warnings": self.upgrade.warnings,
        })
    }

    /// Page for a browser, in one file.
    pub fn html(&self) -> String {
        let mut text = format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n<title>{title}</title>\n\
             <style>body{{font:15px sans-serif;margin:2em;max-width:70em}}pre{{overflow:auto}}\
             td,th{{text-align:left;padding:.2em .8em;border-bottom:1px solid #ccc}}</style>\n\
             <h1>{title}</h1>\n<pre>{table}</pre>\n",
            title = escaped(&self.headline()),
            table = escaped(
                &UpgradeReport {
                    is_verbose: false,
                    ..*self
                }
                .table()
            ),
        );
        text.push_str("<details><summary>All pods that differ</summary>\n<table>\n");
        let (from, to) = (self.upgrade.from, self.upgrade.to);
        let _ = writeln!(
            text,
            "<tr><th>pods<th>difference<th>on<th>{from}<th>{to}<th>switch"
        );
        for group in &self.upgrade.differing {
            let _ = writeln!(
                text,
                "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
                escaped(&group.pods.join(", ")),
                words(group.difference),
                escaped(group.node.as_deref().unwrap_or("-")),
                escaped(&self.landing(&group.from)),
                escaped(&self.landing(&group.to)),
                escaped(&causes(group)),
            );
        }
        text.push_str("</table></details>\n<details><summary>Changed messages</summary>\n<dl>\n");
        for (group, before, after) in self.messages().take(MESSAGES_SHOWN) {
            let _ = writeln!(
                text,
                "<dt>{}<dd>{from}: {}<dd>{to}: {}",
                escaped(&group.pods.join(", ")),
                escaped(before),
                escaped(after),
            );
        }
        text.push_str("</dl></details>\n</html>\n");
        text
    }
}
