//! The storage coprocessor: a table over contract storage, a query in SQL (`docs/sql.md`).

mod compile;
mod error;
mod explain;
mod params;
mod planner;
mod query;
mod syntax;
mod table;
mod value_type;

pub use error::{CoprocessorError, ParamError, PlanError, Position, SqlError, TableError};
pub use planner::{Planner, RangeRequest};
pub use query::Query;
pub use table::{Column, Table};
pub use value_type::ValueType;

use crate::{Plan, UnitTable, Workload};

/// A table with a query over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    pub table: Table,
    pub query: Query,
}

/// The workload of tables over contract storage.
#[derive(Clone, Copy, Debug)]
pub struct Coprocessor {
    pub planner: Planner,
}

impl Workload for Coprocessor {
    type Query = Compiled;
    type Request<'a> = RangeRequest<'a>;
    type Error = CoprocessorError;

    fn compile(&self, table: &str, query: &str) -> Result<Compiled, CoprocessorError> {
        let table = Table::parse(table)?;
        let query = Query::compile(&table, query)?;
        Ok(Compiled { table, query })
    }

    fn plan(&self, request: &RangeRequest<'_>, units: &UnitTable) -> Result<Plan, CoprocessorError> {
        Ok(self.planner.plan(request, units)?)
    }
}
