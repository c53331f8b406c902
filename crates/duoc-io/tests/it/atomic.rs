//! Saving leaves the old file or the new one.

use duoc_io::write_atomically;
use std::fs;
use std::io::Error;

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let dir = std::env::temp_dir().join(format!("duoc-io-atomic-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("file");
    write_atomically(&path, |f| f.write_all(b"old")).unwrap();
    let failed = write_atomically(&path, |f| {
        f.write_all(&[0; 100_000])?;
        Err(Error::other("the disk is full"))
    });
    let message = failed.unwrap_err().to_string();
    assert!(
        message.contains("the disk is full") && message.contains("file"),
        "{message}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"old");
    write_atomically(&path, |f| f.write_all(b"new")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    let names: Vec<_> = fs::read_dir(&dir).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(names, ["file"]);
    assert!(write_atomically(&dir, |_| Ok(())).is_err(), "a directory");
    assert!(write_atomically(dir.join("no/such"), |_| Ok(())).is_err());
    fs::remove_dir_all(&dir).unwrap();
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = std::env::temp_dir().join(format!("duoc-io-links-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let (real, link) = (dir.join("real"), dir.join("link"));
    fs::write(&real, b"old").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&real, &link).unwrap();
    write_atomically(&link, |f| f.write_all(b"new")).unwrap();
    assert_eq!(fs::read(&real).unwrap(), b"new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_dir_all(&dir).unwrap();
}
