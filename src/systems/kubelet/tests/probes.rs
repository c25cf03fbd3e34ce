//! Probes made one by one against the closed form.

use proptest::prelude::*;

use super::*;
use crate::kubelet::prober::{Finding, Prober};
use model::workload::probe::ProbeKind;

const HORIZON_SECS: i64 = 400;

/// The verdicts of probes that are made one by one, second by second, as far as the horizon.
#[expect(clippy::too_many_lines, reason = "the plain form, told in one piece")]
fn stepped(probes: &Probes<'_>, start: i64) -> Verdicts {
    let health = probes.life.application.health;
    let secs = |span: Duration| span.as_nanos() / 1_000_000_000;
    let since = probes.since.as_nanos() / 1_000_000_000;
    let life = probes.life;
    let is_due = |probe: &Probe, now: i64| {
        let running = now - start;
        let is_unknown = health
            .unknown
            .is_some_and(|(from, until)| running >= secs(from) && running < secs(until));
        running >= i64::from(probe.initial_delay_secs) && !is_unknown
    };
    let is_made = |probe: &Probe, now: i64| {
        (now - since) % i64::from(probe.period_secs) == 0 && is_due(probe, now)
    };
    let mut verdicts = Verdicts::default();
    let mut has_started = life.startup.is_none();
    if has_started {
        verdicts.started = Some(Instant::from_secs(start));
    }
    let (mut no_start, mut no_life, mut gate) = (0, 0, start);
    let (mut in_a_row, mut no_service, mut is_ready) = (0, 0, false);
    for now in start..HORIZON_SECS {
        let running = now - start;
        let serves =
            running >= secs(health.from) && health.until.is_none_or(|until| running < secs(until));
        let answer_time = life.application.answer_time;
        let in_time = |probe: &Probe| answer_time <= Duration::from_secs(probe.timeout_secs.into());
        if let Some(startup) = life
            .startup
            .filter(|probe| !has_started && is_made(probe, now))
        {
            let answers = serves && in_time(&startup);
            has_started = answers;
            if answers {
                gate = now;
                verdicts.started = Some(Instant::from_secs(now));
            }
            no_start += i32::from(!answers);
            if no_start >= startup.failure_threshold {
                verdicts.killed = Some(Instant::from_secs(now));
                break;
            }
        }
        if !has_started {
            continue;
        }
        if let Some(liveness) = life.liveness.filter(|probe| is_made(probe, now)) {
            let answers = serves && in_time(&liveness);
            no_life = if answers { 0 } else { no_life + 1 };
            if no_life >= liveness.failure_threshold {
                verdicts.killed = Some(Instant::from_secs(now));
                break;
            }
        }
        match life.readiness {
            None if !is_ready => {
                is_ready = true;
                verdicts.ready = Some(Instant::from_secs(now));
            }
            // At once when it has started, too.
            Some(probe) if is_made(&probe, now) || (now == gate && is_due(&probe, now)) => {
                (in_a_row, no_service) = if serves && in_time(&probe) {
                    (in_a_row + 1, 0)
                } else {
                    (0, no_service + 1)
                };
                if !is_ready && in_a_row >= probe.success_threshold {
                    is_ready = true;
                    verdicts.ready = Some(Instant::from_secs(now));
                } else if is_ready && no_service >= probe.failure_threshold {
                    is_ready = false;
                    verdicts.unready = Some(Instant::from_secs(now));
                }
            }
            _ => {}
        }
    }
    verdicts
}

