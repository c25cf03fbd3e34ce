//! `workload:` of the experiment file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::plain::Arguments;
use crate::scalar::WordOr;
use units::Duration;

/// A part of the workload from one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "WorkloadFields", into = "WorkloadFields")]
pub enum WorkloadSource {
    /// From a recorded trace.
    Trace(WorkloadTrace),
    /// Kubernetes objects from a file, at one instant.
    Manifests {
        /// The file.
        file: String,
        /// When they arrive, after the start.
        at: Duration,
    },
    /// Units of Fleet from systemd unit files, at one instant.
    Units {
        /// The files, one a unit; the name of a file is the name of its unit.
        files: UnitFiles,
        /// How many instances there are of each template (`NAME@.service`).
        instances: u32,
        /// When they arrive, after the start.
        at: Duration,
    },
    /// Made by a model.
    Generate(Generate),
}

/// Where unit files are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum UnitFiles {
    /// A folder of unit files, all of which are submitted in the order of their names; or one file.
    In(String),
    /// Files.
    Listed(#[schemars(length(min = 1))] Vec<String>),
}

impl UnitFiles {
    /// The paths as written.
    pub fn written(&self) -> &[String] {
        match self {
            Self::In(path) => std::slice::from_ref(path),
            Self::Listed(paths) => paths,
        }
    }

    /// The paths as written, to be changed.
    pub fn written_mut(&mut self) -> &mut [String] {
        match self {
            Self::In(path) => std::slice::from_mut(path),
            Self::Listed(paths) => paths,
        }
    }
}

/// What arrives: from a `trace`, from `manifests`, from unit files (`units`), or made by a model
/// (`generate`).
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    rename = "WorkloadSource",
    extend("oneOf" = [
        {"required": ["trace"]}, {"required": ["manifests"]}, {"required": ["units"]},
        {"required": ["generate"]},
    ]),
    extend("dependentRequired" = {"instances": ["units"]}),
    extend("x-excludes" = {"at": ["trace", "generate"]})
)]
struct WorkloadFields {
    /// A recorded trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<WorkloadTrace>,
    /// A file of Kubernetes objects (YAML or JSON, lists, several documents).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifests: Option<String>,
    /// Files of systemd units with a section `[X-Fleet]`, one a unit, or a folder of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    units: Option<UnitFiles>,
    /// How many instances there are of each template among the units (`NAME@.service`); default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    instances: Option<u32>,
    /// When the objects of the file, or the units, arrive after the start; default `0s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Duration>,
    /// A model that makes jobs or pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generate: Option<Generate>,
}

/// A recorded trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadTrace {
    /// Its format.
    #[schemars(extend("x-names" = "workload-format"))]
    pub format: String,
    /// The file, looked up beside the experiment file and then under `--traces DIR` or
    /// `WINDTUNNEL_TRACES`.
    pub path: String,
    /// When its pods arrive: `trace` for its own times, or how to change or replace them.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// What to do with a row that cannot be read.
    #[serde(default)]
    pub on_bad_row: OnBadRow,
    /// Shorter run times (0 in many logs) count as this long; without it jobs that ran for no
    /// time are left out.
    #[serde(default)]
    pub min_runtime: Option<Duration>,
    /// Leave out jobs that never ran, such as those cancelled while they waited.
    #[serde(default)]
    pub ran_only: bool,
    /// End jobs that reach the time they asked for.
    #[serde(default)]
    pub kill_at_walltime: bool,
    /// Options of the format.
    #[serde(rename = "$rest", default)]
    #[schemars(extend("x-parameters" = "workload-format:format"))]
    pub options: Arguments,
}

/// When the pods of a trace arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WordOr<ByTrace, ArrivalFields>", into = "ArrivalFields")]
pub enum Arrivals {
    /// At the trace's times.
    Times {
        /// Only what arrives in this part of the trace, shifted to the start.
        window: Option<Window>,
        /// Factor on the arrival rate: at 2 the times between arrivals are halved.
        scale: f64,
        /// Whether pods end as in the trace.
        depart: Depart,
    },
    /// One after another without regard to times, to fill the cluster.
    FillUp {
        /// In which order.
        order: Order,
        /// Until this share of the cluster's GPUs (of its cores, if it has none) was asked for;
        /// the trace is sampled again where it is too short. Without it the trace as it is.
        until: Option<f64>,
        /// Whether pods end as in the trace.
        depart: Depart,
    },
}

impl Default for Arrivals {
    fn default() -> Self {
        Self::Times {
            window: None,
            scale: 1.0,
            depart: Depart::Trace,
        }
    }
}

/// The short form of [`Arrivals`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ByTrace {
    /// At the trace's times.
    Trace,
}

