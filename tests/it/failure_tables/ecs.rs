//! Deployments of ECS under the two bounds and a circuit breaker, with too little room, to versions whose tasks
//! do not get healthy, and with another order in the middle.

use windtunnel::model::RolloutStep;
use windtunnel::systems::ecs::options::BreakerOptions;
use windtunnel::systems::ecs::section::Ecs;
use windtunnel::units::{Duration, SortedMap};

use super::service_scheduler::{Breaker, Judge, Percent};
use super::{Base, all_agree, seed};

/// Room beside what the tasks of one version take.
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
    NeverHealthy,
    StopsAtOnce,
    StopsLater,
}

/// What the user does in the middle of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Middle {
    Nothing,
    ScalesDown,
    RollsBack,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    percent: Percent,
    breaker: Breaker,
    desired: usize,
    room: Room,
    next: Next,
    middle: Middle,
}

const ROOMS: [Room; 3] = [Room::Exact, Room::OneMore, Room::Plenty];
const MIDDLES: [Middle; 3] = [Middle::Nothing, Middle::ScalesDown, Middle::RollsBack];
const NEXT: [Next; 4] = [
    Next::GetsReady,
    Next::NeverHealthy,
    Next::StopsAtOnce,
    Next::StopsLater,
];

/// All shares, breakers, numbers of tasks, versions and orders; each of them meets every room, though not with
/// each of the others. Three seeds one after another have all of these, too.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    let shares =
        [0, 50, 100].map(|minimum| [100, 150, 200].map(|maximum| Percent { minimum, maximum }));
    let breakers = [Breaker::Off, Breaker::On, Breaker::OnWithRollback];
    for (place, &percent) in shares.iter().flatten().enumerate() {
        for (line, breaker) in breakers.into_iter().enumerate() {
            for (column, desired) in [1, 2, 4, 10].into_iter().enumerate() {
                for (number, middle) in MIDDLES.into_iter().enumerate() {
                    let shift = place + place / 3 + line + column + number + seed();
                    cells.extend(NEXT.map(|next| Cell {
                        percent,
                        breaker,
                        desired,
                        room: ROOMS[shift % 3],
                        next,
                        middle,
                    }));
                }
            }
        }
    }
    cells
}

impl Cell {
    fn slots(&self) -> usize {
        match self.room {
            Room::Exact => self.desired,
            Room::OneMore => self.desired + 1,
            Room::Plenty => 3 * self.desired,
        }
    }

    /// Files of the cells with as much room for so many tasks: all versions are in them.
    fn base(&self) -> Base {
        let own = format!(
            "windtunnel: v1\nname: cell\ncluster: {{nodes: [{{name: 'i{{}}', count: {}, template: \
             {{allocatable: {{cpu: 1, memory: 2Gi}}}}}}]}}\nworkload: [{{manifests: web.yaml}}]\nsystem: \
             {{name: ecs, ecs: {{}}}}\nmodels: {{startup: {{containerStart: 2s}}}}\noperations: [{{at: 100s, \
             apply: next-0.yaml}}, {{at: 100s, apply: next-1.yaml}}, {{at: 100s, apply: next-2.yaml}}, {{at: \
             100s, apply: next-3.yaml}}, {{at: 124500ms, scale: Deployment/default/web, replicas: {}}}, {{at: \
             124500ms, rollBack: Deployment/default/web}}]\nstop: {{at: 600s}}\n",
            self.slots(),
            self.desired / 2
        );
        let never = "windtunnel.dev/health-check: interval=10s timeout=5s retries=3, \
                     windtunnel.dev/answers-after: 10000h";
        let fails = |after: &str| {
            format!("windtunnel.dev/run-time: {after}, windtunnel.dev/exit-code: '1'")
        };
        let good = "windtunnel.dev/start-time: 2s";
        Base::new(&[
            ("own.yaml", own),
            ("web.yaml", self.manifest(1, good)),
            ("next-0.yaml", self.manifest(2, good)),
            ("next-1.yaml", self.manifest(2, never)),
            ("next-2.yaml", self.manifest(2, &fails("1s"))),
            ("next-3.yaml", self.manifest(2, &fails("20s"))),
        ])
    }

    fn manifest(&self, version: usize, life: &str) -> String {
        let desired = self.desired;
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: \
             {desired}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: \
             web}}, annotations: {{{life}, windtunnel.dev/stop-time: 3s}}}}\n    spec:\n      containers: \
             [{{name: c, image: 'c:{version}', resources: {{requests: {{cpu: '1', memory: 64Mi}}}}}}]\n"
        )
    }

    /// Second of the end: once the breaker has opened, where it does.
    fn end(&self) -> i64 {
        match self.next {
            Next::GetsReady => 400,
            Next::StopsAtOnce => 135,
            Next::NeverHealthy if self.breaker != Breaker::Off && self.desired == 1 => 560,
            Next::NeverHealthy if self.breaker != Breaker::Off => 360,
            Next::NeverHealthy | Next::StopsLater => 190,
        }
    }

    fn play(&self, base: &Base) -> Judge {
        let mut scenario = base.scenario();
        scenario.system.state(&Ecs {
            minimum_healthy_percent: self.percent.minimum as u32,
            maximum_percent: self.percent.maximum as u32,
            circuit_breaker: BreakerOptions {
                is_enabled: self.breaker != Breaker::Off,
                rolls_back: self.breaker == Breaker::OnWithRollback,
            },
            ..scenario.system.own()
        });
        let end = self.end();
        scenario.stop.at = Some(Duration::from_secs(end));
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
        let never_healthy = (self.next == Next::NeverHealthy).then_some("c:2");
        let mut judge = Judge::new(self.percent, self.breaker, never_healthy, self.slots());
        match base.play(&scenario, &mut judge) {
            Ok(()) => judge.close(end),
            Err(error) => judge.fail(error),
        }
        judge
    }
}

#[test]
fn deployments_of_ecs_go_as_its_guide_says() {
    let cells = cells();
    assert_eq!(cells.len(), 1_296);
    let mut bases = SortedMap::new();
    let (mut wrong, mut steps, mut back) = (Vec::new(), Vec::new(), 0);
    for cell in &cells {
        let key = (cell.desired, cell.room);
        let base = bases.entry(key).or_insert_with(|| cell.base());
        let judge = cell.play(base);
        back += usize::from(judge.is_taken_back());
        steps.extend_from_slice(judge.heard());
        if let Some(why) = judge.wrong() {
            wrong.push(format!("{cell:?}: {why}"));
        }
    }
    all_agree("ECS", cells.len(), &wrong);
    // Each outcome is among them, and each order to go back is one.
    for step in [
        RolloutStep::Failed,
        RolloutStep::RollingBack,
        RolloutStep::RolledBack,
    ] {
        assert!(steps.contains(&step), "{step:?}");
    }
    assert_eq!(back, cells.len() / 3);
}
