//! The demo's merchant, made and kept up to date by the operator's own means.

use super::Admin;
use crate::cli::Failure;
use crate::config::Config;
use crate::hardening::SecretText;
use crate::id::MerchantId;
use crate::merchant::Mode;
use crate::sandbox::demo::{DemoError, DemoMerchant, Provision};

const NAME: &str = "Demo Kahve";

/// Makes the demo merchant, or gives the one of an earlier start this start's
/// addresses.
///
/// # Errors
/// [`DemoError`] when the window's store cannot be used.
pub fn create_demo(wanted: &Provision<'_>) -> Result<DemoMerchant, DemoError> {
    let config = Config::load(Some(wanted.config)).map_err(|mistakes| DemoError::Usage(mistakes.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let provisioned = runtime.block_on(async {
        let admin = Admin::open(&config)?;
        let merchant = match known(&admin, wanted).await? {
            Some(merchant) => merchant,
            None => create(&admin, wanted).await?,
        };
        set_provider(&admin, &merchant, wanted).await?;
        admin.close().await?;
        Ok(merchant)
    });
    provisioned.map_err(|failure: Failure| DemoError::Unavailable(failure.to_string()))
}

async fn known(admin: &Admin, wanted: &Provision<'_>) -> Result<Option<DemoMerchant>, Failure> {
    let Some(known) = wanted.known else { return Ok(None) };
    let Some(id) = MerchantId::parse(&known.merchant) else { return Ok(None) };
    let Ok(mut merchant) = admin.find(&id).await else { return Ok(None) };
    super::admin::change(&mut merchant, None, wanted.allow_urls, None, true)?;
    admin.save(&merchant).await?;
    Ok(Some(known.clone()))
}

async fn create(admin: &Admin, wanted: &Provision<'_>) -> Result<DemoMerchant, Failure> {
    let created = admin.create(NAME, wanted.allow_urls).await?;
    let api_key = created.api_keys.first().map(|key| key.expose().to_owned()).unwrap_or_default();
    Ok(DemoMerchant {
        merchant: created.merchant.id.to_string(),
        api_key,
        signing_secret: created.secrets.signing.expose().to_owned(),
        webhook_secret: created.secrets.webhook.expose().to_owned(),
    })
}

async fn set_provider(admin: &Admin, merchant: &DemoMerchant, wanted: &Provision<'_>) -> Result<(), Failure> {
    let Some(id) = MerchantId::parse(&merchant.merchant) else { return Ok(()) };
    let sandbox = wanted.sandbox;
    let secret_key = SecretText::new(sandbox.secret_key.clone());
    admin.set_provider(&id, Mode::Test, &sandbox.public_key, &secret_key, &sandbox.merchant_number).await
}
