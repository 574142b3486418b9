// Every state of the page, from the demo shop's gallery: in each language, light
// and dark, axe finds nothing, nothing needs sideways scrolling, and everything
// that can be pressed is large enough.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { desktop, phone, suite } from './harness.mjs';
import { texts } from './texts.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Everything that axe knows of WCAG A and AA and holds good besides; none is left out.
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
// WCAG 2.2, 2.5.8.
const LEAST_TARGET = 24;

// Names of the states, from the gallery's own page.
async function states(customer, town) {
  await customer.page.goto(`${town.demo.shopUrl}/gallery`);
  const frames = await customer.page.locator('iframe').all();
  return Promise.all(frames.map(async (frame) => ({
    name: new URL(await frame.getAttribute('src'), town.demo.shopUrl).pathname.split('/').at(-1),
    act: await frame.getAttribute('data-act'),
  })));
}

async function open(customer, town, name) {
  await customer.page.goto(`${town.demo.shopUrl}/gallery/${name}?locale=${customer.language}`);
}

async function violations(customer) {
  const found = await customer.page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
  assert.ok(found.passes.length > 10, 'axe did look');
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}

// What can be pressed and is smaller than it may be; a link in a sentence may.
function smallTargets(customer) {
  return customer.page.evaluate((least) => [...document.querySelectorAll('a, button, input:not([type=hidden])')]
    .map((target) => [target.outerHTML, target.getBoundingClientRect()])
    .filter(([, { width, height }]) => width > 0 && (width < least || height < least))
    .map(([html]) => html), LEAST_TARGET);
}

suite('every state of the page', (town) => {
  for (const language of Object.keys(texts)) {
    for (const colorScheme of ['light', 'dark']) {
      test(`on a phone, ${language}, ${colorScheme}`, async () => {
        const customer = await town.customer({ colorScheme, device: phone, language });
        await customer.bring(axe);
        const all = (await states(customer, town)).filter(({ act }) => !act);
        assert.ok(all.length > 15);
        for (const { name } of all) {
          await customer.page.setViewportSize(phone.viewport);
          await open(customer, town, name);
          assert.equal(await customer.page.getAttribute('html', 'dir'), texts[language].direction, name);
          await customer.picture(`gallery/${name}-${language}-${colorScheme}-phone`);
          assert.deepEqual(await violations(customer), [], name);
          assert.deepEqual(await smallTargets(customer), [], name);
          for (const [view, width] of [['320 pixels', 320], ['200 % zoom of 1280 pixels', 640]]) {
            await customer.page.setViewportSize({ width, height: 450 });
            await customer.fitsSideways(`${name}, ${view}`);
          }
        }
      });
    }
  }

  test('on a desktop', async () => {
    for (const language of Object.keys(texts)) {
      const customer = await town.customer({ language, device: desktop });
      for (const { name } of await states(customer, town)) {
        await open(customer, town, name);
        await customer.picture(`gallery/${name}-${language}-light-desktop`);
        await customer.fitsSideways(name);
      }
    }
  });

  test('the gallery itself: frames as high as their documents, one busy, nothing wrong, nothing sent', async () => {
    for (const colorScheme of ['light', 'dark']) {
      // Without emulated colours, which would win over the frames'.
      const customer = await town.customer({ language: 'ar', colorScheme: null });
      await customer.page.goto(`${town.demo.shopUrl}/gallery?locale=ar&scheme=${colorScheme}`);
      const sending = customer.page.frameLocator('iframe[title="The card is being sent"]');
      await sending.getByRole('button', { name: customer.texts.script.working }).waitFor();
      const typed = customer.page.frameLocator('iframe[title="A card is typed"]');
      assert.equal(await typed.locator('#cardNumber').inputValue(), '9792 0720 0001 7956');
      assert.equal(await typed.locator('#brand use').getAttribute('href'), '#brand-troy');
      // Documents take the scheme that was chosen, not the browser's.
      const ground = await typed.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor);
      assert.equal(ground, colorScheme === 'dark' ? 'rgb(14, 18, 23)' : 'rgb(243, 245, 248)');
      const first = await customer.page.locator('iframe').first().evaluate((frame) => [frame.clientHeight, frame.contentDocument.documentElement.scrollHeight]);
      assert.ok(first[0] >= first[1] - 1, `${first}`);
      await customer.picture(`gallery-${colorScheme}`);
      assert.ok(customer.requests.every((request) => request.method() === 'GET'));
    }
  });

  test('what is typed into the gallery cannot be sent', async () => {
    const customer = await town.customer({ language: 'en' });
    await open(customer, town, 'form');
    await customer.pay({ number: '4355093000777068', expiry: '11/40', cvv: '313' });
    await customer.seesAlert(customer.texts.problem.networkTitle);
    await customer.forgiveEventually(/connect-src|Refused to connect/);
    await customer.submitAsDocument();
    await customer.forgiveEventually(/form-action/);
    assert.ok(customer.requests.every((request) => request.method() === 'GET'));
  });

  test('forced colours and reduced motion', async () => {
    const customer = await town.customer({ language: 'tr', device: phone, forcedColors: 'active', reducedMotion: 'reduce' });
    for (const name of ['form', 'mistakes', 'declined', 'waiting', 'completed']) {
      await open(customer, town, name);
      await customer.picture(`gallery/${name}-forced-colours`);
    }
    await open(customer, town, 'form');
    await customer.field('cardNumber').focus();
    const outline = await customer.field('cardNumber').evaluate((input) => getComputedStyle(input).outlineStyle);
    assert.equal(outline, 'solid', 'focus shows without the page\'s colours');
    await open(customer, town, 'waiting');
    const turn = await customer.page.locator('.tone').evaluate((tone) => getComputedStyle(tone).animationDuration);
    assert.equal(turn, '4s', 'what turns, turns slowly');
  });
});
