// A browser that does not know the development certificate: the shop explains
// it before the card page would be a dead end.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch } from './browser.mjs';
import { Customer, phone } from './customer.mjs';
import { Demo } from './demo.mjs';

describe('the development certificate', () => {
  let demo;
  let browser;
  before(async () => {
    demo = await Demo.start();
    browser = await launch(demo, { trusting: false });
  });
  after(async () => {
    await browser.close();
    await demo.stop();
  });

  for (const language of ['tr', 'en']) {
    test(`a stranger to it is told what to do, ${language}`, async () => {
      const customer = await Customer.arrive(browser, demo, { language, device: phone });
      await customer.visitShop();
      await customer.seesHeading(customer.shopTexts.untrusted);
      const pay = customer.page.getByRole('button', { name: customer.shopTexts.pay });
      assert.equal(await pay.isDisabled(), true);
      assert.equal(await customer.page.locator('#untrusted a').first().getAttribute('href'), `${demo.url}/`);
      const [download] = await Promise.all([customer.page.waitForEvent('download'), customer.page.locator('a[href="/ca.pem"]').click()]);
      assert.equal(download.suggestedFilename(), 'vezne-development-ca.pem');
      await customer.picture(`untrusted-${language}`);
      customer.forgive(/ERR_CERT_AUTHORITY_INVALID/, { all: true });
      await customer.leave();
    });

    test(`who accepted it can pay, ${language}`, async () => {
      const customer = await Customer.arrive(browser, demo, { language, ignoreHTTPSErrors: true });
      await customer.visitShop();
      const pay = customer.page.getByRole('button', { name: customer.shopTexts.pay });
      await pay.click();
      await customer.seesForm();
      assert.equal(await pay.count(), 0);
      await customer.leave();
    });
  }
});
