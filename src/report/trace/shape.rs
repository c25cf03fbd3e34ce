//! Shape of a workload over time and in its tails, as `windtunnel trace inspect` prints it.

use std::fmt::Write;

use serde_json::{Value, json};

use arrivals::inspect::{LAGS, Rhythm, WorkloadSummary};
use arrivals::quantiles::Tail;

/// Hours of a day that the text shows at a time.
const HOURS_SHOWN: usize = 3;

/// Shape as text: rates, the profile of day and week, tails, correlations with what came before.
pub(super) fn text(workload: &WorkloadSummary) -> String {
    let mut text = String::new();
    if let Some(rhythm) = &workload.profile.rhythm {
        rates(&mut text, rhythm);
    }
    let tails = &workload.tails;
    let has_cores = workload.cpu_milli.is_some_and(|own| own.max > 0);
    let work = if has_cores {
        "core seconds"
    } else {
        "pod seconds"
    };
    let tails = [
        ("run time", tails.run_time),
        ("gap", tails.gap),
        (work, tails.work),
    ];
    let tails = tails
        .iter()
        .filter_map(|(name, tail)| Some((name, (*tail)?)));
    for (number, (name, tail)) in tails.enumerate() {
        if number == 0 {
            text.push_str("\ntails                 C²   tail index   held by the largest 1 %\n");
        }
        let index = tail
            .index
            .map_or_else(|| "-".to_owned(), |own| format!("{own:.2}"));
        let (squared, share) = (tail.squared_variation, tail.largest_share * 100.0);
        let _ = writeln!(
            text,
            "{name:12} {squared:>11.2} {index:>12} {share:>23.1} %"
        );
    }
    let following = [
        ("gap", &workload.gap_following),
        ("run time", &workload.run_time_following),
    ];
    let known = following
        .iter()
        .filter(|(_, own)| own.iter().any(Option::is_some));
    for (number, (name, own)) in known.enumerate() {
        if number == 0 {
            text.push_str("\nautocorrelation");
            for lag in LAGS {
                let _ = write!(text, " {:>8}", format!("lag {lag}"));
            }
            text.push('\n');
        }
        let _ = write!(text, "{name:15}");
        for value in *own {
            let value = value.map_or_else(|| "-".to_owned(), correlation);
            let _ = write!(text, " {value:>8}");
        }
        text.push('\n');
    }
    text
}

/// A correlation to two digits; one that rounds to zero has no sign.
fn correlation(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" {
        "0.00".to_owned()
    } else {
        text
    }
}

fn rates(text: &mut String, rhythm: &Rhythm) {
    let (hour, count) = rhythm.busiest;
    let _ = writeln!(
        text,
        "\narrivals per hour: {:.1} in the mean, {count} in the busiest (hour {hour}); \
             variance / mean {:.1}",
        rhythm.per_hour, rhythm.dispersion
    );
    if let Some(day) = &rhythm.day {
        let parts: Vec<String> = (0..)
            .zip(day.chunks(HOURS_SHOWN))
            .map(|(part, own)| format!("{:02}h {:.2}", part * HOURS_SHOWN, mean(own)))
            .collect();
        let _ = writeln!(text, "rate by hour       {}", parts.join("  "));
    }
    if let Some(week) = &rhythm.week {
        let parts: Vec<String> = (1..)
            .zip(week.chunks(24))
            .map(|(day, own)| format!("day {day} {:.2}", mean(own)))
            .collect();
        let _ = writeln!(text, "rate by day        {}", parts.join("  "));
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Shape as JSON.
pub(super) fn json(workload: &WorkloadSummary) -> Value {
    let tail = |own: Option<Tail>| {
        own.map(|own| {
            json!({
                "squaredVariation": own.squared_variation,
                "largestShare": own.largest_share,
                "index": own.index,
            })
        })
    };
    let following = |own: &[Option<f64>; LAGS.len()]| -> Value {
        let pairs = LAGS.iter().zip(own);
        let all = pairs.map(|(lag, value)| json!({"lag": lag, "correlation": value}));
        all.collect()
    };
    let rhythm = workload.profile.rhythm.as_ref().map(|own| {
        json!({
            "perHour": own.per_hour,
            "busiestHour": {"hour": own.busiest.0, "arrivals": own.busiest.1},
            "dispersion": own.dispersion,
            "day": own.day,
            "week": own.week,
        })
    });
    json!({
        "rates": rhythm,
        "tails": {
            "runTime": tail(workload.tails.run_time),
            "gap": tail(workload.tails.gap),
            "coreSeconds": tail(workload.tails.work),
        },
        "autocorrelation": {
            "gap": following(&workload.gap_following),
            "runTime": following(&workload.run_time_following),
        },
    })
}
