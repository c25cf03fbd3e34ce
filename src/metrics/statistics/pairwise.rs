//! The mean as `NumPy` takes it, and its rounding: what published tables made with it are equal to,
//! bit for bit. (Pairwise summation as documented for `numpy.sum`.)

/// Values summed in one go before the sum is split in two.
const BLOCK: usize = 128;

/// The pairwise sum: fewer than 8 values from left to right; up to 128 in eight running sums,
/// combined as `((0+1)+(2+3))+((4+5)+(6+7))`, then the rest one by one; more are split at half,
/// rounded down to a multiple of 8.
pub fn sum(values: &[f64]) -> f64 {
    if values.len() < 8 {
        return values.iter().fold(0.0, |total, value| total + value);
    }
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        return sum(left) + sum(right);
    }
    let (blocks, rest) = values.as_chunks::<8>();
    let mut lanes = blocks[0];
    for block in &blocks[1..] {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane += value;
        }
    }
    let pairs: [f64; 4] = std::array::from_fn(|pair| lanes[2 * pair] + lanes[2 * pair + 1]);
    let combined = (pairs[0] + pairs[1]) + (pairs[2] + pairs[3]);
    rest.iter().fold(combined, |total, value| total + value)
}

/// The mean of the pairwise sum; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| sum(values) / values.len() as f64)
}

/// Rounds to two decimals as `numpy.round` does: `rint(100 x) / 100`.
pub fn round_two_decimals(value: f64) -> f64 {
    (value * 100.0).round_ties_even() / 100.0
}

/// The nearest number of two decimals, as `%.2f` prints it: decided on the exact binary value, a tie
/// going to the even digit.
pub fn nearest_two_decimals(value: f64) -> f64 {
    let bits = value.to_bits();
    // A positive number is a mantissa of 53 bits over a power of two.
    let exponent = bits >> 52;
    let shift = MANTISSA_AT_ONE.wrapping_sub(exponent);
    if !(1..=62).contains(&shift) {
        return printed_two_decimals(value);
    }
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    let hundredths = mantissa * 100;
    let (whole, rest) = (hundredths >> shift, hundredths & ((1 << shift) - 1));
    let half = 1 << (shift - 1);
    let up = rest > half || rest == half && whole % 2 == 1;
    if whole >= 1 << 53 {
        return printed_two_decimals(value);
    }
    // Both are exact, so the quotient is the number nearest to the decimal.
    (whole + u64::from(up)) as f64 / 100.0
}

/// The exponent field of a number whose mantissa is not shifted.
const MANTISSA_AT_ONE: u64 = 1_023 + 52;

fn printed_two_decimals(value: f64) -> f64 {
    format!("{value:.2}").parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 1 followed by small values: what is lost depends on the order of additions.
    fn tenth_powers(count: usize) -> Vec<f64> {
        (0..count)
            .map(|n| if n % 5 == 0 { 1e16 } else { 0.1 + n as f64 })
            .collect()
    }

    #[test]
    fn few_values_are_added_from_left_to_right() {
        assert_eq!(sum(&[]).to_bits(), 0.0_f64.to_bits());
        let values = tenth_powers(7);
        let mut plain = 0.0;
        for value in &values {
            plain += value;
        }
        assert_eq!(sum(&values).to_bits(), plain.to_bits());
    }

    #[test]
    fn up_to_128_values_are_added_in_eight_lanes() {
        for count in [8, 9, 15, 16, 127, 128] {
            let values = tenth_powers(count);
            let mut lane = [0.0; 8];
            lane.copy_from_slice(&values[..8]);
            let whole = count - count % 8;
            for (n, value) in values[..whole].iter().enumerate().skip(8) {
                lane[n % 8] += value;
            }
            let mut expected = ((lane[0] + lane[1]) + (lane[2] + lane[3]))
                + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
            for value in &values[whole..] {
                expected += value;
            }
            assert_eq!(sum(&values).to_bits(), expected.to_bits(), "{count} values");
        }
    }

    #[test]
    fn more_are_split_at_half_rounded_down_to_a_multiple_of_eight() {
        for (count, split) in [(129, 64), (150, 72), (263, 128), (300, 144)] {
            let values = tenth_powers(count);
            let expected = sum(&values[..split]) + sum(&values[split..]);
            assert_eq!(sum(&values).to_bits(), expected.to_bits(), "{count} values");
        }
    }

    #[test]
    fn two_decimals_by_print_and_by_product_differ_where_a_product_is_off() {
        // 1.115 is 1.11499999999999999…, but 100 × 1.115 is 111.5, a tie.
        assert_eq!(nearest_two_decimals(1.115).to_bits(), 1.11_f64.to_bits());
        assert_eq!(round_two_decimals(1.115).to_bits(), 1.12_f64.to_bits());
        // A tie that binary holds exactly goes to the even digit in both.
        for round in [nearest_two_decimals, round_two_decimals] {
            assert_eq!(round(0.125).to_bits(), 0.12_f64.to_bits());
            assert_eq!(round(0.375).to_bits(), 0.38_f64.to_bits());
            assert_eq!(round(1.117).to_bits(), 1.12_f64.to_bits());
        }
        // More hundredths than a float can tell apart.
        let large = 111_879_656_970_746.17;
        let printed = printed_two_decimals(large);
        assert_eq!(nearest_two_decimals(large).to_bits(), printed.to_bits());
        for round in [nearest_two_decimals, round_two_decimals] {
            assert_eq!(round(0.5).to_bits(), 0.5_f64.to_bits());
        }
    }

    proptest! {
        #[test]
        fn two_decimals_equal_the_printed_ones(
            value in any::<f64>(),
            cents in 0_u32..200_000_000,
            steps in -2_i64..3,
        ) {
            // Halves of a hundredth, of which every 25th is a tie in binary, and their neighbours.
            let half = f64::from(cents) / 200.0;
            let near = f64::from_bits(half.to_bits().saturating_add_signed(steps));
            for value in [value, value % 1e6, half, near, near / 1e3] {
                let (found, printed) = (nearest_two_decimals(value), printed_two_decimals(value));
                prop_assert_eq!(found.to_bits(), printed.to_bits(), "{}", value);
            }
        }
    }
}
