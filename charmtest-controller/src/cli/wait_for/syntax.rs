//! The query language of `wait-for`: from text to a tree (Juju 3.6).

use std::fmt;

/// A token of a query.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// An operator or a bracket.
    Sign(&'static str),
    /// A character that means nothing, or a string without an end.
    Unknown(char),
    End,
}

/// The signs, the longer of two with the same beginning first.
const SIGNS: [&str; 18] = [
    "==", "=>", "!=", "<=", ">=", "&&", "||", "<", ">", "(", ")", "[", "]", ".", ",", ";", "&", "|",
];

/// A part of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// `name`.
    Name(String),
    /// `"text"`.
    Text(String),
    /// `1`.
    Int(i64),
    /// `1.5`.
    Float(f64),
    /// `true`.
    Bool(bool),
    /// `left == right`.
    Infix(&'static str, Box<Expr>, Box<Expr>),
    /// `name(arguments)`.
    Call(Box<Expr>, Vec<Expr>),
    /// `left[index]`.
    Index(Box<Expr>, Box<Expr>),
    /// `left.right`.
    Accessor(Box<Expr>, Box<Expr>),
    /// `name => body; body`.
    Lambda(String, Vec<Expr>),
}

/// A query that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// What was expected, if one thing was.
    expected: Option<&'static str>,
    line: usize,
    column: usize,
}

impl SyntaxError {
    /// Explains the error as Juju 3.6 does, with the line that has it.
    pub(super) fn explain(&self, input: &str) -> String {
        let reason = match self.expected {
            None => "unexpected character".to_owned(),
            Some("\"") => "string is not correctly terminated".to_owned(),
            Some(sign) => format!("expected {sign}"),
        };
        let line = input.lines().nth(self.line - 1).unwrap_or_default();
        let help = match self.expected {
            None => {
                let found: String = line.chars().skip(self.column - 1).take(1).collect();
                format!(
                    "wait-for doesn't support {found:?}. Maybe try removing the character and try again"
                )
            }
            Some("\"") => "Try adding a closing quote to the string".to_owned(),
            Some(_) => "The type doesn't match the expected syntax. Maybe try removing the character and try again".to_owned(),
        };
        let ledger = format!("{} | ", self.line);
        let gap = " ".repeat(ledger.len() + self.column - 1);
        format!("Cannot parse query: {reason}.\n\n{ledger}{line}\n{gap}^\n{help}.")
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "syntax error in line {}, column {}",
            self.line, self.column
        )
    }
}

/// Parses a query. Juju evaluates its first statement only; the others have to be right all the same.
///
/// # Errors
///
/// Fails at the first token that does not fit.
pub(super) fn parse(input: &str) -> Result<Option<Expr>, SyntaxError> {
    let mut parser = Parser {
        tokens: tokens(input),
        at: 0,
    };
    let mut first = None;
    while *parser.token() != Token::End {
        let statement = parser.expression(0)?;
        first.get_or_insert(statement);
        // The end of a statement may stay away: Juju then begins the next one.
        parser.eat(";");
    }
    Ok(first)
}

/// A token with its place: line and column from 1.
type Placed = (Token, usize, usize);

fn tokens(input: &str) -> Vec<Placed> {
    let mut tokens = Vec::new();
    let (mut line, mut column) = (1, 1);
    let mut rest = input;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            if first == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (token, length) = token(rest, first);
        tokens.push((token, line, column));
        column += rest[..length].chars().count();
        rest = &rest[length..];
    }
    tokens.push((Token::End, line, column));
    tokens
}

/// Takes the first token of a text that does not begin with space; returns it with its length in bytes.
fn token(rest: &str, first: char) -> (Token, usize) {
    if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
        return (Token::Sign(sign), sign.len());
    }
    let until = |ends: &dyn Fn(char) -> bool| rest.find(ends).unwrap_or(rest.len());
    if first.is_ascii_digit() {
        let length = until(&|c| !c.is_ascii_digit() && c != '.');
        let text = &rest[..length];
        let number = if text.contains('.') {
            text.parse().ok().map(Token::Float)
        } else {
            text.parse().ok().map(Token::Int)
        };
        return (number.unwrap_or(Token::Unknown(first)), length);
    }
    if first.is_alphabetic() || first == '_' {
        let length = until(&|c| !c.is_alphanumeric() && c != '_' && c != '-');
        let name = &rest[..length];
        let token = match name.to_ascii_lowercase().as_str() {
            "true" => Token::Bool(true),
            "false" => Token::Bool(false),
            _ => Token::Name(name.to_owned()),
        };
        return (token, length);
    }
    if first == '"' {
        let inside = &rest[1..];
        return match inside.find(['"', '\n']) {
            Some(end) if inside[end..].starts_with('"') => {
                (Token::Text(inside[..end].to_owned()), end + 2)
            }
            _ => (Token::Unknown('"'), rest.len()),
        };
    }
    (Token::Unknown(first), first.len_utf8())
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
}

impl Parser {
    fn token(&self) -> &Token {
        self.tokens
            .get(self.at)
            .map_or(&Token::End, |(token, ..)| token)
    }

    fn next(&mut self) -> Token {
        let token = self.token().clone();
        self.at += 1;
        token
    }

    fn eat(&mut self, sign: &'static str) -> bool {
        let found = *self.token() == Token::Sign(sign);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), SyntaxError> {
        if self.eat(sign) {
            return Ok(());
        }
        Err(self.error(Some(sign)))
    }

