// What the fields make of typing, from the tables in typing.data.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, suite } from './harness.mjs';
import { brands, posted, settling, typing } from './typing.data.mjs';

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
