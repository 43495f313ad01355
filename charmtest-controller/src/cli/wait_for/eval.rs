//! The query language of `wait-for`: from a tree to a value (Juju 3.6).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::syntax::Expr;

/// Something that a query can ask by names.
pub(super) trait Scope<'a> {
    /// Returns the value of a name.
    ///
    /// # Errors
    ///
    /// Fails when there is nothing of that name.
    fn get(&self, name: &str) -> Result<Operand<'a>, EvalError>;
}

/// A scope behind a pointer: entities of the model.
pub(super) type Entity<'a> = std::rc::Rc<dyn Scope<'a> + 'a>;

/// A value in a query.
#[derive(Clone)]
pub(super) enum Operand<'a> {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A map, such as the configuration.
    Map(Map<String, Value>),
    /// Texts.
    List(Vec<String>),
    /// Entities by name.
    Entities(BTreeMap<String, Entity<'a>>),
    /// One entity.
    Entity(Entity<'a>),
    /// A function of one entity.
    Lambda(&'a str, &'a [Expr]),
}

/// Why a query cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EvalError {
    /// There is no such name; these are there.
    Name {
        /// The name.
        name: String,
        /// What asks: `ApplicationInfo`.
        on: &'static str,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// Something else.
    Runtime(String),
}

impl EvalError {
    fn runtime(text: impl Into<String>) -> Self {
        Self::Runtime(text.into())
    }

    /// Explains the error as Juju 3.6 does.
    pub(super) fn explain(&self, input: &str) -> String {
        let lines: String = input
            .lines()
            .enumerate()
            .map(|(index, line)| format!("{} | {line}\n", index + 1))
            .collect();
        match self {
            Self::Name { name, on, known } => {
                let mut text = format!(
                    "Cannot execute query: invalid identifier.\n\n{lines}\nNo possible matches for {name:?} on {on}: invalid identifier\n"
                );
                let mut known = known.clone();
                known.sort_by_key(|other| (crate::cli::names::distance(name, other), *other));
                let Some(first) = known
                    .first()
                    .copied()
                    .filter(|first| crate::cli::names::distance(name, first) <= first.len() + 1)
                else {
                    return text;
                };
                text += &format!("Did you mean:\n\n    {first}\n");
                let mut others: Vec<&str> =
                    known.into_iter().filter(|other| *other != first).collect();
                others.sort_unstable();
                if !others.is_empty() {
                    text += &format!(
                        "\nOther possible matches:\n\n    - {}",
                        others.join("\n    - ")
                    );
                }
                text
            }
            Self::Runtime(why) => format!(
                "Cannot execute query: runtime error.\n\n{lines}\nwait-for requires the Runtime Error: {why}\nMaybe try removing the character and try again."
            ),
        }
    }
}

impl Operand<'_> {
    /// Says whether the value counts as true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Int(number) => *number >= 1,
            Self::Float(number) => *number >= 1.0,
            Self::Bool(value) => *value,
            Self::Map(map) => !map.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Entities(entities) => !entities.is_empty(),
            Self::Entity(_) | Self::Lambda(..) => true,
        }
    }

    /// Returns the value as the summary shows it.
    pub(super) fn shown(&self) -> Value {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Int(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Bool(value) => (*value).into(),
            Self::Map(map) => crate::encode::sorted(&Value::Object(map.clone())),
            Self::List(list) => list.clone().into(),
            Self::Entities(_) | Self::Entity(_) | Self::Lambda(..) => Value::Object(Map::new()),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Int(_) => "int64",
            Self::Float(_) => "float64",
            Self::Bool(_) => "bool",
            Self::Map(_) => "map[string]any",
            Self::List(_) => "[]string",
            Self::Entities(_) | Self::Entity(_) | Self::Lambda(..) => "<unknown>",
        }
    }

    /// Says whether two values are equal; values of different kinds never are.
    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            _ => false,
        }
    }

    /// Says whether a value is less than another; only numbers of one kind and texts have an order.
    fn is_less(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a < b,
            (Self::Int(a), Self::Int(b)) => a < b,
            (Self::Float(a), Self::Float(b)) => a < b,
            _ => false,
        }
    }
}

