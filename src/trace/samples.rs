//! Usage of a task at one time after the other, as a pattern of usage. The pattern counts from the start of
//! the task, as its run time does: it holds wherever the task is submitted, and however long it waits
//! (spec: traces.md section 0, three clocks).

use std::fmt::Write;

use model::Text;

/// The pattern of the samples of a task that started at a second of the trace: seconds of the trace, and what
/// is used from then on, as an amount is written. The last sample before the start holds at the start. A
/// sample that is equal to the one before says nothing new, and of several at a time the last stands.
pub(crate) fn pattern<V: PartialEq>(
    start: i64,
    samples: impl IntoIterator<Item = (i64, V)>,
    amount: impl Fn(&V) -> String,
) -> Option<Text> {
    let mut text = String::from("recorded(");
    let mut last = None;
    let samples = samples.into_iter();
    let mut samples = samples
        .map(|(at, value)| (at.saturating_sub(start).max(0), value))
        .peekable();
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
        let found = pattern(0, [(0, 5), (300, 5), (600, 0)], |share| format!("{share}%"));
        let found = found.expect("samples");
        assert_eq!(&*found, "recorded(0s: 5%, 600s: 0%)");
        assert!(found.parse::<Pattern>().is_ok());
        let twice = pattern(0, [(0, 5), (0, 7), (9, 7)], |share| format!("{share}%"));
        assert_eq!(twice.as_deref(), Some("recorded(0s: 7%)"));
        assert_eq!(pattern(0, [], |share: &i64| share.to_string()), None);
    }

    #[test]
    fn samples_count_from_the_start() {
        let samples = [(0, 5), (300, 6), (600, 7), (900, 8)];
        let of = |start| pattern(start, samples, |share| format!("{share}%"));
        for (start, expected) in [
            (0, "recorded(0s: 5%, 300s: 6%, 600s: 7%, 900s: 8%)"),
            (310, "recorded(0s: 6%, 290s: 7%, 590s: 8%)"),
            (600, "recorded(0s: 7%, 300s: 8%)"),
            (2_000, "recorded(0s: 8%)"),
        ] {
            assert_eq!(of(start).as_deref(), Some(expected), "{start}");
        }
    }
}
