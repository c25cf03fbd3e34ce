//! A cluster that looks at room alone, and what is in it.

use std::ops::Range;
use std::sync::Arc;

use super::super::*;
use crate::snapshot::{ClusterSnapshot, Fit};
use model::{Container, Node, PodSpec, ResourceList, Taint, Text};
use scheduler::kube::{CacheError, NodeInfo, PodClass, PodInfo};
use units::Quantity;

pub(super) const GIB: i64 = 1024 * 1024 * 1024;

/// A scheduler that looks at cpu and memory. To take something back it keeps copies.
#[derive(Clone, Default)]
pub(super) struct Room {
    names: Vec<Text>,
    nodes: Vec<NodeInfo>,
    closed: Vec<bool>,
    marks: Vec<Room>,
}

impl Room {
    fn fits(&self, pod: &PodInfo, place: usize) -> bool {
        let node = &self.nodes[place];
        let asked = &pod.class.requests;
        let (offered, used) = (&node.allocatable, &node.requested);
        !self.closed[place]
            && used.cpu_milli + asked.cpu_milli <= offered.cpu_milli
            && used.memory + asked.memory <= offered.memory
    }
}

impl ClusterSnapshot for Room {
    fn nodes(&self) -> &[Text] {
        &self.names
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| **own == *name)
    }

    fn pods_at(&self, place: usize) -> Vec<Arc<PodInfo>> {
        self.nodes[place].pods.clone()
    }

    fn first(&mut self, pod: &Arc<PodInfo>, mut places: Range<usize>) -> Option<usize> {
        places.find(|&place| self.fits(pod, place))
    }

    fn fit(&mut self, pod: &Arc<PodInfo>, place: usize) -> Fit {
        if self.fits(pod, place) {
            Fit::Yes
        } else {
            Fit::No
        }
    }

    fn add_node(&mut self, node: Arc<Node>, pods: &[Arc<PodInfo>]) -> Result<usize, CacheError> {
        self.names.push(node.name.clone());
        self.nodes.push(NodeInfo::new(node)?);
        self.closed.push(false);
        let place = self.names.len() - 1;
        for pod in pods {
            self.place(pod, place);
        }
        Ok(place)
    }

    fn hide(&mut self, place: usize) {
        self.closed[place] = true;
    }

    fn taint(&mut self, _: usize, _: Taint) {}

    fn take_out(&mut self, places: &[usize]) {
        for &place in places {
            self.hide(place);
        }
    }

    fn place(&mut self, pod: &Arc<PodInfo>, place: usize) {
        self.nodes[place].add_pod(pod.clone());
    }

    fn displace(&mut self, pod: &Arc<PodInfo>, place: usize) {
        self.nodes[place].remove_pod(pod);
    }

    fn mark(&mut self) {
        self.marks.push(self.clone());
    }

    fn commit(&mut self) {
        self.marks.pop();
    }

    fn undo(&mut self) {
        if let Some(before) = self.marks.pop() {
            *self = before;
        }
    }
}

pub(super) fn amounts(cpu_milli: i64, memory: i64) -> ResourceList {
    ResourceList::from_pairs([
        ("cpu", Quantity::from_milli(cpu_milli)),
        ("memory", Quantity::from_units(memory)),
    ])
}

pub(super) fn node(name: &str, cpu_milli: i64, memory: i64) -> Arc<Node> {
    Arc::new(Node {
        name: name.into(),
        allocatable: amounts(cpu_milli, memory),
        capacity: amounts(cpu_milli, memory),
        ..Node::default()
    })
}

pub(super) fn class(cpu_milli: i64, memory: i64, priority: i32) -> Arc<PodClass> {
    let spec = PodSpec {
        namespace: "default".into(),
        priority,
        containers: vec![Container {
            requests: amounts(cpu_milli, memory),
            ..Container::default()
        }],
        ..PodSpec::default()
    };
    Arc::new(PodClass::derive(Arc::new(spec), model::Changes::default()).expect("amounts that fit"))
}

pub(super) fn pods(name: &str, class: &Arc<PodClass>, count: usize) -> Vec<Arc<PodInfo>> {
    let pod = |number| PodInfo {
        class: class.clone(),
        name: format!("{name}-{number}").into(),
        ..PodInfo::default()
    };
    (0..count).map(|number| Arc::new(pod(number))).collect()
}

pub(super) fn template(cpu_milli: i64, memory: i64) -> Template {
    Template {
        node: node("template", cpu_milli, memory),
        daemons: Vec::new(),
    }
}
