//! Plays scenarios: opens sessions, sends what each card is to send, keeps
//! every answer.

use crate::Outcome;
use crate::cards::Card;
use crate::client::{self, Close, Connection};
use crate::forms;
use crate::instance::Instance;
use crate::scenarios::{Scenario, Session};
use crate::upstream::Upstream;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::ops::Range;
use uuid::Uuid;

/// Connections at the same time.
const CONCURRENCY: usize = 64;

/// What one card's request is made of.
pub struct Attempt<'a> {
    pub card: &'a Card,
    /// Another card of the same scenario.
    pub other: &'a Card,
    /// Which attempt of its scenario.
    pub index: usize,
    /// How many attempts the scenario has.
    pub count: usize,
    pub host: &'a str,
    pub api_key: &'a str,
    pub shop_url: &'a str,
    /// `/c/{secret}`
    pub path: &'a str,
    /// The page's form token.
    pub token: &'a str,
}

/// What is sent, and what happens then.
pub struct Exchange {
    pub bytes: Vec<u8>,
    pub ending: Ending,
}

pub enum Ending {
    /// One answer is read, and the connection closed.
    Answer,
    /// Everything is read until the server ends the connection.
    AllAnswers,
    /// The sending side ends; everything is read.
    HalfClose,
    /// One answer is read, and the client's side stays open.
    Keep,
    /// The client is gone.
    Close(Close),
    /// The client is gone once the provider has the card.
    CloseOnceForwarded(Close),
}

/// A process, its upstream, and what came of it all so far.
pub struct Stage<'a> {
    pub instance: &'a Instance,
    pub upstream: &'a Upstream,
    host: String,
    answers: RefCell<Vec<u8>>,
    faults: RefCell<Vec<String>>,
    kept: RefCell<Vec<Connection>>,
}

/// A page that a cardholder has.
struct Page {
    path: String,
    token: String,
}

impl<'a> Stage<'a> {
    pub fn new(instance: &'a Instance, upstream: &'a Upstream) -> Self {
        Self {
            instance,
            upstream,
            host: instance.host(),
            answers: RefCell::default(),
            faults: RefCell::default(),
            kept: RefCell::default(),
        }
    }

    /// Closes what scenarios kept open.
    pub fn close_kept(&self) {
        self.kept.take();
    }

    /// How many connections scenarios keep open.
    pub fn kept(&self) -> usize {
        self.kept.borrow().len()
    }

    /// All answers since the last look, and what went another way than it should.
    pub fn take_log(&self) -> (Vec<u8>, Vec<String>) {
        let (mut answers, mut faults) = (self.answers.take(), self.faults.take());
        let (callbacks, calls) = self.upstream.take_log();
        answers.extend(callbacks);
        faults.extend(calls);
        (answers, faults)
    }

    /// Plays a scenario to its end, one attempt for each card.
    pub async fn play(&self, scenario: &Scenario, cards: &[Card]) -> Outcome<()> {
        self.play_some(scenario, cards, 0..cards.len()).await
    }

    /// Plays some of a scenario's attempts, by their places in it.
    pub async fn play_some(&self, scenario: &Scenario, cards: &[Card], places: Range<usize>) -> Outcome<()> {
        let behaviours = places.clone().map(|place| (cards[place].number.clone(), (scenario.upstream)(place)));
        self.upstream.prepare(behaviours.collect());
        let (own, shared) = match scenario.session {
            Session::Shared => {
                let path = self.open_sessions(1, false).await?.remove(0);
                (vec![None; places.len()], Some(self.page(&mut self.instance.client.connect(0).await?, &path).await?))
            }
            _ => (self.open_sessions(places.len(), scenario.callbacks).await?.into_iter().map(Some).collect(), None),
        };
        stream::iter(places.clone().zip(&own))
            .map(|(place, path)| self.attempt(scenario, cards, place, path.as_deref(), shared.as_ref()))
            .buffer_unordered(CONCURRENCY)
            .try_collect::<Vec<()>>()
            .await
            .map_err(|error| format!("{}: {error}", scenario.name))?;
        self.upstream.release(cards[places].iter().map(|card| card.number.as_str()));
        Ok(())
    }

    async fn attempt(
        &self,
        scenario: &Scenario,
        cards: &[Card],
        index: usize,
        path: Option<&str>,
        shared: Option<&Page>,
    ) -> Outcome<()> {
        let mut connection = self.instance.client.connect(index).await?;
        let own = match path {
            Some(path) => Some(self.page(&mut connection, path).await?),
            None => None,
        };
        if matches!(scenario.session, Session::AfterPage) {
            client::close(connection, Close::by_turns(index)).await?;
            connection = self.instance.client.connect(index).await?;
        }
        let page = own.as_ref().or(shared).ok_or("there is no page")?;
        let attempt = self.with(page, cards, index);
        let exchange = (scenario.request)(&attempt);
        let answer = self.exchange(connection, exchange, &attempt).await?;
        self.judge(scenario, index, &answer);
        self.answers.borrow_mut().extend(answer);
        Ok(())
    }

