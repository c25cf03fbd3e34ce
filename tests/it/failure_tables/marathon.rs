//! Upgrades of Marathon under constraints, with too little room, to versions that never get ready, and with
//! another order in the middle.

use std::fmt::Write as _;

use windtunnel::systems::mesos::section::Mesos;
use windtunnel::units::SortedMap;

use super::constraints::{Agent, Rule};
use super::replace_actor::{Judge, Strategy};
use super::{Base, all_agree, seed};

/// Room beside what the instances of one version take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    Exact,
    OneMore,
    Plenty,
}

/// Conduct of the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GetsReady,
    NeverReady,
    Fails,
}

/// What the user does in the middle of the upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Middle {
    Nothing,
    ScalesDown,
    RollsBack,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    strategy: Strategy,
    rule: Rule,
    replicas: usize,
    room: Room,
    next: Next,
    middle: Middle,
}

const RULES: [Rule; 6] = [
    Rule::Free,
    Rule::HostnameUnique,
    Rule::RackGroupBy(2),
    Rule::RackMaxPer(2),
    Rule::RackCluster,
    Rule::RackUnlike("b"),
];
const ROOMS: [Room; 3] = [Room::Exact, Room::OneMore, Room::Plenty];
const NEXT: [Next; 3] = [Next::GetsReady, Next::NeverReady, Next::Fails];
const MIDDLES: [Middle; 3] = [Middle::Nothing, Middle::ScalesDown, Middle::RollsBack];

/// All strategies, rules, versions and orders; each of them meets every number of instances in every room,
/// though not with each of the others. Three seeds one after another have all of these, too.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    let shares = [0, 50, 100].map(|minimum| [0, 50, 100].map(|over| Strategy { minimum, over }));
    for (place, &strategy) in shares.iter().flatten().enumerate() {
        for (line, &rule) in RULES.iter().enumerate() {
            for (column, replicas) in [1, 3, 4].into_iter().enumerate() {
                let room = ROOMS[(place + place / 3 + line + column + seed()) % 3];
                for (next, middle) in
                    { NEXT.into_iter() }.flat_map(|next| MIDDLES.map(|middle| (next, middle)))
                {
                    cells.push(Cell {
                        strategy,
                        rule,
                        replicas,
                        room,
                        next,
                        middle,
                    });
                }
            }
        }
    }
    cells
}

impl Cell {
    fn is_one_rack(&self) -> bool {
        matches!(self.rule, Rule::RackCluster | Rule::RackUnlike(_))
    }

    /// Agents in turn of racks a and b; where all instances are to be of one rack, all but the last.
    fn agents(&self) -> Vec<Agent> {
        let (count, slots) = match self.room {
            Room::Exact => (self.replicas, 1),
            Room::OneMore => (self.replicas + 1, 1),
            Room::Plenty => (self.replicas + 1, 3),
        };
        let rack = |number| match number % 2 {
            1 if !self.is_one_rack() => "b",
            _ => "a",
        };
        let other = self.is_one_rack().then_some(Agent {
            rack: "b",
            slots: 1,
        });
        (0..count)
            .map(|number| Agent {
                rack: rack(number),
                slots,
            })
            .chain(other)
            .collect()
    }

