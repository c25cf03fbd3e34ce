//! Jobs that share devices: their members, and when they ran.

use std::sync::Arc;

use cluster::Store;
use model::{DeviceSet, PodCreated, PodName, PodRef};
use units::{ClassId, Duration, GangId, Instant, PodId, SortedMap, SortedSet};

use super::plan::{Claim, Need, Place};
use super::returning::Returning;
use super::{HeterogeneousJob, SharedJob};

/// A member of a job.
#[derive(Clone, Debug)]
struct Member {
    name: PodName,
    /// The pod; `None` while it is on its way back.
    pod: Option<PodRef>,
    is_placed: bool,
}

/// A job's request beside that which it was submitted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// The request of its submission.
    #[default]
    Whole,
    /// A half of each of its devices, which another job has the other half of.
    Half,
    /// More devices, this many for each member, which are idle otherwise.
    Grown(u8),
}

#[derive(Clone, Debug)]
struct Job {
    class: ClassId,
    /// The class as it was submitted.
    whole: ClassId,
    form: Form,
    /// Speed of its newest run beside that with the devices that it was submitted with.
    gain: f64,
    /// Work that it has done beyond the time that it ran, in nanoseconds on the reference model.
    surplus: f64,
    gang: Option<GangId>,
    submitted: Instant,
    requested: Duration,
    asked: MemberRequest,
    members: Vec<Member>,
    /// Time of its runs that are over.
    ran: Duration,
    /// Time of its runs up to the last promotion by the rule; zero where there was none.
    ran_at_promotion: Duration,
    /// Time of its runs that are over, by column of the throughputs.
    ran_on: Vec<Duration>,
    /// Column of the model of its newest run.
    column: Option<usize>,
    last_run: Duration,
    started: Option<Instant>,
    waits_since: Option<Instant>,
}

/// The request of each member of a job.
#[derive(Clone, Debug)]
pub(super) struct MemberRequest {
    pub(super) devices: u32,
    pub(super) milli: i64,
    /// Speed on each GPU model, where the models differ; `None` of one that asks for no device.
    pub(super) speeds: Option<Arc<[f64]>>,
}

/// All jobs.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    all: SortedMap<u64, Job>,
    next: u64,
    gangs: SortedMap<(GangId, ClassId), u64>,
    /// Jobs of members that are on their way back.
    returning: Returning,
    /// Names of pods that were ordered off their nodes.
    leaving: SortedMap<PodId, (PodName, u64)>,
    /// Jobs by pod slot.
    by_slot: Vec<Option<(PodRef, u64)>>,
    running: SortedSet<u64>,
}

impl Jobs {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn any_runs(&self) -> bool {
        !self.running.is_empty()
    }

    pub(super) fn any_waits(&self) -> bool {
        self.running.len() < self.all.len()
    }

    pub(super) fn waiting_pods(&self) -> usize {
        let waiting = self.all.values().filter(|job| job.waits_since.is_some());
        waiting.map(|job| job.members.len()).sum()
    }

    /// Takes a pod: a further member, one that came back, or a new job.
    pub(super) fn created(&mut self, at: Instant, created: &PodCreated, asked: MemberRequest) {
        let pod = created.pod;
        if let Some(number) = self.returning.take(&created.name) {
            self.note(pod, number);
            let members = self.all.get_mut(&number).map(|job| job.members.iter_mut());
            let own = members.and_then(|mut own| own.find(|own| own.name == created.name));
            if let Some(own) = own {
                own.pod = Some(pod);
            }
            return;
        }
        let member = Member {
            name: created.name.clone(),
            pod: Some(pod),
            is_placed: false,
        };
        // Members of another class are a job of their own: a job has one speed on each model.
        let gang = created.gang.map(|gang| (gang, created.class));
        let known = gang.and_then(|gang| self.gangs.get(&gang).copied());
        if let Some(number) = known
            && let Some(job) = self.all.get_mut(&number)
        {
            job.members.push(member);
            self.note(pod, number);
            return;
        }
        let number = self.next;
        self.next += 1;
        if let Some(gang) = gang {
            self.gangs.insert(gang, number);
        }
        let job = Job {
            class: created.class,
            whole: created.class,
            form: Form::Whole,
            gain: 1.0,
            surplus: 0.0,
            gang: created.gang,
            submitted: at,
            requested: created.expected_run_time(),
            ran_on: vec![Duration::ZERO; asked.speeds.as_ref().map_or(0, |speeds| speeds.len())],
            asked,
            members: vec![member],
            ran: Duration::ZERO,
            ran_at_promotion: Duration::ZERO,
            column: None,
            last_run: Duration::ZERO,
            started: None,
            waits_since: Some(at),
        };
        self.all.insert(number, job);
        self.note(pod, number);
    }