/// The verdicts of probes that a machine makes as they are ordered, as far as the horizon.
fn ordered(probes: &Probes<'_>, start: i64) -> Verdicts {
    let life = probes.life;
    let start = Instant::from_secs(start);
    let health = life.application.health;
    let mut prober = Prober::new(life, probes.since, start);
    let mut verdicts = prober.verdicts(start);
    while let Some(at) = prober.next()
        && at < Instant::from_secs(HORIZON_SECS)
    {
        for kind in prober.due(at) {
            let probe = match kind {
                ProbeKind::Startup => life.startup,
                ProbeKind::Liveness => life.liveness,
                ProbeKind::Readiness => life.readiness,
            };
            let timeout = probe.map_or(0, |probe| probe.timeout_secs);
            let running = at.since(start);
            let is_success = running >= health.from
                && health.until.is_none_or(|until| running < until)
                && life.application.answer_time <= Duration::from_secs(timeout.into());
            match prober.take(at, kind, is_success) {
                None => {}
                Some(Finding::Started { is_ready }) => {
                    verdicts.started = Some(at);
                    verdicts.ready = is_ready.then_some(at);
                }
                Some(Finding::Ready) => verdicts.ready = verdicts.ready.or(Some(at)),
                Some(Finding::Unready) if verdicts.ready.is_none() => {}
                Some(Finding::Unready) => verdicts.unready = verdicts.unready.or(Some(at)),
                Some(Finding::Failed) => verdicts.killed = Some(at),
            }
        }
    }
    // What is killed at the instant at which it would be ready never is.
    if verdicts.killed == verdicts.ready {
        verdicts.ready = None;
    }
    verdicts
}

fn some_probe() -> impl Strategy<Value = Option<Probe>> {
    let fields = (0_i32..20, 1_i32..12, 1_i32..4, 1_i32..5);
    prop::option::of(
        fields.prop_map(|(delay, period, successes, failures)| Probe {
            initial_delay_secs: delay,
            period_secs: period,
            timeout_secs: 1,
            success_threshold: successes,
            failure_threshold: failures,
        }),
    )
}

#[test]
fn a_probe_at_the_beginning_of_a_time_in_which_none_can_be_made_is_left_out() {
    let secs = Duration::from_secs;
    let life = ContainerLife {
        readiness: Some(Probe {
            initial_delay_secs: 14,
            period_secs: 5,
            timeout_secs: 1,
            success_threshold: 1,
            failure_threshold: 1,
        }),
        application: Application {
            health: Health {
                from: Duration::ZERO,
                until: None,
                unknown: Some((secs(18), secs(19))),
            },
            ..Application::default()
        },
        ..ContainerLife::default()
    };
    let probes = Probes {
        life: &life,
        since: Instant::ZERO,
    };
    // Of the probes at 45 s and 50 s the first falls on the beginning, 18 s after the start.
    let found = judge(&probes, Instant::from_secs(27));
    assert_eq!(found.ready, Some(Instant::from_secs(50)));
    assert_eq!(found, stepped(&probes, 27));
}

proptest! {
    #[test]
    fn probes_computed_and_stepped_come_to_the_same(
        startup in some_probe(),
        liveness in some_probe(),
        readiness in some_probe(),
        since in 0_i64..10,
        later in 0_i64..50,
        from in 0_i64..60,
        lasts in prop::option::of(1_i64..120),
        hole in prop::option::of((0_i64..90, 1_i64..60)),
        answer_time in 0_i64..3,
        timeout in 1_i32..3,
    ) {
        // Startup and liveness probes count one success.
        let single = |probe: Option<Probe>| probe.map(|probe| Probe {
            success_threshold: 1,
            timeout_secs: timeout,
            ..probe
        });
        let life = ContainerLife {
            startup: single(startup),
            liveness: single(liveness),
            readiness,
            application: Application {
                health: Health {
                    from: Duration::from_secs(from),
                    until: lasts.map(|lasts| Duration::from_secs(from + lasts)),
                    unknown: hole.map(|(from, lasts)| {
                        (Duration::from_secs(from), Duration::from_secs(from + lasts))
                    }),
                },
                answer_time: Duration::from_secs(answer_time),
                ..Application::default()
            },
            ..ContainerLife::default()
        };
        let probes = Probes { life: &life, since: Instant::from_secs(since) };
        let start = since + later;
        let computed = judge(&probes, Instant::from_secs(start));
        prop_assert_eq!(computed, stepped(&probes, start));
        // A machine makes every probe that it is ordered to make.
        if hole.is_none() {
            prop_assert_eq!(computed, ordered(&probes, start));
        }
    }
}
