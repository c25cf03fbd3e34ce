//! Options that change nothing beside the others, listed as notes of a run. They are not refused, because
//! one arm of a sweep or one variant may need them where another does not.

use options::{Around, Breach, Section};

use super::schema::{Scenario, System, Usage, WorkloadSource};

/// The notes about every option without effect.
pub fn notes(system: &System, sections: &[Section]) -> Vec<String> {
    let around = Around {
        queue: system.scheduler.queue.as_deref().unwrap_or_default(),
        ..Around::default()
    };
    let mut notes = Vec::new();
    for section in sections {
        let place = format!("{}.{}", section.home.path().join("."), section.field);
        let stated = system.section(section).into_iter();
        let found = stated.flat_map(|own| section.notes(own, around));
        notes.extend(found.map(|own| note(&place, &own)));
    }
    notes
}

fn note(place: &str, own: &Breach) -> String {
    format!("{place}.{}; {}", own.message, own.label)
}

/// The note that virtual machines are consolidated whose use is not stated; `None` where it is
/// known, or may be.
pub fn unknown_use(scenario: &Scenario) -> Option<String> {
    let is_stated = scenario.models.usage != Usage::None || has_manifests(scenario);
    (scenario.system.name == "consolidation" && !is_stated).then(|| {
        "system.consolidation: the use of the machines is not stated, so no overload is found and no host is \
         emptied; write `usage` under `models`, such as `usage: trace`"
            .to_owned()
    })
}

/// Whether manifests are a part of the workload: they may state what their pods use.
pub(super) fn has_manifests(scenario: &Scenario) -> bool {
    let mut sources = scenario.workload.iter();
    sources.any(|own| matches!(own, WorkloadSource::Manifests { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::systems::SECTIONS;
    use ::systems::batch::slurm::Slurm;
    use ::systems::consolidation::{Consolidation, OverloadDetection};
    use ::systems::flow::{CostModel, FlowOptions};
    use options::{Arguments, Plain};
    use units::Duration;

    #[test]
    fn an_option_is_noted_only_where_it_says_something_and_changes_nothing() {
        let mut system = System::default();
        system.scheduler.queue = Some("slurm".to_owned());
        system.state(&Slurm {
            favor_small: true,
            half_life: Duration::from_secs(60),
            fair_share_weight: 10,
            partition_weight: 5,
            ..Slurm::default()
        });
        let flow = FlowOptions {
            cost_model: CostModel::Octopus,
            rack_label: "rack".to_owned(),
            ..FlowOptions::default()
        };
        let consolidation = Consolidation {
            detection: OverloadDetection::Never,
            interval: Duration::from_secs(60),
            ..Consolidation::default()
        };
        system.sections = Arguments(vec![
            ("flow".to_owned(), Plain::of(&flow)),
            ("consolidation".to_owned(), Plain::of(&consolidation)),
        ]);
        let found = notes(&system, SECTIONS);
        let fields: Vec<&str> = { found.iter() }
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(
            fields,
            [
                "system.scheduler.slurm.favorSmall",
                "system.scheduler.slurm.partitionWeight",
                "system.consolidation.interval",
                "system.flow.rackLabel",
            ]
        );
        assert!(found[0].contains("write a `jobSizeWeight`"), "{}", found[0]);
        assert_eq!(notes(&System::default(), SECTIONS), Vec::<String>::new());
    }
}