    fn error(&self, expected: Option<&'static str>) -> SyntaxError {
        let last = self.tokens.len().saturating_sub(1);
        let (token, line, column) = &self.tokens[self.at.min(last)];
        let expected = match token {
            Token::Unknown('"') => Some("\""),
            _ => expected,
        };
        SyntaxError {
            expected,
            line: *line,
            column: *column,
        }
    }

    /// Parses an expression whose operators bind more than `binding`.
    fn expression(&mut self, binding: u8) -> Result<Expr, SyntaxError> {
        let mut left = self.operand()?;
        loop {
            let Token::Sign(sign) = *self.token() else {
                return Ok(left);
            };
            let own = precedence(sign);
            if own <= binding {
                return Ok(left);
            }
            self.at += 1;
            left = match sign {
                "." => Expr::Accessor(Box::new(left), Box::new(self.expression(own)?)),
                "[" => {
                    let index = self.expression(0)?;
                    self.expect("]")?;
                    Expr::Index(Box::new(left), Box::new(index))
                }
                "(" => Expr::Call(Box::new(left), self.arguments()?),
                "=>" => self.lambda(left)?,
                _ => Expr::Infix(sign, Box::new(left), Box::new(self.expression(own)?)),
            };
        }
    }

    fn operand(&mut self) -> Result<Expr, SyntaxError> {
        let error = self.error(None);
        Ok(match self.next() {
            Token::Name(name) => Expr::Name(name),
            Token::Text(text) => Expr::Text(text),
            Token::Int(number) => Expr::Int(number),
            Token::Float(number) => Expr::Float(number),
            Token::Bool(value) => Expr::Bool(value),
            Token::Sign("(") => {
                let inside = self.expression(0)?;
                self.expect(")")?;
                inside
            }
            _ => return Err(error),
        })
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, SyntaxError> {
        let mut arguments = Vec::new();
        if self.eat(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(0)?);
            if !self.eat(",") {
                self.expect(")")?;
                return Ok(arguments);
            }
        }
    }

    fn lambda(&mut self, left: Expr) -> Result<Expr, SyntaxError> {
        let Expr::Name(argument) = left else {
            return Err(self.error(None));
        };
        let mut body = vec![self.expression(0)?];
        while self.eat(";") {
            body.push(self.expression(0)?);
        }
        Ok(Expr::Lambda(argument, body))
    }
}

/// Says how much an operator binds; 0 for what is none.
fn precedence(sign: &str) -> u8 {
    match sign {
        "||" => 1,
        "&&" => 2,
        "==" | "!=" => 3,
        "<" | "<=" | ">" | ">=" => 4,
        "(" | "=>" => 6,
        "[" | "." => 7,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a tree with all its brackets.
    fn shown(expr: &Expr) -> String {
        let all = |parts: &[Expr]| parts.iter().map(shown).collect::<Vec<_>>().join(", ");
        match expr {
            Expr::Name(name) => name.clone(),
            Expr::Text(text) => format!("{text:?}"),
            Expr::Int(number) => number.to_string(),
            Expr::Float(number) => format!("{number:?}"),
            Expr::Bool(value) => value.to_string(),
            Expr::Infix(sign, left, right) => format!("({} {sign} {})", shown(left), shown(right)),
            Expr::Call(name, arguments) => format!("{}({})", shown(name), all(arguments)),
            Expr::Index(left, index) => format!("{}[{}]", shown(left), shown(index)),
            Expr::Accessor(left, right) => format!("{}.{}", shown(left), shown(right)),
            Expr::Lambda(argument, body) => format!("{{{argument} => {}}}", all(body)),
        }
    }

    #[test]
    fn operators_bind_as_in_juju() {
        for (input, expected) in [
            (
                "life==\"alive\" && workload-status==\"active\"",
                "((life == \"alive\") && (workload-status == \"active\"))",
            ),
            ("a || b && c", "(a || (b && c))"),
            ("(a || b) && c", "((a || b) && c)"),
            ("1 < 2 == true", "((1 < 2) == true)"),
            ("len(units) >= 2.5", "(len(units) >= 2.5)"),
            (
                "forEach(units, unit => unit.life==\"alive\" && startsWith(unit.name,\"a\"))",
                "forEach(units, {unit => ((unit.life == \"alive\") && startsWith(unit.name, \"a\"))})",
            ),
            ("config[\"a\"] == \"b\"", "(config[\"a\"] == \"b\")"),
            ("a == b; c", "(a == b)"),
        ] {
            let parsed = parse(input).unwrap().unwrap();
            assert_eq!(shown(&parsed), expected, "{input}");
        }
        assert_eq!(parse("  "), Ok(None));
    }

    #[test]
    fn errors_say_where() {
        for (input, expected) in [
            (
                "life == 'alive'",
                "Cannot parse query: unexpected character.\n\n1 | life == 'alive'\n            ^\nwait-for doesn't support \"'\". Maybe try removing the character and try again.",
            ),
            (
                "life == \"alive",
                "Cannot parse query: string is not correctly terminated.\n\n1 | life == \"alive\n            ^\nTry adding a closing quote to the string.",
            ),
            (
                "len(units",
                "Cannot parse query: expected ).\n\n1 | len(units\n             ^\nThe type doesn't match the expected syntax. Maybe try removing the character and try again.",
            ),
        ] {
            assert_eq!(parse(input).unwrap_err().explain(input), expected);
        }
        for bad in ["==", "a ==", "!a", "a & b", "(a", "1 => 2", "a[1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
