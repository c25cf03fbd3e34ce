//! The cases apimachinery's `quantity_test.go` tells apart, extreme inputs, and properties.

use proptest::prelude::*;

use super::{Quantity, QuantityError, SuffixFamily};

use SuffixFamily::{Binary, Decimal, Exponent};

fn read(text: &str) -> Quantity {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `digits × 10^power` nano units.
fn nano(digits: i128, power: u32) -> i128 {
    digits * 10_i128.pow(power)
}

/// `count × 1024^power` units, in nano units.
fn binary(count: i128, power: u32) -> i128 {
    count * 1024_i128.pow(power) * 1_000_000_000
}

const CAP: i128 = i64::MAX as i128 * 1_000_000_000;

/// Every text is read as it stands, with a plus and with a minus.
fn check_amounts(family: SuffixFamily, table: &[(&str, i128)]) {
    for &(text, nanos) in table {
        for (sign, factor) in [("", 1), ("+", 1), ("-", -1)] {
            let signed = format!("{sign}{text}");
            let quantity = read(&signed);
            assert_eq!(quantity.nanos(), factor * nanos, "{signed}");
            assert_eq!(quantity.family(), family, "{signed}");
            let printed = quantity.to_string();
            assert_eq!(read(&printed), quantity, "{signed} printed as {printed}");
        }
    }
}

#[test]
fn decimal_suffixes_are_powers_of_1000() {
    check_amounts(
        Decimal,
        &[
            ("0", 0),
            ("0n", 0),
            ("0u", 0),
            ("0m", 0),
            ("0k", 0),
            ("00", 0),
            ("1", nano(1, 9)),
            ("9", nano(9, 9)),
            ("007", nano(7, 9)),
            ("5n", 5),
            ("4u", nano(4, 3)),
            ("3m", nano(3, 6)),
            ("8k", nano(8, 12)),
            ("50k", nano(5, 13)),
            ("7M", nano(7, 15)),
            ("6G", nano(6, 18)),
            ("5T", nano(5, 21)),
            ("300T", nano(3, 23)),
            ("2P", nano(2, 24)),
            ("1E", nano(1, 27)),
            ("12E", nano(12, 27)),
            ("100.035k", nano(100_035, 9)),
            ("0.0005k", nano(5, 8)),
            ("0.00050k", nano(5, 8)),
            ("0.00500", nano(5, 6)),
            ("9.01", nano(901, 7)),
            ("7.123456M", nano(7_123_456, 9)),
            ("6.987654321G", nano(6_987_654_321, 9)),
            ("1.01E", nano(101, 25)),
            (".001", nano(1, 6)),
            (".0001k", nano(1, 8)),
            ("1.", nano(1, 9)),
            ("1.G", nano(1, 18)),
            ("170141183460469231731687303715.884105727", i128::MAX),
        ],
    );
}

#[test]
fn binary_suffixes_are_powers_of_1024_capped_at_the_largest_i64() {
    check_amounts(
        Binary,
        &[
            ("0Ki", 0),
            ("0Ti", 0),
            ("1Ki", binary(1, 1)),
            ("7Mi", binary(7, 2)),
            ("6Gi", binary(6, 3)),
            ("100Ti", binary(100, 4)),
            ("4Pi", binary(4, 5)),
            ("3Ei", binary(3, 6)),
            ("7.999Ei", 9_222_219_115_350_168_961_024_000_000),
            ("100.035Ki", nano(10_243_584, 7)),
            ("0.5Mi", binary(512, 1)),
            ("0.05Gi", nano(536_870_912, 8)),
            ("1.5Gi", binary(1536, 2)),
            ("8Ei", CAP),
            ("9Ei", CAP),
            ("9223372036854775807Ki", CAP),
            ("99999999999999999999999999999999999999999999Ki", CAP),
        ],
    );
    // Below one unit the family changes.
    check_amounts(
        Decimal,
        &[("0.000000000001Ki", 2), ("0.0005Ki", nano(512, 6))],
    );
    check_amounts(Binary, &[("0.0009765625Ki", nano(1, 9))]);
}

#[test]
fn exponents_may_be_signed_and_keep_their_family() {
    check_amounts(
        Exponent,
        &[
            ("1E-3", nano(1, 6)),
            ("1e3", nano(1, 12)),
            ("1E18", nano(1, 27)),
            ("1e14", nano(1, 23)),
            ("0.5e0", nano(5, 8)),
            ("0.5e-2", nano(5, 6)),
            ("1.3E+6", nano(13, 14)),
            ("1.53E12", nano(153, 19)),
            ("1e00000000000000000000000000003", nano(1, 12)),
            ("0e999999999999999999999999", 0),
            ("1e-999999999", 1),
            (
                "0.00000000000000000000000000000000000000000000000001e50",
                nano(1, 9),
            ),
            (
                "10000000000000000000000000000000000000000000000000e-49",
                nano(1, 9),
            ),
        ],
    );
}

#[test]
fn digits_below_nano_round_up_and_never_to_zero() {
    for (text, nanos) in [
        ("3.001n", 4),
        ("1.1E-9", 2),
        ("0.0000000001", 1),
        ("0.00000000050", 1),
        ("0.5e-9", 1),
        ("0.9n", 1),
        ("0.00000012345", 124),
        ("0.00000012354", 124),
        ("0.000000000001Ki", 2),
        ("0.00000000000000000000000000000000000001Ei", 1),
    ] {
        assert_eq!(read(text).nanos(), nanos, "{text}");
        assert_eq!(read(&format!("-{text}")).nanos(), -nanos, "-{text}");
    }
}

#[test]
fn the_canonical_form_has_no_fraction_and_the_largest_suffix_that_loses_nothing() {
    for (text, printed) in [
        ("1024Mi", "1Gi"),
        ("307200Ki", "300Mi"),
        ("1025024Mi", "1001Gi"),
        ("1024Gi", "1Ti"),
        ("1.5Gi", "1536Mi"),
        ("1.1Ki", "1126400m"),
        ("0.5Ki", "512"),
        (".001Ki", "1024m"),
        (".000001Ki", "1024u"),
        (".000000001Ki", "1024n"),
        (".000000000001Ki", "2n"),
        ("8Ei", "9223372036854775807"),
        ("1000M", "1G"),
        ("0.001T", "1G"),
        ("1.5", "1500m"),
        ("1.08", "1080m"),
        ("1080000000n", "1080m"),
        ("1000u", "1m"),
        ("1234567M", "1234567M"),
        ("1000E", "1e21"),
        ("5000E", "5e21"),
        (".001e12", "1e9"),
        ("0.001e0", "1e-3"),
        ("1000e-12", "1e-9"),
        ("0.08E0", "80e-3"),
        ("3E8", "300e6"),
        ("1e0", "1"),
        ("00", "0"),
        ("0Gi", "0"),
        ("0e5", "0"),
    ] {
        assert_eq!(read(text).to_string(), printed, "{text}");
        if printed != "0" {
            assert_eq!(
                read(&format!("-{text}")).to_string(),
                format!("-{printed}"),
                "-{text}"
            );
        }
    }
    for (units, printed) in [
        (1023, "1023"),
        (1024, "1Ki"),
        (1025, "1025"),
        (-2048, "-2Ki"),
    ] {
        assert_eq!(
            Quantity::from_units(units).with_family(Binary).to_string(),
            printed
        );
    }
    // A sum beyond what a binary suffix can say prints in the decimal family.
    let twice = read("4Ei").checked_add(read("4Ei")).unwrap();
    assert_eq!(twice.to_string(), "9223372036854775808");
}

#[test]
fn a_use_rounds_once_at_its_end() {
    for (text, milli_ceil, milli_floor, units_ceil) in [
        ("0", 0, 0, 0),
        ("0.0001", 1, 0, 1),
        ("1500m", 1500, 1500, 2),
        ("1.0001", 1001, 1000, 2),
        ("-0.0001", -1, 0, -1),
        ("-9.01", -9010, -9010, -10),
        ("1Ki", 1_024_000, 1_024_000, 1024),
        ("100n", 1, 0, 1),
    ] {
        let quantity = read(text);
        assert_eq!(quantity.milli_ceil(), Ok(milli_ceil), "{text}");
        assert_eq!(quantity.milli_floor(), Ok(milli_floor), "{text}");
        assert_eq!(quantity.units_ceil(), Ok(units_ceil), "{text}");
    }
    assert_eq!(Quantity::from_units(i64::MAX).units_ceil(), Ok(i64::MAX));
    assert_eq!(Quantity::from_milli(i64::MIN).milli_floor(), Ok(i64::MIN));
    let message = read("8Ei").milli_ceil().unwrap_err().to_string();
    assert_eq!(
        message,
        "9223372036854775807 does not fit: at most 2^63 - 1 (9.2e18) after scaling is expected"
    );
    assert!(read("10E").units_ceil().is_err());
}

#[test]
fn arithmetic_is_exact_checked_and_keeps_the_family() {
    let add = |a: &str, b: &str| read(a).checked_add(read(b)).unwrap().to_string();
    let sub = |a: &str, b: &str| read(a).checked_sub(read(b)).unwrap().to_string();
    assert_eq!(add("100m", "0"), "100m");
    assert_eq!(add("0", "1Gi"), "1Gi");
    assert_eq!(add("1Gi", "1M"), "1074741824");
    assert_eq!(add("0.1", "0.2"), "300m");
    assert_eq!(sub("0", "1Gi"), "-1Gi");
    assert_eq!(sub("1", "1n"), "999999999n");
    assert_eq!(read("512Mi").checked_mul(4).unwrap().to_string(), "2Gi");
    let largest = Quantity::from_nanos(i128::MAX);
    assert_eq!(
        largest.checked_add(read("1n")),
        Err(QuantityError::Overflow)
    );
    assert_eq!(
        Quantity::from_nanos(i128::MIN).checked_sub(read("1n")),
        Err(QuantityError::Overflow)
    );
    assert_eq!(largest.checked_mul(2), Err(QuantityError::Overflow));
    assert!(sub("1", "2").starts_with('-') && read("-1n").is_negative() && read("-0").is_zero());
    assert_eq!(read("1024"), read("1Ki"));
    assert_eq!(read("1e3"), read("1k"));
    assert!(read("10000T") > read("100Gi") && read("50m") < read("100m"));
}

fn check_messages(table: &[(&str, String)]) {
    for (text, message) in table {
        let error = text.parse::<Quantity>().expect_err(text);
        assert_eq!(error.to_string(), *message, "{text}");
        for suggestion in error.suggestions() {
            read(suggestion);
        }
    }
}

#[test]
fn wrong_numbers_say_what_was_expected() {
    let number = "is not a number: expected digits with at most one decimal point, such as `1.5`";
    let form = "is not a quantity: expected a number and an optional suffix, such as `500m`, `4` \
                or `16Gi`";
    let large = "is too large for a quantity: at most 1.7e29 is expected";
    check_messages(&[
        (
            "",
            "a quantity is expected, such as `500m`, `4` or `16Gi`".to_owned(),
        ),
        (
            "  ",
            "a quantity is expected, such as `500m`, `4` or `16Gi`".to_owned(),
        ),
        ("1..5", format!("`1..5` {number}")),
        ("1.1.M", format!("`1.1.M` {number}")),
        ("1,5", format!("`1,5` {number}")),
        ("1+1.0M", format!("`1+1.0M` {number}")),
        ("--1", format!("`--1` {form}")),
        ("NaN", format!("`NaN` {form}")),
        ("aoeu", format!("`aoeu` {form}")),
        (".", format!("`.` {form}")),
        ("-", format!("`-` {form}")),
        ("Ki", format!("`Ki` {form}")),
        ("four cores", format!("`four cores` {form}")),
        ("1 2", "`1 2` has a blank: write it as `12`".to_owned()),
        ("1 Gi", "`1 Gi` has a blank: write it as `1Gi`".to_owned()),
        (" 1", "` 1` has a blank: write it as `1`".to_owned()),
        ("1e999999999", format!("`1e999999999` {large}")),
        ("1e30", format!("`1e30` {large}")),
        (
            "-1e99999999999999999999",
            format!("`-1e99999999999999999999` {large}"),
        ),
        (
            "170141183460469231731687303715.9",
            format!("`170141183460469231731687303715.9` {large}"),
        ),
    ]);
}

#[test]
fn wrong_suffixes_say_what_was_expected_and_suggest_what_was_meant() {
    let suffixes = "expected none, one of n u m k M G T P E Ki Mi Gi Ti Pi Ei, or an exponent such \
                    as e3";
    let exponent = "is not an exponent: expected a whole number after it, such as e3 or e-6";
    check_messages(&[
        (
            "8Gb",
            format!("unknown quantity suffix `Gb`: {suffixes}; did you mean `8Gi` or `8G`?"),
        ),
        (
            "-8GiB",
            format!("unknown quantity suffix `GiB`: {suffixes}; did you mean `-8Gi`?"),
        ),
        (
            "2K",
            format!("unknown quantity suffix `K`: {suffixes}; did you mean `2Ki` or `2k`?"),
        ),
        (
            "0.1mi",
            format!("unknown quantity suffix `mi`: {suffixes}; did you mean `0.1Mi`?"),
        ),
        ("0.1am", format!("unknown quantity suffix `am`: {suffixes}")),
        (
            "64B",
            format!("unknown quantity suffix `B`: {suffixes}; did you mean `64`?"),
        ),
        (
            "3\u{b5}",
            format!("unknown quantity suffix `\u{b5}`: {suffixes}; did you mean `3u`?"),
        ),
        ("1i", format!("unknown quantity suffix `i`: {suffixes}")),
        ("-3.01e-", format!("`e-` {exponent}")),
        ("1e", format!("`e` {exponent}")),
        ("1e1.5", format!("`e1.5` {exponent}")),
        ("5e3k", format!("`e3k` {exponent}")),
    ]);
}

#[test]
fn ten_thousand_digits_are_read_or_refused_at_once() {
    let long = "7".repeat(10_000);
    let error = long.parse::<Quantity>().unwrap_err().to_string();
    assert!(error.starts_with("`7777") && error.len() < 200, "{error}");
    assert_eq!(read(&format!("{long}Ki")).nanos(), CAP);
    assert_eq!(read(&format!("0.{long}")).nanos(), 777_777_778);
    assert_eq!(read(&format!("0.{long}e3")).nanos(), 777_777_777_778);
    assert_eq!(read(&format!("{long}e-10000")).nanos(), 777_777_778);
    assert_eq!(read(&format!("{}1", "0".repeat(10_000))).to_string(), "1");
    // 7/9 of a KiB is 796.44… bytes.
    assert_eq!(read(&format!("0.{long}Ki")).nanos(), 796_444_444_445);
    assert!(
        format!("1{}", "b".repeat(10_000))
            .parse::<Quantity>()
            .is_err()
    );
}

fn families() -> impl Strategy<Value = SuffixFamily> {
    prop_oneof![Just(Decimal), Just(Binary), Just(Exponent)]
}

/// Amounts of every size, many of them multiples of powers of 10 or 2.
fn amounts() -> impl Strategy<Value = i128> {
    prop_oneof![
        any::<i128>(),
        any::<i64>().prop_map(|units| i128::from(units) * 1_000_000_000),
        (-2048_i128..2048, 0_u32..35).prop_map(|(count, power)| count * 10_i128.pow(power)),
        (-2048_i128..2048, 0_u32..7).prop_map(|(count, power)| binary(count, power)),
        Just(i128::MIN),
        Just(i128::MAX),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(nanos in amounts(), family in families()) {
        let quantity = Quantity::from_nanos(nanos).with_family(family);
        let printed = quantity.to_string();
        let back: Quantity = printed.parse().map_err(|e| TestCaseError::fail(format!("{e}")))?;
        prop_assert_eq!(back, quantity, "{}", printed);
    }

    #[test]
    fn order_and_equality_are_those_of_the_amount(
        a in amounts(), b in amounts(), families in (families(), families())
    ) {
        let left = Quantity::from_nanos(a).with_family(families.0);
        let right = Quantity::from_nanos(b).with_family(families.1);
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        prop_assert_eq!(left == right, a == b);
        prop_assert_eq!(left.checked_add(right).ok().map(Quantity::nanos), a.checked_add(b));
        prop_assert_eq!(left.checked_sub(right).ok().map(Quantity::nanos), a.checked_sub(b));
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "[-+0-9.eEiKMGmnu \u{b5}]{0,24}|.*") {
        if let Ok(quantity) = text.parse::<Quantity>() {
            prop_assert_eq!(quantity.to_string().parse::<Quantity>(), Ok(quantity));
        }
    }
}
