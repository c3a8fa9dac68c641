//! The work directory: under the prefix, and really so.

use std::path::{Component, Path};

use slurm_wire::{Refusal, RefusalCode};

use super::refusal;

/// `given` must be an absolute, plain path to a directory below `prefix`, with no link on the way.
///
/// Slurm opens the job's files there as the job's user, so a link made later gives nobody more
/// than they have; this check keeps a wrong or hostile caller from naming another place.
pub(super) fn check(prefix: &Path, given: &str) -> Result<(), Refusal> {
    let outside = |why: String| {
        Err(refusal(
            RefusalCode::WorkDirOutsidePrefix,
            format!(
                "the work directory {given:?} {why}; it must be a directory under {}",
                prefix.display()
            ),
        ))
    };
    if !is_plain(given) {
        // Slurm expands % and \ in the names of output files.
        return outside("has characters other than letters, digits and ._/-".to_owned());
    }
    let given_path = Path::new(given);
    if !given_path.is_absolute() || given_path.components().any(|part| part == Component::ParentDir)
    {
        return outside("is not absolute or contains `..`".to_owned());
    }
    let Ok(below) = given_path.strip_prefix(prefix) else {
        return outside("lies elsewhere".to_owned());
    };
    let (real_prefix, real) = match (prefix.canonicalize(), given_path.canonicalize()) {
        (Ok(prefix), Ok(given)) => (prefix, given),
        (Err(error), _) | (_, Err(error)) => {
            return outside(format!("cannot be looked at ({error})"));
        }
    };
    if real != real_prefix.join(below) {
        return outside("has a symbolic link in it".to_owned());
    }
    if below.as_os_str().is_empty() || !real.is_dir() {
        return outside("is no directory of a project".to_owned());
    }
    Ok(())
}

fn is_plain(path: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-');
    !path.is_empty() && path.len() < 1024 && path.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A prefix with one project, and a neighbour outside.
    fn disk() -> tempfile::TempDir {
        let disk = tempfile::Builder::new().prefix("bounds-").tempdir().unwrap();
        std::fs::create_dir_all(disk.path().join("projects/register/run-1")).unwrap();
        std::fs::create_dir_all(disk.path().join("projects-old/other")).unwrap();
        std::fs::create_dir_all(disk.path().join("secret")).unwrap();
        disk
    }

    fn refused(disk: &tempfile::TempDir, below: &str) -> bool {
        let given = format!("{}/{below}", disk.path().display());
        match check(&disk.path().join("projects"), &given) {
            Ok(()) => false,
            Err(refusal) => {
                assert_eq!(refusal.code, RefusalCode::WorkDirOutsidePrefix);
                true
            }
        }
    }

    #[test]
    fn a_directory_of_a_project_is_accepted() {
        let disk = disk();
        assert!(!refused(&disk, "projects/register"));
        assert!(!refused(&disk, "projects/register/run-1"));
    }

    #[test]
    fn everything_outside_the_prefix_is_refused() {
        let disk = disk();
        for below in ["secret", "projects-old/other", "projects", "projects/", "projects/nobody"] {
            assert!(refused(&disk, below), "{below}");
        }
    }

    #[test]
    fn two_dots_are_refused_even_when_they_lead_back() {
        let disk = disk();
        assert!(refused(&disk, "projects/../secret"));
        assert!(refused(&disk, "projects/register/../register"));
    }

    #[test]
    fn a_link_is_refused_wherever_it_leads() {
        let disk = disk();
        symlink(disk.path().join("secret"), disk.path().join("projects/door")).unwrap();
        symlink("register", disk.path().join("projects/alias")).unwrap();
        assert!(refused(&disk, "projects/door"));
        assert!(refused(&disk, "projects/alias"));
        assert!(refused(&disk, "projects/alias/run-1"));
    }

    #[test]
    fn a_file_is_not_a_directory() {
        let disk = disk();
        std::fs::write(disk.path().join("projects/register/notes"), "x").unwrap();
        assert!(refused(&disk, "projects/register/notes"));
    }

    #[test]
    fn what_slurm_would_expand_is_refused() {
        let disk = disk();
        std::fs::create_dir(disk.path().join("projects/%u")).unwrap();
        assert!(refused(&disk, "projects/%u"));
        assert!(refused(&disk, "projects/register\\x"));
        assert!(check(Path::new("/srv"), "srv/register").is_err());
        assert!(check(Path::new("/srv"), "").is_err());
    }

    #[test]
    fn the_prefix_itself_may_be_a_link() {
        let disk = disk();
        symlink("projects", disk.path().join("area")).unwrap();
        let given = format!("{}/area/register", disk.path().display());
        assert!(check(&disk.path().join("area"), &given).is_ok());
    }
}
