//! Installs the distribution's packages that are missing, without starting their services.

use std::process::Command;

use crate::packages::ALL;
use crate::{Fault, step};

/// Runs apt-get with services kept from starting.
///
/// Package scripts ask /usr/sbin/policy-rc.d; 101 means "do not start". A machine that has its own
/// policy keeps it, and one without systemd starts nothing at run level 1 anyway.
const INSTALL: &str = r#"
set -e
policy=/usr/sbin/policy-rc.d
if [ -d /run/systemd/system ] && [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
"#;

/// Installs what is missing; does nothing, and says nothing, when all is there.
pub(crate) fn packages() -> Result<(), Fault> {
    let missing = missing()?;
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("xtask: installing {} (services are not started)", missing.join(" "));
    let mut command = if step::is_root() { Command::new("env") } else { sudo() };
    command
        .args(["RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive", "/bin/sh", "-c", INSTALL, "install"])
        .args(&missing)
        .stdin(std::process::Stdio::null());
    let status = command.status().map_err(|fault| format!("cannot run apt-get: {fault}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!(
        "installing packages failed ({status}); install them by hand: {}",
        missing.join(" ")
    ))
}

fn sudo() -> Command {
    let mut command = Command::new("sudo");
    command.arg("env");
    command
}

/// Packages that dpkg does not have installed.
fn missing() -> Result<Vec<&'static str>, Fault> {
    let names = ALL.map(|package| package.name);
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Abbrev} ${Package}\n"])
        .args(names)
        .output()
        .map_err(|fault| {
            format!("cannot run dpkg-query ({fault}): this needs Debian 12 or a system like it")
        })?;
    // It fails when it does not know a name, which is an answer too.
    let said = String::from_utf8_lossy(&output.stdout);
    let installed: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("ii")).map(str::trim).collect();
    Ok(names.into_iter().filter(|name| !installed.contains(name)).collect())
}
