//! What an operator does to merchants, on the store directly.

use crate::audit::{Action, Note};
use crate::cli::{Failure, Operator};
use crate::config::Config;
use crate::hardening::secret::fill_random;
use crate::hardening::{Fingerprint, MasterKeys, SealContext, Sealer, SecretText, random_text};
use crate::id::{KeyId, MerchantId};
use crate::merchant::{AllowList, ApiKey, Merchant, Mode, Theme};
use crate::provider::write_credentials;
use crate::startup::{StartupError, open_store};
use crate::store::{
    ApiKeyRecord, Authenticated, NewApiKey, NewSecret, SecretKind, SecretRecord, SharedStore, StoreError,
};
use data_encoding::BASE64;
use jiff::Timestamp;
use std::time::Duration;
use zeroize::Zeroizing;

/// An operator with the store and the master key.
pub struct Admin {
    store: SharedStore,
    sealer: Sealer,
    live: bool,
    operator: Operator,
}

/// A new merchant with everything that is shown once.
pub struct CreatedMerchant {
    /// The merchant.
    pub merchant: Merchant,
    /// One key a mode.
    pub api_keys: Vec<ApiKey>,
    /// What results and callbacks are signed with.
    pub secrets: Secrets,
}

/// What a merchant verifies with.
pub struct Secrets {
    /// `vzsig_…`: the key of results is this text as it stands.
    pub signing: SecretText,
    /// `whsec_…`: as Standard Webhooks has it.
    pub webhook: SecretText,
}

/// What `show` tells beside the settings.
pub struct Overview {
    /// Live keys.
    pub api_keys: Vec<ApiKeyRecord>,
    /// Live signing secrets, for results and for callbacks, by name: never opened.
    pub signing: Vec<(SecretKind, SecretRecord)>,
    /// Modes with provider credentials.
    pub providers: Vec<Mode>,
}

