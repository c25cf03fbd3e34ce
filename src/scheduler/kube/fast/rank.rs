//! Points of the nodes that a search kept, and the best of them.

use super::bits::{self, Chunk, WORD};
use super::counter::Counters;
use super::declaration_answers::ScaledPoints;
use super::key::{Key, NARROW};
use super::plan::Plan;
use super::shape::{RangePoints, Shape};
use super::sites::SchedulerOrder;
use super::spread::SpreadScratch;
use super::window::Window;
use crate::kube::TieBreak;
use crate::kube::plugin::{in_span, in_whole_span, proportion};
use crate::kube::ties::heap_root;

/// Data to rank.
#[derive(Clone, Copy)]
pub(super) struct RankInput<'a> {
    pub(super) keys: &'a [Key],
    pub(super) counters: &'a Counters,
    pub(super) shape: &'a Shape,
    pub(super) plan: &'a Plan,
    pub(super) window: &'a Window,
    /// The scheduler's order, where it is not that of the places.
    pub(super) turn: Option<&'a SchedulerOrder>,
}

/// Points that are added to those of single nodes.
enum Part {
    /// By domain of a narrow key; the last are those of nodes without one.
    Domains(usize, [i16; NARROW + 1]),
    /// By place, in the column of this number.
    Column(usize),
}

/// Ranks nodes; its memory is used again for the next.
#[derive(Default)]
pub(super) struct Ranker {
    parts: Vec<Part>,
    columns: Vec<Vec<Chunk>>,
    used_columns: usize,
    raw: Vec<i64>,
    totals: Vec<Chunk>,
    /// The words with the most points, and how many nodes have them there.
    best: Vec<(usize, usize)>,
    pub(super) levels: SpreadScratch,
    in_order: Vec<i16>,
}

/// The least and the most of some points.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) least: i64,
    pub(super) most: i64,
}

impl Span {
    pub(super) const EMPTY: Self = Self {
        least: i64::MAX,
        most: i64::MIN,
    };

    pub(super) fn add(&mut self, points: i64) {
        self.least = self.least.min(points);
        self.most = self.most.max(points);
    }
}

impl Ranker {
    /// The place of the best node of a window with at least one.
    pub(super) fn best(
        &mut self,
        sight: RankInput<'_>,
        start: usize,
        ties: &mut TieBreak,
    ) -> Option<usize> {
        self.parts.clear();
        self.used_columns = 0;
        for scaled in &sight.shape.declared.scaled {
            self.add_scaled(sight, scaled);
        }
        for spanned in &sight.shape.spanned {
            self.add_spanned(sight, spanned);
        }
        for (weight, counters) in &sight.plan.sums {
            self.add_sum(sight, *weight, counters);
        }
        for spread in &sight.plan.spreads {
            let column = self.column(sight);
            let words = &mut self.columns[column];
            if self.levels.points(sight, spread, words) {
                self.parts.push(Part::Column(column));
            }
        }
        let top = self.sum_up(sight);
        if matches!(ties, TieBreak::HeapRoot) {
            return self.root(sight, start);
        }
        if let Some(turn) = sight.turn {
            return self.pick_turned(sight, turn, top, ties);
        }
        let mut best = std::mem::take(&mut self.best);
        let mut all = 0;
        for (index, count) in &mut best {
            *count = bits::count(self.total(sight, *index), top);
            all += *count;
        }
        if let TieBreak::Every(places) = ties {
            places.clear();
            for &(index, count) in &best {
                let chunk = self.total(sight, index);
                let found = (0..count).filter_map(|nth| bits::find(chunk, top, nth));
                places.extend(found.map(|bit| index * WORD + bit));
            }
        }
        let mut skip = ties.pick_among(all);
        let mut words = best.iter();
        let found = words.find_map(|&(index, count)| {
            if skip < count {
                let chunk = self.total(sight, index);
                return Some(index * WORD + bits::find(chunk, top, skip)?);
            }
            skip -= count;
            None
        });
        self.best = best;
        found
    }

    /// One of the nodes with the most points, which come in the scheduler's order.
    fn pick_turned(
        &self,
        sight: RankInput<'_>,
        turn: &SchedulerOrder,
        top: i16,
        ties: &mut TieBreak,
    ) -> Option<usize> {
        let mut ranks: Vec<usize> = Vec::new();
        for &(index, _) in &self.best {
            let chunk = self.total(sight, index);
            let bits = (0..WORD).filter(|&bit| chunk[bit] == top);
            ranks.extend(bits.map(|bit| turn.rank_of[index * WORD + bit] as usize));
        }
        ranks.sort_unstable();
        let picked = ties.pick_among(ranks.len());
        let place = turn.place_of[*ranks.get(picked)?];
        if let TieBreak::Every(places) = ties {
            *places = ranks;
        }
        Some(place as usize)
    }

    /// Whether a word's points are those of its single nodes, all of them.
    fn is_untouched(&self, sight: RankInput<'_>, index: usize) -> bool {
        self.parts.is_empty() && sight.window.words[index] == sight.shape.open[index]
    }

    /// The sums of a word's nodes.
    fn total<'s>(&'s self, sight: RankInput<'s>, index: usize) -> &'s Chunk {
        if self.is_untouched(sight, index) {
            &sight.shape.rank[index]
        } else {
            &self.totals[index]
        }
    }

