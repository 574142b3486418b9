//! `GET /openapi.json`: what merchants may call, and what they are answered.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

/// An `OpenAPI` 3.1 description, written by hand; the tests hold it to what the code accepts and answers.
const DOCUMENT: &str = include_str!("../../static/openapi.json");

/// This API, described for people and their tools. Needs no key.
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(DOCUMENT)
}

#[cfg(test)]
mod tests {
    mod answers;
    mod callbacks;
    mod document;
    mod schema;

    use crate::audit::{Action, Actor, ChainId, Note};
    use crate::config::LimitsConfig;
    use crate::handoff::{CARD_TOKEN_FIELD, Results};
    use crate::hardening::limits::Limits;
    use crate::hardening::request_head::cut_loose;
    use crate::hardening::{MasterKey, MasterKeys, SealContext, SecretText};
    use crate::health::Health;
    use crate::id::{KeyId, MerchantId, SessionId};
    use crate::intake::FormTokens;
    use crate::merchant::{AllowList, ApiKey, Merchant, Mode};
    use crate::page::{Pages, Violations};
    use crate::routes;
    use crate::session::{Claimed, Completion, Release, SessionRequest};
    use crate::store::{ClaimOutcome, MerchantStore, NewApiKey, NewSecret, SecretKind, SqliteStore};
    use crate::telemetry::metrics::Counts;
    use crate::window::{Gates, InFlight, Leases, Providers, Window};
    use actix_web::http::header::{AUTHORIZATION, HeaderMap};
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::web::Data;
    use serde_json::{Value, json};
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::Notify;

    /// An entry for a change that nobody looks at.
    fn note() -> Note {
        Note::new(ChainId::generate(), Actor::System, Action::MerchantUpdated)
    }

    const LEASE: Duration = Duration::from_mins(1);

    /// The real routes before a store of their own, with one merchant.
    struct Api {
        window: Data<Window>,
        folder: PathBuf,
        merchant: Merchant,
        test_key: ApiKey,
        live_key: ApiKey,
    }

    struct Answer {
        status: u16,
        headers: HeaderMap,
        body: Value,
    }

    impl Api {
        /// A merchant that may be sent to `allowed`, with secrets of these kinds.
        async fn new(allowed: &str, kinds: &[SecretKind]) -> Self {
            let folder = std::env::temp_dir().join(format!("vezne-{}", KeyId::generate()));
            std::fs::create_dir(&folder).unwrap();
            let store = Arc::new(SqliteStore::open(&folder.join("vezne.db")).unwrap());
            let master_keys = MasterKeys::from(MasterKey::parse(MasterKey::generate().expose()).unwrap());
            let sealer = Arc::new(master_keys.sealer().unwrap());
            let merchant = Merchant {
                id: MerchantId::generate(),
                name: "Kırmızı Kedi".to_owned(),
                allow_list: AllowList::parse(&[allowed]).unwrap(),
                token_in_redirect: false,
                theme: crate::merchant::Theme::default(),
                disabled_at: None,
                created_at: jiff::Timestamp::now(),
            };
            let (test_key, live_key) = (ApiKey::generate(Mode::Test), ApiKey::generate(Mode::Live));
            let record =
                |key: &ApiKey| NewApiKey { id: KeyId::generate(), mode: key.mode(), fingerprint: key.fingerprint() };
            let seal = |kind: &SecretKind| {
                let id = KeyId::generate();
                let context = SealContext { record: id.as_str(), field: kind.name() };
                let secret = sealer.seal(context, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
                NewSecret { id, kind: *kind, sealed: secret }
            };
            let keys = vec![record(&test_key), record(&live_key)];
            store.create_merchant(merchant.clone(), keys, kinds.iter().map(seal).collect(), note()).await.unwrap();
            let window = Data::new(Window {
                results: Results::new(store.clone(), Arc::clone(&sealer)),
                form_tokens: FormTokens::new(&master_keys).unwrap(),
                calls: crate::api::call_mac(&master_keys).unwrap(),
                pages: Pages::new(),
                violations: Violations::default(),
                limits: Limits::new(&LimitsConfig { api_per_second: 1000, page_per_minute: 1 }, Counts::new(["limit"])),
                public_url: "https://pay.example/".parse().unwrap(),
                with_hsts: true,
                default_locale: "tr".to_owned(),
                callback_ports: vec![443],
                leases: Leases { test: Some(LEASE), live: None },
                trail: crate::trail::Trail::start(store.clone(), ""),
                callback_wake: Arc::new(Notify::new()),
                paused_endpoints: Arc::default(),
                in_flight: InFlight::default(),
                gates: Gates::default(),
                metrics: Arc::default(),
                health: Health::default(),
                store,
                sealer,
            });
            Self { window, folder, merchant, test_key, live_key }
        }

        async fn send(&self, request: TestRequest) -> Answer {
            let service = init_service(routes::application(self.window.clone(), Providers::default())).await;
            let mut request = request.to_request();
            cut_loose(&mut request);
            let response = call_service(&service, request).await;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = serde_json::from_slice(&read_body(response).await).unwrap();
            Answer { status, headers, body }
        }

        async fn call(&self, request: TestRequest) -> Answer {
            self.send(request.insert_header((AUTHORIZATION, format!("Bearer {}", self.test_key.expose())))).await
        }

        /// A session from a request with every field in it, over at once when `life` is zero.
        async fn session(&self, body: &Value, life: Duration) -> SessionId {
            let request: SessionRequest = serde_json::from_value(body.clone()).unwrap();
            let (mut new, _) = request.check(&self.merchant, Mode::Test, |_| true, |_| true).unwrap();
            new.life = life;
            self.window.store.create_session(new).await.unwrap().id
        }

        async fn claim(&self, id: &SessionId) -> Claimed {
            match self.window.store.claim(id.clone(), LEASE).await.unwrap() {
                ClaimOutcome::Claimed(claimed) => *claimed,
                ClaimOutcome::Busy | ClaimOutcome::Ended(_) => panic!("{id} cannot be claimed"),
            }
        }

        async fn complete(&self, id: &SessionId) {
            let token = SecretText::new("+oc6jxS0ABueLM+QuJnQFrZyV+B4HMHYiMx8yBH/Z90=".to_owned());
            let context = SealContext { record: id.as_str(), field: CARD_TOKEN_FIELD };
            let card = json!({ "brand": "visa", "bin": "43550930", "lastFour": "7068", "expireMonth": 11, "expireYear": 2040 });
            let completion = Completion {
                card_token: self.window.sealer.seal(context, token.expose()).unwrap(),
                card: serde_json::from_value(card).unwrap(),
            };
            let claim = self.claim(id).await;
            self.window.store.complete(&claim, &completion).await.unwrap();
        }

        async fn refuse_until_failed(&self, id: &SessionId) {
            for _ in 0..crate::session::Session::MAX_ATTEMPTS {
                let claim = self.claim(id).await;
                let refused = Release::Refused { provider_code: "0012".to_owned() };
                self.window.store.release(&claim, &refused).await.unwrap();
            }
        }
    }

    impl Drop for Api {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.folder).ok();
        }
    }
}
