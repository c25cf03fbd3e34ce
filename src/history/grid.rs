//! Integrals over columns of time whose number is bounded: when time runs past the last column,
//! columns are put together in pairs and are twice as wide from then on.

/// Width of the columns at first, in nanoseconds.
const FIRST_WIDTH: i64 = 1_000;

/// Rows of integrals over shared columns of time.
#[derive(Clone, Debug)]
pub(super) struct Grid<const N: usize> {
    columns_max: usize,
    width: i64,
    rows: Vec<Vec<[i128; N]>>,
}

impl<const N: usize> Grid<N> {
    pub(super) fn new(columns_max: usize) -> Self {
        Self {
            columns_max,
            width: FIRST_WIDTH,
            rows: Vec::new(),
        }
    }

    /// Width of a column in nanoseconds.
    pub(super) fn width(&self) -> i64 {
        self.width
    }

    /// Columns that time up to `end` has; none if no time passed.
    pub(super) fn columns(&self, end: i64) -> usize {
        usize::try_from(end.max(0).div_euclid(self.width)).unwrap_or(0)
            + usize::from(end > 0 && end % self.width != 0)
    }

    /// Makes room for columns up to `end`.
    pub(super) fn cover(&mut self, end: i64) {
        while end > self.width.saturating_mul(self.columns_max as i64) {
            self.width = self.width.saturating_mul(2);
            for row in &mut self.rows {
                *row = row.chunks(2).map(sum).collect();
            }
        }
    }

    /// Adds values that held from one instant until another, in nanoseconds.
    pub(super) fn add(&mut self, row: usize, from: i64, to: i64, values: [i64; N]) {
        if to <= from {
            return;
        }
        self.cover(to);
        if self.rows.len() <= row {
            self.rows.resize(row + 1, Vec::new());
        }
        let width = self.width;
        let first = from.div_euclid(width);
        let first_end = (first + 1).saturating_mul(width).min(to);
        // Most spans end in the column that they begin in.
        let last = if first_end == to {
            first
        } else {
            (to - 1).div_euclid(width)
        };
        let cells = &mut self.rows[row];
        if cells.len() <= last as usize {
            cells.resize(last as usize + 1, [0; N]);
        }
        let cells = &mut cells[first as usize..=last as usize];
        let [head, between @ .., tail] = cells else {
            for cell in cells {
                hold(cell, &areas(&values, to - from));
            }
            return;
        };
        hold(head, &areas(&values, first_end - from));
        let whole = areas(&values, width);
        for cell in between {
            hold(cell, &whole);
        }
        hold(tail, &areas(&values, to - last * width));
    }

    /// Puts rows together in pairs.
    pub(super) fn pair_rows(&mut self) {
        self.rows = self
            .rows
            .chunks(2)
            .map(|pair| {
                let length = pair.iter().map(Vec::len).max().unwrap_or(0);
                let cell = |column| {
                    let cells: Vec<[i128; N]> =
                        (pair.iter().filter_map(|row| row.get(column).copied())).collect();
                    sum(&cells)
                };
                (0..length).map(cell).collect()
            })
            .collect();
    }

    /// The integrals of a row by column.
    pub(super) fn row(&self, row: usize) -> &[[i128; N]] {
        self.rows.get(row).map_or(&[], Vec::as_slice)
    }
}

/// Areas of values over a number of nanoseconds.
#[inline]
fn areas<const N: usize>(values: &[i64; N], nanos: i64) -> [i128; N] {
    let mut areas = [0; N];
    for (index, area) in areas.iter_mut().enumerate() {
        *area = i128::from(values[index]) * i128::from(nanos);
    }
    areas
}

#[inline]
fn hold<const N: usize>(cell: &mut [i128; N], areas: &[i128; N]) {
    for (index, cell) in cell.iter_mut().enumerate() {
        *cell += areas[index];
    }
}

fn sum<const N: usize>(cells: &[[i128; N]]) -> [i128; N] {
    let mut total = [0; N];
    for cell in cells {
        for (sum, value) in total.iter_mut().zip(cell) {
            *sum += value;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(grid: &Grid<1>, row: usize) -> i128 {
        grid.row(row).iter().map(|cell| cell[0]).sum()
    }

    #[test]
    fn an_integral_is_kept_whatever_the_columns() {
        let mut grid = Grid::<1>::new(4);
        grid.add(0, 0, 1_500, [2]);
        assert_eq!(grid.row(0), [[2_000], [1_000]]);
        grid.add(0, 1_500, 9_000, [1]);
        assert_eq!(grid.width(), 4_000);
        assert_eq!(grid.row(0), [[3_000 + 2_500], [4_000], [1_000]]);
        assert_eq!(total(&grid, 0), 3_000 + 7_500);
        grid.add(1, 0, 9_000, [5]);
        grid.add(2, 3_000, 5_000, [1]);
        grid.pair_rows();
        assert_eq!(total(&grid, 0), 3_000 + 7_500 + 45_000);
        assert_eq!(total(&grid, 1), 2_000);
    }

    #[test]
    fn columns_stay_within_their_number_up_to_the_end_of_time() {
        let mut grid = Grid::<1>::new(200);
        grid.add(0, 0, 1, [7]);
        grid.add(0, i64::MAX - 1, i64::MAX, [7]);
        assert!(grid.columns(i64::MAX) <= 200);
        assert_eq!(total(&grid, 0), 14);
        assert_eq!(grid.columns(0), 0);
    }
}
