//! Files that hold a key: made once, readable by their owner alone.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, anyhow};
use base64::{Engine, engine::general_purpose::STANDARD};
use presdr_store::keys::random;

/// Reads the key in a file (32 bytes as base64), or makes both.
///
/// # Errors
/// When the file cannot be read or written, or holds something else; what it holds is never shown.
pub fn read_or_make(path: &Path) -> anyhow::Result<[u8; 32]> {
    let what = || format!("key file {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(what)?;
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    if let Ok(mut file) = made {
        let key: [u8; 32] = random();
        writeln!(file, "{}", STANDARD.encode(key)).and_then(|()| file.sync_all()).with_context(what)?;
        return Ok(key);
    }
    read(path)
}

/// Reads the key in a file.
///
/// # Errors
/// When the file cannot be read, or holds something else; what it holds is never shown.
pub fn read(path: &Path) -> anyhow::Result<[u8; 32]> {
    let what = || format!("key file {}", path.display());
    let text = fs::read_to_string(path).with_context(what)?;
    let bytes = STANDARD.decode(text.trim()).map_err(|_| anyhow!("{} does not hold base64", what()))?;
    bytes.try_into().map_err(|_| anyhow!("{} does not hold 32 bytes", what()))
}

/// Puts these keys into a file, each on a line of its own, whole or not at all.
///
/// # Errors
/// When the file or its folder cannot be written; then the file is as it was.
pub fn replace(path: &Path, lines: &[String]) -> anyhow::Result<()> {
    let what = || format!("writing key file {}", path.display());
    let unfinished = path.with_extension("unfinished");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished).with_context(what)?;
    for line in lines {
        writeln!(file, "{line}").with_context(what)?;
    }
    file.sync_all().and_then(|()| fs::rename(&unfinished, path)).with_context(what)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(what)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use presdr_store::keys::Keyring;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/master.key");
        let key = read_or_make(&path).unwrap();
        assert_eq!(read_or_make(&path).unwrap(), key);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Keyring::from_file(&path).is_ok());
    }

    #[test]
    fn keys_are_replaced_by_others_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = STANDARD.encode(read_or_make(&path).unwrap());
        replace(&path, &[first.clone(), STANDARD.encode([9; 32])]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{first}\n{}\n", STANDARD.encode([9; 32])));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_wrong_file_holds_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        fs::write(&path, "c2VjcmV0\n").unwrap();
        let error = format!("{:#}", read_or_make(&path).unwrap_err());
        assert!(error.contains("32 bytes") && !error.contains("c2VjcmV0"), "{error}");
    }
}