impl Admin {
    /// Opens the configured store.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn open(config: &Config) -> Result<Self, Failure> {
        let keys = MasterKeys::load(&config.keys).map_err(StartupError::from)?;
        let sealer = keys.sealer().map_err(StartupError::from)?;
        Ok(Self { store: open_store(config)?, sealer, live: config.live, operator: Operator::here() })
    }

    /// Creates a merchant with a key for each mode that is served.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn create(&self, name: &str, allow: &[String]) -> Result<CreatedMerchant, Failure> {
        check_name(name)?;
        let merchant = Merchant {
            id: MerchantId::generate(),
            name: name.to_owned(),
            allow_list: AllowList::parse(allow).map_err(|error| Failure::usage(format!("--allow: {error}")))?,
            token_in_redirect: false,
            theme: Theme::default(),
            disabled_at: None,
            created_at: Timestamp::now(),
        };
        let modes = [Mode::Test, Mode::Live].into_iter().filter(|mode| *mode == Mode::Test || self.live);
        let api_keys: Vec<ApiKey> = modes.map(ApiKey::generate).collect();
        let secrets = Secrets { signing: new_secret(SecretKind::Result), webhook: new_secret(SecretKind::Webhook) };
        let sealed =
            vec![self.seal(SecretKind::Result, &secrets.signing)?, self.seal(SecretKind::Webhook, &secrets.webhook)?];
        let records = api_keys.iter().map(record).collect();
        let modes: Vec<&str> = api_keys.iter().map(|key| key.mode().name()).collect();
        let note = self.note(Action::MerchantCreated, &merchant.id).detail(&format!("modes={}", modes.join(",")));
        let done = self.store.create_merchant(merchant.clone(), records, sealed, note.clone()).await;
        self.settle(note, done).await?;
        Ok(CreatedMerchant { merchant, api_keys, secrets })
    }

    /// Every merchant.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn all(&self) -> Result<Vec<Merchant>, Failure> {
        Ok(self.store.merchants().await?)
    }

    /// One merchant.
    ///
    /// # Errors
    /// [`Failure`] when there is none.
    pub async fn find(&self, id: &MerchantId) -> Result<Merchant, Failure> {
        let found = self.store.merchant(id.clone()).await?;
        found.ok_or_else(|| Failure::usage(format!("there is no merchant {id}")))
    }

    /// Whose key this is, if it is one of this store's.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn authenticate(&self, key: Fingerprint) -> Result<Option<Authenticated>, Failure> {
        Ok(self.store.authenticate(key).await?)
    }

    /// A merchant's keys and providers, by name.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn overview(&self, merchant: &Merchant) -> Result<Overview, Failure> {
        let mut providers = Vec::new();
        for mode in [Mode::Test, Mode::Live] {
            if !self.store.secrets(merchant.id.clone(), SecretKind::provider(mode)).await?.is_empty() {
                providers.push(mode);
            }
        }
        let mut signing = Vec::new();
        for kind in [SecretKind::Result, SecretKind::Webhook] {
            let live = self.store.secrets(merchant.id.clone(), kind).await?;
            signing.extend(live.into_iter().map(|record| (kind, record)));
        }
        Ok(Overview { api_keys: self.store.api_keys(merchant.id.clone()).await?, signing, providers })
    }

    /// Stores changed settings.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn save(&self, merchant: &Merchant) -> Result<(), Failure> {
        let before = self.find(&merchant.id).await?;
        let detail = format!("fields={}", changed(&before, merchant).join(","));
        self.update(merchant, self.note(Action::MerchantUpdated, &merchant.id).detail(&detail)).await
    }

    async fn update(&self, merchant: &Merchant, note: Note) -> Result<(), Failure> {
        let done = self.store.update_merchant(merchant.clone(), note.clone()).await;
        Ok(self.settle(note, done).await?)
    }

    /// Switches a merchant off.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn disable(&self, id: &MerchantId) -> Result<(), Failure> {
        let mut merchant = self.find(id).await?;
        merchant.disabled_at.get_or_insert_with(Timestamp::now);
        self.update(&merchant, self.note(Action::MerchantDisabled, id)).await
    }

    /// Seals the provider's keys; the ones before end at once.
    ///
    /// # Errors
    /// [`Failure`], naming the field that cannot be used.
    pub async fn set_provider(
        &self,
        id: &MerchantId,
        mode: Mode,
        public_key: &str,
        secret_key: &SecretText,
        merchant_number: &str,
    ) -> Result<(), Failure> {
        let credentials = write_credentials(public_key, secret_key, merchant_number)
            .map_err(|error| Failure::usage(error.to_string()))?;
        let secret = self.seal(SecretKind::provider(mode), &credentials)?;
        let detail = format!("mode={} key={}", mode.name(), secret.id);
        let note = self.note(Action::ProviderSet, id).detail(&detail);
        let done = self.store.rotate_secret(id.clone(), secret, Duration::ZERO, note.clone()).await;
        Ok(self.settle(note, done).await?)
    }

    /// A new API key.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn rotate_key(&self, id: &MerchantId, mode: Mode, grace: Duration) -> Result<ApiKey, Failure> {
        let key = ApiKey::generate(mode);
        let new = record(&key);
        let detail = format!("mode={} key={} grace_s={}", mode.name(), new.id, grace.as_secs());
        let note = self.note(Action::ApiKeyRotated, id).detail(&detail);
        let done = self.store.rotate_api_key(id.clone(), new, grace, note.clone()).await;
        self.settle(note, done).await?;
        Ok(key)
    }

    /// A new secret for results, or for callbacks.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn rotate_secret(&self, id: &MerchantId, webhook: bool, grace: Duration) -> Result<SecretText, Failure> {
        let kind = if webhook { SecretKind::Webhook } else { SecretKind::Result };
        let secret = new_secret(kind);
        let new = self.seal(kind, &secret)?;
        let detail = format!("kind={} key={} grace_s={}", kind.name(), new.id, grace.as_secs());
        let note = self.note(Action::SecretRotated, id).detail(&detail);
        let done = self.store.rotate_secret(id.clone(), new, grace, note.clone()).await;
        self.settle(note, done).await?;
        Ok(secret)
    }

    /// Ends an API key or signing secret in its grace time at once.
    ///
    /// # Errors
    /// [`Failure`] when there is none of that name, or when it is the newest of its
    /// kind, without which the merchant would have none.
    pub async fn retire(&self, id: &MerchantId, key: &KeyId) -> Result<(), Failure> {
        let note = self.note(Action::KeyRetired, id).detail(&format!("key={key}"));
        let done = self.store.retire(id.clone(), key.clone(), note.clone()).await;
        match self.settle(note, done).await {
            Err(StoreError::Missing { .. }) => {
                Err(Failure::usage(format!("{id} has no key or secret {key} in its grace time")))
            }
            ended => Ok(ended?),
        }
    }

    /// Writes the last entry of what was done here.
    ///
    /// # Errors
    /// [`Failure`]; what was done stands.
    pub async fn close(&self) -> Result<(), Failure> {
        self.operator.close(&self.store).await
    }

    fn note(&self, action: Action, id: &MerchantId) -> Note {
        self.operator.note(action).on(id.as_str())
    }

    async fn settle(&self, note: Note, done: Result<(), StoreError>) -> Result<(), StoreError> {
        self.operator.settle(&self.store, note, done).await
    }

    fn seal(&self, kind: SecretKind, secret: &SecretText) -> Result<NewSecret, Failure> {
        let id = KeyId::generate();
        let context = SealContext { record: id.as_str(), field: kind.name() };
        let sealed =
            self.sealer.seal(context, secret.expose()).map_err(|error| Failure::internal(error.to_string()))?;
        Ok(NewSecret { id, kind, sealed })
    }
}

