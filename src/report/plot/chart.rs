//! Panels of lines over a shared kind of axis, one line per variant: what most plots are.

use super::axis::Axis;
use super::scene::{self, Anchor, Area, Mark, Paint, Scene, Style, Turn, text_width};
use super::{Drawn, Table};
use metrics::Direction;

/// One line: the points of a variant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// The number of the variant's series; `None` for a line that is no variant's.
    pub(super) index: Option<usize>,
    /// The variant's whole name.
    pub(super) name: String,
    /// Points from left to right; a gap where there is no value.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

impl Line {
    /// The last point that has a value.
    pub(super) fn last(&self) -> Option<(f64, f64)> {
        self.points
            .iter()
            .rev()
            .find_map(|&(at, value)| Some((at, value?)))
    }
}

/// Connection between points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// Straight from point to point.
    Straight,
    /// A value holds until the next.
    Steps,
}

/// Lines over two axes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Panel {
    /// Title of the values, with their unit.
    pub(super) title: String,
    /// Better direction of the values; `None` where they describe an input.
    pub(super) better: Option<Direction>,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) connection: Connection,
    pub(super) lines: Vec<Line>,
    /// Instants with what stands above them.
    pub(super) moments: Vec<Moment>,
}

/// Something that happened at a place on the horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    /// Position of the moment.
    pub(super) at: f64,
    /// A sign of a letter or two.
    pub(super) sign: String,
    /// Marks a moment that stands out.
    pub(super) is_strong: bool,
}

impl Panel {
    /// The room that the signs of moments need above the plane.
    fn sign_room(&self) -> f64 {
        if self.moments.is_empty() {
            0.0
        } else {
            SIGN_HEIGHT
        }
    }

    /// Whether so many lines go up and down so often that one hides the other.
    fn is_crowded(&self) -> bool {
        const LINES_MIN: usize = 5;
        const TURNS_MIN: f64 = 8.0;
        let values = |line: &Line| -> Vec<f64> {
            line.points.iter().filter_map(|&(_, value)| value).collect()
        };
        let all: Vec<f64> = self.lines.iter().flat_map(values).collect();
        let range = all.iter().copied().fold(f64::MIN, f64::max)
            - all.iter().copied().fold(f64::MAX, f64::min);
        let ways = self.lines.iter().map(|line| {
            let values = values(line);
            let steps = values.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            steps.sum::<f64>()
        });
        let mean = ways.sum::<f64>() / self.lines.len().max(1) as f64;
        self.lines.len() >= LINES_MIN && mean > TURNS_MIN * range
    }

    /// Whether names can stand at the ends of lines: there are not too many, and the lines do not
    /// all end at one place, from where leaders would tell nothing.
    fn has_room_for_labels(&self) -> bool {
        const LINES_AT_ONE_PLACE_MAX: usize = 3;
        if self.is_crowded() {
            return true;
        }
        let ends: Vec<f64> = (self.lines.iter())
            .filter_map(|line| Some(self.y.position(line.last()?.1)))
            .collect();
        let highest = ends.iter().copied().fold(f64::MIN, f64::max);
        let lowest = ends.iter().copied().fold(f64::MAX, f64::min);
        let is_one_place = highest - lowest < 0.02 && ends.len() > LINES_AT_ONE_PLACE_MAX;
        self.lines.len() <= DIRECT_LABELS_MAX && !is_one_place
    }
}

/// Distance of direct labels on the screen.
const LABEL_GAP: f64 = 18.0;
/// A line that ends this far from the end of the axis ends early.
const EARLY: f64 = 4.0;
/// Height of a panel's plane on the screen.
const PLANE_HEIGHT: f64 = 250.0;
/// Height of the signs of moments above a plane.
const SIGN_HEIGHT: f64 = 12.0;
/// More lines than this are named below, where there is room for all.
const DIRECT_LABELS_MAX: usize = 16;

/// Layout of a panel.
struct Layout {
    plane: Area,
    text: f64,
    /// Whether names stand at the ends of lines rather than below.
    direct: bool,
}

