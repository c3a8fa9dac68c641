//! What a configuration file may say.

use super::*;

const GOOD: &str = r#"
    state_dir = "/var/lib/mimer"
    listen.address = "127.0.0.1:0"
    accounts.file = "/etc/mimer/accounts.toml"
    [[clusters]]
    name = "mimer"
    gateway_socket = "/run/mimer/gateway.sock"
    job_ids = [100000, 9999999]
    open_partition = "gpu"
    confidential_partition = "confidential"
    [staging]
    mover = "/usr/bin/mimer-mover"
    sftp_key_file = "/etc/mimer/sftp"
    known_hosts_file = "/etc/mimer/known_hosts"
"#;

fn read(text: &str) -> Result<Config, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Config::read(file.path())
}

#[test]
fn the_smallest_file_is_enough() {
    assert_eq!(read(GOOD).unwrap().duties.outbox_tries, 200);
}

#[test]
fn an_unknown_key_is_named() {
    let refused = read(&format!("colour = 'red'\n{GOOD}")).unwrap_err().to_string();
    assert!(refused.contains("colour"), "{refused}");
}

#[test]
fn the_gateway_is_behind_a_socket_or_behind_tls() {
    let socket = "gateway_socket = \"/run/mimer/gateway.sock\"";
    let remote = "gateway = { address = 'slurm1:9463', server_name = 'slurm1', \
        ca_file = '/ca', certificate_file = '/c', key_file = '/k' }";
    let both = GOOD.replace(socket, &format!("{socket}\n{remote}"));
    let neither = GOOD.replace(socket, "");
    assert!(read(&GOOD.replace(socket, remote)).unwrap().clusters[0].gateway.is_some());
    for text in [both, neither] {
        let refused = read(&text).unwrap_err();
        assert!(matches!(
            refused,
            ConfigError::BadValue { setting: "clusters.gateway_socket", .. }
        ));
    }
}

#[test]
fn slurm_is_shown_and_left_alone_unless_told_otherwise() {
    let cluster = read(GOOD).unwrap().clusters.remove(0);
    assert_eq!((cluster.keep, cluster.account_root.as_str()), (Keep::Show, "public"));
    let kept = "keep = 'apply'\naccount_root = 'mimer'\nresearch_qos = []\n[staging]";
    let cluster = read(&GOOD.replace("[staging]", kept)).unwrap().clusters.remove(0);
    assert_eq!((cluster.keep, cluster.account_root.as_str()), (Keep::Apply, "mimer"));
}

#[test]
fn slurms_own_root_is_never_the_brokers() {
    for root in ["root", "Public", ""] {
        let text = GOOD.replace("[staging]", &format!("account_root = '{root}'\n[staging]"));
        let refused = read(&text).unwrap_err();
        assert!(matches!(refused, ConfigError::BadValue { setting: "clusters.account_root", .. }));
    }
}

#[test]
fn an_id_range_that_slurm_could_not_hold_is_refused() {
    let refused = read(&GOOD.replace("9999999", "99999999")).unwrap_err();
    assert!(matches!(refused, ConfigError::BadValue { setting: "clusters.job_ids", .. }));
}

/// The good file with a second cluster, `dal`, changed as `change` says.
fn two(change: (&str, &str)) -> Result<Config, ConfigError> {
    let section = "[[clusters]]
    name = \"dal\"
    gateway_socket = \"/run/mimer/dal.sock\"
    job_ids = [100000, 9999999]
    open_partition = \"gpu\"
    confidential_partition = \"confidential\"
    [staging]";
    read(&GOOD.replace("[staging]", &section.replace(change.0, change.1)))
}

#[test]
fn several_clusters_have_names_of_their_own_and_one_range_of_ids() {
    let names = |config: Config| config.clusters.into_iter().map(|it| it.name);
    assert!(names(two(("", "")).unwrap()).eq(["mimer", "dal"]));
    for (change, setting, says) in [
        (("\"dal\"", "\"mimer\""), "clusters.name", "there twice"),
        (
            ("[100000, 9999999]", "[100000, 200000]"),
            "clusters.job_ids",
            "\"dal\" has [100000, 200000]",
        ),
        (("[100000, 9999999]", "[9, 5]"), "clusters.job_ids", "of \"dal\" must be [first, last]"),
    ] {
        let refused = two(change).unwrap_err();
        assert!(
            matches!(&refused, ConfigError::BadValue { setting: named, .. } if *named == setting),
            "{refused}"
        );
        assert!(refused.to_string().contains(says), "{refused}");
    }
}

#[test]
fn a_file_from_before_several_clusters_is_told_what_to_write() {
    let refused = read(&GOOD.replace("[[clusters]]", "[cluster]")).unwrap_err().to_string();
    assert!(refused.contains("write [[clusters]] in place of [cluster]"), "{refused}");
    let start = GOOD.find("[[clusters]]").unwrap();
    let end = GOOD.find("[staging]").unwrap();
    let none = format!("{}{}", &GOOD[..start], &GOOD[end..]);
    assert!(read(&none).unwrap_err().to_string().contains("write a section [[clusters]]"));
}
