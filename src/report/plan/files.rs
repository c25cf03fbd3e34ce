//! A plan as CSV tables: nodes, moves, losses, headroom.

use super::PlanReport;
use lab::plan::loss::Loss;
use lab::plan::picture::Picture;

/// A file of a plan.
pub struct PlanFile {
    /// Name of the file.
    pub name: &'static str,
    /// Content of the file.
    pub text: String,
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(head);
    for row in rows {
        let _ = writer.write_record(&row);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl PlanReport<'_> {
    /// The cluster that the answers are about: the plan's, or today's.
    fn shown(&self) -> &Picture {
        let plan = self.plan;
        let planned = plan.drain.as_ref().map(|own| &own.picture);
        let bought = plan.buy.as_ref().and_then(|own| own.picture.as_ref());
        planned.or(bought).unwrap_or(&plan.today)
    }

    /// Nodes that come (`+`) and go (`-`).
    pub fn nodes_csv(&self) -> String {
        let mut rows = Vec::new();
        if let Some(drain) = &self.plan.drain {
            for node in &drain.drained.gone {
                rows.push(vec!["-".to_owned(), node.to_string()]);
            }
        }
        if let Some(buy) = &self.plan.buy {
            for node in &buy.nodes {
                let (name, price) = &buy.types[node.kind];
                rows.push(vec![
                    "+".to_owned(),
                    node.node.name.to_string(),
                    name.to_string(),
                    node.zone.to_string(),
                    super::money(*price),
                ]);
            }
        }
        for row in &mut rows {
            row.resize(5, String::new());
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
            vec![
                (number + 1).to_string(),
                one.pod.clone(),
                one.from.to_string(),
                one.to.to_string(),
            ]
        });
        table(&["order", "pod", "from", "to"], rows)
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

    /// Further pods that fit, by size.
    pub fn headroom_csv(&self) -> String {
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
        let table = self.table();
        let rest = table.split_once('\n').map_or("", |(_, rest)| rest);
        format!("**{}**\n\n```text{rest}```\n", self.verdict())
    }

    /// Every table of the plan.
    pub fn files(&self) -> Vec<PlanFile> {
        let file = |name, text| PlanFile { name, text };
        vec![
            file("plan.json", format!("{:#}\n", self.json())),
            file("plan.md", self.markdown()),
            file("nodes.csv", self.nodes_csv()),
            file("moves.csv", self.moves_csv()),
            file("losses.csv", self.losses_csv()),
            file("headroom.csv", self.headroom_csv()),
        ]
    }
}
