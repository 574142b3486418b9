// A merchant's theme in the browser: it is painted, it can be read by everybody,
// and the policy has nothing against it.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import { phone, suite, withoutFunds } from './harness.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

// A PNG of a shop: a disc of its colour, on nothing.
function logo(size = 88) {
  const chunk = (kind, data) => {
    const checked = Buffer.concat([Buffer.from(kind), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(checked));
    return Buffer.concat([length, checked, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 6], 8);
  const middle = (size - 1) / 2;
  const rows = Array.from({ length: size }, (_, y) => Buffer.from([0, ...Array.from({ length: size }, (_, x) => {
    const away = Math.hypot(x - middle, y - middle);
    return away > middle ? [0, 0, 0, 0] : away > middle * 0.55 ? [176, 48, 106, 255] : [255, 196, 87, 255];
  }).flat()]));
  const data = deflateSync(Buffer.concat(rows));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 0x1a, 10]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('tEXt', Buffer.from('Author\0nobody')), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

suite('theme', (town) => {
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vezne-theme-'));
    await writeFile(join(folder, 'logo.png'), logo());
    await town.demo.updateMerchant(
      '--accent', '#b0306a', '--radius', '4', '--font', 'serif', '--scheme', 'auto', '--logo', join(folder, 'logo.png'),
    );
  });
  after(() => rm(folder, { recursive: true }));

  const paint = (customer) => customer.page.evaluate(() => {
    const style = (selector) => getComputedStyle(document.querySelector(selector));
    const { naturalWidth, clientHeight } = document.querySelector('.logo');
    return {
      button: style('#card .button').backgroundColor,
      radius: style('#card .button').borderTopLeftRadius,
      font: style('body').fontFamily,
      ground: style('body').backgroundColor,
      logo: [naturalWidth, clientHeight],
    };
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`a themed page is painted as set, and axe finds nothing: ${colorScheme}`, async () => {
      const customer = await town.customer({ colorScheme, device: phone, language: 'tr' });
      await customer.bring(axe);
      await customer.open(await town.demo.createSession({ locale: 'tr' }));
      await customer.seesForm();
      const painted = await paint(customer);
      assert.equal(painted.radius, '4px');
      assert.match(painted.font, /Georgia, serif$/);
      assert.deepEqual(painted.logo, [88, 44]);
      if (colorScheme === 'light') assert.equal(painted.button, 'rgb(176, 48, 106)');
      else assert.notEqual(painted.button, 'rgb(176, 48, 106)');
      await customer.picture(`theme-${colorScheme}`);
      await isForEverybody(customer);
      await customer.pay(withoutFunds);
      await customer.seesAlert(customer.texts.problem.declinedTitle);
      await customer.picture(`theme-declined-${colorScheme}`);
      await isForEverybody(customer);
    });
  }

  test('a theme of one scheme is that whatever the system says', async () => {
    await town.demo.updateMerchant('--scheme', 'light');
    const customer = await town.customer({ colorScheme: 'dark', device: phone });
    await customer.open(await town.demo.createSession({ locale: 'en' }));
    await customer.seesForm();
    const painted = await paint(customer);
    assert.deepEqual([painted.ground, painted.button], ['rgb(243, 245, 248)', 'rgb(176, 48, 106)']);
    await customer.picture('theme-light-only-in-a-dark-system');
  });

  async function isForEverybody(customer) {
    const found = await customer.page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
    assert.deepEqual(found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`), []);
    assert.ok(found.passes.length > 10, 'axe did look');
  }
});