/// When the pods of a trace arrive: by its times (`window`, `scale`), or as a fill-up (`order`,
/// `until`).
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    rename = "Arrivals",
    extend("x-excludes" = {"window": ["order", "until"], "scale": ["order", "until"]})
)]
pub(crate) struct ArrivalFields {
    /// Fill-up: the order of arrival; default `trace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    /// Fill-up: until this share of the cluster's GPUs (of its cores, if it has none) was asked
    /// for; 1.3 asks for 130 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        extend("exclusiveMinimum" = 0),
        extend("x-help" = "a share of the cluster's capacity, such as 1.3 for 130 %")
    )]
    until: Option<f64>,
    /// Whether pods end as in the trace; default `never` for a fill-up, else `trace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depart: Option<Depart>,
    /// Only what arrives in this part of the trace, shifted to the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
    /// Factor on the arrival rate: at 2 the times between arrivals are halved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    scale: Option<f64>,
}

/// The order of a fill-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As in the trace.
    #[default]
    Trace,
    /// Drawn from the seed.
    Shuffled,
    /// As the published runs drew it, from the seed by Go's generator.
    Published,
}

/// Whether pods end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Depart {
    /// They stay for ever.
    Never,
    /// After their run time in the trace.
    #[default]
    Trace,
}

/// A part of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// From this time of the trace; default its start.
    #[serde(default)]
    pub from: Duration,
    /// To this time of the trace, which is not part of it.
    #[schemars(extend("x-positive" = true))]
    pub to: Duration,
}

/// What to do with a row of a trace that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnBadRow {
    /// Stop with an error that names file, line, column and rule.
    #[default]
    Fail,
    /// Leave it out and count it.
    Skip,
    /// Leave it out, count it and print it.
    Report,
}

/// A workload made by a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Generate {
    /// The model.
    #[schemars(extend("x-names" = "generator"))]
    pub model: String,
    /// How many jobs or pods.
    #[schemars(range(min = 1))]
    pub jobs: u64,
    /// Parameters of the model.
    #[serde(rename = "$rest", default)]
    #[schemars(extend("x-parameters" = "generator:model"))]
    pub parameters: Arguments,
}

impl TryFrom<WorkloadFields> for WorkloadSource {
    type Error = String;

    fn try_from(fields: WorkloadFields) -> Result<Self, String> {
        match fields {
            WorkloadFields {
                trace: Some(trace), ..
            } => Ok(Self::Trace(trace)),
            WorkloadFields {
                manifests: Some(file),
                at,
                ..
            } => Ok(Self::Manifests {
                file,
                at: at.unwrap_or_default(),
            }),
            WorkloadFields {
                units: Some(files),
                instances,
                at,
                ..
            } => Ok(Self::Units {
                files,
                instances: instances.unwrap_or(1),
                at: at.unwrap_or_default(),
            }),
            WorkloadFields {
                generate: Some(generate),
                ..
            } => Ok(Self::Generate(generate)),
            _ => Err("expected one of `trace`, `manifests`, `units`, `generate`".to_owned()),
        }
    }
}

impl From<WorkloadSource> for WorkloadFields {
    fn from(source: WorkloadSource) -> Self {
        let mut fields = Self {
            trace: None,
            manifests: None,
            units: None,
            instances: None,
            at: None,
            generate: None,
        };
        match source {
            WorkloadSource::Trace(trace) => fields.trace = Some(trace),
            WorkloadSource::Manifests { file, at } => {
                fields.manifests = Some(file);
                fields.at = Some(at);
            }
            WorkloadSource::Units {
                files,
                instances,
                at,
            } => {
                fields.units = Some(files);
                fields.instances = Some(instances);
                fields.at = Some(at);
            }
            WorkloadSource::Generate(generate) => fields.generate = Some(generate),
        }
        fields
    }
}

impl TryFrom<WordOr<ByTrace, ArrivalFields>> for Arrivals {
    type Error = String;

    fn try_from(form: WordOr<ByTrace, ArrivalFields>) -> Result<Self, String> {
        let fields = match form {
            WordOr::Word(ByTrace::Trace) => return Ok(Self::default()),
            WordOr::Fields(fields) => fields,
        };
        let ArrivalFields {
            order,
            until,
            depart,
            window,
            scale,
        } = fields;
        if order.is_none() && until.is_none() {
            let (scale, depart) = (scale.unwrap_or(1.0), depart.unwrap_or(Depart::Trace));
            return Ok(Self::Times {
                window,
                scale,
                depart,
            });
        }
        if window.is_some() || scale.is_some() {
            return Err("a fill-up takes neither `window` nor `scale`".to_owned());
        }
        let (order, depart) = (order.unwrap_or_default(), depart.unwrap_or(Depart::Never));
        Ok(Self::FillUp {
            order,
            until,
            depart,
        })
    }
}

impl From<Arrivals> for ArrivalFields {
    fn from(arrivals: Arrivals) -> Self {
        let none = Self {
            order: None,
            until: None,
            depart: None,
            window: None,
            scale: None,
        };
        match arrivals {
            Arrivals::Times {
                window,
                scale,
                depart,
            } => Self {
                window,
                scale: Some(scale),
                depart: Some(depart),
                ..none
            },
            Arrivals::FillUp {
                order,
                until,
                depart,
            } => Self {
                order: Some(order),
                until,
                depart: Some(depart),
                ..none
            },
        }
    }
}

impl JsonSchema for Arrivals {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ArrivalForm".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WordOr::<ByTrace, ArrivalFields>::json_schema(generator)
    }
}
