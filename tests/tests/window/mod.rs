//! A window of a real browser: opening it, logging in as a person does, and reading a page.

use std::time::Duration;

use anyhow::{Context, Result};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::Value;
use testbed::Browser;
use testbed::site::{Person, Site};

/// How long a page may take to come after a form was sent, on a busy machine.
const BOUND: Duration = Duration::from_secs(60);

/// Opens a window of its own, with or without JavaScript.
pub(crate) async fn open(browser: &Browser, name: &str, javascript: bool) -> Result<Client> {
    let Value::Object(capabilities) = browser.capabilities(name, javascript) else {
        anyhow::bail!("capabilities are an object");
    };
    // The driver speaks plain HTTP on loopback.
    ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&browser.address())
        .await
        .context("opening a window")
}

/// Logs in through the form, as a person does.
pub(crate) async fn log_in(client: &Client, site: &Site, person: &Person) -> Result<()> {
    client.delete_all_cookies().await?;
    client.goto(&format!("{}/login", site.address())).await?;
    let form = client.form(Locator::Css("form[action='/login']")).await?;
    form.set_by_name("login", &person.login).await?;
    form.set_by_name("access_key", &person.key).await?;
    form.submit().await?;
    // The driver may answer before the browser has left the form.
    let home = format!("{}/", site.address()).parse()?;
    let shown = client.wait().at_most(BOUND).for_url(&home).await;
    shown.with_context(|| format!("{} is not logged in", person.login))
}

/// Opens a page and returns its text, without the spaces that do not break.
pub(crate) async fn text_of(client: &Client, site: &Site, path: &str) -> Result<String> {
    client.goto(&format!("{}{path}", site.address())).await?;
    let text = client.find(Locator::Css("body")).await?.text().await?;
    Ok(text.replace('\u{a0}', " "))
}

/// Keeps a picture of what the window shows, for people to look at.
pub(crate) async fn keep_picture(client: &Client, name: &str) -> Result<()> {
    let pictures = testbed::workspace_root().join("target/pages");
    std::fs::create_dir_all(&pictures)?;
    std::fs::write(pictures.join(format!("{name}.png")), client.screenshot().await?)?;
    Ok(())
}
