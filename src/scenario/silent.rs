//! Options that change nothing beside the others, listed as notes of a run. They are not refused, because
//! one arm of a sweep or one variant may need them where another does not.

use options::Section;

use super::schema::{PartitionField, Scenario, Slurm, System, Usage, WorkloadSource};

/// The notes about every option without effect.
pub fn notes(system: &System, sections: &[Section]) -> Vec<String> {
    let mut notes = Vec::new();
    let is_slurm = system.scheduler.queue.as_deref() == Some("slurm");
    if let Some(own) = &system.scheduler.slurm {
        let mut note = Notes::new("system.scheduler.slurm", &mut notes);
        if is_slurm {
            note.factors(own);
        }
        note.partitions(own);
    }
    for section in sections {
        let stated = system.sections.get(section.field);
        for note in stated.iter().flat_map(|own| section.notes(own)) {
            let (place, what, remedy) = (section.field, note.message, note.label);
            notes.push(format!("system.{place}.{what}; {remedy}"));
        }
    }
    notes
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

/// The notes about the options of one place.
struct Notes<'run> {
    place: &'static str,
    lines: &'run mut Vec<String>,
}

impl<'run> Notes<'run> {
    const fn new(place: &'static str, lines: &'run mut Vec<String>) -> Self {
        Self { place, lines }
    }

    /// Notes the stated ones of some fields, with the reason and what would give them an effect.
    fn stated(&mut self, reason: &str, remedy: &str, fields: &[(&str, bool)]) {
        for (field, _) in fields.iter().filter(|(_, is_stated)| *is_stated) {
            let place = self.place;
            self.lines.push(format!(
                "{place}.{field} has no effect: {reason}; write {remedy}, or leave it out"
            ));
        }
    }

    /// Options of factors that count for nothing.
    fn factors(&mut self, own: &Slurm) {
        let usual = Slurm::default();
        if own.job_size_weight == 0 {
            let fields = [
                ("favorSmall", own.favor_small),
                ("relativeToTime", own.relative_to_time),
            ];
            self.stated(
                "the size of a job weighs nothing",
                "a `jobSizeWeight`",
                &fields,
            );
        }
        if own.age_weight == 0 {
            let fields = [("maxAge", own.max_age != usual.max_age)];
            self.stated("the age of a job weighs nothing", "an `ageWeight`", &fields);
        }
        if own.fair_share_weight == 0 {
            let fields = [
                ("halfLife", own.half_life != usual.half_life),
                ("fairShare", own.fair_share != usual.fair_share),
                ("tiedAccounts", own.tied_accounts != usual.tied_accounts),
                ("damp", own.damp != usual.damp),
            ];
            let reason = "the fair share of a job weighs nothing";
            self.stated(reason, "a `fairShareWeight`", &fields);
        }
    }

    /// Options of partitions that there are none of.
    fn partitions(&mut self, own: &Slurm) {
        if own.partitions.is_empty() {
            let fields = [
                ("partitionWeight", own.partition_weight > 0),
                (
                    "partitionField",
                    own.partition_field != PartitionField::default(),
                ),
            ];
            self.stated("there are no partitions", "`partitions`", &fields);
        }
    }
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
