import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { BY_NGINX } from './faces.js';

describe('the page about nginx', () => {
  const page = readFileSync('docs/gateway-exports.md', 'utf8').replace(/\s+/g, ' ');
  for (const [title, sentence] of Object.entries(BY_NGINX))
    it(`says where calls differ through nginx: ${title}`, () => assert.ok(page.includes(sentence), sentence));
});
