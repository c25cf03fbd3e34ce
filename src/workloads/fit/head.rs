//! Comments above a fitted mix: what it was fitted to, the trace beside the mix, and why the two differ where they
//! do.

use std::fmt::Write as _;

use units::Duration;
use units::plural::count;

use super::{Distance, Fit, Waiting, why};

/// Text of the comments.
pub(super) fn text(name: &str, fit: &Fit) -> String {
    let mut jobs = count(fit.goodness.jobs, "job");
    if let Some(all) = fit.sampled_of {
        let _ = write!(jobs, ", a random sample of {all}; rates are those of all");
    }
    let mut text = format!(
        "# Fitted to {name}: {jobs}. Hours and days count from its zero.\n\
         # Model: {}.\n\
         # Goodness of fit, of as many jobs by seed 1 (distances of Kolmogorov–Smirnov: 0 is the best, 1 the worst):\n",
        fit.model
    );
    row(&mut text, ["mean of", "trace", "mix", "distance"]);
    for own in &fit.goodness.distances {
        let [of_trace, of_mix] = [own.trace_mean, own.mix_mean].map(|mean| amount(own, mean));
        let distance = format!("{:.3}", own.distance);
        row(&mut text, [own.field, &of_trace, &of_mix, &distance]);
    }
    if let Some(distance) = fit.goodness.requests {
        let words = "requests, all together (total variation)";
        row(&mut text, [words, "", "", &format!("{distance:.3}")]);
    }
    if !fit.goodness.correlations.is_empty() {
        row(&mut text, ["rank correlation of", "", "", ""]);
    }
    for own in &fit.goodness.correlations {
        let [of_trace, of_mix] = [own.trace, own.mix].map(|value| format!("{value:.2}"));
        row(&mut text, [&own.words(), &of_trace, &of_mix, ""]);
    }
    if let Some(own) = &fit.goodness.waiting {
        on_a_pool(&mut text, own);
    }
    for reason in why::reasons(&fit.goodness) {
        let _ = writeln!(text, "# Why: {reason}");
    }
    for (what, jobs) in &fit.left_out {
        let _ = writeln!(text, "# Left out: {what} ({})", count(*jobs, "job"));
    }
    text
}

fn on_a_pool(text: &mut String, own: &Waiting) {
    text.push_str(
        "# On a pool that the work of the trace fills to 70 %, first come, first served (the middle of three seeds):\n",
    );
    let share = |own: f64| format!("{:.1} %", own * 100.0);
    let [by_trace, by_mix] = [own.trace_in_use, own.mix_in_use].map(share);
    let [of_trace, of_mix] = [own.trace_seconds, own.mix_seconds].map(time);
    let [least, most] = [own.mix_least_seconds, own.mix_most_seconds].map(time);
    let [work, work_of_mix] = [own.trace_work, own.mix_work].map(time);
    row(text, ["mean wait", &of_trace, &of_mix, ""]);
    row(
        text,
        [
            "  least and most of the seeds",
            "",
            &format!("{least}, {most}"),
            "",
        ],
    );
    row(text, ["in use", &by_trace, &by_mix, ""]);
    row(text, ["mean work of a job", &work, &work_of_mix, ""]);
    row(
        text,
        [
            "wait of the trace, its jobs in random order",
            &time(own.shuffled_seconds),
            "",
            "",
        ],
    );
    row(
        text,
        [
            "wait of the trace, submitted as in the mix",
            &time(own.moved_seconds),
            "",
            "",
        ],
    );
}

/// A line of four columns.
fn row(text: &mut String, [label, trace, mix, distance]: [&str; 4]) {
    let line = format!("#   {label:<44}{trace:>18}{mix:>18}{distance:>10}");
    let _ = writeln!(text, "{}", line.trim_end());
}

/// The mean of a field in its unit.
fn amount(own: &Distance, mean: f64) -> String {
    match own.field {
        "gap" | "runTime" | "timeLimit" => time(mean),
        "memory" => format!("{:.2}Gi", mean / f64::from(1 << 30)),
        _ => format!("{mean:.2}"),
    }
}

/// Seconds as a time in words: to the minute from a day on, to the second from an hour on, else to the millisecond.
pub(super) fn time(seconds: f64) -> String {
    let unit = match seconds {
        86_400.0.. => 60_000.0,
        3_600.0.. => 1_000.0,
        60.0.. => 100.0,
        _ => 1.0,
    };
    let whole = rng::math::round_half_even(seconds * 1e3 / unit) * unit;
    Duration::saturating_from_millis(whole as i64).to_string()
}
