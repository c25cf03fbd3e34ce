//! The processes as models of `NeXosim`, on one thread: more of them are slower on work as small as
//! this.

use std::time::Duration;

use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::Output;
use nexosim::simulation::{Mailbox, SimInit, Simulation};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

use crate::processes::Delays;

/// A process that tells its partner a second later.
#[derive(Default, Serialize, Deserialize)]
struct Player {
    partner: Output<()>,
    begins: bool,
    heard: u64,
}

#[Model]
impl Player {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        if self.begins {
            self.hear((), cx);
        }
    }

    fn hear(&mut self, _: (), cx: &Context<Self>) {
        self.heard += 1;
        cx.schedule_event(Duration::from_secs(1), schedulable!(Self::tell), ())
            .expect("a later instant");
    }

    #[nexosim(schedulable)]
    async fn tell(&mut self) {
        self.partner.send(()).await;
    }
}

/// A process that waits for random times.
#[derive(Serialize, Deserialize)]
struct Waiter {
    /// Each model has its own generator, as models share nothing.
    delays: Delays,
    heard: u64,
}

#[Model]
impl Waiter {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        self.wake((), cx);
    }

    #[nexosim(schedulable)]
    fn wake(&mut self, _: (), cx: &Context<Self>) {
        self.heard += 1;
        // Nothing may be scheduled for the present.
        let delay = 1 + self.delays.draw().as_nanos().unsigned_abs();
        cx.schedule_event(Duration::from_nanos(delay), schedulable!(Self::wake), ())
            .expect("a later instant");
    }
}

/// Two processes that pass a ball.
pub fn ping_pong() -> Simulation {
    let (mut one, mut other) = (Player::default(), Player::default());
    one.begins = true;
    let boxes = (Mailbox::new(), Mailbox::new());
    one.partner.connect(Player::hear, &boxes.1);
    other.partner.connect(Player::hear, &boxes.0);
    SimInit::with_num_threads(1)
        .add_model(one, boxes.0, "one")
        .add_model(other, boxes.1, "other")
        .init(MonotonicTime::EPOCH)
        .expect("a simulation that starts")
}

/// Processes that wait for random times.
pub fn waiting(count: u32) -> Simulation {
    let mut init = SimInit::with_num_threads(1);
    let mut seeds = Delays::default();
    for number in 0..count {
        let (delays, heard) = (Delays(seeds.bits()), 0);
        let name = format!("process-{number}");
        init = init.add_model(Waiter { delays, heard }, Mailbox::new(), &name);
    }
    init.init(MonotonicTime::EPOCH)
        .expect("a simulation that starts")
}
