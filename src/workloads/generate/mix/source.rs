//! The jobs of a mix as a stream.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, MEMORY};
use model::{GpuRequest, PodName, PodSpec, ResourceList, Text};
use rng::Stream;
use units::{Duration, Instant, SortedMap};

use super::copula::{self, FIELDS, Field, Scores};
use super::course::{Numbers, Shape, next_gap};
use super::room::Room;
use super::{After, Mix, Template};
use arrivals::stream::{Arrival, ArrivalSource, Classes};
use intake::TraceError;

/// Jobs of a mix, drawn one by one.
///
/// Sessions begin at the gaps of the mix, by the rate of the time of day and week; a job is drawn when it is
/// submitted. The sessions under way are kept, and nothing of jobs that were delivered but their classes.
#[derive(Clone, Debug)]
pub struct MixSource {
    mix: Arc<Mix>,
    gaps: Stream,
    sessions: Stream,
    jobs: Stream,
    /// Normal score of the last gap.
    score: f64,
    /// Instant of the next session's first job, in seconds.
    next: f64,
    /// Template of that session, where it was dealt.
    template: Option<u32>,
    /// Sessions of the part under way, where the course states numbers: their instants and templates.
    dealt: VecDeque<(f64, u32)>,
    /// Number of the next part.
    turn: u64,
    begun: u64,
    /// Sessions with jobs to come.
    under_way: BinaryHeap<Reverse<Session>>,
    /// Scores that the jobs of a session under way have in common, by the session's number.
    common: SortedMap<u64, Scores>,
    /// Machine for whose room jobs wait before they are submitted.
    room: Option<Room>,
    drawn: u64,
    delivered: u64,
    left: u64,
    classes: Classes,
    /// Numbers of the classes by template and places of the drawn amounts.
    numbers: SortedMap<[usize; 4], u32>,
    tenants: Vec<Text>,
    tenant_numbers: SortedMap<usize, u32>,
}

/// Draws of a job until it has the work of its template and the least run time; the last one stands.
pub(crate) const TRIES: usize = 32;

/// A session, in the order of its next job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Session {
    at: Instant,
    /// Number of the session, from 0.
    number: u64,
    /// Jobs to come, at least 1.
    jobs: u32,
    template: u32,
    user: usize,
}

impl MixSource {
    /// A number of jobs of a mix, by the streams of a seed.
    pub fn new(mix: Arc<Mix>, seed: u64, jobs: u64) -> Self {
        let stream = |purpose: &str| Stream::new(seed, &format!("generate/mix/{purpose}"), 0);
        let mut source = Self {
            gaps: stream("gaps"),
            sessions: stream("sessions"),
            jobs: stream("jobs"),
            score: 0.0,
            next: 0.0,
            template: None,
            dealt: VecDeque::new(),
            turn: 0,
            begun: 0,
            under_way: BinaryHeap::new(),
            common: SortedMap::new(),
            room: mix.room.map(Room::new),
            drawn: 0,
            delivered: 0,
            left: jobs,
            classes: Classes::holding(usize::MAX),
            numbers: SortedMap::new(),
            tenants: Vec::new(),
            tenant_numbers: SortedMap::new(),
            mix,
        };
        source.score = source.gaps.standard_normal();
        source.go_on();
        source
    }

    /// Moves on to the instant of the next session.
    fn go_on(&mut self) {
        let mix = Arc::clone(&self.mix);
        let shape = Shape {
            gap: &mix.gap,
            autocorrelation: mix.autocorrelation,
            pace: &mix.pace,
        };
        let Some(numbers) = &mix.numbers else {
            let gap = next_gap(&shape, &mut self.score, &mut self.gaps);
            self.next = mix.pace.after(self.next, gap.as_secs_f64());
            return;
        };
        loop {
            if let Some((at, template)) = self.dealt.pop_front() {
                self.next = at;
                self.template = Some(template);
                return;
            }
            self.deal(numbers, &shape);
        }
    }

