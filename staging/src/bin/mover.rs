//! `mimer-mover`: moves the data of one link, outside the broker and without a database.
//!
//! Without a command it reads an order as one line of JSON on its input, asks before every batch,
//! and prints a report as its last line. `sign` and `keygen` are the source's side: they describe
//! and sign a dataset where it lies.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use staging::manifest::DEFAULT_CHUNK_BYTES;
use staging::signature::SigningKey;
use staging::source::{Dataset, sign};
use staging::transfer::serve;

/// Moves and signs datasets for Mimer Broker.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch what the order on standard input names (the default).
    Fetch,
    /// Describe every file below a directory in manifest.json and sign it into manifest.sig.
    Sign {
        /// Private key, as `keygen` made it.
        #[arg(long)]
        key: PathBuf,
        /// Directory of the dataset.
        #[arg(long)]
        dir: PathBuf,
        /// Name of the environment, as the broker knows it.
        #[arg(long)]
        environment: String,
        /// Name of the dataset, as permits name it.
        #[arg(long)]
        dataset: String,
        /// Size of a chunk in bytes.
        #[arg(long, default_value_t = DEFAULT_CHUNK_BYTES)]
        chunk_bytes: u64,
    },
    /// Make a new private key and print its public half, which the broker's operator needs.
    Keygen {
        /// File to write; must not exist yet.
        #[arg(long)]
        key: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command.unwrap_or(Command::Fetch)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mimer-mover: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Fetch => fetch_ordered(),
        Command::Sign { key, dir, environment, dataset, chunk_bytes } => {
            let (environment, dataset) = (&*environment, &*dataset);
            let manifest = sign(
                &Dataset { directory: &dir, environment, dataset, chunk_bytes },
                &read_key(&key)?,
            )?;
            let bytes = manifest.total_bytes().unwrap_or(u64::MAX);
            println!("signed {} files, {bytes} bytes", manifest.files.len());
            Ok(ExitCode::SUCCESS)
        }
        Command::Keygen { key } => {
            println!("{}", make_key(&key)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Fetches; success means verified. Whatever else happened is in the printed report.
fn fetch_ordered() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the asynchronous runtime")?;
    let input = tokio::io::BufReader::new(stream(std::io::stdin())?);
    let output = stream(std::io::stdout())?;
    let report =
        runtime.block_on(serve(input, output)).context("reading the order from standard input")?;
    // A read of standard input may still be waiting for a broker that will not answer.
    runtime.shutdown_background();
    let report = report.context("there was no order on standard input")?;
    Ok(if report.is_verified() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A standard stream for the asynchronous side.
fn stream(of: impl AsFd) -> anyhow::Result<tokio::fs::File> {
    let stream = of.as_fd().try_clone_to_owned().context("opening a standard stream")?;
    Ok(tokio::fs::File::from_std(stream.into()))
}

fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let mut der = Vec::new();
    OpenOptions::new()
        .read(true)
        .open(path)
        .and_then(|mut file| file.read_to_end(&mut der))
        .with_context(|| format!("reading the private key {}", path.display()))?;
    SigningKey::from_pkcs8(&der).with_context(|| format!("reading {}", path.display()))
}

/// Writes a new private key that only its owner may read, and gives its public half.
fn make_key(path: &Path) -> anyhow::Result<String> {
    let key = SigningKey::generate()?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(&key.to_pkcs8().map_err(std::io::Error::other)?))
        .with_context(|| format!("writing the private key {}", path.display()))?;
    Ok(key.public().to_string())
}
