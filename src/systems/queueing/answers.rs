//! Answers of admission checks, as they are stated: after some time each, and after asking the workload
//! some times to try again (spec: batch-on-kubernetes.md 1.10).

use kueue::run::{CheckState, Controller, Stage, State};
use model::Text;
use model::queueing::{AdmissionCheck, CheckAnswer};
use units::{Instant, SortedMap, SortedSet};

/// A workload's namespace and name, and the name of a check.
type Asked = (Text, Text, Text);

/// Checks and what they are asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    checks: SortedMap<Text, AdmissionCheck>,
    due: SortedSet<(Instant, Asked)>,
    /// Number of times that a check asked a workload to try again.
    retries: SortedMap<Asked, u32>,
}

impl Answers {
    pub(super) fn new(checks: &[AdmissionCheck]) -> Self {
        let checks = checks.iter();
        Self {
            checks: checks.map(|own| (own.name.clone(), own.clone())).collect(),
            ..Self::default()
        }
    }

    /// Time of the next answer.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes note of what the checks of a workload are asked.
    pub(super) fn ask(&mut self, state: &State) {
        for (check, asked) in open(state) {
            if let Some(at) = self.answered(state, check) {
                self.due.insert((at, asked));
            }
        }
    }

    /// Time of a check's answer to a workload that holds quota.
    fn answered(&self, state: &State, check: &Text) -> Option<Instant> {
        let since = state.workload.holding(kueue::QUOTA_RESERVED)?.since;
        let check = self.checks.get(check)?;
        Some(since.saturating_add(check.takes))
    }

    /// Gives the answers that are due; whether there was one.
    pub(super) fn answer(&mut self, now: Instant, controller: &mut Controller) -> bool {
        let mut has_answered = false;
        while let Some((at, asked)) = self.due.first().cloned() {
            if at > now {
                break;
            }
            self.due.remove(&(at, asked.clone()));
            let (namespace, name, check) = &asked;
            let state = controller.state(namespace, name);
            // One that got its quota anew is answered later.
            let is_due = state.is_some_and(|state| {
                open(state).any(|(own, _)| own == check) && self.answered(state, check) == Some(at)
            });
            if is_due {
                let state = self.decide(asked.clone());
                controller.set_check(namespace, name, check, state);
                has_answered = true;
            }
        }
        has_answered
    }

    fn decide(&mut self, asked: Asked) -> CheckState {
        let Some(check) = self.checks.get(&asked.2) else {
            return CheckState::Pending;
        };
        let retries = self.retries.entry(asked).or_default();
        if *retries < check.retries {
            *retries += 1;
            return CheckState::Retry;
        }
        match check.answer {
            CheckAnswer::Ready => CheckState::Ready,
            CheckAnswer::Retry => CheckState::Retry,
            CheckAnswer::Rejected => CheckState::Rejected,
        }
    }
}

/// Checks that a workload with quota waits for.
fn open(state: &State) -> impl Iterator<Item = (&Text, Asked)> {
    let own = state.checks.iter();
    let open = own
        .filter(|(_, check)| state.stage == Stage::QuotaReserved && **check == CheckState::Pending);
    open.map(|(check, _)| {
        let workload = &state.workload;
        let (namespace, name) = (workload.namespace.clone(), workload.name.clone());
        (check, (namespace, name, check.clone()))
    })
}
