//! Plan as users ask for it, in their words: the files are read, the words understood, and the assumptions told.

mod assumptions;
mod prices;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use intake::Input;
use model::{Node, Release};
use scheduler::kube::KubeProfile;
use units::SortedMap;
use world::offers::{Offers, offers};

use super::adjust::{Factors, Resized, overcommit, resize};
use super::buy::Search;
use super::goal::Room;
use super::growth::{Grow, Rate};
use super::planned::Changed;
use super::usage::Usage;
use super::watch::Work;
use super::{Minimize, Order, Plan, Questions, plan};
use crate::around::Around;
use crate::place::Decisions;
use crate::snapshot::profile::read_profiles;
use crate::snapshot::{Gathered, NamedCluster, Snapshot, SnapshotError, SnapshotOptions};
use assumptions::{assumptions, elsewhere, instant, kept, unlabelled, without_spot};
use prices::{Prices, prices, unread};
use words::{Headroom, growth, headroom, horizon, survive};

pub use assumptions::lists;

/// Question about a cluster at one instant. Words are those that the options of the command line take.
#[derive(Clone, Debug)]
pub struct Request {
    /// Files of the cluster.
    pub paths: Vec<PathBuf>,
    /// Clusters whose names are put before those of their objects.
    pub clusters: Vec<NamedCluster>,
    /// Quantity to make small.
    pub minimize: Option<Minimize>,
    /// Price list of types to buy.
    pub types: Option<PathBuf>,
    /// Price list of the types of existing nodes.
    pub prices: Option<PathBuf>,
    /// Patterns of the names of types.
    pub only: Vec<String>,
    /// Whether existing nodes stay and others are bought beside them.
    pub keep: bool,
    /// Whether pods that wait today have to run.
    pub strict: bool,
    /// Losses to survive.
    pub survive: Vec<String>,
    /// Room that stays free.
    pub headroom: Vec<String>,
    /// Factors of overcommitment.
    pub overcommit: Vec<String>,
    /// Files of usage, whose requests pods get.
    pub requests: Vec<String>,
    /// Amounts that new nodes keep for the system.
    pub reserved: Option<String>,
    /// Whether pods may displace others.
    pub preemption: bool,
    /// Growth of workloads.
    pub grow: Vec<String>,
    /// Span to look ahead.
    pub horizon: String,
    /// Label that names the team of a pod or a namespace.
    pub team_label: Option<String>,
    /// Number of further orders of the pods.
    pub orders: u64,
    /// Order in which pods are placed.
    pub order: Order,
    /// Number of decisions that the search may take.
    pub steps: u64,
    /// Configuration of the scheduler.
    pub config: Option<PathBuf>,
    /// Release of the scheduler.
    pub release: Option<Release>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            clusters: Vec::new(),
            minimize: None,
            types: None,
            prices: None,
            only: Vec::new(),
            keep: false,
            strict: false,
            survive: Vec::new(),
            headroom: Vec::new(),
            overcommit: Vec::new(),
            requests: Vec::new(),
            reserved: None,
            preemption: false,
            grow: Vec::new(),
            horizon: HORIZON.to_owned(),
            team_label: None,
            orders: 0,
            order: Order::Dump,
            steps: STEPS,
            config: None,
            release: None,
        }
    }
}

/// Span that a plan looks ahead where none is given.
pub const HORIZON: &str = "12mo";

/// Number of decisions that a search may take where none is given.
pub const STEPS: u64 = 2_000_000;

/// Question whose files are read.
pub struct Inquiry {
    /// The cluster.
    pub snapshot: Snapshot,
    /// The questions, which have the work to look at and to stop.
    pub questions: Questions,
    /// Currency of the prices; empty if there are none.
    pub currency: String,
    /// Assumptions behind the answers, in sentences.
    pub assumptions: Vec<String>,
    profiles: Vec<KubeProfile>,
    factors: Factors,
    resized: Resized,
}

