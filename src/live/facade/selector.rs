//! Selectors of labels, as `kubectl -l` sends them.

use model::{Operator, Requirement};
use serde_json::Value;

/// Requirements on labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

impl Selector {
    /// Whether an object with these labels is chosen.
    pub(super) fn takes(&self, labels: &Value) -> bool {
        let mut requirements = self.0.iter();
        requirements.all(|one| one.matches_value(labels[&*one.key].as_str()))
    }
}

/// The selector of a text.
pub(crate) fn read(text: &str) -> Result<Selector, String> {
    let mut requirements = Vec::new();
    let mut depth = 0_usize;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    for part in parts {
        requirements.push(requirement(part.trim()).ok_or_else(|| {
            format!(
                "`{part}`: expected `KEY=VALUE`, `KEY!=VALUE`, `KEY in (A,B)`, `KEY notin (A,B)`, `KEY` or \
                 `!KEY`"
            )
        })?);
    }
    Ok(Selector(requirements))
}

fn requirement(part: &str) -> Option<Requirement> {
    let of = |key: &str, operator, values: Vec<&str>| {
        let key = key.trim();
        let is_label = |text: &str| {
            let is_plain =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
            text.chars().all(is_plain)
        };
        (!key.is_empty() && is_label(key) && values.iter().all(|value| is_label(value))).then(
            || Requirement {
                key: key.into(),
                operator,
                values: values.into_iter().map(Into::into).collect(),
            },
        )
    };
    if let Some(list) = part.strip_suffix(')') {
        let (head, list) = list.split_once('(')?;
        let values = list.split(',').map(str::trim).collect();
        let (key, word) = head.trim().rsplit_once(char::is_whitespace)?;
        return match word {
            "in" => of(key, Operator::In, values),
            "notin" => of(key, Operator::NotIn, values),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return of(key, Operator::NotIn, vec![value.trim()]);
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return of(key, Operator::In, vec![value.trim()]);
    }
    match part.strip_prefix('!') {
        Some(key) => of(key, Operator::DoesNotExist, Vec::new()),
        None => of(part, Operator::Exists, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_choose_by_labels() {
        let labels = json!({"app": "web", "tier": "front"});
        for (text, expected) in [
            ("app=web", true),
            ("app==web", true),
            ("app!=web", false),
            ("app in (web, api),tier=front", true),
            ("app notin (web)", false),
            ("tier", true),
            ("!tier", false),
            ("other!=x", true),
        ] {
            assert_eq!(read(text).expect(text).takes(&labels), expected, "{text}");
        }
        for text in ["=", "a in b", "a b", "a=b=c(", "app in (a"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
