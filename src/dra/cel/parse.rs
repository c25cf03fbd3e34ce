//! From words to an expression, by the precedence of CEL's grammar.

use model::Text;

use super::CompileError;
use super::token::{Token, tokens};

/// An expression; parts that may break a rule have their place in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Null,
    Bool(bool),
    Int(i64),
    Text(Text),
    List(Vec<Expression>),
    Map {
        at: usize,
        entries: Vec<(Expression, Expression)>,
    },
    /// The name of a variable.
    Name {
        at: usize,
        name: Text,
    },
    /// A field; `is_optional` if its lack is no error.
    Field {
        at: usize,
        of: Box<Expression>,
        name: Text,
        is_optional: bool,
    },
    /// An element; `is_optional` if its lack is no error.
    Element {
        at: usize,
        of: Box<Expression>,
        key: Box<Expression>,
        is_optional: bool,
    },
    /// A function, of a value if it is called on one.
    Call {
        at: usize,
        on: Option<Box<Expression>>,
        function: Text,
        arguments: Vec<Expression>,
    },
    /// Whether a field is there.
    Has {
        at: usize,
        of: Box<Expression>,
        name: Text,
    },
    /// A question about all elements of a list or keys of a map.
    Each {
        at: usize,
        of: Box<Expression>,
        variable: Text,
        question: Question,
        body: Box<Expression>,
    },
    Not {
        at: usize,
        of: Box<Expression>,
    },
    Negative {
        at: usize,
        of: Box<Expression>,
    },
    And {
        at: usize,
        one: Box<Expression>,
        other: Box<Expression>,
    },
    Or {
        at: usize,
        one: Box<Expression>,
        other: Box<Expression>,
    },
    /// An operator of two operands.
    Binary {
        at: usize,
        operator: &'static str,
        one: Box<Expression>,
        other: Box<Expression>,
    },
    /// `a ? b : c`.
    Choice {
        at: usize,
        parts: Box<[Expression; 3]>,
    },
}

/// A question about all elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

impl Question {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Self::All,
            "exists" => Self::Exists,
            "exists_one" | "existsOne" => Self::ExistsOne,
            "filter" => Self::Filter,
            "map" => Self::Map,
            _ => return None,
        })
    }
}

