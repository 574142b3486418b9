//! A PostgreSQL cluster of this run's own: in a folder of its own, on a free
//! loopback port and a UNIX socket, under an unprivileged user where root runs
//! the tests, gone with the value.
#![allow(dead_code, reason = "each suite uses its part")]

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// nobody's number on every distribution.
const NOBODY: u32 = 65534;
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster, and its server while that runs.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    server: Mutex<Option<Child>>,
}

impl Postgres {
    /// A new cluster whose role `vezne` owns everything, with its server running.
    ///
    /// # Panics
    /// Where there is no PostgreSQL, or it does not start.
    pub fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("vezne-postgres-{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = folder.join("data");
        let mut initdb = unprivileged("initdb", &folder);
        initdb.args(["--username=vezne", "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync", "--pgdata"]);
        let made = initdb.arg(&data).stdout(Stdio::null()).status().unwrap();
        assert!(made.success(), "initdb: {made}");
        let cluster = Self { folder, port: free_port(), server: Mutex::default() };
        cluster.start_again();
        cluster
    }

    /// Adds lines to `postgresql.conf`; in force from the next start on.
    pub fn set(&self, lines: &str) {
        self.append("postgresql.conf", lines);
    }

    /// Adds a line before all others of `pg_hba.conf`; in force from the next start on.
    pub fn admit(&self, line: &str) {
        let path = self.folder.join("data/pg_hba.conf");
        let others = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{line}\n{others}")).unwrap();
    }

    /// Lets whoever shows a trusted certificate in as this role, by the map `any`.
    pub fn map_every_certificate_to(&self, role: &str) {
        self.append("pg_ident.conf", &format!("any /^.*$ {role}"));
    }

    /// Writes a file into the cluster's folder that its server alone may read.
    pub fn keep(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        path
    }

    /// Starts the server that [`Postgres::stop`] has stopped.
    pub fn start_again(&self) {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut server = unprivileged("postgres", &self.folder);
        server.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        server.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        // What a test writes need not survive a power cut.
        server.args(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=400"]);
        server.args(["-c", "shared_buffers=64MB"]);
        let mut server = server.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !self.answers() {
            assert!(Instant::now() < deadline, "PostgreSQL does not start:\n{}", self.log());
            let ended = server.try_wait().unwrap();
            assert!(ended.is_none(), "PostgreSQL has ended:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
        *self.running() = Some(server);
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops the server as an operator does who cannot wait: sessions are cut off.
    pub fn stop(&self) {
        self.end("-INT");
    }

    /// Ends the server as `kill -9` does, and waits for its children, which notice.
    pub fn kill(&self) {
        let children = self.children();
        self.end("-KILL");
        let deadline = Instant::now() + PATIENCE;
        while children.iter().any(|child| is_running(*child)) {
            assert!(Instant::now() < deadline, "PostgreSQL's children go on without it:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes the processor away from the server and its children: connections
    /// stay, and nothing answers.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Ends [`Postgres::freeze`].
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Runs SQL as the role that owns everything; returns what it has found, a line a row.
    pub fn run(&self, database: &str, sql: &str) -> String {
        self.run_with(database, sql, "")
    }

    /// The same, with something in the place of nulls.
    pub fn run_with(&self, database: &str, sql: &str, null: &str) -> String {
        let mut client = self.client(database);
        let null = format!("null={null}");
        let output = client.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-P", &null, "-c", sql]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A new empty database; returns its name.
    pub fn create_database(&self) -> String {
        let name = format!("t{}", uuid::Uuid::now_v7().simple());
        self.run("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        name
    }

    /// What reaches a database through the UNIX socket.
    pub fn socket_url(&self, database: &str) -> String {
        let folder = self.folder.to_str().unwrap().replace('/', "%2F");
        format!("postgres://vezne@{folder}:{}/{database}", self.port)
    }

    /// What reaches a database by a host name.
    pub fn url(&self, host: &str, database: &str) -> String {
        format!("postgres://vezne@{host}:{}/{database}", self.port)
    }

    /// Where its UNIX socket is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn answers(&self) -> bool {
        let mut client = self.client("postgres");
        client.args(["-qAt", "-c", "SELECT 1"]).stderr(Stdio::null()).stdout(Stdio::null()).status().unwrap().success()
    }

    fn client(&self, database: &str) -> Command {
        let mut client = Command::new(program("psql"));
        client.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string(), "-U", "vezne", "-d", database]);
        client
    }

    fn append(&self, file: &str, lines: &str) {
        let path = self.folder.join("data").join(file);
        let mut file = File::options().append(true).open(path).unwrap();
        writeln!(file, "{lines}").unwrap();
    }

    fn end(&self, signal: &str) {
        let Some(mut server) = self.running().take() else { return };
        send(signal, server.id());
        let _ = server.wait();
    }

    /// To the server first: it is not to start more children.
    fn signal(&self, signal: &str) {
        self.running().iter().for_each(|server| send(signal, server.id()));
        self.children().into_iter().for_each(|child| send(signal, child));
    }

    fn children(&self) -> Vec<u32> {
        let Some(server) = self.running().as_ref().map(Child::id) else { return Vec::new() };
        let path = format!("/proc/{server}/task/{server}/children");
        let children = fs::read_to_string(path).unwrap_or_default();
        children.split_whitespace().filter_map(|child| child.parse().ok()).collect()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end("-QUIT");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Root may not run the server; the child ends with whoever started it.
fn unprivileged(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(program(name));
    command.current_dir(folder).env("LC_ALL", "C");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// On the path, or where Debian has it.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut versions: Vec<PathBuf> = debian.map(|version| version.join("bin")).collect();
    versions.sort();
    // Debian's own, where it is: what is on the path there only finds it.
    let folders = versions.into_iter().rev().chain(std::env::split_paths(&path));
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("there is no {name}: install PostgreSQL"))
}

fn send(signal: &str, process: u32) {
    let _ = Command::new("kill").args([signal, &process.to_string()]).stderr(Stdio::null()).status();
}

/// Whether the process is there and more than a zombie.
fn is_running(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The cluster of all tests of this process; it ends with the last of them
/// that holds it.
pub fn shared() -> Arc<Postgres> {
    static CLUSTER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let mut cluster = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = cluster.upgrade() {
        return running;
    }
    let started = Arc::new(Postgres::start());
    *cluster = Arc::downgrade(&started);
    started
}
