//! Proof of a plan in sentences: what was refused, the bound and its rule.

use std::cmp::Reverse;
use std::fmt::Write;

use super::reasons::brief;
use super::text::{SHOWN, counts, counts_nodes};
use super::today::named;
use super::{money, percent};
use lab::plan::DrainAnswer;
use lab::plan::blockers::Blocker;
use lab::plan::buy::Purchase;
use lab::plan::choice::Way;
use lab::plan::purchase::BuyAnswer;
use lab::plan::rules::Rule;
use units::plural;

/// Reasons that no fewer nodes are enough.
pub(super) fn proof_of_drain(text: &mut String, drain: &DrainAnswer) {
    blockers(text, drain);
    let _ = writeln!(text, "\nwhy not fewer");
    for (node, first) in drain.drained.kept.iter().take(SHOWN) {
        let _ = writeln!(
            text,
            "  {node} stays: {}: {}",
            first.pod,
            brief(&first.message)
        );
    }
    if drain.drained.kept.len() > SHOWN {
        let more = drain.drained.kept.len() - SHOWN;
        let _ = writeln!(text, "  and {}", plural::count(more, "more node"));
    }
    status(text, drain.reached as i64, drain.bound as i64, &|own| {
        plural::count(own as usize, "node")
    });
    if drain.minimizes_cost {
        text.push_str("  the price isn't proved: other nodes may cost less\n");
    }
    rule(text, drain.rule.as_ref());
    if drain.drained.is_cut {
        text.push_str(
            "  the search ended before it was through: this is its best answer so far (`--steps`)\n",
        );
    }
    if drain.drained.packs && !drain.drained.moves.is_empty() {
        text.push_str("  moves go to the fullest nodes that take the pods (MostAllocated)\n");
    }
    let orders = drain.orders;
    if orders.tried > 1 {
        let _ = writeln!(
            text,
            "  all pods, placed again on the nodes that stay, fit in {} of {} orders",
            orders.fits, orders.tried
        );
    }
    let waves = drain.drained.moves.iter().map(|own| own.turn.wave).max();
    if let Some(waves) = waves {
        let _ = writeln!(
            text,
            "  {} in {}, so that budgets hold (`moves.csv`)",
            plural::count(drain.drained.moves.len(), "move"),
            plural::count(waves, "wave")
        );
    }
    if drain.reached > drain.bound && drain.drained.is_local {
        let _ = writeln!(text, "  local: no single node less works; each was tried");
    }
}

/// What keeps nodes from going, by reason.
fn blockers(text: &mut String, drain: &DrainAnswer) {
    if drain.blockers.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nwhat keeps nodes");
    for (sort, all) in by_sort(&drain.blockers) {
        let nodes = all.iter().map(|own| own.nodes.len()).sum::<usize>();
        let _ = writeln!(
            text,
            "  {}: {sort}{}{}",
            plural::count(nodes, "node"),
            names_of(&all),
            change_of(&all)
        );
    }
}

/// Blockers by sort, those of most nodes first.
pub(super) fn by_sort(blockers: &[Blocker]) -> Vec<(&'static str, Vec<&Blocker>)> {
    let mut sorts: Vec<(&'static str, Vec<&Blocker>)> = Vec::new();
    for own in blockers {
        match sorts.iter_mut().find(|(sort, _)| *sort == own.sort) {
            Some((_, all)) => all.push(own),
            None => sorts.push((own.sort, vec![own])),
        }
    }
    sorts.sort_by_key(|(_, all)| Reverse(all.iter().map(|own| own.nodes.len()).sum::<usize>()));
    sorts
}

/// Names of blockers with the numbers of their nodes.
pub(super) fn names_of(all: &[&Blocker]) -> String {
    let names = all.iter().filter(|own| !own.reason.is_empty());
    let names: Vec<String> = names
        .map(|own| format!("{} ({})", own.reason, own.nodes.len()))
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!(" {}", named(&names))
}

/// The smallest change that frees nodes, in words that go on after the reasons.
pub(super) fn change_of(all: &[&Blocker]) -> String {
    let Some(change) = all.iter().find_map(|own| own.change.as_ref()) else {
        return String::new();
    };
    let frees: Vec<u64> = all.iter().filter_map(|own| own.frees).collect();
    if frees.is_empty() {
        return format!("; {change}");
    }
    let frees: u64 = frees.iter().sum();
    format!("; with {change}, {frees} of them could go, each by itself")
}

/// Reasons that nothing cheaper is enough.
pub(super) fn proof_of_purchase(text: &mut String, buy: &BuyAnswer) {
    let purchase: &Purchase = &buy.purchase;
    let Some(reached) = &purchase.reached else {
        return;
    };
    let _ = writeln!(text, "\nwhy not fewer");
    for own in purchase.refuted.iter().rev().take(SHOWN) {
        let wait = match own.waiting {
            0 => "a goal is missed".to_owned(),
            count => format!("{count} {}", plural::either(count, "waits", "wait")),
        };
        let _ = writeln!(
            text,
            "  {}: {wait}; {}: {}",
            counts(buy, &own.choice),
            own.first.pod,
            brief(&own.first.message)
        );
    }
    let is_money = !counts_nodes(reached);
    let words = |own: i64| {
        if is_money {
            money(own)
        } else {
            own.to_string()
        }
    };
    if let Some(possible) = &purchase.possible {
        let way = match possible.way {
            Way::Given => "",
            Way::Large => " (the largest pods first: `--order large`)",
            Way::Packed => " (the largest pods first, each on the fullest node: MostAllocated)",
            Way::Seeded => " (another order)",
        };
        let _ = writeln!(
            text,
            "  possible {}{way}, reached {} (this scheduler, stated order)",
            words(possible.choice.price),
            words(reached.price)
        );
        if possible.choice < *reached {
            let gap = (possible.choice.price - purchase.bound).max(0) * 1_000_000;
            let _ = writeln!(
                text,
                "  possible with {}, {} above the bound",
                counts(buy, &possible.choice),
                percent(gap / possible.choice.price.max(1))
            );
        }
    }
    status(text, reached.price, purchase.bound, &words);
    rule(text, purchase.binding.as_ref());
    if purchase.orders.1 > 1 {
        let (fits, all) = purchase.orders;
        let _ = writeln!(text, "  fits in {fits} of {all} orders");
    }
    if purchase.is_complete {
        let _ = writeln!(
            text,
            "  every cheaper choice that keeps the rules was tried"
        );
    }
}

fn status(text: &mut String, reached: i64, bound: i64, words: &dyn Fn(i64) -> String) {
    let line = if reached <= bound {
        format!("proved: no placement does with less than {}", words(bound))
    } else {
        let gap = (reached - bound) * 1_000_000 / reached.max(1);
        format!(
            "gap: reached {}, and no placement does with less than {} ({} between)",
            words(reached),
            words(bound),
            percent(gap)
        )
    };
    let _ = writeln!(text, "  {line}");
}

fn rule(text: &mut String, rule: Option<&Rule>) {
    let Some(rule) = rule else { return };
    let _ = writeln!(
        text,
        "  binding: {}; {} {} {} together ({}{})",
        rule.what,
        plural::count(rule.pods, "pod"),
        plural::either(rule.pods, "needs", "need"),
        rule.need_words(),
        rule.named.join(", "),
        if rule.pods > rule.named.len() as u64 {
            ", …"
        } else {
            ""
        }
    );
}
