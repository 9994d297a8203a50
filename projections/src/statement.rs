//! A statement with its arguments, ready to be sent: made without the database, so that it can be made while the database is busy.

use sqlx::{
    Arguments, PgConnection,
    encode::Encode,
    postgres::{PgArguments, Postgres},
    types::Type,
};

/// A statement and its encoded arguments.
pub struct Statement {
    sql: &'static str,
    arguments: PgArguments,
    unless_there: Option<UnlessThere>,
}

/// A cheaper statement with the same arguments, for when a question is answered with no.
struct UnlessThere {
    question: &'static str,
    arguments: PgArguments,
    sql: &'static str,
}

impl Statement {
    /// A statement without arguments yet.
    pub(crate) fn new(sql: &'static str) -> Self {
        Self { sql, arguments: PgArguments::default(), unless_there: None }
    }

    /// Adds an argument.
    ///
    /// # Errors
    /// [`sqlx::Error::Encode`] when it has no form on the wire, such as an array of too many values.
    pub(crate) fn bind<T: Encode<'static, Postgres> + Type<Postgres>>(mut self, value: T) -> Result<Self, sqlx::Error> {
        self.arguments.add(value).map_err(sqlx::Error::Encode)?;
        Ok(self)
    }

    /// Sends `sql` with the same arguments instead, if `question` is answered with no just before.
    pub(crate) fn unless_there(mut self, question: Self, sql: &'static str) -> Self {
        self.unless_there = Some(UnlessThere { question: question.sql, arguments: question.arguments, sql });
        self
    }

    /// Those that there are, in their order.
    pub(crate) fn list<const N: usize>(statements: [Option<Self>; N]) -> Vec<Self> {
        statements.into_iter().flatten().collect()
    }

    /// Has it carried out.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) async fn execute(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut sql = self.sql;
        if let Some(cheaper) = self.unless_there {
            let there: bool =
                sqlx::query_scalar_with(cheaper.question, cheaper.arguments).fetch_one(&mut *connection).await?;
            if !there {
                sql = cheaper.sql;
            }
        }
        sqlx::query_with(sql, self.arguments).execute(connection).await?;
        Ok(())
    }
}
