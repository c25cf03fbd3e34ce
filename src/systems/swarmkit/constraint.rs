//! Placement constraints of services: `==` and `!=` without case, no patterns
//! (spec: orchestrators-a.md section 2.2; swarmkit `manager/constraint/constraint.go`).

use std::net::IpAddr;

use crate::parts::expression::{Comparison, ExpressionError, is_value, parse};
use model::Text;

use super::node::Node;

/// A constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Key to compare, such as `node.labels.disk`.
    pub key: Text,
    /// Comparison of the value.
    pub comparison: Comparison,
    /// Value of the constraint.
    pub value: Text,
}

impl Constraint {
    /// Reads `key==value` or `key!=value`; blanks around both are dropped.
    ///
    /// # Errors
    /// The text is no expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let trimmed = trim_key(text);
        let parts = parse(&trimmed)?;
        let value = parts.value.trim();
        if !is_value(value) {
            return Err(ExpressionError::Value {
                text: text.to_owned(),
                value: value.to_owned(),
            });
        }
        Ok(Self {
            key: parts.key.into(),
            comparison: parts.comparison,
            value: value.into(),
        })
    }

    /// Whether a node meets it. A key that nobody knows is never met; a label that is missing is
    /// the empty text.
    pub fn matches(&self, node: &Node) -> bool {
        if let Some(label) = strip_prefix_fold(&self.key, "node.labels.") {
            return self.compare(node.labels.get(label).map_or("", |value| value));
        }
        if let Some(label) = strip_prefix_fold(&self.key, "engine.labels.") {
            return self.compare(node.engine_labels.get(label).map_or("", |value| value));
        }
        match self.key.to_ascii_lowercase().as_str() {
            "node.id" => self.compare(&node.id),
            "node.hostname" => self.compare(&node.hostname),
            "node.role" => self.compare(&node.role),
            "node.platform.os" => self.compare(&node.os),
            "node.platform.arch" => self.compare(&node.architecture),
            "node.ip" => self.matches_address(&node.ip),
            _ => false,
        }
    }

    fn compare(&self, found: &str) -> bool {
        let is_equal = self.value.to_lowercase() == found.to_lowercase();
        self.comparison.holds(is_equal)
    }

    /// A single address, or a block such as `10.0.1.0/24`; anything else is never met.
    fn matches_address(&self, found: &str) -> bool {
        let found: Option<IpAddr> = found.parse().ok();
        if let Ok(address) = self.value.parse::<IpAddr>() {
            return self.comparison.holds(found == Some(address));
        }
        let Some((network, bits)) = self.value.split_once('/') else {
            return false;
        };
        match (network.parse::<IpAddr>(), bits.parse::<u32>()) {
            (Ok(network), Ok(bits)) if bits <= width(network) => {
                let is_inside = found.is_some_and(|found| is_in_block(found, network, bits));
                self.comparison.holds(is_inside)
            }
            _ => false,
        }
    }
}

/// Drops blanks before the operator, which the grammar of keys does not allow.
fn trim_key(text: &str) -> String {
    for operator in ["==", "!="] {
        if let Some((key, value)) = text.split_once(operator) {
            return format!("{}{operator}{value}", key.trim());
        }
    }
    text.to_owned()
}

fn strip_prefix_fold<'a>(key: &'a str, prefix: &str) -> Option<&'a str> {
    let head = key.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &key[prefix.len()..])
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn is_in_block(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(four) => u128::from(u32::from(four)),
        IpAddr::V6(six) => u128::from(six),
    };
    let rest = width(network) - bits;
    let prefix = |address| number(address).checked_shr(rest).unwrap_or(0);
    width(address) == width(network) && prefix(address) == prefix(network)
}
