//! Holds that lapse by themselves: what they took is free again, and whoever waits hears of it.

use std::sync::Arc;

use windtunnel::cluster::{Conflict, Store};
use windtunnel::control::{Component, Outbox, Progress, Write};
use windtunnel::model::event::Hold;
use windtunnel::model::{DeviceSet, Event};
use windtunnel::scheduler::Pipeline;
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::units::{ComponentId, Instant, NodeId, Resources, Revision};

use crate::world::{cell, nodes, options, pod, profile, run};

/// Holds a core of the first node once and forgets it.
#[derive(Clone)]
struct Forgetful {
    cursor: Revision,
    has_held: bool,
}

impl Component for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, _now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.cursor = view.revision();
        if !std::mem::replace(&mut self.has_held, true) {
            let hold = Hold {
                owner: ComponentId(0),
                number: 1,
                node: NodeId(0),
                resources: Resources {
                    cpu_milli: 1_000,
                    ..Resources::default()
                },
                devices: DeviceSet::EMPTY,
                milli_per_device: 0,
                until: Some(Instant::from_secs(10)),
            };
            out.write(view, Event::HoldPlaced(Arc::new(hold)));
        }
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

#[test]
fn a_hold_lapses_at_its_instant_and_makes_room() {
    let forgetful = Forgetful {
        cursor: Revision::default(),
        has_held: false,
    };
    let scheduler = Pipeline::new(ComponentId(1), profile("first-fit"), Form::Incremental);
    let world = cell(
        nodes(&[1]),
        vec![Box::new(forgetful), Box::new(scheduler)],
        vec![pod(2, 5)],
        Vec::new(),
    );
    let (end, story) = run(options(), vec![world]);
    assert_eq!(
        story,
        [
            "0 held 1",
            "2 created 0",
            "2 misfit 0",
            "10 released 1",
            "10 bound 0 node#0",
            "10 runs 0",
            "15 ended 0 Completed",
        ]
    );
    assert_eq!(end.expect("a run that ends").at, Instant::from_secs(15));
}
