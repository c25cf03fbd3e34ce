//! The grammar of expressions, by precedence from loose to tight: `||`, `&&`, `!`, comparisons,
//! sums, products, signs. Positions are counted in characters from 1.

use super::exact::Exact;
use super::{Binary, ExpressionError, FIELDS, Function, Node, Term};
use units::{Duration, Quantity};

/// Expressions may not nest deeper.
const MOST_DEPTH: usize = 60;

/// A token with the position of its first character.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    at: usize,
    kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
enum TokenKind {
    /// A number with what stands behind it, such as `4Gi` or `2h30m`.
    Number(String),
    Text(String),
    Word(String),
    Sign(&'static str),
    End,
}

/// Signs, longer ones before those that they begin with.
const SIGNS: [&str; 17] = [
    "||", "&&", "==", "!=", "<=", ">=", "<", ">", "!", "~", "+", "-", "*", "/", "%", "(", ")",
];

pub(super) struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    pub(super) fn new(text: &str) -> Result<Self, ExpressionError> {
        Ok(Self {
            tokens: tokens(text)?,
            next: 0,
            depth: 0,
        })
    }

    /// A whole expression.
    pub(super) fn whole(&mut self) -> Result<Node, ExpressionError> {
        let node = self.either()?;
        match self.peek() {
            Token {
                kind: TokenKind::End,
                ..
            } => Ok(node),
            token => Err(unexpected(token, "an operator or the end")),
        }
    }

