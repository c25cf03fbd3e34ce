//! Sections of systems: fields below `system:` or its scheduler, each with the options of one system.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::breach::{Around, Breach, Rules};
use super::decode::DecodeError;
use super::plain::Plain;

/// Options of a system as experiment files state them: the type has the fields, and its docs are
/// their reference. A field of the type itself whose name ends in `File` holds the path of a file.
///
/// ```
/// use options::{Around, Plain, Rules, Section, SystemSection};
///
/// #[derive(Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
/// struct Auction {
///     /// Number of rounds; default 0.
///     rounds: u32,
///     /// Bids are secret if `true`.
///     is_sealed: bool,
/// }
///
/// impl SystemSection for Auction {
///     const SYSTEM: &'static str = "auction";
///     const MEANING: &'static str = "Options of auctions, for `name: auction`.";
///
///     fn check(&self, rules: &mut Rules<'_>) {
///         if self.rounds == 0 {
///             rules.only_with("rounds` above 0, such as `rounds: 1", &["isSealed"]);
///         }
///     }
/// }
///
/// let section = Section::of::<Auction>();
/// let stated = Plain::Map(vec![("isSealed".into(), Plain::Bool(true))]);
/// assert_eq!(section.field, "auction");
/// assert_eq!(section.breaches(&stated, Around::default())[0].path, ["isSealed"]);
/// ```
pub trait SystemSection: Default + Serialize + DeserializeOwned + JsonSchema {
    /// Name of the system.
    const SYSTEM: &'static str;
    /// Field below the section's home.
    const FIELD: &'static str = Self::SYSTEM;
    /// Part of an experiment that has the field.
    const HOME: Home = Home::System;
    /// Meaning of the field, for the schema.
    const MEANING: &'static str;

    /// Reports contradictions between the options, and options that others leave without effect.
    fn check(&self, _rules: &mut Rules<'_>) {}

    /// Reports values that no type and no schema excludes: the problem, behind the path of the option.
    ///
    /// # Errors
    /// A value is wrong.
    fn limits(&self) -> Result<(), String> {
        Ok(())
    }

    /// Reports options that change nothing beside the others, which a run notes and does not refuse.
    fn note(&self, _rules: &mut Rules<'_>) {}

    /// Rule of placement in a word or two; `None` has that of the scheduler.
    fn placement(&self) -> Option<&'static str> {
        None
    }

    /// Workloads that options name, each of which has to be declared.
    fn workloads(&self) -> Vec<NamedWorkload> {
        Vec::new()
    }
}

/// Part of an experiment that has sections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Home {
    /// System itself.
    #[default]
    System,
    /// Scheduler of the system.
    Scheduler,
}

impl Home {
    /// Path of the part.
    pub const fn path(self) -> &'static [&'static str] {
        match self {
            Self::System => &["system"],
            Self::Scheduler => &["system", "scheduler"],
        }
    }

    /// Name of the part's type in the schema.
    pub const fn definition(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Scheduler => "Scheduler",
        }
    }
}

/// Workload that an option names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedWorkload {
    /// Place of the name, below the section.
    pub place: String,
    /// Name of the workload.
    pub name: String,
    /// Word of the system for such a workload.
    pub noun: &'static str,
    /// Whether a namespace may stand before the name.
    pub is_qualified: bool,
}

impl NamedWorkload {
    /// Name without a namespace that stands in a place.
    pub fn new(place: &str, name: &str, noun: &'static str) -> Self {
        Self {
            place: format!("{place}.{name}"),
            name: name.to_owned(),
            noun,
            is_qualified: false,
        }
    }
}

/// Options of a system in the registry, whatever their type.
#[derive(Clone, Copy)]
pub struct Section {
    /// Name of the system.
    pub system: &'static str,
    /// Field below its home.
    pub field: &'static str,
    /// Part of an experiment that has the field.
    pub home: Home,
    /// Meaning of the field, for the schema.
    pub meaning: &'static str,
    /// Schema of the field; its types are added to the definitions.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    complete: fn(&Plain) -> Result<Plain, DecodeError>,
    rules: fn(&Plain, Purpose, Around<'_>) -> Vec<Breach>,
    placement: fn(Option<&Plain>) -> Option<&'static str>,
    workloads: fn(&Plain) -> Vec<NamedWorkload>,
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Section").field(&self.field).finish()
    }
}

/// Use of the rules: to refuse options, or to note those without effect.
#[derive(Clone, Copy)]
enum Purpose {
    Refusal,
    Note,
}

impl Section {
    /// Section of a type.
    pub const fn of<T: SystemSection>() -> Self {
        Self {
            system: T::SYSTEM,
            field: T::FIELD,
            home: T::HOME,
            meaning: T::MEANING,
            schema: |generator| generator.subschema_for::<Option<T>>(),
            complete: |stated| Ok(Plain::of(&stated.decode::<T>()?)),
            rules: rules_of::<T>,
            placement: |stated| {
                let own = stated.and_then(|stated| stated.decode::<T>().ok());
                own.unwrap_or_default().placement()
            },
            workloads: |stated| {
                let own = stated.decode::<T>();
                own.map_or_else(|_| Vec::new(), |own| own.workloads())
            },
        }
    }

    /// Stated options with the defaults of all others.
    ///
    /// # Errors
    /// A value does not fit its type.
    pub fn complete(&self, stated: &Plain) -> Result<Plain, DecodeError> {
        (self.complete)(stated)
    }

    /// Broken rules of stated options, beside the rest of their experiment.
    pub fn breaches(&self, stated: &Plain, around: Around<'_>) -> Vec<Breach> {
        (self.rules)(stated, Purpose::Refusal, around)
    }

    /// Options without effect that a run notes.
    pub fn notes(&self, stated: &Plain, around: Around<'_>) -> Vec<Breach> {
        (self.rules)(stated, Purpose::Note, around)
    }

    /// Rule of placement in a word or two, of stated options or of the defaults.
    pub fn placement(&self, stated: Option<&Plain>) -> Option<&'static str> {
        (self.placement)(stated)
    }

    /// Workloads that stated options name.
    pub fn workloads(&self, stated: &Plain) -> Vec<NamedWorkload> {
        (self.workloads)(stated)
    }
}

fn rules_of<T: SystemSection>(stated: &Plain, purpose: Purpose, around: Around<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if let Ok(own) = stated.decode::<T>() {
        let mut rules = Rules::new(&own, &T::default(), &mut breaches).within(around);
        match purpose {
            Purpose::Refusal => own.check(&mut rules),
            Purpose::Note => own.note(&mut rules),
        }
    }
    breaches
}
