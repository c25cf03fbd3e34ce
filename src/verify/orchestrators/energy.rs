//! Cases of what machines draw (spec: orchestrators-b.md 10.7), and of the scaling rules of other
//! platforms (spec: orchestrators-a.md 9.3).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Case, Decide, Trouble, read};
use autoscale::rules::{Bounds, TargetTracking};
use metrics::PowerCurve;
use units::{Duration, Instant};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "power" => table,
        "power-formula" => formulas,
        "power-energy" => energy,
        "feature-scale" => scale,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct Model {
    model: String,
}

impl Model {
    fn curve(&self) -> Result<PowerCurve, Trouble> {
        let curve = PowerCurve::of_machine(&self.model);
        curve.ok_or_else(|| Trouble::Unsupported(format!("no machine `{}`", self.model)))
    }
}

#[derive(Deserialize)]
struct Shares {
    u: Vec<f64>,
}

fn watts(curve: &PowerCurve, used: &[f64]) -> Vec<f64> {
    let drawn = used.iter().map(|&used| curve.drawn(used));
    drawn.map(|micro| micro as f64 / 1e6).collect()
}

fn table(case: &Case) -> Result<Value, Trouble> {
    let model: Model = read(&case.nodes)?;
    let shares: Shares = read(&case.request)?;
    Ok(json!({"watts": watts(&model.curve()?, &shares.u)}))
}

#[derive(Deserialize)]
struct Formula {
    pmax: f64,
    #[serde(rename = "static")]
    share: f64,
}

fn formulas(case: &Case) -> Result<Value, Trouble> {
    let own: Formula = read(&case.nodes)?;
    let shares: Shares = read(&case.request)?;
    let micro = |watts: f64| libm::rint(watts * 1e6) as i64;
    let by = |exponent: f64| {
        let curve = PowerCurve::Formula {
            idle: micro(own.pmax * own.share),
            max: micro(own.pmax),
            exponent,
            sleeps: true,
        };
        watts(&curve, &shares.u)
    };
    Ok(json!({"linear": by(1.0), "square": by(2.0), "cubic": by(3.0), "sqrt": by(0.5)}))
}

#[derive(Deserialize)]
struct Segments {
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    seconds: f64,
    u: f64,
}

/// Use holds until it changes, so that a segment draws what its use does; `CloudSim` takes the power
/// at its end, which is that of the next one.
fn energy(case: &Case) -> Result<Value, Trouble> {
    let model: Model = read(&case.nodes)?;
    let curve = model.curve()?;
    let list: Segments = read(&case.request)?;
    let drawn: Vec<f64> = list
        .segments
        .iter()
        .map(|own| curve.drawn(own.u) as f64 / 1e6)
        .collect();
    let (mut piecewise, mut ends) = (0.0, 0.0);
    for (place, own) in list.segments.iter().enumerate() {
        let hours = own.seconds / 3600.0;
        let next = drawn.get(place + 1).copied().unwrap_or(drawn[place]);
        piecewise += drawn[place] * hours;
        ends += f64::midpoint(drawn[place], next) * hours;
    }
    Ok(json!({"wh_piecewise": piecewise, "wh_mean_of_ends": ends}))
}

#[derive(Deserialize)]
struct Scale {
    #[serde(default)]
    rows: Vec<ScaleRow>,
    #[serde(default)]
    recommendations: Vec<i32>,
    #[serde(default)]
    window_s: i64,
    #[serde(default)]
    sync_s: i64,
    #[serde(default)]
    start: i32,
    tolerance: Option<f64>,
}

#[derive(Deserialize)]
struct ScaleRow {
    current: i32,
    metric: f64,
    target: f64,
    #[serde(default)]
    min: i32,
    max: Option<i32>,
}

fn scale(case: &Case) -> Result<Value, Trouble> {
    let own: Scale = read(&case.request)?;
    if !own.rows.is_empty() {
        let wants = own.rows.iter().map(|row| {
            let bounds = Bounds {
                min: row.min,
                max: row.max.unwrap_or(i32::MAX),
            };
            let mut rule = TargetTracking::new(bounds, row.target);
            rule.tolerance = own.tolerance.unwrap_or(rule.tolerance);
            rule.want(row.current, row.metric)
        });
        return Ok(json!({"desired": wants.collect::<Vec<i32>>()}));
    }
    let bounds = Bounds {
        min: 0,
        max: i32::MAX,
    };
    let mut rule = TargetTracking::new(bounds, 1.0);
    rule.window = Duration::from_secs(own.window_s);
    let mut current = own.start;
    let mut seen = Vec::new();
    for (step, &wanted) in (0..).zip(&own.recommendations) {
        let now = Instant::from_secs(own.sync_s * step);
        current = rule.stabilize(now, current, wanted);
        seen.push(current);
    }
    Ok(json!({"replicas": seen}))
}