/// A scope in which lambdas have given names to entities.
struct Nested<'s, 'a> {
    base: &'s dyn Scope<'a>,
    name: &'a str,
    entity: Entity<'a>,
}

impl<'a> Scope<'a> for Nested<'_, 'a> {
    fn get(&self, name: &str) -> Result<Operand<'a>, EvalError> {
        if name == self.name {
            return Ok(Operand::Entity(std::rc::Rc::clone(&self.entity)));
        }
        self.base.get(name)
    }
}

/// Evaluates a part of a query.
///
/// # Errors
///
/// Fails when a name is not known, or values do not fit an operator or a function.
pub(super) fn evaluate<'a>(
    expr: &'a Expr,
    scope: &dyn Scope<'a>,
) -> Result<Operand<'a>, EvalError> {
    Ok(match expr {
        Expr::Name(name) => scope.get(name)?,
        Expr::Text(text) => Operand::Text(text.clone()),
        Expr::Int(number) => Operand::Int(*number),
        Expr::Float(number) => Operand::Float(*number),
        Expr::Bool(value) => Operand::Bool(*value),
        Expr::Lambda(argument, body) => Operand::Lambda(argument, body),
        Expr::Infix(sign, left, right) => infix(sign, left, right, scope)?,
        Expr::Call(name, arguments) => call(name, arguments, scope)?,
        Expr::Index(left, index) => indexed(evaluate(left, scope)?, &evaluate(index, scope)?)?,
        Expr::Accessor(left, right) => {
            let Operand::Entity(entity) = evaluate(left, scope)? else {
                return Err(EvalError::runtime("unexpected identifier"));
            };
            match &**right {
                Expr::Name(name) => entity.get(name)?,
                _ => return Err(EvalError::runtime("unexpected name type")),
            }
        }
    })
}

fn infix<'a>(
    sign: &str,
    left: &'a Expr,
    right: &'a Expr,
    scope: &dyn Scope<'a>,
) -> Result<Operand<'a>, EvalError> {
    let left = evaluate(left, scope)?;
    let boolean = |operand: &Operand<'_>| match operand {
        Operand::Bool(value) => Ok(*value),
        other => Err(EvalError::runtime(format!(
            "{} logical AND only allowed on boolean values",
            other.kind()
        ))),
    };
    // The right side of a logical operator is evaluated only when it decides.
    if let "&&" | "||" = sign {
        if boolean(&left)? == (sign == "||") {
            return Ok(left);
        }
        let right = evaluate(right, scope)?;
        return Ok(Operand::Bool(boolean(&right)?));
    }
    let right = evaluate(right, scope)?;
    Ok(Operand::Bool(match sign {
        "==" => left.equals(&right),
        "!=" => !left.equals(&right),
        "<" => left.is_less(&right),
        "<=" => left.is_less(&right) || left.equals(&right),
        ">" => right.is_less(&left),
        ">=" => right.is_less(&left) || left.equals(&right),
        other => return Err(EvalError::runtime(format!("unexpected operator {other}"))),
    }))
}

fn indexed<'a>(left: Operand<'a>, index: &Operand<'a>) -> Result<Operand<'a>, EvalError> {
    let found = match (&left, index) {
        (Operand::Map(map), Operand::Text(key)) => match map.get(key) {
            Some(value) => operand_of(value),
            None => {
                return Err(EvalError::runtime(format!(
                    "{} unexpected index {key} accessing map",
                    left.kind()
                )));
            }
        },
        (Operand::List(list), Operand::Int(at)) => usize::try_from(*at)
            .ok()
            .and_then(|at| list.get(at))
            .map(|text| Operand::Text(text.clone())),
        _ => None,
    };
    found.ok_or_else(|| EvalError::runtime(format!("{} unexpected index expression", left.kind())))
}

