//! The files of a plan: tables, texts, the proof of its bound.

use super::PlanReport;
use crate::grid::csv;
use intake::TraceError;
use lab::plan::loss::Loss;
use lab::plan::picture::Picture;

/// A file of a plan.
pub struct PlanFile {
    /// Name of the file.
    pub name: &'static str,
    /// Content of the file.
    pub bytes: Vec<u8>,
}

impl PlanFile {
    /// A file of text.
    pub fn new(name: &'static str, text: String) -> Self {
        Self {
            name,
            bytes: text.into_bytes(),
        }
    }
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head = head.iter().map(|&name| name.to_owned()).collect();
    csv(std::iter::once(head).chain(rows))
}

impl PlanReport<'_> {
    /// The cluster that the answers are about: the plan's, or today's.
    pub(super) fn shown(&self) -> &Picture {
        let plan = self.plan;
        let planned = plan.drain.as_ref().map(|own| &own.picture);
        let bought = plan.buy.as_ref().and_then(|own| own.picture.as_ref());
        planned.or(bought).unwrap_or(&plan.today)
    }

    /// Nodes that come (`+`) and go (`-`).
    pub fn nodes_csv(&self) -> String {
        let mut rows = Vec::new();
        if let Some(drain) = &self.plan.drain {
            let known = &self.plan.today.shares;
            for name in &drain.drained.gone {
                let own = known.iter().find(|own| own.name == *name);
                let own = own.cloned().unwrap_or_default();
                rows.push(vec![
                    "-".to_owned(),
                    name.to_string(),
                    own.kind.to_string(),
                    own.zone.to_string(),
                    price(own.price),
                ]);
            }
        }
        if let Some(buy) = &self.plan.buy {
            for node in &buy.nodes {
                let (name, own_price) = &buy.types[node.kind];
                rows.push(vec![
                    "+".to_owned(),
                    node.node.name.to_string(),
                    name.to_string(),
                    node.zone.to_string(),
                    price(*own_price),
                ]);
            }
        }
        table(
            &["change", "node", "type", "zone", "price_per_hour"],
            rows.into_iter(),
        )
    }

    /// Moves in order.
    pub fn moves_csv(&self) -> String {
        let moves = self.plan.drain.iter().flat_map(|own| &own.drained.moves);
        let rows = moves.enumerate().map(|(number, one)| {
            let turn = &one.turn;
            let left = turn.budget_left.map(|left| left.to_string());
            let swaps = if turn.swaps {
                "ends before its successor starts"
            } else {
                ""
            };
            vec![
                (number + 1).to_string(),
                turn.wave.to_string(),
                one.pod.clone(),
                one.from.to_string(),
                one.to.to_string(),
                turn.budget.clone().unwrap_or_default().to_string(),
                left.unwrap_or_default(),
                swaps.to_owned(),
            ]
        });
        table(
            &[
                "order",
                "wave",
                "pod",
                "from",
                "to",
                "budget",
                "budget_left",
                "note",
            ],
            rows,
        )
    }

    /// Losses of each node and each zone.
    pub fn losses_csv(&self) -> String {
        let shown = self.shown();
        let losses = shown.node_losses.iter().chain(&shown.zone_losses);
        let row = |loss: &Loss| {
            let first = loss.first.as_ref();
            vec![
                loss.domain.clone(),
                loss.requeued.to_string(),
                loss.waiting.to_string(),
                first.map(|own| own.pod.clone()).unwrap_or_default(),
                first.map(|own| own.message.clone()).unwrap_or_default(),
            ]
        };
        table(
            &["domain", "requeued", "waiting", "first", "reason"],
            losses.map(row),
        )
    }

    /// Room in each zone, today, in the plan, and in each month of growth.
    pub fn headroom_csv(&self) -> String {
        let plan = self.plan;
        let mut times = vec![("today".to_owned(), &plan.today.zones)];
        if !std::ptr::eq(self.shown(), &raw const plan.today) {
            times.push(("plan".to_owned(), &self.shown().zones));
        }
        let months = plan.months.iter();
        times.extend(months.map(|month| (format!("month {}", month.month), &month.zones)));
        let rows = times.into_iter().flat_map(|(at, zones)| {
            zones.iter().flat_map(move |zone| {
                let at = at.clone();
                zone.taken.all().map(move |(resource, own)| {
                    vec![
                        at.clone(),
                        zone.zone.to_string(),
                        resource.to_owned(),
                        own.requested.to_string(),
                        own.offered.to_string(),
                        own.offered.saturating_sub(own.requested).to_string(),
                        super::percent(1_000_000 - own.share_ppm()),
                    ]
                })
            })
        });
        table(
            &[
                "at",
                "zone",
                "resource",
                "requested",
                "offered",
                "free",
                "free_share",
            ],
            rows,
        )
    }

    /// Amounts of each resource in each pool, today and in the plan, and the one that binds.
    pub fn pools_csv(&self) -> String {
        let today = &self.plan.today;
        let planned = (!std::ptr::eq(self.shown(), today)).then(|| ("plan", self.shown()));
        let times = std::iter::once(("today", today)).chain(planned);
        let rows = times.flat_map(|(at, picture)| {
            picture.pools.iter().flat_map(move |pool| {
                let binding = pool.taken.binding().0;
                pool.taken.all().map(move |(resource, own)| {
                    vec![
                        at.to_owned(),
                        pool.name.to_string(),
                        pool.nodes.to_string(),
                        pool.full.to_string(),
                        resource.to_owned(),
                        own.requested.to_string(),
                        own.offered.to_string(),
                        own.stranded.to_string(),
                        super::percent(own.share_ppm()),
                        if resource == binding { "binds" } else { "" }.to_owned(),
                    ]
                })
            })
        });
        table(
            &[
                "at",
                "pool",
                "nodes",
                "full",
                "resource",
                "requested",
                "offered",
                "stranded",
                "requested_share",
                "note",
            ],
            rows,
        )
    }

    /// Further pods that fit, by size.
    pub fn shapes_csv(&self) -> String {
        let rows = self.shown().headroom.iter().map(|room| {
            vec![
                room.pod.clone(),
                room.cpu_milli.to_string(),
                room.memory.to_string(),
                room.fits.to_string(),
                room.reason.clone().unwrap_or_default(),
            ]
        });
        table(
            &["pod", "cpu_milli", "memory_bytes", "fits", "reason"],
            rows,
        )
    }

    /// Markdown for pull requests.
    pub fn markdown(&self) -> String {
        format!("**{}**\n\n```text\n{}```\n", self.verdict(), self.body())
    }

    /// Every file of the plan.
    /// [`FILES`] has their names.
    ///
    /// # Errors
    /// If an input can't be read again for its hash.
    pub fn files(&self) -> Result<Vec<PlanFile>, TraceError> {
        let mut files = vec![
            PlanFile::new("plan.json", format!("{:#}\n", self.json_with_inputs()?)),
            PlanFile::new("plan.md", self.markdown()),
            PlanFile::new("report.html", self.html()),
            PlanFile::new("nodes.csv", self.nodes_csv()),
            PlanFile::new("moves.csv", self.moves_csv()),
            PlanFile::new("losses.csv", self.losses_csv()),
            PlanFile::new("headroom.csv", self.headroom_csv()),
            PlanFile::new("pools.csv", self.pools_csv()),
            PlanFile::new("shapes.csv", self.shapes_csv()),
        ];
        if let Some(bound) = self.bound() {
            files.push(PlanFile::new("bound.json", format!("{bound:#}\n")));
        }
        Ok(files)
    }
}

/// Names of the files of a plan.
pub const FILES: [&str; 10] = [
    "plan.json",
    "plan.md",
    "report.html",
    "nodes.csv",
    "moves.csv",
    "losses.csv",
    "headroom.csv",
    "pools.csv",
    "shapes.csv",
    "bound.json",
];

/// A price an hour; nothing if it is not known.
fn price(micro: i64) -> String {
    match micro {
        0 => String::new(),
        _ => super::money(micro),
    }
}
