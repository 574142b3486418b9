// What goes wrong with scripts on: said in place, what was typed is kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  empty, eventually, fill, refused, refusedEchoingCard, refusedWithMarkup, serverError, suite, visa, withoutFunds,
} from './harness.mjs';

const shownVisa = { cardNumber: '4355 0930 0077 7068', expiry: '11/40', cvv: '313' };

suite('mistakes and refusals, scripts on', (town) => {
  const received = async (customer) => (await town.demo.orderCalledBack(customer.order.conversationId)).callback;
  const calls = (customer) => town.demo.callsFor(customer.order.conversationId);

  test('a declined card is told in the provider\'s words and kept; the next card succeeds on the same page', async () => {
    const customer = await town.customer();
    const { problem } = customer.texts;
    await customer.buy();
    const address = customer.page.url();
    await customer.pay(withoutFunds);
    const alert = await customer.seesAlert(problem.declinedTitle);
    assert.ok(alert.includes(fill(problem.declinedReason, { reason: 'Kartın bakiyesi yetersiz.' })), alert);
    assert.equal(await customer.page.locator('#alert bdi[lang=""]').textContent(), 'Kartın bakiyesi yetersiz.');
    assert.ok(alert.includes(fill(problem.attemptsLeft, { count: 4 })), alert);
    await customer.seesFocusAt('alert');
    assert.deepEqual(await customer.typed(), { cardNumber: '4508 0345 0300 0000', expiry: '11/40', cvv: '313' });
    assert.equal(customer.page.url(), address);
    await customer.picture('declined-in-place');
    await customer.pay(visa);
    await customer.seesReceipt();
    assert.equal((await received(customer)).lastFour, '7068');
    assert.deepEqual(await calls(customer), ['succeed', 'refuse_insufficient_funds']);
  });

  test('a refusal\'s markup stays text, and a card number in it is not shown', async () => {
    const customer = await town.customer();
    await customer.buy();
    await customer.pay(refusedWithMarkup);
    await customer.seesAlert(customer.texts.problem.declinedTitle);
    assert.equal(await customer.page.locator('#alert :is(b, script)').count(), 0);
    await customer.pay(refusedEchoingCard);
    await eventually(() => customer.page.locator('#alert').innerText(), (text) => text.includes(fill(customer.texts.problem.attemptsLeft, { count: 3 })));
    const document = (await customer.page.content()).replace(/[\s-]/g, '');
    assert.ok(!document.includes(refusedEchoingCard.number));
    assert.deepEqual(await calls(customer), ['refuse_echoing_card', 'refuse_with_html']);
  });

  for (const [name, card, field, message] of [
    ['a mistyped number', { ...visa, number: '4355093000777067' }, 'cardNumber', 'checksum'],
    ['a number cut short', { ...visa, number: '43550930007' }, 'cardNumber', 'length'],
    ['an expiry date that has passed', { ...visa, expiry: '01/26' }, 'expiry', 'expired'],
    ['half an expiry date', { ...visa, expiry: '11' }, 'expiry', 'format'],
    ['a year too far ahead', { ...visa, expiry: '11/98' }, 'expiry', 'tooFar'],
    ['a code too short', { ...visa, cvv: '31' }, 'cvv', 'length'],
  ]) {
    test(`${name} is told at its field, and nothing is sent`, async () => {
      const customer = await town.customer();
      await customer.open(await town.demo.createSession({ locale: 'en' }));
      await customer.pay(card);
      await customer.seesFocusAt(field);
      assert.equal(await customer.errorAt(field), customer.texts.fields[field][message]);
      assert.equal(await customer.field(field).getAttribute('aria-invalid'), 'true');
      assert.equal(customer.submits().length, 0);
      await customer.typeCard(visa);
      assert.equal(await customer.errorAt(field), '', 'the message goes when it is mended');
      assert.deepEqual(await customer.typed(), shownVisa);
      assert.deepEqual(await calls(customer), []);
    });
  }

  test('an empty form lists every field, and each line leads to its field', async () => {
    const customer = await town.customer();
    await customer.open(await town.demo.createSession({ locale: 'en' }));
    await customer.submit();
    await customer.seesAlert(customer.texts.problem.fieldsTitle);
    await customer.seesFocusAt('alert');
    assert.equal(await customer.page.title(), fill(customer.texts.form.titleWithProblem, { shop: 'Demo Kahve' }));
    for (const field of ['cardNumber', 'expiry', 'cvv']) {
      assert.equal(await customer.errorAt(field), customer.texts.fields[field].empty);
      await customer.page.getByRole('link', { name: customer.texts.fields[field].empty }).click();
      assert.equal(await customer.focused(), field);
    }
    await customer.picture('empty-form-refused');
    assert.equal(customer.submits().length, 0);
  });

  test('trouble at the provider costs no attempt: try again in place, then success', async () => {
    const customer = await town.customer();
    await customer.buy();
    await customer.pay(serverError);
    await customer.seesAlert(customer.texts.problem.tryAgainTitle);
    assert.equal((await customer.typed()).cardNumber, '4508 0345 0900 0004');
    await customer.picture('provider-trouble');
    await customer.pay(visa);
    await customer.seesReceipt();
    assert.equal((await received(customer)).status, 'completed');
    assert.equal((await town.demo.session(customer.order.id)).attempts, 0);
    assert.equal((await calls(customer))[0], 'succeed');
  });

  test('a lost connection keeps what was typed, and the same card goes through afterwards', async () => {
    const customer = await town.customer();
    await customer.buy();
    await customer.page.route('**/c/*', (route) => route.abort('connectionreset'), { times: 1 });
    await customer.pay(visa);
    await customer.seesAlert(customer.texts.problem.networkTitle);
    assert.deepEqual(await customer.typed(), shownVisa);
    await customer.submit();
    await customer.seesReceipt();
    assert.deepEqual(await calls(customer), ['succeed']);
    customer.forgive(/ERR_CONNECTION_RESET/);
  });

  test('pressing twice, and Enter besides, sends once', async () => {
    const customer = await town.customer();
    await customer.buy();
    let open;
    const gate = new Promise((resolve) => { open = resolve; });
    await customer.page.route('**/c/*', async (route) => {
      await gate;
      await route.continue();
    });
    await customer.typeCard(visa);
    await customer.submitButton.dblclick();
    await customer.field('cvv').press('Enter');
    await customer.submitButton.dispatchEvent('click');
    assert.equal(await customer.submitButton.innerText(), customer.texts.script.working);
    await customer.picture('sending');
    open();
    await customer.seesReceipt();
    assert.equal(customer.submits().length, 1);
    assert.deepEqual(await calls(customer), ['succeed']);
  });

  test('the fifth refusal ends at the shop as failed', async () => {
    const customer = await town.customer();
    await customer.buy();
    await customer.typeCard(refused);
    for (const left of [4, 3, 2]) {
      await customer.submit();
      const said = fill(customer.texts.problem.attemptsLeft, { count: left });
      await customer.page.getByText(said).waitFor();
    }
    await customer.submit();
    await customer.page.getByText(customer.texts.problem.attemptsLeftOne).waitFor();
    await customer.submit();
    await customer.seesHeading(customer.shopTexts.notPaid);
    await customer.picture('failed-at-the-shop');
    assert.deepEqual(await received(customer), { status: 'failed', cardToken: null, brand: null, lastFour: null });
    assert.deepEqual(await calls(customer), Array(5).fill('refuse'));
  });

  test('cancel leads to the shop, and no card was sent', async () => {
    const customer = await town.customer();
    await customer.buy();
    await customer.typeCard(visa);
    await customer.cancel();
    await customer.seesHeading(customer.shopTexts.canceled);
    assert.equal((await received(customer)).status, 'canceled');
    assert.deepEqual(await calls(customer), []);
    await customer.back();
    assert.deepEqual(await customer.typedIfThere(), empty);
  });
});
