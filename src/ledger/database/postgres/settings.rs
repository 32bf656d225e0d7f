//! The settings of a connection.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::util::postgres_address::PostgresAddress;

/// The time after which a server that does not confirm data counts as lost.
const USER_TIMEOUT: Duration = Duration::from_secs(15);

/// A schema of a Postgres database, and the password of its user.
#[derive(Clone)]
pub struct PostgresSettings {
    /// The address.
    pub address: PostgresAddress,
    /// The password; none for a server that needs none.
    pub password: Option<SecretString>,
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresSettings")
            .field(&self.address)
            .finish()
    }
}

impl PostgresSettings {
    /// Returns the name under which the server lists the connections.
    pub(in crate::ledger) fn application_name(&self) -> String {
        format!("treaty {}", self.address.schema)
    }

    pub(super) fn config(&self) -> Config {
        let address = &self.address;
        let mut config = Config::new();
        config
            .user(&address.user)
            .host(&address.host)
            .port(address.port)
            .dbname(&address.database)
            .application_name(self.application_name())
            .keepalives_idle(USER_TIMEOUT)
            .tcp_user_timeout(USER_TIMEOUT)
            .ssl_mode(if address.uses_tls {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        if let Some(password) = &self.password {
            config.password(password.expose_secret());
        }
        config
    }
}
