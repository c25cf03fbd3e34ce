//! Decision that an agent is asked for, as numbers: what there is to choose from, and what else is known.

use std::ops::Deref;

use control::exchange::PROTOCOL;
use control::exchange::question::{Amounts, JobDescription, NodeState, OrderRequest, Request};
use control::{Answer, ExchangeError, Question};
use model::gpu::DEVICE_MILLI;
use units::{SortedMap, plural};

/// Columns of a node: amounts left, the share of a device that is left where most is, amounts offered; each a
/// share of the cluster's largest.
pub(crate) const NODE_COLUMNS: [&str; 8] = [
    "free_cpu",
    "free_memory",
    "free_gpu",
    "free_pods",
    "free_device",
    "cpu",
    "memory",
    "gpu",
];

/// Columns of a job: seconds that it waits and asks for, pods, and amounts as shares of the largest job so far.
pub(crate) const JOB_COLUMNS: [&str; 8] = [
    "waited",
    "requested",
    "members",
    "cpu",
    "memory",
    "gpu",
    "priority",
    "tenant",
];

/// Columns of the pod in question: amounts as shares of the cluster's largest node, devices, share of a device.
pub(crate) const POD_COLUMNS: [&str; 5] = ["cpu", "memory", "gpu", "devices", "device"];

/// Columns of the queue: pods or jobs that wait, seconds since the run began and since the last decision.
pub(crate) const QUEUE_COLUMNS: [&str; 3] = ["waiting", "seconds", "since"];

/// Columns of a row.
const COLUMNS: usize = NODE_COLUMNS.len();

/// Nanoseconds of a second.
const SECOND: f64 = 1e9;

/// Choice that an agent makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Node of a pod, among the rows.
    Node,
    /// Job that goes first, among the first that wait.
    Job,
}

impl Choice {
    /// The choice of an agent that puts jobs in order, or of one that places pods.
    pub(crate) const fn of(orders: bool) -> Self {
        if orders { Self::Job } else { Self::Node }
    }
}

/// A decision as numbers, kept up to date from question to question.
pub(crate) struct Board {
    choice: Choice,
    rows: usize,
    /// Rows of [`COLUMNS`] numbers.
    table: Vec<f32>,
    /// 1 for each row that can be chosen.
    mask: Vec<u8>,
    pod: [f32; POD_COLUMNS.len()],
    /// The queue.
    queue: [f32; QUEUE_COLUMNS.len()],
    scale: Scale,
    pods: SortedMap<u32, [f32; POD_COLUMNS.len()]>,
    jobs: SortedMap<u64, JobDescription>,
    allocatable: Vec<[f64; 4]>,
    /// Rows of nodes whose mask is set.
    candidates: Vec<u32>,
    items: usize,
    last: Option<i64>,
    chosen: usize,
}

/// Largest amounts: CPU, memory, GPU, pods.
#[derive(Clone, Copy, Default)]
struct Scale([f64; 4]);

impl Scale {
    fn include(&mut self, amounts: [f64; 4]) {
        for (largest, amount) in self.0.iter_mut().zip(amounts) {
            *largest = largest.max(amount);
        }
    }

    /// Amounts as shares of the largest, from 0 to 1.
    fn shares(self, amounts: [f64; 4]) -> [f32; 4] {
        std::array::from_fn(|at| {
            let share = if self.0[at] > 0.0 {
                amounts[at] / self.0[at]
            } else {
                0.0
            };
            share.clamp(0.0, 1.0) as f32
        })
    }
}

fn amounts(own: &Amounts) -> [f64; 4] {
    [own.cpu_milli, own.memory_bytes, own.gpu_milli, own.pods].map(|amount| amount as f64)
}

impl Board {
    /// An empty board with `rows` rows, or one for each node of the first question if `rows` is 0.
    pub(crate) fn new(choice: Choice, rows: usize) -> Self {
        let mut board = Self {
            choice,
            rows: 0,
            table: Vec::new(),
            mask: Vec::new(),
            pod: [0.0; POD_COLUMNS.len()],
            queue: [0.0; QUEUE_COLUMNS.len()],
            scale: Scale::default(),
            pods: SortedMap::new(),
            jobs: SortedMap::new(),
            allocatable: Vec::new(),
            candidates: Vec::new(),
            items: 0,
            last: None,
            chosen: 0,
        };
        board.set_rows(rows);
        board
    }

