// A merchant's server: Node 20 or later, and vezne-verify.mjs.
//
//   VEZNE_URL=https://127.0.0.1:8443 VEZNE_API_KEY=vz_test_… \
//   VEZNE_SIGNING_SECRET=vzsig_… VEZNE_WEBHOOK_SECRET=whsec_… \
//   NODE_EXTRA_CA_CERTS=ca.pem node docs/examples/node.mjs
//
// SHOP_URL is this server as browsers call it. CALLBACK_URL is its /callback as
// vezne calls it: https, or http on this machine in test mode; leave it out to do
// without callbacks. Both must be under an entry of the merchant's allow-list.

import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const { VEZNE_URL, VEZNE_API_KEY, VEZNE_SIGNING_SECRET, VEZNE_WEBHOOK_SECRET, CALLBACK_URL } = process.env;
const PORT = Number(process.env.PORT ?? 3000);
const SHOP_URL = process.env.SHOP_URL ?? `http://localhost:${PORT}`;

// readme:begin
import { VerificationError, verifyCallback, verifyResult } from '../../static/sdk/server/vezne-verify.mjs';

/** Opens a session. Keep its `id` with the order; send the browser to its `url`. */
export async function createSession(orderId) {
  const answer = await fetch(`${VEZNE_URL}/v1/sessions`, {
    method: 'POST',
    // With the key, a call that is sent again opens no second session.
    headers: { authorization: `Bearer ${VEZNE_API_KEY}`, 'content-type': 'application/json', 'idempotency-key': orderId },
    body: JSON.stringify({
      purpose: 'tokenize',
      conversationId: orderId,
      returnUrl: `${SHOP_URL}/return`,
      callbackUrl: CALLBACK_URL,
    }),
  });
  const session = await answer.json();
  if (answer.status !== 201) throw new Error(`${session.title} (${session.requestId})`);
  return session;
}

/** The browser comes back with the result in the query. */
async function returned(query) {
  const result = verifyResult(Object.fromEntries(query), VEZNE_SIGNING_SECRET);
  const order = await settle(result);
  if (order.status !== 'completed') return { status: 200, text: `No card: ${order.status}.\n` };
  return { status: 200, text: `We have your card ending in ${order.card.lastFour}.\n` };
}

/** vezne tells the same; `body` is the bytes as they came. */
async function callback(headers, body) {
  const event = verifyCallback(headers, body, VEZNE_WEBHOOK_SECRET);
  // The same event may come more than once: its id is the same each time.
  if (event.type.startsWith('session.') && !seenEvents.has(event.id)) {
    await settle(verifyResult(event.data, VEZNE_SIGNING_SECRET));
    seenEvents.add(event.id);
  }
  return { status: 204 };
}
// readme:end

// Stands for the shop's database.
const orders = new Map();
const seenEvents = new Set();

async function readSession(id) {
  const answer = await fetch(`${VEZNE_URL}/v1/sessions/${encodeURIComponent(id)}`, {
    headers: { authorization: `Bearer ${VEZNE_API_KEY}` },
  });
  const session = await answer.json();
  if (answer.status !== 200) throw new Error(`${session.title} (${session.requestId})`);
  return session;
}

/**
 * Takes a verified result over into its order. The return and the callback both
 * come here, in either order and as often as they like.
 */
async function settle(result) {
  const order = orders.get(result.conversationId);
  if (!order || order.session !== result.session) throw new VerificationError('order', 'this is no order of ours');
  if (result.status === 'completed' && !order.cardToken) {
    // A redirect names the session only; token and card come over the API.
    const session = await readSession(order.session);
    const { cardToken } = verifyResult(session, VEZNE_SIGNING_SECRET);
    Object.assign(order, { cardToken, card: session.card });
  }
  order.status = result.status;
  return order;
}

async function checkout() {
  const orderId = `order-${randomUUID()}`;
  const session = await createSession(orderId);
  orders.set(orderId, { session: session.id, status: session.status });
  return { status: 303, headers: { location: session.url } };
}

async function bodyOf(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > 64 * 1024) throw new Error('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function answer(request) {
  const url = new URL(request.url, SHOP_URL);
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /':
      return { status: 200, html: '<form method="post" action="/checkout"><button>Pay by card</button></form>' };
    case 'POST /checkout':
      return checkout();
    case 'GET /return':
      return returned(url.searchParams);
    case 'POST /callback':
      return callback(request.headers, await bodyOf(request));
    default:
      return { status: 404, text: 'Not found.\n' };
  }
}

// Only when run, not when imported.
if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  // An empty secret would let anybody sign.
  if (!VEZNE_URL || !VEZNE_API_KEY || !VEZNE_SIGNING_SECRET || !VEZNE_WEBHOOK_SECRET) {
    throw new Error('set VEZNE_URL, VEZNE_API_KEY, VEZNE_SIGNING_SECRET and VEZNE_WEBHOOK_SECRET');
  }
  createServer(async (request, response) => {
    const { status, headers, text, html } = await answer(request).catch((error) => {
      console.error(error);
      if (error instanceof VerificationError) return { status: 400, text: 'This is not from vezne, or of no order here.\n' };
      return { status: 500, text: 'Something is wrong here.\n' };
    });
    const type = html === undefined ? 'text/plain; charset=utf-8' : 'text/html; charset=utf-8';
    response.writeHead(status, { 'content-type': type, ...headers }).end(html ?? text);
  }).listen(PORT, '127.0.0.1', () => console.log(`${SHOP_URL}`));
}