/// Draws the panels one below the other.
pub(super) fn draw(style: Style, title: &str, x_name: &str, panels: &[Panel]) -> Drawn {
    let mut scene = Scene::new(style);
    let mut top = scene.title(title);
    let direct = style == Style::Screen && panels.iter().all(Panel::has_room_for_labels);
    // All planes begin at one place.
    let ticks = panels.iter().flat_map(|panel| &panel.y.ticks);
    let tick_width = ticks
        .map(|(_, label)| text_width(label, style.text()))
        .fold(style.scaled(26.0), f64::max);
    let left = style.scaled(14.0) + tick_width;
    for panel in panels {
        top = if panel.is_crowded() {
            draw_one_by_one(&mut scene, panel, left, top)
        } else {
            draw_panel(&mut scene, panel, left, top, direct)
        };
    }
    if !direct && panels.iter().any(|panel| !panel.is_crowded()) {
        top = legend(&mut scene, panels, top);
    }
    scene.height = top + style.scaled(6.0);
    Drawn {
        scene,
        description: description(panels),
        table: table(panels, x_name),
    }
}

fn draw_panel(scene: &mut Scene, panel: &Panel, left: f64, top: f64, direct: bool) -> f64 {
    let style = scene.style;
    let text = style.text();
    let names = panel.lines.iter().map(|line| scene::name(&line.name));
    let label_width = if direct {
        let widest = names
            .map(|name| text_width(&name, text))
            .fold(0.0, f64::max);
        widest + 72.0
    } else {
        style.scaled(14.0)
    };
    let height = if direct {
        PLANE_HEIGHT.max(panel.lines.len() as f64 * LABEL_GAP)
    } else {
        style.scaled(if style == Style::Paper {
            175.0
        } else {
            PLANE_HEIGHT
        })
    };
    let layout = Layout {
        plane: Area {
            x: left,
            y: top + style.scaled(32.0 + panel.sign_room()),
            width: scene.width() - left - label_width,
            height,
        },
        text,
        direct,
    };
    scene.panel_heading(top + style.scaled(14.0), &panel.title, panel.better);
    axes(scene, panel, &layout);
    lines(scene, panel, &layout);
    layout.plane.y + height + style.scaled(52.0)
}

/// Draws every line on a plane of its own, all with the same axes. Gives where it ends.
fn draw_one_by_one(scene: &mut Scene, panel: &Panel, left: f64, top: f64) -> f64 {
    let style = scene.style;
    let across = match style {
        Style::Screen => 2,
        Style::Paper => 1,
    };
    let name_at = style.scaled(12.0);
    let head = style.scaled(22.0 + panel.sign_room());
    let (height, foot) = (style.scaled(76.0), style.scaled(30.0));
    let width = scene.width() / across as f64;
    scene.panel_heading(top + style.scaled(14.0), &panel.title, panel.better);
    let mut top = top + style.scaled(28.0);
    let last = panel.y.ticks.len().saturating_sub(1);
    let y_ticks = panel.y.ticks.iter().enumerate();
    let kept = y_ticks.filter(|(index, _)| [0, last / 2, last].contains(index));
    let y = Axis {
        ticks: kept.map(|(_, tick)| tick.clone()).collect(),
        ..panel.y.clone()
    };
    for row in panel.lines.chunks(across) {
        for (place, line) in row.iter().enumerate() {
            let x = place as f64 * width;
            let layout = Layout {
                plane: Area {
                    x: x + left,
                    y: top + head,
                    width: width - left - style.scaled(14.0),
                    height,
                },
                text: style.text(),
                direct: false,
            };
            let name = (x + left, top + name_at);
            scene.text(name, &scene::name(&line.name), Paint::Ink, Anchor::Start);
            let single = Panel {
                title: String::new(),
                better: panel.better,
                x: Axis {
                    label: String::new(),
                    ..panel.x.clone()
                },
                y: y.clone(),
                connection: panel.connection,
                lines: vec![line.clone()],
                moments: panel.moments.clone(),
            };
            axes(scene, &single, &layout);
            lines(scene, &single, &layout);
        }
        top += head + height + foot;
    }
    let middle = (scene.width() / 2.0, top + style.scaled(4.0));
    scene.text(middle, &panel.x.label, Paint::Quiet, Anchor::Middle);
    top + style.scaled(28.0)
}

