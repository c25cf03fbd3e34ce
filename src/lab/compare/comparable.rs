//! Comparability of two candidates: both did the same work under the same rules, so that their
//! figures may be held against each other.

use units::plural;

use crate::summary::{LimitsSummary, VariantSummary};
use systems::capability::{Capability, Support, support};
use systems::registry;

/// Shares of the pods or jobs that differ by more than this are not the same.
const SHARE: f64 = 0.01;

/// A peak above this share of the capacity is over-commitment; less is what rounding leaves.
const OVER: f64 = 1.001;

/// Facts about how a candidate's runs treated the workload.
#[derive(Clone, Debug, Default, PartialEq)]
struct Treatment {
    /// Largest share of the pods that were not run: refused by the mapping, the scheduler or a node.
    refused: f64,
    /// Number of those pods, in the run with the largest share.
    refused_pods: f64,
    /// Largest peak of CPU or memory allocation, where the system may promise more than there is.
    committed: f64,
    /// Behaviour of the system if it gives whole GPUs where shares are asked for.
    rounds_gpus: Option<String>,
    /// True if members of some rigid job began to run at different times.
    starts_apart: bool,
    /// Largest number of such jobs in a run.
    apart: f64,
    /// The system, and the limits of its own requests or launches.
    system: String,
    limits: Option<LimitsSummary>,
}

impl Treatment {
    fn of(runs: &[&VariantSummary]) -> Self {
        let mut found = Self::default();
        for run in runs {
            found.add(run);
        }
        found
    }

    fn add(&mut self, run: &VariantSummary) {
        let value = |id: &str| run.metrics.get(id).and_then(|metric| metric.value);
        let pods = run.pods.max(1) as f64;
        // Several capabilities may refuse the same pods.
        let mapped = run.unexpressed.iter().filter(|gap| gap.refused);
        let mapped = mapped.map(|gap| gap.count).max().unwrap_or(0) as f64;
        let refused = mapped.max(value("pods.rejected").unwrap_or(0.0)).min(pods);
        if refused / pods > self.refused {
            (self.refused, self.refused_pods) = (refused / pods, refused);
        }
        let over_commits = registry::find(&run.system).is_ok_and(|entry| {
            let promised = support(entry.capabilities, Capability::Overcommit);
            matches!(promised, Some(Support::Yes(_)))
        });
        if over_commits {
            let peaks = ["allocation.cpu.peak", "allocation.memory.peak"];
            let peak = peaks.into_iter().filter_map(value).fold(0.0, f64::max);
            self.committed = self.committed.max(peak);
        }
        let gap = |capability: Capability| {
            let mut gaps = run.unexpressed.iter().filter(|gap| !gap.refused);
            gaps.find(|gap| gap.capability == capability.name())
        };
        if self.rounds_gpus.is_none() {
            self.rounds_gpus = gap(Capability::GpuShares).map(|gap| gap.instead.clone());
        }
        let apart = value("jobs.started_apart");
        self.apart = self.apart.max(apart.unwrap_or(0.0));
        self.system.clone_from(&run.system);
        if self.limits.is_none() {
            self.limits.clone_from(&run.limits);
        }
        // A run of an older program has not counted them.
        self.starts_apart |=
            apart.map_or_else(|| gap(Capability::Gangs).is_some(), |jobs| jobs > 0.0);
    }

    /// Treatments of this candidate that the other does not share, in words.
    fn unlike(&self, name: &str, other: &Self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.refused > other.refused + SHARE {
            reasons.push(format!(
                "`{name}` refuses {:.0} % of the pods ({})",
                self.refused * 100.0,
                self.refused_pods
            ));
        }
        if self.committed > OVER && other.committed <= OVER {
            reasons.push(format!(
                "`{name}` over-commits (up to {:.0} % of the capacity)",
                self.committed * 100.0
            ));
        }
        if let (Some(instead), None) = (&self.rounds_gpus, &other.rounds_gpus) {
            reasons.push(format!("`{name}` rounds shares of GPUs ({instead})"));
        }
        if self.starts_apart && !other.starts_apart {
            let jobs = match self.apart as usize {
                0 => String::new(),
                jobs => format!(" of {}", plural::count(jobs, "rigid job")),
            };
            reasons.push(format!(
                "`{name}` starts members{jobs} at different times, and waits count to the first"
            ));
        }
        if self.system != other.system
            && let (Some(own), Some(of_other)) = (&self.limits, &other.limits)
            && !own.hold
            && of_other.hold
        {
            reasons.push(format!(
                "`{name}` runs without the {} that it has by default, and the other has its own \
                 ({})",
                own.words, of_other.words
            ));
        }
        reasons
    }
}

