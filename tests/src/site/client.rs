//! A person at the API: requests with their key over TLS, answers as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::Value;

/// A person with a key.
#[derive(Clone, Debug)]
pub struct Person {
    /// Name they log in with.
    pub login: String,
    /// Their access key.
    pub key: String,
    client: reqwest::Client,
    base: String,
}

/// An answer: status and body.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Body; a string if it was not JSON.
    pub body: Value,
}

/// An answer that was not a success.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path} was answered {status} {code}: {message}")]
pub struct Refused {
    method: Method,
    path: String,
    /// HTTP status.
    pub status: u16,
    /// The API's stable code.
    pub code: String,
    /// The API's sentence.
    pub message: String,
}

impl Person {
    pub(super) fn new(login: &str, key: &str, port: u16, ca_file: &Path) -> Result<Self> {
        let ca =
            std::fs::read(ca_file).with_context(|| format!("reading {}", ca_file.display()))?;
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca)?])
            .no_proxy()
            .build()?;
        Ok(Self {
            login: login.to_owned(),
            key: key.to_owned(),
            client,
            base: format!("https://127.0.0.1:{port}"),
        })
    }

    /// The same client with another key, or none that is any good.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// Sends a request and returns whatever comes back.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        let mut request =
            self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("calling {path}"))?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Response { status, body })
    }

    /// Sends raw bytes as a JSON body, for what is not JSON.
    pub async fn send_raw(&self, path: &str, body: &'static str) -> Result<Response> {
        let response = self
            .client
            .post(format!("{}{path}", self.base))
            .bearer_auth(&self.key)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await?;
        let status = response.status().as_u16();
        Ok(Response { status, body: response.json().await? })
    }

    /// POSTs and expects a success.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.succeed(Method::POST, path, Some(body)).await
    }

    /// GETs and expects a success.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.succeed(Method::GET, path, None).await
    }

    /// POSTs and expects a refusal, which it returns.
    pub async fn refused(&self, path: &str, body: &Value) -> Result<Refused> {
        match self.post(path, body).await {
            Ok(answer) => anyhow::bail!("{path} was not refused but answered {answer}"),
            Err(error) => error.downcast::<Refused>(),
        }
    }

    async fn succeed(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let response = self.send(method.clone(), path, body).await?;
        if (200..300).contains(&response.status) {
            return Ok(response.body);
        }
        let error = &response.body["error"];
        let word = |field: &str| error[field].as_str().unwrap_or("").to_owned();
        Err(Refused {
            method,
            path: path.to_owned(),
            status: response.status,
            code: word("code"),
            message: word("message"),
        }
        .into())
    }
}
