//! Texts of a report without what would end a line of a log, move a cursor or command a CI system, whatever
//! names of entries and files hold.

use lab::check::{CheckReport, EntryReport, FoundDivergence, Gate};

use crate::format::clean;

/// The report with each of its texts on one line.
pub(super) fn cleaned(report: &CheckReport) -> CheckReport {
    let mut report = report.clone();
    let CheckReport {
        suite,
        file,
        baseline,
        notes,
        ..
    } = &mut report;
    all([suite, file].into_iter().chain(baseline).chain(notes));
    for change in &mut report.changes {
        let (base, head) = (&mut change.base, &mut change.head);
        let own = [&mut change.field, &mut change.file].into_iter();
        all(own.chain(base).chain(head).chain(&mut change.entries));
        let key = &mut change.object;
        all([&mut key.kind, &mut key.namespace, &mut key.name]);
    }
    for own in &mut report.loosened {
        all([&mut own.entry, &mut own.metric, &mut own.base]
            .into_iter()
            .chain(&mut own.head));
    }
    report.entries.iter_mut().for_each(entry);
    report.gates.iter_mut().for_each(gate);
    report
}

fn all<'a>(texts: impl IntoIterator<Item = &'a mut String>) {
    for text in texts {
        *text = clean(text);
    }
}

fn entry(own: &mut EntryReport) {
    // Several errors are one text of several lines.
    own.error = own.error.take().map(|error| error.replace('\n', "; "));
    let texts = [&mut own.name, &mut own.file, &mut own.rerun].into_iter();
    all(texts
        .chain(&mut own.error)
        .chain(&mut own.left_out)
        .chain(&mut own.releases));
    divergence(own.changed.as_mut().and_then(|own| own.first.as_mut()));
}

fn gate(own: &mut Gate) {
    let texts = [
        &mut own.entry,
        &mut own.metric,
        &mut own.limit,
        &mut own.file,
        &mut own.rerun,
    ];
    all(texts.into_iter().chain(&mut own.note));
    divergence(own.divergence.as_mut());
}

fn divergence(found: Option<&mut FoundDivergence>) {
    if let Some(own) = found {
        all([&mut own.words].into_iter().chain(&mut own.look));
    }
}
