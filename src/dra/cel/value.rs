//! Values of expressions, and a device as one.

use std::sync::Arc;

use model::Text;
use model::dra::{Attribute, Device};
use units::{Quantity, SortedMap};

use super::version::Version;

/// Values by name.
pub(super) type Names = Arc<SortedMap<Text, Value>>;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(Text),
    Quantity(Quantity),
    Version(Version),
    List(Vec<Value>),
    Map(Names),
    /// Maps by domain; the map of a domain without entries is empty.
    Domains(Names),
    Device(Names),
    Optional(Option<Box<Value>>),
}

/// The type of a value; `Any` stands for one that shows only when a device is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Any,
    Null,
    Bool,
    Int,
    Text,
    Quantity,
    Version,
    List,
    Map,
    Domains,
    Device,
    Optional,
}

impl Type {
    /// The type's name in CEL.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Any => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Text => "string",
            Self::Quantity => "quantity",
            Self::Version => "semver",
            Self::List => "list",
            Self::Map | Self::Domains => "map",
            Self::Device => "device",
            Self::Optional => "optional",
        }
    }

    /// `true` if a value of the type may be of the other one.
    pub(super) fn may_be(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }
}

impl Value {
    pub(super) const fn kind(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Text(_) => Type::Text,
            Self::Quantity(_) => Type::Quantity,
            Self::Version(_) => Type::Version,
            Self::List(_) => Type::List,
            Self::Map(_) => Type::Map,
            Self::Domains(_) => Type::Domains,
            Self::Device(_) => Type::Device,
            Self::Optional(_) => Type::Optional,
        }
    }

    pub(super) fn optional(value: Option<Self>) -> Self {
        Self::Optional(value.map(Box::new))
    }
}

/// A device as expressions see it.
#[derive(Clone, Debug)]
pub struct DeviceFacts(pub(super) Result<Value, String>);

impl DeviceFacts {
    /// A device of a driver.
    pub fn new(driver: &Text, device: &Device) -> Self {
        Self(facts(driver, device))
    }
}

fn facts(driver: &Text, device: &Device) -> Result<Value, String> {
    let mut attributes = Vec::new();
    for (name, attribute) in &device.attributes {
        let value = match attribute {
            Attribute::Bool(own) => Value::Bool(*own),
            Attribute::Int(own) => Value::Int(*own),
            Attribute::Text(own) => Value::Text(own.clone()),
            Attribute::Version(own) => Value::Version(own.parse()?),
        };
        attributes.push((name, value));
    }
    let capacity = device.capacity.iter();
    let capacity = capacity.map(|(name, amount)| (name, Value::Quantity(*amount)));
    let fields: SortedMap<Text, Value> = [
        ("driver".into(), Value::Text(driver.clone())),
        ("attributes".into(), domains(driver, attributes)),
        ("capacity".into(), domains(driver, capacity)),
    ]
    .into();
    Ok(Value::Device(Arc::new(fields)))
}

/// Values by domain and name; a name without a domain is of the driver's.
fn domains<'a>(driver: &Text, named: impl IntoIterator<Item = (&'a Text, Value)>) -> Value {
    let mut all: SortedMap<Text, SortedMap<Text, Value>> = SortedMap::new();
    for (name, value) in named {
        let (domain, id) = match name.split_once('/') {
            Some((domain, id)) => (domain.into(), id.into()),
            None => (driver.clone(), name.clone()),
        };
        all.entry(domain).or_default().insert(id, value);
    }
    let all = all.into_iter();
    let all = all.map(|(domain, own)| (domain, Value::Map(Arc::new(own))));
    Value::Domains(Arc::new(all.collect()))
}