impl Inquiry {
    /// Reads the files of a question. `work` is looked at, and stopped, by whoever waits.
    ///
    /// # Errors
    /// If a file can't be read or a word is not understood.
    pub fn read(
        request: &Request,
        work: &Arc<Work>,
        around: &mut Around<'_>,
    ) -> Result<Self, SnapshotError> {
        let (mut questions, mut currency) = questions(request, work)?;
        let options = SnapshotOptions {
            traces_dirs: around.traces_dirs,
            release: request.release,
            ignored: around.ignored,
            clusters: &request.clusters,
            makes_pods: request.strict,
        };
        let mut gathered = Snapshot::gather(&request.paths, &options)?;
        let config = request.config.as_ref().map(Input::path);
        let (profiles, doubts) = read_profiles(config.as_ref(), gathered.release.changes())?;
        (around.tell)(&doubts);
        let profiles = profiles.iter().map(Decisions::profile).collect();
        let listed = listed(request, &gathered.nodes)?;
        if currency.is_empty() {
            currency = listed.currency;
        }
        questions.prices = listed.of;
        questions.committed = listed.committed;
        (around.tell)(&listed.notes);
        let elsewhere = elsewhere(&gathered.nodes, &questions.offers);
        let unlabelled = unlabelled(&gathered.nodes, &questions.survive);
        let kept = kept(request, &gathered.nodes, &mut questions.offers)?;
        let without_spot = without_spot(&gathered.nodes, &questions.offers);
        let factors = words::overcommit(&request.overcommit).map_err(SnapshotError::Input)?;
        let nodes = gathered.nodes.iter().map(AsRef::as_ref);
        let offered = questions.offers.iter().map(|offer| &offer.node);
        let checked = factors.check(nodes.chain(offered));
        checked.map_err(SnapshotError::Input)?;
        overcommit(&mut gathered, &factors);
        let resized = resized(request, &mut gathered)?;
        let mut snapshot = Snapshot::new(gathered)?;
        for offer in &mut questions.offers {
            offer.node = factors.apply(&offer.node);
        }
        questions.room = room(request, &mut snapshot)?;
        (around.tell)(&snapshot.warnings);
        let mut assumptions = assumptions(request, snapshot.release, &questions, &resized);
        assumptions.splice(0..0, instant(snapshot.declared.taken_unix_secs));
        assumptions.extend(kept);
        assumptions.extend(without_spot);
        assumptions.extend(elsewhere);
        assumptions.extend(unlabelled);
        assumptions.extend(listed.notes);
        assumptions.extend(unread([&request.types, &request.prices]));
        Ok(Self {
            snapshot,
            questions,
            currency,
            assumptions,
            profiles,
            factors,
            resized,
        })
    }

    /// Answers the question.
    ///
    /// # Errors
    /// If there is no plan of such a cluster.
    pub fn plan(&mut self) -> Result<Plan, SnapshotError> {
        plan(&mut self.snapshot, &self.profiles, &self.questions)
    }

    /// Changes of the cluster that the answers rest on.
    pub fn changed(&self) -> Changed<'_> {
        Changed {
            factors: &self.factors,
            resized: &self.resized.specs,
        }
    }
}

/// Prices of the nodes of today. What is bought has a price in any case.
fn listed(request: &Request, nodes: &[Arc<Node>]) -> Result<Prices, SnapshotError> {
    match (&request.prices, &request.types) {
        (Some(path), _) => prices(path, nodes),
        (None, Some(path)) => Ok(prices(path, nodes).unwrap_or_default()),
        (None, None) => Ok(Prices::default()),
    }
}

/// Name of the first file.
fn first_file(request: &Request) -> String {
    let paths = request.paths.iter();
    let clusters = request.clusters.iter().map(|own| &own.path);
    let first = paths.chain(clusters).next();
    first.map_or_else(String::new, |path| path.display().to_string())
}

/// Refuses a question to a cluster without pods.
///
/// # Errors
/// If no pod has to run.
pub fn refuse_none(request: &Request, answers: &Plan, summary: &str) -> Result<(), SnapshotError> {
    let is_joined = request.minimize.is_some() || request.types.is_some();
    if answers.pods > 0 || !(answers.waiting.is_empty() || is_joined) {
        return Ok(());
    }
    if !answers.waiting.is_empty() {
        return Err(SnapshotError::Input(format!(
            "{}: no pod has to run, so that no node is needed ({summary}): those that wait find no node \
             and stay out; count them with `--strict`",
            first_file(request)
        )));
    }
    Err(SnapshotError::Input(format!(
        "{}: no pod that has to run ({summary}); add those of `kubectl get pods -A -o json`",
        first_file(request)
    )))
}