    /// Adds everything up; the most points.
    fn sum_up(&mut self, sight: RankInput<'_>) -> i16 {
        let words = sight.window.words.len();
        self.totals.resize(words, [0; WORD]);
        let mut top = 0;
        self.best.clear();
        for index in sight.window.indexes() {
            let own = if sight.window.words[index] == 0 {
                0
            } else if self.is_untouched(sight, index) {
                sight.shape.tops[index]
            } else {
                self.sum_up_word(sight, index)
            };
            if own > top {
                top = own;
                self.best.clear();
            }
            if own == top && own > 0 {
                self.best.push((index, 0));
            }
        }
        top
    }

    fn sum_up_word(&mut self, sight: RankInput<'_>, index: usize) -> i16 {
        let total = &mut self.totals[index];
        *total = sight.shape.rank[index];
        for part in &self.parts {
            match part {
                Part::Domains(key, points) => {
                    if let Some(narrow) = &sight.keys[*key].narrow {
                        bits::add_by_domain(total, &narrow.column[index], points);
                    }
                }
                Part::Column(column) => bits::add(total, &self.columns[*column][index]),
            }
        }
        bits::keep(total, sight.window.words[index]);
        bits::most(total)
    }

    fn root(&mut self, sight: RankInput<'_>, start: usize) -> Option<usize> {
        let window = sight.window;
        let mut in_order = std::mem::take(&mut self.in_order);
        in_order.clear();
        window.each_from(start, |place| {
            in_order.push(self.total(sight, place / WORD)[place % WORD]);
        });
        let root = heap_root(&in_order);
        self.in_order = in_order;
        let root = root?;
        let (mut position, mut found) = (0, None);
        window.each_from(start, |place| {
            if position == root {
                found = Some(place);
            }
            position += 1;
        });
        found
    }

    /// An unused column.
    fn column(&mut self, sight: RankInput<'_>) -> usize {
        let number = self.used_columns;
        self.used_columns += 1;
        if self.columns.len() == number {
            self.columns.push(Vec::new());
        }
        self.columns[number].resize(sight.window.words.len(), [0; WORD]);
        number
    }

    fn add_scaled(&mut self, sight: RankInput<'_>, scaled: &ScaledPoints) {
        let mut span = Span::EMPTY;
        sight.window.each(|place| span.add(scaled.raw[place]));
        if span.least == span.most {
            return;
        }
        let column = self.column(sight);
        let words = &mut self.columns[column];
        let mut last = (
            span.least,
            proportion(span.least, span.most, scaled.reverse),
        );
        sight.window.each(|place| {
            let raw = scaled.raw[place];
            if raw != last.0 {
                last = (raw, proportion(raw, span.most, scaled.reverse));
            }
            words[place / WORD][place % WORD] = (scaled.weight * last.1) as i16;
        });
        self.parts.push(Part::Column(column));
    }

    fn add_spanned(&mut self, sight: RankInput<'_>, spanned: &RangePoints) {
        let (weight, raw) = (spanned.weight, &spanned.raw);
        let mut span = Span::EMPTY;
        sight.window.each(|place| span.add(raw[place]));
        if span.least == span.most {
            return;
        }
        let column = self.column(sight);
        let words = &mut self.columns[column];
        sight.window.each(|place| {
            let points = in_whole_span(raw[place], span.least, span.most);
            words[place / WORD][place % WORD] = (weight * points) as i16;
        });
        self.parts.push(Part::Column(column));
    }

    fn add_sum(&mut self, sight: RankInput<'_>, weight: i64, counters: &[usize]) {
        if let [counter] = *counters {
            let key = sight.counters.get(counter).key;
            if sight.keys[key].narrow.is_some() {
                self.add_narrow_sum(sight, weight, counter);
                return;
            }
        }
        let mut span = Span::EMPTY;
        self.raw.resize(sight.window.words.len() * WORD, 0);
        let raw = &mut self.raw;
        sight.window.each(|place| {
            let mut sum = 0;
            for &counter in counters {
                let counter = sight.counters.get(counter);
                let domain = sight.keys[counter.key].of_place[place] as usize;
                sum += i64::from(counter.counts.get(domain).copied().unwrap_or(0));
            }
            raw[place] = sum;
            span.add(sum);
        });
        if span.least == span.most {
            return;
        }
        let column = self.column(sight);
        let (raw, words) = (&self.raw, &mut self.columns[column]);
        let mut last = (span.least, 0);
        sight.window.each(|place| {
            if raw[place] != last.0 {
                last = (raw[place], in_span(raw[place], span.least, span.most));
            }
            words[place / WORD][place % WORD] = (weight * last.1) as i16;
        });
        self.parts.push(Part::Column(column));
    }

    fn add_narrow_sum(&mut self, sight: RankInput<'_>, weight: i64, counter: usize) {
        let counter = sight.counters.get(counter);
        let key = &sight.keys[counter.key];
        let Some(narrow) = &key.narrow else {
            return;
        };
        let mut span = Span::EMPTY;
        for (members, &count) in narrow.members.iter().zip(&counter.counts) {
            if sight.window.meets(members) {
                span.add(i64::from(count));
            }
        }
        if !key.is_everywhere && sight.window.leaves(&key.labelled) {
            span.add(0);
        }
        if span.least == span.most {
            return;
        }
        let mut points = [0; NARROW + 1];
        let counts = counter.counts.iter().map(|&count| i64::from(count));
        for (points, count) in points.iter_mut().zip(counts.chain([0])) {
            // Domains without a node in the window are beside the span, and are not asked for.
            let count = count.clamp(span.least, span.most);
            *points = (weight * in_span(count, span.least, span.most)) as i16;
        }
        self.parts.push(Part::Domains(counter.key, points));
    }
}
