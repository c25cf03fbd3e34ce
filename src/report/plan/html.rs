//! A plan as a page that needs no network: verdict, today beside the plan, what each loss leaves
//! waiting, room in each zone, prices, and every node of each pool.

use std::cmp::Reverse;
use std::fmt::Write;

use super::reasons::brief;
use super::sheet::{coded, signatures};
use super::text::SHOWN;
use super::{MONTH_HOURS, PlanReport, money, more, percent, resource, survived};
use crate::format::html as escaped;
use crate::losses::ranged;
use lab::plan::loss::Loss;
use lab::plan::picture::{NodeShare, PLAIN, Picture, Pool, ResourceAmounts};
use units::{SortedMap, plural};

/// Style of the page; it has no script.
const STYLE: &str = include_str!("plan.css");

/// Size of a drawing of growth, in pixels.
const CURVE: [u32; 2] = [640, 180];

impl PlanReport<'_> {
    /// The page.
    pub fn html(&self) -> String {
        let plan = self.plan;
        let shown = self.shown();
        let mut page = String::new();
        let verdict = self.verdict();
        // The first part of the verdict is the headline; the others follow it.
        let (headline, rest) = verdict.split_once("; ").unwrap_or((&verdict, ""));
        let rest = match rest {
            "" => String::new(),
            rest => format!("<p>{}</p>\n", coded(rest)),
        };
        let _ = write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <title>Plan</title><style>{STYLE}</style></head><body><main>\n\
             <h1>{}</h1>\n{rest}<p class=\"quiet\">{}</p>\n",
            coded(headline),
            escaped(self.snapshot)
        );
        self.compared(&mut page);
        self.order(&mut page);
        self.blockers(&mut page);
        self.prices(&mut page);
        matrix(&mut page, "Loss of each node", &shown.node_losses);
        matrix(&mut page, "Loss of each zone", &shown.zone_losses);
        self.room(&mut page, shown);
        pools(&mut page, shown);
        self.grounds(&mut page);
        signatures(&mut page);
        let table = self.body();
        let rest = table
            .split_once("\nwhat binds")
            .map_or("", |(_, rest)| rest);
        let rest = rest
            .split_once("\nassumptions")
            .map_or(rest, |(rest, _)| rest);
        let _ = write!(
            page,
            "<h2>Appendix: what binds, and why not fewer</h2>\n<pre>{}</pre>\n",
            escaped(rest.trim_start())
        );
        if !plan.waiting.is_empty() {
            let _ = writeln!(
                page,
                "<p>{} {} today and {} out of the plan.</p>",
                plural::count(plan.waiting.len(), "pod"),
                plural::either(plan.waiting.len(), "waits", "wait"),
                plural::either(plan.waiting.len(), "stays", "stay")
            );
        }
        page.push_str("</main></body></html>\n");
        page
    }

    /// Today beside the plan.
    fn compared(&self, page: &mut String) {
        let today = &self.plan.today;
        let shown = self.shown();
        let has_plan = !std::ptr::eq(today, shown);
        let head = if has_plan { "<th>plan</th>" } else { "" };
        let _ = writeln!(
            page,
            "<table><thead><tr><th></th><th>today</th>{head}</tr></thead><tbody>"
        );
        let mut row = |name: &str, of: &dyn Fn(&Picture) -> String| {
            let second = if has_plan {
                format!("<td>{}</td>", escaped(&of(shown)))
            } else {
                String::new()
            };
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{name}</th><td>{}</td>{second}</tr>",
                escaped(&of(today))
            );
        };
        row("nodes", &|own| own.nodes.to_string());
        if today.price > 0 || shown.price > 0 {
            let name = format!("{} a month", self.currency);
            row(&name, &|own| money(own.price * MONTH_HOURS));
        }
        for (name, _) in today.taken.told() {
            row(&format!("{} requested", escaped(&resource(name))), &|own| {
                percent(own.taken.of(name).share_ppm())
            });
        }
        let words = |losses: &[Loss]| {
            let (whole, all) = survived(losses);
            match all {
                0 => "–".to_owned(),
                _ => format!("{whole} of {all}"),
            }
        };
        row("nodes that may be lost", &|own| words(&own.node_losses));
        row("zones that may be lost", &|own| words(&own.zone_losses));
        for room in &today.headroom {
            row(&format!("more of {}", escaped(&room.pod)), &|own| {
                let known = own.headroom.iter().find(|other| other.pod == room.pod);
                known.map(|own| more(own.fits)).unwrap_or_default()
            });
        }
        page.push_str("</tbody></table>\n");
    }

    /// Room by zone, and over the months of growth.
    fn room(&self, page: &mut String, shown: &Picture) {
        page.push_str("<h2>Headroom</h2>\n<div class=\"zones\">\n");
        for zone in &shown.zones {
            let name = if zone.zone.is_empty() {
                "all nodes"
            } else {
                &*zone.zone
            };
            let _ = writeln!(page, "<section><h3>{}</h3>", escaped(name));
            bars(page, &zone.taken);
            page.push_str("</section>\n");
        }
        page.push_str(
            "</div>\n<p class=\"quiet\">Each bar is the share that is requested; the rest of it is \
             free.</p>\n",
        );
        if !self.plan.months.is_empty() {
            self.curve(page);
        }
    }

    /// Shares that are requested, month by month.
    fn curve(&self, page: &mut String) {
        let months = &self.plan.months;
        let [width, height] = CURVE;
        let last = months.len().max(1) as u32;
        let sums: Vec<ResourceAmounts> = std::iter::once(self.plan.today.taken.clone())
            .chain(months.iter().map(|month| {
                let mut sum = ResourceAmounts::default();
                month.zones.iter().for_each(|zone| sum.add(&zone.taken));
                sum
            }))
            .collect();
        let _ = writeln!(
            page,
            "<figure><svg viewBox=\"-40 -10 {} {}\" role=\"img\" aria-label=\"Share of each \
             resource that is requested, by month\">",
            width + 240,
            height + 40
        );
        for part in 0..=4 {
            let y = height - height * part / 4;
            let _ = writeln!(
                page,
                "<line x1=\"0\" x2=\"{width}\" y1=\"{y}\" y2=\"{y}\" class=\"grid\"/>\
                 <text x=\"-6\" y=\"{}\" class=\"end\">{} %</text>",
                y + 4,
                part * 25
            );
        }
        for (place, (name, _)) in self.plan.today.taken.told().enumerate() {
            let class = colour(place);
            let points: Vec<String> = (0_u32..)
                .zip(&sums)
                .map(|(month, sum)| {
                    let share = sum.of(name).share_ppm().clamp(0, 1_000_000) as u32;
                    let y = height - (u64::from(height) * u64::from(share) / 1_000_000) as u32;
                    format!("{},{y}", width * month / last)
                })
                .collect();
            let end = points.last().cloned().unwrap_or_default();
            let y = end.rsplit(',').next().unwrap_or_default();
            let _ = writeln!(
                page,
                "<polyline class=\"{class}\" points=\"{}\"/><text x=\"{}\" y=\"{y}\">{}</text>",
                points.join(" "),
                width + 6,
                escaped(&resource(name))
            );
        }
        for (month, own) in (1_u32..).zip(months) {
            let mark = if own.is_full() { " class=\"bad\"" } else { "" };
            let _ = writeln!(
                page,
                "<text x=\"{}\" y=\"{}\"{mark}>{month}</text>",
                width * month / last,
                height + 18
            );
        }
        page.push_str(
            "</svg><figcaption>Requested share by month; in a red month pods find no \
             node, or a goal is missed.</figcaption></figure>\n",
        );
    }

    /// Prices by type and option, of today beside the plan.
    fn prices(&self, page: &mut String) {
        let (today, shown) = (&self.plan.today, self.shown());
        if today.price == 0 && shown.price == 0 {
            return;
        }
        let pictures = [today, shown];
        let pictures = &pictures[..=usize::from(!std::ptr::eq(today, shown))];
        let head = ["today", "plan"].map(|name| format!("<th>{name}</th><th>a month</th>"));
        let _ = writeln!(
            page,
            "<h2>Prices, {}</h2>\n<table><thead><tr><th></th><th>option</th>{}</tr></thead><tbody>",
            escaped(self.currency),
            head[..pictures.len()].concat()
        );
        let mut kinds: SortedMap<(&str, &str), [[i64; 2]; 2]> = SortedMap::new();
        for (place, picture) in pictures.iter().enumerate() {
            for own in &picture.shares {
                let sums = &mut kinds.entry((&*own.kind, own.option)).or_default()[place];
                sums[0] += 1;
                sums[1] = sums[1].saturating_add(own.price);
            }
            for own in &picture.bill.unused {
                let sums = &mut kinds.entry((&*own.kind, "paid for, unused")).or_default()[place];
                let nodes = i64::try_from(own.nodes).unwrap_or(i64::MAX);
                sums[0] += nodes;
                sums[1] = sums[1].saturating_add(own.price.saturating_mul(nodes));
            }
        }
        for ((kind, option), sums) in kinds {
            let cells = sums[..pictures.len()].iter().map(|[nodes, price]| {
                let price = match (nodes, price) {
                    (0, _) => "–".to_owned(),
                    (_, 0) => "no price".to_owned(),
                    (_, price) => money(price * MONTH_HOURS),
                };
                format!("<td>{nodes}</td><td>{price}</td>")
            });
            let kind = if kind.is_empty() { "–" } else { kind };
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{option}</td>{}</tr>",
                escaped(kind),
                cells.collect::<String>()
            );
        }
        page.push_str("</tbody></table>\n");
    }
}

