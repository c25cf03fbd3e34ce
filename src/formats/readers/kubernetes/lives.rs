//! The lives of pods, put together from records that are sorted by pod and by time.

use super::acts::{
    Act, Place, WORDS, any_of, number_of, number_of_spec, outcome_of, spec_of, word_of, word_of_any,
};
use super::unnamed::{Leftover, Match, Unnamed};
use super::{Deed, Known, Records, resized, sort};
use crate::readers::prelude::*;
use arrivals::spill::FixedSort;

/// Notes about records, which are told in the order of time.
const NOTES: [(&str, Action); 8] = [
    (
        "pod created again without an end; the first ends then",
        Action::Repair,
    ),
    (
        "pod that was there before the log; arrives at its beginning",
        Action::Repair,
    ),
    (
        "pod whose creation is not recorded; arrives with its binding",
        Action::Repair,
    ),
    (
        "pod that was there before the events; arrives at their beginning",
        Action::Repair,
    ),
    ("end of a pod that was created before the log", Action::Drop),
    (
        "pod that the server named; its creation is found by what its name begins with",
        Action::Repair,
    ),
    (
        "pod that the server named and no later record names; has what its name begins with",
        Action::Keep,
    ),
    (
        "resize of a pod whose creation is not recorded",
        Action::Drop,
    ),
];

const CREATED_AGAIN: u64 = 0;
const BEFORE_LOG: u64 = 1;
const NO_CREATION: u64 = 2;
const BEFORE_EVENTS: u64 = 3;
const END_ALONE: u64 = 4;
const FOUND: u64 = 5;
const NEVER_NAMED: u64 = 6;
const RESIZED_ALONE: u64 = 7;

/// The rank of a pod, or of a note: whether no record names the pod, then the record's time and its number, and those of a
/// creation that no record names.
pub(super) type Rank = [u64; 5];

/// A pod as records tell of it.
#[derive(Clone, Copy)]
struct Life {
    rank: Rank,
    place: Place,
    pod: u64,
    submit: Instant,
    start: Option<Instant>,
    end: Option<Instant>,
    outcome: Option<Outcome>,
    /// Whether it was said to be over, not only deleted.
    is_over: bool,
    /// Whether its start is that of its pod on the node, as no container of it has started yet.
    is_assigned: bool,
    spec: Option<u32>,
}

/// Words of a life.
const LIFE: usize = 11;

impl Life {
    fn new(rank: Rank, act: &Act, submit: Instant) -> Self {
        Self {
            rank,
            place: act.place,
            pod: act.pod,
            submit,
            start: None,
            end: None,
            outcome: None,
            is_over: false,
            is_assigned: false,
            spec: None,
        }
    }

    fn words(&self) -> [u64; LIFE] {
        let [unnamed, at, number, own_at, own_number] = self.rank;
        let spec = u64::from(number_of_spec(self.spec));
        [
            unnamed,
            at,
            number,
            own_at,
            own_number,
            self.place.word(),
            self.pod,
            word_of(self.submit),
            word_of_any(self.start),
            word_of_any(self.end),
            u64::from(number_of(self.outcome)) << 32 | spec,
        ]
    }

    fn of_words(words: [u64; LIFE]) -> Self {
        let [unnamed, at, number, own_at, own_number, rest @ ..] = words;
        let [place, pod, submit, start, end, kinds] = rest;
        Self {
            rank: [unnamed, at, number, own_at, own_number],
            place: Place::of_word(place),
            pod,
            submit: super::acts::instant_of(submit),
            start: any_of(start),
            end: any_of(end),
            outcome: outcome_of((kinds >> 32) as u32),
            is_over: false,
            is_assigned: false,
            spec: spec_of(kinds as u32),
        }
    }

