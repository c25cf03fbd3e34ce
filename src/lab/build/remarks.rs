//! What is to be known of the files that a run was made of: what they say that is not modelled, and
//! the dirt that was found in them.

use crate::trace::Ledger;
use crate::trace::manifest::Manifests;

/// Lines about the input, each kept once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    unmodelled: Vec<String>,
    ledger: Ledger,
}

impl Remarks {
    /// Notes the dirt of a trace.
    pub fn ledger(&mut self, ledger: &Ledger) {
        self.ledger.merge(ledger);
    }

    /// Notes what a file of manifests states and the model leaves out. One file may give nodes and
    /// pods; it is noted once.
    pub fn manifests(&mut self, file: &str, manifests: &Manifests) {
        let findings = manifests.findings.iter().map(ToString::to_string);
        let ignored = manifests.ignored_kinds.iter().map(|(kind, count)| {
            format!("{count} objects of kind `{kind}` are passed over: it is not modelled")
        });
        for words in findings.chain(ignored) {
            let line = format!("{file}: {words}");
            if !self.unmodelled.contains(&line) {
                self.unmodelled.push(line);
            }
        }
    }

    /// All lines.
    pub fn lines(&self) -> Vec<String> {
        let dirt = self.ledger.entries().iter().map(ToString::to_string);
        self.unmodelled.iter().cloned().chain(dirt).collect()
    }
}
