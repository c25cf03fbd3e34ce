//! Trackable resources of jobs, as lists such as `cpu=8,mem=16G,node=2,gres/gpu:a100=4`.

use crate::readers::prelude::*;
use intake::number::decimal;

/// The most processors of a job.
pub(super) const MOST_PROCESSORS: i64 = 1_000_000_000;
/// The most bytes of a job.
const MOST_BYTES: f64 = (1_i64 << 60) as f64;

/// The resources of a list; what it does not name is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Resources<'row> {
    /// Whether there is a list.
    pub(super) is_stated: bool,
    pub(super) processors: Option<i64>,
    pub(super) nodes: Option<i64>,
    /// Bytes in all.
    pub(super) memory: Option<i64>,
    /// GPUs of any model.
    gpus: Option<i64>,
    /// GPUs of those models that are named, in all.
    gpus_of_models: Option<i64>,
    models: Models<'row>,
    /// Whether an older list of the same job states other GPUs.
    is_disputed: bool,
    /// Whether it names a resource of the cluster that no run has, such as a license.
    has_others: bool,
}

/// The models of GPUs that a list names.
#[derive(Clone, Copy, Debug, Default)]
enum Models<'row> {
    #[default]
    None,
    One(&'row str),
    Several,
}

impl<'row> Resources<'row> {
    /// The resources of a list; otherwise what was expected of one of them.
    pub(super) fn of(list: &'row str) -> Result<Self, &'static str> {
        let mut resources = Self {
            is_stated: !list.is_empty(),
            ..Self::default()
        };
        for one in list.split(',').filter(|one| !one.is_empty()) {
            let (name, amount) = one.split_once('=').ok_or(expected(one))?;
            resources.add(name, amount)?;
        }
        Ok(resources)
    }

    /// The resources of a list such as `gpu:2`, `gpu:v100:2` or `gpu=2`, as Slurm printed them before it had trackable
    /// ones; otherwise what was expected of one of them.
    pub(super) fn of_generic(list: &'row str) -> Result<Self, &'static str> {
        let mut resources = Self::default();
        let list = list.trim();
        if matches!(list, "" | "(null)" | "N/A" | "0") {
            return Ok(resources);
        }
        resources.is_stated = true;
        for one in list.split(',') {
            // Which devices of a node they are stands behind it.
            let one = one.split('(').next().unwrap_or(one);
            let mut parts = one.split([':', '=']);
            let (name, rest) = (parts.next().unwrap_or_default(), parts);
            let rest: Vec<&str> = rest.collect();
            let (model, amount) = match *rest {
                [] => (None, "1"),
                [amount] => (None, amount),
                [model, amount] => (Some(model), amount),
                _ => return Err(GENERIC),
            };
            let amount = amount.parse::<i64>().ok();
            let amount = amount.filter(|amount| (0..=MEMBERS).contains(amount));
            let amount = amount.ok_or(GENERIC)?;
            match (name, model) {
                (GPU | GPU_PLUGIN, Some(model)) => resources.add_model(model, amount),
                (GPU | GPU_PLUGIN, None) => {
                    resources.gpus = Some((resources.gpus.unwrap_or(0) + amount).min(MEMBERS));
                }
                _ => resources.has_others |= amount != 0,
            }
        }
        Ok(resources)
    }

    /// These resources, with the GPUs of an older list where they state none.
    pub(super) fn with_old(self, old: &Self) -> Self {
        match (self.gpus(), old.gpus()) {
            (Some(own), Some(other)) => Self {
                is_disputed: own != other,
                ..self
            },
            (None, Some(_)) => Self {
                is_stated: true,
                gpus: old.gpus,
                gpus_of_models: old.gpus_of_models,
                models: old.models,
                has_others: self.has_others | old.has_others,
                ..self
            },
            (_, None) => Self {
                has_others: self.has_others | old.has_others,
                ..self
            },
        }
    }

    /// Adds the amount of a resource.
    fn add(&mut self, name: &'row str, amount: &str) -> Result<(), &'static str> {
        let number = |most: i64| {
            let number = amount.parse::<i64>().ok();
            let number = number.filter(|number| (0..=most).contains(number));
            number.map(Some).ok_or(expected(name))
        };
        match name {
            "cpu" => self.processors = number(MOST_PROCESSORS)?,
            "node" => self.nodes = number(MEMBERS)?,
            "mem" => self.memory = Some(bytes(amount, 1).ok_or(expected(name))?),
            "gres/gpu" => self.gpus = number(MEMBERS)?,
            _ => match name.strip_prefix("gres/gpu:") {
                Some(model) => self.add_model(model, number(MEMBERS)?.unwrap_or_default()),
                None => self.has_others |= is_of_cluster(name) && amount != "0",
            },
        }
        Ok(())
    }

    fn add_model(&mut self, name: &'row str, number: i64) {
        self.gpus_of_models = Some((self.gpus_of_models.unwrap_or(0) + number).min(MEMBERS));
        self.models = match self.models {
            models if number == 0 => models,
            Models::None => Models::One(name),
            Models::One(known) if known == name => Models::One(name),
            Models::One(_) | Models::Several => Models::Several,
        };
    }

    /// Adds an amount of a list that names type and name of a resource apart.
    pub(super) fn add_typed(
        &mut self,
        kind: &str,
        name: &'row str,
        amount: i64,
    ) -> Result<(), &'static str> {
        self.is_stated = true;
        let text = amount.to_string();
        match (kind, name.strip_prefix("gpu:")) {
            ("gres", _) if name == "gpu" => self.add("gres/gpu", &text),
            ("gres", Some(model)) => {
                let is_good = (0..=MEMBERS).contains(&amount);
                is_good
                    .then(|| self.add_model(model, amount))
                    .ok_or(expected("gres/gpu"))
            }
            ("gres", None) => {
                self.has_others |= amount != 0 && !is_use_of_gpus(name);
                Ok(())
            }
            ("cpu", _) => self.add("cpu", &text),
            ("mem", _) => self.add("mem", &text),
            ("node", _) => self.add("node", &text),
            _ => {
                self.has_others |= is_of_cluster(kind) && amount != 0;
                Ok(())
            }
        }
    }

    /// GPUs in all; where only those of each model are listed, their sum.
    fn gpus(&self) -> Option<i64> {
        self.gpus.or(self.gpus_of_models)
    }
}

/// Whether a resource is one that a cluster has and no run: not what is counted about a job, such as its energy.
fn is_of_cluster(name: &str) -> bool {
    match name.strip_prefix("gres/") {
        Some(name) => !is_use_of_gpus(name),
        None => ["license", "bb"].contains(&name.split('/').next().unwrap_or_default()),
    }
}

/// Whether a generic resource is what is counted about the use of GPUs.
fn is_use_of_gpus(name: &str) -> bool {
    matches!(name, "gpumem" | "gpuutil")
}

/// The name of GPUs among generic resources, and the number of their plugin, which some versions of Slurm print.
const GPU: &str = "gpu";
const GPU_PLUGIN: &str = "7696487";

/// The form of a list of generic resources, as errors state it.
const GENERIC: &str = "a list such as `gpu:2` or `gpu:v100:2`";

fn expected(name: &str) -> &'static str {
    match name {
        "cpu" => "a list with a number of processors after `cpu=`",
        "node" => "a list with a number of nodes after `node=`",
        "mem" => "a list with an amount such as 16G after `mem=`, at most 1 EiB",
        name if name.starts_with("gres/gpu") => "a list with a number of GPUs after `gres/gpu=`",
        _ => "a list such as `cpu=8,mem=16G,node=2,gres/gpu=4`",
    }
}

/// Bytes of an amount such as `4000M`, so many times; without a unit it is in MiB.
pub(super) fn bytes(text: &str, times: i64) -> Option<i64> {
    let (number, unit) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        b'G' => (&text[..text.len() - 1], 30),
        b'T' => (&text[..text.len() - 1], 40),
        b'P' => (&text[..text.len() - 1], 50),
        _ => (text, 20),
    };
    let number = decimal(number.as_bytes()).or_else(|| number.parse().ok());
    let number = number.filter(|number| (0.0..=1e12).contains(number))?;
    let all = libm::rint(number * (1_i64 << unit) as f64 * times as f64);
    (all <= MOST_BYTES).then_some(all as i64)
}