/// The levels of left-associative operators, the loosest first.
const LEVELS: &[&[&str]] = &[
    &["==", "!=", "<", "<=", ">", ">=", "in"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// Most brackets and operators inside of each other.
const DEEPEST: usize = 64;

/// Most operators, fields, elements and calls: a chain of them is as deep as it is long.
const MOST_LINKS: usize = 512;

/// Longest expression in bytes, as the API has it.
const LONGEST: usize = 10 << 10;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Expression, CompileError> {
    if text.len() > LONGEST {
        return Err(CompileError {
            at: LONGEST,
            words: format!("expected an expression of at most {LONGEST} bytes"),
        });
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        end: text.len(),
        depth: 0,
        links: 0,
    };
    let expression = parser.choice()?;
    match parser.tokens.get(parser.next) {
        None => Ok(expression),
        Some(_) => Err(parser.expected("the end of the expression")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    depth: usize,
    links: usize,
}

impl Parser {
    /// Counts a link of a chain.
    fn link(&mut self) -> Result<(), CompileError> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(self.expected("a shorter expression"));
        }
        Ok(())
    }

    fn expected(&self, what: &str) -> CompileError {
        let (at, found) = match self.tokens.get(self.next) {
            Some((at, token)) => (*at, format!("`{}`", token.written())),
            None => (self.end, "the end".to_owned()),
        };
        CompileError {
            at,
            words: format!("expected {what}, found {found}"),
        }
    }

    /// The place of the next token.
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    /// Takes a sign or the keyword `in` if it comes next.
    fn takes(&mut self, sign: &str) -> bool {
        let found = match self.tokens.get(self.next) {
            Some((_, Token::Sign(own))) => *own == sign,
            Some((_, Token::Name(own))) => sign == "in" && **own == *sign,
            _ => false,
        };
        self.next += usize::from(found);
        found
    }

    fn take(&mut self, sign: &str) -> Result<(), CompileError> {
        if self.takes(sign) {
            Ok(())
        } else {
            Err(self.expected(&format!("`{sign}`")))
        }
    }

    fn name(&mut self) -> Result<Text, CompileError> {
        match self.tokens.get(self.next) {
            Some((_, Token::Name(name))) => {
                self.next += 1;
                Ok(name.clone())
            }
            _ => Err(self.expected("a name")),
        }
    }

    fn choice(&mut self) -> Result<Expression, CompileError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.expected("fewer parts inside of each other"));
        }
        let condition = self.either()?;
        let at = self.at();
        let read = if self.takes("?") {
            let first = self.either()?;
            self.take(":")?;
            let second = self.choice()?;
            let parts = Box::new([condition, first, second]);
            Expression::Choice { at, parts }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(read)
    }

    fn either(&mut self) -> Result<Expression, CompileError> {
        let or = |at, one, other| Expression::Or { at, one, other };
        self.chain("||", Self::both, or)
    }

    fn both(&mut self) -> Result<Expression, CompileError> {
        let and = |at, one, other| Expression::And { at, one, other };
        self.chain("&&", |own| own.level(0), and)
    }

    /// Operands with a sign between each two, taken together from the left.
    fn chain(
        &mut self,
        sign: &'static str,
        operand: fn(&mut Self) -> Result<Expression, CompileError>,
        joined: fn(usize, Box<Expression>, Box<Expression>) -> Expression,
    ) -> Result<Expression, CompileError> {
        let mut read = operand(self)?;
        loop {
            let at = self.at();
            if !self.takes(sign) {
                return Ok(read);
            }
            self.link()?;
            let other = operand(self)?;
            read = joined(at, Box::new(read), Box::new(other));
        }
    }

    fn level(&mut self, level: usize) -> Result<Expression, CompileError> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut read = self.level(level + 1)?;
        loop {
            let at = self.at();
            let Some(operator) = operators.iter().find(|operator| self.takes(operator)) else {
                return Ok(read);
            };
            self.link()?;
            read = Expression::Binary {
                at,
                operator,
                one: Box::new(read),
                other: Box::new(self.level(level + 1)?),
            };
        }
    }

    fn unary(&mut self) -> Result<Expression, CompileError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.expected("fewer parts inside of each other"));
        }
        let at = self.at();
        let read = if self.takes("!") {
            let of = Box::new(self.unary()?);
            Expression::Not { at, of }
        } else if self.takes("-") {
            let of = Box::new(self.unary()?);
            Expression::Negative { at, of }
        } else {
            self.member()?
        };
        self.depth -= 1;
        Ok(read)
    }

    fn member(&mut self) -> Result<Expression, CompileError> {
        let mut read = self.primary()?;
        loop {
            self.link()?;
            if self.takes(".") {
                let at = self.at();
                let name = self.name()?;
                read = if self.takes("(") {
                    self.method(at, read, name)?
                } else {
                    field(at, read, name, false)
                };
            } else if self.takes(".?") {
                let at = self.at();
                let name = self.name()?;
                read = field(at, read, name, true);
            } else if self.takes("[") {
                read = self.element(read, false)?;
            } else if self.takes("[?") {
                read = self.element(read, true)?;
            } else {
                return Ok(read);
            }
        }
    }

    fn element(&mut self, of: Expression, is_optional: bool) -> Result<Expression, CompileError> {
        let at = self.at();
        let key = Box::new(self.choice()?);
        self.take("]")?;
        Ok(Expression::Element {
            at,
            of: Box::new(of),
            key,
            is_optional,
        })
    }

    fn method(
        &mut self,
        at: usize,
        on: Expression,
        function: Text,
    ) -> Result<Expression, CompileError> {
        if let Some(question) = Question::named(&function) {
            let variable = self.name()?;
            self.take(",")?;
            let body = Box::new(self.choice()?);
            self.take(")")?;
            return Ok(Expression::Each {
                at,
                of: Box::new(on),
                variable,
                question,
                body,
            });
        }
        // A name with dots that is no value: `optional.of(x)`.
        let is_library = matches!(&on, Expression::Name { name, .. } if &**name == "optional");
        let arguments = self.list(")")?;
        Ok(if is_library {
            Expression::Call {
                at,
                on: None,
                function: format!("optional.{function}").into(),
                arguments,
            }
        } else {
            Expression::Call {
                at,
                on: Some(Box::new(on)),
                function,
                arguments,
            }
        })
    }

    /// Expressions with commas between them up to a closing bracket.
    fn list(&mut self, close: &str) -> Result<Vec<Expression>, CompileError> {
        let mut read = Vec::new();
        while !self.takes(close) {
            if !read.is_empty() {
                self.take(",")?;
                if self.takes(close) {
                    break;
                }
            }
            read.push(self.choice()?);
        }
        Ok(read)
    }

    fn map(&mut self) -> Result<Expression, CompileError> {
        let at = self.at();
        let mut entries = Vec::new();
        while !self.takes("}") {
            if !entries.is_empty() {
                self.take(",")?;
            }
            let key = self.choice()?;
            self.take(":")?;
            entries.push((key, self.choice()?));
        }
        Ok(Expression::Map { at, entries })
    }

    fn primary(&mut self) -> Result<Expression, CompileError> {
        if self.takes("(") {
            let read = self.choice()?;
            self.take(")")?;
            return Ok(read);
        }
        if self.takes("[") {
            return Ok(Expression::List(self.list("]")?));
        }
        if self.takes("{") {
            return self.map();
        }
        let Some((_, token)) = self.tokens.get(self.next).cloned() else {
            return Err(self.expected("a value"));
        };
        match token {
            Token::Int(number) => {
                self.next += 1;
                Ok(Expression::Int(number))
            }
            Token::Text(text) => {
                self.next += 1;
                Ok(Expression::Text(text))
            }
            Token::Name(name) if &*name != "in" => {
                let at = self.at();
                self.next += 1;
                self.named(at, name)
            }
            Token::Name(_) | Token::Sign(_) => Err(self.expected("a value")),
        }
    }

    fn named(&mut self, at: usize, name: Text) -> Result<Expression, CompileError> {
        match &*name {
            "true" => return Ok(Expression::Bool(true)),
            "false" => return Ok(Expression::Bool(false)),
            "null" => return Ok(Expression::Null),
            _ => {}
        }
        if !self.takes("(") {
            return Ok(Expression::Name { at, name });
        }
        if &*name != "has" {
            return Ok(Expression::Call {
                at,
                on: None,
                function: name,
                arguments: self.list(")")?,
            });
        }
        match self.choice()? {
            Expression::Field {
                at,
                of,
                name,
                is_optional: false,
            } => {
                self.take(")")?;
                Ok(Expression::Has { at, of, name })
            }
            _ => Err(self.expected("a field in `has`, as in `has(a.b)`")),
        }
    }
}

fn field(at: usize, of: Expression, name: Text, is_optional: bool) -> Expression {
    Expression::Field {
        at,
        of: Box::new(of),
        name,
        is_optional,
    }
}
