//! Output formats of the answer of `queue`.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::formats::Formats;
use crate::grid::{csv, object, pairs, section};
use lab::queue::{Answer, Change, Obstacle, Raise, Verdict, Victim};
use units::{Duration, plural};

/// Answers with their context.
pub struct QueueReport<'a> {
    /// The answer, or those about the workloads of one object, in their order.
    pub answers: &'a [Answer],
    /// Warnings about input that was ignored or looks wrong.
    pub warnings: &'a [String],
}

/// One answer.
struct One<'a> {
    answer: &'a Answer,
}

fn victims(list: &[Victim]) -> Vec<Value> {
    let shown = list
        .iter()
        .map(|own| json!({"workload": own.name, "clusterQueue": own.queue, "reason": own.reason}));
    shown.collect()
}

fn raise(own: &Raise) -> Value {
    json!({
        "flavor": &*own.flavor,
        "resource": &*own.resource,
        "from": own.from.to_string(),
        "to": own.to.to_string(),
    })
}

fn change(own: &Change) -> Value {
    match own {
        Change::Pods { set: None, to, .. } => json!({"kind": "pods", "to": to}),
        Change::Pods { set, from, to } => {
            json!({"kind": "pods", "set": set.as_deref(), "from": from, "to": to})
        }
        Change::Priority { to, victims: all } => {
            json!({"kind": "priority", "to": to, "victims": victims(all)})
        }
        Change::Quota { raises } => {
            json!({"kind": "quota", "raises": raises.iter().map(raise).collect::<Value>()})
        }
        Change::Limit { raises } => {
            json!({"kind": "borrowingLimit", "raises": raises.iter().map(raise).collect::<Value>()})
        }
        Change::Level { from, to } => json!({"kind": "level", "from": from, "to": to}),
        Change::Flavor { flavors } => json!({"kind": "flavor", "flavors": flavors}),
    }
}

/// Raised amounts in words.
fn amounts(raises: &[Raise]) -> String {
    let raises = raises.iter().map(|own| {
        format!(
            "{} in {} {} instead of {}",
            own.resource, own.flavor, own.to, own.from
        )
    });
    raises.collect::<Vec<_>>().join(", ")
}

fn obstacle(own: &Obstacle) -> Value {
    let amounts = own.amounts.as_ref().map(|own| {
        json!({
            "flavor": &*own.flavor,
            "resource": &*own.resource,
            "limit": own.limit.to_string(),
            "used": own.used.to_string(),
            "asked": own.asked.to_string(),
        })
    });
    json!({
        "kind": own.kind.name(),
        "object": own.object,
        "amounts": amounts,
        "detail": own.detail,
    })
}

