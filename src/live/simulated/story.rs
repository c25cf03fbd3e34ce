//! The story of a record in the simulator.

use std::path::Path;

use control::admission::BarePod;
use control::operation::Operation;
use serde_json::Value;

use cluster::Observer;
use lab::folder::{Existing, ResultFolder};
use lab::run::{Prepared, prepare, run_watched};
use model::PodName;
use scenario::as_run::yaml_of;
use scenario::{Experiment, Scenario};
use scheduler::pipeline::evaluate::Form;
use sim::{End, InitialObjects, Resident, ResidentObject, ResidentOwner, RunControl, WaitingPod};
use units::{Instant, NodeId};
use world::FileSource;

use crate::driver::events::{Chronicle, EventRow};
use crate::story::hour::{Hour, Placements};
use crate::story::{Beginning, File, Fitted, OwnerPlace, Story};
use cli::experiment_file::{MessageFormat, Reading, read};
use cli::{Failure, Global, interrupt};

/// Name of the experiment in its folder.
const EXPERIMENT: &str = "experiment.yaml";

/// A story and what is needed to simulate it.
pub struct Told {
    /// The story.
    pub story: Story,
    /// The experiment whose system ran.
    pub document: Value,
}

/// A folder for an experiment; without a wish for one it goes at the end.
pub struct Folder {
    /// The folder.
    pub folder: ResultFolder,
    is_kept: bool,
}

impl Folder {
    /// A folder at a place, by default one that goes at the end.
    ///
    /// # Errors
    /// The folder is there, or can't be made.
    pub fn create(out: Option<&Path>) -> Result<Self, Failure> {
        let name = format!("windtunnel-story-{}", std::process::id());
        let path = out.map_or_else(|| std::env::temp_dir().join(name), Path::to_owned);
        let folder = ResultFolder::create(&path, Existing::Refuse);
        Ok(Self {
            folder: folder.map_err(Failure::incomplete)?,
            is_kept: out.is_some(),
        })
    }

    /// Puts the folder in its place, or removes it.
    ///
    /// # Errors
    /// It can't be put there.
    pub fn finish(self) -> Result<(), Failure> {
        if self.is_kept {
            self.folder.finish().map_err(Failure::incomplete)?;
        } else {
            self.folder.withdraw();
        }
        Ok(())
    }
}

/// A story as the simulator tells it.
pub struct Simulated {
    /// Events, at the instants of the recorded run.
    pub events: Vec<EventRow>,
    /// End of the simulation.
    pub end: End,
}

impl Told {
    /// Simulates the story; its experiment is written to a folder.
    ///
    /// # Errors
    /// The experiment can't be written or run.
    pub fn simulate(
        &self,
        global: &Global,
        folder: &ResultFolder,
        fitted: &Fitted,
    ) -> Result<Simulated, Failure> {
        let derived = self.story.experiment(&self.document, fitted);
        let scenario = written(global, folder, &derived.document, &derived.files)?;
        let mut prepared = scenario.prepare()?;
        prepared.operations.retain(|(_, operation)| {
            !matches!(operation, Operation::Apply(_) | Operation::ApplyPod(_))
        });
        if let Some(beginning) = &self.story.beginning {
            begin(&mut prepared, beginning);
        }
        for applied in derived.applied {
            let operations = applied.operations.into_iter();
            let operations = operations.map(|operation| (applied.at, operation));
            prepared.operations.extend(operations);
        }
        prepared.operations.sort_by_key(|&(at, _)| at);
        let mut chronicle = Chronicle::default();
        let end = scenario.run(prepared, &mut chronicle)?;
        Ok(Simulated {
            end,
            events: self.of_the_run(chronicle.into_rows()),
        })
    }

    /// Events of the simulation at the instants of the recorded run. What was there at the beginning is no
    /// news.
    fn of_the_run(&self, mut events: Vec<EventRow>) -> Vec<EventRow> {
        let origin = self.story.origin;
        if self.story.beginning.is_some() {
            events.retain(|event| event.at_ns > 0);
        }
        for event in &mut events {
            event.at_ns += origin.as_nanos();
        }
        events
    }
}

/// An experiment that was written to a folder.
struct Written {
    experiment: Experiment,
}

