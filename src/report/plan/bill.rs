//! Parts of a price: what commitments pay for, and who uses the nodes.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{MONTH_HOURS, PlanReport, money};
use lab::plan::bill::Bill;
use model::Text;
use units::{SortedMap, plural};

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