/// Gives the pods of a cluster the requests of files.
fn resized(request: &Request, gathered: &mut Gathered) -> Result<Resized, SnapshotError> {
    if request.requests.is_empty() {
        return Ok(Resized::default());
    }
    let mut usage = Usage::default();
    for word in &request.requests {
        let file = words::usage(word);
        usage.margin_ppm = file.margin_ppm;
        usage.read(&Input::path(&file.path), file.about)?;
    }
    let resized = resize(gathered, &usage);
    if resized.specs.is_empty() {
        let pods = gathered.pods.iter().find(|pod| !pod.phase.is_final());
        let one = pods.map_or(String::new(), |pod| {
            format!(", such as `{}/{}`", pod.namespace(), pod.name)
        });
        return Err(SnapshotError::Input(format!(
            "--requests: {} names no pod or workload of the cluster; expected names of its \
             pods{one}",
            request.requests.join(", ")
        )));
    }
    Ok(resized)
}

/// The further pods for which there has to be room.
fn room(request: &Request, snapshot: &mut Snapshot) -> Result<Vec<Room>, SnapshotError> {
    let mut room = Vec::new();
    for word in &request.headroom {
        let Headroom::Pods { count, file } = headroom(word).map_err(SnapshotError::Input)? else {
            continue;
        };
        let (pod, _) = snapshot.read_pod(&file)?;
        snapshot.name_namespace(pod.namespace());
        let mut info = snapshot.new_pod_info(&pod);
        if let Ok(info) = &mut info {
            info.set_node_name(None);
        }
        let info =
            info.map_err(|error| SnapshotError::Input(format!("{}: {error}", file.display())))?;
        room.push(Room {
            count,
            pod: Arc::new(info),
        });
    }
    Ok(room)
}

fn questions(request: &Request, work: &Arc<Work>) -> Result<(Questions, String), SnapshotError> {
    let offers = match &request.types {
        None => Offers {
            offers: Vec::new(),
            currency: String::new(),
        },
        Some(path) => offers(&Input::path(path), &request.only)
            .map_err(|error| SnapshotError::Input(error.to_string()))?,
    };
    if request.minimize == Some(Minimize::Cost)
        && offers.offers.is_empty()
        && request.prices.is_none()
    {
        return Err(SnapshotError::Input(
            "--minimize cost: the dump states no prices; give a price list with `--types FILE.csv` \
             to buy of it, or with `--prices FILE.csv` to drain, or ask for `--minimize nodes`"
                .to_owned(),
        ));
    }
    let mut domains = Vec::new();
    for word in &request.survive {
        domains.push(survive(word).map_err(SnapshotError::Input)?);
    }
    let mut grows = Vec::new();
    for word in &request.grow {
        grows.push(growth(word).map_err(SnapshotError::Input)?);
    }
    let shrinks = |own: &Grow| match own.rate {
        Rate::Share(more) | Rate::Pods(more) => more < 0,
    };
    let is_joined = request.minimize.is_some() || request.types.is_some();
    if is_joined && grows.iter().any(shrinks) {
        return Err(SnapshotError::Input(
            "--grow: nodes that are enough for a workload that shrinks are more than are needed in \
             the end; leave `--minimize` and `--types` out, or the workload"
                .to_owned(),
        ));
    }
    let mut free_ppm = 0;
    for word in &request.headroom {
        if let Headroom::Share(ppm) = headroom(word).map_err(SnapshotError::Input)? {
            free_ppm = free_ppm.max(ppm);
        }
    }
    let questions = Questions {
        minimize: request.minimize,
        offers: offers.offers,
        keeps: request.keep,
        is_strict: request.strict,
        survive: domains,
        free_ppm,
        prices: SortedMap::new(),
        committed: Vec::new(),
        team_label: request.team_label.as_deref().map(Into::into),
        room: Vec::new(),
        preempts: request.preemption,
        grow: grows,
        horizon: horizon(&request.horizon).map_err(SnapshotError::Input)?,
        order: request.order,
        search: Search {
            steps: request.steps,
            orders: request.orders,
        },
        work: Arc::clone(work),
    };
    Ok((questions, offers.currency))
}
