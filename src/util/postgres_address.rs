//! The address of a schema in a Postgres database:
//! `postgres://USER@HOST:PORT/DATABASE?schema=NAME&sslrootcert=FILE`.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

/// The longest name of a schema that Postgres does not cut off, in bytes.
const MAX_SCHEMA: usize = 63;
const PORT: u16 = 5432;

/// A reason why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The address is invalid.
    #[error("{}", t!("the address of the ledger is invalid: %{why}", why = _0))]
    Invalid(String),
    /// The address contains a password. The project's files are read by many.
    #[error("{}", t!("the address of the ledger contains a password"))]
    HasPassword,
    /// The address turns off TLS to another machine.
    #[error("{}", t!("the ledger is on another machine, %{host}, so its connection needs TLS", host = _0))]
    NeedsTls(String),
    /// The name of the schema is invalid.
    #[error("{}", t!("the schema %{name} cannot be used", name = _0))]
    Schema(String),
}

impl AddressError {
    /// Returns what to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Invalid(_) => {
                t!("write postgres://USER@HOST:PORT/DATABASE, with ?schema=NAME and &sslrootcert=FILE if they are needed")
            }
            Self::HasPassword => t!(
                "remove it, and set the environment variable TREATY_LEDGER_PASSWORD, TREATY_LEDGER_PASSWORD_FILE or PGPASSFILE"
            ),
            Self::NeedsTls(_) => t!(
                "remove sslmode; if the server's certificate is of an authority of your own, add sslrootcert=FILE"
            ),
            Self::Schema(_) => t!(
                "use a name of at most %{most} bytes that does not begin with pg_",
                most = MAX_SCHEMA
            ),
        }
        .into_owned()
    }
}

/// The address of a schema in a Postgres database, without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresAddress {
    /// The user; none for the default of the server's settings.
    pub user: String,
    /// The name or the IP address of the server, or the folder of its socket.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The schema.
    pub schema: String,
    /// Whether the connection uses TLS. The certificate is then always checked.
    pub uses_tls: bool,
    /// The file with the certificates that the server's is checked against; none for those of the
    /// system.
    pub root_certificates: Option<PathBuf>,
}

/// Returns whether a text is the address of a Postgres database.
pub fn is_postgres(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// Returns the default name of a schema: `treaty_`, the project and the environment. A name that is
/// too long, or that other names could result in, too, ends with a digest.
pub fn default_schema(project: &str, environment: &str) -> String {
    let name = format!("treaty_{project}_{environment}");
    let is_ambiguous = project.contains('_') || environment.contains('_');
    if name.len() <= MAX_SCHEMA && !is_ambiguous {
        return name;
    }
    let digest = blake3::hash(format!("{project}\n{environment}").as_bytes()).to_hex();
    let digest = &digest[..16];
    let mut length = name.len().min(MAX_SCHEMA - digest.len() - 1);
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    format!("{}_{digest}", &name[..length])
}

impl PostgresAddress {
    /// Parses an address. The schema is `schema` unless the address names one; the path of the
    /// certificates is relative to `root`.
    ///
    /// # Errors
    ///
    /// [`AddressError`] if the address is invalid, contains a password or turns off TLS to another
    /// machine.
    pub fn parse(text: &str, schema: &str, root: &Path) -> Result<Self, AddressError> {
        let invalid = |why: String| AddressError::Invalid(why);
        let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        if url.password().is_some() {
            return Err(AddressError::HasPassword);
        }
        let decoded = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded
                .map(std::borrow::Cow::into_owned)
                .map_err(|error| invalid(error.to_string()))
        };
        let host = decoded(url.host_str().unwrap_or_default())?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let database = decoded(url.path().trim_start_matches('/'))?;
        let user = decoded(url.username())?;
        if [&host, &database, &user].into_iter().any(String::is_empty) {
            let why = t!("it must name a user, a host and a database");
            return Err(invalid(why.into_owned()));
        }
        let mut address = Self {
            user,
            host,
            port: url.port().unwrap_or(PORT),
            database,
            schema: schema.to_owned(),
            uses_tls: false,
            root_certificates: None,
        };
        let (mut forbids_tls, mut requires_tls) = (false, false);
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "schema" => address.schema = value.into_owned(),
                "sslrootcert" => address.root_certificates = Some(root.join(value.as_ref())),
                "password" => return Err(AddressError::HasPassword),
                "sslmode" if value == "disable" => forbids_tls = true,
                // Weaker modes do not exist: a certificate is always checked.
                "sslmode" => requires_tls = true,
                _ => {
                    let why = t!("the parameter %{name} is not supported", name = name);
                    return Err(invalid(why.into_owned()));
                }
            }
        }
        if !is_valid_schema(&address.schema) {
            return Err(AddressError::Schema(address.schema));
        }
        let is_other = is_other_machine(&address.host);
        if is_other && forbids_tls {
            return Err(AddressError::NeedsTls(address.host));
        }
        address.uses_tls = is_other || requires_tls || address.root_certificates.is_some();
        Ok(address)
    }

    /// Returns the schema as an identifier in SQL.
    pub fn quoted_schema(&self) -> String {
        format!("\"{}\"", self.schema.replace('"', "\"\""))
    }

    /// Describes the server and the database: `postgres://treaty@db:5432/treaty`.
    pub fn server(&self) -> String {
        let Self {
            user,
            host,
            port,
            database,
            ..
        } = self;
        format!("postgres://{user}@{host}:{port}/{database}")
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = t!("schema %{name}", name = self.schema);
        write!(f, "{}, {schema}", self.server())
    }
}

