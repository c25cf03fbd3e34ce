//! Processes as a world of the simulator's kernel: two that pass a ball, or many that wait for
//! random times. The comparison with other simulators drives the same ones.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use windtunnel::control::Stepping;
use windtunnel::sim::kernel::{World, happen, next_instant};
use windtunnel::sim::wheel::{Wheel, WheelEvent};
use windtunnel::units::{Duration, Instant};

/// Delays below one second, in the order of a xorshift generator (Marsaglia 2003).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delays(pub(crate) u64);

impl Default for Delays {
    fn default() -> Self {
        Self(88_172_645_463_325_252)
    }
}

impl Delays {
    /// The next number.
    #[inline]
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// The next delay.
    #[inline]
    pub(crate) fn draw(&mut self) -> Duration {
        Duration::from_nanos((self.bits() % 1_000_000_000) as i64)
    }
}

/// A message to a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    to: u32,
}

impl WheelEvent for Message {
    #[inline]
    fn rank(self) -> u8 {
        0
    }
}

/// What a process does once it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// It tells the other one a second later.
    Pass,
    /// It waits for a random time.
    Wait,
}

/// Processes, each with a count of the messages that it heard.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    ahead: Wheel<Message>,
    now: Instant,
    heard: Vec<u64>,
    delays: Delays,
    habit: Habit,
}

impl Processes {
    /// Two processes that pass a ball, one second a pass.
    pub(crate) fn ping_pong() -> Self {
        let mut world = Self::new(2, Habit::Pass);
        world.ahead.push(Instant::ZERO, Message { to: 0 });
        world
    }

    /// Processes that wait for random times.
    pub(crate) fn waiting(count: u32) -> Self {
        let mut world = Self::new(count, Habit::Wait);
        for to in 0..count {
            let at = Instant::ZERO.saturating_add(world.delays.draw());
            world.ahead.push(at, Message { to });
        }
        world
    }

    fn new(count: u32, habit: Habit) -> Self {
        Self {
            ahead: Wheel::default(),
            now: Instant::ZERO,
            heard: vec![0; count as usize],
            delays: Delays::default(),
            habit,
        }
    }

    /// Lets at least this many events happen; returns how many did.
    pub(crate) fn run(&mut self, events: u64) -> u64 {
        let mut happened = 0;
        while happened < events
            && let Some(at) = next_instant(self)
        {
            self.now = at;
            let Ok(more) = happen(self, at, Stepping::PerInstant);
            happened += more;
        }
        happened
    }
}

impl World for Processes {
    type Event = Message;
    type Error = Infallible;

    #[inline]
    fn ahead(&self) -> &Wheel<Message> {
        &self.ahead
    }

    #[inline]
    fn ahead_mut(&mut self) -> &mut Wheel<Message> {
        &mut self.ahead
    }

    #[inline]
    fn occur(&mut self, message: Message) -> Result<(), Infallible> {
        self.heard[message.to as usize] += 1;
        let (to, delay) = match self.habit {
            Habit::Pass => (1 - message.to, Duration::from_secs(1)),
            Habit::Wait => (message.to, self.delays.draw()),
        };
        self.ahead
            .push(self.now.saturating_add(delay), Message { to });
        Ok(())
    }
}
