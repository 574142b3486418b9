// Pages that wait, and pages whose time is over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { empty, eventually, fill, phone, stalling, suite, visa } from './harness.mjs';
import { texts } from './texts.mjs';

suite('waiting, and too late', (town) => {
  test('while a card is on its way: patience in its tab, a waiting page in others, then the form again', async () => {
    const customer = await town.customer();
    await customer.buy();
    await customer.pay(stalling);
    await eventually(() => town.demo.session(customer.order.id), (session) => session.status === 'claimed');
    const other = await customer.anotherTab();
    await other.open(customer.order);
    await other.seesHeading(customer.texts.notice.waiting.title);
    await other.picture('waiting');
    const plain = await town.customer({ scripts: false, language: 'tr', device: phone });
    await plain.open(customer.order);
    // The session is in English, whatever the browser prefers.
    await plain.seesHeading(texts.en.notice.waiting.title);

    await customer.page.getByText(customer.texts.script.workingLong).waitFor();
    await customer.picture('patience');
    await customer.seesAlert(customer.texts.problem.tryAgainTitle);
    assert.equal((await customer.typed()).cvv, stalling.cvv);
    await other.seesForm();
    await plain.page.getByLabel(texts.en.fields.cvv.label, { exact: true }).waitFor();
    await customer.pay(visa);
    await customer.seesReceipt();
    const order = await town.demo.orderCalledBack(customer.order.conversationId);
    assert.equal(order.callback.lastFour, '7068');
  });

  for (const language of ['tr', 'en', 'ar']) {
    test(`an expired session says so and leads back, ${language}`, async () => {
      const session = await town.demo.createSession({ expiresIn: 1, locale: language });
      await eventually(() => town.demo.session(session.id), ({ status }) => status === 'expired');
      const customer = await town.customer({ language });
      await customer.open(session);
      await customer.seesHeading(customer.texts.notice.expired.title);
      const back = customer.page.getByRole('link', { name: fill(customer.texts.frame.back, { shop: 'Demo Kahve' }) });
      assert.ok((await back.getAttribute('href')).startsWith(town.demo.returnUrl));
      await customer.picture(`expired-${language}`);
    });

    test(`an unknown page says so, ${language}`, async () => {
      const customer = await town.customer({ language, device: phone });
      for (const path of ['nothing', 'A'.repeat(43)]) {
        const answer = await customer.page.goto(`${town.demo.url}/c/${path}`);
        assert.equal(answer.status(), 404);
        await customer.seesHeading(customer.texts.notice.notFound.title);
      }
      assert.equal(await customer.page.getAttribute('html', 'lang'), language);
      await customer.picture(`unknown-${language}`);
    });
  }

  test('a form that runs out of time counts down, wipes itself and says so', async () => {
    const customer = await town.customer();
    await customer.open(await town.demo.createSession({ expiresIn: 6, locale: 'en' }));
    await customer.typeCard(visa);
    await customer.page.getByText(/This page closes in 0:0\d/).waitFor();
    await customer.seesHeading(customer.texts.notice.expired.title);
    await customer.back();
    assert.deepEqual(await customer.typedIfThere(), empty);
  });

  for (const scripts of [true, false]) {
    test(`a card that comes too late is not taken, scripts ${scripts ? 'on' : 'off'}`, async () => {
      const customer = await town.customer({ scripts });
      const session = await town.demo.createSession({ locale: 'en' });
      await customer.open(session);
      await customer.typeCard(visa);
      await town.demo.cancelSession(session.id);
      await customer.submit();
      await customer.seesHeading(customer.texts.notice.canceled.title);
      assert.ok(!(await customer.page.content()).includes('7068'));
      assert.deepEqual(await town.demo.callsFor(session.conversationId), []);
    });
  }
});
