// The card form in a frame of a shop's page: what arrives, where the focus goes,
// how high it is, and what happens when it cannot be there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { verifyResult } from '../../static/sdk/server/vezne-verify.mjs';
import { Embedding, embeddable, plainFrame } from './embedding.mjs';
import { desktop, eventually, fill, phone, refused, stalling, suite, troy, visa, withoutFunds } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const FIELDS = ['cardToken', 'conversationId', 'session', 'signature', 'status', 'timestamp', 'tokenDigest'];

suite('the card form in a frame', (town) => {
  for (const { name, device, language, card, brand } of [
    { name: 'phone', device: phone, language: 'tr', card: troy, brand: 'troy' },
    { name: 'desktop', device: desktop, language: 'en', card: visa, brand: 'visa' },
  ]) {
    test(`the whole journey without leaving the shop, ${name}, ${language}`, async () => {
      const customer = await town.customer({ device, language });
      await customer.buyEmbedded();
      await customer.picture(`embedded-${name}-1-form`);
      const title = fill(customer.texts.form.title, { shop: 'Demo Kahve' });
      await customer.page.getByTitle(title).waitFor();
      await customer.pay(withoutFunds);
      await customer.seesAlert(customer.texts.problem.declinedTitle);
      await customer.picture(`embedded-${name}-2-declined`);
      await customer.pay(card);
      await customer.seesReceipt();
      const order = await town.demo.orderCalledBack(customer.order.conversationId);
      const expected = { status: 'completed', cardToken: await customer.receiptToken(), brand, lastFour: card.number.slice(-4) };
      assert.deepEqual([order.result, order.callback], [expected, expected]);
      assert.deepEqual(await town.demo.callsFor(customer.order.conversationId), ['succeed', 'refuse_insufficient_funds']);
      const ours = customer.requests.filter((request) => request.url().startsWith(`${town.demo.url}/c/`));
      const sites = await Promise.all(ours.map(async (request) => [request.method(), (await request.allHeaders())['sec-fetch-site']]));
      for (const [method, site] of sites.filter(([method]) => method === 'POST')) assert.equal(site, 'same-origin', method);
    });
  }

  test('the result is the signed one, with the token, and comes once', async () => {
    const customer = await town.customer();
    const session = await embeddable(town);
    const shop = await Embedding.open(customer, town, { one: session });
    await shop.hears('ready');
    await customer.pay(visa);
    const result = await shop.hears('result');
    assert.deepEqual(Object.keys(result).sort(), FIELDS);
    assert.ok(verifyResult(result, town.demo.signingSecret));
    assert.throws(() => verifyResult({ ...result, status: 'failed' }, town.demo.signingSecret), { code: 'signature' });
    const { id, status, cardToken } = await town.demo.session(session.id);
    assert.deepEqual([result.session, result.status, result.cardToken], [id, status, cardToken]);
    await customer.seesHeading(customer.texts.done.completed);
    await customer.picture('embedded-done');

    const frame = await customer.formFrame();
    await frame.evaluate(() => location.reload());
    await customer.seesHeading(customer.texts.done.completed);
    await shop.call('unmount');
    assert.equal((await shop.heard('result')).length, 1);
    assert.equal((await shop.heard('ready')).length, 1);
    assert.deepEqual(await shop.heard('error'), []);

    const again = await Embedding.open(customer, town, { one: session });
    assert.deepEqual(await again.hears('result'), result, 'the same session says the same again');
  });

  for (const [name, end] of Object.entries({
    canceled: (customer) => customer.cancel(),
    expired: (customer, session) => eventually(() => town.demo.session(session.id), ({ status }) => status === 'expired'),
    failed: async (customer) => {
      for (const left of [4, 3, 2, 1]) {
        await customer.pay(refused);
        const { attemptsLeft, attemptsLeftOne } = customer.texts.problem;
        await customer.form.getByText(left === 1 ? attemptsLeftOne : fill(attemptsLeft, { count: left })).waitFor();
      }
      await customer.pay(refused);
    },
  })) {
    test(`a session that ends otherwise is told as well: ${name}`, async () => {
      const customer = await town.customer();
      const session = await embeddable(town, name === 'expired' ? { expiresIn: 6 } : {});
      const shop = await Embedding.open(customer, town, { one: session });
      await shop.hears('ready');
      await end(customer, session);
      const result = await shop.hears('result');
      assert.equal(result.status, name);
      assert.ok(!('cardToken' in result) && verifyResult(result, town.demo.signingSecret));
    });
  }

  test('two forms on one page never hear each other', async () => {
    const customer = await town.customer();
    const sessions = { one: await embeddable(town), two: await embeddable(town) };
    const shop = await Embedding.open(customer, town, sessions);
    for (const at of ['one', 'two']) await shop.hears('ready', at);
    customer.looksInto('#two iframe');
    await customer.pay(troy);
    assert.equal((await shop.hears('result', 'two')).session, sessions.two.id);
    assert.deepEqual(await shop.heard('result', 'one'), []);
    customer.looksInto('#one iframe');
    await customer.cancel();
    const one = await shop.hears('result', 'one');
    assert.deepEqual([one.session, one.status], [sessions.one.id, 'canceled']);
    assert.equal((await shop.heard('result', 'two')).length, 1);
  });

  test('a form that is taken away while its card is on its way says nothing more; mounted again, it goes on', async () => {
    const customer = await town.customer();
    const session = await embeddable(town);
    const shop = await Embedding.open(customer, town, { one: session });
    await shop.hears('ready');
    await customer.pay(stalling);
    await eventually(() => town.demo.session(session.id), ({ status }) => status === 'claimed');
    const before = await customer.page.evaluate(() => window.heard.length);
    await shop.call('unmount');
    assert.equal(await customer.page.locator('iframe').count(), 0);
    await shop.call('unmount');
    await shop.call('focus');
    await eventually(() => town.demo.session(session.id), ({ status }) => status === 'open');
    assert.equal(await customer.page.evaluate(() => window.heard.length), before);
    const again = await Embedding.open(customer, town, { one: session });
    await again.hears('ready');
    await customer.pay(visa);
    assert.equal((await again.hears('result')).status, 'completed');
  });

  test('the frame is as high as the form, also when it grows and shrinks', async () => {
    const customer = await town.customer({ device: phone });
    const shop = await Embedding.open(customer, town, { one: await embeddable(town) });
    await shop.hears('ready');
    const frame = await customer.formFrame();
    const fits = async () => {
      const [inside, outside] = [await frame.evaluate(() => document.body.getBoundingClientRect().height), await customer.page.locator('iframe').evaluate((it) => it.clientHeight)];
      return outside - inside >= 0 && outside - inside < 1.01 ? outside : 0;
    };
    const empty = await eventually(fits, Boolean);
    await customer.submit();
    await customer.seesAlert(customer.texts.problem.fieldsTitle);
    const withErrors = await eventually(fits, (height) => height > empty);
    await customer.typeCard(visa);
    await customer.field('cvv').blur();
    await eventually(fits, (height) => height && height < withErrors);
    assert.ok((await shop.heard('height')).includes(withErrors));
    assert.ok(await frame.evaluate(() => document.documentElement.scrollHeight <= innerHeight), 'nothing to scroll');
  });

  test('Tab leads into the form, through it and out of it, both ways', async () => {
    const customer = await town.customer();
    const shop = await Embedding.open(customer, town, { one: await embeddable(town) });
    await shop.hears('ready');
    const frame = await customer.formFrame();
    const { keyboard } = customer.page;
    const outside = () => customer.page.evaluate(() => document.activeElement.id || document.activeElement.tagName);
    const inside = () => frame.evaluate(() => document.activeElement.id || document.activeElement.innerText.trim());
    await customer.page.focus('#before');
    const way = ['cardNumber', 'expiry', 'cvv', customer.texts.form.submit, customer.texts.form.cancel];
    for (const stop of way) {
      await keyboard.press('Tab');
      assert.deepEqual([await outside(), await inside()], ['IFRAME', stop]);
    }
    await keyboard.press('Tab');
    assert.equal(await outside(), 'after');
    await keyboard.press('Shift+Tab');
    assert.equal(await inside(), customer.texts.form.cancel);
    await customer.page.focus('#before');
    await keyboard.press('Shift+Tab');
    await shop.call('focus');
    await eventually(inside, (at) => at === 'cardNumber');
    assert.equal(await outside(), 'IFRAME');
    for (const text of [visa.number, visa.expiry, visa.cvv]) {
      await keyboard.type(text);
      await keyboard.press('Tab');
    }
    await keyboard.press('Enter');
    assert.equal((await shop.hears('result')).status, 'completed');
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`axe finds nothing in the page and its frame, ${colorScheme}`, async () => {
      const customer = await town.customer({ colorScheme });
      await customer.bring(axe);
      const shop = await Embedding.open(customer, town, { one: await embeddable(town) });
      await shop.hears('ready');
      const look = async (state) => {
        await customer.picture(`embedded-${state}-${colorScheme}`);
        for (const frame of customer.page.frames()) {
          const found = await frame.evaluate((rules) => window.axe.run(document, { runOnly: rules, iframes: false }), RULES);
          assert.deepEqual(found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html)}`), [], state);
          assert.ok(found.passes.length > 5, 'axe did look');
        }
      };
      await look('empty');
      await customer.submit();
      await customer.seesAlert(customer.texts.problem.fieldsTitle);
      await look('errors');
    });
  }

  test('a session without this origin gives a readable error', async () => {
    const customer = await town.customer();
    const shop = await Embedding.open(customer, town, { one: await town.demo.createSession() });
    const { code, message } = await shop.hears('error');
    assert.equal(code, 'blocked');
    assert.ok(message.includes(`embedOrigin "${(await town.site()).origin}"`), message);
    assert.deepEqual([await shop.heard('ready'), await shop.heard('result')], [[], []]);
    customer.forgive(/frame-ancestors|does not match the recipient|chrome-error|Unsafe|Blocked/i, { all: true });
  });

  test('a shop\'s own policy that forbids the frame gives a readable error at once', async () => {
    const customer = await town.customer();
    const policy = `default-src 'none'; script-src 'self' ${town.demo.url}; img-src data:`;
    const shop = await Embedding.open(customer, town, { one: await embeddable(town) }, policy);
    const { code, message } = await shop.hears('error');
    assert.equal(code, 'csp');
    assert.ok(message.includes(`Add ${town.demo.url} to its frame-src`), message);
    customer.forgive(/Content Security Policy|does not match the recipient/i, { all: true });
  });

  test('a page that does not load gives a readable error after half a minute', async () => {
    const [customer, site] = [await town.customer(), await town.site()];
    site.keepSilent('/silent');
    await customer.page.clock.install();
    const shop = await Embedding.open(customer, town, { one: { url: `${site.origin}/silent` } }, null, { waitUntil: 'domcontentloaded' });
    await customer.page.clock.fastForward(29_000);
    assert.deepEqual(await shop.heard('error'), []);
    await customer.page.clock.fastForward(2_000);
    const { code, message } = await shop.hears('error');
    assert.equal(code, 'unreachable');
    assert.ok(message.includes(`${site.origin} did not load in 30 seconds`), message);
  });

  test('an SDK of another protocol is told so, and the customer still has the form', async () => {
    const [customer, site] = [await town.customer(), await town.site()];
    const { url } = await embeddable(town);
    site.serve('/newer', `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">
      <iframe title="card" width="500" height="900"></iframe><script>
      window.heard = [];
      const frame = document.querySelector('iframe');
      frame.onload = () => {
        const channel = new MessageChannel();
        channel.port1.onmessage = ({ data }) => window.heard.push(data);
        frame.contentWindow.postMessage({ vezne: 'hello', version: 2 }, ${JSON.stringify(town.demo.url)}, [channel.port2]);
      };
      frame.src = ${JSON.stringify(url)};</script>`);
    customer.expects(site.origin);
    await customer.page.goto(`${site.origin}/newer`);
    const heard = await eventually(() => customer.page.evaluate(() => window.heard), ({ length }) => length > 0);
    assert.deepEqual(heard.map(({ type, code }) => [type, code]), [['error', 'version']]);
    customer.looksInto('iframe');
    await customer.seesForm();
  });

  test('what is no session\'s address gives a readable error', async () => {
    const customer = await town.customer();
    await Embedding.open(customer, town, {});
    const said = await customer.page.evaluate(() => {
      const attempts = [() => Vezne.mount('#nowhere', { url: 'https://x.example/' }), () => Vezne.mount(document.body, { url: 'javascript:alert(1)' })];
      const thrown = attempts.map((attempt) => { try { return attempt(); } catch (error) { return error.message; } });
      const element = document.createElement('vezne-card');
      return new Promise((done) => {
        element.addEventListener('vezne-error', ({ detail }) => done([...thrown, detail.code]));
        element.setAttribute('session-url', 'ses_1');
        document.body.append(element);
      });
    });
    assert.match(said[0], /no element/);
    assert.match(said[1], /session's url/);
    assert.equal(said[2], 'url');
  });

  test('the element follows its attribute and leaves nothing behind', async () => {
    const customer = await town.customer();
    await Embedding.open(customer, town, {});
    const [first, second] = [await embeddable(town), await embeddable(town, { locale: 'tr' })];
    const put = (url) => customer.page.evaluate((url) => {
      const card = document.querySelector('vezne-card') ?? document.body.appendChild(document.createElement('vezne-card'));
      card.setAttribute('session-url', url);
    }, url);
    await put(first.url);
    await customer.seesForm();
    await put(second.url);
    await customer.page.frameLocator('iframe').getByLabel('Kart numarası').waitFor();
    assert.equal(await customer.page.locator('iframe').count(), 1);
    await customer.page.evaluate(() => document.querySelector('vezne-card').remove());
    assert.equal(await customer.page.locator('iframe').count(), 0);
  });

  test('nobody shakes hands: the form says so, and its link leads to a page that returns by redirect', async () => {
    const customer = await town.customer();
    await plainFrame(customer, town, await embeddable(town));
    await customer.seesAlert(customer.texts.frame.unconnectedTitle);
    await customer.picture('embedded-unconnected');
    await customer.form.getByRole('link', { name: customer.texts.frame.fullPage }).click();
    customer.looksInto(null);
    await customer.seesForm();
    await customer.pay(visa);
    await customer.page.waitForURL((url) => url.pathname === '/return');
    const result = Object.fromEntries(new URL(customer.page.url()).searchParams);
    assert.ok(result.status === 'completed' && verifyResult(result, town.demo.signingSecret));
  });

  test('without scripts: the form works in the frame, and its end has a link to the shop', async () => {
    const customer = await town.customer({ scripts: false });
    await plainFrame(customer, town, await embeddable(town));
    await customer.form.getByText('Scripts are switched off').waitFor();
    await customer.pay(withoutFunds);
    await customer.seesAlert(customer.texts.problem.declinedTitle);
    await customer.pay(visa);
    await customer.seesHeading(customer.texts.done.completed);
    await customer.form.getByRole('link', { name: fill(customer.texts.done.link, { shop: 'Demo Kahve' }) }).click();
    await customer.page.waitForURL((url) => url.pathname === '/return');
    const result = Object.fromEntries(new URL(customer.page.url()).searchParams);
    assert.ok(verifyResult(result, town.demo.signingSecret));
    // The alert asks for the focus; in a frame that nobody has entered Chromium does not give it.
    customer.forgive(/Blocked autofocusing/, { all: true, needed: false });
  });

  for (const handoff of ['redirect', 'form_post']) {
    for (const scripts of [true, false]) {
      test(`the hand-off ${handoff} leaves a frame by the top window, scripts ${scripts ? 'on' : 'off'}`, async () => {
        const customer = await town.customer({ scripts });
        const session = await embeddable(town, { handoff });
        if (scripts) await Embedding.open(customer, town, { one: session });
        else await plainFrame(customer, town, session);
        await customer.pay(visa);
        const arrived = customer.page.waitForURL((url) => url.pathname === '/return');
        const way = customer.form.locator('.says').locator('a, button');
        if (!scripts || handoff === 'form_post') await Promise.race([arrived, way.click().catch(() => {})]);
        await arrived;
        assert.equal((await town.demo.session(session.id)).status, 'completed');
        customer.forgive(/allow-top-navigation|Unsafe attempt|Blocked form submission/i, { all: true, needed: false });
      });
    }
  }
});
