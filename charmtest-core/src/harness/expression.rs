//! The `-k` and `-m` expressions: `relations and not (slow or scale)`.

use std::fmt;
use std::str::FromStr;

/// A selection of tests by words, as `-k` takes it.
///
/// A word matches a test whose full name or one of whose tags contains it, whatever the case; words combine by `and`, `or`,
/// `not` and parentheses. The empty expression matches every test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    source: String,
    root: Option<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Word(String),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
}

impl Expression {
    /// Returns whether the expression selects a test with this full name and these tags.
    #[must_use]
    pub fn matches(&self, name: &str, tags: &[&str]) -> bool {
        let root = self.root.as_ref();
        root.is_none_or(|root| root.holds(&|word| is_part_of(word, name, tags)))
    }

    /// Returns the words.
    pub(super) fn words(&self) -> Vec<&str> {
        let mut words = Vec::new();
        if let Some(root) = &self.root {
            root.collect_words(&mut words);
        }
        words
    }
}

/// A selection of tests by their tags, as `-m` takes it.
///
/// A word matches a test that has exactly this tag; words combine as in an [`Expression`]. `abort_on_fail` and
/// `skip_if_deployed` count as tags of the tests that have these attributes, as pytest's marks do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagExpression(Expression);

impl TagExpression {
    /// Returns whether the expression selects a test with these tags.
    #[must_use]
    pub fn matches(&self, tags: &[&str]) -> bool {
        let root = self.0.root.as_ref();
        root.is_none_or(|root| root.holds(&|word| tags.contains(&word)))
    }

    /// Returns the tags that are named.
    pub(super) fn words(&self) -> Vec<&str> {
        self.0.words()
    }
}

impl fmt::Display for TagExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TagExpression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Node {
    /// Returns whether the expression holds where `word` says which words do.
    fn holds(&self, word: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Word(text) => word(text),
            Self::Not(inner) => !inner.holds(word),
            Self::And(left, right) => left.holds(word) && right.holds(word),
            Self::Or(left, right) => left.holds(word) || right.holds(word),
        }
    }

    fn collect_words<'a>(&'a self, words: &mut Vec<&'a str>) {
        match self {
            Self::Word(word) => words.push(word),
            Self::Not(inner) => inner.collect_words(words),
            Self::And(left, right) | Self::Or(left, right) => {
                left.collect_words(words);
                right.collect_words(words);
            }
        }
    }
}

/// Returns whether `word` is part of a test's full name or of one of its tags, whatever the case.
pub(super) fn is_part_of(word: &str, name: &str, tags: &[&str]) -> bool {
    let word = word.to_lowercase();
    let mut haystacks = std::iter::once(name).chain(tags.iter().copied());
    haystacks.any(|haystack| haystack.to_lowercase().contains(&word))
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Why a text is not an [`Expression`], and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    source: String,
    /// How many characters precede the fault.
    column: usize,
    problem: &'static str,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = " ".repeat(self.column);
        write!(f, "{}\n    {}\n    {indent}^", self.problem, self.source)
    }
}

impl std::error::Error for ExpressionError {}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A caret points at a column of one line.
        let source = text.replace(|c: char| c.is_control(), " ");
        let mut parser = Parser {
            tokens: tokenize(&source),
            next: 0,
            depth: 0,
        };
        let root = parser
            .expression()
            .map_err(|(column, problem)| ExpressionError {
                source: source.clone(),
                column,
                problem,
            })?;
        Ok(Self { source, root })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Word(String),
    End,
}

fn tokenize(source: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let mut chars = source.chars().enumerate().peekable();
    while let Some((column, c)) = chars.next() {
        let token = match c {
            _ if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            _ => {
                let mut word = String::from(c);
                while let Some((_, c)) =
                    chars.next_if(|(_, c)| !c.is_whitespace() && !matches!(c, '(' | ')'))
                {
                    word.push(c);
                }
                match word.as_str() {
                    "and" => Token::And,
                    "or" => Token::Or,
                    "not" => Token::Not,
                    _ => Token::Word(word),
                }
            }
        };
        tokens.push((column, token));
    }
    tokens.push((source.chars().count(), Token::End));
    tokens
}

/// How deep `not` and parentheses may nest: deep enough for people, shallow enough for the stack.
const MAX_DEPTH: usize = 64;

