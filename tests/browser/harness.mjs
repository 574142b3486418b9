// A suite: one demo and one browser for all tests of a file; customers come and
// go, and none may leave with a complaint.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';
import { launch } from './browser.mjs';
import * as cards from './cards.mjs';
import { Customer } from './customer.mjs';
import { Demo } from './demo.mjs';
import { Site } from './site.mjs';

export function suite(name, tests) {
  describe(name, () => {
    const town = new Town();
    before(() => town.open());
    afterEach(() => town.goodbye());
    after(() => town.close());
    tests(town);
  });
}

class Town {
  #customers = [];
  #site;

  async open() {
    this.demo = await Demo.start();
    this.browser = await launch(this.demo);
  }

  async customer(options) {
    const customer = await Customer.arrive(this.browser, this.demo, options);
    this.#customers.push(customer);
    return customer;
  }

  // A further site of the demo's merchant, for pages that the shop does not have.
  async site() {
    if (!this.#site) {
      this.#site = await Site.start();
      await this.demo.allow(this.#site.origin);
    }
    return this.#site;
  }

  async goodbye() {
    const customers = this.#customers.splice(0);
    for (const customer of customers) await customer.leave();
  }

  async close() {
    await this.browser?.close();
    this.#site?.stop();
    const log = await this.demo?.stop();
    for (const { number } of Object.values(cards)) assert.ok(!log.includes(number), 'no card number in the log');
  }
}

export { amex, mastercard, refused, refusedEchoingCard, refusedWithMarkup, serverError, stalling, troy, visa, withoutFunds } from './cards.mjs';
export { desktop, empty, phone } from './customer.mjs';
export { eventually } from './demo.mjs';
export { fill } from './texts.mjs';
