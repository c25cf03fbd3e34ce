//! Rules between the fields of `storage:`, and of the failures of disks.

use super::diagnostic::{Code, Finding, Findings};
use super::schema::{FailureKind, Scenario, StorageClass};
use super::tree::Tree;
use units::nearest::hint;
use units::plural;

/// A way to report a broken rule: its code, the path of the field, what is wrong and what is expected.
type Wrong<'a> = &'a mut dyn FnMut(Code, String, String, String);

/// Reports every broken rule about volumes.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let mut wrong = |code: Code, path: String, message: String, label: String| {
        let span = tree.locate(path.split('.'));
        findings.push(Finding::new(code, message, span).label(label));
    };
    volumes(scenario, &mut wrong);
    disks(scenario, &mut wrong);
}

/// Rules between the fields of each volume, and between volumes.
fn volumes(scenario: &Scenario, wrong: Wrong<'_>) {
    for (position, own) in scenario.storage.iter().enumerate() {
        let place = format!("storage.{position}");
        let earlier = scenario.storage[..position].iter();
        if let Some(other) = earlier.clone().find(|other| other.volume == own.volume) {
            let message = match (&other.zone, &own.zone) {
                (Some(one), Some(zone)) if one != zone => {
                    format!(
                        "the volume `{}` is bound to two zones, `{one}` and `{zone}`",
                        own.volume
                    )
                }
                _ => format!("the volume `{}` is declared twice", own.volume),
            };
            let label = "expected one entry for each volume".to_owned();
            wrong(Code::Conflict, format!("{place}.volume"), message, label);
        }
        if own.zone.is_some() && own.class == StorageClass::Local {
            wrong(
                Code::Conflict,
                format!("{place}.zone"),
                "a local volume is where its node is".to_owned(),
                "leave it out, or write `class: network`".to_owned(),
            );
        }
        if own.mode.is_some() && own.class == StorageClass::Local {
            wrong(
                Code::Conflict,
                format!("{place}.mode"),
                "a local volume is a part of its node, and attached nowhere".to_owned(),
                "leave it out, or write `class: network`".to_owned(),
            );
        }
        if own.size.nanos() <= 0 {
            wrong(
                Code::Impossible,
                format!("{place}.size"),
                "a volume without bytes keeps nothing".to_owned(),
                "expected more than 0, such as `100Gi`".to_owned(),
            );
        }
        if let Some(backup) = &own.backup
            && backup.retention < backup.full_every
        {
            let (kept, chain) = (
                plural::count(backup.retention, "backup"),
                plural::count(backup.full_every, "backup"),
            );
            wrong(
                Code::Conflict,
                format!("{place}.backup.retention"),
                format!(
                    "copies are kept for {kept}, and a chain has {chain}: it would lose its full copy"
                ),
                format!("expected `fullEvery` ({}) or more", backup.full_every),
            );
        }
    }
}

/// Rules of disks that fail and of data that is overwritten: each is that of a node, or of a volume that there
/// is.
fn disks(scenario: &Scenario, wrong: Wrong<'_>) {
    for (position, failure) in scenario.failures.iter().enumerate() {
        let is_disk = match failure.kind {
            FailureKind::DiskLoss => true,
            FailureKind::DataCorruption => false,
            _ => continue,
        };
        let place = format!("failures.{position}");
        if scenario.storage.is_empty() {
            wrong(
                Code::Conflict,
                format!("{place}.kind"),
                "no volume is kept whose data could be lost".to_owned(),
                "this kind needs `storage`".to_owned(),
            );
        } else if is_disk && failure.node.is_some() == failure.volume.is_some() {
            wrong(
                Code::Conflict,
                format!("{place}.kind"),
                "a disk is that of a node or that of a volume".to_owned(),
                "give either `node` or `volume` beside it".to_owned(),
            );
        } else if let Some(name) = &failure.volume
            && !scenario.storage.iter().any(|own| own.volume == *name)
        {
            let known = hint(name, scenario.storage.iter().map(|own| &*own.volume));
            wrong(
                Code::UnknownName,
                format!("{place}.volume"),
                format!("there is no volume `{name}`"),
                format!("no volume of `storage`; {known}"),
            );
        }
    }
}
