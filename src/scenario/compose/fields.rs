//! Fields of services: those that a run models, and what becomes of the others.

use super::Target;

/// Effect of a field on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is modelled, whatever the project runs as.
    Modelled,
    /// It is modelled where the project runs as one of these; elsewhere for the reason not.
    On(&'static [Target], &'static str),
    /// It has no effect here, for a reason.
    Without(&'static str),
}

const INSIDE: &str = "what a container does inside is not run";
const HOST: &str = "settings of the host's kernel bear on no start and no place";
pub(super) const NETWORK: &str = "every container reaches every other";
pub(super) const STORE: &str = "data is taken to be where its container is";
const BUILD: &str = "the image is taken to be built";
const NAME: &str = "containers are named after their service";
const DEVICE: &str = "devices of the host are not shared out";
const LIMIT: &str = "use above a limit is not modelled";
pub(super) const SECRET: &str = "it is taken to be there";
const LOG: &str = "logs are not kept";

/// Targets with several nodes.
const CLUSTERS: &[Target] = &[Target::SwarmKit, Target::Kubernetes];

/// Fields of a service and their effects, by name.
pub(super) const OF_SERVICES: &[(&str, Effect)] = &[
    ("annotations", Effect::Without(INSIDE)),
    ("attach", Effect::Without(LOG)),
    ("blkio_config", Effect::Without(HOST)),
    ("build", Effect::Without(BUILD)),
    ("cap_add", Effect::Without(HOST)),
    ("cap_drop", Effect::Without(HOST)),
    ("cgroup", Effect::Without(HOST)),
    ("cgroup_parent", Effect::Without(HOST)),
    ("command", Effect::Without(INSIDE)),
    ("configs", Effect::Without(SECRET)),
    ("container_name", Effect::Without(NAME)),
    ("cpu_count", Effect::Without(HOST)),
    ("cpu_percent", Effect::Without(HOST)),
    ("cpu_period", Effect::Without(HOST)),
    ("cpu_quota", Effect::Without(HOST)),
    ("cpu_rt_period", Effect::Without(HOST)),
    ("cpu_rt_runtime", Effect::Without(HOST)),
    ("cpu_shares", Effect::Without(HOST)),
    ("cpus", Effect::Modelled),
    ("cpuset", Effect::Without(HOST)),
    ("credential_spec", Effect::Without(HOST)),
    (
        "depends_on",
        Effect::On(
            &[Target::Compose],
            "services start side by side, without waiting",
        ),
    ),
    ("deploy", Effect::Modelled),
    ("develop", Effect::Without(BUILD)),
    ("device_cgroup_rules", Effect::Without(DEVICE)),
    ("devices", Effect::Without(DEVICE)),
    ("dns", Effect::Without(NETWORK)),
    ("dns_opt", Effect::Without(NETWORK)),
    ("dns_search", Effect::Without(NETWORK)),
    ("domainname", Effect::Without(NETWORK)),
    ("driver_opts", Effect::Without(NETWORK)),
    ("entrypoint", Effect::Without(INSIDE)),
    ("env_file", Effect::Without(INSIDE)),
    ("environment", Effect::Without(INSIDE)),
    ("expose", Effect::Modelled),
    ("extends", Effect::Modelled),
    ("external_links", Effect::Without(NETWORK)),
    ("extra_hosts", Effect::Without(NETWORK)),
    ("gpus", Effect::On(CLUSTERS, DEVICE)),
    ("group_add", Effect::Without(HOST)),
    ("healthcheck", Effect::Modelled),
    ("hostname", Effect::Without(NAME)),
    ("image", Effect::Modelled),
    ("init", Effect::Without(INSIDE)),
    ("ipc", Effect::Without(HOST)),
    ("isolation", Effect::Without(HOST)),
    ("label_file", Effect::Without(INSIDE)),
    ("labels", Effect::Without(INSIDE)),
    (
        "links",
        Effect::On(
            &[Target::Compose],
            "services start side by side, without waiting",
        ),
    ),
    ("logging", Effect::Without(LOG)),
    ("mac_address", Effect::Without(NETWORK)),
    ("mem_limit", Effect::Modelled),
    ("mem_reservation", Effect::Modelled),
    ("mem_swappiness", Effect::Without(HOST)),
    ("memswap_limit", Effect::Without(HOST)),
    ("models", Effect::Without(SECRET)),
    ("network_mode", Effect::Without(NETWORK)),
    ("networks", Effect::Without(NETWORK)),
    ("oom_kill_disable", Effect::Without(HOST)),
    ("oom_score_adj", Effect::Without(HOST)),
    ("pid", Effect::Without(HOST)),
    ("pids_limit", Effect::Without(LIMIT)),
    ("platform", Effect::Without("every node runs every image")),
    ("ports", Effect::Modelled),
    ("post_start", Effect::Without(INSIDE)),
    ("pre_stop", Effect::Without(INSIDE)),
    ("privileged", Effect::Without(HOST)),
    ("profiles", Effect::Modelled),
    (
        "provider",
        Effect::Without("it is taken to be there at once"),
    ),
    (
        "pull_policy",
        Effect::On(&[Target::Kubernetes], "images are taken to be on the host"),
    ),
    (
        "pull_refresh_after",
        Effect::Without("images are taken to be on the host"),
    ),
    ("read_only", Effect::Without(HOST)),
    ("restart", Effect::Modelled),
    ("runtime", Effect::Without("every node has every runtime")),
    ("scale", Effect::Modelled),
    ("secrets", Effect::Without(SECRET)),
    ("security_opt", Effect::Without(HOST)),
    ("shm_size", Effect::Without(HOST)),
    ("stdin_open", Effect::Without(INSIDE)),
    ("stop_grace_period", Effect::Modelled),
    ("stop_signal", Effect::Without(INSIDE)),
    ("storage_opt", Effect::Without(HOST)),
    ("sysctls", Effect::Without(HOST)),
    ("tmpfs", Effect::Without(STORE)),
    ("tty", Effect::Without(INSIDE)),
    ("ulimits", Effect::Without(HOST)),
    ("use_api_socket", Effect::Without(INSIDE)),
    ("user", Effect::Without(INSIDE)),
    ("userns_mode", Effect::Without(HOST)),
    ("uts", Effect::Without(HOST)),
    ("volumes", Effect::Without(STORE)),
    ("volumes_from", Effect::On(&[Target::Compose], STORE)),
    ("working_dir", Effect::Without(INSIDE)),
];

