//! The parts that all requests have in common.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use secrecy::ExposeSecret;

use super::failure::CallFailure;
use super::settings::Settings;
use super::transport::Problem;
use crate::api::operation::Op;
use crate::api::{APP_ID_HEADER, APP_SECRET_HEADER};

/// The addresses of the operations, and the common headers.
pub(super) struct RequestTemplate {
    addresses: BTreeMap<Op, Uri>,
    headers: HeaderMap,
}

impl RequestTemplate {
    /// Creates the template for the settings.
    pub(super) fn new(settings: &Settings) -> Result<Self, CallFailure> {
        let address = |op: &Op| {
            let address = format!("{}/{}", settings.endpoint, op.path()).parse();
            let address = address.map_err(|_| {
                let message = t!(
                    "the endpoint %{endpoint} is not a valid address",
                    endpoint = settings.endpoint
                );
                CallFailure::NotSent(Problem::permanent(
                    message,
                    t_key!("check the endpoint in treaty.yaml"),
                ))
            });
            Ok((*op, address?))
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if let Some(credentials) = &settings.credentials {
            let value = |name: &str, text: &str| {
                HeaderValue::from_str(text).map_err(|_| {
                    CallFailure::Credentials(
                        t!(
                            "the %{name} has characters that are not allowed in a header",
                            name = name
                        )
                        .into_owned(),
                    )
                })
            };
            let mut secret = value(&t!("app secret"), credentials.app_secret.expose_secret())?;
            secret.set_sensitive(true);
            headers.insert(APP_ID_HEADER, value(&t!("app id"), &credentials.app_id)?);
            headers.insert(APP_SECRET_HEADER, secret);
        }
        Ok(Self {
            addresses: Op::ALL.iter().map(address).collect::<Result<_, _>>()?,
            headers,
        })
    }

    /// Creates a request with a body.
    pub(super) fn request(&self, op: Op, body: Bytes) -> http::Request<Bytes> {
        let mut request = http::Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.addresses[&op].clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}
