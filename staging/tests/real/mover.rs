//! The program `mimer-mover`, driven as the broker drives it, and over a real `sshd`.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use staging::manifest::{MANIFEST_FILE, SIGNATURE_FILE, verify};
use staging::transfer::{Endpoint, Order, Outcome, run_mover};

use crate::support::{Bench, CHUNK, Counting, failure};

fn mover() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mimer-mover"))
}

fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output().expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output
}

#[tokio::test]
async fn the_mover_asks_before_every_batch_and_reports() {
    let bench = Bench::new();
    let gate = Counting::always();
    let report = run_mover(&bench.order(), mover(), &gate).await.unwrap();
    assert_eq!(report.outcome, Outcome::Verified);
    assert_eq!(bench.handed_over(), bench.originals());
    let asked = gate.asked.lock().unwrap();
    assert_eq!(asked.len() as u64, report.batch_count + 1);
    assert!(asked.iter().enumerate().all(|(no, progress)| progress.question_no == no as u64));
}

#[tokio::test]
async fn the_mover_stops_when_it_is_told_to() {
    let bench = Bench::new();
    let report = run_mover(&bench.order(), mover(), &Counting::times(3)).await.unwrap();
    assert_eq!(report.outcome, Outcome::Stopped("permit_revoked".into()));
    assert_eq!((report.fetched_bytes, bench.handed_over()), (CHUNK, vec![]));
}

#[tokio::test]
async fn a_mover_that_reports_nothing_is_an_error_and_so_is_one_that_is_not_there() {
    let bench = Bench::new();
    let gate = Counting::always();
    let silent = run_mover(&bench.order(), Path::new("/bin/true"), &gate).await.unwrap_err();
    assert_eq!(silent.code(), "mover_no_report");
    let absent = run_mover(&bench.order(), Path::new("/nonexistent"), &gate).await.unwrap_err();
    assert_eq!(absent.code(), "transfer_program_missing");
}

#[tokio::test]
async fn whoever_drops_a_running_mover_leaves_no_process_behind() {
    let bench = Bench::new();
    let order = Order { endpoint: bench.silent_server(), ..bench.order() };
    let pid_file = bench.home.path().join("silent.pid");
    let gate = Counting::always();
    let server_started = async {
        let bound = Instant::now() + Duration::from_secs(20);
        loop {
            let pid = fs::read_to_string(&pid_file).unwrap_or_default();
            if let Some(pid) = pid.strip_suffix('\n') {
                return pid.to_owned();
            }
            assert!(Instant::now() < bound, "the server did not start in time");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let server = tokio::select! {
        report = run_mover(&order, mover(), &gate) => panic!("it cannot end: {report:?}"),
        server = server_started => server,
    };
    let bound = Instant::now() + Duration::from_secs(20);
    while Path::new("/proc").join(&server).exists() {
        assert!(Instant::now() < bound, "process {server} is still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_mover_whose_broker_is_gone_moves_nothing() {
    let bench = Bench::new();
    let order = serde_json::to_string(&bench.order()).unwrap();
    let mut child =
        Command::new(mover()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, format!("{order}\n").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.lines().last().unwrap().contains("broker_gone"), "{printed}");
    assert!(!output.status.success());
    assert_eq!(bench.handed_over(), []);
}

#[test]
fn keygen_and_sign_make_a_manifest_that_the_printed_key_accepts() {
    let home = tempfile::tempdir().unwrap();
    let (key, dir) = (home.path().join("key.der"), home.path().join("data"));
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("a.csv"), b"1;2\n").unwrap();
    let (key, dir) = (key.to_str().unwrap(), dir.to_str().unwrap());

    let public = run(mover(), &["keygen", "--key", key]).stdout;
    let public = String::from_utf8(public).unwrap().trim().parse().unwrap();
    let again = Command::new(mover()).args(["keygen", "--key", key]).output().unwrap();
    assert!(!again.status.success(), "a key is never overwritten");
    let names = ["--environment", "vesta", "--dataset", "stroke"];
    run(mover(), &[&["sign", "--key", key, "--dir", dir], &names[..]].concat());

    let read = |name| fs::read(Path::new(dir).join(name)).unwrap();
    let manifest = verify(&read(MANIFEST_FILE), &read(SIGNATURE_FILE), &public).unwrap();
    assert_eq!((manifest.dataset.as_str(), manifest.files.len()), ("stroke", 1));
}

/// A real `sshd` on a free port, with one key for us. Ends with the value.
struct Sshd {
    home: tempfile::TempDir,
    port: u16,
    process: std::process::Child,
}

impl Sshd {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory for the server");
        let at = |name: &str| home.path().join(name).to_str().expect("a plain path").to_owned();
        for key in ["host", "login"] {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]);
        }
        // `sshd` of Debian wants its empty directory even when it does not use it.
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").expect("the directory sshd drops its rights in");
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\n\
             PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n\
             PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n",
            at("host"),
            at("login.pub"),
        );
        fs::write(at("config"), config).expect("written");
        let process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("config")])
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd starts");
        let sshd = Self { home, port, process };
        let bound = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < bound, "sshd did not listen in time");
            std::thread::yield_now();
        }
        sshd
    }

    fn endpoint(&self, host_key: &str) -> Endpoint {
        let known_hosts_file = self.home.path().join("known_hosts");
        let line = format!("[127.0.0.1]:{} {host_key}\n", self.port);
        fs::write(&known_hosts_file, line).expect("written");
        let user = run("id", &["-un"]).stdout;
        Endpoint::Ssh {
            host: "127.0.0.1".into(),
            port: self.port,
            user: String::from_utf8(user).expect("a name is text").trim().to_owned(),
            identity_file: self.home.path().join("login"),
            known_hosts_file,
        }
    }

    fn public(&self, name: &str) -> String {
        fs::read_to_string(self.home.path().join(name)).expect("the key is there")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

#[tokio::test]
async fn the_same_order_works_over_ssh_and_only_with_the_right_host_key() {
    let (bench, sshd) = (Bench::new(), Sshd::start());
    let impostor = Order { endpoint: sshd.endpoint(&sshd.public("login.pub")), ..bench.order() };
    let report = run_mover(&impostor, mover(), &Counting::always()).await.unwrap();
    assert_eq!(failure(&report), "source_unreachable");
    assert!(report.operator_note.contains("Host key verification failed"));

    let order = Order { endpoint: sshd.endpoint(&sshd.public("host.pub")), ..bench.order() };
    let report = run_mover(&order, mover(), &Counting::always()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Verified, "{}", report.operator_note);
    assert_eq!(bench.handed_over(), bench.originals());
}