impl One<'_> {
    fn headline(&self) -> String {
        let answer = self.answer;
        let queue = answer.queue.as_deref().unwrap_or(&answer.local_queue);
        let words = match answer.verdict {
            Verdict::Admitted if answer.admitted_pods < answer.pods => {
                let pods = plural::count(answer.pods, "pod");
                format!("is admitted with {} of {pods}", answer.admitted_pods)
            }
            Verdict::Admitted if answer.victims.is_empty() => "is admitted at once".to_owned(),
            Verdict::Admitted => "is admitted once others have made room".to_owned(),
            Verdict::Queued if answer.ahead == 0 => "waits, as the first of its queue".to_owned(),
            Verdict::Queued => format!("waits behind {}", plural::count(answer.ahead, "workload")),
            Verdict::Never => "is never admitted, even if nothing else runs".to_owned(),
        };
        format!("{} {words} (queue {queue})", answer.job)
    }

    fn requests(&self) -> String {
        let answer = self.answer;
        let requests = answer.requests.iter();
        let requests: Vec<String> = requests
            .map(|(name, amount)| format!("{amount} {name}"))
            .collect();
        let pods = plural::count(answer.pods, "pod");
        let requests = match requests.as_slice() {
            [] => " without requests".to_owned(),
            requests => format!(", {}", requests.join(", ")),
        };
        format!("{pods}{requests}; priority {}", answer.priority)
    }

    /// Changes in words, one each.
    fn changes(&self) -> Vec<String> {
        let answer = self.answer;
        let queue = answer.queue.as_deref().unwrap_or_default();
        let words = answer.changes.iter().map(|own| match own {
            Change::Pods { set, from, to } => {
                let pods = plural::count(*to, "pod");
                let place = set.as_ref().map(|own| format!(" in the pod set `{own}`"));
                let place = place.unwrap_or_default();
                format!("{pods} at once instead of {from}{place}")
            }
            Change::Priority { to, victims } => {
                format!(
                    "priority {to} instead of {}: {}",
                    answer.priority,
                    Victim::words(victims)
                )
            }
            Change::Quota { raises } => format!("nominal quota of {queue}: {}", amounts(raises)),
            Change::Limit { raises } => format!("borrowing limit of {queue}: {}", amounts(raises)),
            Change::Level { from, to } => match to {
                Some(to) => format!("the level {to} required instead of {from}"),
                None => format!("any place instead of the level {from}"),
            },
            Change::Flavor { flavors } => format!(
                "no node selector or affinity and tolerations of all taints: it gets {}",
                flavors.join(", ")
            ),
        });
        let mut words: Vec<String> = words.collect();
        for kind in &answer.untried_kinds {
            words.push(format!(
                "({kind}: not tried to the end, as the cluster is too large)"
            ));
        }
        if answer.untried_choices > 0 {
            let choices = plural::count(answer.untried_choices, "further choice");
            words.push(format!("({choices} of flavors not tried)"));
        }
        words
    }

    /// The time at which a job starts that waits.
    fn start(&self) -> Vec<String> {
        let answer = self.answer;
        if answer.verdict != Verdict::Queued {
            return Vec::new();
        }
        let Some(start) = &answer.start else {
            return vec![
                "not known: no workload of the files has ended; give a run time with `--run-time`"
                    .to_owned(),
            ];
        };
        let within = |at: Option<Duration>| match at {
            Some(at) => format!("after {at}"),
            None => "not within a year".to_owned(),
        };
        if let Some(seen) = start.later_than {
            return vec![format!(
                "later than {seen} from now, to which the cluster was replayed"
            )];
        }
        let [early, middle, late] = start.quantiles.map(within);
        let Some(ended) = start.ended else {
            return vec![format!("{middle}, if every workload runs as long as given")];
        };
        let replays = plural::count(start.replays, "replay");
        let ended = plural::count(ended, "ended workload");
        vec![
            format!(
                "{early} in 5 % of {replays} or sooner, {middle} in half of them, {late} in 95 %"
            ),
            format!("(run times are drawn from those of {ended}; nothing else is submitted)"),
        ]
    }

    /// Sections of a text: a title with lines.
    fn sections(&self) -> Vec<(&'static str, Vec<String>)> {
        let answer = self.answer;
        let flavors = answer.flavors.iter();
        let flavors = flavors.map(|(resource, flavor)| format!("{resource} from {flavor}"));
        let places = answer.places.iter();
        let places =
            places.map(|(domain, pods)| format!("{domain}: {}", plural::count(*pods, "pod")));
        let checks = answer.checks.iter().map(ToString::to_string);
        let obstacles = answer.obstacles.iter().map(Obstacle::words);
        let victims = answer.victims.iter();
        let victims = victims.map(|own| format!("{} of {} ({})", own.name, own.queue, own.reason));
        let stopping = match answer.verdict {
            Verdict::Admitted => "makes room",
            Verdict::Queued | Verdict::Never => "stops for it, in vain",
        };
        let sections = [
            ("flavors", flavors.collect()),
            ("places", places.collect()),
            ("then waits for the checks", checks.collect()),
            (stopping, victims.collect()),
            ("why it waits", answer.reasons.clone()),
            ("what binds", obstacles.collect()),
            ("when it starts", self.start()),
            ("would admit it", self.changes()),
        ];
        let filled = sections
            .into_iter()
            .filter(|(_, lines): &(_, Vec<String>)| !lines.is_empty());
        filled.collect()
    }

    fn table(&self) -> String {
        let sections = self.sections().into_iter();
        let sections: String = sections
            .map(|(title, lines)| section(title, lines))
            .collect();
        format!("{}\n{}\n{sections}", self.headline(), self.requests())
    }

    fn markdown(&self) -> String {
        let mut text = format!("**{}** ({})\n", self.headline(), self.requests());
        for (title, lines) in self.sections() {
            let _ = writeln!(text, "\n{title}:\n");
            for line in lines {
                let _ = writeln!(text, "- {line}");
            }
        }
        text
    }

    fn json(&self) -> Value {
        let answer = self.answer;
        let requests = answer.requests.iter();
        let requests = object(requests.map(|(name, amount)| (name, amount.to_string())));
        let start = answer.start.as_ref().map(|own| {
            let [early, middle, late] = own.quantiles.map(|at| at.map(Duration::as_secs_f64));
            json!({
                "seconds": {"p5": early, "p50": middle, "p95": late},
                "replays": own.replays,
                "endedWorkloads": own.ended,
                "laterThanSeconds": own.later_than.map(Duration::as_secs_f64),
            })
        });
        json!({
            "job": answer.job,
            "localQueue": &*answer.local_queue,
            "clusterQueue": answer.queue.as_deref(),
            "verdict": answer.verdict.name(),
            "priority": answer.priority,
            "pods": answer.pods,
            "admittedPods": answer.admitted_pods,
            "requests": requests,
            "flavors": object(answer.flavors.iter().map(|(name, own)| (name, own))),
            "places": pairs(["domain", "pods"], &answer.places),
            "checks": answer.checks,
            "victims": victims(&answer.victims),
            "ahead": answer.ahead,
            "reasons": answer.reasons,
            "binds": answer.obstacles.iter().map(obstacle).collect::<Value>(),
            "start": start,
            "changes": answer.changes.iter().map(change).collect::<Value>(),
            "untriedChoices": answer.untried_choices,
            "untriedKinds": answer.untried_kinds,
        })
    }
}

impl QueueReport<'_> {
    fn all(&self) -> impl Iterator<Item = One<'_>> {
        self.answers.iter().map(|answer| One { answer })
    }
}

impl Formats for QueueReport<'_> {
    fn table(&self) -> String {
        let all: Vec<String> = self.all().map(|own| own.table()).collect();
        all.join("\n")
    }

    fn markdown(&self) -> String {
        let all: Vec<String> = self.all().map(|own| own.markdown()).collect();
        all.join("\n")
    }

    /// CSV, one line per statement.
    fn csv(&self) -> String {
        let mut rows = vec![["part", "statement"].map(str::to_owned)];
        for one in self.all() {
            if self.answers.len() > 1 {
                rows.push(["job".to_owned(), one.answer.job.clone()]);
            }
            rows.push(["verdict", one.answer.verdict.name()].map(str::to_owned));
            for (title, lines) in one.sections() {
                rows.extend(lines.into_iter().map(|line| [title.to_owned(), line]));
            }
        }
        csv(rows)
    }

    /// JSON, one object; of several workloads they are in a list.
    fn json(&self) -> Value {
        let mut all: Vec<Value> = self.all().map(|own| own.json()).collect();
        let mut json = match all.as_mut_slice() {
            [one] => std::mem::take(one),
            _ => json!({"workloads": all}),
        };
        json["warnings"] = self.warnings.into();
        json
    }
}
