//! Cardholders, and what they do at a window that may fall at any moment: look
//! at the page again, and go on with what it shows.

use crate::Outcome;
use crate::client::{Answer, Shown};
use crate::multipart::Form;
use crate::random::Random;
use crate::world::{Session, World};
use futures_util::future::join;
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use vezne::sandbox::magic::{Behaviour, MAGIC_CARDS};

/// The usual life of a session, longer than any run.
pub const LIFE: Duration = Duration::from_mins(15);
/// Between two looks at a page.
const PAUSE: Duration = Duration::from_millis(200);

/// What a cardholder does beside paying.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Case {
    Plain,
    /// One form, twice at once, to two processes.
    DoubleClick,
    /// Two forms with two cards at once.
    TwoTabs,
    /// The form once more, after the end.
    Replay,
    /// The merchant cancels while a card is on its way.
    Cancel,
    /// The session ends by time soon.
    ShortLife,
    /// A card that the provider refuses comes first.
    Refused,
}

impl Case {
    fn any(random: &mut Random) -> Self {
        match random.below(100) {
            0..12 => Self::DoubleClick,
            12..24 => Self::TwoTabs,
            24..32 => Self::Replay,
            32..42 => Self::Cancel,
            42..50 => Self::ShortLife,
            50..56 => Self::Refused,
            _ => Self::Plain,
        }
    }
}

/// One after the other, as long as the run goes on.
pub struct Cardholder<'a> {
    pub world: &'a World,
    pub random: Random,
    pub is_over: &'a Cell<bool>,
}

impl Cardholder<'_> {
    /// Opens sessions and pays them until the run is over.
    pub async fn go_on(mut self) -> Outcome<()> {
        while !self.is_over.get() {
            let case = Case::any(&mut self.random);
            let life = if case == Case::ShortLife { Duration::from_secs(self.random.between(1, 4)) } else { LIFE };
            let process = self.world.any(&mut self.random)?;
            match self.world.create(process, life).await {
                Ok(session) => self.visit(&session, case).await?,
                Err(_) => sleep(PAUSE).await,
            }
        }
        Ok(())
    }

    /// One session, by one cardholder, whose patience has an end.
    async fn visit(&mut self, session: &Session, case: Case) -> Outcome<()> {
        // Those who wait for a lease to end keep their place from others.
        let longest = if self.random.percent(30) { 20_000 } else { 2_000 };
        let patience = Duration::from_millis(self.random.between(500, longest));
        let Some(token) = self.form(session, patience).await? else { return Ok(()) };
        match case {
            Case::DoubleClick => {
                let form = filled(&token, &self.world.card());
                self.both(session, form.clone(), form).await?;
            }
            Case::TwoTabs => {
                let [one, other] = [(); 2].map(|()| filled(&token, &self.world.card()));
                self.both(session, one, other).await?;
            }
            Case::Cancel => self.pay_and_cancel(session, &token).await?,
            Case::Refused => {
                let card = MAGIC_CARDS.iter().find(|card| card.behaviour == Behaviour::Refuse).map(|card| card.number);
                self.submit(session, filled(&token, card.unwrap_or_default())).await?;
            }
            Case::Plain | Case::Replay | Case::ShortLife => {
                self.submit(session, filled(&token, &self.world.card())).await?;
            }
        }
        let is_over = self.pay(session, patience).await?;
        if case == Case::Replay && is_over {
            self.submit(session, filled(&token, &self.world.card())).await?;
            self.pay(session, patience).await?;
        }
        Ok(())
    }

    /// Looks at the page and does what it asks for until there is an end; says
    /// whether there was one within this patience.
    pub async fn pay(&mut self, session: &Session, patience: Duration) -> Outcome<bool> {
        let deadline = Instant::now() + patience;
        let mut shown = self.look(session, "").await?;
        while Instant::now() < deadline && !self.is_over.get() {
            shown = match shown {
                Shown::Over(_) | Shown::Nothing => return Ok(true),
                Shown::Done => self.look(session, "/done").await?,
                Shown::Form(token) => self.submit(session, filled(&token, &self.world.card())).await?,
                Shown::Wait | Shown::Trouble => {
                    sleep(PAUSE).await;
                    self.look(session, "").await?
                }
            };
        }
        Ok(false)
    }

    /// The page's form, if it shows one within this patience.
    async fn form(&mut self, session: &Session, patience: Duration) -> Outcome<Option<String>> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && !self.is_over.get() {
            match self.look(session, "").await? {
                Shown::Form(token) => return Ok(Some(token)),
                Shown::Over(_) | Shown::Nothing => return Ok(None),
                _ => sleep(PAUSE).await,
            }
        }
        Ok(None)
    }

    /// The session's page, or the one below it.
    async fn look(&mut self, session: &Session, below: &str) -> Outcome<Shown> {
        let process = self.world.any(&mut self.random)?;
        let answer = self.world.client.get(process, &format!("{}{below}", session.path)).await;
        Ok(self.see(session, answer))
    }

    async fn submit(&mut self, session: &Session, form: Form) -> Outcome<Shown> {
        let process = self.world.any(&mut self.random)?;
        Ok(self.send(session, process, form).await)
    }

    async fn send(&self, session: &Session, process: SocketAddr, form: Form) -> Shown {
        let answer = self.world.client.post(process, &session.path, form).await;
        self.see(session, answer)
    }

    /// Two forms at once, to two processes where there are two.
    async fn both(&mut self, session: &Session, one: Form, other: Form) -> Outcome<()> {
        let first = self.world.any(&mut self.random)?;
        let second = self.world.any(&mut self.random)?;
        join(self.send(session, first, one), self.send(session, second, other)).await;
        Ok(())
    }

    async fn pay_and_cancel(&mut self, session: &Session, token: &str) -> Outcome<()> {
        let (first, second) = (self.world.any(&mut self.random)?, self.world.any(&mut self.random)?);
        let pause = Duration::from_millis(self.random.below(120));
        let form = filled(token, &self.world.card());
        let cancel = async {
            sleep(pause).await;
            self.world.api(second, "POST", &format!("/v1/sessions/{}/cancel", session.id), None).await
        };
        let _ = join(self.send(session, first, form), cancel).await;
        Ok(())
    }

    /// What an answer shows; one that was lost, a browser's own page of trouble.
    fn see(&self, session: &Session, answer: Outcome<Answer>) -> Shown {
        let shown = answer.map_or(Shown::Trouble, |answer| answer.shown());
        self.world.witness(session, &shown);
        shown
    }
}

/// The form with this card.
pub fn filled(token: &str, card: &str) -> Form {
    Form::new().field("formToken", token).field("cardNumber", card).field("expiry", "12 / 40").field("cvv", "123")
}
