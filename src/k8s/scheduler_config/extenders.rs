//! Extenders that a configuration names.

use serde::Deserialize;

use super::super::field::{Path, Problem, Texts};
use super::super::raw;
use model::scheduler_config::{ExtenderConfig, SchedulerProfile};
use model::{DEFAULT_SCHEDULER, SchedulerConfig};
use units::Duration;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawExtender {
    url_prefix: String,
    #[serde(deserialize_with = "raw::nullable")]
    filter_verb: String,
    #[serde(deserialize_with = "raw::nullable")]
    prioritize_verb: String,
    #[serde(deserialize_with = "raw::nullable")]
    preempt_verb: String,
    #[serde(deserialize_with = "raw::nullable")]
    bind_verb: String,
    weight: Option<i64>,
    http_timeout: Option<String>,
    #[serde(rename = "enableHTTPS", deserialize_with = "raw::nullable")]
    enable_https: bool,
    tls_config: Option<serde_json::Value>,
    #[serde(deserialize_with = "raw::nullable")]
    node_cache_capable: bool,
    #[serde(deserialize_with = "raw::nullable")]
    ignorable: bool,
    #[serde(deserialize_with = "raw::nullable")]
    managed_resources: Vec<RawManaged>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawManaged {
    name: String,
    #[serde(deserialize_with = "raw::nullable")]
    ignored_by_scheduler: bool,
}

/// Time that an answer may take where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Reads extenders; resources that they ask the scheduler to ignore are ignored by every profile.
pub(super) fn add_extenders(
    all: &[RawExtender],
    config: &mut SchedulerConfig,
) -> Result<(), Problem> {
    let root = Path::root("extenders");
    let mut texts = Texts::default();
    let mut ignored = Vec::new();
    let mut binders = 0;
    for (index, raw) in all.iter().enumerate() {
        let path = root.index(index);
        if raw.url_prefix.is_empty() {
            return Err(path.field("urlPrefix").missing("the URL of the extender"));
        }
        if raw.enable_https || raw.tls_config.is_some() {
            let expected = "HTTP without TLS, on this machine";
            return Err(path.field("enableHTTPS").problem(expected, true));
        }
        let weight = raw.weight.unwrap_or(0);
        if !raw.prioritize_verb.is_empty() && weight <= 0 {
            let expected = "a positive weight, as it has a `prioritizeVerb`";
            return Err(path.field("weight").problem(expected, weight));
        }
        binders += usize::from(!raw.bind_verb.is_empty());
        if binders > 1 {
            let expected = "one extender that binds, and not several";
            return Err(path.field("bindVerb").problem(expected, &raw.bind_verb));
        }
        let timeout = match raw.http_timeout.as_deref() {
            None | Some("") => TIMEOUT,
            Some(text) => match text.parse() {
                Ok(time) if time > Duration::ZERO => time,
                _ => {
                    return Err(path
                        .field("httpTimeout")
                        .problem("a time such as `5s`", text));
                }
            },
        };
        let managed = raw.managed_resources.iter();
        let hidden = managed.clone().filter(|own| own.ignored_by_scheduler);
        ignored.extend(hidden.map(|own| texts.share(&own.name)));
        config.extenders.push(ExtenderConfig {
            url_prefix: texts.share(&raw.url_prefix),
            filter_verb: texts.share(&raw.filter_verb),
            prioritize_verb: texts.share(&raw.prioritize_verb),
            preempt_verb: texts.share(&raw.preempt_verb),
            bind_verb: texts.share(&raw.bind_verb),
            weight,
            timeout,
            is_node_cache_capable: raw.node_cache_capable,
            is_ignorable: raw.ignorable,
            managed_resources: managed.map(|own| texts.share(&own.name)).collect(),
        });
    }
    if !ignored.is_empty() && config.profiles.is_empty() {
        config.profiles.push(SchedulerProfile {
            scheduler_name: texts.share(DEFAULT_SCHEDULER),
            ..SchedulerProfile::default()
        });
    }
    for profile in &mut config.profiles {
        let known = &mut profile.arguments.fit.ignored_resources;
        known.extend(ignored.iter().cloned());
    }
    Ok(())
}
