//! Options that change nothing beside the others, listed as notes of a run. They are not refused, because
//! one arm of a sweep or one variant may need them where another does not.

use options::{Breach, Rules, Section};

use super::schema::{Scenario, Slurm, System, Usage, WorkloadSource};

/// The notes about every option without effect.
pub fn notes(system: &System, sections: &[Section]) -> Vec<String> {
    let mut breaches = Vec::new();
    let is_slurm = system.scheduler.queue.as_deref() == Some("slurm");
    if let Some(own) = &system.scheduler.slurm {
        slurm(own, is_slurm, &mut breaches);
    }
    let place = "system.scheduler.slurm";
    let mut notes: Vec<String> = breaches.iter().map(|own| note(place, own)).collect();
    for section in sections {
        let stated = system.sections.get(section.field);
        let place = format!("system.{}", section.field);
        let found = stated.iter().flat_map(|own| section.notes(own));
        notes.extend(found.map(|own| note(&place, &own)));
    }
    notes
}

fn note(place: &str, own: &Breach) -> String {
    format!("{place}.{}; {}", own.message, own.label)
}

/// Options of factors that count for nothing, and of partitions that there are none of.
fn slurm(own: &Slurm, is_queue: bool, breaches: &mut Vec<Breach>) {
    let mut rules = Rules::new(own, &Slurm::default(), breaches);
    if is_queue && own.job_size_weight == 0 {
        let fields = ["favorSmall", "relativeToTime"];
        rules.silent(
            "the size of a job weighs nothing",
            "a `jobSizeWeight`",
            &fields,
        );
    }
    if is_queue && own.age_weight == 0 {
        rules.silent(
            "the age of a job weighs nothing",
            "an `ageWeight`",
            &["maxAge"],
        );
    }
    if is_queue && own.fair_share_weight == 0 {
        let fields = ["halfLife", "fairShare", "tiedAccounts", "damp"];
        let reason = "the fair share of a job weighs nothing";
        rules.silent(reason, "a `fairShareWeight`", &fields);
    }
    if own.partitions.is_empty() {
        let fields = ["partitionWeight", "partitionField"];
        rules.silent("there are no partitions", "`partitions`", &fields);
    }
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
    use ::systems::consolidation::{Consolidation, OverloadDetection};
    use ::systems::flow::{CostModel, FlowOptions};
    use options::{Arguments, Plain};
    use units::Duration;

    #[test]
    fn an_option_is_noted_only_where_it_says_something_and_changes_nothing() {
        let mut system = System::default();
        system.scheduler.queue = Some("slurm".to_owned());
        system.scheduler.slurm = Some(Slurm {
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
