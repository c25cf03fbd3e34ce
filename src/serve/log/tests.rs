//! The state at an instant, held against one that is computed from the first event on.

use super::variant::Variant;
use super::{Line, Pairs};

/// Draws, from a generator as small as a test needs.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn line(time_ns: i64, kind: &'static str, object: String, what: String, cpu: u64) -> Line<'static> {
    let amounts = (cpu > 0).then(|| ("cpu".into(), cpu.to_string().into()));
    Line {
        time_ns,
        variant: "v".into(),
        kind: kind.into(),
        object: object.into(),
        what: what.into(),
        amounts: Pairs(amounts.into_iter().collect()),
        ..Line::default()
    }
}

/// A log in which pods come, move, grow and go, in whatever order, on nodes that do so as well.
fn log() -> Vec<Line<'static>> {
    let mut draws = Draws(7);
    let mut lines = Vec::new();
    for time in 0..30_000 {
        let pod = format!("Pod/d/p{}", draws.below(400));
        let node = draws.below(40);
        let (kind, object, what, cpu) = match draws.below(12) {
            0 => ("joined", format!("Node/n{node}"), String::new(), 64),
            1 => (
                ["up", "down", "silent", "left"][draws.below(4) as usize],
                format!("Node/n{node}"),
                String::new(),
                0,
            ),
            2..=4 => ("created", pod, String::new(), 1 + draws.below(4)),
            5..=7 => ("bound", pod, format!("to n{node}"), 0),
            8 => ("running", pod, String::new(), 0),
            9 => ("resized", pod, String::new(), 1 + draws.below(4)),
            10 => ("moved", pod, String::new(), 0),
            _ => ("ended", pod, String::new(), 0),
        };
        lines.push(line(time, kind, object, what, cpu));
    }
    lines
}

#[test]
fn an_instant_is_that_of_the_events_before_it() {
    let lines = log();
    let mut whole = Variant::new("v");
    for own in &lines {
        whole.push(own);
    }
    for time in [0, 1, 4_095, 4_096, 4_097, 12_345, 20_000, 29_999] {
        let mut part = Variant::new("v");
        for own in &lines[..=time] {
            part.push(own);
        }
        let (whole_heat, part_heat) = (
            whole.heat(time as i64, "cpu"),
            part.heat(time as i64, "cpu"),
        );
        assert_eq!(
            whole_heat.values[..part_heat.values.len()],
            part_heat.values,
            "{time}"
        );
        assert!(
            whole_heat.values[part_heat.values.len()..]
                .iter()
                .all(|own| *own == -1),
            "{time}"
        );
        assert_eq!(whole_heat.phases, part_heat.phases, "{time}");
        assert_eq!(whole_heat.used, part_heat.used, "{time}");
        // What a node's pods ask for is what is in use on it.
        for node in 0..part.nodes.len() as u32 {
            let name = part.node_name(node).to_owned();
            let told = whole.node_at(&name, time as i64).expect("it was there");
            let pods = told["pods"].as_array().expect("a list");
            let asked: i64 = pods
                .iter()
                .filter_map(|own| own["asks"]["cpu"].as_i64())
                .sum();
            let used = told["uses"].as_array().expect("a list");
            let used = used
                .iter()
                .find(|own| own["resource"] == "cpu")
                .and_then(|own| own["used"].as_i64());
            assert_eq!(used.unwrap_or(0), asked, "{name} at {time}");
        }
    }
}
