//! Quantiles that keep the mean: between two of them logarithms of times are equally likely, which the longest
//! times of a trace are not; so a further quantile stands where the mean would move, and with it the load.

use rng::math;

use super::marginals::Quantiles;

/// Share of the mean from which on a difference is mended.
const LEAST: f64 = 0.002;

/// Percentage between two quantiles that are a step.
const STEP: f64 = 1e-4;

/// Places of a further quantile between two, in the order in which they are tried.
const PLACES: [f64; 9] = [
    0.5, 0.25, 0.75, 0.125, 0.875, 0.062_5, 0.937_5, 0.031_25, 0.968_75,
];

/// Adds quantiles to those of ascending times where these need them to have the mean of the times.
pub(super) fn kept(points: &Quantiles, sorted: &[i64]) -> Quantiles {
    let all = sorted.iter().map(|own| *own as f64).sum::<f64>();
    let place = |percent: f64| (percent / 100.0 * sorted.len() as f64) as usize;
    let mut kept = Quantiles::new();
    for (number, &(percent, time)) in points.iter().enumerate() {
        kept.push((percent, time));
        let Some(&(next, most)) = points.get(number + 1) else {
            break;
        };
        let part = &sorted[place(percent).min(sorted.len())..place(next).min(sorted.len())];
        let width = next - percent;
        let wanted = part.iter().map(|own| *own as f64).sum::<f64>() / part.len().max(1) as f64;
        let [time, most] = [time, most].map(|own| own as f64);
        let is_near = (between(time, most) - wanted).abs() * width / 100.0
            <= LEAST * all / sorted.len() as f64;
        if part.is_empty() || is_near {
            continue;
        }
        let further = PLACES.iter().find_map(|&share| {
            let found = middle([time, most], share, wanted)?;
            let percent = math::round_half_even((percent + share * width) * 1e4) / 1e4;
            Some((percent, found))
        });
        // All of them are near the lower one, and the upper one is the first of the next part.
        let step = || math::round_half_even((next - STEP) * 1e4) / 1e4;
        let further = further.or_else(|| Some((step(), *part.last()?)));
        let fits = |percent: f64| percent > kept[kept.len() - 1].0 && percent < next;
        kept.extend(further.filter(|own| fits(own.0)));
    }
    kept
}

/// The time at a share of the way between two with which the mean between them is the wanted one; `None` where no
/// time between them has it.
fn middle([from, to]: [f64; 2], share: f64, wanted: f64) -> Option<i64> {
    let mean = |at: f64| share * between(from, at) + (1.0 - share) * between(at, to);
    if !(mean(from)..=mean(to)).contains(&wanted) {
        return None;
    }
    let (mut low, mut high) = (from, to);
    for _ in 0..60 {
        let at = f64::midpoint(low, high);
        if mean(at) < wanted {
            low = at;
        } else {
            high = at;
        }
    }
    Some(low as i64)
}

/// The mean of times between two quantiles.
fn between(from: f64, to: f64) -> f64 {
    // Equal but for rounding.
    if from <= 0.0 || to <= from * (1.0 + 1e-9) {
        return f64::midpoint(from, to);
    }
    (to - from) / math::ln(to / from)
}

#[cfg(test)]
mod tests {
    use super::super::marginals::quantiles;
    use super::*;

    fn mean_of(points: &Quantiles) -> f64 {
        let parts = points
            .windows(2)
            .map(|two| (two[1].0 - two[0].0) / 100.0 * between(two[0].1 as f64, two[1].1 as f64));
        parts.sum()
    }

    #[test]
    fn a_few_long_times_keep_the_mean() {
        // One of a thousand is a month, the others are about a minute.
        let mut times: Vec<i64> = (0..999)
            .map(|own| 60_000_000_000 + own * 1_000_000)
            .collect();
        times.push(2_592_000_000_000_000);
        let mean = times.iter().sum::<i64>() as f64 / 1e3;
        let found = mean_of(&quantiles(&times));
        assert!((found / mean - 1.0).abs() < 0.02, "{found} {mean}");
        // Equal times have no further quantile.
        assert_eq!(quantiles(&[5; 40]).len(), 2);
    }

    #[test]
    fn quantiles_ascend() {
        for size in [3_i64, 10, 57, 800] {
            let times: Vec<i64> = (0..size).map(|own| own * own * own * own).collect();
            let points = quantiles(&times);
            let ascends = |two: &[(f64, i64)]| two[0].0 < two[1].0 && two[0].1 <= two[1].1;
            assert!(points.windows(2).all(ascends), "{points:?}");
        }
    }
}
