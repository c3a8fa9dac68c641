//! Calls of the broker's API: one request, one answer, every failure named.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use record::Language;
use reqwest::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, Method, StatusCode, Url, redirect};
use rustls::CertificateError;
use serde_json::Value;
use uuid::Uuid;

use crate::failure::Failure;
use crate::profile::{Profile, ProfileError};
use crate::refusal::Refusal;

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long an answer may take: Slurm alone may need a minute of it.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// How long the walk over the whole record may take.
pub(crate) const VERDICT_LIMIT: Duration = Duration::from_secs(3600);

/// A person's way to one server.
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    ca_file: Option<PathBuf>,
    bearer: HeaderValue,
    language: Language,
}

impl Client {
    /// A client for a profile. It trusts the profile's authorities only, follows no redirect and
    /// speaks nothing but TLS, so that the key reaches nobody else.
    pub(crate) fn new(profile: &Profile) -> Result<Self, Failure> {
        let server = origin(&profile.server)?;
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .user_agent(concat!("mimer/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&server) {
            // A proxy of the agency cannot reach this machine itself.
            builder = builder.no_proxy();
        }
        if let Some(path) = &profile.ca_file {
            builder = builder.tls_certs_only(authorities(path)?);
        }
        let http = builder.build().map_err(|error| Failure::Unreachable {
            server: profile.server.clone(),
            fault: root_cause(&error),
        })?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", profile.key))
            .map_err(|_| ProfileError::BadKey)?;
        bearer.set_sensitive(true);
        Ok(Self {
            http,
            server: server.as_str().trim_end_matches('/').to_owned(),
            ca_file: profile.ca_file.clone(),
            bearer,
            language: Language::default(),
        })
    }

    /// The same client, told in this language why something is refused.
    pub(crate) fn reading(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Reads from the API.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.get_within(path, ANSWER_LIMIT).await
    }

    /// Reads from the API by a query, whatever characters it has.
    pub(crate) async fn ask(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Failure> {
        let mut spelled = Url::parse("https://localhost/").expect("a constant address is one");
        spelled.query_pairs_mut().extend_pairs(query);
        self.get(&format!("{path}?{}", spelled.query().unwrap_or_default())).await
    }

    /// Reads from the API what takes long to answer.
    pub(crate) async fn get_within(&self, path: &str, limit: Duration) -> Result<Value, Failure> {
        self.send(self.request(Method::GET, path, limit), None).await
    }

    /// Changes something. `ids` are the flags and ids that make the same request again, which
    /// changes nothing if the first one arrived.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: &Value,
        ids: &[(&str, Uuid)],
    ) -> Result<Value, Failure> {
        let flags: Vec<String> = ids.iter().map(|(flag, id)| format!("{flag} {id}")).collect();
        let repeat = (!flags.is_empty()).then(|| flags.join(" "));
        self.send(self.request(Method::POST, path, ANSWER_LIMIT).json(body), repeat).await
    }

    /// Changes something that has no particulars.
    pub(crate) async fn post_empty(&self, path: &str) -> Result<Value, Failure> {
        self.send(self.request(Method::POST, path, ANSWER_LIMIT), None).await
    }

    fn request(&self, method: Method, path: &str, limit: Duration) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.server))
            .header(AUTHORIZATION, self.bearer.clone())
            .header(ACCEPT_LANGUAGE, self.language.tag())
            .timeout(limit)
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        repeat: Option<String>,
    ) -> Result<Value, Failure> {
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.unanswered(&error, repeat)),
        };
        let status = answer.status();
        let body = match answer.bytes().await {
            Ok(body) => body,
            Err(error) => return Err(self.unanswered(&error, repeat)),
        };
        self.understand(status, &body)
    }

    /// The answer, or the refusal, or the suspicion that this is not mimerd.
    fn understand(&self, status: StatusCode, body: &[u8]) -> Result<Value, Failure> {
        let not_mimerd =
            || Failure::NotMimerd { server: self.server.clone(), status: status.as_u16() };
        if status.is_success() && body.is_empty() {
            return Ok(Value::Null);
        }
        let body: Value = serde_json::from_slice(body).map_err(|_| not_mimerd())?;
        if status.is_success() {
            return Ok(body);
        }
        Err(Refusal::read(status.as_u16(), body).map_or_else(not_mimerd, Failure::Refused))
    }

    fn unanswered(&self, error: &reqwest::Error, repeat: Option<String>) -> Failure {
        let server = self.server.clone();
        if let Some(fault) = certificate_fault(error) {
            return Failure::Certificate { server, ca_file: self.ca_file.clone(), fault };
        }
        let fault = if error.is_timeout() {
            "no answer within the time limit".to_owned()
        } else {
            root_cause(error)
        };
        if error.is_connect() {
            Failure::Unreachable { server, fault }
        } else {
            Failure::NoAnswer { server, fault, repeat }
        }
    }
}

/// The server's address without a path: `https://name:port/`.
fn origin(server: &str) -> Result<Url, ProfileError> {
    let bad = || ProfileError::BadServer(server.to_owned());
    let url: Url = server.parse().map_err(|_| bad())?;
    let plain = url.scheme() == "https"
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if plain { Ok(url) } else { Err(bad()) }
}

fn is_loopback(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let pem =
        std::fs::read(path).map_err(|cause| Failure::File { path: path.to_owned(), cause })?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(Failure::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}

/// What TLS has against the server's certificate, if that is why there is no connection.
fn certificate_fault(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            Some("no authority that is trusted here has signed it".to_owned())
        }
        Some(rustls::Error::InvalidCertificate(fault)) => Some(fault.to_string()),
        _ => None,
    })
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The error and what lies below it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // An i/o error passes over the error it carries when it is asked for its source.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(carried) => Some(carried as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests;