fn is_valid_schema(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_SCHEMA
        && !name.starts_with("pg_")
        && !name.contains(char::is_control)
}

fn is_other_machine(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => !address.is_loopback(),
        Err(_) => host != "localhost" && !host.starts_with('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PostgresAddress, AddressError> {
        PostgresAddress::parse(text, "treaty_loans", Path::new("/project"))
    }

    #[test]
    fn another_machine_is_reached_with_tls_only() {
        for (address, uses_tls) in [
            ("postgres://treaty@db/treaty", true),
            ("postgresql://treaty@10.0.0.7:6432/treaty", true),
            ("postgres://treaty@db/treaty?sslmode=prefer", true),
            ("postgres://treaty@127.0.0.1/treaty", false),
            ("postgres://treaty@[::1]/treaty", false),
            ("postgres://treaty@localhost/treaty", false),
            ("postgres://treaty@%2Frun%2Fpostgresql/treaty", false),
            (
                "postgres://treaty@localhost/treaty?sslmode=verify-full",
                true,
            ),
            (
                "postgres://treaty@localhost/treaty?sslrootcert=ca.pem",
                true,
            ),
        ] {
            assert_eq!(
                parse(address).expect(address).uses_tls,
                uses_tls,
                "{address}"
            );
        }
        let error = parse("postgres://treaty@db/treaty?sslmode=disable").expect_err("no TLS");
        assert_eq!(error, AddressError::NeedsTls("db".to_owned()));
    }

    #[test]
    fn a_password_in_the_address_is_refused() {
        for address in [
            "postgres://treaty:secret@db/treaty",
            "postgres://treaty@db/treaty?password=secret",
        ] {
            let error = parse(address).expect_err("refused");
            assert_eq!(error, AddressError::HasPassword);
        }
    }

    #[test]
    fn an_address_names_its_parts() {
        let address = parse("postgres://tre%40ty@db/treaty?schema=loans%202").expect("parsed");
        assert_eq!(address.user, "tre@ty");
        assert_eq!(address.quoted_schema(), "\"loans 2\"");
        assert_eq!(address.server(), "postgres://tre@ty@db:5432/treaty");
        let address = parse("postgres://treaty@%2Frun%2Fpostgresql/treaty").expect("parsed");
        assert_eq!(address.host, "/run/postgresql");
        assert_eq!(address.schema, "treaty_loans");
        for address in [
            "postgres://treaty@db/treaty?schema=",
            "postgres://treaty@db/treaty?schema=pg_catalog",
        ] {
            let error = parse(address).expect_err("refused");
            assert!(matches!(error, AddressError::Schema(_)), "{error}");
        }
        for address in [
            "postgres://db/treaty",
            "postgres://treaty@db",
            "postgres:///treaty",
            "postgres://treaty@db/treaty?scheme=loans",
        ] {
            let error = parse(address).expect_err(address);
            assert!(matches!(error, AddressError::Invalid(_)), "{error}");
        }
    }

    #[test]
    fn the_default_schema_fits() {
        assert_eq!(
            default_schema("loans", "production"),
            "treaty_loans_production"
        );
        let long = default_schema(&"借款合同".repeat(10), "production");
        assert!(is_valid_schema(&long), "{long}");
        assert_ne!(long, default_schema(&"借款合同".repeat(10), "staging"));
        assert_ne!(default_schema("a_b", "c"), default_schema("a", "b_c"));
    }
}
