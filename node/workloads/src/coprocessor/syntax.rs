//! From SQL text to a bare SELECT; every clause outside the subset is refused here by name.

use sqlparser::ast::{
    Expr, GroupByExpr, ObjectName, Query, Select, SelectItem, SetExpr, Spanned, Statement, TableFactor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::error::{Position, SqlError};

/// A parsed text: the three parts that the subset has, and the tokens, to tell where things are.
pub struct Source {
    tokens: Vec<TokenWithSpan>,
    pub items: Vec<SelectItem>,
    pub table: ObjectName,
    pub condition: Option<Expr>,
}

struct Tokens<'a>(&'a [TokenWithSpan]);

impl Source {
    /// Parses one SELECT and refuses every clause but SELECT, FROM one table and WHERE.
    pub fn read(sql: &str) -> Result<Self, SqlError> {
        let dialect = PostgreSqlDialect {};
        let tokens = Tokenizer::new(&dialect, sql)
            .tokenize_with_location()
            .map_err(|error| SqlError::Syntax(error.to_string()))?;
        let mut statements = Parser::new(&dialect)
            .with_tokens_with_locations(tokens.clone())
            .parse_statements()
            .map_err(|error| SqlError::Syntax(error.to_string().replace("sql parser error: ", "")))?;
        let places = Tokens(&tokens);
        let query = match (statements.pop(), statements.len()) {
            (None, _) => return Err(SqlError::Syntax("the text is empty".into())),
            (Some(Statement::Query(query)), 0) => query,
            (Some(_), 0) => return Err(places.refuse("a statement other than SELECT", Position { line: 1, column: 1 })),
            (Some(_), _) => {
                let second = places.first(|token| *token == Token::SemiColon);
                return Err(places.refuse("a second statement", second));
            }
        };
        let select = places.select(*query)?;
        let table = places.table(&select)?;
        Ok(Source { items: select.projection, table, condition: select.selection, tokens })
    }

    /// Start of a part of the query.
    pub fn position(&self, of: &impl Spanned) -> Position {
        of.span().into()
    }

    /// First of the keywords at or after the end of a part.
    pub fn keyword_after(&self, part: &impl Spanned, words: &[&str]) -> Position {
        let end = part.span().end;
        Tokens(&self.tokens).find(|token| token.span.start >= end && is_word(&token.token, words))
    }

    /// Last of the keywords before the start of a part.
    pub fn keyword_before(&self, part: &impl Spanned, words: &[&str]) -> Position {
        let start = part.span().start;
        let mut tokens = self.tokens.iter().rev();
        let found = tokens.find(|token| token.span.start < start && is_word(&token.token, words));
        found.map_or(part.span().into(), |token| token.span.into())
    }

    /// Operator at or after the end of a part.
    pub fn operator_after(&self, part: &impl Spanned) -> Position {
        let end = part.span().end;
        let skip = |token: &Token| matches!(token, Token::Whitespace(_) | Token::RParen);
        Tokens(&self.tokens).find(|token| token.span.start >= end && !skip(&token.token))
    }
}

