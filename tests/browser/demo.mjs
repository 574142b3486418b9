// The real binary: `vezne demo` in a directory of its own, and what the shop's
// and the provider's side know of an order.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

// How long a condition may take to come true; a limit, not a pace.
const PATIENCE_MS = 30_000;

const target = (profile) => fileURLToPath(new URL(`../../target/${profile}/vezne`, import.meta.url));
const binary = process.env.VEZNE ?? [target('ci'), target('debug')].find(existsSync) ?? target('ci');

const run = promisify(execFile);

export class Demo {
  #process;
  #directory;
  #exited;
  #errors = '';

  static async start() {
    const demo = new Demo();
    demo.#directory = await mkdtemp(join(tmpdir(), 'vezne-browser-'));
    const args = ['demo', '--json', '--port', '0', '--data-dir', demo.#directory];
    demo.#process = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    demo.#exited = once(demo.#process, 'exit');
    demo.#process.stderr.on('data', (chunk) => { demo.#errors += chunk; });
    const first = once(createInterface({ input: demo.#process.stdout }), 'line');
    const ended = demo.#exited.then(([code]) => Promise.reject(new Error(`vezne demo ended with ${code}: ${demo.#errors}`)));
    const [line] = await Promise.race([first, ended]);
    ended.catch(() => {});
    Object.assign(demo, JSON.parse(line));
    demo.authority = await readFile(demo.ca);
    return demo;
  }

  // Ends it as an operator would; it must end well.
  async stop() {
    this.#process.kill('SIGTERM');
    const [code] = await this.#exited;
    const log = await readFile(this.logFile, 'utf8');
    await rm(this.#directory, { recursive: true });
    assert.equal(code, 0, `vezne demo must end with 0 after SIGTERM: ${this.#errors}`);
    return log;
  }

  // Puts a further site on the merchant's allow-list, as an operator would.
  async allow(url) {
    const { merchant } = JSON.parse(await readFile(join(this.#directory, 'demo.json'), 'utf8'));
    const allowed = [this.shopUrl, `http://127.0.0.1:${new URL(this.shopUrl).port}/callback`, url];
    const config = ['--config', join(this.#directory, 'vezne.toml')];
    await promisify(execFile)(binary, ['merchant', 'update', merchant, ...config, ...allowed.flatMap((one) => ['--allow', one])]);
  }

  // A session by the merchants' API, as {id, url, …}.
  createSession(wishes = {}) {
    const body = { purpose: 'tokenize', conversationId: `order-${crypto.randomUUID()}`, returnUrl: this.returnUrl, ...wishes };
    return this.#api('POST', '/v1/sessions', body);
  }

  // What an operator changes of the demo's merchant, as on the command line.
  async updateMerchant(...args) {
    const common = ['--config', join(this.#directory, 'vezne.toml'), '--json'];
    const list = JSON.parse((await run(binary, ['merchant', 'list', ...common])).stdout);
    const [{ id }] = list.merchants;
    return JSON.parse((await run(binary, ['merchant', 'update', id, ...args, ...common])).stdout);
  }

  // Where the SDK is.
  manifest() {
    return this.#json(`${this.url}/sdk/v1/manifest.json`);
  }

  session(id) {
    return this.#api('GET', `/v1/sessions/${id}`);
  }

  cancelSession(id) {
    return this.#api('POST', `/v1/sessions/${id}/cancel`);
  }

  async newestSession() {
    const { data: [session] } = await this.#api('GET', '/v1/sessions?limit=1');
    return session;
  }

  // The calls that the provider got for an order, newest first.
  async callsFor(conversationId) {
    const { calls } = await this.#json(`${this.sandboxUrl}/calls`);
    return calls.filter((call) => call.conversationId === conversationId).map((call) => call.outcome);
  }

  // What the shop's server knows of an order: {session, result, callback}.
  order(conversationId) {
    return this.#json(`${this.shopUrl}/orders/${conversationId}`);
  }

  orderCalledBack(conversationId) {
    return eventually(() => this.order(conversationId), (order) => order.callback);
  }

  #api(method, path, body) {
    return this.#json(this.url + path, { method, headers: { Authorization: `Bearer ${this.apiKey}` }, body });
  }

  async #json(url, { method = 'GET', headers = {}, body } = {}) {
    const { request } = url.startsWith('https:') ? https : http;
    const sent = request(url, { method, headers: { 'Content-Type': 'application/json', ...headers }, ca: this.authority });
    sent.end(body && JSON.stringify(body));
    const [answer] = await once(sent, 'response');
    const text = (await answer.toArray()).join('');
    assert.ok(answer.statusCode < 300, `${method} ${url}: ${answer.statusCode} ${text}`);
    return JSON.parse(text);
  }
}

// Asks until the answer is as wished, and returns it.
export async function eventually(ask, wished) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (wished(answer)) return answer;
    assert.ok(Date.now() < deadline, `waited ${PATIENCE_MS} ms in vain; the last answer: ${JSON.stringify(answer)}`);
    await new Promise((later) => setTimeout(later, 50));
  }
}