    /// Draws all sessions of the next part. Templates are dealt by their weights, to the whole session, in random
    /// order.
    fn deal(&mut self, numbers: &Numbers, shape: &Shape<'_>) {
        let turn = self.turn;
        self.turn += 1;
        let (part, sessions) = numbers.part(turn);
        if sessions == 0 {
            return;
        }
        let weights = self.mix.weights_of(part);
        let offset = self.sessions.open_unit_f64();
        let templates = (0..sessions).map(|number| {
            let place = (f64::from(number) + offset) / f64::from(sessions);
            weights.values()[weights.at(place)]
        });
        let mut templates: Vec<u32> = templates.collect();
        self.sessions.shuffle(&mut templates);
        let instants = numbers.instants(turn, shape, &mut self.score, &mut self.gaps);
        self.dealt.extend(instants.into_iter().zip(templates));
    }

    /// The session whose job is next, without that job.
    fn take(&mut self) -> Session {
        let begins = instant(self.next);
        if let Some(Reverse(first)) = self.under_way.peek()
            && first.at <= begins
        {
            let first = *first;
            self.under_way.pop();
            return first;
        }
        let size = (self.mix.has_sessions()).then(|| self.sessions.unit_f64());
        let template = self.template.unwrap_or_else(|| {
            let weights = self.mix.weights_at(self.next);
            weights.values()[weights.at(self.sessions.unit_f64())]
        });
        let sessions = self.mix.sessions_of(template).zip(size);
        let jobs = sessions.map_or(1, |(own, size)| own.jobs.values()[own.jobs.at(size)]);
        let session = Session {
            at: begins,
            number: self.begun,
            jobs,
            template,
            user: self.mix.users.at(self.sessions.unit_f64()),
        };
        if jobs > 1 && sessions.is_some_and(|(own, _)| own.likeness > 0.0) {
            let common = copula::scores(&mut self.sessions);
            self.common.insert(session.number, common);
        }
        self.begun += 1;
        self.go_on();
        session
    }

    /// Draws the probabilities of a session's next job.
    fn draw(
        &mut self,
        mix: &Mix,
        session: Session,
        bounds: Option<[Duration; 2]>,
    ) -> [f64; FIELDS.len()] {
        let template = &mix.templates[session.template as usize];
        let copula = &template.copula;
        let sessions = mix.sessions_of(session.template);
        let places = mix.places.as_ref();
        let place = places.map_or(0.0, |own| own.score(session.template, session.at));
        let mut draw = || match (self.common.get(&session.number), sessions) {
            (Some(common), Some(sessions)) => {
                copula.draw_alike(place, &mut self.jobs, common, sessions.likeness)
            }
            _ => copula.draw(place, &mut self.jobs),
        };
        let mut drawn = draw();
        for _ in 1..TRIES {
            if template.has_work(&drawn, bounds) {
                break;
            }
            drawn = draw();
        }
        drawn
    }

    /// Keeps a session for its next job, if it has one, after a job with a run time.
    fn keep(&mut self, mix: &Mix, session: Session, run_time: Option<Duration>) {
        let Some(sessions) = (mix.sessions_of(session.template)).filter(|_| session.jobs > 1)
        else {
            self.common.remove(&session.number);
            return;
        };
        let gap = sessions.gap.at(self.sessions.open_unit_f64());
        let work = match sessions.after {
            After::Submission => Duration::ZERO,
            After::End => run_time.unwrap_or_default(),
        };
        self.under_way.push(Reverse(Session {
            at: session.at.saturating_add(work).saturating_add(gap),
            jobs: session.jobs - 1,
            ..session
        }));
    }

    fn tenant(&mut self, user: usize) -> u32 {
        let known = self.tenants.len() as u32;
        let tenant = *self.tenant_numbers.entry(user).or_insert(known);
        if tenant == known {
            self.tenants.push(self.mix.users.values()[user].clone());
        }
        tenant
    }

