//! A small disk: a `tmpfs` of this run's own. Needs root.

use crate::Outcome;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Mounted as long as the value lives.
pub struct Disk(PathBuf);

impl Disk {
    /// An empty one.
    ///
    /// # Errors
    /// Where this user, or this container, may not mount.
    pub fn mount(folder: PathBuf) -> Outcome<Self> {
        fs::create_dir(&folder)?;
        mount(&folder, "size=4m,mode=755", &["-t", "tmpfs", "none"])?;
        Ok(Self(folder))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Takes all of its space.
    pub fn fill(&self) -> Outcome<()> {
        let mut filling = File::create(self.0.join("filling"))?;
        for size in [64 * 1024, 4096, 1] {
            let piece = vec![0; size];
            while filling.write_all(&piece).is_ok() {}
        }
        Ok(())
    }

    /// Gives it back.
    pub fn empty(&self) -> Outcome<()> {
        Ok(fs::remove_file(self.0.join("filling"))?)
    }

    /// Takes no writes, or takes them again. Nobody may have a file open to write.
    pub fn protect(&self, is_read_only: bool) -> Outcome<()> {
        mount(&self.0, if is_read_only { "remount,ro" } else { "remount,rw" }, &[])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mount(folder: &Path, options: &str, what: &[&str]) -> Outcome<()> {
    let done = Command::new("mount").args(["-o", options]).args(what).arg(folder).stderr(Stdio::piped()).output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("mount: {}", String::from_utf8_lossy(&done.stderr).trim()).into())
}
