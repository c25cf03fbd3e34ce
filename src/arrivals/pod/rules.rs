//! Tolerations and rules of spreading in Kubernetes' notation, for the settings of the project's own table.

use serde_json::{Value, json};

use crate::pod::affinity::{selector, written_selector};
use crate::pod::template::{bad, check, filled, list, named, stated, text, texts};
use intake::ledger::BadRow;
use model::{Text, Toleration, TopologySpread};
use units::Duration;

/// The members of a toleration.
const TOLERATION: [&str; 5] = ["key", "operator", "value", "effect", "tolerationSeconds"];

/// The members of a rule of spreading.
const SPREAD: [&str; 8] = [
    "maxSkew",
    "topologyKey",
    "whenUnsatisfiable",
    "labelSelector",
    "minDomains",
    "nodeAffinityPolicy",
    "nodeTaintsPolicy",
    "matchLabelKeys",
];

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Tolerations as manifests have them; a time that is no whole number of seconds is a text such as `1500ms`.
pub fn written_tolerations(tolerations: &[Toleration]) -> Value {
    let written = tolerations.iter().map(|own| {
        let Toleration {
            key,
            value,
            effect,
            tolerates_for,
        } = own;
        stated(json!({
            "key": key,
            "value": value,
            "operator": value.is_none().then_some("Exists"),
            "effect": effect,
            "tolerationSeconds": tolerates_for.map(written_time),
        }))
    });
    written.collect()
}

fn written_time(time: Duration) -> Value {
    let nanos = time.as_nanos();
    match nanos % NANOS_PER_SECOND {
        0 => (nanos / NANOS_PER_SECOND).into(),
        _ => time.to_string().into(),
    }
}

/// Reads tolerations, which may be absent.
///
/// # Errors
/// They have members or values that are not read.
pub fn tolerations(line: u64, found: Option<&Value>) -> Result<Vec<Toleration>, BadRow> {
    let read = list(line, "tolerations", found)?.iter().map(|own| {
        check(line, "toleration", Some(own), &TOLERATION)?;
        let optional = |member: &str| -> Result<Option<Text>, BadRow> {
            let found = own.get(member).filter(|own| !own.is_null());
            found.map(|_| text(line, member, found)).transpose()
        };
        let value = optional("value")?;
        let value = match (optional("operator")?.as_deref(), value) {
            (Some("Exists"), None) => None,
            (None | Some("Equal"), value) => Some(value.unwrap_or_default()),
            _ => {
                let expected = "`Equal`, or `Exists` without a value";
                return Err(bad(line, "operator", own.get("operator"), expected));
            }
        };
        let effect = optional("effect")?.map(|name| {
            let expected = "`NoSchedule`, `PreferNoSchedule` or `NoExecute`";
            named(&name).ok_or_else(|| bad(line, "effect", own.get("effect"), expected))
        });
        Ok(Toleration {
            key: optional("key")?,
            value,
            effect: effect.transpose()?,
            tolerates_for: time(line, own.get("tolerationSeconds"))?,
        })
    });
    read.collect()
}

fn time(line: u64, found: Option<&Value>) -> Result<Option<Duration>, BadRow> {
    let read = match found {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(own) => own.as_i64().and_then(Duration::checked_from_secs),
    };
    let expected = "a whole number of seconds, or a time such as `1500ms`";
    let wrong = || bad(line, "tolerationSeconds", found, expected);
    read.map(Some).ok_or_else(wrong)
}

/// Rules of spreading as manifests have them.
pub fn written_spread(rules: &[TopologySpread]) -> Value {
    let written = rules.iter().map(|own| {
        let TopologySpread {
            max_skew,
            topology_key,
            hard,
            selector,
            min_domains,
            honor_node_affinity,
            honor_node_taints,
            match_label_keys,
        } = own;
        let when = if *hard {
            "DoNotSchedule"
        } else {
            "ScheduleAnyway"
        };
        stated(json!({
            "maxSkew": max_skew,
            "topologyKey": topology_key,
            "whenUnsatisfiable": when,
            "labelSelector": selector.as_ref().map(written_selector),
            "minDomains": min_domains,
            // The defaults of the API are not written.
            "nodeAffinityPolicy": (!honor_node_affinity).then_some("Ignore"),
            "nodeTaintsPolicy": honor_node_taints.then_some("Honor"),
            "matchLabelKeys": filled(match_label_keys),
        }))
    });
    written.collect()
}