/// Applies what `update` names.
///
/// # Errors
/// [`Failure`] when a value cannot be used.
pub fn change(
    merchant: &mut Merchant,
    name: Option<String>,
    allow: &[String],
    token_in_redirect: Option<bool>,
    enable: bool,
) -> Result<(), Failure> {
    if let Some(name) = name {
        check_name(&name)?;
        merchant.name = name;
    }
    if !allow.is_empty() {
        merchant.allow_list = AllowList::parse(allow).map_err(|error| Failure::usage(format!("--allow: {error}")))?;
    }
    merchant.token_in_redirect = token_in_redirect.unwrap_or(merchant.token_in_redirect);
    if enable {
        merchant.disabled_at = None;
    }
    Ok(())
}

/// The settings that differ, by name.
fn changed(before: &Merchant, after: &Merchant) -> Vec<&'static str> {
    let fields = [
        ("name", before.name != after.name),
        ("allow", !before.allow_list.entries().eq(after.allow_list.entries())),
        ("token_in_redirect", before.token_in_redirect != after.token_in_redirect),
        ("theme", before.theme != after.theme),
        ("disabled", before.disabled_at != after.disabled_at),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

fn check_name(name: &str) -> Result<(), Failure> {
    if Merchant::name_fits(name) {
        return Ok(());
    }
    Err(Failure::usage(format!("--name must have 1 to {} characters on one line", Merchant::MAX_NAME)))
}

fn record(key: &ApiKey) -> NewApiKey {
    NewApiKey { id: KeyId::generate(), mode: key.mode(), fingerprint: key.fingerprint() }
}

/// A fresh signing secret in the form that its verifiers expect.
fn new_secret(kind: SecretKind) -> SecretText {
    if kind == SecretKind::Webhook {
        let mut bytes = Zeroizing::new([0; 32]);
        fill_random(bytes.as_mut());
        return SecretText::new(format!("whsec_{}", BASE64.encode(bytes.as_ref())));
    }
    random_text("vzsig_", 32)
}
