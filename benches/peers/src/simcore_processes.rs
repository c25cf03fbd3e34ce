//! The processes as components of simcore, the kernel of `DSLab`, driven by callbacks, which is its
//! fastest way.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;
use simcore::{Event, EventHandler, Id, Simulation, SimulationContext};

use crate::processes::Delays;

#[derive(Clone, Serialize)]
struct Message {}

/// A process that tells its partner a second later.
struct Player {
    ctx: SimulationContext,
    partner: Id,
    heard: u64,
}

impl EventHandler for Player {
    fn on(&mut self, event: Event) {
        if event.data.is::<Message>() {
            self.heard += 1;
            self.ctx.emit(Message {}, self.partner, 1.0);
        }
    }
}

/// A process that waits for random times.
struct Waiter {
    ctx: SimulationContext,
    delays: Rc<RefCell<Delays>>,
    heard: u64,
}

impl EventHandler for Waiter {
    fn on(&mut self, event: Event) {
        if event.data.is::<Message>() {
            self.heard += 1;
            let delay = seconds(&mut self.delays.borrow_mut());
            self.ctx.emit_self(Message {}, delay);
        }
    }
}

fn seconds(delays: &mut Delays) -> f64 {
    delays.draw().as_nanos() as f64 / 1e9
}

/// Two processes that pass a ball.
pub fn ping_pong() -> Simulation {
    let mut simulation = Simulation::new(1);
    let [one, other] = ["one", "other"].map(|name| simulation.create_context(name));
    let (first, second) = (one.id(), other.id());
    one.emit_self(Message {}, 0.0);
    for (name, ctx, partner) in [("one", one, second), ("other", other, first)] {
        let heard = 0;
        let player = Player {
            ctx,
            partner,
            heard,
        };
        simulation.add_handler(name, Rc::new(RefCell::new(player)));
    }
    simulation
}

/// Processes that wait for random times.
pub fn waiting(count: u32) -> Simulation {
    let mut simulation = Simulation::new(1);
    let delays = Rc::new(RefCell::new(Delays::default()));
    for number in 0..count {
        let name = format!("process-{number}");
        let ctx = simulation.create_context(&name);
        ctx.emit_self(Message {}, seconds(&mut delays.borrow_mut()));
        let (delays, heard) = (delays.clone(), 0);
        let waiter = Waiter { ctx, delays, heard };
        simulation.add_handler(name, Rc::new(RefCell::new(waiter)));
    }
    simulation
}