    /// Takes a record about the pod.
    fn take(&mut self, act: &Act) {
        let at = act.at;
        match act.deed {
            Deed::Known(known) => {
                self.spec.get_or_insert(known.spec);
            }
            Deed::Bind => {
                self.start.get_or_insert(at);
            }
            Deed::Assigned if self.start.is_none() => {
                (self.start, self.is_assigned) = (Some(at), true);
            }
            Deed::Start => {
                if std::mem::take(&mut self.is_assigned) {
                    self.start = None;
                }
                self.start.get_or_insert(at);
                self.end = None;
                self.outcome = None;
            }
            Deed::Readied => {
                self.end = None;
                self.outcome = None;
            }
            Deed::Over(outcome) if !self.is_over => {
                // What is deleted while it runs ends by that, whatever its containers say then.
                self.outcome = Some(if self.end.is_some() {
                    Outcome::Cancelled
                } else {
                    outcome
                });
                self.end = Some(at);
                self.is_over = true;
            }
            Deed::Delete(outcome) if !self.is_over => {
                // The last of several is that of the node, when the pod is gone.
                self.end = Some(at);
                self.outcome = self.outcome.or(outcome);
            }
            Deed::Create(_)
            | Deed::Seen
            | Deed::Assigned
            | Deed::CreateUnnamed(_)
            | Deed::Resize(_)
            | Deed::Over(_)
            | Deed::Delete(_) => {}
            Deed::Kill(outcome) => {
                self.end = Some(at);
                self.outcome = Some(outcome);
            }
        }
    }
}

/// The pods up to now, and the notes about their records.
pub(super) struct Lives<'r> {
    records: &'r Records,
    /// The time of the first record.
    zero: Instant,
    all: FixedSort<LIFE>,
    /// The rank of each note, its kind and its place.
    notes: FixedSort<7>,
    resizes: resized::Log,
    /// The last pod of the names that come now.
    known: Option<Life>,
}

impl<'r> Lives<'r> {
    /// The pods of records.
    pub(super) fn of(records: &'r Records, mut acts: FixedSort<WORDS>) -> Result<Self, TraceError> {
        let mut own = Self {
            records,
            zero: records.first.unwrap_or(Instant::ZERO),
            all: sort(records.most_held),
            notes: sort(records.most_held),
            resizes: resized::Log::new(records.most_held),
            known: None,
        };
        let mut named = None;
        if records.have_unnamed {
            let mut unnamed = Unnamed::new(records);
            let mut again = sort(records.most_held);
            let mut sorted = acts.sorted();
            while let Some(words) = sorted.next()? {
                unnamed.take(&Act::of_words(words))?;
                again.push(words);
            }
            named = Some(unnamed.named(|leftover| own.leave(&leftover))?);
            acts = again;
        }
        let mut sorted = acts.sorted();
        let (mut last, mut found) = (None, None);
        while let Some(words) = sorted.next()? {
            let act = Act::of_words(words);
            if last.replace(act.pod) != Some(act.pod) {
                own.settle();
                found = match &mut named {
                    Some(named) => named.of(act.pod)?,
                    None => None,
                };
            }
            own.take(&act, found.as_ref());
        }
        own.settle();
        Ok(own)
    }

    /// Takes the next record, and the creation that one about the same pod names.
    fn take(&mut self, act: &Act, found: Option<&Match>) {
        if matches!(act.deed, Deed::CreateUnnamed(_)) {
            return;
        }
        if let Some(found) = found.filter(|found| found.number == act.number) {
            let creation = &found.creation;
            self.note(FOUND, rank(act), creation.place);
            let created = Act {
                at: creation.at,
                place: creation.place,
                ..*act
            };
            self.add(rank(act), &created, creation.at).spec = creation.spec;
        }
        let Some(own) = &mut self.known else {
            self.take_first(act);
            return;
        };
        if let Deed::Resize(spec) = act.deed {
            self.resizes.push(own.rank, act, spec);
            return;
        }
        let Deed::Create(spec) = act.deed else {
            own.take(act);
            return;
        };
        if own.end.is_none() {
            own.end = Some(act.at);
            self.note(CREATED_AGAIN, rank(act), act.place);
        }
        self.add(rank(act), act, act.at).spec = spec;
    }

