// Coming back to a page that was left: nobody finds a card there, and a
// finished session only ever leads to the shop.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { empty, eventually, serverError, suite, visa, withoutFunds } from './harness.mjs';

suite('back, reload and other tabs', (town) => {
  const calls = (customer) => town.demo.callsFor(customer.order.conversationId);

  // Otherwise the tests below would pass for the wrong reason.
  test('this browser does bring pages back as they were left', async () => {
    const server = createServer((_, answer) => answer.setHeader('Content-Type', 'text/html').end('<input id="it"><a href="/next">next</a>'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const page = await town.browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.fill('#it', visa.number);
    await page.click('a');
    await page.waitForURL('**/next');
    await page.goBack({ waitUntil: 'commit' });
    assert.equal(await page.inputValue('#it'), visa.number);
    await page.close();
    server.closeAllConnections();
    server.close();
  });

  for (const scripts of [true, false]) {
    const how = `scripts ${scripts ? 'on' : 'off'}`;

    test(`back from the receipt shows no card, as far back as it goes, ${how}`, async () => {
      const customer = await town.customer({ scripts });
      await customer.buy();
      await customer.pay(visa);
      await customer.seesReceipt();
      for (let steps = 0; steps < 4; steps += 1) {
        await customer.back();
        assert.deepEqual(await customer.typedIfThere(), empty, `${steps + 1} steps back, at ${customer.page.url()}`);
        const onPage = customer.page.url().startsWith(town.demo.url) ? await customer.page.content() : '';
        assert.ok(!onPage.replace(/\s/g, '').includes(visa.number));
      }
      assert.deepEqual(await calls(customer), ['succeed']);
    });

    // With scripts off, the answer to a form is another document: behind it lies
    // the one into which the card was typed. A browser fetches that anew and fills
    // in what it remembers, where it takes the form for the same.
    for (const [what, card, title] of [
      ['a declined card', withoutFunds, 'declinedTitle'],
      ['a mistyped card', { ...visa, number: '4355093000777067', expiry: '01/26' }, 'fieldsTitle'],
      ['a card that met trouble', serverError, 'tryAgainTitle'],
    ]) {
      test(`back from ${what} in a session that is still open shows no card, ${how}`, async () => {
        const customer = await town.customer({ scripts });
        await customer.buy();
        await customer.typeCard(card);
        await customer.submit();
        await customer.seesAlert(customer.texts.problem[title]);
        for (const step of scripts ? ['goBack', 'goForward'] : ['goBack', 'goBack', 'goForward']) {
          await customer.page[step]({ waitUntil: 'commit' });
          await customer.settles();
          await eventually(() => customer.typedIfThere(), (typed) => Object.values(typed).every((text) => text === ''));
        }
        await customer.page.goto(customer.order.url);
        await customer.pay(visa);
        await customer.seesReceipt();
      });
    }

    test(`the page of a finished session hands over again, with the same token, ${how}`, async () => {
      const customer = await town.customer({ scripts });
      await customer.buy();
      await customer.pay(visa);
      await customer.seesReceipt();
      const token = await customer.receiptToken();
      await customer.page.reload();
      await customer.seesReceipt();
      await customer.page.goto(customer.order.url).catch(() => {});
      await customer.seesReceipt();
      assert.equal(await customer.receiptToken(), token);
      assert.deepEqual(await calls(customer), ['succeed']);
    });

    test(`a second tab's card is not sent once the first has paid, ${how}`, async () => {
      const customer = await town.customer({ scripts });
      await customer.buy();
      const other = await customer.anotherTab();
      await other.open(customer.order);
      await other.typeCard(visa);
      await customer.pay(visa);
      await customer.seesReceipt();
      await other.submit();
      await other.seesReceipt();
      assert.equal(await other.receiptToken(), await customer.receiptToken());
      assert.deepEqual(await calls(customer), ['succeed']);
    });

    test(`two tabs that pay at once get one token, ${how}`, async () => {
      const customer = await town.customer({ scripts });
      await customer.buy();
      const other = await customer.anotherTab();
      await other.open(customer.order);
      await customer.typeCard(visa);
      await other.typeCard(visa);
      await Promise.all([customer.submit(), other.submit()]);
      await customer.seesReceipt();
      await other.seesReceipt();
      assert.equal(await other.receiptToken(), await customer.receiptToken());
      assert.deepEqual(await calls(customer), ['succeed']);
    });
  }

  for (const scripts of [true, false]) test(`a reload empties the form, and it can be used, scripts ${scripts ? 'on' : 'off'}`, async () => {
    const customer = await town.customer({ scripts });
    await customer.buy();
    await customer.typeCard(visa);
    await customer.page.reload();
    await customer.seesForm();
    assert.deepEqual(await customer.typed(), empty);
    await customer.pay(visa);
    await customer.seesReceipt();
  });

  test('a form that was left for another page comes back empty', async () => {
    const customer = await town.customer();
    await customer.buy();
    await customer.typeCard(visa);
    await customer.visitShop();
    await customer.back();
    await customer.seesForm();
    await eventually(() => customer.typed(), (typed) => Object.values(typed).every((text) => text === ''));
  });
});
