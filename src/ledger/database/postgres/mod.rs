//! Statements at a Postgres server.
//!
//! A call blocks its thread until the server answers; the sockets of all connections are served by
//! one background thread. A lost connection is restored by the next statement, except within a
//! transaction, which ends with [`Error::Lost`].

pub(in crate::ledger) mod settings;
mod tls;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use futures::executor::block_on;
use tokio::runtime::Handle;
use tokio_postgres::{Client, Statement};

use self::settings::PostgresSettings;
use super::error::{Error, Result, ends_connection};
use super::value::{OwnedValue, Row, Value};

/// Begins a transaction that reads one state. The first statement takes the snapshot.
/// A reader may be slow between two pages.
pub(super) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = '1h'; SELECT 1";

/// The number of times that a query is sent whose connection is lost.
const ATTEMPTS: usize = 10;

/// The number of rows that are read at once.
const PAGE: usize = 1000;

/// The settings of a session. A commit is acknowledged once it is on disk. A server may limit statements to less than a large ledger needs; a
/// holder that waits longer for a lock has lost its lease. A transaction whose connection was lost
/// without a trace ends before the one that waits for its lock gives up.
const SESSION: &str = "
SET client_min_messages = warning;
SET statement_timeout = '5min';
SET lock_timeout = '20s';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
SET idle_in_transaction_session_timeout = '10s'";

/// The delay before the second attempt to connect again. Each further one is twice as long, up to
/// [`MAX_DELAY`].
const FIRST_DELAY: Duration = Duration::from_millis(10);
const MAX_DELAY: Duration = Duration::from_secs(1);
/// The time for which a connection is restored. It is shorter than the time for which a lease is
/// trusted without a renewal.
const MAX_OUTAGE: Duration = Duration::from_secs(5);
/// The time for a connection, with its login and its settings.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// A connection to a schema.
#[derive(Debug)]
pub(super) struct Connection {
    settings: PostgresSettings,
    session: RefCell<Session>,
    is_in_transaction: Cell<bool>,
    /// The number of cursors that were opened, for their names.
    cursors: Cell<u64>,
}

struct Session {
    client: Arc<Client>,
    statements: HashMap<String, Statement>,
    /// The time of the server in milliseconds since 1970, and when it was read.
    time: (i64, Instant, SystemTime),
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects.
    pub(super) fn open(settings: &PostgresSettings) -> Result<Self> {
        Ok(Self {
            session: RefCell::new(connect(settings)?),
            settings: settings.clone(),
            is_in_transaction: Cell::new(false),
            cursors: Cell::new(0),
        })
    }

