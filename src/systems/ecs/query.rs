//! The cluster query language of `memberOf` constraints: comparisons of attributes, joined by `and`,
//! `or` and `not`, with parentheses around whole expressions (spec: orchestrators-a.md section 7.1;
//! `cluster-query-language.md`).

use std::iter::Peekable;
use std::vec::IntoIter;

use regex::Regex;
use thiserror::Error;

use model::{Labels, Operator, PodSpec, Requirement, Text};

/// An expression over the attributes of an instance.
#[derive(Clone, Debug)]
pub enum Query {
    /// A comparison of one attribute.
    Term(Term),
    /// The expression must not hold.
    Not(Box<Query>),
    /// All expressions must hold.
    And(Vec<Query>),
    /// One expression must hold.
    Or(Vec<Query>),
}

/// A comparison of one attribute.
#[derive(Clone, Debug)]
pub struct Term {
    attribute: Text,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Exists(bool),
    /// One of the values, or none of them.
    In(Vec<Text>, bool),
    /// The value matches the pattern, or does not.
    Matches(Regex, bool),
    /// Comparison of numbers.
    Order(Order, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A text that is no query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is no cluster query: {problem}")]
pub struct QueryError {
    /// The text as written.
    pub text: String,
    /// The problem.
    pub problem: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Word(String),
}

/// Words of a query: parentheses stand alone, brackets hold a list.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut in_list = false;
    let flush = |word: &mut String, tokens: &mut Vec<Token>| {
        if !word.is_empty() {
            tokens.push(Token::Word(std::mem::take(word)));
        }
    };
    for one in text.chars() {
        match one {
            '(' | ')' if !in_list => {
                flush(&mut word, &mut tokens);
                tokens.push(if one == '(' {
                    Token::Open
                } else {
                    Token::Close
                });
            }
            _ if one.is_whitespace() && !in_list => flush(&mut word, &mut tokens),
            _ => {
                in_list = (in_list || one == '[') && one != ']';
                word.push(one);
            }
        }
    }
    flush(&mut word, &mut tokens);
    tokens
}

/// Deepest nesting of expressions.
const MOST_NESTED: u32 = 64;

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
    depth: u32,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut parser = Parser {
            tokens: tokens(text).into_iter().peekable(),
            depth: 0,
        };
        let wrong = |problem: String| QueryError {
            text: text.to_owned(),
            problem,
        };
        let query = parser.any().map_err(wrong)?;
        match parser.tokens.next() {
            None => Ok(query),
            Some(Token::Close) => Err(wrong("a `)` has no `(`".to_owned())),
            Some(Token::Open) => Err(wrong("expected `and` or `or` before `(`".to_owned())),
            Some(Token::Word(word)) => {
                Err(wrong(format!("expected `and` or `or`, found `{word}`")))
            }
        }
    }

    /// The query for one value of an attribute.
    pub fn is(attribute: Text, value: Text) -> Self {
        Self::Term(Term {
            attribute,
            test: Test::In(vec![value], true),
        })
    }

    /// The query that a pod's node selector and required node affinity amount to, if there is any.
    pub fn of_pod(pod: &PodSpec) -> Option<Self> {
        let selector = pod.node_selector.iter();
        let selector = selector.map(|(key, value)| Self::is(key.clone(), value.clone()));
        let mut all: Vec<Self> = selector.collect();
        if let Some(required) = &pod.affinity.node.required {
            let terms = required.terms.iter().filter(|term| {
                // A term that states nothing matches nothing.
                !(term.match_expressions.is_empty() && term.match_fields.is_empty())
            });
            let terms = terms.map(|term| {
                let fields = term.match_fields.iter().map(|asked| (NAME.into(), asked));
                let labels = term.match_expressions.iter();
                let labels = labels.map(|asked| (asked.key.clone(), asked));
                let asked = labels.chain(fields);
                Self::And(asked.map(|(key, asked)| requirement(key, asked)).collect())
            });
            all.push(Self::Or(terms.collect()));
        }
        (!all.is_empty()).then_some(Self::And(all))
    }

    /// The attributes that the query compares.
    pub fn names(&self) -> Vec<&Text> {
        match self {
            Self::Term(term) => vec![&term.attribute],
            Self::Not(query) => query.names(),
            Self::And(queries) | Self::Or(queries) => {
                queries.iter().flat_map(Self::names).collect()
            }
        }
    }

    /// Whether the query holds for an instance's attributes.
    pub fn holds(&self, attributes: &Labels) -> bool {
        match self {
            Self::Term(term) => term.holds(attributes),
            Self::Not(query) => !query.holds(attributes),
            Self::And(queries) => queries.iter().all(|query| query.holds(attributes)),
            Self::Or(queries) => queries.iter().any(|query| query.holds(attributes)),
        }
    }
}

impl Term {
    fn holds(&self, attributes: &Labels) -> bool {
        let value = attributes.get(&self.attribute);
        match &self.test {
            Test::Exists(exists) => value.is_some() == *exists,
            Test::In(values, is_in) => value.is_some_and(|value| values.contains(value)) == *is_in,
            Test::Matches(pattern, matches) => {
                value.is_some_and(|value| pattern.is_match(value)) == *matches
            }
            Test::Order(order, number) => {
                let value = value.and_then(|value| value.parse::<f64>().ok());
                value.is_some_and(|value| match order {
                    Order::Less => value < *number,
                    Order::LessOrEqual => value <= *number,
                    Order::Greater => value > *number,
                    Order::GreaterOrEqual => value >= *number,
                })
            }
        }
    }
}

