//! Files that hold a master key or another secret: read into memory that wipes itself, and only
//! when nobody else can read them.

use super::SecretText;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;
use zeroize::Zeroizing;

/// Longest file that is looked into, in bytes. A key has 44 characters.
const LONGEST: usize = 1024;
/// Every access but the owner's, and but reading by the group.
const OTHERS: u32 = 0o037;
const GROUP_READS: u32 = 0o040;

/// Why a key file is not used. Holds nothing of its content.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The system's reason.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not a file, or one that is too long to be a key's.
    #[error("{path}: not a file of at most {LONGEST} bytes")]
    Shape {
        /// The file.
        path: PathBuf,
    },
    /// More than its owner can read it.
    #[error("{path}: others can read the secret (mode {mode:03o}); chmod 600, or 640 where root owns it")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Reads a file that is for its owner alone. A file of root's may be readable
/// by its group too: so a service reads its key without being able to replace
/// it, and so systemd and Kubernetes hand secrets over.
///
/// # Errors
/// [`KeyFileError`].
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let failed = |source| KeyFileError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(KeyFileError::Shape { path: path.to_owned() });
    }
    if is_exposed(&about) {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode: about.mode() & 0o777 });
    }
    // One allocation that never grows: growing would leave a copy behind.
    let mut text = Zeroizing::new(vec![0; LONGEST + 1]);
    let mut length = 0;
    loop {
        match file.read(&mut text[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    if length > LONGEST {
        return Err(KeyFileError::Shape { path: path.to_owned() });
    }
    text.truncate(length);
    Ok(text)
}

/// Writes a key into a new file for its owner alone, through to the disk.
///
/// # Errors
/// The system's; `AlreadyExists` rather than replacing what may be the only copy of a key.
pub fn create(path: &Path, key: &SecretText) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key.expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn is_exposed(about: &Metadata) -> bool {
    let refused = if about.uid() == 0 { OTHERS } else { OTHERS | GROUP_READS };
    about.mode() & refused != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown};

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("vezne-key-file-{}", uuid::Uuid::now_v7()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_never_replaces_another() {
        let folder = Folder::new();
        let path = folder.0.join("master.key");
        create(&path, &SecretText::new("first".to_owned())).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let again = create(&path, &SecretText::new("second".to_owned())).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path).unwrap().as_slice(), b"first\n");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = Folder::new();
        let path = folder.0.join("master.key");
        fs::write(&path, "a key").unwrap();
        for (mode, exposed) in
            [(0o400, false), (0o600, false), (0o700, false), (0o604, true), (0o644, true), (0o620, true), (0o601, true)]
        {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let refused = matches!(read(&path), Err(KeyFileError::Exposed { mode: shown, .. }) if shown == mode);
            assert_eq!(refused, exposed, "{mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let mine = fs::metadata(&path).unwrap().uid();
        assert_eq!(read(&path).is_ok(), mine == 0, "the group reads a file of root's");
        // Only root can give files away; the rule is the same for everybody.
        if mine == 0 {
            chown(&path, Some(65534), None).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::Exposed { .. })));
        }
    }

    #[test]
    fn what_cannot_be_a_key_file_is_told_without_its_content() {
        let folder = Folder::new();
        let path = folder.0.join("master.key");
        create(&path, &SecretText::new("c2VjcmV0".repeat(200))).unwrap();
        for path in [path, folder.0.clone(), folder.0.join("absent")] {
            let error = read(&path).unwrap_err();
            assert!(!format!("{error}{error:?}").contains("c2VjcmV0"), "{error}");
        }
    }
}