/// Class of the colour of a resource: those that not every node offers share one.
fn colour(place: usize) -> String {
    format!("r{}", place.min(PLAIN.len()))
}

/// A bar for each resource of what is requested of it.
fn bars(page: &mut String, taken: &ResourceAmounts) {
    for (place, (name, own)) in taken.told().enumerate() {
        let share = own.share_ppm();
        let width = share.clamp(0, 1_000_000) / 10_000;
        let _ = writeln!(
            page,
            "<div class=\"bar\"><span>{}</span><b><i class=\"{}\" style=\"width:{width}%\"></i></b>\
             <span>{}</span></div>",
            escaped(&resource(name)),
            colour(place),
            percent(share)
        );
    }
}

/// A square for each loss: whether pods are left waiting, and how many; below it the first of those
/// that leave some.
fn matrix(page: &mut String, title: &str, losses: &[Loss]) {
    if losses.is_empty() {
        return;
    }
    let (whole, all) = survived(losses);
    let _ = writeln!(
        page,
        "<h2>{title}: {} of {all} leave pods waiting</h2>\n<div class=\"matrix\">",
        all - whole
    );
    let mut worst: Vec<&Loss> = losses.iter().collect();
    worst.sort_by_key(|loss| Reverse(loss.waiting));
    for loss in &worst {
        let first = loss.first.as_ref();
        let first = first.map_or(String::new(), |own| {
            format!("; {}: {}", own.pod, brief(&own.message))
        });
        let words = format!(
            "{}: {} requeued, {} waiting{}{first}",
            loss.domain,
            loss.requeued,
            loss.waiting,
            ranged(loss.range)
        );
        let (class, text) = match loss.waiting {
            0 => ("good", String::new()),
            waiting => ("bad", waiting.to_string()),
        };
        let _ = write!(
            page,
            "<span class=\"{class}\" title=\"{}\">{text}</span>",
            escaped(&words)
        );
    }
    page.push_str("</div>\n");
    if whole == all {
        return;
    }
    page.push_str(
        "<p class=\"quiet\">Each square is a loss; a red one has the number of pods that find no \
         node.</p>\n<table><thead><tr><th></th><th>requeued</th><th>waiting</th><th class=\"words\">the first that \
         finds no node</th></tr></thead><tbody>\n",
    );
    for loss in worst.iter().filter(|own| own.waiting > 0).take(SHOWN) {
        let first = loss.first.as_ref();
        let first = first.map_or(String::new(), |own| {
            format!("{}: {}", own.pod, brief(&own.message))
        });
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"words\">{}</td></tr>",
            escaped(&loss.domain),
            loss.requeued,
            loss.waiting,
            escaped(&first)
        );
    }
    page.push_str("</tbody></table>\n");
    let others = (all - whole).saturating_sub(SHOWN);
    if others > 0 {
        let others = plural::count(others, "other loss");
        let _ = writeln!(
            page,
            "<p class=\"quiet\">{others}: <code>losses.csv</code> has all.</p>"
        );
    }
}