/// Fields of `deploy` and their effects, by name.
pub(super) const OF_DEPLOY: &[(&str, Effect)] = &[
    ("endpoint_mode", Effect::Without(NETWORK)),
    ("labels", Effect::Without(INSIDE)),
    ("mode", Effect::Modelled),
    ("placement", Effect::On(CLUSTERS, "there is one host")),
    ("replicas", Effect::Modelled),
    ("resources", Effect::Modelled),
    (
        "restart_policy",
        Effect::On(
            &[Target::SwarmKit, Target::Compose],
            "a deployment restarts always",
        ),
    ),
    (
        "rollback_config",
        Effect::On(&[Target::SwarmKit], "only a stack rolls back"),
    ),
    (
        "update_config",
        Effect::On(CLUSTERS, "all containers of a service are replaced at once"),
    ),
];

/// Fields at the top of a file.
pub(super) const AT_TOP: &[&str] = &[
    "configs", "include", "models", "name", "networks", "secrets", "services", "version", "volumes",
];

/// The effect of a field in a table.
pub(super) fn effect(table: &[(&str, Effect)], field: &str) -> Option<Effect> {
    let found = table.iter().find(|(name, _)| *name == field);
    found.map(|&(_, effect)| effect)
}

impl Effect {
    /// Reason the field has no effect where a project runs as this, if it has none.
    pub(super) fn without(self, target: Target) -> Option<&'static str> {
        match self {
            Self::Modelled => None,
            Self::On(targets, why) => (!targets.contains(&target)).then_some(why),
            Self::Without(why) => Some(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_order_and_once() {
        for table in [OF_SERVICES, OF_DEPLOY] {
            assert!(table.is_sorted_by(|one, next| one.0 < next.0));
        }
        assert!(AT_TOP.is_sorted());
    }
}