    /// The class of a template's job whose amounts stand at these places.
    fn class(&mut self, key: [usize; 4]) -> u32 {
        let known = self.classes.len() as u32;
        let class = *self.numbers.entry(key).or_insert(known);
        if class == known {
            let spec = spec(&self.mix.templates[key[0]], key);
            self.classes.push(Arc::new(spec));
        }
        class
    }
}

impl MixSource {
    /// Draws the next job; none after the last one.
    fn job(&mut self) -> Option<Arrival> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        self.drawn += 1;
        let session = self.take();
        let mix = Arc::clone(&self.mix);
        let template = &mix.templates[session.template as usize];
        let bounds = mix.ends.map(|ends| ends.bounds(session.at));
        let drawn = self.draw(&mix, session, bounds);
        let time_limit = drawn[Field::TimeLimit.place()];
        let run_time = template.run_time(&drawn, bounds);
        self.keep(&mix, session, run_time);
        let time_limit = template.time_limit.as_ref().map(|times| {
            let limit = times.at(time_limit);
            // Nobody asks for less than the work takes and has it done.
            run_time.map_or(limit, |run_time| limit.max(run_time))
        });
        let members = template.pods(&drawn);
        let [cpu, memory, gpus] = template.places(&drawn);
        let class = self.class([session.template as usize, cpu, memory, gpus]);
        Some(Arrival {
            class,
            members,
            tenant: self.tenant(session.user),
            run_time,
            time_limit,
            ..Arrival::new(session.at, PodName::Job(self.drawn))
        })
    }

    /// The next job that finds room on the machine.
    fn job_with_room(&mut self, mut room: Room) -> Option<Arrival> {
        let found = loop {
            if let Some(next) = room.take() {
                break Some(next);
            }
            if let Some(next) = self.job() {
                let processors = self.processors(&next);
                room.comes(next, processors);
            } else if !room.empty() {
                break None;
            }
        };
        self.room = Some(room);
        found
    }

    /// Thousandths of processors that a job takes.
    fn processors(&self, arrival: &Arrival) -> i64 {
        let spec = &self.classes.held()[arrival.class as usize];
        let requests = spec.requests().unwrap_or_default();
        let each = requests.get(CPU).milli_ceil().unwrap_or(i64::MAX);
        each.saturating_mul(i64::from(arrival.members))
    }
}

impl ArrivalSource for MixSource {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let next = match self.room.take() {
            None => self.job(),
            Some(room) => self.job_with_room(room),
        };
        self.delivered += u64::from(next.is_some());
        // Jobs that waited for room are numbered as they come.
        let name = PodName::Job(self.delivered);
        Ok(next.map(|next| Arrival { name, ..next }))
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(self.clone()))
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let waiting = self.drawn - self.delivered;
        Some((self.delivered, self.delivered + waiting + self.left))
    }

    fn tenants(&self) -> &[Text] {
        &self.tenants
    }
}

/// Pods of a template with the amounts at these places.
fn spec(template: &Template, key: [usize; 4]) -> PodSpec {
    let [_, places @ ..] = key;
    let request = template.request(places);
    let mut requests = ResourceList::default();
    for (resource, amount) in [(CPU, request.cpu), (MEMORY, request.memory)] {
        if let Some(amount) = amount {
            requests.set(resource, amount);
        }
    }
    let milli = request.gpus.milli;
    let whole = u32::from(DEVICE_MILLI);
    let gpu = match milli {
        0 => GpuRequest::default(),
        milli => GpuRequest {
            devices: (milli / whole).max(1) as u8,
            milli_per_device: milli.min(whole) as u16,
            models: Vec::new(),
        },
    };
    PodSpec {
        labels: [("app".into(), template.name.clone())]
            .into_iter()
            .collect(),
        priority: template.priority,
        gpu,
        ..PodSpec::with_requests(requests)
    }
}

/// The instant of a number of seconds, in whole milliseconds, as tables of traces have them.
fn instant(seconds: f64) -> Instant {
    const MILLIS_MAX: f64 = 9e15 / 1e3;
    let millis = (seconds * 1e3).min(MILLIS_MAX) as i64;
    Instant::ZERO.saturating_add(Duration::from_millis(millis))
}
