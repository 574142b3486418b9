//! Files that only their owner may read, replaced whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Makes a directory that only its owner may enter; an existing one is left as it is.
///
/// # Errors
/// The system's, with the path.
pub fn create_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| about(path, &error))
}

/// Writes a file of mode 0600. A reader sees the old content or the new.
///
/// # Errors
/// The system's, with the path.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let unfinished = path.with_file_name(name);
    let written = || -> Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    written().map_err(|error| {
        fs::remove_file(&unfinished).ok();
        about(path, &error)
    })
}

/// Reads a file; `None` when there is none.
///
/// # Errors
/// The system's, with the path.
pub fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(Zeroizing::new(content))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(about(path, &error)),
    }
}

fn about(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::testing::TempDir;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_file_is_private_and_replaced_whole() {
        let directory = TempDir::new();
        let path = directory.join("key");
        assert!(read(&path).unwrap().is_none());
        write(&path, b"first").unwrap();
        write(&path, b"2").unwrap();
        assert_eq!(read(&path).unwrap().unwrap().as_slice(), b"2");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&*directory).unwrap().count(), 1);
    }
}
