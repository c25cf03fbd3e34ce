//! A part of an experiment while its rules are checked: an entry of a list, with its place.

use super::diagnostic::{Code, Finding, Findings};
use super::tree::Tree;

/// An entry, and where what is wrong with it is told.
pub(super) struct Part<'run> {
    /// The part's path, such as `failures.3`.
    pub(super) place: String,
    pub(super) tree: &'run Tree,
    pub(super) findings: &'run mut Findings,
}

impl Part<'_> {
    /// Reports what is wrong with one of its fields.
    pub(super) fn find(&mut self, code: Code, field: &str, message: String, label: &str) {
        let path = format!("{}.{field}", self.place);
        let span = self.tree.locate(path.split('.'));
        self.findings
            .push(Finding::new(code, message, span).label(label.to_owned()));
    }
}
