//! Parts of a price: what commitments pay for, and who uses the nodes.

use std::cmp::Reverse;
use std::fmt::Write;

use serde_json::{Value, json};

use super::{MONTH_HOURS, PlanReport, money};
use lab::plan::bill::Bill;
use lab::plan::picture::Picture;
use model::Text;
use units::{SortedMap, SortedSet, plural};

/// Parts of a price for programs.
pub(super) fn bill(own: &Bill) -> Value {
    let unused = own.unused.iter().map(|one| {
        json!({
            "type": one.kind,
            "option": one.option,
            "nodes": one.nodes,
            "priceMicroPerHour": one.price,
        })
    });
    json!({
        "pools": parts(&own.pools),
        "options": parts(&own.options),
        "namespaces": parts(&own.namespaces),
        "teams": parts(&own.teams),
        "idleMicroPerHour": own.idle,
        "unused": unused.collect::<Vec<Value>>(),
    })
}

fn parts(of: &SortedMap<Text, i64>) -> Vec<Value> {
    let parts = of.iter();
    let parts = parts.map(|(name, price)| json!({"name": name, "priceMicroPerHour": price}));
    parts.collect()
}

impl PlanReport<'_> {
    /// Parts of the price by team, today and in the plan, the dearest first; nothing without their label.
    pub(super) fn teams(&self, text: &mut String, planned: Option<&Picture>) {
        let today = &self.plan.today.bill;
        let shown = planned.map_or(today, |own| &own.bill);
        let names: SortedSet<&Text> = today.teams.keys().chain(shown.teams.keys()).collect();
        let part = |of: &Bill, name: &Text| of.teams.get(name).copied().unwrap_or(0);
        let mut rows: Vec<(&str, i64, i64)> = { names.into_iter() }
            .map(|name| (&**name, part(today, name), part(shown, name)))
            .collect();
        let Some(label) = self
            .questions
            .team_label
            .as_ref()
            .filter(|_| !rows.is_empty())
        else {
            return;
        };
        rows.sort_by_key(|own| Reverse((own.1, own.2)));
        rows.push(("what no pod requests", today.idle, shown.idle));
        let _ = writeln!(text, "\n{} a month by `{label}`", self.currency);
        for (name, now, then) in rows {
            let then = planned.map_or(String::new(), |_| money(then * MONTH_HOURS));
            let line = format!("  {name:<24}{:>22}{then:>22}", money(now * MONTH_HOURS));
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }

    /// The bill with commitments, behind the price of a purchase; nothing without any.
    pub(super) fn committed(&self, text: &mut String) {
        let shown = self.shown();
        let Bill { used, unused, .. } = &shown.bill;
        let idle: u64 = unused.iter().map(|own| own.nodes).sum();
        if used + idle == 0 {
            return;
        }
        let _ = write!(
            text,
            "; with commitments, of which {idle} {} unused, the bill is {} a month",
            plural::either(idle, "stays", "stay"),
            money(shown.price * MONTH_HOURS)
        );
    }
}
