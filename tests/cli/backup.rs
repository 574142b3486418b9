//! Backup and restore, as an operator does it.

use crate::{Place, write_private};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

impl Place {
    fn back_up(&self, to: &str) -> (Option<i32>, String) {
        let output = self.run(&["backup", self.0.join(to).to_str().unwrap()], "");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn merchants(&self) -> String {
        let output = self.run(&["merchant", "list"], "");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    }

    fn key_status(&self) -> String {
        let output = self.run(&["keys", "status"], "");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_copy_made_while_others_write_is_whole_and_opens_under_its_master_key() {
    let place = Place::new();
    let create = |name: &str| {
        let created = place.run(&["merchant", "create", "--name", name, "--allow", "https://shop.example/"], "");
        assert_eq!(created.status.code(), Some(0));
    };
    create("Before");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                create("Meanwhile");
            }
        });
        for number in 0..5 {
            assert_eq!(place.back_up(&format!("copy-{number}.db")).0, Some(0));
        }
        done.store(true, Ordering::Relaxed);
    });
    let copy = place.0.join("copy-4.db");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);

    // On another machine: the copy, the master key, the configuration.
    let elsewhere = Place::new();
    fs::rename(&copy, elsewhere.0.join("vezne.db")).unwrap();
    assert!(elsewhere.merchants().contains("Before"));
    assert!(place.merchants().len() >= elsewhere.merchants().len());
    assert!(!elsewhere.key_status().contains("not configured"));

    // Without its key it is of no use.
    fs::remove_file(elsewhere.0.join("master.key")).unwrap();
    write_private(&elsewhere.0.join("master.key"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
    assert!(elsewhere.key_status().contains("(not configured): secrets"));
}

#[test]
fn nothing_is_replaced_and_nothing_half_done_is_left() {
    let place = Place::new();
    let (code, said) = place.back_up("copy.db");
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("vezne.db") && !place.0.join("copy.db").exists(), "{said}");

    assert_eq!(place.merchants(), "");
    fs::write(place.0.join("taken.db"), "precious").unwrap();
    let (code, said) = place.back_up("taken.db");
    assert!(code == Some(2) && said.contains("is there already"), "{said}");
    assert_eq!(fs::read_to_string(place.0.join("taken.db")).unwrap(), "precious");

    assert_eq!(place.back_up("absent/copy.db").0, Some(4));
}
