//! Identifiers, units, statements and signed messages of Gavel. No IO.

pub mod statement;