    pub(super) fn now(&self) -> i64 {
        let (time, instant, system) = self.session.borrow().time;
        // The monotonic clock may stop while the machine sleeps, and the system clock may be set.
        let elapsed = instant.elapsed().max(system.elapsed().unwrap_or_default());
        time.saturating_add(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }

    pub(super) fn restore(&self) -> Result<bool> {
        if !self.session.borrow().client.is_closed() {
            return Ok(false);
        }
        self.is_in_transaction.set(false);
        let begun = Instant::now();
        let mut delay = FIRST_DELAY;
        loop {
            match connect(&self.settings) {
                Ok(session) => {
                    self.session.replace(session);
                    return Ok(true);
                }
                // A wrong password does not become right.
                Err(error) if begun.elapsed() > MAX_OUTAGE || !error.is_lost() => {
                    return Err(error);
                }
                Err(_) => {}
            }
            std::thread::sleep(delay);
            delay = MAX_DELAY.min(delay * 2);
        }
    }

    pub(super) fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<u64> {
        let client = self.client()?;
        let statement = self.prepare(sql)?;
        let params = owned(params);
        block_on(client.execute_raw(&statement, params)).map_err(failed)
    }

    pub(super) fn execute_batch(&self, sql: &str) -> Result<()> {
        let client = self.client()?;
        block_on(client.batch_execute(sql)).map_err(failed)
    }

    /// Returns all rows. Outside of a transaction, a query whose connection is lost is sent again.
    pub(super) fn query(
        &self,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<Vec<tokio_postgres::Row>> {
        for _ in 1..ATTEMPTS {
            match self.send(sql, params).and_then(Sent::wait) {
                Err(error) if error.is_lost() && !self.is_in_transaction.get() => self.restore()?,
                result => return result,
            };
        }
        self.send(sql, params)?.wait()
    }

    /// Sends a statement without waiting for its result. The server executes statements in the
    /// order in which they were sent.
    pub(super) fn send(&self, sql: &str, params: &[Value<'_>]) -> Result<Sent> {
        let client = self.client()?;
        let statement = self.prepare(sql)?;
        let params = owned(params);
        let mut answer: Answer = Box::pin(async move {
            use futures::TryStreamExt as _;
            client
                .query_raw(&statement, params)
                .await?
                .try_collect()
                .await
        });
        // The first poll sends the statement.
        match answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(result) => Ok(Sent::Answered(result.map_err(failed))),
            Poll::Pending => Ok(Sent::Waiting(answer)),
        }
    }

    pub(super) fn visit(
        &self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let is_outermost = !self.is_in_transaction.get();
        if is_outermost {
            self.begin(SNAPSHOT)?;
        }
        let visited = self.visit_cursor(sql, params, each);
        if is_outermost {
            let ended = self.end("COMMIT");
            return visited.and(ended);
        }
        visited
    }

    fn visit_cursor(
        &self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let number = self.cursors.get() + 1;
        self.cursors.set(number);
        let declare = format!("DECLARE c{number} NO SCROLL CURSOR FOR {}", numbered(sql));
        let client = self.client()?;
        block_on(client.execute_raw(&declare, owned(params))).map_err(failed)?;
        let fetch = format!("FETCH {PAGE} FROM c{number}");
        'pages: loop {
            let rows: Vec<tokio_postgres::Row> =
                block_on(client.query(&fetch, &[])).map_err(failed)?;
            for row in &rows {
                if each(&Row::from(row))?.is_break() {
                    break 'pages;
                }
            }
            if rows.len() < PAGE {
                break;
            }
        }
        self.execute_batch(&format!("CLOSE c{number}"))
    }

    pub(super) fn begin(&self, sql: &str) -> Result<()> {
        if self.session.borrow().client.is_closed() {
            self.restore()?;
        }
        match self.execute_batch(sql) {
            Err(error) if error.is_lost() => {
                self.restore()?;
                self.execute_batch(sql)?;
            }
            result => result?,
        }
        self.is_in_transaction.set(true);
        Ok(())
    }

    /// Records that a transaction was begun.
    pub(super) fn set_in_transaction(&self) {
        self.is_in_transaction.set(true);
    }

    pub(super) fn end(&self, sql: &str) -> Result<()> {
        let ended = self.execute_batch(sql);
        self.is_in_transaction.set(false);
        ended
    }

    fn client(&self) -> Result<Arc<Client>> {
        if self.session.borrow().client.is_closed() {
            if self.is_in_transaction.get() {
                return Err(Error::Lost);
            }
            self.restore()?;
        }
        Ok(self.session.borrow().client.clone())
    }

    /// Returns a prepared statement. Each is prepared once per connection.
    fn prepare(&self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.session.borrow().statements.get(sql) {
            return Ok(statement.clone());
        }
        let client = self.client()?;
        let prepared = block_on(client.prepare(&numbered(sql)));
        let statement = prepared.map_err(failed)?;
        let statements = &mut self.session.borrow_mut().statements;
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

type Answer =
    Pin<Box<dyn Future<Output = Result<Vec<tokio_postgres::Row>, tokio_postgres::Error>> + Send>>;

/// A statement that was sent.
pub(super) enum Sent {
    Answered(Result<Vec<tokio_postgres::Row>>),
    Waiting(Answer),
}

impl Sent {
    /// Waits for the rows.
    pub(super) fn wait(self) -> Result<Vec<tokio_postgres::Row>> {
        match self {
            Self::Answered(result) => result,
            Self::Waiting(answer) => Ok(block_on(answer)?),
        }
    }
}

/// Serves the sockets of all connections.
static DRIVER: LazyLock<Result<Handle, String>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .map_err(|error| error.to_string())?;
    Ok(handle)
});

fn connect(settings: &PostgresSettings) -> Result<Session> {
    let driver = DRIVER
        .as_ref()
        .map_err(|why| Error::Unreachable(why.clone()))?;
    let tls = tls::connector(settings).map_err(Error::Unreachable)?;
    let config = settings.config();
    let schema = settings.address.quoted_schema();
    let begin = format!("{SESSION}; SET search_path = {schema}");
    let (connected, session) = futures::channel::oneshot::channel();
    driver.spawn(async move {
        let connecting = async {
            let (client, connection) = config.connect(tls).await?;
            // An error reaches the statements that wait for an answer.
            tokio::spawn(connection);
            client.batch_execute(&begin).await?;
            let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
            let time: i64 = client.query_one(sql, &[]).await?.try_get(0)?;
            Ok((client, time))
        };
        let result = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
        // The caller waits for it.
        drop(connected.send(result));
    });
    let session = block_on(session).map_err(|_| Error::Lost)?;
    let unanswered = |_| Error::Unreachable(t!("the server does not answer").into_owned());
    let (client, time) = session.map_err(unanswered)?.map_err(failed)?;
    Ok(Session {
        client: Arc::new(client),
        statements: HashMap::new(),
        time: (time, Instant::now(), SystemTime::now()),
    })
}

/// Converts an error of a connection.
fn failed(error: tokio_postgres::Error) -> Error {
    let is_lost = error.is_closed() || ends_connection(&error);
    if !is_lost && error.as_db_error().is_some() {
        return Error::Postgres(error);
    }
    let why = Error::Postgres(error).to_string();
    // The driver has no other mark of them.
    match why.strip_prefix("invalid configuration: ") {
        Some(why) => Error::Login(why.to_owned()),
        None if why.starts_with("authentication error") => Error::Login(why),
        None => Error::Unreachable(why),
    }
}

/// Returns parameters that own their text. A text of Postgres cannot hold the character NUL, which a
/// message of the service may contain.
fn owned(params: &[Value<'_>]) -> Vec<OwnedValue> {
    let owned = |value: &Value<'_>| match value {
        Value::Text(text) if text.contains('\0') => {
            OwnedValue::Text(text.replace('\0', "\u{fffd}"))
        }
        value => OwnedValue::from(*value),
    };
    params.iter().map(owned).collect()
}

/// Replaces the parameters `?` and `?1` by `$1`.
fn numbered(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 8);
    let mut number = 0;
    let mut pieces = sql.split('?');
    text.extend(pieces.next());
    for piece in pieces {
        text.push('$');
        if !piece.starts_with(|first: char| first.is_ascii_digit()) {
            number += 1;
            text.push_str(&number.to_string());
        }
        text.push_str(piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered() {
        assert_eq!(numbered("a = ? AND b = ?"), "a = $1 AND b = $2");
        assert_eq!(numbered("a = ?2 OR a > ?1"), "a = $2 OR a > $1");
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
    }
}