    /// Files of the cells with these agents and so many instances: all versions and orders are in them.
    fn base(&self) -> Base {
        let mut nodes = String::new();
        for (number, Agent { rack, slots }) in self.agents().iter().enumerate() {
            let _ = writeln!(
                nodes,
                "  - {{name: n{number}, count: 1, template: {{labels: {{rack: {rack}}}, allocatable: {{cpu: \
                 {slots}, memory: 8Gi, pods: 9}}}}}}"
            );
        }
        let fewer = self.replicas / 2;
        let own = format!(
            "windtunnel: v1\nname: cell\ncluster:\n  nodes:\n{nodes}workload: [{{manifests: \
             web.yaml}}]\nsystem: {{name: mesos, mesos: {{agentOrder: in-order, frameworks: [{{name: m, \
             marathon: {{}}}}]}}}}\nmodels: {{startup: {{containerStart: 2s}}}}\noperations: [{{at: 10s, apply: \
             next-0.yaml}}, {{at: 10s, apply: next-1.yaml}}, {{at: 10s, apply: next-2.yaml}}, {{at: 17s, \
             scale: Deployment/default/web, replicas: {fewer}}}, {{at: 17s, rollBack: \
             Deployment/default/web}}]\nstop: {{at: 80s}}\n"
        );
        let ready = "windtunnel.dev/answers-after: 3s";
        let never = "windtunnel.dev/answers-after: 10h";
        let fails = format!("{never}, windtunnel.dev/run-time: 4s, windtunnel.dev/exit-code: '1'");
        Base::new(&[
            ("own.yaml", own),
            ("web.yaml", manifest(1, self.replicas, ready)),
            ("next-0.yaml", manifest(2, self.replicas, ready)),
            ("next-1.yaml", manifest(2, self.replicas, never)),
            ("next-2.yaml", manifest(2, self.replicas, &fails)),
        ])
    }

    fn constraint(&self) -> Vec<String> {
        let words: &[&str] = match &self.rule {
            Rule::Free => &[],
            Rule::HostnameUnique => &["hostname", "UNIQUE"],
            Rule::RackGroupBy(groups) => &["rack", "GROUP_BY", &groups.to_string()],
            Rule::RackMaxPer(most) => &["rack", "MAX_PER", &most.to_string()],
            Rule::RackCluster => &["rack", "CLUSTER"],
            Rule::RackUnlike(word) => &["rack", "UNLIKE", word],
        };
        words.iter().map(ToString::to_string).collect()
    }

    fn play(&self, base: &Base) -> Judge {
        let mut scenario = base.scenario();
        let mut mesos: Mesos = scenario.system.own();
        let marathon = mesos.frameworks[0].marathon.as_mut().expect("a framework");
        let Strategy { minimum, over } = self.strategy;
        marathon.minimum_health_capacity = Some(minimum as f64 / 100.0);
        marathon.maximum_over_capacity = Some(over as f64 / 100.0);
        if self.rule != Rule::Free {
            let constraints = vec![self.constraint()];
            marathon.constraints.insert("web".to_owned(), constraints);
        }
        scenario.system.state(&mesos);
        let order = match self.middle {
            Middle::Nothing => None,
            Middle::ScalesDown => Some(NEXT.len()),
            Middle::RollsBack => Some(NEXT.len() + 1),
        };
        let mut number = 0..;
        scenario.operations.retain(|_| {
            let own = number.next();
            own == Some(self.next as usize) || own.is_some_and(|own| Some(own) == order)
        });
        let mut judge = Judge::new(self.rule, self.strategy, self.agents());
        if let Err(error) = base.play(&scenario, &mut judge) {
            judge.wrong = Some(error);
        }
        judge
    }
}

fn manifest(version: usize, replicas: usize, life: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: \
         web}}, annotations: {{{life}, windtunnel.dev/stop-time: 3s}}}}\n    spec:\n      containers: \
         [{{name: c, image: 'c:{version}', readinessProbe: {{httpGet: {{path: /, port: 80}}, \
         periodSeconds: 1}}, resources: {{requests: {{cpu: '1', memory: 64Mi}}}}}}]\n"
    )
}

#[test]
fn upgrades_of_marathon_go_as_its_own_rules_say() {
    let cells = cells();
    assert_eq!(cells.len(), 1_458);
    let mut bases = SortedMap::new();
    let (mut wrong, mut completed, mut back) = (Vec::new(), 0, 0);
    for cell in &cells {
        let key = (cell.replicas, cell.room, cell.is_one_rack());
        let base = bases.entry(key).or_insert_with(|| cell.base());
        let judge = cell.play(base);
        completed += usize::from(judge.completed > 0);
        back += usize::from(judge.versions() == 3);
        if let Some(why) = judge.wrong {
            wrong.push(format!("{cell:?}: {why}"));
        }
    }
    all_agree("Marathon", cells.len(), &wrong);
    // Some upgrades come to their end and some do not, and each order to go back is one.
    assert!((200..1_200).contains(&completed), "{completed}");
    assert_eq!(back, cells.len() / 3);
}