    fn with<'b>(&'b self, page: &'b Page, cards: &'b [Card], index: usize) -> Attempt<'b> {
        Attempt {
            card: &cards[index],
            other: &cards[(index + 1) % cards.len()],
            index,
            count: cards.len(),
            host: &self.host,
            api_key: &self.instance.api_key,
            shop_url: &self.instance.shop_url,
            path: &page.path,
            token: &page.token,
        }
    }

    /// A good form for a session of its own, to be sent by hand.
    pub async fn form(&self, card: &Card) -> Outcome<Vec<u8>> {
        let path = self.open_sessions(1, false).await?.remove(0);
        let page = self.page(&mut self.instance.client.connect(0).await?, &path).await?;
        Ok(forms::by_browser(&self.with(&page, std::slice::from_ref(card), 0)).bytes)
    }

    async fn exchange(&self, mut connection: Connection, what: Exchange, attempt: &Attempt<'_>) -> Outcome<Vec<u8>> {
        client::send(&mut connection, &what.bytes).await?;
        match what.ending {
            Ending::Answer => {
                let answer = client::one_answer(&mut connection).await?;
                client::close(connection, Close::Notify).await?;
                Ok(answer)
            }
            Ending::AllAnswers => client::all_answers(&mut connection).await,
            Ending::HalfClose => client::half_close(connection).await,
            Ending::Keep => {
                let answer = client::part_of_answer(&mut connection).await?;
                self.kept.borrow_mut().push(connection);
                Ok(answer)
            }
            Ending::Close(how) => client::close(connection, how).await.map(|()| Vec::new()),
            Ending::CloseOnceForwarded(how) => {
                self.upstream.received(&attempt.card.number).await?;
                client::close(connection, how).await.map(|()| Vec::new())
            }
        }
    }

    /// Notes an answer with a status that the scenario does not have.
    fn judge(&self, scenario: &Scenario, index: usize, answer: &[u8]) {
        let status = status(answer);
        if !scenario.statuses.is_empty() && !status.is_some_and(|status| scenario.statuses.contains(&status)) {
            let said = status.map_or("nothing".to_owned(), |status| status.to_string());
            self.faults.borrow_mut().push(format!("{}, attempt {index}: answered {said}", scenario.name));
        }
    }

    /// Opens sessions over one connection and returns their pages' paths.
    pub async fn open_sessions(&self, count: usize, callbacks: bool) -> Outcome<Vec<String>> {
        let mut connection = self.instance.client.connect(0).await?;
        let mut paths = Vec::with_capacity(count);
        for _ in 0..count {
            let mut session = json!({
                "purpose": "tokenize",
                "conversationId": Uuid::now_v7().to_string(),
                "returnUrl": format!("{}return", self.instance.shop_url),
            });
            if callbacks {
                session["callbackUrl"] = format!("{}callback", self.instance.shop_url).into();
            }
            let request = api_post(&self.host, &self.instance.api_key, &session.to_string());
            client::send(&mut connection, &request).await?;
            let answer = client::one_answer(&mut connection).await?;
            paths.push(path_of(&answer).ok_or_else(|| format!("a session was answered {:?}", status(&answer)))?);
        }
        client::close(connection, Close::Notify).await?;
        Ok(paths)
    }

    async fn page(&self, connection: &mut Connection, path: &str) -> Outcome<Page> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        client::send(connection, request.as_bytes()).await?;
        let answer = client::one_answer(connection).await?;
        let text = String::from_utf8_lossy(&answer);
        let value = text.split_once(r#"name="formToken" value=""#).and_then(|(_, rest)| rest.split('"').next());
        let token = value.ok_or_else(|| format!("a page was answered {:?}", status(&answer)))?.to_owned();
        Ok(Page { path: path.to_owned(), token })
    }
}

/// A call that opens a session.
pub fn api_post(host: &str, api_key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api_key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn status(answer: &[u8]) -> Option<u16> {
    std::str::from_utf8(answer.strip_prefix(b"HTTP/1.")?.get(2..5)?).ok()?.parse().ok()
}

/// The way to a created session's page.
fn path_of(answer: &[u8]) -> Option<String> {
    let start = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let body: Value = serde_json::from_slice(&answer[start..]).ok()?;
    let url = body["url"].as_str()?;
    Some(url[url.find("/c/")?..].to_owned())
}