fn axes(scene: &mut Scene, panel: &Panel, layout: &Layout) {
    let style = scene.style;
    let Area {
        x,
        y,
        width,
        height,
    } = layout.plane;
    let (right, bottom) = (x + width, y + height);
    let thin = style.scaled(1.0);
    for (value, label) in &panel.y.ticks {
        let at = bottom - panel.y.position(*value) * height;
        scene.line(vec![(x, at), (right, at)], Paint::Grid, thin);
        scene.text(
            (x - style.scaled(7.0), at),
            label,
            Paint::Quiet,
            Anchor::End,
        );
    }
    let mut free = f64::MIN;
    for (value, label) in &panel.x.ticks {
        let at = x + panel.x.position(*value) * width;
        let tick = vec![(at, bottom), (at, bottom + style.scaled(4.0))];
        scene.line(tick, Paint::Quiet, thin);
        // A label that would run into its neighbour is left out; its tick stays.
        let half = text_width(label, layout.text) / 2.0;
        if at - half >= free {
            let below = (at, bottom + style.scaled(14.0));
            scene.text(below, label, Paint::Quiet, Anchor::Middle);
            free = at + half + style.scaled(4.0);
        }
    }
    let mut free = f64::MIN;
    for moment in &panel.moments {
        let at = x + panel.x.position(moment.at) * width;
        let paint = if moment.is_strong {
            Paint::Ink
        } else {
            Paint::Quiet
        };
        scene.line(vec![(at, y), (at, bottom)], paint, thin);
        // Signs that would run into each other are left out; the lines stay.
        let half = text_width(&moment.sign, layout.text) / 2.0;
        if at - half >= free {
            let above = (at, y - style.scaled(8.0));
            scene.text(above, &moment.sign, paint, Anchor::Middle);
            free = at + half + style.scaled(2.0);
        }
    }
    scene.line(vec![(x, bottom), (right, bottom)], Paint::Quiet, thin);
    let below = (x + width / 2.0, bottom + style.scaled(33.0));
    scene.text(below, &panel.x.label, Paint::Quiet, Anchor::Middle);
    if !panel.y.label.is_empty() {
        scene.text(
            (style.scaled(8.0), y + height / 2.0),
            &panel.y.label,
            Paint::Quiet,
            Anchor::Middle,
        );
        if let Some(Mark::Text(text)) = scene.marks.last_mut() {
            text.turn = Turn::Up;
        }
    }
}

fn lines(scene: &mut Scene, panel: &Panel, layout: &Layout) {
    let plane = layout.plane;
    let place = |(at, value): (f64, f64)| {
        (
            plane.x + panel.x.position(at) * plane.width,
            plane.y + (1.0 - panel.y.position(value)) * plane.height,
        )
    };
    let endings = endings(panel, plane);
    if layout.direct {
        early_leaders(scene, &endings, plane);
    }
    for line in &panel.lines {
        // A gap in the data is a gap in the line.
        for stretch in line.points.split(|(_, value)| value.is_none()) {
            let mut points: Vec<(f64, f64)> = Vec::with_capacity(stretch.len());
            for &(at, value) in stretch {
                let Some(value) = value else {
                    continue;
                };
                if at < panel.x.from {
                    // What holds until the next point holds where the axis begins.
                    if panel.connection == Connection::Steps {
                        points = vec![place((panel.x.from, value))];
                    }
                    continue;
                }
                let point = place((at, value));
                if let (Connection::Steps, Some(&(_, before))) = (panel.connection, points.last()) {
                    points.push((point.0, before));
                }
                points.push(point);
            }
            points.dedup();
            if let [single] = points.as_slice() {
                points = vec![(single.0 - 1.0, single.1), (single.0 + 1.0, single.1)];
            }
            scene.series(points, line.index);
        }
    }
    if layout.direct {
        names(scene, panel, &endings, plane);
    }
}

/// Where a line ends, and how high its name stands beside the plane.
struct Ending {
    x: f64,
    y: f64,
    name_y: f64,
}

