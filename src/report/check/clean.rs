//! Texts of a report without what would end a line of a log, move a cursor or command a CI system, whatever
//! names of entries and files hold. Each field is named, so that none that is added is forgotten.

use lab::check::{Changed, CheckReport, EntryReport, FoundDivergence, Gate, LoosenedLimit};
use lab::objects::{FieldChange, ObjectKey};

use crate::format::clean;

/// The report with each of its texts on one line.
pub(super) fn cleaned(report: &CheckReport) -> CheckReport {
    let mut own = report.clone();
    let CheckReport {
        schema_version: _,
        windtunnel,
        program,
        suite,
        file,
        baseline,
        baseline_hash,
        entries,
        changes,
        loosened,
        gates,
        notes,
    } = &mut own;
    all([windtunnel, program, suite, file]);
    all(baseline.iter_mut().chain(baseline_hash).chain(notes));
    changes.iter_mut().for_each(change);
    loosened.iter_mut().for_each(limit);
    entries.iter_mut().for_each(entry);
    gates.iter_mut().for_each(gate);
    own
}

fn all<'a>(texts: impl IntoIterator<Item = &'a mut String>) {
    for text in texts {
        *text = clean(text);
    }
}

fn change(own: &mut FieldChange) {
    let FieldChange {
        object: ObjectKey {
            kind,
            namespace,
            name,
        },
        field,
        base,
        head,
        file,
        line: _,
        entries,
        item: _,
    } = own;
    all([kind, namespace, name, field, file]);
    all(base.iter_mut().chain(head).chain(entries));
}

fn limit(own: &mut LoosenedLimit) {
    let LoosenedLimit {
        entry,
        metric,
        base,
        head,
    } = own;
    all([entry, metric, base].into_iter().chain(head));
}

fn entry(own: &mut EntryReport) {
    let EntryReport {
        name,
        file,
        releases,
        seeds: _,
        deterministic: _,
        digest: _,
        digests: _,
        placements: _,
        inputs: _,
        nameless: _,
        // No form but JSON has them.
        parts: _,
        files: _,
        left_out,
        empty: _,
        changed,
        changes: _,
        error,
        error_kind: _,
        rerun,
    } = own;
    // Several errors are one text of several lines.
    *error = error.take().map(|error| error.replace('\n', "; "));
    all([name, file, rerun]);
    all(error.iter_mut().chain(left_out).chain(releases));
    if let Some(Changed {
        base,
        head,
        seeds: _,
        first,
    }) = changed
    {
        all([base, head]);
        first.iter_mut().for_each(divergence);
    }
}

fn gate(own: &mut Gate) {
    let Gate {
        entry,
        metric,
        unit,
        better: _,
        outcome: _,
        advisory: _,
        is_acknowledged_here: _,
        limit,
        base: _,
        head: _,
        despite_inputs: _,
        // Numbers, and words of this program.
        judgement: _,
        detectable: _,
        note,
        file,
        line: _,
        rerun,
        divergence: first,
        cause: _,
    } = own;
    all([entry, metric, unit, limit, file, rerun]);
    all(note.as_mut());
    first.iter_mut().for_each(divergence);
}

fn divergence(FoundDivergence { words, look }: &mut FoundDivergence) {
    all([words].into_iter().chain(look));
}
