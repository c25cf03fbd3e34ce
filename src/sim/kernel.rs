//! The kernel: events of the queue and arrivals of a sorted stream happen to a world, instant by
//! instant, in the order of their ranks. The simulator is one such world; so are the processes that
//! the benchmarks drive.

use control::Stepping;
use units::Instant;

use super::queue::rank;
use super::wheel::{EVERY_RANK, Wheel, WheelEvent};

/// A world that handles events.
///
/// A clock that ticks every second until the sixtieth:
///
/// ```
/// use control::Stepping;
/// use sim::kernel::{World, happen, next_instant};
/// use sim::wheel::{WheelEvent, Wheel};
/// use units::{Duration, Instant};
///
/// #[derive(Clone, Copy)]
/// struct Tick(Instant);
///
/// impl WheelEvent for Tick {
///     fn rank(self) -> u8 {
///         0
///     }
/// }
///
/// #[derive(Default)]
/// struct Clock {
///     ahead: Wheel<Tick>,
///     ticks: u32,
/// }
///
/// impl World for Clock {
///     type Event = Tick;
///     type Error = std::convert::Infallible;
///
///     fn ahead(&self) -> &Wheel<Tick> {
///         &self.ahead
///     }
///
///     fn ahead_mut(&mut self) -> &mut Wheel<Tick> {
///         &mut self.ahead
///     }
///
///     fn occur(&mut self, Tick(at): Tick) -> Result<(), Self::Error> {
///         self.ticks += 1;
///         if self.ticks < 60 {
///             let next = at.saturating_add(Duration::from_secs(1));
///             self.ahead.push(next, Tick(next));
///         }
///         Ok(())
///     }
/// }
///
/// let mut clock = Clock::default();
/// clock.ahead.push(Instant::ZERO, Tick(Instant::ZERO));
/// while let Some(at) = next_instant(&clock) {
///     happen(&mut clock, at, Stepping::PerInstant)?;
/// }
/// assert_eq!(clock.ticks, 60);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
pub trait World {
    /// Event that can lie ahead in the world.
    type Event: WheelEvent;
    /// Error that ends the world's course.
    type Error;

    /// Events ahead in the world, arrivals aside.
    fn ahead(&self) -> &Wheel<Self::Event>;

    /// Events ahead in the world, to take from.
    fn ahead_mut(&mut self) -> &mut Wheel<Self::Event>;

    /// Instant of the next arrival.
    fn arriving(&self) -> Option<Instant> {
        None
    }

    /// The next arrival happens.
    fn arrive(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// An event that was due happens.
    fn occur(&mut self, event: Self::Event) -> Result<(), Self::Error>;
}

/// Instant at which something happens next; `None` if nothing lies ahead that a run need go on for.
#[inline]
pub fn next_instant<W: World>(world: &W) -> Option<Instant> {
    let arriving = world.arriving();
    if arriving.is_none() && world.ahead().is_idle() {
        return None;
    }
    match (arriving, world.ahead().next()) {
        (Some(arriving), Some(queued)) => Some(arriving.min(queued)),
        (either, other) => either.or(other),
    }
}

/// Handles the events due at an instant, including those they trigger at once: all of them by rank,
/// or one event, as `stepping` says. Returns the number of events.
#[inline]
pub fn happen<W: World>(world: &mut W, at: Instant, stepping: Stepping) -> Result<u64, W::Error> {
    let arrival_rank = match stepping {
        Stepping::PerInstant => rank::ARRIVAL,
        Stepping::PerEvent => 0,
    };
    let mut events = 0;
    loop {
        let is_arriving = world.arriving() == Some(at);
        let below = if is_arriving {
            arrival_rank
        } else {
            EVERY_RANK
        };
        match world.ahead_mut().pop_due(at, below) {
            Some(event) => world.occur(event)?,
            None if is_arriving => world.arrive()?,
            None => return Ok(events),
        }
        events += 1;
        if stepping == Stepping::PerEvent {
            return Ok(events);
        }
    }
}
