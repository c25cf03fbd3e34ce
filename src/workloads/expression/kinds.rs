//! The kinds of an expression's parts: what meets must be alike, and a number without a unit stands for
//! what it meets.

use super::{Binary, ExpressionError, Kind, Node, Term, entry_of};

pub(super) const fn said(kind: Kind) -> &'static str {
    match kind {
        Kind::Condition => "a condition",
        Kind::Text => "a text",
        Kind::Time => "a time",
        Kind::Amount => "an amount",
        Kind::Plain => "a number",
        Kind::None => "`none`",
    }
}

/// The kind that a part has by its fields and units alone.
fn natural(node: &Node) -> Kind {
    match &node.term {
        Term::Number(_) | Term::Either { .. } => Kind::Plain,
        Term::Quantity(_) => Kind::Amount,
        Term::Time(_) => Kind::Time,
        Term::Text(_) => Kind::Text,
        Term::None => Kind::None,
        Term::Field(field) => entry_of(*field).kind,
        Term::Not(_) => Kind::Condition,
        Term::Negative(inner) => natural(inner),
        Term::Call(_, first, second) => {
            let second = second.as_ref().map_or(Kind::Plain, |own| natural(own));
            joined(natural(first), second)
        }
        Term::Binary(operator, left, right) => match operator {
            Binary::Add | Binary::Subtract | Binary::Rest => joined(natural(left), natural(right)),
            Binary::Multiply => product(natural(left), natural(right)),
            Binary::Divide => quotient(natural(left), natural(right)),
            _ => Kind::Condition,
        },
    }
}

const fn joined(left: Kind, right: Kind) -> Kind {
    match (left, right) {
        (Kind::Plain | Kind::None, other) => other,
        (own, _) => own,
    }
}

const fn product(left: Kind, right: Kind) -> Kind {
    match (left, right) {
        (Kind::Time, _) | (_, Kind::Time) => Kind::Time,
        (Kind::Amount, _) | (_, Kind::Amount) => Kind::Amount,
        _ => Kind::Plain,
    }
}

const fn quotient(left: Kind, right: Kind) -> Kind {
    match (left, right) {
        (Kind::Time, Kind::Time) | (Kind::Amount, Kind::Amount) => Kind::Plain,
        (own, _) => own,
    }
}

/// Checks the kinds of an expression's parts and settles what its numbers stand for.
pub(super) fn check(node: &mut Node, expected: Option<Kind>) -> Result<Kind, ExpressionError> {
    let at = node.at;
    let wrong = |reason: String| Err(ExpressionError { at, reason });
    let kind = match &mut node.term {
        Term::Either { amount, time } => {
            let (amount, time) = (*amount, *time);
            match expected {
                Some(Kind::Time) => node.term = Term::Time(time),
                Some(Kind::Amount) => node.term = Term::Quantity(amount),
                _ => {
                    let reason = "may be minutes or thousandths; write it with another unit";
                    return wrong(reason.to_owned());
                }
            }
            return check(node, expected);
        }
        Term::Not(inner) => match check(inner, None)? {
            Kind::Condition => Kind::Condition,
            other => {
                return wrong(format!(
                    "`!` stands before conditions, and this is {}",
                    said(other)
                ));
            }
        },
        Term::Negative(inner) => {
            let kind = check(inner, expected)?;
            if !is_number(kind) {
                return wrong(format!(
                    "`-` stands before numbers, and this is {}",
                    said(kind)
                ));
            }
            kind
        }
        Term::Call(_, first, second) => {
            let mut kind = natural(first);
            if let Some(second) = second {
                kind = joined(kind, natural(second));
            }
            let expected = unit(kind).or(expected);
            let mut found = check(first, expected)?;
            if let Some(second) = second {
                found = same(at, found, check(second, expected)?)?;
            }
            if !is_number(found) {
                return wrong(format!(
                    "the function takes numbers, and this is {}",
                    said(found)
                ));
            }
            found
        }
        Term::Binary(..) => return check_binary(node, expected),
        _ => natural(node),
    };
    Ok(kind)
}

const fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Time | Kind::Amount | Kind::Plain | Kind::None)
}

/// The kind that decides about numbers beside it.
const fn unit(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Time | Kind::Amount => Some(kind),
        _ => None,
    }
}

/// The kind of two parts that must be alike.
fn same(at: usize, left: Kind, right: Kind) -> Result<Kind, ExpressionError> {
    let is_open = |kind: Kind| kind == Kind::None;
    let fits = left == right
        || is_open(left)
        || is_open(right)
        || (left == Kind::Plain && is_number(right))
        || (right == Kind::Plain && is_number(left));
    if fits {
        return Ok(joined(left, right));
    }
    Err(ExpressionError {
        at,
        reason: format!("{} and {} can't meet here", said(left), said(right)),
    })
}

fn check_binary(node: &mut Node, expected: Option<Kind>) -> Result<Kind, ExpressionError> {
    let at = node.at;
    let Term::Binary(operator, left, right) = &mut node.term else {
        return Ok(natural(node));
    };
    let wrong = |reason: String| Err(ExpressionError { at, reason });
    let sign = *operator;
    match sign {
        Binary::Or | Binary::And => {
            for side in [left, right] {
                let kind = check(side, None)?;
                if kind != Kind::Condition {
                    return Err(ExpressionError {
                        at: side.at,
                        reason: format!(
                            "expected a condition such as `cpu > 4`, found {}",
                            said(kind)
                        ),
                    });
                }
            }
            Ok(Kind::Condition)
        }
        Binary::Multiply | Binary::Divide => check_product(at, sign, left, right, expected),
        Binary::Add | Binary::Subtract | Binary::Rest => {
            let beside = unit(joined(natural(left), natural(right))).or(expected);
            let found = same(at, check(left, beside)?, check(right, beside)?)?;
            if !is_number(found) {
                return wrong(format!("expected numbers, found {}", said(found)));
            }
            Ok(found)
        }
        Binary::Matches => {
            let found = [check(left, None)?, check(right, None)?];
            if found != [Kind::Text, Kind::Text] {
                return wrong("`~` compares a text with a pattern such as \"team-*\"".to_owned());
            }
            Ok(Kind::Condition)
        }
        _ => {
            let beside = unit(joined(natural(left), natural(right)));
            let found = same(at, check(left, beside)?, check(right, beside)?)?;
            let has_order = is_number(found);
            if !has_order && !matches!(sign, Binary::Equal | Binary::Unequal) {
                return wrong(format!(
                    "{} has no order; compare by `==` or `!=`",
                    said(found)
                ));
            }
            Ok(Kind::Condition)
        }
    }
}

/// Checks a product or a quotient: a number without a unit beside one with a unit is a factor.
fn check_product(
    at: usize,
    sign: Binary,
    left: &mut Node,
    right: &mut Node,
    expected: Option<Kind>,
) -> Result<Kind, ExpressionError> {
    let kinds = [natural(left), natural(right)];
    let of_side = |own: Kind, other: Kind| match (sign, own) {
        (_, Kind::Time | Kind::Amount) => Some(own),
        (Binary::Divide, _) => unit(other),
        _ => Some(Kind::Amount),
    };
    let found = [
        check(left, of_side(kinds[0], kinds[1]).or(expected))?,
        check(right, of_side(kinds[1], kinds[0]))?,
    ];
    let wrong = |reason: &str| {
        Err(ExpressionError {
            at,
            reason: reason.to_owned(),
        })
    };
    if !found.iter().all(|&kind| is_number(kind)) {
        return wrong("expected numbers on both sides");
    }
    match (sign, found) {
        (Binary::Divide, [left, right]) => Ok(quotient(left, right)),
        (_, [Kind::Time, Kind::Time]) => wrong("a time times a time is nothing that a field holds"),
        (_, [left, right]) => Ok(product(left, right)),
    }
}
