// Pages around, beside and before the card form that mean no good.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyResult } from '../../static/sdk/server/vezne-verify.mjs';
import { Embedding, embeddable } from './embedding.mjs';
import { suite, visa } from './harness.mjs';

const html = (body) => `<!doctype html><html lang="en"><title>Stranger</title><link rel="icon" href="data:,">${body}`;
const framing = (url) => html(`<iframe title="card" src="${url}" width="500" height="900"></iframe>`);

// Offers everybody a port again and again, and says what a result looks like.
const nagging = `
  window.caught = [];
  window.nag = (target) => setInterval(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) => window.caught.push(data);
    try { target().postMessage({ vezne: 'hello', version: 1 }, '*', [channel.port2]); } catch (error) { window.problem = String(error); }
  }, 20);`;

suite('a card form among strangers', (town) => {
  // What the browser shows in a frame that it refused is a page of its own.
  async function isRefused(customer) {
    const frames = customer.page.frames().filter((frame) => frame !== customer.page.mainFrame());
    const texts = await Promise.all(frames.map((frame) => frame.content().catch(() => '')));
    assert.ok(frames.length > 0 && texts.every((text) => !text.includes('cardNumber')), texts.join());
    customer.forgive(/frame-ancestors/, { all: true });
  }

  for (const [name, wishes] of Object.entries({
    'of the session': (origin) => ({ handoff: 'message', embedOrigin: origin }),
    'of any session': () => ({}),
    'of a redirect session': (origin) => ({ embedOrigin: origin }),
  })) {
    test(`a page of an origin that is not the embedOrigin ${name} shows nothing`, async () => {
      const [customer, site] = [await town.customer(), await town.site()];
      customer.expects(site.stranger);
      const session = await town.demo.createSession(wishes(site.origin));
      site.serve('/stranger', framing(session.url));
      await customer.page.goto(`${site.stranger}/stranger`, { waitUntil: 'load' });
      await isRefused(customer);
    });
  }

  test('nor does a frame that is led to the form by a redirect, or by a script', async () => {
    const [customer, site] = [await town.customer(), await town.site()];
    customer.expects(site.stranger);
    const session = await embeddable(town);
    site.serve('/led', '', { Location: session.url }, 302);
    site.serve('/stranger', framing('/led'));
    await customer.page.goto(`${site.stranger}/stranger`, { waitUntil: 'load' });
    await isRefused(customer);
    site.serve('/script', html(`<iframe></iframe><script>frames[0].location = ${JSON.stringify(session.url)}</script>`));
    const refused = customer.page.waitForEvent('console', { predicate: (message) => message.text().includes('frame-ancestors') });
    await customer.page.goto(`${site.stranger}/script`);
    await refused;
    await isRefused(customer);
  });

  test('a stranger around the shop\'s own page gets neither of them to show the form', async () => {
    const customer = await town.customer();
    const site = await Embedding.publish(customer, town, { one: await embeddable(town) });
    customer.expects(site.stranger);
    site.serve('/around', framing(`${site.origin}/embedding`));
    const refused = customer.page.waitForEvent('console', { predicate: (message) => message.text().includes('frame-ancestors') });
    await customer.page.goto(`${site.stranger}/around`);
    await refused;
    await isRefused(customer);
    customer.forgive(/does not match the recipient/, { all: true, needed: false });
  });

  test('a stranger\'s window that posts to the form and to the shop hears nothing and is not heard', async () => {
    const customer = await town.customer();
    const session = await embeddable(town);
    const site = await Embedding.publish(customer, town, { one: session });
    customer.expects(site.stranger);
    site.serve('/opener', html(`<script>${nagging}</script><button>open</button><script>
      document.querySelector('button').onclick = () => {
        window.shop = window.open('${site.origin}/embedding');
        nag(() => window.shop.frames[0]);
        nag(() => window.shop);
        const lie = { type: 'result', result: { session: '${session.id}', status: 'completed', cardToken: 'stolen' } };
        setInterval(() => { window.shop.postMessage(lie, '*'); try { window.shop.frames[0].postMessage(lie, '*'); } catch {} }, 20);
      };</script>`));
    await customer.page.goto(`${site.stranger}/opener`);
    const opened = customer.page.waitForEvent('popup');
    await customer.page.getByRole('button').click();
    const stranger = customer.page;
    customer.page = await opened;
    customer.looksInto('iframe');
    const shop = Object.assign(new Embedding(), { customer });
    await shop.hears('ready');
    await customer.pay(visa);
    const result = await shop.hears('result');
    assert.ok(result.session === session.id && verifyResult(result, town.demo.signingSecret));
    assert.equal((await shop.heard('result')).length, 1);
    assert.deepEqual(await stranger.evaluate(() => window.caught), []);
    assert.equal(await stranger.evaluate(() => Boolean(window.shop.frames[0])), true, 'it did reach the frame');
  });

  test('a second frame of the shop\'s own origin, and a second hello of the shop\'s page, get no port', async () => {
    const [customer, site] = [await town.customer(), await town.site()];
    const session = await embeddable(town);
    site.serve('/sibling', html(`<script>${nagging} nag(() => parent.frames[1]);</script>`));
    site.serve('/brood', html(`<iframe src="/sibling"></iframe><iframe id="form" title="card" width="500" height="900"></iframe><script>
      window.first = []; window.later = [];
      const hello = (heard) => {
        const channel = new MessageChannel();
        channel.port1.onmessage = ({ data }) => heard.push(data.type);
        frames[1].postMessage({ vezne: 'hello', version: 1 }, ${JSON.stringify(town.demo.url)}, [channel.port2]);
      };
      document.getElementById('form').onload = () => { hello(window.first); hello(window.later); };
      setTimeout(() => { document.getElementById('form').src = ${JSON.stringify(session.url)}; }, 100);</script>`));
    customer.expects(site.origin);
    await customer.page.goto(`${site.origin}/brood`);
    customer.looksInto('#form');
    await customer.pay(visa);
    await customer.seesHeading(customer.texts.done.completed);
    await customer.page.frameLocator('#form').getByRole('link').waitFor({ state: 'hidden' });
    const { first, later } = await customer.page.evaluate(() => ({ first: window.first, later: window.later }));
    assert.ok(first.includes('ready') && first.includes('result'), first.join());
    assert.deepEqual(later, []);
    const sibling = customer.page.frames().find((frame) => frame.url().endsWith('/sibling'));
    assert.deepEqual(await sibling.evaluate(() => window.caught), []);
    // The empty frame's own origin was the shop's, before the form was there.
    customer.forgive(/does not match the recipient/, { all: true, needed: false });
  });

  test('the shop\'s page cannot look into the form', async () => {
    const customer = await town.customer();
    const shop = await Embedding.open(customer, town, { one: await embeddable(town) });
    await shop.hears('ready');
    await customer.typeCard(visa);
    const seen = await customer.page.evaluate(() => {
      const frame = document.querySelector('iframe');
      const attempt = (look) => { try { return String(look()); } catch (error) { return error.name; } };
      return [attempt(() => frame.contentDocument), attempt(() => frame.contentWindow.document.title), attempt(() => frame.contentWindow.location.href)];
    });
    assert.deepEqual(seen, ['null', 'SecurityError', 'SecurityError']);
    const everything = await customer.page.evaluate(() => JSON.stringify(window.heard) + document.documentElement.outerHTML);
    assert.ok(!everything.replace(/\s/g, '').includes(visa.number));
  });
});