impl Parser {
    /// Alternatives.
    fn any(&mut self) -> Result<Query, String> {
        self.depth += 1;
        if self.depth > MOST_NESTED {
            return Err(format!("more than {MOST_NESTED} expressions in each other"));
        }
        let mut queries = vec![self.all()?];
        while self.takes("or") || self.takes("||") {
            queries.push(self.all()?);
        }
        self.depth -= 1;
        Ok(match queries.pop() {
            Some(only) if queries.is_empty() => only,
            last => Query::Or(queries.into_iter().chain(last).collect()),
        })
    }

    fn all(&mut self) -> Result<Query, String> {
        let mut queries = vec![self.one()?];
        while self.takes("and") || self.takes("&&") {
            queries.push(self.one()?);
        }
        Ok(match queries.pop() {
            Some(only) if queries.is_empty() => only,
            last => Query::And(queries.into_iter().chain(last).collect()),
        })
    }

    fn one(&mut self) -> Result<Query, String> {
        let mut is_negated = false;
        while self.takes("not") || self.takes("!") {
            is_negated = !is_negated;
        }
        let query = match self.tokens.next() {
            Some(Token::Open) => {
                let query = self.any()?;
                if self.tokens.next() != Some(Token::Close) {
                    return Err("a `(` has no `)`".to_owned());
                }
                query
            }
            Some(Token::Word(attribute)) => Query::Term(self.term(&attribute)?),
            Some(Token::Close) => return Err("expected an expression before `)`".to_owned()),
            None => return Err("expected an expression at the end".to_owned()),
        };
        Ok(if is_negated {
            Query::Not(Box::new(query))
        } else {
            query
        })
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_word =
            |token: &Token| matches!(token, Token::Word(own) if own.eq_ignore_ascii_case(word));
        self.tokens.next_if(is_word).is_some()
    }

    fn word(&mut self, what: &str) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err(format!("expected {what}")),
        }
    }

    fn term(&mut self, attribute: &str) -> Result<Term, String> {
        let name = subject(attribute)?;
        let operator = self.word(&format!("an operator after `{attribute}`"))?;
        let test = match operator.to_ascii_lowercase().as_str() {
            "exists" => Test::Exists(true),
            "!exists" | "not_exists" => Test::Exists(false),
            own => {
                let value = self.word(&format!("a value after `{attribute} {operator}`"))?;
                match own {
                    "==" | "equals" => Test::In(vec![value.into()], true),
                    "!=" | "not_equals" => Test::In(vec![value.into()], false),
                    "in" => Test::In(list(&value)?, true),
                    "!in" | "not_in" => Test::In(list(&value)?, false),
                    "=~" | "matches" => Test::Matches(pattern(&value)?, true),
                    "!~" | "not_matches" => Test::Matches(pattern(&value)?, false),
                    "<" | "less_than" => Test::Order(Order::Less, number(&value)?),
                    "<=" | "less_than_equal" => Test::Order(Order::LessOrEqual, number(&value)?),
                    ">" | "greater_than" => Test::Order(Order::Greater, number(&value)?),
                    ">=" | "greater_than_equal" => {
                        Test::Order(Order::GreaterOrEqual, number(&value)?)
                    }
                    _ => {
                        return Err(format!(
                            "`{operator}` is no operator; expected `==`, `!=`, `<`, `<=`, `>`, \
                             `>=`, `in`, `!in`, `exists`, `!exists`, `=~` or `!~`"
                        ));
                    }
                }
            }
        };
        Ok(Term {
            attribute: name.into(),
            test,
        })
    }
}

/// Subjects of the language that are no attributes.
const OTHER_SUBJECTS: [&str; 7] = [
    "agentConnected",
    "agentVersion",
    "ec2InstanceId",
    "registeredAt",
    "registeredCpu",
    "registeredMemory",
    "runningTasksCount",
];

/// The attribute that a subject names: it is one unless it is known to be another subject.
fn subject(text: &str) -> Result<&str, String> {
    let name = text.strip_prefix("attribute:").unwrap_or(text);
    let is_other = OTHER_SUBJECTS.contains(&name) || name.contains(':') || name.is_empty();
    if is_other {
        return Err(format!(
            "`{text}` is no attribute of instances; expected `attribute:NAME`, as in \
             `attribute:stack == prod`"
        ));
    }
    Ok(name)
}

/// Attribute that holds the name of an instance's node.
pub(super) const NAME: &str = "ecs.instance-id";

/// A requirement of a pod as a query of one attribute.
fn requirement(attribute: Text, asked: &Requirement) -> Query {
    let number = || {
        let value = asked.values.first();
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or(f64::NAN)
    };
    let test = match asked.operator {
        Operator::In => Test::In(asked.values.clone(), true),
        Operator::NotIn => Test::In(asked.values.clone(), false),
        Operator::Exists => Test::Exists(true),
        Operator::DoesNotExist => Test::Exists(false),
        Operator::Gt => Test::Order(Order::Greater, number()),
        Operator::Lt => Test::Order(Order::Less, number()),
    };
    Query::Term(Term { attribute, test })
}

fn list(text: &str) -> Result<Vec<Text>, String> {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.filter(|inner| !inner.trim().is_empty());
    let inner = inner.ok_or_else(|| format!("expected a list such as `[a,b]`, found `{text}`"))?;
    Ok(inner.split(',').map(|value| value.trim().into()).collect())
}

fn pattern(text: &str) -> Result<Regex, String> {
    // A pattern stands for the whole value.
    Regex::new(&format!("^(?:{text})$")).map_err(|_| format!("`{text}` is no regular expression"))
}

fn number(text: &str) -> Result<f64, String> {
    let number: Result<f64, _> = text.parse();
    number.map_err(|_| format!("expected a number, found `{text}`"))
}
