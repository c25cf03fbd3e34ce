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

#[cfg(test)]
mod tests {
    use super::*;

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
