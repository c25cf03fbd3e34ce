//! Cases of functions that are paid by use: which requests are cold, and the bill
//! (spec: orchestrators-a.md 9.7).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Case, Trouble, read};
use control::services::{FunctionLimits, FunctionPool, Invocation};
use metrics::economics::FunctionPrices;
use metrics::functions::function_bill;
use model::traffic::FunctionCounts;
use units::{Duration, Instant};

fn span(secs: f64) -> Duration {
    Duration::from_nanos(libm::rint(secs * 1e9) as i64)
}

#[derive(Deserialize)]
struct Asked {
    arrivals_s: Vec<f64>,
    run_s: f64,
    #[serde(default)]
    cold_start_s: f64,
    #[serde(default)]
    keep_alive_s: Option<f64>,
    #[serde(default)]
    concurrency_limit: Option<u32>,
    #[serde(default)]
    queue_limit: u32,
    #[serde(default)]
    provisioned: u32,
}

/// Beginning of each request of a function, and beginnings of instances.
pub(super) fn instances(case: &Case) -> Result<Value, Trouble> {
    let own: Asked = read(&case.request)?;
    let usual = FunctionLimits::default();
    let mut pool = FunctionPool::new(FunctionLimits {
        keep_alive: own.keep_alive_s.map_or(usual.keep_alive, span),
        concurrency: own.concurrency_limit.unwrap_or(usual.concurrency),
        provisioned: own.provisioned,
        queue_limit: own.queue_limit,
    });
    let mut ends: BinaryHeap<Reverse<Instant>> = BinaryHeap::new();
    let mut starts = Vec::new();
    for arrival in &own.arrivals_s {
        let now = Instant::ZERO.saturating_add(span(*arrival));
        while let Some(Reverse(end)) = ends.peek().copied().filter(|Reverse(end)| *end <= now) {
            ends.pop();
            if pool.finish(end) {
                ends.push(Reverse(end.saturating_add(span(own.run_s))));
            }
        }
        let (word, takes) = match pool.invoke(now) {
            Invocation::Warm => ("warm", Some(own.run_s)),
            Invocation::Cold => ("cold", Some(own.cold_start_s + own.run_s)),
            Invocation::Queued => ("queued", None),
            Invocation::Throttled => ("throttled", None),
        };
        ends.extend(takes.map(|takes| Reverse(now.saturating_add(span(takes)))));
        starts.push(word);
    }
    Ok(json!({"starts": starts, "instances_created": pool.created()}))
}

#[derive(Deserialize)]
struct Billed {
    rows: Vec<Row>,
    gb_s_rate: f64,
    #[serde(default)]
    per_million_requests: f64,
    #[serde(default)]
    free_requests: u64,
    #[serde(default)]
    free_gb_s: u64,
}

#[derive(Deserialize)]
struct Row {
    invocations: u64,
    memory_mb: u64,
    duration_ms: f64,
}

/// The bill of a month for each row.
pub(super) fn bill(case: &Case) -> Result<Value, Trouble> {
    let own: Billed = read(&case.request)?;
    let pico = |price: f64| libm::rint(price * 1e12) as u64;
    let prices = FunctionPrices {
        gib_second_pico: pico(own.gb_s_rate),
        request_pico: pico(own.per_million_requests / 1e6),
        provisioned_gib_second_pico: 0,
        free_gib_seconds: own.free_gb_s,
        free_requests: own.free_requests,
    };
    let rows = own.rows.iter().map(|row| {
        // All invocations of a row are alike.
        let mut counts = FunctionCounts::default();
        counts.invoked(row.memory_mb, span(row.duration_ms / 1e3));
        counts.billed_mib_ms *= u128::from(row.invocations);
        counts.invocations = row.invocations;
        let bill = function_bill(&counts, &prices);
        json!({
            "gb_s": bill.gib_seconds,
            "compute": bill.compute,
            "requests": bill.requests,
            "total": bill.total(),
        })
    });
    Ok(json!({"rows": rows.collect::<Vec<Value>>()}))
}
