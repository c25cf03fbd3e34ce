//! Good, bad or neither: what a result means to its reader. Its color and its sign are those of this
//! file in every table, in the report and in the terminal: blue and `✓` are good, orange (in a
//! terminal red) and `✗` are bad, and everything else is grey. People with any color vision tell
//! blue from orange and red, and the sign tells them apart in grey.

use anstyle::{AnsiColor, Style};

use lab::compare::Verdict;

/// Meaning of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sense {
    /// Better than what it is compared with.
    Good,
    /// Worse than what it is compared with.
    Bad,
    /// Neither better nor worse, or not known to be.
    Neither,
}

/// Style of good results in a terminal.
pub(crate) const GOOD: Style = AnsiColor::Cyan.on_default().bold();
/// Style of bad results in a terminal.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

impl Sense {
    /// The sense of a verdict.
    pub(crate) const fn of_verdict(verdict: Option<Verdict>) -> Self {
        match verdict {
            Some(Verdict::Improved) => Self::Good,
            Some(Verdict::Regressed) => Self::Bad,
            _ => Self::Neither,
        }
    }

    /// The sense of a verdict by its word.
    pub(crate) fn of_word(word: Option<&str>) -> Self {
        let verdicts = [Verdict::Improved, Verdict::Regressed];
        let known = word.and_then(|word| verdicts.into_iter().find(|own| own.word() == word));
        Self::of_verdict(known)
    }

    /// Style in a terminal.
    pub(crate) const fn style(self) -> Style {
        match self {
            Self::Good => GOOD,
            Self::Bad => BAD,
            Self::Neither => Style::new(),
        }
    }

    /// Class in the style sheet of the report.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Neither => "neither",
        }
    }

    /// Sign beside the words; empty for what is neither.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Neither => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_improvements_and_regressions_are_good_or_bad() {
        let check = |verdict: Option<Verdict>, expected: Sense| {
            assert_eq!(Sense::of_verdict(verdict), expected, "{verdict:?}");
        };
        check(Some(Verdict::Improved), Sense::Good);
        check(Some(Verdict::Regressed), Sense::Bad);
        check(Some(Verdict::NotWorse), Sense::Neither);
        check(Some(Verdict::Equivalent), Sense::Neither);
        check(Some(Verdict::Inconclusive), Sense::Neither);
        check(None, Sense::Neither);
        assert_ne!(Sense::Good.sign(), Sense::Bad.sign());
    }
}
