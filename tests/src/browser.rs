//! A real browser: headless Chromium behind its own driver.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::{Daemon, Workspace, port};

/// A running driver; each [`Browser::capabilities`] describes one browser window to open with it.
#[derive(Debug)]
pub struct Browser {
    driver: Daemon,
    port: u16,
    workspace: Workspace,
}

impl Browser {
    /// Starts the distribution's driver on a free loopback port.
    pub async fn start() -> Result<Self> {
        let workspace = Workspace::create("browser")?;
        let port = port::free()?;
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).env("HOME", workspace.path());
        let mut driver = Daemon::spawn("chromedriver", command, &workspace.path().join("log"))
            .context("is the package chromium-driver installed? `cargo xtask setup` does that")?;
        driver
            .until_ready(Duration::from_secs(30), async || {
                Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok())
            })
            .await?;
        Ok(Self { driver, port, workspace })
    }

    /// Where the driver answers.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Capabilities of a window of its own, with or without JavaScript.
    ///
    /// The development certificate is not in the browser's store, so it is accepted here.
    pub fn capabilities(&self, name: &str, javascript: bool) -> serde_json::Value {
        let profile = self.workspace.path().join(name);
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--window-size=1280,1600".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let javascript = if javascript { 1 } else { 2 };
        json!({
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": { "profile.managed_default_content_settings.javascript": javascript },
            },
        })
    }

    /// Ends the driver and every window.
    pub fn stop(mut self) {
        self.driver.stop();
    }
}