/// Shares that are requested, in words.
fn shares_of(taken: &ResourceAmounts) -> String {
    let shares = taken.told();
    let shares =
        shares.map(|(name, own)| format!("{} {}", resource(name), percent(own.share_ppm())));
    shares.collect::<Vec<String>>().join(", ")
}

/// Every node of each pool, by how full it is.
fn pools(page: &mut String, shown: &Picture) {
    page.push_str("<h2>Nodes by pool</h2>\n");
    let mut pools: SortedMap<&str, Vec<&NodeShare>> = SortedMap::new();
    for own in &shown.shares {
        pools.entry(&*own.pool).or_default().push(own);
    }
    for (name, nodes) in pools {
        let known = shown.pools.iter().find(|own| *own.name == *name);
        let amounts = known.map_or(String::new(), |own: &Pool| {
            format!(", {}; {} full", shares_of(&own.taken), own.full)
        });
        let name = if name.is_empty() { "no pool" } else { name };
        let _ = writeln!(
            page,
            "<h3>{}: {}{amounts}</h3>\n<div class=\"nodes\">",
            escaped(name),
            plural::count(nodes.len(), "node")
        );
        for own in nodes {
            let _ = write!(
                page,
                "<div title=\"{} {}: {}\">",
                escaped(&own.name),
                escaped(&own.zone),
                escaped(&shares_of(&own.taken))
            );
            for (place, (_, amount)) in own.taken.told().enumerate() {
                // What is requested is seen, however little it is.
                let share = amount.share_ppm().clamp(0, 1_000_000);
                let height = (share + 9_999) / 10_000;
                let _ = write!(
                    page,
                    "<i class=\"{}\" style=\"height:{height}%\"></i>",
                    colour(place)
                );
            }
            page.push_str("</div>");
        }
        page.push_str("</div>\n");
    }
    page.push_str(
        "<p class=\"quiet\">Each box is a node with its requested <i class=\"r0 key\"></i> cpu, <i \
         class=\"r1 key\"></i> memory, <i class=\"r2 key\"></i> pods and <i class=\"r3 key\"></i> other \
         resources, from left to right.</p>\n",
    );
}