    fn set_rows(&mut self, rows: usize) {
        self.rows = rows;
        self.table = vec![0.0; rows * COLUMNS];
        self.mask = vec![0; rows];
        self.allocatable = vec![[0.0; 4]; rows];
    }

    /// Number of rows.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Whether a row can be chosen.
    pub(crate) fn has(&self, row: i64) -> bool {
        let row = usize::try_from(row).ok();
        row.and_then(|row| self.mask.get(row)) == Some(&1)
    }

    /// Chooses a row that can be chosen.
    pub(crate) const fn choose(&mut self, row: usize) {
        self.chosen = row;
    }

    /// Takes over a question; `Some` where it needs no decision.
    ///
    /// # Errors
    /// About more rows than the board has.
    pub(crate) fn take(&mut self, question: &Question) -> Result<Option<Answer>, ExchangeError> {
        match question {
            Question::Hello(_) => Ok(Some(Answer::Text(format!("{{\"protocol\":{PROTOCOL}}}")))),
            Question::Score(request) => self.pod_question(request).map(|()| None),
            Question::Order(request) => {
                self.job_question(request);
                Ok(None)
            }
            other => Err(ExchangeError(format!(
                "an environment answers no `{}`",
                other.name()
            ))),
        }
    }

    /// The answer by the row that was chosen: the most points for the node, the smallest key for the job.
    pub(crate) fn answer(&self) -> Answer {
        let chosen = match self.choice {
            Choice::Node => self
                .candidates
                .iter()
                .position(|&row| row as usize == self.chosen),
            Choice::Job => Some(self.chosen),
        };
        let mut numbers = vec![i64::from(self.choice == Choice::Job); self.items];
        if let Some(number) = chosen.and_then(|at| numbers.get_mut(at)) {
            *number = i64::from(self.choice == Choice::Node);
        }
        Answer::Numbers(numbers)
    }

    /// Columns of the pod in question; none where jobs are chosen.
    fn pod(&self) -> &[f32] {
        match self.choice {
            Choice::Node => &self.pod,
            Choice::Job => &[],
        }
    }

    /// Leaves nothing to choose from, once the run has ended.
    pub(crate) fn end(&mut self) {
        self.mask.fill(0);
    }

    fn pod_question(&mut self, request: &Request) -> Result<(), ExchangeError> {
        if self.last.is_none() {
            let nodes = request.nodes.iter();
            let declared = nodes.clone().filter_map(|node| node.declared.as_ref());
            declared.for_each(|own| self.scale.include(amounts(&own.allocatable)));
            if self.rows == 0 {
                self.set_rows(nodes.map(|node| node.id as usize + 1).max().unwrap_or(0));
            }
        }
        for &gone in &request.gone {
            self.row(gone)?.fill(0.0);
        }
        for node in &request.nodes {
            self.node(node)?;
        }
        if let Some(own) = &request.class.described {
            let [cpu, memory, gpu, _] = self.scale.shares(amounts(&own.requests));
            let devices = f64::from(own.gpu_devices);
            let device = own.requests.gpu_milli as f64 / devices.max(1.0) / f64::from(DEVICE_MILLI);
            let columns = [cpu, memory, gpu, devices as f32, device as f32];
            self.pods.insert(request.class.id, columns);
        }
        self.pod = self
            .pods
            .get(&request.class.id)
            .copied()
            .unwrap_or_default();
        for &row in &self.candidates {
            self.mask[row as usize] = 0;
        }
        self.candidates.clone_from(&request.candidates);
        for &row in &self.candidates {
            match self.mask.get_mut(row as usize) {
                Some(own) => *own = 1,
                None => return Err(beyond(row, self.rows)),
            }
        }
        self.items = request.candidates.len();
        self.see_queue(u64::from(request.waiting), request.now);
        Ok(())
    }

