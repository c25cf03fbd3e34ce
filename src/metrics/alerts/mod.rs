//! Alert rules (orchestrators-a.md 9.5): evaluated every 15 s, over live series of the cluster and of
//! services or any metric (`registry`); what each comes to (`rule.rs`, `book.rs`), and who is notified when
//! (`notify.rs`). What changes nothing is computed: evaluations within a stretch of one value are one.
//!
//! Tests by sentence of 9.5: the worked rule `a_rule_turns_as_in_the_worked_example`, m of n
//! `three_of_five_are_those_of_the_worked_example`, increase of a counter `a_counter_that_drops_began_anew`,
//! no data `what_is_missing_is_no_breach_unless_that_is_asked`, `keep_firing_for`
//! `firing_is_kept_and_a_breach_meanwhile_begins_the_time_anew`, grouping and repetition
//! `a_group_waits_half_a_minute_then_five_then_four_hours`, silences and inhibition
//! `a_node_that_is_down_hides_what_is_on_it_and_a_silence_everything`, precision and recall
//! `what_fired_is_held_against_what_failed`; percentiles by nearest rank
//! `model::latencies::tests`.

mod book;
mod notify;
mod quality;
mod rule;

use std::sync::Arc;

use units::Duration;

pub use book::{AlertBook, RuleSubject, Transition};
pub use notify::{AlertLabels, Inhibition, Notification, Route, Silence, labels, notifications};
pub use quality::{InjectedFault, Quality, follow, quality};
pub use rule::{Counter, POINTS_MAX, Rule, StateChange};

/// Time between two evaluations of the rules.
pub const EVERY: Duration = Duration::from_secs(15);

/// Outcomes of the alert rules of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertLog {
    /// The rules.
    pub rules: Arc<[Rule]>,
    /// Their turns over the whole run, in order of time.
    pub turns: Vec<Transition>,
    /// Notifications sent.
    pub notifications: Vec<Notification>,
    /// Injected failures.
    pub injected: Vec<InjectedFault>,
}