    /// The name that an assignment begins with, and its `=`.
    pub(super) fn assigned(&mut self) -> Result<(usize, String), ExpressionError> {
        let token = self.take();
        let TokenKind::Word(name) = &token.kind else {
            return Err(unexpected(&token, "the name of a field"));
        };
        let name = name.clone();
        let sign = self.take();
        match sign.kind {
            TokenKind::Sign("=") => Ok((token.at, name)),
            _ => Err(unexpected(&sign, "`=`")),
        }
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next]
    }

    fn take(&mut self) -> Token {
        let token = self.tokens[self.next].clone();
        if token.kind != TokenKind::End {
            self.next += 1;
        }
        token
    }

    /// The next sign, if it is one of these.
    fn sign(&mut self, signs: &[&'static str]) -> Option<(usize, &'static str)> {
        match *self.peek() {
            Token {
                at,
                kind: TokenKind::Sign(sign),
            } if signs.contains(&sign) => {
                self.next += 1;
                Some((at, sign))
            }
            _ => None,
        }
    }

    fn either(&mut self) -> Result<Node, ExpressionError> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(ExpressionError {
                at: self.peek().at,
                reason: format!("more than {MOST_DEPTH} parentheses or signs in each other"),
            });
        }
        let mut node = self.both()?;
        while let Some((at, _)) = self.sign(&["||"]) {
            node = binary(at, Binary::Or, node, self.both()?);
        }
        self.depth -= 1;
        Ok(node)
    }

    fn both(&mut self) -> Result<Node, ExpressionError> {
        let mut node = self.negation()?;
        while let Some((at, _)) = self.sign(&["&&"]) {
            node = binary(at, Binary::And, node, self.negation()?);
        }
        Ok(node)
    }

    fn negation(&mut self) -> Result<Node, ExpressionError> {
        let Some((at, _)) = self.sign(&["!"]) else {
            return self.comparison();
        };
        self.depth += 1;
        let inner = if self.depth > MOST_DEPTH {
            self.either()?
        } else {
            self.negation()?
        };
        self.depth -= 1;
        Ok(Node {
            at,
            term: Term::Not(Box::new(inner)),
        })
    }

    fn comparison(&mut self) -> Result<Node, ExpressionError> {
        let node = self.sum()?;
        let signs = ["==", "!=", "<=", ">=", "<", ">", "~"];
        let Some((at, sign)) = self.sign(&signs) else {
            return Ok(node);
        };
        let operator = match sign {
            "==" => Binary::Equal,
            "!=" => Binary::Unequal,
            "<=" => Binary::AtMost,
            ">=" => Binary::AtLeast,
            "<" => Binary::Below,
            ">" => Binary::Above,
            _ => Binary::Matches,
        };
        let node = binary(at, operator, node, self.sum()?);
        match self.peek() {
            Token {
                at,
                kind: TokenKind::Sign(sign),
            } if signs.contains(sign) => Err(ExpressionError {
                at: *at,
                reason: format!("`{sign}` after a comparison; join comparisons by `&&`"),
            }),
            _ => Ok(node),
        }
    }

    fn sum(&mut self) -> Result<Node, ExpressionError> {
        let mut node = self.product()?;
        while let Some((at, sign)) = self.sign(&["+", "-"]) {
            let operator = if sign == "+" {
                Binary::Add
            } else {
                Binary::Subtract
            };
            node = binary(at, operator, node, self.product()?);
        }
        Ok(node)
    }

    fn product(&mut self) -> Result<Node, ExpressionError> {
        let mut node = self.signed()?;
        while let Some((at, sign)) = self.sign(&["*", "/", "%"]) {
            let operator = match sign {
                "*" => Binary::Multiply,
                "/" => Binary::Divide,
                _ => Binary::Rest,
            };
            node = binary(at, operator, node, self.signed()?);
        }
        Ok(node)
    }

    fn signed(&mut self) -> Result<Node, ExpressionError> {
        let Some((at, _)) = self.sign(&["-"]) else {
            return self.term();
        };
        Ok(Node {
            at,
            term: Term::Negative(Box::new(self.term()?)),
        })
    }

    fn term(&mut self) -> Result<Node, ExpressionError> {
        let token = self.take();
        let at = token.at;
        let term = match &token.kind {
            TokenKind::Number(text) => number(at, text)?,
            TokenKind::Text(text) => Term::Text(text.as_str().into()),
            TokenKind::Word(word) if word == "none" => Term::None,
            TokenKind::Word(word) => match Function::find(word) {
                Some(function) => self.call(function)?,
                None => Term::Field(field(at, word)?),
            },
            TokenKind::Sign("(") => {
                let inner = self.either()?;
                self.close()?;
                return Ok(inner);
            }
            _ => return Err(unexpected(&token, "a field, a number, a text or `(`")),
        };
        Ok(Node { at, term })
    }

    fn call(&mut self, function: Function) -> Result<Term, ExpressionError> {
        let open = self.take();
        if open.kind != TokenKind::Sign("(") {
            return Err(unexpected(&open, "`(`"));
        }
        let first = self.either()?;
        let second = if function.takes_two() {
            let comma = self.take();
            if comma.kind != TokenKind::Sign(",") {
                return Err(unexpected(&comma, "`,`"));
            }
            Some(Box::new(self.either()?))
        } else {
            None
        };
        self.close()?;
        Ok(Term::Call(function, Box::new(first), second))
    }

    fn close(&mut self) -> Result<(), ExpressionError> {
        let close = self.take();
        match close.kind {
            TokenKind::Sign(")") => Ok(()),
            _ => Err(unexpected(&close, "`)`")),
        }
    }
}

fn binary(at: usize, operator: Binary, left: Node, right: Node) -> Node {
    Node {
        at,
        term: Term::Binary(operator, Box::new(left), Box::new(right)),
    }
}

fn unexpected(token: &Token, expected: &str) -> ExpressionError {
    let found = match &token.kind {
        TokenKind::Number(text) | TokenKind::Word(text) => format!("`{text}`"),
        TokenKind::Text(text) => format!("`\"{text}\"`"),
        TokenKind::Sign(sign) => format!("`{sign}`"),
        TokenKind::End => "the end".to_owned(),
    };
    ExpressionError {
        at: token.at,
        reason: format!("expected {expected}, found {found}"),
    }
}

