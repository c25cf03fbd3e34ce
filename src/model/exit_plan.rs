//! Exit codes that change from start to start: what the containers of a job's pods end with, by the
//! number of the start or by completion index (annotation `windtunnel.dev/exit-code`).

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Exit codes by start: rules, each for every pod or for those of one completion index. A start beyond
/// a rule's last code ends with 0.
///
/// ```
/// use model::ExitPlan;
///
/// let plan: ExitPlan = "1:1,0;3:1,42;*:7".parse().expect("a plan");
/// assert_eq!(plan.code(Some(3), 1), 42);
/// assert_eq!(plan.code(Some(3), 2), 0);
/// assert_eq!(plan.code(Some(5), 0), 7);
/// let every_second: ExitPlan = "0,1".parse().expect("a plan");
/// assert_eq!(every_second.code(None, 1), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExitPlan {
    rules: Vec<ExitRule>,
}

/// Exit codes of one rule, in the order of starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct ExitRule {
    /// The completion index; `None` is for every pod, counted over all of them.
    index: Option<i32>,
    codes: Vec<i32>,
}

/// Most failures of a plan that is made of their number.
const MOST_FAILURES: u32 = 1_000;

/// The form of a plan, for messages.
pub const EXIT_PLAN_FORM: &str = "a code from 0 to 255, codes by start such as `0,1,0`, or codes by \
                                  completion index and start such as `1:1,0;3:1,42` (`*` is every \
                                  pod)";

impl ExitPlan {
    /// Whether the plan has no rule.
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The plan of a number of starts that fail, the first ones. More than a thousand count as that many: the
    /// longest delays between them make four days.
    pub fn of_failures(number: u32) -> Self {
        let codes = vec![1; number.min(MOST_FAILURES) as usize];
        Self {
            rules: vec![ExitRule { index: None, codes }],
        }
    }

    /// Whether starts of an index are counted by themselves: the plan has a rule for it.
    pub fn is_of_index(&self, index: Option<i32>) -> bool {
        index.is_some() && self.rules.iter().any(|rule| rule.index == index)
    }

    /// The exit code of a start, counted from 0 over the pods of its rule.
    pub fn code(&self, index: Option<i32>, start: usize) -> i32 {
        let of = |index| self.rules.iter().find(|rule| rule.index == index);
        let own = index.and_then(|index| of(Some(index)));
        let rule = own.or_else(|| of(None));
        rule.and_then(|rule| rule.codes.get(start))
            .copied()
            .unwrap_or(0)
    }
}

impl FromStr for ExitPlan {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = |text: &str| -> Result<i32, Self::Err> {
            let code = text.trim().parse::<i32>().ok();
            let code = code.filter(|code| (0..=255).contains(code));
            code.ok_or(EXIT_PLAN_FORM)
        };
        let rule = |text: &str| -> Result<ExitRule, Self::Err> {
            let (index, codes) = match text.split_once(':') {
                None => (None, text),
                Some((index, codes)) if index.trim() == "*" => (None, codes),
                Some((index, codes)) => {
                    let index = index.trim().parse::<i32>().ok();
                    let index = index.filter(|index| *index >= 0);
                    (Some(index.ok_or(EXIT_PLAN_FORM)?), codes)
                }
            };
            let codes = codes.split(',').map(code).collect::<Result<_, _>>()?;
            Ok(ExitRule { index, codes })
        };
        let rules: Result<Vec<ExitRule>, Self::Err> = text.split(';').map(rule).collect();
        Ok(Self { rules: rules? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "x", "1:", "-1", "256", "1:2:3", "-2:1", "1,,2", "0;"] {
            assert!(text.parse::<ExitPlan>().is_err(), "`{text}`");
        }
    }

    #[test]
    fn an_index_without_a_rule_counts_with_all() {
        let plan: ExitPlan = "*:1,0,1; 2:9".parse().expect("a plan");
        assert_eq!(
            [0, 1, 2, 3].map(|start| plan.code(Some(0), start)),
            [1, 0, 1, 0]
        );
        assert_eq!(plan.code(Some(2), 0), 9);
        assert!(plan.is_of_index(Some(2)) && !plan.is_of_index(Some(0)));
    }
}
