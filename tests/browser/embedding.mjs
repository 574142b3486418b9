// Pages of a merchant's site that have card forms in frames, under a policy as
// strict as a shop's can be.
import { eventually } from './demo.mjs';

const script = `
  'use strict';
  window.heard = [];
  for (const place of document.querySelectorAll('[data-url]')) {
    const note = (event) => (value) => window.heard.push({ at: place.id, event, value });
    place.mounted = Vezne.mount(place, {
      url: place.dataset.url, onReady: note('ready'), onResult: note('result'), onError: note('error'), onHeight: note('height'),
    });
  }`;

const head = '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Shop</title><link rel="icon" href="data:,">';

export class Embedding {
  // A page with the sessions' forms, each in an element with its name.
  static async open(customer, town, sessions, policy, patience) {
    const embedding = Object.assign(new Embedding(), { customer });
    const { origin } = await Embedding.publish(customer, town, sessions, policy);
    await customer.page.goto(`${origin}/embedding`, patience);
    customer.looksInto('iframe');
    return embedding;
  }

  static async publish(customer, town, sessions, policy) {
    const site = await town.site();
    const { versions, latest } = await town.demo.manifest();
    const sdk = versions[latest]['vezne.js'];
    const places = Object.entries(sessions).map(([id, { url }]) => `<div id="${id}" data-url="${url}"></div>`);
    const strict = `default-src 'none'; script-src 'self' ${town.demo.url}; frame-src 'self' ${town.demo.url}; `
      + "style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'";
    site.serve('/embedding.js', script, { 'Content-Type': 'text/javascript' });
    site.serve('/embedding', `${head}<main><h1>Checkout</h1><button id="before">Before</button>${places.join('')}
      <button id="after">After</button></main><script src="${sdk.url}" integrity="${sdk.integrity}" crossorigin></script>
      <script src="/embedding.js"></script>`, { 'Content-Security-Policy': policy ?? strict });
    customer.expects(site.origin);
    return site;
  }

  heard(event, at) {
    return this.customer.page.evaluate(([event, at]) => window.heard
      .filter((one) => one.event === event && (!at || one.at === at)).map((one) => one.value ?? null), [event, at]);
  }

  // The first value that a callback was called with.
  async hears(event, at) {
    const [value] = await eventually(() => this.heard(event, at), ({ length }) => length > 0);
    return value;
  }

  call(method, at = 'one') {
    return this.customer.page.evaluate(([method, at]) => document.getElementById(at).mounted[method](), [method, at]);
  }
}

// A session whose page the merchant's pages may have in a frame.
export async function embeddable(town, wishes = {}) {
  const { origin } = await town.site();
  return town.demo.createSession({ handoff: 'message', embedOrigin: origin, locale: 'en', ...wishes });
}

// A page with a plain frame and nothing else: no SDK, no script.
export async function plainFrame(customer, town, session) {
  const site = await town.site();
  site.serve('/plain', `${head}<iframe title="card" src="${session.url}" width="500" height="900"></iframe>`);
  customer.expects(site.origin);
  await customer.page.goto(`${site.origin}/plain`);
  customer.looksInto('iframe');
}
