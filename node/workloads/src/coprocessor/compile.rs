//! From a bare SELECT to a program.

use std::collections::BTreeSet;

use alloy_primitives::U256;
use gavel_circuits::query::{
    Comparison, Function, MAX_OUTPUTS, MAX_PARAMS, MAX_PREDICATES, MAX_REGISTERS, Operand, Output, Predicate, Program,
};
use sqlparser::ast::{
    BinaryOperator, Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    SelectItem, UnaryOperator, Value, ValueWithSpan,
};

use super::error::{Position, SqlError};
use super::query::ResultColumn;
use super::syntax::Source;
use super::table::{Table, names_digest};
use super::value_type::{ValueType, read_number};

/// Compiles one query over one table.
pub struct Compiler<'a> {
    table: &'a Table,
    source: &'a Source,
    /// Column ids in the order of their first use.
    registers: Vec<u8>,
    predicates: Vec<Predicate>,
    params: Vec<Option<ValueType>>,
}

/// One side of a comparison.
enum Side {
    Column {
        register: u8,
        value_type: ValueType,
    },
    /// A number in decimal.
    Number(U256),
    /// Hex digits: a number, or an address when there are forty.
    Hex(String, U256),
    /// A quoted text: only an address may be written so.
    Text(String),
    Bool(bool),
    Param(usize),
    Bound(Operand),
}

impl<'a> Compiler<'a> {
    pub fn new(table: &'a Table, source: &'a Source) -> Self {
        Compiler { table, source, registers: vec![], predicates: vec![], params: vec![] }
    }

    pub fn compile(mut self) -> Result<(Program, Vec<ResultColumn>, Vec<ValueType>), SqlError> {
        self.table_name(&self.source.table)?;
        let (outputs, results) = self.results()?;
        if let Some(condition) = &self.source.condition {
            self.condition(condition)?;
            let (got, at) = (self.predicates.len(), self.source.position(condition));
            if got > MAX_PREDICATES {
                return Err(SqlError::TooManyComparisons { got, at });
            }
        }
        if self.registers.len() > MAX_REGISTERS {
            return Err(SqlError::TooManyColumns { got: self.registers.len() });
        }
        let used = self.params.len();
        let missing = self.params.iter().position(Option::is_none);
        if let Some(missing) = missing {
            return Err(SqlError::ParameterGap { missing: missing + 1, used });
        }
        let program = Program {
            table_id: self.table.id(),
            names_digest: names_digest(results.iter().map(|result| &result.name)),
            params: used as u8,
            registers: self.registers,
            predicates: self.predicates,
            outputs,
        };
        Ok((program, results, self.params.into_iter().flatten().collect()))
    }

    fn unsupported<T>(&self, construct: impl Into<String>, at: Position) -> Result<T, SqlError> {
        Err(SqlError::Unsupported { construct: construct.into(), at })
    }

    fn table_name(&self, name: &ObjectName) -> Result<(), SqlError> {
        let (got, expected) = (plain_name(name), self.table.name().to_string());
        let at = self.source.position(name);
        if got == expected { Ok(()) } else { Err(SqlError::UnknownTable { expected, got, at }) }
    }

    // ---- SELECT ----