    /// Takes the first record about a pod.
    fn take_first(&mut self, act: &Act) {
        let (rank, at, zero) = (rank(act), act.at, self.zero);
        match act.deed {
            Deed::Create(spec) => self.add(rank, act, at).spec = spec,
            Deed::Known(known) => {
                let Known {
                    spec,
                    created,
                    started,
                } = known;
                let submit = created.unwrap_or(zero).clamp(zero, at);
                if created.is_none_or(|created| created < zero) {
                    self.note(BEFORE_LOG, rank, act.place);
                }
                let pod = self.add(rank, act, submit);
                pod.spec = Some(spec);
                pod.start = started.map(|started| started.max(submit));
            }
            Deed::Bind => {
                self.note(NO_CREATION, rank, act.place);
                self.add(rank, act, at).start = Some(at);
            }
            Deed::Start => self.add(rank, act, at).start = Some(at),
            Deed::Assigned => {
                let pod = self.add(rank, act, at);
                (pod.start, pod.is_assigned) = (Some(at), true);
            }
            Deed::Seen | Deed::Readied => {
                self.add(rank, act, at);
            }
            Deed::Kill(outcome) => {
                if at > zero {
                    self.note(BEFORE_EVENTS, rank, act.place);
                }
                let pod = self.add(rank, act, zero);
                (pod.end, pod.outcome) = (Some(at), Some(outcome));
            }
            Deed::Over(_) | Deed::Delete(_) => self.note(END_ALONE, rank, act.place),
            Deed::Resize(_) => self.note(RESIZED_ALONE, rank, act.place),
            Deed::CreateUnnamed(_) => {}
        }
    }

    /// A new pod, of the names that come now.
    fn add(&mut self, rank: Rank, act: &Act, submit: Instant) -> &mut Life {
        self.settle();
        self.known.insert(Life::new(rank, act, submit))
    }

    /// Sorts in the pod of which no more comes.
    fn settle(&mut self) {
        if let Some(known) = self.known.take() {
            self.all.push(known.words());
        }
    }

    /// Adds a pod of a creation without a name that no record names.
    fn leave(&mut self, own: &Leftover) {
        let Leftover {
            pod,
            first,
            creation,
        } = own;
        let rank = [
            1,
            word_of(first.at),
            first.number,
            word_of(creation.at),
            creation.number,
        ];
        self.note(NEVER_NAMED, rank, creation.place);
        let act = Act {
            pod: *pod,
            at: creation.at,
            number: creation.number,
            place: creation.place,
            deed: Deed::Create(None),
        };
        self.add(rank, &act, creation.at).spec = creation.spec;
        self.settle();
    }

    fn note(&mut self, kind: u64, rank: Rank, place: Place) {
        let [unnamed, at, number, own_at, own_number] = rank;
        self.notes
            .push([unnamed, at, number, own_at, own_number, kind, place.word()]);
    }

    /// The demands, in the order of the pods' first records.
    pub(super) fn demands(
        self,
        journal: &mut Journal,
        options: &ReadOptions,
    ) -> Result<Gather, TraceError> {
        let records = self.records;
        let file = |place: Place| records.files[place.file].clone();
        let mut notes = self.notes.sorted();
        while let Some([.., kind, place]) = notes.next()? {
            let place = Place::of_word(place);
            journal.file = file(place);
            let (kind, action) = NOTES[kind as usize];
            journal.dirt(kind, action, place.line)?;
        }
        let mut gather = Gather::default();
        let (mut all, mut resizes) = (self.all.sorted(), self.resizes.sorted());
        while let Some(words) = all.next()? {
            let life = Life::of_words(words);
            journal.file = file(life.place);
            let mut demand = demand(records, journal, &life, options)?;
            let origin = journal.origin(life.place.line);
            let asked = resizes.of(life.rank)?;
            resized::resize(records, journal, &mut demand, &asked, options)?;
            gather.push(origin, demand);
        }
        Ok(gather)
    }
}

/// The rank of what a record says.
fn rank(act: &Act) -> Rank {
    [0, word_of(act.at), act.number, 0, 0]
}

