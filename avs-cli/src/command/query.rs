//! `gavel query`: what a question means before anybody pays for it.

use std::path::PathBuf;

use alloy::primitives::B256;
use anyhow::Context;
use clap::{Args, Subcommand};
use gavel_workloads::coprocessor::{Query, Table};
use serde::Serialize;

use crate::output::Output;

/// Commands for queries.
#[derive(Debug, Subcommand)]
pub enum QueryCommand {
    /// Check a table file and a query; print their digests and, in words, what will be proven
    Compile(Question),
}

/// A table and a query over it.
#[derive(Debug, Args)]
pub struct Question {
    /// Table file: contract, columns, slots (docs/sql.md)
    #[arg(long, value_name = "FILE")]
    pub table: PathBuf,
    /// The query
    #[arg(long, value_name = "TEXT")]
    pub sql: String,
}

impl Question {
    /// Reads and compiles both.
    pub fn compile(&self) -> anyhow::Result<(Table, Query)> {
        let shown = self.table.display();
        let text = std::fs::read_to_string(&self.table).with_context(|| format!("cannot read the table {shown}"))?;
        let table = Table::parse(&text).with_context(|| format!("the table {shown} is not valid"))?;
        let query = Query::compile(&table, &self.sql).context("the query is not valid")?;
        Ok((table, query))
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CompiledQuery {
    table_id: B256,
    table_text: String,
    query_digest: B256,
    query_text: String,
    parameters: Vec<String>,
    results: Vec<ResultColumn>,
    meaning: String,
}

#[derive(Debug, Serialize)]
struct ResultColumn {
    name: String,
    #[serde(rename = "type")]
    value_type: String,
}

impl QueryCommand {
    /// Runs the command.
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let QueryCommand::Compile(question) = self;
        let (table, query) = question.compile()?;
        let results = query.results().iter();
        let compiled = CompiledQuery {
            table_id: table.id(),
            table_text: table.canonical_text(),
            query_digest: query.digest(),
            query_text: query.canonical_text().to_owned(),
            parameters: query.params().iter().map(ToString::to_string).collect(),
            results: results
                .map(|column| ResultColumn { name: column.name.clone(), value_type: column.value_type.to_string() })
                .collect(),
            meaning: query.explain(&table),
        };
        output.result(&compiled, |compiled| {
            let parameters = compiled.parameters.iter().enumerate();
            let parameters: Vec<String> = parameters.map(|(i, kind)| format!("${} {kind}", i + 1)).collect();
            let parameters = if parameters.is_empty() { "none".to_owned() } else { parameters.join(", ") };
            let results: Vec<String> =
                compiled.results.iter().map(|column| format!("{} {}", column.name, column.value_type)).collect();
            format!(
                "table id      {}\nquery digest  {}\nquery         {}\nparameters    {parameters}\nresults       {}\n\n{}",
                compiled.table_id,
                compiled.query_digest,
                compiled.query_text,
                results.join(", "),
                compiled.meaning
            )
        })
    }
}