/// Reads rules of spreading, which may be absent.
///
/// # Errors
/// They have members or values that are not read.
pub fn spread(line: u64, found: Option<&Value>) -> Result<Vec<TopologySpread>, BadRow> {
    let column = "topologySpreadConstraints";
    let read = list(line, column, found)?.iter().map(|own| {
        check(line, column, Some(own), &SPREAD)?;
        let number = |member: &str| -> Result<Option<i32>, BadRow> {
            let found = own.get(member).filter(|own| !own.is_null());
            let Some(stated) = found else {
                return Ok(None);
            };
            let number = stated.as_i64().and_then(|own| i32::try_from(own).ok());
            let number = number.filter(|own| *own > 0);
            let expected = "a whole number of 1 or more";
            number
                .map(Some)
                .ok_or_else(|| bad(line, member, found, expected))
        };
        let either = |member: &str, [yes, no]: [&str; 2], default: Option<bool>| {
            let found = own.get(member).filter(|own| !own.is_null());
            let stated = found.and_then(Value::as_str);
            let read = match (stated, default) {
                (Some(own), _) if own == yes => Some(true),
                (Some(own), _) if own == no => Some(false),
                (None, Some(default)) if found.is_none() => Some(default),
                _ => None,
            };
            let expected = format!("`{yes}` or `{no}`");
            read.ok_or_else(|| bad(line, member, found, &expected))
        };
        let policies = ["Honor", "Ignore"];
        let skew = number("maxSkew")?;
        let wrong = || {
            bad(
                line,
                "maxSkew",
                own.get("maxSkew"),
                "a whole number of 1 or more",
            )
        };
        Ok(TopologySpread {
            max_skew: skew.ok_or_else(wrong)?,
            topology_key: text(line, "topologyKey", own.get("topologyKey"))?,
            hard: either(
                "whenUnsatisfiable",
                ["DoNotSchedule", "ScheduleAnyway"],
                None,
            )?,
            selector: selector(line, "labelSelector", own)?,
            min_domains: number("minDomains")?,
            honor_node_affinity: either("nodeAffinityPolicy", policies, Some(true))?,
            honor_node_taints: either("nodeTaintsPolicy", policies, Some(false))?,
            match_label_keys: texts(line, "matchLabelKeys", own.get("matchLabelKeys"))?,
        })
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_are_not_read_are_refused() {
        let complaint = |bad: BadRow| format!("{}: {}, found {}", bad.column, bad.rule, bad.value);
        for (toleration, expected) in [
            (
                json!({"operator": "Exists", "value": "a"}),
                "operator: must be `Equal`, or `Exists` without a value, found \"Exists\"",
            ),
            (
                json!({"operator": "Exists", "effect": "Never"}),
                "effect: must be `NoSchedule`, `PreferNoSchedule` or `NoExecute`, found \"Never\"",
            ),
            (
                json!({"operator": "Exists", "tolerationSeconds": 0.5}),
                "tolerationSeconds: must be a whole number of seconds, or a time such as `1500ms`, found 0.5",
            ),
        ] {
            let found = tolerations(1, Some(&json!([toleration])));
            assert_eq!(complaint(found.expect_err("wrong")), expected);
        }
        for (member, value, expected) in [
            (
                "maxSkew",
                json!(0),
                "maxSkew: must be a whole number of 1 or more, found 0",
            ),
            (
                "whenUnsatisfiable",
                json!("Never"),
                "whenUnsatisfiable: must be `DoNotSchedule` or `ScheduleAnyway`, found \"Never\"",
            ),
            (
                "nodeTaintsPolicy",
                json!(1),
                "nodeTaintsPolicy: must be `Honor` or `Ignore`, found 1",
            ),
        ] {
            let mut rule =
                json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"});
            rule[member] = value;
            let found = spread(1, Some(&json!([rule])));
            assert_eq!(complaint(found.expect_err("wrong")), expected);
        }
    }
}
