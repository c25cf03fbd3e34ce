//! Parts of the page for those who decide and sign: the order by pool with the nodes that go, what keeps
//! the others, assumptions, and what was read.

use std::fmt::Write;

use super::PlanReport;
use super::proof::{by_sort, change_of, names_of};
use super::text::{nodes_in, pool_name};
use crate::format::html as escaped;
use lab::plan::picture::Picture;
use model::Text;
use units::{SortedMap, SortedSet};

/// Most names of nodes that a row gives.
const NAMED: usize = 24;

impl PlanReport<'_> {
    /// Nodes of each pool today and in the plan, and the names of those that go and come.
    pub(super) fn order(&self, page: &mut String) {
        let (today, shown) = (&self.plan.today, self.shown());
        if std::ptr::eq(today, shown) {
            return;
        }
        let names: SortedSet<&Text> = { today.pools.iter().chain(&shown.pools) }
            .map(|own| &own.name)
            .collect();
        let gone = changes(today, shown);
        page.push_str(
            "<h2>Order by pool</h2>\n<table><thead><tr><th></th><th>today</th><th>plan</th>\
             <th>change</th><th class=\"words\">nodes that go</th></tr></thead><tbody>\n",
        );
        for name in names {
            let (now, then) = (nodes_in(today, name), nodes_in(shown, name));
            let all = gone.get(name).map_or(&[][..], Vec::as_slice);
            let mut words = all[..all.len().min(NAMED)].join(", ");
            if let Some(more @ 1..) = all.len().checked_sub(NAMED) {
                let _ = write!(words, " and {more} more (`nodes.csv`)");
            }
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{now}</td><td>{then}</td><td>{:+}</td>\
                 <td class=\"words\">{}</td></tr>",
                escaped(pool_name(name)),
                i128::from(then) - i128::from(now),
                coded(&words)
            );
        }
        page.push_str("</tbody></table>\n");
    }

    /// What keeps the nodes that stay.
    pub(super) fn blockers(&self, page: &mut String) {
        let drain = self.plan.drain.as_ref();
        let Some(drain) = drain.filter(|own| !own.blockers.is_empty()) else {
            return;
        };
        page.push_str(
            "<h2>What keeps nodes</h2>\n<table><thead><tr><th></th><th>nodes</th><th></th></tr>\
             </thead><tbody>\n",
        );
        for (sort, all) in by_sort(&drain.blockers) {
            let nodes = all.iter().map(|own| own.nodes.len()).sum::<usize>();
            let words = names_of(&all) + &change_of(&all);
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{nodes}</td><td class=\"words\">{}</td></tr>",
                escaped(sort.trim_end_matches(':')),
                coded(words.trim_start_matches([' ', ';']))
            );
        }
        page.push_str("</tbody></table>\n");
    }

    /// What the answer assumes, and which files it was made of.
    pub(super) fn grounds(&self, page: &mut String) {
        let mut notes = String::new();
        self.notes(&mut notes);
        let notes = notes.lines().filter_map(|line| line.strip_prefix("  "));
        page.push_str("<h2>Assumptions</h2>\n<ul>\n");
        for line in notes {
            let _ = writeln!(page, "<li>{}</li>", coded(line));
        }
        page.push_str("</ul>\n<h2>Made of</h2>\n<ul>\n");
        for input in self.inputs {
            let hash = input.blake3().unwrap_or_default();
            let _ = writeln!(
                page,
                "<li>{}, BLAKE3 <code>{hash}</code></li>",
                escaped(&input.name)
            );
        }
        let _ = writeln!(
            page,
            "<li>again: <code>{}</code></li>\n</ul>",
            escaped(self.command)
        );
    }
}

/// Text of a page in which names between backticks stand as code.
pub(super) fn coded(text: &str) -> String {
    let text = escaped(text);
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(place, part)| match place % 2 {
        1 => format!("<code>{part}</code>"),
        _ => part.to_owned(),
    });
    parts.collect()
}

/// Names of the nodes of a cluster that another lacks, by pool.
fn changes<'p>(of: &'p Picture, other: &Picture) -> SortedMap<&'p Text, Vec<&'p str>> {
    let known: SortedSet<&Text> = other.shares.iter().map(|own| &own.name).collect();
    let mut changes: SortedMap<&Text, Vec<&str>> = SortedMap::new();
    for own in of.shares.iter().filter(|own| !known.contains(&own.name)) {
        changes.entry(&own.pool).or_default().push(&own.name);
    }
    changes
}

/// Room for those who approve a plan.
pub(super) fn signatures(page: &mut String) {
    page.push_str("<div class=\"sign\">");
    for who in ["Planned by", "Checked by", "Approved by"] {
        let _ = write!(page, "<p>{who}<span></span>Date<span></span></p>");
    }
    page.push_str("</div>\n");
}
