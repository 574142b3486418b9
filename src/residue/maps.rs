//! A process's mappings: `/proc/PID/maps` (`proc_pid_maps(5)`).

use std::io;

/// One line of the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Mapping {
    pub start: u64,
    pub end: u64,
    /// Such as `rw-p`.
    pub permissions: String,
    /// A file, `[heap]`, `[stack]` or the like; `anonymous` without one.
    pub name: String,
}

impl Mapping {
    /// Every mapping of a process.
    ///
    /// # Errors
    /// The process is gone, or may not be looked at.
    pub fn of(pid: u32) -> io::Result<Vec<Self>> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
        text.lines().map(|line| Self::parse(line).ok_or_else(|| io::ErrorKind::InvalidData.into())).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let permissions = fields.next()?.to_owned();
        let name = match fields.nth(3).unwrap_or_default().trim() {
            "" => "anonymous",
            name => name,
        };
        let address = |text| u64::from_str_radix(text, 16).ok();
        Some(Self { start: address(start)?, end: address(end)?, permissions, name: name.to_owned() })
    }

    /// Why the mapping is not looked at: it holds nothing of the process, or cannot be read.
    pub fn reason_to_skip(&self) -> Option<&'static str> {
        let is_kernel = ["[vvar]", "[vvar_vclock]", "[vsyscall]"].contains(&self.name.as_str());
        let is_device = self.name.starts_with("/dev/") && !self.name.starts_with("/dev/shm/");
        match () {
            () if is_kernel => Some("the kernel's own page"),
            // /dev/zero is how some make anonymous memory.
            () if is_device && !self.name.starts_with("/dev/zero") => Some("a device"),
            () if !self.permissions.starts_with('r') => Some("not readable by the process either"),
            () => None,
        }
    }

    /// Mappings that lie side by side, together: a copy can reach from one into
    /// the next, as statics do where initialised ones end.
    pub fn rows(mappings: Vec<Self>) -> Vec<Vec<Self>> {
        let mut rows: Vec<Vec<Self>> = Vec::new();
        for mapping in mappings {
            match rows.last_mut() {
                Some(row) if row.last().is_some_and(|last| last.end == mapping.start) => row.push(mapping),
                _ => rows.push(vec![mapping]),
            }
        }
        rows
    }

    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_kind_are_read() {
        let cases = [
            ("5581f6a00000-5581f6a21000 rw-p 00000000 00:00 0                          [heap]", "[heap]", None),
            ("7f1c00000000-7f1c00021000 rw-p 00000000 00:00 0 ", "anonymous", None),
            (
                "7f1c00021000-7f1c04000000 ---p 00000000 00:00 0 ",
                "anonymous",
                Some("not readable by the process either"),
            ),
            (
                "7f1c08000000-7f1c08001000 r--p 00000000 fe:01 1234   /srv/with space (deleted)",
                "/srv/with space (deleted)",
                None,
            ),
            ("7ffc0a5f2000-7ffc0a5f6000 r--p 00000000 00:00 0  [vvar]", "[vvar]", Some("the kernel's own page")),
            ("7ffc0a5f2000-7ffc0a5f6000 rw-s 00000000 00:05 9  /dev/dri/card0", "/dev/dri/card0", Some("a device")),
        ];
        for (line, name, reason) in cases {
            let mapping = Mapping::parse(line).unwrap();
            assert_eq!((mapping.name.as_str(), mapping.reason_to_skip()), (name, reason), "{line}");
            assert!(mapping.len() >= 0x1000);
        }
        assert_eq!(Mapping::parse("nonsense"), None);
    }

    #[test]
    fn neighbours_are_one_row() {
        let mapping = |start, end| Mapping { start, end, permissions: "rw-p".to_owned(), name: "anonymous".to_owned() };
        let rows = Mapping::rows(vec![mapping(0, 4), mapping(4, 8), mapping(9, 12), mapping(12, 13)]);
        let rows: Vec<_> = rows.iter().map(|row| (row[0].start, row.len())).collect();
        assert_eq!(rows, [(0, 2), (9, 2)]);
    }
}