    fn see_queue(&mut self, waiting: u64, now: i64) {
        let since = now - self.last.replace(now).unwrap_or(now);
        self.queue =
            [waiting as f64, now as f64 / SECOND, since as f64 / SECOND].map(|own| own as f32);
    }

    fn row(&mut self, node: u32) -> Result<&mut [f32], ExchangeError> {
        let (first, rows) = (node as usize * COLUMNS, self.rows);
        let row = self.table.get_mut(first..first + COLUMNS);
        row.ok_or_else(|| beyond(node, rows))
    }

    fn node(&mut self, node: &NodeState) -> Result<(), ExchangeError> {
        let (scale, rows) = (self.scale, self.rows);
        let known = self.allocatable.get_mut(node.id as usize);
        let known = known.ok_or_else(|| beyond(node.id, rows))?;
        if let Some(own) = &node.declared {
            *known = amounts(&own.allocatable);
        }
        let [cpu, memory, gpu, _] = scale.shares(*known);
        let [free_cpu, free_memory, free_gpu, free_pods] = scale.shares(amounts(&node.free));
        let device = node
            .gpu_free
            .iter()
            .max()
            .map_or(0.0, |&own| f64::from(own) / f64::from(DEVICE_MILLI));
        let columns = [
            free_cpu,
            free_memory,
            free_gpu,
            free_pods,
            device as f32,
            cpu,
            memory,
            gpu,
        ];
        self.row(node.id)?.copy_from_slice(&columns);
        Ok(())
    }

    fn job_question(&mut self, request: &OrderRequest) {
        for job in &request.jobs {
            if let Some(own) = &job.described {
                let amounts = [
                    own.cpu_milli,
                    own.memory_bytes,
                    own.gpu_milli,
                    i64::from(own.members),
                ];
                self.scale.include(amounts.map(|amount| amount as f64));
                self.jobs.insert(job.id, own.clone());
            }
        }
        self.table.fill(0.0);
        self.mask.fill(0);
        for (row, job) in request.jobs.iter().take(self.rows).enumerate() {
            let Some(own) = self.jobs.get(&job.id) else {
                continue;
            };
            let amounts = [
                own.cpu_milli,
                own.memory_bytes,
                own.gpu_milli,
                i64::from(own.members),
            ];
            let [cpu, memory, gpu, members] =
                self.scale.shares(amounts.map(|amount| amount as f64));
            let seconds = |nanos: i64| (nanos as f64 / SECOND) as f32;
            let columns = [
                seconds(request.now - own.submitted),
                own.requested.map_or(-1.0, seconds),
                members,
                cpu,
                memory,
                gpu,
                own.priority as f32,
                own.tenant as f32,
            ];
            self.table[row * COLUMNS..][..COLUMNS].copy_from_slice(&columns);
            self.mask[row] = 1;
        }
        self.items = request.jobs.len();
        self.see_queue(request.jobs.len() as u64, request.now);
    }
}

/// Numbers of boards of equal size: all tables, pods and queues as four bytes each, then all masks, in the machine's
/// order.
pub(crate) fn bytes<B: Deref<Target = Board>>(boards: &[B]) -> Vec<u8> {
    let size = boards
        .iter()
        .map(|board| 4 * board.table.len() + board.mask.len() + 64);
    let mut bytes = Vec::with_capacity(size.sum());
    let parts: [fn(&Board) -> &[f32]; 3] = [|board| &board.table, Board::pod, |board| &board.queue];
    for part in parts {
        for board in boards {
            bytes.extend_from_slice(bytemuck::cast_slice(part(board)));
        }
    }
    for board in boards {
        bytes.extend_from_slice(&board.mask);
    }
    bytes
}

fn beyond(node: u32, rows: usize) -> ExchangeError {
    let rows = plural::count(rows, "row");
    ExchangeError(format!(
        "the environment has {rows}, and node {node} is beyond them: say `rows=` at least {}, the number of nodes \
         that there can be",
        u64::from(node) + 1
    ))
}
