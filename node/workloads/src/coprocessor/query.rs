//! A compiled query with what people see of it.

use alloy_primitives::{B256, U256};
use gavel_circuits::query::Program;
use gavel_circuits::statement::word_from_hash;

use super::compile::Compiler;
use super::error::{ParamError, SqlError};
use super::table::Table;
use super::value_type::ValueType;
use super::{explain, params, syntax};

/// One result of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultColumn {
    /// The alias, or the function and column.
    pub name: String,
    pub value_type: ValueType,
}

/// A query over one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(super) program: Program,
    pub(super) digest: B256,
    pub(super) results: Vec<ResultColumn>,
    pub(super) params: Vec<ValueType>,
    pub(super) text: String,
}

impl Query {
    /// Compiles SQL over `table` (`docs/sql.md` has the subset).
    ///
    /// # Errors
    /// [`SqlError`] with the construct and its position.
    pub fn compile(table: &Table, sql: &str) -> Result<Self, SqlError> {
        let source = syntax::Source::read(sql)?;
        let (program, results, params) = Compiler::new(table, &source).compile()?;
        // The table id is a digest that was just made, hence canonical.
        let digest = program.digest().map_err(|error| SqlError::Syntax(error.to_string()))?;
        let mut query = Query { program, digest: word_from_hash(digest), results, params, text: String::new() };
        query.text = explain::canonical_sql(table, &query);
        Ok(query)
    }

    /// The program that circuits evaluate.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// `queryDigest`.
    pub fn digest(&self) -> B256 {
        self.digest
    }

    /// Results in order.
    pub fn results(&self) -> &[ResultColumn] {
        &self.results
    }

    /// Type of each parameter.
    pub fn params(&self) -> &[ValueType] {
        &self.params
    }

    /// SQL with one spelling: compiling it gives this query again.
    pub fn canonical_text(&self) -> &str {
        &self.text
    }

    /// In words: what a proof of this query says.
    pub fn explain(&self, table: &Table) -> String {
        explain::in_words(table, self)
    }

    /// Reads parameters as a person types them.
    ///
    /// # Errors
    /// [`ParamError`] with the number of the parameter.
    pub fn read_params(&self, texts: &[String]) -> Result<Vec<U256>, ParamError> {
        params::read(&self.params, texts)
    }

    /// Checks parameter words as a contract sends them.
    ///
    /// # Errors
    /// [`ParamError`] with the number of the parameter.
    pub fn check_params(&self, words: &[U256]) -> Result<(), ParamError> {
        params::check(&self.params, words)
    }

    /// Names and printed values of result words, in order.
    pub fn row(&self, words: &[U256]) -> Vec<(String, String)> {
        self.results.iter().zip(words).map(|(r, word)| (r.name.clone(), r.value_type.show(*word))).collect()
    }
}
