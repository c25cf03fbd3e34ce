//! Verification: published results and recorded decisions reproduced by the very functions that
//! the simulator runs, one file per family of vectors.

pub mod swf_sched;

/// How many disagreements a report keeps in words.
pub const KEPT_DISAGREEMENTS: usize = 10;

/// How a family of vectors fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyReport {
    /// Its name: that of its folder.
    pub family: String,
    /// Figures that are equal.
    pub passed: u64,
    /// Figures that differ, or files that can't be read.
    pub failed: u64,
    /// Figures that can't be reproduced here: an unknown policy, a trace that is missing.
    pub unsupported: u64,
    /// The first disagreements and what was unsupported, in words.
    pub disagreements: Vec<String>,
}

impl FamilyReport {
    /// A report of nothing yet.
    pub fn new(family: &str) -> Self {
        Self {
            family: family.to_owned(),
            ..Self::default()
        }
    }

    /// A figure is equal.
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    /// A figure differs; `what` says which, what was expected and what was found.
    pub fn fail(&mut self, what: impl FnOnce() -> String) {
        self.failed += 1;
        self.keep(what);
    }

    /// So many figures can't be reproduced; `why` says why, and what would help.
    pub fn leave_out(&mut self, figures: u64, why: impl FnOnce() -> String) {
        self.unsupported += figures;
        self.keep(why);
    }

    fn keep(&mut self, what: impl FnOnce() -> String) {
        if self.disagreements.len() < KEPT_DISAGREEMENTS {
            self.disagreements.push(what());
        }
    }
}
