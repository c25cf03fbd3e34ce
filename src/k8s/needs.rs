//! Secrets and configs that the containers of a template mount or read: the names, and nothing of what
//! is in them. Optional ones block no pod and are left out.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::field::{Path, Problem};
use super::raw::nullable;
use super::workload::{Workload, part};
use model::{ConfigReference, NamedObject, Needs, Object};
use units::SortedSet;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec {
    #[serde(deserialize_with = "nullable")]
    volumes: Vec<RawVolume>,
    #[serde(deserialize_with = "nullable")]
    containers: Vec<RawContainer>,
    #[serde(deserialize_with = "nullable")]
    init_containers: Vec<RawContainer>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawVolume {
    secret: Option<RawSecret>,
    config_map: Option<RawReference>,
    projected: Option<RawProjected>,
}

/// A volume names its secret otherwise than all others do.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSecret {
    secret_name: Option<String>,
    optional: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawProjected {
    #[serde(deserialize_with = "nullable")]
    sources: Vec<RawSource>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSource {
    secret: Option<RawReference>,
    config_map: Option<RawReference>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawContainer {
    #[serde(deserialize_with = "nullable")]
    env: Vec<RawVariable>,
    #[serde(deserialize_with = "nullable")]
    env_from: Vec<RawVariables>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawVariable {
    name: Value,
    value_from: Option<RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawValue {
    secret_key_ref: Option<RawReference>,
    config_map_key_ref: Option<RawReference>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawVariables {
    secret_ref: Option<RawReference>,
    config_map_ref: Option<RawReference>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawReference {
    name: Option<String>,
    key: Value,
    optional: Option<bool>,
}

impl RawReference {
    fn needed(&self) -> Option<&str> {
        let is_optional = self.optional == Some(true);
        self.name.as_deref().filter(|_| !is_optional)
    }
}

/// A variable that takes a key of a config.
pub(super) struct KeyUse {
    pub(super) variable: String,
    pub(super) config: String,
    pub(super) key: String,
}

impl KeyUse {
    fn of(variable: &RawVariable) -> Option<Self> {
        let config = variable.value_from.as_ref()?.config_map_key_ref.as_ref()?;
        Some(Self {
            variable: variable.name.as_str()?.to_owned(),
            config: config.needed()?.to_owned(),
            key: config.key.as_str()?.to_owned(),
        })
    }
}

/// Needs of a template's containers, each once, in order, and the keys of configs among them.
pub(super) fn needs(template: &Value) -> Result<(Needs, Vec<KeyUse>), Problem> {
    let path = Path::root("spec");
    let raw: RawSpec = part(template.get("spec").unwrap_or(&Value::Null), &path)?;
    let mut needs = SortedSet::new();
    let mut note = |secret: Option<&RawReference>, config: Option<&RawReference>| {
        let secret = secret.and_then(RawReference::needed);
        let config = config.and_then(RawReference::needed);
        needs.extend(secret.map(|name| ConfigReference::Secret(name.into())));
        needs.extend(config.map(|name| ConfigReference::ConfigMap(name.into())));
    };
    for volume in raw.volumes {
        let secret = volume.secret.map(|own| RawReference {
            name: own.secret_name,
            optional: own.optional,
            ..RawReference::default()
        });
        note(secret.as_ref(), volume.config_map.as_ref());
        for source in volume.projected.into_iter().flat_map(|own| own.sources) {
            note(source.secret.as_ref(), source.config_map.as_ref());
        }
    }
    let mut keys = Vec::new();
    for container in raw.containers.iter().chain(&raw.init_containers) {
        keys.extend(container.env.iter().filter_map(KeyUse::of));
        for variables in &container.env_from {
            let (secret, config) = (&variables.secret_ref, &variables.config_map_ref);
            note(secret.as_ref(), config.as_ref());
        }
        for value in container
            .env
            .iter()
            .filter_map(|own| own.value_from.as_ref())
        {
            let (secret, config) = (&value.secret_key_ref, &value.config_map_key_ref);
            note(secret.as_ref(), config.as_ref());
        }
    }
    Ok((Needs(needs.into_iter().collect()), keys))
}

/// A secret or a config, by its name.
pub(super) fn needed(kind: &str, workload: &Workload<'_>) -> Object {
    let named = Arc::new(NamedObject {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
    });
    if kind == "Secret" {
        Object::Secret(named)
    } else {
        Object::ConfigMap(named)
    }
}