    fn results(&mut self) -> Result<(Vec<Output>, Vec<ResultColumn>), SqlError> {
        let source = self.source;
        let (mut outputs, mut results) = (vec![], vec![]);
        let mut names = BTreeSet::new();
        for item in &source.items {
            let at = source.position(item);
            let (expr, alias) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias)),
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                    return self.unsupported("* in SELECT; ask for SUM, AVG, MIN, MAX or COUNT(*)", at);
                }
            };
            let Expr::Function(call) = expr else {
                return self.unsupported("a result other than SUM, AVG, MIN, MAX of a column or COUNT(*)", at);
            };
            let (output, mut result) = self.aggregate(call)?;
            if let Some(alias) = alias {
                result.name = self.alias(alias)?;
            }
            if !names.insert(result.name.clone()) {
                return Err(SqlError::DuplicateResult { name: result.name, at });
            }
            outputs.push(output);
            results.push(result);
        }
        match results.len() {
            got if got > MAX_OUTPUTS => {
                Err(SqlError::TooManyResults { got, at: source.position(&source.items[MAX_OUTPUTS]) })
            }
            _ => Ok((outputs, results)),
        }
    }

    fn alias(&self, alias: &Ident) -> Result<String, SqlError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match alias.value.bytes().all(plain) && alias.value.len() <= 64 {
            true => Ok(alias.value.clone()),
            false => self.unsupported("an alias of other than letters, digits and _", alias.span.into()),
        }
    }

    fn aggregate(&mut self, call: &Call) -> Result<(Output, ResultColumn), SqlError> {
        let at = self.source.position(&call.name);
        let name = plain_name(&call.name).to_ascii_uppercase();
        let (function, label) = match name.as_str() {
            "COUNT" => (Function::Count, "COUNT"),
            "SUM" => (Function::Sum, "SUM"),
            "AVG" => (Function::Avg, "AVG"),
            "MIN" => (Function::Min, "MIN"),
            "MAX" => (Function::Max, "MAX"),
            _ => return self.unsupported(format!("function {name}"), at),
        };
        let argument = self.argument(call, label, at)?;
        let column = match (function, argument) {
            (Function::Count, None) => {
                let result = ResultColumn { name: "count".into(), value_type: ValueType::U256 };
                return Ok((Output { function, register: 0 }, result));
            }
            (Function::Count, Some(expr)) => {
                return self.unsupported("COUNT of a column; use COUNT(*)", self.source.position(expr));
            }
            (_, None) => return self.unsupported(format!("{label}(*)"), at),
            (_, Some(expr)) => expr,
        };
        let column_at = self.source.position(column);
        let Side::Column { register, value_type } = self.side(column)? else {
            return self.unsupported(format!("{label} of anything but a column"), column_at);
        };
        let name = self.table.column_name(self.registers[usize::from(register)]).to_string();
        if !value_type.is_number() {
            return Err(SqlError::NotANumber { function: label, column: name, got: value_type, at: column_at });
        }
        let value_type = match function {
            Function::Min | Function::Max => value_type,
            _ => ValueType::U256,
        };
        let name = format!("{}_{name}", label.to_ascii_lowercase());
        Ok((Output { function, register }, ResultColumn { name, value_type }))
    }

    /// The one argument of an aggregate; `None` for `*`.
    fn argument<'c>(&self, call: &'c Call, label: &str, at: Position) -> Result<Option<&'c Expr>, SqlError> {
        let extras = [
            (call.filter.is_some(), "FILTER"),
            (call.over.is_some(), "OVER"),
            (call.null_treatment.is_some(), "NULLS"),
            (!call.within_group.is_empty(), "WITHIN GROUP"),
            (!matches!(call.parameters, FunctionArguments::None), "parameters of a function"),
            (call.uses_odbc_syntax, "{fn ...}"),
        ];
        if let Some((_, construct)) = extras.into_iter().find(|(present, _)| *present) {
            return self.unsupported(construct, self.source.keyword_after(&call.name, &[construct]));
        }
        let FunctionArguments::List(list) = &call.args else {
            return self.unsupported(format!("{label} of a subquery"), at);
        };
        if let Some(treatment) = list.duplicate_treatment {
            let construct = treatment.to_string();
            let at = self.source.keyword_after(&call.name, &[&construct]);
            return self.unsupported(format!("{construct} in {label}"), at);
        }
        match (list.args.as_slice(), list.clauses.as_slice()) {
            ([FunctionArg::Unnamed(FunctionArgExpr::Wildcard)], []) => Ok(None),
            ([FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))], []) => Ok(Some(expr)),
            _ => self.unsupported(format!("{label} of anything but one column"), at),
        }
    }

    // ---- WHERE ----

    fn condition(&mut self, expr: &Expr) -> Result<(), SqlError> {
        match expr {
            Expr::Nested(inner) => self.condition(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.condition(left)?;
                self.condition(right)
            }
            Expr::BinaryOp { left, op, right } => match comparison(op) {
                Some(comparison) => self.compare(left, comparison, right),
                None => self.unsupported(format!("{op}"), self.source.operator_after(left.as_ref())),
            },
            Expr::Between { expr, negated: false, low, high } => {
                self.compare(expr, Comparison::GreaterOrEqual, low)?;
                self.compare(expr, Comparison::LessOrEqual, high)
            }
            _ => {
                let (construct, at) = self.describe(expr);
                self.unsupported(construct, at)
            }
        }
    }

    fn compare(&mut self, left: &Expr, comparison: Comparison, right: &Expr) -> Result<(), SqlError> {
        let at = self.source.position(left);
        let (left_side, right_side) = (self.side(left)?, self.side(right)?);
        let (register, value_type, comparison, other, other_at) = match (left_side, right_side) {
            (Side::Column { register, value_type }, other) => {
                (register, value_type, comparison, other, self.source.position(right))
            }
            (other, Side::Column { register, value_type }) => (register, value_type, comparison.mirrored(), other, at),
            _ => return Err(SqlError::NoColumn { at }),
        };
        if !value_type.is_number() && !matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            return Err(SqlError::NoOrder { got: value_type, at });
        }
        let right = self.operand(value_type, other, other_at)?;
        self.predicates.push(Predicate { comparison, left: register, right });
        Ok(())
    }

    /// The right side of a predicate on a column of type `left`.
    fn operand(&mut self, left: ValueType, side: Side, at: Position) -> Result<Operand, SqlError> {
        let mismatch = |right: String| SqlError::Incomparable { left, right, at };
        match (side, left) {
            (Side::Column { register, value_type }, _) if left.comparable(value_type) => {
                Ok(Operand::Register(register))
            }
            (Side::Column { value_type, .. }, _) => Err(mismatch(value_type.to_string())),
            (Side::Number(value) | Side::Hex(_, value), ValueType::Uint(_)) => Ok(Operand::Literal(value)),
            (Side::Hex(digits, value), ValueType::Address) if digits.len() == 40 => Ok(Operand::Literal(value)),
            (Side::Text(text), ValueType::Address) => match left.read(&text) {
                Some(value) => Ok(Operand::Literal(value)),
                None => Err(mismatch(format!("'{text}'"))),
            },
            (Side::Bool(value), ValueType::Bool) => Ok(Operand::Literal(U256::from(value))),
            (Side::Bound(bound), ValueType::Uint(_)) => Ok(bound),
            (Side::Param(index), _) => self.param(index, left, at),
            (Side::Number(value), _) => Err(mismatch(value.to_string())),
            (Side::Hex(digits, _), _) => Err(mismatch(format!("0x{digits}"))),
            (Side::Text(text), _) => Err(mismatch(format!("'{text}'"))),
            (Side::Bool(value), _) => Err(mismatch(value.to_string())),
            (Side::Bound(_), _) => Err(mismatch("a block number".into())),
        }
    }

    /// A parameter takes the type of what it is compared with; of numbers, the widest.
    fn param(&mut self, index: usize, value_type: ValueType, at: Position) -> Result<Operand, SqlError> {
        if self.params.len() <= index {
            self.params.resize(index + 1, None);
        }
        let merged = match (self.params[index], value_type) {
            (None, new) => new,
            (Some(ValueType::Uint(old)), ValueType::Uint(new)) => ValueType::Uint(old.max(new)),
            (Some(old), new) if old == new => old,
            (Some(first), second) => {
                return Err(SqlError::ParameterType { number: index + 1, first, second, at });
            }
        };
        self.params[index] = Some(merged);
        Ok(Operand::Param(index as u8))
    }

    fn side(&mut self, expr: &Expr) -> Result<Side, SqlError> {
        match expr {
            Expr::Nested(inner) => self.side(inner),
            Expr::Identifier(name) => self.column(name),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] if table.value == self.table.name() => self.column(column),
                [table, ..] => {
                    let expected = self.table.name().to_string();
                    Err(SqlError::UnknownTable { expected, got: table.value.clone(), at: table.span.into() })
                }
                [] => self.unsupported("an empty name", self.source.position(expr)),
            },
            Expr::Value(value) => self.value(value),
            _ => {
                let (construct, at) = self.describe(expr);
                self.unsupported(construct, at)
            }
        }
    }

    fn column(&mut self, name: &Ident) -> Result<Side, SqlError> {
        let Some((id, value_type)) = self.table.column(&name.value) else {
            let (table, name, at) = (self.table.name().to_string(), name.value.clone(), name.span.into());
            return Err(SqlError::UnknownColumn { table, name, at });
        };
        let register = self.registers.iter().position(|known| *known == id).unwrap_or_else(|| {
            self.registers.push(id);
            self.registers.len() - 1
        });
        Ok(Side::Column { register: register as u8, value_type })
    }

    fn value(&self, value: &ValueWithSpan) -> Result<Side, SqlError> {
        let at = value.span.into();
        let number = |text: &str| read_number(text).ok_or_else(|| SqlError::Number { text: text.into(), at });
        match &value.value {
            Value::Number(text, _) => Ok(Side::Number(number(text)?)),
            Value::HexStringLiteral(digits) => Ok(Side::Hex(digits.clone(), number(&format!("0x{digits}"))?)),
            Value::SingleQuotedString(text) => Ok(Side::Text(text.clone())),
            Value::Boolean(value) => Ok(Side::Bool(*value)),
            Value::Placeholder(name) => match name.as_str() {
                "$from" => Ok(Side::Bound(Operand::From)),
                "$to" => Ok(Side::Bound(Operand::To)),
                _ => match name.strip_prefix('$').and_then(|digits| digits.parse().ok()) {
                    Some(number @ 1..=MAX_PARAMS) => Ok(Side::Param(number - 1)),
                    _ => Err(SqlError::Parameter { name: name.clone(), at }),
                },
            },
            Value::Null => self.unsupported("NULL", at),
            other => self.unsupported(format!("the literal {other}"), at),
        }
    }

    /// What to call an expression outside the subset, and where it is.
    fn describe(&self, expr: &Expr) -> (String, Position) {
        let source = self.source;
        let after = |part: &Expr, word: &str| (word.to_string(), source.keyword_after(part, &[word]));
        let here = |construct: &str| (construct.to_string(), source.position(expr));
        match expr {
            Expr::BinaryOp { left, op, .. } => {
                (format!("operator {op} in a value"), source.operator_after(left.as_ref()))
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                ("NOT".into(), source.keyword_before(expr.as_ref(), &["NOT"]))
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                ("a negative number".into(), source.position(expr.as_ref()))
            }
            Expr::Between { expr, .. } => ("NOT BETWEEN".into(), source.keyword_after(expr.as_ref(), &["NOT"])),
            Expr::InList { expr, .. } | Expr::InSubquery { expr, .. } | Expr::InUnnest { expr, .. } => {
                after(expr, "IN")
            }
            Expr::Like { expr, .. } => after(expr, "LIKE"),
            Expr::ILike { expr, .. } => after(expr, "ILIKE"),
            Expr::SimilarTo { expr, .. } => after(expr, "SIMILAR"),
            Expr::IsNull(expr)
            | Expr::IsNotNull(expr)
            | Expr::IsTrue(expr)
            | Expr::IsNotTrue(expr)
            | Expr::IsFalse(expr)
            | Expr::IsNotFalse(expr)
            | Expr::IsUnknown(expr)
            | Expr::IsNotUnknown(expr)
            | Expr::IsDistinctFrom(expr, _)
            | Expr::IsNotDistinctFrom(expr, _) => after(expr, "IS"),
            Expr::Cast { .. } | Expr::Convert { .. } => here("CAST"),
            Expr::Case { .. } => here("CASE"),
            Expr::Exists { .. } => here("EXISTS"),
            Expr::Subquery(_) => here("a subquery"),
            Expr::Function(call) => {
                (format!("function {} in WHERE", plain_name(&call.name)), source.position(&call.name))
            }
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => {
                here("a condition that is no comparison")
            }
            _ => here("this expression"),
        }
    }
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// A dotted name without its quotes.
fn plain_name(name: &ObjectName) -> String {
    let part = |part: &sqlparser::ast::ObjectNamePart| match part.as_ident() {
        Some(ident) => ident.value.clone(),
        None => part.to_string(),
    };
    name.0.iter().map(part).collect::<Vec<_>>().join(".")
}
