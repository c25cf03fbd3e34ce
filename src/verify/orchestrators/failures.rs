//! Cases of failures: times by distributions, domains that fail with what they are part of, spot
//! capacity, and which slow task is copied (spec: orchestrators-b.md 10.1 to 10.3).

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Case, Decide, Trouble, read};
use rng::{Distribution, Law};
use sim::failures::{interrupted_within, interruptions_per_month, unavailability};
use systems::parts::speculation::{Progress, copied};
use units::Duration;

const HOURS_PER_YEAR: f64 = 8_760.0;

pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "weibull" => weibull,
        "lognormal" => log_normal,
        "availability" => availability,
        "spot" => spot,
        "late-speculation" => late_speculation,
        _ => return None,
    };
    Some(decide)
}

fn malformed(error: impl std::fmt::Display) -> Trouble {
    Trouble::Malformed(error.to_string())
}

/// A duration of so many of a unit, and back.
struct Unit(f64);

impl Unit {
    fn of(name: &str) -> Result<Self, Trouble> {
        Ok(Self(match name {
            "seconds" => 1.0,
            "minutes" => 60.0,
            "hours" => 3_600.0,
            "days" => 86_400.0,
            _ => return Err(malformed(format!("no unit: `{name}`"))),
        }))
    }

    fn span(&self, amount: f64) -> Result<Duration, Trouble> {
        let span = Duration::checked_from_secs_f64(amount * self.0);
        span.ok_or_else(|| malformed(format!("no duration: {amount}")))
    }

    fn amount(&self, span: Duration) -> f64 {
        span.as_secs_f64() / self.0
    }
}

#[derive(Deserialize)]
struct LawCase {
    mean: f64,
    #[serde(default)]
    shape: f64,
    #[serde(default)]
    median: f64,
    #[serde(default)]
    nodes: u32,
    unit: String,
    u: Vec<f64>,
}

fn quantiles(law: &Law, unit: &Unit, u: &[f64]) -> Result<Vec<f64>, Trouble> {
    let law = Distribution::new(law.clone()).map_err(|error| malformed(error.problem))?;
    let times = u.iter().map(|&u| unit.amount(law.inverse(u)));
    Ok(times.collect())
}

fn weibull(case: &Case) -> Result<Value, Trouble> {
    let given: LawCase = read(&case.request)?;
    let unit = Unit::of(&given.unit)?;
    let law = Law::weibull_of_mean(unit.span(given.mean)?, given.shape);
    let scale_of = |law: &Law| match law {
        Law::Weibull { scale, .. } => unit.amount(*scale),
        _ => f64::NAN,
    };
    Ok(json!({
        "scale": scale_of(&law),
        "t": quantiles(&law, &unit, &given.u)?,
        "scale_first_of_n": scale_of(&law.clone().first_of(given.nodes)),
    }))
}

fn log_normal(case: &Case) -> Result<Value, Trouble> {
    let given: LawCase = read(&case.request)?;
    let unit = Unit::of(&given.unit)?;
    let law = Law::log_normal_of_mean(unit.span(given.median)?, unit.span(given.mean)?);
    let Law::LogNormal { median, sigma } = law else {
        return Err(malformed("no law"));
    };
    Ok(json!({
        "mu": rng::math::ln(unit.amount(median)),
        "sigma": sigma,
        "t": quantiles(&law, &unit, &given.u)?,
    }))
}

fn availability(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct Level {
        per_year: f64,
        mttr_h: f64,
    }
    let given: IndexMap<String, Level> = read(&case.request)?;
    // Failures are counted by the time up between them.
    let levels = given.values();
    let levels = levels.map(|level| (HOURS_PER_YEAR / level.per_year, level.mttr_h));
    Ok(json!({"unavailability": unavailability(levels)}))
}

fn spot(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct SpotCase {
        p_month: Vec<f64>,
        days: f64,
    }
    let given: SpotCase = read(&case.request)?;
    let rates = given.p_month.iter().copied().map(interruptions_per_month);
    let rates: Vec<f64> = rates.collect();
    let within = rates
        .iter()
        .map(|&rate| interrupted_within(rate, given.days));
    let within: Vec<f64> = within.collect();
    Ok(json!({"rate_per_month": rates, "p_within_days": within}))
}

fn late_speculation(case: &Case) -> Result<Value, Trouble> {
    let given: Vec<(f64, f64)> = read(&case.request)?;
    let tasks: Vec<Progress> = { given.into_iter() }
        .map(|(share, elapsed)| Progress { share, elapsed })
        .collect();
    let left: Vec<f64> = tasks
        .iter()
        .map(systems::parts::speculation::Progress::left)
        .collect();
    Ok(json!({"left": left, "copy": copied(&tasks)}))
}