impl Tokens<'_> {
    fn find(&self, test: impl Fn(&TokenWithSpan) -> bool) -> Position {
        self.0.iter().find(|token| test(token)).map_or(Position { line: 1, column: 1 }, |token| token.span.into())
    }

    fn first(&self, test: impl Fn(&Token) -> bool) -> Position {
        self.find(|token| test(&token.token))
    }

    fn refuse(&self, construct: &str, at: Position) -> SqlError {
        SqlError::Unsupported { construct: construct.into(), at }
    }

    /// The error for a construct that starts with a keyword, where that first stands.
    fn refuse_keyword(&self, construct: &str) -> SqlError {
        let word = construct.split(' ').next().unwrap_or(construct);
        self.refuse(construct, self.first(|token| is_word(token, &[word])))
    }

    fn none(&self, present: bool, construct: &str) -> Result<(), SqlError> {
        if present { Err(self.refuse_keyword(construct)) } else { Ok(()) }
    }

    fn select(&self, query: Query) -> Result<Select, SqlError> {
        self.none(query.with.is_some(), "WITH")?;
        let select = match *query.body {
            SetExpr::Select(select) => *select,
            SetExpr::SetOperation { op, .. } => return Err(self.refuse_keyword(&op.to_string())),
            SetExpr::Values(_) => return Err(self.refuse_keyword("VALUES")),
            _ => {
                let at = self.first(|token| *token == Token::LParen);
                return Err(self.refuse("a query in parentheses", at));
            }
        };
        self.none(query.order_by.is_some(), "ORDER BY")?;
        if query.limit_clause.is_some() {
            let at = self.first(|token| is_word(token, &["LIMIT", "OFFSET"]));
            return Err(self.refuse("LIMIT or OFFSET", at));
        }
        self.none(query.fetch.is_some(), "FETCH")?;
        self.none(!query.locks.is_empty() || query.for_clause.is_some(), "FOR")?;
        self.none(query.settings.is_some(), "SETTINGS")?;
        self.none(query.format_clause.is_some(), "FORMAT")?;
        let pipes = self.first(|token| *token == Token::VerticalBarRightAngleBracket);
        if !query.pipe_operators.is_empty() {
            return Err(self.refuse("|>", pipes));
        }
        self.clauses(&select)?;
        Ok(select)
    }

    fn clauses(&self, select: &Select) -> Result<(), SqlError> {
        self.none(select.distinct.is_some(), "DISTINCT")?;
        self.none(select.top.is_some(), "TOP")?;
        self.none(select.exclude.is_some(), "EXCLUDE")?;
        self.none(select.into.is_some(), "INTO")?;
        self.none(!select.lateral_views.is_empty(), "LATERAL VIEW")?;
        self.none(select.prewhere.is_some(), "PREWHERE")?;
        let grouped = match &select.group_by {
            GroupByExpr::All(_) => true,
            GroupByExpr::Expressions(by, modifiers) => !by.is_empty() || !modifiers.is_empty(),
        };
        self.none(grouped, "GROUP BY")?;
        self.none(!select.cluster_by.is_empty(), "CLUSTER BY")?;
        self.none(!select.distribute_by.is_empty(), "DISTRIBUTE BY")?;
        self.none(!select.sort_by.is_empty(), "SORT BY")?;
        self.none(select.having.is_some(), "HAVING")?;
        self.none(!select.named_window.is_empty(), "WINDOW")?;
        self.none(select.qualify.is_some(), "QUALIFY")?;
        self.none(select.value_table_mode.is_some(), "AS STRUCT or AS VALUE")?;
        self.none(select.connect_by.is_some(), "CONNECT BY")
    }

    fn table(&self, select: &Select) -> Result<ObjectName, SqlError> {
        let [from, more @ ..] = select.from.as_slice() else {
            let at = self.first(|token| is_word(token, &["SELECT"]));
            return Err(self.refuse("SELECT without FROM", at));
        };
        if let Some(second) = more.first() {
            return Err(self.refuse("a second table", second.relation.span().into()));
        }
        self.none(!from.joins.is_empty(), "JOIN")?;
        match &from.relation {
            TableFactor::Table {
                name,
                alias: None,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => Ok(name.clone()),
            TableFactor::Table { alias: Some(alias), .. } => {
                Err(self.refuse("an alias for the table", alias.name.span.into()))
            }
            TableFactor::Derived { subquery, .. } => Err(self.refuse("a subquery in FROM", subquery.span().into())),
            other => Err(self.refuse("anything but a table name in FROM", other.span().into())),
        }
    }
}

fn is_word(token: &Token, words: &[&str]) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none()
        && words.iter().any(|w| w.eq_ignore_ascii_case(&word.value)))
}

impl From<Span> for Position {
    fn from(span: Span) -> Self {
        let Location { line, column } = span.start;
        Position { line: line.max(1), column: column.max(1) }
    }
}
