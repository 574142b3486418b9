// What the fields make of typing, from the tables in typing.data.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, suite } from './harness.mjs';
import { brandless, brands, filledIn, posted, settling, typing } from './typing.data.mjs';

suite('typing', (town) => {
  const open = async () => {
    const customer = await town.customer({ permissions: ['clipboard-read', 'clipboard-write'] });
    await customer.open(await town.demo.createSession({ locale: 'en' }));
    return customer;
  };

  for (const field of ['cardNumber', 'expiry', 'cvv']) {
    test(`the table of ${field}`, async () => {
      const customer = await open();
      for (const { what, steps, shows } of typing.filter((row) => row.field === field)) {
        await customer.page.reload();
        for (const step of steps) await customer.edit(field, step);
        assert.equal(await customer.withCaret(field), shows, what);
      }
    });
  }

  test('an expiry date settles when its field is left', async () => {
    const customer = await open();
    for (const { typed, pasted, shows } of settling) {
      await customer.page.reload();
      await customer.edit('expiry', typed ?? { paste: pasted });
      await customer.page.keyboard.press('Tab');
      assert.equal((await customer.typed()).expiry, shows, typed ?? `pasted ${pasted}`);
    }
  });

  test('the brand is shown as soon as it is certain', async () => {
    const customer = await open();
    for (const [digits, brand] of brands) {
      await customer.edit('cardNumber', { all: true });
      await customer.edit('cardNumber', digits);
      const icon = await customer.page.locator('#brand use').getAttribute('href');
      assert.equal(icon, `#brand-${brand ?? 'unknown'}`, digits);
    }
  });

  test('the code\'s length follows the brand', async () => {
    const customer = await open();
    await customer.edit('cardNumber', '4355');
    await customer.edit('cvv', '31345');
    assert.equal((await customer.typed()).cvv, '313');
  });

  for (const events of [['input', 'change'], ['input'], ['change']]) {
    test(`what is filled in, told by ${events.join(' and ')}`, async () => {
      const customer = await open();
      for (const { field, value, shows } of filledIn) {
        await customer.page.reload();
        await customer.field(field).focus();
        await customer.field(field).evaluate((input, [text, names]) => {
          input.value = text;
          for (const name of names) input.dispatchEvent(new Event(name, { bubbles: true }));
        }, [value, events]);
        await customer.page.keyboard.press('Tab');
        assert.equal((await customer.typed())[field], shows, value);
        assert.equal(await customer.errorAt(field), '');
      }
    });
  }

  test('an input method may compose digits, and is left alone until it is done', async () => {
    const customer = await open();
    const keyboard = await customer.page.context().newCDPSession(customer.page);
    await customer.edit('cardNumber', '12');
    await keyboard.send('Input.imeSetComposition', { text: '４３５', selectionStart: 3, selectionEnd: 3 });
    assert.equal(await customer.withCaret('cardNumber'), '12４３５|', 'while it composes');
    await keyboard.send('Input.insertText', { text: '４３５５' });
    assert.equal(await customer.withCaret('cardNumber'), '1243 55|');
  });

  test('a number of no known brand is not refused for it, with a code of three or four', async () => {
    const customer = await open();
    for (const number of brandless) {
      for (const cvv of ['313', '3131']) {
        await customer.page.reload();
        await customer.typeCard({ number, expiry: '11/40', cvv });
        await customer.page.keyboard.press('Tab');
        for (const field of ['cardNumber', 'cvv']) assert.equal(await customer.errorAt(field), '', `${number} ${cvv}`);
        assert.equal(await customer.page.locator('#brand').getAttribute('aria-hidden'), 'true');
      }
    }
  });

  test('a mistake is announced politely when its field is left', async () => {
    const customer = await open();
    await customer.edit('cardNumber', '4355093000777067');
    await customer.page.keyboard.press('Tab');
    const said = await customer.page.getByRole('status').textContent();
    assert.equal(said, customer.texts.fields.cardNumber.checksum);
    assert.equal(await customer.focused(), 'expiry', 'and the focus goes on');
  });

  test('what is posted', async () => {
    for (const { typed, sent } of posted) {
      const customer = await open();
      await customer.page.route('**/c/*', (route) => route.fulfill({ json: { outcome: 'invalid', errors: [] } }));
      await customer.typeCard(typed);
      await customer.submit();
      const [request] = await eventually(() => customer.submits(), (submits) => submits.length === 1);
      const form = await new Response(request.postDataBuffer(), { headers: { 'Content-Type': await request.headerValue('content-type') } }).formData();
      const { formToken, ...card } = Object.fromEntries(form);
      assert.deepEqual(card, sent);
      assert.ok(formToken.length > 20);
    }
  });
});
