//! A fit as a row of a table of Markdown, so that fits of several traces stand beside each other.

use super::head::time;
use super::{Distance, Fit};

/// Head of the table.
pub const TABLE_HEAD: &str = "\
| trace | jobs | mix | gap | run time | worst other | gap and next, trace / mix | work of a job, trace / mix | \
wait, trace / mix (seeds) | in use, trace / mix |\n\
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";

/// What stands where there is nothing to compare.
const NOTHING: &str = "–";

impl Fit {
    /// The row of the fit, named by its trace.
    pub fn row(&self, name: &str) -> String {
        let goodness = &self.goodness;
        let of = |field| goodness.distance_of(field);
        let others = goodness.distances.iter();
        let others = others.filter(|own| !["gap", "runTime"].contains(&own.field));
        let worst = others.max_by(|one, other| one.distance.total_cmp(&other.distance));
        let worst = worst.map_or(NOTHING.to_owned(), |own| {
            format!("{:.3} ({})", own.distance, own.field)
        });
        let next = goodness.gaps_together();
        let next = next.map_or(NOTHING.to_owned(), |own| {
            format!("{:.2} / {:.2}", own.trace, own.mix)
        });
        let waiting = goodness.waiting.as_ref();
        let [work, wait, in_use] = waiting.map_or([NOTHING; 3].map(str::to_owned), |own| {
            let [least, most] = [own.mix_least_seconds, own.mix_most_seconds].map(time);
            [
                format!("{} / {}", time(own.trace_work), time(own.mix_work)),
                format!(
                    "{} / {} ({least} to {most})",
                    time(own.trace_seconds),
                    time(own.mix_seconds)
                ),
                format!(
                    "{:.1} % / {:.1} %",
                    own.trace_in_use * 100.0,
                    own.mix_in_use * 100.0
                ),
            ]
        });
        let jobs = match self.sampled_of {
            None => goodness.jobs.to_string(),
            Some(all) => format!("{} of {all}", goodness.jobs),
        };
        format!(
            "| {name} | {jobs} | {} | {} | {} | {worst} | {next} | {work} | {wait} | {in_use} |\n",
            self.model,
            distance(of("gap")),
            distance(of("runTime")),
        )
    }
}

fn distance(own: Option<&Distance>) -> String {
    own.map_or(NOTHING.to_owned(), |own| format!("{:.3}", own.distance))
}