    fn note(&mut self, pod: PodRef, number: u64) {
        let slot = pod.slot.index();
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, None);
        }
        self.by_slot[slot] = Some((pod, number));
    }

    /// The job of a pod.
    pub(super) fn of(&self, pod: PodRef) -> Option<u64> {
        let known = (*self.by_slot.get(pod.slot.index())?)?;
        (known.0 == pod).then_some(known.1)
    }

    /// A pod ended; a job is over with the last of its members.
    pub(super) fn ended(&mut self, at: Instant, pod: PodRef) {
        self.leaving.remove(&pod.id);
        let Some(number) = self.of(pod) else {
            return;
        };
        self.by_slot[pod.slot.index()] = None;
        let Some(job) = self.all.get_mut(&number) else {
            return;
        };
        job.members.retain(|member| member.pod != Some(pod));
        self.look_after(at, number);
    }

    /// A pod was ordered off its node too late: it had ended.
    pub(super) fn left_before(&mut self, pod: PodRef) {
        let Some((name, number)) = self.leaving.remove(&pod.id) else {
            return;
        };
        if self.returning.remove(&name, number)
            && let Some(job) = self.all.get_mut(&number)
        {
            job.members.retain(|member| member.name != name);
            let at = job.waits_since.unwrap_or(job.submitted);
            self.look_after(at, number);
        }
    }

    /// Ends a job without members, and the run of one without members that are placed.
    fn look_after(&mut self, at: Instant, number: u64) {
        let Some(job) = self.all.get(&number) else {
            return;
        };
        if job.members.is_empty() {
            if let Some(gang) = job.gang {
                self.gangs.remove(&(gang, job.whole));
            }
            self.all.remove(&number);
            self.running.remove(&number);
        } else if job.members.iter().all(|member| !member.is_placed) {
            self.stop(at, number);
        }
    }

    /// Jobs as rules see them.
    pub(super) fn views(&self, now: Instant) -> impl Iterator<Item = (u64, SharedJob)> {
        self.all.iter().map(move |(&number, job)| {
            let run = job.run(now);
            let ran = job.ran.checked_add(run).unwrap_or(Duration::MAX);
            let view = SharedJob {
                submitted: job.submitted,
                devices: job.devices(),
                ran,
                ran_since_promotion: job.since_promotion(ran),
                done: job.done(now),
                last_run: if job.waits_since.is_none() {
                    run
                } else {
                    job.last_run
                },
                waits_since: job.waits_since,
                started: job.started,
                requested: job.requested,
            };
            (number, view)
        })
    }

    /// The service of a job that waits counts from now on.
    pub(super) fn promote(&mut self, number: u64) {
        if let Some(job) = self.all.get_mut(&number) {
            job.ran_at_promotion = job.ran;
        }
    }

    /// Jobs with devices as rules see them that tell models apart.
    pub(super) fn unlike(&self, now: Instant) -> Vec<HeterogeneousJob> {
        let with_devices = self.views(now).filter_map(|(number, job)| {
            let own = self.all.get(&number)?;
            let speeds = own.asked.speeds.clone()?;
            Some(HeterogeneousJob {
                number,
                job,
                width: own.asked.milli as f64 / 1_000.0 * own.members.len() as f64,
                speeds,
                ran_on: own.ran_on(now),
            })
        });
        with_devices.collect()
    }

    /// All jobs by number, in order of submission.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.all.keys().copied()
    }

    /// The pods of a job.
    pub(super) fn size(&self, number: u64) -> usize {
        self.all.get(&number).map_or(0, |job| job.members.len())
    }

    /// Instant of the submission of a job.
    pub(super) fn submitted(&self, number: u64) -> Option<Instant> {
        Some(self.all.get(&number)?.submitted)
    }

    /// Whether a job waits.
    pub(super) fn waits(&self, number: u64) -> bool {
        let job = self.all.get(&number);
        job.is_some_and(|job| job.waits_since.is_some())
    }

    /// The speeds of a job on the GPU models, where these differ.
    pub(super) fn speeds(&self, number: u64) -> Option<Arc<[f64]>> {
        self.all.get(&number)?.asked.speeds.clone()
    }

    /// Column of the model that a job runs on.
    pub(super) fn column(&self, number: u64) -> Option<usize> {
        let job = self.all.get(&number)?;
        job.column.filter(|_| job.waits_since.is_none())
    }

    /// The devices that a job holds or asks for; `None` while members are on their way back.
    pub(super) fn held(&self, number: u64, store: &Store) -> Option<Claim> {
        let job = self.all.get(&number)?;
        let pods: Option<Vec<PodRef>> = job.members.iter().map(|member| member.pod).collect();
        let pods = pods?;
        let place = |&pod: &PodRef| {
            let record = store.pods().get(pod)?;
            let (node, devices) = (record.node()?, record.devices());
            Some(Place { node, devices })
        };
        let places = job
            .waits_since
            .is_none()
            .then(|| pods.iter().filter_map(place).collect());
        // One that waits asks for all of its device again, whatever it had before.
        let class = if job.waits_since.is_none() {
            job.class
        } else {
            job.whole
        };
        Some(Claim {
            members: pods.len(),
            need: Need::of(store.class(class)),
            places,
        })
    }

    /// The claim of a job on other devices than those that it holds.
    pub(super) fn anew(&self, number: u64, store: &Store) -> Option<Claim> {
        let claim = self.held(number, store)?;
        Some(Claim {
            need: Need::of(store.class(self.whole(number)?)),
            places: None,
            ..claim
        })
    }

    /// The claim of a job on devices, without those that it took because they were idle: the first of each
    /// member are its own. `None` while members are on their way back.
    pub(super) fn claim(&self, number: u64, store: &Store) -> Option<Claim> {
        let mut claim = self.held(number, store)?;
        if let Form::Grown(_) = self.form(number) {
            claim.need = Need::of(store.class(self.whole(number)?));
            let own = usize::from(claim.need.devices);
            for place in claim.places.iter_mut().flatten() {
                let mut first = DeviceSet::EMPTY;
                (place.devices.iter().take(own)).for_each(|index| first.insert(index));
                place.devices = first;
            }
        }
        Some(claim)
    }

    /// The claims of all jobs that run on devices, by number, with those that they took because they were
    /// idle.
    pub(super) fn running(&self, store: &Store) -> SortedMap<u64, Claim> {
        let claims = self.running.iter().filter_map(|&number| {
            let claim = self.held(number, store)?;
            (claim.need.devices > 0).then_some((number, claim))
        });
        claims.collect()
    }

    /// The class that a job was submitted with.
    pub(super) fn whole(&self, number: u64) -> Option<ClassId> {
        Some(self.all.get(&number)?.whole)
    }

    /// The request of a job beside that which it was submitted with.
    pub(super) fn form(&self, number: u64) -> Form {
        self.all.get(&number).map_or(Form::Whole, |job| job.form)
    }

    /// A job is of another class from now on.
    pub(super) fn declare(&mut self, number: u64, class: ClassId, form: Form) {
        if let Some(job) = self.all.get_mut(&number) {
            (job.class, job.form) = (class, form);
        }
    }

    /// The run of a job that has just started is this many times as fast as with its own devices.
    pub(super) fn set_gain(&mut self, number: u64, gain: f64) {
        if let Some(job) = self.all.get_mut(&number) {
            job.gain = gain;
        }
    }

    /// Time of the newest run of a job so far; `None` of one that waits.
    pub(super) fn run_of(&self, number: u64, now: Instant) -> Option<Duration> {
        let job = self.all.get(&number)?;
        job.waits_since.is_none().then(|| job.run(now))
    }

    /// The class of a job.
    pub(super) fn class(&self, number: u64) -> Option<ClassId> {
        Some(self.all.get(&number)?.class)
    }

    /// The members of a job that waits with all of them there.
    pub(super) fn ready(&self, number: u64) -> Option<(ClassId, Vec<PodRef>)> {
        let job = self
            .all
            .get(&number)
            .filter(|job| job.waits_since.is_some())?;
        let members: Option<Vec<PodRef>> = job.members.iter().map(|member| member.pod).collect();
        Some((job.class, members?))
    }

    pub(super) fn started(&mut self, now: Instant, number: u64, column: Option<usize>) {
        if let Some(job) = self.all.get_mut(&number) {
            job.started = Some(now);
            job.column = column;
            job.waits_since = None;
            for own in &mut job.members {
                own.is_placed = true;
            }
            self.running.insert(number);
        }
    }

    /// Takes a running job off its devices; the pods that are to end, none of a job that waits.
    pub(super) fn suspend(&mut self, now: Instant, number: u64) -> Vec<PodRef> {
        if !self.running.contains(&number) {
            return Vec::new();
        }
        let mut taken = Vec::new();
        if let Some(job) = self.all.get_mut(&number) {
            for own in &mut job.members {
                if let Some(pod) = own.pod.take() {
                    self.by_slot[pod.slot.index()] = None;
                    self.returning.add(own.name.clone(), number);
                    self.leaving.insert(pod.id, (own.name.clone(), number));
                    taken.push(pod);
                }
            }
        }
        self.stop(now, number);
        taken
    }

    fn stop(&mut self, now: Instant, number: u64) {
        if let Some(job) = self.all.get_mut(&number)
            && job.waits_since.is_none()
        {
            let run = job.run(now);
            job.surplus = job.surplus(now);
            job.ran_on = job.ran_on(now);
            job.last_run = run;
            job.ran = job.ran.checked_add(run).unwrap_or(Duration::MAX);
            job.waits_since = Some(now);
            for own in &mut job.members {
                own.is_placed = false;
            }
        }
        self.running.remove(&number);
    }

    /// A member was refused its place: its job waits until all members are there again.
    pub(super) fn unplaced(&mut self, pod: PodRef) {
        if let Some(number) = self.of(pod)
            && let Some(job) = self.all.get_mut(&number)
        {
            job.waits_since = job.started;
            self.running.remove(&number);
        }
    }
}

