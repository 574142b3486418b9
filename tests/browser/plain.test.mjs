// Everything by documents alone: scripts off.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { empty, fill, refused, serverError, suite, visa, withoutFunds } from './harness.mjs';

suite('mistakes and refusals, scripts off', (town) => {
  const received = async (customer) => (await town.demo.orderCalledBack(customer.order.conversationId)).callback;
  const calls = (customer) => town.demo.callsFor(customer.order.conversationId);

  test('mistakes come back as a summary with links and at their fields; the fields are empty', async () => {
    const customer = await town.customer({ scripts: false, language: 'tr' });
    await customer.buy();
    await customer.pay({ number: '4355093000777067', expiry: '01/26', cvv: '31' });
    const alert = await customer.seesAlert(customer.texts.problem.fieldsTitle);
    const { cardNumber, expiry, cvv } = customer.texts.fields;
    for (const [field, message] of Object.entries({ cardNumber: cardNumber.checksum, expiry: expiry.expired, cvv: cvv.length })) {
      assert.ok(alert.includes(message), alert);
      assert.equal(await customer.errorAt(field), message);
      assert.equal(await customer.field(field).getAttribute('aria-invalid'), 'true');
    }
    await customer.seesFocusAt('alert');
    assert.deepEqual(await customer.typed(), empty);
    assert.equal(await customer.page.title(), fill(customer.texts.form.titleWithProblem, { shop: 'Demo Kahve' }));
    await customer.picture('mistakes-scripts-off');
    await customer.page.getByRole('link', { name: expiry.expired }).click();
    await customer.seesFocusAt('expiry');
    await customer.pay(visa);
    await customer.seesReceipt();
    assert.equal((await received(customer)).lastFour, '7068');
    assert.deepEqual(await calls(customer), ['succeed']);
  });

  test('the browser itself asks for empty fields, and nothing is sent', async () => {
    const customer = await town.customer({ scripts: false });
    await customer.buy();
    await customer.submit();
    await customer.seesFocusAt('cardNumber');
    assert.equal(customer.submits().length, 0);
  });

  test('a declined card is told in the provider\'s words; the next one succeeds', async () => {
    const customer = await town.customer({ scripts: false });
    await customer.buy();
    await customer.pay(withoutFunds);
    const alert = await customer.seesAlert(customer.texts.problem.declinedTitle);
    assert.ok(alert.includes('Kartın bakiyesi yetersiz.'), alert);
    await customer.seesFocusAt('alert');
    assert.deepEqual(await customer.typed(), empty);
    await customer.picture('declined-scripts-off');
    await customer.pay(visa);
    await customer.seesReceipt();
    assert.deepEqual(await calls(customer), ['succeed', 'refuse_insufficient_funds']);
  });

  test('trouble at the provider: the form again, then success', async () => {
    const customer = await town.customer({ scripts: false });
    await customer.buy();
    await customer.pay(serverError);
    await customer.seesAlert(customer.texts.problem.tryAgainTitle);
    assert.deepEqual(await customer.typed(), empty);
    await customer.pay(visa);
    await customer.seesReceipt();
    assert.equal((await calls(customer))[0], 'succeed');
  });

  test('a double click is one call and one receipt', async () => {
    const customer = await town.customer({ scripts: false });
    await customer.buy();
    await customer.typeCard(visa);
    await customer.submitButton.dblclick();
    await customer.seesReceipt();
    assert.equal((await received(customer)).status, 'completed');
    assert.deepEqual(await calls(customer), ['succeed']);
  });

  test('the fifth refusal ends at the shop as failed', async () => {
    const customer = await town.customer({ scripts: false });
    await customer.buy();
    for (const left of [4, 3, 2, 1]) {
      await customer.pay(refused);
      const { attemptsLeft, attemptsLeftOne } = customer.texts.problem;
      await customer.page.getByText(left === 1 ? attemptsLeftOne : fill(attemptsLeft, { count: left })).waitFor();
    }
    await customer.pay(refused);
    await customer.seesHeading(customer.shopTexts.notPaid);
    assert.equal((await received(customer)).status, 'failed');
    assert.deepEqual(await calls(customer), Array(5).fill('refuse'));
  });

  test('cancel leads to the shop', async () => {
    const customer = await town.customer({ scripts: false });
    await customer.buy();
    await customer.cancel();
    await customer.seesHeading(customer.shopTexts.canceled);
    assert.equal((await received(customer)).status, 'canceled');
    assert.deepEqual(await calls(customer), []);
  });
});
