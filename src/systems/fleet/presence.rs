//! Leases and beats: which engine acts, which machines are there
//! (spec: orchestrators-a.md section 5; fleet `engine/engine.go`, `server/monitor.go`).

use super::options::FleetOptions;
use crate::parts::delay::Growth;
use crate::parts::lease::Lease;
use crate::parts::membership::Membership;
use model::Text;
use units::{Duration, Instant};

/// Between two rounds of an agent.
pub const AGENT_INTERVAL: Duration = Duration::from_secs(5);
/// Time for which the watch of the registry pauses after an event.
pub const WATCH_PAUSE: Duration = Duration::from_secs(1);
/// Within which time a beat is tried again and again.
pub const BEAT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two tries of a beat.
pub const BEAT_RETRY: Duration = Duration::from_millis(2_500);
/// Growth of the time between a cut-off server's tries to reach the registry.
pub const RECONNECT: Growth = Growth {
    first: Duration::from_secs(1),
    factor: 2.0,
    most: Duration::from_secs(60),
};
/// Engine intervals that a lease lasts.
const LEASE_INTERVALS: i64 = 5;
/// Engine intervals that a lease lasts in a registry served by gRPC.
const GRPC_LEASE_INTERVALS: i64 = 500_000;

impl FleetOptions {
    /// Life of the engine's lease without renewal; it is renewed in each round.
    pub fn lease_ttl(&self) -> Duration {
        let intervals = if self.grpc_registry {
            GRPC_LEASE_INTERVALS
        } else {
            LEASE_INTERVALS
        };
        let ttl = self.engine_interval.checked_mul(intervals);
        ttl.unwrap_or(Duration::MAX)
    }

    /// Between two beats of a machine.
    pub fn presence_beat(&self) -> Duration {
        Duration::from_nanos(self.agent_ttl.as_nanos() / 2)
    }

    /// Between two beats of a unit's key: four fifths of its life, half of a life up to 10 s.
    pub fn unit_beat(&self) -> Duration {
        let ttl = self.agent_ttl.as_nanos();
        if self.agent_ttl > Duration::from_secs(10) {
            Duration::from_nanos(ttl / 5 * 4)
        } else {
            Duration::from_nanos(ttl / 2)
        }
    }

    /// Least and greatest time from a crash until the machine's key expires.
    pub fn expiry_bounds(&self) -> (Duration, Duration) {
        let beat = self.presence_beat().as_nanos();
        let least = Duration::from_nanos(self.agent_ttl.as_nanos() - beat);
        (least, self.agent_ttl)
    }
}

/// The machines whose keys are in the registry.
#[derive(Clone, Debug)]
pub struct Presence {
    options: FleetOptions,
    keys: Membership<Text>,
}

impl Presence {
    /// An empty registry.
    pub fn new(options: FleetOptions) -> Self {
        Self {
            options,
            keys: Membership::default(),
        }
    }

    /// A machine beats: when it beats next.
    pub fn beat(&mut self, now: Instant, machine: Text) -> Instant {
        self.keys.heard(now, machine, self.options.agent_ttl);
        now.saturating_add(self.options.presence_beat())
    }

    /// The machines whose keys have expired, in order.
    pub fn expire(&mut self, now: Instant) -> Vec<Text> {
        self.keys.expire(now)
    }

    /// Instant at which the next key expires.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.keys.next_expiry()
    }
}

/// Leadership among the engines.
#[derive(Clone, Debug)]
pub struct Leadership {
    lease: Lease,
    version: u32,
    starts: Instant,
}

impl Leadership {
    /// Nobody leads yet.
    pub fn new(options: &FleetOptions) -> Self {
        Self {
            lease: Lease::new(options.lease_ttl()),
            version: 0,
            starts: Instant::ZERO,
        }
    }

    /// An engine's round begins: whether it acts. An engine of a newer version takes the lease from
    /// an older one and then waits out the time that was left.
    pub fn claim(&mut self, now: Instant, engine: usize, version: u32) -> bool {
        let holder = self.lease.holder(now);
        if holder.is_some_and(|holder| holder != engine) && version > self.version {
            self.starts = self.lease.steal(now, engine);
            self.version = version;
            return false;
        }
        if !self.lease.claim(now, engine) {
            return false;
        }
        self.version = version;
        self.starts <= now
    }
}