impl Job {
    fn devices(&self) -> u32 {
        self.asked
            .devices
            .max(1)
            .saturating_mul(self.members.len() as u32)
    }

    /// Time of its run so far; nothing while it waits.
    fn run(&self, now: Instant) -> Duration {
        match self.started {
            Some(started) if self.waits_since.is_none() => now.since(started),
            _ => Duration::ZERO,
        }
    }

    /// The part of the time of all its runs, this much, that came after its last promotion.
    fn since_promotion(&self, ran: Duration) -> Duration {
        Duration::from_nanos(ran.as_nanos() - self.ran_at_promotion.as_nanos())
    }

    /// Time of all its runs by column.
    fn ran_on(&self, now: Instant) -> Vec<Duration> {
        let mut ran = self.ran_on.clone();
        if let Some(own) = self.column.and_then(|column| ran.get_mut(column)) {
            *own = own.checked_add(self.run(now)).unwrap_or(Duration::MAX);
        }
        ran
    }

    /// Work that it has done, as time on the reference model.
    fn done(&self, now: Instant) -> Duration {
        let Some(speeds) = &self.asked.speeds else {
            let ran = self.ran.checked_add(self.run(now));
            return ran.unwrap_or(Duration::MAX);
        };
        let ran = self.ran_on(now);
        let done = ran.iter().zip(speeds.iter());
        let nanos = done.map(|(ran, speed)| ran.as_nanos() as f64 * speed);
        Duration::from_nanos((nanos.sum::<f64>() + self.surplus(now)) as i64)
    }

    /// Work that it has done beyond the time that it ran, with devices that it took because they were idle.
    fn surplus(&self, now: Instant) -> f64 {
        let speeds = self.asked.speeds.as_ref().zip(self.column);
        let speed = speeds.and_then(|(speeds, column)| speeds.get(column));
        let run = self.run(now).as_nanos() as f64;
        self.surplus + run * speed.map_or(0.0, |speed| speed * (self.gain - 1.0))
    }
}
