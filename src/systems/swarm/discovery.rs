//! Discovery of engines by a manager: agents register again and again, entries expire (spec:
//! orchestrators-a.md section 1.5 "Join"; classicswarm `cli/join.go`, `discovery`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use thiserror::Error;

use crate::parts::membership::Membership;
use model::Text;
use units::{Duration, Instant};

/// Back-end of the discovery service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SwarmBackend")]
pub enum Backend {
    /// List of addresses or a file, where nothing expires.
    #[default]
    List,
    /// Token service of Docker Hub.
    Token,
    /// Key-value store: etcd, Consul or `ZooKeeper`.
    Store,
}

/// Discovery service that lists the engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "SwarmDiscovery")]
pub struct DiscoveryOptions {
    /// Back-end of the discovery service; default `list`.
    pub backend: Backend,
    /// Interval of agent registrations (`swarm join --heartbeat`); default `60s`.
    #[schemars(extend("x-positive" = true))]
    pub heartbeat: Duration,
    /// Lifetime of a registration (`swarm join --ttl`), longer than the heartbeat; default `180s`.
    #[schemars(extend("x-positive" = true))]
    pub ttl: Duration,
}

impl Default for DiscoveryOptions {
    fn default() -> Self {
        Self {
            backend: Backend::List,
            heartbeat: Duration::from_secs(60),
            ttl: Duration::from_secs(180),
        }
    }
}

/// Registrations that would expire between two heartbeats.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the TTL of discovery ({ttl}) must be longer than its heartbeat ({heartbeat})")]
pub struct TtlError {
    /// Time for which a registration lasts.
    pub ttl: Duration,
    /// Time between two registrations of an agent.
    pub heartbeat: Duration,
}

/// Engines listed by the discovery back-end.
#[derive(Clone, Debug)]
pub struct Discovery {
    options: DiscoveryOptions,
    members: Membership<Text>,
}

impl Discovery {
    /// An empty list.
    ///
    /// # Errors
    /// Registrations would expire between two heartbeats.
    pub fn new(options: DiscoveryOptions) -> Result<Self, TtlError> {
        if options.ttl <= options.heartbeat {
            return Err(TtlError {
                ttl: options.ttl,
                heartbeat: options.heartbeat,
            });
        }
        Ok(Self {
            options,
            members: Membership::default(),
        })
    }

    /// An agent registers; when it does so next, unless nothing expires. Whether it is new.
    pub fn register(&mut self, now: Instant, engine: Text) -> (bool, Option<Instant>) {
        if self.options.backend == Backend::List {
            return (self.members.heard(now, engine, Duration::MAX), None);
        }
        let next = now.saturating_add(self.options.heartbeat);
        (
            self.members.heard(now, engine, self.options.ttl),
            Some(next),
        )
    }

    /// The engines whose registrations have expired; the manager drops them.
    pub fn expire(&mut self, now: Instant) -> Vec<Text> {
        self.members.expire(now)
    }

    /// Instant at which the next registration expires.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.members.next_expiry()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> DiscoveryOptions {
        DiscoveryOptions {
            backend: Backend::Store,
            ..DiscoveryOptions::default()
        }
    }

    #[test]
    fn an_agent_that_stops_registering_is_dropped_after_the_ttl() {
        let at = Instant::from_secs;
        let mut discovery = Discovery::new(store()).expect("options");
        assert_eq!(discovery.register(at(0), "a".into()), (true, Some(at(60))));
        assert_eq!(
            discovery.register(at(60), "a".into()),
            (false, Some(at(120)))
        );
        assert_eq!(discovery.next_expiry(), Some(at(240)));
        assert!(discovery.expire(at(239)).is_empty());
        assert_eq!(discovery.expire(at(240)), ["a".into()]);
    }

    #[test]
    fn a_list_never_expires_and_a_short_ttl_is_refused() {
        let mut discovery = Discovery::new(DiscoveryOptions::default()).expect("options");
        assert_eq!(discovery.register(Instant::ZERO, "a".into()), (true, None));
        assert!(discovery.expire(Instant::from_secs(1_000_000)).is_empty());
        let short = DiscoveryOptions {
            ttl: Duration::from_secs(60),
            ..store()
        };
        let told = Discovery::new(short).err().map(|error| error.to_string());
        let expected = "the TTL of discovery (1m) must be longer than its heartbeat (1m)";
        assert_eq!(told.as_deref(), Some(expected));
    }
}
