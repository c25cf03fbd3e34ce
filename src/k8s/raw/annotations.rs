//! Annotations: only those that are looked at are kept, for others may be large.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{TextMap, TextOrNumber};
use crate::{ingress_settings, keys, reported_status};

/// Prefix of the annotations by which `autoscaling/v1` carries what it has no fields for.
pub(crate) const AUTOSCALER_ANNOTATIONS: &str = "autoscaling.alpha.kubernetes.io/";

/// The annotations this reader looks at; others (which may be large) are never stored.
#[derive(Debug, Default)]
pub(crate) struct Annotations(pub(crate) TextMap);

impl Annotations {
    pub(crate) fn is_read(key: &str) -> bool {
        key.starts_with("alibabacloud.com/gpu-")
            || key.starts_with("windtunnel/")
            || key.starts_with("windtunnel.dev/")
            || key.starts_with(AUTOSCALER_ANNOTATIONS)
            || key.starts_with(keys::TOPOLOGY_WISHES)
            || key.starts_with("nginx.ingress.kubernetes.io/canary")
            || matches!(
                key,
                keys::BALANCE | keys::NO_COOKIE | keys::PROJECT_SELECTOR
            )
            || matches!(
                key,
                keys::MIRROR
                    | keys::SAFE_TO_EVICT
                    | keys::SAFE_LOCAL_VOLUMES
                    | keys::DO_NOT_DISRUPT
                    | keys::SCALE_DOWN_DISABLED
                    | keys::SCALE_UP_DELAY
                    | keys::DESCHEDULED
                    | keys::DELETION_COST
                    | keys::PREFER_AVOID_PODS
                    | keys::BIND_COMPLETED
                    | keys::SELECTED_NODE
                    | keys::BETA_CLASS
                    | keys::QUEUE_LEAST_PODS
                    | keys::POD_GROUP_PODS
                    | keys::CLAIM_ENTRY
                    | keys::HELM_HOOK
                    | keys::DEFAULT_CLASS
                    | keys::INDEX_FAILURES
                    | keys::IGNORED_INDEX_FAILURES
                    | keys::MACHINE
                    | keys::MACHINE_OWNER_KIND
                    | keys::MACHINE_OWNER_NAME
            )
            || reported_status::ANNOTATIONS.contains(&key)
            || ingress_settings::instead(key).is_some()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnnotationsVisitor;
        impl<'de> Visitor<'de> for AnnotationsVisitor {
            type Value = Annotations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("annotations by key")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
                let mut kept = TextMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == keys::LAST_APPLIED {
                        let declaration: String = map.next_value()?;
                        kept.insert(key, stated(&declaration));
                    } else if may_be_number(&key) {
                        // The word that is followed by advice to write quotes.
                        let value = map.next_value_seed(TextOrNumber("a string"))?;
                        kept.insert(key, value);
                    } else if Annotations::is_read(&key) {
                        let value: Option<String> = map.next_value()?;
                        kept.insert(key, value.unwrap_or_default());
                    } else {
                        map.next_value::<Option<IgnoredText>>()?;
                    }
                }
                Ok(Annotations(kept))
            }
        }
        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

/// Marks annotations that may be plain numbers: the program's own and those of GPU traces, which come from files
/// that no server has read. A server refuses all others.
fn may_be_number(key: &str) -> bool {
    ["windtunnel/", "windtunnel.dev/", "alibabacloud.com/gpu-"]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

/// A text that is not kept.
struct IgnoredText;

impl<'de> Deserialize<'de> for IgnoredText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IgnoredTextVisitor;
        impl Visitor<'_> for IgnoredTextVisitor {
            type Value = IgnoredText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<IgnoredText, E> {
                Ok(IgnoredText)
            }
        }
        deserializer.deserialize_str(IgnoredTextVisitor)
    }
}

/// Fields of the last applied declaration that other writers share, of those that it states; the rest may
/// be large.
fn stated(declaration: &str) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Declaration {
        spec: Option<Fields>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Fields {
        replicas: Option<IgnoredAny>,
        paused: Option<IgnoredAny>,
    }
    let read = serde_json::from_str::<Declaration>(declaration);
    let fields = read.ok().and_then(|ok| ok.spec).unwrap_or_default();
    let fields = [("replicas", fields.replicas), ("paused", fields.paused)];
    let stated = fields.iter().filter(|(_, value)| value.is_some());
    let names: Vec<&str> = stated.map(|(name, _)| *name).collect();
    names.join(" ")
}
