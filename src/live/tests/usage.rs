//! Measured usage on its way to autoscalers: a component that decides by it decides the same when the
//! record is replayed.

use std::sync::Arc;

use cluster::{Conflict, Store, UsageSamples};
use control::{Component, Outbox, Progress, Write};
use model::{Event, Node};
use units::{Duration, Instant, NodeId, Revision};

use super::bench::{Bench, deployment, plane};
use crate::driver::Plane;
use crate::driver::input::Input;
use crate::journal::MemoryJournal;
use crate::record::Log;
use crate::wire::usage::{ContainerUsage, PodUsage};

/// Cordons the first node when the pods in sight use more than a processor.
#[derive(Clone, Default)]
struct Cordon {
    cursor: Revision,
    next: Instant,
    cpu_milli: i64,
}

impl Component for Cordon {
    fn name(&self) -> &'static str {
        "cordon"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn reads_metrics(&self, now: Instant) -> bool {
        self.next <= now
    }

    fn metrics(&mut self, now: Instant, view: &Store, usage: &dyn UsageSamples) {
        self.next = now.saturating_add(Duration::from_secs(15));
        let used = view.pods().iter().filter_map(|pod| usage.pod(pod.pod));
        self.cpu_milli = used.map(|used| used.cpu_milli).sum();
    }

    fn step(&mut self, _now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.cursor = view.revision();
        out.wake_at(self.next);
        let node = NodeId(0);
        if let Some(object) = view.nodes().object(node)
            && self.cpu_milli > 1000
            && !object.unschedulable
        {
            let object = Arc::new(Node {
                unschedulable: true,
                ..Node::clone(object)
            });
            out.write(view, Event::NodeUpdated { node, object });
        }
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

fn measuring_plane() -> Plane {
    let mut plane = plane();
    plane.components.push(Box::new(Cordon::default()));
    plane
}

#[test]
fn measured_usage_is_decided_on_and_replays() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::with_plane(1, &journal, measuring_plane());
    bench.turns(2);
    bench.apply(&deployment(2));
    bench.turns(20);
    let rows = |bench: &Bench| {
        let control = bench.control.as_ref().expect("a control server");
        control.driver().node_rows()
    };
    assert!(!rows(&bench)[0].cordoned);
    let pods: Vec<u32> = bench.pods().iter().map(|pod| pod.pod).collect();
    for _ in 0..20 {
        let mut update = bench.hosts[0].core.update(true).expect("a session");
        let of = |pod: u32, cpu_milli: u32| PodUsage {
            pod,
            containers: vec![ContainerUsage {
                name: "web".to_owned(),
                cpu_milli,
                memory_bytes: 1 << 20,
            }],
        };
        // Pods of other nodes are none of its business.
        update.usage = pods.iter().map(|&pod| of(pod, 600)).collect();
        update.usage.push(of(900, 4_000_000));
        bench.send(Input::Update { message: update });
        let top = bench.control.as_ref().expect("a control server").top();
        assert_eq!((top.pods.len(), top.nodes[0].cpu_milli), (2, 1200));
        bench.turn();
    }
    assert!(rows(&bench)[0].cordoned);
    let control = bench.control.take().expect("a control server");
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    let replayed = log.replay(measuring_plane()).expect("the same run");
    assert_eq!(replayed.digest(), control.driver().digest());
    assert!(replayed.node_rows()[0].cordoned);
}
