//! A line of the log of a run.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// Event of a run, as `events.jsonl.zst` has it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Line<'t> {
    /// Instant, in nanoseconds.
    pub(crate) time_ns: i64,
    /// The variant.
    #[serde(borrow, default)]
    pub(crate) variant: Cow<'t, str>,
    /// Kind of event.
    #[serde(borrow)]
    pub(crate) kind: Cow<'t, str>,
    /// Object of the event.
    #[serde(borrow)]
    pub(crate) object: Cow<'t, str>,
    /// Further details.
    #[serde(borrow, default)]
    pub(crate) what: Cow<'t, str>,
    /// Amounts that a node has, or a pod asks for.
    #[serde(borrow, default)]
    pub(crate) amounts: Pairs<'t>,
    /// Object that owns it.
    #[serde(borrow, default)]
    pub(crate) owner: Cow<'t, str>,
}

/// Names and values, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs<'t>(pub(crate) Vec<(Cow<'t, str>, Cow<'t, str>)>);

impl<'de: 't, 't> Deserialize<'de> for Pairs<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        /// A text that borrows where it can.
        #[derive(Deserialize)]
        struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("amounts by resource")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    pairs.push((name, value));
                }
                Ok(pairs)
            }
        }
        Ok(Self(deserializer.deserialize_map(Reader)?))
    }
}