fn demand(
    records: &Records,
    journal: &mut Journal,
    life: &Life,
    options: &ReadOptions,
) -> Result<Demand, TraceError> {
    let [namespace, name, _] = records.names.get(life.pod)?;
    let line = life.place.line;
    let mut spec = if let Some(spec) = life.spec {
        PodSpec::clone(&*records.specs.classes().get(spec)?)
    } else {
        let kind = "pod whose spec is not recorded; requests nothing";
        journal.dirt(kind, Action::Keep, line)?;
        PodSpec {
            namespace: namespace.as_str().into(),
            ..PodSpec::with_requests(ResourceList::default())
        }
    };
    let kind = "pod whose end is not recorded; run time not known";
    journal.keep_if(life.end.is_none(), kind, line)?;
    // Where ends are said to be good or bad, what is deleted before had not come to its own.
    let is_cut = life.end.is_some() && records.have_phases;
    let outcome = life.outcome.or(is_cut.then_some(Outcome::Cancelled));
    if options.keeps_outcomes() {
        Outcome::state(outcome, &mut spec.labels);
    }
    let from = life.start.unwrap_or(life.submit);
    Ok(Demand {
        submit: life.submit,
        name: PodName::Text(name.into()),
        tenant: namespace.into(),
        spec,
        run_time: life.end.map(|end| end.max(from).since(from)),
        historic_start: life.start,
        ..Demand::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::tests::prelude::*;
    use proptest::prelude::*;

    use super::*;

    fn deeds() -> impl Strategy<Value = Deed> {
        let spec = || prop::option::of(0..3_u32);
        let time = || prop::option::of((0..20_i64).prop_map(Instant::from_secs));
        let outcome = || prop::sample::select(Outcome::ALL.to_vec());
        prop_oneof![
            2 => spec().prop_map(Deed::Create),
            2 => spec().prop_map(Deed::CreateUnnamed),
            1 => (0..3_u32, time(), time()).prop_map(|(spec, created, started)| {
                Deed::Known(Known { spec, created, started })
            }),
            1 => Just(Deed::Bind),
            1 => Just(Deed::Seen),
            1 => Just(Deed::Readied),
            1 => Just(Deed::Start),
            2 => (0..3_u32).prop_map(Deed::Resize),
            2 => outcome().prop_map(Deed::Over),
            2 => prop::option::of(outcome()).prop_map(Deed::Delete),
            1 => outcome().prop_map(Deed::Kill),
        ]
    }

    /// The arrivals and the ledger of records of pods, with their times.
    fn read(records: &[(usize, i64, Deed)], mut all: Records) -> (Recorded, String) {
        const NAMES: [&str; 5] = ["web-", "web-abcde", "web-fghij", "x", "web-abcde-fghij"];
        for priority in 0..3 {
            let amounts = requests(Some(priority.into()), None);
            all.spec(PodSpec {
                priority,
                ..PodSpec::with_requests(amounts)
            });
        }
        let mut journal = Journal::new("log".into(), RowPolicy::REPORT);
        for (line, &(name, second, deed)) in (1..).zip(records) {
            if line % 20 == 0 {
                journal.file = format!("log-{line}").into();
            }
            let pod = all.pod("n", NAMES[name], "").expect("readable");
            all.add(&journal, line, pod, Instant::from_secs(second), deed);
        }
        let options = options_with(|own| (own.outcomes, own.resizes) = (true, true));
        let mut source = all.lives(journal, &options).expect("readable");
        let recorded = Recorded::collect(&mut *source).expect("readable");
        let ledger = recorded.ledger.to_string();
        (recorded, ledger)
    }

    proptest! {
        #[test]
        fn lives_sorted_on_disk_are_those_sorted_in_memory(
            records in prop::collection::vec((0..5_usize, 0..20_i64, deeds()), 1..60),
            most_held in 1_usize..9,
        ) {
            let on_disk = read(&records, Records::holding(most_held));
            prop_assert_eq!(on_disk, read(&records, Records::default()));
        }
    }
}
