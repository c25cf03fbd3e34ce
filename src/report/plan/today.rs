//! Pods of today in words: those that their node has no room for, those that wait, and those that an
//! answer leaves out.

use std::fmt::Write;

use super::PlanReport;
use super::reasons::{brief, headline};
use super::text::SHOWN;
use crate::remedies::remedy;
use lab::plan::loss::Unplaced;
use lab::plan::pending::Pending;
use lab::plan::picture::Picture;
use lab::plan::today::Overfull;
use model::Text;
use model::resource_list::CPU;
use units::{SortedSet, plural};

impl PlanReport<'_> {
    /// Words for the pods that can't stay on their nodes, before a verdict; empty if there are none.
    pub(super) fn unfit(&self) -> String {
        let plan = self.plan;
        let abandoned: usize = plan.unready.iter().map(|own| own.pods.len()).sum();
        let excess: usize = plan.overfull.iter().map(|own| own.pods.len()).sum();
        let mut parts = Vec::new();
        if let Some(first) = plan.unready.first() {
            let nodes = plan.unready.len();
            parts.push(format!(
                "{} on {} {} not ready ({}{})",
                verb(abandoned, "is", "are"),
                plural::count(nodes, "node"),
                plural::either(nodes, "that is", "that are"),
                first.node,
                plural::either(nodes, "", ", …")
            ));
        }
        if let Some(first) = plan.overfull.first() {
            let who = match excess {
                0 => format!(
                    "pods of {} request more than {}",
                    plural::count(plan.overfull.len(), "node"),
                    plural::either(plan.overfull.len(), "it offers", "they offer")
                ),
                _ => format!(
                    "{} no room on {} {}",
                    verb(excess, "has", "have"),
                    plural::either(excess, "its", "their"),
                    plural::either(plan.overfull.len(), "node", "nodes"),
                ),
            };
            let more = plural::either(plan.overfull.len(), "", ", …");
            parts.push(format!("{who} ({}: {}{more})", first.node, amounts(first)));
        }
        if parts.is_empty() {
            return String::new();
        }
        let mut text = parts.join(", ");
        let lost = abandoned + excess - plan.off_overfull.len();
        if let (Some(missed), 1..) = (&plan.missed, lost) {
            let _ = write!(
                text,
                ", {lost} {} no other ({})",
                plural::either(lost, "finds", "find"),
                headline(missed)
            );
        }
        let mut stay = plan.overfull.iter().filter_map(|own| own.stays.as_ref());
        let nodes = stay.clone().count();
        if let Some(first) = stay.next() {
            let _ = write!(
                text,
                ", {} {} so ({})",
                plural::count(nodes, "node"),
                plural::either(nodes, "stays", "stay"),
                headline(first)
            );
        }
        text + "; "
    }

    /// Moves off nodes that are not ready or overfull.
    pub(super) fn off_overfull(&self, text: &mut String) {
        let plan = self.plan;
        let unready = plan.unready.iter();
        let unready: Vec<(String, &Vec<String>, Option<&Unplaced>)> = unready
            .map(|own| (own.node.to_string(), &own.pods, None))
            .collect();
        let overfull = plan.overfull.iter();
        let overfull = overfull.map(|own| {
            let words = format!("{}: {}", own.node, amounts(own));
            (words, &own.pods, own.stays.as_ref())
        });
        let parts = [
            ("nodes that are not ready", unready),
            ("nodes over what they offer", overfull.collect()),
        ];
        for (title, rows) in parts.into_iter().filter(|own| !own.1.is_empty()) {
            let _ = writeln!(text, "\n{title}");
            for (words, pods, stays) in rows.iter().take(SHOWN) {
                let moves = plan.off_overfull.iter();
                let moves = moves.filter(|one| pods.contains(&one.pod));
                let moves = moves.map(|one| format!("{} → {}", one.pod, one.to));
                let moves: Vec<String> = moves.collect();
                let mut line = format!("  {words}");
                if !pods.is_empty() {
                    let of = plural::count(pods.len(), "pod");
                    let _ = write!(line, "; {} of {of} moved", moves.len());
                }
                if !moves.is_empty() {
                    let _ = write!(line, ": {}", named(&moves));
                }
                if let Some(own) = stays {
                    let _ = write!(line, "; {}", headline(own));
                }
                let _ = writeln!(text, "{line}");
            }
            if rows.len() > SHOWN {
                let more = plural::count(rows.len() - SHOWN, "more node");
                let _ = writeln!(text, "  and {more}");
            }
        }
    }

    /// What the answer assumes, and whom it leaves out.
    pub(super) fn notes(&self, text: &mut String) {
        let _ = writeln!(text, "\nassumptions");
        for line in &self.assumptions {
            let _ = writeln!(text, "  {line}");
        }
        self.notes_of_waiting(text);
        self.notes_of_moves(text);
        let _ = writeln!(text, "\nagain: {}", self.command);
    }

    /// Pods that wait, today or after a loss, and what that is to the answer.
    fn notes_of_waiting(&self, text: &mut String) {
        let plan = self.plan;
        if !plan.waiting.is_empty() {
            let _ = writeln!(
                text,
                "  {} today and {} out of the goal (`--strict` counts them): {}",
                verb(plan.waiting.len(), "waits", "wait"),
                plural::either(plan.waiting.len(), "stays", "stay"),
                named(&plan.waiting)
            );
        }
        if !plan.expected.is_empty() {
            let _ = writeln!(
                text,
                "  {} today and would find {}, which {} in the plan: {}",
                verb(plan.expected.len(), "waits", "wait"),
                plural::either(plan.expected.len(), "a node", "nodes"),
                plural::either(plan.expected.len(), "it keeps", "they keep"),
                named(&plan.expected)
            );
        }
        if !plan.aside.is_empty() {
            let _ = writeln!(
                text,
                "  {} outlive the loss of what {} volumes or selectors name, and {} out of \
                 `--survive` (`--strict` counts them): {}",
                verb(plan.aside.len(), "can't", "can't"),
                plural::either(plan.aside.len(), "its", "their"),
                plural::either(plan.aside.len(), "stays", "stay"),
                named(&plan.aside)
            );
        }
        let excused = plan.drain.iter().flat_map(|own| &own.excused).cloned();
        let excused: Vec<String> = excused.collect();
        if !excused.is_empty() {
            let _ = writeln!(
                text,
                "  {} no other node after a loss {}, and may wait in the plan as {}: {}",
                verb(excused.len(), "finds", "find"),
                self.excuse(),
                plural::either(excused.len(), "it would", "they would"),
                named(&excused)
            );
        }
    }

    /// When the pods that are excused find no other node after a loss.
    pub(super) fn excuse(&self) -> &'static str {
        match self.plan.missed {
            Some(_) => "today already",
            None => "of today's nodes once the pods that wait are on them",
        }
    }

    /// Nodes and pods that stay or move against what one would expect.
    fn notes_of_moves(&self, text: &mut String) {
        let plan = self.plan;
        if let Some(drain) = &plan.drain {
            let zones = |own: &Picture| own.kinds.keys().map(|(_, zone)| zone.clone()).collect();
            let (mut left, stay): (SortedSet<Text>, SortedSet<Text>) =
                (zones(&plan.today), zones(&drain.picture));
            left.retain(|zone| !stay.contains(zone));
            for zone in left {
                let _ = writeln!(text, "  no node of zone {zone} stays");
            }
        }
        if plan.today.virtual_nodes > 0 {
            let _ = writeln!(
                text,
                "  {} no machines, but services that run pods: they stay, and no share or loss counts \
                 them",
                format_args!(
                    "{} {}",
                    plural::count(plan.today.virtual_nodes, "node"),
                    plural::either(plan.today.virtual_nodes, "is", "are")
                )
            );
        }
        let shunned: Vec<String> = plan
            .drain
            .iter()
            .flat_map(|own| &own.shunned)
            .cloned()
            .collect();
        if !shunned.is_empty() {
            let _ = writeln!(
                text,
                "  {} in the plan though autoscalers leave {} alone: {}",
                verb(shunned.len(), "moves", "move"),
                plural::either(shunned.len(), "it", "them"),
                named(&shunned)
            );
        }
        if plan.bare > 0 {
            let _ = writeln!(
                text,
                "  {} no controller: none is made again after a loss or a move",
                verb(plan.bare as usize, "has", "have")
            );
        }
        for (scheduler, count) in &plan.foreign {
            let _ = writeln!(
                text,
                "  {} the scheduler `{scheduler}`: {} on {} in a drain, and the default one decides \
                 about {} after losses and on bought nodes",
                verb(*count as usize, "names", "name"),
                plural::either(*count, "it stays", "they stay"),
                plural::either(*count, "its node", "their nodes"),
                plural::either(*count, "it", "them")
            );
        }
    }
}

