// The SDK's files as shops get them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { suite } from './harness.mjs';

const BUDGET = 5 * 1024;

test('the types hold what a shop writes, and refuse what is wrong', () => {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '--project', import.meta.dirname], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

suite('the SDK', (town) => {
  // Loaded as a shop's page loads it: from another origin, with its hash.
  async function load(integrity, kind) {
    const [customer, site] = [await town.customer(), await town.site()];
    customer.expects(site.origin);
    const { versions, latest } = await town.demo.manifest();
    const { url, integrity: genuine } = versions[latest][kind];
    const type = kind === 'vezne.mjs' ? 'type="module"' : '';
    site.serve('/loading', `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">
      <script ${type} src="${url}" integrity="${integrity ?? genuine}" crossorigin></script>`);
    await customer.page.goto(`${site.origin}/loading`);
    return { customer, defined: await customer.page.evaluate(() => Boolean(customElements.get('vezne-card'))), latest };
  }

  test('either script loads under its published hash; the classic one defines Vezne', async () => {
    for (const kind of ['vezne.js', 'vezne.mjs']) {
      const { customer, defined, latest } = await load(null, kind);
      assert.ok(defined, kind);
      const version = await customer.page.evaluate(() => window.Vezne?.version);
      assert.equal(version, kind === 'vezne.js' ? latest : undefined);
    }
  });

  test('the browser does not run what has another hash', async () => {
    const wrong = `sha384-${createHash('sha384').update('other').digest('base64')}`;
    const { customer, defined } = await load(wrong, 'vezne.js');
    assert.ok(!defined);
    customer.forgive(/integrity/);
  });

  test('both at once define the element once', async () => {
    const [customer, site] = [await town.customer(), await town.site()];
    customer.expects(site.origin);
    const { versions, latest } = await town.demo.manifest();
    const [classic, module] = ['vezne.js', 'vezne.mjs'].map((name) => versions[latest][name].url);
    site.serve('/both', `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">
      <script src="${classic}"></script><script type="module">import Vezne, { mount } from '${module}'; window.same = Vezne.mount === mount;</script>`);
    await customer.page.goto(`${site.origin}/both`);
    assert.ok(await customer.page.evaluate(() => window.same && Boolean(window.Vezne)));
  });

  test('a script is under five kilobytes when compressed', async () => {
    const customer = await town.customer();
    const { versions, latest } = await town.demo.manifest();
    for (const kind of ['vezne.js', 'vezne.mjs']) {
      const answer = await customer.page.goto(versions[latest][kind].url);
      const bytes = await answer.body();
      const compressed = gzipSync(bytes, { level: 9 }).length;
      assert.ok(compressed < BUDGET, `${kind}: ${compressed} of ${bytes.length} bytes`);
      assert.equal(versions[latest][kind].integrity, `sha384-${createHash('sha384').update(bytes).digest('base64')}`);
    }
  });
});
