//! The filters: which engines may have a container at all (spec: orchestrators-a.md section 1.4;
//! classicswarm `scheduler/filter`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use thiserror::Error;

use model::Labels;

use super::container::{Container, ContainerConfig, Network};
use super::engine::{Engine, Image};
use super::expression::Expression;

/// Filter that engines must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SwarmFilter")]
pub enum Filter {
    /// Engines that do not answer are filtered out.
    Health,
    /// Engines without the requested host ports free are filtered out.
    Port,
    /// Engines without room by their label `containerslots` are filtered out.
    ContainerSlots,
    /// Engines without the linked containers are filtered out.
    Dependency,
    /// Affinity expressions over containers, images and labels of containers.
    Affinity,
    /// Constraint expressions over the engine and its labels.
    Constraint,
    /// Whitelists of engines by name.
    Whitelist,
}

/// The filters in the order in which a manager applies them.
pub const DEFAULT_FILTERS: [Filter; 7] = [
    Filter::Health,
    Filter::Port,
    Filter::ContainerSlots,
    Filter::Dependency,
    Filter::Affinity,
    Filter::Constraint,
    Filter::Whitelist,
];

/// Treatment of soft expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftExpressions {
    /// They count like hard ones.
    Counted,
    /// All are ignored, also those that could be met.
    Ignored,
}

/// A name that is no filter's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no filter `{name}`, expected one of {}", known_filters())]
pub struct FilterError {
    /// The requested filter.
    pub name: String,
}

fn known_filters() -> String {
    DEFAULT_FILTERS
        .map(|filter| format!("`{}`", filter.name()))
        .join(", ")
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(name: &str) -> Result<Self, FilterError> {
        let mut all = DEFAULT_FILTERS.into_iter();
        all.find(|filter| filter.name() == name)
            .ok_or_else(|| FilterError {
                name: name.to_owned(),
            })
    }
}

impl Filter {
    /// The filter's name on the manager's command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Port => "port",
            Self::ContainerSlots => "containerslots",
            Self::Dependency => "dependency",
            Self::Affinity => "affinity",
            Self::Constraint => "constraint",
            Self::Whitelist => "whitelist",
        }
    }

    /// `true` if the filter lets every engine pass that a request of this kind meets, so that
    /// looking at engines can be spared.
    pub fn is_idle(self, config: &ContainerConfig) -> bool {
        match self {
            Self::Health | Self::ContainerSlots => false,
            Self::Port => {
                config.bindings.is_empty() && !matches!(config.network, Network::Host { .. })
            }
            Self::Dependency => config.dependencies().next().is_none(),
            Self::Affinity => config.affinities.is_empty(),
            Self::Constraint => config.constraints.is_empty(),
            Self::Whitelist => config.whitelists.is_empty(),
        }
    }

    /// Whether an engine passes.
    pub fn passes(self, config: &ContainerConfig, engine: &Engine, soft: SoftExpressions) -> bool {
        let counts =
            |expression: &&Expression| !expression.is_soft || soft == SoftExpressions::Counted;
        match self {
            Self::Health => engine.health > 0,
            Self::Port => !engine.containers().any(|other| has_clash(config, other)),
            Self::ContainerSlots => has_slot(engine),
            Self::Dependency => config.dependencies().all(|name| engine.has(name)),
            Self::Affinity => {
                let mut counted = config.affinities.iter().filter(counts);
                counted.all(|expression| has_affinity(expression, engine))
            }
            Self::Constraint => {
                let mut counted = config.constraints.iter().filter(counts);
                counted.all(|expression| meets(expression, engine))
            }
            Self::Whitelist => config.whitelists.iter().all(|list| {
                let mut names = list.value.split('|');
                names.any(|name| name == &*engine.name)
            }),
        }
    }
}

fn has_clash(config: &ContainerConfig, other: &Container) -> bool {
    match (&config.network, &other.config.network) {
        (Network::Host { exposed }, Network::Host { exposed: taken }) => {
            exposed.iter().any(|port| taken.contains(port))
        }
        (Network::Host { .. }, _) => false,
        _ => config.bindings.iter().any(|wanted| {
            let mut taken = other.config.bindings.iter();
            taken.any(|taken| wanted.clashes(taken))
        }),
    }
}

/// A label that is missing or no whole number sets no limit.
fn has_slot(engine: &Engine) -> bool {
    let slots = engine.labels.get("containerslots");
    slots
        .and_then(|text| text.parse::<i64>().ok())
        .is_none_or(|slots| engine.container_count() < slots)
}

/// A label that is missing is the empty text.
fn value_of<'a>(labels: &'a Labels, label: &str) -> &'a str {
    labels.get(label).map_or("", |value| value)
}

fn has_affinity(expression: &Expression, engine: &Engine) -> bool {
    match &*expression.key {
        "container" => expression.holds(
            engine
                .containers()
                .flat_map(|one| [&*one.id, &*one.config.name]),
        ),
        "image" => expression.holds(engine.images.iter().flat_map(Image::words)),
        label => expression.holds(
            engine
                .containers()
                .map(|one| value_of(&one.config.labels, label)),
        ),
    }
}

fn meets(expression: &Expression, engine: &Engine) -> bool {
    match &*expression.key {
        "node" => expression.holds([&*engine.id, &*engine.name]),
        label => expression.holds([value_of(&engine.labels, label)]),
    }
}
