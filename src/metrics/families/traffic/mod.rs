//! Requests of clients: their outcomes, latencies and objectives, and how full services are.

pub mod alerts;
pub mod latency;
pub mod latency_objective;
pub mod requests;
pub mod service_saturation;
pub mod services;
pub mod traffic_totals;
