//! A private PostgreSQL for one command: a directory under /tmp, a free loopback port, a password.
//!
//! The server is the child of a small shell process that reads a pipe from here. Whatever ends this
//! program, Ctrl-C and SIGKILL included, closes the pipe; the shell then ends the server by its pid
//! and removes the directory.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::{Fault, step};

/// Makes and runs the server. $1 is where PostgreSQL's programs are, $2 the port, $3 the password;
/// what follows is the prefix that changes to another user, or nothing.
const KEEPER: &str = r#"
trap '' INT TERM HUP
bin=$1; port=$2; password=$3
shift 3
dir=$(mktemp -d /tmp/mimer-postgres-XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
printf %s "$password" > "$dir/password"
[ $# -gt 0 ] && chown -R postgres "$dir"
cd "$dir"
"$@" "$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=scram-sha-256 \
    --pwfile="$dir/password" --encoding=UTF8 --locale=C.UTF-8 --no-sync > "$dir/initdb.log" 2>&1 ||
    { cat "$dir/initdb.log" >&2; exit 1; }
"$@" "$bin/postgres" -D "$dir/data" -p "$port" -k "$dir" -c listen_addresses=127.0.0.1 \
    -c max_connections=400 -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    > "$dir/log" 2>&1 &
server=$!
until grep -q 'ready to accept connections' "$dir/log"; do
    kill -s 0 "$server" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
    sleep 0.05
done
echo ready
read -r _
kill -s INT "$server"
wait "$server"
"#;

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Postgres {
    keeper: Child,
    url: String,
}

impl Postgres {
    /// Starts a server, as the user `postgres` when this is root: initdb refuses root.
    pub(crate) fn start() -> Result<Self, Fault> {
        let programs = programs()?;
        let port = free_port()?;
        let password = random_word()?;
        eprintln!("xtask: starting a private PostgreSQL on 127.0.0.1:{port}");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPER, "postgres-keeper"]).arg(programs);
        command.args([&port.to_string(), &password]);
        if step::is_root() {
            command.args([
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                "--",
            ]);
        }
        // Its own group: Ctrl-C is for this program, and the pipe tells the keeper.
        let mut keeper = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|fault| format!("cannot start PostgreSQL: {fault}"))?;
        let mut ready = [0; 6];
        let said = keeper.stdout.take().map(|mut output| output.read_exact(&mut ready));
        let server = Self {
            keeper,
            url: format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres"),
        };
        if !matches!(said, Some(Ok(()))) {
            return Err("PostgreSQL did not start; what it said stands above".into());
        }
        Ok(server)
    }

    /// The address of the database `postgres`, for a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Closing the pipe is the request; the keeper ends after the server.
        drop(self.keeper.stdin.take());
        let _ended = self.keeper.wait();
    }
}

/// The newest installed release's programs; Debian keeps them off PATH.
fn programs() -> Result<PathBuf, Fault> {
    let releases = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = releases
        .map(|release| release.path().join("bin"))
        .filter(|programs| programs.join("initdb").exists())
        .max_by_key(|programs| {
            let release = programs.parent().and_then(|release| release.file_name());
            release.and_then(|name| name.to_str()?.parse::<u32>().ok())
        });
    newest.ok_or_else(|| {
        "there is no PostgreSQL in /usr/lib/postgresql; run cargo xtask setup".into()
    })
}

fn free_port() -> Result<u16, Fault> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.map_err(|fault| format!("found no free port: {fault}"))?.port())
}

fn random_word() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    let mut source = std::fs::File::open("/dev/urandom")
        .map_err(|fault| format!("cannot open /dev/urandom: {fault}"))?;
    source.read_exact(&mut bytes).map_err(|fault| format!("cannot read /dev/urandom: {fault}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