/// Reasons against comparing two candidates, in words; empty if they are comparable. The rule is
/// about what happened in their runs, not about what their systems could do:
///
/// - one refused pods that the other ran: more than one in a hundred of all pods;
/// - one promised more CPU or memory than there was, by a system that over-commits, and the other
///   did not;
/// - one gave whole GPUs where the workload asks for shares, and the other gave shares;
/// - one started members of rigid jobs more than ten seconds apart, and the other started them
///   together: waits, slowdowns and turnarounds are counted from the first member's start;
/// - one ran without the limits of requests or launches that its system has by default, and the
///   other, of another system, had its own.
///
/// A treatment that both share makes nothing incomparable.
pub fn incomparable(
    base_name: &str,
    base: &[&VariantSummary],
    head_name: &str,
    head: &[&VariantSummary],
) -> Vec<String> {
    let (own, other) = (Treatment::of(head), Treatment::of(base));
    let mut reasons = own.unlike(head_name, &other);
    reasons.extend(other.unlike(base_name, &own));
    reasons
}

/// A run of a candidate.
#[derive(Clone, Copy, Debug)]
pub struct CandidateRun<'a> {
    /// The candidate's name.
    pub name: &'a str,
    /// The run.
    pub run: &'a VariantSummary,
}

/// Statement on candidates that limits of requests or launches hold back where others run systems
/// that know none; they stay comparable, each as it is.
fn limits_apart(candidates: &[CandidateRun<'_>]) -> Option<String> {
    let held = candidates.iter().filter_map(|own| {
        let limits = own.run.limits.as_ref().filter(|limits| limits.hold)?;
        Some(format!("`{}` ({})", own.name, limits.words))
    });
    let free = candidates.iter().filter(|own| own.run.limits.is_none());
    let held: Vec<String> = held.collect();
    let free: Vec<String> = free.map(|own| format!("`{}`", own.name)).collect();
    (!held.is_empty() && !free.is_empty()).then(|| {
        format!(
            "limits of their own clients hold back {}; the systems of {} know none",
            held.join(", "),
            free.join(", ")
        )
    })
}

/// Statement on candidates of which some left jobs undone for good that others finished: what is measured of jobs is
/// then of different work.
pub fn finished_apart(candidates: &[CandidateRun<'_>]) -> Option<String> {
    let undone = |own: &CandidateRun<'_>| own.run.unfinished.unwrap_or_default();
    let count = |own: &CandidateRun<'_>| undone(own).lost + undone(own).failed;
    let (first, others) = candidates.split_first()?;
    if others.iter().all(|own| count(own) == count(first)) {
        return None;
    }
    let words = candidates
        .iter()
        .map(|own| match (count(own), undone(own).jobs) {
            (0, _) => format!("`{}` none", own.name),
            (undone, jobs) => format!("`{}` {undone} of {jobs}", own.name),
        });
    let words: Vec<String> = words.collect();
    Some(format!(
        "jobs that never finish (lost, failed or killed) differ: {}; waits, turnaround and makespan are of different work",
        words.join(", ")
    ))
}

/// Statements on candidates that stay comparable: what holds some of them back, and jobs that they lost.
pub fn statements(candidates: &[CandidateRun<'_>]) -> Vec<String> {
    let limits = limits_apart(candidates).into_iter();
    limits.chain(jobs_lost(candidates)).collect()
}

/// Statements on runs that lost jobs which nothing made again.
fn jobs_lost(runs: &[CandidateRun<'_>]) -> Vec<String> {
    let of = |own: &CandidateRun<'_>| {
        let undone = own.run.unfinished.filter(|undone| undone.lost > 0)?;
        Some(format!(
            "`{}` loses {} of {}: evicted or without their node, and nothing makes them again; no turnaround and no \
             throughput counts them",
            own.name,
            undone.lost,
            plural::count(undone.jobs, "job")
        ))
    };
    runs.iter().filter_map(of).collect()
}

/// Statements on candidates that decide as one before them does, by its place; `is_same` tells of two whether they do.
pub fn same_decisions(names: &[&str], is_same: impl Fn(usize, usize) -> bool) -> Vec<String> {
    let of = |other: usize| {
        let first = (0..other).find(|&first| is_same(first, other))?;
        let (other, first) = (names[other], names[first]);
        Some(format!(
            "`{other}` makes the same decisions as `{first}` in every run: equal digests"
        ))
    };
    (0..names.len()).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::default_gated;
    use crate::compare::made_up::{metric, run};
    use crate::summary::{UnexpressedSummary, UnfinishedSummary};

    fn gap(capability: Capability, count: u64, refused: bool) -> UnexpressedSummary {
        UnexpressedSummary {
            capability: capability.name().to_owned(),
            object: "Pod/default/a".to_owned(),
            field: "spec".to_owned(),
            count,
            refused,
            instead: "a share takes a whole device".to_owned(),
        }
    }

    #[test]
    fn each_candidate_names_the_first_that_decides_alike() {
        let digests = ["x", "y", "x", "y", "x"];
        let names = ["a", "b", "c", "d", "e"];
        let said = same_decisions(&names, |one, other| digests[one] == digests[other]);
        let expected = [("c", "a"), ("d", "b"), ("e", "a")].map(|(other, first)| {
            format!("`{other}` makes the same decisions as `{first}` in every run: equal digests")
        });
        assert_eq!(said, expected);
    }

    #[test]
    fn candidates_that_leave_unlike_numbers_of_jobs_are_named() {
        let (mut base, head) = (run(1), run(1));
        base.unfinished = Some(UnfinishedSummary {
            lost: 2,
            failed: 1,
            jobs: 5,
        });
        let named = |name, run| CandidateRun { name, run };
        let both = [named("one", &base), named("two", &head)];
        let said = finished_apart(&both).expect("a difference");
        assert!(said.contains("`one` 3 of 5, `two` none"), "{said}");
        assert_eq!(finished_apart(&[both[0], both[0]]), None);
        let said = statements(&both);
        assert!(
            said.len() == 1 && said[0].contains("`one` loses 2 of 5 jobs"),
            "{said:?}"
        );
        assert!(default_gated(&[&base, &head]).contains(&"jobs.evicted".to_owned()));
        assert!(default_gated(&[&head, &head]).is_empty());
    }

    fn check(change: impl Fn(&mut VariantSummary), expected: &[&str]) {
        let (base, mut head) = (run(1), run(1));
        change(&mut head);
        let found = incomparable("a", &[&base], "b", &[&head]);
        assert_eq!(found, expected);
        let back = incomparable("b", &[&head], "a", &[&base]);
        assert_eq!(back, expected);
        assert!(incomparable("b", &[&head], "c", &[&head]).is_empty());
    }

    #[test]
    fn what_one_does_and_the_other_does_not_is_told() {
        check(|_| {}, &[]);
        check(
            |run| run.unexpressed.push(gap(Capability::GpuShares, 28, true)),
            &["`b` refuses 28 % of the pods (28)"],
        );
        // Pods that were refused several times are refused once.
        check(
            |run| run.unexpressed.push(gap(Capability::GpuShares, 280, true)),
            &["`b` refuses 100 % of the pods (100)"],
        );
        check(
            |run| {
                run.metrics
                    .insert("pods.rejected".to_owned(), metric(Some(1.0)));
            },
            &[],
        );
        check(
            |run| run.unexpressed.push(gap(Capability::GpuShares, 3, false)),
            &["`b` rounds shares of GPUs (a share takes a whole device)"],
        );
        check(
            |run| {
                run.metrics
                    .insert("jobs.started_apart".to_owned(), metric(Some(2.0)));
            },
            &[
                "`b` starts members of 2 rigid jobs at different times, and waits count to the \
                 first",
            ],
        );
    }

    #[test]
    fn limits_of_all_systems_or_of_none_are_comparable() {
        let limits = |hold: bool| {
            let words = "launch tokens".to_owned();
            Some(LimitsSummary { hold, words })
        };
        let (mut base, mut head) = (run(1), run(1));
        "mesos".clone_into(&mut head.system);
        for (first, second, reasons, notes) in [
            (None, None, 0, 0),
            (limits(true), limits(true), 0, 0),
            (limits(false), limits(false), 0, 0),
            (limits(false), limits(true), 1, 0),
            (limits(true), limits(false), 1, 0),
            (limits(true), None, 0, 1),
            (None, limits(false), 0, 0),
        ] {
            (base.limits, head.limits) = (first, second);
            assert_eq!(incomparable("a", &[&base], "b", &[&head]).len(), reasons);
            let both = [("a", &base), ("b", &head)].map(|(name, run)| CandidateRun { name, run });
            assert_eq!(usize::from(limits_apart(&both).is_some()), notes);
        }
        // Limits of one system are what is studied.
        base.system.clone_from(&head.system);
        (base.limits, head.limits) = (limits(false), limits(true));
        assert!(incomparable("a", &[&base], "b", &[&head]).is_empty());
    }

    #[test]
    fn only_a_system_that_over_commits_can_have_promised_too_much() {
        let over = |run: &mut VariantSummary| {
            run.metrics
                .insert("allocation.cpu.peak".to_owned(), metric(Some(1.05)));
        };
        check(over, &[]);
        let (mut base, mut head) = (run(1), run(1));
        over(&mut head);
        "swarm".clone_into(&mut base.system);
        "swarm".clone_into(&mut head.system);
        assert_eq!(
            incomparable("a", &[&base], "b", &[&head]),
            ["`b` over-commits (up to 105 % of the capacity)"]
        );
    }
}
