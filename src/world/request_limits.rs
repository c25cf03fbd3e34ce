//! Limits by which systems hold back their own requests or launches: clients of the Kubernetes API,
//! launch tokens of Marathon. An experiment may leave them out, and then a comparison with a system
//! that has its own is a comparison of limits.

use control::client_limit::ClientLimit;
use scenario::Scenario;
use systems::mesos::section::Mesos;
use systems::{kubernetes, mesos};

use super::production::{ClientLimits, client_limits};

/// Limits of a system in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Whether they hold; `false` where the experiment leaves out what the system has by default.
    pub hold: bool,
    /// The limits, in words.
    pub words: String,
}

/// The limits of a scenario's system, whose workloads controllers or frameworks maintain if
/// `has_workloads`; `None` of a system that knows no such limits.
pub fn request_limits(scenario: &Scenario, has_workloads: bool) -> Option<RequestLimits> {
    let system = &scenario.system;
    if system.name == kubernetes::ENTRY.name {
        let limits = client_limits(scenario);
        let hold = limits != ClientLimits::default();
        let of = |name: &str, limit: Option<ClientLimit>| {
            limit.map(|own| format!("{name} {}/s", own.per_second))
        };
        let words = [
            of("each controller", limits.controllers),
            of("scheduler", limits.scheduler),
            of("each kubelet", limits.kubelet),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        return Some(RequestLimits {
            hold,
            words: if hold {
                format!("requests of {}", words.join(", "))
            } else {
                "limits of its clients".to_owned()
            },
        });
    }
    let runs_marathon = [mesos::ENTRY.name, mesos::dcos::ENTRY.name].contains(&&*system.name);
    if !has_workloads || !runs_marathon {
        return None;
    }
    let tokens = system.own::<Mesos>().marathons().next()?.launch_tokens;
    Some(RequestLimits {
        hold: tokens > 0,
        words: match tokens {
            0 => "launch tokens of Marathon".to_owned(),
            _ => format!("{tokens} launches of Marathon under way"),
        },
    })
}
