//! The largest of many values, one per node: a tree of maxima, so that a change costs one path.

/// A tree of maxima: the children of `i` are `2 i` and `2 i + 1`; leaves are the second half.
#[derive(Clone, Debug)]
pub struct MaxTree {
    tree: Vec<i64>,
}

impl Default for MaxTree {
    fn default() -> Self {
        Self { tree: vec![0; 2] }
    }
}

impl MaxTree {
    /// The largest value; 0 of none.
    pub fn max(&self) -> i64 {
        self.tree[1]
    }

    /// Sets the value of a position; values not set are 0.
    pub fn set(&mut self, index: usize, value: i64) {
        if index >= self.tree.len() / 2 {
            self.grow(index + 1);
        }
        let mut position = self.tree.len() / 2 + index;
        self.tree[position] = value;
        while position > 1 {
            position /= 2;
            let larger = self.tree[2 * position].max(self.tree[2 * position + 1]);
            if self.tree[position] == larger {
                break;
            }
            self.tree[position] = larger;
        }
    }

    fn grow(&mut self, count: usize) {
        let leaves = count.next_power_of_two();
        let known = self.tree.split_off(self.tree.len() / 2);
        self.tree = vec![0; 2 * leaves];
        self.tree[leaves..leaves + known.len()].copy_from_slice(&known);
        for parent in (1..leaves).rev() {
            self.tree[parent] = self.tree[2 * parent].max(self.tree[2 * parent + 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_every_change() {
        let mut tallest = MaxTree::default();
        assert_eq!(tallest.max(), 0);
        for (index, value, expected) in [
            (0, 5, 5),
            (9, 3, 5),
            (0, 1, 3),
            (4, 7, 7),
            (100, 6, 7),
            (4, 0, 6),
            (100, 0, 3),
        ] {
            tallest.set(index, value);
            assert_eq!(tallest.max(), expected, "{index} {value}");
        }
    }
}
