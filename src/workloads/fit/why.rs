//! Reasons for which a mix is far from its trace: chance, what few jobs do, or what of the trace its own jobs lack
//! when one property of theirs is exchanged.

use units::plural::count;

use super::head::time;
use super::{Distance, Goodness, Waiting};

/// Distance from which on a reason is told.
const FAR: f64 = 0.1;

/// Factor between waits from which on a reason is told.
const FACTOR: f64 = 2.0;

/// Waits below these seconds are alike.
const ALIKE: f64 = 60.0;

/// The reasons for all that is far.
pub(super) fn reasons(goodness: &Goodness) -> Vec<String> {
    let far = goodness.distances.iter().filter(|own| own.distance >= FAR);
    let mut reasons: Vec<String> = far.map(|own| of_distance(own, goodness.jobs)).collect();
    reasons.extend(goodness.waiting.as_ref().and_then(of_wait));
    reasons.extend(goodness.waiting.as_ref().and_then(of_use));
    reasons
}

fn of_distance(own: &Distance, jobs: u64) -> String {
    // The distance that two samples of one distribution exceed in one of twenty cases.
    let chance = 1.358 * rng::math::sqrt(2.0 / jobs as f64);
    let field = own.field;
    if own.distance <= chance {
        return format!(
            "{field} differs by {:.2}, and by up to {chance:.2} between two samples of {} of one distribution",
            own.distance,
            count(jobs, "job")
        );
    }
    format!(
        "{field} differs by {:.2}: its jobs come in few parts and sessions, which decide what seed 1 draws",
        own.distance
    )
}

/// Whether one wait is longer than another by more than the factor.
fn exceeds(one: f64, other: f64) -> bool {
    one + ALIKE > FACTOR * (other + ALIKE)
}

fn of_wait(own: &Waiting) -> Option<String> {
    let (trace, mix) = (own.trace_seconds, own.mix_seconds);
    let is_longer = exceeds(mix, trace);
    if !is_longer && !exceeds(trace, mix) {
        return None;
    }
    // On the side of the mix, whichever that is.
    let is_like_mix = |wait: f64| {
        if is_longer {
            exceeds(wait, trace)
        } else {
            exceeds(trace, wait)
        }
    };
    let word = if is_longer { "longer" } else { "shorter" };
    let reason = if is_like_mix(own.shuffled_seconds) {
        format!(
            "so they are when the trace's own jobs come in random order ({}): users and the state of the machine \
             decided which job came when, and a mix draws them",
            time(own.shuffled_seconds)
        )
    } else if is_like_mix(own.moved_seconds) {
        format!(
            "so they are when the trace's own jobs come at the submissions of the mix ({}): these crowd otherwise",
            time(own.moved_seconds)
        )
    } else if (own.mix_least_seconds..=own.mix_most_seconds).contains(&trace) {
        "seeds of the mix differ as much".to_owned()
    } else {
        "neither the order nor the submissions of the trace's own jobs explain it, so what they ask for at one \
         time does"
            .to_owned()
    };
    Some(format!(
        "waits are {word} than in the trace; {reason}{}",
        of_few(own)
    ))
}

fn of_use(own: &Waiting) -> Option<String> {
    let is_far = (own.trace_in_use - own.mix_in_use).abs() >= FAR;
    is_far.then(|| {
        format!(
            "use differs, as it counts to the last end, and a long job that comes late moves that end{}",
            of_few(own)
        )
    })
}

/// Words about the work of few jobs, where it is much.
fn of_few(own: &Waiting) -> String {
    if own.largest_share < 0.3 {
        return String::new();
    }
    format!(
        " (1 % of the jobs do {:.0} % of the work)",
        own.largest_share * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIKE_WAITS: Waiting = Waiting {
        trace_seconds: 3_600.0,
        mix_seconds: 4_000.0,
        mix_least_seconds: 3_000.0,
        mix_most_seconds: 5_000.0,
        shuffled_seconds: 10.0,
        moved_seconds: 3_600.0,
        trace_work: 1.0,
        mix_work: 1.0,
        largest_share: 0.2,
        trace_in_use: 0.6,
        mix_in_use: 0.55,
    };

    #[test]
    fn what_is_exchanged_decides() {
        let why = |own: Waiting| of_wait(&own).unwrap_or_default();
        assert_eq!(why(ALIKE_WAITS), "");
        let short = Waiting {
            mix_seconds: 20.0,
            mix_least_seconds: 10.0,
            mix_most_seconds: 30.0,
            largest_share: 0.9,
            ..ALIKE_WAITS
        };
        let said = why(short);
        assert!(
            said.contains("shorter") && said.contains("random order (10s)"),
            "{said}"
        );
        assert!(
            said.ends_with("(1 % of the jobs do 90 % of the work)"),
            "{said}"
        );
        let moved = Waiting {
            shuffled_seconds: 3_600.0,
            moved_seconds: 15.0,
            ..short
        };
        assert!(why(moved).contains("submissions of the mix (15s)"));
        let neither = Waiting {
            shuffled_seconds: 3_600.0,
            ..short
        };
        assert!(why(neither).contains("ask for at one time"));
        let seeds = Waiting {
            mix_most_seconds: 9_000.0,
            ..neither
        };
        assert!(why(seeds).contains("seeds of the mix differ as much"));
    }

    #[test]
    fn few_jobs_differ_by_chance() {
        let own = |distance| Distance {
            field: "gap",
            distance,
            trace_mean: 1.0,
            mix_mean: 1.0,
        };
        let said = of_distance(&own(0.13), 200);
        assert!(
            said.contains("up to 0.14 between two samples of 200 jobs"),
            "{said}"
        );
        assert!(of_distance(&own(0.4), 200).contains("few parts and sessions"));
    }
}