fn endings(panel: &Panel, plane: Area) -> Vec<Ending> {
    let ends: Vec<(f64, f64)> = (panel.lines.iter())
        .map(|line| {
            let (at, value) = line.last().unwrap_or((panel.x.to, panel.y.from));
            let x = plane.x + panel.x.position(at) * plane.width;
            (x, plane.y + (1.0 - panel.y.position(value)) * plane.height)
        })
        .collect();
    let wanted: Vec<f64> = ends.iter().map(|&(_, y)| y).collect();
    let placed = scene::spread(&wanted, LABEL_GAP, plane.y, plane.y + plane.height);
    let both = ends.into_iter().zip(placed);
    both.map(|((x, y), name_y)| Ending { x, y, name_y })
        .collect()
}

/// From where a line ends early to its name, below all lines: it must not look like more of it.
fn early_leaders(scene: &mut Scene, endings: &[Ending], plane: Area) {
    let right = plane.x + plane.width;
    for ending in endings.iter().filter(|ending| ending.x < right - EARLY) {
        let leader = vec![(ending.x, ending.y), (right + 4.0, ending.y)];
        scene.line(leader, Paint::Grid, 0.75);
    }
}

/// Each line's name beside the plane, with a leader and a piece of the line, so that no legend has
/// to be matched by color. A line that ends early has a dot at its end.
fn names(scene: &mut Scene, panel: &Panel, endings: &[Ending], plane: Area) {
    let right = plane.x + plane.width;
    for (line, ending) in panel.lines.iter().zip(endings) {
        let paint = scene::paint(line.index);
        let (from, to) = (right + 20.0, right + 48.0);
        let y = ending.name_y;
        if ending.x < right - EARLY {
            let dot = Area {
                x: ending.x - 3.0,
                y: ending.y - 3.0,
                width: 6.0,
                height: 6.0,
            };
            scene.fill(dot, paint);
        }
        let start = ending.x.max(right + 4.0 - EARLY).min(right + 4.0);
        let leader = vec![(start, ending.y), (right + 4.0, ending.y), (from, y)];
        scene.line(leader, paint, 0.75);
        scene.series(vec![(from, y), (to, y)], line.index);
        let name = scene::name(&line.name);
        scene.text((to + 6.0, y), &name, Paint::Ink, Anchor::Start);
    }
}

/// The names of all lines with a piece of each, in rows. Gives where it ends.
fn legend(scene: &mut Scene, panels: &[Panel], top: f64) -> f64 {
    let style = scene.style;
    let mut named: Vec<(Option<usize>, String)> = (panels.iter())
        .flat_map(|panel| &panel.lines)
        .map(|line| (line.index, scene::name(&line.name)))
        .collect();
    named.sort_unstable();
    named.dedup();
    let (left, swatch) = (style.scaled(12.0), style.scaled(34.0));
    let (mut x, mut y) = (left, top + style.scaled(6.0));
    for (index, name) in named {
        let width = swatch + text_width(&name, style.text()) + style.scaled(18.0);
        if x > left && x + width > scene.width() {
            x = left;
            y += style.scaled(18.0);
        }
        scene.series(vec![(x, y), (x + swatch - style.scaled(6.0), y)], index);
        scene.text((x + swatch, y), &name, Paint::Ink, Anchor::Start);
        x += width;
    }
    y + style.scaled(12.0)
}

fn description(panels: &[Panel]) -> String {
    let sentences: Vec<String> = (panels.iter())
        .map(|panel| {
            let ends: Vec<String> = (panel.lines.iter())
                .filter_map(|line| {
                    let (_, value) = line.last()?;
                    Some(format!("{} {value:.1}", scene::name(&line.name)))
                })
                .collect();
            let better = match panel.better.map_or("", Direction::words) {
                "" => String::new(),
                words => format!(" ({words})"),
            };
            format!("{}{better}, at the end: {}.", panel.title, ends.join(", "))
        })
        .collect();
    sentences.join(" ")
}

fn table(panels: &[Panel], x_name: &str) -> Table {
    let points = panels.iter().flat_map(|panel| {
        panel.lines.iter().flat_map(move |line| {
            (line.points.iter()).map(move |(at, value)| {
                vec![
                    panel.title.clone(),
                    line.name.clone(),
                    at.to_string(),
                    value.map(|value| value.to_string()).unwrap_or_default(),
                ]
            })
        })
    });
    Table {
        header: ["panel", "variant", x_name, "value"]
            .map(str::to_owned)
            .to_vec(),
        rows: points.collect(),
    }
}