/// The GPUs of a whole job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gpus<'row> {
    pub(super) number: i64,
    model: Model<'row>,
}

/// The model that all GPUs of a job are of.
#[derive(Clone, Copy, Debug)]
enum Model<'row> {
    /// None is stated or demanded.
    Any,
    /// The user asked for it.
    Requested(&'row str),
    /// The job had it, and what was asked for is not stated.
    Allocated(&'row str),
    /// They are of several.
    Several,
}

impl<'row> Gpus<'row> {
    /// The GPUs of a job that has these resources.
    pub(super) fn of(allocated: &Resources<'row>, requested: &Resources<'row>) -> Self {
        let is_stated = requested.is_stated;
        let models = if is_stated {
            requested.models
        } else {
            allocated.models
        };
        let number = allocated.gpus().or(requested.gpus());
        Self {
            number: number.unwrap_or_default(),
            model: match models {
                Models::None => Model::Any,
                Models::Several => Model::Several,
                Models::One(name) if is_stated => Model::Requested(name),
                Models::One(name) => Model::Allocated(name),
            },
        }
    }

    /// The name of the model; empty if any will do.
    pub(super) fn model(&self) -> &'row str {
        match self.model {
            Model::Requested(name) | Model::Allocated(name) => name,
            Model::Any | Model::Several => "",
        }
    }
}

/// Notes what is not known, or not demanded, of a job's resources.
pub(super) fn note(
    journal: &mut Journal,
    line: u64,
    gpus: &Gpus<'_>,
    requested: &Resources<'_>,
    allocated: &Resources<'_>,
) -> Result<(), TraceError> {
    match gpus.model {
        Model::Allocated(_) => {
            let kind = "GPU model of the allocation, demanded: what was requested is not stated";
            journal.dirt(kind, Action::Keep, line)?;
        }
        Model::Several => {
            let kind = "GPUs of several models; any model will do";
            journal.dirt(kind, Action::Waive, line)?;
        }
        Model::Any | Model::Requested(_) => {}
    }
    if requested.is_disputed || allocated.is_disputed {
        let kind =
            "GPUs in AllocGRES or ReqGRES other than those of AllocTRES or ReqTRES, which count";
        journal.dirt(kind, Action::Keep, line)?;
    }
    if requested.has_others || allocated.has_others && !requested.is_stated {
        let kind = "licenses, burst buffers or generic resources other than GPUs, not requested";
        journal.dirt(kind, Action::Waive, line)?;
    }
    Ok(())
}
