//! The rules on small machines, without a planner around them.

use super::*;

/// A machine whose jobs run as long as they say.
struct World {
    rule: Shutdown,
    now: Instant,
    running: SortedMap<JobNumber, Runs>,
    ends: Vec<(Instant, JobNumber)>,
    queue: Vec<Waits>,
    runs: SortedMap<JobNumber, Duration>,
    /// Starts with their hosts.
    started: Vec<(JobNumber, Instant, Vec<usize>)>,
}

impl World {
    fn new(policy: Policy, options: ShutdownOptions, hosts: usize) -> Self {
        let mut world = Self {
            rule: Shutdown::new(policy, options),
            now: Instant::ZERO,
            running: SortedMap::new(),
            ends: Vec::new(),
            queue: Vec::new(),
            runs: SortedMap::new(),
            started: Vec::new(),
        };
        world.rule.grow(Instant::ZERO, hosts);
        world.settle(true);
        world
    }

    fn submit(&mut self, number: u64, members: usize, requested: Duration, run: Duration) {
        let number = JobNumber(number);
        self.queue.push(Waits {
            number,
            members,
            planned: self.rule.planned(requested),
        });
        self.runs.insert(number, run);
    }

    fn settle(&mut self, hosts_changed: bool) {
        let has_ended = self.rule.follow_jobs(self.running.clone().into_iter());
        let queue = self.queue.clone();
        self.rule.react(self.now, queue, hosts_changed || has_ended);
        self.rule.switches.clear();
        while let Some((number, hosts)) = self.rule.starts.pop_front() {
            self.queue.retain(|job| job.number != number);
            let until = self.rule.running[&number].until;
            self.ends
                .push((self.now.saturating_add(self.runs[&number]), number));
            self.started.push((number, self.now, hosts.to_vec()));
            self.running.insert(number, Runs { until, hosts });
        }
    }

    /// The next instant at which something happens by itself.
    fn next(&self) -> Option<Instant> {
        let switches = self
            .rule
            .power
            .iter()
            .filter_map(|power| power.switched_at());
        let ends = self.ends.iter().map(|&(at, _)| at);
        switches.chain(ends).chain(self.rule.next_stage).min()
    }

    fn step(&mut self, at: Instant) {
        self.now = at;
        let running = &mut self.running;
        self.ends.retain(|&(end, number)| {
            let is_over = end <= at;
            if is_over {
                running.remove(&number);
            }
            !is_over
        });
        let hosts_changed = self.rule.finish_switches(at);
        self.settle(hosts_changed);
    }

    /// Runs until an instant.
    fn run_until(&mut self, end: Instant) {
        while let Some(at) = self.next().filter(|&at| at < end) {
            self.step(at);
        }
        self.step(end);
    }

    fn count(&self, is: impl Fn(Power) -> bool) -> usize {
        size(&self.rule.hosts_that(is))
    }
}

fn span(seconds: i64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(second: i64) -> Instant {
    Instant::from_secs(second)
}

#[test]
fn idle_hosts_sleep_and_wake_for_the_head() {
    let options = ShutdownOptions {
        switch_off: span(6),
        ..ShutdownOptions::default()
    };
    let mut world = World::new(Policy::Opportunistic, options, 4);
    assert_eq!(
        world.count(|power| matches!(power, Power::SwitchingOff { .. })),
        4
    );
    world.run_until(at(100));
    assert_eq!(world.count(|power| power == Power::Asleep), 4);
    world.submit(1, 2, span(50), span(30));
    world.step(at(100));
    world.run_until(at(300));
    // Two hosts take 152 s to come up; they sleep again once the job has ended.
    assert_eq!(world.started, [(JobNumber(1), at(252), vec![0, 1])]);
    assert_eq!(world.count(|power| power == Power::Asleep), 4);
}

#[test]
fn hosts_sleep_with_the_trend_of_the_load_and_never_under_a_job() {
    let options = ShutdownOptions {
        idle_time: Duration::MAX,
        period: span(60),
        ..ShutdownOptions::default()
    };
    let mut world = World::new(Policy::Inertial, options, 8);
    world.submit(1, 3, span(2_000), span(1_500));
    world.step(at(0));
    world.run_until(at(200));
    // The first look begins a trend, the second turns it round, the third puts one host to sleep.
    assert_eq!(world.count(|power| power == Power::Asleep), 1);
    world.run_until(at(1_000));
    assert_eq!(world.count(|power| power == Power::Awake), 3);
    world.submit(2, 8, span(100), span(100));
    world.step(at(1_000));
    world.run_until(at(3_000));
    let (_, started, hosts) = world.started.last().expect("the second job starts");
    assert_eq!(hosts.len(), 8);
    assert!(*started >= at(1_500), "{started}");
}