/// The field of a name.
pub(super) fn field(at: usize, name: &str) -> Result<super::Field, ExpressionError> {
    let mut known = FIELDS.iter();
    let found = known.find(|own| own.name == name);
    found.map(|own| own.field).ok_or_else(|| {
        let names: Vec<&str> = FIELDS.iter().map(|own| own.name).collect();
        ExpressionError {
            at,
            reason: format!(
                "there is no field `{name}`; fields are {}",
                names.join(", ")
            ),
        }
    })
}

/// A number as it is written: an amount, a time, or both where the field beside it decides.
fn number(at: usize, text: &str) -> Result<Term, ExpressionError> {
    let wrong = || ExpressionError {
        at,
        reason: format!(
            "`{text}` is neither a number such as `1.5` or `4Gi` nor a time such as `2h30m`"
        ),
    };
    let amount = match text.strip_suffix('%') {
        Some(percent) => plain(percent).and_then(|own| own.divide(Exact::whole(100)?)),
        None => plain(text).or_else(|| {
            let nanos = text.parse::<Quantity>().ok()?.nanos();
            Exact::new(nanos, 1_000_000_000)
        }),
    };
    let is_plain = plain(text).is_some();
    let time = text.parse::<Duration>().ok().filter(|_| !is_plain);
    let time = time.and_then(|time| Exact::new(i128::from(time.as_nanos()), 1_000_000_000));
    match (amount, time) {
        (Some(amount), Some(time)) => Ok(Term::Either { amount, time }),
        (Some(amount), None) if text.ends_with(|last: char| last.is_ascii_alphabetic()) => {
            Ok(Term::Quantity(amount))
        }
        (Some(amount), None) => Ok(Term::Number(amount)),
        (None, Some(time)) => Ok(Term::Time(time)),
        (None, None) => Err(wrong()),
    }
}

/// Digits, with others behind a point if there is one.
fn plain(text: &str) -> Option<Exact> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > 12 {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    Exact::new(digits, 10_i128.pow(fraction.len() as u32))
}

fn tokens(text: &str) -> Result<Vec<Token>, ExpressionError> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut place = 0;
    while let Some(&first) = characters.get(place) {
        let at = place + 1;
        if first.is_whitespace() {
            place += 1;
            continue;
        }
        let rest = &characters[place..];
        let (kind, length) = if first.is_ascii_digit() {
            let own = run(rest, |own| {
                own.is_ascii_alphanumeric() || own == '.' || own == '%'
            });
            (TokenKind::Number(own.iter().collect()), own.len())
        } else if first.is_ascii_alphabetic() || first == '_' {
            let own = run(rest, |own| own.is_ascii_alphanumeric() || own == '_');
            (TokenKind::Word(own.iter().collect()), own.len())
        } else if first == '"' || first == '\'' {
            quoted(at, rest)?
        } else {
            sign(at, rest)?
        };
        tokens.push(Token { at, kind });
        place += length;
    }
    tokens.push(Token {
        at: characters.len() + 1,
        kind: TokenKind::End,
    });
    Ok(tokens)
}

fn run(rest: &[char], is_part: impl Fn(char) -> bool) -> &[char] {
    let length = rest.iter().take_while(|&&own| is_part(own)).count();
    &rest[..length]
}

fn quoted(at: usize, rest: &[char]) -> Result<(TokenKind, usize), ExpressionError> {
    let inner = run(&rest[1..], |own| own != rest[0]);
    if inner.len() + 1 == rest.len() {
        return Err(ExpressionError {
            at,
            reason: format!("the text has no end; write {} behind it", rest[0]),
        });
    }
    Ok((TokenKind::Text(inner.iter().collect()), inner.len() + 2))
}

fn sign(at: usize, rest: &[char]) -> Result<(TokenKind, usize), ExpressionError> {
    let begins = |sign: &&&str| {
        let mut own = rest.iter();
        sign.chars().all(|one| own.next() == Some(&one))
    };
    let known = SIGNS.iter().chain(&["=", ","]).find(begins);
    let sign = known.ok_or_else(|| ExpressionError {
        at,
        reason: format!("`{}` has no meaning here", rest[0]),
    })?;
    Ok((TokenKind::Sign(sign), sign.chars().count()))
}
