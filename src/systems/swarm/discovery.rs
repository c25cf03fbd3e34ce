//! Discovery of engines by a manager: agents register again and again, entries expire (spec:
//! orchestrators-a.md section 1.5 "Join"; classicswarm `cli/join.go`, `discovery`).

use thiserror::Error;

use crate::parts::membership::Membership;
use model::Text;
use units::{Duration, Instant};

/// Backend that lists engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A list of addresses on the command line or in a file: nothing expires.
    List,
    /// Docker Hub's service of tokens.
    Token,
    /// A key-value store: etcd, Consul or `ZooKeeper`.
    Store,
}

/// Options of the registration of agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoveryOptions {
    /// Backend of the list.
    pub backend: Backend,
    /// Time between two registrations of an agent.
    pub heartbeat: Duration,
    /// Time for which a registration lasts.
    pub ttl: Duration,
}

impl Default for DiscoveryOptions {
    fn default() -> Self {
        Self {
            backend: Backend::Store,
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

    #[test]
    fn an_agent_that_stops_registering_is_dropped_after_the_ttl() {
        let at = Instant::from_secs;
        let mut discovery = Discovery::new(DiscoveryOptions::default()).expect("options");
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
        let list = DiscoveryOptions {
            backend: Backend::List,
            ..DiscoveryOptions::default()
        };
        let mut discovery = Discovery::new(list).expect("options");
        assert_eq!(discovery.register(Instant::ZERO, "a".into()), (true, None));
        assert!(discovery.expire(Instant::from_secs(1_000_000)).is_empty());
        let short = DiscoveryOptions {
            ttl: Duration::from_secs(60),
            ..DiscoveryOptions::default()
        };
        let told = Discovery::new(short).err().map(|error| error.to_string());
        let expected = "the TTL of discovery (1m) must be longer than its heartbeat (1m)";
        assert_eq!(told.as_deref(), Some(expected));
    }
}
