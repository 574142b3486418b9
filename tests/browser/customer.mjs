// A customer with a browser: buys in the shop, types a card, reads what it says.
// While they look around, everything that must never happen is noted.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually } from './demo.mjs';
import { shopTexts, texts } from './texts.mjs';

const SCREENSHOTS = fileURLToPath(new URL('./screenshots/', import.meta.url));
mkdirSync(SCREENSHOTS, { recursive: true });

export const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
export const desktop = { viewport: { width: 1280, height: 900 } };

const FIELDS = ['cardNumber', 'expiry', 'cvv'];

export class Customer {
  #demo;
  #context;
  #complaints = [];
  #known;
  requests = [];

  static async arrive(browser, demo, { language = 'en', scripts = true, device = desktop, ...options } = {}) {
    const customer = new Customer();
    customer.#demo = demo;
    customer.language = language;
    customer.texts = texts[language];
    customer.shopTexts = shopTexts[language];
    const locale = { tr: 'tr-TR', en: 'en-US', ar: 'ar-SA' }[language];
    customer.#context = await browser.newContext({ ...device, locale, javaScriptEnabled: scripts, ...options });
    customer.#watch();
    customer.page = await customer.#context.newPage();
    return customer;
  }

  #watch() {
    this.#known = [this.#demo.url, this.#demo.shopUrl].map((url) => new URL(url).origin);
    this.#context.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      this.requests.push(request);
      if (protocol !== 'data:' && !this.#known.includes(origin)) this.#complaints.push(`request to ${request.url()}`);
    });
    this.#context.on('console', (message) => {
      // The browser's own line about an answer such as 422 is no error of the page.
      const aboutStatus = /^Failed to load resource: the server responded with a status of/.test(message.text());
      if (message.type() === 'error' && !aboutStatus) this.#complaints.push(`console: ${message.text()}`);
    });
    this.#context.on('weberror', (error) => this.#complaints.push(`script: ${error.error()}`));
  }

  // A site that the test itself brings.
  expects(origin) {
    this.#known.push(origin);
  }

  // In another tab of the same browser.
  async anotherTab() {
    const other = Object.assign(new Customer(), this);
    other.#demo = this.#demo;
    other.#context = this.#context;
    other.#complaints = this.#complaints;
    other.#known = this.#known;
    other.page = await this.#context.newPage();
    return other;
  }

  // Must be called last; every suite does it after each test.
  async leave() {
    await this.#context.close();
    assert.deepEqual(this.#complaints, [], 'nothing refused by the policy, no error, no third party');
  }

  // Complaints that the test itself caused: one, or all that fit; there must be one, unless not needed.
  forgive(pattern, { all = false, needed = true } = {}) {
    const caused = this.#complaints.filter((complaint) => pattern.test(complaint));
    assert.ok(caused.length > 0 || !needed, `nobody complained of ${pattern}: ${this.#complaints}`);
    for (const complaint of all ? caused : caused.slice(0, 1)) this.#complaints.splice(this.#complaints.indexOf(complaint), 1);
  }

  async forgiveEventually(pattern) {
    await eventually(() => this.#complaints, (complaints) => complaints.some((complaint) => pattern.test(complaint)));
    this.forgive(pattern, { all: true });
  }

  cookies() {
    return this.#context.cookies();
  }

  // Runs before any script of any page; the page's policy does not see it.
  bring(script) {
    return this.#context.addInitScript({ content: script });
  }

  // In the shop

  async visitShop() {
    await this.page.goto(`${this.#demo.shopUrl}/?lang=${this.language}`);
  }

  // From the product to the card page; the order is known from then on.
  async buy(button = this.shopTexts.pay) {
    await this.visitShop();
    await this.page.getByRole('button', { name: button }).click();
    await this.seesForm();
    this.order = { ...await this.#demo.newestSession(), url: this.page.url() };
  }

  // The same with the card form in the shop's page; from then on it is looked for there.
  async buyEmbedded() {
    this.looksInto('iframe');
    await this.buy(this.shopTexts.payEmbedded);
  }

  // Where the card form is: the page, or a frame of it.
  #frame;

  looksInto(selector) {
    this.#frame = selector;
  }

  get form() {
    return this.#frame ? this.page.frameLocator(this.#frame) : this.page;
  }

  // The frame itself, to run something in it.
  async formFrame() {
    return (await this.page.locator(this.#frame).elementHandle()).contentFrame();
  }

  // A session that a merchant made without the shop.
  async open(session) {
    this.order = session;
    await this.page.goto(session.url);
  }

  async seesForm() {
    await this.field('cardNumber').waitFor();
  }

  async seesReceipt() {
    await this.page.getByRole('heading', { name: this.shopTexts.thanks }).waitFor();
  }

  async seesHeading(name) {
    await this.form.getByRole('heading', { name }).waitFor();
  }

  // What the receipt says besides.
  receiptToken() {
    return this.page.locator('#token').textContent();
  }

  // On the card page

  field(name) {
    return this.form.getByLabel(this.texts.fields[name].label, { exact: true });
  }

  // As a person does: field by field, key by key.
  async typeCard(card) {
    for (const [name, text] of [['cardNumber', card.number], ['expiry', card.expiry], ['cvv', card.cvv]]) {
      await this.field(name).fill('');
      await this.field(name).pressSequentially(text);
    }
  }

  // The same where there may be no form at all: then nothing is in it.
  async typedIfThere() {
    return (await this.field('cardNumber').count()) === 0 ? empty : this.typed();
  }

  get submitButton() {
    return this.form.locator('#card button');
  }

  submit() {
    return this.submitButton.click();
  }

  async pay(card) {
    await this.typeCard(card);
    await this.submit();
  }

  // As a browser without scripts would, so that its documents can be looked at with scripts.
  submitAsDocument() {
    return this.page.evaluate(() => document.getElementById('card').submit());
  }

  cancel() {
    return this.form.getByRole('button', { name: this.texts.form.cancel }).click();
  }

  // One step of editing, as typing.data.mjs writes it.
  async edit(name, step) {
    const { keyboard } = this.page;
    const field = this.field(name);
    if (!await field.evaluate((input) => input === document.activeElement)) await field.focus();
    if (typeof step === 'string') await keyboard.type(step);
    else if (step.all) await keyboard.press('Control+a');
    else if (step.press) await keyboard.press(step.press);
    else if (step.caret !== undefined) await field.evaluate((input, place) => input.setSelectionRange(place, place), step.caret);
    else {
      await this.page.evaluate((text) => navigator.clipboard.writeText(text), step.paste);
      await keyboard.press('Control+v');
    }
  }

  // A field's text with | at the caret.
  withCaret(name) {
    return this.field(name).evaluate(({ value, selectionStart: at }) => `${value.slice(0, at)}|${value.slice(at)}`);
  }

  // The box that says what went wrong, once it says this.
  async seesAlert(title) {
    const alert = this.form.getByRole('alert');
    await alert.getByRole('heading', { name: title }).waitFor();
    return alert.innerText();
  }

  errorAt(name) {
    return this.page.locator(`#${name}-error`).textContent();
  }

  // What is in the fields now.
  async typed() {
    return Object.fromEntries(await Promise.all(FIELDS.map(async (name) => [name, await this.field(name).inputValue()])));
  }

  focused() {
    return this.page.evaluate(() => document.activeElement.id);
  }

  // Requests that carried a card.
  submits() {
    return this.requests.filter((request) => request.method() === 'POST' && /\/c\/[^/]+$/.test(request.url()));
  }

  async seesFocusAt(id) {
    await eventually(() => this.focused(), (focused) => focused === id);
  }

  async fitsSideways(state) {
    const [needed, there] = await this.page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(needed <= there, `${state}: ${needed} pixels on ${there}`);
    const sticksOut = await this.page.evaluate(() => {
      const card = document.querySelector('.card').getBoundingClientRect();
      return [...document.querySelectorAll('.card :is(input:not([type=hidden]), button, a, p, label)')]
        .map((inner) => [inner.outerHTML, inner.getBoundingClientRect()])
        .filter(([, { width, left, right }]) => width > 0 && (right > card.right || left < card.left))
        .map(([html]) => html);
    });
    assert.deepEqual(sticksOut, [], state);
  }

  // One step back; a page from the back/forward cache is not loaded again.
  async back() {
    await this.page.goBack({ waitUntil: 'commit' });
    await this.settles();
  }

  // Until the browser stays where it is: no page is under way.
  async settles() {
    let before;
    await eventually(async () => {
      const now = await this.page.evaluate(() => `${location.href} ${document.readyState}`).catch(() => 'under way');
      const same = now === before && now.endsWith(' complete') && !/\/c\/[^/]+\/done/.test(now);
      before = now;
      return same;
    }, (same) => same);
  }

  // For people to look at. On a busy machine Chromium now and then cannot take one.
  async picture(name) {
    const take = () => this.page.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage: true });
    await take().catch((error) => (/Unable to capture/.test(error.message) ? take() : Promise.reject(error)));
  }
}

export const empty = { cardNumber: '', expiry: '', cvv: '' };