/// Writes an experiment and its files to a folder, and reads it as a run would.
fn written(
    global: &Global,
    folder: &ResultFolder,
    document: &Value,
    files: &[File],
) -> Result<Written, Failure> {
    for file in files {
        let written = folder.text(&file.name, &file.text);
        written.map_err(Failure::incomplete)?;
    }
    let written = folder.text(EXPERIMENT, &yaml_of(document));
    written.map_err(Failure::incomplete)?;
    let path = folder.partial().join(EXPERIMENT);
    let reading = Reading {
        path: Some(&path),
        sets: &[],
        variants: None,
        messages: MessageFormat::Human,
    };
    let (experiment, _) = read(global, reading)?;
    Ok(Written { experiment })
}

impl Written {
    fn scenario(&self) -> Result<&Scenario, Failure> {
        let plan = self.experiment.variants.first();
        let plan = plan.ok_or_else(|| Failure::input("the experiment has no variant"))?;
        Ok(&plan.scenario)
    }

    fn prepare(&self) -> Result<Prepared, Failure> {
        let files = FileSource::of(&self.experiment.files);
        prepare(self.scenario()?, &files).map_err(Failure::input)
    }

    fn run(&self, prepared: Prepared, observer: &mut dyn Observer) -> Result<End, Failure> {
        let mut control = RunControl {
            interrupted: interrupt::flag(),
            progress: &mut |_| {},
        };
        let form = Form::Incremental;
        let run = run_watched(self.scenario()?, prepared, form, observer, &mut control);
        run.map_err(Failure::incomplete)
    }
}

/// Simulates the hour of a cluster; its experiment is written to a folder.
///
/// # Errors
/// The experiment can't be written or run.
pub fn simulate_hour(
    global: &Global,
    folder: &ResultFolder,
    hour: &Hour,
    base: &Value,
) -> Result<Placements, Failure> {
    let (document, files) = hour.experiment(base);
    let written = written(global, folder, &document, &files)?;
    let prepared = written.prepare()?;
    let mut placements = Placements::default();
    written.run(prepared, &mut placements)?;
    Ok(placements)
}

/// Has a run begin with what a snapshot holds.
fn begin(prepared: &mut Prepared, beginning: &Beginning) {
    for node in &mut prepared.nodes {
        if let Some(known) = beginning.nodes.get(&*node.name) {
            node.clone_from(known);
        }
    }
    let place = |name: &str| {
        let mut nodes = prepared.nodes.iter();
        nodes.position(|node| &*node.name == name)
    };
    let owned = |owner: OwnerPlace| ResidentOwner {
        object: owner.object,
        index: owner.index,
        failures: owner.failures,
        ..ResidentOwner::default()
    };
    let mut found = InitialObjects::default();
    for standing in &beginning.objects {
        found.objects.push(ResidentObject {
            object: standing.object.clone(),
            owner: standing.owner,
        });
    }
    let mut residents = Vec::new();
    for pod in &beginning.pods {
        let node = pod.node.as_deref().and_then(place);
        let (name, spec) = (pod.name.clone(), pod.spec.clone());
        match (node, pod.owner) {
            (Some(node), owner) => residents.push(Resident {
                name,
                spec,
                time_limit: pod.time_limit,
                run_time: None,
                devices: pod.devices,
                found: model::InitialState {
                    started: pod.started,
                    is_terminating: pod.is_terminating,
                    is_running: pod.started.is_some() && pod.end.is_none(),
                    end: pod.end.clone(),
                    ..model::InitialState::on(NodeId::from_index(node))
                },
                owner: owner.map(owned),
            }),
            // What ended on a node that is gone goes as well, whoever looks at it first.
            (None, _) if pod.end.is_some() => {}
            (None, Some(owner)) => found.waiting.push(WaitingPod {
                name,
                spec,
                time_limit: pod.time_limit,
                owner: owned(owner),
            }),
            (None, None) => {
                let PodName::Text(name) = name else {
                    continue;
                };
                let pod = Operation::ApplyPod(BarePod { name, spec }.into());
                prepared.operations.push((Instant::ZERO, pod));
            }
        }
    }
    prepared.workload.residents = residents;
    prepared.workload.found = found;
}
