//! Usage of a machine at one time after the other, as a pattern of usage.

use std::fmt::Write;

use model::Text;

/// The pattern of samples: seconds of the trace, and what is used from then on, as an amount is
/// written. A sample that is equal to the one before says nothing new, and of several at a time the last
/// stands.
pub(crate) fn pattern<V: PartialEq>(
    samples: impl IntoIterator<Item = (i64, V)>,
    amount: impl Fn(&V) -> String,
) -> Option<Text> {
    let mut text = String::from("steps(");
    let mut last = None;
    let mut samples = samples.into_iter().peekable();
    while let Some((seconds, value)) = samples.next() {
        if samples.peek().is_some_and(|(next, _)| *next == seconds) {
            continue;
        }
        if last.as_ref() == Some(&value) {
            continue;
        }
        let comma = if last.is_none() { "" } else { ", " };
        let _ = write!(text, "{comma}{seconds}s: {}", amount(&value));
        last = Some(value);
    }
    text.push(')');
    last.is_some().then(|| text.into())
}

#[cfg(test)]
mod tests {
    use model::usage::Pattern;

    use super::*;

    #[test]
    fn samples_are_steps() {
        let found = pattern([(0, 5), (300, 5), (600, 0)], |share| format!("{share}%"));
        let found = found.expect("samples");
        assert_eq!(&*found, "steps(0s: 5%, 600s: 0%)");
        assert!(found.parse::<Pattern>().is_ok());
        let twice = pattern([(0, 5), (0, 7), (9, 7)], |share| format!("{share}%"));
        assert_eq!(twice.as_deref(), Some("steps(0s: 7%)"));
        assert_eq!(pattern([], |share: &i64| share.to_string()), None);
    }
}