type Fault = (usize, &'static str);

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn expression(&mut self) -> Result<Option<Node>, Fault> {
        if self.peek() == &Token::End {
            return Ok(None);
        }
        let root = self.or()?;
        match self.peek() {
            Token::End => Ok(Some(root)),
            Token::Close => Err(self.fault("this `)` closes nothing")),
            _ => Err(self.fault("expected `and`, `or` or the end")),
        }
    }

    fn or(&mut self) -> Result<Node, Fault> {
        let mut left = self.and()?;
        while self.take(&Token::Or) {
            left = Node::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Node, Fault> {
        let mut left = self.not()?;
        while self.take(&Token::And) {
            left = Node::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Node, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fault("the expression nests too deep here"));
        }
        let node = if self.take(&Token::Not) {
            Node::Not(Box::new(self.not()?))
        } else {
            self.atom()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn atom(&mut self) -> Result<Node, Fault> {
        if self.take(&Token::Open) {
            let inner = self.or()?;
            if !self.take(&Token::Close) {
                return Err(self.fault("expected `and`, `or` or `)`"));
            }
            return Ok(inner);
        }
        let Token::Word(word) = self.peek().clone() else {
            return Err(self.fault("expected a word, `not` or `(`"));
        };
        self.next += 1;
        Ok(Node::Word(word))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next].1
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.next += 1;
        }
        found
    }

    fn fault(&self, problem: &'static str) -> Fault {
        (self.tokens[self.next].0, problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_select_by_name_and_tag() {
        let name = "relations::build_and_deploy";
        let tags = ["Slow", "storage"];
        let cases = [
            ("", true),
            ("deploy", true),
            ("DEPLOY", true),
            ("scale", false),
            ("slow", true),
            ("relations::build", true),
            ("not slow", false),
            ("not not slow", true),
            ("deploy and slow", true),
            ("deploy and scale", false),
            ("scale or deploy", true),
            ("scale or upgrade", false),
            // `and` binds tighter than `or`, `not` tighter than both.
            ("deploy or scale and scale", true),
            ("(deploy or scale) and scale", false),
            ("not scale and deploy", true),
            ("not (scale and deploy)", true),
            ("deploy and(slow)", true),
            // Keywords are lower case: this is a word.
            ("NOT", false),
        ];
        for (text, expected) in cases {
            let expression: Expression = text.parse().unwrap();
            assert_eq!(expression.matches(name, &tags), expected, "{text}");
            assert_eq!(expression.to_string(), text);
        }
    }

    #[test]
    fn tags_are_matched_whole() {
        let tags = ["slow", "Storage", "abort_on_fail"];
        let cases = [
            ("", true),
            ("slow", true),
            ("slo", false),
            ("storage", false),
            ("Storage", true),
            ("not slow", false),
            ("abort_on_fail and (fast or not Slow)", true),
        ];
        for (text, expected) in cases {
            let expression: TagExpression = text.parse().unwrap();
            assert_eq!(expression.matches(&tags), expected, "{text}");
            assert_eq!(expression.to_string(), text);
        }
        assert!("slow fast".parse::<TagExpression>().is_err());
    }

    #[test]
    fn a_fault_is_pointed_at() {
        let cases = [
            ("and", 0, "expected a word, `not` or `(`"),
            ("a and", 5, "expected a word, `not` or `(`"),
            ("a b", 2, "expected `and`, `or` or the end"),
            ("a or (b", 7, "expected `and`, `or` or `)`"),
            ("(a b)", 3, "expected `and`, `or` or `)`"),
            ("a)", 1, "this `)` closes nothing"),
            ("()", 1, "expected a word, `not` or `(`"),
            ("é and and", 6, "expected a word, `not` or `(`"),
        ];
        for (text, column, problem) in cases {
            let error = text.parse::<Expression>().unwrap_err();
            assert_eq!((error.column, error.problem), (column, problem), "{text}");
        }
        assert_eq!(
            "a and or".parse::<Expression>().unwrap_err().to_string(),
            "expected a word, `not` or `(`\n    a and or\n          ^"
        );
    }

    #[test]
    fn nesting_has_a_bound() {
        let text = format!("{}a", "not ".repeat(100_000));
        let error = text.parse::<Expression>().unwrap_err();
        assert_eq!(error.problem, "the expression nests too deep here");
    }
}
