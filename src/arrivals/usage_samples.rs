//! Usage of a task at one time after the other, as a pattern of usage. The pattern counts from the start of
//! the task, as its run time does: it holds wherever the task is submitted, and however long it waits
//! (spec: traces.md section 0, three clocks).

use std::fmt::Write;

use model::Text;

/// The pattern of the samples of a task that started at a second of the trace: seconds of the trace, and what
/// is used from then on, as an amount is written. The last sample before the start holds at the start. A
/// sample that is equal to the one before says nothing new, and of several at a time the last stands.
pub fn pattern<V: PartialEq>(
    start: i64,
    samples: impl IntoIterator<Item = (i64, V)>,
    amount: impl Fn(&V) -> String,
) -> Option<Text> {
    let mut steps = Steps::new(start, amount);
    for (second, value) in samples {
        steps.push(second, value);
    }
    steps.finish()
}

/// A pattern of samples that come one after the other.
pub struct Steps<V, F> {
    start: i64,
    amount: F,
    text: String,
    /// The latest sample: seconds from the start, and what is used.
    latest: Option<(i64, V)>,
    /// What is used by the text.
    last: Option<V>,
}

impl<V: PartialEq, F: Fn(&V) -> String> Steps<V, F> {
    /// No samples yet of a task that started at a second.
    pub fn new(start: i64, amount: F) -> Self {
        Self {
            start,
            amount,
            text: String::from("recorded("),
            latest: None,
            last: None,
        }
    }

    /// Adds a sample, no earlier than those before.
    pub fn push(&mut self, second: i64, value: V) {
        let seconds = second.saturating_sub(self.start).max(0);
        if self.latest.as_ref().is_some_and(|own| own.0 != seconds) {
            self.write();
        }
        self.latest = Some((seconds, value));
    }

    fn write(&mut self) {
        let Some((seconds, value)) = self.latest.take() else {
            return;
        };
        if self.last.as_ref() == Some(&value) {
            return;
        }
        let comma = if self.last.is_none() { "" } else { ", " };
        let amount = (self.amount)(&value);
        let _ = write!(self.text, "{comma}{seconds}s: {amount}");
        self.last = Some(value);
    }

    /// The pattern; none without a sample.
    pub fn finish(mut self) -> Option<Text> {
        self.write();
        self.text.push(')');
        self.last.is_some().then(|| self.text.into())
    }
}

/// Hundredths of a percent as an amount is written.
pub fn hundredths(used: i64) -> String {
    format!("{}.{:02}%", used / 100, used % 100)
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
