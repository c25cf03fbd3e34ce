//! Output formats of a plan: sentences with tables for people, JSON for programs, CSV tables.

mod bill;
mod bound;
mod files;
mod growth;
mod html;
mod json;
mod proof;
mod reasons;
#[cfg(test)]
mod schema_tests;
mod sheet;
mod text;
mod today;

pub use files::{FILES, PlanFile};

use std::path::PathBuf;

use intake::Input;
use lab::plan::loss::Loss;
use lab::plan::picture::{ATTACHMENTS, MOST_MORE};
use lab::plan::{Plan, Questions};
use units::plural;

/// Hours of a month, as vendors count them.
pub const MONTH_HOURS: i64 = 730;

/// JSON Schema of `plan.json`.
pub const SCHEMA_TEXT: &str = include_str!("plan.schema.json");

/// A plan with its context.
pub struct PlanReport<'a> {
    /// Contents of the snapshot, in one line.
    pub snapshot: &'a str,
    /// The command that gives this plan again.
    pub command: &'a str,
    /// Currency of the prices; empty if there are none.
    pub currency: &'a str,
    /// Files of the cluster.
    pub inputs: &'a [Input],
    /// Lists beside the cluster, each with the option that names it: usage, prices, pods that need room.
    pub lists: Vec<(&'static str, PathBuf)>,
    /// When the dump was taken, as far as it tells, in seconds since 1970-01-01T00:00:00Z.
    pub taken_unix_secs: Option<i64>,
    /// The questions that it answers.
    pub questions: &'a Questions,
    /// The plan.
    pub plan: &'a Plan,
    /// Assumptions behind the answers, in sentences.
    pub assumptions: Vec<String>,
    /// Warnings about input that was ignored or looks wrong.
    pub warnings: &'a [String],
}

/// Numbers of domains whose loss leaves nobody waiting, and of all.
fn survived(losses: &[Loss]) -> (usize, usize) {
    let whole = losses.iter().filter(|loss| loss.waiting == 0).count();
    (whole, losses.len())
}

/// Number of further pods that fit, as far as it is counted.
fn more(fits: u64) -> String {
    match fits {
        MOST_MORE.. => format!("at least {fits}"),
        _ => fits.to_string(),
    }
}

/// Words for a resource: volumes by their driver.
fn resource(name: &str) -> String {
    match name.strip_prefix(ATTACHMENTS) {
        Some(driver) => format!("volumes of {driver}"),
        None => name.to_owned(),
    }
}

/// A share in per cent with one decimal.
fn percent(ppm: i64) -> String {
    let tenths = (ppm + 500) / 1_000;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A price with so many decimals as it has, at least two and at most four.
pub fn money(micro: i64) -> String {
    let rounded = (micro + 50) / 100;
    let (whole, rest) = (rounded / 10_000, rounded % 10_000);
    let rest = format!("{rest:04}");
    let rest = match rest.strip_suffix("00") {
        Some(short) => short.to_owned(),
        None => rest.strip_suffix('0').unwrap_or(&rest).to_owned(),
    };
    format!("{}.{rest}", plural::grouped(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_written_as_people_write_them() {
        for (micro, expected) in [
            (2_468_000, "2.468"),
            (9_600_000, "9.60"),
            (8_064_000, "8.064"),
            (5_886_720_000, "5,886.72"),
            (96_000, "0.096"),
            (0, "0.00"),
        ] {
            assert_eq!(money(micro), expected);
        }
        assert_eq!(percent(25_000), "2.5 %");
    }
}
