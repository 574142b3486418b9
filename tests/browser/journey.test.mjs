// The whole journey: product, card page, token, and what the shop's server got.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amex, desktop, mastercard, phone, suite, troy, visa } from './harness.mjs';

const journeys = [
  { device: 'phone', language: 'tr', card: troy, brand: 'troy' },
  { device: 'phone', language: 'en', card: visa, brand: 'visa' },
  { device: 'phone', language: 'ar', card: inArabicDigits(visa), brand: 'visa' },
  { device: 'desktop', language: 'tr', card: mastercard, brand: 'mastercard' },
  { device: 'desktop', language: 'en', card: amex, brand: 'amex' },
];
const devices = { phone, desktop };

// As an Arabic keyboard writes it; server and script read it alike.
function inArabicDigits(card) {
  const arabic = (text) => text.replace(/\d/g, (digit) => String.fromCharCode(0x660 + Number(digit)));
  return { ...card, number: arabic(card.number), expiry: arabic(card.expiry), cvv: arabic(card.cvv), lastFour: card.number.slice(-4) };
}

suite('the whole journey', (town) => {
  for (const scripts of [true, false]) {
    for (const { device, language, card, brand } of journeys) {
      const name = `${device}-${language}-${scripts ? 'scripts' : 'plain'}`;
      test(`${device}, ${language}, scripts ${scripts ? 'on' : 'off'}`, async () => {
        const customer = await town.customer({ scripts, language, device: devices[device] });
        await customer.visitShop();
        await customer.picture(`${name}-1-product`);
        await customer.buy();
        await customer.picture(`${name}-2-form`);
        await customer.typeCard(card);
        await customer.picture(`${name}-3-typed`);
        await customer.submit();
        await customer.seesReceipt();
        await customer.page.getByText(customer.shopTexts.verified).waitFor();
        await customer.picture(`${name}-4-receipt`);

        const order = await town.demo.orderCalledBack(customer.order.conversationId);
        const expected = { status: 'completed', cardToken: await customer.receiptToken(), brand, lastFour: card.lastFour ?? card.number.slice(-4) };
        assert.match(expected.cardToken, /^[\w+/=-]{20,}$/);
        assert.deepEqual(order.result, expected, 'what the customer came back with');
        assert.deepEqual(order.callback, expected, 'what the callback said');
        assert.deepEqual(await town.demo.callsFor(customer.order.conversationId), ['succeed']);
      });
    }
  }

  test('the card page names the shop as the shop does, and asks in its language', async () => {
    for (const language of ['tr', 'en', 'ar']) {
      const customer = await town.customer({ language });
      await customer.visitShop();
      const shop = await customer.page.locator('header .name').textContent();
      await customer.buy();
      assert.equal(await customer.page.locator('.shop b').textContent(), shop);
      assert.equal(await customer.page.getAttribute('html', 'lang'), language);
    }
  });
});
