// A merchant's server in one file: Node 20 or later, no dependencies.
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
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Opens a session. Keep its `id` with the order; send the browser to its `url`. */
export async function createSession(orderId) {
  const answer = await fetch(`${VEZNE_URL}/v1/sessions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${VEZNE_API_KEY}`, 'content-type': 'application/json' },
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

/** Whether vezne signed this result, and for this token where there is one. */
export function verifyResult(result, secret = VEZNE_SIGNING_SECRET) {
  const { session, status, conversationId, timestamp, tokenDigest, signature, cardToken } = result;
  const text = ['vezne-result-v1', session, status, conversationId, timestamp, tokenDigest].join('\n');
  const genuine = createHmac('sha256', secret).update(text).digest();
  const given = Buffer.from(String(signature), 'base64url');
  if (given.length !== genuine.length || !timingSafeEqual(given, genuine)) return false;
  return !cardToken || createHash('sha256').update(cardToken).digest('base64url') === tokenDigest;
}

/** Whether vezne sent this body, within five minutes of `now` (seconds). `body` is as received. */
export function verifyCallback(headers, body, secret = VEZNE_WEBHOOK_SECRET, now = Date.now() / 1000) {
  const { 'webhook-id': id, 'webhook-timestamp': sent, 'webhook-signature': signatures } = headers;
  if (!id || !signatures || !(Math.abs(now - Number(sent)) <= 300)) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const genuine = createHmac('sha256', key).update(`${id}.${sent}.`).update(body).digest();
  return signatures.split(' ').some((one) => {
    const given = Buffer.from(one.startsWith('v1,') ? one.slice(3) : '', 'base64');
    return given.length === genuine.length && timingSafeEqual(given, genuine);
  });
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
 * come here, in either order and as often as they like. `undefined` when the
 * result is not of an order of ours.
 */
async function settle(result) {
  const order = orders.get(result.conversationId);
  if (!order || order.session !== result.session) return undefined;
  if (result.status === 'completed' && !order.cardToken) {
    // A redirect names the session only; the token comes over the API.
    const session = result.cardToken ? result : await readSession(result.session);
    if (!verifyResult(session) || session.session !== order.session || !session.cardToken) {
      throw new Error('the session does not verify');
    }
    Object.assign(order, { cardToken: session.cardToken, card: session.card });
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

async function returned(query) {
  const result = Object.fromEntries(query);
  const order = verifyResult(result) ? await settle(result) : undefined;
  if (!order) return { status: 400, text: 'This is not a result of an order here.\n' };
  if (order.status !== 'completed') return { status: 200, text: `No card: ${order.status}.\n` };
  return { status: 200, text: `We have your card ending in ${order.card.lastFour}.\n` };
}

async function callback(headers, body) {
  if (!verifyCallback(headers, body)) return { status: 401 };
  const event = JSON.parse(body);
  // The same event may come more than once: its id is the same each time.
  if (!seenEvents.has(headers['webhook-id'])) {
    if (verifyResult(event.data)) await settle(event.data);
    seenEvents.add(headers['webhook-id']);
  }
  return { status: 204 };
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
      return { status: 500, text: 'Something is wrong here.\n' };
    });
    const type = html === undefined ? 'text/plain; charset=utf-8' : 'text/html; charset=utf-8';
    response.writeHead(status, { 'content-type': type, ...headers }).end(html ?? text);
  }).listen(PORT, '127.0.0.1', () => console.log(`${SHOP_URL}`));
}
