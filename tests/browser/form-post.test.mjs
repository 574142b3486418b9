// The hand-off by a form that the browser posts to the shop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyResult } from '../../static/sdk/server/vezne-verify.mjs';
import { desktop, empty, eventually, fill, phone, suite, visa } from './harness.mjs';

suite('the hand-off by a posted form', (town) => {
  const isPost = (request) => request.method() === 'POST' && request.url().startsWith(town.demo.returnUrl);
  const fieldsOf = (request) => Object.fromEntries(new URLSearchParams(request.postData()));

  // Without scripts its button leads on.
  async function goesOn(customer) {
    if (customer.scripts) return;
    await customer.page.getByRole('button', { name: fill(customer.texts.done.link, { shop: 'Demo Kahve' }) }).click();
  }

  async function arrive(options) {
    return Object.assign(await town.customer(options), { scripts: options.scripts });
  }

  for (const { scripts, device, language } of [
    { scripts: true, device: desktop, language: 'en' },
    { scripts: false, device: phone, language: 'tr' },
  ]) {
    const how = `scripts ${scripts ? 'on' : 'off'}`;

    test(`the whole journey, ${how}`, async () => {
      const customer = await arrive({ scripts, device, language });
      await customer.buy(customer.shopTexts.payPosted);
      await customer.pay(visa);
      if (!scripts) {
        await customer.seesHeading(customer.texts.done.completed);
        await customer.picture('posting-plain');
      }
      await goesOn(customer);
      await customer.seesReceipt();
      const [post] = customer.requests.filter(isPost);
      const result = fieldsOf(post);
      const expected = ['cardToken', 'conversationId', 'session', 'signature', 'status', 'timestamp', 'tokenDigest'];
      assert.deepEqual(Object.keys(result).sort(), expected);
      assert.ok(verifyResult(result, town.demo.signingSecret));
      assert.equal(result.cardToken, await customer.receiptToken());
      assert.ok(!post.url().includes('signature'), 'nothing of it in the address');
      const order = await town.demo.orderCalledBack(customer.order.conversationId);
      assert.deepEqual(order.result, order.callback);
      for (const request of customer.requests) assert.ok(!request.url().includes(encodeURIComponent(result.cardToken)));
    });

    test(`back, reload and the session's page again: the same result, one card, ${how}`, async () => {
      const customer = await arrive({ scripts, device, language });
      await customer.buy(customer.shopTexts.payPosted);
      await customer.pay(visa);
      await goesOn(customer);
      await customer.seesReceipt();
      const token = await customer.receiptToken();
      await customer.page.reload();
      await customer.seesReceipt();
      await customer.page.goto(customer.order.url).catch(() => {});
      await goesOn(customer);
      await customer.seesReceipt();
      assert.equal(await customer.receiptToken(), token);
      if (scripts) await customer.back();
      else await customer.page.goBack({ waitUntil: 'commit' });
      assert.deepEqual(await customer.typedIfThere(), empty);
      const results = customer.requests.filter(isPost).map(fieldsOf);
      assert.ok(results.length >= 2);
      for (const result of results) assert.deepEqual(result, results[0]);
      assert.deepEqual(await town.demo.callsFor(customer.order.conversationId), ['succeed']);
    });

    test(`a canceled session posts to the cancel address, ${how}`, async () => {
      const customer = await arrive({ scripts, device, language });
      await customer.buy(customer.shopTexts.payPosted);
      await customer.cancel();
      await goesOn(customer);
      await customer.seesHeading(customer.shopTexts.canceled);
      const post = customer.requests.find((request) => request.method() === 'POST' && request.url().startsWith(`${town.demo.shopUrl}/cancel`));
      const result = fieldsOf(post);
      assert.ok(result.status === 'canceled' && !('cardToken' in result) && verifyResult(result, town.demo.signingSecret));
    });

    test(`an expired session's way back is the form, too, ${how}`, async () => {
      const customer = await arrive({ scripts, device, language });
      const session = await town.demo.createSession({ handoff: 'form_post', expiresIn: 1, locale: language });
      await eventually(() => town.demo.session(session.id), ({ status }) => status === 'expired');
      await customer.open(session);
      await customer.seesHeading(customer.texts.notice.expired.title);
      const posted = customer.page.waitForRequest(isPost);
      await customer.page.getByRole('link', { name: fill(customer.texts.frame.back, { shop: 'Demo Kahve' }) }).click();
      await goesOn(customer);
      const result = fieldsOf(await posted);
      assert.ok(result.status === 'expired' && verifyResult(result, town.demo.signingSecret));
    });
  }

  test('the posting page may post to the shop\'s origin alone, and holds no card', async () => {
    const customer = await town.customer({ scripts: false });
    await customer.buy(customer.shopTexts.payPosted);
    await customer.pay(visa);
    await customer.seesHeading(customer.texts.done.completed);
    const answer = await customer.page.reload();
    const policy = await answer.headerValue('content-security-policy');
    assert.match(policy, new RegExp(`form-action ${town.demo.shopUrl.replaceAll('.', '\\.')};`));
    assert.match(policy, /frame-ancestors 'none'/);
    assert.ok(!policy.includes("'self'"));
    assert.equal(await answer.headerValue('referrer-policy'), 'strict-origin');
    const text = await answer.text();
    assert.ok(!text.replace(/\s/g, '').includes(visa.number) && !text.includes('autocomplete="cc-'));
  });
});