fn operand_of<'a>(value: &Value) -> Option<Operand<'a>> {
    Some(match value {
        Value::String(text) => Operand::Text(text.clone()),
        Value::Bool(value) => Operand::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Operand::Int(number),
            None => Operand::Float(number.as_f64()?),
        },
        Value::Object(map) => Operand::Map(map.clone()),
        _ => return None,
    })
}

fn call<'a>(
    name: &'a Expr,
    arguments: &'a [Expr],
    scope: &dyn Scope<'a>,
) -> Result<Operand<'a>, EvalError> {
    let Expr::Name(name) = name else {
        return Err(EvalError::runtime("unexpected function name"));
    };
    let wanted = match name.as_str() {
        "len" | "print" | "int" => 1,
        "forEach" | "startsWith" | "endsWith" => 2,
        _ => return Err(EvalError::runtime(format!("no function {name:?}"))),
    };
    if arguments.len() != wanted {
        return Err(EvalError::runtime(format!(
            "number of params not valid for function call, wanted: {wanted}, received: {}",
            arguments.len()
        )));
    }
    let mut values = arguments
        .iter()
        .map(|argument| evaluate(argument, scope))
        .collect::<Result<Vec<_>, _>>()?;
    let last = values.pop();
    let first = values.pop();
    Ok(match (name.as_str(), first, last) {
        ("len", _, Some(value)) => Operand::Int(length(&value)?),
        ("int", _, Some(value)) => Operand::Int(integer(&value)?),
        ("startsWith", Some(Operand::Text(text)), Some(Operand::Text(start))) => {
            Operand::Bool(text.starts_with(&start))
        }
        ("endsWith", Some(Operand::Text(text)), Some(Operand::Text(end))) => {
            Operand::Bool(text.ends_with(&end))
        }
        ("forEach", Some(values), Some(Operand::Lambda(argument, body))) => {
            Operand::Bool(for_each(values, argument, body, scope)?)
        }
        ("forEach", _, Some(other)) => {
            return Err(EvalError::runtime(format!(
                "unexpected lambda {}",
                other.kind()
            )));
        }
        // What Juju's `print` writes would be in the way of the summary; its value is what counts.
        ("print", _, Some(value)) => value,
        (name, ..) => {
            return Err(EvalError::runtime(format!(
                "unexpected type passed to {name}"
            )));
        }
    })
}

fn length(value: &Operand<'_>) -> Result<i64, EvalError> {
    let length = match value {
        Operand::Text(text) => text.len(),
        Operand::Map(map) => map.len(),
        Operand::List(list) => list.len(),
        Operand::Entities(entities) => entities.len(),
        other => {
            return Err(EvalError::runtime(format!(
                "unexpected type {} passed to len",
                other.kind()
            )));
        }
    };
    Ok(i64::try_from(length).unwrap_or(i64::MAX))
}

fn integer(value: &Operand<'_>) -> Result<i64, EvalError> {
    let unfit = || EvalError::runtime(format!("unexpected type {} passed to int", value.kind()));
    match value {
        Operand::Int(number) => Ok(*number),
        Operand::Text(text) => text.parse().map_err(|_| unfit()),
        _ => Err(unfit()),
    }
}

/// Says whether the last expression of a lambda holds for all entities; for none at all it does not.
fn for_each<'a>(
    values: Operand<'a>,
    argument: &'a str,
    body: &'a [Expr],
    scope: &dyn Scope<'a>,
) -> Result<bool, EvalError> {
    let Operand::Entities(entities) = values else {
        return Err(EvalError::runtime(format!(
            "unexpected scope type {}",
            values.kind()
        )));
    };
    if entities.is_empty() {
        return Ok(false);
    }
    for entity in entities.into_values() {
        let nested = Nested {
            base: scope,
            name: argument,
            entity,
        };
        let mut holds = false;
        for part in body {
            holds = evaluate(part, &nested)?.is_true();
        }
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}
