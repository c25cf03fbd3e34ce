//! Stated options of a system that change nothing in a setting, and those that change what the system can
//! express.

use options::{Plain, SystemSection};

use super::capability::Capabilities;
use super::ecs::options::NetworkMode;
use super::ecs::section::Ecs;
use super::nova::filter::Filter;
use super::nova::section::Nova;
use super::openshift::section::{OpenShift, OpenShiftPolicy};
use super::setting::Setting;
use super::{borg, ecs, nova, openshift, swarmkit};

/// Notes about options of a system that change nothing in a setting.
pub fn idle_options(system: &str, stated: Option<&Plain>, setting: &Setting<'_>) -> Vec<String> {
    if system == borg::ENTRY.name {
        borg::fit::idle(&own(stated), setting)
    } else if system == ecs::ENTRY.name {
        ecs::fit::idle(&own(stated), setting)
    } else if system == nova::ENTRY.name {
        nova::fit::idle(&own(stated), setting)
    } else if system == openshift::ENTRY.name {
        openshift::fit::idle(&own(stated), setting)
    } else if system == swarmkit::ENTRY.name {
        swarmkit::fit::idle(&own(stated), setting)
    } else {
        Vec::new()
    }
}

/// Answers of a system's table that stated options change.
pub fn changed_capabilities(system: &str, stated: Option<&Plain>) -> Capabilities {
    if system == nova::ENTRY.name {
        let filters = own::<Nova>(stated).filters;
        let mut hints = [Filter::SameHost, Filter::DifferentHost].iter();
        if hints.all(|hint| filters.contains(hint)) {
            return nova::WITH_HINTS;
        }
    } else if system == ecs::ENTRY.name {
        if own::<Ecs>(stated).network_mode != NetworkMode::Awsvpc {
            return ecs::WITH_PORTS;
        }
    } else if system == openshift::ENTRY.name {
        let own: OpenShift = own(stated);
        if own.policy == OpenShiftPolicy::V3_11 || own.policy_file.is_some() {
            return openshift::WITH_3_11;
        }
    }
    &[]
}

fn own<T: SystemSection>(stated: Option<&Plain>) -> T {
    let own = stated.and_then(|own| own.decode().ok());
    own.unwrap_or_default()
}
