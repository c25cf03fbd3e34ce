//! Relations between the fields of a record, which its source keeps.

/// A relation between fields of a record. Where one field was changed without the others, reading tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The columns or fields.
    pub of: &'static [&'static str],
    /// The words of the ledger, or of the refusal, on a record that breaks it.
    pub breach: &'static str,
    /// The program or publisher that wrote such records, and what it does with one that breaks the relation.
    pub original: &'static str,
}

impl Relation {
    /// A relation of a trace that was recorded, and that no program of its publisher reads again.
    pub const fn recorded(of: &'static [&'static str], breach: &'static str) -> Self {
        let original = "recorded; its publisher keeps such rows";
        Self {
            of,
            breach,
            original,
        }
    }

    /// A relation that an original program holds its input to.
    pub const fn held(
        of: &'static [&'static str],
        breach: &'static str,
        original: &'static str,
    ) -> Self {
        Self {
            of,
            breach,
            original,
        }
    }
}
