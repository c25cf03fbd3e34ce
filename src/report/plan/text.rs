//! A plan in sentences and tables: the verdict comes first, its proof below it.

use std::cmp::Reverse;
use std::fmt::Write;

use super::growth::{goal_missed, verdict_of_growth};
use super::proof::{proof_of_drain, proof_of_purchase};
use super::reasons::{borne, brief, headline, wrapped};
use super::today::{named, verb, waiting_today};
use super::{MONTH_HOURS, PlanReport, money, more, percent, resource, survived};
use crate::losses::ranged;
use lab::plan::DrainAnswer;
use lab::plan::buy::Purchase;
use lab::plan::choice::Choice;
use lab::plan::loss::Loss;
use lab::plan::picture::{Picture, Pool};
use lab::plan::purchase::BuyAnswer;
use units::plural;

/// Most rows of a list that are shown; files have all.
pub(super) const SHOWN: usize = 5;

/// Most pools that a headline names.
const HEADLINE_POOLS: usize = 3;

impl PlanReport<'_> {
    /// The verdict in one sentence or a few.
    pub fn verdict(&self) -> String {
        let plan = self.plan;
        if let Some(buy) = &plan.buy {
            return self.verdict_of_purchase(buy);
        }
        if let Some(drain) = &plan.drain {
            return self.verdict_of_drain(drain);
        }
        if let (Some(last), None) = (plan.months.last(), &plan.missed) {
            return self.unfit() + &verdict_of_growth(last, self.day_of(last.month));
        }
        let today = &plan.today;
        if let (Some(own), 1..) = (&plan.missed, plan.unplaced) {
            return format!(
                "{} {} not hold the {} that {} to run: {} {} no node ({}); {}",
                plural::count(today.nodes, "node"),
                plural::either(today.nodes, "does", "do"),
                plural::count(plan.pods, "pod"),
                plural::either(plan.pods, "has", "have"),
                plan.unplaced,
                plural::either(plan.unplaced, "finds", "find"),
                headline(own),
                survival(today)
            );
        }
        let unfit = self.unfit();
        let missed = plan.missed.as_ref().filter(|_| unfit.is_empty());
        let missed = missed.map_or(String::new(), |own| format!("{}; ", goal_missed(own)));
        format!(
            "{unfit}{missed}{} {} the {} that {} to run; {}; {}",
            plural::count(today.nodes, "node"),
            match (&plan.missed, unfit.is_empty()) {
                (Some(_), false) => plural::either(today.nodes, "does not hold", "do not hold"),
                _ => plural::either(today.nodes, "holds", "hold"),
            },
            plural::count(plan.pods, "pod"),
            plural::either(plan.pods, "has", "have"),
            binds_first(today),
            survival(today)
        )
    }

    fn verdict_of_drain(&self, drain: &DrainAnswer) -> String {
        let today = &self.plan.today;
        let gone = drain.drained.gone.len();
        if let (Some(own), 0) = (&self.plan.missed, gone) {
            return format!(
                "no node can go: the cluster as it is misses a goal ({})",
                headline(own)
            );
        }
        let mut text = self.unfit();
        let _ = write!(
            text,
            "{} of {} {} enough{}: {gone} can go{}",
            drain.reached,
            plural::count(today.nodes, "node"),
            plural::either(drain.reached, "is", "are"),
            self.whose(),
            by_pool(today, &drain.picture)
        );
        let saved = today.price - drain.picture.price;
        if saved > 0 {
            let _ = write!(
                text,
                ", {} {} a month less ({} → {})",
                money(saved * MONTH_HOURS),
                self.currency,
                money(today.price * MONTH_HOURS),
                money(drain.picture.price * MONTH_HOURS)
            );
        }
        for (what, now, then) in [
            ("node", &today.node_losses, &drain.picture.node_losses),
            ("zone", &today.zone_losses, &drain.picture.zone_losses),
        ] {
            if gone > 0 && !now.is_empty() {
                let _ = write!(text, "; {}", borne(what, now, then));
            }
        }
        if !drain.excused.is_empty() {
            let _ = write!(
                text,
                "; {} after a loss {}",
                verb(drain.excused.len(), "waits", "wait"),
                self.excuse()
            );
        }
        if let Some((node, first)) = drain.drained.kept.first() {
            let _ = write!(text, "; {node} stays because of {}", headline(first));
        }
        text
    }

    fn verdict_of_purchase(&self, buy: &BuyAnswer) -> String {
        let purchase = &buy.purchase;
        let Some(reached) = &purchase.reached else {
            return verdict_of_none(purchase);
        };
        let bought = nodes_of(reached);
        let all = buy.picture.as_ref().map_or(0, |own| own.nodes);
        let beside = match all.saturating_sub(bought) {
            0 => String::new(),
            _ if bought == 0 => {
                return format!(
                    "no node has to be bought: those of today are enough{}",
                    self.whose()
                );
            }
            kept => format!(" beside the {kept} of today"),
        };
        let are = plural::either(bought, "is", "are");
        let mut text = format!(
            "{}{beside} {are} enough{}",
            counts(buy, reached),
            self.whose()
        );
        if let Some(first) = buy.aside.first() {
            let names: Vec<String> = buy.aside.iter().map(|own| own.pod.clone()).collect();
            let _ = write!(
                text,
                ", without {} that no node on offer can hold ({}; {})",
                plural::count(names.len(), "pod"),
                named(&names),
                brief(&first.message).trim_end_matches('.')
            );
        }
        let price = price(buy, reached);
        let _ = write!(
            text,
            ": {} {} an hour, {} a month",
            money(price),
            self.currency,
            money(price * MONTH_HOURS)
        );
        self.committed(&mut text);
        if let Some(possible) = &purchase.possible
            && possible.choice != *reached
        {
            let words = |own: &Choice| {
                if counts_nodes(reached) {
                    own.price.to_string()
                } else {
                    money(own.price)
                }
            };
            let _ = write!(
                text,
                "; possible {}, reached {} in the stated order",
                words(&possible.choice),
                words(reached)
            );
        }
        text
    }

    /// Sentences and tables for people.
    pub fn table(&self) -> String {
        wrapped(&self.verdict()) + "\n" + &self.body()
    }

    /// Lines below the verdict.
    pub(super) fn body(&self) -> String {
        let plan = self.plan;
        let mut text = String::new();
        let planned = (plan.drain.as_ref().map(|own| &own.picture))
            .or_else(|| plan.buy.as_ref().and_then(|own| own.picture.as_ref()));
        self.pictures(&mut text, planned);
        self.teams(&mut text, planned);
        binds(&mut text, &plan.today, planned);
        self.off_overfull(&mut text);
        waiting_today(&mut text, &plan.pending);
        if let Some(drain) = &plan.drain {
            proof_of_drain(&mut text, drain);
        }
        if let Some(buy) = &plan.buy {
            proof_of_purchase(&mut text, buy);
        }
        let shown = planned.unwrap_or(&plan.today);
        losses(&mut text, "node", &shown.node_losses);
        losses(&mut text, "zone", &shown.zone_losses);
        match &plan.missed {
            Some(missed) => {
                let _ = writeln!(
                    text,
                    "\nthe cluster as it is misses a goal: {}: {}",
                    missed.pod,
                    brief(&missed.message)
                );
            }
            None if plan.has_goals => {
                let _ = writeln!(text, "\nthe cluster as it is meets the goals");
            }
            None => {}
        }
        self.growth(&mut text);
        self.notes(&mut text);
        wrapped(&text)
    }

    fn pictures(&self, text: &mut String, planned: Option<&Picture>) {
        let today = &self.plan.today;
        let mut rows: Vec<[String; 3]> = Vec::new();
        let mut row = |name: &str, of: &dyn Fn(&Picture) -> String| {
            let second = planned.map(of).unwrap_or_default();
            rows.push([name.to_owned(), of(today), second]);
        };
        row("", &|own| {
            if std::ptr::eq(own, today) {
                "today"
            } else {
                "plan"
            }
            .to_owned()
        });
        row("nodes", &|own| own.nodes.to_string());
        if today.price > 0 || planned.is_some_and(|own| own.price > 0) {
            let name = format!("{} a month", self.currency);
            row(&name, &|own| money(own.price * MONTH_HOURS));
        }
        for (name, _) in today.taken.told() {
            row(&format!("{} requested", resource(name)), &|own| {
                percent(own.taken.of(name).share_ppm())
            });
        }
        row("survives any node", &|own| yes(&own.node_losses));
        if !today.zone_losses.is_empty() || planned.is_some_and(|own| !own.zone_losses.is_empty()) {
            row("survives any zone", &|own| yes(&own.zone_losses));
        }
        if let Some(room) = today.headroom.first() {
            let name = format!("more of {}", room.pod);
            row(&name, &|own| {
                let known = own.headroom.iter().find(|other| other.pod == room.pod);
                known.map(|own| more(own.fits)).unwrap_or_default()
            });
        }
        let widths = rows.iter().map(|[name, ..]| name.chars().count() + 2);
        let width = widths.max().unwrap_or(0).max(26);
        for [name, now, then] in rows {
            let line = format!("{name:<width$}{now:>22}{then:>22}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
}

/// Words for numbers of nodes: `5 c + 2 m`.
pub(super) fn counts(buy: &BuyAnswer, choice: &Choice) -> String {
    let parts = buy.types.iter().zip(&choice.counts);
    let parts = parts.filter(|(_, count)| **count > 0);
    let parts: Vec<String> = parts
        .map(|((name, _), count)| format!("{count} {name}"))
        .collect();
    let nodes = plural::count(nodes_of(choice), "node");
    if parts.is_empty() {
        return nodes;
    }
    format!("{nodes} ({})", parts.join(" + "))
}

/// Price of numbers of nodes, whatever was made small.
fn price(buy: &BuyAnswer, choice: &Choice) -> i64 {
    let parts = buy.types.iter().zip(&choice.counts);
    parts.map(|((_, price), count)| price * *count as i64).sum()
}

/// The resource that binds first, with its pool where there are several.
fn binds_first(picture: &Picture) -> String {
    let machines = |own: &&Pool| own.virtual_nodes < own.nodes;
    let pools: Vec<&Pool> = picture.pools.iter().filter(machines).collect();
    let most = { pools.iter().enumerate() }
        .max_by_key(|(place, own)| (own.taken.binding().1.share_ppm(), Reverse(*place)));
    let (whose, taken) = match most {
        Some((_, pool)) if pools.len() > 1 => {
            (format!(" of pool {}", pool_name(&pool.name)), &pool.taken)
        }
        _ => (String::new(), &picture.taken),
    };
    let (name, own) = taken.binding();
    format!(
        "{}{whose} binds first ({} requested)",
        resource(name),
        percent(own.share_ppm())
    )
}

/// Numbers of nodes of each pool that changes, where there are several pools.
fn by_pool(today: &Picture, planned: &Picture) -> String {
    let changes = today.pools.iter().filter_map(|own| {
        let then = nodes_in(planned, &own.name);
        (then != own.nodes).then(|| format!("{} {} → {then}", pool_name(&own.name), own.nodes))
    });
    let mut changes: Vec<String> = changes.collect();
    if today.pools.len() < 2 || changes.is_empty() {
        return String::new();
    }
    // The pools with their nodes stand below.
    if changes.len() > HEADLINE_POOLS {
        changes.truncate(HEADLINE_POOLS);
        changes.push("…".to_owned());
    }
    format!(" ({})", changes.join(", "))
}

/// Number of nodes of a pool.
pub(super) fn nodes_in(picture: &Picture, pool: &str) -> u64 {
    let mut pools = picture.pools.iter();
    pools
        .find(|own| *own.name == *pool)
        .map_or(0, |own| own.nodes)
}

/// Name of a pool for people.
pub(super) fn pool_name(name: &str) -> &str {
    if name.is_empty() { "–" } else { name }
}

/// What binds in each pool: the binding resource first.
fn binds(text: &mut String, today: &Picture, planned: Option<&Picture>) {
    let picture = planned.unwrap_or(today);
    let _ = writeln!(text, "\nwhat binds");
    for pool in &picture.pools {
        let (binding, amount) = pool.taken.binding();
        let others = pool.taken.told().filter(|(name, _)| *name != binding);
        let others =
            others.map(|(name, own)| format!("{} {}", resource(name), percent(own.share_ppm())));
        let others: Vec<String> = others.collect();
        let _ = write!(
            text,
            "  {}: {} binds ({}); {}; {}",
            pool_name(&pool.name),
            resource(binding),
            percent(amount.share_ppm()),
            others.join(", "),
            plural::count(pool.nodes, "node")
        );
        if pool.virtual_nodes == pool.nodes {
            text.push_str(" that are no machines");
        }
        let before = nodes_in(today, &pool.name);
        if planned.is_some() && before != pool.nodes {
            let _ = write!(text, " ({before} today)");
        }
        let stranded = pool.taken.told().filter(|own| own.1.stranded > 0);
        let stranded = stranded.map(|(name, own)| {
            let share = percent(own.stranded_ppm());
            format!("{share} of {}", resource(name))
        });
        let stranded: Vec<String> = stranded.collect();
        let _ = match (pool.full, stranded.is_empty()) {
            (0, _) => writeln!(text, ", none full"),
            (full, true) => writeln!(text, ", {full} full"),
            (full, false) => writeln!(
                text,
                ", {full} full, which {} {}",
                plural::either(full, "strands", "strand"),
                stranded.join(", ")
            ),
        };
    }
    for room in &picture.headroom {
        let reason = room.reason.as_deref().unwrap_or("there is room for more");
        let _ = writeln!(
            text,
            "  {} more of {} ({}m cpu, {} Mi) {}: {reason}",
            more(room.fits),
            room.pod,
            plural::grouped(room.cpu_milli),
            plural::grouped(room.memory >> 20),
            plural::either(room.fits, "fits", "fit"),
        );
    }
}

/// Whether a choice was made by the number of nodes: its price is that number.
pub(super) fn counts_nodes(choice: &Choice) -> bool {
    choice.price == nodes_of(choice) as i64
}

fn nodes_of(choice: &Choice) -> u64 {
    choice.counts.iter().sum()
}

/// A rule that cannot be kept, with what parts it from the words behind it.
fn rule_before(rule: Option<&str>) -> String {
    rule.map_or(String::new(), |rule| format!("{rule}; "))
}

fn yes(losses: &[Loss]) -> String {
    let (whole, all) = survived(losses);
    match all {
        0 => "–".to_owned(),
        _ if whole == all => format!("yes ({all} of {all})"),
        _ => format!("no ({whole} of {all})"),
    }
}

fn survival(picture: &Picture) -> String {
    let part = |what: &str, losses: &[Loss]| {
        let worst = losses.iter().max_by_key(|loss| loss.waiting)?;
        Some(match worst.waiting {
            0 => format!("any {what} may be lost"),
            waiting => format!(
                "the loss of {} leaves {} waiting{}",
                worst.domain,
                plural::count(waiting, "pod"),
                ranged(worst.range)
            ),
        })
    };
    let parts = [
        part("node", &picture.node_losses),
        part("zone", &picture.zone_losses),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join("; ")
}

fn losses(text: &mut String, what: &str, losses: &[Loss]) {
    let mut fatal: Vec<&Loss> = losses.iter().filter(|loss| loss.waiting > 0).collect();
    if fatal.is_empty() {
        return;
    }
    fatal.sort_by_key(|loss| Reverse(loss.waiting));
    let _ = writeln!(
        text,
        "\nloss of each {what}: {} of {} leave pods waiting",
        fatal.len(),
        losses.len()
    );
    for loss in fatal.iter().take(SHOWN) {
        let first = loss.first.as_ref();
        let first = first.map_or(String::new(), |own| {
            format!("; {}: {}", own.pod, brief(&own.message))
        });
        let _ = writeln!(
            text,
            "  {}: {} requeued, {} {}{}{first}",
            loss.domain,
            loss.requeued,
            loss.waiting,
            plural::either(loss.waiting, "waits", "wait"),
            ranged(loss.range)
        );
    }
}

/// Reason why nothing that is on offer can be bought.
fn verdict_of_none(purchase: &Purchase) -> String {
    match &purchase.hopeless {
        Some(first) if purchase.hopeless_pods == 0 => format!(
            "no number of nodes helps: a goal is missed whatever the count; {}: {}",
            first.pod,
            brief(&first.message)
        ),
        Some(first) if first.is_of_rules() => format!(
            "no number of nodes helps: {}{} {} whatever the count; {}: {}",
            rule_before(purchase.hopeless_rule.as_deref()),
            plural::count(purchase.hopeless_pods, "pod"),
            plural::either(purchase.hopeless_pods, "waits", "wait"),
            first.pod,
            brief(&first.message)
        ),
        Some(first) => format!(
            "no number of nodes was found on which all pods fit; {}: {}",
            first.pod,
            brief(&first.message)
        ),
        None => "no type on offer takes all pods, whatever the count: each lacks room or is of the wrong \
                 kind for one of them"
            .to_owned(),
    }
}
