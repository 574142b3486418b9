//! The yardstick: an nginx that serves a static copy of the page and proxies
//! the form to the same upstream, over TLS connections that it keeps.

use crate::Outcome;
use crate::client::{Client, Journey, KeyExchange, typed};
use crate::process::Process;
use crate::upstream::Upstream;
use hyper::StatusCode;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use vezne::residue::RandomCards;
use vezne::sandbox::TOKEN_PATH;

const PAGE: &str = "/page.html";

/// A configured nginx.
pub struct Yardstick {
    binary: String,
    config: PathBuf,
    address: SocketAddr,
    /// The best key exchange that this nginx can do.
    pub exchange: KeyExchange,
}

impl Yardstick {
    /// Configures it in `folder`, which must not be there yet.
    pub fn install(binary: &str, folder: &Path, upstream: &Upstream) -> Outcome<Self> {
        fs::create_dir(folder)?;
        // nginx binds its port itself: this one was free a moment ago.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let config = folder.join("nginx.conf");
        for exchange in [KeyExchange::X25519MlKem768, KeyExchange::X25519] {
            fs::write(&config, configuration(folder, address, upstream, exchange))?;
            if Command::new(binary).args(["-t", "-q", "-c"]).arg(&config).stderr(Stdio::null()).status()?.success() {
                return Ok(Self { binary: binary.to_owned(), config, address, exchange });
            }
        }
        Err(format!("{binary} refuses its configuration: {binary} -t -c {}", config.display()).into())
    }

    /// Puts a copy of the page there and starts.
    pub fn start(&self, page: &[u8]) -> Outcome<Process> {
        let folder = self.config.parent().ok_or("the configuration is in no folder")?;
        fs::write(folder.join("page.html"), page)?;
        let config = self.config.to_str().ok_or("the folder's name is not UTF-8")?;
        Process::start(&self.binary, &["-c", config], Stdio::null())
    }

    /// A client. The upstream takes a browser's form for one without a
    /// signature, and says so with 200.
    pub fn client(&self, exchange: KeyExchange) -> Outcome<Client> {
        Client::new(self.address, exchange, StatusCode::OK)
    }

    /// Ways through the static page: alike but for the card.
    pub fn journeys(count: usize, cards: &mut RandomCards) -> Vec<Journey> {
        let journey = || Journey { page: PAGE.to_owned(), form: TOKEN_PATH.to_owned(), card: typed(cards) };
        std::iter::repeat_with(journey).take(count).collect()
    }
}

/// One worker, no access log, no resumption, the page's file kept open, and a
/// close after the form as vezne does it.
fn configuration(folder: &Path, address: SocketAddr, upstream: &Upstream, exchange: KeyExchange) -> String {
    let folder = folder.display();
    let (certificate, key) = (upstream.certificate.certificate.display(), upstream.certificate.private_key.display());
    let (ca_file, upstream, exchange) = (upstream.ca_file.display(), upstream.address(), exchange.name());
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        r#"
daemon off;
{user}
worker_processes 1;
pid "{folder}/nginx.pid";
error_log "{folder}/error.log" warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type "text/html; charset=utf-8";
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    open_file_cache max=8 inactive=1h;
    keepalive_timeout 180s;
    keepalive_requests 2;
    upstream card_token {{
        server {upstream};
        keepalive 64;
        keepalive_requests 1000000;
    }}
    server {{
        listen {address} ssl backlog=2048;
        ssl_certificate "{certificate}";
        ssl_certificate_key "{key}";
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve {exchange};
        ssl_session_cache off;
        ssl_session_tickets off;
        root "{folder}";
        location = {PAGE} {{ }}
        location = {TOKEN_PATH} {{
            proxy_pass https://card_token;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_ssl_trusted_certificate "{ca_file}";
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
        }}
    }}
}}
"#
    )
}