/// Requested and offered amounts: `4500m of 4000m cpu`.
fn amounts(own: &Overfull) -> String {
    let unit = if &*own.resource == CPU { "m" } else { "" };
    let (requested, offered) = (own.requested, own.offered);
    format!("{requested}{unit} of {offered}{unit} {}", own.resource)
}

/// A number of pods with a verb.
pub(super) fn verb(pods: usize, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        plural::count(pods, "pod"),
        plural::either(pods, one, many)
    )
}

/// The first names of some.
pub(super) fn named(names: &[String]) -> String {
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names[..names.len().min(SHOWN)].join(", ") + more
}

/// Where the pods that wait today would go, and why others don't.
pub(super) fn waiting_today(text: &mut String, pending: &[Pending]) {
    if pending.is_empty() {
        return;
    }
    let all: u64 = pending.iter().map(|own| own.pods).sum();
    let placed: u64 = pending.iter().map(Pending::placed).sum();
    let _ = writeln!(
        text,
        "\nwaiting today: {}, of which {placed} would find a node now",
        plural::count(all, "pod")
    );
    // Those that find no node first: they need an answer most.
    let mut order: Vec<&Pending> = pending.iter().collect();
    order.sort_by_key(|own| (own.unplaced.is_none(), std::cmp::Reverse(own.pods)));
    for own in order.iter().take(SHOWN) {
        let _ = write!(text, "  {}", own.first);
        if own.pods > 1 {
            let _ = write!(text, " and {} more like it", own.pods - 1);
        }
        let mut parts = Vec::new();
        if !own.nodes.is_empty() {
            let named = own.nodes.iter().take(SHOWN).map(|(node, pods)| match pods {
                1 => node.to_string(),
                _ => format!("{node} ({pods})"),
            });
            let named: Vec<String> = named.collect();
            let more = if own.nodes.len() > SHOWN { ", …" } else { "" };
            parts.push(format!("{}{more}", named.join(", ")));
        }
        if let Some(first) = &own.unplaced {
            let rest = own.pods - own.placed();
            let verb = plural::either(rest, "finds", "find");
            parts.push(match rest {
                _ if rest == own.pods => brief(&first.message),
                _ => format!("{rest} {verb} none: {}", brief(&first.message)),
            });
            let enough = own.remedies.first().map(remedy);
            parts.extend(enough.map(|own| format!("enough: {own}")));
        }
        let _ = writeln!(text, ": {}", parts.join("; ").replace(".; ", "; "));
    }
    if order.len() > SHOWN {
        let rest: u64 = order[SHOWN..].iter().map(|own| own.pods).sum();
        let _ = writeln!(
            text,
            "  and {} of other kinds (`pending` of `--format json`)",
            plural::count(rest, "pod")
        );
    }
}
