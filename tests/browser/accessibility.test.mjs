// For everybody: axe on every state, the keyboard alone, small screens and zoom.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { eventually, phone, suite, visa, withoutFunds } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const mistyped = { number: '4355093000777067', expiry: '01/26', cvv: '31' };

// Ways to bring a customer to a state of the page.
const states = {
  'empty form': openForm,
  'form with errors': async (customer, town) => {
    await openForm(customer, town);
    await customer.pay(mistyped);
    await customer.seesAlert(customer.texts.problem.fieldsTitle);
  },
  'form with errors, as a document': async (customer, town) => {
    await openForm(customer, town);
    await customer.typeCard(mistyped);
    await customer.submitAsDocument();
    await customer.seesAlert(customer.texts.problem.fieldsTitle);
  },
  declined: async (customer, town) => {
    await openForm(customer, town);
    await customer.pay(withoutFunds);
    await customer.seesAlert(customer.texts.problem.declinedTitle);
  },
  busy: async (customer, town) => {
    await openForm(customer, town);
    await customer.page.route('**/c/*', () => {});
    await customer.pay(visa);
    await customer.page.getByRole('button', { name: customer.texts.script.working }).waitFor();
  },
  'running out of time': async (customer, town) => {
    await customer.open(await town.demo.createSession({ expiresIn: 119, locale: customer.language }));
    await customer.page.locator('#open-for.soon').waitFor();
  },
  expired: async (customer, town) => {
    const session = await town.demo.createSession({ expiresIn: 1, locale: customer.language });
    await eventually(() => town.demo.session(session.id), ({ status }) => status === 'expired');
    await customer.open(session);
    await customer.seesHeading(customer.texts.notice.expired.title);
  },
  unknown: async (customer, town) => {
    await customer.page.goto(`${town.demo.url}/c/nothing`);
    await customer.seesHeading(customer.texts.notice.notFound.title);
  },
  done: async (customer, town) => {
    // An answer without content leaves the page where it is.
    await customer.page.route(`${town.demo.shopUrl}/**`, (route) => route.fulfill({ status: 204 }));
    await openForm(customer, town);
    await customer.typeCard(visa);
    await customer.submitAsDocument();
    await customer.seesHeading(customer.texts.done.completed);
  },
};

async function openForm(customer, town) {
  await customer.open(await town.demo.createSession({ locale: customer.language }));
  await customer.seesForm();
}

suite('accessibility', (town) => {
  for (const [state, bring] of Object.entries(states)) {
    for (const [language, colorScheme] of [['tr', 'light'], ['en', 'dark'], ['ar', 'light']]) {
      test(`axe finds nothing, and nothing needs sideways scrolling: ${state}, ${language}, ${colorScheme}`, async () => {
        const customer = await town.customer({ colorScheme, device: phone, language });
        await customer.bring(axe);
        await bring(customer, town);
        await customer.picture(`${state.replace(/\W+/g, '-')}-${language}-${colorScheme}`);
        const found = await customer.page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
        const violations = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
        assert.deepEqual(violations, []);
        assert.ok(found.passes.length > 10, 'axe did look');
        for (const [view, width] of [['320 pixels', 320], ['200 % zoom', 640]]) {
          await customer.page.setViewportSize({ width, height: 450 });
          await customer.fitsSideways(view);
        }
      });
    }
  }

  test('the payment without a mouse', async () => {
    const customer = await town.customer();
    const { keyboard } = customer.page;
    await customer.visitShop();
    const focusedText = () => customer.page.evaluate(() => document.activeElement.innerText.trim());
    await tabUntil(keyboard, async () => (await focusedText()) === customer.shopTexts.pay);
    await keyboard.press('Enter');
    await customer.seesForm();
    await keyboard.press('Tab');
    for (const [field, text] of [['cardNumber', visa.number], ['expiry', visa.expiry], ['cvv', visa.cvv]]) {
      assert.equal(await customer.focused(), field);
      await keyboard.type(text);
      await keyboard.press('Tab');
    }
    assert.equal(await focusedText(), customer.texts.form.submit);
    await keyboard.press('Tab');
    assert.equal(await focusedText(), customer.texts.form.cancel);
    await keyboard.press('Shift+Tab');
    await keyboard.press('Space');
    await customer.seesReceipt();
  });

  test('Enter in a field sends, and Tab leads from a refusal to the number', async () => {
    const customer = await town.customer();
    await openForm(customer, town);
    await customer.typeCard(withoutFunds);
    await customer.page.keyboard.press('Enter');
    await customer.seesAlert(customer.texts.problem.declinedTitle);
    await customer.seesFocusAt('alert');
    await customer.page.keyboard.press('Tab');
    assert.equal(await customer.focused(), 'cardNumber');
  });

  test('text of twice the size fits, too', async () => {
    const customer = await town.customer({ device: phone, language: 'tr' });
    await states['form with errors'](customer, town);
    await customer.page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
    await customer.fitsSideways('form with errors');
    await customer.picture('text-twice-the-size');
  });
});

async function tabUntil(keyboard, reached) {
  for (let tabs = 0; tabs < 20; tabs += 1) {
    await keyboard.press('Tab');
    if (await reached()) return;
  }
  assert.fail('not reached in 20 tabs');
}
