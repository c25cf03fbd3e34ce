//! Workloads that a pattern names, followed together beside all others.

use super::{Row, Totals, Workloads};

/// Pattern of workloads: `[KIND ]NAMESPACE/NAME`, with `*` for any run of characters but `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadPattern {
    /// The kind; any if there is none.
    kind: Option<String>,
    /// Namespace and name.
    path: String,
}

impl WorkloadPattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Self {
        match text.split_once(' ') {
            Some((kind, path)) => Self {
                kind: Some(kind.to_owned()),
                path: path.to_owned(),
            },
            None => Self {
                kind: None,
                path: text.to_owned(),
            },
        }
    }

    /// Whether a workload matches.
    pub(super) fn has(&self, row: &Row) -> bool {
        self.is_of(row.kind, &format!("{}/{}", row.namespace, row.name))
    }

    /// Whether an object of a kind, with this namespace and name, matches.
    pub fn is_of(&self, kind: &str, path: &str) -> bool {
        let own = self.kind.as_deref();
        own.is_none_or(|own| matches(own, kind)) && matches(&self.path, path)
    }
}

/// Whether a text matches a pattern with `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    let reach = rest.find('/').unwrap_or(rest.len());
    let starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    starts
        .take_while(|&at| at <= reach)
        .any(|at| matches(tail, &rest[at..]))
}

/// Workloads of a pattern, with what needs all of them at once.
#[derive(Clone, Debug)]
pub(super) struct Subset {
    pattern: WorkloadPattern,
    /// The workloads, by their numbers.
    rows: Vec<usize>,
    /// Pods missing now.
    pub(super) missing: i64,
    pub(super) totals: Totals,
    pub(super) last_failure: Option<units::Instant>,
}

impl Subset {
    pub(super) fn has(&self, row: u32) -> bool {
        self.rows.binary_search(&(row as usize)).is_ok()
    }
}

impl Workloads {
    /// Returns the workloads with those of some patterns followed together, too.
    #[must_use]
    pub fn with_subsets(self, patterns: impl Iterator<Item = WorkloadPattern>) -> Self {
        let subsets = patterns.map(|pattern| Subset {
            pattern,
            rows: Vec::new(),
            missing: 0,
            totals: Totals::default(),
            last_failure: None,
        });
        Self {
            subsets: subsets.collect(),
            ..self
        }
    }

    /// A workload began.
    pub(super) fn enter_subsets(&mut self, number: usize) {
        let row = &self.rows[number];
        for subset in &mut self.subsets {
            if subset.pattern.has(row) {
                subset.rows.push(number);
                subset.missing += row.missing();
            }
        }
    }

    /// The workloads of a pattern alone.
    pub fn subset(&self, pattern: &WorkloadPattern) -> Self {
        let found = self.subsets.iter().find(|own| own.pattern == *pattern);
        let numbers = found.map_or(&[][..], |own| &own.rows);
        Self {
            min_ready_percent: self.min_ready_percent,
            rows: numbers.iter().map(|&row| self.rows[row].clone()).collect(),
            placements: self.placements.subset(numbers),
            has_objects: self.has_objects,
            sums: found.map_or_else(Totals::default, |own| own.totals.clone()),
            ..Self::default()
        }
    }

    /// Whether a pod is of a workload of a pattern.
    pub fn is_of(&self, pod: model::PodRef, pattern: &WorkloadPattern) -> bool {
        let role = self.pod(pod).map(|own| own.role);
        let found = self.subsets.iter().find(|own| own.pattern == *pattern);
        match (role, found) {
            (Some(super::Role::Part(row)), Some(subset)) => subset.has(row),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_run_without_a_slash() {
        assert!(matches("shop/*", "shop/web"));
        assert!(matches("*/web", "shop/web"));
        assert!(matches("shop/w*b", "shop/web"));
        assert!(matches("*/*", "shop/web"));
        assert!(matches("shop/web*", "shop/web"));
        assert!(!matches("*", "shop/web"));
        assert!(!matches("shop/w", "shop/web"));
        assert!(!matches("shop/*d", "shop/web"));
    }
}
