//! vezne itself: installed into a folder of its own, started as an operator
//! starts it, and filled with sessions through its API.

use crate::Outcome;
use crate::client::{Client, Journey, KeyExchange, Sender, send, typed};
use crate::operator::{Installation, Operator, text};
use crate::process::Process;
use crate::upstream::Upstream;
use futures_util::future::try_join_all;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use uuid::Uuid;
use vezne::residue::RandomCards;
use vezne::server::bind;

/// Connections over which sessions are created at the same time.
const API_CONNECTIONS: usize = 16;

/// An installation: configuration, store, merchant, and a bound socket.
pub struct Window {
    binary: PathBuf,
    config: PathBuf,
    listener: TcpListener,
    api_key: String,
    shop_url: String,
    callbacks: bool,
}

impl Window {
    /// Installs into `folder`, which must not be there yet.
    pub fn install(binary: &Path, folder: &Path, upstream: &Upstream, callbacks: bool) -> Outcome<Self> {
        fs::create_dir(folder)?;
        let listener = bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])?.remove(0);
        let config = installation(listener.local_addr()?, upstream).write(folder)?;
        let shop_url = upstream.shop_url();
        let operator = Operator { binary, config: &config };
        let api_key = operator.create_merchant(&shop_url, &upstream.merchant)?.api_key;
        Ok(Self { binary: binary.to_owned(), config, listener, api_key, shop_url, callbacks })
    }

    /// Starts it on the socket that it was installed with, which takes
    /// connections from now on.
    pub fn start(&self) -> Outcome<Process> {
        self.start_without(&[])
    }

    /// As [`Window::start`], with parts of the memory hygiene left out.
    pub fn start_without(&self, parts: &[&str]) -> Outcome<Process> {
        let socket = OwnedFd::from(self.listener.try_clone()?);
        let mut arguments = vec!["serve", "--config", text(&self.config)?, "--listen-stdin"];
        arguments.extend(parts.iter().flat_map(|part| ["--danger-leave-out", part]));
        Process::start(text(&self.binary)?, &arguments, Stdio::from(socket))
    }

    /// A client of this window.
    pub fn client(&self, exchange: KeyExchange) -> Outcome<Client> {
        Client::new(self.listener.local_addr()?, exchange, StatusCode::SEE_OTHER)
    }

    /// Whether its sessions are called back about.
    pub fn calls_back(&self) -> bool {
        self.callbacks
    }

    /// Opens sessions and returns the way through each.
    pub async fn open_sessions(&self, client: &Client, count: usize, cards: &mut RandomCards) -> Outcome<Vec<Journey>> {
        let shares = (0..API_CONNECTIONS).map(|index| (count + index) / API_CONNECTIONS);
        let pages = try_join_all(shares.map(|share| self.open_over_one_connection(client, share))).await?;
        let journey = |page: String| Journey { form: page.clone(), page, card: typed(cards) };
        Ok(pages.into_iter().flatten().map(journey).collect())
    }

    async fn open_over_one_connection(&self, client: &Client, count: usize) -> Outcome<Vec<String>> {
        let mut pages = Vec::with_capacity(count);
        if count > 0 {
            let mut connection = client.connect().await?;
            for _ in 0..count {
                pages.push(self.open_session(client, &mut connection).await?);
            }
        }
        Ok(pages)
    }

    async fn open_session(&self, client: &Client, connection: &mut Sender) -> Outcome<String> {
        let mut session = json!({
            "purpose": "tokenize",
            // The upstream takes two calls of one conversation in the same millisecond for a replay.
            "conversationId": Uuid::now_v7().to_string(),
            "returnUrl": format!("{}return", self.shop_url),
            "expiresIn": 6 * 3600,
        });
        if self.callbacks {
            session["callbackUrl"] = format!("{}callback", self.shop_url).into();
        }
        let request = client
            .request(Method::POST, "/v1/sessions")
            .header(AUTHORIZATION, format!("Bearer {}", self.api_key))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(session.to_string()))?;
        let (status, body) = send(connection, request).await?;
        let answer: Value = serde_json::from_slice(&body)?;
        let page = answer["url"].as_str().and_then(|url| url.find("/c/").map(|at| url[at..].to_owned()));
        page.ok_or_else(|| format!("a session was answered {status}: {answer}").into())
    }
}

/// One worker, and a log that only troubles reach.
fn installation(address: SocketAddr, upstream: &Upstream) -> Installation<'_> {
    Installation {
        address,
        certificate: &upstream.certificate,
        ca_file: &upstream.ca_file,
        token_url: upstream.token_url(),
        callback_port: upstream.address().port(),
        workers: 1,
        log_level: "warn",
        store: r#"path = "vezne.db""#,
        provider: String::new(),
        callback: "",
    }
}
