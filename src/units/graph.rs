//! Graphs of dependencies over dense numbers.

/// State of a member in the search for a cycle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unseen,
    OnPath,
    Done,
}

/// The first cycle among members that depend on others, which `edges` lists by number: each member
/// of it depends on the next, and the last on the first.
///
/// ```
/// use units::graph::cycle;
///
/// assert_eq!(cycle(&[vec![1], vec![]]), None);
/// assert_eq!(cycle(&[vec![1], vec![2], vec![1]]), Some(vec![1, 2]));
/// ```
pub fn cycle(edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut marks = vec![Mark::Unseen; edges.len()];
    for first in 0..edges.len() {
        // Members on the path, each with the number of its edges that were followed.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if marks[first] == Mark::Unseen {
            marks[first] = Mark::OnPath;
            path.push((first, 0));
        }
        while let Some((member, followed)) = path.last_mut() {
            let Some(&next) = edges[*member].get(*followed) else {
                marks[*member] = Mark::Done;
                path.pop();
                continue;
            };
            *followed += 1;
            match marks.get(next) {
                Some(Mark::Unseen) => {
                    marks[next] = Mark::OnPath;
                    path.push((next, 0));
                }
                Some(Mark::OnPath) => {
                    let members = path.iter().map(|&(member, _)| member);
                    return Some(members.skip_while(|&member| member != next).collect());
                }
                Some(Mark::Done) | None => {}
            }
        }
    }
    None
}

/// The members on cycles, by number: those that depend on themselves, if only through others.
///
/// ```
/// use units::graph::on_cycles;
///
/// assert_eq!(on_cycles(&[vec![1], vec![2], vec![1]]), [false, true, true]);
/// ```
pub fn on_cycles(edges: &[Vec<usize>]) -> Vec<bool> {
    const UNSEEN: usize = usize::MAX;
    // Tarjan's components: the order in which members are met, and the first that each leads back to.
    let (mut order, mut first) = (vec![UNSEEN; edges.len()], vec![UNSEEN; edges.len()]);
    let (mut is_open, mut found) = (vec![false; edges.len()], vec![false; edges.len()]);
    let (mut open, mut path, mut met) = (Vec::new(), Vec::<(usize, usize)>::new(), 0);
    for start in 0..edges.len() {
        let mut next = (order[start] == UNSEEN).then_some(start);
        loop {
            if let Some(member) = next.take() {
                (order[member], first[member], is_open[member]) = (met, met, true);
                met += 1;
                open.push(member);
                path.push((member, 0));
            }
            let Some((member, followed)) = path.last_mut() else {
                break;
            };
            let member = *member;
            if let Some(&other) = edges[member].get(*followed) {
                *followed += 1;
                if other == member {
                    found[member] = true;
                } else if order.get(other) == Some(&UNSEEN) {
                    next = Some(other);
                } else if is_open.get(other) == Some(&true) {
                    first[member] = first[member].min(order[other]);
                }
                continue;
            }
            path.pop();
            if let Some(&(before, _)) = path.last() {
                first[before] = first[before].min(first[member]);
            }
            if first[member] == order[member] {
                let from = open.iter().rposition(|&own| own == member).unwrap_or(0);
                let is_cycle = open.len() - from > 1;
                for own in open.drain(from..) {
                    is_open[own] = false;
                    found[own] |= is_cycle;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_on_cycles_are_those_that_reach_themselves() {
        let mut seed = 1_u64;
        for members in (1..9).cycle().take(400) {
            let mut edges = vec![Vec::new(); members];
            for _ in 0..members + members / 2 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (from, to) = (
                    (seed >> 33) as usize % members,
                    (seed >> 50) as usize % (members + 1),
                );
                edges[from].push(to);
            }
            let reaches = |from: usize| {
                let (mut seen, mut ways) = (vec![false; members], edges[from].clone());
                while let Some(to) = ways.pop() {
                    if to < members && !std::mem::replace(&mut seen[to], true) {
                        ways.extend(&edges[to]);
                    }
                }
                seen[from]
            };
            let expected: Vec<bool> = (0..members).map(reaches).collect();
            assert_eq!(on_cycles(&edges), expected, "{edges:?}");
        }
    }

    #[test]
    fn cycles_are_found_wherever_they_begin() {
        for (edges, expected) in [
            (vec![], None),
            (vec![vec![0]], Some(vec![0])),
            (vec![vec![1, 2], vec![2], vec![]], None),
            (vec![vec![1], vec![2], vec![0]], Some(vec![0, 1, 2])),
            (vec![vec![], vec![0, 2], vec![3], vec![2]], Some(vec![2, 3])),
            // Numbers without a member are no edges.
            (vec![vec![7]], None),
        ] {
            assert_eq!(cycle(&edges), expected, "{edges:?}");
        }
    }
}
