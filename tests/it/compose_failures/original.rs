//! What `docker compose up` does, as the original has it: visits of services in the order of their
//! dependencies, each of which waits for what it depends on, over containers as their engine keeps them.

use super::{
    AGAIN, CHECKED, Case, Condition, Course, END, Fate, Need, POLL, Restart, SLOW, STARTS,
};

/// State of a container, as an inspection shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Created,
    Running,
    Restarting,
    Exited(i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Starting,
    Healthy,
    Unhealthy,
}

/// State and health of the container of a service at an instant, if it was started at another one.
fn inspect(case: &Case, service: &str, called: Option<i64>, now: i64) -> (State, Health) {
    let Some(called) = called.filter(|at| *at <= now) else {
        return (State::Created, Health::Starting);
    };
    let mut runs = called + STARTS;
    let (mut delay, mut count) = (0, 0);
    let mut before = State::Created;
    loop {
        if now < runs {
            // The monitor of a process that has ended leaves it unhealthy.
            let health = match before {
                State::Created => Health::Starting,
                _ => Health::Unhealthy,
            };
            return (before, health);
        }
        let passed = now - runs;
        let health = match (service, case.fate) {
            ("slow", _) if passed >= SLOW => Health::Healthy,
            ("dep", Fate::Unhealthy) if passed >= CHECKED => Health::Unhealthy,
            ("dep", Fate::Healthy | Fate::Exits(..)) if passed >= CHECKED => Health::Healthy,
            _ => Health::Starting,
        };
        let Fate::Exits(after, code) = case.fate else {
            return (State::Running, health);
        };
        if service != "dep" || passed < after {
            return (State::Running, health);
        }
        let is_restarted = match case.restart {
            Restart::No => false,
            Restart::Always => true,
            Restart::OnFailure => code != 0,
            Restart::OnFailureTwice => code != 0 && count < 2,
        };
        if !is_restarted {
            return (State::Exited(code), Health::Unhealthy);
        }
        count += 1;
        delay = match delay {
            _ if after >= 10_000 => 100,
            0 => 100,
            more => (2 * more).min(60_000),
        };
        runs += after + delay + STARTS;
        before = State::Restarting;
    }
}

/// A service in an `up`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Visit {
    /// The instant at which its turn came, and the one at which its containers run.
    turn: Option<i64>,
    done: Option<i64>,
    has_failed: bool,
    /// Services that it waits for no more.
    passed: Vec<&'static str>,
}

/// One `up`, from an instant until another one.
struct Up<'c> {
    case: &'c Case,
    from: i64,
    until: i64,
    /// Instants at which the containers were started last, by service.
    called: Vec<Option<i64>>,
    visits: Vec<Visit>,
}

impl Up<'_> {
    fn run(&mut self, told: &mut Course) {
        let services = self.case.services();
        self.visits = vec![Visit::default(); services.len()];
        let mut now = self.from;
        while now < self.until {
            // A service that runs already lets those have their turn that depend on it.
            loop {
                let before = self.visits.clone();
                for at in 0..services.len() {
                    self.visit(at, now, &services, told);
                }
                if self.visits == before {
                    break;
                }
            }
            if self.visits.iter().any(|own| own.has_failed) {
                // The context of the group is cancelled: no wait goes on, and no container is started.
                for (at, (name, _)) in services.iter().enumerate() {
                    let own = &self.visits[at];
                    if own.has_failed || (own.done.is_none() && self.is_created(name, at, now)) {
                        told.push((now, format!("give up {name}")));
                    }
                }
                return;
            }
            now += 100;
        }
    }

    /// `graphTraversal.run` and `waitDependencies` of a service.
    fn visit(
        &mut self,
        at: usize,
        now: i64,
        services: &[(&'static str, Vec<Need>)],
        told: &mut Course,
    ) {
        let (name, needs) = &services[at];
        let place = |name| services.iter().position(|own| own.0 == name);
        let is_done = |need: &Need| {
            let other = place(need.0).and_then(|at| self.visits[at].done);
            other.is_some_and(|from| from <= now)
        };
        let own = &self.visits[at];
        if own.done.is_some() || own.has_failed || !needs.iter().all(is_done) {
            return;
        }
        let turn = own.turn.unwrap_or(now);
        let is_look = now > turn && (now - turn) % POLL == 0;
        let (mut passed, mut has_failed) = (own.passed.clone(), false);
        for (other, condition, is_required) in needs {
            if passed.contains(other) {
                continue;
            }
            let called = place(other).and_then(|at| self.called[at]);
            let end = match condition {
                Condition::Started => Some(Ok(())),
                _ if !is_look => None,
                _ => waited(*condition, inspect(self.case, other, called, now)),
            };
            if let Some(end) = end {
                passed.push(other);
                has_failed |= end.is_err() && *is_required;
            }
        }
        let is_done = !has_failed && passed.len() == needs.len();
        self.visits[at] = Visit {
            turn: Some(turn),
            done: is_done.then(|| self.start(name, at, now, told)),
            has_failed,
            passed,
        };
    }

    /// Whether a container was not started, so that it is left as it was created.
    fn is_created(&self, name: &str, at: usize, now: i64) -> bool {
        inspect(self.case, name, self.called[at], now).0 == State::Created
    }

    /// `startService`: the instant at which the container runs.
    fn start(&mut self, name: &str, at: usize, now: i64, told: &mut Course) -> i64 {
        // One that runs is passed over, and one that is about to be started again counts as running.
        match inspect(self.case, name, self.called[at], now).0 {
            State::Running | State::Restarting => now,
            State::Created | State::Exited(_) => {
                told.push((now, format!("start {name}")));
                self.called[at] = Some(now);
                now + STARTS
            }
        }
    }
}

/// What a look of `waitDependencies` comes to.
fn waited(condition: Condition, seen: (State, Health)) -> Option<Result<(), ()>> {
    use Health::{Healthy, Starting, Unhealthy};
    use State::{Created, Exited, Restarting, Running};

    match (condition, seen) {
        // `isServiceHealthy`, and `isServiceCompleted`.
        (Condition::Healthy, (Created | Running | Restarting, Healthy))
        | (Condition::Completed, (Exited(0), _))
        | (Condition::Started, _) => Some(Ok(())),
        (Condition::Healthy, (Exited(_), _) | (_, Unhealthy))
        | (Condition::Completed, (Exited(_), _)) => Some(Err(())),
        (Condition::Healthy, (_, Starting)) | (Condition::Completed, _) => None,
    }
}

/// What the original does.
pub(super) fn original(case: &Case) -> Course {
    let mut told = Course::new();
    let mut up = Up {
        case,
        from: 0,
        until: if case.is_again { AGAIN } else { END },
        called: vec![None; case.services().len()],
        visits: Vec::new(),
    };
    up.run(&mut told);
    if case.is_again {
        // The user ends the first command if it still waits.
        (up.from, up.until) = (AGAIN, END);
        up.run(&mut told);
    }
    told.sort();
    told
}
